/* SPDX-License-Identifier: MIT
 *
 * generate - sample text from a model.  See generate.1
 */
#include "adapters.h"
#include "common.h"

#include <libtrain/file.h>
#include <libtrain/model.h>
#include <libtrain/rng.h>
#include <libtrain/tokenizer.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    const char *model, *prompt_file, *output, *label, *after;
    struct cmd_list adapters, prompts, stops;
    int64_t n, top_k, seed;
    double temp, top_p;
};

struct candidate {
    float p; /* logit, then probability */
    int32_t id;
};

struct run {
    const struct opts *o;
    FILE *out;
    char *prompt_text;      /* the file of prompts */
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

/* ==== choosing a token ==== */

/* Whether a comes before b: the likelier, of equals the one with the lower id. */
static int is_before(const struct candidate *a, const struct candidate *b)
{
    return a->p != b->p ? a->p > b->p : a->id < b->id;
}

/* Let candidate i of a heap, whose first is at [0], sink to where it belongs. */
static void sink(struct candidate *c, int64_t n, int64_t i)
{
    struct candidate sinking = c[i];
    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_before(&c[child + 1], &c[child]))
            child++;
        if (!is_before(&c[child], &sinking))
            break;
        c[i] = c[child];
    }
    c[i] = sinking;
}

static void make_heap(struct candidate *c, int64_t n)
{
    for (int64_t i = n / 2; i-- > 0;)
        sink(c, n, i);
}

/* Move the first of a heap of n behind the n - 1 others. */
static struct candidate *take(struct candidate *c, int64_t n)
{
    struct candidate first = c[0];
    c[0] = c[n - 1];
    c[n - 1] = first;
    sink(c, n - 1, 0);
    return &c[n - 1];
}

/* Logits whose largest is looked for at once. */
enum { CHUNK = 32 };

static float largest(const float *logit)
{
    float max = -INFINITY;
#pragma omp simd reduction(max : max)
    for (int i = 0; i < CHUNK; i++)
        max = logit[i] > max ? logit[i] : max;
    return max;
}

/* Fill c with candidates among which are the top k of n (0: all n); returns how many.  At
 * least k logits are no less than the k-th of the chunks' largest, and hardly more are, so
 * the heap is made of few. */
static int64_t gather(const float *logit, int64_t n, int64_t k, struct candidate *c)
{
    int64_t n_chunk = n / CHUNK, gathered = 0;
    float least = -INFINITY;
    if (k && k < n_chunk) {
        for (int64_t i = 0; i < n_chunk; i++)
            c[i] = (struct candidate){ largest(logit + i * CHUNK), (int32_t)i };
        make_heap(c, n_chunk);
        for (int64_t i = 0; i < k; i++)
            least = take(c, n_chunk - i)->p;
    }
    for (int64_t i = 0; i < n; i++)
        if (!(logit[i] < least)) /* a NaN stays, so there is always one */
            c[gathered++] = (struct candidate){ logit[i], (int32_t)i };
    return gathered;
}

static int32_t likeliest(const float *logit, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (logit[i] > logit[best])
            best = i;
    return (int32_t)best;
}

/* From a heap of n, take the top k and of these the least number whose probability reaches
 * top_p; returns how many these are, and their sum.  They lie at the end of c, the likeliest
 * last.  A vocabulary is long and few are wanted, so it is never sorted. */
static int64_t cut(const struct opts *o, struct candidate *c, int64_t n, double *sum)
{
    int64_t k = o->top_k && o->top_k < n ? o->top_k : n, taken = 0, i = 0;
    float top = c[0].p, temp = (float)o->temp;
    double all = 0, kept = 0;
    if (k == n)
        for (int64_t j = 0; j < n; j++)
            all += (double)expf((c[j].p - top) / temp);
    else
        for (; taken < k; taken++)
            all += (double)expf((take(c, n - taken)->p - top) / temp);
    for (; i < k && (!i || kept < o->top_p * all); i++) {
        if (i == taken)
            take(c, n - taken++);
        struct candidate *next = &c[n - 1 - i];
        kept += (double)(next->p = expf((next->p - top) / temp));
    }
    *sum = kept;
    return i;
}

static int32_t sample(struct run *r, struct tr_rng *rng)
{
    int64_t n_vocab = tr_model_config(r->m)->n_vocab, n_kept;
    /* rows of padding behind the vocabulary are no tokens */
    int64_t n = tr_tokenizer_n_vocab(r->tok);
    if (n > n_vocab)
        n = n_vocab;
    if (r->o->temp == 0)
        return likeliest(r->logits, n);
    n = gather(r->logits, n, r->o->top_k, r->cand);
    make_heap(r->cand, n);
    double sum, at;
    n_kept = cut(r->o, r->cand, n, &sum);
    at = (double)tr_rng_uniform(rng) * sum;
    for (int64_t i = 1; i < n_kept; i++)
        if ((at -= (double)r->cand[n - i].p) < 0)
            return r->cand[n - i].id;
    return r->cand[n - n_kept].id;
}

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
    int rc = 0;
    int32_t bos = tr_tokenizer_bos(r->tok);
    if (tr_tokenizer_add_bos(r->tok) && bos >= 0)
        rc = tr_tokens_push(t, (uint32_t)bos, err);
    if (!rc)
        rc = tr_tokenizer_encode(r->tok, prompt, strlen(prompt), 0, t, err);
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
    int stopped = 0;
    int32_t next = -1;
    r->n_text = 0;
    tr_cache_cut(r->cache, 0);
    for (int64_t i = 0; i < r->o->n && !stopped; i++) {
        if (i)
            tr_model_extend(r->m, r->tape, r->cache, &next, 1, r->logits);
        else
            tr_model_extend(r->m, r->tape, r->cache, prompt, n_prompt, r->logits);
        next = sample(r, rng);
        if (next == tr_tokenizer_eos(r->tok))
            break;
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
    if (plan && zeros) {
        tr_model_extend(r->m, plan, r->cache, zeros, n_prompt, r->logits);
        tr_cache_cut(r->cache, 0);
        struct tr_tape_plan p = tr_tape_plan(plan);
        r->tape = tr_tape_new(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, &p, err);
    } else {
        tr_err_set(err, TR_ENOMEM, "out of memory");
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
    size_t bytes = 0, lines = 0;
    if (o->prompt_file && tr_read_all(o->prompt_file, &r->prompt_text, &bytes, err))
        return err->code;
    for (size_t i = 0; i < bytes; i++)
        lines += r->prompt_text[i] == '\n';
    r->prompt.item = calloc(o->prompts.n + lines + 1, sizeof *r->prompt.item);
    if (!r->prompt.item)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    for (size_t i = 0; i < o->prompts.n; i++)
        r->prompt.item[r->prompt.n++] = o->prompts.item[i];
    char *save = NULL, *line = bytes ? strtok_r(r->prompt_text, "\r\n", &save) : NULL;
    for (; line; line = strtok_r(NULL, "\r\n", &save))
        r->prompt.item[r->prompt.n++] = line;
    if (!r->prompt.n)
        return tr_err_set(err, TR_EFORMAT, "%s: no prompt in it", o->prompt_file);
    return 0;
}

static int run_all(const struct opts *o, struct tr_err *err)
{
    struct run r = { .o = o };
    struct cmd_adapters adapters = {0};
    int rc = TR_EIO;
    struct tr_out *out = tr_out_open(o->output, err);
    if (!out || !(r.m = cmd_open_model(o->model, err)) ||
        cmd_none_same(&o->output, 1,
                      (const char *[]){ o->model, o->prompt_file, o->after }, 3, err) ||
        cmd_adapters_attach(&adapters, &o->adapters, r.m, o->output, err) ||
        !(r.tok = tr_tokenizer_new(tr_model_gguf(r.m), err)) || gather_prompts(&r, err) ||
        make_memory(&r, err))
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
    free(r.prompt_text);
    tr_model_close(r.m);
    cmd_adapters_release(&adapters);
    return rc ? CMD_FAIL : CMD_OK;
}

int main(int argc, char **argv)
{
    struct opts o = { .n = 100, .top_k = 40, .top_p = 0.95, .temp = 0.8, .seed = 42,
                      .output = "-" };
    const struct cmd_opt table[] = {
        CMD_TEXT('m', "model", &o.model, "FILE", "GGUF to sample from"),
        CMD_LIST('a', "adapter", &o.adapters, "FILE[:SCALE]",
                 "adapter on top of it, may be given again"),
        CMD_LIST('p', "prompt", &o.prompts, "TEXT",
                 "text to continue, may be given again"),
        CMD_TEXT(0, "prompts", &o.prompt_file, "FILE", "texts to continue, one a line"),
        CMD_INT('n', "tokens", &o.n, 1, 1 << 24, "N", "tokens to add at most"),
        CMD_FLOAT(0, "temp", &o.temp, 0, 100, "X", "temperature; 0: always the likeliest"),
        CMD_INT(0, "top-k", &o.top_k, 0, 1 << 24, "N", "choose among the N likeliest; 0: all"),
        CMD_FLOAT(0, "top-p", &o.top_p, 0, 1, "X",
                  "of these, the fewest that have this share of the probability"),
        CMD_LIST(0, "stop", &o.stops, "TEXT", "end before this text, may be given again"),
        CMD_INT(0, "seed", &o.seed, 0, 9e15, "N", "of the sampling"),
        CMD_TEXT('o', "output", &o.output, "FILE", "where to write the text"),
        CMD_TEXT(0, "label", &o.label, "TEXT", "a line with this before every sample"),
        CMD_TEXT(0, "after", &o.after, "FILE", "begin with the samples of this older file"),
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
