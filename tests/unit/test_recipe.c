/* SPDX-License-Identifier: MIT
 *
 * Recipes: which tensors of a model get another type, and which one; what quantize and
 * merge make of a recipe is in the files.
 */
#include "scratch.h"
#include "tiny_model.h"

#include <libtrain/lora.h>
#include <libtrain/merge.h>
#include <libtrain/quantize.h>

#include <check.h>
#include <string.h>

static const struct tr_dtype *type_for(const char *name, const struct tr_dtype *type,
                                       int64_t rows, int64_t columns, const char *want,
                                       struct tr_err *err)
{
    struct tr_gguf_tensor t = {
        .name = name, .dtype = type, .n_dim = 2, .dim = { rows, columns, 1, 1 }
    };
    return tr_recipe_type(&t, tr_dtype_by_name(want), err);
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
        ck_assert_ptr_eq(type_for("output.weight", &tr_f32, 2, 260, k->name, NULL),
                         &tr_f16);
        ck_assert_ptr_eq(type_for("output.weight", &tr_f16, 2, 260, k->name, NULL),
                         &tr_f16);
    }
}
END_TEST

/* Rows that fit no block are no reason to write no model. */
START_TEST(test_type_at_last)
{
    const struct tr_dtype *want;
    for (int i = 0; (want = tr_dtype_at(i)); i++)
        if (want->from_f32)
            ck_assert_ptr_eq(type_for("output.weight", &tr_f32, 2, 33, want->name, NULL),
                             want->block == 1 ? want : &tr_f16);
}
END_TEST

START_TEST(test_type_refused)
{
    struct tr_err err = { 0 };
    ck_assert_ptr_null(type_for("output.weight", &tr_i32, 2, 32, "F32", &err));
    ck_assert_int_eq(err.code, TR_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "'output.weight' is I32"));
}
END_TEST

/* A matrix of each width and a vector, all of numbers near 1. */
static void write_model(const int *width, int n)
{
    float one[300 * 2];
    char name[40];
    struct tr_err err = { 0 };
    struct tr_gguf_writer *w = tr_gguf_create(path, &err);
    for (int i = 0; i < 600; i++)
        one[i] = 1 + 0.01f * (float)(i % 7);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "blk.%d.ffn_up.weight", n - i);
        tr_gguf_add_tensor(w, name, &tr_f32, 2, (int64_t[]){ 2, width[i] });
    }
    tr_gguf_add_tensor(w, "output_norm.weight", &tr_f32, 1, (int64_t[]){ 5 });
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(tr_gguf_write(w, one, 2 * width[i] * 4, &err), 0);
    ck_assert_int_eq(tr_gguf_write(w, one, 5 * 4, &err), 0);
    ck_assert_int_eq(tr_gguf_commit(w, &err), 0);
}

/* Means of squares of errors, and of numbers, computed from both files; so small a tensor is
 * looked at as a whole. */
static void assert_error(const struct tr_gguf_tensor *before,
                         const struct tr_gguf_tensor *after, struct tr_quantize_error told)
{
    float back[600];
    double square = 0, power = 0;
    int64_t n = tr_gguf_count(before);
    after->dtype->to_f32(after->data, back, n);
    for (int64_t i = 0; i < n && before->dtype != after->dtype; i++) {
        double x = (double)((const float *)before->data)[i], d = x - (double)back[i];
        square += d * d;
        power += x * x;
    }
    ck_assert_double_eq_tol(told.square, square / (double)n, 1e-15);
    ck_assert_double_eq_tol(told.power, power / (double)n, 1e-12);
}

/* What the recipe says is what the file then holds. */
START_TEST(test_quantize)
{
    static const int width[] = { 256, 288, 64, 33, 34 };
    struct tr_quantize_args args = { .recipe.type = tr_dtype_by_name("Q6_K") };
    struct tr_err err = { 0 };
    write_model(width, 5);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    struct tr_recipe *r = tr_quantize_recipe(g, &args, &err);
    ck_assert_ptr_nonnull(r);
    ck_assert_uint_eq(tr_recipe_n_instead(r, NULL, args.recipe.type), 0);
    ck_assert_uint_eq(tr_recipe_n_instead(r, NULL, tr_dtype_by_name("Q8_0")), 2);
    ck_assert_uint_eq(tr_recipe_n_instead(r, NULL, &tr_f16), 2);
    ck_assert_uint_eq(tr_recipe_n_instead(r, NULL, &tr_f32), 0); /* vectors are no fallback */
    struct tr_quantize_error error[6];
    args.error = error;
    ck_assert_msg(!tr_quantize(g, r, &args, other, &err), "%s", err.text);
    struct tr_gguf *made = tr_gguf_open(other, &err);
    ck_assert_uint_eq(tr_gguf_n_tensor(made), r->n);
    for (size_t i = 0; i < r->n; i++) {
        ck_assert_str_eq(tr_gguf_tensor(made, i)->name, r->entry[i].tensor->name);
        ck_assert_ptr_eq(tr_gguf_tensor(made, i)->dtype, r->entry[i].type);
        ck_assert_int_eq(tr_gguf_tensor(made, i)->bytes, r->entry[i].bytes);
        assert_error(r->entry[i].tensor, tr_gguf_tensor(made, i), error[i]);
    }
    tr_gguf_close(made);
    tr_recipe_free(r);
    tr_gguf_close(g);
}
END_TEST

/* The message names tensor and row, whether the number came so or is made so. */
START_TEST(test_quantize_not_finite)
{
    static const struct { uint32_t bits; const char *text; } bad[] = {
        { 0x7fc00000, "row 1 holds a NaN" },
        { 0x7149f2ca, "row 1 holds a number too large" },
    };
    struct tr_quantize_args args = { .recipe.type = &tr_f16 };
    struct tr_err err = { 0 };
    write_model((const int[]){ 33 }, 1);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    FILE *f = fopen(path, "r+b");
    fseek(f, (long)tr_gguf_tensor(g, 0)->offset + 4 * 40, SEEK_SET);
    fwrite(&bad[_i].bits, 4, 1, f);
    fclose(f);
    struct tr_recipe *r = tr_quantize_recipe(g, &args, &err);
    ck_assert_int_eq(tr_quantize(g, r, &args, other, &err), TR_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "'blk.1.ffn_up.weight'"));
    ck_assert_ptr_nonnull(strstr(err.text, bad[_i].text));
    args.allow_nonfinite = 1;
    err.code = 0;
    ck_assert_int_eq(tr_quantize(g, r, &args, other, &err), 0);
    tr_recipe_free(r);
    tr_gguf_close(g);
}
END_TEST

/* base + scale * alpha / rank * b a, computed here once more. */
START_TEST(test_merge)
{
    const char *name = "blk.1.ffn_down.weight";
    float scale[] = { 0.5f, -2 };
    struct tr_err err = { 0 };
    struct tr_merge_stats stats;
    tiny_model_write(&tiny_llama, path);
    tiny_adapter_write(&tiny_llama, other, 0);
    struct tr_model *m = tr_model_open(path, &err);
    struct tr_lora *l = tr_lora_open(other, m, &err);
    struct tr_lora *both[] = { l, l };
    struct tr_merge_args args = { .n = 2, .lora = both, .scale = scale };
    struct tr_recipe *r = tr_merge_recipe(m, &args, &err);
    ck_assert_msg(!tr_merge(m, r, &args, other, &stats, &err), "%s", err.text);
    ck_assert_uint_eq(stats.n_touched, l->n);
    ck_assert_uint_eq(stats.n_drowned, 0);
    struct tr_gguf *sum = tr_gguf_open(other, &err);
    const float *got = tr_gguf_find_tensor(sum, name)->data;
    const float *w = tr_gguf_find_tensor(tr_model_gguf(m), name)->data;
    float *want = malloc(TINY_WIDTH * TINY_FF * sizeof *want);
    memcpy(want, w, TINY_WIDTH * TINY_FF * sizeof *want);
    tr_lora_add_to(l, name, -1.5f, 0, TINY_WIDTH, want);
    for (int i = 0; i < TINY_WIDTH * TINY_FF; i++)
        ck_assert_double_eq_tol((double)got[i], (double)want[i], 1e-5);
    free(want);
    tr_gguf_close(sum);
    tr_recipe_free(r);
    tr_lora_free(l);
    tr_model_close(m);
}
END_TEST

/* Rows of 32 take no K-quant: the same answer as quantize's, and the change drowns. */
START_TEST(test_merge_type)
{
    float scale = 1e-6f;
    struct tr_err err = { 0 };
    struct tr_merge_stats stats;
    const struct tr_dtype *q5 = tr_dtype_by_name("Q5_0");
    tiny_model_write(&tiny_llama, path);
    tiny_adapter_write(&tiny_llama, other, 0);
    struct tr_model *m = tr_model_open(path, &err);
    struct tr_lora *l = tr_lora_open(other, m, &err);
    struct tr_merge_args args = { .n = 1, .lora = &l, .scale = &scale,
                                  .recipe.type = tr_dtype_by_name("Q4_K") };
    struct tr_quantize_args quantize = { .recipe = args.recipe };
    struct tr_recipe *r = tr_merge_recipe(m, &args, &err);
    struct tr_recipe *s = tr_quantize_recipe(tr_model_gguf(m), &quantize, &err);
    ck_assert_uint_ge(tr_recipe_n_instead(r, NULL, q5), l->n);
    ck_assert_uint_eq(tr_recipe_n_instead(r, NULL, q5), tr_recipe_n_instead(s, NULL, q5));
    ck_assert_msg(!tr_merge(m, r, &args, other, &stats, &err), "%s", err.text);
    ck_assert_uint_eq(stats.n_drowned, l->n);
    tr_recipe_free(r);
    tr_recipe_free(s);
    tr_lora_free(l);
    tr_model_close(m);
}
END_TEST

/* A mixture is the same for what is merged as for what is quantised, in whatever order. */
START_TEST(test_merge_mix)
{
    float scale = 1;
    struct tr_err err = { 0 };
    struct tr_merge_stats stats;
    tiny_model_write(&tiny_llama, path);
    tiny_adapter_write(&tiny_llama, other, 0);
    struct tr_model *m = tr_model_open(path, &err);
    struct tr_lora *l = tr_lora_open(other, m, &err);
    struct tr_merge_args args = { .n = 1, .lora = &l, .scale = &scale,
                                  .recipe.mix = tr_mix_by_name("Q4_K_M") };
    struct tr_quantize_args quantize = { .recipe = args.recipe };
    struct tr_recipe *r = tr_merge_recipe(m, &args, &err);
    struct tr_recipe *s = tr_quantize_recipe(tr_model_gguf(m), &quantize, &err);
    ck_assert_msg(r && s, "%s", err.text);
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < s->n; k++)
            if (r->entry[i].tensor == s->entry[k].tensor)
                ck_assert_ptr_eq(r->entry[i].type, s->entry[k].type);
    /* rows are narrow: better ones want Q6_K, the others Q4_K */
    ck_assert_uint_gt(tr_recipe_n_instead(r, NULL, tr_dtype_by_name("Q5_0")), 0);
    ck_assert_msg(!tr_merge(m, r, &args, other, &stats, &err), "%s", err.text);
    struct tr_gguf *made = tr_gguf_open(other, &err);
    int64_t number = 0;
    ck_assert_int_eq(tr_gguf_int(made, "general.file_type", &number, &err), 1);
    ck_assert_int_eq(number, 15);
    tr_gguf_close(made);
    tr_recipe_free(r);
    tr_recipe_free(s);
    tr_lora_free(l);
    tr_model_close(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("recipe");
    TCase *t = tcase_create("types");
    tcase_add_test(t, test_type);
    tcase_add_test(t, test_type_fallback);
    tcase_add_test(t, test_type_at_last);
    tcase_add_test(t, test_type_refused);
    suite_add_tcase(s, t);
    t = tcase_create("files");
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_test(t, test_quantize);
    tcase_add_loop_test(t, test_quantize_not_finite, 0, 2);
    tcase_add_test(t, test_merge);
    tcase_add_test(t, test_merge_type);
    tcase_add_test(t, test_merge_mix);
    suite_add_tcase(s, t);
    return run_suite(s);
}
