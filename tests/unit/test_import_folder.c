/* SPDX-License-Identifier: MIT
 *
 * Small folders that are written here: what becomes of their numbers, and that what cannot be
 * said in a GGUF, is missing, left over or of another shape is refused by name.
 */
#include "hf_config.h"

#include <libtrain/hf/safetensors_write.h>
#include <libtrain/import.h>

enum { W = 32, FF = 64, V = 6, HEADS = 4, LAYERS = 2 };

static const char config[] =
    "{\"architectures\": [\"LlamaForCausalLM\"], \"hidden_act\": \"silu\","
    " \"hidden_size\": 32, \"intermediate_size\": 64, \"max_position_embeddings\": 128,"
    " \"num_attention_heads\": 4, \"num_hidden_layers\": 2, \"num_key_value_heads\": 2,"
    " \"rms_norm_eps\": 1e-05, \"rope_theta\": 10000.0, \"rope_scaling\": null,"
    " \"vocab_size\": 6, \"model_type\": \"llama\"}";

/* What is otherwise in a folder: a piece of config.json, a tensor's name, its rows. */
static struct odd {
    const char *from, *to;      /* in config.json */
    const char *left_out, *more; /* tensors */
    const char *wide;           /* one that has twice the rows */
    const char *bf16;           /* all are BF16 but for this one; NULL: all F32 */
    const char *says;
} odd;

/* ---- tensors ---------------------------------------------------------------------- */

enum { MAX_TENSOR = 32, MAX_NAME = 80 };
static struct {
    char name[MAX_NAME];
    int64_t dim[2];
} tensor[MAX_TENSOR];
static int n_tensor;

static void add(const char *name, int64_t rows, int64_t row)
{
    if (odd.left_out && !strcmp(name, odd.left_out))
        return;
    ck_assert_int_lt(n_tensor, MAX_TENSOR);
    snprintf(tensor[n_tensor].name, MAX_NAME, "%s", name);
    tensor[n_tensor].dim[0] = odd.wide && !strcmp(name, odd.wide) ? 2 * rows : rows;
    tensor[n_tensor++].dim[1] = row;
}

static void list_tensors(void)
{
    static const struct {
        const char *name;
        int64_t rows, row;
    } of[] = {
        { "input_layernorm.weight", 0, W }, { "post_attention_layernorm.weight", 0, W },
        { "self_attn.q_proj.weight", W, W }, { "self_attn.k_proj.weight", W / 2, W },
        { "self_attn.v_proj.weight", W / 2, W }, { "self_attn.o_proj.weight", W, W },
        { "mlp.gate_proj.weight", FF, W }, { "mlp.up_proj.weight", FF, W },
        { "mlp.down_proj.weight", W, FF },
    };
    char name[MAX_NAME];
    n_tensor = 0;
    add("model.embed_tokens.weight", V, W);
    add("model.norm.weight", 0, W);
    for (int i = 0; i < LAYERS; i++)
        for (size_t k = 0; k < sizeof of / sizeof *of; k++) {
            snprintf(name, sizeof name, "model.layers.%d.%s", i, of[k].name);
            add(name, of[k].rows, of[k].row);
        }
    if (odd.more)
        add(odd.more, 2, W);
}

/* Numbers that f16 and bf16 have: which tensor, which row, which column. */
static float number(int t, int64_t row, int64_t column)
{
    return (float)(t % 4 + 1) * (float)(row % 16 + 1) / (float)(1 << column % 4);
}

static void write_one(struct tr__hf_writer *w, int t, const struct tr_dtype *type)
{
    struct tr_err err = { 0 };
    int64_t rows = tensor[t].dim[0] ? tensor[t].dim[0] : 1, row = tensor[t].dim[1];
    float v[2 * FF];
    char packed[sizeof v];
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < row; c++)
            v[c] = number(t, r, c);
        ck_assert_int_eq(tr_convert(&tr_f32, v, type, packed, row), 0);
        ck_assert_msg(!tr__hf_write(w, packed, row * (int64_t)type->bytes, &err), "%s",
                      err.text);
    }
}

static void write_tensors(void)
{
    (void)in_dir("model.safetensors"); /* which remove_dir removes */
    struct tr_err err = { 0 };
    struct tr__hf_writer *w = tr__hf_create(dir, "model", "pt", 0, &err);
    const struct tr_dtype *type[MAX_TENSOR];
    int64_t t;
    ck_assert_msg(w != NULL, "%s", err.text);
    list_tensors();
    for (int i = 0; i < n_tensor; i++) {
        int vector = !tensor[i].dim[0];
        type[i] = odd.bf16 && strcmp(tensor[i].name, odd.bf16) ? &tr_bf16 : &tr_f32;
        tr__hf_declare(w, tensor[i].name, type[i], 2 - vector, tensor[i].dim + vector);
    }
    while ((t = tr__hf_next(w, &err)) >= 0 && t < n_tensor)
        write_one(w, (int)t, type[t]);
    ck_assert_msg(!tr__hf_finish(w, t < 0 ? (int)t : 0, &err), "%s", err.text);
}

static int import(const struct tr_dtype *type, struct tr_err *err)
{
    struct tr_import_args args = { .type = type, .pre = "gpt-2" };
    write_config(config, odd.from, odd.to);
    write_tensors();
    return tr_import(dir, &args, path, err);
}

/* ---- what becomes of it ----------------------------------------------------------- */

static float at(const struct tr_gguf *g, const char *name, int64_t i)
{
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(g, name);
    float v[FF];
    ck_assert_msg(t != NULL, "%s", name);
    int64_t row = tr_gguf_row(t), from = i / row * row;
    const char *data = (const char *)t->data + from / t->dtype->block * t->dtype->bytes;
    t->dtype->to_f32(data, v, row);
    return v[i - from];
}

static int place_of(const char *name)
{
    int i = 0;
    while (strcmp(tensor[i].name, name))
        i++;
    return i;
}

static struct tr_gguf *opened(const struct tr_dtype *type)
{
    struct tr_err err = { 0 };
    ck_assert_msg(!import(type, &err), "%s", err.text);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    return g;
}

/* Of q, heads of eight rows: 0 4 1 5 … ; v is as it is. */
START_TEST(rows_of_q_in_pairs)
{
    static const int64_t from[] = { 0, 4, 1, 5, 2, 6, 3, 7 };
    struct tr_gguf *g = opened(&tr_f32);
    int q = place_of("model.layers.1.self_attn.q_proj.weight");
    int v = place_of("model.layers.1.self_attn.v_proj.weight");
    for (int64_t r = 0; r < W; r++)
        MUST(at(g, "blk.1.attn_q.weight", r * W + 3) ==
             number(q, r / 8 * 8 + from[r % 8], 3));
    for (int64_t r = 0; r < W / 2; r++)
        MUST(at(g, "blk.1.attn_v.weight", r * W + 3) == number(v, r, 3));
    ck_assert(!tr_gguf_find_tensor(g, "output.weight"));
    ck_assert_uint_eq(tr_gguf_n_tensor(g), (size_t)n_tensor);
    tr_gguf_close(g);
}
END_TEST

static const char *type_of(const struct tr_gguf *g, const char *name)
{
    return tr_gguf_find_tensor(g, name)->dtype->name;
}

/* auto is the type of the first matrix; norms are F32 in any case. */
START_TEST(types)
{
    int64_t file_type = -1;
    odd.bf16 = "";
    struct tr_gguf *g = opened(NULL);
    ck_assert_str_eq(type_of(g, "blk.0.ffn_up.weight"), "BF16");
    ck_assert_str_eq(type_of(g, "token_embd.weight"), "BF16");
    ck_assert_str_eq(type_of(g, "blk.0.ffn_norm.weight"), "F32");
    ck_assert(tr_gguf_int(g, "general.file_type", &file_type, NULL) == 1 && file_type == 32);
    tr_gguf_close(g);
    odd.bf16 = NULL; /* all F32: F16, as the converter has it */
    g = opened(NULL);
    ck_assert_str_eq(type_of(g, "blk.0.ffn_up.weight"), "F16");
    tr_gguf_close(g);
    g = opened(tr_dtype_by_name("Q4_0"));
    ck_assert_str_eq(type_of(g, "blk.0.ffn_up.weight"), "Q4_0");
    ck_assert_str_eq(type_of(g, "blk.0.attn_norm.weight"), "F32");
    ck_assert(tr_gguf_int(g, "general.file_type", &file_type, NULL) == 1 && file_type == 2);
    tr_gguf_close(g);
}
END_TEST

START_TEST(mixtures)
{
    struct tr_err err = { 0 };
    struct tr_import_args args = { .mix = tr_mix_by_name("Q4_0"), .pre = "gpt-2" };
    write_config(config, odd.from, odd.to);
    write_tensors();
    ck_assert_ptr_nonnull(args.mix);
    ck_assert_msg(!tr_import(dir, &args, path, &err), "%s", err.text);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    ck_assert_str_eq(type_of(g, "blk.0.ffn_down.weight"), "Q4_0");
    ck_assert_str_eq(type_of(g, "token_embd.weight"), "Q8_0"); /* it is the output too */
    tr_gguf_close(g);
}
END_TEST

/* Blocks that predict further tokens are left out, and no others. */
START_TEST(blocks_ahead)
{
    static const struct odd ahead[] = {
        { .more = "mtp.fc.weight" },
        { .from = "\"rope_scaling\": null", .to = "\"num_nextn_predict_layers\": 1",
          .more = "model.layers.2.eh_proj.weight" },
        { .from = "\"rope_scaling\": null", .to = "\"num_nextn_predict_layers\": 1",
          .more = "model.layers.3.eh_proj.weight", .says = "is none of a model" },
    };
    struct tr_import_args args = { .type = &tr_f32, .pre = "gpt-2", .no_mtp = 1 };
    for (size_t i = 0; i < sizeof ahead / sizeof *ahead; i++) {
        struct tr_err err = { 0 };
        odd = ahead[i];
        write_config(config, odd.from, odd.to);
        write_tensors();
        int rc = tr_import(dir, &args, path, &err);
        ck_assert_msg(!rc == !odd.says && (!rc || strstr(err.text, odd.says)), "%s", err.text);
        struct tr_gguf *g = rc ? NULL : tr_gguf_open(path, &err);
        ck_assert(rc || (g && tr_gguf_n_tensor(g) == (size_t)n_tensor - 1));
        tr_gguf_close(g);
    }
}
END_TEST

/* ---- what is refused -------------------------------------------------------------- */

static const struct odd refused[] = {
    { .from = "\"LlamaForCausalLM\"", .to = "\"NoSuchModel\"", .says = "'NoSuchModel'" },
    { .from = "\"hidden_act\": \"silu\"", .to = "\"hidden_act\": \"gelu\"",
      .says = "'hidden_act'" },
    { .from = "\"hidden_size\": 32,", .to = "",
      .says = "'hidden_size' is missing" },
    { .from = "\"intermediate_size\": 64,", .to = "", .says = "no 'intermediate_size'" },
    { .from = "\"intermediate_size\": 64,", .to = "\"intermediate_size\": -1,",
      .says = "'intermediate_size' is no number" },
    { .from = "\"intermediate_size\": 64,", .to = "\"intermediate_size\": \"x\",",
      .says = "'intermediate_size' is no number" },
    { .from = "\"rope_scaling\": null", .to = "\"rope_scaling\": {\"type\": \"wild\"}",
      .says = "unknown type 'wild'" },
    { .from = "\"rope_scaling\": null", .to = "\"rope_scaling\": {\"type\": \"linear\"}",
      .says = "no 'factor'" },
    { .from = "\"rope_scaling\": null",
      .to = "\"rope_scaling\": {\"type\": \"longrope\", \"factor\": 2}",
      .says = "'longrope'" },
    { .from = "\"rope_scaling\": null",
      .to = "\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 2, \"mscale\": 0.7}",
      .says = "'rope_parameters.mscale'" },
    { .from = "\"vocab_size\": 6,",
      .to = "\"vocab_size\": 6, \"quantization_config\": {\"quant_method\": \"gptq\"},",
      .says = "packed by 'gptq'" },
    { .left_out = "model.norm.weight", .says = "no tensor 'model.norm.weight'" },
    { .left_out = "model.layers.1.mlp.up_proj.weight",
      .says = "no tensor 'model.layers.1.mlp.up_proj.weight'" },
    { .more = "model.layers.0.mlp.extra.weight",
      .says = "'model.layers.0.mlp.extra.weight' is none" },
    { .more = "model.layers.2.mlp.up_proj.weight", .says = "behind the last block" },
    { .more = "mtp.layers.0.mlp.up_proj.weight", .says = "(--no-mtp leaves it out)" },
    { .from = "\"rope_scaling\": null", .to = "\"num_nextn_predict_layers\": 1",
      .more = "model.layers.2.mlp.up_proj.weight", .says = "(--no-mtp leaves it out)" },
    { .from = "\"vocab_size\": 6,",
      .to = "\"vocab_size\": 6, \"quantization_config\": {\"quant_method\": \"mxfp4\"},",
      .says = "packed by 'mxfp4'" },
    { .wide = "model.layers.1.mlp.up_proj.weight", .says = "blk.1.ffn_up.weight" },
    { .wide = "model.layers.1.self_attn.k_proj.weight", .says = "blk.1.attn_k.weight" },
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
    Suite *s = suite_create("import folder");
    TCase *t = tcase_create("import folder");
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, rows_of_q_in_pairs);
    tcase_add_test(t, types);
    tcase_add_test(t, mixtures);
    tcase_add_test(t, blocks_ahead);
    tcase_add_loop_test(t, refused_by_name, 0, sizeof refused / sizeof *refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
