/* SPDX-License-Identifier: MIT
 *
 * Files of one model that are written one after the other and appear together: each is
 * complete and read back, under the name of a temporary, before any takes its place.
 */
#include <libtrain/base/base.h>
#include <libtrain/file.h>
#include <libtrain/split.h>

#include <stdlib.h>
#include <string.h>

enum { MAX_PART = UINT16_MAX }; /* the type of the keys */

struct tr_parts {
    char *prefix;
    struct tr_gguf_writer **w; /* (n) of which n_open are there */
    int64_t n, n_open, n_tensor;
};

int tr_parts_check(const struct tr_gguf *g, const char *path, struct tr_err *err)
{
    for (size_t i = 0; i < tr_gguf_n_part(g); i++)
        if (tr_same_file(path, tr_gguf_part_path(g, i)))
            return tr_err_set(err, TR_EIO, "'%s' is the same file as input '%s'", path,
                              tr_gguf_part_path(g, i));
    return 0;
}

struct tr_parts *tr_parts_new(const char *prefix, int64_t n, int64_t n_tensor,
                              struct tr_err *err)
{
    if (n < 1 || n > MAX_PART) {
        tr_err_set(err, TR_EUNSUPPORTED, "'%s': %lld parts, at most %d may be", prefix,
                   (long long)n, MAX_PART);
        return NULL;
    }
    struct tr_parts *p = calloc(1, sizeof *p);
    if (p && (p->prefix = strdup(prefix)) && (p->w = calloc((size_t)n, sizeof *p->w))) {
        p->n = n;
        p->n_tensor = n_tensor;
        return p;
    }
    tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its parts", prefix);
    if (tr_parts_finish(p, TR_ENOMEM, err))
        return NULL;
    return NULL;
}

static int complete_last(struct tr_parts *p, struct tr_err *err)
{
    return p->n_open ? tr_gguf_complete(p->w[p->n_open - 1], err) : 0;
}

struct tr_gguf_writer *tr_parts_next(struct tr_parts *p, struct tr_err *err)
{
    size_t bytes = strlen(p->prefix) + 64;
    char *path = malloc(bytes);
    struct tr_gguf_writer *w = NULL;
    if (p->n_open == p->n)
        tr_fatal("split: more than %lld parts", (long long)p->n);
    if (!path || tr_gguf_part_name(path, bytes, p->prefix, p->n_open, p->n))
        tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its parts", p->prefix);
    else if (!complete_last(p, err) && (w = tr_gguf_create(path, err)))
        p->w[p->n_open++] = w;
    free(path);
    return w;
}

static void set_small(struct tr_gguf_writer *w, const char *key, enum tr_gguf_type type,
                      int64_t v, size_t bytes)
{
    unsigned char le[4];
    tr__put_u32(le, (uint32_t)v);
    struct tr_gguf_kv kv = { key, type, type, 1, le, bytes };
    tr_gguf_unset(w, key);
    tr_gguf_set_kv(w, &kv);
}

void tr_parts_set_keys(struct tr_parts *p, int count_last)
{
    struct tr_gguf_writer *w = p->w[p->n_open - 1];
    set_small(w, "split.no", TR_GGUF_U16, p->n_open - 1, 2);
    set_small(w, "split.count", TR_GGUF_U16, p->n, 2);
    set_small(w, "split.tensors.count", TR_GGUF_I32, p->n_tensor, 4);
    if (count_last)
        set_small(w, "split.count", TR_GGUF_U16, p->n, 2);
}

int tr_parts_finish(struct tr_parts *p, int rc, struct tr_err *err)
{
    if (!p)
        return rc;
    if (!rc && p->n_open != p->n)
        tr_fatal("split: %lld of %lld parts", (long long)p->n_open, (long long)p->n);
    if (!rc)
        rc = complete_last(p, err);
    for (int64_t i = p->n_open; i-- > 0;)
        rc = tr_gguf_finish(p->w[i], rc, err);
    free(p->w);
    free(p->prefix);
    free(p);
    return rc;
}
