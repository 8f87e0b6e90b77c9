/* SPDX-License-Identifier: MIT
 *
 * A model has a life before, beside and after a run: whatever came of a trainer, the
 * model is measured, generates and is trained again as if there had been none.
 */
#include "open_run.h"
#include "training_run.h"

#include <libtrain/gguf.h>
#include <libtrain/loss.h>

static void make_files(void)
{
    open_run(4);
}

/* What can be trained, a kind each. */
enum { LORA, FULL, FULL_BF16, FULL_FUSED, LORA_Q8, N_KIND };

static struct tr_train_args args_of(int kind)
{
    struct tr_train_args a = reference_args(NULL);
    a.full = kind != LORA && kind != LORA_Q8;
    a.weights = kind == FULL_BF16 ? &tr_bf16 : &tr_f32;
    a.fused_step = kind == FULL_FUSED;
    a.lora_rank = 4;
    a.lora_alpha = 8;
    a.lora_targets = "all-linear";
    if (kind == LORA_Q8) /* where it can be had; else it is refused, which must not harm */
        a.precision = tr_precision_at(3);
    return a;
}

/* Losses over the data, and of what follows a prompt. */
struct figures {
    double loss;
    float logits[TINY_VOCAB];
};

static void generate(float *logits)
{
    const int32_t prompt[] = { 3, 14, 15, 9 };
    struct tr_err err = {0};
    struct tr_cache *cache = tr_cache_new(m, 8, &err);
    struct tr_tape_plan room = { .kept = 1 << 22, .segment = 1 << 22 };
    struct tr_tape *tp = tr_tape_new(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, &room, &err);
    ck_assert_msg(cache && tp, "%s", err.text);
    ck_assert_int_eq(tr_model_extend(m, tp, cache, prompt, 4, logits, &err), 0);
    tr_tape_free(tp);
    tr_cache_free(cache);
}

static struct figures measure(void)
{
    struct figures f = { run_eval_on(m, pack, tr_loss_at(0), NULL), { 0 } };
    generate(f.logits);
    return f;
}

static void same(const struct figures *a, const struct figures *b)
{
    ck_assert(a->loss == b->loss);
    ck_assert_mem_eq(a->logits, b->logits, sizeof a->logits);
}

/* Three steps from the model as it is; 0 if it cannot be trained so here. */
static double train(int kind)
{
    struct tr_train_args a = args_of(kind);
    struct tr_err err = {0};
    struct tr_trainer *t = tr_trainer_new(m, pack, &a, &err);
    struct tr_step_stats s = { .loss = 0 };
    if (!t) {
        ck_assert_msg(kind == LORA_Q8 && err.code == TR_EUNSUPPORTED, "%s", err.text);
        return 0;
    }
    for (int i = 0; i < 3; i++)
        ck_assert_msg(!tr_trainer_step(t, &s, &err), "%s", err.text);
    struct figures now = measure();
    ck_assert(now.loss > 0); /* it can be measured in the middle of a run, too */
    tr_trainer_free(t);
    return s.loss;
}

START_TEST(after_a_run)
{
    struct figures before = measure();
    double first = train(_i);
    struct figures after = measure();
    same(&before, &after);
    ck_assert(train(_i) == first);
    train((_i + 1) % N_KIND);
    after = measure();
    same(&before, &after);
}
END_TEST

/* Too little memory, a rank that is none, an adapter that is not there. */
START_TEST(after_a_refusal)
{
    struct figures before = measure();
    struct tr_train_args a = args_of(_i);
    struct tr_err err = {0};
    a.mem_limit = 1000;
    ck_assert_ptr_null(tr_trainer_new(m, pack, &a, &err));
    struct figures after = measure();
    same(&before, &after);
    a = args_of(LORA);
    a.adapter_in = "/does/not/exist";
    ck_assert_ptr_null(tr_trainer_new(m, pack, &a, NULL));
    train(_i);
    after = measure();
    same(&before, &after);
}
END_TEST

/* With an adapter that the caller has attached: it stays, alone. */
START_TEST(beside_an_adapter)
{
    tiny_adapter_write(&tiny_llama, path, 0);
    struct tr_lora *l = tr_lora_open(path, m, NULL);
    ck_assert(l && !tr_lora_attach(l, m, 1, NULL));
    struct figures before = measure();
    train(_i);
    struct figures after = measure();
    same(&before, &after);
    tr_lora_detach(l, m);
    tr_lora_free(l);
}
END_TEST

START_TEST(one_at_a_time)
{
    struct tr_train_args a = args_of(_i), b = args_of(_i == LORA ? FULL : LORA);
    struct tr_err err = {0};
    double alone = train(_i);
    struct tr_trainer *t = tr_trainer_new(m, pack, &a, NULL);
    struct tr_step_stats s;
    ck_assert_ptr_nonnull(t);
    ck_assert_ptr_null(tr_trainer_new(m, pack, &b, &err));
    ck_assert_int_eq(err.code, TR_EINVAL);
    ck_assert_msg(strstr(err.text, "trained already") != NULL, "%s", err.text);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(tr_trainer_step(t, &s, NULL), 0);
    ck_assert(s.loss == alone);
    tr_trainer_free(t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("trainer_life");
    TCase *tc = tcase_create("of a model");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_files, close_run);
    tcase_add_loop_test(tc, after_a_run, 0, N_KIND);
    tcase_add_loop_test(tc, after_a_refusal, 0, FULL_FUSED + 1);
    tcase_add_loop_test(tc, beside_an_adapter, 0, FULL + 1);
    tcase_add_loop_test(tc, one_at_a_time, 0, FULL + 1);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
