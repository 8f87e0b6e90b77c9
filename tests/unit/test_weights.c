/* SPDX-License-Identifier: MIT
 *
 * Weights of tokens in training and measuring: a token of weight 2 is that token twice, and
 * the loss is the weighted mean, however documents are packed and steps are divided.
 */
#include "run_args.h"
#include "run_files.h"
#include "training_run.h"
#include "watched.h"

#include <libtrain/eval.h>

#include <math.h>

enum { N = 12, N_DOC = 2, MOST = 3 };

/* The first document's weights are its second's from the other end. */
static const float weights[N] = { 1, 2, 0, 1, 3, 2, 1, 1, 2, 3, 1, 2 };

static float weight_of(int doc, int j)
{
    return doc ? weights[N - 1 - j] : weights[j];
}

struct doc {
    int32_t token[N_DOC * N], target[N_DOC * N], pos[N_DOC * N];
    float weight[N_DOC * N];
    int32_t n;
};

/* One more document; of `copies` > 0 that which counts tokens of at least such a weight. */
static void add(struct doc *d, int doc, int copy, float factor)
{
    int32_t id[N_DOC * (N + 1)];
    tiny_tokens(id, N_DOC * (N + 1));
    for (int j = 0; j < N; j++, d->n++) {
        float w = weight_of(doc, j);
        int counts = copy ? w >= (float)copy : w > 0;
        d->token[d->n] = id[doc * (N + 1) + j];
        d->target[d->n] = counts ? id[doc * (N + 1) + j + 1] : -1;
        d->weight[d->n] = copy ? factor : factor * w;
        d->pos[d->n] = j;
    }
}

static struct tr_pack_writer *create(const char *to)
{
    struct tr_pack_writer *w = tr_pack_create(to, TINY_CTX, 0, TINY_VOCAB, NULL);
    ck_assert_ptr_nonnull(w);
    return w;
}

static void put(struct tr_pack_writer *w, struct doc *d)
{
    struct tr_pack_seq s = { d->n, d->token, d->target, d->pos, d->weight, NULL };
    struct tr_err err = { 0 };
    ck_assert_msg(tr_pack_write(w, &s, &err) == 0, "%s", err.text);
    d->n = 0;
}

/* Both documents with their weights, in one sequence if `together`. */
static void write_weighted(const char *to, int together)
{
    struct tr_pack_writer *w = create(to);
    struct doc d = { .n = 0 };
    for (int i = 0; i < N_DOC; i++) {
        add(&d, i, 0, 1);
        if (!together || i == N_DOC - 1)
            put(w, &d);
    }
    ck_assert_int_eq(tr_pack_commit(w, NULL), 0);
}

/* Each as often as its heaviest token weighs, all weights `factor`. */
static void write_repeated(const char *to, float factor)
{
    struct tr_pack_writer *w = create(to);
    struct doc d = { .n = 0 };
    for (int i = 0; i < N_DOC; i++)
        for (int copy = 1; copy <= MOST; copy++) {
            add(&d, i, copy, factor);
            put(w, &d);
        }
    ck_assert_int_eq(tr_pack_commit(w, NULL), 0);
}

struct result {
    struct tr_step_stats s;
    float *grad; /* NULL of a fused step, which has no gradients to show */
    int64_t n;
};

static struct result step(const struct tr_train_args *a)
{
    struct result x;
    struct training_run r = run_open(model, data, a);
    x.s = run_steps(&r, 1);
    x.n = tr_trainer_params(r.t)->count;
    x.grad = a->fused_step ? NULL : copy_of(tr_trainer_params(r.t)->grad, x.n);
    run_close(&r);
    return x;
}

static void same_step(struct result *x, struct result *y)
{
    ck_assert_double_eq_tol(x->s.loss / y->s.loss, 1, 1e-6);
    ck_assert_double_eq_tol(x->s.grad_norm / y->s.grad_norm, 1, 1e-5);
    ck_assert(x->s.grad_norm > 0 && x->s.weight == y->s.weight);
    if (x->grad)
        ck_assert_double_le(distance(x->grad, y->grad, x->n), 1e-5 * length(y->grad, y->n));
    free(x->grad);
    free(y->grad);
}

static const char *const runs[] = {
    "loss=cross_entropy", "loss=mse", "lora", "lora loss=mse", "fused_step=1",
    "fused_step=1 clip=0", "fused_step=1 loss=mse", "recompute=2",
};

START_TEST(twice_the_weight_is_twice_the_token)
{
    struct tr_train_args a = run_args(runs[_i]);
    a.batch = N_DOC * MOST;
    write_repeated(data, 1);
    struct result y = step(&a);
    for (int together = 0; together < 2; together++) {
        write_weighted(data, together);
        a.batch = together ? 1 : N_DOC;
        struct result x = step(&a), copy = y;
        copy.grad = y.grad ? copy_of(y.grad, y.n) : NULL;
        ck_assert_int_lt(x.s.n_counted, y.s.n_counted);
        same_step(&x, &copy);
    }
    free(y.grad);
}
END_TEST

/* The weights of a step are those of all its micro-batches. */
START_TEST(micro_batches)
{
    struct tr_train_args a = run_args("");
    write_weighted(data, 0);
    a.batch = 2;
    struct result x = step(&a);
    a.batch = 1;
    a.grad_acc = 2;
    struct result y = step(&a);
    same_step(&x, &y);
}
END_TEST

/* Only their proportions matter, bit for bit where the factor is a power of two. */
START_TEST(all_weights_the_same)
{
    struct tr_train_args a = run_args(runs[_i]);
    a.batch = N_DOC * MOST;
    write_repeated(data, 1);
    struct result x = step(&a);
    write_repeated(data, 4);
    struct result y = step(&a);
    ck_assert(x.s.loss == y.s.loss && x.s.grad_norm == y.s.grad_norm);
    ck_assert(x.s.n_counted == y.s.n_counted && 4 * x.s.weight == y.s.weight);
    if (x.grad)
        ck_assert_mem_eq(x.grad, y.grad, (size_t)x.n * sizeof *x.grad);
    free(x.grad);
    free(y.grad);
}
END_TEST

/* Loss of a pack as tr_eval_pack and tr_eval_logits have it. */
static double measure(struct tr_eval *e, uint64_t *n)
{
    struct tr_pack *p = tr_pack_open(data, NULL);
    double loss, again;
    uint64_t n_again;
    struct tr_err err = { 0 };
    struct watched seen = { 0 }, logits = { 0 };
    tr_eval_watch(e, &(struct tr_progress){ watched_at, &seen });
    ck_assert_msg(p && tr_eval_pack(e, p, &loss, n, &err) == 0, "%s", err.text);
    tr_eval_watch(e, &(struct tr_progress){ watched_at, &logits });
    ck_assert_msg(tr_eval_logits(e, p, path, &again, &n_again, &err) == 0, "%s", err.text);
    tr_eval_watch(e, &(struct tr_progress){ 0 });
    ck_assert(n_again == *n);
    ck_assert(seen.n && seen.done == (int64_t)*n && seen.total == (int64_t)*n);
    ck_assert(logits.n == seen.n && logits.done == seen.done && logits.total == seen.total);
    ck_assert_double_eq_tol(again / loss, 1, 1e-6); /* which rows are computed differs */
    tr_pack_close(p);
    return loss;
}

START_TEST(measured_likewise)
{
    struct tr_model *m = tr_model_open(model, NULL);
    struct tr_eval *e = tr_eval_new(m, TINY_CTX, tr_loss_at(_i), NULL);
    uint64_t n[3];
    write_repeated(data, 1);
    double loss = measure(e, &n[0]);
    for (int together = 0; together < 2; together++) {
        write_weighted(data, together);
        ck_assert_double_eq_tol(measure(e, &n[1 + together]) / loss, 1, 1e-6);
    }
    ck_assert(n[1] == n[2] && n[1] < n[0]);
    tr_eval_free(e);
    tr_model_close(m);
}
END_TEST

/* What the sequences of a pack take part with adds up to its loss. */
static void check_sequences(struct tr_eval *e, struct tr_pack *p, double loss, uint64_t n)
{
    uint64_t n_seq = tr_pack_info(p)->n_seq, n_again;
    struct tr_sequence_loss *seq = calloc(n_seq, sizeof *seq);
    double sum = 0, weight = 0, again;
    ck_assert_int_eq(tr_eval_sequences(e, p, seq, &again, &n_again, NULL), 0);
    for (uint64_t i = 0; i < n_seq; i++) {
        sum += seq[i].weight * seq[i].loss;
        weight += seq[i].weight;
    }
    ck_assert(n_again == n);
    ck_assert_double_eq_tol(again / loss, 1, 1e-12);
    ck_assert_double_eq_tol(sum / weight / loss, 1, 1e-12);
    free(seq);
}

/* Documents first … end - 1 through a packer; the loss of the pack, and its weight. */
static double packed_loss(struct tr_eval *e, int fit, int first, int end, double *weight)
{
    static const int length[] = { 5, 24, 9, 3, 14, 12, 7, 4 };
    struct tr_pack_writer *w = create(data);
    struct tr_packer_args args = { .fit = tr_pack_fit_at(fit) };
    struct tr_packer *p = tr_packer_new_with(w, &args, NULL);
    int32_t id[8 * TINY_CTX];
    float factor[TINY_CTX];
    double loss;
    uint64_t n;
    tiny_tokens(id, 8 * TINY_CTX);
    *weight = 0;
    for (int i = first; i < end; i++) {
        for (int j = 0; j < length[i]; j++) {
            factor[j] = 0.5f * (float)((i + j) % 4);
            *weight += j ? (double)factor[j] : 0;
        }
        struct tr_document d = { (const uint32_t *)id + i * TINY_CTX, (size_t)length[i], factor,
                                 i % 2 ? "odd" : NULL, i % 2, 0 };
        ck_assert_int_eq(tr_packer_add_document(p, &d, NULL), 0);
    }
    ck_assert_int_eq(tr_packer_end(p, NULL), 0);
    tr_packer_free(p);
    ck_assert_int_eq(tr_pack_commit(w, NULL), 0);
    struct tr_pack *pack = tr_pack_open(data, NULL);
    ck_assert_int_eq(tr_eval_pack(e, pack, &loss, &n, NULL), 0);
    check_sequences(e, pack, loss, n);
    tr_pack_close(pack);
    return loss;
}

/* However it was packed, a pack's loss is that of its documents one by one. */
START_TEST(packed_or_apart)
{
    struct tr_model *m = tr_model_open(model, NULL);
    struct tr_eval *e = tr_eval_new(m, TINY_CTX, tr_loss_at(0), NULL);
    double weight, sum = 0, all = 0;
    for (int i = 0; i < 8; i++) {
        sum += packed_loss(e, 0, i, i + 1, &weight) * weight;
        all += weight;
    }
    for (int fit = 0; tr_pack_fit_at(fit); fit++) {
        ck_assert_double_eq_tol(packed_loss(e, fit, 0, 8, &weight) / (sum / all), 1, 1e-6);
        ck_assert(weight == all);
    }
    tr_eval_free(e);
    tr_model_close(m);
}
END_TEST

START_TEST(weights_that_are_none)
{
    static const float bad[] = { -1, NAN, INFINITY };
    struct tr_model *m = tr_model_open(model, NULL);
    struct tr_eval *e = tr_eval_new(m, TINY_CTX, tr_loss_at(0), NULL);
    int32_t token[2] = { 1, 2 }, target[2] = { 2, 3 }, pos[2] = { 0, 1 };
    float weight[2] = { 1, bad[_i] };
    struct tr_batch b = { 2, token, target, pos, weight };
    struct tr_err err = { 0 };
    double sum = 0;
    ck_assert_int_eq(tr_eval_batch(e, &b, &sum, NULL, NULL, &err), TR_EINVAL);
    ck_assert_msg(strstr(err.text, "row 1 ") && strstr(err.text, "weight"), "%s", err.text);
    tr_eval_free(e);
    tr_model_close(m);
}
END_TEST

int main(void)
{
    enum { N_RUN = sizeof runs / sizeof *runs };
    Suite *s = suite_create("weights");
    TCase *tc = tcase_create("weights");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_run_files, remove_dir);
    tcase_add_loop_test(tc, twice_the_weight_is_twice_the_token, 0, N_RUN);
    tcase_add_test(tc, micro_batches);
    tcase_add_loop_test(tc, all_weights_the_same, 0, N_RUN);
    tcase_add_loop_test(tc, measured_likewise, 0, 2);
    tcase_add_test(tc, packed_or_apart);
    tcase_add_loop_test(tc, weights_that_are_none, 0, 3);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
