/* SPDX-License-Identifier: MIT
 *
 * Documents into sequences, in the order they come (next fit: a sequence that was left is
 * not looked at again, so the order of the input stays).
 */
#include <libtrain/pack.h>
#include <libtrain/token.h>

#include <stdlib.h>

struct tr_packer {
    struct tr_pack_writer *w;
    uint32_t ctx, stride;
    struct tr_pack_seq seq; /* its arrays are these: */
    int32_t *token, *target, *pos; // (ctx)
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
    }
    if (!p || !p->token || !p->target || !p->pos) {
        tr_err_set(err, TR_ENOMEM, "out of memory for a context of %zu", ctx);
        tr_packer_free(p);
        return NULL;
    }
    p->w = w;
    p->ctx = (uint32_t)ctx;
    p->stride = stride;
    p->seq = (struct tr_pack_seq){ 0, p->token, p->target, p->pos };
    return p;
}

int tr_packer_end(struct tr_packer *p, struct tr_err *err)
{
    int rc = p->seq.n ? tr_pack_write(p->w, &p->seq, err) : 0;
    p->seq.n = 0;
    return rc;
}

/* Add n <= ctx positions, which have n + 1 tokens, behind what the sequence holds, or
 * begin the next one.  The first n_seen of them were predicted in the window before. */
static int add_window(struct tr_packer *p, const uint32_t *token, uint32_t n,
                      uint32_t n_seen, struct tr_err *err)
{
    int rc = n > p->ctx - (uint32_t)p->seq.n ? tr_packer_end(p, err) : 0;

    if (rc)
        return rc;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t next = token[i + 1];
        int counts = i >= n_seen && !(next & TR_TOKEN_MASKED);
        p->token[p->seq.n] = (int32_t)TR_TOKEN_ID(token[i]);
        p->target[p->seq.n] = counts ? (int32_t)next : -1;
        p->pos[p->seq.n++] = (int32_t)i;
    }
    return 0;
}

int tr_packer_add(struct tr_packer *p, const uint32_t *token, size_t n, struct tr_err *err)
{
    size_t start = 0, done = 0; /* positions */

    for (; n > 1 && done < n - 1; start += p->stride) {
        size_t left = n - 1 - start, len = left < p->ctx ? left : p->ctx;
        int rc = add_window(p, token + start, (uint32_t)len, (uint32_t)(done - start), err);
        if (rc)
            return rc;
        done = start + len;
    }
    return 0;
}

void tr_packer_free(struct tr_packer *p)
{
    if (!p)
        return;
    free(p->token);
    free(p->target);
    free(p->pos);
    free(p);
}
