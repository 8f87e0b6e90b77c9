/* SPDX-License-Identifier: MIT
 *
 * choice - how often a model finds the right one of several answers.  See choice.1
 *
 * An answer is as likely as its tokens behind those of the question.  A row is looked for under
 * the names that the usual sets of questions have.
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/job.h"
#include "shared/text-out.h"
#include "shared/vocab.h"

#include <libtrain/eval.h>
#include <libtrain/file.h>
#include <libtrain/json.h>
#include <libtrain/printable.h>
#include <libtrain/source.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CHOICES = 64 };

struct opts {
    const char *model, *data, *output, *label, *after;
    struct cmd_list adapters;
    int64_t ctx;
    int force, precision_number;
};

struct row {
    struct tr_str question, choice[MOST_CHOICES];
    size_t n, answer;
};

struct run {
    struct tr_model *m;
    struct tr_tokenizer *tok;
    struct tr_eval *e;
    int64_t ctx;
    int32_t *token, *target, *pos; // (ctx)
    float *loss;                   // (ctx)
    uint64_t n, right, right_norm; /* rows, and those that were found, by either sum */
};

/* ---- rows ------------------------------------------------------------------------- */

static const struct tr_json *first_of(const struct tr_json *o, const char *const *key)
{
    const struct tr_json *v = NULL;
    for (; *key && !v; key++)
        v = tr_json_get(o, *key);
    return v;
}

static int text_of(const struct tr_json *v, struct tr_str *s)
{
    s->ptr = v && tr_json_kind(v) == TR_JSON_STRING ? tr_json_string(v, &s->len) : NULL;
    return s->ptr != NULL;
}

static int same(struct tr_str a, struct tr_str b)
{
    return a.len == b.len && !memcmp(a.ptr, b.ptr, a.len);
}

/* {"text": […], "label": […]}, or a list of texts. */
static int read_choices(const struct tr_json *v, struct row *r, const struct tr_json **label)
{
    *label = NULL;
    if (v && tr_json_kind(v) == TR_JSON_OBJECT) {
        *label = tr_json_get(v, "label");
        v = tr_json_get(v, "text");
    }
    if (!v || tr_json_kind(v) != TR_JSON_ARRAY)
        return 0;
    r->n = tr_json_count(v);
    if (r->n < 2 || r->n > MOST_CHOICES)
        return 0;
    for (size_t i = 0; i < r->n; i++)
        if (!text_of(tr_json_at(v, i), &r->choice[i]) || !r->choice[i].len)
            return 0;
    return !*label || (tr_json_kind(*label) == TR_JSON_ARRAY && tr_json_count(*label) == r->n);
}

/* A number from 0, a label, the text of a choice, a letter, or a number in a text. */
static int read_answer(const struct tr_json *v, const struct tr_json *label, struct row *r)
{
    struct tr_str s, other;
    r->answer = r->n;
    if (v && tr_json_kind(v) == TR_JSON_INT && tr_json_int(v) >= 0)
        r->answer = (size_t)tr_json_int(v);
    if (!text_of(v, &s))
        return r->answer < r->n;
    for (size_t i = 0; i < r->n; i++)
        if ((label && text_of(tr_json_at(label, i), &other) && same(s, other)) ||
            same(s, r->choice[i]))
            r->answer = r->answer < r->n ? r->answer : i;
    if (r->answer == r->n && s.len == 1 && !label)
        r->answer = *s.ptr >= 'A' ? (size_t)((*s.ptr & ~0x20) - 'A') : (size_t)(*s.ptr - '0');
    return r->answer < r->n;
}

static int read_row(const struct tr_json *o, struct row *r, const char *where, uint64_t line,
                    struct tr_err *err)
{
    static const char *const question[] = { "question", "query", "ctx", "prompt", "context",
                                            NULL };
    static const char *const choices[] = { "choices", "endings", "options", NULL };
    static const char *const answer[] = { "answer", "label", "gold", "answerKey", NULL };
    const struct tr_json *label;
    const char *lacks = NULL;
    if (tr_json_kind(o) != TR_JSON_OBJECT || !text_of(first_of(o, question), &r->question))
        lacks = "a question";
    else if (!read_choices(first_of(o, choices), r, &label))
        lacks = "two or more choices";
    else if (!read_answer(first_of(o, answer), label, r))
        lacks = "an answer that is one of its choices";
    return lacks ? tr_err_set(err, TR_EFORMAT, "%s line %" PRIu64 ": a row without %s", where,
                              line, lacks)
                 : 0;
}

/* ---- likelihoods ------------------------------------------------------------------ */

/* The ids of the question, a blank and a choice. */
static int encode(const struct run *r, struct tr_str question, struct tr_str choice,
                  struct tr_tokens *ids, struct tr_err *err)
{
    size_t n;
    char *text = NULL;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return tr_err_sys(err, "cannot put a question together");
    fwrite(question.ptr, 1, question.len, f);
    if (choice.len && question.len && !strchr(" \n\t", question.ptr[question.len - 1]) &&
        !strchr(" \n\t", *choice.ptr))
        fputc(' ', f);
    fwrite(choice.ptr, 1, choice.len, f);
    fclose(f);
    int rc = 0;
    if (tr_tokenizer_add_bos(r->tok))
        rc = tr_tokens_push(ids, (uint32_t)tr_tokenizer_bos(r->tok), err);
    if (!rc)
        rc = tr_tokenizer_encode(r->tok, text, n, 0, ids, err);
    free(text);
    return rc;
}

/* Ids that both begin with, at most n - 1: what the choice is asked from. */
static size_t common(const struct tr_tokens *a, const struct tr_tokens *b)
{
    size_t n = 0;
    while (n < a->n && n + 1 < b->n && a->id[n] == b->id[n])
        n++;
    return n;
}

static int score(struct run *r, const struct tr_tokens *ids, size_t first, double *sum,
                 struct tr_err *err)
{
    int64_t n = (int64_t)ids->n - 1;
    if (n > r->ctx)
        return tr_err_set(err, TR_EINVAL, "%lld tokens, more than the %lld of --ctx",
                          (long long)n + 1, (long long)r->ctx);
    for (int64_t i = 0; i < n; i++) {
        r->token[i] = (int32_t)ids->id[i];
        r->target[i] = (size_t)i + 1 >= first ? (int32_t)ids->id[i + 1] : -1;
        r->pos[i] = (int32_t)i;
    }
    struct tr_batch b = { n, r->token, r->target, r->pos, NULL };
    *sum = 0;
    return tr_eval_batch(r->e, &b, sum, r->loss, NULL, err);
}

static int answer(struct run *r, const struct row *row, struct tr_err *err)
{
    double best = INFINITY, best_norm = INFINITY;
    size_t at = 0, at_norm = 0;
    struct tr_tokens question = { 0 };
    int rc = encode(r, row->question, (struct tr_str){ "", 0 }, &question, err);
    for (size_t i = 0; i < row->n && !rc; i++) {
        struct tr_tokens ids = { 0 };
        double loss = 0;
        rc = encode(r, row->question, row->choice[i], &ids, err);
        if (!rc && ids.n < 2)
            rc = tr_err_set(err, TR_EFORMAT, "nothing stands before a choice of one token");
        size_t first = rc ? 0 : common(&question, &ids);
        if (!rc)
            rc = score(r, &ids, first ? first : 1, &loss, err);
        double norm = loss / (double)row->choice[i].len;
        if (loss < best)
            best = loss, at = i;
        if (norm < best_norm)
            best_norm = norm, at_norm = i;
        tr_tokens_release(&ids);
    }
    tr_tokens_release(&question);
    r->n += !rc;
    r->right += !rc && at == row->answer;
    r->right_norm += !rc && at_norm == row->answer;
    return rc;
}

static int each_row(struct run *r, const char *path, struct tr_err *err)
{
    struct tr_source *s = tr_source_open(path, NULL, err);
    struct tr_record rec = { 0 };
    int more = -1, rc = s ? 0 : err->code;
    while (!rc && (more = tr_source_next(s, &rec, err)) > 0) {
        struct row row;
        struct tr_json *o =
            tr_json_parse(rec.bytes, rec.n, tr_source_name(s), rec.number, 0, err);
        rc = o ? read_row(o, &row, tr_source_name(s), rec.number, err) : err->code;
        if (!rc && (rc = answer(r, &row, err)))
            tr_err_prefix(err, "%s line %" PRIu64, tr_source_name(s), rec.number);
        tr_json_free(o);
        cmd_job_at((int64_t)r->n, 0);
    }
    tr_record_release(&rec);
    tr_source_close(s);
    if (!rc && more >= 0 && !r->n)
        rc = tr_err_set(err, TR_EFORMAT, "'%s' holds no row", path);
    return rc ? rc : more < 0 ? err->code : 0;
}

/* ---- the table -------------------------------------------------------------------- */

/* A share with its 95 % interval (Wilson 1927), as three columns. */
static void put_share(FILE *f, uint64_t k, uint64_t of)
{
    double n = (double)of, p = (double)k / n, z = 1.959964;
    double mid = p + z * z / (2 * n), half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    double all = 1 + z * z / n;
    fprintf(f, "\t%.4f\t%.4f\t%.4f", p, (mid - half) / all, (mid + half) / all);
}

static void print(FILE *f, const struct opts *o, const struct run *r)
{
    if (!o->after)
        fputs("model\trows\taccuracy\tlow\thigh\tnorm_accuracy\tnorm_low\tnorm_high\n", f);
    tr_print_escaped(f, o->label, strlen(o->label));
    fprintf(f, "\t%" PRIu64, r->n);
    put_share(f, r->right, r->n);
    put_share(f, r->right_norm, r->n);
    fputc('\n', f);
}

/* ---- the command ------------------------------------------------------------------ */

static int begin(struct run *r, const struct opts *o, struct tr_err *err)
{
    int64_t most = tr_model_config(r->m)->n_ctx;
    r->ctx = o->ctx ? o->ctx : most < 1024 ? most : 1024;
    size_t n = (size_t)r->ctx;
    const struct tr_precision *p = cmd_precision(o->precision_number, err);
    if (!p)
        return err->code;
    tr_model_set_precision(r->m, p);
    tr_model_set_context(r->m, r->ctx);
    r->tok = cmd_tokenizer(tr_model_gguf(r->m), NULL, err);
    r->e = r->tok ? tr_eval_new(r->m, r->ctx, tr_loss_at(0), err) : NULL;
    if (!r->e)
        return err->code;
    r->token = malloc(n * sizeof *r->token);
    r->target = malloc(n * sizeof *r->target);
    r->pos = malloc(n * sizeof *r->pos);
    r->loss = malloc(n * sizeof *r->loss);
    return r->token && r->target && r->pos && r->loss ? 0 : tr_err_sys(err, "no room");
}

static int run(const struct opts *o, struct tr_err *err)
{
    struct run r = { 0 };
    struct cmd_adapters adapters = { 0 };
    struct tr_out *out = tr_out_open(o->output, err);
    r.m = out ? cmd_open_model(o->model, err) : NULL;
    int rc = r.m ? tr_gguf_check(tr_model_gguf(r.m), err) : err->code;
    if (!rc)
        rc = cmd_adapters_attach(&adapters, &o->adapters, r.m, o->force, err);
    struct cmd_text_out text = cmd_text_to(out);
    if (!rc && !(rc = cmd_text_copy(&text, o->after, err)) && !(rc = begin(&r, o, err))) {
        cmd_job("row");
        rc = each_row(&r, o->data, err);
        cmd_job_end();
    }
    if (!rc)
        print(tr_out_stream(out), o, &r);
    tr_eval_free(r.e);
    tr_tokenizer_free(r.tok);
    tr_model_close(r.m);
    cmd_adapters_release(&adapters);
    free(r.token);
    free(r.target);
    free(r.pos);
    free(r.loss);
    return tr_out_finish(out, rc, err);
}

int main(int argc, char **argv)
{
    struct opts o = { .output = "-", .label = "model" };
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "GGUF to ask"),
        CMD_INS('a', "adapter", &o.adapters, "FILE[:SCALE]",
                "adapter on top of it, may be given again"),
        CMD_FLAG(0, "force", &o.force, "also an adapter that was trained on another base"),
        CMD_INT('c', "ctx", &o.ctx, 2, 1 << 20, "N",
                "most tokens of a question with a choice; 1024, or what the model was made for"),
        CMD_CHOICE(0, "precision", &o.precision_number, cmd_precision_name, "NAME",
                   "of the matrix products"),
        CMD_OUT('o', "output", &o.output, "FILE", "where to write the table"),
        CMD_TEXT(0, "label", &o.label, "TEXT", "name of the model in the table"),
        CMD_IN(0, "after", &o.after, "FILE", "begin with the rows of this older table"),
        CMD_END
    };
    const struct cmd cmd = { "choice", "-m MODEL.gguf ROWS.jsonl",
                             "how often a model finds the right one of several answers", table, 1,
                             1, (const char *const[]){ "model", NULL } };
    struct tr_err err = { 0 };
    int n;
    o.data = *cmd_parse(&cmd, argc, argv, &n);
    int rc = run(&o, &err);
    free(o.adapters.item);
    return cmd_end(rc ? cmd_code(&err) : CMD_OK, &err);
}
