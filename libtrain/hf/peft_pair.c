/* SPDX-License-Identifier: MIT
 *
 * The numbers of a pair, from a folder's order into GGUF's: rows of B and columns of A move
 * as those of the weight do, experts are stacked, and what the scale of the file does not
 * say is multiplied into B.
 */
#include <libtrain/hf/peft.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct matrix {
    int64_t rows, cols;
    float *v; // (rows, cols)
};

/* A piece of a tensor as a matrix, which stands across there if `turned`. */
static int load(const struct tr_peft *p, const struct tr__hf_tensor *t, int64_t first,
                struct matrix *m, int turned, struct tr_err *err)
{
    int64_t n = m->rows * m->cols;
    m->v = malloc((size_t)n * sizeof *m->v);
    float *flat = turned ? malloc((size_t)n * sizeof *flat) : m->v;
    void *raw = malloc((size_t)n * t->dtype->bytes);
    int rc = m->v && flat && raw ? tr__hf_read(p->folder, t, first, n, raw, err) :
             tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", t->name);
    if (!rc)
        t->dtype->to_f32(raw, flat, n);
    for (int64_t i = 0; !rc && i < n; i++)
        if (!isfinite(flat[i]))
            rc = tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s': number %lld is a NaN or "
                            "an infinity", tr__hf_path(p->folder, t->file), t->name,
                            (long long)(first + i));
    for (int64_t i = 0; !rc && turned && i < n; i++)
        m->v[i] = flat[i % m->cols * m->rows + i / m->cols];
    free(raw);
    if (turned)
        free(flat);
    return rc;
}

static int misfit(const struct tr_peft *p, const struct tr__peft_change *c,
                  const struct tr__peft_module *m, struct tr_err *err)
{
    char of[TR_GGUF_SHAPE_BYTES];
    return tr_err_set(err, TR_EMISMATCH, "'%s': the pair of module '%s' does not fit '%s' "
                      "of the base, which is %s", p->path, m->name, c->name,
                      tr_gguf_shape_text(of, c->is.n_dim, c->is.dim));
}

/* Where the rows and columns of a module's pair go; 0 if the base has another shape. */
static int fits(const struct tr_peft *p, const struct tr__peft_change *c,
                const struct tr__peft_link *l, int64_t n_out, int64_t n_in,
                struct tr__hf_place *place)
{
    const struct tr__hf_how *how = l->found.name->how;
    int across = how && how->transposed;
    *place = (struct tr__hf_place){ .size = &p->size, .name = l->found.name, .n_hf = 2,
                                    .hf = { across ? n_in : n_out, across ? n_out : n_in,
                                            1, 1 } };
    tr__hf_shape(place);
    int n = c->is.n_dim;
    int64_t rows = 1;
    for (int i = 0; i < place->n_gguf - 1; i++)
        rows *= place->gguf[i];
    if (n < 2 || rows != c->is.dim[n - 2] || place->gguf[place->n_gguf - 1] !=
        c->is.dim[n - 1])
        return 0;
    for (int64_t r = 0; r < rows; r++)
        if (tr__hf_row(place, r) < 0 || tr__hf_row(place, r) >= n_out)
            return 0;
    return 1;
}

/* A folder's weight may be the base's but for a factor that the folder says and the base does
 * not, so nobody knows what the pair is beside. */
static int has_factors(const struct tr_peft *p, const struct tr__peft_link *l,
                       struct tr_err *err)
{
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s': module '%s' stands behind a factor of the "
                      "folder's config.json, which the base has in its weight", p->path,
                      l->module->name);
}

/* A and B to where they are in the pair, with their rows and columns in GGUF's order. */
static void put(const struct tr__peft_change *c, const struct tr__hf_place *place,
                const struct matrix *a, const struct matrix *b, double factor, float *to_a,
                float *to_b)
{
    int64_t n_out = c->is.dim[c->is.n_dim - 2], rank = c->rank;
    for (int64_t k = 0; k < a->rows; k++)
        for (int64_t i = 0; i < a->cols; i++)
            to_a[k * a->cols + i] = a->v[k * a->cols + tr__hf_column(place, i)];
    for (int64_t r = 0; r < n_out; r++) {
        const float *from = b->v + tr__hf_row(place, r) * rank;
        for (int64_t k = 0; k < rank; k++)
            to_b[r * rank + k] = (float)((double)from[k] * factor);
    }
}

/* Times which B carries the scale in a file of this alpha; 1 where that is so already. */
static double factor_of(const struct tr__peft_link *l, float alpha)
{
    double f = l->alpha / (double)alpha;
    return fabs(f - 1) < 0x1p-24 ? 1 : f;
}

static int linear(const struct tr_peft *p, const struct tr__peft_change *c,
                  const struct tr__peft_link *l, float alpha, int64_t expert, int64_t stack,
                  const struct tr__peft_pair *pair, struct tr_err *err)
{
    const struct tr__hf_tensor *ta = l->module->part[TR__PEFT_A],
                               *tb = l->module->part[TR__PEFT_B];
    int turned = p->mlx && stack < 0, n = stack < 0 ? 2 : 3;
    if (ta->n_dim != n || tb->n_dim != n)
        return misfit(p, c, l->module, err);
    struct matrix a = { c->rank, ta->dim[turned ? 0 : n - 1], NULL },
                  b = { tb->dim[turned ? 1 : n - 2], c->rank, NULL };
    struct tr__hf_place place;
    if (l->found.name->how && l->found.name->how->factors)
        return has_factors(p, l, err);
    if (tb->dim[turned ? 0 : n - 1] != c->rank || c->rank < 1 ||
        !fits(p, c, l, b.rows, a.cols, &place))
        return misfit(p, c, l->module, err);
    int64_t at = stack < 0 ? 0 : stack;
    int rc = load(p, ta, at * a.rows * a.cols, &a, turned, err);
    if (!rc)
        rc = load(p, tb, at * b.rows * b.cols, &b, turned, err);
    if (!rc)
        put(c, &place, &a, &b, factor_of(l, alpha), pair->a + expert * c->rank * a.cols,
            pair->b + expert * c->is.dim[c->is.n_dim - 2] * c->rank);
    free(a.v);
    free(b.v);
    return rc;
}

/* Of experts that MLX has in one tensor, each. */
static int stacked(const struct tr_peft *p, const struct tr__peft_change *c, float alpha,
                   const struct tr__peft_pair *pair, struct tr_err *err)
{
    const struct tr__peft_link *l = c->link;
    int rc = l->module->part[TR__PEFT_A]->dim[0] == c->is.dim[0] &&
             l->module->part[TR__PEFT_B]->n_dim == 3 &&
             l->module->part[TR__PEFT_B]->dim[0] == c->is.dim[0] ? 0 :
             misfit(p, c, l->module, err);
    for (int64_t e = 0; !rc && e < c->is.dim[0]; e++)
        rc = linear(p, c, l, alpha, e, e, pair, err);
    return rc;
}

static int fill(const struct tr_peft *p, const struct tr__peft_change *c, float alpha,
                const struct tr__peft_pair *pair, struct tr_err *err)
{
    int64_t n_expert = c->is.n_dim == 3 ? c->is.dim[0] : 1;
    int rc = 0;
    if (c->is.n_dim == 3 && c->link[0].module->part[TR__PEFT_A]->n_dim == 3)
        return stacked(p, c, alpha, pair, err);
    for (size_t i = 0; !rc && i < c->n_link; i++) {
        int64_t e = c->link[i].found.expert < 0 ? 0 : c->link[i].found.expert;
        rc = e < n_expert ? linear(p, c, &c->link[i], alpha, e, -1, pair, err) :
             misfit(p, c, c->link[i].module, err);
    }
    return rc;
}

/* PEFT has A of a table across, MLX B and both under the names of a matrix. */
static int table(const struct tr_peft *p, const struct tr__peft_change *c, float alpha,
                 struct tr__peft_pair *pair, struct tr_err *err)
{
    const struct tr__peft_module *m = c->link->module;
    const struct tr__hf_tensor *ta = m->part[TR__PEFT_TABLE_A], *tb =
                               m->part[TR__PEFT_TABLE_B];
    int mlx = !ta;
    if (mlx) {
        ta = m->part[TR__PEFT_A];
        tb = m->part[TR__PEFT_B];
    }
    struct matrix a = { c->is.dim[0], c->rank, NULL },
                  b = { c->is.dim[1], c->rank, NULL };
    if (ta->n_dim != 2 || tb->n_dim != 2 || c->rank < 1 || ta->dim[!mlx] != a.rows ||
        tb->dim[mlx] != b.rows || tb->dim[!mlx] != c->rank)
        return misfit(p, c, m, err);
    int rc = load(p, ta, 0, &a, !mlx, err);
    pair->a = a.v;
    if (!rc)
        rc = load(p, tb, 0, &b, mlx, err);
    pair->b = b.v;
    for (int64_t i = 0; !rc && i < b.rows * b.cols; i++)
        b.v[i] = (float)((double)b.v[i] * factor_of(c->link, alpha));
    return rc;
}

static void release(struct tr__peft_pair *pair)
{
    free(pair->a);
    free(pair->b);
    *pair = (struct tr__peft_pair){ 0 };
}

int tr__peft_pair(const struct tr_peft *p, const struct tr__peft_change *c, float alpha,
                  struct tr__peft_pair *pair, struct tr_err *err)
{
    int64_t n_expert = c->is.n_dim == 3 ? c->is.dim[0] : 1;
    int64_t n_out = c->is.n_dim < 2 ? 1 : c->is.dim[c->is.n_dim - 2];
    int rc;
    *pair = (struct tr__peft_pair){ 0 };
    if (tr__peft_is_table(c)) {
        rc = table(p, c, alpha, pair, err);
    } else {
        size_t each = (size_t)(n_expert * c->rank);
        pair->a = calloc(each * (size_t)tr_gguf_row(&c->is), sizeof *pair->a);
        pair->b = calloc(each * (size_t)n_out, sizeof *pair->b);
        rc = pair->a && pair->b ? fill(p, c, alpha, pair, err) :
             tr_err_set(err, TR_ENOMEM, "out of memory for the pair of '%s'", c->name);
    }
    if (rc)
        release(pair);
    return rc;
}
