/* SPDX-License-Identifier: MIT
 *
 * What dev/models/keyed.c makes of a line of keys, with the numbers of tiny_model.c.
 */
#include "keyed_model.h"
#include "tiny_model.h"

#include "../../dev/models/keyed.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct tr_arch *arch_of(const char *name)
{
    const struct tr_arch *a = tr__arch_find((struct tr_str){ name, strlen(name) });
    ck_assert_msg(a != NULL, "no architecture '%s'", name);
    return a;
}

static char *joined(const char *usual, const char *keys)
{
    size_t n = strlen(usual) + strlen(keys) + 1;
    char *words = malloc(n);
    ck_assert_ptr_nonnull(words);
    snprintf(words, n, "%s%s", usual, keys);
    return words;
}

int keyed_model_check(const char *path, const char *arch, const char *keys,
                      struct tr_err *err)
{
    struct tr_config c;
    char *words = joined(SMALL_KEYS, keys);
    int rc = keyed_config(path, arch_of(arch), words, SMALL_VOCAB, &c, err);
    tr__config_free(&c);
    free(words);
    return rc;
}

/* The numbers of a model or of an adapter on it: what is declared and written of each of
 * the model's tensors. */
struct kind {
    void (*set_keys)(struct tr_gguf_writer *w, const struct tr_arch *a, const char *words);
    int (*declare)(void *w, const struct tr_spec *t);
    int (*write)(void *w, const struct tr_spec *t);
};

static void write_file(const struct kind *kind, const char *path, const char *arch,
                       const char *words, const char *also)
{
    struct tr_err err = {0};
    struct tr_config c;
    ck_assert_msg(!keyed_config(path, arch_of(arch), words, SMALL_VOCAB, &c, &err), "%s",
                  err.text);
    struct tr_gguf_writer *w = tr_gguf_create(path, NULL);
    ck_assert_ptr_nonnull(w);
    tr_gguf_set_string(w, "general.architecture", arch);
    kind->set_keys(w, c.arch, words);
    tr__each_spec(&c, also, kind->declare, w);
    tr__each_spec(&c, also, kind->write, w);
    ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
    tr__config_free(&c);
}

/* ---- models ----------------------------------------------------------------------- */

static void set_keys(struct tr_gguf_writer *w, const struct tr_arch *a, const char *words)
{
    ck_assert_int_eq(keyed_set(w, a, words, NULL), 0);
}

static int declare(void *w, const struct tr_spec *t)
{
    tr_gguf_add_tensor(w, t->name, &tr_f32, t->n_dim, t->dim);
    return 0;
}

static int write_numbers(void *w, const struct tr_spec *t)
{
    float *v = malloc((size_t)t->n * sizeof *v);
    ck_assert_ptr_nonnull(v);
    tiny_numbers(t->name, v, t->n);
    keyed_factors(t, 0, t->n, v);
    for (int64_t i = 0; tr__slots[t->id].minus_exp && i < t->n; i++)
        v[i] = -expf(v[i]);
    ck_assert_int_eq(tr_gguf_write(w, v, t->n * (int64_t)sizeof *v, NULL), 0);
    free(v);
    return 0;
}

static const struct kind a_model = { set_keys, declare, write_numbers };

void keyed_model_write(const char *path, const char *arch, const char *keys,
                       const char *also)
{
    char *words = joined(SMALL_KEYS, keys);
    write_file(&a_model, path, arch, words, also);
    free(words);
}

void form_write(const struct shape *f, const char *path)
{
    char *words = joined(FORM_KEYS, f->keys);
    write_file(&a_model, path, f->arch, words, f->also);
    free(words);
}

/* ---- adapters --------------------------------------------------------------------- */

static void set_adapter_keys(struct tr_gguf_writer *w, const struct tr_arch *a,
                             const char *words)
{
    (void)a, (void)words;
    tr_gguf_set_string(w, "general.type", "adapter");
    tr_gguf_set_string(w, "adapter.type", "lora");
    tr_gguf_set_f32(w, "adapter.lora.alpha", 8);
}

/* One side of a pair: a, (rank, n_in), or b, (n_out, rank); of experts as many of them. */
static void side_of(const struct tr_spec *t, char which, struct tr_spec *side)
{
    *side = *t;
    char end[] = ".lora_?";
    end[sizeof end - 2] = which;
    strcat(side->name, end);
    side->dim[t->n_dim - (which == 'a' ? 2 : 1)] = TINY_RANK;
    side->n = side->dim[0] * side->dim[1] * side->dim[2];
}

static int each_side(void *w, const struct tr_spec *t,
                     int (*each)(void *w, const struct tr_spec *t))
{
    struct tr_spec side;
    const struct tr_slot *slot = &tr__slots[t->id];
    if (t->layer < 0 || !slot->linear || slot->router)
        return 0;
    side_of(t, 'a', &side);
    each(w, &side);
    side_of(t, 'b', &side);
    return each(w, &side);
}

static int declare_pair(void *w, const struct tr_spec *t)
{
    return each_side(w, t, declare);
}

static int write_pair(void *w, const struct tr_spec *t)
{
    return each_side(w, t, write_numbers);
}

static const struct kind an_adapter = { set_adapter_keys, declare_pair, write_pair };

void keyed_adapter_write(const char *path, const char *arch, const char *keys,
                         const char *also)
{
    char *words = joined(SMALL_KEYS, keys);
    write_file(&an_adapter, path, arch, words, also);
    free(words);
}
