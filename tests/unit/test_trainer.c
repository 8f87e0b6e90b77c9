/* SPDX-License-Identifier: MIT
 *
 * What must hold of a step of training, whatever the model: how batches and documents are
 * weighed, what an adapter and its merge do, what the arguments mean.
 */
#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"

#include <libtrain/gguf.h>
#include <libtrain/threads.h>

#include <math.h>

static char model[300], data[300], adapter[300];

static void make_files(void)
{
    make_dir();
    snprintf(model, sizeof model, "%s/model.gguf", dir);
    snprintf(data, sizeof data, "%s/data.pack", dir);
    snprintf(adapter, sizeof adapter, "%s/adapter.gguf", dir);
    tiny_model_write(&tiny_llama, model);
}

static void remove_files(void)
{
    unlink(model);
    unlink(data);
    unlink(adapter);
    remove_dir();
}

static struct tr_train_args args_of(const char *optim, double lr, double decay)
{
    struct tr_train_args a = reference_args(NULL);
    a.optim = tr_optim_by_name(optim);
    a.lr = lr;
    a.weight_decay = decay;
    return a;
}

static struct tr_train_args lora_args(void)
{
    struct tr_train_args a = reference_args(NULL);
    a.full = 0;
    a.lora_rank = 4;
    a.lora_alpha = 8;
    a.lora_targets = "all-linear";
    a.lr = 2e-2;
    a.weight_decay = 0;
    return a;
}

/* ---- data ------------------------------------------------------------------------- */

/* Targets of the documents below: of one the loss counts on its last position only. */
static const int length_of[] = { 24, 3, 10, 1, 24, 7, 24, 2 };
enum { N_DOC = 8, MASKED_DOC = 4 };

/* Documents first … end - 1, one a sequence, or all in one if `together`. */
static void write_documents(const char *to, int first, int end, int together)
{
    int32_t id[N_DOC * (TINY_CTX + 1)], pos[512], token[512], target[512], n = 0;
    uint32_t ctx = together ? 120 : TINY_CTX;
    struct tr_pack_writer *w = tr_pack_create(to, ctx, 0, TINY_VOCAB, NULL);
    ck_assert_ptr_nonnull(w);
    tiny_tokens(id, N_DOC * (TINY_CTX + 1));
    for (int i = first; i < end; i++) {
        const int32_t *text = id + i * (TINY_CTX + 1);
        for (int32_t j = 0; j < length_of[i]; j++, n++) {
            token[n] = text[j];
            target[n] = i == MASKED_DOC && j != length_of[i] - 1 ? -1 : text[j + 1];
            pos[n] = j;
        }
        if (together && i < end - 1)
            continue;
        struct tr_pack_seq s = { n, token, target, pos };
        ck_assert_int_eq(tr_pack_write(w, &s, NULL), 0);
        n = 0;
    }
    ck_assert_int_eq(tr_pack_commit(w, NULL), 0);
}

static int counted_in(int i)
{
    return i == MASKED_DOC ? 1 : length_of[i];
}

/* ---- comparing runs --------------------------------------------------------------- */

static float *copy_of(const float *v, int64_t n)
{
    float *c = malloc((size_t)n * sizeof *c);
    ck_assert_ptr_nonnull(c);
    memcpy(c, v, (size_t)n * sizeof *c);
    return c;
}

/* One step; the gradients (the caller's) and the figures. */
static float *gradients(const struct tr_train_args *a, struct tr_step_stats *s, int64_t *n)
{
    struct training_run r = run_open(model, data, a);
    *s = run_steps(&r, 1);
    *n = tr_trainer_params(r.t)->count;
    float *g = copy_of(tr_trainer_params(r.t)->grad, *n);
    run_close(&r);
    return g;
}

static void close_to(const float *a, const float *b, int64_t n, double limit)
{
    double d = distance(a, b, n) / length(b, n);
    ck_assert_msg(d <= limit, "relative error %.2g > %.2g", d, limit);
}

/* ---- batches ---------------------------------------------------------------------- */

START_TEST(batch_or_accumulation)
{
    struct tr_train_args a = args_of("adamw", 1e-3, 0.1);
    struct tr_step_stats x, y;
    int64_t n;
    write_documents(data, 0, N_DOC, 0);
    a.batch = 8;
    float *g = gradients(&a, &x, &n);
    for (int batch = 1; batch < 8; batch *= 2) {
        a.batch = batch;
        a.grad_acc = 8 / batch;
        float *h = gradients(&a, &y, &n);
        close_to(h, g, n, 1e-5);
        ck_assert_double_eq_tol(y.loss / x.loss, 1, 1e-6);
        ck_assert_int_eq(x.n_counted, y.n_counted);
        free(h);
    }
    free(g);
}
END_TEST

/* The loss of a step is the mean over its tokens, not over its sequences or batches: the
 * same as that of the documents one by one, weighed by what counts in each. */
START_TEST(tokens_weigh_the_same)
{
    struct tr_train_args a = args_of("adamw", 1e-3, 0.1);
    struct tr_step_stats s;
    int64_t n = 0, counted = 0;
    float *sum = NULL;
    double loss = 0;
    a.batch = 1;
    for (int i = 0; i < N_DOC; i++) {
        write_documents(data, i, i + 1, 0);
        float *g = gradients(&a, &s, &n);
        ck_assert_int_eq(s.n_counted, counted_in(i));
        if (!sum)
            sum = calloc((size_t)n, sizeof *sum);
        for (int64_t j = 0; j < n; j++)
            sum[j] += g[j] * (float)counted_in(i);
        loss += s.loss * counted_in(i);
        counted += counted_in(i);
        free(g);
    }
    write_documents(data, 0, N_DOC, 0);
    a.grad_acc = 4;
    a.batch = 2;
    float *g = gradients(&a, &s, &n);
    ck_assert_int_eq(s.n_counted, counted);
    ck_assert_double_eq_tol(s.loss, loss / (double)counted, 1e-6);
    for (int64_t j = 0; j < n; j++)
        sum[j] /= (float)counted;
    close_to(g, sum, n, 1e-5);
    free(g);
    free(sum);
}
END_TEST

START_TEST(documents_in_one_sequence)
{
    struct tr_train_args a = args_of("adamw", 1e-3, 0.1);
    struct tr_step_stats x, y;
    int64_t n;
    write_documents(data, 0, N_DOC, 0);
    a.batch = 8;
    float *g = gradients(&a, &x, &n);
    write_documents(data, 0, N_DOC, 1);
    a.batch = 1;
    float *h = gradients(&a, &y, &n);
    ck_assert_int_eq(y.n_token, 24 + 3 + 10 + 1 + 24 + 7 + 24 + 2);
    ck_assert_double_eq_tol(x.loss, y.loss, 1e-6);
    close_to(h, g, n, 1e-5);
    free(g);
    free(h);
}
END_TEST

/* Seven sequences twice in steps of four: 4, then 3 and 1 of the second pass, 4, the last
 * 2; each document as often as there are passes. */
START_TEST(whole_epochs)
{
    struct tr_train_args a = args_of("adamw", 1e-3, 0.1);
    int64_t counted = 0, wanted = 0;
    a.steps = 0;
    a.epochs = 2;
    a.grad_acc = 2;
    a.shuffle = _i;
    for (int i = 0; i < 7; i++)
        wanted += 2 * counted_in(i);
    write_documents(data, 0, 7, 0);
    struct training_run r = run_open(model, data, &a);
    ck_assert_int_eq(tr_trainer_total(r.t), 4);
    for (int i = 0; i < 4; i++)
        counted += run_steps(&r, 1).n_counted;
    ck_assert_int_eq(counted, wanted);
    run_close(&r);
}
END_TEST

/* Nothing is left of the gradients of the step before, in an output table of its own. */
START_TEST(step_in_which_nothing_counts)
{
    struct tr_train_args a = args_of("sgd", 1e-3, 0);
    int32_t token[TINY_CTX], target[TINY_CTX], pos[TINY_CTX];
    struct tr_pack_writer *w = tr_pack_create(data, TINY_CTX, 0, TINY_VOCAB, NULL);
    ck_assert_ptr_nonnull(w);
    tiny_tokens(token, TINY_CTX);
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < TINY_CTX; j++) {
            target[j] = i ? -1 : token[(j + 1) % TINY_CTX];
            pos[j] = j;
        }
        struct tr_pack_seq s = { TINY_CTX, token, target, pos };
        ck_assert_int_eq(tr_pack_write(w, &s, NULL), 0);
    }
    ck_assert_int_eq(tr_pack_commit(w, NULL), 0);
    a.batch = 1;
    a.fused_step = _i;
    struct training_run r = run_open(model, data, &a);
    ck_assert(run_steps(&r, 1).grad_norm > 0);
    ck_assert(run_steps(&r, 1).grad_norm == 0);
    run_close(&r);
}
END_TEST

START_TEST(overfits_one_batch)
{
    struct tr_train_args a = _i ? args_of("adamw", 1e-2, 0) : lora_args();
    a.steps = 60;
    tiny_data_write(data, 2);
    struct training_run r = run_open(model, data, &a);
    double first = run_steps(&r, 1).loss, last = run_steps(&r, 59).loss;
    ck_assert_msg(first > 4 && last < (_i ? 0.05 : 1.0), "loss %.3f to %.3f", first, last);
    run_close(&r);
}
END_TEST

/* ---- adapters --------------------------------------------------------------------- */

enum { N_LOGIT = 2 * TINY_CTX * TINY_VOCAB };

START_TEST(adapter_with_b_zero)
{
    static float plain[N_LOGIT], adapted[N_LOGIT];
    const struct tr_loss_kind *ce = tr_loss_by_name("cross_entropy");
    tiny_data_write(data, 2);
    tiny_adapter_write(&tiny_llama, adapter, 1);
    run_eval(model, NULL, data, ce, plain);
    run_eval(model, adapter, data, ce, adapted);
    ck_assert_mem_eq(plain, adapted, sizeof plain);
    tiny_adapter_write(&tiny_llama, adapter, 0);
    run_eval(model, adapter, data, ce, adapted);
    ck_assert_double_ge(distance(plain, adapted, N_LOGIT), 1e-2 * length(plain, N_LOGIT));
}
END_TEST

/* A new adapter begins with b = 0: the first loss is the base's. */
START_TEST(new_adapter_changes_nothing)
{
    struct tr_train_args a = lora_args();
    tiny_data_write(data, 2);
    double base = run_eval(model, NULL, data, a.loss, NULL);
    struct training_run r = run_open(model, data, &a);
    ck_assert_double_eq_tol(run_steps(&r, 1).loss, base, 1e-6);
    run_close(&r);
}
END_TEST

static void write_merged(const char *to)
{
    struct tr_model *m = tr_model_open(model, NULL);
    struct tr_lora *l = tr_lora_open(adapter, m, NULL);
    struct tr_gguf_writer *w = tr_gguf_create(to, NULL);
    ck_assert(m && l && w);
    const struct tr_gguf *g = tr_model_gguf(m);
    tr_gguf_set_all(w, g);
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        tr_gguf_add_tensor(w, t->name, t->dtype, t->n_dim, t->dim);
    }
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        float *v = copy_of(t->data, t->bytes / (int64_t)sizeof(float));
        int linear = strstr(t->name, "blk.") && !strstr(t->name, "norm");
        int64_t half = t->dim[0] / 2; /* in two pieces of rows */
        ck_assert_int_eq(tr_lora_has(l, t->name), linear);
        tr_lora_add_to(l, t->name, 1, 0, half, v);
        tr_lora_add_to(l, t->name, 1, half, t->dim[0] - half, v + half * t->dim[1]);
        ck_assert_int_eq(tr_gguf_write(w, v, t->bytes, NULL), 0);
        free(v);
    }
    ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
    tr_model_close(m);
    tr_lora_free(l);
}

START_TEST(merged_is_base_and_adapter)
{
    static float adapted[N_LOGIT], merged[N_LOGIT];
    const struct tr_loss_kind *ce = tr_loss_by_name("cross_entropy");
    tiny_data_write(data, 2);
    tiny_adapter_write(&tiny_llama, adapter, 0);
    write_merged(path);
    run_eval(model, adapter, data, ce, adapted);
    run_eval(path, NULL, data, ce, merged);
    for (int i = 0; i < N_LOGIT; i++)
        ck_assert_double_eq_tol((double)adapted[i], (double)merged[i], 2e-5);
}
END_TEST

START_TEST(saved_adapter_is_what_was_trained)
{
    struct tr_train_args a = lora_args();
    double loss;
    tiny_data_write(data, 2);
    struct training_run r = run_open(model, data, &a);
    run_steps(&r, 5);
    ck_assert_int_eq(tr_trainer_save_adapter(r.t, adapter, NULL), 0);
    ck_assert_int_eq(tr_trainer_eval(r.t, r.pack, &loss, NULL), 0);
    run_close(&r);
    ck_assert(run_eval(model, adapter, data, a.loss, NULL) == loss);
}
END_TEST

/* ---- arguments -------------------------------------------------------------------- */

START_TEST(recompute_changes_no_bit)
{
    struct tr_train_args a = _i ? args_of("adamw", 1e-3, 0.1) : lora_args();
    static float values[TINY_LAYERS + 1][1 << 17];
    int64_t n = 0;
    double loss[TINY_LAYERS + 1];
    tiny_data_write(data, 4);
    for (int mode = 0; mode <= TINY_LAYERS; mode++) {
        a.recompute = mode;
        struct training_run r = run_open(model, data, &a);
        ck_assert_int_eq(tr_trainer_plan(r.t)->recompute, mode);
        loss[mode] = run_steps(&r, 3).loss;
        n = tr_trainer_params(r.t)->count;
        ck_assert_int_le(n, 1 << 17);
        memcpy(values[mode], tr_trainer_params(r.t)->value, (size_t)n * sizeof(float));
        run_close(&r);
    }
    for (int mode = 1; mode <= TINY_LAYERS; mode++) {
        ck_assert_mem_eq(&loss[0], &loss[mode], sizeof loss[0]);
        ck_assert_mem_eq(values[0], values[mode], (size_t)n * sizeof(float));
    }
}
END_TEST

/* Results kept as F16 leave the forward pass as it is, and gradients nearly;
 * half the memory is what they are for. */
START_TEST(half_keeps_gradients)
{
    struct tr_train_args a = _i & 1 ? args_of("adamw", 1e-3, 0.1) : lora_args();
    tiny_data_write(data, 4);
    tiny_model_write(_i & 2 ? &tiny_gpt2 : &tiny_llama, model);
    struct training_run x = run_open(model, data, &a);
    a.precision = tr_precision_at(1);
    ck_assert_str_eq(a.precision->name, "f16");
    a.recompute = _i & 4 ? TINY_LAYERS : 0;
    struct training_run y = run_open(model, data, &a);
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

/* Updates in the backward pass are the same updates, and so is the norm: clipped in two
 * sweeps, in one without, and whatever is recomputed; tied and untied tables. */
START_TEST(fused_step_changes_no_bit)
{
    struct tr_train_args a = _i & 1 ? args_of("adamw", 1e-3, 0.1) : lora_args();
    struct tr_step_stats s[2];
    a.clip = _i & 2 ? 0.5 : 0;
    a.optim = tr_optim_by_name(_i & 4 ? "adamw8" : "adamw");
    a.bf16 = a.full && _i & 4;
    a.batch = 4;
    tiny_data_write(data, 7);
    tiny_model_write(_i & 8 ? &tiny_gpt2 : &tiny_llama, model);
    for (int blocks = 0; blocks <= TINY_LAYERS; blocks++) {
        a.fused_step = 0;
        struct training_run x = run_open(model, data, &a);
        a.fused_step = 1;
        a.recompute = blocks;
        struct training_run y = run_open(model, data, &a);
        const struct tr_params *p = tr_trainer_params(x.t), *q = tr_trainer_params(y.t);
        for (int step = 0; step < 4; step++) {
            s[0] = run_steps(&x, 1);
            s[1] = run_steps(&y, 1);
            ck_assert_mem_eq(&s[0].loss, &s[1].loss, sizeof s[0].loss);
            ck_assert_mem_eq(&s[0].grad_norm, &s[1].grad_norm, sizeof s[0].loss);
        }
        for (size_t i = 0; i < p->n; i++)
            ck_assert_mem_eq(p->tensor[i]->data, q->tensor[i]->data,
                             (size_t)tr_tensor_count(p->tensor[i]) *
                                 p->tensor[i]->dtype->bytes);
        ck_assert_int_lt(tr_trainer_plan(y.t)->grads, tr_trainer_plan(x.t)->grads);
        ck_assert_int_eq(tr_trainer_dump_grads(y.t, path, NULL), TR_EUNSUPPORTED);
        run_close(&x);
        run_close(&y);
    }
}
END_TEST

/* m = beta1 m + g, w = w (1 - lr decay) - lr m, the gradient cut to norm `clip`. */
START_TEST(sgd_by_hand)
{
    struct tr_train_args a = args_of("sgd", 0.1, 0.2);
    a.beta1 = 0.5;
    a.clip = 0.7;
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
    struct tr_train_args a = args_of("adamw", 1e-2, 0.2);
    a.eps = 1e-2;
    a.clip = 0;
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
                m[j] = a.beta1 * m[j] + (1 - a.beta1) * g;
                v[j] = a.beta2 * v[j] + (1 - a.beta2) * g * g;
                double m_hat = m[j] / (1 - pow(a.beta1, step));
                double v_hat = v[j] / (1 - pow(a.beta2, step));
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

/* The same run with moments of eight bits, with weights of sixteen, with both: a loss a
 * little off, all the way down. */
START_TEST(few_bits_learn_as_well)
{
    struct tr_train_args a = args_of("adamw", 3e-3, 0.1);
    struct tr_train_args b = args_of(_i & 1 ? "adamw8" : "adamw", 3e-3, 0.1);
    b.bf16 = _i >> 1;
    tiny_data_write(data, 8);
    a.batch = b.batch = 4;
    a.steps = b.steps = 60;
    struct training_run x = run_open(model, data, &a), y = run_open(model, data, &b);
    double first = 0, last = 0;
    for (int i = 0; i < 60; i++) {
        double want = run_steps(&x, 1).loss, got = run_steps(&y, 1).loss;
        ck_assert_msg(fabs(got - want) <= 0.02 + 0.03 * want, "step %d: loss %g, with f32 %g",
                      i + 1, got, want);
        first = i ? first : want;
        last = want;
    }
    ck_assert_double_lt(last, first - 1);
    run_close(&x);
    run_close(&y);
}
END_TEST

/* Of two runs that differ in decay only: matrices shrink by lr * decay, vectors do not. */
START_TEST(decay_of_matrices_only)
{
    struct tr_train_args a = args_of("adamw", 1e-2, 0), b = args_of("adamw", 1e-2, 0.5);
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
    const struct tr_schedule *constant = tr_schedule_by_name("constant"),
                             *linear = tr_schedule_by_name("linear"),
                             *cosine = tr_schedule_by_name("cosine");
    ck_assert(constant && linear && cosine && !tr_schedule_by_name("sine"));
    for (int k = 1; k <= 10; k++) {
        double warm = k <= 4 ? 0.25 * k : 0, progress = (k - 5) / 6.0;
        ck_assert_double_eq_tol(tr_schedule_lr(constant, 2, 4, 10, k),
                                2 * (warm > 0 ? warm : 1), 1e-12);
        ck_assert_double_eq_tol(tr_schedule_lr(linear, 2, 4, 10, k),
                                2 * (warm > 0 ? warm : 1 - progress), 1e-12);
        ck_assert_double_eq_tol(tr_schedule_lr(cosine, 2, 4, 10, k),
                                warm > 0 ? 2 * warm : 1 + cos(acos(-1) * progress), 1e-12);
    }
    ck_assert(tr_schedule_lr(cosine, 3, 0, 10, 1) == 3);
}
END_TEST

/* Warm-up as a number of steps, and as a share of them. */
START_TEST(rate_of_a_run)
{
    struct tr_train_args a = args_of("adamw", 1e-3, 0);
    a.warmup = _i ? 0.35 : 4; /* 0.35 of 10: rounded up */
    a.sched = tr_schedule_by_name("cosine");
    tiny_data_write(data, 2);
    struct training_run r = run_open(model, data, &a);
    for (int k = 1; k <= 10; k++)
        ck_assert_double_eq_tol(run_steps(&r, 1).lr,
                                tr_schedule_lr(a.sched, 1e-3, 4, 10, k), 1e-15);
    run_close(&r);
}
END_TEST

START_TEST(squared_error_by_hand)
{
    static float z[N_LOGIT];
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
    ck_assert_double_eq_tol(loss, sum / N_LOGIT, 1e-6);
}
END_TEST

/* ---- numbers that are none -------------------------------------------------------- */

/* After one step of an absurd rate nothing is finite any more: the steps that follow leave
 * everything as it is, and the third of them ends the run. */
START_TEST(diverging)
{
    struct tr_train_args a = args_of("adamw", 1e30, 0);
    a.fused_step = _i;
    struct tr_step_stats s;
    struct tr_err err = {0};
    tiny_data_write(data, 2);
    struct training_run r = run_open(model, data, &a);
    const struct tr_params *p = tr_trainer_params(r.t);
    ck_assert_int_eq(run_steps(&r, 1).skipped, 0);
    float *w = copy_of(p->value, p->count), *m = copy_of(p->state[0], p->count),
          *v = copy_of(p->state[1], p->count);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(tr_trainer_step(r.t, &s, &err), i < 2 ? 0 : TR_EDIVERGED);
        ck_assert_int_eq(s.skipped, 1);
        ck_assert_int_eq(s.step, i + 2);
        ck_assert_mem_eq(w, p->value, (size_t)p->count * sizeof *w);
        ck_assert_mem_eq(m, p->state[0], (size_t)p->count * sizeof *w);
        ck_assert_mem_eq(v, p->state[1], (size_t)p->count * sizeof *w);
    }
    ck_assert_msg(strstr(err.text, "diverged at step 4") != NULL, "%s", err.text);
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
    struct tr_train_args a = args_of("adamw", 1e-3, 0.1);
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
    Suite *s = suite_create("trainer");
    TCase *tc = tcase_create("invariants");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_files, remove_files);
    tcase_add_test(tc, batch_or_accumulation);
    tcase_add_test(tc, tokens_weigh_the_same);
    tcase_add_test(tc, documents_in_one_sequence);
    tcase_add_loop_test(tc, whole_epochs, 0, 2);
    tcase_add_loop_test(tc, step_in_which_nothing_counts, 0, 2);
    tcase_add_loop_test(tc, overfits_one_batch, 0, 2);
    tcase_add_test(tc, adapter_with_b_zero);
    tcase_add_test(tc, new_adapter_changes_nothing);
    tcase_add_test(tc, merged_is_base_and_adapter);
    tcase_add_test(tc, saved_adapter_is_what_was_trained);
    tcase_add_loop_test(tc, recompute_changes_no_bit, 0, 2);
    tcase_add_loop_test(tc, half_keeps_gradients, 0, 8);
    tcase_add_loop_test(tc, fused_step_changes_no_bit, 0, 16);
    tcase_add_test(tc, sgd_by_hand);
    tcase_add_test(tc, adamw_by_hand);
    tcase_add_loop_test(tc, few_bits_learn_as_well, 1, 4);
    tcase_add_test(tc, decay_of_matrices_only);
    tcase_add_test(tc, schedules);
    tcase_add_loop_test(tc, rate_of_a_run, 0, 2);
    tcase_add_test(tc, squared_error_by_hand);
    tcase_add_loop_test(tc, diverging, 0, 2);
    tcase_add_test(tc, same_threads_same_bits);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
