/* SPDX-License-Identifier: MIT
 *
 * A model, in one file (map.c) or several (parts.c), and what is done with its maps as a
 * whole.  Questions about what is in it: lookup.c, values.c.
 */
#include <libtrain/gguf/reader.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* A broken file may be one whose beginning was being written anew (tr_amend_in_place). */
static void tell_of_edit(const char *path, struct tr_err *err)
{
    char left[PATH_MAX];
    int n = snprintf(left, sizeof left, "%s.old-header", path);
    if (n > 0 && (size_t)n < sizeof left && !access(left, F_OK))
        tr_err_prefix(err, "an edit of '%s' was cut short, which 'gguf-edit --restore' "
                      "undoes", path);
}

struct tr_gguf *tr_gguf_open(const char *path, struct tr_err *err)
{
    struct tr_gguf *g = tr__gguf_open_alone(path, err);
    if (!g)
        tell_of_edit(path, err);
    if (!g || !tr__gguf_gather(g, err))
        return g;
    tr_gguf_close(g);
    return NULL;
}

void tr_gguf_close(struct tr_gguf *g)
{
    int saved = errno;
    if (!g)
        return;
    for (size_t i = 0; i < g->n_part; i++)
        tr__gguf_close_alone(g->part[i]);
    tr__gguf_close_alone(g);
    errno = saved;
}

/* 1 if it is in the map of one of the files, not in a copy. */
static int is_mapped(const struct tr_gguf *g, const void *data)
{
    for (size_t i = 0; i <= g->n_part; i++) {
        const struct tr_gguf *p = tr__gguf_part(g, i);
        uintptr_t at = (uintptr_t)data - (uintptr_t)p->map;
        if (p->map && at < p->size)
            return 1;
    }
    return 0;
}

void tr_gguf_forget(const struct tr_gguf *g, const void *data, int64_t bytes)
{
    if (is_mapped(g, data))
        tr__forget_pages(data, bytes);
}

void tr_gguf_forget_metadata(const struct tr_gguf *g)
{
    for (size_t i = 0; i <= g->n_part; i++) {
        const struct tr_gguf *p = tr__gguf_part(g, i);
        tr_gguf_forget(g, p->map, (int64_t)p->data_start);
    }
}

/* Row by row, so that the message can say where. */
static int check_tensor(const struct tr_gguf *g, const struct tr_gguf_tensor *t,
                        struct tr_err *err)
{
    int64_t row = tr_gguf_row(t);
    int64_t row_bytes = row / t->dtype->block * t->dtype->bytes;
    const char *at = t->data;
    for (int64_t i = 0; i < t->bytes / row_bytes; i++, at += row_bytes)
        if (!t->dtype->finite(at, row))
            return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s': row %lld holds a NaN or "
                              "an infinity (offset %llu)",
                              tr_gguf_part_path(g, (size_t)t->part), t->name, (long long)i,
                              (unsigned long long)(t->offset + (uint64_t)(i * row_bytes)));
    return 0;
}

int tr_gguf_check(const struct tr_gguf *g, struct tr_err *err)
{
    for (size_t i = 0; i < g->n_tensor; i++) {
        const struct tr_gguf_tensor *t = &g->tensor[i];
        if (t->dtype->finite && check_tensor(g, t, err))
            return TR_EFORMAT;
    }
    return 0;
}
