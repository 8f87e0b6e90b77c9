/* SPDX-License-Identifier: MIT
 *
 * What tokenizer.c shares with the kinds of tokenizers.
 */
#ifndef LIBTRAIN_TOKENIZER_KIND_H
#define LIBTRAIN_TOKENIZER_KIND_H

#include <libtrain/tokenizer/tree.h>
#include <libtrain/tokenizer/words.h>
#include <libtrain/tokenizer/vocab.h>
#include <libtrain/tokenizer.h>

#include <stddef.h>
#include <stdint.h>

/* One word during merging: symbols in a doubly linked list inside one array. */
struct tr__symbol {
    uint32_t start, len; /* bytes of the word; len 0: merged into its left neighbour */
    int32_t id;          /* no token: -1, or n_vocab and above */
    uint32_t prev, next; /* TR__NO_SYMBOL at the ends */
    uint32_t prio;       /* of merging with `next`, small first; TR__NO_MERGE: cannot */
    uint32_t to;         /* id of that merge */
};
#define TR__NO_SYMBOL UINT32_MAX
#define TR__NO_MERGE UINT32_MAX

struct tr__work { /* grows with the longest word; start with {0} */
    struct tr__symbol *sym;
    uint64_t *heap;
    size_t cap, n_sym, n_heap;
};

enum { TR__MEMO_DATA = 47 }; /* a Chinese word of 12 characters and their 36 bytes as ids */
enum { TR__MEMO_LITERAL = 1 << 15 }; /* where tr__may_be_text says no to control tokens */
struct tr__memo {            /* a word and what it gave, direct mapped; three cache lines */
    uint16_t len, n;         /* bytes and TR__MEMO_LITERAL, ids; len 0: empty */
    uint32_t data[TR__MEMO_DATA]; /* the word, and from the next whole entry on its ids */
};

struct tr__spelling { /* a text as a kind normalises it; start with {0} */
    char *bytes;
    size_t n, cap; /* bytes may lie in a file (base/spool.h) */
    size_t *from; // (n) what of the given text each byte comes from, if that is asked for
    size_t cap_from;
};

struct tr__best { /* the best way to a place of a text */
    double score;
    uint32_t from; /* where its last token begins, as far as 32 bits go */
    int32_t id;
};

struct tr_encoder { /* one thread's */
    const struct tr_tokenizer *t;
    const char *text; /* of the whole call */
    struct tr_tokens *out;
    struct tr_err *err;
    struct tr_text_ranges *where;        /* of the ids of this call, or NULL */
    const struct tr_text_range *literal; // (n_literal) of this call
    size_t n_literal;
    uint64_t n_spelt; /* control tokens that a literal range spells; the last one */
    uint32_t spelt;
    struct tr__work work;
    struct tr__memo *memo; /* (memo_mask + 1) */
    size_t memo_mask;
    struct tr__splitter splitter; /* byte-level BPE */
    struct tr__spelling spelling; /* Unigram, WordPiece */
    struct tr__best *best;        // (cap_best) Unigram, PLaMo 2
    size_t cap_best;
    uint16_t *way; // (cap_way) bytes of the tokens of a long word; it may lie in a file
    size_t cap_way;
};

/* What decides whether BOS and EOS are put around a text. */
enum tr__around {
    TR__AROUND_KEYS,  /* the file */
    TR__AROUND_NEVER, /* whatever it says */
    TR__AROUND_SEP    /* both, always, and SEP is in the place of EOS */
};

struct tr__tokenizer_kind {
    const char *model; /* tokenizer.ggml.model */
    int add_bos;       /* where tokenizer.ggml.add_bos_token is absent */
    int add_eos;       /* likewise */
    int always_bos;    /* whatever that key says */
    int around;        /* of enum tr__around */
    int add_space;     /* where tokenizer.ggml.add_space_prefix is absent */
    int spaces;        /* that key decides what an encoded text begins with */
    int all_pieces;    /* unused tokens are text, special ones as `unescape` has it */
    int notes;         /* `encode` fills e->where itself */
    int whole_lines;   /* line ends, however many, are a token if there is one */
    int32_t bos, eos, unk, sep; /* ids where the file names none; -1: none */
    tr__unescape *unescape;
    /* The kind in the place of this one where words are cut by this name; NULL: this. */
    const struct tr__tokenizer_kind *(*by_pre)(struct tr_str pre);
    /* Build tables from the file, the vocabulary has been read. */
    int (*init)(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err);
    /* Ids of text without special tokens, len > 0; `first`: nothing or a special token is
     * in front of it. */
    int (*encode)(struct tr_encoder *e, const char *text, size_t len, int first);
    /* Offset in (0, len) of a place where any plain text with these bytes in it may be
     * cut, 0 if none is found.  `text` may begin and end in the middle of a character. */
    size_t (*cut)(struct tr_encoder *e, const char *text, size_t len);
    /* Can these two neighbours merge?  Sets l->prio and l->to. */
    void (*pair)(const struct tr_tokenizer *t, const char *word, struct tr__symbol *l,
                 const struct tr__symbol *r);
    void (*release)(struct tr_tokenizer *t); /* may be NULL */
    /* Take back what spelling words has put into a text; the bytes left.  NULL: nothing */
    size_t (*clean)(char *text, size_t len);
};

#define TR_TOKENIZER(name) extern const struct tr__tokenizer_kind tr__tokenizer_##name;
#include <libtrain/tokenizer/kinds.def>
#undef TR_TOKENIZER

struct tr__pair { /* one merge of a list; ids of symbols, which may be no tokens */
    uint64_t key; /* left id << 32 | right id */
    uint32_t rank;
    uint32_t to_plus; /* id of the two together + 1; 0: empty slot */
};

struct tr_tokenizer {
    const struct tr__tokenizer_kind *kind;
    struct tr__vocab vocab;
    int32_t bos, eos, unk, sep; /* -1: none */
    int add_bos, add_eos, add_space;
    int32_t byte_id[256]; /* -1: none */
    struct tr_progress progress;

    /* byte-level BPE */
    const char *pre; /* name that is asked for, while it is built; NULL: the file's */
    struct tr__pretok_code pretok;
    struct tr__pair *pair; /* (pair_mask + 1), open addressing */
    uint64_t pair_mask;
    struct tr__vocab extra; /* their symbols that are no tokens, behind the ids of those; bytes,
                             * start and text alone */

    /* SentencePiece: bit b of joint[a] is 1 if byte b follows byte a inside a token, or,
     * where merges are listed, may be merged with it */
    uint8_t (*joint)[256 / 8];

    /* Unigram, WordPiece, RWKV, PLaMo 2: what a text is made of, as the file spells it */
    struct tr__tree trie;
    struct tr__tree ends; /* what merges make, read backwards; empty until it is asked for */
    size_t long_word;     /* TR__LONG_WORD; tests set another */
    void *own; /* of the kind, which frees it */
};

/* 1 if a text gets a space in front. */
static inline int tr__puts_space(const struct tr_tokenizer *t)
{
    return t->kind->spaces && t->add_space;
}

/* Roles for which a key of the file names a token; without TR__ROLE_ENDS, which several
 * have. */
uint16_t tr__keys_roles(const struct tr_gguf *g);
/* Set what the keys of the file say of special tokens and of what is put around a text;
 * t->add_bos holds what is done where it says nothing. */
int tr__keys_read(struct tr_tokenizer *t, const struct tr_gguf *g,
                  struct tr_err *err) TR_MUST_CHECK;

/* The bytes that a text in GPT-2's alphabet stands for, a tr__unescape; what is outside of
 * the alphabet is not spelt and stands for itself. */
size_t tr__unspell(const char *text, size_t len, char *out, int *spelt);

/* Read the merges of a BPE, and note in t->joint, if it is there, what they join. */
int tr__merges_read(struct tr_tokenizer *t, const struct tr_gguf *g,
                    struct tr_err *err) TR_MUST_CHECK;
/* The slot of a pair of ids (left << 32 | right), or the empty one where it belongs. */
struct tr__pair *tr__pair_slot(const struct tr_tokenizer *t, uint64_t key);

/* The symbol that these bytes are before anything is merged, as merges know it, -1 if they do
 * not; without a list of merges the token that they are, or -1. */
int32_t tr__merges_symbol(const struct tr_tokenizer *t, const char *p, size_t len);

/* `pair` of a kind whose merges are listed. */
void tr__merges_pair(const struct tr_tokenizer *t, const char *word, struct tr__symbol *l,
                     const struct tr__symbol *r);

/* What kinds share whose tokens are characters with U+2581 for a space: all but `init` and
 * `pair`.  _init makes an empty t->joint and finds the tokens of bytes. */
size_t tr__spm_unescape(const char *text, size_t len, char *out, int *spelt);
int tr__spm_init(struct tr_tokenizer *t, struct tr_err *err) TR_MUST_CHECK;
void tr__spm_join(struct tr_tokenizer *t, unsigned char a, unsigned char b);
/* The bytes inside of a character. */
void tr__join_characters(struct tr_tokenizer *t);
int tr__spm_encode(struct tr_encoder *e, const char *text, size_t len, int first);
size_t tr__spm_cut(struct tr_encoder *e, const char *text, size_t len);

/* How words of a kind are merged. */
struct tr__word_kind {
    /* The symbols of these bytes before anything is merged, in e->work.  They depend on the
     * bytes alone, and a symbol that is whole is the same in any piece of the word that holds
     * it. */
    int (*first)(struct tr_encoder *e, const char *word, size_t len);
    /* Append the ids of those that are left in e->work. */
    int (*push)(struct tr_encoder *e, const char *word);
};

enum { TR__LONG_WORD = 1 << 18 }; /* bytes: beyond it, other algorithms */

/* Make symbols of a word, len > 0, merge them and append their ids. */
int tr__merge_word(struct tr_encoder *e, const struct tr__word_kind *kind, const char *word,
                   size_t len) TR_MUST_CHECK;

/* Merge the e->work.n_sym symbols of a word, smallest prio first, leftmost among equals. */
void tr__merge(struct tr_encoder *e, const char *word);

/* Room for n symbols in e->work. */
int tr__work_reserve(struct tr_encoder *e, size_t n) TR_MUST_CHECK;

/* Encode one word, len > 0, through `encode`, or copy what it gave the last time. */
int tr__memo_word(struct tr_encoder *e, const char *word, size_t len,
                  int (*encode)(struct tr_encoder *e, const char *word, size_t len))
    TR_MUST_CHECK;

/* Encode text at e->text[from, to): e->where gets a range for each id of it if it is not
 * NULL.  `all` as in struct tr__search; `first`: nothing or a special token is in
 * front of it. */
int tr__encode_parts(struct tr_encoder *e, size_t from, size_t to, int all, int first)
    TR_MUST_CHECK;
int tr__encoder_remember(struct tr_encoder *e, size_t n) TR_MUST_CHECK;
void tr__encoder_release(struct tr_encoder *e);

/* As tr__special_next in e->text[from, to), but for control tokens in literal ranges. */
size_t tr__find_outside(struct tr_encoder *e, size_t from, size_t to, int all, uint32_t *id);
/* Note where the ids from number `first` on stand: plain text [from, to), `spaced` if a space
 * was put in front; or one special token. */
int tr__note_text(struct tr_encoder *e, size_t first, size_t from, size_t to, int spaced)
    TR_MUST_CHECK;
int tr__note(struct tr_encoder *e, size_t from, size_t to) TR_MUST_CHECK;

/* tr_tokenizer_encode with pieces of `piece` > 0 bytes at least; the ids do not depend on
 * it. */
int tr__encode(const struct tr_tokenizer *t, const char *text, size_t len, int flags,
               size_t piece, struct tr_tokens *out, struct tr_err *err) TR_MUST_CHECK;

/* Offset of a place `piece` > 0 bytes or more behind `from` where text may be cut: the ids
 * of what is before and behind it, one after the other, are those of the whole.  `all` as
 * in tr__vocab_find_special.  len if none was found. */
size_t tr__next_cut(struct tr_encoder *e, const char *text, size_t len, size_t from,
                    size_t piece, int all);

/* Tokens of the types in `types` - bits 1 << enum tr__token_type as the file has them - in
 * t->trie, by their text as the file spells it. */
int tr__index_tokens(struct tr_tokenizer *t, const struct tr_gguf *g, unsigned types,
                     struct tr__tree *trie, struct tr_err *err) TR_MUST_CHECK;
/* Note in t->joint, which is made, the bytes that follow each other in t->trie. */
int tr__join_trie(struct tr_tokenizer *t, struct tr_err *err) TR_MUST_CHECK;
/* 1 if no key of the trie, however the bytes around are read, lies across `at` > 0. */
int tr__is_apart(const struct tr_tokenizer *t, const char *text, size_t len, size_t at);
/* 1 if the token may come out of plain text: llama.cpp finds control tokens there too, but
 * where it matters who wrote what they are none. */
static inline int tr__may_be_text(const struct tr_encoder *e, int32_t id)
{
    uint8_t type = e->t->vocab.type[id];
    return !e->n_literal || (type != TR__TOKEN_CONTROL && type != TR__TOKEN_UNKNOWN &&
                             type != TR__TOKEN_NAMED);
}
/* 1 if what is left after merging is such a token: any other symbol becomes its bytes. */
static inline int tr__symbol_is_token(const struct tr_encoder *e, const struct tr__symbol *s)
{
    return s->id >= 0 && (uint32_t)s->id < e->t->vocab.n && tr__may_be_text(e, s->id);
}
/* The token that a whole word is, or -1. */
int32_t tr__whole_word(const struct tr_encoder *e, const char *word, size_t len);
/* Bytes at p, of `left`, of the longest token in t->trie that stands there and may; 0: none. */
size_t tr__longest_token(const struct tr_encoder *e, const char *p, size_t left, int32_t *id);
/* Append an id, and that it stands for [from, to) of the text of the call. */
int tr__push_at(struct tr_encoder *e, int32_t id, size_t from, size_t to) TR_MUST_CHECK;
/* Append to e->spelling bytes that come from offset `from` of the text of the call; behind
 * the last ones stands offset `to`. */
int tr__respell(struct tr_encoder *e, const char *bytes, size_t n,
                size_t from) TR_MUST_CHECK;
int tr__respell_end(struct tr_encoder *e, size_t to) TR_MUST_CHECK;
/* t->byte_id by the tokens <0xHH>; all must be there. */
int tr__read_bytes(struct tr_tokenizer *t, struct tr_err *err) TR_MUST_CHECK;
/* A tr__unescape for tokens that are their text. */
size_t tr__plain_text(const char *text, size_t len, char *out, int *spelt);
/* A failure if a pre-tokenizer is asked for, where there is none. */
int tr__no_pre(const struct tr_tokenizer *t, struct tr_err *err) TR_MUST_CHECK;

/* Append one id. */
int tr__push_id(struct tr_encoder *e, uint32_t id) TR_MUST_CHECK;

/* Append BOS or EOS, called `name`; id < 0: a failure. */
int tr__push_around(struct tr_tokens *out, int32_t id, const char *name,
                    struct tr_err *err) TR_MUST_CHECK;

/* Append the ids of the symbols left after merging; a symbol without an id becomes its
 * bytes. */
int tr__push_symbols(struct tr_encoder *e, const char *word) TR_MUST_CHECK;

#endif
