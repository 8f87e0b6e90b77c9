/* SPDX-License-Identifier: MIT
 *
 * Ids of a text for a model.  Next: libtrain/train/windows.c, chunks.c.
 */
#include "text-ids.h"

#include "common.h"
#include "vocab.h"

enum { USUAL_CTX = 512 };

int cmd_text_ids(const struct cmd_text_in *in, const struct tr_model *m, struct tr_tokens *t,
                 struct tr_text_ids *x, struct tr_err *err)
{
    struct tr_text text = { 0 };
    struct tr_tokenizer *tok = cmd_tokenizer(tr_model_gguf(m), in->pre, err);
    int rc = tok ? cmd_read_text(&text, in->path, &in->binary, err) : err->code;
    int around = rc ? 0 : tr_tokenizer_around(tok);
    int special = in->special ? TR_ENCODE_SPECIAL : 0;
    if (!rc && !special)
        cmd_tell_spelt_in(tok, text.bytes, text.n);
    if (!rc)
        rc = tr_tokenizer_encode(tok, text.bytes, text.n, around | special, t, err);
    *x = (struct tr_text_ids){
        .id = t->id, .n = t->n,
        .n_window = t->n - (around & TR_ENCODE_EOS && t->n),
        .bos = around & TR_ENCODE_BOS ? tr_tokenizer_bos(tok) : -1,
    };
    tr_text_release(&text);
    tr_tokenizer_free(tok);
    return rc;
}

int64_t cmd_text_ctx(const struct cmd_text_in *in, const struct tr_model *m,
                     struct tr_err *err)
{
    int64_t most = tr_model_config(m)->n_ctx;
    if (in->ctx > most)
        return tr_err_set(err, TR_EMISMATCH, "'--ctx' is %lld, but '%s' was made for %lld "
                          "positions", (long long)in->ctx, tr_gguf_path(tr_model_gguf(m)),
                          (long long)most);
    if (!in->ctx && most < USUAL_CTX)
        cmd_say("windows of %lld positions: the model was made for no more",
                (long long)most);
    return in->ctx ? in->ctx : most < USUAL_CTX ? most : USUAL_CTX;
}
