/* SPDX-License-Identifier: MIT
 *
 * Encoding many short texts, with one memory of words, where it matters who wrote what:
 * special tokens are taken from the template of a chat and not from the words of its user.
 * Ids are those of encode.c, whose parts are used here.  Read next: places.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/kind.h>

#include <stdlib.h>

enum { MEMO = 1 << 14 }; /* words: 3 MiB for a thread */

void tr_text_ranges_release(struct tr_text_ranges *r)
{
    free(r->at);
    *r = (struct tr_text_ranges){ 0 };
}

struct tr_encoder *tr_encoder_new(const struct tr_tokenizer *t, struct tr_err *err)
{
    struct tr_encoder *e = calloc(1, sizeof *e);
    if (!e) {
        tr_err_sys(err, "cannot hold an encoder");
        return NULL;
    }
    e->t = t;
    e->err = err;
    if (tr__encoder_remember(e, MEMO)) {
        tr_encoder_free(e);
        return NULL;
    }
    return e;
}

void tr_encoder_free(struct tr_encoder *e)
{
    if (!e)
        return;
    tr__encoder_release(e);
    free(e);
}

uint64_t tr_encoder_spelt(const struct tr_encoder *e, uint32_t *id)
{
    *id = e->spelt;
    return e->n_spelt;
}

/* BOS or EOS, which stands for no bytes. */
static int push_around(struct tr_encoder *e, int32_t id, const char *name, size_t at)
{
    int rc = tr__push_around(e->out, id, name, e->err);
    return rc || !e->where ? rc : tr__note(e, at, at);
}

int tr_encoder_encode(struct tr_encoder *e, const char *text, size_t len, int flags,
                      const struct tr_text_range *literal, size_t n_literal,
                      struct tr_tokens *out, struct tr_text_ranges *where,
                      struct tr_err *err)
{
    size_t n_out = out->n, n_where = where ? where->n : 0;
    e->text = text;
    e->out = out;
    e->err = err;
    e->where = where;
    e->literal = literal;
    e->n_literal = n_literal;
    int rc = flags & TR_ENCODE_BOS ? push_around(e, e->t->bos, "BOS", 0) : 0;
    if (!rc)
        rc = tr__encode_parts(e, 0, len, flags & TR_ENCODE_SPECIAL, 1);
    if (!rc && flags & TR_ENCODE_EOS)
        rc = push_around(e, e->t->eos, "EOS", len);
    if (rc) {
        out->n = n_out;
        if (where)
            where->n = n_where;
    }
    return rc;
}

int tr_tokenizer_encode_ranges(const struct tr_tokenizer *t, const char *text, size_t len,
                               int flags, const struct tr_text_range *literal,
                               size_t n_literal, struct tr_tokens *out,
                               struct tr_text_ranges *where, struct tr_err *err)
{
    struct tr_encoder *e = tr_encoder_new(t, err);
    if (!e)
        return TR_ENOMEM;
    int rc = tr_encoder_encode(e, text, len, flags, literal, n_literal, out, where, err);
    tr_encoder_free(e);
    return rc;
}
