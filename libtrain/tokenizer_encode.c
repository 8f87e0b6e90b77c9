/* SPDX-License-Identifier: MIT
 *
 * From text to ids: special tokens are cut out first, what lies between goes to the kind
 * of the tokenizer.  Words come back again and again, so their ids are remembered by
 * place: in the text, and in the output of the same call.
 */
#include <libtrain/internal/tokenizer.h>

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { MEMO_MAX = 1 << 15, MEMO_WORD = 64 /* longest word that is remembered */ };

void tr_tokens_release(struct tr_tokens *t)
{
    free(t->id);
    *t = (struct tr_tokens){ 0 };
}

static int reserve_ids(struct tr_tokens *out, size_t n, struct tr_err *err)
{
    if (n <= out->cap - out->n)
        return 0;
    size_t cap = out->cap + out->cap / 2 + n + 64;
    uint32_t *id = cap <= SIZE_MAX / sizeof *id ? realloc(out->id, cap * sizeof *id) : NULL;
    if (!id)
        return tr_err_set(err, TR_ENOMEM, "cannot hold %zu tokens", cap);
    out->id = id;
    out->cap = cap;
    return 0;
}

int tr_tokens_push(struct tr_tokens *t, uint32_t id, struct tr_err *err)
{
    int rc = reserve_ids(t, 1, err);
    if (!rc)
        t->id[t->n++] = id;
    return rc;
}

int tr__push_id(struct tr__encoder *e, uint32_t id)
{
    return tr_tokens_push(e->out, id, e->err);
}

int tr__push_symbols(struct tr__encoder *e, const char *word)
{
    int rc = 0;
    for (uint32_t i = 0; i != TR__NO_SYMBOL && !rc; i = e->work.sym[i].next) {
        const struct tr__symbol *s = &e->work.sym[i];
        if (s->id >= 0)
            rc = tr__push_id(e, (uint32_t)s->id);
        else
            for (uint32_t k = 0; k < s->len && !rc; k++)
                rc = tr__push_id(e, (uint32_t)e->t->byte_id[
                                        (unsigned char)word[s->start + k]]);
    }
    return rc;
}

static int memo_init(struct tr__encoder *e, size_t len)
{
    size_t n = 64;
    if (len < 8 * n)
        return 0;
    while (n < MEMO_MAX && n < len / 8)
        n *= 2;
    e->memo = calloc(n, sizeof *e->memo);
    e->memo_mask = n - 1;
    return e->memo ? 0 : tr_err_sys(e->err, "cannot hold %zu words", n);
}

void tr__memo_forget(struct tr__encoder *e)
{
    if (e->memo)
        memset(e->memo, 0, (e->memo_mask + 1) * sizeof *e->memo);
}

int tr__memo_word(struct tr__encoder *e, const char *word, size_t len,
                  int (*encode)(struct tr__encoder *e, const char *word, size_t len))
{
    if (!e->memo || len > MEMO_WORD)
        return encode(e, word, len);
    struct tr__memo *m = &e->memo[XXH3_64bits(word, len) & e->memo_mask];
    if (m->word && m->len == len && !memcmp(m->word, word, len)) {
        int rc = reserve_ids(e->out, m->n, e->err);
        if (rc)
            return rc;
        for (uint32_t i = 0; i < m->n; i++)
            e->out->id[e->out->n + i] = e->out->id[m->at + i];
        e->out->n += m->n;
        return 0;
    }
    size_t at = e->out->n;
    int rc = encode(e, word, len);
    if (!rc)
        *m = (struct tr__memo){ word, (uint32_t)len, (uint32_t)(e->out->n - at), at };
    return rc;
}

/* Stretches of plain text and the special tokens between them. */
static int encode_parts(struct tr__encoder *e, const char *text, size_t len, int all)
{
    const struct tr__vocab *v = &e->t->vocab;
    int rc = 0, first = 1;
    for (size_t at = 0; at < len && !rc;) {
        uint32_t id;
        size_t end = tr__vocab_find_special(v, text, len, at, all, &id);
        if (end > at) {
            rc = e->t->kind->encode(e, text + at, end - at, first);
            first = 0;
        }
        at = end;
        if (end < len && !rc) {
            rc = tr__push_id(e, id);
            at += tr__vocab_bytes(v, id).len;
            first = 1;
        }
    }
    return rc;
}

int tr_tokenizer_encode(const struct tr_tokenizer *t, const char *text, size_t len,
                        int flags, struct tr_tokens *out, struct tr_err *err)
{
    struct tr__encoder e = { .t = t, .text = text, .out = out, .err = err };
    size_t before = out->n;
    int rc = memo_init(&e, len);
    if (!rc)
        rc = encode_parts(&e, text, len, flags & TR_ENCODE_SPECIAL);
    if (rc)
        out->n = before;
    tr__splitter_release(&e.splitter);
    free(e.memo);
    free(e.work.sym);
    free(e.work.heap);
    return rc;
}
