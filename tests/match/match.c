/* match: lines of a filter, a tab and a body, both JSON; a line "yes", "no", or "refused: " and the
 * first line of what the loader says, for each. */
#include "base/log.h"
#include "model/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD                                                                                       \
    "sources: {s: {verify: none}}\ndestinations: {a: http://a}\nroutes: [{from: s, to: a, when: "  \
    "{body: "

static const char *variable(const char *name)
{
    (void)name;
    return NULL;
}

static void judge(struct str filter, struct str body)
{
    static const struct conf_env env = {variable, false, false};
    static const struct fields none;
    struct buf text, errors;
    buf_init(&text, 1 << 20);
    buf_init(&errors, 1 << 20);
    buf_printf(&text, HEAD "%.*s}}]\n", STR_ARG(filter));
    struct conf *c = conf_parse_with(buf_str(&text), "f", &env, &errors);
    if (c == NULL) {
        struct str line, rest;
        str_cut(buf_str(&errors), '\n', &line, &rest);
        printf("refused: %.*s\n", STR_ARG(line));
    } else {
        struct route_subject s;
        subject_init(&s, &c->sources[0], 0, STR("POST"), STR("/"), &none, body);
        puts(filter_holds(c->routes[0].when, &s) ? "yes" : "no");
        subject_done(&s);
    }
    conf_unref(c);
    buf_done(&text);
    buf_done(&errors);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        struct str filter, body;
        ENSURE(
            str_cut((struct str){line, (size_t)n - (line[n - 1] == '\n')}, '\t', &filter, &body));
        judge(filter, body);
    }
    free(line);
    return 0;
}
