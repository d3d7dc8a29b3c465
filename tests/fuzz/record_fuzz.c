/* What we write into Redis and read back after a crash: records, settled records, places and ids.
 * Any text is read or refused; what is encoded is decoded the same. */
#include "relay/move.h"

#include "base/log.h"
#include "relay/delivery.h"
#include "relay/history.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_record(struct str text)
{
    struct record r, again;
    if (!record_decode(text, &r)) {
        return;
    }
    ENSURE(memchr(r.reason, 0, sizeof r.reason) != NULL);
    ENSURE(r.first_ms >= 0 && r.last_ms >= 0 && r.next_ms >= 0 && r.since_ms >= 0 && r.status >= 0);
    struct buf out;
    buf_init(&out, 4096);
    record_encode(&r, &out);
    ENSURE(!out.failed && record_decode(buf_str(&out), &again));
    ENSURE(again.attempts == r.attempts && again.first_ms == r.first_ms &&
           again.last_ms == r.last_ms && again.next_ms == r.next_ms &&
           again.since_ms == r.since_ms && again.status == r.status && again.replay == r.replay);
    ENSURE(r.reason[0] == '\0' ? strcmp(again.reason, "-") == 0
                               : strcmp(again.reason, r.reason) == 0);
    buf_done(&out);
}

static void check_head(struct str text)
{
    struct event_parts parts = {.n = 1}, again = {.n = 1};
    if (!event_get_head(text, &parts)) {
        return;
    }
    struct event *e = event_new(&parts);
    ENSURE(event_get_head(e->head, &again));
    ENSURE(again.received_ms == parts.received_ms && str_eq(again.id, parts.id));
    ENSURE(str_eq(again.source, parts.source) && str_eq(again.method, parts.method));
    ENSURE(str_eq(again.target, parts.target) && str_eq(again.headers, parts.headers));
    event_unref(e);
}

static void check_settled(struct str text)
{
    struct settled s;
    if (!settled_decode(text, &s)) {
        ENSURE(s.ranges == NULL && s.count == 0 && s.floor == 0);
        return;
    }
    ENSURE(str_ends(text, STR("."))); /* a record that was cut off says nothing */
    ENSURE(settled_has(&s, s.floor));
    for (size_t i = 0; i < s.count; i++) {
        ENSURE(s.ranges[i].first <= s.ranges[i].last);
        ENSURE(settled_has(&s, s.ranges[i].first) && settled_has(&s, s.ranges[i].last));
    }
    settled_done(&s);
    for (size_t k = 0; k < text.len && k < 200; k++) {
        if (settled_decode(str_head(text, k), &s)) {
            ENSURE(text.at[k - 1] == '.');
            settled_done(&s);
        }
    }
}

/* Entries come, are done and leave as the bytes say; a plain array is the reference. */
static void check_track(const uint8_t *data, size_t n)
{
    enum { MOST = 512 };
    static struct worker w;
    static struct journal j;
    static struct lane lane;
    w = (struct worker){0};
    j = (struct journal){.w = &w, .state = JOURNAL_OLD};
    lane = (struct lane){.w = &w};
    struct track *t = track_of(&j, &lane);
    uint64_t number[MOST], seq[MOST], next = 1;
    bool done[MOST];
    size_t count = 0;
    for (size_t i = 0; i < n && count < MOST; i++) {
        if ((data[i] & 1) != 0 || count == 0) {
            number[count] = next += 1 + (data[i] >> 1) % 4;
            seq[count] = track_push(t, number[count], NULL);
            done[count++] = false;
        } else {
            size_t k = (size_t)(data[i] >> 2) * 7 % count;
            if (!done[k]) {
                track_slot(t, seq[k])->done = true;
                done[k] = true;
            }
        }
        if ((data[i] & 0xe0) == 0) {
            track_pop(t);
        }
    }
    struct buf out;
    struct settled s;
    buf_init(&out, 1 << 20);
    track_encode(t, &out);
    ENSURE(settled_decode(buf_str(&out), &s));
    uint64_t low = UINT64_MAX;
    for (size_t k = count; k-- > 0;) {
        ENSURE(settled_has(&s, number[k]) == done[k]);
        low = done[k] ? low : number[k];
    }
    ENSURE(track_low(t) == low);
    settled_done(&s);
    buf_done(&out);
    tracks_clear(&j);
}

static void check_place(struct str text)
{
    uint64_t journal, n, journal_again, n_again;
    if (move_place_read(text, &journal, &n)) {
        char out[MOVE_PLACE_MAX];
        ENSURE(journal <= EVENT_JOURNAL_MAX && n <= EVENT_N_MAX);
        struct str again = {out, move_place(journal, n, out)};
        ENSURE(move_place_read(again, &journal_again, &n_again));
        ENSURE(journal_again == journal && n_again == n);
    }
}

static void check_history(struct str text)
{
    static struct history_place p, again;
    struct buf out;
    if (!history_place_decode(text, &p)) {
        return;
    }
    ENSURE(p.journals > 0 && p.journals <= HISTORY_JOURNALS);
    buf_init(&out, 16 << 10);
    history_place_encode(&p, &out);
    ENSURE(!out.failed && history_place_decode(buf_str(&out), &again));
    ENSURE(again.journals == p.journals);
    for (size_t i = 0; i < p.journals; i++) {
        ENSURE(again.v[i].number == p.v[i].number && again.v[i].below == p.v[i].below);
    }
    buf_done(&out);
}

static void check_fields(struct str text)
{
    static struct fields f, again;
    struct buf out;
    event_read_fields(text, &f);
    buf_init(&out, 2 * text.len + 4 * FIELDS_MAX);
    for (size_t i = 0; i < f.n; i++) {
        ENSURE(f.v[i].name.len > 0 && !str_has(f.v[i].name, ':'));
        buf_add_str(&out, f.v[i].name);
        buf_add_str(&out, STR(": "));
        buf_add_str(&out, f.v[i].value);
        buf_add_str(&out, STR("\r\n"));
    }
    event_read_fields(buf_str(&out), &again);
    ENSURE(!out.failed && again.n == f.n);
    for (size_t i = 0; i < f.n; i++) {
        ENSURE(str_eq(again.v[i].name, f.v[i].name) && str_eq(again.v[i].value, f.v[i].value));
    }
    buf_done(&out);
}

static void check_id(struct str text)
{
    uint64_t journal, n;
    int64_t ms;
    char out[EVENT_ID_LEN];
    if (event_id_decode(text, &journal, &n, &ms)) {
        event_id_encode(out, journal, n, ms);
        ENSURE(str_ieq(text, (struct str){out, EVENT_ID_LEN}));
    }
    if (text.len >= 24) {
        uint64_t v[3], journal_again, n_again;
        int64_t ms_again;
        memcpy(v, text.at, sizeof v);
        v[0] &= EVENT_JOURNAL_MAX;
        v[1] &= EVENT_N_MAX;
        v[2] &= (UINT64_C(1) << 48) - 1;
        event_id_encode(out, v[0], v[1], (int64_t)v[2]);
        ENSURE(
            event_id_decode((struct str){out, EVENT_ID_LEN}, &journal_again, &n_again, &ms_again));
        ENSURE(journal_again == v[0] && n_again == v[1] && ms_again == (int64_t)v[2]);
        char place[MOVE_PLACE_MAX];
        struct str at = {place, move_place(v[0], v[1], place)};
        ENSURE(move_place_read(at, &journal_again, &n_again));
        ENSURE(journal_again == v[0] && n_again == v[1]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *bytes = malloc(n > 0 ? n : 1); /* its own block: one byte too far is seen */
    ENSURE(bytes != NULL);
    memcpy(bytes, data, n);
    struct str text = {bytes, n};
    check_record(text);
    check_settled(text);
    check_place(text);
    check_head(text);
    check_history(text);
    check_fields(text);
    check_id(text);
    check_track(data, n);
    free(bytes);
    return 0;
}
