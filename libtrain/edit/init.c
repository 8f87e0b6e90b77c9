/* SPDX-License-Identifier: MIT
 *
 * A model from nothing: keys of the shape, of which the library reads what tensors it has, and
 * a stream of random numbers for every piece of every tensor.  Before: init_shape.c.
 */
#include <libtrain/edit/init.h>
#include <libtrain/rng.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Numbers that one random stream makes, and that are made between two writes. */
enum { CHUNK = 1 << 14, SLAB = 64 * CHUNK };

struct init {
    const struct tr_init_args *a;
    struct tr_gguf_writer *w;
    struct tr_config c;
    float *f32; /* SLAB numbers */
    uint64_t n_written; /* tensors */
    struct tr_init_made made;
    struct tr_err *err;
};

/* ---- keys ------------------------------------------------------------------------- */

static void set_int(struct tr_gguf_writer *w, const struct tr_arch *arch, const char *suffix,
                    int64_t v)
{
    char key[TR__KEY_BYTES];
    tr__key_name(key, arch, suffix);
    tr_gguf_set_u32(w, key, (uint32_t)v);
}

static void set_rope(struct tr_gguf_writer *w, const struct tr_arch *arch, int64_t head)
{
    char key[TR__KEY_BYTES];
    if (arch->rope == TR_ROPE_NONE)
        return;
    set_int(w, arch, "attention.key_length", head);
    set_int(w, arch, "attention.value_length", head);
    set_int(w, arch, "rope.dimension_count", head);
    tr__key_name(key, arch, "rope.freq_base");
    tr_gguf_set_f32(w, key, 10000);
}

static void set_keys(struct tr_gguf_writer *w, const struct tr_init_args *a)
{
    const struct tr_arch *arch = tr__init_arch(a);
    char key[TR__KEY_BYTES];
    tr_gguf_set_string(w, "general.architecture", arch->name);
    tr_gguf_set_string(w, "general.type", "model");
    set_int(w, arch, "context_length", a->n_ctx);
    set_int(w, arch, "embedding_length", a->n_embd);
    set_int(w, arch, "block_count", a->n_layer);
    set_int(w, arch, "feed_forward_length", a->n_ff);
    set_int(w, arch, "attention.head_count", a->n_head);
    set_int(w, arch, "attention.head_count_kv", a->n_head_kv);
    tr__key_name(key, arch, arch->eps_key);
    tr_gguf_set_f32(w, key, 1e-5f);
    set_rope(w, arch, a->n_embd / a->n_head);
    tr_gguf_set_u32(w, "general.file_type", 0);
    for (size_t i = 0; a->vocab && i < tr_gguf_n_kv(a->vocab); i++)
        if (!strncmp(tr_gguf_kv(a->vocab, i)->key, "tokenizer.", 10))
            tr_gguf_set_kv(w, tr_gguf_kv(a->vocab, i));
}

/* The hyper-parameters, as they are read of a file. */
static int read_back(const char *path, const struct tr_init_args *a, int64_t n_vocab,
                     struct tr_config *c, struct tr_err *err)
{
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return -1;
    set_keys(w, a);
    struct tr_gguf *g = tr_gguf_preview(w, err);
    tr_gguf_discard(w);
    int rc = g ? tr__config_read(g, tr__init_arch(a), n_vocab, c, err) : -1;
    tr_gguf_close(g);
    return rc;
}

/* ---- weights ---------------------------------------------------------------------- */

static int ends_in_residual(enum tr_slot_id id)
{
    return id == TR_ATTN_OUT || id == TR_FFN_DOWN;
}

static void fill(const struct init *in, const struct tr_spec *t, float *x, int64_t n,
                 uint64_t stream)
{
    struct tr_rng r = tr_rng_init(in->a->seed, stream);
    float scale = 0.02f;
    if (ends_in_residual(t->id))
        scale /= sqrtf(2 * (float)in->c.n_layer);
    int vector = t->n_dim == 1, bias = strstr(t->name, ".bias") != NULL;
    for (int64_t i = 0; i < n; i++)
        x[i] = vector ? !bias : scale * tr_rng_normal(&r);
}

static int write_tensor(void *self, const struct tr_spec *t)
{
    struct init *in = self;
    uint64_t first = in->n_written++ << 32;
    for (int64_t at = 0; at < t->n; at += SLAB) {
        int64_t m = t->n - at < SLAB ? t->n - at : SLAB;
#pragma omp parallel for schedule(static)
        for (int64_t i = 0; i < m; i += CHUNK)
            fill(in, t, in->f32 + i, m - i < CHUNK ? m - i : CHUNK,
                 first + (uint64_t)((at + i) / CHUNK));
        if (tr_gguf_write(in->w, in->f32, m * (int64_t)sizeof *in->f32, in->err))
            return -1;
    }
    return 0;
}

static int declare(void *self, const struct tr_spec *t)
{
    struct init *in = self;
    in->made.n_param += t->n;
    if (tr__slots[t->id].table || t->id == TR_POSITION_EMBD)
        in->made.n_table += t->n;
    tr_gguf_add_tensor(in->w, t->name, &tr_f32, t->n_dim, t->dim);
    return 0;
}

/* ---- the whole -------------------------------------------------------------------- */

/* Each of them is loaded by llama.cpp, which finds the same perplexity; the first is the usual. */
const char *tr_init_arch(int i)
{
    static const char *const name[] = { "llama", "arcee", "ernie4_5", "exaone4", "gemma",
                                        "gemma2", "gemma3", "glm4", "gpt2", "hunyuan-dense",
                                        "mistral3", "qwen2", "qwen3", "smollm3" };
    return i >= 0 && i < (int)(sizeof name / sizeof *name) ? name[i] : NULL;
}

static int check_arch(const struct tr_init_args *a, struct tr_err *err)
{
    int i = 0;
    for (const char *name; (name = tr_init_arch(i)) && a->arch; i++)
        if (!strcmp(name, a->arch))
            break;
    if (tr_init_arch(i))
        return 0;
    return tr_err_set(err, TR_EUNSUPPORTED, "no model of architecture '%s' can be made here",
                      a->arch);
}

static int write_all(struct init *in, const char *path)
{
    const char *name = tr__init_arch(in->a)->name;
    const struct tr_gguf_kv *kv = NULL;
    if (tr_gguf_array(in->a->vocab, "tokenizer.ggml.tokens", TR_GGUF_STRING, &kv, in->err) < 1)
        return tr_err_set(in->err, TR_EFORMAT, "'%s' holds no vocabulary",
                          tr_gguf_path(in->a->vocab));
    if (read_back(path, in->a, (int64_t)kv->count, &in->c, in->err) ||
        !(in->w = tr_gguf_create(path, in->err)))
        return in->err->code;
    set_keys(in->w, in->a);
    tr_gguf_set_string(in->w, "general.name", name);
    int rc = tr__each_spec(&in->c, "", declare, in);
    return tr_gguf_finish(in->w, rc ? rc : tr__each_spec(&in->c, "", write_tensor, in),
                          in->err);
}

int tr_init_write(const struct tr_init_args *a, const char *path, struct tr_init_made *made,
                  struct tr_err *err)
{
    struct init in = { .a = a, .err = err };
    if (check_arch(a, err))
        return err->code;
    in.f32 = malloc(SLAB * sizeof *in.f32);
    int rc = in.f32 ? write_all(&in, path) : tr_err_sys(err, "cannot make a model");
    *made = in.made;
    tr__config_free(&in.c);
    free(in.f32);
    return rc;
}
