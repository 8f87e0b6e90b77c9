/* SPDX-License-Identifier: MIT
 *
 * What became of a model's predictions.  Next: libtrain/train/divergence.c.
 */
#include "divergence.h"

#include "adapters.h"
#include "job.h"

#include <math.h>

static int measure(struct tr_model *m, struct tr_model *base, const struct tr_text_ids *x,
                   const struct tr_chunks *c, struct tr_divergence *d, struct tr_err *err)
{
    struct tr_progress progress = cmd_job("tok");
    struct tr_eval *to = NULL, *from = NULL;
    int rc = 0;
    tr_model_set_context(m, c->ctx);
    tr_model_set_context(base, c->ctx);
    if (!(to = tr_eval_new(m, c->ctx, tr_loss_at(0), err)) ||
        !(from = tr_eval_new(base, c->ctx, tr_loss_at(0), err)))
        rc = err->code;
    if (!rc) {
        tr_eval_watch(to, &progress);
        rc = tr_eval_divergence(to, from, x, c, d, err);
    }
    cmd_job_end();
    tr_eval_free(to);
    tr_eval_free(from);
    return rc;
}

/* Ids of the text in t, for x to point into, and the chunks to be taken of them. */
static int read_text(const struct cmd_text_in *in, int64_t chunks, struct tr_model *base,
                     struct tr_tokens *t, struct tr_text_ids *x, struct tr_chunks *c,
                     struct tr_err *err)
{
    *c = (struct tr_chunks){ .ctx = cmd_text_ctx(in, base, err) };
    int rc = c->ctx < 0 ? (int)c->ctx : cmd_text_ids(in, base, t, x, err);
    if (!rc) {
        c->n = tr_text_chunks(x, c->ctx);
        c->n = chunks && chunks < c->n ? chunks : c->n;
    }
    if (!rc && !c->n)
        rc = tr_err_set(err, TR_EFORMAT, "'%s' has no chunk of %lld tokens", in->path,
                        (long long)c->ctx);
    return rc;
}

int cmd_divergence(const struct cmd_text_in *in, int64_t chunks, struct tr_model *m,
                   struct tr_model *base, struct tr_divergence *d, struct tr_err *err)
{
    struct tr_tokens t = { 0 };
    struct tr_text_ids x;
    struct tr_chunks c;
    int rc = read_text(in, chunks, base, &t, &x, &c, err);
    if (!rc)
        rc = measure(m, base, &x, &c, d, err);
    tr_tokens_release(&t);
    return rc;
}

int cmd_kl_begin(struct cmd_kl *k, const char *text, const char *base, struct tr_err *err)
{
    struct cmd_text_in in = { .path = text };
    *k = (struct cmd_kl){ .base = cmd_open_model(base, err) };
    return k->base ? read_text(&in, 0, k->base, &k->tokens, &k->ids, &k->chunks, err)
                   : err->code;
}

void cmd_kl_end(struct cmd_kl *k)
{
    tr_tokens_release(&k->tokens);
    tr_model_close(k->base);
}

int cmd_kl_say(struct cmd_kl *k, const char *path, struct tr_err *err)
{
    struct tr_divergence d;
    struct tr_model *to = cmd_open_model(path, err);
    int rc = to ? measure(to, k->base, &k->ids, &k->chunks, &d, err) : err->code;
    if (!rc) {
        cmd_say("KL divergence %.6f \302\261 %.6f, median %.6f, 99 %% below %.6f", d.kl.mean,
                d.kl.error, d.kl_median, d.kl_99);
        cmd_say("perplexity %.4f -> %.4f, %+.3f \302\261 %.3f %%; the same token on top in "
                "%.2f \302\261 %.2f %% of %llu", exp(d.base_loss.mean), exp(d.loss.mean),
                100 * expm1(d.log_ratio.mean), 100 * exp(d.log_ratio.mean) * d.log_ratio.error,
                100 * d.same_top.mean, 100 * d.same_top.error, (unsigned long long)d.n);
    }
    tr_model_close(to);
    return rc;
}

void cmd_divergence_print(FILE *f, const struct tr_divergence *d)
{
    fputs("tokens\tperplexity\tbase_perplexity\tlog_ratio\tlog_ratio_error\tkl\tkl_error\t"
          "kl_median\tkl_99\tkl_max\tp_change\tp_change_error\tp_change_rms\tsame_top\t"
          "same_top_error\n", f);
    fprintf(f, "%llu\t%.9g\t%.9g\t%.9g\t%.3g\t%.9g\t%.3g\t%.9g\t%.9g\t%.9g",
            (unsigned long long)d->n, exp(d->loss.mean), exp(d->base_loss.mean),
            d->log_ratio.mean, d->log_ratio.error, d->kl.mean, d->kl.error, d->kl_median,
            d->kl_99, d->kl_max);
    fprintf(f, "\t%.9g\t%.3g\t%.9g\t%.9g\t%.3g\n", d->p_change.mean, d->p_change.error,
            d->p_change_rms, d->same_top.mean, d->same_top.error);
}
