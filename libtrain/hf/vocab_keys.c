/* SPDX-License-Identifier: MIT
 *
 * The long lists of a vocabulary as arrays of a GGUF.
 */
#include <libtrain/hf/vocab_files.h>

#include <stdio.h>
#include <stdlib.h>

enum { PAD = 16 }; /* bytes of "[PAD4194303]" */

struct keys { /* arrays, (n) each */
    size_t n;
    struct tr_str *token;
    int32_t *type;
    float *score;
    char (*pad)[PAD];
};

static void release_keys(struct keys *k)
{
    free(k->token);
    free(k->type);
    free(k->score);
    free(k->pad);
}

static int make_keys(struct keys *k, size_t n, struct tr_err *err)
{
    k->n = n;
    k->token = malloc(n * sizeof *k->token);
    k->type = malloc(n * sizeof *k->type);
    k->score = malloc(n * sizeof *k->score);
    k->pad = malloc(n * sizeof *k->pad);
    return k->token && k->type && k->score && k->pad ? 0 :
           tr_err_sys(err, "cannot hold %zu tokens", n);
}

/* What no token has the id of is a token that no text has. */
static void fill_keys(struct keys *k, const struct tr__hf_pieces *p)
{
    for (size_t i = 0; i < k->n; i++) {
        const struct tr__hf_piece *piece = i < p->n ? &p->at[i] : NULL;
        int len = snprintf(k->pad[i], PAD, "[PAD%zu]", i);
        k->token[i] = (struct tr_str){ k->pad[i], (size_t)len };
        k->type[i] = TR__HF_UNUSED;
        k->score[i] = -10000;
        if (!piece || !piece->text_plus)
            continue;
        k->token[i] = piece->is_text ? tr__strings_at(&p->text, piece->is_text - 1) :
                      tr__hf_piece_text(p, i);
        k->type[i] = piece->type;
        k->score[i] = piece->score;
    }
}

int tr__hf_set_tokens(struct tr_gguf_writer *w, const struct tr__hf_pieces *p, size_t n,
                      int scores, struct tr_err *err)
{
    struct keys k = { 0 };
    int rc = make_keys(&k, n, err);
    if (!rc) {
        fill_keys(&k, p);
        tr_gguf_set_strings(w, "tokenizer.ggml.tokens", k.token, n);
        if (scores)
            tr_gguf_set_array(w, "tokenizer.ggml.scores", TR_GGUF_F32, k.score, n);
        tr_gguf_set_array(w, "tokenizer.ggml.token_type", TR_GGUF_I32, k.type, n);
    }
    release_keys(&k);
    return rc;
}

/* A space in one of the texts would be taken for the one between them: it is written as
 * U+0120, which GPT-2's alphabet has for it. */
static size_t spell_part(char *to, struct tr_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == ' ')
            to[n++] = '\xc4';
        to[n++] = s.ptr[i] == ' ' ? '\xa0' : s.ptr[i];
    }
    return n;
}

static size_t spell_merge(char *to, struct tr_str left, struct tr_str right)
{
    size_t n = spell_part(to, left);
    to[n++] = ' ';
    return n + spell_part(to + n, right);
}

int tr__hf_set_merges(struct tr_gguf_writer *w, const struct tr__hf_pieces *p,
                      struct tr_err *err)
{
    size_t bytes = 1, used = 0;
    for (size_t i = 0; i < p->n_merge; i++)
        bytes += 2 * ((size_t)p->text.s[p->merge[i].left].len +
                      p->text.s[p->merge[i].right].len) + 1;
    char *text = malloc(bytes);
    struct tr_str *s = malloc((p->n_merge + 1) * sizeof *s);
    int rc = text && s ? 0 : tr_err_sys(err, "cannot hold %zu merges", p->n_merge);
    for (size_t i = 0; i < p->n_merge && !rc; i++) {
        s[i].ptr = text + used;
        s[i].len = spell_merge(text + used, tr__strings_at(&p->text, p->merge[i].left),
                               tr__strings_at(&p->text, p->merge[i].right));
        used += s[i].len;
    }
    if (!rc && p->n_merge)
        tr_gguf_set_strings(w, "tokenizer.ggml.merges", s, p->n_merge);
    free(text);
    free(s);
    return rc;
}
