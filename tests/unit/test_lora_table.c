/* SPDX-License-Identifier: MIT
 *
 * Adapters on the token table and on the output, of a model that has both and of one whose
 * table is both: merged they are the same model, as files they are read back, and what the
 * logits have no room for is refused.
 */
#include "run_files.h"
#include "training_run.h"

#include <libtrain/gguf.h>
#include <libtrain/loss.h>
#include <libtrain/merge.h>
#include <libtrain/threads.h>

static struct tr_model *m;
static struct tr_pack *pack;
static struct tr_lora *l;

static const struct base {
    const struct tiny *tiny;
    const char *targets;
    size_t n;
} bases[] = {
    { &tiny_llama, "token_embd,output,attn_q", 2 + TINY_LAYERS },
    { &tiny_llama, "token_embd", 1 },
    { &tiny_llama, "output.weight", 1 },
    { &tiny_gpt2, "token_embd,attn_output", 1 + TINY_LAYERS },
};
enum { N_BASE = sizeof bases / sizeof *bases };

/* Numbers for the pairs, as if they had been trained. */
static void fill(struct tr_lora *a)
{
    for (size_t i = 0; i < a->n; i++) {
        struct tr_tensor *t[] = { &a->pair[i].a, &a->pair[i].b };
        for (int j = 0; j < 2; j++) {
            t[j]->data = calloc((size_t)tr_tensor_count(t[j]), sizeof(float));
            ck_assert_ptr_nonnull(t[j]->data);
            tiny_numbers(t[j]->name, t[j]->data, tr_tensor_count(t[j]));
        }
    }
}

static void release(struct tr_lora *a)
{
    for (size_t i = 0; i < a->n; i++) {
        free(a->pair[i].a.data);
        free(a->pair[i].b.data);
    }
    tr_lora_free(a);
}

static void begin(const struct base *b)
{
    make_run_files();
    tiny_model_write(b->tiny, model);
    tiny_data_write(data, 2);
    tr_threads(1);
    m = tr_model_open(model, NULL);
    pack = tr_pack_open(data, NULL);
    ck_assert(m && pack);
    l = tr_lora_new(m, b->targets, TINY_RANK, 8, NULL);
    ck_assert_ptr_nonnull(l);
    ck_assert_uint_eq(l->n, b->n);
    fill(l);
}

static void end(void)
{
    release(l);
    tr_pack_close(pack);
    tr_model_close(m);
    remove_dir();
}

static double loss_of(struct tr_model *on)
{
    return run_eval_on(on, pack, tr_loss_at(0), NULL);
}

static double merged_loss(float scale)
{
    struct tr_err err = { 0 };
    struct tr_lora *list[] = { l };
    struct tr_merge_args args = { .lora = list, .scale = &scale, .n = 1 };
    struct tr_merge_stats stats;
    args.recipe.type = &tr_f32;
    struct tr_recipe *recipe = tr_merge_recipe(m, &args, &err);
    ck_assert_msg(recipe && !tr_merge(m, recipe, &args, other, &stats, &err), "%s", err.text);
    ck_assert_uint_eq(stats.n_touched, l->n);
    struct tr_model *whole = tr_model_open(other, &err);
    ck_assert_msg(whole != NULL, "%s", err.text);
    double loss = loss_of(whole);
    tr_model_close(whole);
    tr_recipe_free(recipe);
    return loss;
}

START_TEST(merged_is_the_same)
{
    begin(&bases[_i]);
    double plain = loss_of(m);
    ck_assert(!tr_lora_attach(l, m, 0.75f, NULL));
    double attached = loss_of(m);
    ck_assert_double_gt(fabs(attached - plain), 1e-3);
    tr_lora_detach(l, m);
    ck_assert_double_eq_tol(merged_loss(0.75f), attached, 2e-6);
    end();
}
END_TEST

START_TEST(a_file_of_it)
{
    struct tr_err err = { 0 };
    begin(&bases[_i]);
    ck_assert(!tr_lora_attach(l, m, 1, NULL));
    double attached = loss_of(m);
    tr_lora_detach(l, m);
    ck_assert_msg(!tr_lora_save(l, m, other, &err), "%s", err.text);
    struct tr_lora *read = tr_lora_open(other, m, &err);
    ck_assert_msg(read != NULL, "%s", err.text);
    ck_assert(!tr_lora_attach(read, m, 1, NULL));
    ck_assert(loss_of(m) == attached);
    tr_lora_detach(read, m);
    tr_lora_free(read);
    end();
}
END_TEST

/* Rows of a pair of the table are those of tokens: llama.cpp's adapters have it so. */
START_TEST(shapes)
{
    begin(&bases[1]);
    ck_assert_int_eq(l->pair[0].a.dim[0], TINY_VOCAB);
    ck_assert_int_eq(l->pair[0].a.dim[1], TINY_RANK);
    ck_assert_int_eq(l->pair[0].b.dim[0], TINY_WIDTH);
    ck_assert_int_eq(l->pair[0].b.dim[1], TINY_RANK);
    end();
}
END_TEST

START_TEST(too_many)
{
    struct tr_err err = { 0 };
    begin(&bases[2]);
    for (int i = 0; i < TR_MAX_OUTPUT_PARTS; i++)
        ck_assert(!tr_lora_attach(l, m, 0.125f, NULL));
    double loss = loss_of(m);
    ck_assert_int_eq(tr_lora_attach(l, m, 1, &err), TR_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "more than 6 adapters on 'output.weight'"));
    ck_assert(loss_of(m) == loss);
    tr_lora_detach(l, m);
    ck_assert(!tr_lora_attach(l, m, 0.75f, NULL));
    ck_assert_double_eq_tol(loss_of(m), loss, 2e-6);
    tr_lora_detach(l, m);
    end();
}
END_TEST

START_TEST(no_output_of_its_own)
{
    struct tr_err err = { 0 };
    begin(&bases[3]);
    ck_assert_ptr_null(tr_lora_new(m, "output", 2, 8, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "no output of its own"));
    ck_assert_ptr_null(tr_lora_new(m, "position_embd", 2, 8, &err));
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lora_table");
    TCase *tc = tcase_create("lora_table");
    tcase_add_loop_test(tc, merged_is_the_same, 0, N_BASE);
    tcase_add_loop_test(tc, a_file_of_it, 0, N_BASE);
    tcase_add_test(tc, shapes);
    tcase_add_test(tc, too_many);
    tcase_add_test(tc, no_output_of_its_own);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
