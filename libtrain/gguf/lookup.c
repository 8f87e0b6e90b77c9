/* SPDX-License-Identifier: MIT
 *
 * Questions about a file that is open: its keys and tensors by number and by name, and what
 * was odd about it.  The values behind the keys are in values.c.
 */
#include <libtrain/gguf/reader.h>
#include <libtrain/printable.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void tr__gguf_warn(struct tr_gguf *g, enum tr__gguf_oddity what, const char *fmt, ...)
{
    struct tr__gguf_warning *w = &g->warning[what];
    char text[sizeof w->text];
    va_list ap;
    if (w->count++)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    tr_escape(w->text, sizeof w->text, text, strlen(text));
}

const char *tr_gguf_warning(const struct tr_gguf *g, size_t i)
{
    for (size_t k = 0; k < TR__ODD_N; k++)
        if (g->warning[k].count && i-- == 0)
            return g->warning[k].text;
    return NULL;
}

const char *tr_gguf_path(const struct tr_gguf *g)
{
    return g->path;
}

uint32_t tr_gguf_version(const struct tr_gguf *g)
{
    return g->version;
}

uint64_t tr_gguf_alignment(const struct tr_gguf *g)
{
    return g->alignment;
}

size_t tr_gguf_n_kv(const struct tr_gguf *g)
{
    return g->n_kv;
}

const struct tr_gguf_kv *tr_gguf_kv(const struct tr_gguf *g, size_t i)
{
    return &g->kv[i];
}

const struct tr_gguf_kv *tr_gguf_find_kv(const struct tr_gguf *g, const char *key)
{
    size_t i = tr__names_find(&g->key_index, g->kv, sizeof *g->kv, key);
    return i == TR__NO_NAME ? NULL : &g->kv[i];
}

size_t tr_gguf_n_tensor(const struct tr_gguf *g)
{
    return g->n_tensor;
}

const struct tr_gguf_tensor *tr_gguf_tensor(const struct tr_gguf *g, size_t i)
{
    return &g->tensor[i];
}

const struct tr_gguf_tensor *tr_gguf_find_tensor(const struct tr_gguf *g, const char *name)
{
    size_t i = tr__names_find(&g->tensor_index, g->tensor, sizeof *g->tensor, name);
    return i == TR__NO_NAME ? NULL : &g->tensor[i];
}

int64_t tr_gguf_block(const char *name, const char **rest)
{
    int64_t n = 0;
    const char *s = strncmp(name, "blk.", 4) ? "" : name + 4;
    if (*s < '0' || *s > '9' || (*s == '0' && s[1] != '.'))
        return -1; /* a number is written in one way only, or two names were one tensor */
    for (; *s >= '0' && *s <= '9'; s++)
        n = n > (INT64_MAX - 9) / 10 ? INT64_MAX : 10 * n + (*s - '0');
    if (*s != '.')
        return -1;
    if (rest)
        *rest = s + 1;
    return n;
}

int64_t tr_gguf_row(const struct tr_gguf_tensor *t)
{
    return t->dim[t->n_dim - 1];
}

int64_t tr_gguf_count(const struct tr_gguf_tensor *t)
{
    return t->dim[0] * t->dim[1] * t->dim[2] * t->dim[3]; /* the reader has checked it */
}

/* Dimension i counted from the fastest; 1 beyond the slowest. */
static int64_t from_fastest(int n_dim, const int64_t *dim, int i)
{
    return i < n_dim ? dim[n_dim - 1 - i] : 1;
}

int tr_gguf_has_shape(const struct tr_gguf_tensor *t, int n_dim, const int64_t *dim)
{
    for (int i = 0; i < TR__GGUF_MAX_DIM; i++)
        if (from_fastest(t->n_dim, t->dim, i) != from_fastest(n_dim, dim, i))
            return 0;
    return 1;
}

const char *tr_gguf_shape_text(char *text, int n_dim, const int64_t *dim)
{
    int n = snprintf(text, TR_GGUF_SHAPE_BYTES, "(%lld", (long long)dim[0]);
    for (int i = 1; i < n_dim && i < TR__GGUF_MAX_DIM; i++)
        n += snprintf(text + n, (size_t)(TR_GGUF_SHAPE_BYTES - n), ", %lld",
                      (long long)dim[i]);
    snprintf(text + n, (size_t)(TR_GGUF_SHAPE_BYTES - n), ")");
    return text;
}
