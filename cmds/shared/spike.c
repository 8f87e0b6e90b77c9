/* SPDX-License-Identifier: MIT
 *
 * Which rows a step was made of whose loss stands out: sequences by number, documents by how
 * they begin.  It is rare, so a tokenizer is made for it and given back.
 */
#include "spike.h"

#include "message.h"

#include <libtrain/printable.h>
#include <libtrain/tokenizer.h>

#include <stdio.h>
#include <stdlib.h>

enum { MANY = 8, WORDS = 12 }; /* sequences of a step, documents of a sequence; tokens */

/* "The quick brown": the first tokens of the document at seq[at]. */
static void print_start(FILE *f, const struct tr_tokenizer *tok, const struct tr_pack_seq *seq,
                        int32_t at)
{
    char *text = NULL;
    size_t n = 0, cap = 0;
    for (int32_t i = 0; i < WORDS && at + i < seq->n && (!i || seq->pos[at + i]); i++)
        if (tr_tokenizer_decode(tok, (uint32_t)seq->token[at + i], !i, 0, &text, &n, &cap, NULL))
            break;
    fputs(" \"", f);
    tr_print_escaped(f, text, n);
    fputc('"', f);
    free(text);
}

static void print_documents(FILE *f, const struct tr_tokenizer *tok,
                            const struct tr_pack_seq *seq)
{
    int n = 0;
    for (int32_t at = 0; at < seq->n; at++)
        if (!at || !seq->pos[at]) {
            if (++n <= MANY)
                print_start(f, tok, seq, at);
        }
    if (n > MANY)
        fprintf(f, " and %d more", n - MANY);
}

static void say_sequence(const struct tr_tokenizer *tok, struct tr_pack *pack, uint64_t number)
{
    struct tr_pack_seq seq;
    char *line = NULL;
    size_t size;
    FILE *f = open_memstream(&line, &size);
    if (!f)
        return;
    fprintf(f, "  sequence %llu:", (unsigned long long)number);
    if (tok && !tr_pack_read(pack, number, &seq, NULL))
        print_documents(f, tok, &seq);
    if (!fclose(f))
        cmd_warn("%s", line);
    free(line);
}

void cmd_spike_say(const struct tr_trainer *t, const struct tr_step_stats *s,
                   struct tr_pack *pack, const struct tr_model *m)
{
    if (!s->skipped && !(s->spike > 0))
        return;
    if (s->skipped)
        cmd_warn("step %lld: loss %g, gradient norm %g, no update; it was made of",
                 (long long)s->step, s->loss, s->grad_norm);
    else
        cmd_warn("step %lld: loss %.4g, %.1f deviations above the usual %.4g; it was made of",
                 (long long)s->step, s->loss, s->spike, s->usual_loss);
    struct tr_tokenizer *tok = tr_tokenizer_new(tr_model_gguf(m), NULL);
    for (int64_t i = 0; i < s->n_seq && i < MANY; i++)
        say_sequence(tok, pack, tr_trainer_sequence(t, s->first_sample + (uint64_t)i));
    if (s->n_seq > MANY)
        cmd_warn("  and %lld more sequences", (long long)s->n_seq - MANY);
    tr_tokenizer_free(tok);
}
