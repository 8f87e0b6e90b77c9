/* SPDX-License-Identifier: MIT
 *
 * Steps that are not finite, and losses that are, but far above what was usual.  Next:
 * remembered.c, rewind.c.
 */
#include <libtrain/train/run.h>

#include <math.h>
#include <stdio.h>

enum {
    WINDOW = 64, /* steps after which what was counts 1/e in the usual loss */
    FEW = 20     /* steps that say nothing about what is usual */
};

/* ---- spikes ----------------------------------------------------------------------- */

/* Losses of small steps vary, so both their spread and their size have a say. */
static int is_spike(double above, double deviation, double mean)
{
    return above > 6 * deviation && above > 0.25 * fabs(mean);
}

void tr__watch_loss(struct tr_trainer *t, struct tr_step_stats *s)
{
    struct tr__remembered *p = &t->past;
    double above = s->loss - p->loss_mean, deviation = sqrt(p->loss_variance);
    s->usual_loss = p->loss_mean;
    if (s->skipped)
        return;
    if (p->loss_mean == 0 && p->loss_variance == 0) { /* nothing is known yet */
        p->loss_mean = s->loss;
        return;
    }
    if (s->step > FEW && deviation > 0 && is_spike(above, deviation, p->loss_mean)) {
        s->spike = above / deviation;
        above = 6 * deviation; /* no more than that becomes usual */
    }
    double share = 1.0 / (double)(s->step < WINDOW ? s->step : WINDOW);
    p->loss_mean += share * above;
    p->loss_variance = (1 - share) * (p->loss_variance + share * above * above);
}

/* ---- steps that are not finite ---------------------------------------------------- */

/* " (sequences 3 17 of 'data.pack')": what the step was made of, as far as there is room. */
static void its_rows(const struct tr_trainer *t, const struct tr_step_stats *s, char *text,
                     size_t size)
{
    enum { MANY = 16 };
    size_t n = (size_t)snprintf(text, size, " (sequences");
    for (int64_t i = 0; i < s->n_seq && i < MANY && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, " %llu",
                              (unsigned long long)tr__sequence_of(
                                  t, s->first_sample + (uint64_t)i));
    if (n < size)
        snprintf(text + n, size - n, "%s of '%s')", s->n_seq > MANY ? " …" : "",
                 tr_pack_path(t->pack));
}

int tr__count_bad(struct tr_trainer *t, const struct tr_step_stats *s, struct tr_err *err)
{
    t->past.bad = s->skipped ? t->past.bad + 1 : 0;
    if (t->past.bad < t->args.on_divergence->in_a_row)
        return 0;
    char rows[400];
    its_rows(t, s, rows, sizeof rows);
    return tr_err_set(err, TR_EDIVERGED,
                      "diverged at step %lld%s: loss %g, gradient norm %g, %g step%s in a row",
                      (long long)s->step, rows, s->loss, s->grad_norm, t->past.bad,
                      t->past.bad > 1 ? "s" : "");
}
