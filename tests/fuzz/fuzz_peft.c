/* SPDX-License-Identifier: MIT
 *
 * Any bytes as an adapter's folder: the settings, a NUL, then the file of tensors.  What
 * is opened can be written, as an adapter or as a model.
 */
#include <libtrain/gguf.h>
#include <libtrain/peft.h>

#include "memory_dir.h"

#include <string.h>
#include <sys/stat.h>

enum { MAX_FILE = 1 << 18, WIDTH = 8, VOCAB = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const tensors[][2] = {
    { "token_embd.weight", "v" },       { "output_norm.weight", "" },
    { "blk.0.attn_norm.weight", "" },   { "blk.0.attn_q.weight", "w" },
    { "blk.0.attn_k.weight", "w" },     { "blk.0.attn_v.weight", "w" },
    { "blk.0.attn_output.weight", "w" }, { "blk.0.ffn_norm.weight", "" },
    { "blk.0.ffn_gate.weight", "w" },   { "blk.0.ffn_up.weight", "w" },
    { "blk.0.ffn_down.weight", "w" },
};
enum { N_TENSOR = sizeof tensors / sizeof *tensors };

static int write_tensors(struct tr_gguf_writer *w)
{
    static const float number[VOCAB * WIDTH] = { 1, 2, 3 };
    int rc = 0;
    for (int i = 0; !rc && i < N_TENSOR; i++) {
        int64_t rows = !*tensors[i][1] ? 1 : *tensors[i][1] == 'v' ? VOCAB : WIDTH;
        rc = tr_gguf_write(w, number, rows * WIDTH * (int64_t)sizeof(float), NULL);
    }
    return rc;
}

/* A llama of one block. */
static void write_base(const char *path)
{
    static const char *const sizes[] = {
        "llama.context_length", "llama.embedding_length", "llama.feed_forward_length",
        "llama.rope.dimension_count",
    };
    struct tr_gguf_writer *w = tr_gguf_create(path, NULL);
    if (!w)
        abort();
    tr_gguf_set_string(w, "general.architecture", "llama");
    for (int i = 0; i < 4; i++)
        tr_gguf_set_u32(w, sizes[i], i == 3 ? WIDTH / 2 : WIDTH);
    tr_gguf_set_u32(w, "llama.block_count", 1);
    tr_gguf_set_u32(w, "llama.attention.head_count", 2);
    tr_gguf_set_u32(w, "llama.vocab_size", VOCAB);
    tr_gguf_set_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    for (int i = 0; i < N_TENSOR; i++) {
        const char *kind = tensors[i][1];
        int64_t dim[] = { *kind == 'v' ? VOCAB : WIDTH, WIDTH };
        tr_gguf_add_tensor(w, tensors[i][0], &tr_f32, *kind ? 2 : 1, dim);
    }
    if (tr_gguf_finish(w, write_tensors(w), NULL))
        abort();
}

static void write_file(const char *dir, const char *name, const void *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f))
        abort();
}

static void use(const char *dir, const struct tr_model *base)
{
    struct tr_err err = { 0 };
    char path[128];
    struct tr_peft *p = tr_peft_open(dir, base, &err);
    if (!p != (err.code != 0))
        abort();
    if (!p)
        return;
    snprintf(path, sizeof path, "%s/out.gguf", dir);
    int rc = tr_peft_write(p, path, &err);
    if (!rc && tr_peft_beyond(p))
        abort();
    struct tr_lora *l = rc ? NULL : tr_lora_open(path, base, &err);
    if (!rc && !l)
        abort();
    tr_lora_free(l);
    struct tr_peft_merge_args args = { 0 };
    (void)!tr_peft_merge(p, &args, path, NULL);
    tr_peft_close(p);
    unlink(path);
}

static void run(const char *dir, const struct tr_model *base, const uint8_t *data,
                size_t size)
{
    const uint8_t *end = memchr(data, 0, size);
    static const char *const name[] = { "adapter_model.safetensors",
                                        "adapters.safetensors" };
    char path[128];
    size_t n = end ? (size_t)(end - data) : size;
    write_file(dir, "adapter_config.json", data, n);
    for (int i = 0; i < 2; i++) {
        write_file(dir, name[i], data + n + (end != NULL), size - n - (end != NULL));
        use(dir, base);
        snprintf(path, sizeof path, "%s/%s", dir, name[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/adapter_config.json", dir);
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char dir[64], path[96];
    if (size > MAX_FILE)
        return 0;
    make_memory_dir(dir, sizeof dir);
    snprintf(path, sizeof path, "%s/base.gguf", dir);
    write_base(path);
    struct tr_model *base = tr_model_open(path, NULL);
    if (!base)
        abort();
    run(dir, base, data, size);
    tr_model_close(base);
    unlink(path);
    rmdir(dir);
    return 0;
}
