/* SPDX-License-Identifier: MIT
 *
 * Documents into sequences, in the order they come (next fit: a sequence that was left is
 * not looked at again, so the order of the input stays).
 */
#include <libtrain/pack.h>

#include <stdlib.h>

struct tr_packer {
    struct tr_pack_writer *w;
    uint32_t ctx, stride;
    struct tr_pack_seq seq; /* its arrays are these: */
    int32_t *token, *target, *pos, *group; // (ctx)
    float *weight;                         // (ctx)
};

struct tr_packer *tr_packer_new(struct tr_pack_writer *w, uint32_t stride,
                                struct tr_err *err)
{
    size_t ctx = tr_pack_writer_info(w)->ctx;
    if (stride == 0 || stride > ctx) {
        tr_err_set(err, TR_EINVAL, "a stride of %u in a context of %zu", (unsigned)stride,
                   ctx);
        return NULL;
    }
    struct tr_packer *p = calloc(1, sizeof *p);
    if (p) {
        p->token = malloc(ctx * sizeof *p->token);
        p->target = malloc(ctx * sizeof *p->target);
        p->pos = malloc(ctx * sizeof *p->pos);
        p->weight = malloc(ctx * sizeof *p->weight);
        p->group = malloc(ctx * sizeof *p->group);
    }
    if (!p || !p->token || !p->target || !p->pos || !p->weight || !p->group) {
        tr_err_set(err, TR_ENOMEM, "out of memory for a context of %zu", ctx);
        tr_packer_free(p);
        return NULL;
    }
    p->w = w;
    p->ctx = (uint32_t)ctx;
    p->stride = stride;
    p->seq = (struct tr_pack_seq){ 0, p->token, p->target, p->pos, p->weight, p->group };
    return p;
}

int tr_packer_end(struct tr_packer *p, struct tr_err *err)
{
    int rc = p->seq.n ? tr_pack_write(p->w, &p->seq, err) : 0;
    p->seq.n = 0;
    return rc;
}

/* A stretch of a document: n <= ctx positions, which have n + 1 tokens, the first of them
 * number `start`.  The first n_seen were predicted in the stretch before. */
struct window {
    const struct tr_document *d;
    size_t start;
    uint32_t n, n_seen;
    int32_t group;
};

/* Behind what the sequence holds, or at the beginning of the next one. */
static int add_window(struct tr_packer *p, const struct window *w, struct tr_err *err)
{
    int rc = w->n > p->ctx - (uint32_t)p->seq.n ? tr_packer_end(p, err) : 0;

    if (rc)
        return rc;
    for (uint32_t i = 0; i < w->n; i++) {
        size_t at = w->start + i;
        uint32_t next = w->d->token[at + 1];
        float weight = w->d->weight ? w->d->weight[at + 1] : 1;
        int counts = i >= w->n_seen && !(next & TR_TOKEN_MASKED) && weight != 0;
        p->token[p->seq.n] = (int32_t)TR_TOKEN_ID(w->d->token[at]);
        p->target[p->seq.n] = counts ? (int32_t)next : -1;
        p->weight[p->seq.n] = weight;
        p->group[p->seq.n] = w->group;
        p->pos[p->seq.n++] = (int32_t)i;
    }
    return 0;
}

int tr_packer_add_document(struct tr_packer *p, const struct tr_document *d,
                           struct tr_err *err)
{
    struct window w = { .d = d, .group = -1 };
    size_t n = d->n ? d->n - 1 : 0, done = 0; /* positions */

    if (n && d->group && (w.group = tr_pack_writer_group(p->w, d->group, err)) < 0)
        return w.group;
    for (; done < n; w.start += p->stride) {
        w.n = (uint32_t)(n - w.start < p->ctx ? n - w.start : p->ctx);
        w.n_seen = (uint32_t)(done - w.start);
        int rc = add_window(p, &w, err);
        if (rc)
            return rc;
        done = w.start + w.n;
    }
    return 0;
}

int tr_packer_add(struct tr_packer *p, const uint32_t *token, size_t n, struct tr_err *err)
{
    return tr_packer_add_document(p, &(struct tr_document){ .token = token, .n = n }, err);
}

void tr_packer_free(struct tr_packer *p)
{
    if (!p)
        return;
    free(p->token);
    free(p->target);
    free(p->pos);
    free(p->weight);
    free(p->group);
    free(p);
}
