/* SPDX-License-Identifier: MIT
 *
 * A whole run: go on from a save, step, measure, save, and write what was wanted in the
 * end. The order is what makes it safe: what can be refused is refused before the first
 * step, a checkpoint is written last, so that where it is, all is there, and what fails
 * on the way leaves what was trained among the saves.  With several ranks all of them
 * come through here; files are rank 0's.
 */
#include <libtrain/checkpoint.h>
#include <libtrain/comm.h>
#include <libtrain/machine.h>
#include <libtrain/train/run.h>
#include <libtrain/train/saves.h>

#include <math.h>
#include <stdio.h>
#include <unistd.h>

struct loop {
    struct tr_trainer *t;
    const struct tr_train_hooks *h;
    struct tr_saves *saves; /* NULL: nothing is saved, or another rank does */
    double began;           /* of the first step that this process makes */
    int64_t first;          /* updates made before it */
    struct tr__held_out held_out;
};

static void say(const struct loop *l, int warning, const char *line)
{
    if (l->h->say)
        l->h->say(l->h->ctx, warning, line);
}

/* ---- going back ------------------------------------------------------------------- */

static int rewinds(const struct loop *l)
{
    return l->t->args.on_divergence->rewinds > 0;
}

/* A save to go back to must be there from the beginning, and where a run goes on that had none
 * until now.  A run that was stopped between two of them still has the one before. */
static int set_anchor(struct loop *l, struct tr_err *err)
{
    struct tr__save at;
    struct tr__remembered *past = &l->t->past;
    if (!rewinds(l) || !l->saves ||
        (l->t->step && tr__save_look(l->saves, l->t, (int64_t)past->anchor, &at) &&
         at.kind == TR__SAVE_OWN))
        return 0;
    past->anchor = (double)l->t->step;
    past->rewinds = 0;
    return tr_saves_write(l->saves, l->t, tr__keep(l->h), err);
}

/* The save that is made now is the one to go back to: it says so itself.  But one of a step that
 * was not finite is what went wrong. */
static void move_anchor(struct loop *l, const struct tr_step_stats *s)
{
    if (!rewinds(l) || s->skipped)
        return;
    l->t->past.anchor = (double)s->step;
    l->t->past.rewinds = 0;
}

/* Collective. */
static int recover(struct loop *l, const struct tr_step_stats *s, struct tr_err *err)
{
    char path[4096] = "", line[160];
    int rc = l->saves ? tr__save_path(l->saves, (int64_t)l->t->past.anchor, path, sizeof path,
                                      err)
                      : 0;
    if ((rc = tr_comm_agree(rc, err)) || (rc = tr__rewind(l->t, s, path, err)) <= 0)
        return rc;
    snprintf(line, sizeof line, "step %lld was not finite: going on with the parameters of step "
             "%g, behind its data (%g of %d times)", (long long)s->step, l->t->past.anchor,
             l->t->past.rewinds, l->t->args.on_divergence->rewinds);
    say(l, 1, line);
    return 0;
}

/* ---- the lowest held-out loss ------------------------------------------------------ */

/* Nothing is lost if it fails but this copy. */
static void write_best(struct loop *l, int last)
{
    struct tr_err err = { 0 };
    char line[600];
    if (!l->saves)
        return;
    int rc = last ? tr__saves_remove_best(l->saves, &err)
                  : tr__saves_write_best(l->saves, l->t, &err);
    snprintf(line, sizeof line, "the best so far is not kept: %s", err.text);
    if (rc)
        say(l, 1, line);
}

/* Where the end is the best, the target is it. */
static void note_held_out(struct loop *l, double loss, int last)
{
    struct tr__remembered *past = &l->t->past;
    if (isnan(loss) || !l->held_out.every)
        return;
    if (past->best_step > 0 && loss >= past->best_loss) {
        past->since_best++;
        return;
    }
    past->best_loss = loss;
    past->best_step = (double)l->t->step;
    past->since_best = 0;
    write_best(l, last);
}

static int out_of_patience(const struct loop *l)
{
    return l->h->patience && l->t->past.since_best >= (double)l->h->patience;
}

static void tell_best(const struct loop *l)
{
    const struct tr__remembered *past = &l->t->past;
    char line[600];
    if (out_of_patience(l) && l->t->step < l->t->total) {
        snprintf(line, sizeof line, "no lower held-out loss in %g measurements: the run ends after "
                 "step %lld of %lld", past->since_best, (long long)l->t->step,
                 (long long)l->t->total);
        say(l, 0, line);
    }
    char best[4096];
    snprintf(best, sizeof best, "%s.d/" TR__BEST, l->h->output ? l->h->output : "");
    if (!l->h->output || !(past->best_step > 0) || past->best_step == (double)l->t->step ||
        access(best, F_OK)) /* another run's, which this one goes on from, may have it */
        return;
    snprintf(line, sizeof line, "the held-out loss was lowest, %.4f, after step %g: '%.400s'",
             past->best_loss, past->best_step, best);
    say(l, 0, line);
}

/* ---- beginning -------------------------------------------------------------------- */

static void tell_of_saves(void *ctx, const char *line)
{
    say(ctx, 0, line);
}

static void warn_of_saves(void *ctx, const char *line)
{
    say(ctx, 1, line);
}

static int resume(struct loop *l, struct tr_err *err)
{
    char from[4096], line[4200];
    int rc = tr_saves_resume(l->saves, l->t, warn_of_saves, l, from, sizeof from, err);
    if (rc <= 0)
        return rc;
    snprintf(line, sizeof line, "going on from '%s', step %lld", from,
             (long long)l->t->step);
    say(l, 0, line);
    return 0;
}

static int open_saves(struct loop *l, struct tr_err *err)
{
    if (!(l->saves = tr_saves_open(l->h->output, err)))
        return err ? err->code : TR_EIO;
    int rc = l->h->resume
                 ? resume(l, err)
                 : tr_saves_begin(l->saves, l->t, l->h->restart, tell_of_saves, l, err);
    return rc ? rc : tr__check_space(l->t, l->h, err);
}

/* A checkpoint that the caller names. */
static int go_on_from(struct loop *l, struct tr_err *err)
{
    char line[4200];
    int rc = tr_trainer_load(l->t, l->h->from, err);
    if (rc)
        return rc;
    snprintf(line, sizeof line, "going on from '%s', step %lld", l->h->from,
             (long long)l->t->step);
    say(l, 0, line);
    return 0;
}

static void say_warnings(const struct loop *l)
{
    const char *line;
    for (size_t i = 0; (line = tr_trainer_warning(l->t, i)); i++)
        say(l, 1, line);
}

/* What only rank 0 has: the files that are written, and the save to go on from. */
static int begin(struct loop *l, struct tr_err *err)
{
    if (tr_comm_rank())
        return 0;
    int rc = l->h->output ? open_saves(l, err) : 0;
    if (!rc && l->h->from)
        rc = go_on_from(l, err);
    if (!rc)
        rc = set_anchor(l, err);
    if (!rc && l->t->step && l->t->past.best_step == (double)l->t->step)
        write_best(l, l->t->step == l->t->total); /* a target that will be replaced */
    if (!rc)
        say_warnings(l);
    if (!rc && l->h->dump_grads && l->t->step)
        say(l, 1, "no gradients will be written: the first step is made already");
    if (!rc && l->h->begin)
        rc = l->h->begin(l->h->ctx, l->t, err);
    return rc;
}

/* ---- on the way ------------------------------------------------------------------- */

/* A failed save on the way is a warning: the last good one is still there.  0 if the run
 * can go on from this one. */
static int save_now(struct loop *l)
{
    struct tr_err err = {0};
    char line[600];
    int rc = l->saves ? tr_saves_write(l->saves, l->t, tr__keep(l->h), &err) : 0;
    int failed = rc;
    if (!rc && !tr_comm_rank())
        failed = tr__write_named(l->t, l->h, &err);
    snprintf(line, sizeof line, "not saved: %s", err.text);
    if (failed)
        say(l, 1, line);
    return l->saves ? rc : failed;
}

static int is_due(int64_t every, int64_t step)
{
    return every && step % every == 0;
}

static int asks(int (*hook)(void *ctx), void *ctx)
{
    return hook ? hook(ctx) : 0;
}

static void tell(const struct loop *l, const struct tr_step_stats *s,
                 const struct tr__measured *val, double step_seconds)
{
    double seconds = tr_machine_seconds() - l->began;
    int64_t made = s->step - l->first, left = l->t->total - s->step;
    struct tr_train_progress p = { .val_loss = val->loss,
                                   .val_margin = val->margin,
                                   .val_accuracy = val->accuracy,
                                   .val_every = l->held_out.stride,
                                   .tokens_per_s = (double)s->n_token / step_seconds,
                                   .seconds = seconds,
                                   .seconds_left = seconds / (double)made * (double)left };
    if (l->h->step)
        l->h->step(l->h->ctx, l->t, s, &p);
}

/* The ranks go on from the same bits as whoever goes on from this save. */
static void align(const struct loop *l)
{
    tr_trainer_use_average(l->t, 0);
    int differed = tr_trainer_align(l->t);
    tr_trainer_use_average(l->t, 1);
    if (differed)
        say(l, 0, "processes had drifted apart, as machines of different kinds may: all go "
                  "on from the parameters of rank 0");
}

static int after_step(struct loop *l, const struct tr_step_stats *s, double seconds,
                      struct tr_err *err)
{
    const struct tr_train_hooks *h = l->h;
    int last = s->step == l->t->total, rc = 0;
    struct tr__measured val = { NAN, NAN, NAN };
    tr_trainer_use_average(l->t, 1);
    if (l->t->args.val && (last || is_due(l->held_out.every, s->step)) &&
        (rc = tr__measure_held_out(l->t, &l->held_out, &val, err)))
        return rc;
    note_held_out(l, val.loss, last);
    tell(l, s, &val, seconds);
    if (s->step == 1 && h->dump_grads && !tr_comm_rank())
        rc = tr_trainer_dump_grads(l->t, h->dump_grads, err);
    int save = !last && is_due(h->save_every, s->step);
    double anchor = l->t->past.anchor;
    if (save) {
        align(l);
        move_anchor(l, s);
    }
    if ((asks(h->save_wanted, h->ctx) || save) && save_now(l))
        l->t->past.anchor = anchor; /* the one before is still there */
    return rc; /* not before align, which is collective */
}

/* A rule may end the run with the step that was just made: then it is complete. */
static void look_for_end(struct loop *l, const struct tr_step_stats *s)
{
    char why[160], line[240];
    if (!tr__stop_due(l->t, s->loss, why, sizeof why) || s->step == l->t->total)
        return;
    snprintf(line, sizeof line, "step %lld of %lld is the last: %s", (long long)s->step,
             (long long)l->t->total, why);
    l->t->total = s->step;
    say(l, 0, line);
}

/* 0 at the end, what the hook said if it stopped the run, or an error. */
static int steps(struct loop *l, struct tr_err *err)
{
    l->began = tr_machine_seconds();
    l->first = l->t->step;
    while (l->t->step < l->t->total && !out_of_patience(l)) {
        struct tr_step_stats s;
        double start = tr_machine_seconds();
        int rc = tr_trainer_step(l->t, &s, err);
        double seconds = tr_machine_seconds() - start;
        if (!rc)
            look_for_end(l, &s);
        if (!rc)
            rc = recover(l, &s, err);
        if (!rc)
            rc = after_step(l, &s, seconds, err);
        if ((rc = tr_comm_agree(rc, err))) {
            tr_trainer_use_average(l->t, 1);
            if (rc != TR_EDIVERGED && l->t->step) /* a bad block of data, say: keep what is */
                save_now(l);
            return rc;
        }
        /* a signal, say, may have reached only one */
        int why = tr_comm_max(asks(l->h->stop_wanted, l->h->ctx));
        if (why > 0 && l->t->step < l->t->total)
            return why;
    }
    return 0;
}

/* ---- the end ---------------------------------------------------------------------- */

static void stop(struct loop *l)
{
    char line[120];
    if (save_now(l) || !(l->saves || l->h->checkpoint_out))
        return;
    snprintf(line, sizeof line, "stopped after step %lld and saved; %s goes on from there",
             (long long)l->t->step, l->saves ? "--resume" : "its checkpoint");
    say(l, 0, line);
}

static void tell_kept(const struct loop *l)
{
    char line[600];
    snprintf(line, sizeof line, "what was trained is kept as '%.400s.d/%lld.gguf': when "
             "the outputs can be written, --resume writes them", l->h->output,
             (long long)l->t->step);
    say(l, 1, line);
}

/* The checkpoint comes last: where it is, all is there.  If it cannot be written, what was
 * trained is kept among the saves. */
static int finish(struct loop *l, struct tr_err *err)
{
    const struct tr_train_hooks *h = l->h;
    int rc = 0;
    tr_trainer_use_average(l->t, 1);
    tell_best(l);
    if (tr_comm_rank())
        return 0;
    rc = tr__write_named(l->t, h, err);
    if (!rc && h->output)
        rc = tr_trainer_save(l->t, h->output, err);
    if (rc && rc != TR_EDIVERGED && !save_now(l) && l->saves)
        tell_kept(l);
    return rc;
}

int tr_train_run(struct tr_trainer *t, const struct tr_train_hooks *h, struct tr_err *err)
{
    static const struct tr_train_hooks none;
    struct loop l = { .t = t, .h = h ? h : &none };
    int rc = tr__check_runs(t, err);
    if (!rc)
        rc = tr__check_hooks(t, l.h, err);
    if (rc)
        return rc;
    l.held_out = tr__plan_held_out(t, l.h);
    if (!(rc = tr_comm_agree(begin(&l, err), err)) && !(rc = tr_trainer_join(t, err)))
        rc = steps(&l, err);
    if (rc > 0)
        stop(&l);
    else if (!rc)
        rc = tr_comm_agree(finish(&l, err), err);
    tr_saves_close(l.saves);
    return rc;
}
