/* What the API asks of a journal's owner: "replay <n> <destination> <nonce>" of a dead letter, or
 * "purge ..." alike. A renewal hands them out; the commit that does it takes them off the list. */
#include "relay/journal.h"

#include "base/log.h"
#include "relay/delivery.h"
#include "relay/held_back.h"

#include <stdlib.h>
#include <string.h>

struct request {
    struct journal *j;
    struct lane *lane;
    uint64_t n;
    bool purge;
    bool taken; /* the letter is in hand: no other request finds it */
    size_t text_len;
    char text[]; /* as it came */
};

/* What is asked of Redis for a request; the answer's handler ends it or asks on. */
static bool ask_for(struct request *r, size_t argc, const struct str *argv, store_on_reply on_reply)
{
    if (!journal_send(r->j, argc, argv, on_reply, r)) {
        return false;
    }
    journal_hold(r->j);
    return true;
}

static void give_back(struct request *r)
{
    if (r->taken) {
        dead_give_back(track_of(r->j, r->lane), r->n);
    }
}

static void request_later(struct request *r) /* a later renewal hands it out again */
{
    give_back(r);
    r->j->requests_busy -= r->j->requests_busy > 0;
    free(r);
}

static void request_done(struct request *r)
{
    commit_request_done(r->j, r->n, (struct str){r->text, r->text_len});
    free(r);
}

/* It stays a dead letter. */
static void request_fails(struct request *r, const char *why)
{
    log_line(LOG_WARN,
             r->purge ? "a dead letter cannot be purged" : "a dead letter cannot be replayed",
             "why", "%s", why, "journal", "%s", r->j->name, "n", "%llu", (unsigned long long)r->n,
             "destination", "%s", r->lane->name, NULL);
    give_back(r);
    request_done(r);
}

/* The journal was freed or left meanwhile, or Redis gave no answer to work with. */
static bool is_over(struct request *r, const redisReply *reply)
{
    if (journal_release(r->j)) {
        free(r);
        return true;
    }
    enum store_error e = store_error_of(reply);
    bool mine = r->j->state == JOURNAL_OPEN || r->j->state == JOURNAL_OLD;
    if (mine && e == STORE_WRONGTYPE) {
        request_fails(r, "a key of it has a foreign type");
    } else if (!mine || e != STORE_OK) {
        request_later(r);
    }
    return !mine || e != STORE_OK;
}

/* A new budget, due at once. `body` is the event of a letter that was kept without; else NULL. */
static void replay(struct request *r, struct event *body)
{
    struct record fresh = {.since_ms = worker_now_ms(r->j->w), .replay = true};
    commit_park(track_of(r->j, r->lane), r->n, TRACK_NO_SEQ, body, &fresh, fresh.since_ms);
    request_done(r);
}

static void on_request_entry(void *user, const redisReply *reply)
{
    struct request *r = user;
    struct entry e;
    if (is_over(r, reply)) {
        return;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1 ||
        !entry_read(reply->element[0], &e) || e.n != r->n || e.id.len != EVENT_ID_LEN) {
        request_fails(r, "history has its body no more");
        return;
    }
    if (held_back_on(r->j)) { /* its body would wait, and every other request with it */
        request_later(r);
        return;
    }
    uint16_t to = (uint16_t)r->lane->number;
    struct event *body = entry_event(r->j, &e, &to, 1);
    replay(r, body);
    event_unref(body);
}

static void on_request_body(void *user, const redisReply *reply)
{
    struct request *r = user;
    if (is_over(r, reply)) {
        return;
    }
    if (reply->integer == 1) {
        replay(r, NULL);
        return;
    }
    char text[ENTRY_ID_MAX];
    struct str id = entry_id(text, r->n);
    struct str argv[] = {STR("XRANGE"), r->j->keys.v[KEY_JOURNAL], id, id};
    if (!ask_for(r, 4, argv, on_request_entry)) {
        request_later(r);
    }
}

/* ZSCORE: only what is dead now is replayed or purged; a delivery that waits or runs is left alone,
 * and a letter that was taken for another request: the first that finds it is carried out. */
static void on_request_score(void *user, const redisReply *reply)
{
    struct request *r = user;
    if (is_over(r, reply)) {
        return;
    }
    struct track *t = track_of(r->j, r->lane);
    if (reply->type != REDIS_REPLY_STRING || numset_has(&t->in_hand, r->n)) {
        request_done(r);
        return;
    }
    dead_take(t, r->n);
    r->taken = true;
    if (r->purge) {
        commit_drop(t, r->n, NULL);
        request_done(r);
        return;
    }
    struct buf key;
    char n[20];
    struct str number = {n, text_put_u64(n, r->n)};
    buf_init(&key, 256);
    struct str argv[] = {STR("HEXISTS"), journal_key(r->j, &key, "event:", number), STR("b")};
    if (!ask_for(r, 3, argv, on_request_body)) {
        request_later(r);
    }
    buf_done(&key);
}

void request_start(struct journal *j, struct str text)
{
    struct str verb, number, name, rest;
    uint64_t n;
    str_cut(text, ' ', &verb, &rest);
    str_cut(rest, ' ', &number, &rest);
    str_cut(rest, ' ', &name, &rest);
    struct lane *lane = name.len > 0 ? lane_find(j->w, name) : NULL;
    if (lane == NULL || text_u64(number, EVENT_N_MAX, &n) != NULL || n == 0 ||
        (!str_eq(verb, STR("replay")) && !str_eq(verb, STR("purge")))) {
        log_line(LOG_WARN, "an unknown request was dropped", "journal", "%s", j->name, "request",
                 "%.*s", STR_ARG(text), NULL);
        commit_request_done(j, 0, text);
        return;
    }
    struct request *r = calloc(1, sizeof *r + text.len);
    ENSURE(r != NULL);
    r->j = j;
    r->lane = lane;
    r->n = n;
    r->purge = str_eq(verb, STR("purge"));
    r->text_len = text.len;
    memcpy(r->text, text.at, text.len);
    struct buf key;
    buf_init(&key, 256);
    struct str argv[] = {STR("ZSCORE"), journal_key(j, &key, "dead:", name), number};
    if (!ask_for(r, 3, argv, on_request_score)) {
        request_later(r);
    }
    buf_done(&key);
}
