/* A request as rules see it. */
#include "model/subject.h"

#include "base/crypt.h"
#include "base/log.h"
#include "model/regex.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#define TYPE_MAX 1024 /* bytes of a type, or of an id */

/* A body of the usual size would otherwise cost more for its memory's pages than for its parsing.
 */
static _Thread_local char *scratch; /* NULL until a body was parsed; freed with the thread */
static _Thread_local bool scratch_taken;
static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void make_scratch_key(void)
{
    ENSURE(pthread_key_create(&scratch_key, free) == 0);
}

static void make_scratch(void)
{
    ENSURE(pthread_once(&scratch_once, make_scratch_key) == 0);
    scratch = malloc(SUBJECT_SCRATCH);
    ENSURE(scratch != NULL && pthread_setspecific(scratch_key, scratch) == 0);
}

void subject_init(struct route_subject *s, const struct conf_source *source, size_t scheme,
                  struct str method, struct str target, const struct fields *fields,
                  struct str body)
{
    *s = (struct route_subject){
        .source = source, .scheme = scheme, .method = method, .fields = fields, .body = body};
    str_cut(target, '?', &s->path, &s->query);
    buf_init(&s->type_text, TYPE_MAX);
}

void subject_done(struct route_subject *s)
{
    buf_done(&s->type_text);
    yyjson_doc_free(s->doc);
    scratch_taken = scratch_taken && !s->in_scratch;
    free(s->pairs);
    regex_scratch_free(s->scratch);
}

void subject_guess_scheme(struct route_subject *s)
{
    for (size_t i = 0; i < s->source->event_count; i++) {
        struct buf type;
        buf_init(&type, TYPE_MAX);
        bool found = pick_text(&s->source->events[i].type, s->fields, s->body, &type);
        buf_done(&type);
        if (found) {
            s->scheme = i;
            return;
        }
    }
}

void subject_set_type(struct route_subject *s, struct str type)
{
    s->type_known = true;
    s->type = type;
}

struct str subject_type(struct route_subject *s)
{
    if (!s->type_known) {
        const struct pick *p = &s->source->events[s->scheme].type;
        bool in_body = p->pointer.len > 0 && p->form.len == 0;
        struct yyjson_val *root = in_body ? subject_body(s) : NULL;
        pick_text_of(p, s->fields, s->body, root, &s->type_text);
        s->type = buf_str(&s->type_text);
        s->type_known = true;
    }
    return s->type;
}

/* --- the body */

/* malloc with a ceiling: each piece knows its size. Without memory it ends here: a body that could
 * not be parsed for that would go astray. */
struct piece {
    size_t size;
    _Alignas(max_align_t) char bytes[];
};

static void *take(void *left, size_t size)
{
    size_t *rest = left;
    if (size > *rest) {
        return NULL;
    }
    struct piece *p = malloc(sizeof *p + size);
    ENSURE(p != NULL);
    p->size = size;
    *rest -= size;
    /* cppcheck-suppress memleak ; it is found again by its bytes: piece_of */
    return p->bytes;
}

static struct piece *piece_of(void *bytes)
{
    return (struct piece *)(void *)((char *)bytes - offsetof(struct piece, bytes));
}

static void *take_more(void *left, void *bytes, size_t old_size, size_t size)
{
    (void)old_size;
    size_t *rest = left;
    struct piece *p = piece_of(bytes);
    size_t before = p->size;
    if (size > *rest + before) {
        return NULL;
    }
    struct piece *q = realloc(p, sizeof *q + size);
    ENSURE(q != NULL);
    *rest = *rest + before - size;
    q->size = size;
    /* cppcheck-suppress memleak ; as above */
    return q->bytes;
}

static void give(void *left, void *bytes)
{
    (void)left;
    free(bytes == NULL ? NULL : piece_of(bytes));
}

/* Numbers as they are written: no rule rounds them. */
static yyjson_doc *parse(struct str body, const yyjson_alc *alc)
{
    union { /* without the in-situ flag yyjson only reads it */
        const char *from;
        char *to;
    } bytes = {body.at};
    return yyjson_read_opts(bytes.to, body.len, YYJSON_READ_NUMBER_AS_RAW, alc, NULL);
}

static yyjson_doc *parse_in_scratch(struct str body)
{
    yyjson_alc alc;
    yyjson_doc *doc = NULL;
    if (scratch_taken || body.len > SUBJECT_SCRATCH / 2) {
        return NULL;
    }
    if (scratch == NULL) {
        make_scratch();
    }
    if (yyjson_alc_pool_init(&alc, scratch, SUBJECT_SCRATCH)) {
        doc = parse(body, &alc);
    }
    scratch_taken = scratch_taken || doc != NULL;
    return doc;
}

/* What the scratch has no room for, or cannot be read. */
static yyjson_doc *parse_apart(struct str body)
{
    size_t left = SUBJECT_BODY_MEMORY;
    yyjson_alc alc = {take, take_more, give, &left};
    yyjson_doc *doc = parse(body, &alc);
    if (doc != NULL) {
        doc->alc.ctx = NULL; /* it ends with this call, and freeing needs none */
    }
    return doc;
}

struct yyjson_val *subject_body(struct route_subject *s)
{
    if (!s->body_known && s->body.len > 0) {
        s->doc = parse_in_scratch(s->body);
        s->in_scratch = s->doc != NULL;
        s->doc = s->in_scratch ? s->doc : parse_apart(s->body);
        s->unparsed = s->doc == NULL;
    }
    s->body_known = true;
    return yyjson_doc_get_root(s->doc);
}

/* --- the query */

/* Writes at most s.len bytes at `to`. */
static struct str decode(struct str s, char *to)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        char byte;
        size_t got;
        if (c == '%' && i + 2 < s.len &&
            text_get_hex(str_head(str_from(s, i + 1), 2), &byte, 1, &got) && got == 1) {
            c = byte;
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        to[n++] = c;
    }
    return (struct str){to, n};
}

const struct field *subject_query(struct route_subject *s, size_t *n)
{
    if (!s->query_known) {
        s->query_known = true;
        size_t most = 1;
        for (size_t i = 0; i < s->query.len; i++) {
            most += s->query.at[i] == '&';
        }
        s->pairs = malloc(most * sizeof *s->pairs + s->query.len + 1);
        ENSURE(s->pairs != NULL);
        char *to = (char *)(s->pairs + most);
        struct str pair, rest = s->query, name, value;
        for (bool more = s->query.len > 0; more;) {
            more = str_cut(rest, '&', &pair, &rest);
            if (pair.len == 0) {
                continue;
            }
            str_cut(pair, '=', &name, &value);
            struct field *f = &s->pairs[s->pair_count++];
            f->name = decode(name, to);
            to += f->name.len;
            f->value = decode(value, to);
            to += f->value.len;
        }
    }
    *n = s->pair_count;
    return s->pairs;
}

/* --- which part of all events it belongs to */

double subject_share(struct route_subject *s)
{
    if (!s->share_known) {
        unsigned char digest[CRYPT_DIGEST_MAX];
        struct buf id;
        buf_init(&id, TYPE_MAX);
        bool named = pick_text(&s->source->events[s->scheme].id, s->fields, s->body, &id);
        const struct str parts[] = {s->source->name, STR("\n"), named ? buf_str(&id) : s->body};
        crypt_digest(CRYPT_SHA256, parts, 3, digest);
        uint32_t v = 0;
        for (size_t i = 0; i < sizeof v; i++) {
            v = v << 8 | digest[i];
        }
        s->share = (double)v / 4294967296.0 * 100;
        s->share_known = true;
        buf_done(&id);
    }
    return s->share;
}
