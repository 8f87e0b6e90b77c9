/* SPDX-License-Identifier: MIT
 *
 * Numbers to a file in another type, a slab at a time, so that memory does not grow with
 * the model.  What is not finite is found here, by the conversion itself, since a check
 * before it would read every file twice and could not see what the new type makes too
 * large.  Next: quantize.c, merge.c.
 */
#include <libtrain/edit/edit.h>

#include <math.h>
#include <stdlib.h>

int tr__slab_init(struct tr__slab *s, const char *path, int64_t n,
                  enum tr__nonfinite nonfinite, struct tr_err *err)
{
    size_t widest = sizeof(double); /* what is copied may be of any type */
    *s = (struct tr__slab){ path, n, nonfinite, malloc((size_t)n * widest), NULL };
    if (s->packed)
        return 0;
    return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for %lld numbers of a tensor",
                      path, (long long)n);
}

void tr__slab_release(struct tr__slab *s)
{
    free(s->packed);
    s->packed = NULL;
}

static int convert(struct tr__slab *s, const struct tr__numbers *x,
                   const struct tr_dtype *to)
{
    int64_t row = tr_gguf_row(x->of);
    if (x->weight)
        return tr_convert_by(x->type, x->data, to, s->packed, x->n / row, row, x->weight);
    return tr_convert(x->type, x->data, to, s->packed, x->n);
}

/* The first block, or row, that is not finite, before or after, found by doing all of it
 * again. */
static int not_finite(struct tr__slab *s, const struct tr__numbers *x,
                      const struct tr_dtype *to, struct tr_err *err)
{
    int64_t step = x->type->block > to->block ? x->type->block : to->block, i = 0;
    int64_t row = tr_gguf_row(x->of);
    int bad = 0;
    if (x->weight)
        step = row;
    for (; i < x->n; i += step) {
        struct tr__numbers some = *x;
        some.data = (const char *)x->data + i / x->type->block * x->type->bytes;
        some.n = step;
        if ((bad = convert(s, &some, to)))
            break;
    }
    const char *way_out = s->nonfinite == TR__REFUSE ? ""
                                                     : " (--allow-nonfinite writes it)";
    long long at = (x->at + i) / row;
    if (bad & TR_CONVERT_BAD_SRC)
        return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s': row %lld holds a NaN or an "
                          "infinity%s", s->path, x->of->name, at, way_out);
    return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s': row %lld holds a number too "
                      "large for %s%s", s->path, x->of->name, at, to->name, way_out);
}

/* How many are larger than any number of another type. */
static int64_t beyond(const struct tr__numbers *x, const struct tr_dtype *to)
{
    enum { PIECE = 1 << 11 };
    float piece[PIECE];
    int64_t count = 0;
    for (int64_t i = 0; to->largest > 0 && x->type != to && i < x->n; i += PIECE) {
        int64_t some = x->n - i < PIECE ? x->n - i : PIECE;
        x->type->to_f32((const char *)x->data + i / x->type->block * x->type->bytes, piece,
                        some);
        for (int64_t j = 0; j < some; j++)
            count += fabsf(piece[j]) > to->largest;
    }
    return count;
}

int tr__slab_write(struct tr__slab *s, struct tr_gguf_writer *w,
                   const struct tr__numbers *x, const struct tr_dtype *to,
                   struct tr_err *err)
{
    int bad = convert(s, x, to);
    if (bad & TR_CONVERT_NO_MEMORY)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for rows of tensor '%s'",
                          s->path, x->of->name);
    if (bad && s->nonfinite != TR__ALLOW)
        return not_finite(s, x, to, err);
    if (s->loss) {
        tr__loss_add(s->loss, x, to, s->packed);
        s->loss->clipped += beyond(x, to);
    }
    return tr_gguf_write(w, s->packed, x->n / to->block * to->bytes, err);
}

/* As many numbers from `at` on as go together: with weights, whole rows of one matrix. */
static int64_t piece(const struct tr__slab *s, const struct tr_gguf_tensor *t, int64_t at,
                     int by_rows)
{
    int64_t row = tr_gguf_row(t), matrix = t->n_dim > 1 ? t->dim[t->n_dim - 2] * row : row;
    int64_t left = by_rows ? matrix - at % matrix : tr_gguf_count(t) - at;
    int64_t most = by_rows ? s->n / row * row : s->n;
    return left < most ? left : most;
}

int tr__slab_copy(struct tr__slab *s, struct tr_gguf_writer *w, const struct tr_gguf *g,
                  const struct tr_gguf_tensor *t, const struct tr_dtype *to,
                  const float *weight, struct tr_err *err)
{
    const struct tr_dtype *from = t->dtype;
    int64_t n = tr_gguf_count(t), row = tr_gguf_row(t);
    int64_t matrix = t->n_dim > 1 ? t->dim[t->n_dim - 2] * row : row;
    if (weight && row > s->n)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s': rows of %lld numbers",
                          s->path, t->name, (long long)row);
    for (int64_t at = 0, some; at < n; at += some) {
        some = piece(s, t, at, weight != NULL);
        struct tr__numbers x = { t, at, some, from,
                                 (const char *)t->data + at / from->block * from->bytes,
                                 weight ? weight + at / matrix * row : NULL };
        int rc = tr__slab_write(s, w, &x, to, err);
        if (rc)
            return rc;
        tr_gguf_forget(g, x.data, x.n / from->block * from->bytes);
    }
    return 0;
}
