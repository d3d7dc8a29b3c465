/* PCRE2 within limits. */
#include "model/regex.h"

#include "base/log.h"

#include <stdlib.h>
#include <time.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct regex {
    pcre2_code *code;
    size_t bytes;
    bool is_fast;  /* compiled to machine code */
    bool in_parts; /* a long text may be tried part by part */
};

struct regex_scratch {
    pcre2_match_data *data;
    pcre2_match_context *context;
    size_t cost;
};

/* \G and verbs such as (*COMMIT) are about where a try began, or about all places of the text: of
 * such ones a text may be an eighth as long. (\Q may hide them.) */
static bool may_go_in_parts(struct str pattern)
{
    for (size_t i = 0; i + 1 < pattern.len; i++) {
        char c = pattern.at[i], next = pattern.at[i + 1];
        if ((c == '\\' && (next == 'G' || next == 'Q')) || (c == '(' && next == '*')) {
            return false;
        }
        i += c == '\\';
    }
    return true;
}

const char *regex_new(struct regex **out, struct str pattern, char why[256], size_t *at)
{
    int error;
    PCRE2_SIZE offset = 0;
    *out = NULL;
    *at = 0;
    if (pattern.len > REGEX_PATTERN) {
        return "it is longer than 4096 bytes";
    }
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)(pattern.len > 0 ? pattern.at : ""), pattern.len,
                                     PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT,
                                     &error, &offset, NULL);
    if (code == NULL) {
        *at = offset;
        why[0] = '\0';
        pcre2_get_error_message(error, (PCRE2_UCHAR *)why, 256);
        return why;
    }
    /* Without executable memory (MemoryDenyWriteExecute) it is interpreted. */
    size_t bytes = 0;
    (void)pcre2_pattern_info(code, PCRE2_INFO_SIZE, &bytes);
    bool is_fast = bytes <= REGEX_FAST && pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
    *out = malloc(sizeof **out);
    ENSURE(*out != NULL);
    **out = (struct regex){code, bytes, is_fast, may_go_in_parts(pattern)};
    return NULL;
}

size_t regex_bytes(const struct regex *r)
{
    return r->bytes;
}

void regex_free(struct regex *r)
{
    if (r != NULL) {
        pcre2_code_free(r->code);
        free(r);
    }
}

static struct regex_scratch *scratch_new(void)
{
    struct regex_scratch *s = malloc(sizeof *s);
    ENSURE(s != NULL);
    s->cost = 0;
    s->data = pcre2_match_data_create(1, NULL);
    s->context = pcre2_match_context_create(NULL);
    ENSURE(s->data != NULL && s->context != NULL);
    pcre2_set_heap_limit(s->context, REGEX_HEAP_KIB);
    return s;
}

void regex_scratch_free(struct regex_scratch *s)
{
    if (s != NULL) {
        pcre2_match_data_free(s->data);
        pcre2_match_context_free(s->context);
        free(s);
    }
}

/* PCRE2 counts anew at each place where a match may begin, so that a long text has fewer. */
static uint32_t steps_for(size_t len)
{
    size_t steps = REGEX_STEPS_ALL / (len + 1);
    return (uint32_t)(steps > REGEX_STEPS         ? REGEX_STEPS
                      : steps < REGEX_STEPS_LEAST ? REGEX_STEPS_LEAST
                                                  : steps);
}

/* Begins at `from`, and in what the context's offset limit leaves. */
static int try_from(const struct regex *r, struct regex_scratch *s, struct str text, size_t from,
                    bool is_utf8)
{
    PCRE2_SPTR at = (PCRE2_SPTR)(text.len > 0 ? text.at : "");
    int rc = r->is_fast && is_utf8
                 ? pcre2_jit_match(r->code, at, text.len, from, 0, s->data, s->context)
                 : pcre2_match(r->code, at, text.len, from, is_utf8 ? PCRE2_NO_UTF_CHECK : 0,
                               s->data, s->context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) { /* the interpreter's is on the heap */
        rc = pcre2_match(r->code, at, text.len, from, PCRE2_NO_JIT, s->data, s->context);
    }
    ENSURE(rc != PCRE2_ERROR_NOMEMORY);
    return rc;
}

static uint64_t thread_ns(void)
{
    struct timespec t;
    ENSURE(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The match limit does not see what a plain repeat costs (`\d+-` of digits is quadratic): a long
 * text is tried at a part of its places, then, if there is time left, at the next ones. */
static int try_in_parts(const struct regex *r, struct regex_scratch *s, struct str text,
                        bool is_utf8)
{
    uint64_t began = thread_ns(), took = 0;
    size_t part = r->in_parts ? REGEX_PART / (text.len + 1) + 1 : text.len + 1;
    int rc = PCRE2_ERROR_NOMATCH;
    for (size_t from = 0; from <= text.len && rc == PCRE2_ERROR_NOMATCH;) {
        size_t next = from + part;
        while (next < text.len && ((unsigned char)text.at[next] & 0xc0) == 0x80) {
            next++;
        }
        pcre2_set_offset_limit(s->context, next - 1);
        rc = try_from(r, s, text, from, is_utf8 || from > 0); /* the first try looked at all */
        from = next;
        took = thread_ns() - began;
        if (rc == PCRE2_ERROR_NOMATCH && from <= text.len && took > REGEX_NS) {
            rc = PCRE2_ERROR_MATCHLIMIT;
        }
    }
    s->cost = took / REGEX_STEP_NS > text.len ? took / REGEX_STEP_NS : text.len;
    return rc;
}

enum regex_verdict regex_match(const struct regex *r, struct regex_scratch **scratch,
                               struct str text, bool is_utf8)
{
    if (*scratch == NULL) {
        *scratch = scratch_new();
    }
    struct regex_scratch *s = *scratch;
    s->cost = text.len;
    if (text.len > (r->in_parts ? REGEX_SUBJECT : REGEX_SUBJECT / 8)) {
        return REGEX_LIMIT;
    }
    int rc = PCRE2_ERROR_MATCHLIMIT;
    if (text.len <= REGEX_SHORT) { /* few steps are not worth a look at a clock */
        pcre2_set_match_limit(s->context, REGEX_STEPS_FEW);
        pcre2_set_offset_limit(s->context, PCRE2_UNSET);
        rc = try_from(r, s, text, 0, is_utf8);
        s->cost = text.len * (1 + r->bytes / REGEX_SMALL);
    }
    if (rc == PCRE2_ERROR_MATCHLIMIT) {
        pcre2_set_match_limit(s->context, steps_for(text.len));
        rc = try_in_parts(r, s, text, is_utf8);
    }
    /* A text that is no UTF-8 (of a header) is no match; what else ends a try is a limit. */
    bool plain =
        rc == PCRE2_ERROR_NOMATCH || (rc <= PCRE2_ERROR_UTF8_ERR1 && rc >= PCRE2_ERROR_UTF8_ERR21);
    return rc >= 0 ? REGEX_YES : plain ? REGEX_NO : REGEX_LIMIT;
}

size_t regex_cost(const struct regex_scratch *s)
{
    return s->cost;
}
