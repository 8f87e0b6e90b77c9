/* SPDX-License-Identifier: MIT
 *
 * Objectives beside PyTorch: losses and norms of gradients of ten steps, from
 * tests/golden/reference/objectives.tsv, made by dev/reference.py; with what another model
 * says of the data from files as well as asked on the way.
 */
#include "reference_table.h"
#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"

#include <libtrain/teacher.h>
#include <libtrain/threads.h>
#include <libtrain/train/run.h>

#include <math.h>

static const char *data, *said;

static void setup(void)
{
    make_dir();
    data = in_dir("data.pack");
    said = in_dir("said.gguf");
}

enum { PAIRS = 4, PROMPT = 3, GOOD = 5, BAD = 4, IDS = PROMPT + GOOD + BAD,
       PAIR_ROWS = 2 * PROMPT + GOOD + BAD - 2 };

static const struct objective_case {
    const char *row, *name;
    struct tr_setting set[4];
} objective_cases[] = {
    { "dpo", "dpo", { { NULL, 0 } } },
    { "dpo_per_token", "dpo",
      { { "beta", 0.5 }, { "smoothing", 0.1 }, { "per_token", 1 }, { NULL, 0 } } },
    { "ipo", "ipo", { { NULL, 0 } } },
    { "simpo", "simpo", { { NULL, 0 } } },
    { "orpo", "orpo", { { NULL, 0 } } },
    { "kto", "kto", { { "bad_weight", 1.5 }, { NULL, 0 } } },
    { "reward", "reward", { { NULL, 0 } } },
    { "grpo", "reward", { { "normalise", 1 }, { "kl", 0.05 }, { "per_token", 1 }, { NULL, 0 } } },
    { "clipped", "reward", { { "clip_ratio", 0.9 }, { NULL, 0 } } },
    { "gspo", "reward",
      { { "normalise", 1 }, { "clip_ratio", 0.2 }, { "per_token", 1 }, { NULL, 0 } } },
};
enum { N_OBJECTIVE = sizeof objective_cases / sizeof *objective_cases };

/* One document of a pair, whose tokens weigh `each`, behind the n rows of s. */
static void put_answer(struct tr_pack_seq *s, int32_t *token, int32_t *target, int32_t *pos,
                       float *weight, const int32_t *prompt, const int32_t *answer, int n,
                       float each)
{
    for (int i = 0; i + 1 < PROMPT + n; i++, s->n++) {
        int32_t next = i + 1 < PROMPT ? prompt[i + 1] : answer[i + 1 - PROMPT];
        token[s->n] = i < PROMPT ? prompt[i] : answer[i - PROMPT];
        target[s->n] = i + 1 < PROMPT ? -1 : next;
        pos[s->n] = i;
        weight[s->n] = each;
    }
}

/* With rewards, two pairs are a group and each weighs more than the one before. */
static void write_pairs(int rewards)
{
    int32_t id[PAIRS * IDS], token[PAIR_ROWS], target[PAIR_ROWS], pos[PAIR_ROWS];
    int32_t group[PAIR_ROWS];
    float weight[PAIR_ROWS];
    struct tr_pack_writer *w = tr_pack_create(data, TINY_CTX, 0, TINY_VOCAB, NULL);
    tiny_tokens(id, PAIRS * IDS);
    for (int k = 0; k < PAIRS; k++) {
        const int32_t *x = id + k * IDS;
        float each = rewards ? (float)(k + 1) : 1;
        struct tr_pack_seq s = { 0, token, target, pos, weight, rewards ? group : NULL };
        for (int i = 0; rewards && i < PAIR_ROWS; i++)
            group[i] = tr_pack_writer_group(w, k < PAIRS / 2 ? "one" : "two", NULL);
        put_answer(&s, token, target, pos, weight, x, x + PROMPT, GOOD, each);
        put_answer(&s, token, target, pos, weight, x, x + PROMPT + GOOD, BAD, -each);
        ck_assert_int_eq(tr_pack_write(w, &s, NULL), 0);
    }
    ck_assert_int_eq(tr_pack_commit(w, NULL), 0);
}

/* Losses and norms of ten steps. */
static void compare_ten(const char *key, const struct tr_train_args *args)
{
    double loss[10], norm[10], want[10];
    char name[64];
    struct training_run r = run_open(path, data, args);
    run_ten(&r, loss, norm);
    snprintf(name, sizeof name, "%s.losses", key);
    row(name, want, 10);
    for (int i = 0; i < 10; i++)
        near(name, i, loss[i], want[i], 2e-5 * fmax(1, fabs(want[i])));
    snprintf(name, sizeof name, "%s.norms", key);
    row(name, want, 10);
    for (int i = 0; i < 10; i++)
        near(name, i, norm[i], want[i], 2e-5 * want[i]);
    run_close(&r);
}

/* Ten steps of an adapter, all pairs in each; `batch` of them in a micro-batch. */
static void ten_steps_of_objective(const struct objective_case *c, int64_t batch, int little)
{
    struct tr_train_args args = reference_args(other);
    args.objective = tr_objective_by_name(c->name);
    args.setting = c->set;
    args.batch = batch;
    args.grad_acc = PAIRS / batch;
    args.recompute = little ? INT64_MAX : 0;
    args.fused_step = little;
    args.reference = batch < PAIRS && tr__asks_reference(&args) ? said : NULL;
    compare_ten(c->row, &args);
}

/* Write `said`: what a model says of the answers in `data`, or its k likeliest ids. */
static void ask(const char *model, int k)
{
    struct tr_err err = { 0 };
    struct tr_said what;
    tr_threads(1);
    struct tr_model *m = tr_model_open(model, &err);
    struct tr_pack *pack = tr_pack_open(data, &err);
    ck_assert_msg(m && pack, "%s", err.text);
    struct tr_eval *e = tr_eval_new(m, tr_pack_info(pack)->ctx, tr_loss_at(0), &err);
    ck_assert_msg(e != NULL, "%s", err.text);
    int rc = k ? tr_teacher_write(e, pack, k, 0, said, &what, &err)
               : tr_logprobs_write(e, pack, said, &what, &err);
    ck_assert_msg(!rc, "%s", err.text);
    ck_assert_int_eq(what.n, k ? 2 * TINY_CTX : 2 * PAIRS);
    tr_eval_free(e);
    tr_pack_close(pack);
    tr_model_close(m);
}

START_TEST(ten_steps_of_objectives)
{
    const struct objective_case *c = &objective_cases[_i];
    tiny_model_write(&tiny_llama, path);
    tiny_adapter_write(&tiny_llama, other, 0);
    write_pairs(c->set[0].name && !strcmp(c->set[0].name, "normalise"));
    ask(path, 0);
    open_table_named("objectives");
    ten_steps_of_objective(c, PAIRS, 0);
    ten_steps_of_objective(c, PAIRS, 1);
    if (strcmp(c->name, "kto")) /* which looks at the whole micro-batch */
        ten_steps_of_objective(c, PAIRS / 2, 0);
    close_table();
}
END_TEST

/* From numbers that are absurd: nothing moves, and the steps that on_divergence allows are
 * made before the run ends. */
START_TEST(diverging)
{
    const struct objective_case *c = &objective_cases[_i % N_OBJECTIVE];
    struct tr_train_args args = reference_args(other);
    struct tr_step_stats s;
    struct tr_err err = { 0 };
    tiny_model_write(&tiny_llama, path);
    tiny_adapter_write(&tiny_llama, other, 0);
    write_pairs(c->set[0].name && !strcmp(c->set[0].name, "normalise"));
    args.objective = tr_objective_by_name(c->name);
    args.setting = c->set;
    args.fused_step = _i >= N_OBJECTIVE;
    for (int i = 0; tr_on_divergence_at(i); i++)
        if (!strcmp(tr_on_divergence_at(i)->name, "skip"))
            args.on_divergence = tr_on_divergence_at(i);
    struct training_run r = run_open(path, data, &args);
    const struct tr_params *p = tr_trainer_params(r.t);
    ck_assert_int_eq(run_steps(&r, 1).skipped, 0);
    for (int64_t i = 0; i < p->count; i++)
        p->value[i] *= 1e30f;
    float *were = copy_of(p->value, p->count);
    for (int i = 0; i < 5; i++) {
        int rc = tr_trainer_step(r.t, &s, &err);
        ck_assert_msg(rc == (i < 4 ? 0 : TR_EDIVERGED) && s.skipped, "%d %s", i, err.text);
    }
    ck_assert_mem_eq(were, p->value, (size_t)p->count * sizeof *were);
    free(were);
    run_close(&r);
}
END_TEST

enum { TOP = 7 }; /* as in dev/reference.py */

static const struct student_case {
    const char *row;
    struct tr_setting set[4];
} student_cases[] = {
    { "distill", { { NULL, 0 } } },
    { "distill_reverse", { { "reverse_kl", 1 }, { NULL, 0 } } },
    { "distill_mixed",
      { { "distill_mix", 0.3 }, { "temperature", 2 }, { "reverse_kl", 0.25 }, { NULL, 0 } } },
};
enum { N_STUDENT = sizeof student_cases / sizeof *student_cases };

START_TEST(ten_steps_beside_a_teacher)
{
    struct tr_train_args args = reference_args(other);
    tiny_model_write(&tiny_gpt2, path);
    tiny_data_write(data, 2);
    ask(path, TOP);
    tiny_model_write(&tiny_llama, path);
    tiny_adapter_write(&tiny_llama, other, 0);
    open_table_named("objectives");
    args.objective = tr_objective_by_name("distill");
    args.setting = student_cases[_i].set;
    args.teacher = said;
    for (int little = 0; little < 2; little++) {
        args.recompute = little ? INT64_MAX : 0;
        args.fused_step = little;
        compare_ten(student_cases[_i].row, &args);
    }
    args.batch = 1;
    args.grad_acc = 2;
    args.fused_step = 0;
    compare_ten(student_cases[_i].row, &args);
    close_table();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("objectives");
    TCase *tc = tcase_create("pytorch");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, remove_dir);
    tcase_add_loop_test(tc, ten_steps_of_objectives, 0, N_OBJECTIVE);
    tcase_add_loop_test(tc, diverging, 0, 2 * N_OBJECTIVE);
    tcase_add_loop_test(tc, ten_steps_beside_a_teacher, 0, N_STUDENT);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
