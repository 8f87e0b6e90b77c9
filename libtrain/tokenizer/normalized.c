/* SPDX-License-Identifier: MIT
 *
 * What kinds share that do not spell their text byte for byte: the tokens that a file has,
 * and where in the text an id or a normalised byte comes from.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/kind.h>

#include <stdlib.h>
#include <string.h>

/* The types as the file has them: the texts that give others away do not count here. */
static int64_t type_of(const struct tr_gguf_kv *types, uint64_t i)
{
    int64_t type = types ? tr_gguf_elem_int(types, i) : TR__TOKEN_NORMAL;
    return type > 0 && type < TR__TOKEN_N_TYPE ? type : TR__TOKEN_UNDEFINED;
}

size_t tr__plain_text(const char *text, size_t len, char *out, int *spelt)
{
    (void)spelt; /* all is */
    if (len)
        memmove(out, text, len);
    return len;
}

int tr__index_tokens(struct tr_tokenizer *t, const struct tr_gguf *g, unsigned types,
                     struct tr__tree *trie, struct tr_err *err)
{
    const struct tr_gguf_kv *tokens = tr_gguf_find_kv(g, "tokenizer.ggml.tokens");
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, "tokenizer.ggml.token_type");
    struct tr__key *key = malloc(t->vocab.n * sizeof *key);
    uint64_t cursor = 0;
    size_t n = 0;
    if (!key)
        return tr_err_sys(err, "cannot index %u tokens", t->vocab.n);
    for (uint32_t i = 0; i < t->vocab.n; i++) {
        struct tr_str text = tr_gguf_elem_string(tokens, &cursor);
        if (text.len && types >> type_of(kv, i) & 1)
            key[n++] = (struct tr__key){ text, (int32_t)i };
    }
    int rc = tr__tree_build(trie, key, n, err);
    free(key);
    return rc;
}

int tr__join_trie(struct tr_tokenizer *t, struct tr_err *err)
{
    t->joint = calloc(256, sizeof *t->joint);
    if (!t->joint)
        return tr_err_sys(err, "cannot index the tokens");
    for (uint32_t node = 1; node < t->trie.n; node++)
        for (uint32_t i = t->trie.child[node]; i < t->trie.child[node + 1]; i++)
            tr__spm_join(t, t->trie.label[node], t->trie.label[i]);
    return 0;
}

int tr__is_apart(const struct tr_tokenizer *t, const char *text, size_t len, size_t at)
{
    unsigned char a = (unsigned char)text[at - 1], b = (unsigned char)text[at];
    size_t n = 1;
    while (n < 4 && n < at && ((unsigned char)text[at - n] & 0xc0) == 0x80)
        n++;
    return !(t->joint[a][b / 8] >> b % 8 & 1) && tr__utf8_len(text + at - n, n) == n &&
           tr__utf8_len(text + at, len - at) > 0;
}

size_t tr__longest_token(const struct tr_encoder *e, const char *p, size_t left, int32_t *id)
{
    const struct tr__tree *tree = &e->t->trie;
    size_t found = 0;
    uint32_t node = 0;
    for (size_t i = 0; i < left; i++) {
        node = tr__tree_step(tree, node, p[i]);
        if (!node)
            break;
        if (tree->id[node] >= 0 && tr__may_be_text(e, tree->id[node])) {
            found = i + 1;
            *id = tree->id[node];
        }
    }
    return found;
}

int tr__push_at(struct tr_encoder *e, int32_t id, size_t from, size_t to)
{
    if (id < 0)
        return tr_err_set(e->err, TR_EUNSUPPORTED, "what stands at byte %zu of the text "
                          "has no token in this vocabulary, which has none for the "
                          "unknown", from);
    int rc = tr__push_id(e, (uint32_t)id);
    return rc || !e->where ? rc : tr__note(e, from, to);
}

int tr__respell(struct tr_encoder *e, const char *bytes, size_t n, size_t from)
{
    struct tr__spelling *s = &e->spelling;
    if (tr__spool_grow(&s->bytes, &s->cap, s->n + n, 1) ||
        (e->where && tr__grow(&s->from, &s->cap_from, s->n + n + 1, sizeof *s->from)))
        return tr_err_sys(e->err, "cannot hold %zu bytes of text", s->n + n);
    for (size_t i = 0; i < n; i++)
        s->bytes[s->n + i] = bytes[i];
    for (size_t i = 0; e->where && i < n; i++)
        s->from[s->n + i] = from;
    s->n += n;
    return 0;
}

int tr__respell_end(struct tr_encoder *e, size_t to)
{
    struct tr__spelling *s = &e->spelling;
    if (!e->where)
        return 0;
    if (tr__grow(&s->from, &s->cap_from, s->n + 1, sizeof *s->from))
        return tr_err_sys(e->err, "cannot hold %zu bytes of text", s->n);
    s->from[s->n] = to;
    return 0;
}
