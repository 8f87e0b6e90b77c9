/* SPDX-License-Identifier: MIT
 *
 * What is to change in the keys and names of a GGUF file: a list of both, as they will be.
 * Nothing is copied but what is new.  Next: amend_value.c, amend_write.c, amend_in_place.c.
 */
#include <libtrain/edit/amend.h>
#include <libtrain/edit/edit.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_KEY = 65535, MOST_NAME = 63 /* llama.cpp reads no longer ones */ };

static int no_memory(const struct tr_amend *a, struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its keys",
                      tr_gguf_path(a->g));
}

/* ---- beginning and end ------------------------------------------------------------ */

static int fill(struct tr_amend *a, struct tr_err *err)
{
    size_t n = tr_gguf_n_kv(a->g), n_tensor = tr_gguf_n_tensor(a->g);
    if (tr__grow(&a->kv, &a->cap_kv, n + 1, sizeof *a->kv) ||
        !(a->name = calloc(n_tensor + 1, sizeof *a->name)))
        return no_memory(a, err);
    for (size_t i = 0; i < n; i++)
        if (strcmp(tr_gguf_kv(a->g, i)->key, TR__ROOM))
            a->kv[a->n_kv++] = *tr_gguf_kv(a->g, i);
    for (size_t i = 0; i < n_tensor; i++)
        a->name[i] = tr_gguf_tensor(a->g, i)->name;
    return 0;
}

struct tr_amend *tr_amend_new(const struct tr_gguf *g, struct tr_err *err)
{
    if (tr_gguf_find_kv(g, TR__CHECKSUM)) {
        tr_err_set(err, TR_EUNSUPPORTED, "'%s' is a checkpoint, which has a checksum over "
                   "the whole file: it cannot be edited", tr_gguf_path(g));
        return NULL;
    }
    struct tr_amend *a = calloc(1, sizeof *a);
    if (!a)
        tr_err_set(err, TR_ENOMEM, "'%s': out of memory", tr_gguf_path(g));
    else
        a->g = g;
    if (a && !fill(a, err))
        return a;
    tr_amend_free(a);
    return NULL;
}

void tr_amend_free(struct tr_amend *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n_owned; i++)
        free(a->owned[i]);
    free(a->owned);
    free(a->kv);
    free(a->name);
    free(a);
}

/* ---- keys ------------------------------------------------------------------------- */

struct tr_gguf_kv *tr__amend_find(const struct tr_amend *a, const char *key)
{
    for (size_t i = 0; i < a->n_kv; i++)
        if (!strcmp(a->kv[i].key, key))
            return &a->kv[i];
    return NULL;
}

static int check_fixed(const struct tr_amend *a, const char *key, struct tr_err *err)
{
    const char *why = tr__key_is_fixed(key);
    return why ? tr__amend_wrong(a, TR__KEY, key, err, "%s", why) : 0;
}

/* May there be a key of this name? */
static int check_new(const struct tr_amend *a, const char *key, struct tr_err *err)
{
    size_t n = strlen(key);
    if (!n || n > MOST_KEY)
        return tr__amend_wrong(a, TR__KEY, key, err, "%zu bytes", n);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)key[i] >= 0x80)
            return tr__amend_wrong(a, TR__KEY, key, err, "not ASCII");
    return check_fixed(a, key, err);
}

static int absent(const struct tr_amend *a, const char *key, struct tr_err *err)
{
    return tr__amend_wrong(a, TR__KEY, key, err, "there is no such key");
}

/* May this key, which is there, go? */
static int check_old(const struct tr_amend *a, const char *key, int renamed,
                     struct tr_err *err)
{
    int left_over = tr__is_part_key(key) && tr_gguf_n_part(a->g) == 1 && !renamed;
    if (!tr__amend_find(a, key))
        return absent(a, key, err);
    if (!strcmp(key, "general.architecture"))
        return tr__amend_wrong(a, TR__KEY, key, err, "no model can be read without it");
    return left_over ? 0 : check_fixed(a, key, err);
}

int tr__amend_put(struct tr_amend *a, struct tr_gguf_kv kv, struct tr_err *err)
{
    struct tr_gguf_kv *old = tr__amend_find(a, kv.key);
    if (old) {
        kv.key = old->key;
        *old = kv;
        return 0;
    }
    if (tr__grow(&a->kv, &a->cap_kv, a->n_kv + 1, sizeof *a->kv))
        return no_memory(a, err);
    if (!(kv.key = tr__amend_own(a, strdup(kv.key), err)))
        return TR_ENOMEM;
    a->kv[a->n_kv++] = kv;
    return 0;
}

int tr_amend_set(struct tr_amend *a, const char *key, const char *type, const char *value,
                 struct tr_err *err)
{
    char own[32];
    struct tr_gguf_kv kv = { .key = key };
    const struct tr_gguf_kv *old = tr__amend_find(a, key);
    if (!*type && !old)
        return tr__amend_wrong(a, TR__VALUE, key, err, "a new key needs a type, as in KEY=u32:5");
    if (!*type) {
        snprintf(own, sizeof own, "%s%s", tr_gguf_type_name(old->elem),
                 old->type == TR_GGUF_ARRAY ? "[]" : "");
        type = own;
    }
    if (!strcmp(key, "general.architecture") && strcmp(type, "string"))
        return tr__amend_wrong(a, TR__VALUE, key, err, "must be a string");
    int rc = check_new(a, key, err);
    if (!rc)
        rc = tr__amend_value(a, &kv, type, value, err);
    return rc ? rc : tr__amend_put(a, kv, err);
}

int tr_amend_set_text(struct tr_amend *a, const char *key, struct tr_str text,
                      struct tr_err *err)
{
    struct tr_gguf_kv kv = { .key = key };
    int rc = check_new(a, key, err);
    if (!rc)
        rc = tr__amend_text(a, &kv, text, err);
    return rc ? rc : tr__amend_put(a, kv, err);
}

int tr_amend_delete(struct tr_amend *a, const char *key, struct tr_err *err)
{
    int rc = check_old(a, key, 0, err);
    if (rc)
        return rc;
    struct tr_gguf_kv *kv = tr__amend_find(a, key);
    memmove(kv, kv + 1, (size_t)(&a->kv[--a->n_kv] - kv) * sizeof *kv);
    return 0;
}

int tr_amend_rename(struct tr_amend *a, const char *key, const char *to, struct tr_err *err)
{
    int rc = check_old(a, key, 1, err);
    if (!rc)
        rc = check_new(a, to, err);
    if (!rc && tr__amend_find(a, to))
        rc = tr__amend_wrong(a, TR__KEY, to, err, "is there already");
    char *copy = rc ? NULL : tr__amend_own(a, strdup(to), err);
    if (!copy)
        return rc ? rc : TR_ENOMEM;
    tr__amend_find(a, key)->key = copy;
    return 0;
}

/* ---- tensors ---------------------------------------------------------------------- */

static size_t find_tensor(const struct tr_amend *a, const char *name)
{
    size_t i = 0;
    while (i < tr_gguf_n_tensor(a->g) && strcmp(a->name[i], name))
        i++;
    return i;
}

static int check_name(const struct tr_amend *a, const char *name, struct tr_err *err)
{
    size_t n = strlen(name);
    return n && n <= MOST_NAME ? 0
                               : tr__amend_wrong(a, TR__TENSOR, name, err, "a name of %zu "
                                                 "bytes, must be 1 to %d", n, MOST_NAME);
}

int tr_amend_rename_tensor(struct tr_amend *a, const char *name, const char *to,
                           struct tr_err *err)
{
    size_t n = tr_gguf_n_tensor(a->g), i = find_tensor(a, name);
    int rc = check_name(a, to, err);
    if (!rc && i == n)
        rc = tr__amend_wrong(a, TR__TENSOR, name, err, "there is no such tensor");
    if (!rc && find_tensor(a, to) < n)
        rc = tr__amend_wrong(a, TR__TENSOR, to, err, "is there already");
    char *copy = rc ? NULL : tr__amend_own(a, strdup(to), err);
    if (!copy)
        return rc ? rc : TR_ENOMEM;
    a->name[i] = copy;
    return 0;
}

/* Do these two have the same place in both files? */
static int check_pair(const struct tr_amend *a, const struct tr_gguf *from, size_t i,
                      struct tr_err *err)
{
    char mine[TR_GGUF_SHAPE_BYTES], other[TR_GGUF_SHAPE_BYTES];
    const struct tr_gguf_tensor *t = tr_gguf_tensor(a->g, i), *u = tr_gguf_tensor(from, i);
    if (!tr_gguf_has_shape(t, u->n_dim, u->dim))
        return tr_err_set(err, TR_EMISMATCH, "'%s': tensor '%s' is %s, but '%s', tensor "
                          "%zu of '%s' too, is %s", tr_gguf_path(a->g), t->name,
                          tr_gguf_shape_text(mine, t->n_dim, t->dim), u->name, i,
                          tr_gguf_path(from), tr_gguf_shape_text(other, u->n_dim, u->dim));
    return check_name(a, u->name, err);
}

int tr_amend_take_names(struct tr_amend *a, const struct tr_gguf *from, struct tr_err *err)
{
    size_t n = tr_gguf_n_tensor(a->g);
    const char **name = calloc(n + 1, sizeof *name);
    int rc = name ? 0 : no_memory(a, err);
    if (!rc && n != tr_gguf_n_tensor(from))
        rc = tr_err_set(err, TR_EMISMATCH, "'%s' has %zu tensors, and '%s' %zu",
                        tr_gguf_path(a->g), n, tr_gguf_path(from), tr_gguf_n_tensor(from));
    for (size_t i = 0; !rc && i < n; i++)
        if (!(rc = check_pair(a, from, i, err)) &&
            !(name[i] = tr__amend_own(a, strdup(tr_gguf_tensor(from, i)->name), err)))
            rc = TR_ENOMEM;
    if (!rc)
        memcpy(a->name, name, n * sizeof *name);
    free(name);
    return rc;
}
