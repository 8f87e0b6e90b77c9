/* SPDX-License-Identifier: MIT
 *
 * The tensors of an adapter's file, by what the ends of their names say: parts of a
 * module's pair, or tensors of the model that were trained whole.  Nothing is left over: a
 * name that is not understood would be an effect that is lost.
 */
#include <libtrain/base/base.h>
#include <libtrain/hf/peft.h>

#include <stdlib.h>
#include <string.h>

struct suffix {
    const char *text;
    enum tr__peft_role role;
};

static const struct suffix of_peft[] = {
    { ".lora_A.weight", TR__PEFT_A },
    { ".lora_B.weight", TR__PEFT_B },
    { ".lora_embedding_A", TR__PEFT_TABLE_A },
    { ".lora_embedding_B", TR__PEFT_TABLE_B },
    { ".lora_magnitude_vector", TR__PEFT_MAGNITUDE },
    { ".lora_magnitude_vector.weight", TR__PEFT_MAGNITUDE },
    { NULL, 0 },
};

static const struct suffix of_mlx[] = {
    { ".lora_a", TR__PEFT_A },
    { ".lora_b", TR__PEFT_B },
    { ".m", TR__PEFT_MAGNITUDE },
    { NULL, 0 },
};

static size_t ends(const char *name, const char *with)
{
    size_t n = strlen(name), k = strlen(with);
    return n > k && !strcmp(name + n - k, with) ? n - k : 0;
}

static int no_memory(const struct tr__peft_names *n, struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for the tensors of '%s'",
                      tr__hf_path(n->folder, 0));
}

/* The module of this name, a new one if there is none yet; NULL: out of memory. */
static struct tr__peft_module *module_of(struct tr__peft_names *n, const char *text,
                                         size_t bytes)
{
    char *name = strndup(text, bytes);
    size_t i = name ? tr__names_find(&n->modules, n->module, sizeof *n->module, name) : 0;
    if (name && i != TR__NO_NAME) {
        free(name);
        return &n->module[i];
    }
    if (!name || tr__grow(&n->module, &n->cap_module, n->n_module + 1, sizeof *n->module)) {
        free(name);
        return NULL;
    }
    n->module[n->n_module++] = (struct tr__peft_module){ .name = name };
    return tr__names_add(&n->modules, n->module, sizeof *n->module) ?
           NULL : &n->module[n->n_module - 1];
}

static int twice(const struct tr__peft_names *n, const char *name, struct tr_err *err)
{
    return tr_err_set(err, TR_EFORMAT, "'%s': '%s' is there twice",
                      tr__hf_path(n->folder, 0), name);
}

static int add_part(struct tr__peft_names *n, const struct tr__hf_tensor *t,
                    const char *name, size_t bytes, enum tr__peft_role role,
                    struct tr_err *err)
{
    struct tr__peft_module *m = module_of(n, name, bytes);
    if (!m)
        return no_memory(n, err);
    if (m->part[role])
        return twice(n, t->name, err);
    m->part[role] = t;
    return 0;
}

int tr__peft_is_same(const struct tr__hf_folder *f, const struct tr__hf_tensor *a,
                     const struct tr__hf_tensor *b)
{
    enum { PIECE = 1 << 16 };
    size_t size = PIECE * (size_t)a->bits / 8;
    char *at = a->bits == b->bits && a->dtype == b->dtype ? malloc(2 * size) : NULL;
    int same = at && a->count == b->count;
    for (int64_t i = 0; same && i < a->count; i += PIECE) {
        int64_t n = a->count - i < PIECE ? a->count - i : PIECE;
        same = !tr__hf_read(f, a, i, n, at, NULL) &&
               !tr__hf_read(f, b, i, n, at + size, NULL) &&
               !memcmp(at, at + size, (size_t)n * (size_t)a->bits / 8);
    }
    free(at);
    return same;
}

/* The name without what PEFT has put inside of it. */
static char *plain_name(const char *name, int *is_base)
{
    static const char *const inside[] = { ".base_layer.", ".modules_to_save." };
    char *to = strdup(name);
    *is_base = 0;
    for (int i = 0; to && i < 2; i++) {
        char *at = strstr(to, inside[i]);
        size_t bytes = strlen(inside[i]) - 1;
        if (at)
            memmove(at, at + bytes, strlen(at + bytes) + 1);
        *is_base |= at && !i && ends(to, ".weight");
    }
    return to;
}

static int add_whole(struct tr__peft_names *n, const struct tr__hf_tensor *t,
                     const char *name, struct tr_err *err)
{
    struct tr__peft_whole w = { .t = t };
    if (tr__grow(&n->whole, &n->cap_whole, n->n_whole + 1, sizeof w) ||
        !(w.name = plain_name(name, &w.is_base)))
        return no_memory(n, err);
    size_t at = tr__names_find(&n->wholes, n->whole, sizeof w, w.name);
    if (at != TR__NO_NAME) { /* PEFT saves some under two names */
        free((void *)(uintptr_t)w.name);
        return tr__peft_is_same(n->folder, t, n->whole[at].t) ? 0 : twice(n, t->name, err);
    }
    n->whole[n->n_whole++] = w;
    return tr__names_add(&n->wholes, n->whole, sizeof w) ? no_memory(n, err) : 0;
}

static int add_tensor(struct tr__peft_names *n, const struct tr__hf_tensor *t,
                      const struct suffix *s, struct tr_err *err)
{
    static const char front[] = "base_model.model.";
    const char *name = strncmp(t->name, front, sizeof front - 1) ? t->name :
                       t->name + sizeof front - 1;
    if (!t->dtype)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s' is of type %s",
                          tr__hf_path(n->folder, 0), t->name, t->type);
    for (; s->text; s++) {
        size_t bytes = ends(name, s->text);
        if (bytes)
            return add_part(n, t, name, bytes, s->role, err);
    }
    if (strstr(name, ".original_module.")) /* the base's, beside what was trained of it */
        return 0;
    if (strstr(name, ".lora_") || !(ends(name, ".weight") || ends(name, ".bias")))
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s' is of a kind that "
                          "cannot be carried over", tr__hf_path(n->folder, 0), t->name);
    return add_whole(n, t, name, err);
}

/* Both halves are there, and of one kind. */
static int check_module(const struct tr__peft_names *n, const struct tr__peft_module *m,
                        struct tr_err *err)
{
    const struct tr__hf_tensor *const *p = m->part;
    if (!p[TR__PEFT_A] == !p[TR__PEFT_B] && !p[TR__PEFT_TABLE_A] == !p[TR__PEFT_TABLE_B] &&
        !p[TR__PEFT_A] != !p[TR__PEFT_TABLE_A])
        return 0;
    return tr_err_set(err, TR_EFORMAT, "'%s': module '%s' has not one A and one B",
                      tr__hf_path(n->folder, 0), m->name);
}

int tr__peft_sort(struct tr__peft_names *n, int mlx, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < tr__hf_n_tensor(n->folder); i++)
        rc = add_tensor(n, tr__hf_tensor(n->folder, i), mlx ? of_mlx : of_peft, err);
    for (size_t i = 0; !rc && i < n->n_module; i++)
        rc = check_module(n, &n->module[i], err);
    if (!rc && !n->n_module && !n->n_whole)
        rc = tr_err_set(err, TR_EFORMAT, "'%s' has no tensors", tr__hf_path(n->folder, 0));
    return rc;
}

void tr__peft_names_release(struct tr__peft_names *n)
{
    for (size_t i = 0; i < n->n_module; i++)
        free((void *)(uintptr_t)n->module[i].name);
    for (size_t i = 0; i < n->n_whole; i++)
        free((void *)(uintptr_t)n->whole[i].name);
    tr__names_release(&n->modules);
    tr__names_release(&n->wholes);
    free(n->module);
    free(n->whole);
}
