/* SPDX-License-Identifier: MIT
 *
 * Prompts from packed data.
 */
#ifndef CMDS_SHARED_PACK_PROMPTS_H
#define CMDS_SHARED_PACK_PROMPTS_H

#include <libtrain/gguf.h>

#include <stdint.h>

/* Called with a prompt; anything but 0, with err set, ends the search. */
typedef int cmd_pack_prompt_fn(void *ctx, const int32_t *token, int32_t n,
                               struct tr_err *err);

/* Call with the prompts of k documents of a pack, fewer if there are not so many of at most
 * `longest` tokens in the sequences that are looked at.  vocab: the model's, TR_EMISMATCH
 * if the pack has another; TR_EFORMAT if there is none. */
int cmd_pack_prompts_each(const char *path, const struct tr_gguf *vocab, int64_t k,
                          int64_t longest, cmd_pack_prompt_fn *each, void *ctx,
                          struct tr_err *err) TR_MUST_CHECK;

#endif
