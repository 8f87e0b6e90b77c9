/* SPDX-License-Identifier: MIT
 *
 * A vocabulary while it is put together of a folder's files: which text each id has.
 */
#ifndef LIBTRAIN_HF_VOCAB_PIECES_H
#define LIBTRAIN_HF_VOCAB_PIECES_H

#include <libtrain/gguf.h>
#include <libtrain/json.h>
#include <libtrain/vocabulary/vocabulary.h>

#include <stddef.h>
#include <stdint.h>

enum { /* as in tokenizer.ggml.token_type */
    TR__HF_NORMAL = 1,
    TR__HF_UNKNOWN,
    TR__HF_CONTROL,
    TR__HF_USER,
    TR__HF_UNUSED,
    TR__HF_BYTE
};

struct tr__hf_piece {
    uint32_t text_plus; /* number in `text` + 1; 0: no token has this id */
    uint32_t is_text;   /* number + 1 of what a GGUF calls it, if that is not the same */
    float score;
    uint8_t type;
    uint8_t added;      /* found in a text before anything else is done to it */
    uint8_t strip;      /* and takes white space along: 1 before it, 2 behind it */
};

struct tr__hf_merge { /* two texts, by number */
    uint32_t left, right;
};

struct tr__hf_pieces { /* start with {0} */
    struct tr__strings text;    /* `count` of one that is a token: its id + 1 */
    struct tr__hf_piece *at;    // (n) by id
    size_t n, cap;              /* n: the largest id + 1 */
    struct tr__hf_merge *merge; // (n_merge)
    size_t n_merge, cap_merge;
    size_t n_base;              /* tokens that are not only added ones */
};

/* Say that this text is token `id`.  A text that has an id gets the new one, as the later of
 * two equal keys holds; an id that another text has is refused. */
int tr__hf_piece_put(struct tr__hf_pieces *p, const char *text, size_t n, int64_t id,
                     struct tr_err *err) TR_MUST_CHECK;
/* No token has this id any more. */
void tr__hf_piece_drop(struct tr__hf_pieces *p, size_t id);
/* Id of a text, or -1. */
int64_t tr__hf_piece_id(const struct tr__hf_pieces *p, const char *text, size_t n);
/* The text of an id, ptr NULL: there is none. */
struct tr_str tr__hf_piece_text(const struct tr__hf_pieces *p, size_t id);
/* Append a merge of two texts that are tokens; number `i` is told if they are none. */
int tr__hf_piece_merge(struct tr__hf_pieces *p, struct tr_str left, struct tr_str right,
                       struct tr_err *err) TR_MUST_CHECK;
void tr__hf_pieces_release(struct tr__hf_pieces *p);

/* 1 if a text is made as control tokens are: some folders do not say so of theirs. */
int tr__hf_looks_special(struct tr_str s);

#endif
