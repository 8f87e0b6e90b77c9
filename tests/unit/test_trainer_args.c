/* SPDX-License-Identifier: MIT
 *
 * What the arguments of a run mean: rows of train_args.def for what changes no bit, what
 * changes little, what is refused; by hand, for what optimizers and schedules compute.
 */
#include "run_args.h"
#include "run_files.h"
#include "training_run.h"

#include <libtrain/threads.h>

#include <math.h>

#include "train_args.def"

#define COUNT(x) ((int)(sizeof(x) / sizeof *(x)))

/* Arguments of a row, what is changed of them, and what a loop has to add. */
static struct tr_train_args changed(const char *args, const char *change, int64_t recompute)
{
    char words[200];
    snprintf(words, sizeof words, "%s %s recompute=%lld", args, change,
             (long long)recompute);
    return run_args(words);
}

/* ---- rows -------------------------------------------------------------------------- */

/* Updates in the backward pass are the same updates, and so is the norm: clipped in two
 * sweeps, in one without, and whatever is recomputed; tied and untied tables. */
static void expect_same_bits(struct training_run *x, struct training_run *y)
{
    const struct tr_params *p = tr_trainer_params(x->t), *q = tr_trainer_params(y->t);
    for (int step = 0; step < 4; step++) {
        struct tr_step_stats s = run_steps(x, 1), t = run_steps(y, 1);
        ck_assert_mem_eq(&s.loss, &t.loss, sizeof s.loss);
        ck_assert_mem_eq(&s.grad_norm, &t.grad_norm, sizeof s.loss);
    }
    for (size_t i = 0; i < p->n; i++)
        ck_assert_mem_eq(p->tensor[i]->data, q->tensor[i]->data,
                         (size_t)tr_tensor_count(p->tensor[i]) *
                             p->tensor[i]->dtype->bytes);
}

START_TEST(changes_no_bit)
{
    struct tr_train_args a = run_args(same_bits[_i].args);
    tiny_data_write(data, 7);
    tiny_model_write(same_bits[_i].of, model);
    for (int level = 0; level <= TINY_LAYERS + 3; level++) { /* beyond the blocks: groups */
        int blocks = level < TINY_LAYERS ? level : TINY_LAYERS;
        struct tr_train_args b = changed(same_bits[_i].args, same_bits[_i].change, blocks);
        b.recompute_group = level > TINY_LAYERS ? level - TINY_LAYERS + 1 : 0;
        struct training_run x = run_open(model, data, &a), y = run_open(model, data, &b);
        const struct tr_plan *p = tr_trainer_plan(x.t), *q = tr_trainer_plan(y.t);
        ck_assert_int_eq(q->recompute, blocks);
        ck_assert_int_eq(q->group, b.recompute_group);
        expect_same_bits(&x, &y);
        if (b.fused_step) {
            ck_assert_int_lt(q->grads, p->grads);
            ck_assert_int_eq(tr_trainer_dump_grads(y.t, path, NULL), TR_EUNSUPPORTED);
        }
        run_close(&x);
        run_close(&y);
    }
}
END_TEST

/* Results kept as F16 leave the forward pass as it is, and gradients nearly;
 * half the memory is what they are for. */
START_TEST(half_keeps_gradients)
{
    struct tr_train_args a = run_args(halves[_i].args), b;
    tiny_data_write(data, 4);
    tiny_model_write(halves[_i].of, model);
    b = changed(halves[_i].args, halves[_i].change, halves[_i].recompute);
    struct training_run x = run_open(model, data, &a), y = run_open(model, data, &b);
    ck_assert_str_eq(b.precision->name, "f16");
    for (int step = 0; step < 5; step++) {
        struct tr_step_stats s = run_steps(&x, 1), half = run_steps(&y, 1);
        if (step == 0)
            ck_assert_mem_eq(&s.loss, &half.loss, sizeof s.loss);
        ck_assert_double_eq_tol(s.loss, half.loss, 1e-3 * s.loss);
        ck_assert_double_ne(s.grad_norm, half.grad_norm);
        ck_assert_double_eq_tol(s.grad_norm, half.grad_norm, 1e-2 * s.grad_norm);
    }
    ck_assert_int_lt(tr_trainer_plan(y.t)->activations * 10,
                     tr_trainer_plan(x.t)->activations * 7);
    run_close(&x);
    run_close(&y);
}
END_TEST

/* A loss a little off, all the way down. */
START_TEST(few_bits_learn_as_well)
{
    static const char *const run = "lr=3e-3 batch=4 steps=60";
    struct tr_train_args a = run_args(run), b = changed(run, few_bits[_i], 0);
    tiny_data_write(data, 8);
    struct training_run x = run_open(model, data, &a), y = run_open(model, data, &b);
    double first = 0, last = 0;
    for (int i = 0; i < 60; i++) {
        double want = run_steps(&x, 1).loss, got = run_steps(&y, 1).loss;
        ck_assert_msg(fabs(got - want) <= 0.02 + 0.03 * want,
                      "%s: step %d: loss %g, with f32 %g", few_bits[_i], i + 1, got, want);
        first = i ? first : want;
        last = want;
    }
    ck_assert_double_lt(last, first - 1);
    run_close(&x);
    run_close(&y);
}
END_TEST

START_TEST(overfits_one_batch)
{
    struct tr_train_args a = changed(overfits[_i].args, "steps=60", 0);
    tiny_data_write(data, 2);
    struct training_run r = run_open(model, data, &a);
    double first = run_steps(&r, 1).loss, last = run_steps(&r, 59).loss;
    ck_assert_msg(first > 4 && last < overfits[_i].loss, "%s: loss %.3f to %.3f",
                  overfits[_i].args, first, last);
    run_close(&r);
}
END_TEST

START_TEST(rate_of_a_run)
{
    struct tr_train_args a = run_args(rates[_i].args);
    const double option[] = { rates[_i].min_lr_ratio };
    tiny_data_write(data, 2);
    struct training_run r = run_open(model, data, &a);
    for (int k = 1; k <= 10; k++)
        ck_assert_double_eq_tol(
            run_steps(&r, 1).lr,
            tr_schedule_lr(a.sched, option, a.lr, rates[_i].warmup, 10, k), 1e-15);
    run_close(&r);
}
END_TEST

START_TEST(refused_arguments)
{
    struct tr_train_args a = run_args(refused[_i].args);
    struct tr_err err = {0};
    tiny_data_write(data, 2);
    struct tr_model *m = tr_model_open(model, &err);
    struct tr_pack *pack = tr_pack_open(data, &err);
    ck_assert_msg(m && pack, "%s", err.text);
    ck_assert_msg(!tr_trainer_new(m, pack, &a, &err), "%s: taken", refused[_i].args);
    ck_assert_msg(err.code == refused[_i].code, "%s: %d %s", refused[_i].args, err.code,
                  err.text);
    ck_assert_msg(strstr(err.text, refused[_i].says) != NULL, "%s: %s", refused[_i].args,
                  err.text);
    tr_pack_close(pack);
    tr_model_close(m);
}
END_TEST

/* Fields that are 0 and what is NULL: refused by name, and nothing crashes. */
START_TEST(nothing_at_all)
{
    static const struct tr_train_args zeros;
    struct tr_train_args a = run_args("");
    struct tr_err err = {0};
    tiny_data_write(data, 2);
    struct tr_model *m = tr_model_open(model, &err);
    struct tr_pack *pack = tr_pack_open(data, &err);
    const struct {
        struct tr_model *m;
        struct tr_pack *pack;
        const struct tr_train_args *a;
        const char *says;
    } calls[] = {
        { m, pack, &zeros, "'weights' is missing" },
        { m, pack, NULL, "arguments are missing" },
        { NULL, pack, &a, "model" },
        { m, NULL, &a, "pack" },
    };
    for (int i = 0; i < COUNT(calls); i++) {
        err = (struct tr_err){0};
        ck_assert_ptr_null(tr_trainer_new(calls[i].m, calls[i].pack, calls[i].a, &err));
        ck_assert_int_eq(err.code, TR_EINVAL);
        ck_assert_msg(strstr(err.text, calls[i].says) != NULL, "%s", err.text);
        ck_assert_ptr_null(tr_trainer_new(calls[i].m, calls[i].pack, calls[i].a, NULL));
    }
    tr_pack_close(pack);
    tr_model_close(m);
}
END_TEST

/* Every argument that has limits has its default within them, and so has every number of an
 * optimizer, a schedule or a loss; names are not used twice. */
START_TEST(defaults_are_arguments)
{
    const struct tr_train_arg *x;
    for (int full = 0; full < 2; full++) {
        struct tr_train_args a = tr_train_args_default(full);
        struct tr_err err = {0};
        ck_assert_msg(!tr_train_args_check(&a, &err), "%s", err.text);
        ck_assert_int_eq(a.full, full);
    }
    ck_assert(tr_train_args_default(0).lr == 2e-4 && tr_train_args_default(1).lr == 2e-5);
    for (int i = 0; (x = tr_train_arg_at(i)); i++) {
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(x->field, tr_train_arg_at(j)->field);
        for (int j = 0; x->choice && x->choice->options_of && x->choice->at(j); j++) {
            const struct tr_option *o = x->choice->options_of(x->choice->at(j));
            for (int n = 0; o && o->name; o++, n++) {
                ck_assert_int_lt(n, TR_MAX_OPTION);
                ck_assert_msg(o->least <= o->standard && o->standard <= o->most, "%s",
                              o->name);
            }
        }
    }
}
END_TEST

/* A kind of the user's own brings its numbers, too. */
static double at_step(const struct tr_schedule_place *at, const double *option)
{
    return at->progress < option[0] ? 1 : option[1];
}

static const struct tr_option step_options[] = {
    { .name = "step_at", .most = 1, .standard = 0.5, .help = "share of the run" },
    { .name = "step_to", .most = 1, .standard = 0.1, .help = "share of the rate" },
    { .name = NULL },
};
static const struct tr_schedule in_a_step = { .name = "step", .option = step_options,
                                             .factor = at_step };

static double scaled_row(float *z, int64_t n, int32_t target, float scale,
                         const double *option)
{
    float f = (float)option[0];
    return option[0] * tr_loss_at(0)->row(z, n, target, scale * f, NULL);
}

static const struct tr_option scaled_options[] = {
    { .name = "loss_scale", .least = 1, .most = 9, .standard = 1, .help = "factor" },
    { .name = NULL },
};
static const struct tr_loss_kind scaled = { .name = "scaled", .option = scaled_options,
                                           .row = scaled_row };

START_TEST(kinds_of_ones_own)
{
    struct tr_train_args a = run_args("lr=1e-3"), b = a;
    const struct tr_setting set[] = { { "step_at", 0.7 }, { "loss_scale", 3 }, { 0 } };
    double loss, plain;
    b.sched = &in_a_step;
    b.loss = &scaled;
    b.setting = set;
    tiny_data_write(data, 2);
    struct training_run x = run_open(model, data, &a), y = run_open(model, data, &b);
    ck_assert_int_eq(tr_trainer_eval(x.t, x.pack, &plain, NULL), 0);
    ck_assert_int_eq(tr_trainer_eval(y.t, y.pack, &loss, NULL), 0);
    ck_assert_double_eq_tol(loss, 3 * plain, 1e-9);
    for (int k = 1; k <= 10; k++) {
        struct tr_step_stats s = run_steps(&x, 1), t = run_steps(&y, 1);
        ck_assert(t.lr == (k <= 7 ? 1e-3 : 1e-4));
        if (k == 1)
            ck_assert_double_eq_tol(t.grad_norm, 3 * s.grad_norm, 1e-4 * t.grad_norm);
    }
    run_close(&x);
    run_close(&y);
}
END_TEST

/* What is odd and no reason to refuse it: a line each. */
START_TEST(warned_of)
{
    struct tr_train_args a = run_args(warnings[_i].args);
    tiny_data_write(data, 2);
    struct training_run r = run_open(model, data, &a);
    const char *line = tr_trainer_warning(r.t, 0);
    if (!warnings[_i].says)
        ck_assert_msg(!line, "%s: %s", warnings[_i].args, line);
    else
        ck_assert_msg(line && strstr(line, warnings[_i].says), "%s: %s", warnings[_i].args,
                      line ? line : "no line");
    ck_assert_ptr_null(tr_trainer_warning(r.t, 1));
    run_close(&r);
}
END_TEST

/* ---- by hand ------------------------------------------------------------------------ */

/* m = beta1 m + g, w = w (1 - lr decay) - lr m, the gradient cut to norm `clip`. */
START_TEST(sgd_by_hand)
{
    struct tr_train_args a = run_args("optim=sgd lr=0.1 weight_decay=0.2 beta1=0.5 "
                                      "clip=0.7");
    tiny_data_write(data, 2);
    struct training_run r = run_open(model, data, &a);
    const struct tr_params *p = tr_trainer_params(r.t);
    double *m = calloc((size_t)p->count, sizeof *m);
    for (int step = 0; step < 3; step++) {
        float *w = copy_of(p->value, p->count);
        struct tr_step_stats s = run_steps(&r, 1);
        double scale = s.grad_norm > 0.7 ? 0.7 / s.grad_norm : 1;
        for (size_t i = 0; i < p->n; i++)
            for (int64_t j = p->offset[i]; j < p->offset[i] + tr_tensor_count(p->tensor[i]);
                 j++) {
                double keep = p->tensor[i]->n_dim > 1 ? 1 - 0.1 * 0.2 : 1;
                m[j] = 0.5 * m[j] + scale * (double)p->grad[j];
                double want = (double)w[j] * keep - 0.1 * m[j];
                ck_assert_double_eq_tol((double)p->value[j], want, 1e-6);
            }
        free(w);
    }
    free(m);
    run_close(&r);
}
END_TEST

/* Kingma, Ba 2015 with decay of the parameter itself.  The epsilon is large, so that a
 * wrong place for it shows. */
START_TEST(adamw_by_hand)
{
    struct tr_train_args a = run_args("lr=1e-2 weight_decay=0.2 beta1=0.9 beta2=0.95 "
                                      "eps=1e-2 clip=0");
    tiny_data_write(data, 2);
    struct training_run r = run_open(model, data, &a);
    const struct tr_params *p = tr_trainer_params(r.t);
    double *m = calloc((size_t)p->count, sizeof *m);
    double *v = calloc((size_t)p->count, sizeof *v);
    for (int step = 1; step <= 3; step++) {
        float *w = copy_of(p->value, p->count);
        run_steps(&r, 1);
        for (size_t i = 0; i < p->n; i++)
            for (int64_t j = p->offset[i]; j < p->offset[i] + tr_tensor_count(p->tensor[i]);
                 j++) {
                double g = (double)p->grad[j], keep = p->tensor[i]->n_dim > 1 ? 0.998 : 1;
                m[j] = 0.9 * m[j] + (1 - 0.9) * g;
                v[j] = 0.95 * v[j] + (1 - 0.95) * g * g;
                double m_hat = m[j] / (1 - pow(0.9, step));
                double v_hat = v[j] / (1 - pow(0.95, step));
                double want = (double)w[j] * keep - 1e-2 * m_hat / (sqrt(v_hat) + 1e-2);
                ck_assert_double_eq_tol((double)p->value[j], want, 1e-6);
            }
        free(w);
    }
    free(m);
    free(v);
    run_close(&r);
}
END_TEST

/* Of two runs that differ in decay only: matrices shrink by lr * decay, vectors do not. */
START_TEST(decay_of_matrices_only)
{
    struct tr_train_args a = run_args("lr=1e-2 weight_decay=0"),
                         b = run_args("lr=1e-2 weight_decay=0.5");
    int n_vector = 0;
    tiny_data_write(data, 2);
    struct training_run x = run_open(model, data, &a), y = run_open(model, data, &b);
    const struct tr_params *p = tr_trainer_params(x.t), *q = tr_trainer_params(y.t);
    float *start = copy_of(p->value, p->count);
    run_steps(&x, 1);
    run_steps(&y, 1);
    for (size_t i = 0; i < p->n; i++) {
        int matrix = p->tensor[i]->n_dim > 1;
        n_vector += !matrix;
        for (int64_t j = p->offset[i]; j < p->offset[i] + tr_tensor_count(p->tensor[i]);
             j++) {
            double shrunk = matrix ? 5e-3 * (double)start[j] : 0;
            ck_assert_double_eq_tol((double)(p->value[j] - q->value[j]), shrunk, 1e-7);
        }
    }
    ck_assert_int_eq(n_vector, 1 + 2 * TINY_LAYERS);
    free(start);
    run_close(&x);
    run_close(&y);
}
END_TEST

START_TEST(schedules)
{
    static const double to_zero[] = { 0 }, to_a_tenth[] = { 0.1 };
    const struct tr_schedule *constant = tr_schedule_by_name("constant"),
                             *linear = tr_schedule_by_name("linear"),
                             *cosine = tr_schedule_by_name("cosine");
    ck_assert(constant && linear && cosine && !tr_schedule_by_name("sine"));
    for (int k = 1; k <= 10; k++) {
        double warm = k <= 4 ? 0.25 * k : 0, progress = (k - 5) / 6.0;
        ck_assert_double_eq_tol(tr_schedule_lr(constant, NULL, 2, 4, 10, k),
                                2 * (warm > 0 ? warm : 1), 1e-12);
        ck_assert_double_eq_tol(tr_schedule_lr(linear, to_zero, 2, 4, 10, k),
                                2 * (warm > 0 ? warm : 1 - progress), 1e-12);
        ck_assert_double_eq_tol(tr_schedule_lr(cosine, to_zero, 2, 4, 10, k),
                                warm > 0 ? 2 * warm : 1 + cos(acos(-1) * progress), 1e-12);
        ck_assert_double_eq_tol(tr_schedule_lr(linear, to_a_tenth, 2, 4, 10, k),
                                warm > 0 ? 2 * warm : 0.2 + 1.8 * (1 - progress), 1e-12);
        ck_assert_double_eq_tol(tr_schedule_lr(cosine, to_a_tenth, 2, 4, 10, k),
                                warm > 0 ? 2 * warm : 1.1 + 0.9 * cos(acos(-1) * progress),
                                1e-12);
    }
    ck_assert(tr_schedule_lr(cosine, to_zero, 3, 0, 10, 1) == 3);
    /* a warm-up that the run does not see the end of */
    ck_assert_double_eq_tol(tr_schedule_lr(cosine, to_zero, 3, 100, 20, 20), 0.6, 1e-12);
}
END_TEST

START_TEST(squared_error_by_hand)
{
    static float z[2 * TINY_CTX * TINY_VOCAB];
    int32_t id[2 * (TINY_CTX + 1)];
    double sum = 0;
    tiny_data_write(data, 2);
    tiny_tokens(id, 2 * (TINY_CTX + 1));
    double loss = run_eval(model, NULL, data, tr_loss_by_name("mse"), z);
    run_eval(model, NULL, data, tr_loss_by_name("cross_entropy"), z);
    for (int i = 0; i < 2 * TINY_CTX; i++)
        for (int j = 0; j < TINY_VOCAB; j++) {
            double hot = j == id[i / TINY_CTX * (TINY_CTX + 1) + i % TINY_CTX + 1];
            double d = (double)z[i * TINY_VOCAB + j] - hot;
            sum += d * d;
        }
    ck_assert_double_eq_tol(loss, sum / (2 * TINY_CTX * TINY_VOCAB), 1e-6);
}
END_TEST

/* ---- numbers that are none -------------------------------------------------------- */

/* From parameters that are absurd: the steps that follow leave everything as it is, and the
 * last of them ends the run. */
static const struct { const char *change; int n; } bad_steps[] = {
    { "", 1 }, { "on_divergence=skip", 5 }, { "on_divergence=skip fused_step=1", 5 },
    { "on_divergence=rewind", 4 },
};

START_TEST(diverging)
{
    struct tr_train_args a = run_args(bad_steps[_i].change);
    struct tr_step_stats s;
    struct tr_err err = {0};
    char says[40];
    int n = bad_steps[_i].n;
    tiny_data_write(data, 2);
    struct training_run r = run_open(model, data, &a);
    const struct tr_params *p = tr_trainer_params(r.t);
    ck_assert_int_eq(run_steps(&r, 1).skipped, 0);
    for (int64_t i = 0; i < p->count; i++)
        p->value[i] *= 1e30f;
    float *w = copy_of(p->value, p->count), *m = copy_of(p->state[0], p->count),
          *v = copy_of(p->state[1], p->count);
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(tr_trainer_step(r.t, &s, &err), i < n - 1 ? 0 : TR_EDIVERGED);
        ck_assert_int_eq(s.skipped, 1);
        ck_assert_int_eq(s.step, i + 2);
        ck_assert_mem_eq(w, p->value, (size_t)p->count * sizeof *w);
        ck_assert_mem_eq(m, p->state[0], (size_t)p->count * sizeof *w);
        ck_assert_mem_eq(v, p->state[1], (size_t)p->count * sizeof *v);
    }
    snprintf(says, sizeof says, "diverged at step %d", n + 1);
    ck_assert_msg(strstr(err.text, says) != NULL, "%s", err.text);
    free(w);
    free(m);
    free(v);
    run_close(&r);
}
END_TEST

/* ---- threads ---------------------------------------------------------------------- */

/* Two runs with two threads: the same bits. */
START_TEST(same_threads_same_bits)
{
    struct tr_train_args a = run_args("");
    float *first = NULL;
    tiny_data_write(data, 2);
    for (int i = 0; i < 2; i++) {
        struct training_run r = run_open(model, data, &a);
        tr_threads(2);
        run_steps(&r, 3);
        const struct tr_params *p = tr_trainer_params(r.t);
        if (first)
            ck_assert_mem_eq(first, p->value, (size_t)p->count * sizeof *first);
        else
            first = copy_of(p->value, p->count);
        run_close(&r);
    }
    free(first);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("trainer_args");
    TCase *tc = tcase_create("arguments");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_run_files, remove_dir);
    tcase_add_loop_test(tc, changes_no_bit, 0, COUNT(same_bits));
    tcase_add_loop_test(tc, half_keeps_gradients, 0, COUNT(halves));
    tcase_add_loop_test(tc, few_bits_learn_as_well, 0, COUNT(few_bits));
    tcase_add_loop_test(tc, overfits_one_batch, 0, COUNT(overfits));
    tcase_add_loop_test(tc, rate_of_a_run, 0, COUNT(rates));
    tcase_add_loop_test(tc, refused_arguments, 0, COUNT(refused));
    tcase_add_test(tc, nothing_at_all);
    tcase_add_test(tc, defaults_are_arguments);
    tcase_add_test(tc, kinds_of_ones_own);
    tcase_add_loop_test(tc, warned_of, 0, COUNT(warnings));
    tcase_add_test(tc, sgd_by_hand);
    tcase_add_test(tc, adamw_by_hand);
    tcase_add_test(tc, decay_of_matrices_only);
    tcase_add_test(tc, schedules);
    tcase_add_test(tc, squared_error_by_hand);
    tcase_add_loop_test(tc, diverging, 0, 4);
    tcase_add_test(tc, same_threads_same_bits);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
