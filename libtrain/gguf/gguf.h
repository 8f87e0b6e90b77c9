/* SPDX-License-Identifier: MIT
 *
 * What the library needs of files that are being written beside libtrain/gguf.h.
 */
#ifndef LIBTRAIN_GGUF_GGUF_H
#define LIBTRAIN_GGUF_GGUF_H

#include <libtrain/gguf.h>

/* What was set, until the next call; NULL: nothing. */
const struct tr_gguf_kv *tr__gguf_declared(const struct tr_gguf_writer *w, const char *key);

#endif
