/* SPDX-License-Identifier: MIT
 *
 * Kinds of adapters: ten steps of each against PyTorch's numbers in
 * tests/golden/reference/adapters.tsv, made by dev/adapter_reference.py; what is written of
 * them computes what was trained.
 */
#include "keyed_model.h"
#include "run_args.h"
#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"

#include <libtrain/export.h>
#include <libtrain/quantize.h>

#include <math.h>
#include <stdio.h>

static char data[300], ckpt[300];

static void begin(void)
{
    make_dir();
    snprintf(data, sizeof data, "%s/data.pack", dir);
    snprintf(ckpt, sizeof ckpt, "%s/run.ckpt", dir);
    tiny_data_write(data, 2);
    tiny_model_write(&tiny_llama, path);
}

/* The model of test_reference's table of that name. */
static void begin_with_experts(void)
{
    begin();
    keyed_model_write(path, "qwen2moe",
                      "block_count=2 expert_count=4 expert_used_count=2 "
                      "expert_feed_forward_length=16 expert_shared_feed_forward_length=24",
                      "output.weight");
}

static void end(void)
{
    unlink(data);
    unlink(ckpt);
    remove_dir();
}

#define NEW "lora_rank=4 lora_alpha=6 lora_targets=all-linear lr=2e-3 beta1=0.9 beta2=0.999 " \
            "weight_decay=0 full=0 "
#define OWN NEW "lora_rank_of=ffn_*=2,blk.1.ffn_down=7 lora_alpha_of=attn_q=3,blk.0.*=5"

static const struct { const char *row, *args; } cases[] = {
    { "own", OWN },
    { "own-root", OWN " rslora=1" },
    { "dropout", NEW "lora_dropout=0.25 seed=7" },
    { "neftune", NEW "neftune=5 seed=7" },
    { "last-layers", NEW "last_layers=1" },
    { "pissa", NEW "lora_init=pissa lora_rank_of=ffn_*=2,blk.1.ffn_down=7" },
    { "dora", NEW "dora=1" },
    { "dora-dropout", NEW "dora=1 lora_dropout=0.25 seed=7" },
    { "dora-peft", NEW "dora=1" },
    { "full-targets", NEW "full_targets=*_norm,token_embd" },
    { "dropout-experts", NEW "lora_targets=ffn_*_exps lora_dropout=0.25 seed=7" },
};
enum { N_CASE = sizeof cases / sizeof *cases, EXPERTS = N_CASE - 1, N_WRITTEN = 6 /* as adapters */ };

/* The numbers of a row KEY.WHAT. */
static void row(const char *key, const char *what, double *v, int n)
{
    char line[600], name[64];
    int len = snprintf(name, sizeof name, "%s.%s\t", key, what);
    FILE *f = fopen("tests/golden/reference/adapters.tsv", "r");
    ck_assert_msg(f != NULL, "no table (run from the top of the sources)");
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, name, (size_t)len))
            break;
    ck_assert_msg(!strncmp(line, name, (size_t)len), "no row '%s'", name);
    char *p = line + len;
    for (int i = 0; i < n; i++)
        v[i] = strtod(p, &p);
    fclose(f);
}

static void near(const char *what, int i, double got, double want)
{
    ck_assert_msg(fabs(got - want) <= 1e-5 * want, "%s %d: %.9g, wanted %.9g", what, i, got,
                  want);
}

static int is_pair(const char *name)
{
    size_t n = strlen(name);
    return n > 7 && !strncmp(name + n - 7, ".lora_", 6) && name[n - 1] != 'm';
}

/* A run whose pairs begin with the numbers of the formula. */
static struct training_run open_case(int i, const char *more)
{
    struct tr_train_args a = run_args(cases[i].args);
    run_args_change(&a, more);
    struct training_run r = run_open(path, data, &a);
    const struct tr_params *p = tr_trainer_params(r.t);
    for (size_t k = 0; k < p->n; k++)
        if (!strstr(cases[i].args, "pissa") && is_pair(p->tensor[k]->name))
            tiny_numbers(p->tensor[k]->name, p->tensor[k]->data,
                         tr_tensor_count(p->tensor[k]));
    return r;
}

static void compare_ten(const char *key, struct training_run *r)
{
    double loss[10], norm[10], want[10], final = run_ten(r, loss, norm);
    row(key, "losses", want, 10);
    for (int i = 0; i < 10; i++)
        near("loss", i, loss[i], want[i]);
    row(key, "norms", want, 10);
    for (int i = 0; i < 10; i++)
        near("norm", i, norm[i], want[i]);
    row(key, "final", want, 1);
    near("final loss", 0, final, *want);
}

START_TEST(ten_steps)
{
    struct training_run r = open_case(_i, "");
    compare_ten(cases[_i].row, &r);
    run_close(&r);
}
END_TEST

START_TEST(ten_steps_in_little_memory)
{
    struct training_run r = open_case(_i, "fused_step=1");
    compare_ten(cases[_i].row, &r);
    run_close(&r);
}
END_TEST

/* The same numbers are dropped when blocks are computed again, and after a save. */
START_TEST(same_drops)
{
    struct tr_err err = { 0 };
    struct training_run whole = open_case(_i, ""), again = open_case(_i, "recompute=2");
    double loss[10], norm[10];
    run_steps(&again, 4);
    ck_assert_msg(!tr_trainer_save(again.t, ckpt, &err), "%s", err.text);
    run_close(&again);
    again = open_case(_i, "");
    ck_assert_msg(!tr_trainer_load(again.t, ckpt, &err), "%s", err.text);
    run_steps(&again, 6);
    run_ten(&whole, loss, norm);
    const struct tr_params *p = tr_trainer_params(whole.t), *q = tr_trainer_params(again.t);
    ck_assert_mem_eq(p->value, q->value, (size_t)p->count * sizeof *p->value);
    run_close(&whole);
    run_close(&again);
}
END_TEST

static const char *const models[] = { "dora=1", "full_targets=*norm*,token_embd,output" };

/* What is exported of such runs is no adapter, and computes what was trained. */
START_TEST(models_come_of_it)
{
    struct tr_err err = { 0 };
    const struct tr_loss_kind *kind = tr_loss_at(0);
    struct tr_train_args a = run_args(NEW "lr=2e-2");
    run_args_change(&a, models[_i]);
    struct training_run r = run_open(path, data, &a);
    run_steps(&r, 5);
    double loss = run_eval_on(r.m, r.pack, kind, NULL);
    ck_assert_int_eq(tr_trainer_save_adapter(r.t, other, &err), TR_EUNSUPPORTED);
    ck_assert_msg(!tr_trainer_save(r.t, ckpt, &err), "%s", err.text);
    run_close(&r);
    struct tr_model *m = tr_model_open(path, &err);
    struct tr_gguf *g = tr_gguf_open(ckpt, &err);
    ck_assert_msg(m && g, "%s", err.text);
    ck_assert_msg(!tr_export(g, m, &(struct tr_export_args){ 0 }, other, &err), "%s", err.text);
    tr_gguf_close(g);
    tr_model_close(m);
    ck_assert_double_eq_tol(run_eval(other, NULL, data, kind, NULL), loss, 1e-5);
    ck_assert_double_gt(fabs(run_eval(path, NULL, data, kind, NULL) - loss), 0.1);
}
END_TEST

/* An adapter from a run, or from its checkpoint, does to the base what was trained. */
START_TEST(written)
{
    struct tr_err err = { 0 };
    float was[2 * TINY_CTX * TINY_VOCAB], is[2 * TINY_CTX * TINY_VOCAB];
    const struct tr_loss_kind *kind = tr_loss_at(0);
    struct training_run r = open_case(_i, "");
    run_steps(&r, 3);
    double loss = run_eval_on(r.m, r.pack, kind, was);
    ck_assert_msg(!tr_trainer_save_adapter(r.t, other, &err), "%s", err.text);
    ck_assert_msg(!tr_trainer_save(r.t, ckpt, &err), "%s", err.text);
    run_close(&r);
    ck_assert_double_eq_tol(run_eval(path, other, data, kind, is), loss, 1e-6);
    for (int i = 0; i < 2 * TINY_CTX * TINY_VOCAB; i++)
        ck_assert_double_eq_tol((double)is[i], (double)was[i], 1e-5);
    struct tr_model *m = tr_model_open(path, &err);
    struct tr_gguf *g = tr_gguf_open(ckpt, &err);
    ck_assert_msg(m && g, "%s", err.text);
    struct tr_lora *a = tr_lora_open_checkpoint(g, m, &err), *b = tr_lora_open(other, m, &err);
    ck_assert_msg(a && b, "%s", err.text);
    for (size_t k = 0; k < a->n; k++) {
        float x[TINY_WIDTH] = { 0 }, y[TINY_WIDTH] = { 0 };
        a->pair[k].a.data = a->pair[k].read_a;
        a->pair[k].b.data = a->pair[k].read_b;
        if (tr_tensor_cols(&a->pair[k].a) > TINY_WIDTH)
            continue;
        tr_lora_add_to(a, a->pair[k].name, 1, 1, 1, x);
        tr_lora_add_to(b, a->pair[k].name, 1, 1, 1, y);
        for (int j = 0; j < TINY_WIDTH; j++)
            ck_assert_double_eq_tol((double)x[j], (double)y[j], 1e-6);
    }
    tr_lora_free(a);
    tr_lora_free(b);
    tr_gguf_close(g);
    tr_model_close(m);
}
END_TEST

static const struct { const char *args, *said; } refused[] = {
    { "last_layers=3", "the last 3 blocks of 2" },
    { "last_layers=1 lora_targets=blk.0.*", "no target lies in the last 1 of 2 blocks" },
    { "last_layers=1 lora_targets=token_embd,attn_q", "'token_embd.weight' lies beneath" },
    { "last_layers=1 train_rows=0-3", "rows of tokens lie beneath all blocks" },
    { "last_layers=1 full=1", "'last_layers' is for a new adapter" },
    { "full_targets=attn_norm,attn_x", "full target 'attn_x' matches no weight" },
    { "full_targets=attn_q", "the adapter hangs on 'blk.0.attn_q.weight'" },
    { "full_targets=*norm* full=1", "'full_targets' does not go with 'full'" },
    { "full_targets=*norm* objective=dpo", "an objective that asks the model as it was" },
    { "lora_init=loftq", "'loftq_from' and 'lora_init'" },
    { "lora_init=gaussian full=1", "'lora_init' is for a new adapter" },
    { "lora_init=pissa dora=1", "'dora' does not go with 'lora_init' pissa" },
    { "lora_init=pissa lora_targets=token_embd,attn_q", "'token_embd.weight': an adapter of" },
    { "dora=1 full=1", "'dora' does not go with 'full'" },
    { "dora=1 precision=q8", "precision q8" },
    { "dora=1 lora_targets=output", "'output.weight' takes no magnitudes" },
    { "lora_dropout=0.1 full=1", "'lora_dropout' is for an adapter" },
    { "lora_dropout=1", "'lora_dropout' is 1" },
    { "lora_dropout=0.1 objective=simpo", "'lora_dropout': objective 'simpo'" },
    { "neftune=1 objective=dpo", "'neftune': objective 'dpo'" },
    { "lora_rank_of=attn_x=2", "rank of 'attn_x'" },
    { "lora_rank_of=attn_q=2,ffn_norm=3", "rank of 'ffn_norm'" },
    { "lora_targets=attn_q lora_alpha_of=attn_k=2", "alpha of 'attn_k'" },
    { "lora_rank_of=attn_q", "'attn_q': not PATTERN=NUMBER" },
    { "lora_rank_of=attn_q=two", "'attn_q=two': not PATTERN=NUMBER" },
    { "lora_rank_of=attn_q=1.5", "rank of 'attn_q' is 1.5" },
    { "lora_rank_of=attn_q=0", "rank of 'attn_q' is 0" },
    { "lora_alpha_of=attn_q=-1", "alpha of 'attn_q' is -1" },
    { "lora_alpha_of=attn_q=1 full=1", "'lora_alpha_of' is for a new adapter" },
};
enum { N_REFUSED = sizeof refused / sizeof *refused };

START_TEST(what_is_refused)
{
    struct tr_err err = { 0 };
    struct tr_train_args a = run_args(NEW);
    run_args_change(&a, refused[_i].args);
    struct tr_model *m = tr_model_open(path, &err);
    struct tr_pack *pack = tr_pack_open(data, &err);
    ck_assert_msg(m && pack, "%s", err.text);
    ck_assert_ptr_null(tr_trainer_new(m, pack, &a, &err));
    ck_assert_msg(strstr(err.text, refused[_i].said) != NULL, "%s", err.text);
    tr_pack_close(pack);
    tr_model_close(m);
}
END_TEST

static int64_t activations_of(const char *args)
{
    struct tr_train_args a = run_args(NEW);
    run_args_change(&a, args);
    struct training_run r = run_open(path, data, &a);
    int64_t bytes = tr_trainer_plan(r.t)->activations;
    run_close(&r);
    return bytes;
}

/* Results below the first pair do not wait for backward. */
START_TEST(memory_of_the_last_blocks)
{
    int64_t all = activations_of(""), last = activations_of("last_layers=1");
    ck_assert_msg(4 * last < 3 * all, "%lld of %lld", (long long)last, (long long)all);
}
END_TEST

static double change_of(const char *args, const char *loss_of)
{
    struct tr_train_args a = run_args(NEW);
    run_args_change(&a, args);
    struct training_run r = run_open(loss_of, data, &a);
    double loss = run_eval_on(r.m, r.pack, tr_loss_at(0), NULL);
    run_close(&r);
    return loss;
}

/* Gaussian and pissa change nothing; with the whole rank loftq gives the base back that a packed one
 * had been, with less it comes nearer. */
START_TEST(starts)
{
    struct tr_err err = { 0 };
    char more[400];
    const struct tr_loss_kind *kind = tr_loss_at(0);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    struct tr_recipe_args q = { .type = tr_dtype_by_name("Q4_0") };
    struct tr_recipe *recipe = g ? tr_recipe_new(g, &q, &err) : NULL;
    struct tr_quantize_args how = { 0 };
    ck_assert_msg(recipe && !tr_quantize(g, recipe, &how, other, &err), "%s", err.text);
    tr_recipe_free(recipe);
    tr_gguf_close(g);
    double full = run_eval(path, NULL, data, kind, NULL);
    double packed = run_eval(other, NULL, data, kind, NULL);
    ck_assert_double_eq_tol(change_of("lora_init=gaussian", other), packed, 1e-6);
    ck_assert_double_eq_tol(change_of("lora_init=pissa", other), packed, 1e-5);
    ck_assert_double_gt(fabs(packed - full), 1e-3);
    snprintf(more, sizeof more, "lora_init=loftq lora_rank=32 loftq_from=%s", path);
    double whole = change_of(more, other);
    snprintf(more, sizeof more, "lora_init=loftq lora_rank=32 loftq_from=%s", other);
    ck_assert_double_eq_tol(change_of(more, other), packed, 1e-6);
    ck_assert_double_lt(fabs(whole - full), fabs(packed - full));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("adapters");
    TCase *tc = tcase_create("kinds");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, begin, end);
    tcase_add_loop_test(tc, ten_steps, 0, EXPERTS);
    tcase_add_loop_test(tc, ten_steps_in_little_memory, 0, EXPERTS);
    tcase_add_loop_test(tc, written, 0, N_WRITTEN);
    tcase_add_loop_test(tc, models_come_of_it, 0, 2);
    tcase_add_test(tc, starts);
    tcase_add_test(tc, memory_of_the_last_blocks);
    tcase_add_loop_test(tc, what_is_refused, 0, N_REFUSED);
    suite_add_tcase(s, tc);
    tc = tcase_create("experts");
    tcase_add_checked_fixture(tc, begin_with_experts, end);
    tcase_add_loop_test(tc, ten_steps, EXPERTS, N_CASE);
    tcase_add_loop_test(tc, ten_steps_in_little_memory, EXPERTS, N_CASE);
    tcase_add_loop_test(tc, same_drops, EXPERTS, N_CASE);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
