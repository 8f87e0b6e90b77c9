/* SPDX-License-Identifier: MIT
 *
 * Conversion of tensors: which ones change, and that threads and chunks leave no trace.
 */
#include "suite.h"

#include <libtrain/quantize.h>

#include <check.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* More than one chunk, and no whole number of them. */
enum { N = 50000 / 256 * 256 };

static float *numbers(void)
{
    uint32_t r = 1;
    float *x = malloc(N * sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (int i = 0; i < N; i++) {
        r = r * 1664525 + 1013904223;
        x[i] = (float)(int32_t)r * 0x1p-31f;
    }
    return x;
}

/* Every pair of types that can be converted, against one call of each function. */
START_TEST(test_pairs)
{
    float *x = numbers(), *y = malloc(N * sizeof *y);
    char *src = malloc(N * 4), *want = malloc(N * 4), *got = malloc(N * 4);
    const struct tr_dtype *from, *to;
    for (int i = 0; (from = tr_dtype_at(i)); i++) {
        if (!from->from_f32)
            continue;
        from->from_f32(x, src, N);
        for (int k = 0; (to = tr_dtype_at(k)); k++) {
            if (!to->from_f32)
                continue;
            size_t bytes = (size_t)(N / to->block * to->bytes);
            from->to_f32(src, y, N);
            to->from_f32(y, want, N);
            if (from == to)
                memcpy(want, src, bytes);
            for (int threads = 1; threads <= 3; threads++) {
                omp_set_num_threads(threads);
                memset(got, 0x55, bytes);
                ck_assert_int_eq(tr_convert(from, src, to, got, N), 0);
                ck_assert_msg(!memcmp(got, want, bytes), "%s to %s, %d threads",
                              from->name, to->name, threads);
            }
        }
    }
    free(x);
    free(y);
    free(src);
    free(want);
    free(got);
}
END_TEST

START_TEST(test_not_finite)
{
    static const int place[] = { 0, 16383, 16384, N - 1 };
    float *x = numbers();
    char *out = malloc(N * 4);
    for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
        float was = x[place[i]];
        x[place[i]] = NAN;
        ck_assert_int_eq(tr_convert(&tr_f32, x, &tr_f32, out, N), TR_CONVERT_BAD_SRC);
        ck_assert_int_eq(tr_convert(&tr_f32, x, tr_dtype_by_name("Q4_0"), out, N),
                         TR_CONVERT_BAD_SRC | TR_CONVERT_BAD_DST);
        x[place[i]] = 1e30f;
        ck_assert_int_eq(tr_convert(&tr_f32, x, &tr_f16, out, N), TR_CONVERT_BAD_DST);
        ck_assert_int_eq(tr_convert(&tr_f32, x, &tr_bf16, out, N), 0);
        x[place[i]] = was;
    }
    ck_assert_int_eq(tr_convert(&tr_f32, x, &tr_f16, out, N), 0);
    free(x);
    free(out);
}
END_TEST

static const struct tr_dtype *type_for(const char *name, const struct tr_dtype *type,
                                       int64_t rows, int64_t columns, const char *want,
                                       struct tr_err *err)
{
    struct tr_gguf_tensor t = {
        .name = name, .dtype = type, .n_dim = 2, .dim = { rows, columns, 1, 1 }
    };
    return tr_convert_type(&t, tr_dtype_by_name(want), err);
}

START_TEST(test_type)
{
    static const char *const kept[] = {
        "position_embd.weight", "token_types.weight", "blk.0.attn_q.bias",
        "blk.0.attn_q_norm.weight", "blk.3.ffn_gate_inp.weight", "rope_freqs", "weights",
        "blk.0.attn_q.weight.lora_a", "v.position_embd.weight",
    };
    static const char *const changed[] = {
        "token_embd.weight", "output.weight", "blk.0.attn_q.weight",
        "blk.11.ffn_gate.weight", "weight",
    };
    const struct tr_dtype *q8_0 = tr_dtype_by_name("Q8_0");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        ck_assert_ptr_eq(type_for(kept[i], &tr_f32, 2, 64, "Q8_0", NULL), &tr_f32);
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++)
        ck_assert_ptr_eq(type_for(changed[i], &tr_f32, 2, 64, "Q8_0", NULL), q8_0);
    /* one row is a vector, however it is written down */
    ck_assert_ptr_eq(type_for("output.weight", &tr_f32, 1, 64, "Q8_0", NULL), &tr_f32);
    /* nothing to do, so nothing to refuse */
    ck_assert_ptr_eq(type_for("blk.0.x.bias", &tr_i32, 2, 33, "Q8_0", NULL), &tr_i32);
}
END_TEST

START_TEST(test_type_fallback)
{
    static const char *const pair[][2] = {
        { "Q2_K", "Q4_0" }, { "Q3_K", "Q4_0" }, { "Q4_K", "Q5_0" },
        { "Q5_K", "Q5_1" }, { "Q6_K", "Q8_0" },
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        const struct tr_dtype *k = tr_dtype_by_name(pair[i][0]);
        const struct tr_dtype *small = tr_dtype_by_name(pair[i][1]);
        ck_assert_ptr_eq(type_for("output.weight", &tr_f32, 2, 512, k->name, NULL), k);
        ck_assert_ptr_eq(type_for("output.weight", &tr_f32, 2, 288, k->name, NULL), small);
        ck_assert_ptr_eq(type_for("output.weight", small, 2, 288, k->name, NULL), small);
        ck_assert_ptr_null(type_for("output.weight", &tr_f32, 2, 260, k->name, NULL));
    }
}
END_TEST

START_TEST(test_type_refused)
{
    struct tr_err err = { 0 };
    ck_assert_ptr_null(type_for("output.weight", &tr_f32, 2, 33, "Q8_0", &err));
    ck_assert_int_eq(err.code, TR_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "'output.weight'"));
    ck_assert_ptr_nonnull(strstr(err.text, "F16 would fit"));
    err.code = 0;
    ck_assert_ptr_null(type_for("output.weight", &tr_i32, 2, 32, "F32", &err));
    ck_assert_int_eq(err.code, TR_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "I32"));
    ck_assert_ptr_nonnull(type_for("output.weight", &tr_f32, 2, 33, "F16", NULL));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("convert");
    TCase *t = tcase_create("convert");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_pairs);
    tcase_add_test(t, test_not_finite);
    tcase_add_test(t, test_type);
    tcase_add_test(t, test_type_fallback);
    tcase_add_test(t, test_type_refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
