/* SPDX-License-Identifier: MIT
 *
 * The pairs of an adapter as arrays for NumPy, a file each.
 */
#include <libtrain/base/base.h>
#include <libtrain/personalize.h>
#include <libtrain/personalize/npz.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int save_one(struct tr__folder *f, const char *weight, const char *end,
                    const struct tr_tensor *t, const float *data, struct tr_err *err)
{
    char name[160], path[PATH_MAX];
    const char *cut = strstr(weight, ".weight");
    struct tr__npy a = { "<f4", 2, { t->dim[0], t->dim[1] }, data };
    snprintf(name, sizeof name, "%.*s.%s.npy", cut ? (int)(cut - weight) : 64, weight, end);
    int rc = tr__folder_file(f, name, path, err);
    return rc ? rc : tr__npy_save(path, &a, err);
}

/* b with the scale of the adapter in it. */
static int save_pair(struct tr__folder *f, const struct tr_lora *l,
                     const struct tr_lora_pair *p, struct tr_err *err)
{
    int64_t n = tr_tensor_count(&p->b);
    float scale = l->alpha == 0 ? 1 : l->alpha / (float)p->rank;
    float *b = malloc((size_t)n * sizeof *b);
    if (!b)
        return tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", p->name);
    for (int64_t i = 0; i < n; i++)
        b[i] = scale * ((const float *)p->b.data)[i];
    int rc = save_one(f, p->name, "lora_a", &p->a, p->a.data, err);
    if (!rc)
        rc = save_one(f, p->name, "lora_b", &p->b, b, err);
    free(b);
    return rc;
}

int tr_lora_save_npy(const struct tr_lora *l, const char *folder, struct tr_err *err)
{
    struct tr__folder *f = tr__folder_new(folder, err);
    int rc = 0;
    if (!f)
        return err->code;
    for (size_t i = 0; !rc && i < l->n; i++)
        rc = l->pair[i].a.n_dim == 2 && !l->pair[i].rows
                 ? save_pair(f, l, &l->pair[i], err)
                 : tr_err_set(err, TR_EUNSUPPORTED, "'%s' is no pair of two matrices",
                              l->pair[i].name);
    return tr__folder_finish(f, rc, err);
}
