/* SPDX-License-Identifier: MIT
 *
 * From a folder's files to the keys tokenizer.* of a GGUF: which of the files has the
 * vocabulary, which kind of tokenizer that is, and the keys in the order in which llama.cpp's
 * converter writes them.  Read next: vocab_json.c, vocab_added.c, vocab_special.c,
 * vocab_pre.c.
 */
#include <libtrain/hf/text.h>
#include <libtrain/hf/vocab_files.h>
#include <libtrain/hf/vocab_json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys ------------------------------------------------------------------------- */

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

static int set_tokens(struct tr_gguf_writer *w, const struct tr__hf_pieces *p, size_t n,
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

static int set_merges(struct tr_gguf_writer *w, const struct tr__hf_pieces *p,
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

/* ---- files ------------------------------------------------------------------------ */

static int read_json(struct tr__hf_pieces *p, struct tr__hf_vocab_files *f,
                     const char *path, struct tr_err *err)
{
    char *text = NULL;
    size_t n;
    int rc = tr__hf_text(path, TR__HF_MAX_TOKENIZER, &text, &n, err);
    if (!rc)
        rc = tr__hf_vocab_json(text, n, path, p, &f->tokenizer, err);
    free(text);
    return rc;
}

static int read_lists(struct tr__hf_pieces *p, const char *vocab, const char *merges,
                      struct tr_err *err)
{
    char *text = NULL;
    size_t n;
    int rc = tr__hf_text(vocab, TR__HF_MAX_TOKENIZER, &text, &n, err);
    if (!rc)
        rc = tr__hf_vocab_object(text, n, vocab, p, err);
    free(text);
    text = NULL;
    if (!rc)
        rc = tr__hf_text(merges, TR__HF_MAX_TOKENIZER, &text, &n, err);
    if (!rc)
        rc = tr__hf_vocab_merges(text, n, merges, p, err);
    free(text);
    return rc;
}

static int read_vocabulary(struct tr__hf_pieces *p, struct tr__hf_vocab_files *f,
                           struct tr_err *err)
{
    char path[TR__HF_PATH], merges[TR__HF_PATH];
    int found = tr__hf_vocab_path(f->dir, "tokenizer.json", path, err);
    if (found)
        return found < 0 ? found : read_json(p, f, path, err);
    found = tr__hf_vocab_path(f->dir, "vocab.json", path, err);
    if (found == 1)
        found = tr__hf_vocab_path(f->dir, "merges.txt", merges, err);
    if (found)
        return found < 0 ? found : read_lists(p, path, merges, err);
    return tr_err_set(err, TR_EFORMAT, "'%s': no tokenizer.json, and no vocab.json with "
                      "merges.txt", f->dir);
}

/* Ids that the model has rows for. */
static int count_tokens(const struct tr__hf_vocab_files *f, const struct tr__hf_pieces *p,
                        int64_t rows, size_t *n, struct tr_err *err)
{
    const struct tr_json *v = rows ? NULL : tr__hf_config(f, "vocab_size");
    int64_t size = rows ? rows : v ? tr_json_int(v) : (int64_t)p->n;
    if (tr_json_is_big(v) || size < 1 || size > TR__HF_MAX_TOKENS)
        return tr_err_set(err, TR_EFORMAT, "'%s/config.json': vocab_size is not 1 to %d",
                          f->dir, TR__HF_MAX_TOKENS);
    if (p->n > (size_t)size && rows)
        return tr_err_set(err, TR_EFORMAT, "'%s': token %zu has no row in tables of %lld",
                          f->dir, p->n - 1, (long long)size);
    if (p->n > (size_t)size)
        return tr_err_set(err, TR_EFORMAT, "'%s': token %zu does not fit into vocab_size, "
                          "%lld, of config.json", f->dir, p->n - 1, (long long)size);
    *n = (size_t)size;
    return 0;
}

/* ---- kinds ------------------------------------------------------------------------ */

static int set_byte_level(struct tr_gguf_writer *w, const struct tr__hf_vocab_files *f,
                          const struct tr__hf_pieces *p, size_t n,
                          const struct tr__hf_vocab_options *o, struct tr_err *err)
{
    const char *pre = o->pre;
    int rc = pre ? 0 : tr__hf_vocab_pre(f, p, &pre, err);
    if (!rc && !pre)
        rc = tr_err_set(err, TR_EUNSUPPORTED, "'%s': words are cut in a way that is not "
                        "known here; --pre NAME says which it is", f->dir);
    if (rc)
        return rc;
    tr_gguf_set_string(w, "tokenizer.ggml.model", "gpt2");
    tr_gguf_set_string(w, "tokenizer.ggml.pre", pre);
    rc = set_tokens(w, p, n, 0, err);
    return rc ? rc : set_merges(w, p, err);
}

static int set_all(struct tr_gguf_writer *w, struct tr__hf_vocab_files *f,
                   struct tr__hf_pieces *p, const struct tr__hf_vocab_options *o,
                   int64_t *n_token, struct tr_err *err)
{
    size_t n = 0;
    int rc = read_vocabulary(p, f, err);
    if (!rc)
        rc = tr__hf_vocab_add(p, f, err);
    if (!rc)
        rc = count_tokens(f, p, o->rows, &n, err);
    if (!rc)
        rc = set_byte_level(w, f, p, n, o, err);
    if (!rc)
        rc = tr__hf_vocab_special(w, f, p, err);
    if (!rc && n_token)
        *n_token = (int64_t)n;
    return rc;
}

int tr__hf_vocab_set(struct tr_gguf_writer *w, const char *dir,
                     const struct tr__hf_vocab_options *o, int64_t *n, struct tr_err *err)
{
    struct tr__hf_vocab_files f = { 0 };
    struct tr__hf_pieces p = { 0 };
    int rc = tr__hf_vocab_files_open(&f, dir, err);
    if (!rc)
        rc = set_all(w, &f, &p, o, n, err);
    tr__hf_pieces_release(&p);
    tr__hf_vocab_files_close(&f);
    return rc;
}
