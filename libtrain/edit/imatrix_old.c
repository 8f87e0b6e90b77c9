/* SPDX-License-Identifier: MIT
 *
 * The old form of an importance matrix, numbers of 32 bits one after the other: how many
 * entries; of each the length of its name, the name, chunks, how many numbers, and these,
 * means times chunks; then, but not always, chunks of all and the name of the text.  Nothing
 * in it says what it is, so every length is doubted.  Next: imatrix_read.c.
 */
#include <libtrain/edit/imatrix.h>

enum { MAX_NAME = 4096 };

static int bad(const struct tr_imatrix *im, const struct tr__cursor *c, const char *what,
               struct tr_err *err)
{
    const char *words = tr__magic_known(c->base, c->size < 4096 ? c->size : 4096);
    if (words)
        return tr_err_set(err, TR_EFORMAT, "'%s' is %s, not an importance matrix", im->path,
                          words);
    return tr_err_set(err, TR_EFORMAT, "'%s': %s at offset %llu: not an importance matrix, or "
                      "cut short", im->path, what, (unsigned long long)c->at);
}

static int32_t take_i32(struct tr__cursor *c)
{
    return (int32_t)tr__cur_u32(c);
}

/* A name of a length in front of it. */
static struct tr_str take_name(struct tr__cursor *c)
{
    int32_t n = take_i32(c);
    if (n <= 0 || n > MAX_NAME) {
        c->bad = 1;
        return (struct tr_str){ 0 };
    }
    const char *name = tr__cur_take(c, (uint64_t)n);
    return (struct tr_str){ name, name ? strnlen(name, (size_t)n) : 0 };
}

static int read_entry(struct tr_imatrix *im, struct tr__cursor *c, struct tr_err *err)
{
    struct tr_str name = take_name(c);
    if (c->bad || !name.len)
        return bad(im, c, "no name of a tensor", err);
    float chunks = (float)take_i32(c);
    int32_t n = take_i32(c);
    if (c->bad || n < 1)
        return bad(im, c, "no number of values", err);
    const void *sum = tr__cur_take(c, (uint64_t)n * sizeof(float));
    if (!sum)
        return bad(im, c, "too few values", err);
    if (chunks < 0)
        chunks = 0;
    return tr__imatrix_add(im, &(struct tr__im_found){ name, 1, n, sum, &chunks }, err);
}

/* What may stand behind the entries. */
static int read_rest(struct tr_imatrix *im, struct tr__cursor *c, struct tr_err *err)
{
    if (tr__cur_left(c) < sizeof(int32_t))
        return 0;
    int32_t n = take_i32(c);
    im->info.n_chunk = n > 0 ? n : 0;
    struct tr_str name = take_name(c);
    return c->bad || !name.len ? 0 : tr__imatrix_add_dataset(im, name, err);
}

int tr__imatrix_read_old(struct tr_imatrix *im, struct tr_err *err)
{
    struct tr__cursor c = { .base = im->map, .size = im->map_bytes };
    int32_t n = take_i32(&c);
    int rc = 0;
    im->old = 1;
    if (c.bad || n < 1)
        return bad(im, &c, "no number of entries", err);
    for (int32_t i = 0; !rc && i < n; i++)
        rc = read_entry(im, &c, err);
    return rc ? rc : read_rest(im, &c, err);
}
