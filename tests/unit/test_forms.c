/* SPDX-License-Identifier: MIT
 *
 * What must hold for every form of model, whatever it computes: the way a step is computed
 * does not matter, nor do the neighbours of a document in a sequence; a run goes on bit for
 * bit; a packed base trains as what it is unpacked to; what is exported and merged is what
 * was trained; generating is the forward pass.  Without arguments of the forms of forms.def;
 * `test_forms FILE.gguf [1]` is about the model in that file (1: it magnifies rounding).
 */
#include "keyed_model.h"
#include "sanitized.h"
#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"
#include "watched.h"

#include <libtrain/export.h>
#include <libtrain/merge.h>
#include <libtrain/quantize.h>
#include <libtrain/threads.h>

#include <math.h>

enum { CTX = 48, FIRST = 20, STEPS = SANITIZED ? 2 : 4 };

/* ---- the model -------------------------------------------------------------------- */

static const char *file;     /* NULL: a form */
static int magnifies;        /* limits are ten times as wide */
static const char *subject;  /* its name */
static int64_t n_vocab, n_ctx;
static double balance;

static const char *data, *apart;

/* Two sequences of CTX positions: one document, and two, of FIRST and the rest.  `apart`
 * holds the same documents in three sequences. */
static void write_data(void)
{
    int32_t id[2 * CTX + 2], pos[CTX], *second = id + CTX;
    tiny_tokens(id, 2 * CTX + 2);
    for (int k = 0; k < 2; k++) {
        const char *to = k ? apart : data;
        struct tr_pack_writer *w = tr_pack_create(to, CTX, 0, (uint32_t)n_vocab, NULL);
        ck_assert_ptr_nonnull(w);
        for (int i = 0; i < CTX; i++)
            pos[i] = i;
        struct tr_pack_seq whole = { CTX, id, id + 1, .pos = pos };
        struct tr_pack_seq first = { FIRST, second, second + 1, .pos = pos };
        struct tr_pack_seq rest = { CTX - FIRST, second + FIRST, second + FIRST + 1, .pos = pos };
        ck_assert_int_eq(tr_pack_write(w, &whole, NULL), 0);
        if (k) {
            ck_assert_int_eq(tr_pack_write(w, &first, NULL), 0);
            ck_assert_int_eq(tr_pack_write(w, &rest, NULL), 0);
        } else {
            for (int i = FIRST; i < CTX; i++)
                pos[i] = i - FIRST;
            struct tr_pack_seq both = { CTX, second, second + 1, .pos = pos };
            ck_assert_int_eq(tr_pack_write(w, &both, NULL), 0);
        }
        ck_assert_int_eq(tr_pack_commit(w, NULL), 0);
    }
}

/* The model i, in `path`, with data for it. */
static void begin(int i)
{
    struct tr_err err = {0};
    const struct shape *f = file ? NULL : form_at(i);
    subject = file ? file : f->name;
    magnifies = file ? magnifies : f->magnifies;
    if (file)
        ck_assert_int_eq(symlink(file, path), 0);
    else
        form_write(f, path);
    struct tr_model *m = tr_model_open(path, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    const struct tr_config *c = tr_model_config(m);
    n_vocab = c->n_vocab;
    n_ctx = c->n_ctx;
    balance = 0;
    for (int64_t k = 0; k < c->n_layer; k++)
        balance = c->layer[k].n_expert ? 0.1 : balance;
    tr_model_close(m);
    data = in_dir("data.pack");
    apart = in_dir("apart.pack");
    write_data();
}

static struct tr_train_args args_of(int full)
{
    struct tr_train_args a = reference_args(NULL);
    a.full = full;
    a.balance = balance;
    a.steps = STEPS;
    a.seed = 3;
    return a;
}

/* Losses and norms of STEPS steps, one after the other. */
static void train(int threads, const char *model, const char *pack,
                  const struct tr_train_args *a, double *figure)
{
    struct training_run r = run_open_on(threads, model, pack, a);
    for (int i = 0; i < STEPS; i++) {
        struct tr_step_stats s = run_steps(&r, 1);
        figure[i] = s.loss;
        figure[STEPS + i] = s.grad_norm;
    }
    run_close(&r);
}

static void assert_same(const char *what, const double *x,
                        const double *y, double limit)
{
    for (int i = 0; i < 2 * STEPS; i++) {
        /* norms carry the rounding of the steps before them */
        double l = (i < STEPS ? limit : 10 * limit) * (magnifies ? 10 : 1);
        ck_assert_msg(fabs(x[i] - y[i]) <= l * fabs(x[i]),
                      "%s, %s: %s of step %d: %.9g, %.9g", subject, what,
                      i < STEPS ? "loss" : "norm", i % STEPS, x[i], y[i]);
    }
}

START_TEST(however_it_is_computed)
{
    double usual[2 * STEPS], other_way[2 * STEPS];
    begin(_i);
    for (int full = 0; full < 2; full++) {
        struct tr_train_args a = args_of(full);
        train(1, path, data, &a, usual);
        if (!SANITIZED) {
            train(2, path, data, &a, other_way);
            assert_same("two threads", usual, other_way, 1e-6);
        }
        a.recompute_group = 2 + full; /* of an odd number the middle of a block waits, too */
        if (!SANITIZED) {
            train(1, path, data, &a, other_way);
            assert_same("recomputed twice", usual, other_way, 0);
        }
        a.recompute_group = 0;
        a.recompute = INT64_MAX;
        a.fused_step = 1;
        train(1, path, data, &a, other_way);
        assert_same("fused", usual, other_way, 1e-6);
    }
}
END_TEST

/* Matrices are BF16, and what no product reads is not. */
START_TEST(weights_of_two_bytes)
{
    double usual[2 * STEPS], rounded[2 * STEPS];
    begin(_i);
    struct tr_train_args a = args_of(1);
    train(1, path, data, &a, usual);
    a.weights = &tr_bf16;
    train(1, path, data, &a, rounded);
    assert_same("weights in BF16", usual, rounded, 0.03);
}
END_TEST

START_TEST(documents_apart)
{
    double together[2 * STEPS], one_by_one[2 * STEPS];
    begin(_i);
    for (int full = 0; full < 2; full++) {
        struct tr_train_args a = args_of(full);
        train(1, path, data, &a, together);
        a.batch = 3;
        train(1, path, apart, &a, one_by_one);
        assert_same("apart", together, one_by_one, 1e-6);
    }
}
END_TEST

static void save(const struct training_run *r, const char *to)
{
    struct tr_err err = {0};
    ck_assert_msg(!tr_trainer_save(r->t, to, &err), "%s", err.text);
}

START_TEST(goes_on)
{
    struct tr_err err = {0};
    begin(_i);
    const char *half = in_dir("half.ckpt"), *whole = in_dir("whole.ckpt");
    for (int full = 0; full < 2; full++) {
        struct tr_train_args a = args_of(full);
        struct training_run r = run_open(path, data, &a);
        run_steps(&r, STEPS / 2);
        save(&r, half);
        run_steps(&r, STEPS - STEPS / 2);
        save(&r, whole);
        run_close(&r);
        r = run_open(path, data, &a);
        ck_assert_msg(!tr_trainer_load(r.t, half, &err), "%s", err.text);
        run_steps(&r, STEPS - STEPS / 2);
        save(&r, half);
        run_close(&r);
        size_t n, m;
        unsigned char *x = read_file(whole, &n), *y = read_file(half, &m);
        ck_assert_msg(n == m && !memcmp(x, y, n), "%s", subject);
        free(x);
        free(y);
    }
}
END_TEST

static void convert(const char *from, const char *to, const struct tr_dtype *type)
{
    struct tr_err err = {0};
    struct tr_quantize_args a = { .recipe.type = type, .allow_requantize = 1 };
    struct tr_gguf *g = tr_gguf_open(from, &err);
    struct tr_recipe *recipe = g ? tr_quantize_recipe(g, &a, &err) : NULL;
    ck_assert_msg(recipe && !tr_quantize(g, recipe, &a, to, &err), "%s", err.text);
    tr_recipe_free(recipe);
    tr_gguf_close(g);
}

START_TEST(packed_base)
{
    double in_q8[2 * STEPS], in_f32[2 * STEPS];
    struct tr_train_args a = args_of(0);
    begin(_i);
    const char *q8 = in_dir("q8.gguf"), *f32 = in_dir("f32.gguf");
    convert(path, q8, tr_dtype_by_name("Q8_0"));
    convert(q8, f32, &tr_f32);
    train(1, q8, data, &a, in_q8);
    train(1, f32, data, &a, in_f32);
    assert_same("Q8_0", in_q8, in_f32, 1e-5);
}
END_TEST

/* ---- what is written --------------------------------------------------------------- */

/* Logits of `data`, with an adapter if not NULL; the caller frees them. */
static float *logits_of(const char *model, const char *adapter)
{
    float *v = malloc((size_t)(2 * CTX * n_vocab) * sizeof *v);
    ck_assert_ptr_nonnull(v);
    run_eval(model, adapter, data, tr_loss_by_name("cross_entropy"), v);
    return v;
}

/* STEPS steps, exported to `to`; the loss that the trainer has then. */
static double export_trained(int full, const char *to)
{
    struct tr_err err = {0};
    double loss;
    const char *saved = in_dir("saved.ckpt");
    struct tr_train_args a = args_of(full);
    struct watched seen = { 0 };
    struct tr_export_args export = { .progress = { watched_at, &seen } };
    struct training_run r = run_open(path, data, &a);
    run_steps(&r, STEPS);
    save(&r, saved);
    ck_assert_msg(!tr_trainer_eval(r.t, r.pack, &loss, &err), "%s", err.text);
    run_close(&r);
    struct tr_gguf *g = tr_gguf_open(saved, &err);
    struct tr_model *base = tr_model_open(path, &err);
    ck_assert_msg(g && base && !tr_export(g, base, &export, to, &err), "%s", err.text);
    ck_assert(seen.n > 1 && seen.done == seen.total);
    tr_model_close(base);
    tr_gguf_close(g);
    return loss;
}

static void merge(const char *adapter, const char *to)
{
    struct tr_err err = {0};
    struct tr_merge_stats stats;
    struct watched seen = { 0 };
    const float one = 1;
    struct tr_model *m = tr_model_open(path, &err);
    struct tr_lora *l = m ? tr_lora_open(adapter, m, &err) : NULL;
    struct tr_merge_args a = { .n = 1, .lora = &l, .scale = &one,
                               .recipe.type = &tr_f32 };
    a.progress = (struct tr_progress){ watched_at, &seen };
    struct tr_recipe *recipe = l ? tr_merge_recipe(m, &a, &err) : NULL;
    ck_assert_msg(recipe && !tr_merge(m, recipe, &a, to, &stats, &err), "%s", err.text);
    ck_assert_uint_gt(stats.n_touched, 0);
    ck_assert(seen.n > 1 && seen.done == seen.total);
    tr_recipe_free(recipe);
    tr_lora_free(l);
    tr_model_close(m);
}

START_TEST(exported)
{
    begin(_i);
    double loss = export_trained(1, other);
    double again = run_eval(other, NULL, data, tr_loss_by_name("cross_entropy"), NULL);
    ck_assert_double_eq_tol(again, loss, 1e-6 * loss);
}
END_TEST

START_TEST(merged)
{
    begin(_i);
    const char *adapter = in_dir("adapter.gguf");
    export_trained(0, adapter);
    merge(adapter, other);
    float *base = logits_of(path, NULL), *x = logits_of(path, adapter),
          *y = logits_of(other, NULL);
    double most = 0, change = 0;
    for (int64_t i = 0; i < 2 * CTX * n_vocab; i++) {
        most = larger(most, fabs((double)(x[i] - y[i])));
        change = larger(change, fabs((double)(x[i] - base[i])));
    }
    ck_assert_msg(most <= 1e-4 && change > 100 * most, "%s: off by %g, changed by %g",
                  subject, most, change);
    free(base);
    free(x);
    free(y);
}
END_TEST

/* ---- generating -------------------------------------------------------------------- */

/* A context beyond what a cache of a window has room for, so that it forgets. */
static int64_t n_generated(void)
{
    return n_ctx < FORM_CTX ? n_ctx : FORM_CTX;
}

/* Rows of logits that the cache gives, fed in two parts, then one by one; NAN where there
 * are none. */
static void generate(struct tr_model *m, const int32_t *id, int64_t first, int64_t second,
                     float *logits)
{
    struct tr_err err = {0};
    int64_t end = n_generated();
    struct tr_cache *c = tr_cache_new(m, end, &err);
    struct tr_tape *tp = tr_tape_new(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, NULL, &err);
    ck_assert_msg(c && tp, "%s", err.text);
    for (int64_t i = 0; i < end * n_vocab; i++)
        logits[i] = NAN;
    for (int64_t i = 0, n = first; i < end; i += n, n = i == first ? second : 1)
        ck_assert_msg(!tr_model_extend(m, tp, c, id + i, n,
                                       logits + (i + n - 1) * n_vocab, &err),
                      "%s", err.text);
    tr_tape_free(tp);
    tr_cache_free(c);
}

static int64_t likeliest(const float *logits)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n_vocab; i++)
        best = logits[i] > logits[best] ? i : best;
    return best;
}

static void assert_same_row(int64_t row, const float *x, const float *y)
{
    if (isnan(*y))
        return;
    MUST(likeliest(x) == likeliest(y));
    for (int64_t j = 0; j < n_vocab; j++)
        if (!(fabsf(x[j] - y[j]) <= 2e-4f))
            ck_abort_msg("%s: row %lld: %g, cached %g", subject, (long long)row,
                         (double)x[j], (double)y[j]);
}

static void all_at_once(struct tr_model *m, const int32_t *id, float *logits)
{
    struct tr_err err = {0};
    int64_t n = n_generated();
    int32_t target[FORM_CTX] = { 0 }, pos[FORM_CTX];
    for (int i = 0; i < FORM_CTX; i++)
        pos[i] = i;
    struct tr_eval *e = tr_eval_new(m, n, tr_loss_by_name("cross_entropy"), &err);
    struct tr_batch batch = { n, id, target, .pos = pos };
    ck_assert_msg(e && !tr_eval_batch(e, &batch, NULL, NULL, logits, &err), "%s", err.text);
    tr_eval_free(e);
}

START_TEST(generating)
{
    struct tr_err err = {0};
    int32_t id[FORM_CTX];
    begin(_i);
    int64_t n = n_generated(), part = n * 9 / 20;
    const int64_t prompts[][2] = { { part, part }, { part, 1 }, { 1, 1 } };
    float *all = malloc((size_t)(2 * n * n_vocab) * sizeof *all), *cached;
    ck_assert_ptr_nonnull(all);
    cached = all + n * n_vocab;
    tiny_tokens(id, FORM_CTX);
    tr_threads(1);
    struct tr_model *m = tr_model_open(path, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    all_at_once(m, id, all);
    for (int k = 0; k < (SANITIZED ? 1 : 3); k++) {
        generate(m, id, prompts[k][0], prompts[k][1], cached);
        for (int64_t i = 0; i < n; i++)
            assert_same_row(i, all + i * n_vocab, cached + i * n_vocab);
    }
    tr_model_close(m);
    free(all);
}
END_TEST

int main(int argc, char **argv)
{
    int n = 0;
    file = argc > 1 ? argv[1] : NULL;
    magnifies = argc > 2;
    while (file ? n < 1 : form_at(n) != NULL)
        n++;
    Suite *s = suite_create("forms");
    TCase *tc = tcase_create("forms");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, however_it_is_computed, 0, n);
    tcase_add_loop_test(tc, weights_of_two_bytes, 0, n);
    tcase_add_loop_test(tc, documents_apart, 0, n);
    tcase_add_loop_test(tc, generating, 0, n);
    if (SANITIZED && n > 4) /* these run no code of the model that those do not */
        n = 4;
    tcase_add_loop_test(tc, goes_on, 0, n);
    tcase_add_loop_test(tc, packed_base, 0, n);
    tcase_add_loop_test(tc, exported, 0, n);
    tcase_add_loop_test(tc, merged, 0, n);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
