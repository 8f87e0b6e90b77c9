/* SPDX-License-Identifier: MIT
 *
 * The loop of generating.  A prompt is fed at once, then a token at a time over the cache
 * of keys and values (model/cache.c).  Text that may be the beginning of a stop text is held
 * back until it is known.  Drawing is in sampling.c.
 */
#include <libtrain/generate.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tr_generator {
    struct tr_model *m;
    const struct tr_tokenizer *tok;
    int64_t max_prompt, max_new, n_token; /* n_token: ids that can be drawn */
    struct tr_cache *cache;
    struct tr_tape *tape;
    struct tr_candidate *cand; // (n_vocab)
    float *logits;             // (n_vocab)
    uint32_t *fed;             // (max_prompt + max_new) ids in the cache
    char *text;                /* what was said after the prompt */
    size_t n_text, cap_text;
    int cut; /* the last call ended by its number of tokens alone */
};

int tr_prompt_encode(const struct tr_tokenizer *tok, const char *text, int special,
                     struct tr_tokens *t, struct tr_err *err)
{
    int flags = tr_tokenizer_around(tok) & TR_ENCODE_BOS;
    flags |= special ? TR_ENCODE_SPECIAL : 0;
    int rc = tr_tokenizer_encode(tok, text, strlen(text), flags, t, err);
    if (!rc && !t->n)
        rc = tr_err_set(err, TR_EFORMAT, "the prompt is empty and the model has no BOS");
    return rc;
}

/* What the longest prompt takes, found by feeding it to a tape that only counts. */
static int plan_prompt(struct tr_generator *g, struct tr_tape_plan *p, struct tr_err *err)
{
    int rc = TR_ENOMEM;
    int32_t *zeros = calloc((size_t)g->max_prompt, sizeof *zeros);
    struct tr_tape *plan = tr_tape_new_planning(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, err);
    if (!plan || !zeros)
        tr_err_set(err, rc, "out of memory for a prompt of %lld tokens",
                   (long long)g->max_prompt);
    else
        rc = tr_model_extend(g->m, plan, g->cache, zeros, g->max_prompt, g->logits, err);
    if (!rc)
        *p = tr_tape_plan(plan);
    tr_tape_free(plan);
    free(zeros);
    return rc;
}

/* All but the tape, whose plan is found. */
static int make_memory(struct tr_generator *g, struct tr_tape_plan *p, struct tr_err *err)
{
    int64_t n_vocab = tr_model_config(g->m)->n_vocab, n_ctx = tr_model_config(g->m)->n_ctx;
    if (g->max_prompt < 1 || g->max_new < 1 || g->max_prompt > n_ctx ||
        g->max_new > n_ctx - g->max_prompt)
        return tr_err_set(err, TR_EMISMATCH,
                          "%lld tokens of prompt and %lld more are beyond the model's %lld",
                          (long long)g->max_prompt, (long long)g->max_new,
                          (long long)n_ctx);
    g->cand = malloc((size_t)n_vocab * sizeof *g->cand);
    g->logits = malloc((size_t)n_vocab * sizeof *g->logits);
    g->fed = malloc((size_t)(g->max_prompt + g->max_new) * sizeof *g->fed);
    if (!g->cand || !g->logits || !g->fed)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %lld logits",
                          (long long)n_vocab);
    g->cache = tr_cache_new(g->m, g->max_prompt + g->max_new, err);
    return g->cache ? plan_prompt(g, p, err) : TR_ENOMEM;
}

static struct tr_generator *make(struct tr_model *m, int64_t max_prompt, int64_t max_new,
                                 struct tr_tape_plan *p, struct tr_err *err)
{
    struct tr_generator *g = calloc(1, sizeof *g);
    if (!g) {
        tr_err_set(err, TR_ENOMEM, "out of memory for a generator");
        return NULL;
    }
    g->m = m;
    g->max_prompt = max_prompt;
    g->max_new = max_new;
    if (!make_memory(g, p, err))
        return g;
    tr_generator_free(g);
    return NULL;
}

struct tr_generator *tr_generator_new(struct tr_model *m, const struct tr_tokenizer *tok,
                                      int64_t max_prompt, int64_t max_new,
                                      struct tr_err *err)
{
    struct tr_tape_plan plan;
    struct tr_generator *g = make(m, max_prompt, max_new, &plan, err);
    if (!g)
        return NULL;
    int64_t n_vocab = tr_model_config(m)->n_vocab;
    g->tok = tok;
    g->n_token = tr_tokenizer_n_vocab(tok);
    if (g->n_token > n_vocab) /* rows of padding behind the vocabulary are no tokens */
        g->n_token = n_vocab;
    if ((g->tape = tr_tape_new(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, &plan, err)))
        return g;
    tr_generator_free(g);
    return NULL;
}

int tr_generator_bytes(struct tr_model *m, int64_t max_prompt, int64_t max_new,
                       int64_t *bytes, struct tr_err *err)
{
    struct tr_tape_plan plan;
    struct tr_generator *g = make(m, max_prompt, max_new, &plan, err);
    if (!g)
        return err ? err->code : TR_ENOMEM;
    *bytes = (int64_t)(plan.kept + plan.segment + plan.nodes) + tr_cache_bytes(g->cache) +
             tr_model_config(m)->n_vocab * (int64_t)(sizeof *g->cand + sizeof *g->logits) +
             (max_prompt + max_new) * (int64_t)sizeof *g->fed;
    tr_generator_free(g);
    return 0;
}

void tr_generator_free(struct tr_generator *g)
{
    if (!g)
        return;
    tr_tape_free(g->tape);
    tr_cache_free(g->cache);
    free(g->cand);
    free(g->logits);
    free(g->fed);
    free(g->text);
    free(g);
}

/* Where behind `from` the first stop text begins, or the end.  What was handed out before
 * had none. */
static size_t stop_at(const struct tr_generator *g, const struct tr_generate_args *a,
                      size_t from, int *found)
{
    size_t first = g->n_text;
    for (size_t i = 0; i < a->n_stop; i++) {
        size_t len = strlen(a->stop[i]);
        for (size_t at = from; len && at + len <= g->n_text && at < first; at++)
            if (!memcmp(g->text + at, a->stop[i], len))
                first = at;
    }
    *found = first < g->n_text;
    return first;
}

/* Where behind `from` a stop text may begin of which the rest is still to come, or the end. */
static size_t may_stop_at(const struct tr_generator *g, const struct tr_generate_args *a,
                          size_t from)
{
    size_t first = g->n_text;
    for (size_t i = 0; i < a->n_stop; i++) {
        size_t len = strlen(a->stop[i]);
        size_t at = g->n_text > len ? g->n_text - len : 0;
        for (at = at < from ? from : at; at < first; at++)
            if (!memcmp(g->text + at, a->stop[i], g->n_text - at))
                first = at;
    }
    return first;
}

/* Hand out the text up to `until`; 1 if that is to be the end. */
static int hand_out(const struct tr_generator *g, const struct tr_generate_args *a,
                    size_t *done, size_t until)
{
    int end = 0;
    if (until > *done && a->text)
        end = a->text(a->ctx, g->text + *done, until - *done) != 0;
    *done = until > *done ? until : *done;
    return end;
}

/* 1 if a control token, which is no text, is spelt as a stop text. */
static int spells_stop(struct tr_generator *g, const struct tr_generate_args *a,
                       uint32_t id, struct tr_err *err)
{
    size_t n = g->n_text;
    int found = 0;
    if (!a->n_stop || !tr_tokenizer_is_special(g->tok, id))
        return 0;
    int rc = tr_tokenizer_decode(g->tok, id, 0, 1, &g->text, &g->n_text, &g->cap_text, err);
    for (size_t i = 0; !rc && i < a->n_stop; i++)
        found |= g->n_text - n && strlen(a->stop[i]) == g->n_text - n &&
                 !memcmp(a->stop[i], g->text + n, g->n_text - n);
    g->n_text = n;
    return rc ? rc : found;
}

/* Draw the token that follows; 1 if the model ends there. */
static int next_token(struct tr_generator *g, const struct tr_generate_args *a,
                      struct tr_rng *rng, int32_t *next, struct tr_err *err)
{
    *next = tr_sample(&a->sampling, g->logits, g->n_token, g->cand, rng);
    /* an end that is no control token is seen, as in llama.cpp */
    int rc = tr_tokenizer_decode(g->tok, (uint32_t)*next, 0, 0, &g->text, &g->n_text,
                                 &g->cap_text, err);
    if (rc || tr_tokenizer_is_eog(g->tok, (uint32_t)*next))
        return rc ? rc : 1;
    return spells_stop(g, a, (uint32_t)*next, err);
}

static int check_sampling(const struct tr_sampling *s, struct tr_err *err)
{
    if (!(s->temp >= 0) || isinf(s->temp))
        return tr_err_set(err, TR_EUNSUPPORTED, "sampling: 'temp' is %g", s->temp);
    if (s->top_k < 0)
        return tr_err_set(err, TR_EUNSUPPORTED, "sampling: 'top_k' is %lld",
                          (long long)s->top_k);
    if (!(s->top_p >= 0 && s->top_p <= 1))
        return tr_err_set(err, TR_EUNSUPPORTED, "sampling: 'top_p' is %g", s->top_p);
    return 0;
}

static int check_prompt(const struct tr_generator *g, const uint32_t *prompt, size_t n,
                        const struct tr_generate_args *a, struct tr_err *err)
{
    int64_t n_vocab = tr_model_config(g->m)->n_vocab;
    int64_t room = g->max_prompt + g->max_new;
    if (n < 1 || n > (size_t)g->max_prompt || a->n < 0 || a->n > room - (int64_t)n)
        return tr_err_set(err, TR_EMISMATCH,
                          "%zu tokens of prompt and %lld more, where %lld and %lld were "
                          "announced", n, (long long)a->n, (long long)g->max_prompt,
                          (long long)g->max_new);
    for (size_t i = 0; i < n; i++)
        if (prompt[i] >= n_vocab)
            return tr_err_set(err, TR_EMISMATCH, "token %u of the prompt, the model has "
                              "%lld", prompt[i], (long long)n_vocab);
    return check_sampling(&a->sampling, err);
}

/* Ids of the prompt that the cache keeps: not the last, whose logits are wanted. */
static int64_t kept(struct tr_generator *g, const uint32_t *prompt, size_t n, int keep)
{
    int64_t same = 0, used = keep ? tr_cache_used(g->cache) : 0;
    while (same < used && same < (int64_t)n - 1 && g->fed[same] == prompt[same])
        same++;
    return tr_cache_cut(g->cache, same);
}

/* Logits behind n more ids. */
static int feed(struct tr_generator *g, const uint32_t *id, int64_t n, struct tr_err *err)
{
    memcpy(g->fed + tr_cache_used(g->cache), id, (size_t)n * sizeof *id);
    /* ids are below 2^31 */
    return tr_model_extend(g->m, g->tape, g->cache, (const int32_t *)id, n, g->logits, err);
}

int tr_generate(struct tr_generator *g, const uint32_t *prompt, size_t n,
                const struct tr_generate_args *a, struct tr_rng *rng, struct tr_err *err)
{
    size_t done = 0, end;
    int stopped = 0, ended = 0, enough = 0, rc = check_prompt(g, prompt, n, a, err);
    int64_t from = rc ? 0 : kept(g, prompt, n, a->keep);
    int32_t next = -1;
    g->n_text = 0;
    g->cut = 0;
    for (int64_t i = 0; !rc && i < a->n && !stopped && !ended && !enough; i++) {
        rc = i ? feed(g, (const uint32_t *)&next, 1, err)
               : feed(g, prompt + from, (int64_t)n - from, err);
        if (!rc && (ended = next_token(g, a, rng, &next, err)) < 0)
            rc = ended;
        if (rc)
            return rc;
        end = stop_at(g, a, done, &stopped);
        enough = hand_out(g, a, &done, stopped ? end : may_stop_at(g, a, done));
    }
    if (!rc && !enough)
        hand_out(g, a, &done, stop_at(g, a, done, &stopped));
    g->cut = !rc && !stopped && !ended && !enough;
    return rc;
}

int tr_generator_was_cut(const struct tr_generator *g)
{
    return g->cut;
}
