/* SPDX-License-Identifier: MIT
 *
 * Another text in front of the same data: keys of a GGUF file set, deleted, renamed, and
 * tensors renamed.  What is not named stays as it is, in its order.
 */
#ifndef LIBTRAIN_AMEND_H
#define LIBTRAIN_AMEND_H

#include <libtrain/gguf.h>
#include <libtrain/progress.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_amend;

/* Begin with what g has; it must stay open.  A checkpoint is refused, since its checksum is
 * one of all bytes.  NULL on failure. */
struct tr_amend *tr_amend_new(const struct tr_gguf *g, struct tr_err *err) TR_MUST_CHECK;
void tr_amend_free(struct tr_amend *a); /* NULL is allowed */

/* Each fails with the file and the key or tensor, and then changes nothing: TR_EINVAL for a
 * value that is none of its type, else TR_EUNSUPPORTED.  It is a failure that something to
 * be deleted or renamed is not there, or that a new name is taken.  Keys by which the file
 * is read (general.alignment, split.*) stay as they are, but those of a whole file that say
 * split may be deleted; general.architecture may get another value. */

/* In the place of the key if it is there, else at the end.  `type`: u8 i8 u16 i16 u32 i32
 * u64 i64 f32 f64 bool string, or one of these and "[]", an array; "": that of the key as
 * it is.  `value` is the text of a string, else JSON: a number, true, false, an array. */
int tr_amend_set(struct tr_amend *a, const char *key, const char *type, const char *value,
                 struct tr_err *err) TR_MUST_CHECK;
int tr_amend_set_text(struct tr_amend *a, const char *key, struct tr_str text,
                      struct tr_err *err) TR_MUST_CHECK;
/* Tokens from a list, a line each: the token; behind a tab, if they are given, "control" or
 * "user" (user-defined, as without it) and a token whose rows it begins as, in place of the mean
 * of all.  They come behind the last real token, where fillers ("[PADn]", unused) make room, and
 * the tables of rows for tokens grow by what is missing, with fillers up to a multiple of rows (0:
 * none).  Lists of types and scores follow, ARCH.vocab_size does, and TR_NEW_TOKENS says which are
 * new: an array of u32, the first and how many.  Only for a new file. */
int tr_amend_add_tokens(struct tr_amend *a, const char *path, int64_t multiple,
                        struct tr_err *err) TR_MUST_CHECK;
/* One more line of "libtrain.history" (tr_gguf_add_history); NULL: none.  An edit in place for
 * which there is only room without it goes without. */
int tr_amend_add_history(struct tr_amend *a, const char *line,
                         struct tr_err *err) TR_MUST_CHECK;
int tr_amend_delete(struct tr_amend *a, const char *key, struct tr_err *err) TR_MUST_CHECK;
int tr_amend_rename(struct tr_amend *a, const char *key, const char *to,
                    struct tr_err *err) TR_MUST_CHECK;
int tr_amend_rename_tensor(struct tr_amend *a, const char *name, const char *to,
                           struct tr_err *err) TR_MUST_CHECK;
/* All tensors get the names of another file's, which has as many of the same shapes in the
 * same order. */
int tr_amend_take_names(struct tr_amend *a, const struct tr_gguf *from,
                        struct tr_err *err) TR_MUST_CHECK;

/* Write all of it as a new file.  room: bytes that keys may grow by later while the data
 * stay where they are; they are an array under the key "edit.pad". */
int tr_amend_write(const struct tr_amend *a, int64_t room,
                   const struct tr_progress *progress, const char *path,
                   struct tr_err *err) TR_MUST_CHECK;

/* Hold a file against other edits of it in place, from before it is opened until the edit is
 * done: what was read of it must not change meanwhile.  A descriptor that the caller closes, or
 * TR_EIO, also if another process has it. */
int tr_amend_lock(const char *path, struct tr_err *err) TR_MUST_CHECK;

/* Change the file itself, which `locked` holds: what stands in front of the data is written anew if it takes no
 * more room than there is (else TR_EUNSUPPORTED, and nothing is done).  Of a model in
 * several files only the first is changed.  Before the first byte is written the old
 * beginning is on disk beside the file, under its name and ".old-header"; it is removed
 * when the file has been read back.  A process or machine that ends in between leaves it,
 * and tr_amend_restore puts it back.  A file without tensors is replaced as a whole. */
int tr_amend_in_place(struct tr_amend *a, int locked,
                      struct tr_err *err) TR_MUST_CHECK;

/* Undo an edit that was cut short.  TR_EIO if nothing is left of one, TR_EMISMATCH if the
 * file has become another since, by its size or by pieces of its data (docs/formats/gguf.md). */
int tr_amend_restore(const char *path, struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
