/* SPDX-License-Identifier: MIT
 *
 * What the files of prepare.h share: one thread's room, and the steps from a row to its
 * documents: spans of a text that are trained (prepare_spans.c), tokens with a mask (prepare_mask.c).
 */
#ifndef LIBTRAIN_DATA_PREPARE_ROW_H
#define LIBTRAIN_DATA_PREPARE_ROW_H

#include <libtrain/prepare.h>

struct tr__span { /* bytes [start, end) of a text that are trained */
    size_t start, end;
    float weight;
};

struct tr__train_on { /* what --train-on says */
    enum tr__train_rule {
        TR__TRAIN_DEFAULT, TR__TRAIN_COMPLETION, TR__TRAIN_ASSISTANT, TR__TRAIN_LAST,
        TR__TRAIN_ALL, TR__TRAIN_ROLES
    } rule;
    const char *roles; /* names with commas between them */
};

struct tr_preparer {
    const struct tr_prepare *p;
    struct tr__train_on on;
    struct tr_encoder *encoder;
    struct tr_chat_text chat;
    char *text; /* of segments, joined */
    size_t n_text, cap_text;
    unsigned char *want; // (n_turn) messages that are trained
    float *factor;       // (n_turn) their weights
    size_t n_turn, cap_want, cap_factor;
    int answers; /* one of them is of the assistant */
    struct tr__span *span; /* ascending */
    size_t n_span, cap_span;
    struct tr_text_range *literal;
    size_t n_literal, cap_literal;
    struct tr_tokens ids; /* of a text */
    struct tr_text_ranges where;
};

int tr__train_on_parse(const char *text, struct tr__train_on *on,
                       struct tr_err *err) TR_MUST_CHECK;

int tr__span_add(struct tr_preparer *w, size_t start, size_t end, float weight,
                 struct tr_err *err) TR_MUST_CHECK;

/* Which messages of a chat are trained, and with what weight, into w->want and w->factor. */
int tr__chat_want(struct tr_preparer *w, const struct tr_row *row,
                  struct tr_err *err) TR_MUST_CHECK;
/* The spans of w->chat, the whole of a row, that are trained.  Messages whose bytes are not
 * known stay in w->want, the others are taken out. */
int tr__chat_spans(struct tr_preparer *w, const struct tr_row *row,
                   struct tr_err *err) TR_MUST_CHECK;

/* Begin a document; add text of which w->span is trained and w->literal gives no control
 * tokens, or ids; end it.  `flags`: TR_ENCODE_BOS in front unless the text begins with it,
 * TR_ENCODE_EOS behind unless it ends so, which is trained if a span reaches beyond n. */
int tr__doc_begin(struct tr_prepared *out, struct tr_err *err) TR_MUST_CHECK;
int tr__doc_text(struct tr_preparer *w, const char *text, size_t n, int flags,
                 struct tr_prepared *out, struct tr_err *err) TR_MUST_CHECK;
int tr__doc_token(struct tr_prepared *out, uint32_t id, float weight,
                  struct tr_err *err) TR_MUST_CHECK; /* weight 0: not trained */
void tr__doc_end(struct tr_prepared *out);

/* Append {"text": …, "trained": […]} of a text and w->span to out->text, as a value. */
int tr__text_keep(const struct tr_preparer *w, const char *text, size_t n,
                  struct tr_prepared *out, struct tr_err *err) TR_MUST_CHECK;
/* The same of what the tokens of the last document stand for. */
int tr__text_keep_tokens(struct tr_preparer *w, struct tr_prepared *out,
                         struct tr_err *err) TR_MUST_CHECK;

#endif
