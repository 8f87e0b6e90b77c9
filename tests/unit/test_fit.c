/* SPDX-License-Identifier: MIT
 *
 * Types by size: no choice of types for three matrices that is as small has a smaller error,
 * but for what one step is worth; all choices are tried.
 */
#include "scratch.h"

#include <libtrain/quantize.h>

#include <check.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

enum { N = 3, ROWS = 16, COLUMNS = 256, COUNT = ROWS * COLUMNS, MAX_TYPE = 64 };

static const float scale[N] = { 1, 0.1f, 0.02f };
static float numbers[N][COUNT];

/* As normal numbers are, each tensor with a deviation of its own. */
static void write_model(void)
{
    uint32_t state = 1;
    char name[40];
    struct tr_err err = { 0 };
    struct tr_gguf_writer *w = tr_gguf_create(path, &err);
    for (int t = 0; t < N; t++) {
        snprintf(name, sizeof name, "blk.%d.ffn_up.weight", t);
        tr_gguf_add_tensor(w, name, &tr_f32, 2, (int64_t[]){ ROWS, COLUMNS });
        for (int i = 0; i < COUNT; i++) {
            float sum = 0;
            for (int k = 0; k < 4; k++)
                sum += (float)((state = state * 1664525 + 1013904223) >> 8) / (1 << 24);
            numbers[t][i] = scale[t] * (sum - 2);
        }
    }
    for (int t = 0; t < N; t++)
        ck_assert_int_eq(tr_gguf_write(w, numbers[t], sizeof numbers[t], &err), 0);
    ck_assert_msg(!tr_gguf_commit(w, &err), "%s", err.text);
}

/* ==== all choices ==== */

static double option_error[N][MAX_TYPE];
static int64_t option_bytes[MAX_TYPE];
static int n_option;
static const struct tr_dtype *option_type[MAX_TYPE];

static double error_in(const struct tr_dtype *type, int t)
{
    static float back[COUNT], packed[COUNT];
    double sum = 0;
    ck_assert_int_eq(tr_convert(&tr_f32, numbers[t], type, packed, COUNT), 0);
    ck_assert_int_eq(tr_convert(type, packed, &tr_f32, back, COUNT), 0);
    for (int i = 0; i < COUNT; i++) {
        double d = (double)numbers[t][i] - (double)back[i];
        sum += d * d;
    }
    return sum;
}

static void find_options(void)
{
    const struct tr_dtype *type;
    n_option = 0;
    for (int i = 0; (type = tr_dtype_at(i)); i++)
        if (type->from_f32 && type->to_f32 && !type->needs_weights) {
            option_type[n_option] = type;
            option_bytes[n_option] = COUNT / type->block * type->bytes;
            for (int t = 0; t < N; t++)
                option_error[t][n_option] = error_in(type, t);
            n_option++;
        }
}

/* The least error of all choices that take so many bytes or less. */
static double least_error(int64_t bytes)
{
    double least = INFINITY;
    for (int i = 0; i < n_option; i++)
        for (int j = 0; j < n_option; j++)
            for (int k = 0; k < n_option; k++) {
                double e = option_error[0][i] + option_error[1][j] + option_error[2][k];
                if (option_bytes[i] + option_bytes[j] + option_bytes[k] <= bytes && e < least)
                    least = e;
            }
    return least;
}

static double error_of(const struct tr_recipe *r)
{
    double sum = 0;
    for (int t = 0; t < N; t++)
        for (int i = 0; i < n_option; i++)
            if (option_type[i] == r->entry[t].type)
                sum += option_error[t][i];
    return sum;
}

/* ==== tests ==== */

static struct tr_recipe *fit(const struct tr_gguf *g, struct tr_quantize_args *args,
                             int64_t bytes, struct tr_err *err)
{
    struct tr_recipe *r = tr_quantize_recipe(g, args, err);
    ck_assert_msg(r != NULL, "%s", err->text);
    if (!tr_quantize_fit(g, args, bytes, r, err))
        return r;
    tr_recipe_free(r);
    return NULL;
}

START_TEST(test_least)
{
    /* sizes, and what the widest step takes there: up to Q8_0, F16 and F32 */
    static const int64_t sizes[][2] = {
        { 5600, 1500 }, { 7000, 1500 }, { 9000, 1500 }, { 12000, 1500 }, { 20000, 4000 },
        { 40000, 8192 },
    };
    enum { HEAD = 2048 }; /* what stands in front of the data, or more */
    struct tr_err err = { 0 };
    struct tr_quantize_args args = { 0 };
    struct stat st;
    write_model();
    find_options();
    struct tr_gguf *g = tr_gguf_open(path, &err);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int64_t size = sizes[i][0];
        struct tr_recipe *r = fit(g, &args, size, &err);
        ck_assert_msg(r != NULL, "%s", err.text);
        ck_assert_msg(!tr_quantize(g, r, &args, other, &err), "%s", err.text);
        ck_assert_int_eq(stat(other, &st), 0);
        ck_assert_int_le(st.st_size, size);
        double least = least_error(size - HEAD - sizes[i][1]), got = error_of(r);
        ck_assert(isfinite(least));
        ck_assert_msg(got <= least * (1 + 1e-9), "%lld: %g %g", (long long)size, got, least);
        tr_recipe_free(r);
    }
    tr_gguf_close(g);
}
END_TEST

START_TEST(test_too_small)
{
    struct tr_err err = { 0 };
    struct tr_quantize_args args = { 0 };
    write_model();
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_ptr_null(fit(g, &args, 1000, &err));
    ck_assert_int_eq(err.code, TR_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot be smaller than"));
    tr_gguf_close(g);
}
END_TEST

/* What a name says stays, and the others take what is left. */
START_TEST(test_named)
{
    struct tr_err err = { 0 };
    struct tr_recipe_rule rule = { "blk.2", tr_dtype_by_name("Q8_0") };
    struct tr_quantize_args args = { .recipe = { .n_rule = 1, .rule = &rule } };
    write_model();
    struct tr_gguf *g = tr_gguf_open(path, &err);
    struct tr_recipe *r = fit(g, &args, 11000, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    ck_assert_str_eq(r->entry[2].type->name, "Q8_0");
    ck_assert_int_gt(r->entry[0].bytes, r->entry[1].bytes);
    tr_recipe_free(r);
    tr_gguf_close(g);
}
END_TEST

static void write_matrix(const char *to, const float weight[N])
{
    FILE *f = fopen(to, "wb");
    int32_t n_entry = N, call = 1, n = COLUMNS;
    fwrite(&n_entry, 4, 1, f);
    for (int t = 0; t < N; t++) {
        char name[40];
        int32_t len = snprintf(name, sizeof name, "blk.%d.ffn_up.weight", t);
        fwrite(&len, 4, 1, f);
        fwrite(name, 1, (size_t)len, f);
        fwrite(&call, 4, 1, f);
        fwrite(&n, 4, 1, f);
        for (int i = 0; i < COLUMNS; i++)
            fwrite(&weight[t], 4, 1, f);
    }
    fclose(f);
}

/* The smallest numbers have the largest inputs, so bytes go to them. */
START_TEST(test_weighted)
{
    struct tr_err err = { 0 };
    const char *file = in_dir("im.dat");
    write_model();
    write_matrix(file, (const float[N]){ 1e-3f, 1, 1e5f });
    struct tr_imatrix *im = tr_imatrix_open(file, &err);
    ck_assert_msg(im != NULL, "%s", err.text);
    struct tr_quantize_args args = { .weights.imatrix = im };
    struct tr_gguf *g = tr_gguf_open(path, &err);
    struct tr_recipe *r = fit(g, &args, 9000, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    ck_assert_int_gt(r->entry[2].bytes, r->entry[1].bytes);
    ck_assert_int_gt(r->entry[1].bytes, r->entry[0].bytes);
    ck_assert_msg(!tr_quantize(g, r, &args, other, &err), "%s", err.text);
    tr_recipe_free(r);
    tr_gguf_close(g);
    tr_imatrix_close(im);
}
END_TEST

/* ==== more than three dimensions ==== */

enum { SLOW = 8, SLOW_ROWS = 4, SLOW_N = SLOW * SLOW_ROWS * COLUMNS };

/* Sums and counts of n matrices of COLUMNS columns. */
static void write_slow_matrix(const char *file, int n)
{
    static float ones[SLOW * COLUMNS];
    struct tr_err err = { 0 };
    struct tr_gguf_writer *w = tr_gguf_create(file, &err);
    for (int i = 0; i < SLOW * COLUMNS; i++)
        ones[i] = 1;
    tr_gguf_set_string(w, "general.type", "imatrix");
    tr_gguf_set_strings(w, "imatrix.datasets", NULL, 0);
    tr_gguf_set_u32(w, "imatrix.chunk_count", 1);
    tr_gguf_set_u32(w, "imatrix.chunk_size", 512);
    tr_gguf_add_tensor(w, "blk.0.ffn_up.weight.in_sum2", &tr_f32, 2,
                       (int64_t[]){ n, COLUMNS });
    tr_gguf_add_tensor(w, "blk.0.ffn_up.weight.counts", &tr_f32, 2, (int64_t[]){ n, 1 });
    ck_assert_int_eq(tr_gguf_write(w, ones, n * COLUMNS * 4, &err), 0);
    ck_assert_int_eq(tr_gguf_write(w, ones, n * 4, &err), 0);
    ck_assert_msg(!tr_gguf_commit(w, &err), "%s", err.text);
}

static int quantize_slow(const char *file, int n, struct tr_err *err)
{
    write_slow_matrix(file, n);
    struct tr_imatrix *im = tr_imatrix_open(file, err);
    ck_assert_msg(im != NULL, "%s", err->text);
    struct tr_gguf *g = tr_gguf_open(path, err);
    struct tr_quantize_args args = { .recipe.type = tr_dtype_by_name("Q4_0"), .weights.imatrix = im };
    struct tr_recipe *r = tr_quantize_recipe(g, &args, err);
    ck_assert_msg(r != NULL, "%s", err->text);
    int rc = tr_quantize(g, r, &args, other, err);
    tr_recipe_free(r);
    args.recipe.type = NULL;
    r = rc ? NULL : fit(g, &args, SLOW_N, err);
    rc = rc || r ? rc : -1;
    tr_recipe_free(r);
    tr_gguf_close(g);
    tr_imatrix_close(im);
    return rc;
}

/* Each of the matrices has weights of its own, along whichever dimension they are. */
START_TEST(test_four_dimensions)
{
    static float zeros[SLOW_N];
    const char *file = in_dir("im.gguf");
    struct tr_err err = { 0 };
    struct tr_gguf_writer *w = tr_gguf_create(path, &err);
    tr_gguf_add_tensor(w, "blk.0.ffn_up.weight", &tr_f32, 4,
                       (int64_t[]){ SLOW, 1, SLOW_ROWS, COLUMNS });
    ck_assert_int_eq(tr_gguf_write(w, zeros, sizeof zeros, &err), 0);
    ck_assert_msg(!tr_gguf_commit(w, &err), "%s", err.text);
    ck_assert_msg(!quantize_slow(file, SLOW, &err), "%s", err.text);
    ck_assert_int_ne(quantize_slow(file, 1, &err), 0);
    ck_assert_int_eq(err.code, TR_EMISMATCH);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fit");
    TCase *t = tcase_create("types by size");
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_least);
    tcase_add_test(t, test_too_small);
    tcase_add_test(t, test_named);
    tcase_add_test(t, test_weighted);
    tcase_add_test(t, test_four_dimensions);
    suite_add_tcase(s, t);
    return run_suite(s);
}
