/* SPDX-License-Identifier: MIT
 *
 * To go back is to take parameters and moments of a save, not its place: the number of steps and
 * the data go on, so that the rate falls as it would have, no row is seen twice and those that
 * were bad are behind the run (Chowdhery et al. 2022, "PaLM", 5.1, which goes back and leaves
 * out batches).  Next: loop.c.
 */
#include <libtrain/comm.h>
#include <libtrain/train/run.h>

/* Only the place is another than after tr_trainer_load: that of the run, whatever becomes of
 * it. */
static int take_back(struct tr_trainer *t, const char *path, struct tr_err *err)
{
    int64_t step = t->step;
    uint64_t sample = t->sample;
    struct tr__remembered past = t->past;
    int rc = tr_comm_agree(tr_comm_rank() ? 0 : tr_trainer_load(t, path, err), err);
    if (!rc)
        rc = tr_trainer_join(t, err);
    t->step = step;
    t->sample = sample;
    t->past = past;
    return rc;
}

int tr__rewind(struct tr_trainer *t, const struct tr_step_stats *s, const char *path,
               struct tr_err *err)
{
    const struct tr_on_divergence *how = t->args.on_divergence;
    if (!s->skipped || !how->rewinds)
        return 0;
    if (t->past.rewinds >= how->rewinds)
        return tr_err_set(err, TR_EDIVERGED, "diverged at step %lld: loss %g, gradient norm %g, "
                          "after going back to step %g %g times", (long long)s->step, s->loss,
                          s->grad_norm, t->past.anchor, t->past.rewinds);
    t->past.rewinds++;
    if (!take_back(t, path, err))
        return 1;
    tr_err_prefix(err, "diverged at step %lld, and there is no way back", (long long)s->step);
    return tr_err_set(err, TR_EDIVERGED, "%s", err->text);
}
