/* SPDX-License-Identifier: MIT
 *
 * Weights of which direction and size are trained apart (Liu et al. 2024, "DoRA"): w + s b a,
 * and a magnitude for each row.  A file of an adapter has no place for magnitudes: what comes
 * of it is a model.
 */
#include <libtrain/lora/pair.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tr__lora_add_magnitudes(struct tr_lora_pair *p, struct tr_err *err)
{
    size_t size = strlen(p->name) + sizeof TR__MAGNITUDES;
    char *name = malloc(size);
    int64_t n = tr_tensor_rows(&p->b);
    p->square = calloc((size_t)n, sizeof *p->square);
    if (!name || !p->square) {
        free(name);
        return tr_err_set(err, TR_ENOMEM, "out of memory for magnitudes of '%s'", p->name);
    }
    snprintf(name, size, "%s" TR__MAGNITUDES, p->name);
    p->m = tr_tensor_make(name, &tr_f32, 1, &n, NULL);
    return 0;
}

int tr_lora_set_dora(struct tr_lora *l, const struct tr_model *base, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < l->n; i++) {
        struct tr_lora_pair *p = &l->pair[i];
        const struct tr_weight *w = tr__weight_find(base, p->name);
        if (!w->slot->linear || p->a.n_dim > 2)
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s' takes no magnitudes: only matrices of "
                              "the blocks that are no experts do", p->name);
        if (w->delta)
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': magnitudes are not of a weight with "
                              "an adapter beneath", p->name);
        rc = tr__lora_add_magnitudes(p, err);
    }
    return rc;
}

/* The base's rows: their squared norms, and their norms where magnitudes begin. */
static int measure(struct tr_lora_pair *p, const struct tr_tensor *w, struct tr_err *err)
{
    int64_t n = tr_tensor_cols(w);
    float *row = malloc((size_t)n * sizeof *row), *m = p->m.data;
    if (!row)
        return tr_err_set(err, TR_ENOMEM, "out of memory for a row of '%s'", p->name);
    for (int64_t i = 0; i < tr_tensor_rows(w); i++) {
        double sum = 0;
        w->dtype->to_f32((const char *)w->data + i * n / w->dtype->block * w->dtype->bytes, row,
                         n);
        for (int64_t j = 0; j < n; j++)
            sum += (double)row[j] * (double)row[j];
        p->square[i] = (float)sum;
        m[i] = (float)sqrt(sum);
    }
    free(row);
    return 0;
}

int tr_lora_measure(struct tr_lora *l, const struct tr_model *base, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < l->n; i++)
        if (l->pair[i].square)
            rc = measure(&l->pair[i], &tr__weight_find(base, l->pair[i].name)->t, err);
    return rc;
}

static void size_rows(const struct tr_lora_pair *p, int64_t r0, int64_t n, float *w)
{
    int64_t width = tr_tensor_cols(&p->a);
    const float *m = p->m.data;
    for (int64_t i = 0; i < n; i++) {
        float *row = w + i * width;
        double sum = 0;
        for (int64_t j = 0; j < width; j++)
            sum += (double)row[j] * (double)row[j];
        double by = sum > 0 ? (double)m[r0 + i] / sqrt(sum) : 0;
        for (int64_t j = 0; j < width; j++)
            row[j] = (float)(by * (double)row[j]);
    }
}

void tr_lora_size(const struct tr_lora *l, const char *name, int64_t r0, int64_t n, float *w)
{
    const struct tr_lora_pair *p = tr__lora_find(l, name);
    if (p && p->m.data)
        size_rows(p, r0, n, w);
}
