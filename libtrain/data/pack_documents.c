/* SPDX-License-Identifier: MIT
 *
 * Documents into windows of at most a context, and windows into the sequence that is being
 * filled.  In which order they come there is decided by a fit (pack_fit_order.c,
 * pack_fit_best.c), what becomes of one that is too long by pack_over_long.c.
 */
#include <libtrain/data/over_long.h>
#include <libtrain/data/packer.h>

#include <stdlib.h>

static const struct tr_pack_fit *const fits[] = {
#define TR_PACK_FIT(NAME) &tr__pack_fit_##NAME,
#include <libtrain/data/fits.def>
#undef TR_PACK_FIT
};

static const struct tr_over_long *const over_longs[] = {
#define TR_OVER_LONG(NAME) &tr__over_long_##NAME,
#include <libtrain/data/over_long.def>
#undef TR_OVER_LONG
};

const struct tr_pack_fit *tr_pack_fit_at(int i)
{
    return i >= 0 && (size_t)i < sizeof fits / sizeof *fits ? fits[i] : NULL;
}

const char *tr_pack_fit_name(const struct tr_pack_fit *fit)
{
    return fit->name;
}

const struct tr_over_long *tr_over_long_at(int i)
{
    size_t n = sizeof over_longs / sizeof *over_longs;

    return i >= 0 && (size_t)i < n ? over_longs[i] : NULL;
}

const char *tr_over_long_name(const struct tr_over_long *kind)
{
    return kind->name;
}

static int alloc_sequence(struct tr_packer *p)
{
    size_t ctx = p->ctx;

    p->token = malloc(ctx * sizeof *p->token);
    p->target = malloc(ctx * sizeof *p->target);
    p->pos = malloc(ctx * sizeof *p->pos);
    p->weight = malloc(ctx * sizeof *p->weight);
    p->group = malloc(ctx * sizeof *p->group);
    p->seq = (struct tr_pack_seq){ 0, p->token, p->target, p->pos, p->weight, p->group };
    return p->token && p->target && p->pos && p->weight && p->group;
}

struct tr_packer *tr_packer_new_with(struct tr_pack_writer *w,
                                     const struct tr_packer_args *args, struct tr_err *err)
{
    uint32_t ctx = tr_pack_writer_info(w)->ctx;
    struct tr_packer *p = calloc(1, sizeof *p);

    if (p) {
        p->w = w;
        p->ctx = ctx;
        p->args = *args;
    }
    if (!p || !alloc_sequence(p)) {
        tr_err_set(err, TR_ENOMEM, "out of memory for a context of %u", (unsigned)ctx);
        tr_packer_free(p);
        return NULL;
    }
    p->args.stride = args->stride ? args->stride : ctx;
    p->args.fit = args->fit ? args->fit : fits[0];
    if (p->args.stride <= ctx)
        return p;
    tr_err_set(err, TR_EINVAL, "a stride of %u in a context of %u", (unsigned)args->stride,
               (unsigned)ctx);
    tr_packer_free(p);
    return NULL;
}

struct tr_packer *tr_packer_new(struct tr_pack_writer *w, uint32_t stride,
                                struct tr_err *err)
{
    if (stride)
        return tr_packer_new_with(w, &(struct tr_packer_args){ .stride = stride }, err);
    tr_err_set(err, TR_EINVAL, "a stride of 0");
    return NULL;
}

const struct tr_packer_counts *tr_packer_counts(const struct tr_packer *p)
{
    return &p->counts;
}

/* Positions of d that are to be packed, from its beginning on; an error where it is
 * refused.  What is left out is counted. */
static int64_t keep(struct tr_packer *p, const struct tr_document *d, struct tr_err *err)
{
    const struct tr_over_long *kind = p->args.over_long;
    size_t n = d->n - 1;

    if (n <= p->ctx)
        return (int64_t)n;
    if (!kind)
        kind = d->row ? &tr__over_long_cut : &tr__over_long_split;
    int64_t kept = kind->keep(n, p->ctx);
    if (kept < 0)
        return tr_err_set(err, TR_EFORMAT, "a document of %zu tokens does not fit in a "
                          "context of %u", d->n, (unsigned)p->ctx);
    p->counts.n_split += kept == (int64_t)n;
    p->counts.n_cut += kept > 0 && kept < (int64_t)n;
    p->counts.n_dropped += kept == 0;
    p->counts.lost_tokens += kept ? n - (size_t)kept : d->n;
    return kept;
}

static int counts_at(const struct tr_document *d, size_t i)
{
    return !(d->token[i] & TR_TOKEN_MASKED) && !(d->weight && d->weight[i] == 0);
}

/* 1 if any of the tokens [from, to) that something before it predicts counts. */
static int part_counts(const struct tr_document *d, size_t from, size_t to)
{
    size_t i = from + 1;

    while (i < to && !counts_at(d, i))
        i++;
    return i < to;
}

/* Of the first n positions; running text is kept whole. */
static int is_of_use(const struct tr_document *d, size_t n)
{
    return !d->row || part_counts(d, 0, n + 1);
}

static int add_windows(struct tr_packer *p, const struct tr_document *d, size_t n,
                       struct tr_err *err)
{
    struct tr__window w = { .group = -1 };
    size_t start = 0, done = 0; /* positions */

    if (d->group && (w.group = tr_pack_writer_group(p->w, d->group, err)) < 0)
        return w.group;
    for (; done < n; start += p->args.stride) {
        w.token = d->token + start;
        w.weight = d->weight ? d->weight + start : NULL;
        w.n = (uint32_t)(n - start < p->ctx ? n - start : p->ctx);
        w.n_seen = (uint32_t)(done - start);
        int rc = p->args.fit->take(p, &w, err);
        if (rc)
            return rc;
        done = start + w.n;
    }
    return 0;
}

/* Of two answers that are compared neither is cut, and neither does without the other. */
static int add_pair(struct tr_packer *p, const struct tr_document *d, struct tr_err *err)
{
    struct tr__window w = { d->token, d->weight, 0, 0, (uint32_t)d->rival, -1 };

    if (!part_counts(d, 0, d->rival) || !part_counts(d, d->rival, d->n)) {
        p->counts.n_useless++;
        return 0;
    }
    if (d->n - 2 > p->ctx && p->args.over_long == &tr__over_long_refuse)
        return tr_err_set(err, TR_EFORMAT, "two answers of %zu tokens together do not fit in "
                          "a context of %u", d->n, (unsigned)p->ctx);
    if (d->n - 2 > p->ctx) {
        p->counts.n_pair_dropped++;
        p->counts.lost_tokens += d->n;
        return 0;
    }
    w.n = (uint32_t)d->n - 2;
    if (d->group && (w.group = tr_pack_writer_group(p->w, d->group, err)) < 0)
        return w.group;
    return p->args.fit->take(p, &w, err);
}

int tr_packer_add_document(struct tr_packer *p, const struct tr_document *d,
                           struct tr_err *err)
{
    if (d->rival)
        return add_pair(p, d, err);
    int64_t n = d->n > 1 ? keep(p, d, err) : 0;

    if (n <= 0)
        return (int)n;
    if (is_of_use(d, (size_t)n))
        return add_windows(p, d, (size_t)n, err);
    p->counts.n_useless++;
    return 0;
}

int tr_packer_add(struct tr_packer *p, const uint32_t *token, size_t n, struct tr_err *err)
{
    return tr_packer_add_document(p, &(struct tr_document){ .token = token, .n = n }, err);
}

int tr_packer_end(struct tr_packer *p, struct tr_err *err)
{
    int rc = p->args.fit->end ? p->args.fit->end(p, err) : 0;

    return rc ? rc : tr__packer_flush(p, err);
}

void tr_packer_free(struct tr_packer *p)
{
    if (!p)
        return;
    tr__pool_free(p->pool);
    free(p->token);
    free(p->target);
    free(p->pos);
    free(p->weight);
    free(p->group);
    free(p);
}
