/* SPDX-License-Identifier: MIT
 *
 * From a row of training data to documents of tokens: rendered by a chat template or taken
 * as it is, encoded so that what a user wrote gives no control tokens, and masked so that
 * only what shall be learnt counts.  docs/howto/chat-data.md says what counts and why.
 */
#ifndef LIBTRAIN_PREPARE_H
#define LIBTRAIN_PREPARE_H

#include <libtrain/chat.h>
#include <libtrain/error.h>
#include <libtrain/json.h>
#include <libtrain/source.h>
#include <libtrain/token.h>
#include <libtrain/tokenizer.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is trained: "completion" (what answers the prompt; of a chat its last assistant
 * turn), "assistant", "last" (the last assistant turn), "all", or names of roles with commas
 * between them. */
enum { TR_TRAIN_ON_MAX = 255 };

struct tr_prepare { /* what all rows share; the caller's, not changed: threads share it */
    const struct tr_tokenizer *tokenizer;
    const struct tr_chat *chat;   /* NULL: a row of messages is refused */
    const struct tr_json *args;   /* variables of the template, or NULL */
    int64_t now;                  /* the template's clock, seconds since 1970 */
    const char *train_on;         /* NULL: completion where a row has one, else assistant */
    int around;                   /* TR_ENCODE_BOS, TR_ENCODE_EOS that text gets */
    int eos;                      /* -1: a completion as text ends with EOS; 0 never; 1: all,
                                   * a chat unless it ends with a token that does so too */
    int special;                  /* control tokens that rows spell count */
    int keep_text;                /* tr_prepared_text is wanted */
};

/* What one row became; used for row after row.  Start with {0}. */
struct tr_prepared {
    uint32_t *token; /* of all documents; TR_TOKEN_MASKED where nothing is learnt */
    float *weight;   /* as many */
    size_t n_token, cap_token, cap_weight;
    struct tr_prepared_doc {
        size_t start, n, n_trained; /* tokens that count, the first never */
        size_t rival;               /* as in struct tr_document */
        int weighted;
    } *doc;
    size_t n_doc, cap_doc;
    uint64_t hash; /* of all tokens and what is masked of them */
    char group[256];
    int row; /* as in struct tr_document */
    /* turns that are trained in a document of their own, since the template writes them
     * in another way once there are later ones; turns that cannot be told apart at all */
    uint32_t n_apart, n_lost;
    /* trained turns of chats without, and with, an end-of-generation token; not counted
     * where all is trained, or where the last message goes on */
    uint32_t n_endless, n_ended;
    uint32_t end;        /* the last token of one that has none */
    uint64_t n_spelt;    /* control tokens that the row spells and that stay text */
    uint32_t spelt;      /* one of them */
    char *text; /* with keep_text: one object of JSON, see tokenize(1), --render */
    size_t n_text, cap_text;
    int n_kept; /* texts in it */
};
/* Document i; its pointers are good until the next row. */
struct tr_document tr_prepared_document(const struct tr_prepared *r, size_t i);
void tr_prepared_release(struct tr_prepared *r);

/* One thread's.  `p` must outlive it.  TR_EINVAL for a train_on that is none. */
struct tr_preparer;
struct tr_preparer *tr_preparer_new(const struct tr_prepare *p,
                                    struct tr_err *err) TR_MUST_CHECK;
void tr_preparer_free(struct tr_preparer *w);

/* The documents of a row, into `out`.  TR_EFORMAT where the template refuses it or has no
 * place for it. */
int tr_prepare_row(struct tr_preparer *w, const struct tr_row *row,
                   struct tr_prepared *out, struct tr_err *err) TR_MUST_CHECK;
/* Of a row and its rival (tr_source_parse_rival) one document.  TR_EFORMAT where either is
 * not just one. */
int tr_prepare_pair(struct tr_preparer *w, const struct tr_row *row,
                    const struct tr_row *rival, struct tr_prepared *out,
                    struct tr_err *err) TR_MUST_CHECK;

/* The documents of a row as the model sees them: what is trained stands between U+27E6 and
 * U+27E7, with its weight and a bar if that is not 1, special tokens between U+2039 and U+203A; with
 * `colour` both by escape sequences of a terminal.  What is not printable is escaped. */
int tr_prepared_show(const struct tr_prepared *r, const struct tr_tokenizer *t, int colour,
                     FILE *f, struct tr_err *err) TR_MUST_CHECK;

/* ---- many rows ---------------------------------------------------------------------- */

struct tr_prepare_sink { /* called in the order of the rows, from one thread */
    void *arg;
    int (*row)(void *arg, const struct tr_record *raw, const struct tr_prepared *r,
               struct tr_err *err);
    /* A row that cannot be used: 0 goes on without it. */
    int (*bad)(void *arg, const struct tr_record *raw, const struct tr_err *why,
               struct tr_err *err);
};

/* All rows of a source, at most n_max of them, by the threads of tr_threads.  Memory goes
 * with the longest row, not with their number. */
int tr_prepare_rows(const struct tr_prepare *p, struct tr_source *s, uint64_t n_max,
                    const struct tr_prepare_sink *sink, struct tr_err *err) TR_MUST_CHECK;

/* ---- what there was ----------------------------------------------------------------- */

struct tr_prepare_stats {
    uint64_t n_row, n_doc, n_token, n_trained;
    uint64_t n_empty;     /* rows without a token */
    uint64_t n_twice;     /* rows that were there before */
    uint64_t n_over;      /* documents longer than `context` */
    uint64_t n_untrained; /* documents, not empty, without a token that counts */
    uint64_t n_bad;       /* rows left out: the caller's count */
    uint64_t n_apart, n_lost, n_endless, n_ended, n_spelt; /* as in struct tr_prepared */
    uint32_t end, spelt;
    uint64_t context, longest;
    struct tr_prepare_seen *seen;
};
/* Begin; context 0: none is over-long. */
int tr_prepare_stats_init(struct tr_prepare_stats *s, uint64_t context,
                          struct tr_err *err) TR_MUST_CHECK;
void tr_prepare_stats_release(struct tr_prepare_stats *s);
void tr_prepare_stats_add(struct tr_prepare_stats *s, const struct tr_prepared *r);
/* Length that the share q of all documents does not exceed: right to 0.4 %, and to the token
 * below 1024. */
uint64_t tr_prepare_stats_length(const struct tr_prepare_stats *s, double q);
/* The table, a line for each thing there is. */
void tr_prepare_stats_print(const struct tr_prepare_stats *s, FILE *f);

#ifdef __cplusplus
}
#endif
#endif
