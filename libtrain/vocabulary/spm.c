/* SPDX-License-Identifier: MIT
 *
 * SentencePiece's BPE (Kudo and Richardson 2018): characters merge as bytes do in bpe.c,
 * and what merged earlier has a higher score.  Ids are <unk>, <s>, </s>, the special
 * tokens, 256 bytes for what has no token of its own, the characters, and the merges as
 * they were learnt.
 */
#include <libtrain/vocabulary/spaced.h>

#include <stdlib.h>

/* Characters merge out of nothing, so theirs are the lowest. */
static int set_scores(struct tr_vocabulary *v, size_t n_fixed, size_t n_before,
                      struct tr_err *err)
{
    size_t n_made = v->token.n - n_before;
    v->score = calloc(v->token.n, sizeof *v->score);
    if (!v->score)
        return tr_err_sys(err, "cannot hold %zu scores", v->token.n);
    for (size_t i = n_fixed; i < n_before; i++)
        v->score[i] = -(float)(n_made + i - n_fixed);
    for (size_t i = 0; i < n_made; i++) {
        v->score[n_before + i] = -(float)i;
        v->token.s[n_before + i].count = TR__TYPE_NORMAL;
    }
    return 0;
}

static int spm_learn(struct tr_vocabulary *v, struct tr_err *err)
{
    struct tr__merge_limits limits = { v->args.size, v->args.min_frequency, TR__PIECE_MAX,
                                       NULL };
    struct tr__characters c = { 0 };
    struct tr__words words = { 0 };
    int rc = tr__spaced_begin(v, 1, &c, err);
    size_t n = v->token.n, n_fixed = v->kind->n_fixed + v->args.n_special;
    if (!rc)
        rc = tr__spaced_words_of(v, &c, &words, err);
    tr__strings_release(&v->word);
    tr__characters_release(&c);
    if (!rc)
        rc = tr__merge_words(&words, &limits, &v->token, &v->merges, &v->progress, err);
    tr__words_release(&words);
    return rc ? rc : set_scores(v, n_fixed, n, err);
}

const struct tr__vocabulary_kind tr__vocabulary_spm = {
    .name = "spm",
    .architecture = "llama",
    .model = "llama",
    .spaced = 1,
    .add_bos = 1,
    .fixed = tr__spaced_fixed,
    .n_fixed = 3 + 256,
    .bos = "<s>",
    .eos = "</s>",
    .words = &tr__spaced_words,
    .learn = spm_learn,
    .write = tr__spaced_write,
};
