/* JSON, written piece by piece. */
#include "base/json.h"

/* No value ends in an opening bracket: a text ends in its quote. */
static void separate(struct buf *b)
{
    char last = b->len > 0 ? b->at[b->len - 1] : '{';
    if (last != '{' && last != '[' && last != ':') {
        buf_add_char(b, ',');
    }
}

void json_open(struct buf *b, char bracket)
{
    separate(b);
    buf_add_char(b, bracket);
}

void json_close(struct buf *b, char bracket)
{
    buf_add_char(b, bracket);
}

void json_key(struct buf *b, const char *key)
{
    separate(b);
    buf_printf(b, "\"%s\":", key);
}

void json_list(struct buf *b, const char *key)
{
    json_key(b, key);
    buf_add_char(b, '[');
}

void json_text(struct buf *b, const char *key, struct str value)
{
    json_key(b, key);
    buf_add_json(b, value);
}

void json_number(struct buf *b, const char *key, int64_t value)
{
    json_key(b, key);
    buf_printf(b, "%lld", (long long)value);
}

void json_bool(struct buf *b, const char *key, bool value)
{
    json_key(b, key);
    buf_add_str(b, value ? STR("true") : STR("false"));
}

void json_item(struct buf *b, struct str value)
{
    separate(b);
    buf_add_json(b, value);
}
