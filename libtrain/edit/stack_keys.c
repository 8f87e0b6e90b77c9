/* SPDX-License-Identifier: MIT
 *
 * The keys of a model that is stacked of several.  Some say something of each block, in arrays
 * with as many values as there are blocks; these are put together as the blocks are.  All
 * other keys of the architecture (widths, heads, frequencies …) hold for every block, so they
 * must be the same in all models.  Next: stack.c.
 */
#include <libtrain/edit/stack.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum tr_gguf_type type;
    size_t bytes;
} sizes[] = {
    { TR_GGUF_U8, 1 },  { TR_GGUF_I8, 1 },  { TR_GGUF_U16, 2 }, { TR_GGUF_I16, 2 },
    { TR_GGUF_U32, 4 }, { TR_GGUF_I32, 4 }, { TR_GGUF_F32, 4 }, { TR_GGUF_BOOL, 1 },
    { TR_GGUF_U64, 8 }, { TR_GGUF_I64, 8 }, { TR_GGUF_F64, 8 },
};

static size_t size_of(enum tr_gguf_type type)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].type == type)
            return sizes[i].bytes;
    return 0;
}

/* What is behind "ARCH." in a key of the architecture, or NULL. */
static const char *of_arch(const struct tr_gguf *g, const char *key)
{
    struct tr_str arch = { "", 0 };
    if (tr_gguf_string(g, "general.architecture", &arch, NULL) != 1)
        return NULL;
    return !strncmp(key, arch.ptr, arch.len) && key[arch.len] == '.' ? key + arch.len + 1
                                                                      : NULL;
}

/* A value for each block of this file? */
static int is_per_block(const struct tr_gguf *g, const struct tr_gguf_kv *kv)
{
    int64_t n;
    struct tr_err none = { 0 };
    return kv && kv->type == TR_GGUF_ARRAY && size_of(kv->elem) &&
           !tr__stack_blocks(g, &n, &none) && kv->count == (uint64_t)n;
}

/* Keys that say nothing of how a block computes. */
static int is_free(const char *name)
{
    return !strcmp(name, "block_count") || !strcmp(name, "context_length") ||
           !strcmp(name, "vocab_size");
}

static int same(const struct tr_gguf_kv *a, const struct tr_gguf_kv *b)
{
    return a && b && a->type == b->type && a->elem == b->elem && a->count == b->count &&
           a->data_bytes == b->data_bytes && !memcmp(a->data, b->data, a->data_bytes);
}

/* Keys of a that b has otherwise, or does not have. */
static int check_keys(const struct tr_gguf *a, const struct tr_gguf *b, struct tr_err *err)
{
    for (size_t i = 0; i < tr_gguf_n_kv(a); i++) {
        const struct tr_gguf_kv *x = tr_gguf_kv(a, i), *y = tr_gguf_find_kv(b, x->key);
        const char *name = of_arch(a, x->key);
        int per_block = is_per_block(a, x) && is_per_block(b, y) && x->elem == y->elem;
        if (name && !is_free(name) && !per_block && !same(x, y))
            return tr_err_set(err, TR_EMISMATCH, "'%s' and '%s' differ in '%s', so their "
                              "blocks do not go together", tr_gguf_path(a), tr_gguf_path(b),
                              x->key);
    }
    return 0;
}

static int is_used(const struct tr__stack *s, int model)
{
    for (int64_t i = 0; i < s->n_block; i++)
        if (s->block[i].model == model)
            return 1;
    return 0;
}

int tr__stack_check_keys(const struct tr__stack *s, struct tr_err *err)
{
    int rc = 0;
    for (int i = 1; !rc && i <= (int)s->args->n; i++) {
        const struct tr_gguf *g = tr__stack_file(s, i);
        if (!is_used(s, i))
            continue;
        rc = check_keys(s->base, g, err);
        if (!rc)
            rc = check_keys(g, s->base, err);
    }
    return rc;
}

/* The array of the base's key, of each block's own value. */
static int set_array(const struct tr__stack *s, const struct tr_gguf_kv *kv,
                     struct tr_gguf_writer *w, struct tr_err *err)
{
    size_t size = size_of(kv->elem);
    char *value = malloc((size_t)s->n_block * size);
    if (!value)
        return tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", kv->key);
    for (int64_t i = 0; i < s->n_block; i++) {
        const struct tr_gguf_kv *own = tr_gguf_find_kv(tr__stack_file(s, s->block[i].model),
                                                       kv->key);
        memcpy(value + (size_t)i * size,
               (const char *)own->data + (size_t)s->block[i].block * size, size);
    }
    tr_gguf_set_array(w, kv->key, kv->elem, value, (uint64_t)s->n_block);
    free(value);
    return 0;
}

int tr__stack_set_keys(const struct tr__stack *s, struct tr_gguf_writer *w,
                       struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < tr_gguf_n_kv(s->base); i++) {
        const struct tr_gguf_kv *kv = tr_gguf_kv(s->base, i);
        const char *name = of_arch(s->base, kv->key);
        if (name && !strcmp(name, "block_count"))
            tr_gguf_set_u32(w, kv->key, (uint32_t)s->n_block);
        else if (name && is_per_block(s->base, kv))
            rc = set_array(s, kv, w, err);
    }
    return rc;
}
