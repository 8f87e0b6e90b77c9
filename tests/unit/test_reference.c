/* SPDX-License-Identifier: MIT
 *
 * Logits, losses, gradients and ten steps of training against PyTorch's numbers in
 * tests/golden/reference, made by dev/reference.py from models that tiny_model.c and
 * keyed_model.c make too.
 * Limits: what f32 code reaches with any order of summation, and no approximation does.
 */
#include "keyed_model.h"
#include "reference_table.h"
#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"

#include <math.h>

#define GEMMA4 \
    "attention.key_length=16 attention.value_length=16 attention.key_length_swa=8 " \
    "attention.value_length_swa=8 rope.dimension_count=16 rope.dimension_count_swa=8 " \
    "attention.sliding_window=12 final_logit_softcapping=9.0 "

#define WINDOW "attention.sliding_window=12 "
#define YARN \
    "rope.scaling.type=yarn rope.scaling.factor=8.0 " \
    "rope.scaling.original_context_length=16 "

#define FALCON \
    "block_count=2 attention.key_length=8 attention.value_length=8 ssm.conv_kernel=4 " \
    "ssm.state_size=8 ssm.group_count=2 ssm.time_step_rank=6 ssm.inner_size=48 "
#define MAMBA2 \
    "block_count=3 attention.head_count_kv=[0,2,0] ssm.conv_kernel=4 ssm.state_size=8 " \
    "ssm.group_count=1 ssm.time_step_rank=4 ssm.inner_size=64 embedding_scale=3.0 " \
    "attention.scale=0.4 residual_scale=0.25 logit_scale=2.0 "

static const struct model {
    const struct tiny *tiny;
    const char *name, *arch, *keys, *also; /* where that is NULL */
    int magnifies; /* PyTorch in f64 with weights that are off by 1e-7 has norms that are
                      off by 1e-5 and more after a step; gemma4 by 1e-2 in the sixth */
} models[] = {
    { .tiny = &tiny_gpt2 },
    { .tiny = &tiny_llama },
    { .tiny = &tiny_llama3 },
    { .name = "gemma4", .arch = "gemma4",
      .keys = GEMMA4 "attention.sliding_window_pattern=b[1,1,0,0] "
              "attention.head_count_kv=[2,2,1,1]",
      .also = "rope_freqs.weight blk.0.attn_v.weight blk.1.attn_v.weight",
      .magnifies = 1 },
    { .name = "gemma4e", .arch = "gemma4",
      .keys = GEMMA4 "attention.sliding_window_pattern=b[1,1,0,1,1,0] block_count=6 "
              "attention.head_count_kv=[2,2,1,2,2,1] "
              "feed_forward_length=[48,48,48,48,96,96] attention.shared_kv_layers=2 "
              "embedding_length_per_layer_input=8",
      .also = "rope_freqs.weight attn_v.weight", .magnifies = 1 },
    { .name = "gemma4moe", .arch = "gemma4",
      .keys = GEMMA4 "attention.sliding_window_pattern=b[1,0] block_count=2 "
              "attention.head_count_kv=[2,1] expert_count=4 expert_used_count=2 "
              "expert_feed_forward_length=16",
      .also = "rope_freqs.weight blk.0.attn_v.weight ffn_gate_up_exps.weight "
              "ffn_down_exps.scale" },
    { .name = "llama-yarn", .arch = "llama", .keys = "block_count=2 " YARN,
      .also = "output.weight" },
    { .name = "phi3-longrope", .arch = "phi3",
      .keys = "block_count=2 rope.scaling.original_context_length=16",
      .also = "output.weight attn_qkv.weight rope_factors_long.weight "
              "rope_factors_short.weight" },
    { .name = "ministral3", .arch = "mistral3",
      .keys = "block_count=2 attention.temperature_scale=0.25 "
              "rope.scaling.yarn_log_multiplier=1.0 " YARN,
      .also = "output.weight" },
    { .name = "olmo3", .arch = "olmo2", .keys = WINDOW YARN, .also = "output.weight" },
    { .name = "exaone4-windows", .arch = "exaone4", .keys = WINDOW,
      .also = "rope_freqs.weight", .magnifies = 1 },
    { .name = "nemotron_h", .arch = "nemotron_h",
      .keys = "attention.head_count_kv=[0,0,2,0] feed_forward_length=[0,48,0,0] "
              "attention.key_length=8 attention.value_length=8 ssm.conv_kernel=4 "
              "ssm.state_size=8 ssm.group_count=2 ssm.time_step_rank=6 ssm.inner_size=96",
      .also = "ssm_conv1d.bias output.weight" },
    { .name = "nemotron_h_moe", .arch = "nemotron_h_moe",
      .keys = "attention.head_count_kv=[0,0,2,0] feed_forward_length=[0,16,0,16] "
              "attention.key_length=8 attention.value_length=8 ssm.conv_kernel=4 "
              "ssm.state_size=8 ssm.group_count=2 ssm.time_step_rank=6 ssm.inner_size=96 "
              "expert_count=4 expert_used_count=2 expert_feed_forward_length=16 "
              "expert_shared_feed_forward_length=24 expert_weights_norm=true "
              "expert_weights_scale=2.5",
      .also = "ssm_conv1d.bias output.weight" },
    { .name = "granitehybrid-experts", .arch = "granitehybrid",
      .keys = MAMBA2 "rope.scaling.finetuned=false expert_count=4 expert_used_count=2 "
              "feed_forward_length=16 expert_shared_feed_forward_length=48",
      .also = "ssm_conv1d.bias" },
    { .name = "falcon-h1", .arch = "falcon-h1", .keys = FALCON, .also = "ssm_conv1d.bias" },
    { .name = "falcon-h1-norm", .arch = "falcon-h1", .keys = FALCON,
      .also = "ssm_conv1d.bias ssm_norm.weight" },
    { .name = "granitehybrid", .arch = "granitehybrid",
      .keys = MAMBA2 "rope.scaling.finetuned=false", .also = "ssm_conv1d.bias" },
    { .name = "granitehybrid-rope", .arch = "granitehybrid", .keys = MAMBA2,
      .also = "ssm_conv1d.bias" },
    { .name = "internlm2", .arch = "internlm2", .keys = "block_count=2",
      .also = "output.weight" },
    { .name = "minicpm", .arch = "minicpm",
      .keys = "block_count=2 embedding_scale=3.0 residual_scale=0.25 logit_scale=2.0",
      .also = "" },
    { .name = "qwen2moe", .arch = "qwen2moe",
      .keys = "block_count=2 expert_count=4 expert_used_count=2 "
              "expert_feed_forward_length=16 expert_shared_feed_forward_length=24",
      .also = "output.weight" },
    { .name = "glm4moe", .arch = "glm4moe",
      .keys = "block_count=3 rope.dimension_count=4 expert_count=4 expert_used_count=2 "
              "expert_feed_forward_length=16 expert_shared_count=1 "
              "leading_dense_block_count=1 expert_weights_norm=true "
              "expert_weights_scale=1.5 expert_gating_func=2",
      .also = "output.weight attn_q.bias attn_k.bias attn_v.bias attn_q_norm.weight "
              "attn_k_norm.weight" },
    { .name = "cohere2", .arch = "cohere2", .keys = WINDOW "logit_scale=0.25", .also = "" },
};
enum { N_MODEL = sizeof models / sizeof *models, POSITIONS = 2 * TINY_CTX };

static char data[300];

/* The files of model _i: `path` the model, `other` an adapter, `data` two sequences. */
static void make_files(const struct model *m)
{
    snprintf(data, sizeof data, "%s/data.pack", dir);
    tiny_data_write(data, 2);
    if (m->tiny) {
        tiny_model_write(m->tiny, path);
        tiny_adapter_write(m->tiny, other, 0);
    } else {
        keyed_model_write(path, m->arch, m->keys, m->also);
        keyed_adapter_write(other, m->arch, m->keys, m->also);
    }
}

static void cleanup(void)
{
    unlink(data);
    remove_dir();
}

static void open_table(const struct model *m)
{
    open_table_named(m->tiny ? m->tiny->name : m->name);
}

/* ---- comparisons ------------------------------------------------------------------ */

static void compare_logits(const char *key, const float *logits)
{
    const int at[] = { 0, 1, TINY_CTX - 1, TINY_CTX, 2 * TINY_CTX - 1 };
    double want[TINY_VOCAB];
    char name[48];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "%s.%d", key, at[i]);
        row(name, want, TINY_VOCAB);
        for (int j = 0; j < TINY_VOCAB; j++)
            near(name, j, (double)logits[at[i] * TINY_VOCAB + j], want[j], 2e-5);
    }
}

/* Norm, projection on signs and three elements; `limit` is relative to the norm. */
static void compare_digest(const char *key, const char *name, const float *g, int64_t n,
                           double limit)
{
    char full[128], sign[96];
    double want[5], projection = 0;
    snprintf(full, sizeof full, "%s.%s", key, name);
    snprintf(sign, sizeof sign, "sign.%s", name);
    for (int64_t i = 0; i < n; i++)
        projection += tiny_bits(sign, i) >> 31 ? -(double)g[i] : (double)g[i];
    row(full, want, 5);
    limit *= want[0];
    near(full, 0, length(g, n), want[0], limit);
    near(full, 1, projection, want[1], 4 * limit); /* errors of random sign: |e| of them */
    near(full, 2, (double)g[0], want[2], limit);
    near(full, 3, (double)g[n / 2], want[3], limit);
    near(full, 4, (double)g[n - 1], want[4], limit);
}

static void compare_params(const char *key, const struct tr_params *p, const float *array,
                           double limit)
{
    char prefix[32];
    snprintf(prefix, sizeof prefix, "%s.", key);
    ck_assert_int_eq((int)p->n, rows_that_begin_with(prefix));
    for (size_t i = 0; i < p->n; i++)
        compare_digest(key, p->tensor[i]->name, array + p->offset[i],
                       tr_tensor_count(p->tensor[i]), limit);
}

/* Of a model that magnifies rounding, the first steps. */
static void compare_ten(const char *key, int magnifies, struct training_run *r)
{
    double limit = magnifies ? 1e-3 : 1e-5;
    int n = magnifies ? 4 : 10;
    double loss[10], norm[10], want[10], final = run_ten(r, loss, norm);
    char name[32];
    snprintf(name, sizeof name, "%s.losses", key);
    row(name, want, 10);
    for (int i = 0; i < n; i++)
        near(name, i, loss[i], want[i], limit * want[i]);
    snprintf(name, sizeof name, "%s.norms", key);
    row(name, want, 10);
    for (int i = 0; i < n; i++)
        near(name, i, norm[i], want[i], limit * want[i]);
    snprintf(name, sizeof name, "%s.final", key);
    row(name, want, 1);
    if (!magnifies)
        near(name, 0, final, want[0], limit * want[0]);
}

/* Relative, of a tensor; of all together half of it.  A build of -O1 with sanitizers sums in
 * another order, and what magnifies rounding showed 2e-5 then. */
static double gradient_limit(int i)
{
    return models[i].magnifies ? 1e-4 : 2e-5;
}

/* ---- tests ------------------------------------------------------------------------ */

static void begin(int i)
{
    make_files(&models[i]);
    open_table(&models[i]);
}

START_TEST(forward)
{
    float logits[POSITIONS * TINY_VOCAB];
    double want[2], loss;
    begin(_i);
    loss = run_eval(path, NULL, data, tr_loss_by_name("cross_entropy"), logits);
    compare_logits("logits", logits);
    row("loss", want, 2);
    near("loss", 0, loss, want[0], 1e-5);
    run_eval(path, other, data, tr_loss_by_name("cross_entropy"), logits);
    compare_logits("lora.logits", logits);
    close_table();
}
END_TEST

START_TEST(gradients)
{
    struct tr_train_args args = reference_args(NULL);
    double want[2];
    begin(_i);
    struct training_run r = run_open(path, data, &args);
    struct tr_step_stats s = run_steps(&r, 1);
    row("loss", want, 2);
    near("loss", 0, s.loss, want[0], 1e-5);
    near("norm", 0, s.grad_norm, want[1], gradient_limit(_i) / 2 * want[1]);
    compare_params("grad", tr_trainer_params(r.t), tr_trainer_params(r.t)->grad,
                   gradient_limit(_i));
    run_close(&r);
    close_table();
}
END_TEST

START_TEST(lora_gradients)
{
    begin(_i);
    struct tr_train_args args = reference_args(other);
    struct training_run r = run_open(path, data, &args);
    run_steps(&r, 1);
    compare_params("lora.grad", tr_trainer_params(r.t), tr_trainer_params(r.t)->grad,
                   gradient_limit(_i));
    run_close(&r);
    close_table();
}
END_TEST

START_TEST(squared_error)
{
    struct tr_train_args args = reference_args(NULL);
    double want[2];
    begin(_i);
    args.loss = tr_loss_by_name("mse");
    row("mse", want, 2);
    near("mse", 0, run_eval(path, NULL, data, args.loss, NULL), want[0], 1e-5);
    struct training_run r = run_open(path, data, &args);
    struct tr_step_stats s = run_steps(&r, 1);
    near("mse", 0, s.loss, want[0], 1e-5);
    near("norm of mse", 0, s.grad_norm, want[1], 1e-5 * want[1]);
    run_close(&r);
    close_table();
}
END_TEST

START_TEST(ten_steps)
{
    struct tr_train_args args = reference_args(NULL);
    begin(_i);
    struct training_run r = run_open(path, data, &args);
    compare_ten("full", models[_i].magnifies, &r);
    run_close(&r);
    close_table();
}
END_TEST

START_TEST(ten_steps_in_little_memory)
{
    struct tr_train_args args = reference_args(NULL);
    begin(_i);
    args.recompute = INT64_MAX;
    args.fused_step = 1;
    struct training_run r = run_open(path, data, &args);
    compare_ten("full", models[_i].magnifies, &r);
    run_close(&r);
    close_table();
}
END_TEST

START_TEST(ten_lora_steps)
{
    begin(_i);
    struct tr_train_args args = reference_args(other);
    struct training_run r = run_open(path, data, &args);
    compare_ten("lora", models[_i].magnifies, &r);
    if (!models[_i].magnifies)
        compare_params("lora.after", tr_trainer_params(r.t), tr_trainer_params(r.t)->value,
                       5e-4);
    run_close(&r);
    close_table();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("reference");
    TCase *tc = tcase_create("pytorch");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_dir, cleanup);
    tcase_add_loop_test(tc, forward, 0, N_MODEL);
    tcase_add_loop_test(tc, gradients, 0, N_MODEL);
    tcase_add_loop_test(tc, lora_gradients, 0, N_MODEL);
    tcase_add_loop_test(tc, squared_error, 0, N_MODEL);
    tcase_add_loop_test(tc, ten_steps, 0, N_MODEL);
    tcase_add_loop_test(tc, ten_lora_steps, 0, N_MODEL);
    tcase_add_loop_test(tc, ten_steps_in_little_memory, 0, N_MODEL);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
