/* SPDX-License-Identifier: MIT
 *
 * Tokens of a document and which of them count: one counts if any of its bytes lie in a span
 * that is trained.  A token without bytes, which a tokenizer puts in front of a word, goes
 * with the byte behind it.  Read next: prepare_spans.c, where the spans come from.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/prepare_row.h>

static struct tr_prepared_doc *last(struct tr_prepared *out)
{
    return &out->doc[out->n_doc - 1];
}

int tr__doc_begin(struct tr_prepared *out, struct tr_err *err)
{
    if (tr__grow(&out->doc, &out->cap_doc, out->n_doc + 1, sizeof *out->doc))
        return tr_err_sys(err, "cannot hold %zu documents", out->n_doc + 1);
    out->doc[out->n_doc++] = (struct tr_prepared_doc){ .start = out->n_token };
    return 0;
}

static int reserve(struct tr_prepared *out, size_t more, struct tr_err *err)
{
    size_t n = out->n_token + more;
    if (tr__grow(&out->token, &out->cap_token, n, sizeof *out->token) ||
        tr__grow(&out->weight, &out->cap_weight, n, sizeof *out->weight))
        return tr_err_sys(err, "cannot hold %zu tokens", n);
    return 0;
}

/* Where there is room. */
static void push(struct tr_prepared *out, uint32_t id, float weight)
{
    struct tr_prepared_doc *d = last(out);
    size_t i = out->n_token++;
    int counts = weight > 0 && i > d->start; /* nothing is in front of the first */
    out->token[i] = weight > 0 ? id : id | TR_TOKEN_MASKED;
    out->weight[i] = weight > 0 ? weight : 1;
    d->n_trained += (size_t)counts;
    d->weighted |= counts && weight != 1;
}

int tr__doc_token(struct tr_prepared *out, uint32_t id, float weight, struct tr_err *err)
{
    int rc = reserve(out, 1, err);
    if (!rc)
        push(out, id, weight);
    return rc;
}

void tr__doc_end(struct tr_prepared *out)
{
    struct tr_prepared_doc *d = last(out);
    d->n = out->n_token - d->start;
}

/* Weight of the token at bytes [start, end), 0 if it does not count.  *at is the first span
 * that may hold it or a later one. */
static float weight_of(const struct tr_preparer *w, struct tr_text_range r, size_t *at)
{
    size_t end = r.end > r.start ? r.end : r.start + 1;
    const struct tr__span *s = w->span + *at;
    while (*at < w->n_span && (s->end <= r.start || s->end == s->start)) {
        s++;
        ++*at;
    }
    return *at < w->n_span && s->start < end ? s->weight : 0;
}

/* Exactly one BOS, whoever wrote it; *first is the first id behind it. */
static int put_bos(const struct tr_preparer *w, int wanted, size_t *first,
                   struct tr_prepared *out, struct tr_err *err)
{
    int32_t bos = tr_tokenizer_bos(w->p->tokenizer);
    size_t n = 0;
    while (bos >= 0 && n < w->ids.n && w->ids.id[n] == (uint32_t)bos)
        n++;
    *first = n;
    if (!n && wanted && bos < 0)
        return tr_err_set(err, TR_EFORMAT, "the vocabulary has no BOS to put around a text");
    return n || wanted ? tr__doc_token(out, (uint32_t)bos, 0, err) : 0;
}

static int put_eos(struct tr_preparer *w, size_t n, size_t at, struct tr_prepared *out,
                   struct tr_err *err)
{
    int32_t eos = tr_tokenizer_eos(w->p->tokenizer);
    if (w->ids.n && w->ids.id[w->ids.n - 1] == (uint32_t)eos)
        return 0;
    if (eos < 0)
        return tr_err_set(err, TR_EFORMAT, "the vocabulary has no EOS to put around a text");
    return tr__doc_token(out, (uint32_t)eos,
                         weight_of(w, (struct tr_text_range){ n, n }, &at), err);
}

int tr__doc_text(struct tr_preparer *w, const char *text, size_t n, int flags,
                 struct tr_prepared *out, struct tr_err *err)
{
    size_t at = 0, first = 0;
    w->ids.n = w->where.n = 0;
    int rc = tr_encoder_encode(w->encoder, text, n, TR_ENCODE_SPECIAL, w->literal,
                               w->n_literal, &w->ids, &w->where, err);
    if (!rc)
        rc = put_bos(w, flags & TR_ENCODE_BOS, &first, out, err);
    if (!rc)
        rc = reserve(out, w->ids.n - first, err);
    for (size_t i = first; i < w->ids.n && !rc; i++)
        push(out, w->ids.id[i], weight_of(w, w->where.at[i], &at));
    return rc || !(flags & TR_ENCODE_EOS) ? rc : put_eos(w, n, at, out, err);
}
