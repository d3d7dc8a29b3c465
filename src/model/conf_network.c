/* `network`: from words, ranges and names to the rules of each destination. */
#include "model/conf_rows.h"

#include <string.h>

#define RANGES_MOST 7

static const struct {
    struct str word;
    const char *ranges[RANGES_MOST + 1];
} words[] = {
    {{"@private", 8},
     {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", NULL}},
    {{"@loopback", 9}, {"127.0.0.0/8", "::1/128", NULL}},
    {{"@link-local", 11}, {"169.254.0.0/16", "fe80::/10", NULL}},
    {{"@metadata", 9},
     {"169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32", "100.100.100.200/32",
      "fd00:ec2::254/128", "fd00:ec2::23/128", "fd20:ce::254/128", NULL}},
};

struct ranges {
    struct cidr *v;
    size_t n;
};

/* Is it such a word? Then its ranges are added. */
static bool add_word(struct str text, struct ranges *out)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (size_t k = 0; str_eq(text, words[i].word) && words[i].ranges[k] != NULL; k++) {
            if (cidr_parse(str_of(words[i].ranges[k]), &out->v[out->n]) == NULL) {
                out->n++;
            }
        }
        if (str_eq(text, words[i].word)) {
            return true;
        }
    }
    return false;
}

static bool is_host_glob(struct str s)
{
    bool letter = false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool other = (c >= '0' && c <= '9') || c == '.' || c == '-';
        letter = letter || (c >= 'a' && c <= 'z');
        if (!other && !(c >= 'a' && c <= 'z') && c != '*' && c != '?') {
            return false;
        }
    }
    return letter;
}

/* Of a URL its host; all of anything else. */
static struct str host_in(struct str text)
{
    const char *at = memmem(text.at, text.len, "://", 3);
    struct str host = at == NULL ? text : str_from(text, (size_t)(at - text.at) + 3), rest;
    if (at != NULL) {
        str_cut(host, '/', &host, &rest);
        str_cut(host, ':', &host, &rest);
    }
    return host;
}

static void refuse(struct conf_reader *r, const char *key, const struct conf_text *t,
                   const char *why)
{
    struct conf_guess g;
    struct str host = host_in(t->text);
    report_error(r->report, &t->node->place, "\"%s\": %s, not \"%.*s\"", key, why,
                 STR_ARG(report_shown(t->node->text)));
    if (is_host_glob(t->text)) {
        report_help(r->report, "names of hosts are taken in \"allow\" only");
    } else if (str_eq(host, t->text)) {
        conf_help_with_range(r, t->node->text);
    } else if (str_eq(t->text, t->node->text)) {
        report_help(r->report, "of a URL name the host alone: %.*s", STR_ARG(report_shown(host)));
    }
    conf_guess_init(&g, t->text);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        conf_guess_try(&g, words[i].word);
    }
    conf_guess_help(&g, r->report);
}

static struct ranges ranges_of(struct conf_reader *r, const char *key, const struct conf_texts *t,
                               bool takes_names)
{
    struct ranges out = {arena_array(r->arena, RANGES_MOST * t->n, sizeof *out.v), 0};
    for (size_t i = 0; i < t->n; i++) {
        struct str text = t->v[i].text;
        if (add_word(text, &out) || (takes_names && is_host_glob(text))) {
            continue;
        }
        const char *why = cidr_parse(text, &out.v[out.n]);
        if (why != NULL) {
            refuse(r, key, &t->v[i], why);
        } else {
            out.n++;
        }
    }
    return out;
}

static bool overlap(const struct cidr *a, const struct cidr *b)
{
    unsigned bits = a->bits < b->bits ? a->bits : b->bits;
    unsigned rest = bits % 8, mask = 0xff00u >> rest & 0xff;
    return memcmp(a->address.v, b->address.v, bits / 8) == 0 &&
           (rest == 0 || ((unsigned)(a->address.v[bits / 8] ^ b->address.v[bits / 8]) & mask) == 0);
}

static bool is_denied(const struct ranges *deny, const struct ranges *some)
{
    for (size_t i = 0; i < deny->n; i++) {
        for (size_t k = 0; k < some->n; k++) {
            if (overlap(&deny->v[i], &some->v[k])) {
                return true;
            }
        }
    }
    return false;
}

/* Whoever writes `allow` alone may mean that nothing else is allowed. */
static void warn_of_exceptions(struct conf_reader *r, const struct conf_texts *allow,
                               const struct ranges *deny)
{
    for (size_t i = 0; i < allow->n && r->report->errors == 0; i++) {
        struct conf_texts one = {&allow->v[i], 1};
        struct ranges some = ranges_of(r, "allow", &one, true);
        if (some.n > 0 && !is_denied(deny, &some)) {
            report_warning(r->report, &allow->v[i].node->place,
                           "\"allow\": \"%.*s\" changes nothing: \"deny\" names none of it",
                           STR_ARG(report_shown(allow->v[i].node->text)));
            report_help(r->report,
                        "to refuse all but what is allowed: deny: [0.0.0.0/0, \"::/0\"]");
        }
    }
}

static bool is_allowed_by_name(const struct conf_texts *allow, struct str host)
{
    for (size_t i = 0; i < allow->n; i++) {
        if (is_host_glob(allow->v[i].text) && text_glob(allow->v[i].text, host)) {
            return true;
        }
    }
    return false;
}

/* Whoever compares two configurations compares these. */
static struct str text_of(struct conf_reader *r, const struct ranges *deny,
                          const struct ranges *allow)
{
    struct buf b;
    char text[CIDR_TEXT];
    buf_init(&b, 256 * 1024);
    for (size_t i = 0; i < deny->n; i++) {
        buf_add(&b, text, cidr_format(&deny->v[i], text));
        buf_add_char(&b, ' ');
    }
    buf_add_char(&b, '!');
    for (size_t i = 0; i < allow->n; i++) {
        buf_add(&b, text, cidr_format(&allow->v[i], text));
        buf_add_char(&b, ' ');
    }
    struct str kept = arena_str(r->arena, buf_str(&b));
    buf_done(&b);
    return kept;
}

/* An address that stands in a URL can be judged here. */
static void check_literal(struct conf_reader *r, const struct file_destination *d)
{
    struct address_bytes a;
    if (address_read(d->d.host, &a) && cidr_denies(d->d.rules, &a)) {
        report_error(r->report, conf_place(&d->item, "url"),
                     "\"url\": its address is one that network.deny names");
        report_help(r->report, "if it is meant, name it in network.allow");
    }
}

void conf_build_network(struct conf_reader *r, struct conf_file *f)
{
    static const struct cidr_rules none = {.text = {"any", 3}};
    struct file_destination *v = f->destinations.v;
    const struct node_pair *given = node_find(f->root, "network");
    if (given == NULL || node_is_nothing(given->value)) {
        return; /* the default, but that a URL may name a link-local address literally */
    }
    static struct conf_text usual[] = {{.text = {"@link-local", 11}}, {.text = {"@metadata", 9}}};
    static const struct conf_texts unless_given = {usual, 2};
    bool says = node_find(given->value, "deny") != NULL;
    struct ranges deny = ranges_of(r, "deny", says ? &f->network_deny : &unless_given, false);
    struct ranges allow = ranges_of(r, "allow", &f->network_allow, true);
    warn_of_exceptions(r, &f->network_allow, &deny);
    struct cidr_rules *rules = arena_take(r->arena, sizeof *rules);
    *rules = (struct cidr_rules){deny.v, allow.v, deny.n, allow.n, text_of(r, &deny, &allow)};
    for (size_t i = 0; i < f->destinations.n; i++) {
        bool any = is_allowed_by_name(&f->network_allow, v[i].d.host);
        v[i].d.rules = any ? &none : rules;
        check_literal(r, &v[i]);
    }
}
