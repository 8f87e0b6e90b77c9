/* SPDX-License-Identifier: MIT
 *
 * Between tr_prepare_rows, which makes documents of rows, and a command: what a bad row
 * costs, what is written, and what a user should know of the data.
 */
#include "rows.h"

#include "job.h"
#include "message.h"

#include <libtrain/printable.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ==== names of columns ==== */

int cmd_keys_read(struct tr_source_options *o, const struct cmd_list *list,
                  struct tr_err *err)
{
    struct tr_source_key *to = calloc(list->n + 1, sizeof *to);
    o->key = to;
    o->n_key = 0;
    if (!to)
        return tr_err_sys(err, "cannot hold %zu keys", list->n);
    for (size_t i = 0; i < list->n; i++) {
        const char *text = list->item[i], *column = strchr(text, '=');
        if (!column || column == text || !column[1])
            return tr_err_set(err, TR_EINVAL, "--key '%s': not NAME=COLUMN", text);
        char *key = strndup(text, (size_t)(column - text));
        if (!key)
            return tr_err_sys(err, "cannot hold '%s'", text);
        to[o->n_key++] = (struct tr_source_key){ key, column + 1 };
    }
    return 0;
}

void cmd_keys_release(struct tr_source_options *o)
{
    for (size_t i = 0; i < o->n_key; i++)
        free((char *)(uintptr_t)o->key[i].key);
    free((struct tr_source_key *)(uintptr_t)o->key);
}

/* ==== row by row ==== */

static void tell_row(const struct cmd_rows *r, const struct tr_record *raw)
{
    cmd_job_at(r->done + (int64_t)(raw->at + raw->n), r->size);
}

static int write_row(struct cmd_rows *r, const struct tr_record *raw,
                     const struct tr_prepared *row, struct tr_err *err)
{
    size_t n = 0, n_trained = 0;
    if (r->render) {
        fwrite(row->text, 1, row->n_text, r->f);
        fputc('\n', r->f);
        return 0;
    }
    for (size_t i = 0; i < row->n_doc; i++) {
        n += row->doc[i].n;
        n_trained += row->doc[i].n_trained;
    }
    fprintf(r->f, "%s== row %" PRIu64 ", line %" PRIu64 ": %zu tokens, %zu trained%s\n",
            r->colour ? "\033[1m" : "", raw->number, raw->line, n, n_trained,
            r->colour ? "\033[0m" : "");
    return tr_prepared_show(row, r->p.tokenizer, r->colour, r->f, err);
}

static int take_row(void *arg, const struct tr_record *raw, const struct tr_prepared *row,
                    struct tr_err *err)
{
    struct cmd_rows *r = arg;
    int rc = 0;
    tell_row(r, raw);
    tr_prepare_stats_add(&r->stats, row);
    for (size_t i = 0; i < row->n_doc && r->document && !rc; i++) {
        struct tr_document d = tr_prepared_document(row, i);
        rc = r->document(r->arg, &d, err);
    }
    return !rc && (r->render || r->show) ? write_row(r, raw, row, err) : rc;
}

static int bad_row(void *arg, const struct tr_record *raw, const struct tr_err *why,
                   struct tr_err *err)
{
    struct cmd_rows *r = arg;
    tell_row(r, raw);
    if (r->stats.n_bad < r->skip_bad) {
        r->stats.n_bad++;
        cmd_warn("%s: left out", why->text);
        return 0;
    }
    if (r->skip_bad)
        return tr_err_set(err, why->code, "%s (%" PRIu64 " bad rows were left out before)",
                          why->text, r->stats.n_bad);
    return tr_err_set(err, why->code, "%s (--skip-bad N leaves out so many bad rows)",
                      why->text);
}

int cmd_rows_add(struct cmd_rows *r, struct tr_source *s, struct tr_err *err)
{
    const struct tr_prepare_sink sink = { r, take_row, bad_row };
    uint64_t done = r->stats.n_row + r->stats.n_bad;
    if (done >= r->max_rows)
        return 0;
    return tr_prepare_rows(&r->p, s, r->max_rows - done, &sink, err);
}

/* ==== what there was ==== */

/* Text of a token, escaped; the caller's. */
static char *token_text(const struct cmd_rows *r, uint32_t id)
{
    char *text = NULL;
    size_t n = 0, cap = 0;
    if (tr_tokenizer_decode(r->p.tokenizer, id, 0, 1, &text, &n, &cap, NULL))
        n = 0;
    char *line = malloc(4 * n + 1);
    if (line)
        tr_escape(line, 4 * n + 1, text ? text : "", n);
    free(text);
    return line;
}

/* No answer ends as the model ends a text, and nobody said that this is so. */
static int never_ends(const struct cmd_rows *r)
{
    return r->stats.n_endless && !r->stats.n_ended && r->p.eos && !r->render && !r->show;
}

static int refuse_endless(const struct cmd_rows *r, struct tr_err *err)
{
    char *text = token_text(r, r->stats.end);
    tr_err_set(err, TR_EFORMAT, "none of %" PRIu64 " trained turns ends with a token that "
               "ends a text of '%s', but with '%s': trained on them, it would not learn to "
               "stop. %s--no-eos goes on without%s; or the template is another model's",
               r->stats.n_endless, r->model, text ? text : "",
               r->p.eos > 0 ? "What --eos puts behind a chat follows none of them: "
                            : "--eos puts its end behind each chat, ",
               r->p.eos > 0 ? "" : " (make: TOKENIZE_FLAGS=--eos)");
    free(text);
    return -1;
}

int cmd_rows_check(const struct cmd_rows *r, struct tr_err *err)
{
    const struct tr_prepare_stats *s = &r->stats;
    if (never_ends(r))
        return refuse_endless(r, err);
    if (!(s->n_row + s->n_bad) || s->n_trained)
        return 0;
    if (!s->n_row)
        return tr_err_set(err, TR_EFORMAT, "all %" PRIu64 " rows were bad", s->n_bad);
    return tr_err_set(err, TR_EFORMAT, "nothing of %" PRIu64 " rows is trained: no message "
                      "fits --train-on %s, or the rows are empty", s->n_row,
                      r->p.train_on ? r->p.train_on : "assistant");
}

static void tell_ends(const struct cmd_rows *r)
{
    const struct tr_prepare_stats *s = &r->stats;
    char *text = s->n_endless && !never_ends(r) ? token_text(r, s->end) : NULL;
    if (text)
        cmd_warn("%" PRIu64 " trained turns end with '%s', which is no token that ends a "
                 "text of '%s': it will not learn to stop there (the template is another "
                 "model's, or the model names no end of turn)", s->n_endless, text, r->model);
    free(text);
}

static void tell_spelt(const struct cmd_rows *r)
{
    const struct tr_prepare_stats *s = &r->stats;
    char *text = s->n_spelt ? token_text(r, s->spelt) : NULL;
    if (text)
        cmd_warn("rows spell control tokens %" PRIu64 " times, such as '%s': they stay plain "
                 "text; --special makes them tokens", s->n_spelt, text);
    free(text);
}

void cmd_rows_tell(const struct cmd_rows *r, int alone)
{
    const struct tr_prepare_stats *s = &r->stats;
    tell_ends(r);
    tell_spelt(r);
    if (s->n_lost)
        cmd_warn("%" PRIu64 " turns cannot be told apart in what the template writes, and "
                 "are not trained", s->n_lost);
    if (s->n_apart)
        cmd_say("%" PRIu64 " turns are trained in documents of their own, as the template "
                "writes them while they are the last", s->n_apart);
    if (alone)
        tr_prepare_stats_print(s, stdout);
    else if (!cmd_quiet())
        tr_prepare_stats_print(s, stderr);
}
