/* SPDX-License-Identifier: MIT
 *
 * mlc-chat-config.json.
 */
#ifndef LIBTRAIN_PUBLISH_MLC_CONFIG_H
#define LIBTRAIN_PUBLISH_MLC_CONFIG_H

#include <libtrain/publish.h>
#include <libtrain/publish/mlc_weights.h>
#include <libtrain/publish/put.h>

/* All but the conversation and the names of the tokenizer's files.  n_ctx 0: the model's,
 * at most 4096. */
int tr__mlc_config(struct tr__put *o, const struct tr__mlc_weights *w,
                   const struct tr_tokenizer *tok, int64_t n_ctx,
                   struct tr_err *err) TR_MUST_CHECK;

#endif
