/* SPDX-License-Identifier: MIT
 *
 * Small vocabularies with names, one a line of toy_vocab.def, to be changed before they are
 * written as a GGUF file, since the library reads files.  Whatever fails here fails the
 * test.
 */
#ifndef TESTS_TOY_VOCAB_H
#define TESTS_TOY_VOCAB_H

#include <libtrain/gguf.h>
#include <libtrain/tokenizer.h>

enum { TOY_TOKENS = 700, TOY_MERGES = 400, TOY_EDITS = 3, TOY_KEYS = 12 };
enum { TOY_NORMAL = 1, TOY_UNKNOWN, TOY_CONTROL, TOY_USER, TOY_UNUSED, TOY_BYTE };
/* How many entries of a list are written, when not a number: as many as there are tokens;
 * not even the key. */
enum { TOY_ALL = -2, TOY_NO_KEY = -1 };

struct toy {
    const char *model, *pre; /* NULL: no such key */
    const char *ask;         /* pre-tokenizer in place of the file's, or NULL */
    struct tr_str token[TOY_TOKENS];
    int32_t type[TOY_TOKENS];
    float score[TOY_TOKENS];
    char *merge[TOY_MERGES];
    int n, n_merge;
    int tokens, types, scores; /* entries written */
    int no_merges;
    enum tr_gguf_type score_type;
    struct toy_key {
        const char *name;
        enum tr_gguf_type kind; /* bool, i32, string, or an array of one i32 */
        int64_t value;
        const char *word;
    } key[TOY_KEYS];
    int n_key;
    unsigned char *map; /* precompiled_charsmap, or NULL */
    size_t map_bytes;
};

/* The vocabulary of this name; free with toy_free. */
struct toy *toy_new(const char *vocab);
void toy_free(struct toy *t);

/* The new id. */
int toy_add(struct toy *t, const char *text, size_t len, int type, float score);
/* The id of an ordinary token, -1 if there is none. */
int toy_find(const struct toy *t, const char *text);
/* A merge "left right", spelt as in the file, and the token that it makes; its id. */
int toy_merge(struct toy *t, const char *line);

/* Written to `path` and read; NULL with *err set if it was refused.  *hash: that of the
 * file's vocabulary. */
struct tr_tokenizer *toy_try(const struct toy *t, const char *path, uint64_t *hash,
                             struct tr_err *err);
/* The same where it must not be refused. */
struct tr_tokenizer *toy_open(const struct toy *t, const char *path);

/* The ids of a text, the caller's. */
struct tr_tokens toy_encode(const struct tr_tokenizer *t, const char *text, size_t len,
                            int flags);
/* The ids of the text give the text back. */
void toy_round_trip(const struct tr_tokenizer *t, const char *text, size_t len);

/* ---- changes, as cells of a table ------------------------------------------------- */

struct toy_edit {
    void (*make)(struct toy *t, const char *arg, double x);
    const char *arg;
    double x;
};
void toy_change(struct toy *t, const struct toy_edit *e);

/* Three tokens of type x that are named by their ids, "%d" in arg. */
void toy_padding(struct toy *t, const char *arg, double x);
void toy_model(struct toy *t, const char *arg, double x); /* arg "": without the key */
void toy_pre(struct toy *t, const char *arg, double x);
/* tokenizer.ggml.ARG is x, a bool or an integer (u32; i32 if it is negative). */
void toy_bool(struct toy *t, const char *arg, double x);
void toy_int(struct toy *t, const char *arg, double x);
/* A list with the one number x; a word, also of a key general.ARG written in full. */
void toy_list(struct toy *t, const char *arg, double x);
void toy_word(struct toy *t, const char *arg, const char *word);
/* The list "tokens", "token_type" or "scores" is written with x entries. */
void toy_length(struct toy *t, const char *arg, double x);
void toy_no_merges(struct toy *t, const char *arg, double x);
/* Scores of this type of four bytes, whose numbers are the bits of the floats. */
void toy_score_type(struct toy *t, const char *arg, double x);
/* The map of a normaliser: "from=to|from=to". */
void toy_map(struct toy *t, const char *arg, double x);
/* Token number arg has type, or score, x. */
void toy_type(struct toy *t, const char *arg, double x);
void toy_score(struct toy *t, const char *arg, double x);
/* One more token, of type x. */
void toy_token(struct toy *t, const char *arg, double x);
/* arg x times in the list of merges, and no token for it. */
void toy_bare_merge(struct toy *t, const char *arg, double x);

#endif
