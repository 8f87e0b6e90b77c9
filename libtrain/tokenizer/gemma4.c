/* SPDX-License-Identifier: MIT
 *
 * The tokenizer of Gemma 4 (tokenizer.ggml.model "gemma4"): tokens are those of
 * SentencePiece, with spaces and bytes as there, and they are merged by a list of merges as
 * in byte-level BPE, over the whole line.  No merge crosses two bytes that none of them
 * brings together, so the text is cut there into words; line ends are words too.  The rest
 * is in spm.c and merges.c.
 *
 * Files say so in another way too: the model is "gpt2" then, and the pre-tokenizer gemma4 or
 * one of those in bpe.c.  Sarvam's differs in what is around a text and in that line ends
 * are merged as all else is.
 */
#include <libtrain/tokenizer/kind.h>

/* No word has line ends and other bytes. */
static void part_lines(struct tr_tokenizer *t)
{
    for (int b = 0; b < 256; b++) {
        t->joint[b]['\n' / 8] &= (uint8_t)~(1 << '\n' % 8);
        t->joint['\n'][b / 8] = 0;
    }
    tr__spm_join(t, '\n', '\n');
}

static int gemma4_init(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    int rc = tr__spm_init(t, err);
    if (rc)
        return rc;
    tr__join_characters(t);
    rc = tr__merges_read(t, g, err);
    part_lines(t);
    return rc;
}

const struct tr__tokenizer_kind tr__tokenizer_gemma4 = {
    .model = "gemma4",
    .add_bos = 1,
    .always_bos = 1,
    .whole_lines = 1,
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

const struct tr__tokenizer_kind tr__tokenizer_sarvam = {
    .model = "gpt2",
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
