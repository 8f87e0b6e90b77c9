/* SPDX-License-Identifier: MIT
 *
 * The small files of a folder, which are text: read whole, up to a size beyond which they
 * are not believed.
 */
#ifndef LIBTRAIN_HF_TEXT_H
#define LIBTRAIN_HF_TEXT_H

#include <libtrain/base/base.h>
#include <libtrain/json.h>

/* The file's bytes and a NUL behind them: malloc'ed, the caller's.  More than `most` bytes
 * are TR_EFORMAT. */
int tr__hf_text(const char *path, size_t most, char **text, size_t *n,
                struct tr_err *err) TR_MUST_CHECK;

/* The same as JSON, an object; the caller's.  NULL on failure.  Integers of more than 19
 * digits are reals. */
struct tr_json *tr__hf_json(const char *path, size_t most,
                            struct tr_err *err) TR_MUST_CHECK;

/* Write it into a folder that is being made: sorted, in lines of their own. */
int tr__hf_json_file(const struct tr_json *v, const struct tr__folder *to, const char *name,
                     struct tr_err *err) TR_MUST_CHECK;

#endif
