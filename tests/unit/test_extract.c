/* SPDX-License-Identifier: MIT
 *
 * Singular values beside what they must be, and the difference of two models as an adapter.
 */
#include "scratch.h"
#include "suite.h"
#include "tiny_model.h"

#include <libtrain/extract.h>
#include <libtrain/gguf.h>
#include <libtrain/matmul/matmul.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ==== singular values ==== */

static double dot(const float *a, int64_t stride_a, const float *b, int64_t stride_b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i * stride_a] * (double)b[i * stride_b];
    return sum;
}

static void fill(const char *name, float *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(tiny_bits(name, i) >> 8) * 0x1p-23f - 1;
}

/* a (m, n) of this rank, with a little noise behind it. */
static float *make_matrix(int64_t m, int64_t n, int64_t rank, float noise)
{
    float *a = malloc((size_t)(m * n) * sizeof *a);
    float *u = malloc((size_t)(m * rank) * sizeof *u), *v = malloc((size_t)(n * rank) * sizeof *v);
    fill("noise", a, m * n);
    fill("u", u, m * rank);
    fill("v", v, n * rank);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            a[i * n + j] = noise * a[i * n + j] +
                           (float)dot(u + i * rank, 1, v + j * rank, 1, rank);
    free(u);
    free(v);
    return a;
}

static const struct {
    int64_t m, n, rank, wanted;
    float noise;
    int all; /* values are computed */
} matrices[] = {
    { 5, 9, 5, 5, 0.1f, 1 },      { 9, 5, 5, 2, 0.1f, 1 },     { 1, 7, 1, 1, 0, 1 },
    { 60, 50, 8, 50, 0.1f, 1 },   { 200, 150, 8, 8, 1e-4f, 0 }, { 140, 300, 3, 10, 1e-4f, 0 },
};

/* Vectors are orthonormal, and a vt^T = u s. */
START_TEST(test_svd)
{
    struct tr_err err = { 0 };
    struct tr__svd x;
    int64_t m = matrices[_i].m, n = matrices[_i].n;
    float *a = make_matrix(m, n, matrices[_i].rank, matrices[_i].noise);
    ck_assert(!tr__gemm_ready(&err));
    ck_assert_msg(!tr__svd_new(&x, m, n, a, matrices[_i].wanted, &err), "%s", err.text);
    ck_assert_int_eq(x.rank == (m < n ? m : n), matrices[_i].all);
    ck_assert_int_ge(x.rank, matrices[_i].wanted);
    int64_t known = matrices[_i].all ? x.rank : matrices[_i].rank;
    for (int64_t k = 0; k < known; k++) {
        MUST(!k || x.s[k] <= x.s[k - 1]);
        for (int64_t l = 0; l <= k; l++) {
            MUST(fabs(dot(x.u + k, x.rank, x.u + l, x.rank, m) - (k == l)) < 1e-5);
            MUST(fabs(dot(x.vt + k * n, 1, x.vt + l * n, 1, n) - (k == l)) < 1e-5);
        }
        for (int64_t i = 0; i < m; i++)
            MUST(fabs(dot(a + i * n, 1, x.vt + k * n, 1, n) -
                      (double)x.s[k] * (double)x.u[i * x.rank + k]) < 2e-6 * (double)x.s[0]);
    }
    tr__svd_release(&x);
    free(a);
}
END_TEST

/* ==== models ==== */

/* A copy of the tiny model with `name` times 1 + scale * what a name gives; NULL: all. */
static void write_tuned(const char *to, const struct tr_gguf *base, const char *name,
                        float scale)
{
    struct tr_err err = { 0 };
    struct tr_gguf_writer *w = tr_gguf_create(to, &err);
    tr_gguf_set_all(w, base);
    for (size_t i = 0; i < tr_gguf_n_tensor(base); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(base, i);
        tr_gguf_add_tensor(w, t->name, t->dtype, t->n_dim, t->dim);
    }
    for (size_t i = 0; i < tr_gguf_n_tensor(base); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(base, i);
        int64_t n = tr_gguf_count(t);
        float *v = malloc((size_t)n * sizeof *v), *d = malloc((size_t)n * sizeof *d);
        memcpy(v, t->data, (size_t)t->bytes);
        fill(t->name, d, n);
        for (int64_t k = 0; k < n && (!name || !strcmp(name, t->name)); k++)
            v[k] += scale * d[k];
        ck_assert(!tr_gguf_write(w, v, t->bytes, &err));
        free(v);
        free(d);
    }
    ck_assert_msg(!tr_gguf_commit(w, &err), "%s", err.text);
}

struct models {
    struct tr_model *base;
    struct tr_gguf *tuned;
};

static struct models open_models(const char *name, float scale)
{
    struct tr_err err = { 0 };
    struct models m;
    tiny_model_write(&tiny_llama, path);
    m.base = tr_model_open(path, &err);
    ck_assert_msg(m.base != NULL, "%s", err.text);
    write_tuned(other, tr_model_gguf(m.base), name, scale);
    m.tuned = tr_gguf_open(other, &err);
    return m;
}

static void close_models(struct models *m)
{
    tr_gguf_close(m->tuned);
    tr_model_close(m->base);
}

/* |D - scale b a|^2 of a pair, by what a merge adds. */
static double left_of(const struct models *m, const struct tr_lora *l, const char *name)
{
    const struct tr_gguf_tensor *w = tr_gguf_find_tensor(tr_model_gguf(m->base), name);
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(m->tuned, name);
    int64_t n = tr_gguf_count(w);
    float *sum = calloc((size_t)n, sizeof *sum);
    double left = 0;
    tr_lora_add_to(l, name, 1, 0, w->dim[0], sum);
    for (int64_t i = 0; i < n; i++) {
        double d = (double)((const float *)t->data)[i] - (double)((const float *)w->data)[i];
        left += (d - (double)sum[i]) * (d - (double)sum[i]);
    }
    free(sum);
    return left;
}

/* At full rank the change comes back; the other tensors are told of. */
START_TEST(test_full_rank)
{
    struct tr_err err = { 0 };
    struct tr_extract_loss *loss = NULL;
    struct models m = open_models(NULL, 0.01f);
    struct tr_extract_args args = { .rank = 1000 };
    struct tr_lora *l = tr_extract(m.base, m.tuned, &args, &loss, &err);
    ck_assert_msg(l != NULL, "%s", err.text);
    ck_assert_uint_eq(l->n, 7 * TINY_LAYERS);
    for (size_t i = 0; i < tr_gguf_n_tensor(m.tuned); i++) {
        const struct tr_extract_loss *x = &loss[i];
        int64_t shorter = x->tensor->dim[0] < x->tensor->dim[1] ? x->tensor->dim[0]
                                                               : x->tensor->dim[1];
        ck_assert(x->change > 0);
        if (!tr_lora_has(l, x->tensor->name)) {
            ck_assert_int_eq(x->rank, 0);
            ck_assert(x->lost == x->change);
            continue;
        }
        ck_assert_int_eq(x->rank, shorter);
        ck_assert(sqrt(x->lost) < 1e-5 * sqrt(x->change));
        ck_assert(sqrt(left_of(&m, l, x->tensor->name)) < 1e-5 * sqrt(x->change));
    }
    tr_lora_free(l);
    free(loss);
    close_models(&m);
}
END_TEST

/* Less rank loses what the rest of the singular values say; energy asks for as much. */
START_TEST(test_low_rank)
{
    struct tr_err err = { 0 };
    struct tr_extract_loss *loss = NULL;
    const char *name = "blk.1.ffn_down.weight";
    struct models m = open_models(name, 0.01f);
    struct tr_extract_args args = { .rank = 3 };
    struct tr_lora *l = tr_extract(m.base, m.tuned, &args, &loss, &err);
    ck_assert_msg(l != NULL, "%s", err.text);
    ck_assert_uint_eq(l->n, 1);
    ck_assert_int_eq(l->pair[0].rank, 3);
    double left = left_of(&m, l, name), change = 0;
    for (size_t i = 0; i < tr_gguf_n_tensor(m.tuned); i++)
        if (!strcmp(loss[i].tensor->name, name)) {
            change = loss[i].change;
            ck_assert_double_eq_tol(loss[i].lost, left, 1e-5 * change);
        } else {
            ck_assert(loss[i].change == 0);
        }
    free(loss);
    tr_lora_free(l);
    args = (struct tr_extract_args){ .energy = 1 - left / change - 1e-4 };
    l = tr_extract(m.base, m.tuned, &args, &loss, &err);
    ck_assert_int_eq(l->pair[0].rank, 3);
    free(loss);
    tr_lora_free(l);
    args.energy = 1 - left / change + 1e-4;
    l = tr_extract(m.base, m.tuned, &args, &loss, &err);
    ck_assert_int_eq(l->pair[0].rank, 4);
    free(loss);
    tr_lora_free(l);
    close_models(&m);
}
END_TEST

START_TEST(test_nothing)
{
    struct tr_err err = { 0 };
    struct tr_extract_loss *loss = NULL;
    struct models m = open_models("output_norm.weight", 0.01f);
    ck_assert_ptr_null(tr_extract(m.base, m.tuned, &(struct tr_extract_args){ .rank = 1 },
                                  &loss, &err));
    ck_assert_int_eq(err.code, TR_EMISMATCH);
    ck_assert_ptr_nonnull(strstr(err.text, "do not differ in these layers"));
    close_models(&m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("extract");
    TCase *tc = tcase_create("svd");
    tcase_add_loop_test(tc, test_svd, 0, sizeof matrices / sizeof *matrices);
    suite_add_tcase(s, tc);
    tc = tcase_create("models");
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_test(tc, test_full_rank);
    tcase_add_test(tc, test_low_rank);
    tcase_add_test(tc, test_nothing);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
