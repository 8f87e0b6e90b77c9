/* SPDX-License-Identifier: MIT
 *
 * Adapters on experts: which layers a pattern means, files, and sums over rows of several
 * matrices.
 */
#include "keyed_model.h"
#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"

#include <libtrain/loss.h>
#include <libtrain/lora.h>
#include <libtrain/merge.h>
#include <libtrain/recipe.h>

#include <math.h>
#include <stdlib.h>

#define KEYS "expert_count=5 expert_used_count=2 "
enum { EXPERTS = 5, RANK = 3, FF = 48, EMBD = 32, CTX = 24 };

static struct tr_model *m;
static struct tr_pack *pack;

static struct tr_model *open_model(const char *at, const char *keys)
{
    struct tr_err err = {0};
    keyed_model_write(at, "llama", keys, "");
    struct tr_model *opened = tr_model_open(at, &err);
    ck_assert_msg(opened != NULL, "%s", err.text);
    return opened;
}

static void begin(void)
{
    int32_t id[2 * (CTX + 1)];
    make_dir();
    m = open_model(path, KEYS);
    tiny_tokens(id, 2 * (CTX + 1));
    tiny_pack_write(in_dir("data.pack"), 2, CTX + 1, id, SMALL_VOCAB);
    pack = tr_pack_open(in_dir("data.pack"), NULL);
    ck_assert_ptr_nonnull(pack);
}

static void end(void)
{
    tr_pack_close(pack);
    tr_model_close(m);
    remove_dir();
}

/* ---- which layers ------------------------------------------------------------------ */

static const struct {
    const char *targets;
    size_t n; /* pairs */
} targets[] = {
    { "all-linear", 4 * 7 },
    { "ffn_gate_inp", 4 },
    { "all-linear,ffn_gate_inp", 4 * 8 },
    { "ffn_*_exps", 4 * 3 },
    { "blk.1.ffn_*", 4 },
    { "ffn_up_exps", 4 },
};

START_TEST(which_layers)
{
    struct tr_err err = {0};
    struct tr_lora *l = tr_lora_new(m, targets[_i].targets, RANK, 8, &err);
    ck_assert_msg(l != NULL, "%s", err.text);
    ck_assert_uint_eq(l->n, targets[_i].n);
    tr_lora_free(l);
}
END_TEST

/* ---- numbers ----------------------------------------------------------------------- */

/* A new adapter with numbers in both halves of its pairs, the caller's. */
static struct tr_lora *new_adapter(const char *where)
{
    struct tr_lora *l = tr_lora_new(m, where, RANK, 6, NULL);
    ck_assert_ptr_nonnull(l);
    for (size_t i = 0; i < l->n; i++) {
        struct tr_tensor *half[] = { &l->pair[i].a, &l->pair[i].b };
        for (int j = 0; j < 2; j++) {
            half[j]->data = malloc((size_t)tr_tensor_count(half[j]) * sizeof(float));
            ck_assert_ptr_nonnull(half[j]->data);
            tiny_numbers(half[j]->name, half[j]->data, tr_tensor_count(half[j]));
        }
    }
    return l;
}

static void free_adapter(struct tr_lora *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->pair[i].a.data);
        free(l->pair[i].b.data);
    }
    tr_lora_free(l);
}

static double adapted_loss(struct tr_lora *l)
{
    struct tr_err err = {0};
    ck_assert_msg(!tr_lora_attach(l, m, 1, &err), "%s", err.text);
    double loss = run_eval_on(m, pack, tr_loss_at(0), NULL);
    tr_lora_detach(l, m);
    return loss;
}

START_TEST(written_and_read)
{
    struct tr_err err = {0};
    const char *to = in_dir("adapter.gguf");
    struct tr_lora *l = new_adapter("all-linear,ffn_gate_inp");
    ck_assert_msg(!tr_lora_save(l, m, to, &err), "%s", err.text);
    struct tr_gguf *g = tr_gguf_open(to, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    const struct tr_gguf_tensor *a = tr_gguf_find_tensor(g, "blk.2.ffn_down_exps.weight.lora_a");
    const struct tr_gguf_tensor *b = tr_gguf_find_tensor(g, "blk.2.ffn_down_exps.weight.lora_b");
    ck_assert(a && tr_gguf_has_shape(a, 3, (int64_t[]){ EXPERTS, RANK, FF }));
    ck_assert(b && tr_gguf_has_shape(b, 3, (int64_t[]){ EXPERTS, EMBD, RANK }));
    tr_gguf_close(g);
    struct tr_lora *again = tr_lora_open(to, m, &err);
    ck_assert_msg(again != NULL, "%s", err.text);
    ck_assert_uint_eq(again->n, l->n);
    ck_assert(adapted_loss(again) == adapted_loss(l));
    tr_lora_free(again);
    free_adapter(l);
}
END_TEST

START_TEST(of_a_base_with_fewer_experts)
{
    struct tr_err err = {0};
    const char *to = in_dir("adapter.gguf");
    struct tr_lora *l = new_adapter("ffn_up_exps");
    struct tr_model *o = open_model(in_dir("fewer.gguf"), "expert_count=4 expert_used_count=2");
    ck_assert_int_eq(tr_lora_save(l, m, to, NULL), 0);
    ck_assert_ptr_null(tr_lora_open(to, o, &err));
    ck_assert_msg(strstr(err.text, "does not fit the base's (4, 48, 32)") != NULL, "%s",
                  err.text);
    err.code = 0;
    l->base_hash = 0;
    ck_assert_int_eq(tr_lora_attach(l, o, 1, &err), TR_EMISMATCH);
    ck_assert_msg(strstr(err.text, "is (4, 48, 32), the adapter is for (5, 48, 32)") != NULL,
                  "%s", err.text);
    tr_model_close(o);
    free_adapter(l);
}
END_TEST

/* Rows of the matrices, one below the other, in pieces that end anywhere. */
START_TEST(sums_over_several_experts)
{
    static const int64_t ends[] = { 1, FF, FF + 7, 3 * FF + 5, EXPERTS * FF };
    static float w[EXPERTS * FF * EMBD];
    struct tr_lora *l = new_adapter("blk.1.ffn_up_exps.weight");
    const float *a = l->pair[0].a.data, *b = l->pair[0].b.data;
    for (int i = 0, row = 0; i < 5; row = (int)ends[i++])
        tr_lora_add_to(l, "blk.1.ffn_up_exps.weight", 0.5f, row, ends[i] - row, w + row * EMBD);
    for (int row = 0; row < EXPERTS * FF; row++)
        for (int j = 0; j < EMBD; j++) {
            double sum = 0;
            for (int k = 0; k < RANK; k++)
                sum += (double)b[row * RANK + k] *
                       (double)a[(row / FF * RANK + k) * EMBD + j];
            ck_assert_double_eq_tol((double)w[row * EMBD + j], 0.5 * 6 / RANK * sum, 1e-6);
        }
    free_adapter(l);
}
END_TEST

START_TEST(merged)
{
    struct tr_err err = {0};
    struct tr_merge_stats stats;
    struct tr_lora *l = new_adapter("all-linear,ffn_gate_inp");
    struct tr_merge_args args = { .n = 1, .lora = &l, .scale = (float[]){ 1 } };
    struct tr_recipe *recipe = tr_merge_recipe(m, &args, &err);
    const char *to = in_dir("merged.gguf");
    ck_assert_msg(recipe && !tr_merge(m, recipe, &args, to, &stats, &err), "%s", err.text);
    ck_assert_uint_eq(stats.n_touched, l->n);
    double of_both = adapted_loss(l);
    double alone = run_eval(to, NULL, in_dir("data.pack"), tr_loss_at(0), NULL);
    ck_assert_double_eq_tol(alone, of_both, 1e-5 * of_both);
    ck_assert(fabs(run_eval_on(m, pack, tr_loss_at(0), NULL) - of_both) > 1e-3);
    tr_recipe_free(recipe);
    free_adapter(l);
}
END_TEST

/* ---- experts whose output has a factor, which an adapter's does not --------------------- */

static const struct {
    float factor; /* of expert 2 in block 1 */
    const char *says; /* NULL: it merges */
} factors[] = {
    { -0.5f, NULL },
    { 0, "'blk.1.ffn_down_exps.scale': the factor of expert 2 is 0" },
    { 1e-44f, "base and adapters together" }, /* nothing finite is so large */
};

static void write_factor(const char *at, float factor)
{
    const struct shape *f = form_at(0);
    for (int i = 0; strcmp(f->name, "gemma4-experts"); i++)
        f = form_at(i);
    form_write(f, at);
    struct tr_gguf *g = tr_gguf_open(at, NULL);
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(g, "blk.1.ffn_down_exps.scale");
    ck_assert_ptr_nonnull(t);
    FILE *file = fopen(at, "r+b");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, (long)(t->offset + 2 * sizeof factor), SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(&factor, sizeof factor, 1, file), 1);
    ck_assert_int_eq(fclose(file), 0);
    tr_gguf_close(g);
}

START_TEST(merged_where_there_are_factors)
{
    struct tr_err err = {0};
    struct tr_merge_stats stats;
    const char *to = in_dir("merged.gguf");
    tr_model_close(m);
    write_factor(path, factors[_i].factor);
    m = tr_model_open(path, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    struct tr_lora *l = new_adapter("ffn_down_exps");
    struct tr_merge_args args = { .n = 1, .lora = &l, .scale = (float[]){ 1 } };
    struct tr_recipe *recipe = tr_merge_recipe(m, &args, &err);
    int rc = recipe ? tr_merge(m, recipe, &args, to, &stats, &err) : err.code;
    ck_assert_msg(!rc == !factors[_i].says, "%s", err.text);
    if (rc) {
        ck_assert_msg(strstr(err.text, factors[_i].says) != NULL, "%s", err.text);
    } else {
        double of_both = adapted_loss(l);
        ck_assert(fabs(run_eval_on(m, pack, tr_loss_at(0), NULL) - of_both) > 1e-3);
        ck_assert_double_eq_tol(run_eval(to, NULL, in_dir("data.pack"), tr_loss_at(0), NULL),
                                of_both, 1e-5 * of_both);
    }
    tr_recipe_free(recipe);
    free_adapter(l);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lora_experts");
    TCase *tc = tcase_create("lora_experts");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, begin, end);
    tcase_add_loop_test(tc, which_layers, 0, sizeof targets / sizeof *targets);
    tcase_add_test(tc, written_and_read);
    tcase_add_test(tc, of_a_base_with_fewer_experts);
    tcase_add_test(tc, sums_over_several_experts);
    tcase_add_test(tc, merged);
    tcase_add_loop_test(tc, merged_where_there_are_factors, 0,
                        sizeof factors / sizeof *factors);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
