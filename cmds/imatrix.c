/* SPDX-License-Identifier: MIT
 *
 * imatrix - importance of the columns of a model's weights.  See imatrix.1
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/job.h"
#include "shared/text-ids.h"
#include "shared/text-out.h"
#include "shared/vocab.h"

#include <libtrain/eval.h>
#include <libtrain/file.h>
#include <libtrain/imatrix.h>
#include <libtrain/printable.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL_CHUNK = 512 }; /* llama.cpp's default, where no file says another */

struct opts {
    const char *model, *output;
    struct cmd_text_in text;
    struct cmd_list adapters, in;
    int64_t chunks, from;
    int force, precision, output_weight, show;
};

/* ---- from a model ----------------------------------------------------------------- */

/* The chunks that are asked for, as far as the text goes. */
static int choose_chunks(const struct opts *o, const struct tr_text_ids *x, int64_t ctx,
                         struct tr_chunks *c, struct tr_err *err)
{
    int64_t n = tr_text_chunks(x, ctx);
    if (o->from >= n)
        return tr_err_set(err, TR_EFORMAT, "'%s' has %lld chunks of %lld tokens%s",
                          o->text.path, (long long)n, (long long)ctx,
                          n ? ", from 0 on" : ": shorter ones come with -c");
    *c = (struct tr_chunks){ ctx, o->from, n - o->from };
    if (o->chunks && o->chunks < c->n)
        c->n = o->chunks;
    return 0;
}

static int run_chunks(struct tr_model *m, const struct tr_text_ids *x,
                      const struct tr_chunks *c, struct tr_err *err)
{
    struct tr_progress progress = cmd_job("tok");
    struct tr_eval *e = tr_eval_new(m, c->ctx, tr_loss_at(0), err);
    int rc = e ? 0 : err->code;
    if (e)
        tr_eval_watch(e, &progress);
    if (!rc)
        rc = tr_eval_chunks(e, x, c, err);
    cmd_job_end();
    tr_eval_free(e);
    return rc;
}

static int collect_from(const struct opts *o, struct tr_model *m, struct tr_imatrix_sums *s,
                        int64_t ctx, struct tr_err *err)
{
    struct tr_tokens t = { 0 };
    struct tr_text_ids x;
    struct tr_chunks c;
    int rc = cmd_text_ids(&o->text, m, &t, &x, err);
    if (!rc)
        rc = choose_chunks(o, &x, ctx, &c, err);
    if (!rc) {
        tr_model_set_context(m, ctx);
        tr_imatrix_sums_watch(s, m, o->output_weight);
        rc = run_chunks(m, &x, &c, err);
    }
    if (!rc)
        rc = tr_imatrix_sums_error(s, err);
    if (!rc)
        rc = tr_imatrix_sums_add_text(s, o->text.path, err);
    if (!rc)
        cmd_say("%lld chunks of %lld tokens", (long long)c.n, (long long)ctx);
    tr_tokens_release(&t);
    return rc;
}

static struct tr_model *open_model(const struct opts *o, struct cmd_adapters *adapters,
                                   struct tr_err *err)
{
    const struct tr_precision *precision;
    struct tr_model *m = cmd_open_model(o->model, err);
    if (m && !tr_gguf_check(tr_model_gguf(m), err) &&
        !cmd_adapters_attach(adapters, &o->adapters, m, o->force, err) &&
        (precision = cmd_precision(o->precision, err))) {
        tr_model_set_precision(m, precision);
        return m;
    }
    tr_model_close(m);
    return NULL;
}

/* ---- from files ------------------------------------------------------------------- */

/* Does it belong to the model?  Sizes that differ would stop the run, at its end. */
static int check_file(const struct tr_imatrix *im, const struct tr_gguf *g, struct tr_err *err)
{
    const struct tr_imatrix_entry *e;
    size_t n = 0;
    for (size_t i = 0; (e = tr_imatrix_at(im, i)); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_find_tensor(g, e->name);
        int64_t n_mat = 1;
        for (int k = 0; t && k < t->n_dim - 2; k++)
            n_mat *= t->dim[k];
        n += t != NULL;
        if (t && !tr_imatrix_find(im, t->name, tr_gguf_row(t), n_mat, err) && err->code)
            return err->code;
    }
    if (!n)
        cmd_warn("'%s' has no entry for any tensor of '%s': it is of another model",
                 tr_imatrix_info(im)->path, tr_gguf_path(g));
    return 0;
}

static int add_file(struct tr_imatrix_sums *s, const char *path, const struct tr_gguf *g,
                    int64_t *chunk, struct tr_err *err)
{
    struct tr_imatrix *im = tr_imatrix_open(path, err);
    if (!im)
        return err->code;
    const struct tr_imatrix_info *info = tr_imatrix_info(im);
    if (!*chunk)
        *chunk = info->chunk_size;
    int rc = g ? check_file(im, g, err) : 0;
    if (!rc)
        rc = tr_imatrix_sums_add(s, im, *chunk ? *chunk : USUAL_CHUNK, err);
    tr_imatrix_close(im);
    return rc;
}

static int add_files(const struct opts *o, struct tr_imatrix_sums *s, const struct tr_model *m,
                     int64_t *chunk, struct tr_err *err)
{
    const struct tr_gguf *g = m ? tr_model_gguf(m) : NULL;
    int rc = 0;
    for (size_t i = 0; !rc && i < o->in.n; i++)
        rc = add_file(s, o->in.item[i], g, chunk, err);
    return rc;
}

/* ---- what is told ----------------------------------------------------------------- */

static void print_stats(struct tr_imatrix_sums *s, FILE *f)
{
    struct tr_imatrix_stats t;
    fputs("tensor\tmatrices\tidle\tcolumns\tsum\tmin\tmax\tmean\tdeviation\tactive\tentropy\t"
          "entropy_share\toutlying\tsimilarity\n", f);
    for (size_t i = 0; tr_imatrix_sums_stats(s, i, &t); i++) {
        tr_print_escaped(f, t.name, strlen(t.name));
        fprintf(f, "\t%lld\t%lld\t%lld", (long long)t.n_mat, (long long)t.n_idle,
                (long long)t.n);
        fprintf(f, "\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\n", t.sum,
                t.n ? t.min : 0, t.max, t.mean, t.deviation, t.active, t.entropy,
                t.n > 1 ? t.entropy / log2((double)t.n) : 0, t.outlying, t.similarity);
    }
}

/* Quantising takes an expert that nothing came to for one whose columns are all alike. */
static void tell_idle(const struct tr_imatrix_sums *s)
{
    int64_t tensors, idle = tr_imatrix_sums_idle(s, &tensors);
    if (idle)
        cmd_warn("no token came to %lld matrices of experts, in %lld tensors: a longer text "
                 "may reach them", (long long)idle, (long long)tensors);
}

static int run(const struct opts *o, struct tr_err *err)
{
    struct cmd_adapters adapters = { 0 };
    struct tr_model *m = NULL;
    int64_t chunk = o->text.ctx;
    struct tr_imatrix_sums *s = tr_imatrix_sums_new(err);
    int rc = s ? cmd_writable(o->output, err) : TR_ENOMEM;
    if (!rc && o->model && !(m = open_model(o, &adapters, err)))
        rc = err->code;
    if (!rc && m && (chunk = cmd_text_ctx(&o->text, m, err)) < 0)
        rc = err->code;
    if (!rc)
        rc = add_files(o, s, m, &chunk, err);
    if (!rc && m)
        rc = collect_from(o, m, s, chunk, err);
    if (!rc)
        tell_idle(s);
    if (!rc && o->output)
        rc = tr_imatrix_sums_write(s, o->output, chunk ? chunk : USUAL_CHUNK, err);
    if (!rc && o->show)
        print_stats(s, stdout);
    tr_model_close(m);
    cmd_adapters_release(&adapters);
    tr_imatrix_sums_free(s);
    return rc ? CMD_FAIL : CMD_OK;
}

int main(int argc, char **argv)
{
    struct opts o = { 0 };
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "GGUF whose weights it is about"),
        CMD_IN('f', "file", &o.text.path, "FILE", "text; - is standard input"),
        CMD_OUT('o', "output", &o.output, "FILE", "where to write the importance matrix"),
        CMD_INS('a', "adapter", &o.adapters, "FILE[:SCALE]",
                 "adapter on top of the model, may be given again"),
        CMD_FLAG(0, "force", &o.force, "also an adapter that was trained on another base"),
        CMD_INS(0, "in-file", &o.in, "FILE",
                "importance matrix to add, may be given again"),
        CMD_INT('c', "ctx", &o.text.ctx, 2, TR_PACK_MAX_CTX, "N",
                "tokens in a chunk; 512, or what the model was made for"),
        CMD_INT(0, "chunks", &o.chunks, 1, INT32_MAX, "N", "chunks of the text; all"),
        CMD_INT(0, "from-chunk", &o.from, 0, INT32_MAX, "N", "begin with this one"),
        CMD_FLAG(0, "output-weight", &o.output_weight, "the output matrix, too"),
        CMD_FLAG(0, "show", &o.show, "print how importance is spread, by tensor, as TSV"),
        CMD_TEXT(0, "pre", &o.text.pre, "NAME", CMD_PRE_HELP),
        CMD_FLAG(0, "special", &o.text.special, CMD_SPECIAL_HELP),
        CMD_FLAG(0, "binary", &o.text.binary, CMD_BINARY_HELP),
        CMD_CHOICE(0, "precision", &o.precision, cmd_precision_name, "NAME",
                   "of the matrix products"),
        CMD_END
    };
    const struct cmd cmd = {
        "imatrix", "-m MODEL.gguf -f TEXT -o OUT.gguf [--in-file FILE]…",
        "importance of the columns of a model's weights, for quantize", table, 0, 0,
        (const char *const[]){ "file|in-file", "output|show", NULL }
    };
    struct tr_err err = { 0 };
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    if (!o.model != !o.text.path)
        cmd_usage(&cmd, "'--model' and '--file' go together");
    int rc = run(&o, &err);
    free(o.adapters.item);
    free(o.in.item);
    return cmd_end(rc, &err);
}
