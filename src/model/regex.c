/* PCRE2 within limits. */
#include "model/regex.h"

#include "base/log.h"

#include <stdlib.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct regex {
    pcre2_code *code;
    size_t bytes;
    bool is_fast; /* compiled to machine code */
};

struct regex_scratch {
    pcre2_match_data *data;
    pcre2_match_context *context;
};

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
                                     PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &error, &offset, NULL);
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
    **out = (struct regex){code, bytes, is_fast};
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

enum regex_verdict regex_match(const struct regex *r, struct regex_scratch **scratch,
                               struct str text, bool is_utf8)
{
    if (text.len > REGEX_SUBJECT) {
        return REGEX_LIMIT;
    }
    if (*scratch == NULL) {
        *scratch = scratch_new();
    }
    struct regex_scratch *s = *scratch;
    pcre2_set_match_limit(s->context, steps_for(text.len));
    PCRE2_SPTR at = (PCRE2_SPTR)(text.len > 0 ? text.at : "");
    int rc = r->is_fast && is_utf8
                 ? pcre2_jit_match(r->code, at, text.len, 0, 0, s->data, s->context)
                 : pcre2_match(r->code, at, text.len, 0, is_utf8 ? PCRE2_NO_UTF_CHECK : 0, s->data,
                               s->context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) { /* the interpreter's is on the heap */
        rc = pcre2_match(r->code, at, text.len, 0, PCRE2_NO_JIT, s->data, s->context);
    }
    ENSURE(rc != PCRE2_ERROR_NOMEMORY);
    /* A text that is no UTF-8 (of a header) is no match; what else ends a try is a limit. */
    bool plain =
        rc == PCRE2_ERROR_NOMATCH || (rc <= PCRE2_ERROR_UTF8_ERR1 && rc >= PCRE2_ERROR_UTF8_ERR21);
    return rc >= 0 ? REGEX_YES : plain ? REGEX_NO : REGEX_LIMIT;
}
