/* SPDX-License-Identifier: MIT
 *
 * What a set of rows holds, in memory that does not grow with it: lengths are counted in
 * classes, of one length each up to 1024 and 256 to a power of two from there, and what was
 * there before is known by a hash of 64 bits as long as there are not too many.
 */
#include <libtrain/prepare.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum {
    EXACT = 1024, FINE = 256, N_CLASS = EXACT + 32 * FINE,
    FIRST_SLOTS = 1 << 12, MOST_SLOTS = 1 << 23 /* 64 MiB */
};

struct tr_prepare_seen {
    uint64_t count[N_CLASS];
    uint64_t *slot; // (n_slot) hashes, 0: free
    size_t n_slot, n;
};

int tr_prepare_stats_init(struct tr_prepare_stats *s, uint64_t context, struct tr_err *err)
{
    *s = (struct tr_prepare_stats){ .context = context };
    s->seen = calloc(1, sizeof *s->seen);
    return s->seen ? 0 : tr_err_sys(err, "cannot count rows");
}

void tr_prepare_stats_release(struct tr_prepare_stats *s)
{
    if (s->seen)
        free(s->seen->slot);
    free(s->seen);
    s->seen = NULL;
}

/* ---- lengths ------------------------------------------------------------------------ */

static size_t class_of(uint64_t n)
{
    int shift = 0;
    while (n >> shift >= 2 * FINE)
        shift++;
    if (n < EXACT)
        return (size_t)n;
    size_t c = EXACT + (size_t)(shift - 2) * FINE + (size_t)(n >> shift) - FINE;
    return c < N_CLASS ? c : N_CLASS - 1;
}

/* The largest length of a class. */
static uint64_t length_of(size_t c)
{
    if (c < EXACT)
        return c;
    int shift = (int)((c - EXACT) / FINE) + 2;
    return (((uint64_t)(FINE + (c - EXACT) % FINE) + 1) << shift) - 1;
}

uint64_t tr_prepare_stats_length(const struct tr_prepare_stats *s, double q)
{
    uint64_t wanted = (uint64_t)ceil(q * (double)s->n_doc), sum = 0;
    size_t c = 0;
    for (wanted = wanted ? wanted : 1; c < N_CLASS; c++) {
        sum += s->seen->count[c];
        if (sum >= wanted)
            break;
    }
    uint64_t n = c < N_CLASS ? length_of(c) : 0;
    return n < s->longest ? n : s->longest;
}

/* ---- what was there before ---------------------------------------------------------- */

static uint64_t *slot_of(const struct tr_prepare_seen *x, uint64_t hash)
{
    size_t i = hash & (x->n_slot - 1);
    while (x->slot[i] && x->slot[i] != hash)
        i = (i + 1) & (x->n_slot - 1);
    return &x->slot[i];
}

/* 0 if no more can be held: what is held stays. */
static int make_room(struct tr_prepare_seen *x)
{
    struct tr_prepare_seen more = { .n_slot = x->n_slot ? 2 * x->n_slot : FIRST_SLOTS };
    if (x->n < x->n_slot / 4 * 3)
        return 1;
    if (more.n_slot > MOST_SLOTS || !(more.slot = calloc(more.n_slot, sizeof *more.slot)))
        return 0;
    for (size_t i = 0; i < x->n_slot; i++)
        if (x->slot[i])
            *slot_of(&more, x->slot[i]) = x->slot[i];
    free(x->slot);
    x->slot = more.slot;
    x->n_slot = more.n_slot;
    return 1;
}

static int seen_before(struct tr_prepare_seen *x, uint64_t hash)
{
    int room = make_room(x);
    hash = hash ? hash : 1;
    if (!x->n_slot)
        return 0;
    uint64_t *slot = slot_of(x, hash);
    if (*slot)
        return 1;
    if (room) {
        *slot = hash;
        x->n++;
    }
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------ */

static void add_document(struct tr_prepare_stats *s, const struct tr_prepared_doc *d)
{
    s->n_doc++;
    s->n_token += d->n;
    s->n_trained += d->n_trained;
    s->n_over += s->context && d->n > s->context;
    s->n_untrained += d->n && !d->n_trained;
    s->longest = d->n > s->longest ? d->n : s->longest;
    s->seen->count[class_of(d->n)]++;
}

void tr_prepare_stats_add(struct tr_prepare_stats *s, const struct tr_prepared *r)
{
    s->n_row++;
    for (size_t i = 0; i < r->n_doc; i++)
        add_document(s, &r->doc[i]);
    if (!r->n_token)
        s->n_empty++;
    else
        s->n_twice += (uint64_t)seen_before(s->seen, r->hash);
    s->n_apart += r->n_apart;
    s->n_lost += r->n_lost;
    s->n_endless += r->n_endless;
    s->n_ended += r->n_ended;
    s->n_spelt += r->n_spelt;
    s->end = r->n_endless ? r->end : s->end;
    s->spelt = r->n_spelt ? r->spelt : s->spelt;
}

static void line(FILE *f, const char *what, uint64_t n, const char *note)
{
    if (n)
        fprintf(f, "%-24s %12" PRIu64 "%s\n", what, n, note);
}

void tr_prepare_stats_print(const struct tr_prepare_stats *s, FILE *f)
{
    static const struct { const char *name; double q; } quantiles[] = {
        { "shortest", 0 }, { "median", 0.5 }, { "90 %", 0.9 }, { "99 %", 0.99 },
        { "longest", 1 },
    };
    char note[64] = "";
    fprintf(f, "%-24s %12" PRIu64 "\n", "rows", s->n_row);
    line(f, "  left out", s->n_bad, "");
    line(f, "  without a token", s->n_empty, "");
    line(f, "  there before", s->n_twice, "");
    if (s->n_doc != s->n_row)
        line(f, "documents", s->n_doc, "");
    line(f, "  longer than the context", s->n_over, note);
    line(f, "  nothing trained", s->n_untrained, "");
    line(f, "turns written apart", s->n_apart, "");
    line(f, "turns not to be told", s->n_lost, "");
    fprintf(f, "%-24s %12" PRIu64 "\n", "tokens", s->n_token);
    double share = s->n_token ? 100 * (double)s->n_trained / (double)s->n_token : 0;
    fprintf(f, "%-24s %12" PRIu64 "  %.1f %%\n", "  trained", s->n_trained, share);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles && s->n_doc; i++)
        fprintf(f, "%-10s %-13s %12" PRIu64 "\n", i ? "" : "length", quantiles[i].name,
                tr_prepare_stats_length(s, quantiles[i].q));
}
