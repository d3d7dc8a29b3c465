/* Any bytes as a configuration: read, printed and dropped, or refused with a reason. No variable is
 * set but one, and no file is opened. */
#include "model/conf.h"
#include "model/route.h"

#include <stdlib.h>
#include <string.h>

static const char *variable(const char *name)
{
    return strcmp(name, "A") == 0 ? "1s" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fields fields = {0};
    static const struct conf_env env = {variable, false, true};
    struct buf errors, printed;
    buf_init(&errors, 256 * 1024);
    buf_init(&printed, 16 * 1024 * 1024);
    struct conf *c = conf_parse_with((struct str){(const char *)data, size}, "fuzz", &env, &errors);
    if (c == NULL && errors.len == 0) {
        abort(); /* refused without a word */
    }
    if (c != NULL) {
        conf_print(c, &printed);
        unsigned *to = calloc(c->destination_count + 1, sizeof *to);
        if (to == NULL || printed.len == 0 || c->source_count == 0) {
            abort();
        }
        struct route_subject s;
        subject_init(&s, &c->sources[0], 0, STR("POST"), STR("/hooks/s?a=b"), &fields,
                     STR("{\"type\":\"charge.succeeded\",\"n\":[1,2.5,{\"a\":null}]}"));
        subject_set_type(&s, STR("charge.succeeded"));
        route_match(c, &s, to);
        subject_done(&s);
        free(to);
        conf_unref(c);
    }
    buf_done(&errors);
    buf_done(&printed);
    return 0;
}
