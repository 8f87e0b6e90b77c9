/* SPDX-License-Identifier: MIT
 *
 * dataset - a tree of hand-written rows to one file to train on.  See dataset.1
 */
#include "shared/common.h"
#include "shared/verbs.h"
#include "shared/vocab.h"

#include <libtrain/dataset.h>
#include <libtrain/file.h>
#include <libtrain/text.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    struct tr_dataset_args tree;
    const char *out, *model, *append;
    struct cmd_list field, set;
    int begin, stats, keep_end;
};

/* ==== what is told ==== */

static void tell(void *ctx, enum tr_dataset_news kind, const char *text)
{
    (void)ctx;
    if (kind == TR_DATASET_MADE)
        cmd_say("made '%s'", text);
    else if (kind == TR_DATASET_ODD)
        cmd_warn("%s", text);
    else
        cmd_complain("%s", text);
}
static const struct tr_dataset_tell teller = { tell, NULL };

static void tell_count(const struct tr_dataset_count *c, int width)
{
    cmd_say("%-*s %8" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %8" PRIu64
            " %8" PRIu64 " %8" PRIu64, width, c->name, c->rows, c->question, c->think,
            c->output, c->median, c->p95, c->longest);
}

static void tell_stats(const struct tr_dataset_stats *s, const char *unit)
{
    int width = 5;
    for (size_t i = 0; i < s->n_topic; i++)
        if ((int)strlen(s->topic[i].name) > width)
            width = (int)strlen(s->topic[i].name);
    cmd_say("lengths in %s; of rows: question, think and output together", unit);
    cmd_say("%-*s %8s %9s %9s %9s %8s %8s %8s", width, "topic", "rows", "question", "think",
            "output", "median", "95 %", "longest");
    for (size_t i = 0; i < s->n_topic; i++)
        tell_count(&s->topic[i], width);
    tell_count(&s->all, width);
    for (int i = 0; i <= TR_DATASET_LEVELS; i++)
        if (i || s->level[0])
            cmd_say("difficulty %d, %s: %" PRIu64, i, s->level_name[i], s->level[i]);
}

/* ==== scaffold, check, build ==== */

static int scaffold(const struct opts *o, char **file, int n_file, struct tr_err *err)
{
    (void)file, (void)n_file;
    return tr_dataset_scaffold(&o->tree, o->begin, &teller, err);
}

static struct tr_tokenizer *open_tokenizer(const char *model, struct tr_err *err)
{
    struct tr_gguf *g = tr_gguf_open(model, err);
    struct tr_tokenizer *tok = g ? cmd_tokenizer(g, NULL, err) : NULL;
    tr_gguf_close(g);
    return tok;
}

/* out: NULL, only look, and say what was seen in one line. */
static int run(const struct opts *o, struct tr_dataset *d, struct tr_out *out,
               const struct tr_tokenizer *tok, struct tr_err *err)
{
    struct tr_dataset_stats stats = { 0 };
    int rc = tr_dataset_build(d, out, tok, &teller, &stats, err);
    if (!rc && out && o->stats)
        tell_stats(&stats, tok ? "tokens" : "characters");
    else if (!rc)
        cmd_say("%" PRIu64 " rows in %zu topics", stats.all.rows, stats.n_topic);
    tr_dataset_stats_release(&stats);
    return rc;
}

static int check(const struct opts *o, char **file, int n_file, struct tr_err *err)
{
    (void)file, (void)n_file;
    struct tr_dataset *d = tr_dataset_open(&o->tree, err);
    int rc = d ? run(o, d, NULL, NULL, err) : -1;
    tr_dataset_free(d);
    return rc;
}

/* Where the rows go, which is no file that they come from. */
static struct tr_out *open_output(const struct opts *o, const struct tr_dataset *d,
                                  struct tr_err *err)
{
    const char *path;
    for (size_t i = 0; (path = tr_dataset_file(d, i)); i++)
        if (tr_same_file(path, o->out)) {
            tr_err_set(err, TR_EIO, "'%s' is the same file as input '%s'", o->out, path);
            return NULL;
        }
    return tr_out_open(o->out, err);
}

static int build(const struct opts *o, char **file, int n_file, struct tr_err *err)
{
    (void)file, (void)n_file;
    int counts = o->stats && o->model, rc = -1;
    struct tr_dataset *d = tr_dataset_open(&o->tree, err);
    struct tr_tokenizer *tok = d && counts ? open_tokenizer(o->model, err) : NULL;
    struct tr_out *out = d && (tok || !counts) ? open_output(o, d, err) : NULL;
    if (out)
        rc = tr_out_finish(out, run(o, d, out, tok, err), err);
    tr_tokenizer_free(tok);
    tr_dataset_free(d);
    return rc;
}

/* ==== paste ==== */

/* The line break that ends a text is the editor's, or the terminal's. */
static int read_text(const struct opts *o, const char *path, struct tr_text *t,
                     struct tr_err *err)
{
    if (tr_text_read(t, path, 0, err))
        return -1;
    if (!o->keep_end && t->n && t->bytes[t->n - 1] == '\n')
        t->n -= 1 + (t->n > 1 && t->bytes[t->n - 2] == '\r');
    return 0;
}

static int quote(const struct opts *o, const char *path, struct tr_err *err)
{
    struct tr_text t;
    size_t n;
    if (read_text(o, path, &t, err))
        return -1;
    char *quoted = tr_dataset_quote(t.bytes, t.n, path, &n, err);
    if (quoted)
        fprintf(stdout, "%s\n", quoted);
    free(quoted);
    tr_text_release(&t);
    return quoted ? 0 : -1;
}

/* KEY=REST: a copy of the key, and where the rest begins. */
static char *split(const char *text, const char **rest, struct tr_err *err)
{
    const char *sign = strchr(text, '=');
    char *key = sign && sign > text ? strndup(text, (size_t)(sign - text)) : NULL;
    if (!sign || sign == text)
        tr_err_set(err, TR_EINVAL, "'%s' is not KEY=VALUE", text);
    else if (!key)
        tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", text);
    *rest = sign ? sign + 1 : "";
    return key;
}

/* Those of --field are read from files, those of --set stand there. */
static int make_fields(const struct opts *o, struct tr_dataset_field *f, char **key,
                       struct tr_text *text, struct tr_err *err)
{
    const char *rest;
    size_t n = 0;
    for (size_t i = 0; i < o->field.n; i++, n++) {
        if (!(key[n] = split(o->field.item[i], &rest, err)) ||
            read_text(o, rest, &text[n], err))
            return -1;
        f[n] = (struct tr_dataset_field){ key[n], text[n].bytes, text[n].n, 0 };
    }
    for (size_t i = 0; i < o->set.n; i++, n++) {
        if (!(key[n] = split(o->set.item[i], &rest, err)))
            return -1;
        f[n] = (struct tr_dataset_field){ key[n], rest, strlen(rest), 1 };
    }
    return 0;
}

static int append(const struct opts *o, struct tr_err *err)
{
    size_t n = o->field.n + o->set.n;
    struct tr_dataset_field *f = calloc(n + 1, sizeof *f);
    struct tr_text *text = calloc(n + 1, sizeof *text);
    char **key = calloc(n + 1, sizeof *key);
    int rc = f && text && key ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for a row");
    rc = rc ? rc : make_fields(o, f, key, text, err);
    rc = rc ? rc : tr_dataset_append(o->append, f, n, err);
    for (size_t i = 0; i < n && text && key; i++) {
        tr_text_release(&text[i]);
        free(key[i]);
    }
    free(f);
    free(text);
    free(key);
    return rc;
}

static int paste(const struct opts *o, char **file, int n_file, struct tr_err *err)
{
    int fields = o->field.n || o->set.n;
    if (o->append && n_file)
        return tr_err_set(err, TR_EINVAL, "extra operand '%s': a row is made of --field "
                          "and --set", file[0]);
    if (!o->append != !fields)
        return tr_err_set(err, TR_EINVAL, "--append wants --field or --set, and they want "
                          "it");
    return o->append ? append(o, err) : quote(o, n_file ? file[0] : "-", err);
}

/* ==== the whole ==== */

#define TREE(t) \
    CMD_IN(0, "structure", &(t)->structure, "FILE", "names all topics"), \
    CMD_TEXT(0, "topics-dir", &(t)->topics, "DIR", "folder of topics (default: topics, " \
             "beside the structure)"), \
    CMD_TEXT(0, "schemas-dir", &(t)->schemas, "DIR", "folder of schemas (default: " \
             "schemas, beside the structure)")
#define FILL(t) \
    CMD_IN(0, "placeholders", &(t)->placeholders, "FILE", "what ${NAME} stands for " \
           "(default: placeholders.json beside the structure, if it is there)")

int main(int argc, char **argv)
{
    struct opts o = { .tree.structure = "structure.enriched.json", .out = "-", .stats = 1 };
    struct tr_dataset_args *t = &o.tree;
    const struct cmd_opt scaffolding[] = {
        TREE(t), CMD_FLAG(0, "begin", &o.begin, "write a small structure if there is none"),
        CMD_END
    };
    const struct cmd_opt checking[] = { TREE(t), FILL(t), CMD_END };
    const struct cmd_opt building[] = {
        TREE(t), FILL(t),
        CMD_OUT('o', "output", &o.out, "FILE", "where to write the rows, one a line"),
        CMD_IN(0, "tokenizer-path", &o.model, "MODEL", "GGUF that tokens are counted with; "
               "without it characters are"),
        CMD_UNFLAG(0, "no-stats", &o.stats, "no table of lengths"),
        CMD_END
    };
    const struct cmd_opt pasting[] = {
        CMD_TEXT('a', "append", &o.append, "TOPIC", "add a row to this file, in place of "
                 "printing a text as a string"),
        CMD_LIST(0, "field", &o.field, "KEY=FILE", "the row has this text (may be "
                 "repeated)"),
        CMD_LIST(0, "set", &o.set, "KEY=JSON", "the row has this value (may be repeated)"),
        CMD_FLAG(0, "keep-end", &o.keep_end, "the line break that ends a text is part of "
                 "it"),
        CMD_END
    };
    const struct cmd cmd[] = {
        { "dataset", "scaffold [--begin] [--structure F] [--topics-dir D]",
          "scaffold: make the files that a structure names", scaffolding, 0, 0, NULL },
        { "dataset", "check [--structure F] [--topics-dir D]",
          "check: tell what is wrong with a data set", checking, 0, 0, NULL },
        { "dataset", "build [--structure F] [--topics-dir D] [--output F] "
          "[--tokenizer-path MODEL] [--no-stats]",
          "build: one file of rows to train on", building, 0, 0, NULL },
        { "dataset", "paste [FILE] | paste --append TOPIC --field KEY=FILE… "
          "[--set KEY=JSON…]",
          "paste: a text as a JSON string, or texts as a row", pasting, 0, 1, NULL },
    };
    static int (*const run[])(const struct opts *o, char **file, int n_file,
                              struct tr_err *err) = { scaffold, check, build, paste };
    const struct cmd *c = cmd_verb(cmd, sizeof cmd / sizeof *cmd,
                                   "a tree of hand-written rows to one file to train on",
                                   argc, argv);
    struct tr_err err = { 0 };
    int n_file;
    char **file = cmd_parse_verb(c, argc, argv, &n_file);
    int rc = run[c - cmd](&o, file, n_file, &err) ? CMD_FAIL : CMD_OK;
    free(o.field.item);
    free(o.set.item);
    return cmd_end(rc, &err);
}
