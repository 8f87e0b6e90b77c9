/* SPDX-License-Identifier: MIT
 *
 * The tokens of a vocabulary as bytes, and tables that find an id by its bytes.  A struct
 * tr__vocab owns copies of everything.
 */
#ifndef LIBTRAIN_TOKENIZER_VOCAB_H
#define LIBTRAIN_TOKENIZER_VOCAB_H

#include <libtrain/gguf.h>

#include <stddef.h>
#include <stdint.h>

/* tokenizer.ggml.token_type, as gguf.md numbers them. */
enum tr__token_type {
    TR__TOKEN_UNDEFINED, TR__TOKEN_NORMAL, TR__TOKEN_UNKNOWN, TR__TOKEN_CONTROL,
    TR__TOKEN_USER, TR__TOKEN_UNUSED, TR__TOKEN_BYTE, TR__TOKEN_N_TYPE,
    TR__TOKEN_NAMED = TR__TOKEN_N_TYPE /* text that is a control token by its name too */
};

/* What a token is, by its text or by a key of the file; FIM: fill in the middle. */
enum tr__role {
    TR__ROLE_ENDS = 1, /* a text that is generated ends with it */
    TR__ROLE_USER = 2, /* it is a user-defined token, whatever the file says */
    TR__ROLE_FIM_PRE = 4, TR__ROLE_FIM_SUF = 8, TR__ROLE_FIM_MID = 16,
    TR__ROLE_FIM_PAD = 32, TR__ROLE_FIM_REPO = 64, TR__ROLE_FIM_SEP = 128,
    TR__ROLE_UNSPELT = 256, /* its text is not what any text is merged into */
    TR__ROLE_STRIPS = 512, /* white space behind it belongs to it and is not seen */
    TR__ROLE_STRIPS_LEFT = 1024, /* and in front of it */
    TR__ROLES_THAT_END = TR__ROLE_ENDS | TR__ROLE_FIM_PAD | TR__ROLE_FIM_REPO |
                         TR__ROLE_FIM_SEP
};

struct tr__vocab;

enum { TR__WARNING = 256 }; /* bytes */

struct tr__idmap { /* open addressing; the keys are the bytes of the ids */
    struct tr__idslot {
        uint32_t tag;     /* high half of the hash */
        uint32_t id_plus; /* id + 1; 0: empty */
    } *slot;
    uint64_t mask;
};

struct tr__vocab {
    uint32_t n;
    char *bytes;     /* what the ids stand for, one after the other */
    uint64_t *start; // (n + 1) offsets into bytes
    uint8_t *type;   // (n) enum tr__token_type
    uint16_t *role;  // (n) bits of enum tr__role
    float *score;    // (n), NULL if the file has none

    struct tr__idmap text;    /* what merging may make: no control, unknown or byte token */
    struct tr__idmap special; /* control, unknown and user-defined tokens */
    uint64_t *special_len;    // (n_special_len) their distinct lengths, longest first
    size_t n_special_len;
    uint8_t special_first[256]; /* bits: 1 a user-defined, 2 any special begins so */
    int has_user;               /* 1 if there are user-defined tokens */
    int strips;                 /* 1 if any token has TR__ROLE_STRIPS */

    uint32_t n_twice; /* tokens whose bytes a lower id has already */
    char (*warning)[TR__WARNING]; // (n_warning) odd but not refused
    size_t n_warning, cap_warning;
};

/* Note what is odd but not refused. */
void tr__vocab_warn(struct tr__vocab *v, const char *fmt, ...) TR_PRINTF(2, 3);

/* Turns the text of a token as it stands in the file into the bytes it stands for; writes
 * at most `len` bytes and returns how many.  *spelt becomes 0 if no text is written so, and
 * the bytes are those that stand there. */
typedef size_t tr__unescape(const char *text, size_t len, char *out, int *spelt);

/* Read tokens, types and scores.  `by_key`: roles for which a key of the file names a
 * token, so that none has them by its text.  TR_EFORMAT where a count, a type or a number
 * is not what it should be.  On failure too, tr__vocab_release frees what is there. */
int tr__vocab_read(struct tr__vocab *v, const struct tr_gguf *g, tr__unescape *unescape,
                   uint16_t by_key, struct tr_err *err) TR_MUST_CHECK;
void tr__vocab_release(struct tr__vocab *v);

static inline struct tr_str tr__vocab_bytes(const struct tr__vocab *v, uint32_t id)
{
    return (struct tr_str){ v->bytes + v->start[id], v->start[id + 1] - v->start[id] };
}

/* An empty table for n ids at most. */
int tr__idmap_init(struct tr__idmap *map, uint64_t n, struct tr_err *err) TR_MUST_CHECK;
/* 0 if another id has these bytes already, which stays. */
int tr__idmap_add(struct tr__idmap *map, const struct tr__vocab *v, uint32_t id);
/* The id with these bytes, or -1. */
int32_t tr__idmap_find(const struct tr__idmap *map, const struct tr__vocab *v,
                       const char *p, size_t len);

/* Role of a token by its text as it stands in the file, 0 if it is not known. */
uint16_t tr__named_role(struct tr_str text);
/* The type that a token of this role has in truth. */
uint8_t tr__named_type(uint16_t role, uint8_t type);
/* Take back what the other tokens of a vocabulary belie, before it is indexed. */
void tr__named_exceptions(struct tr__vocab *v);
/* Tokens that strip, in a file of this general.name, tokenizer.ggml.pre and
 * general.architecture; NULL where it has none. */
void tr__named_strips(struct tr__vocab *v, struct tr_str name, struct tr_str pre,
                      struct tr_str arch);

#endif
