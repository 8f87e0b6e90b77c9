/* SPDX-License-Identifier: MIT
 *
 * Prompts from packed data: what a model was not trained on says best what it is for.  Of
 * a row (a chat, a prompt with its answer) the prompt is what stands in front of its first
 * trained token, rendered as the model has to see it; of running text, the first words.
 * The documents are spread over the pack, the same ones every time.
 */
#include "pack-prompts.h"

#include <libtrain/pack.h>
#include <libtrain/tokenizer.h>

enum { FIRST_WORDS = 12 }; /* tokens of a text */

/* The first position behind document `at` of the sequence, or seq->n. */
static int32_t behind(const struct tr_pack_seq *seq, int32_t at)
{
    for (at++; at < seq->n && seq->pos[at]; at++)
        ;
    return at;
}

/* Tokens of the document seq[at, end) that are its prompt, at least 1: those that nothing
 * is learnt of, or of a text no more than half. */
static int32_t prompt_length(const struct tr_pack_seq *seq, int32_t at, int32_t end)
{
    int32_t n = 1;
    while (at + n < end && seq->target[at + n - 1] < 0)
        n++;
    if (n > 1)
        return n;
    n = (end - at + 1) / 2;
    return n < FIRST_WORDS ? n : FIRST_WORDS;
}

/* The first documents of the sequence whose prompts are short enough, `want` at most. */
static int in_sequence(const struct tr_pack_seq *seq, int64_t longest, int64_t want,
                       cmd_pack_prompt_fn *each, void *ctx, int64_t *n_found,
                       struct tr_err *err)
{
    int rc = 0;
    for (int32_t at = 0, end; !rc && want > 0 && at < seq->n; at = end) {
        end = behind(seq, at);
        int32_t n = prompt_length(seq, at, end);
        if (n > longest)
            continue;
        rc = each(ctx, seq->token + at, n, err);
        want--;
        ++*n_found;
    }
    return rc;
}

static int matches(struct tr_pack *pack, const struct tr_gguf *vocab, struct tr_err *err)
{
    uint64_t hash = tr_pack_info(pack)->vocab_hash; /* 0: not known */
    if (!hash || hash == tr_vocab_hash(vocab))
        return 0;
    return tr_err_set(err, TR_EMISMATCH, "'%s' was made with another vocabulary than that "
                      "of the model", tr_pack_path(pack));
}

int cmd_pack_prompts_each(const char *path, const struct tr_gguf *vocab, int64_t k,
                          int64_t longest, cmd_pack_prompt_fn *each, void *ctx,
                          struct tr_err *err)
{
    struct tr_pack *pack = tr_pack_open(path, err);
    if (!pack)
        return err->code;
    int64_t n_seq = (int64_t)tr_pack_info(pack)->n_seq, n_found = 0;
    int64_t parts = n_seq < k ? n_seq : k; /* sequences that are looked at */
    int rc = matches(pack, vocab, err);
    for (int64_t i = 0; !rc && i < parts; i++) {
        struct tr_pack_seq seq;
        rc = tr_pack_read(pack, (uint64_t)(i * n_seq / parts), &seq, err);
        if (!rc)
            rc = in_sequence(&seq, longest, (i + 1) * k / parts - i * k / parts, each, ctx,
                             &n_found, err);
    }
    if (!rc && !n_found)
        rc = tr_err_set(err, TR_EFORMAT, "%s: no prompt of at most %lld tokens in it", path,
                        (long long)longest);
    tr_pack_close(pack);
    return rc;
}
