/* SPDX-License-Identifier: MIT
 *
 * Merges as pairs of tokens.  A GGUF has each in one string, the two parted by a space; the
 * tokenizer of the folder wants to know both and what they make.  One that it would not
 * know is left out: it changes no id there, and would make the file unreadable.
 */
#include <libtrain/hf/vocab_out.h>

#include <libtrain/vocabulary/vocabulary.h>

#include <stdio.h>
#include <string.h>

struct merges {
    const struct tr_gguf_kv *kv; /* NULL: there are none */
    struct tr__strings token;    /* some tokens */
};

static int open_merges(const struct tr__hf_vocab_out *o, struct merges *m, size_t from,
                       size_t to, struct tr_err *err)
{
    int rc = tr_gguf_array(o->g, "tokenizer.ggml.merges", TR_GGUF_STRING, &m->kv, err);
    for (size_t i = from; i < to && rc == 1; i++)
        if (o->type[i] && tr__strings_put(&m->token, o->token[i].ptr, o->token[i].len) < 0)
            rc = tr_err_set(err, TR_ENOMEM, "out of memory for %zu tokens", o->n);
    return rc < 0 ? rc : 0;
}

/* The two texts of a merge, and 1 if what they make is one of the tokens. */
static int parts(const struct merges *m, struct tr_str s, struct tr_str part[2])
{
    enum { MOST = 1 << 13 };
    char whole[MOST];
    const char *space = s.len > 1 ? memchr(s.ptr + 1, ' ', s.len - 1) : NULL;
    if (!space || s.len > MOST)
        return 0;
    size_t n = (size_t)(space - s.ptr), rest = s.len - n - 1;
    part[0] = (struct tr_str){ s.ptr, n };
    part[1] = (struct tr_str){ space + 1, rest };
    memcpy(whole, s.ptr, n);
    memcpy(whole + n, space + 1, rest);
    return rest && tr__strings_find(&m->token, whole, n + rest) >= 0;
}

static int is_token(const struct merges *m, struct tr_str s)
{
    return tr__strings_find(&m->token, s.ptr, s.len) >= 0;
}

static int each(const struct tr__hf_vocab_out *o,
                void (*f)(FILE *f, const struct tr_str part[2], int first),
                struct tr_err *err)
{
    struct merges m = { 0 };
    struct tr_str part[2];
    uint64_t cursor = 0;
    int rc = open_merges(o, &m, 0, o->n_listed, err);
    for (uint64_t i = 0, n = 0; !rc && m.kv && i < m.kv->count; i++)
        if (parts(&m, tr_gguf_elem_string(m.kv, &cursor), part) && is_token(&m, part[0]) &&
            is_token(&m, part[1]))
            f(o->f, part, !n++);
    tr__strings_release(&m.token);
    return rc;
}

int tr__hf_out_is_merged(const struct tr__hf_vocab_out *o, size_t from, struct tr_err *err)
{
    struct merges m = { 0 };
    struct tr_str part[2];
    uint64_t cursor = 0;
    int rc = open_merges(o, &m, from, o->n, err);
    for (uint64_t i = 0; !rc && m.kv && i < m.kv->count; i++)
        rc = parts(&m, tr_gguf_elem_string(m.kv, &cursor), part);
    tr__strings_release(&m.token);
    return rc;
}

static void pair(FILE *f, const struct tr_str part[2], int first)
{
    fputs(first ? "\n      [" : ",\n      [", f);
    tr__hf_out_string(f, part[0]);
    fputs(", ", f);
    tr__hf_out_string(f, part[1]);
    putc(']', f);
}

int tr__hf_out_pairs(const struct tr__hf_vocab_out *o, struct tr_err *err)
{
    return each(o, pair, err);
}

static void line(FILE *f, const struct tr_str part[2], int first)
{
    (void)first;
    fwrite(part[0].ptr, 1, part[0].len, f);
    putc(' ', f);
    fwrite(part[1].ptr, 1, part[1].len, f);
    putc('\n', f);
}

int tr__hf_out_lines(const struct tr__hf_vocab_out *o, struct tr_err *err)
{
    fputs("#version: 0.2\n", o->f);
    return each(o, line, err);
}
