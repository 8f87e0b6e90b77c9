/* SPDX-License-Identifier: MIT
 *
 * What must hold of a step of training, whatever the model: how batches and documents are
 * weighed, what an adapter and its merge do.  What the arguments mean: test_trainer_args.c.
 */
#include "run_args.h"
#include "run_files.h"
#include "training_run.h"

#include <libtrain/gguf.h>

/* ---- data ------------------------------------------------------------------------- */

/* Targets of the documents below: of one the loss counts on its last position only. */
static const int length_of[] = { 24, 3, 10, 1, 24, 7, 24, 2 };
enum { N_DOC = 8, MASKED_DOC = 4 };

/* Documents first … end - 1, one a sequence, or as many as have room if `together`. */
static void write_documents(const char *to, int first, int end, int together)
{
    int32_t id[N_DOC * (TINY_CTX + 1)], n = 0;
    int32_t pos[TINY_CTX], token[TINY_CTX], target[TINY_CTX];
    struct tr_pack_writer *w = tr_pack_create(to, TINY_CTX, 0, TINY_VOCAB, NULL);
    ck_assert_ptr_nonnull(w);
    tiny_tokens(id, N_DOC * (TINY_CTX + 1));
    for (int i = first; i < end; i++) {
        const int32_t *text = id + i * (TINY_CTX + 1);
        for (int32_t j = 0; j < length_of[i]; j++, n++) {
            token[n] = text[j];
            target[n] = i == MASKED_DOC && j != length_of[i] - 1 ? -1 : text[j + 1];
            pos[n] = j;
        }
        if (together && i < end - 1 && n + length_of[i + 1] <= TINY_CTX)
            continue;
        struct tr_pack_seq s = { n, token, target, .pos = pos };
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
    struct tr_train_args a = run_args("");
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
    struct tr_train_args a = run_args("");
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

/* The second sequence holds three of them. */
START_TEST(documents_in_one_sequence)
{
    struct tr_train_args a = run_args("");
    struct tr_step_stats x, y;
    int64_t n;
    write_documents(data, 0, N_DOC, 0);
    a.batch = 8;
    float *g = gradients(&a, &x, &n);
    write_documents(data, 0, N_DOC, 1);
    a.batch = 6;
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
    struct tr_train_args a = run_args("");
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
    struct tr_train_args a = run_args("optim=sgd weight_decay=0");
    int32_t token[TINY_CTX], target[TINY_CTX], pos[TINY_CTX];
    struct tr_pack_writer *w = tr_pack_create(data, TINY_CTX, 0, TINY_VOCAB, NULL);
    ck_assert_ptr_nonnull(w);
    tiny_tokens(token, TINY_CTX);
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < TINY_CTX; j++) {
            target[j] = i ? -1 : token[(j + 1) % TINY_CTX];
            pos[j] = j;
        }
        struct tr_pack_seq s = { TINY_CTX, token, target, .pos = pos };
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
    struct tr_train_args a = run_args("lora");
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
    struct tr_train_args a = run_args("lora");
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

int main(void)
{
    Suite *s = suite_create("trainer");
    TCase *tc = tcase_create("invariants");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_run_files, remove_dir);
    tcase_add_test(tc, batch_or_accumulation);
    tcase_add_test(tc, tokens_weigh_the_same);
    tcase_add_test(tc, documents_in_one_sequence);
    tcase_add_loop_test(tc, whole_epochs, 0, 2);
    tcase_add_loop_test(tc, step_in_which_nothing_counts, 0, 2);
    tcase_add_test(tc, adapter_with_b_zero);
    tcase_add_test(tc, new_adapter_changes_nothing);
    tcase_add_test(tc, merged_is_base_and_adapter);
    tcase_add_test(tc, saved_adapter_is_what_was_trained);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
