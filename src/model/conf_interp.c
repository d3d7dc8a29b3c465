/* ${NAME}, ${NAME:-default}, ${NAME:?message}, ${file:/path} and $$ inside of a scalar. It happens
 * after YAML was parsed, so no value can change the structure; only "${" begins one, so $in stays
 * $in. */
#include "model/conf_rows.h"

#include "base/crypt.h"

#define FILE_MAX (64 * 1024)               /* a file named by ${file:} or by a _file key */
#define VALUE_MAX (256 * 1024)             /* a scalar once interpolated */
#define INTERPOLATED_MAX (8 * 1024 * 1024) /* all of them together */

static struct str without_newline(struct str s)
{
    if (str_ends(s, STR("\n"))) {
        s.len--;
        s.len -= str_ends(s, STR("\r"));
    }
    return s;
}

void conf_wipe(struct buf *b)
{
    if (b->at != NULL) {
        crypt_wipe(b->at, b->cap);
    }
    buf_done(b);
}

bool conf_read_file(struct conf_reader *r, const struct place *p, struct str path, struct buf *out)
{
    struct str shown = report_shown(path);
    if (path.len == 0) {
        report_error(r->report, p, "the path of a file is empty");
        return false;
    }
    if (!r->env->opens_files) {
        report_error(r->report, p, "cannot read \"%.*s\": no file is opened here", STR_ARG(shown));
        return false;
    }
    struct str kept = arena_str(r->arena, path);
    struct file_id id;
    conf_note_path(r, &r->files, kept, NULL);
    const char *why = file_text_id(kept.at, &id); /* a pipe could keep us for ever */
    why = why == NULL ? file_text_read(kept.at, out) : why;
    if (why != NULL) {
        report_error(r->report, p, "cannot read \"%.*s\": %s", STR_ARG(shown), why);
    }
    return why == NULL;
}

/* A text, and as it is printed: what came from outside of the file is "***" there. */
struct filling {
    struct buf text, shown;
};

static bool add_known(struct filling *out, struct str s)
{
    return buf_add_str(&out->text, s) && buf_add_str(&out->shown, s);
}

static bool add_masked(struct filling *out, struct str s)
{
    return buf_add_str(&out->text, s) && buf_add_str(&out->shown, STR("***"));
}

/* Appends a file's text without its last newline. */
static bool add_file(struct conf_reader *r, const struct place *p, struct str path, struct buf *out)
{
    struct buf bytes;
    buf_init(&bytes, FILE_MAX);
    bool good = conf_read_file(r, p, path, &bytes);
    struct str text = without_newline(buf_str(&bytes));
    if (good && str_has(text, '\0')) {
        report_error(r->report, p, "there is a zero byte in \"%.*s\"", STR_ARG(report_shown(path)));
        good = false;
    }
    if (good) {
        buf_add_str(out, text);
    }
    conf_wipe(&bytes);
    return good;
}

static size_t name_len(struct str s)
{
    size_t n = 0;
    for (; n < s.len; n++) {
        char c = s.at[n];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (n == 0 || c < '0' || c > '9')) {
            break;
        }
    }
    return n;
}

/* `inside` is what stands between the braces. */
static bool add_variable(struct conf_reader *r, const struct node *n, struct str inside,
                         struct filling *out)
{
    struct str name = str_head(inside, name_len(inside)), rest = str_from(inside, name.len);
    struct str shown = report_shown(name);
    bool has_default = str_starts(rest, STR(":-")), has_message = str_starts(rest, STR(":?"));
    if (name.len == 0 || (rest.len > 0 && !has_default && !has_message)) {
        shown = report_shown(inside);
        report_error(r->report, &n->place, "\"${%.*s}\" is not understood", STR_ARG(shown));
        report_help(r->report,
                    "write ${NAME}, ${NAME:-default}, ${NAME:?message} or ${file:/path}");
        return false;
    }
    const char *value = r->env->variable(arena_str(r->arena, name).at);
    bool usable = value != NULL && (rest.len == 0 || value[0] != '\0'); /* as in a shell */
    if (usable) {
        return add_masked(out, str_of(value)) || true;
    }
    if (has_default) {
        return add_known(out, str_from(rest, 2)) || true;
    }
    if (has_message) {
        struct str message = report_shown(str_from(rest, 2));
        report_error(r->report, &n->place, "the environment variable %.*s is not set: %.*s",
                     STR_ARG(shown), STR_ARG(message));
        return false;
    }
    report_error(r->report, &n->place, "the environment variable %.*s is not set", STR_ARG(shown));
    report_help(r->report, "set it, or give a default: ${%.*s:-default}", STR_ARG(shown));
    return false;
}

/* `rest` begins behind a "${"; moves it behind the "}". */
static bool add_one(struct conf_reader *r, const struct node *n, struct str *rest,
                    struct filling *out)
{
    struct str inside;
    if (!str_cut(*rest, '}', &inside, rest)) {
        report_error(r->report, &n->place, "a \"${\" is not closed");
        report_help(r->report, "for the text itself, write \"$${\"");
        return false;
    }
    for (size_t i = 0; i + 1 < inside.len; i++) {
        if (inside.at[i] == '$' && inside.at[i + 1] == '{') {
            report_error(r->report, &n->place, "\"${\" inside of \"${...}\" is not taken");
            report_help(r->report, "a default is text, and cannot be another variable");
            return false;
        }
    }
    if (str_starts(inside, STR("file:"))) {
        buf_add_str(&out->shown, STR("***"));
        return add_file(r, &n->place, str_from(inside, 5), &out->text);
    }
    return add_variable(r, n, inside, out);
}

static bool add_all(struct conf_reader *r, const struct node *n, struct filling *out)
{
    struct str literal, rest = n->text;
    while (str_cut(rest, '$', &literal, &rest)) {
        add_known(out, literal);
        if (str_starts(rest, STR("$"))) {
            add_known(out, STR("$"));
            rest = str_from(rest, 1);
        } else if (!str_starts(rest, STR("{"))) {
            add_known(out, STR("$"));
        } else {
            rest = str_from(rest, 1);
            if (!add_one(r, n, &rest, out)) {
                return false;
            }
        }
    }
    add_known(out, literal);
    return true;
}

/* Counts what is filled in, and what is looked through for it; says so when that is too much. */
static bool charge(struct conf_reader *r, const struct place *p, size_t n)
{
    r->interpolated += n;
    if (r->interpolated > INTERPOLATED_MAX) {
        report_error(r->report, p, "the text is too large once its variables are filled in");
        return false;
    }
    return true;
}

bool conf_interpolate(struct conf_reader *r, const struct node *n, struct conf_masked *out)
{
    if (!str_has(n->text, '$')) {
        *out = (struct conf_masked){n->text, n->text};
        return true;
    }
    struct filling f;
    buf_init(&f.text, VALUE_MAX);
    buf_init(&f.shown, NODE_FILE_BYTES); /* "***" is shorter than what it stands for */
    bool good = charge(r, &n->place, n->text.len) && add_all(r, n, &f) &&
                charge(r, &n->place, f.text.failed ? INTERPOLATED_MAX : f.text.len);
    if (good) {
        out->text = arena_str(r->arena, buf_str(&f.text));
        out->shown = arena_str(r->arena, buf_str(&f.shown));
    }
    conf_wipe(&f.text);
    buf_done(&f.shown);
    return good;
}

bool conf_read_secret_file(struct conf_reader *r, const struct place *p, struct str path,
                           struct str *out)
{
    struct buf b;
    buf_init(&b, FILE_MAX);
    bool good = add_file(r, p, path, &b) && charge(r, p, b.len);
    if (good) {
        *out = arena_str(r->arena, buf_str(&b));
    }
    conf_wipe(&b);
    return good;
}
