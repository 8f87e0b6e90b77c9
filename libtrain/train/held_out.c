/* SPDX-License-Identifier: MIT
 *
 * How much of the held-out data is measured on the way.  All of it, ten times in a run, would
 * take a third as long as a pass over the data.  The share of the work that is allowed gives
 * a number of sequences; they are spread evenly, and are the same every time, so that the
 * points of a curve can be compared.  No clock has a say in it.  Next: loop.c, eval.c.
 */
#include <libtrain/train/eval.h>
#include <libtrain/train/run.h>

#include <math.h>

/* Forward alone beside forward and backward: half of it for an adapter, a third for all
 * weights; answers are asked for again, and their reference. */
static double forward_share(const struct tr_trainer *t)
{
    int again = tr__compares_held_out(t) ? 1 + t->asks_reference : 0;
    return (t->args.full ? 1.0 / 3 : 0.5) * (1 + again);
}

static double steps_between(const struct tr_trainer *t, double every)
{
    return every > 0 && every < 1 ? fmax(1, round(every * (double)t->total)) : round(every);
}

static uint64_t stride(const struct tr_trainer *t, double every, double cost)
{
    const struct tr_pack_info *val = tr_pack_info(t->args.val), *data = tr_pack_info(t->pack);
    double times = ceil((double)t->total / every);
    double all = times * (double)val->n_token * forward_share(t);
    double positions = (double)data->n_token / (double)data->n_seq;
    double allowed = cost * (double)tr__run_samples(t) * positions;
    return (uint64_t)fmax(1, fmin(ceil(all / allowed), (double)val->n_seq));
}

struct tr__held_out tr__plan_held_out(const struct tr_trainer *t,
                                      const struct tr_train_hooks *h)
{
    double every = steps_between(t, h->eval_every);
    int some = every > 0 && h->eval_cost > 0 && t->total > 0;
    return (struct tr__held_out){ (int64_t)every, some ? stride(t, every, h->eval_cost) : 1 };
}

/* Sequences of which none counts, prompts alone, say nothing: then more of them are taken, now
 * and later. */
int tr__measure_held_out(struct tr_trainer *t, struct tr__held_out *what,
                         struct tr__measured *x, struct tr_err *err)
{
    uint64_t n_counted = 0;
    int rc = tr_eval_part(t->eval, t->args.val, what->stride, NULL, &x->loss, &n_counted,
                          err);
    while (!rc && !n_counted && what->stride > 1) {
        what->stride = (what->stride + 1) / 2;
        rc = tr_eval_part(t->eval, t->args.val, what->stride, NULL, &x->loss, &n_counted,
                          err);
    }
    return rc || !tr__compares_held_out(t) ? rc
                                           : tr__compare_held_out(t, what->stride, x, err);
}
