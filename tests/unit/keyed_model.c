/* SPDX-License-Identifier: MIT
 *
 * The keys are written twice: alone first, so that the library reads from them how large
 * each tensor is.
 */
#include "keyed_model.h"
#include "tiny_model.h"

#include <libtrain/model/model.h>

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- keys ------------------------------------------------------------------------- */

enum { MOST = 64 }; /* numbers of an array */

/* "[1,0,2]" */
static uint64_t read_list(const char *list, int32_t *v)
{
    uint64_t n = 0;
    while (*list && *list != ']' && n < MOST)
        v[n++] = (int32_t)strtol(list + 1, (char **)(uintptr_t)&list, 10);
    return n;
}

static void set_list(struct tr_gguf_writer *g, const char *key, const char *list)
{
    int32_t v[MOST];
    uint64_t n = read_list(list, v);
    tr_gguf_set_array(g, key, TR_GGUF_I32, v, n);
}

static void set_bools(struct tr_gguf_writer *g, const char *key, const char *list)
{
    int32_t v[MOST];
    uint8_t b[MOST];
    uint64_t n = read_list(list, v);
    for (uint64_t i = 0; i < n; i++)
        b[i] = v[i] != 0;
    tr_gguf_set_array(g, key, TR_GGUF_BOOL, b, n);
}

static void set_key(struct tr_gguf_writer *g, const char *arch, char *pair)
{
    char key[96], *value = strchr(pair, '=');
    ck_assert_ptr_nonnull(value);
    *value++ = 0;
    snprintf(key, sizeof key, "%s.%s", arch, pair);
    if (*value == '[')
        set_list(g, key, value);
    else if (*value == 'b' && value[1] == '[')
        set_bools(g, key, value + 1);
    else if (!strcmp(value, "true") || !strcmp(value, "false"))
        tr_gguf_set_bool(g, key, *value == 't');
    else if (strspn(value, "0123456789") == strlen(value))
        tr_gguf_set_u32(g, key, (uint32_t)strtoul(value, NULL, 10));
    else if (strspn(value, "0123456789.e-") == strlen(value))
        tr_gguf_set_f32(g, key, strtof(value, NULL));
    else
        tr_gguf_set_string(g, key, value);
}

static void set_keys(struct tr_gguf_writer *g, const char *arch, const char *keys)
{
    char text[800], *save = NULL;
    snprintf(text, sizeof text,
             "block_count=4 context_length=%d embedding_length=32 feed_forward_length=48 "
             "attention.head_count=4 attention.head_count_kv=2 "
             "attention.layer_norm_epsilon=1e-5 attention.layer_norm_rms_epsilon=1e-5 %s",
             KEYED_CTX, keys); /* the later of two counts */
    tr_gguf_set_string(g, "general.architecture", arch);
    for (char *p = strtok_r(text, " ", &save); p; p = strtok_r(NULL, " ", &save))
        set_key(g, arch, p);
}

static const struct tr_arch *arch_of(const char *name)
{
    const struct tr_arch *a = tr__arch_find((struct tr_str){ name, strlen(name) });
    ck_assert_msg(a != NULL, "no architecture '%s'", name);
    return a;
}

static int read_config(const char *path, const struct tr_arch *arch, const char *keys,
                       struct tr_config *c, struct tr_err *err)
{
    struct tr_gguf_writer *w = tr_gguf_create(path, NULL);
    ck_assert_ptr_nonnull(w);
    set_keys(w, arch->name, keys);
    ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
    struct tr_gguf *g = tr_gguf_open(path, err);
    ck_assert_msg(g != NULL, "%s", err->text);
    int rc = tr__config_read(g, arch, KEYED_VOCAB, c, err);
    tr_gguf_close(g);
    return rc;
}

int keyed_model_check(const char *path, const char *arch, const char *keys,
                      struct tr_err *err)
{
    struct tr_config c;
    int rc = read_config(path, arch_of(arch), keys, &c, err);
    tr__config_free(&c);
    return rc;
}

/* ---- tensors ---------------------------------------------------------------------- */

static int is_in(const char *list, const char *suffix)
{
    size_t n = strlen(suffix);
    for (const char *p = list; (p = strstr(p, suffix)); p += n)
        if ((p == list || p[-1] == ' ') && (!p[n] || p[n] == ' '))
            return 1;
    return 0;
}

/* Asked for in `also` by its suffix, or by its whole name for one block alone. */
static int has(const struct tr_config *c, int64_t layer, int id, const char *also)
{
    unsigned part = tr__slots[id].part;
    enum tr_slot_id instead = tr__slots[id].instead;
    char name[TR__TENSOR_NAME_BYTES];
    tr__slot_name(name, layer, (enum tr_slot_id)id);
    if (instead && is_in(also, tr__slots[instead].suffix))
        return 0;
    return (c->arch->tensor[id] == TR_MUST || is_in(also, tr__slots[id].suffix) ||
            is_in(also, name)) &&
           (layer < 0 || !part || part & c->layer[layer].parts);
}

static void fill(const struct tr_slot *slot, const char *name, float *v, int64_t n)
{
    if (strncmp(name, "rope_", 5))
        tiny_numbers(name, v, n);
    else
        for (int64_t i = 0; i < n; i++)
            v[i] = (1 + (float)i / 4) * (strstr(name, "long") ? 2 : 1);
    for (int64_t i = 0; slot->minus_exp && i < n; i++)
        v[i] = -expf(v[i]);
}

static void put(struct tr_gguf_writer *w, const struct tr_config *c, int64_t layer, int id,
                int writing)
{
    char name[TR__TENSOR_NAME_BYTES];
    int64_t dim[TR_MAX_DIM] = { 0 }, n = 1;
    tr__slot_name(name, layer, (enum tr_slot_id)id);
    const struct tr_layer *l = layer >= 0 && layer < c->n_layer ? &c->layer[layer] : NULL;
    tr__slot_shape((enum tr_slot_id)id, c, l, dim);
    for (int i = 0; i < tr__slots[id].n_dim; i++)
        n *= dim[i];
    if (!n) /* the keys say that there is none */
        return;
    if (!writing) {
        tr_gguf_add_tensor(w, name, &tr_f32, tr__slots[id].n_dim, dim);
        return;
    }
    float *v = malloc((size_t)n * sizeof *v);
    ck_assert_ptr_nonnull(v);
    fill(&tr__slots[id], name, v, n);
    ck_assert_int_eq(tr_gguf_write(w, v, n * (int64_t)sizeof *v, NULL), 0);
    free(v);
}

static void put_all(struct tr_gguf_writer *w, const struct tr_config *c, const char *also,
                    int writing)
{
    for (int id = 0; id < TR_N_SLOT; id++)
        for (int64_t i = 0; i < (id < TR_N_GLOBAL ? 1 : c->n_layer); i++) {
            int64_t layer = id < TR_N_GLOBAL ? -1 : i;
            if (has(c, layer, id, also))
                put(w, c, layer, id, writing);
        }
    for (int64_t i = 0; i < c->n_ahead; i++)
        put(w, c, c->n_layer + i, TR_ATTN_NORM, writing);
}

/* ---- adapters --------------------------------------------------------------------- */

/* One side of a pair: a, (rank, n_in), or b, (n_out, rank), of each of `experts` if there
 * are any. */
static void put_side(struct tr_gguf_writer *w, const char *weight, char side,
                     int64_t experts, int64_t rows, int64_t cols, int writing)
{
    char name[TR__TENSOR_NAME_BYTES + 8];
    float v[TINY_RANK * 512];
    int64_t dim[] = { experts, rows, cols }, n = (experts ? experts : 1) * rows * cols;
    snprintf(name, sizeof name, "%s.lora_%c", weight, side);
    if (!writing) {
        tr_gguf_add_tensor(w, name, &tr_f32, experts ? 3 : 2, experts ? dim : dim + 1);
        return;
    }
    ck_assert_int_le(n, TINY_RANK * 512);
    tiny_numbers(name, v, n);
    ck_assert_int_eq(tr_gguf_write(w, v, n * (int64_t)sizeof *v, NULL), 0);
}

static void put_pairs(struct tr_gguf_writer *w, const struct tr_config *c, const char *also,
                      int writing)
{
    char name[TR__TENSOR_NAME_BYTES];
    int64_t dim[TR_MAX_DIM] = { 0 };
    for (int64_t layer = 0; layer < c->n_layer; layer++)
        for (int id = TR_N_GLOBAL; id < TR_N_SLOT; id++) {
            const struct tr_slot *slot = &tr__slots[id];
            if (!slot->linear || slot->router || !has(c, layer, id, also))
                continue;
            tr__slot_name(name, layer, (enum tr_slot_id)id);
            tr__slot_shape((enum tr_slot_id)id, c, &c->layer[layer], dim);
            int many = slot->n_dim == 3;
            put_side(w, name, 'a', many ? dim[0] : 0, TINY_RANK, dim[many + 1], writing);
            put_side(w, name, 'b', many ? dim[0] : 0, dim[many], TINY_RANK, writing);
        }
}

void keyed_adapter_write(const char *path, const char *arch, const char *keys,
                         const char *also)
{
    struct tr_err err = {0};
    struct tr_config c;
    ck_assert_msg(!read_config(path, arch_of(arch), keys, &c, &err), "%s", err.text);
    struct tr_gguf_writer *w = tr_gguf_create(path, NULL);
    ck_assert_ptr_nonnull(w);
    tr_gguf_set_string(w, "general.architecture", arch);
    tr_gguf_set_string(w, "general.type", "adapter");
    tr_gguf_set_string(w, "adapter.type", "lora");
    tr_gguf_set_f32(w, "adapter.lora.alpha", 8);
    put_pairs(w, &c, also, 0);
    put_pairs(w, &c, also, 1);
    ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
    tr__config_free(&c);
}

/* ---- models ----------------------------------------------------------------------- */

void keyed_model_write(const char *path, const char *arch, const char *keys,
                       const char *also)
{
    struct tr_err err = {0};
    struct tr_config c;
    ck_assert_msg(!read_config(path, arch_of(arch), keys, &c, &err), "%s", err.text);
    struct tr_gguf_writer *w = tr_gguf_create(path, NULL);
    ck_assert_ptr_nonnull(w);
    set_keys(w, arch, keys);
    put_all(w, &c, also, 0);
    put_all(w, &c, also, 1);
    ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
    tr__config_free(&c);
}
