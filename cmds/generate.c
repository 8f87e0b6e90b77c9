/* SPDX-License-Identifier: MIT
 *
 * generate - sample text from a model.  See generate.1
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/sampling.h"
#include "shared/vocab.h"

#include <libtrain/file.h>
#include <libtrain/model.h>
#include <libtrain/tokenizer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    const char *model, *prompt_file, *output, *label, *after, *pre;
    struct cmd_list adapters, prompts, stops;
    int64_t n, seed;
    int special;
    struct sampling sampling;
};

struct run {
    const struct opts *o;
    FILE *out;
    struct tr_text prompt_text; /* the file of prompts */
    struct cmd_list prompt; /* all prompts */
    struct tr_model *m;
    struct tr_tokenizer *tok;
    struct tr_cache *cache;
    struct tr_tape *tape;
    struct candidate *cand; // (n_vocab)
    float *logits;          // (n_vocab)
    char *text;             /* what was said after the prompt */
    size_t n_text, cap_text;
};

/* ==== the text ==== */

/* Where the first stop text begins, or the end. */
static size_t stop_at(const struct run *r, int *found)
{
    for (size_t i = 0; i < r->o->stops.n; i++) {
        const char *stop = r->o->stops.item[i];
        size_t len = strlen(stop);
        for (size_t at = 0; len && at + len <= r->n_text; at++)
            if (!memcmp(r->text + at, stop, len)) {
                *found = 1;
                return at;
            }
    }
    *found = 0;
    return r->n_text;
}

static size_t longest_stop(const struct opts *o)
{
    size_t longest = 0;
    for (size_t i = 0; i < o->stops.n; i++)
        if (strlen(o->stops.item[i]) > longest)
            longest = strlen(o->stops.item[i]);
    return longest;
}

static int encode_prompt(struct run *r, const char *prompt, struct tr_tokens *t,
                         struct tr_err *err)
{
    int flags = tr_tokenizer_around(r->tok) & TR_ENCODE_BOS;
    flags |= r->o->special ? TR_ENCODE_SPECIAL : 0;
    int rc = tr_tokenizer_encode(r->tok, prompt, strlen(prompt), flags, t, err);
    if (!rc && !t->n)
        rc = tr_err_set(err, TR_EFORMAT, "the prompt is empty and the model has no BOS");
    if (!rc && (int64_t)t->n + r->o->n > tr_model_config(r->m)->n_ctx)
        rc = tr_err_set(err, TR_EMISMATCH,
                        "%zu tokens of prompt and %lld more are beyond the model's %lld",
                        t->n, (long long)r->o->n, (long long)tr_model_config(r->m)->n_ctx);
    return rc;
}

/* Print what can no longer become part of a stop text. */
static size_t print_ready(const struct run *r, size_t printed, size_t until)
{
    if (until > printed) {
        fwrite(r->text + printed, 1, until - printed, r->out);
        fflush(r->out);
        return until;
    }
    return printed;
}

static int continue_prompt(struct run *r, const int32_t *prompt, int64_t n_prompt,
                           struct tr_rng *rng, struct tr_err *err)
{
    size_t printed = 0, hold = longest_stop(r->o);
    int64_t n_vocab = tr_model_config(r->m)->n_vocab, n_token = tr_tokenizer_n_vocab(r->tok);
    int stopped = 0, ended = 0;
    int32_t next = -1;
    if (n_token > n_vocab) /* rows of padding behind the vocabulary are no tokens */
        n_token = n_vocab;
    r->n_text = 0;
    tr_cache_cut(r->cache, 0);
    for (int64_t i = 0; i < r->o->n && !stopped && !ended; i++) {
        if (tr_model_extend(r->m, r->tape, r->cache, i ? &next : prompt, i ? 1 : n_prompt,
                            r->logits, err))
            return err->code;
        next = sample(&r->o->sampling, r->logits, n_token, r->cand, rng);
        /* one that is no control token is seen, as in llama.cpp */
        ended = tr_tokenizer_is_eog(r->tok, (uint32_t)next);
        if (tr_tokenizer_decode(r->tok, (uint32_t)next, 0, 0, &r->text, &r->n_text,
                                &r->cap_text, err))
            return err->code;
        size_t end = stop_at(r, &stopped);
        printed = print_ready(r, printed, stopped ? end : end > hold ? end - hold : 0);
    }
    print_ready(r, printed, stop_at(r, &stopped));
    putc('\n', r->out);
    return 0;
}

static int on_prompt(struct run *r, const char *prompt, size_t i, struct tr_err *err)
{
    struct tr_tokens t = {0};
    struct tr_rng rng = tr_rng_init((uint64_t)r->o->seed, i);
    int rc = encode_prompt(r, prompt, &t, err);
    if (!rc) {
        if (r->o->label)
            fprintf(r->out, "==> %s <==\n", r->o->label);
        fputs(prompt, r->out);
        /* ids are below 2^31 */
        rc = continue_prompt(r, (const int32_t *)t.id, (int64_t)t.n, &rng, err);
    }
    tr_tokens_release(&t);
    return rc;
}

/* ==== the command ==== */

/* Memory for the longest prompt, found by feeding it to a tape that only counts. */
static int make_tape(struct run *r, int64_t n_prompt, struct tr_err *err)
{
    int32_t *zeros = calloc((size_t)n_prompt, sizeof *zeros);
    struct tr_tape *plan = tr_tape_new_planning(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, err);
    if (!plan || !zeros)
        tr_err_set(err, TR_ENOMEM, "out of memory for a prompt of %lld tokens",
                   (long long)n_prompt);
    else if (!tr_model_extend(r->m, plan, r->cache, zeros, n_prompt, r->logits, err)) {
        tr_cache_cut(r->cache, 0);
        struct tr_tape_plan p = tr_tape_plan(plan);
        r->tape = tr_tape_new(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, &p, err);
    }
    tr_tape_free(plan);
    free(zeros);
    return err->code;
}

static int make_memory(struct run *r, struct tr_err *err)
{
    int64_t n_vocab = tr_model_config(r->m)->n_vocab, longest = 1;
    for (size_t i = 0; i < r->prompt.n; i++) {
        struct tr_tokens t = {0};
        int rc = encode_prompt(r, r->prompt.item[i], &t, err);
        if ((int64_t)t.n > longest)
            longest = (int64_t)t.n;
        tr_tokens_release(&t);
        if (rc)
            return rc;
    }
    r->cand = malloc((size_t)n_vocab * sizeof *r->cand);
    r->logits = malloc((size_t)n_vocab * sizeof *r->logits);
    if (!r->cand || !r->logits)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    r->cache = tr_cache_new(r->m, longest + r->o->n, err);
    return r->cache ? make_tape(r, longest, err) : err->code;
}

/* The prompts of -p, then the lines of --prompts that are not empty. */
static int gather_prompts(struct run *r, struct tr_err *err)
{
    const struct opts *o = r->o;
    struct tr_text *text = &r->prompt_text;
    size_t lines = 0;
    if (o->prompt_file && cmd_read_text(text, o->prompt_file, NULL, err))
        return err->code;
    for (size_t i = 0; i < text->n; i++)
        lines += text->bytes[i] == '\n';
    r->prompt.item = calloc(o->prompts.n + lines + 1, sizeof *r->prompt.item);
    if (!r->prompt.item)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    for (size_t i = 0; i < o->prompts.n; i++)
        r->prompt.item[r->prompt.n++] = o->prompts.item[i];
    char *save = NULL, *line = text->n ? strtok_r(text->bytes, "\r\n", &save) : NULL;
    for (; line; line = strtok_r(NULL, "\r\n", &save))
        r->prompt.item[r->prompt.n++] = line;
    if (!r->prompt.n)
        return tr_err_set(err, TR_EFORMAT, "%s: no prompt in it", o->prompt_file);
    for (size_t i = 0; i < r->prompt.n && !o->special; i++)
        cmd_tell_spelt_in(r->tok, r->prompt.item[i], strlen(r->prompt.item[i]));
    return 0;
}

static int run_all(const struct opts *o, struct tr_err *err)
{
    struct run r = { .o = o };
    struct cmd_adapters adapters = {0};
    int rc = TR_EIO;
    struct tr_out *out = tr_out_open(o->output, err);
    if (!out || !(r.m = cmd_open_model(o->model, err)) ||
        cmd_adapters_attach(&adapters, &o->adapters, r.m, err) ||
        !(r.tok = cmd_tokenizer(tr_model_gguf(r.m), o->pre, err)) ||
        gather_prompts(&r, err) || make_memory(&r, err))
        goto end;
    r.out = tr_out_stream(out);
    rc = cmd_copy(o->after, r.out, err);
    for (size_t i = 0; !rc && i < r.prompt.n; i++)
        rc = on_prompt(&r, r.prompt.item[i], i, err);
end:
    if (rc)
        tr_out_discard(out);
    else
        rc = tr_out_commit(out, err);
    tr_tape_free(r.tape);
    tr_cache_free(r.cache);
    tr_tokenizer_free(r.tok);
    free(r.cand);
    free(r.logits);
    free(r.text);
    free(r.prompt.item);
    tr_text_release(&r.prompt_text);
    tr_model_close(r.m);
    cmd_adapters_release(&adapters);
    return rc ? CMD_FAIL : CMD_OK;
}

int main(int argc, char **argv)
{
    struct opts o = { .n = 100, .sampling = { .temp = 0.8, .top_k = 40, .top_p = 0.95 },
                      .seed = 42, .output = "-" };
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "GGUF to sample from"),
        CMD_INS('a', "adapter", &o.adapters, "FILE[:SCALE]",
                 "adapter on top of it, may be given again"),
        CMD_LIST('p', "prompt", &o.prompts, "TEXT",
                 "text to continue, may be given again"),
        CMD_IN(0, "prompts", &o.prompt_file, "FILE", "texts to continue, one a line"),
        CMD_INT('n', "tokens", &o.n, 1, 1 << 24, "N", "tokens to add at most"),
        CMD_FLOAT(0, "temp", &o.sampling.temp, 0, 100, "X",
                  "temperature; 0: always the likeliest"),
        CMD_INT(0, "top-k", &o.sampling.top_k, 0, 1 << 24, "N",
                "choose among the N likeliest; 0: all"),
        CMD_FLOAT(0, "top-p", &o.sampling.top_p, 0, 1, "X",
                  "of these, the fewest that have this share of the probability"),
        CMD_LIST(0, "stop", &o.stops, "TEXT", "end before this text, may be given again"),
        CMD_INT(0, "seed", &o.seed, 0, 9e15, "N", "of the sampling"),
        CMD_TEXT(0, "pre", &o.pre, "NAME", CMD_PRE_HELP),
        CMD_FLAG(0, "special", &o.special, CMD_SPECIAL_HELP),
        CMD_OUT('o', "output", &o.output, "FILE", "where to write the text"),
        CMD_TEXT(0, "label", &o.label, "TEXT", "a line with this before every sample"),
        CMD_IN(0, "after", &o.after, "FILE", "begin with the samples of this older file"),
        CMD_END
    };
    const struct cmd cmd = { "generate", "-m MODEL.gguf -p PROMPT [-n N]",
                             "continue a text", table, 0, 0 };
    struct tr_err err = {0};
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    if (!o.model || (!o.prompts.n && !o.prompt_file))
        cmd_usage(&cmd, "options '--model' and '--prompt' or '--prompts' are required");
    int rc = run_all(&o, &err);
    free(o.adapters.item);
    free(o.prompts.item);
    free(o.stops.item);
    return cmd_end(rc, &err);
}
