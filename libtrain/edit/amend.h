/* SPDX-License-Identifier: MIT
 *
 * The inside of a struct tr_amend, for amend.c (what changes), amend_value.c (text to
 * values), amend_write.c (a new file) and amend_in_place.c (the old one); amend_base.c is
 * below them.
 */
#ifndef LIBTRAIN_EDIT_AMEND_H
#define LIBTRAIN_EDIT_AMEND_H

#include <libtrain/amend.h>
#include <libtrain/base/base.h>
#include <libtrain/edit/edit.h>
#include <libtrain/edit/grow.h>

struct tr_amend {
    const struct tr_gguf *g;
    struct tr_gguf_kv *kv; /* (n_kv) keys and data are g's, or among what is owned */
    const char **name;     /* (number of tensors) the new names, the same way */
    struct tr_gguf_kv before; /* the history without the line that was added; no key: it was
                                 none */
    int has_line;             /* one was */
    struct tr__grow_rows grow; /* of tokens that were added */
    void **owned;
    size_t n_kv, cap_kv, n_owned, cap_owned;
};

/* Say what is wrong with a key or a tensor: TR_EUNSUPPORTED; with a key's value: TR_EINVAL. */
enum tr__amend_what { TR__KEY, TR__VALUE, TR__TENSOR };
int tr__amend_wrong(const struct tr_amend *a, enum tr__amend_what what, const char *name,
                    struct tr_err *err, const char *fmt, ...) TR_PRINTF(5, 6);

/* From here on it is freed with a, also if that fails: data, or NULL for lack of memory. */
void *tr__amend_own(struct tr_amend *a, void *data, struct tr_err *err) TR_MUST_CHECK;

/* Fill type, elem, count and data of kv, whose key is there, from text. */
int tr__amend_value(struct tr_amend *a, struct tr_gguf_kv *kv, const char *type,
                    const char *value, struct tr_err *err) TR_MUST_CHECK;
int tr__amend_text(struct tr_amend *a, struct tr_gguf_kv *kv, struct tr_str text,
                   struct tr_err *err) TR_MUST_CHECK;

/* The key of that name, or NULL. */
struct tr_gguf_kv *tr__amend_find(const struct tr_amend *a, const char *key);

/* A value where its key is, or at the end; the data are owned already. */
int tr__amend_put(struct tr_amend *a, struct tr_gguf_kv kv, struct tr_err *err) TR_MUST_CHECK;

/* Take the line of history away again. */
void tr__amend_drop_history(struct tr_amend *a);

/* The key that holds n bytes of room; *owned is the caller's to free. */
int tr__amend_room(struct tr_gguf_kv *kv, int64_t n, void **owned,
                   struct tr_err *err) TR_MUST_CHECK;

#endif
