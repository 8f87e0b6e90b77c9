/* SPDX-License-Identifier: MIT
 *
 * A small training run for tests: a model, a pack and arguments that others change.
 */
#include "training_run.h"
#include "sanitized.h"

#include <libtrain/file.h>
#include <libtrain/threads.h>
#include <libtrain/train/run.h>

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tr_train_args reference_args(const char *adapter_in)
{
    static const struct tr_setting for_all[] = { { "beta2", 0.95 }, { 0 } };
    struct tr_train_args a = tr_train_args_default(!adapter_in);
    a.adapter_in = adapter_in;
    a.batch = 2;
    a.steps = 10;
    a.lr = adapter_in ? 2e-3 : 1e-3;
    a.warmup = 0;
    a.sched = tr_schedule_by_name("constant");
    a.setting = adapter_in ? NULL : for_all;
    a.weight_decay = adapter_in ? 0 : 0.1;
    a.shuffle = 0;
    a.seed = 0;
    a.recompute = 0;
    return a;
}

struct training_run run_open(const char *model, const char *pack,
                             const struct tr_train_args *args)
{
    return run_open_on(1, model, pack, args);
}

struct training_run run_open_on(int threads, const char *model, const char *pack,
                                const struct tr_train_args *args)
{
    struct tr_err err = {0};
    tr_threads(threads);
    struct training_run r = { tr_model_open(model, &err), tr_pack_open(pack, &err), NULL };
    ck_assert_msg(r.m && r.pack, "%s", err.text);
    struct tr_train_args a = *args;
    a.eval_rows = tr_pack_info(r.pack)->ctx;
    r.t = tr_trainer_new(r.m, r.pack, &a, &err);
    ck_assert_msg(r.t != NULL, "%s", err.text);
    return r;
}

/* A tape takes more than was planned for if it must; it must not have to. */
static void check_plan(const struct tr_trainer *t)
{
    struct tr_tape_plan took = tr_tape_plan(t->tape), plan = t->tape_plan;
    if (SANITIZED) /* there is room between its blocks */
        return;
    ck_assert_uint_le(took.kept, plan.kept);
    ck_assert_uint_le(took.segment, plan.segment);
}

void run_close(struct training_run *r)
{
    check_plan(r->t);
    tr_trainer_free(r->t);
    tr_pack_close(r->pack);
    tr_model_close(r->m);
}

struct tr_step_stats run_steps(struct training_run *r, int n)
{
    struct tr_err err = {0};
    struct tr_step_stats s = {0};
    for (int i = 0; i < n; i++)
        ck_assert_msg(!tr_trainer_step(r->t, &s, &err), "%s", err.text);
    return s;
}

double run_ten(struct training_run *r, double loss[10], double norm[10])
{
    double final;
    for (int i = 0; i < 10; i++) {
        struct tr_step_stats s = run_steps(r, 1);
        loss[i] = s.loss;
        norm[i] = s.grad_norm;
    }
    ck_assert_int_eq(tr_trainer_eval(r->t, r->pack, &final, NULL), 0);
    return final;
}

double run_eval_on(struct tr_model *m, struct tr_pack *pack, const struct tr_loss_kind *kind,
                   float *logits)
{
    const struct tr_pack_info *info = tr_pack_info(pack);
    struct tr_eval *e = tr_eval_new(m, info->ctx, kind, NULL);
    double sum = 0;
    ck_assert_ptr_nonnull(e);
    for (uint64_t i = 0; i < info->n_seq; i++) {
        struct tr_pack_seq s;
        ck_assert_int_eq(tr_pack_read(pack, i, &s, NULL), 0);
        struct tr_batch batch = { s.n, s.token, s.target, s.pos, s.weight };
        ck_assert_int_eq(tr_eval_batch(e, &batch, &sum, NULL, logits, NULL), 0);
        if (logits)
            logits += s.n * tr_model_config(m)->n_vocab;
    }
    tr_eval_free(e);
    return sum / (double)info->n_counted;
}

double run_eval(const char *model, const char *adapter, const char *pack_path,
                const struct tr_loss_kind *kind, float *logits)
{
    struct tr_err err = {0};
    tr_threads(1);
    struct tr_model *m = tr_model_open(model, &err);
    struct tr_pack *pack = tr_pack_open(pack_path, &err);
    ck_assert_msg(m && pack, "%s", err.text);
    struct tr_lora *l = adapter ? tr_lora_open(adapter, m, &err) : NULL;
    ck_assert_msg(!adapter || (l && !tr_lora_attach(l, m, 1, &err)), "%s", err.text);
    double loss = run_eval_on(m, pack, kind, logits);
    tr_pack_close(pack);
    tr_model_close(m);
    tr_lora_free(l);
    return loss;
}

unsigned char *read_file(const char *path, size_t *n)
{
    char *data;
    struct tr_err err = {0};
    ck_assert_msg(!tr_read_all(path, &data, n, &err), "%s", err.text);
    return (unsigned char *)data;
}

float *copy_of(const float *v, int64_t n)
{
    float *c = malloc((size_t)n * sizeof *c);
    ck_assert_ptr_nonnull(c);
    memcpy(c, v, (size_t)n * sizeof *c);
    return c;
}

double distance(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sqrt(sum);
}

double length(const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)b[i] * (double)b[i];
    return sqrt(sum);
}
