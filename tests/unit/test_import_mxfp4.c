/* SPDX-License-Identifier: MIT
 *
 * A folder of gpt-oss as it is published, with experts in MXFP4, written here: its tensors have the
 * names, types, shapes, order and bytes that llama.cpp's converter gave them, as hashes; what does
 * not fit is refused by name.
 */
#include "folder.h"

#include <libtrain/hf_export.h>
#include <libtrain/import.h>

static const char config[] =
    "{\"architectures\": [\"GptOssForCausalLM\"], \"model_type\": \"gpt_oss\","
    " \"hidden_size\": 32, \"intermediate_size\": 64, \"num_hidden_layers\": 1,"
    " \"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"head_dim\": 8,"
    " \"num_local_experts\": 2, \"num_experts_per_tok\": 1, \"sliding_window\": 12,"
    " \"vocab_size\": 6, \"quantization_config\": {\"quant_method\": \"mxfp4\"}}";
/* In the order of their names. */
#define L "model.layers.0."
#define EXPERTS L "mlp.experts."
static const struct folder_tensor tensors[] = {
    { "lm_head.weight", "BF16", "6, 32", 192 },
    { "model.embed_tokens.weight", "BF16", "6, 32", 192 },
    { L "input_layernorm.weight", "BF16", "32", 32 },
    { EXPERTS "down_proj_bias", "BF16", "2, 32", 64 },
    { EXPERTS "down_proj_blocks", "U8", "2, 32, 2, 16", 2048 },
    { EXPERTS "down_proj_scales", "U8", "2, 32, 2", 128 },
    { EXPERTS "gate_up_proj_bias", "BF16", "2, 128", 256 },
    { EXPERTS "gate_up_proj_blocks", "U8", "2, 128, 1, 16", 4096 },
    { EXPERTS "gate_up_proj_scales", "U8", "2, 128, 1", 256 },
    { L "mlp.router.bias", "BF16", "2", 2 },
    { L "mlp.router.weight", "BF16", "2, 32", 64 },
    { L "post_attention_layernorm.weight", "BF16", "32", 32 },
    { L "self_attn.k_proj.bias", "BF16", "16", 16 },
    { L "self_attn.k_proj.weight", "BF16", "16, 32", 512 },
    { L "self_attn.o_proj.bias", "BF16", "32", 32 },
    { L "self_attn.o_proj.weight", "BF16", "32, 32", 1024 },
    { L "self_attn.q_proj.bias", "BF16", "32", 32 },
    { L "self_attn.q_proj.weight", "BF16", "32, 32", 1024 },
    { L "self_attn.sinks", "BF16", "4", 4 },
    { L "self_attn.v_proj.bias", "BF16", "16", 16 },
    { L "self_attn.v_proj.weight", "BF16", "16, 32", 512 },
    { "model.norm.weight", "BF16", "32", 32 },
};
static int import(const char *type, struct tr_err *err)
{
    struct tr_import_args args = { .type = type ? tr_dtype_by_name(type) : NULL,
                                   .pre = "gpt-2" };
    write_folder(config, tensors, sizeof tensors / sizeof *tensors);
    return tr_import(dir, &args, path, err);
}

/* ---- what becomes of it ----------------------------------------------------------- */

static const struct {
    const char *type; /* NULL: auto */
    int file_type;
    const char *hash; /* of the converter's file */
} golden[] = {
    { NULL, 38,
      "096878ddb71628f8567601a4787c6dcce862c874098bd934651b2d2bfc2648a3" },
    { "BF16", 38,
      "096878ddb71628f8567601a4787c6dcce862c874098bd934651b2d2bfc2648a3" },
    { "F16", 38,
      "505d8bb5f335302cb6e17dcfdd76780290ade424560016db91d1904734ee454b" },
    { "F32", 38,
      "ad87e588ecacf1ce30fab18e780767df67a4c28b0a2c3eff4ae1eafa8c75424d" },
    { "Q8_0", 7,
      "6955cd79665048b99c6bd5b3b2a87cb28489070de7e74530f7d782d300c22439" },
};

START_TEST(as_the_converter)
{
    struct tr_err err = { 0 };
    char hex[SHA256_DIGEST_STRING_LENGTH];
    int64_t file_type = -1;
    ck_assert_msg(!import(golden[_i].type, &err), "%s", err.text);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    hash_tensors(g, hex);
    ck_assert_str_eq(hex, golden[_i].hash);
    ck_assert_int_eq(tr_gguf_int(g, "general.file_type", &file_type, NULL), 1);
    ck_assert_int_eq((int)file_type, golden[_i].file_type);
    tr_gguf_close(g);
}
END_TEST

/* Whatever else a recipe says, experts stay as they are. */
START_TEST(packed)
{
    static const char *const type[] = { "Q4_0", "Q4_K" };
    struct tr_err err = { 0 };
    ck_assert_msg(!import(type[_i], &err), "%s", err.text);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(g, "blk.0.ffn_up_exps.weight");
    ck_assert_str_eq(t->dtype->name, "MXFP4");
    t = tr_gguf_find_tensor(g, "blk.0.attn_q.weight");
    ck_assert_uint_gt(t->dtype->block, 1);
    tr_gguf_close(g);
}
END_TEST

/* A folder has them as BF16, which stands for the same numbers, and comes in again. */
START_TEST(and_out_again)
{
    struct tr_err err = { 0 };
    struct tr_hf_export_args args = { 0 };
    char folder[300], sub[400];
    ck_assert_msg(!import(NULL, &err), "%s", err.text);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    snprintf(folder, sizeof folder, "%s/out", dir);
    ck_assert_msg(g && !tr_hf_export(g, &args, folder, &err), "%s", err.text);
    struct tr_import_args in = { .pre = "gpt-2" };
    ck_assert_msg(!tr_import(folder, &in, other, &err), "%s", err.text);
    struct tr_gguf *back = tr_gguf_open(other, &err);
    ck_assert_msg(back != NULL, "%s", err.text);
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        const struct tr_gguf_tensor *u = tr_gguf_find_tensor(back, t->name);
        static float x[4096], y[4096];
        ck_assert(u && tr_gguf_count(t) == tr_gguf_count(u) && tr_gguf_count(t) <= 4096);
        ck_assert(t->n_dim < 2 || u->dtype == (t->dtype == &tr_f32 ? &tr_f32 : &tr_bf16));
        t->dtype->to_f32(t->data, x, tr_gguf_count(t));
        u->dtype->to_f32(u->data, y, tr_gguf_count(t));
        ck_assert_msg(!memcmp(x, y, sizeof *x * (size_t)tr_gguf_count(t)), "%s", t->name);
    }
    tr_gguf_close(g);
    tr_gguf_close(back);
    snprintf(sub, sizeof sub, "rm -r '%s'", folder);
    ck_assert_int_eq(system(sub), 0);
}
END_TEST

/* ---- what is refused -------------------------------------------------------------- */

static const struct folder_odd refused[] = {
    { .name = EXPERTS "down_proj_scales", .left_out = 1,
      .says = "'" EXPERTS "down_proj_blocks' without '" EXPERTS "down_proj_scales'" },
    { .name = EXPERTS "gate_up_proj_blocks", .left_out = 1,
      .says = "'" EXPERTS "gate_up_proj_scales' without '" EXPERTS "gate_up_proj_blocks'" },
    { .name = EXPERTS "down_proj_scales", .shape = "2, 64",
      .says = "'" EXPERTS "down_proj_scales' (U8, 2 dimensions) are no MXFP4" },
    { .name = EXPERTS "down_proj_scales", .shape = "2, 2, 32", .says = "are no MXFP4" },
    { .name = EXPERTS "down_proj_blocks", .shape = "2, 32, 4, 8", .says = "are no MXFP4" },
    { .name = EXPERTS "down_proj_blocks", .shape = "64, 2, 16", .says = "are no MXFP4" },
    { .name = EXPERTS "down_proj_blocks", .type = "I8", .says = "(I8, 4 dimensions)" },
    { .name = EXPERTS "down_proj_scales", .scale = 255,
      .says = "'blk.0.ffn_down_exps.weight': row 0 holds a NaN or an infinity" },
    { .name = EXPERTS "gate_up_proj_scales", .scale = 254,
      .says = "'blk.0.ffn_gate_exps.weight': row 0 holds a NaN or an infinity" },
    { .from = "\"intermediate_size\": 64", .to = "\"intermediate_size\": 96",
      .says = "'blk.0.ffn_" },
    { .from = "\"num_local_experts\": 2", .to = "\"num_local_experts\": 4",
      .says = "'blk.0.ffn_" },
    { .from = ", \"quantization_config\": {\"quant_method\": \"mxfp4\"}", .to = "",
      .says = "'" EXPERTS "down_proj_blocks' is none of a model" },
    { .from = "\"mxfp4\"", .to = "\"bitsandbytes\"", .says = "packed by 'bitsandbytes'" },
    { .from = "{\"quant_method\": \"mxfp4\"}", .to = "{}", .says = "packed by" },
};

START_TEST(refused_by_name)
{
    struct tr_err err = { 0 };
    odd = refused[_i];
    int rc = import(NULL, &err);
    is_refused(rc, &err, odd.says);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("import mxfp4");
    TCase *t = tcase_create("import mxfp4");
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, as_the_converter, 0, sizeof golden / sizeof *golden);
    tcase_add_loop_test(t, packed, 0, 2);
    tcase_add_test(t, and_out_again);
    tcase_add_loop_test(t, refused_by_name, 0, sizeof refused / sizeof *refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
