/* SPDX-License-Identifier: MIT
 *
 * Where the data of the tensors lie.  All of it must be inside the file and no byte may
 * belong to two tensors.  Gaps, another order and trailing bytes are read: the format
 * leaves them open.
 */
#include <libtrain/gguf/reader.h>

#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull; /* for printf */

struct span {
    uint64_t begin, end;
    size_t i;
};

static int by_begin(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->i < y->i ? -1 : 1;
}

/* How much is missing is known if no offset is absurd. */
static int ends_early(const struct tr_gguf *g, const struct tr_gguf_tensor *t,
                      uint64_t room, struct tr_err *err)
{
    const uint64_t most = 1ull << 60;
    uint64_t need = 0;
    for (size_t i = 0; i < g->n_tensor && need < most; i++) {
        uint64_t from = g->tensor[i].offset, bytes = (uint64_t)g->tensor[i].bytes;
        uint64_t end = from < most && bytes < most ? from + bytes : most;
        need = end > need ? end : need;
    }
    if (need >= most)
        return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s': its %llu bytes at %llu of "
                          "the data lie beyond the end of the file", g->path, t->name,
                          (ull)t->bytes, (ull)t->offset);
    return tr_err_set(err, TR_EFORMAT, "'%s': an incomplete download? Its last %llu of "
                      "%llu bytes are missing; tensor '%s' lies beyond the end of the file",
                      g->path, (ull)(need - room), (ull)(g->size - room + need), t->name);
}

/* Turn offsets that count from the start of the data into offsets in the file. */
static int place(struct tr_gguf *g, uint64_t start, struct tr_err *err)
{
    uint64_t room = g->size - start;
    for (size_t i = 0; i < g->n_tensor; i++) {
        const struct tr_gguf_tensor *t = &g->tensor[i];
        if ((uint64_t)t->bytes > room || t->offset > room - (uint64_t)t->bytes)
            return ends_early(g, t, room, err);
    }
    for (size_t i = 0; i < g->n_tensor; i++) {
        g->tensor[i].offset += start;
        g->tensor[i].data = g->map + g->tensor[i].offset;
    }
    return 0;
}

static int check_spans(struct tr_gguf *g, const struct span *span, uint64_t start,
                       struct tr_err *err)
{
    uint64_t end = start;
    for (size_t k = 0; k < g->n_tensor; k++) {
        const char *name = g->tensor[span[k].i].name;
        if (span[k].begin < end)
            return tr_err_set(err, TR_EFORMAT, "'%s': tensors '%s' and '%s' overlap "
                              "(offset %llu)", g->path, g->tensor[span[k - 1].i].name,
                              name, (ull)span[k].begin);
        if (span[k].begin > tr__gguf_pad(end, g->alignment))
            tr__gguf_warn(g, TR__ODD_GAP, "gap before tensor '%s'", name);
        end = span[k].end;
    }
    uint64_t padded = tr__gguf_pad(end, g->alignment);
    if (g->size < padded && g->n_tensor)
        tr__gguf_warn(g, TR__ODD_PADDING, "the padding after the last tensor is missing");
    if (g->size > padded)
        tr__gguf_warn(g, TR__ODD_TRAILING, "%llu bytes follow the data",
                      (ull)(g->size - padded));
    return 0;
}

/* Kernels read floats where they lie, so a file that is aligned to less than 8 bytes (rare,
 * but legal) is read from a copy that is. */
static int copy_unaligned(struct tr_gguf *g, struct tr_err *err)
{
    uint64_t total = 0;
    for (size_t i = 0; i < g->n_tensor; i++)
        total += tr__gguf_pad((uint64_t)g->tensor[i].bytes, 8); /* no overlap: <= 8 size */
    unsigned char *to = g->copy = malloc(total + 1);
    if (!to)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a copy of its tensors, "
                          "%llu bytes", g->path, (unsigned long long)total);
    for (size_t i = 0; i < g->n_tensor; i++) {
        struct tr_gguf_tensor *t = &g->tensor[i];
        t->data = memcpy(to, t->data, (size_t)t->bytes);
        to += tr__gguf_pad((uint64_t)t->bytes, 8);
    }
    return 0;
}

int tr__gguf_lay_out(struct tr_gguf *g, uint64_t infos_end, struct tr_err *err)
{
    uint64_t start = tr__gguf_pad(infos_end, g->alignment);
    if (start > g->size)
        start = g->size; /* all right if there are no tensors */
    g->data_start = start;
    int rc = place(g, start, err);
    if (rc)
        return rc;
    struct span *span = malloc((g->n_tensor + 1) * sizeof *span);
    if (!span)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for %zu tensors", g->path,
                          g->n_tensor);
    for (size_t i = 0; i < g->n_tensor; i++) {
        const struct tr_gguf_tensor *t = &g->tensor[i];
        span[i] = (struct span){ t->offset, t->offset + (uint64_t)t->bytes, i };
    }
    qsort(span, g->n_tensor, sizeof *span, by_begin);
    rc = check_spans(g, span, start, err);
    free(span);
    return rc || g->alignment >= 8 ? rc : copy_unaligned(g, err);
}
