/* SPDX-License-Identifier: MIT: files of what a model said of a pack */
#ifndef LIBTRAIN_TRAIN_SAID_H
#define LIBTRAIN_TRAIN_SAID_H

#include <libtrain/eval.h>
#include <libtrain/gguf.h>

/* A kind of such a file: of each sequence it has count() rows. */
struct tr__said_kind {
    const char *type; /* general.type */
    const char *maker;
    int64_t (*count)(const struct tr_pack_seq *seq);
};
extern const struct tr__said_kind tr__said_answers, tr__said_tops;

/* An open one; {0}: none. */
struct tr__said {
    struct tr_gguf *g;
    uint64_t n_seq; /* of the pack, the first ones */
    int64_t *first; // (n_seq + 1) rows before those of each sequence
};

/* Begin to write one about the first n_seq sequences. */
struct tr_gguf_writer *tr__said_create(const char *path, const struct tr__said_kind *kind,
                                       const struct tr_eval *e, const struct tr_pack *pack,
                                       uint64_t n_seq, struct tr_err *err) TR_MUST_CHECK;

/* TR_EFORMAT for a file that is none of this kind, or damaged; TR_EMISMATCH if it is of
 * another vocabulary than the model's, or of another pack. */
int tr__said_open(struct tr__said *s, const struct tr__said_kind *kind, const char *path,
                  const struct tr_model *m, struct tr_pack *pack,
                  struct tr_err *err) TR_MUST_CHECK;
/* Sequences that the file `path` is about, before anything else of it is looked at. */
int tr__said_sequences(const char *path, uint64_t *n_seq, struct tr_err *err) TR_MUST_CHECK;
void tr__said_close(struct tr__said *s);
/* Numbers of its tensor `name`, of `cols` columns, or NULL if there are not as many rows as
 * the pack asks for. */
const void *tr__said_tensor(const struct tr__said *s, const char *name,
                            const struct tr_dtype *dtype, int64_t cols,
                            struct tr_err *err) TR_MUST_CHECK;

/* The end of the document of a sequence that begins at position `at`. */
int32_t tr__document_end(const struct tr_pack_seq *seq, int32_t at);
/* Positions that count in [at, end). */
int64_t tr__document_counts(const struct tr_pack_seq *seq, int32_t at, int32_t end);

#endif
