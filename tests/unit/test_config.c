/* SPDX-License-Identifier: MIT
 *
 * What the keys of a file make of a model: which blocks have a window and which turn their
 * queries and keys, by which frequencies, and what a context and a user change about them.
 */
#include "keyed_model.h"
#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"

#include <libtrain/model/model.h>

#include <math.h>

static struct tr_model *open_model(const char *arch, const char *keys, const char *also)
{
    struct tr_err err = {0};
    keyed_model_write(path, arch, keys, also);
    struct tr_model *m = tr_model_open(path, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    return m;
}

/* ---- blocks ----------------------------------------------------------------------- */

#define SSM                                                                              \
    "ssm.conv_kernel=4 ssm.state_size=8 ssm.group_count=2 ssm.time_step_rank=4 "         \
    "ssm.inner_size=32 "

/* A letter a block: w has a window of 12, f sees all; then w or f turns by the frequencies
 * of those, - does not turn. */
static const struct {
    const char *arch, *keys, *windows, *ropes;
} blocks[] = {
    { "llama", "", "ffff", "ffff" },
    { "gpt2", "", "ffff", "----" },
    { "smollm3", "block_count=5", "fffff", "fff-f" },
    { "olmo2", "", "ffff", "ffff" },
    { "olmo2", "attention.sliding_window=12", "wwwf", "wwwf" },
    { "olmo2", "attention.sliding_window=12 attention.sliding_window_pattern=b[1,0,1,0]",
      "wfwf", "wfwf" },
    { "exaone4", "", "ffff", "ffff" },
    { "exaone4", "attention.sliding_window=12", "wwwf", "www-" },
    { "exaone4", "attention.sliding_window=12 attention.sliding_window_pattern=2", "wfwf",
      "w-w-" },
    { "cohere2", "attention.sliding_window=12 logit_scale=0.25", "wwwf", "www-" },
    { "gemma2", "attention.sliding_window=12", "wfwf", "wfwf" },
    { "gemma3", "attention.sliding_window=12 block_count=7", "wwwwwfw", "wwwwwfw" },
    { "phi3", "attention.sliding_window=12", "ffff", "ffff" },
    { "qwen35", SSM, "ffff", "---f" },
    { "qwen35", SSM "full_attention_interval=2 block_count=5", "fffff", "-f-f-" },
    { "qwen35", SSM "attention.recurrent_layers=b[0,1,1,0]", "ffff", "f--f" },
    { "qwen35", SSM "full_attention_interval=2 block_count=6 nextn_predict_layers=2",
      "ffff", "-f-f" },
};

START_TEST(which_blocks)
{
    struct tr_model *m = open_model(blocks[_i].arch, blocks[_i].keys, "");
    const struct tr_config *c = tr_model_config(m);
    ck_assert_uint_eq((uint64_t)c->n_layer, strlen(blocks[_i].windows));
    for (int64_t i = 0; i < c->n_layer; i++) {
        const struct tr_layer *l = &c->layer[i];
        int rope = l->rope == &c->rope[0] ? 'f' : l->rope == &c->rope[1] ? 'w' : '-';
        ck_assert_int_eq(l->window, blocks[_i].windows[i] == 'w' ? 12 : 0);
        ck_assert_int_eq(rope, blocks[_i].ropes[i]);
    }
    tr_model_close(m);
}
END_TEST

#define EXPERTS "expert_count=4 expert_used_count=2 "

/* What the MLP of each block is: - one for all, e one of experts, s with one that all see. */
static const struct {
    const char *arch, *keys, *kinds;
    int64_t n_ff_expert, n_ff_shared;
} mlps[] = {
    { "llama", "", "----", 0, 0 },
    { "llama", "expert_count=0", "----", 0, 0 },
    { "llama", EXPERTS, "eeee", 48, 0 },
    { "qwen3moe", EXPERTS, "eeee", 24, 0 },
    { "qwen3moe", EXPERTS "expert_feed_forward_length=20 expert_group_count=1", "eeee", 20,
      0 },
    { "lfm2moe", EXPERTS "leading_dense_block_count=3 shortconv.l_cache=3", "---e", 24, 0 },
    { "glm4moe", EXPERTS "expert_shared_count=2 leading_dense_block_count=1", "-sss", 24,
      48 },
    { "glm4moe", EXPERTS "expert_shared_count=0 expert_feed_forward_length=16 block_count=5 "
      "nextn_predict_layers=1", "eeee", 16, 0 },
    { "qwen2moe", EXPERTS "expert_feed_forward_length=16", "ssss", 16, 48 },
    { "qwen35moe", SSM EXPERTS, "ssss", 24, 48 },
    { "qwen35moe", SSM EXPERTS "expert_shared_feed_forward_length=16", "ssss", 24, 16 },
};

START_TEST(which_experts)
{
    struct tr_model *m = open_model(mlps[_i].arch, mlps[_i].keys, "");
    const struct tr_config *c = tr_model_config(m);
    ck_assert_uint_eq((uint64_t)c->n_layer, strlen(mlps[_i].kinds));
    for (int64_t i = 0; i < c->n_layer; i++) {
        const struct tr_layer *l = &c->layer[i];
        int kind = mlps[_i].kinds[i];
        ck_assert_int_eq(l->n_expert, kind == '-' ? 0 : 4);
        ck_assert_int_eq(l->n_ff_expert, kind == '-' ? 0 : mlps[_i].n_ff_expert);
        ck_assert_int_eq(l->n_ff_shared, kind == 's' ? mlps[_i].n_ff_shared : 0);
    }
    tr_model_close(m);
}
END_TEST

static const struct {
    const char *arch, *keys, *text;
} unsupported[] = {
    { "llama", EXPERTS "expert_group_count=2",
      "choosing groups of experts ('llama.expert_group_count') is not supported" },
    { "lfm2moe", EXPERTS "shortconv.l_cache=3 expert_gating_func=4",
      "this way to score experts ('lfm2moe.expert_gating_func') is not supported" },
};

START_TEST(experts_of_another_kind)
{
    struct tr_err err = {0};
    ck_assert_int_eq(keyed_model_check(path, unsupported[_i].arch, unsupported[_i].keys,
                                       &err), TR_EUNSUPPORTED);
    ck_assert_msg(strstr(err.text, unsupported[_i].text) != NULL, "%s", err.text);
}
END_TEST

/* No matter what is there. */
START_TEST(experts_where_there_are_none)
{
    struct tr_err err = {0};
    keyed_model_write(path, "qwen2", EXPERTS, "");
    ck_assert_ptr_null(tr_model_open(path, &err));
    ck_assert_msg(strstr(err.text, "mixture of experts (qwen2.expert_count is 4) is not "
                                   "supported") != NULL, "%s", err.text);
}
END_TEST

static const struct {
    const char *arch, *keys, *text;
} wrong[] = {
    { "qwen3moe", "", "'qwen3moe.expert_count' is missing" },
    { "qwen3moe", "expert_count=0", "is 0, outside 1 to 1024" },
    { "llama", "expert_count=1025", "is 1025, outside 0 to 1024" },
    { "llama", "expert_count=4", "'llama.expert_used_count' is missing" },
    { "llama", "expert_count=4 expert_used_count=5", "is 5, outside 1 to 4" },
    { "glm4moe", EXPERTS, "'glm4moe.expert_shared_count' is missing" },
    { "minicpm", "embedding_scale=2.0 residual_scale=0.5",
      "'minicpm.logit_scale' is missing" },
    { "qwen35", "", "'qwen35.ssm.conv_kernel' is missing" },
    { "qwen35", SSM "ssm.conv_kernel=9", "'qwen35.ssm.conv_kernel' is 9, outside 1 to 8" },
    { "qwen35", SSM "ssm.group_count=3", "'ssm.group_count' does not divide" },
    { "qwen35", SSM "ssm.inner_size=34", "'ssm.time_step_rank' does not divide" },
    { "qwen35", SSM "nextn_predict_layers=4", "is 4, outside 0 to 3" },
    { "qwen35", SSM "full_attention_interval=0", "is 0, outside 1 to" },
    { "qwen35", SSM "attention.recurrent_layers=b[1,1,1]", "has 3 numbers for 4 blocks" },
};

START_TEST(keys_that_make_no_model)
{
    struct tr_err err = {0};
    ck_assert_int_eq(keyed_model_check(path, wrong[_i].arch, wrong[_i].keys, &err),
                     TR_EFORMAT);
    ck_assert_msg(strstr(err.text, wrong[_i].text) != NULL, "%s", err.text);
}
END_TEST

/* Nothing is said of their tensors, and nobody can train them. */
START_TEST(blocks_that_predict_ahead)
{
    struct tr_model *m =
        open_model("qwen35", SSM "block_count=6 nextn_predict_layers=2", "");
    ck_assert_int_eq(tr_model_config(m)->n_ahead, 2);
    ck_assert_ptr_nonnull(tr_gguf_find_tensor(tr_model_gguf(m), "blk.5.attn_norm.weight"));
    ck_assert_ptr_null(tr_model_unused_tensor(m, 0));
    ck_assert_ptr_null(tr__weight_find(m, "blk.5.attn_norm.weight"));
    tr_model_close(m);
}
END_TEST

/* ---- frequencies ------------------------------------------------------------------ */

static const float factors[] = { 1, 1.25f, 1.5f, 1.75f };
static const float long_factors[] = { 2, 2.5f, 3, 3.5f };
#define YARN .ext_factor = 1, .beta_fast = 32, .beta_slow = 1
#define LONG_TENSORS "rope_factors_long.weight rope_factors_short.weight"
static const struct {
    const char *arch, *keys, *also;
    int64_t n_ctx; /* 0: as it is */
    int windowed;  /* of blocks with a window */
    float base;
    struct tr_rope_scaling want;
} ropes[] = {
    { "llama", "", "", 0, 0, 10000, { 0 } },
    { "llama", "rope.freq_base=500.0", "rope_freqs.weight", 0, 0, 500,
      { .factors = factors } },
    { "qwen2", "rope.scaling.factor=8.0", "", 0, 0, 10000, { .factor = 8 } },
    { "llama", "rope.scale_linear=4.0 rope.scaling.attn_factor=1.5", "", 0, 0, 10000,
      { .factor = 4, .attn_factor = 1.5f } },
    { "llama", "rope.scaling.factor=8.0 rope.scaling.type=none", "", 0, 0, 10000, { 0 } },
    { "qwen3", "rope.scaling.factor=4.0 rope.scaling.type=yarn", "", 0, 0, 10000,
      { .factor = 4, .n_ctx_orig = SMALL_CTX, YARN } },
    { "llama", "rope.scaling.type=yarn rope.scaling.factor=4.0 "
      "rope.scaling.original_context_length=16 rope.scaling.yarn_ext_factor=0.5 "
      "rope.scaling.yarn_beta_fast=4.0 rope.scaling.yarn_beta_slow=0.5 "
      "rope.scaling.yarn_log_multiplier=0.5 rope.scaling.attn_factor=1.25", "", 0, 0, 10000,
      { .factor = 4, .n_ctx_orig = 16, .ext_factor = 0.5f, .beta_fast = 4,
        .beta_slow = 0.5f, .log_multiplier = 0.5f, .attn_factor = 1.25f } },
    { "llama", "rope.scaling.type=yarn rope.scaling.factor=4.0 "
      "rope.scaling.yarn_ext_factor=-1.0 rope.scaling.yarn_attn_factor=1.75", "", 0, 0,
      10000,
      { .factor = 4, .n_ctx_orig = SMALL_CTX, YARN, .yarn_attn_factor = 1.75f } },
    { "llama", "rope.scaling.factor=4.0 rope.scaling.yarn_beta_fast=4.0", "", 0, 0, 10000,
      { .factor = 4 } },
    { "olmo2", "rope.scaling.type=yarn rope.scaling.factor=8.0 attention.sliding_window=12 "
      "rope.scaling.original_context_length=16", "", 0, 0, 10000,
      { .factor = 8, .n_ctx_orig = 16, YARN } },
    { "olmo2", "rope.scaling.type=yarn rope.scaling.factor=8.0 attention.sliding_window=12 "
      "rope.scaling.original_context_length=16 rope.freq_base_swa=700.0", "", 0, 1, 700,
      { 0 } },
    { "exaone4", "attention.sliding_window=12", "rope_freqs.weight", 0, 1, 10000,
      { .factors = factors } },
    { "phi3", "rope.scaling.original_context_length=16", LONG_TENSORS, 0, 0, 10000,
      { .factors = long_factors, .factors_long = long_factors, .n_ctx_orig = 16,
        .n_ctx_train = SMALL_CTX } },
    { "phi3", "rope.scaling.original_context_length=16", LONG_TENSORS, 16, 0, 10000,
      { .factors = factors, .factors_long = factors, .n_ctx_orig = 16,
        .n_ctx_train = SMALL_CTX } },
    { "phi3", "rope.scaling.original_context_length=16 rope.scaling.attn_factor=1.125 "
      "rope.scaling.type=longrope", LONG_TENSORS, 17, 0, 10000,
      { .factors = long_factors, .attn_factor = 1.125f } },
    { "phi3", "", LONG_TENSORS, 0, 0, 10000, { .factors = factors } },
};

static void assert_turns(const struct tr_rope *r, float base,
                         const struct tr_rope_scaling *s, int64_t n_ctx)
{
    float freq[4];
    ck_assert_int_eq(r->n_rot, 8);
    float scale = tr__rope_freq(freq, 8, base, s, n_ctx);
    ck_assert_mem_eq(r->freq, freq, sizeof freq);
    ck_assert(r->scale == scale);
}

START_TEST(which_frequencies)
{
    struct tr_model *m = open_model(ropes[_i].arch, ropes[_i].keys, ropes[_i].also);
    if (ropes[_i].n_ctx)
        tr_model_set_context(m, ropes[_i].n_ctx);
    assert_turns(&tr_model_config(m)->rope[ropes[_i].windowed], ropes[_i].base,
                 &ropes[_i].want, 0);
    tr_model_close(m);
}
END_TEST

/* ---- other frequencies ------------------------------------------------------------ */

START_TEST(a_users_frequencies)
{
    struct tr_err err = {0};
    struct tr_model *m = open_model("olmo2", "rope.scaling.factor=8.0 context_length=100 "
                                    "attention.sliding_window=12", "");
    const struct tr_config *c = tr_model_config(m);
    struct tr_rope_scaling none = { 0 }, eight = { .factor = 8 }, two = { .factor = 2 },
                           sixteen = { .factor = 16 };
    ck_assert_int_eq(tr_model_set_rope(m, 160000, 0, &err), 0);
    assert_turns(&c->rope[0], 160000, &eight, 0);
    assert_turns(&c->rope[1], 10000, &none, 0);
    ck_assert_int_eq(c->n_ctx, 800); /* 100 * 16^(3/4) */
    ck_assert_int_eq(tr_model_set_rope(m, 0, 0.5, &err), 0);
    assert_turns(&c->rope[0], 10000, &two, 0);
    ck_assert_int_eq(c->n_ctx, 100);
    ck_assert_int_eq(tr_model_set_rope(m, 0, 0.0625, &err), 0);
    assert_turns(&c->rope[0], 10000, &sixteen, 0);
    ck_assert_int_eq(c->n_ctx, 200);
    ck_assert_int_eq(tr_model_set_rope(m, 0, 0, &err), 0);
    assert_turns(&c->rope[0], 10000, &eight, 0);
    ck_assert_int_eq(c->n_ctx, 100);
    tr_model_close(m);
}
END_TEST

static const struct {
    const char *arch, *keys;
    double base, scale;
    int code;
} refused[] = {
    { "llama", "", -1, 0, TR_EINVAL },
    { "llama", "", 0, NAN, TR_EINVAL },
    { "gpt2", "", 10000, 0, TR_EUNSUPPORTED },
    { "cohere2", "attention.sliding_window=12 logit_scale=0.25", 0, 0.5, TR_EUNSUPPORTED },
    { "gpt2", "", 0, 0, 0 },
};

START_TEST(frequencies_that_cannot_be)
{
    struct tr_err err = {0};
    struct tr_model *m = open_model(refused[_i].arch, refused[_i].keys, "");
    ck_assert_int_eq(tr_model_set_rope(m, refused[_i].base, refused[_i].scale, &err),
                     refused[_i].code);
    ck_assert(!refused[_i].code || strstr(err.text, path));
    tr_model_close(m);
}
END_TEST

/* ---- runs ------------------------------------------------------------------------- */

/* Factors that hold beyond 16 positions: a run on sequences of 24 has them, and gives the
 * model back as it was. */
START_TEST(context_of_a_run)
{
    struct tr_train_args args = tr_train_args_default(0);
    struct tr_model *m = open_model("phi3", "rope.scaling.original_context_length=16",
                                    LONG_TENSORS);
    struct tr_rope_scaling in_short = ropes[13].want, in_long = ropes[12].want;
    const struct tr_rope *rope = &tr_model_config(m)->rope[0];
    struct tr_err err = {0};
    tiny_data_write(other, 2);
    struct tr_pack *pack = tr_pack_open(other, &err);
    tr_model_set_context(m, 10);
    assert_turns(rope, 10000, &in_short, 0);
    args.steps = 1;
    struct tr_trainer *t = tr_trainer_new(m, pack, &args, &err);
    ck_assert_msg(t != NULL, "%s", err.text);
    assert_turns(rope, 10000, &in_long, 0);
    tr_trainer_free(t);
    assert_turns(rope, 10000, &in_short, 0);
    tr_pack_close(pack);
    tr_model_close(m);
}
END_TEST

static int load(double base, const char *checkpoint, struct tr_err *err)
{
    struct tr_train_args args = tr_train_args_default(0);
    struct tr_model *m = tr_model_open(path, err);
    struct tr_pack *pack = tr_pack_open(other, err);
    ck_assert(m && pack && !tr_model_set_rope(m, base, 0, err));
    args.steps = 2;
    struct tr_trainer *t = tr_trainer_new(m, pack, &args, err);
    ck_assert_msg(t != NULL, "%s", err->text);
    int rc = access(checkpoint, R_OK) ? tr_trainer_save(t, checkpoint, err)
                                      : tr_trainer_load(t, checkpoint, err);
    tr_trainer_free(t);
    tr_pack_close(pack);
    tr_model_close(m);
    return rc;
}

START_TEST(a_run_goes_on_with_its_frequencies)
{
    struct tr_err err = {0};
    const char *checkpoint = in_dir("a.ckpt");
    tr_model_close(open_model("llama", "", ""));
    tiny_data_write(other, 2);
    ck_assert_int_eq(load(20000, checkpoint, &err), 0);
    ck_assert_int_eq(load(20000, checkpoint, &err), 0);
    ck_assert_int_eq(load(0, checkpoint, &err), TR_EMISMATCH);
    ck_assert_msg(strstr(err.text, "rope_freq_base=20000 is now the default"), "%s",
                  err.text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("config");
    TCase *tc = tcase_create("config");
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, which_blocks, 0, sizeof blocks / sizeof *blocks);
    tcase_add_loop_test(tc, which_experts, 0, sizeof mlps / sizeof *mlps);
    tcase_add_loop_test(tc, experts_of_another_kind, 0,
                        sizeof unsupported / sizeof *unsupported);
    tcase_add_test(tc, experts_where_there_are_none);
    tcase_add_loop_test(tc, keys_that_make_no_model, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test(tc, blocks_that_predict_ahead);
    tcase_add_loop_test(tc, which_frequencies, 0, sizeof ropes / sizeof *ropes);
    tcase_add_test(tc, a_users_frequencies);
    tcase_add_loop_test(tc, frequencies_that_cannot_be, 0,
                        sizeof refused / sizeof *refused);
    tcase_add_test(tc, context_of_a_run);
    tcase_add_test(tc, a_run_goes_on_with_its_frequencies);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
