/* SPDX-License-Identifier: MIT
 *
 * What is odd in a vocabulary changes the ids, so it is said wherever ids are made.
 */
#include "vocab.h"

#include "message.h"

struct tr_tokenizer *cmd_tokenizer(const struct tr_gguf *g, const char *pre,
                                   struct tr_err *err)
{
    struct tr_tokenizer *t = tr_tokenizer_new_pre(g, pre, err);
    for (size_t i = 0; t && tr_tokenizer_warning(t, i); i++)
        cmd_warn("'%s': %s", tr_gguf_path(g), tr_tokenizer_warning(t, i));
    return t;
}
