/* Redis Cluster: which master has which slot.
 *
 * The map comes from any one server and replaces the last one: masters that are new in it are
 * connected to, those that are gone from it are closed, journals go where their slot is. It is
 * asked for at each connect, after MOVED and CLUSTERDOWN, and every second while a master is away.
 */
#include "relay/cluster.h"

#include "base/log.h"
#include "relay/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_AGAIN_MS = 1000, LOOK_SOON_MS = 200 };

struct cluster {
    struct worker *w;
    struct master *slots[CLUSTER_SLOTS]; /* NULL: nobody's */
    uint64_t epoch;                      /* of the server that the map is from */
    struct wheel_timer look;
    bool wanted;          /* there is a reason to ask, not only a master that is away */
    bool unreadable;      /* the last map was, and that was said */
    struct master *asked; /* last; only compared */
    uint64_t asked_ms;
    char trouble[256];
};

static void on_look(struct wheel_timer *t);

unsigned cluster_slot(struct str key)
{
    struct str before, rest, tag, behind;
    if (str_cut(key, '{', &before, &rest) && str_cut(rest, '}', &tag, &behind) && tag.len > 0) {
        key = tag;
    }
    unsigned crc = 0;
    for (size_t i = 0; i < key.len; i++) {
        crc ^= (unsigned)(unsigned char)key.at[i] << 8;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
        }
    }
    return (crc & 0xffff) % CLUSTER_SLOTS;
}

struct master *cluster_master_of(const struct cluster *c, struct str key)
{
    return c->slots[cluster_slot(key)];
}

const char *cluster_trouble(const struct cluster *c)
{
    return c->trouble;
}

/* --- the map */

static struct master *find_master(const struct worker *w, struct str host, uint16_t port)
{
    struct master *m = w->redis.masters;
    while (m != NULL && (m->closing > 0 || m->port != port || !str_eq(str_of(m->host), host))) {
        m = m->next;
    }
    return m;
}

/* [first, last, [host, port, ...], replicas ...]. Port 0: of a master whose address Redis does not
 * know (any more); others may still be reached. */
bool cluster_range_read(const redisReply *r, struct cluster_range *out)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements < 3 || r->element[2]->elements < 2 ||
        r->element[0]->type != REDIS_REPLY_INTEGER || r->element[1]->type != REDIS_REPLY_INTEGER) {
        return false;
    }
    long long port = r->element[2]->element[1]->integer;
    long long first = r->element[0]->integer, last = r->element[1]->integer;
    if (first < 0 || first >= CLUSTER_SLOTS || last < 0 || last >= CLUSTER_SLOTS || port < 0 ||
        port > 65535) {
        return false;
    }
    *out = (struct cluster_range){(unsigned)first, (unsigned)last,
                                  store_text(r->element[2]->element[0]), (uint16_t)port};
    return out->host.len < MASTER_HOST && !str_has(out->host, '\0'); /* it is kept as text */
}

static void take_range(struct cluster *c, const struct master *asked, const redisReply *reply)
{
    struct cluster_range r;
    if (!cluster_range_read(reply, &r) || r.port == 0) { /* the former never: see is_map */
        return;
    }
    struct str host = r.host.len > 0 ? r.host : str_of(asked->host);
    struct master *m = find_master(c->w, host, r.port);
    if (m == NULL) {
        m = master_new(c->w, host, r.port);
    }
    m->listed = true;
    for (unsigned slot = r.first; slot <= r.last; slot++) {
        c->slots[slot] = m;
    }
}

static void close_unlisted(struct worker *w)
{
    for (struct master *m = w->redis.masters; m != NULL; m = m->next) {
        if (m->listed || m->closing > 0) {
            continue;
        }
        if (m->last_run_id[0] != '\0') { /* else it only told us of the others */
            log_line(LOG_INFO, "no master of the cluster any more", "host", "%s", m->host, "port",
                     "%u", m->port, NULL);
        }
        master_close(m);
    }
}

/* What is known would go for it: so all of it is to be read first, and to name a master. */
static bool is_map(const redisReply *map)
{
    bool any = false;
    for (size_t i = 0; i < map->elements; i++) {
        struct cluster_range r;
        if (!cluster_range_read(map->element[i], &r)) {
            return false;
        }
        any |= r.port > 0;
    }
    return any;
}

/* NULL, or why it cannot be used. */
static const char *take_map(struct cluster *c, const struct master *asked, const redisReply *reply)
{
    struct worker *w = c->w;
    if (reply->type != REDIS_REPLY_ARRAY) {
        return "CLUSTER SLOTS was refused; its user needs +cluster|slots and +cluster|info";
    }
    if (asked->is_behind) {
        return "it knows an older cluster than the others do";
    }
    if (reply->elements == 0) {
        return "no slots are assigned in this cluster yet: redis-cli --cluster create";
    }
    bool unreadable = !is_map(reply);
    if (unreadable && !c->unreadable) {
        log_line(LOG_ERROR, "CLUSTER SLOTS is unreadable: what is known of the cluster stays",
                 "host", "%s", asked->host, "port", "%u", asked->port, NULL);
    }
    c->unreadable = unreadable;
    if (unreadable) {
        c->wanted = true; /* again in a second */
        return "CLUSTER SLOTS is unreadable";
    }
    for (struct master *m = w->redis.masters; m != NULL; m = m->next) {
        m->listed = false;
    }
    memset(c->slots, 0, sizeof c->slots);
    for (size_t i = 0; i < reply->elements; i++) {
        take_range(c, asked, reply->element[i]);
    }
    close_unlisted(w);
    lease_follow(w);
    return NULL;
}

static bool other_is_ready(const struct master *m)
{
    const struct master *other = m->w->redis.masters;
    while (other != NULL && (other == m || !other->ready)) {
        other = other->next;
    }
    return other != NULL;
}

/* A server that was cut off, or is just back, knows an older cluster than we do. */
static bool is_old_news(struct cluster *c, const struct master *m, uint64_t epoch)
{
    return epoch < c->epoch && other_is_ready(m);
}

static void take_info(struct cluster *c, const struct master *m, const redisReply *info)
{
    c->trouble[0] = '\0';
    if (!str_eq(redis_info(info, STR("cluster_state")), STR("ok"))) {
        snprintf(c->trouble, sizeof c->trouble,
                 "the cluster says that it is down, for some slots have no master; see "
                 "redis-cli --cluster check %.120s:%u",
                 m->host, m->port);
    }
}

/* --- asking */

static void look_in(struct cluster *c, uint64_t after_ms)
{
    uint64_t due_ms = uv_now(c->w->loop) + after_ms;
    if (c->look.link == NULL || c->look.due_ms > due_ms) {
        wheel_arm(&c->w->wheel, &c->look, after_ms, on_look);
    }
}

static void on_info(void *user, const redisReply *reply)
{
    struct master *m = user;
    struct cluster *c = m->w->redis.cluster;
    uint64_t epoch = 0;
    if (reply == NULL || c == NULL) {
        return;
    }
    bool good =
        text_u64(redis_info(reply, STR("cluster_current_epoch")), UINT64_MAX, &epoch) == NULL;
    m->is_behind = good && is_old_news(c, m, epoch);
    if (good && !m->is_behind) {
        c->epoch = epoch;
        take_info(c, m, reply);
    }
}

void cluster_on_slots(void *user, const redisReply *reply)
{
    struct master *m = user;
    struct cluster *c = m->w->redis.cluster;
    bool checking = m->map_checked;
    m->map_asked = m->map_checked = false;
    if (reply == NULL || c == NULL) {
        return;
    }
    const char *why = take_map(c, m, reply);
    look_in(c, LOOK_AGAIN_MS);
    if (checking && why == NULL) {
        master_check_passed(m);
    } else if (checking) {
        master_trouble(m, false, "%s", why);
        master_check_failed(m);
    }
}

/* One question at a time: a check at connect takes the answer that is on its way already. */
static void ask(struct master *m)
{
    struct str info[] = {STR("CLUSTER"), STR("INFO")};
    struct str slots[] = {STR("CLUSTER"), STR("SLOTS")};
    m->w->redis.cluster->asked = m;
    m->w->redis.cluster->asked_ms = uv_now(m->w->loop);
    if (!m->map_asked) {
        m->map_asked = store_send(m->main, 2, info, on_info, m) &&
                       store_send(m->main, 2, slots, cluster_on_slots, m);
    }
}

/* The next one behind the last that was asked: one that knows little is not asked for ever. */
static struct master *choose(const struct cluster *c)
{
    struct master *first = NULL;
    bool behind = false;
    for (struct master *m = c->w->redis.masters; m != NULL; m = m->next) {
        bool good = m->closing == 0 && store_is_up(m->main);
        if (good && behind) {
            return m;
        }
        first = first == NULL && good ? m : first;
        behind |= m == c->asked;
    }
    return first;
}

static void on_look(struct wheel_timer *t)
{
    struct cluster *c = CONTAINER_OF(t, struct cluster, look);
    struct worker *w = c->w;
    const struct conf *conf = w->conf;
    if (!c->wanted && c->trouble[0] == '\0' && redis_is_whole(w)) {
        return;
    }
    c->wanted = false;
    struct master *m = choose(c);
    if (m != NULL) {
        ask(m);
    } else if (find_master(w, conf->redis.host, conf->redis.port) == NULL) {
        master_new(w, conf->redis.host, conf->redis.port); /* nobody answers: from the beginning */
    }
    look_in(c, LOOK_AGAIN_MS);
}

void cluster_look(struct worker *w)
{
    struct cluster *c = w->redis.cluster;
    uint64_t since_ms = uv_now(w->loop) - c->asked_ms;
    c->wanted = true;
    look_in(c, since_ms >= LOOK_SOON_MS ? 1 : LOOK_SOON_MS - since_ms);
}

void cluster_check(struct master *m)
{
    struct worker *w = m->w;
    if (w->redis.cluster == NULL) {
        w->redis.cluster = calloc(1, sizeof *w->redis.cluster);
        ENSURE(w->redis.cluster != NULL);
        w->redis.cluster->w = w;
    }
    m->checks++;
    m->map_checked = true;
    ask(m);
}

void cluster_free(struct worker *w)
{
    if (w->redis.cluster != NULL) {
        wheel_cancel(&w->wheel, &w->redis.cluster->look);
        free(w->redis.cluster);
        w->redis.cluster = NULL;
    }
}
