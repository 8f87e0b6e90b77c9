/* SPDX-License-Identifier: MIT
 *
 * What must hold for every form of model, whatever it computes: the way a step is computed
 * does not matter, nor do the neighbours of a document in a sequence; a run goes on bit for
 * bit; a packed base trains as what it is unpacked to; generating is the forward pass.
 */
#include "keyed_model.h"
#include "sanitized.h"
#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"

#include <libtrain/quantize.h>
#include <libtrain/threads.h>

#include <math.h>

/* LONG: beyond what a cache of a window has room for, so that it forgets. */
enum { CTX = 48, FIRST = 20, STEPS = 4, LONG = FORM_CTX };

static const char *data, *apart;

/* Two sequences of CTX positions: one document, and two, of FIRST and the rest.  `apart`
 * holds the same documents in three sequences. */
static void write_data(void)
{
    int32_t id[2 * CTX + 2], pos[CTX], *second = id + CTX;
    tiny_tokens(id, 2 * CTX + 2);
    for (int file = 0; file < 2; file++) {
        const char *to = file ? apart : data;
        struct tr_pack_writer *w = tr_pack_create(to, CTX, 0, SMALL_VOCAB, NULL);
        ck_assert_ptr_nonnull(w);
        for (int i = 0; i < CTX; i++)
            pos[i] = i;
        struct tr_pack_seq whole = { CTX, id, id + 1, pos };
        struct tr_pack_seq first = { FIRST, second, second + 1, pos };
        struct tr_pack_seq rest = { CTX - FIRST, second + FIRST, second + FIRST + 1, pos };
        ck_assert_int_eq(tr_pack_write(w, &whole, NULL), 0);
        if (file) {
            ck_assert_int_eq(tr_pack_write(w, &first, NULL), 0);
            ck_assert_int_eq(tr_pack_write(w, &rest, NULL), 0);
        } else {
            for (int i = FIRST; i < CTX; i++)
                pos[i] = i - FIRST;
            struct tr_pack_seq both = { CTX, second, second + 1, pos };
            ck_assert_int_eq(tr_pack_write(w, &both, NULL), 0);
        }
        ck_assert_int_eq(tr_pack_commit(w, NULL), 0);
    }
}

static void write_form(const struct shape *f)
{
    form_write(f, path);
    data = in_dir("data.pack");
    apart = in_dir("apart.pack");
    write_data();
}

static struct tr_train_args args_of(const struct shape *f, int full)
{
    struct tr_train_args a = reference_args(NULL);
    a.full = full;
    a.balance = strstr(f->keys, "expert_count") ? 0.1 : 0;
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

static void assert_same(const struct shape *f, const char *what, const double *x,
                        const double *y, double limit)
{
    for (int i = 0; i < 2 * STEPS; i++) {
        /* norms carry the rounding of the steps before them */
        double l = (i < STEPS ? limit : 10 * limit) * (f->magnifies ? 10 : 1);
        ck_assert_msg(fabs(x[i] - y[i]) <= l * fabs(x[i]),
                      "%s, %s: %s of step %d: %.9g, %.9g", f->name, what,
                      i < STEPS ? "loss" : "norm", i % STEPS, x[i], y[i]);
    }
}

START_TEST(however_it_is_computed)
{
    const struct shape *f = form_at(_i);
    double usual[2 * STEPS], other_way[2 * STEPS];
    write_form(f);
    for (int full = 0; full < 2; full++) {
        struct tr_train_args a = args_of(f, full);
        train(1, path, data, &a, usual);
        if (!SANITIZED) {
            train(2, path, data, &a, other_way);
            assert_same(f, "two threads", usual, other_way, 1e-6);
        }
        a.recompute = INT64_MAX;
        train(1, path, data, &a, other_way);
        assert_same(f, "recomputed", usual, other_way, 1e-6);
        a.fused_step = 1;
        train(1, path, data, &a, other_way);
        assert_same(f, "fused", usual, other_way, 1e-6);
    }
}
END_TEST

START_TEST(documents_apart)
{
    const struct shape *f = form_at(_i);
    double together[2 * STEPS], one_by_one[2 * STEPS];
    write_form(f);
    for (int full = 0; full < 2; full++) {
        struct tr_train_args a = args_of(f, full);
        train(1, path, data, &a, together);
        a.batch = 3;
        train(1, path, apart, &a, one_by_one);
        assert_same(f, "apart", together, one_by_one, 1e-6);
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
    write_form(form_at(_i));
    const char *half = in_dir("half.ckpt"), *whole = in_dir("whole.ckpt");
    for (int full = 0; full < 2; full++) {
        struct tr_train_args a = args_of(form_at(_i), full);
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
        ck_assert_msg(n == m && !memcmp(x, y, n), "%s", form_at(_i)->name);
        free(x);
        free(y);
    }
}
END_TEST

static void convert(const char *from, const char *to, const struct tr_dtype *type)
{
    struct tr_err err = {0};
    struct tr_quantize_args a = { .type = type, .allow_requantize = 1 };
    struct tr_gguf *g = tr_gguf_open(from, &err);
    struct tr_recipe *recipe = g ? tr_quantize_recipe(g, &a, &err) : NULL;
    ck_assert_msg(recipe && !tr_quantize(g, recipe, &a, to, &err), "%s", err.text);
    tr_recipe_free(recipe);
    tr_gguf_close(g);
}

START_TEST(packed_base)
{
    const struct shape *f = form_at(_i);
    double in_q8[2 * STEPS], in_f32[2 * STEPS];
    struct tr_train_args a = args_of(f, 0);
    write_form(f);
    const char *q8 = in_dir("q8.gguf"), *f32 = in_dir("f32.gguf");
    convert(path, q8, tr_dtype_by_name("Q8_0"));
    convert(q8, f32, &tr_f32);
    train(1, q8, data, &a, in_q8);
    train(1, f32, data, &a, in_f32);
    assert_same(f, "Q8_0", in_q8, in_f32, 1e-5);
}
END_TEST

/* Rows of logits that the cache gives, the first after `prompt` tokens. */
static void generate(struct tr_model *m, const int32_t *id, int prompt, float *logits)
{
    struct tr_err err = {0};
    struct tr_cache *c = tr_cache_new(m, LONG, &err);
    struct tr_tape *tp = tr_tape_new(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, NULL, &err);
    ck_assert_msg(c && tp, "%s", err.text);
    for (int i = 0, n = prompt; i < LONG; i += n, n = 1)
        ck_assert_msg(!tr_model_extend(m, tp, c, id + i, n,
                                       logits + (i + n - 1) * SMALL_VOCAB, &err),
                      "%s", err.text);
    tr_tape_free(tp);
    tr_cache_free(c);
}

static int likeliest(const float *logits)
{
    int best = 0;
    for (int i = 1; i < SMALL_VOCAB; i++)
        best = logits[i] > logits[best] ? i : best;
    return best;
}

START_TEST(generating)
{
    static float all[LONG * SMALL_VOCAB], cached[LONG * SMALL_VOCAB];
    struct tr_err err = {0};
    int32_t id[LONG], target[LONG] = { 0 }, pos[LONG];
    tiny_tokens(id, LONG);
    for (int i = 0; i < LONG; i++)
        pos[i] = i;
    write_form(form_at(_i));
    tr_threads(1);
    struct tr_model *m = tr_model_open(path, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    struct tr_eval *e = tr_eval_new(m, LONG, tr_loss_by_name("cross_entropy"), &err);
    struct tr_batch batch = { LONG, id, target, pos };
    ck_assert_msg(e && !tr_eval_batch(e, &batch, NULL, NULL, all, &err), "%s", err.text);
    for (int prompt = SANITIZED ? 541 : 1; prompt < LONG; prompt += 270) {
        generate(m, id, prompt, cached);
        for (int i = prompt - 1; i < LONG; i++) {
            const float *x = all + i * SMALL_VOCAB, *y = cached + i * SMALL_VOCAB;
            MUST(likeliest(x) == likeliest(y));
            for (int j = 0; j < SMALL_VOCAB; j++)
                if (!(fabsf(x[j] - y[j]) <= 2e-4f))
                    ck_abort_msg("%s: row %d: %g, cached %g", form_at(_i)->name, i,
                                 (double)x[j], (double)y[j]);
        }
    }
    tr_eval_free(e);
    tr_model_close(m);
}
END_TEST

int main(void)
{
    int n = 0;
    while (form_at(n))
        n++;
    Suite *s = suite_create("forms");
    TCase *tc = tcase_create("forms");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, however_it_is_computed, 0, n);
    tcase_add_loop_test(tc, documents_apart, 0, n);
    tcase_add_loop_test(tc, goes_on, 0, n);
    tcase_add_loop_test(tc, packed_base, 0, n);
    tcase_add_loop_test(tc, generating, 0, n);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
