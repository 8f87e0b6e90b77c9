/* SPDX-License-Identifier: MIT
 *
 * What is asked of a whole run, looked at before its first step.  Next: loop.c.
 */
#include <libtrain/optim/optim.h>
#include <libtrain/train/run.h>

#include <math.h>
#include <stdio.h>
#include <sys/statvfs.h>

int tr__keep(const struct tr_train_hooks *h)
{
    return h->keep ? (int)h->keep : 2;
}

/* Refuse now what would fail for want of disk space after hours. */
int tr__check_space(const struct tr_trainer *t, const struct tr_train_hooks *h,
                    struct tr_err *err)
{
    const struct tr_plan *p = &t->plan;
    struct statvfs fs;
    char dir[4096];
    snprintf(dir, sizeof dir, "%s.d", h->output);
    int64_t files = 1 + (h->save_every ? tr__keep(h) + 1 : 1) + (h->eval_every > 0);
    if (statvfs(dir, &fs))
        return 0;
    int64_t room = tr__optim_room(&t->params) * (int64_t)sizeof(float); /* is not saved */
    double wanted = (double)files * (double)(p->params + p->moments - room + (1 << 20));
    double there = (double)fs.f_bavail * (double)fs.f_frsize;
    if (wanted <= there)
        return 0;
    return tr_err_set(err, TR_EIO, "%s: checkpoints take %.1f MB, %.1f MB are free",
                      h->output, wanted / 1e6, there / 1e6);
}

int tr__check_hooks(const struct tr_trainer *t, const struct tr_train_hooks *h,
                    struct tr_err *err)
{
    if (!(h->eval_every >= 0) || !(h->eval_cost >= 0) || h->save_every < 0 || h->keep < 0)
        return tr_err_set(err, TR_EINVAL, "'%s' of a run is below 0",
                          !(h->eval_every >= 0)  ? "eval_every"
                          : !(h->eval_cost >= 0) ? "eval_cost"
                          : h->save_every < 0    ? "save_every"
                                                 : "keep");
    if (h->eval_every > 1 && h->eval_every != round(h->eval_every))
        return tr_err_set(err, TR_EINVAL, "'eval_every' of a run is %g: steps, or a share "
                          "of all below 1", h->eval_every);
    if (h->eval_every > 0 && !t->args.val)
        return tr_err_set(err, TR_EINVAL, "'eval_every' is set, but nothing to measure: "
                          "training argument 'val'");
    if (h->patience < 0 || (h->patience && !(h->eval_every > 0)))
        return tr_err_set(err, TR_EINVAL, "'patience' of a run is %lld: measurements without a "
                          "lower loss, which 'eval_every' asks for", (long long)h->patience);
    if (t->args.on_divergence->rewinds && !h->output)
        return tr_err_set(err, TR_EINVAL, "training argument 'on_divergence' is %s, which goes "
                          "back to saves: they need the 'output' of a run",
                          t->args.on_divergence->name);
    if (h->from && (h->resume || h->restart))
        return tr_err_set(err, TR_EINVAL, "'from' names a checkpoint, 'resume' and 'restart' "
                          "are about saves: not both");
    if (h->resume && h->restart)
        return tr_err_set(err, TR_EINVAL,
                          "'resume' goes on, 'restart' starts over: not both");
    if (h->dump_grads && t->args.optim->minimise)
        return tr_err_set(err, TR_EUNSUPPORTED, "'dump_grads' of a run: optimizer '%s' asks "
                          "for many gradients in a step", t->args.optim->name);
    if (((h->save_every && !h->checkpoint_out && !h->lora_out) || h->resume) && !h->output)
        return tr_err_set(err, TR_EINVAL, "saves need the 'output' of a run beside which "
                          "they lie");
    return 0;
}
