/* Configurations from text, with an environment of the test's own. */
#ifndef UNIT_MODEL_CONF_ROOM_H
#define UNIT_MODEL_CONF_ROOM_H

#include "room.h"

#include "model/conf.h"

/* The least that is a configuration; tests append to it. */
#define LEAST "sources:\n  s: {verify: none}\n"

/* NAME, value, NAME, value, NULL. */
static const char *const *conf_room_variables;

static const char *conf_room_variable(const char *name)
{
    const char *const *v = conf_room_variables;
    for (; v != NULL && v[0] != NULL; v += 2) {
        if (strcmp(v[0], name) == 0) {
            return v[1];
        }
    }
    return NULL;
}

static struct conf_env conf_room_env = {conf_room_variable, true, false};

/* Must be good; says why otherwise. */
ROOM_UNUSED static struct conf *conf_good(const char *text)
{
    struct buf errors;
    buf_init(&errors, 65536);
    struct conf *c = conf_parse_with(str_of(text), "p.yaml", &conf_room_env, &errors);
    if (c == NULL) {
        fail_msg("%s\n%.*s", text, STR_ARG(buf_str(&errors)));
    }
    buf_done(&errors);
    return c;
}

/* Must be bad, and `want` among what is said. */
ROOM_UNUSED static void conf_bad(const char *text, const char *want)
{
    struct buf errors;
    buf_init(&errors, 65536);
    struct conf *c = conf_parse_with(str_of(text), "p.yaml", &conf_room_env, &errors);
    if (c != NULL) {
        fail_msg("taken: %s", text);
    }
    room_holds(buf_str(&errors), want);
    buf_done(&errors);
}

/* Must be good, and `want` among the warnings; NULL: no warning at all. */
ROOM_UNUSED static void conf_warns(const char *text, const char *want)
{
    struct buf errors;
    buf_init(&errors, 65536);
    struct conf *c = conf_parse_with(str_of(text), "p.yaml", &conf_room_env, &errors);
    assert_non_null(c);
    if (want != NULL) {
        room_holds(buf_str(&errors), want);
    } else {
        room_text(buf_str(&errors), "", "warnings");
    }
    conf_unref(c);
    buf_done(&errors);
}

#endif
