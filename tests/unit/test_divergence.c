/* SPDX-License-Identifier: MIT
 *
 * How far one model is from another, against plain sums over all their logits.
 */
#include "scratch.h"
#include "tiny_model.h"

#include <libtrain/eval.h>
#include <libtrain/quantize.h>

#include <check.h>
#include <math.h>
#include <string.h>

enum { CTX = 9, CHUNKS = 3, IDS = CTX * CHUNKS + 2, COUNTED = CTX - 1 - CTX / 2,
       N = CHUNKS * COUNTED };

static uint32_t ids[IDS];
static struct tr_text_ids text = { ids, IDS, IDS, 1 };
static const struct tr_chunks chunks = { CTX, 0, CHUNKS };

static struct tr_model *m, *base;
static struct tr_eval *e, *from;

static struct tr_model *open_model(const char *file)
{
    struct tr_err err = { 0 };
    struct tr_model *x = tr_model_open(file, &err);
    ck_assert_msg(x != NULL, "%s", err.text);
    return x;
}

/* The base in `path`, and it in Q4_0 in `other`. */
static void begin(void)
{
    struct tr_err err = { 0 };
    struct tr_quantize_args args = { .recipe.type = tr_dtype_by_name("Q4_0") };
    make_dir();
    tiny_model_write(&tiny_llama, path);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    struct tr_recipe *r = tr_quantize_recipe(g, &args, &err);
    ck_assert_msg(r && !tr_quantize(g, r, &args, other, &err), "%s", err.text);
    tr_recipe_free(r);
    tr_gguf_close(g);
    base = open_model(path);
    m = open_model(other);
    e = tr_eval_new(m, CTX, tr_loss_at(0), &err);
    from = tr_eval_new(base, CTX, tr_loss_at(0), &err);
    ck_assert(e && from);
    for (int i = 0; i < IDS; i++)
        ids[i] = (uint32_t)(i * 11 % TINY_VOCAB);
}

static void end(void)
{
    tr_eval_free(e);
    tr_eval_free(from);
    tr_model_close(m);
    tr_model_close(base);
    remove_dir();
}

/* ---- plain ------------------------------------------------------------------------ */

static double p[2][N][TINY_VOCAB]; /* of the model, of the base */
static int32_t next[N];

static void take_row(double *to, const float *z)
{
    double sum = 0;
    for (int i = 0; i < TINY_VOCAB; i++)
        sum += exp((double)z[i]);
    for (int i = 0; i < TINY_VOCAB; i++)
        to[i] = exp((double)z[i]) / sum;
}

static void take(struct tr_eval *of, int which)
{
    static float logits[CTX * TINY_VOCAB];
    int32_t token[CTX], target[CTX], pos[CTX];
    for (int c = 0; c < CHUNKS; c++) {
        for (int i = 0; i < CTX; i++) {
            token[i] = i ? (int32_t)ids[c * CTX + i] : text.bos;
            target[i] = -1;
            pos[i] = i;
        }
        struct tr_batch batch = { CTX, token, target, .pos = pos };
        ck_assert_int_eq(tr_eval_batch(of, &batch, NULL, NULL, logits, NULL), 0);
        for (int i = 0; i < COUNTED; i++) {
            take_row(p[which][c * COUNTED + i], logits + (CTX / 2 + i) * TINY_VOCAB);
            next[c * COUNTED + i] = token[CTX / 2 + i + 1];
        }
    }
}

static int top(const double *q)
{
    int best = 0;
    for (int i = 1; i < TINY_VOCAB; i++)
        if (q[i] > q[best])
            best = i;
    return best;
}

static double kl_of(int i)
{
    double sum = 0;
    for (int k = 0; k < TINY_VOCAB; k++)
        sum += p[1][i][k] * log(p[1][i][k] / p[0][i][k]);
    return sum;
}

/* ---- tests ------------------------------------------------------------------------ */

START_TEST(test_plain)
{
    struct tr_err err = { 0 };
    struct tr_divergence d;
    double kl = 0, kl2 = 0, loss = 0, base_loss = 0, most = 0, change2 = 0, same = 0;
    ck_assert_msg(!tr_eval_divergence(e, from, &text, &chunks, &d, &err), "%s", err.text);
    take(e, 0);
    take(from, 1);
    for (int i = 0; i < N; i++) {
        double change = p[0][i][next[i]] - p[1][i][next[i]];
        kl += kl_of(i) / N;
        kl2 += kl_of(i) * kl_of(i) / N;
        most = fmax(most, kl_of(i));
        loss -= log(p[0][i][next[i]]) / N;
        base_loss -= log(p[1][i][next[i]]) / N;
        change2 += change * change / N;
        same += top(p[0][i]) == top(p[1][i]);
    }
    ck_assert_uint_eq(d.n, N);
    ck_assert_double_gt(kl, 1e-4);
    ck_assert_double_eq_tol(d.kl.mean, kl, 1e-4 * kl);
    ck_assert_double_eq_tol(d.kl.error, sqrt((kl2 - kl * kl) / (N - 1)), 1e-4 * kl);
    ck_assert_double_eq_tol(d.kl_max, most, 1e-4 * most);
    ck_assert(d.kl_median <= d.kl_99 && d.kl_99 <= d.kl_max && d.kl_median > 0);
    ck_assert_double_eq_tol(d.loss.mean, loss, 1e-6);
    ck_assert_double_eq_tol(d.base_loss.mean, base_loss, 1e-6);
    ck_assert_double_eq_tol(d.log_ratio.mean, loss - base_loss, 1e-6);
    ck_assert_double_eq_tol(d.p_change_rms, sqrt(change2), 1e-7);
    ck_assert_double_eq(d.same_top.mean, same / N);
}
END_TEST

START_TEST(test_itself)
{
    struct tr_err err = { 0 };
    struct tr_divergence d;
    ck_assert_int_eq(tr_eval_divergence(from, from, &text, &chunks, &d, &err), 0);
    ck_assert_double_eq(d.kl_max, 0);
    ck_assert_double_eq(d.log_ratio.mean, 0);
    ck_assert_double_eq(d.same_top.mean, 1);
    ck_assert_double_eq(d.p_change_rms, 0);
}
END_TEST

START_TEST(test_refused)
{
    struct tr_err err = { 0 };
    struct tr_divergence d;
    ck_assert_int_eq(tr_eval_divergence(e, from, &text, &(struct tr_chunks){ 2, 0, 1 }, &d,
                                        &err), TR_EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "no predictions that count"));
    err.code = 0;
    ck_assert_int_eq(tr_eval_divergence(e, from, &text, &(struct tr_chunks){ CTX, 0, 4 }, &d,
                                        &err), TR_EINVAL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("divergence");
    TCase *tc = tcase_create("divergence");
    tcase_add_checked_fixture(tc, begin, end);
    tcase_add_test(tc, test_plain);
    tcase_add_test(tc, test_itself);
    tcase_add_test(tc, test_refused);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
