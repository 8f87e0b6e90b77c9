/* SPDX-License-Identifier: MIT
 *
 * The tokenizer of Gemma 4 (tokenizer.ggml.model "gemma4"): tokens are those of
 * SentencePiece, with spaces and bytes as there, and they are merged by a list of merges as
 * in byte-level BPE, over the whole text.  No merge crosses two bytes that none of them
 * brings together, so the text is cut there into words.  The rest is in spm.c and merges.c.
 */
#include <libtrain/tokenizer/kind.h>

static int gemma4_init(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    int rc = tr__spm_init(t, err);
    if (rc)
        return rc;
    for (int a = 0x80; a < 256; a++) /* inside of a character */
        for (int b = 0x80; b < 0xc0; b++)
            tr__spm_join(t, (unsigned char)a, (unsigned char)b);
    return tr__merges_read(t, g, err);
}

const struct tr__tokenizer_kind tr__tokenizer_gemma4 = {
    .model = "gemma4",
    .add_bos = 1,
    .always_bos = 1,
    .add_space = 0,
    .bos = -1,
    .eos = -1,
    .unk = -1,
    .sep = -1,
    .unescape = tr__spm_unescape,
    .init = gemma4_init,
    .encode = tr__spm_encode,
    .cut = tr__spm_cut,
    .pair = tr__merges_pair,
};
