/* SPDX-License-Identifier: MIT
 *
 * Numbers to a file in another type, a slab at a time, so that memory does not grow with
 * the model.  What is not finite is found here, by the conversion itself, since a check
 * before it would read every file twice and could not see what the new type makes too
 * large.  Next: quantize.c, merge.c.
 */
#include <libtrain/edit/edit.h>

#include <stdlib.h>

int tr__slab_init(struct tr__slab *s, const char *path, int64_t n,
                  enum tr__nonfinite nonfinite, struct tr_err *err)
{
    size_t widest = sizeof(double); /* what is copied may be of any type */
    *s = (struct tr__slab){ path, n, nonfinite, malloc((size_t)n * widest) };
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

/* The first block that is not finite, before or after, found by doing all of it again. */
static int not_finite(struct tr__slab *s, const struct tr__numbers *x,
                      const struct tr_dtype *to, struct tr_err *err)
{
    int64_t step = x->type->block > to->block ? x->type->block : to->block, i = 0;
    int64_t row = tr_gguf_row(x->of);
    int bad = 0;
    for (; i < x->n; i += step)
        if ((bad = tr_convert(x->type, (const char *)x->data + i / x->type->block *
                                                                   x->type->bytes,
                              to, s->packed, step)))
            break;
    const char *way_out = s->nonfinite == TR__REFUSE ? ""
                                                     : " (--allow-nonfinite writes it)";
    long long at = (x->at + i) / row;
    if (bad & TR_CONVERT_BAD_SRC)
        return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s': row %lld holds a NaN or an "
                          "infinity%s", s->path, x->of->name, at, way_out);
    return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s': row %lld holds a number too "
                      "large for %s%s", s->path, x->of->name, at, to->name, way_out);
}

int tr__slab_write(struct tr__slab *s, struct tr_gguf_writer *w,
                   const struct tr__numbers *x, const struct tr_dtype *to,
                   struct tr_err *err)
{
    int bad = tr_convert(x->type, x->data, to, s->packed, x->n);
    if (bad && s->nonfinite != TR__ALLOW)
        return not_finite(s, x, to, err);
    return tr_gguf_write(w, s->packed, x->n / to->block * to->bytes, err);
}

int tr__slab_copy(struct tr__slab *s, struct tr_gguf_writer *w, const struct tr_gguf *g,
                  const struct tr_gguf_tensor *t, const struct tr_dtype *to,
                  struct tr_err *err)
{
    const struct tr_dtype *from = t->dtype;
    int64_t n = t->bytes / from->bytes * from->block;
    for (int64_t at = 0; at < n; at += s->n) {
        struct tr__numbers x = { t, at, n - at < s->n ? n - at : s->n, from,
                                 (const char *)t->data + at / from->block * from->bytes };
        int rc = tr__slab_write(s, w, &x, to, err);
        if (rc)
            return rc;
        tr_gguf_forget(g, x.data, x.n / from->block * from->bytes);
    }
    return 0;
}
