/* SPDX-License-Identifier: MIT
 *
 * Samples that are joined to one document, over which attention reaches: either one goes on
 * into those that follow it, or the next ones fill what is left of the context.  Both come
 * from a front of the year 2023 whose data sets people still have: it took beginnings of
 * samples in one text, so documents here are stretches of that text.  The order of packing
 * is not touched: what is made here goes to a packer as any other document does.
 */
#include <libtrain/data/packing.h>

#include <stdlib.h>
#include <string.h>

enum { SAMPLE_STREAM = 0x73616d70 };

void tr__samples_init(struct tr__samples *s, const struct tr_sample_args *args,
                      uint32_t ctx, uint64_t seed)
{
    *s = (struct tr__samples){ .args = *args, .most = (size_t)ctx + 1,
                               .random = tr_rng_init(seed, SAMPLE_STREAM) };
}

void tr__samples_release(struct tr__samples *s)
{
    free(s->token);
    free(s->weight);
    free(s->start);
    free(s->out_token);
    free(s->out_weight);
    *s = (struct tr__samples){ 0 };
}

/* ==== the text that waits ==== */

static int append(struct tr__samples *s, const uint32_t *token, const float *weight,
                  size_t n, struct tr_err *err)
{
    if (tr__grow(&s->token, &s->token_cap, s->n + n, sizeof *s->token) ||
        tr__grow(&s->weight, &s->weight_cap, s->n + n, sizeof *s->weight))
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu tokens of samples",
                          s->n + n);
    for (size_t i = 0; i < n; i++) {
        s->token[s->n + i] = token[i];
        s->weight[s->n + i] = weight ? weight[i] : 1;
    }
    s->n += n;
    return 0;
}

static int append_one(struct tr__samples *s, int32_t id, struct tr_err *err)
{
    uint32_t token = (uint32_t)id;

    return id < 0 ? 0 : append(s, &token, NULL, 1, err);
}

static int add_start(struct tr__samples *s, const struct tr_document *d, int had_bos,
                     struct tr_err *err)
{
    if (tr__grow(&s->start, &s->start_cap, s->n_start + 1, sizeof *s->start))
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu samples", s->n_start + 1);
    struct tr__sample *x = &s->start[s->n_start++];
    *x = (struct tr__sample){ .at = s->n, .had_bos = had_bos, .row = d->row };
    if (d->group)
        memcpy(x->group, d->group, strlen(d->group) + 1);
    return 0;
}

/* Take BOS off the beginning and EOS off the end, which stood around the document alone;
 * 1 if there was a BOS. */
static int strip(const struct tr_sample_args *a, struct tr_document *d)
{
    int bos = a->bos >= 0 && d->n && TR_TOKEN_ID(*d->token) == (uint32_t)a->bos;

    if (bos) {
        d->token++;
        d->weight += d->weight != NULL;
        d->n--;
    }
    if (a->eos >= 0 && d->n && TR_TOKEN_ID(d->token[d->n - 1]) == (uint32_t)a->eos)
        d->n--;
    return bos;
}

/* ==== what comes out ==== */

/* 1 if a BOS goes in front of the text from the first start on. */
static size_t front_of(const struct tr__samples *s)
{
    return s->args.bos >= 0 && (s->start[0].had_bos || s->args.separate_bos) ? 1 : 0;
}

static int make_room(struct tr__samples *s, struct tr_err *err)
{
    if (tr__grow(&s->out_token, &s->out_token_cap, s->most, sizeof *s->out_token) ||
        tr__grow(&s->out_weight, &s->out_weight_cap, s->most, sizeof *s->out_weight))
        return tr_err_set(err, TR_ENOMEM, "out of memory for a sample of %zu tokens",
                          s->most);
    return 0;
}

/* What the first `starts` samples have behind `end` is in no document that is made. */
static void count_lost(struct tr__samples *s, size_t starts, size_t end)
{
    size_t there = starts < s->n_start ? s->start[starts].at : s->n;

    if (there > end) {
        s->n_cut++;
        s->lost_tokens += there - end;
    }
}

/* The text from the first start on: *out, of at most s->most tokens, of which the first may be
 * a BOS. */
static int emit(struct tr__samples *s, struct tr_document *out, struct tr_err *err)
{
    const struct tr__sample *x = &s->start[0];
    size_t front = front_of(s), room = s->most - front;
    size_t n = s->n - x->at < room ? s->n - x->at : room;
    int rc = make_room(s, err);

    if (rc)
        return rc;
    s->out_token[0] = (uint32_t)s->args.bos;
    s->out_weight[0] = 1;
    memcpy(s->out_token + front, s->token + x->at, n * sizeof *s->token);
    memcpy(s->out_weight + front, s->weight + x->at, n * sizeof *s->weight);
    count_lost(s, s->used, x->at + n);
    *out = (struct tr_document){ .token = s->out_token, .n = n + front,
                                 .weight = s->out_weight,
                                 .group = *x->group ? x->group : NULL, .row = x->row };
    return 1;
}

/* Forget the first `starts` samples and the text before what is left. */
static void forget(struct tr__samples *s, size_t starts)
{
    size_t from = starts < s->n_start ? s->start[starts].at : s->n;

    memmove(s->token, s->token + from, (s->n - from) * sizeof *s->token);
    memmove(s->weight, s->weight + from, (s->n - from) * sizeof *s->weight);
    memmove(s->start, s->start + starts, (s->n_start - starts) * sizeof *s->start);
    s->n -= from;
    s->n_start -= starts;
    for (size_t i = 0; i < s->n_start; i++)
        s->start[i].at -= from;
}

/* ==== places that chance chooses ==== */

struct tr_document tr__samples_offset(struct tr__samples *s, const struct tr_document *d)
{
    struct tr_document x = *d;
    uint64_t skip = x.n > 2 && !x.rival ? tr_rng_below(&s->random, x.n - 1) : 0;

    x.token += skip;
    x.weight += x.weight ? skip : 0;
    x.n -= skip;
    return x;
}

/* The next window of all the text; begins are all tokens but the last. */
static int next_window(struct tr__samples *s, struct tr_document *out, struct tr_err *err)
{
    uint64_t begins = s->n > 1 ? s->n - 1 : 0;

    if (s->n_window >= s->args.windows || s->n_window >= begins)
        return 0;
    s->n_window++;
    s->start[0].at = (size_t)tr_rng_below(&s->random, begins);
    return emit(s, out, err);
}

/* Where samples overlap, each is one from its own start; else all that wait are one. */
int tr__samples_next(struct tr__samples *s, int at_end, struct tr_document *out,
                     struct tr_err *err)
{
    if (s->args.windows)
        return at_end && s->n_start ? next_window(s, out, err) : 0;
    if (s->used) {
        forget(s, s->used);
        s->used = 0;
    }
    if (!s->n_start || (!at_end && s->n - s->start[0].at + front_of(s) < s->most))
        return 0;
    s->used = s->args.overlapping ? 1 : s->n_start;
    return emit(s, out, err);
}

int tr__samples_add(struct tr__samples *s, const struct tr_document *d, struct tr_err *err)
{
    const struct tr_sample_args *a = &s->args;
    struct tr_document x = *d;
    int had_bos = strip(a, &x), rc = 0;

    if (!a->overlapping && !a->windows && s->n_start) {
        rc = a->separate_eos ? append_one(s, a->eos, err) : 0;
        if (!rc && a->separate_bos)
            rc = append_one(s, a->bos, err);
    }
    if (!rc)
        rc = add_start(s, d, had_bos, err);
    return rc ? rc : append(s, x.token, x.weight, x.n, err);
}
