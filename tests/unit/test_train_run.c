/* SPDX-License-Identifier: MIT
 *
 * A whole run by one call, with what its user is told and asked; and what a trainer answers
 * to calls that cannot be: past the end, on data of another model, on a plan.
 */
#include "open_run.h"
#include "run_args.h"
#include "training_run.h"

#include <libtrain/checkpoint.h>

#include <math.h>

static const char *target, *lora, *grads;

static void make_files(void)
{
    open_run(7);
    target = in_dir("run.ckpt");
    lora = in_dir("lora.gguf");
    grads = in_dir("grads.gguf");
}

static struct tr_trainer *trainer(const char *words, struct tr_pack *val)
{
    struct tr_train_args a = run_args(words);
    struct tr_err err = {0};
    a.val = val;
    struct tr_trainer *t = tr_trainer_new(m, pack, &a, &err);
    ck_assert_msg(t != NULL, "%s", err.text);
    return t;
}

/* ---- what a user sees ------------------------------------------------------------- */

struct seen {
    int64_t step, measured, began, save_at, stop_at; /* steps; 0: never */
    int n_step, n_measured, n_said, n_warning;
    char said[600]; /* the last line */
    double last_loss;
    uint64_t stride;   /* of held-out sequences, of the last measurement */
    int parts;         /* look whether its loss is that of these sequences */
    int64_t bad_at, good_at; /* after these steps parameters become absurd, and again what they
                                were */
    int n_skipped;
};

static float *as_they_were;

static void make_absurd(const struct tr_params *p)
{
    free(as_they_were);
    as_they_were = copy_of(p->value, p->count);
    for (int64_t i = 0; i < p->count; i++)
        p->value[i] *= 1e30f;
}

static void say(void *ctx, int warning, const char *line)
{
    struct seen *x = ctx;
    x->n_said++;
    x->n_warning += warning;
    snprintf(x->said, sizeof x->said, "%s", line);
}

static int begin(void *ctx, const struct tr_trainer *t, struct tr_err *err)
{
    struct seen *x = ctx;
    (void)err;
    ck_assert_int_eq(x->n_step, 0);
    x->began = tr_trainer_step_count(t);
    return 0;
}

/* The mean over every stride-th sequence of the pack, as the model is now. */
static double mean_of_part(uint64_t stride)
{
    uint64_t n_seq = tr_pack_info(pack)->n_seq, n;
    struct tr_sequence_loss seq[16];
    struct tr_eval *e = tr_eval_new(m, TINY_CTX, tr_loss_at(0), NULL);
    double all, sum = 0, weight = 0;
    ck_assert(n_seq <= 16 && !tr_eval_sequences(e, pack, seq, &all, &n, NULL));
    for (uint64_t i = 0; i < n_seq; i += stride) {
        sum += seq[i].weight * seq[i].loss;
        weight += seq[i].weight;
    }
    tr_eval_free(e);
    return sum / weight;
}

static void step(void *ctx, const struct tr_trainer *t, const struct tr_step_stats *s,
                 const struct tr_train_progress *p)
{
    struct seen *x = ctx;
    x->n_step++;
    x->step = s->step;
    x->last_loss = s->loss;
    x->n_skipped += s->skipped;
    if (s->step == x->bad_at)
        make_absurd(tr_trainer_params(t));
    if (s->step == x->good_at)
        memcpy(tr_trainer_params(t)->value, as_they_were,
               (size_t)tr_trainer_params(t)->count * sizeof *as_they_were);
    ck_assert_int_eq(tr_trainer_step_count(t), s->step);
    ck_assert(p->tokens_per_s > 0 && p->seconds > 0 && p->seconds_left >= 0);
    if (isnan(p->val_loss))
        return;
    x->n_measured++;
    x->measured = s->step;
    x->stride = p->val_every;
    if (x->parts)
        ck_assert_double_eq_tol(p->val_loss, mean_of_part(p->val_every), 1e-6);
}

static int save_wanted(void *ctx)
{
    struct seen *x = ctx;
    return x->save_at && x->step == x->save_at;
}

static int stop_wanted(void *ctx)
{
    struct seen *x = ctx;
    return x->stop_at && x->step == x->stop_at ? 15 : 0;
}

static struct tr_train_hooks hooks(struct seen *x)
{
    return (struct tr_train_hooks){ .ctx = x, .say = say, .begin = begin, .step = step,
                                    .save_wanted = save_wanted,
                                    .stop_wanted = stop_wanted };
}

static int run(struct tr_trainer *t, const struct tr_train_hooks *h)
{
    struct tr_err err = {0};
    int rc = tr_train_run(t, h, &err);
    ck_assert_msg(rc >= 0, "%s", err.text);
    tr_trainer_free(t);
    return rc;
}

/* A file of the folder of saves. */
static const char *save_of(const char *of, int64_t number)
{
    static char name[400];
    snprintf(name, sizeof name, "%s.d/%lld.gguf", of, (long long)number);
    return name;
}

static const char *dir_of(const char *of)
{
    static char name[400];
    snprintf(name, sizeof name, "%s.d", of);
    return name;
}

static int is_there(const char *name)
{
    return !access(name, F_OK);
}

static void same_files(const char *a, const char *b)
{
    size_t n_a, n_b;
    unsigned char *x = read_file(a, &n_a), *y = read_file(b, &n_b);
    ck_assert_uint_eq(n_a, n_b);
    ck_assert_mem_eq(x, y, n_a);
    free(x);
    free(y);
}

static void remove_saves(void)
{
    for (int64_t i = 0; i <= 10; i++)
        unlink(save_of(target, i));
    rmdir(dir_of(target));
}

START_TEST(from_begin_to_end)
{
    struct seen x = {0};
    struct tr_train_hooks h = hooks(&x);
    h.output = target;
    h.lora_out = lora;
    h.dump_grads = grads;
    h.eval_every = 4;
    ck_assert_int_eq(run(trainer("lora", pack), &h), 0);
    ck_assert(x.n_step == 10 && x.step == 10 && x.began == 0);
    ck_assert(x.n_measured == 3 && x.measured == 10); /* 4, 8 and the last */
    ck_assert_int_eq(x.n_said, 0);
    ck_assert(is_there(target) && is_there(lora) && is_there(grads));
    ck_assert(!is_there(in_dir("run.ckpt.d")));
}
END_TEST

/* Ten steps of one sequence of seven; a forward pass is half of a step. */
START_TEST(measures_a_part)
{
    static const struct {
        double every, cost;
        int times;
        uint64_t stride;
    } row[] = {
        { 0.3, 0, 4, 1 },     /* at 3, 6, 9 and 10 */
        { 3, 10, 4, 1 },      /* all of it fourteen: 4 * 7 / 2 of 10 */
        { 3, 0.75, 4, 2 },    /* every second one: 7 or 8 of 10 */
        { 0.01, 0.5, 10, 7 }, /* each step, one sequence: 5 of 10 */
        { 0.5, 1e-6, 2, 7 },
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct seen x = { .parts = 1 };
        struct tr_train_hooks h = hooks(&x);
        h.eval_every = row[i].every;
        h.eval_cost = row[i].cost;
        ck_assert_int_eq(run(trainer("lora batch=1", pack), &h), 0);
        ck_assert_int_eq(x.n_measured, row[i].times);
        ck_assert_uint_eq(x.stride, row[i].stride);
        ck_assert_int_eq(x.measured, 10);
    }
}
END_TEST

/* Where the sequences of a part do not count at all, there are more of them in it. */
START_TEST(measures_what_counts)
{
    int32_t token[] = { 1, 2, 3 }, next[] = { 2, 3, 1 }, none[] = { -1, -1, -1 };
    int32_t pos[] = { 0, 1, 2 };
    struct tr_pack_writer *w = tr_pack_create(other, TINY_CTX, 0, TINY_VOCAB, NULL);
    ck_assert_ptr_nonnull(w);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(
            tr_pack_write(w, &(struct tr_pack_seq){ 3, token, i % 2 ? next : none, pos, NULL,
                                                    NULL }, NULL), 0);
    ck_assert_int_eq(tr_pack_commit(w, NULL), 0);
    struct tr_pack *val = tr_pack_open(other, NULL);
    struct seen x = { 0 };
    struct tr_train_hooks h = hooks(&x);
    h.eval_every = 5;
    h.eval_cost = 1e-6;
    ck_assert_int_eq(run(trainer("lora batch=1", val), &h), 0);
    ck_assert(x.n_measured == 2 && x.stride == 1);
    tr_pack_close(val);
}
END_TEST

START_TEST(without_anything)
{
    struct tr_trainer *t = trainer("lora", NULL);
    struct tr_err err = {0};
    ck_assert_msg(!tr_train_run(t, NULL, &err), "%s", err.text);
    ck_assert_int_eq(tr_trainer_step_count(t), 10);
    tr_trainer_free(t);
}
END_TEST

START_TEST(saves_when_due_and_when_asked)
{
    struct seen x = { .save_at = 5 };
    struct tr_train_hooks h = hooks(&x);
    h.output = target;
    h.save_every = 4;
    h.keep = 9;
    ck_assert_int_eq(run(trainer("lora", NULL), &h), 0);
    for (int i = 1; i <= 10; i++)
        ck_assert_int_eq(is_there(save_of(target, i)), i == 4 || i == 5 || i == 8);
    remove_saves();
}
END_TEST

/* Stopped after any step, it goes on to the bytes of a run that was not. */
START_TEST(stops_and_resumes)
{
    struct seen whole = {0}, first = { .stop_at = _i }, rest = {0};
    struct tr_train_hooks h = hooks(&whole);
    h.output = path;
    run(trainer("lora grad_acc=2 shuffle=1", NULL), &h);
    h = hooks(&first);
    h.output = target;
    ck_assert_int_eq(run(trainer("lora grad_acc=2 shuffle=1", NULL), &h), 15);
    ck_assert(first.step == _i && strstr(first.said, "stopped after step"));
    ck_assert(!is_there(target) && is_there(save_of(target, _i)));
    h = hooks(&rest);
    h.output = target;
    h.resume = 1;
    ck_assert_int_eq(run(trainer("lora grad_acc=2 shuffle=1", NULL), &h), 0);
    ck_assert(rest.began == _i && rest.n_step == 10 - _i);
    ck_assert(rest.last_loss == whole.last_loss);
    same_files(path, target);
    remove_saves();
}
END_TEST

/* ---- steps that are not finite ---------------------------------------------------- */

/* Parameters are absurd after step 5, so that 6 is not finite; with skip they are well again
 * after 7, and stopped after any step the run goes on to the same bytes. */
static const struct { const char *change; int good_at, n_skipped; } policies[] = {
    { "lora grad_acc=2 shuffle=1 on_divergence=skip", 7, 2 },
    { "lora grad_acc=2 shuffle=1 on_divergence=rewind", 0, 1 },
};

static void with_bad_steps(int which, const char *to, int64_t from, int64_t stop)
{
    struct seen x = { .bad_at = 5, .good_at = policies[which].good_at, .stop_at = stop };
    struct tr_train_hooks h = hooks(&x);
    h.output = to;
    h.save_every = 4;
    h.keep = 1;
    h.resume = from > 0;
    ck_assert_int_eq(run(trainer(policies[which].change, NULL), &h), stop ? 15 : 0);
    if (!stop && !from)
        ck_assert_int_eq(x.n_skipped, policies[which].n_skipped);
}

START_TEST(goes_on_after_bad_steps)
{
    int which = _i / 4, stop = 5 + _i % 4;
    with_bad_steps(which, path, 0, 0);
    unlink(save_of(path, 8));
    rmdir(dir_of(path));
    with_bad_steps(which, target, 0, stop);
    with_bad_steps(which, target, stop, 0);
    same_files(path, target);
    remove_saves();
}
END_TEST

/* What went back is what the save held: the step behind it is made twice. */
START_TEST(goes_back_to_the_save)
{
    struct seen x = { .bad_at = 5, .stop_at = 6 };
    struct tr_train_hooks h = hooks(&x);
    struct tr_gguf *a, *b;
    h.output = target;
    h.save_every = 4;
    h.keep = 9;
    ck_assert_int_eq(run(trainer("lora on_divergence=rewind", NULL), &h), 15);
    ck_assert(is_there(save_of(target, 0)) && is_there(save_of(target, 4)) && is_there(save_of(target, 6)));
    ck_assert(x.n_warning == 1 && x.n_skipped == 1);
    a = tr_gguf_open(save_of(target, 4), NULL);
    b = tr_gguf_open(save_of(target, 6), NULL);
    for (size_t i = 0; i < tr_gguf_n_tensor(a); i++)
        ck_assert_mem_eq(tr_gguf_tensor(a, i)->data, tr_gguf_tensor(b, i)->data,
                         (size_t)tr_gguf_tensor(a, i)->bytes);
    tr_gguf_close(a);
    tr_gguf_close(b);
    remove_saves();
}
END_TEST

/* A step that is made absurd again and again: three times back, then the end. */
static void always_bad(void *ctx, const struct tr_trainer *t, const struct tr_step_stats *s,
                       const struct tr_train_progress *p)
{
    (void)p;
    ((struct seen *)ctx)->n_step++;
    if (s->step >= 2)
        make_absurd(tr_trainer_params(t));
}

START_TEST(gives_up)
{
    static const struct { const char *change; int n_step; } row[] = {
        { "lora", 2 }, { "lora on_divergence=skip", 6 }, { "lora on_divergence=rewind", 8 }, /* 3, 5, 7 and 9 are bad: at its beginning an adapter
                                              does nothing, whatever one half of it holds */
    };
    struct seen x = {0};
    struct tr_train_hooks h = hooks(&x);
    struct tr_err err = {0};
    struct tr_trainer *t = trainer(row[_i].change, NULL);
    h.output = target;
    h.step = always_bad;
    ck_assert_int_eq(tr_train_run(t, &h, &err), TR_EDIVERGED);
    ck_assert_msg(strstr(err.text, "diverged at step") != NULL, "%s", err.text);
    ck_assert_int_eq(x.n_step, row[_i].n_step);
    ck_assert(!is_there(target));
    tr_trainer_free(t);
    remove_saves();
}
END_TEST

START_TEST(no_way_back)
{
    struct seen x = {0};
    struct tr_train_hooks h = hooks(&x);
    struct tr_err err = {0};
    struct tr_trainer *t = trainer("lora on_divergence=rewind", NULL);
    ck_assert_int_eq(tr_train_run(t, &h, &err), TR_EINVAL);
    ck_assert_msg(strstr(err.text, "'output'") != NULL, "%s", err.text);
    tr_trainer_free(t);
}
END_TEST

/* A loss far above the ones before is told with the step's sequences. */
START_TEST(spikes)
{
    struct tr_trainer *t = trainer("steps=60 lr=0 batch=2 shuffle=1", NULL);
    const struct tr_params *p = tr_trainer_params(t);
    struct tr_step_stats s;
    for (int i = 1; i <= 60; i++) {
        for (int64_t j = 0; (i == 40 || i == 41) && j < p->count; j++)
            p->value[j] *= i == 40 ? 16 : 1.0f / 16;
        ck_assert_int_eq(tr_trainer_step(t, &s, NULL), 0);
        ck_assert_msg((s.spike > 6) == (i == 40), "step %d: %g", i, s.spike);
        ck_assert(s.n_seq == 2 && s.first_sample == 2 * (uint64_t)(i - 1));
        ck_assert(tr_trainer_sequence(t, s.first_sample + 1) < 7);
    }
    tr_trainer_free(t);
}
END_TEST

/* ---- held-out losses -------------------------------------------------------------- */

/* At this rate the loss rises after some steps: the lowest is kept, and the run ends when there was
 * no lower one twice.  Stopped anywhere, it ends at the same step with the same bytes. */
static int64_t with_patience(const char *to, int64_t stop, int resume, double *best)
{
    struct seen x = { .stop_at = stop };
    struct tr_train_hooks h = hooks(&x);
    struct tr_gguf *g;
    char name[500];
    int64_t step = 0;
    h.output = to;
    h.eval_every = 1;
    h.patience = 2;
    h.resume = resume;
    ck_assert_int_eq(run(trainer("lora lr=0.3 steps=60 ema=0.2 grad_acc=2", pack), &h),
                     stop ? 15 : 0);
    if (stop)
        return 0;
    snprintf(name, sizeof name, "%s.d/best.gguf", to);
    ck_assert((g = tr_gguf_open(name, NULL)) && !tr_checkpoint_check(g, NULL));
    ck_assert_int_eq(tr_gguf_int(g, "checkpoint.step", &step, NULL), 1);
    *best = tr_gguf_elem_float(tr_gguf_find_kv(g, "checkpoint.best_loss"), 0);
    tr_gguf_close(g);
    unlink(name);
    ck_assert_msg(x.step == step + 2 && strstr(x.said, "lowest"), "%lld %lld %s",
                  (long long)x.step, (long long)step, x.said);
    return step;
}

START_TEST(ends_when_patience_does)
{
    double best, again;
    int64_t step = with_patience(path, 0, 0, &best);
    ck_assert(step >= 1 && step < 50);
    for (int64_t at = 1; at <= step + 1; at += 2) {
        with_patience(target, at, 0, NULL);
        ck_assert_int_eq(with_patience(target, 0, 1, &again), step);
        ck_assert(best == again);
        same_files(path, target);
        unlink(target);
        unlink(save_of(target, at));
        rmdir(dir_of(target));
    }
    rmdir(dir_of(path));
}
END_TEST

START_TEST(warnings_are_said)
{
    struct seen x = {0};
    struct tr_train_hooks h = hooks(&x);
    run(trainer("lora warmup=40", NULL), &h);
    ck_assert(x.n_warning == 1 && strstr(x.said, "warm-up"));
}
END_TEST

START_TEST(hooks_that_cannot_be)
{
    static const struct {
        struct tr_train_hooks h;
        const char *says;
    } bad[] = {
        { { .eval_every = -1 }, "'eval_every'" },
        { { .save_every = -1 }, "'save_every'" },
        { { .keep = -1 }, "'keep'" },
        { { .eval_every = 2.5 }, "'eval_every'" },
        { { .eval_cost = -1 }, "'eval_cost'" },
        { { .eval_every = 2 }, "'val'" },
        { { .save_every = 2 }, "'output'" },
        { { .patience = 2 }, "'patience'" },
        { { .resume = 1 }, "'output'" },
    };
    struct tr_trainer *t = trainer("lora", NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tr_err err = {0};
        ck_assert_int_eq(tr_train_run(t, &bad[i].h, &err), TR_EINVAL);
        ck_assert_msg(strstr(err.text, bad[i].says) != NULL, "%s", err.text);
        ck_assert_int_eq(tr_trainer_step_count(t), 0);
    }
    tr_trainer_free(t);
}
END_TEST

/* ---- calls that cannot be --------------------------------------------------------- */

START_TEST(past_the_end)
{
    struct tr_trainer *t =
        trainer(_i ? "optim=sgd weight_decay=0.5" : "lora steps=0 epochs=1", NULL);
    const struct tr_params *p = tr_trainer_params(t);
    struct tr_step_stats s;
    struct tr_err err = {0};
    while (tr_trainer_step_count(t) < tr_trainer_total(t))
        ck_assert_int_eq(tr_trainer_step(t, &s, NULL), 0);
    float *w = copy_of(p->value, p->count), *v = copy_of(p->state[0], p->count);
    ck_assert_int_eq(tr_trainer_step(t, &s, &err), TR_EINVAL);
    ck_assert_msg(strstr(err.text, "over") != NULL, "%s", err.text);
    ck_assert_int_eq(tr_trainer_step(t, &s, NULL), TR_EINVAL);
    ck_assert_int_eq(tr_trainer_step_count(t), tr_trainer_total(t));
    ck_assert_mem_eq(w, p->value, (size_t)p->count * sizeof *w);
    ck_assert_mem_eq(v, p->state[0], (size_t)p->count * sizeof *v);
    free(w);
    free(v);
    tr_trainer_free(t);
}
END_TEST

/* What does not fit the model, as data to train on and to measure. */
static const struct {
    uint32_t ctx, n_vocab;
    int counts, code;
    const char *says;
} packs[] = {
    { TINY_CTX, TINY_VOCAB + 1, 1, TR_EMISMATCH, "vocabulary" },
    { TINY_CTX, 1 << 20, 1, TR_EMISMATCH, "vocabulary" },
    { TINY_CTX + 1, TINY_VOCAB, 1, TR_EMISMATCH, "positions" },
    { TINY_CTX, TINY_VOCAB, 0, TR_EFORMAT, "counts" },
};

static struct tr_pack *other_pack(int i)
{
    int32_t last = (int32_t)packs[i].n_vocab - 1;
    int32_t token[] = { 1, last, 2 }, pos[] = { 0, 1, 2 };
    int32_t next[] = { packs[i].counts ? last : -1, -1, -1 };
    struct tr_pack_seq s = { 3, token, next, .pos = pos };
    struct tr_pack_writer *w =
        tr_pack_create(other, packs[i].ctx, 0, packs[i].n_vocab, NULL);
    ck_assert_ptr_nonnull(w);
    ck_assert_int_eq(tr_pack_write(w, &s, NULL), 0);
    ck_assert_int_eq(tr_pack_commit(w, NULL), 0);
    return tr_pack_open(other, NULL);
}

START_TEST(data_of_another_model)
{
    struct tr_pack *bad = other_pack(_i);
    struct tr_train_args a = run_args("lora"), b = a;
    struct tr_err err = {0};
    ck_assert_ptr_null(tr_trainer_new(m, bad, &a, &err));
    ck_assert_int_eq(err.code, packs[_i].code);
    ck_assert_msg(strstr(err.text, packs[_i].says) && strstr(err.text, other), "%s",
                  err.text);
    b.val = bad;
    err = (struct tr_err){0};
    ck_assert_ptr_null(tr_trainer_new(m, pack, &b, &err));
    ck_assert_int_eq(err.code, packs[_i].code);
    double loss;
    uint64_t n;
    struct tr_trainer *t = trainer("lora eval_rows=256", NULL);
    struct tr_eval *e = tr_eval_new(m, 256, tr_loss_at(0), NULL);
    int refused = packs[_i].code == TR_EMISMATCH;
    ck_assert_int_eq(tr_trainer_eval(t, bad, &loss, NULL), refused ? TR_EMISMATCH : 0);
    ck_assert_int_eq(tr_eval_pack(e, bad, &loss, &n, NULL), refused ? TR_EMISMATCH : 0);
    tr_eval_free(e);
    tr_trainer_free(t);
    tr_pack_close(bad);
}
END_TEST

START_TEST(longer_than_announced)
{
    struct tr_trainer *t = trainer("lora eval_rows=8", NULL), *none;
    struct tr_err err = {0};
    double loss;
    ck_assert_int_eq(tr_trainer_eval(t, pack, &loss, &err), TR_EINVAL);
    ck_assert_msg(strstr(err.text, "up to 8") != NULL, "%s", err.text);
    tr_trainer_free(t);
    none = trainer("lora", NULL);
    ck_assert_int_eq(tr_trainer_eval(none, pack, &loss, NULL), TR_EINVAL);
    tr_trainer_free(none);
}
END_TEST

/* Rows that the model does not have. */
START_TEST(batches_that_cannot_be)
{
    static const struct {
        int64_t n;
        int32_t token, target, pos; /* of the last row */
    } rows[] = {
        { 0, 1, 2, 0 },          { 9, 1, 2, 8 },           { 4, TINY_VOCAB, 2, 3 },
        { 4, -1, 2, 3 },         { 4, 1, TINY_VOCAB, 3 },  { 4, 1, -2, 3 },
        { 4, 1, 2, 4 },          { 4, 1, 2, -1 },          { 1, 1, 2, 1 },
    };
    int32_t token[9] = { 0 }, next[9] = { 0 }, pos[9] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
    struct tr_eval *e = tr_eval_new(m, 8, tr_loss_at(0), NULL);
    double sum = 0;
    struct tr_batch batch = { rows[_i].n, token, next, .pos = pos };
    int64_t last = rows[_i].n ? rows[_i].n - 1 : 0;
    ck_assert_ptr_nonnull(e);
    token[last] = rows[_i].token;
    next[last] = rows[_i].target;
    pos[last] = rows[_i].pos;
    int beyond = rows[_i].token >= TINY_VOCAB || rows[_i].target >= TINY_VOCAB;
    ck_assert_int_eq(tr_eval_batch(e, &batch, &sum, NULL, NULL, NULL),
                     beyond ? TR_EMISMATCH : TR_EINVAL);
    ck_assert(sum == 0);
    token[last] = next[last] = 0;
    pos[last] = (int32_t)last;
    batch.n = 8;
    ck_assert_int_eq(tr_eval_batch(e, &batch, &sum, NULL, NULL, NULL), 0);
    ck_assert(sum > 0);
    tr_eval_free(e);
}
END_TEST

START_TEST(measures_that_cannot_be)
{
    ck_assert_ptr_null(tr_eval_new(NULL, 8, tr_loss_at(0), NULL));
    ck_assert_ptr_null(tr_eval_new(m, 8, NULL, NULL));
    ck_assert_ptr_null(tr_eval_new(m, 0, tr_loss_at(0), NULL));
}
END_TEST

/* A plan leaves the model alone, and is that of the run; nothing else can be had of it. */
START_TEST(only_a_plan)
{
    struct tr_train_args a = run_args(_i ? "weights=bf16" : "lora");
    struct tr_err err = {0};
    struct tr_step_stats s;
    double before = run_eval_on(m, pack, tr_loss_at(0), NULL), loss;
    a.plan_only = 1;
    a.val = pack;
    struct tr_trainer *t = tr_trainer_new(m, pack, &a, &err);
    ck_assert_msg(t != NULL, "%s", err.text);
    ck_assert(run_eval_on(m, pack, tr_loss_at(0), NULL) == before);
    ck_assert_int_eq(tr_trainer_step(t, &s, &err), TR_EINVAL);
    ck_assert_msg(strstr(err.text, "plan_only") != NULL, "%s", err.text);
    ck_assert_int_eq(tr_trainer_eval(t, pack, &loss, NULL), TR_EINVAL);
    ck_assert_int_eq(tr_trainer_save(t, path, NULL), TR_EINVAL);
    ck_assert_int_eq(tr_trainer_load(t, path, NULL), TR_EINVAL);
    ck_assert_int_eq(tr_trainer_save_adapter(t, path, NULL), TR_EINVAL);
    ck_assert_int_eq(tr_trainer_dump_grads(t, path, NULL), TR_EINVAL);
    ck_assert_int_eq(tr_train_run(t, NULL, NULL), TR_EINVAL);
    a.plan_only = 0;
    struct tr_trainer *real = tr_trainer_new(m, pack, &a, &err); /* beside it */
    ck_assert_msg(real != NULL, "%s", err.text);
    const struct tr_plan *p = tr_trainer_plan(t), *q = tr_trainer_plan(real);
    ck_assert_int_eq(p->total - p->program, q->total - q->program);
    ck_assert_int_eq(tr_trainer_total(t), tr_trainer_total(real));
    ck_assert_int_eq(tr_trainer_params(t)->count, tr_trainer_params(real)->count);
    tr_trainer_free(t);
    ck_assert_int_eq(tr_trainer_step(real, &s, NULL), 0);
    tr_trainer_free(real);
    ck_assert(run_eval_on(m, pack, tr_loss_at(0), NULL) == before);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("train_run");
    TCase *tc = tcase_create("runs");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_files, close_run);
    tcase_add_test(tc, from_begin_to_end);
    tcase_add_test(tc, measures_a_part);
    tcase_add_test(tc, measures_what_counts);
    tcase_add_test(tc, without_anything);
    tcase_add_test(tc, saves_when_due_and_when_asked);
    tcase_add_loop_test(tc, stops_and_resumes, 1, 10);
    tcase_add_test(tc, warnings_are_said);
    tcase_add_test(tc, ends_when_patience_does);
    tcase_add_loop_test(tc, goes_on_after_bad_steps, 0, 8);
    tcase_add_test(tc, goes_back_to_the_save);
    tcase_add_loop_test(tc, gives_up, 0, 3);
    tcase_add_test(tc, no_way_back);
    tcase_add_test(tc, spikes);
    tcase_add_test(tc, hooks_that_cannot_be);
    tcase_add_loop_test(tc, past_the_end, 0, 2);
    tcase_add_loop_test(tc, data_of_another_model, 0, 4);
    tcase_add_test(tc, longer_than_announced);
    tcase_add_loop_test(tc, batches_that_cannot_be, 0, 9);
    tcase_add_test(tc, measures_that_cannot_be);
    tcase_add_loop_test(tc, only_a_plan, 0, 2);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
