/* SPDX-License-Identifier: MIT
 *
 * A row becomes documents.  A chat is rendered whole, and all turns whose bytes are known
 * then are trained in that one document.  Some templates write a turn in another way once
 * there are later ones, leaving out what it thought: such a turn gets a document of its own,
 * the chat as it was when the turn was the last, since that is what the model will have to
 * write.  Read next: prepare_spans.c and prepare_mask.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/prepare_row.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---- a chat ----------------------------------------------------------------------- */

/* What of the text at hand gives no control tokens. */
static int set_literal(struct tr_preparer *w, const struct tr_chat_text *t,
                       struct tr_err *err)
{
    w->n_literal = w->p->special ? 0 : t->n_data;
    if (tr__grow(&w->literal, &w->cap_literal, w->n_literal, sizeof *w->literal))
        return tr_err_sys(err, "cannot hold %zu ranges", w->n_literal);
    for (size_t i = 0; i < w->n_literal; i++)
        w->literal[i] = (struct tr_text_range){ t->data[i].start, t->data[i].end };
    return 0;
}

static int says_true(const struct tr_json *row, const char *key)
{
    const struct tr_json *v = tr_json_get(row, key);
    return v && tr_json_kind(v) == TR_JSON_BOOL && tr_json_bool(v);
}

/* A template may write an end of line behind the end of a turn, or the next one's header; one
 * in front of it ends the turn before. */
static int ends_well(const struct tr_preparer *w, const uint32_t *token, size_t from,
                     size_t to)
{
    enum { LAST = 8 };
    for (size_t k = to; k > from && k + LAST > to; k--)
        if (tr_tokenizer_is_eog(w->p->tokenizer, TR_TOKEN_ID(token[k - 1])))
            return k - 1 > from || to - from < 3;
    return 0;
}

/* Turns that do not end the way the model ends a text. */
static void look_for_ends(const struct tr_preparer *w, struct tr_prepared *out)
{
    const struct tr_prepared_doc *d = &out->doc[out->n_doc - 1];
    const uint32_t *token = out->token + d->start;
    for (size_t i = 0, from; i < d->n; i++) {
        for (from = i; i < d->n && !(token[i] & TR_TOKEN_MASKED); i++)
            ;
        if (i > from && !ends_well(w, token, from, i)) {
            out->n_endless++;
            out->end = token[i - 1];
        } else {
            out->n_ended += i > from;
        }
    }
}

/* Answers are trained, and as such: where they end matters. */
static int trains_answers(const struct tr_preparer *w, const struct tr_row *row)
{
    return w->on.rule != TR__TRAIN_ALL && w->answers &&
           !says_true(row->chat, "continue_final_message");
}

/* EOS behind a chat that does not end so; it counts if the turn in front of it does. */
static int add_end(const struct tr_preparer *w, size_t n, struct tr_prepared *out,
                   struct tr_err *err)
{
    size_t start = out->doc[out->n_doc - 1].start, from = out->n_token;
    const struct tr__span *last = w->n_span ? &w->span[w->n_span - 1] : NULL;
    int32_t eos = tr_tokenizer_eos(w->p->tokenizer);
    while (from > start && !(out->token[from - 1] & TR_TOKEN_MASKED))
        from--;
    from -= from == out->n_token && from > start; /* the last turn is not trained */
    if (ends_well(w, out->token, from, out->n_token))
        return 0;
    if (eos < 0)
        return tr_err_set(err, TR_EFORMAT, "the vocabulary has no EOS to put behind a chat");
    return tr__doc_token(out, (uint32_t)eos, last && last->end == n ? last->weight : 0, err);
}

static int add_chat(struct tr_preparer *w, const struct tr_row *row,
                    const struct tr_chat_text *t, struct tr_prepared *out,
                    struct tr_err *err)
{
    int rc = set_literal(w, t, err);
    if (!rc)
        rc = tr__doc_begin(out, err);
    if (!rc)
        rc = tr__doc_text(w, t->text, t->n, w->p->around & TR_ENCODE_BOS, out, err);
    if (!rc && w->p->eos > 0 && !says_true(row->chat, "continue_final_message"))
        rc = add_end(w, t->n, out, err);
    if (rc)
        return rc;
    tr__doc_end(out);
    if (trains_answers(w, row))
        look_for_ends(w, out);
    return w->p->keep_text ? tr__text_keep(w, t->text, t->n, out, err) : 0;
}

/* A document for turn i alone. */
static int add_apart(struct tr_preparer *w, const struct tr_row *row, size_t i,
                     struct tr_prepared *out, struct tr_err *err)
{
    const struct tr_prepare *p = w->p;
    struct tr_err why = { 0 };
    int rc = tr_chat_turn_apart(p->chat, row->chat, p->args, p->now, i, &w->chat, &why);
    if (why.code && why.code != TR_EFORMAT)
        return tr_err_set(err, why.code, "%s", why.text);
    const struct tr_chat_turn *t = &w->chat.turn[i];
    if (rc || !t->known) { /* the template refuses it, or writes it as part of others */
        out->n_lost++;
        return 0;
    }
    out->n_apart++;
    w->n_span = 0;
    rc = tr__span_add(w, t->start, t->end, w->factor[i], err);
    return rc ? rc : add_chat(w, row, &w->chat, out, err);
}

static int prepare_chat(struct tr_preparer *w, const struct tr_row *row,
                        struct tr_prepared *out, struct tr_err *err)
{
    const struct tr_prepare *p = w->p;
    if (!p->chat)
        return tr_err_set(err, TR_EUNSUPPORTED, "a chat, and there is no chat template");
    int rc = tr_chat_render(p->chat, row->chat, p->args, p->now, &w->chat, err);
    if (!rc)
        rc = tr__chat_want(w, row, err);
    if (!rc)
        rc = tr__chat_spans(w, row, err);
    size_t unknown = 0;
    for (size_t i = 0; i < w->n_turn && !rc; i++)
        unknown += w->want[i];
    if (!rc && (w->n_span || !unknown || p->keep_text))
        rc = add_chat(w, row, &w->chat, out, err);
    if (w->on.rule == TR__TRAIN_ALL) {
        out->n_lost += (uint32_t)unknown;
        return rc;
    }
    for (size_t i = 0; i < w->n_turn && unknown && !rc; i++)
        if (w->want[i])
            rc = add_apart(w, row, i, out, err);
    return rc;
}

/* ---- text and ids ----------------------------------------------------------------- */

/* All of the text is the row's own. */
static int set_text(struct tr_preparer *w, size_t n, struct tr_err *err)
{
    if (tr__grow(&w->literal, &w->cap_literal, 1, sizeof *w->literal))
        return tr_err_sys(err, "cannot hold a range");
    w->literal[0] = (struct tr_text_range){ 0, n };
    w->n_literal = !w->p->special && n > 0;
    return 0;
}

static int prepare_text(struct tr_preparer *w, const struct tr_row *row,
                        struct tr_prepared *out, struct tr_err *err)
{
    out->row = 0;
    w->n_span = 0;
    int rc = tr__doc_begin(out, err);
    if (!rc)
        rc = set_text(w, row->n_text, err);
    if (!rc)
        rc = tr__span_add(w, 0, row->n_text + 1, row->weight, err);
    if (!rc && row->n_text)
        rc = tr__doc_text(w, row->text, row->n_text, w->p->around, out, err);
    if (!rc && w->p->keep_text) {
        w->n_span = 0;
        rc = tr__span_add(w, 0, row->n_text, row->weight, err);
        rc = rc ? rc : tr__text_keep(w, row->text, row->n_text, out, err);
    }
    if (!rc)
        tr__doc_end(out);
    return rc;
}

static int add_ids(struct tr_preparer *w, const struct tr_segment *s, float weight,
                   struct tr_prepared *out, struct tr_err *err)
{
    uint32_t n_vocab = tr_tokenizer_n_vocab(w->p->tokenizer);
    int rc = 0;
    for (size_t i = 0; i < s->n_id && !rc; i++) {
        if (s->id[i] >= n_vocab)
            return tr_err_set(err, TR_EFORMAT, "token %u, but the vocabulary has %u",
                              s->id[i], n_vocab);
        rc = tr__doc_token(out, s->id[i], s->mask && !s->mask[i] ? 0 : weight, err);
    }
    return rc;
}

static int join(struct tr_preparer *w, const struct tr_segment *s, float weight,
                struct tr_err *err)
{
    size_t n = w->n_text + s->n_text;
    if (tr__grow(&w->text, &w->cap_text, n, 1))
        return tr_err_sys(err, "cannot hold %zu bytes of text", n);
    if (s->n_text)
        memcpy(w->text + w->n_text, s->text, s->n_text);
    int rc = weight > 0 ? tr__span_add(w, w->n_text, n, weight, err) : 0;
    w->n_text = n;
    return rc;
}

/* The text of segments one after the other, encoded as one, as the model will read it. */
static int add_joined(struct tr_preparer *w, int flags, struct tr_prepared *out,
                      struct tr_err *err)
{
    struct tr__span *end = w->n_span ? &w->span[w->n_span - 1] : NULL;
    int rc = set_text(w, w->n_text, err);
    if (end && end->end == w->n_text) /* EOS too */
        end->end++;
    if (!rc && w->n_text)
        rc = tr__doc_text(w, w->text, w->n_text, flags, out, err);
    w->n_text = w->n_span = 0;
    return rc;
}

static int prepare_segments(struct tr_preparer *w, const struct tr_row *row,
                            struct tr_prepared *out, struct tr_err *err)
{
    int eos = w->p->eos > 0 || (w->p->eos < 0 && row->answers &&
                                tr_tokenizer_eos(w->p->tokenizer) >= 0);
    int flags = w->p->around & TR_ENCODE_BOS;
    w->n_text = w->n_span = 0;
    int rc = tr__doc_begin(out, err);
    for (size_t i = 0; i < row->n_segment && !rc; i++) {
        const struct tr_segment *s = &row->segment[i];
        int train = w->on.rule == TR__TRAIN_ALL || s->train;
        float weight = train ? s->weight * row->weight : 0;
        if (!s->id) {
            rc = join(w, s, weight, err);
            continue;
        }
        rc = w->n_text ? add_joined(w, flags, out, err) : 0;
        flags = 0;
        if (!rc)
            rc = add_ids(w, s, weight, out, err);
    }
    if (!rc && (w->n_text || !row->n_segment))
        rc = add_joined(w, flags | (eos ? TR_ENCODE_EOS : 0), out, err);
    if (!rc)
        tr__doc_end(out);
    return rc || !w->p->keep_text ? rc : tr__text_keep_tokens(w, out, err);
}

/* ---- the whole -------------------------------------------------------------------- */

/* Append the documents of a row. */
static int add_row(struct tr_preparer *w, const struct tr_row *row, struct tr_prepared *out,
                   struct tr_err *err)
{
    static int (*const by_kind[])(struct tr_preparer *w, const struct tr_row *row,
                                  struct tr_prepared *out, struct tr_err *err) = {
        [TR_ROW_TEXT] = prepare_text,
        [TR_ROW_CHAT] = prepare_chat,
        [TR_ROW_SEGMENTS] = prepare_segments,
    };
    uint32_t id;
    uint64_t spelt = tr_encoder_spelt(w->encoder, &id);
    int rc = by_kind[row->kind](w, row, out, err);
    out->n_spelt += tr_encoder_spelt(w->encoder, &out->spelt) - spelt;
    return rc;
}

static void begin(const struct tr_row *row, struct tr_prepared *out)
{
    out->n_token = out->n_doc = out->n_text = 0;
    out->n_apart = out->n_lost = out->n_endless = out->n_ended = 0;
    out->n_kept = 0;
    out->n_spelt = 0;
    out->row = 1;
    snprintf(out->group, sizeof out->group, "%s", row->group ? row->group : "");
}

/* Multiply the weights of tokens [from, to) of a document, where they count; 0 masks. */
static void sign(struct tr_prepared *out, struct tr_prepared_doc *d, size_t from, float by)
{
    for (size_t i = d->start + from; i < d->start + d->n && by != 1; i++) {
        if (out->token[i] & TR_TOKEN_MASKED)
            continue;
        out->weight[i] *= by;
        out->token[i] |= by == 0 ? TR_TOKEN_MASKED : 0;
        d->weighted = 1;
    }
    d->n_trained = by == 0 ? 0 : d->n_trained;
}

int tr_prepare_row(struct tr_preparer *w, const struct tr_row *row,
                   struct tr_prepared *out, struct tr_err *err)
{
    begin(row, out);
    int rc = add_row(w, row, out, err);
    for (size_t i = 0; i < out->n_doc && !rc; i++)
        sign(out, &out->doc[i], 0, row->has_sign ? row->sign : 1);
    out->hash = XXH3_64bits(out->token, out->n_token * sizeof *out->token);
    return rc;
}

int tr_prepare_pair(struct tr_preparer *w, const struct tr_row *row,
                    const struct tr_row *rival, struct tr_prepared *out, struct tr_err *err)
{
    begin(row, out);
    int rc = add_row(w, row, out, err);
    if (!rc)
        rc = add_row(w, rival, out, err);
    if (!rc && (out->n_doc != 2 || out->doc[0].n < 2 || out->doc[1].n < 2))
        rc = tr_err_set(err, TR_EFORMAT, "of two answers that are compared each must be one "
                        "document; the template, or --train-on, makes %zu of both",
                        out->n_doc);
    if (rc)
        return rc;
    struct tr_prepared_doc *d = &out->doc[0];
    d->rival = d->n;
    d->n += out->doc[1].n;
    d->n_trained += out->doc[1].n_trained;
    out->n_doc = 1;
    sign(out, d, d->rival, -1);
    out->hash = XXH3_64bits(out->token, out->n_token * sizeof *out->token);
    return 0;
}

struct tr_document tr_prepared_document(const struct tr_prepared *r, size_t i)
{
    const struct tr_prepared_doc *d = &r->doc[i];
    return (struct tr_document){
        .token = r->token + d->start, .n = d->n,
        .weight = d->weighted ? r->weight + d->start : NULL,
        .group = *r->group ? r->group : NULL, .row = r->row, .rival = d->rival,
    };
}

void tr_prepared_release(struct tr_prepared *r)
{
    free(r->token);
    free(r->weight);
    free(r->doc);
    free(r->text);
    *r = (struct tr_prepared){ 0 };
}

struct tr_preparer *tr_preparer_new(const struct tr_prepare *p, struct tr_err *err)
{
    struct tr_preparer *w = calloc(1, sizeof *w);
    if (!w) {
        tr_err_sys(err, "cannot hold rows");
        return NULL;
    }
    w->p = p;
    w->encoder = tr_encoder_new(p->tokenizer, err);
    if (!w->encoder || tr__train_on_parse(p->train_on, &w->on, err)) {
        tr_preparer_free(w);
        return NULL;
    }
    return w;
}

void tr_preparer_free(struct tr_preparer *w)
{
    if (!w)
        return;
    tr_encoder_free(w->encoder);
    tr_chat_text_release(&w->chat);
    free(w->text);
    free(w->want);
    free(w->factor);
    free(w->span);
    free(w->literal);
    tr_tokens_release(&w->ids);
    tr_text_ranges_release(&w->where);
    free(w);
}
