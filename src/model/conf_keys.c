/* What a source says where each request names the key that signed it: whom it must be for, who asks
 * for the key, and which hosts have it. */
#include "model/conf_rows.h"

#include "base/log.h"

/* ---- whom it must be for ---- */

static bool say_for_whom(struct conf_reader *r, const struct file_verify *v, bool sns)
{
    report_error(r->report, &v->node->place,
                 sns ? "everybody who has an account at AWS can have SNS sign something"
                     : "PayPal signs the id of the webhook that it posts to");
    report_help(r->report,
                sns ? "say of which topic it must be: verify: {type: aws-sns, topic_arn: "
                      "\"arn:aws:sns:REGION:ACCOUNT:NAME\"}"
                    : "say which one is yours: verify: {type: paypal, webhook_id: \"...\"}");
    return false;
}

/* https://docs.paypal.ai/reference/api/rest/verify-webhook-signature/verify-webhook-signature */
static bool is_webhook(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) {
            return false;
        }
    }
    return s.len > 0 && s.len <= 50;
}

static bool is_party(struct conf_reader *r, const struct conf_text *t, bool sns)
{
    bool good = sns ? sns_is_topic(t->text) : is_webhook(t->text);
    if (!good) {
        report_error(r->report, &t->node->place,
                     sns ? "\"%.*s\" is no ARN of a topic of SNS"
                         : "\"%.*s\" is no id of a webhook of PayPal: letters and digits",
                     STR_ARG(report_shown(t->node->text)));
        report_help(r->report, sns ? "arn:aws:sns:REGION:ACCOUNT:NAME, where ACCOUNT has 12 digits"
                                   : "PayPal shows it beside the webhook");
    }
    return good;
}

static bool take_parties(struct conf_reader *r, const struct file_verify *v,
                         struct x509_rules *rules)
{
    const struct conf_texts *mine = rules->sns ? &v->topics : &v->webhooks;
    const struct conf_texts *others = rules->sns ? &v->webhooks : &v->topics;
    if (others->n > 0) {
        report_error(r->report, &others->v[0].node->place, "\"%s\" is of %s: leave it out",
                     rules->sns ? "webhook_id" : "topic_arn", rules->sns ? "paypal" : "aws-sns");
        return false;
    }
    for (size_t i = 0; i < mine->n; i++) {
        if (!is_party(r, &mine->v[i], rules->sns)) {
            return false;
        }
        rules->parties[i] = mine->v[i].text;
    }
    return mine->n > 0 || say_for_whom(r, v, rules->sns);
}

/* ---- where its keys are ---- */

/* There is room: there are as many topics at most. */
static void add_host(struct verify_recipe *v, struct str host)
{
    for (size_t i = 0; i < VERIFY_HOSTS; i++) {
        if (v->key_hosts[i].len == 0 || str_eq(v->key_hosts[i], host)) {
            v->key_hosts[i] = host;
            return;
        }
    }
}

/* SNS signs by certificates of the topic's own region. */
static bool hosts_of_topics(struct conf_reader *r, const struct conf_texts *topics,
                            struct verify_recipe *v)
{
    struct buf host;
    buf_init(&host, 128);
    bool good = true;
    for (size_t i = 0; i < topics->n && good; i++) {
        buf_clear(&host);
        good = sns_host(topics->v[i].text, &host);
        if (good) {
            add_host(v, arena_printf(r->arena, "%.*s", STR_ARG(buf_str(&host))));
        } else {
            report_error(r->report, &topics->v[i].node->place,
                         "\"%.*s\" is no topic of a partition of AWS that is known",
                         STR_ARG(report_shown(topics->v[i].node->text)));
            report_help(r->report, "of another cloud that is compatible say its key_hosts, too");
        }
    }
    buf_done(&host);
    return good;
}

bool conf_key_rules(struct conf_reader *r, const struct file_verify *v, struct verify_recipe *out)
{
    const struct conf_texts *given = &v->key_hosts;
    if (out->kind == VERIFY_X509 && !take_parties(r, v, &out->x509)) {
        return false;
    }
    if (given->n == 0) {
        return !out->x509.sns || hosts_of_topics(r, &v->topics, out);
    }
    if (given->n > 1 && out->key_path.len > 0) {
        report_error(r->report, &given->v[1].node->place,
                     "each key is asked for at one host: leave the others out");
        return false;
    }
    for (size_t i = 0; i < VERIFY_HOSTS; i++) {
        out->key_hosts[i] = i < given->n ? given->v[i].text : STR_NONE;
    }
    out->x509.names_host = true;
    out->x509.path = out->x509.sns ? STR("/") : out->x509.path;
    return true;
}

/* A name, and no address, which might be one of our own network. */
static bool is_host_name(struct str s)
{
    bool more = s.len <= 253, good = more, number = true;
    while (more && good) {
        struct str label;
        more = str_cut(s, '.', &label, &s);
        good = label.len > 0 && label.len <= 63 && label.at[0] != '-' &&
               label.at[label.len - 1] != '-';
        number = true;
        for (size_t i = 0; i < label.len && good; i++) {
            char c = label.at[i];
            bool digit = c >= '0' && c <= '9';
            number &= digit;
            good = digit || (c >= 'a' && c <= 'z') || c == '-';
        }
    }
    return good && !number;
}

/* "name", or "name:port". */
static bool read_host(struct conf_reader *r, struct str text, struct conf_address *out)
{
    struct str port;
    uint64_t number = 443;
    bool has_port = str_cut(text, ':', &out->host, &port);
    bool good =
        is_host_name(out->host) && (!has_port || (text_u64(port, UINT16_MAX, &number) == NULL));
    out->port = (uint16_t)number;
    out->host = arena_str(r->arena, out->host);
    return good && number > 0;
}

static bool is_credential(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] <= 0x20 || s.at[i] > 0x7e) {
            return false;
        }
    }
    return s.len > 0;
}

/* Who asks, where that must be shown. */
static bool take_client(struct conf_reader *r, struct file_source *s, const struct file_verify *v)
{
    struct str id = v->client_id, secret = v->client_secret;
    if (!is_credential(id) || !is_credential(secret)) {
        report_error(r->report, &v->node->place,
                     "Plaid gives its keys to its clients alone: \"client_id\" or "
                     "\"client_secret\" is missing, or no such thing");
        report_help(r->report, "verify: {type: plaid, client_id: \"...\", client_secret: "
                               "\"${PLAID_SECRET}\"}");
        return false;
    }
    s->s.hosts.fields = arena_printf(r->arena,
                                     "PLAID-CLIENT-ID: %.*s\r\nPLAID-SECRET: %.*s\r\n"
                                     "Content-Type: application/json\r\n",
                                     STR_ARG(id), STR_ARG(secret));
    return true;
}

bool conf_key_hosts(struct conf_reader *r, struct file_source *s, const struct file_verify *v,
                    const struct verify_recipe *recipe)
{
    struct conf_hosts *out = &s->s.hosts;
    out->v = arena_array(r->arena, VERIFY_HOSTS, sizeof *out->v);
    for (out->n = 0; out->n < VERIFY_HOSTS && recipe->key_hosts[out->n].len > 0; out->n++) {
        if (!read_host(r, recipe->key_hosts[out->n], &out->v[out->n])) {
            report_error(r->report, &v->key_hosts.v[out->n].node->place,
                         "\"%.*s\" is no host: NAME in lower case, or NAME:PORT",
                         STR_ARG(report_shown(v->key_hosts.v[out->n].node->text)));
            return false;
        }
    }
    out->ca_file = v->ca_file;
    if (out->ca_file.len > 0) {
        conf_check_pem(r, v->node, "ca_file", out->ca_file, "CERTIFICATE");
    }
    return recipe->key_path.len == 0 || take_client(r, s, v);
}
