/* SPDX-License-Identifier: MIT
 *
 * Names of tensors, found from either side, and where their rows go.  The tables are short, a few
 * dozen rows, so they are walked.  Next: archs/llama.c for such a table, hows.c for what
 * becomes of rows.
 */
#include <libtrain/hf/map.h>

#include <stdio.h>
#include <string.h>

/* Digits at *s, as they are written without zeros in front: the number, or -1. */
static int64_t number(const char **s)
{
    const char *p = *s;
    int64_t n = 0;
    if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
        return -1;
    for (; *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (*p - '0');
        if (n > INT32_MAX)
            return -1;
    }
    *s = p;
    return n;
}

/* Is `name` made by this pattern?  at[2] are its numbers. */
static int matches(const char *pattern, const char *name, int64_t *at)
{
    int n = 0;
    at[0] = at[1] = -1;
    while (*pattern)
        if (pattern[0] == '%' && pattern[1] == 'd') {
            if ((at[n++] = number(&name)) < 0)
                return 0;
            pattern += 2;
        } else if (*pattern++ != *name++) {
            return 0;
        }
    return !*name;
}

/* The next pair whose name on this side is `name`. */
static int find(const struct tr__hf_arch *a, const struct tr__hf_name *from,
                const char *name, int gguf, struct tr__hf_found *f)
{
    for (const struct tr__hf_name *n = from ? from : a->tensor; n->gguf || n->hf; n++) {
        const char *pattern = gguf ? n->gguf : n->hf;
        int64_t at[2];
        if (pattern && matches(pattern, name, at)) {
            *f = (struct tr__hf_found){ n, at[0], at[1] };
            return 1;
        }
    }
    return 0;
}

int tr__hf_find_hf(const struct tr__hf_arch *a, const char *hf, struct tr__hf_found *f)
{
    return find(a, NULL, hf, 0, f);
}

int tr__hf_next_hf(const struct tr__hf_arch *a, const char *hf, struct tr__hf_found *f)
{
    return find(a, f->name + 1, hf, 0, f);
}

int tr__hf_find_gguf(const struct tr__hf_arch *a, const char *gguf, struct tr__hf_found *f)
{
    return find(a, NULL, gguf, 1, f);
}

int tr__hf_find_module(const struct tr__hf_arch *a, const char *module,
                       struct tr__hf_found *f)
{
    char name[TR__HF_NAME_BYTES];
    int n = snprintf(name, sizeof name, "%s.weight", module);
    return n > 0 && (size_t)n < sizeof name && tr__hf_find_hf(a, name, f);
}

/* The pattern with its numbers. */
static void print(char *to, const char *pattern, int64_t layer, int64_t expert)
{
    size_t n = 0;
    for (int64_t at = layer; *pattern && n + 24 < TR__HF_NAME_BYTES;)
        if (pattern[0] == '%' && pattern[1] == 'd') {
            n += (size_t)snprintf(to + n, TR__HF_NAME_BYTES - n, "%lld", (long long)at);
            at = expert;
            pattern += 2;
        } else {
            to[n++] = *pattern++;
        }
    to[n] = 0;
}

void tr__hf_print_hf(char *to, const struct tr__hf_found *f)
{
    print(to, f->name->hf ? f->name->hf : "", f->layer, f->expert);
}

void tr__hf_print_gguf(char *to, const struct tr__hf_found *f)
{
    print(to, f->name->gguf ? f->name->gguf : "", f->layer, f->expert);
}

int tr__hf_is_stack(const struct tr__hf_name *n)
{
    const char *first = n->hf ? strstr(n->hf, "%d") : NULL;
    return first && strstr(first + 2, "%d");
}

static void swap(int64_t *dim, int n)
{
    int64_t t = dim[n - 1];
    dim[n - 1] = dim[n - 2];
    dim[n - 2] = t;
}

/* An expert's dimension stands in front of its shape, or is taken from there. */
void tr__hf_shape(struct tr__hf_place *p)
{
    const struct tr__hf_how *how = p->name->how;
    int stack = tr__hf_is_stack(p->name);
    p->n_gguf = p->n_hf;
    memcpy(p->gguf, p->hf, sizeof p->gguf);
    if (how && how->transposed && p->n_gguf >= 2)
        swap(p->gguf, p->n_gguf);
    if (how && how->shape)
        how->shape(p);
    if (stack && p->n_gguf < 4) {
        memmove(p->gguf + 1, p->gguf, 3 * sizeof *p->gguf);
        p->gguf[0] = p->size->n_expert;
        p->n_gguf++;
    }
}

void tr__hf_shape_back(struct tr__hf_place *p)
{
    const struct tr__hf_how *how = p->name->how;
    int stack = tr__hf_is_stack(p->name);
    p->n_hf = p->n_gguf - stack;
    for (int i = 0; i < 4; i++)
        p->hf[i] = i + stack < 4 ? p->gguf[i + stack] : 1;
    if (how && how->transposed && p->n_hf >= 2)
        swap(p->hf, p->n_hf);
    if (how && how->shape_back)
        how->shape_back(p);
}

int tr__hf_moves_rows(const struct tr__hf_name *n)
{
    return n->how && n->how->row;
}

int tr__hf_moves_columns(const struct tr__hf_name *n)
{
    return n->how && n->how->column;
}

int64_t tr__hf_row(const struct tr__hf_place *p, int64_t r)
{
    return tr__hf_moves_rows(p->name) ? p->name->how->row(p, r) : r;
}

int64_t tr__hf_column(const struct tr__hf_place *p, int64_t c)
{
    return tr__hf_moves_columns(p->name) ? p->name->how->column(p, c) : c;
}
