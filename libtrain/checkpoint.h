/* SPDX-License-Identifier: MIT
 *
 * Files of a training run: checkpoints (docs/formats/checkpoint.md), from which it goes
 * on bit for bit, and beside the target F.ckpt the folder F.ckpt.d/ with periodic saves
 * STEP.gguf, of which the newest valid one is found by looking, not by a pointer; the
 * adapter and the gradients as GGUF.
 */
#ifndef LIBTRAIN_CHECKPOINT_H
#define LIBTRAIN_CHECKPOINT_H

#include <libtrain/gguf.h>
#include <libtrain/trainer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Type, version, checksum and counts of an open file.  TR_EFORMAT, TR_EUNSUPPORTED. */
int tr_checkpoint_check(const struct tr_gguf *g, struct tr_err *err) TR_MUST_CHECK;

/* Write / go on from a checkpoint.  load refuses a file that is damaged or that no run
 * can have written (TR_EFORMAT), one of another run, naming every difference but the
 * length of the run, and one that has more steps than this run is to have (both
 * TR_EMISMATCH). */
int tr_trainer_save(const struct tr_trainer *t, const char *path,
                    struct tr_err *err) TR_MUST_CHECK;
int tr_trainer_load(struct tr_trainer *t, const char *path,
                    struct tr_err *err) TR_MUST_CHECK;

/* Let a run of these arguments go on from the finished checkpoint `path` for so many more
 * passes over the pack: a->steps becomes its steps and those, rounded up to whole ones.
 * TR_EMISMATCH if it is not finished.  Collective: rank 0 reads the file. */
int tr_train_args_extend(struct tr_train_args *a, const char *path,
                         const struct tr_pack *pack, int64_t epochs,
                         struct tr_err *err) TR_MUST_CHECK;

/* The adapter as it is now; TR_EUNSUPPORTED when training in full. */
int tr_trainer_save_adapter(const struct tr_trainer *t, const char *path,
                            struct tr_err *err) TR_MUST_CHECK;

/* Gradients of the last step before clipping, as GGUF, named as the parameters.
 * TR_EUNSUPPORTED with fused_step: they are gone. */
int tr_trainer_dump_grads(const struct tr_trainer *t, const char *path,
                          struct tr_err *err) TR_MUST_CHECK;

struct tr_saves;

/* The saves of target `ckpt`.  Makes the folder if there is none and locks it: another
 * process that has it locked is TR_EIO "locked by process N"; one process may have it once.
 * A folder that is a link or that another user owns is refused (TR_EIO). */
struct tr_saves *tr_saves_open(const char *ckpt, struct tr_err *err) TR_MUST_CHECK;

/* Unlock; the folder goes if it is empty.  NULL is allowed. */
void tr_saves_close(struct tr_saves *s);

/* The two ways to start t, which has made no step yet; `say`, which may be NULL, gets a line
 * for whatever the user should know.
 *
 * From the beginning: TR_EMISMATCH if there are saves of an earlier run, or if the target is
 * of this run and has more steps than it is to have.  With `restart` all checkpoints in the
 * folder are removed instead, of whatever run, and the target may be replaced. */
int tr_saves_begin(struct tr_saves *s, const struct tr_trainer *t, int restart,
                   void (*say)(void *ctx, const char *line), void *ctx,
                   struct tr_err *err) TR_MUST_CHECK;

/* From the furthest save that is valid and of this run, or from the finished target
 * itself, those of a run of the same length first; a line for each file that was passed
 * over, with the reason.  1 loaded (path in `from`, which holds `size` bytes), 0 there is
 * nothing, or an error: all that is valid is of another run, or there is more than this
 * run is to have (TR_EMISMATCH), or nothing is valid (TR_EFORMAT). */
int tr_saves_resume(struct tr_saves *s, struct tr_trainer *t,
                    void (*say)(void *ctx, const char *line), void *ctx, char *from,
                    size_t size, struct tr_err *err) TR_MUST_CHECK;

/* Save t as STEP.gguf; then remove all but the `keep` furthest of this run's saves up to
 * here. What is of another run or no checkpoint is neither replaced (TR_EIO) nor removed.
 * */
int tr_saves_write(struct tr_saves *s, const struct tr_trainer *t, int keep,
                   struct tr_err *err) TR_MUST_CHECK;

/* ---- a whole run ------------------------------------------------------------------ */

/* What a step took, and what is left to do. */
struct tr_train_progress {
    double val_loss;     /* over args.val; NAN: not measured after this step */
    double val_margin, val_accuracy; /* as in tr_step_stats, of the answers in args.val; NAN:
                            not measured, with rewards or where a file is the reference */
    uint64_t val_every;  /* of its sequences every so many-th, from the first one on */
    double tokens_per_s;
    double seconds;      /* since the first step that this process made */
    double seconds_left; /* to the end of the run, if it goes on so */
};

/* Files of a run and what its user wants to know of it.  All may be 0 or NULL. */
struct tr_train_hooks {
    const char *output;     /* the checkpoint; saves go to output.d/ */
    const char *lora_out;   /* the adapter, at every save and in the end */
    const char *checkpoint_out; /* a checkpoint at every save and in the end, beside `output` */
    const char *step_word;   /* in the two names above this word becomes the number of steps,
                                and then in a second file latest_word; NULL: it does not */
    const char *latest_word; /* NULL: there is no second file */
    const char *dump_grads; /* gradients of the first step of all */
    const char *from;       /* go on from this checkpoint */
    int resume;             /* go on from the furthest valid save, or from `output` */
    int restart;            /* or start over although there are saves: they are removed */
    int64_t save_every;     /* steps; 0: only when asked for, and when the run is stopped */
    int64_t keep;           /* newest saves to keep; 0: two */
    double eval_every;      /* steps, below 1 a share of all of them; args.val is measured at
                               the end, too */
    int64_t patience;       /* with eval_every: the run ends after so many measurements without a
                               lower loss; 0: not for that */
    double eval_cost;       /* with eval_every: as many sequences of args.val are measured as
                               take this share of the work of the steps; 0: all */

    void *ctx; /* handed to all of the following */
    /* Something happened, a line; a warning if so. */
    void (*say)(void *ctx, int warning, const char *line);
    /* Before the first step, on rank 0, after going on from a save. */
    int (*begin)(void *ctx, const struct tr_trainer *t, struct tr_err *err);
    /* After every step, on every rank. */
    void (*step)(void *ctx, const struct tr_trainer *t, const struct tr_step_stats *s,
                 const struct tr_train_progress *p);
    /* Asked after every step: save now?  Stop after saving?  A number above 0 is yes. */
    int (*save_wanted)(void *ctx);
    int (*stop_wanted)(void *ctx);
};

/* Make all steps that are left, or those to the end of patience, then write what was wanted; the checkpoint comes last, so
 * where it is, all is there.  A save on the way that fails is a warning.  0; or the
 * number above 0 with which stop_wanted stopped the run (the largest of all ranks), saved
 * if there is an `output`; or an error, before which what was trained is saved, unless it
 * diverged. Collective.  h may be NULL: then there is only what t has become.
 *
 * With eval_every and an output the checkpoint of the lowest loss that was measured is
 * output.d/best.gguf; where there is none, `output` itself is. */
int tr_train_run(struct tr_trainer *t, const struct tr_train_hooks *h,
                 struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
