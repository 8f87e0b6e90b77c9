/* SPDX-License-Identifier: MIT
 *
 * A folder of Qwen3.5 with experts in stacks and a block that predicts further tokens, written here:
 * its tensors have the names, types, shapes, order and bytes that llama.cpp's converter gave
 * them; left out, lost or cut short it is what it should be.
 */
#include "folder.h"

#include <libtrain/hf_export.h>
#include <libtrain/import.h>

static const char config[] =
    "{\"architectures\": [\"Qwen3_5MoeForCausalLM\"], \"model_type\": \"qwen3_5_moe_text\","
    " \"hidden_size\": 32, \"intermediate_size\": 32, \"num_hidden_layers\": 1,"
    " \"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"head_dim\": 16,"
    " \"layer_types\": [\"full_attention\"], \"linear_num_key_heads\": 1,"
    " \"linear_num_value_heads\": 1, \"num_experts\": 2, \"num_experts_per_tok\": 1,"
    " \"moe_intermediate_size\": 32, \"shared_expert_intermediate_size\": 32,"
    " \"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 10000.0,"
    " \"partial_rotary_factor\": 0.5, \"mrope_section\": [2, 1, 1]},"
    " \"tie_word_embeddings\": true, \"mtp_num_hidden_layers\": 1, \"vocab_size\": 6}";

/* In the order of their names. */
#define BLOCK(p)                                                                         \
    { p "input_layernorm.weight", "BF16", "32", 32 },                                    \
    { p "mlp.experts.down_proj", "BF16", "2, 32, 32", 2048 },                            \
    { p "mlp.experts.gate_up_proj", "BF16", "2, 64, 32", 4096 },                         \
    { p "mlp.gate.weight", "BF16", "2, 32", 64 },                                        \
    { p "mlp.shared_expert.down_proj.weight", "BF16", "32, 32", 1024 },                  \
    { p "mlp.shared_expert.gate_proj.weight", "BF16", "32, 32", 1024 },                  \
    { p "mlp.shared_expert.up_proj.weight", "BF16", "32, 32", 1024 },                    \
    { p "mlp.shared_expert_gate.weight", "BF16", "1, 32", 32 },                          \
    { p "post_attention_layernorm.weight", "BF16", "32", 32 },                           \
    { p "self_attn.k_norm.weight", "BF16", "16", 16 },                                   \
    { p "self_attn.k_proj.weight", "BF16", "16, 32", 512 },                              \
    { p "self_attn.o_proj.weight", "BF16", "32, 32", 1024 },                             \
    { p "self_attn.q_norm.weight", "BF16", "16", 16 },                                   \
    { p "self_attn.q_proj.weight", "BF16", "64, 32", 2048 },                             \
    { p "self_attn.v_proj.weight", "BF16", "16, 32", 512 }
static const struct folder_tensor tensors[] = {
    { "model.embed_tokens.weight", "BF16", "6, 32", 192 },
    BLOCK("model.layers.0."),
    { "model.norm.weight", "BF16", "32", 32 },
    { "mtp.fc.weight", "BF16", "32, 64", 2048 },
    BLOCK("mtp.layers.0."),
    { "mtp.norm.weight", "BF16", "32", 32 },
    { "mtp.pre_fc_norm_embedding.weight", "BF16", "32", 32 },
    { "mtp.pre_fc_norm_hidden.weight", "BF16", "32", 32 },
};
enum { N = sizeof tensors / sizeof *tensors, N_MODEL = 17 };

static int import(const struct tr_dtype *type, int no_mtp, size_t n, struct tr_err *err)
{
    struct tr_import_args args = { .type = type, .pre = "gpt-2", .no_mtp = no_mtp };
    write_folder(config, tensors, n);
    return tr_import(dir, &args, path, err);
}

static struct tr_gguf *opened(const char *at)
{
    struct tr_err err = { 0 };
    struct tr_gguf *g = tr_gguf_open(at, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    return g;
}

static int64_t number(const struct tr_gguf *g, const char *key)
{
    int64_t n = -1;
    return tr_gguf_int(g, key, &n, NULL) == 1 ? n : -1;
}

static const struct {
    const char *type, *hash; /* of the converter's file */
} golden[] = {
    { "BF16",
      "2424c7e022082a6b4af94934d9169d0f50b8e4a8bffa092bb5f91038f755a2db" },
    { "Q8_0",
      "f7f36f535cc812befded01b4485a7df724d11a6178b77e612ba96c088c12d61e" },
};

START_TEST(as_the_converter)
{
    struct tr_err err = { 0 };
    char hex[SHA256_DIGEST_STRING_LENGTH];
    ck_assert_msg(!import(tr_dtype_by_name(golden[_i].type), 0, N, &err), "%s", err.text);
    struct tr_gguf *g = opened(path);
    hash_tensors(g, hex);
    ck_assert_str_eq(hex, golden[_i].hash);
    ck_assert_int_eq(number(g, "qwen35moe.block_count"), 2);
    ck_assert_int_eq(number(g, "qwen35moe.nextn_predict_layers"), 1);
    tr_gguf_close(g);
}
END_TEST

/* Left out, or not there although config.json has it, as transformers saves such a model. */
START_TEST(without)
{
    struct tr_err err = { 0 };
    ck_assert_msg(!import(NULL, _i, _i ? N : N_MODEL, &err), "%s", err.text);
    struct tr_gguf *g = opened(path);
    ck_assert_int_eq(number(g, "qwen35moe.block_count"), 1);
    ck_assert_int_eq(number(g, "qwen35moe.nextn_predict_layers"), -1);
    ck_assert_uint_eq(tr_gguf_n_tensor(g), N_MODEL + 1); /* gate and up are two */
    tr_gguf_close(g);
}
END_TEST

/* A folder has the block by the names that it came with: it comes in again as the same file. */
START_TEST(and_out_again)
{
    struct tr_err err = { 0 };
    struct tr_hf_export_args args = { 0 };
    char folder[300], sub[400];
    snprintf(folder, sizeof folder, "%s/out", dir);
    ck_assert_msg(!import(&tr_f32, 0, N, &err), "%s", err.text);
    struct tr_gguf *g = opened(path);
    ck_assert_msg(!tr_hf_export(g, &args, folder, &err), "%s", err.text);
    struct tr_import_args in = { .type = &tr_f32, .pre = "gpt-2" };
    ck_assert_msg(!tr_import(folder, &in, other, &err), "%s", err.text);
    struct tr_gguf *back = opened(other);
    ck_assert_int_eq(number(back, "qwen35moe.nextn_predict_layers"), 1);
    ck_assert_uint_eq(tr_gguf_n_tensor(g), tr_gguf_n_tensor(back));
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        const struct tr_gguf_tensor *u = tr_gguf_find_tensor(back, t->name);
        ck_assert_msg(u && t->bytes == u->bytes && !memcmp(t->data, u->data, (size_t)t->bytes),
                      "%s", t->name);
    }
    tr_gguf_close(g);
    tr_gguf_close(back);
    snprintf(sub, sizeof sub, "rm -r '%s'", folder);
    ck_assert_int_eq(system(sub), 0);
}
END_TEST

static const struct folder_odd refused[] = {
    { .name = "mtp.fc.weight", .left_out = 1, .says = "no tensor 'mtp.fc.weight'" },
    { .from = "\"mtp_num_hidden_layers\": 1", .to = "\"mtp_num_hidden_layers\": 0",
      .says = "predicts further tokens (--no-mtp leaves it out)" },
    { .from = "\"mtp_num_hidden_layers\": 1", .to = "\"mtp_num_hidden_layers\": 2",
      .says = "no tensor 'mtp.layers.1." },
    { .from = "\"mtp_num_hidden_layers\": 1", .to = "\"mtp_num_hidden_layers\": 2147483647",
      .says = "2147483647 blocks that predict further tokens" },
    { .from = "\"mtp_num_hidden_layers\": 1",
      .to = "\"mtp_num_hidden_layers\": 9223372036854775807", .says = "blocks that predict" },
    { .name = "mtp.layers.0.self_attn.q_proj.weight", .left_out = 1,
      .says = "no tensor 'mtp.layers.0.self_attn.q_proj.weight'" },
    { .name = "mtp.layers.0.self_attn.k_proj.weight", .shape = "32, 16",
      .says = "'blk.1.attn_k.weight' has another shape than 'blk.0.attn_k.weight'" },
    { .name = "model.layers.0.mlp.experts.gate_up_proj", .shape = "2, 32, 64",
      .says = "blk.0.ffn_gate_exps.weight" },
    { .name = "model.layers.0.mlp.experts.gate_up_proj", .left_out = 1,
      .says = "blk.0.ffn_gate_exps.weight" },
};

START_TEST(refused_by_name)
{
    struct tr_err err = { 0 };
    odd = refused[_i];
    int rc = import(NULL, 0, N, &err);
    is_refused(rc, &err, odd.says);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("import ahead");
    TCase *t = tcase_create("import ahead");
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, as_the_converter, 0, 2);
    tcase_add_loop_test(t, without, 0, 2);
    tcase_add_test(t, and_out_again);
    tcase_add_loop_test(t, refused_by_name, 0, sizeof refused / sizeof *refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
