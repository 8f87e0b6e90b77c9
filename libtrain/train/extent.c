/* SPDX-License-Identifier: MIT
 *
 * How much data a run has at once at most: rows of a micro-batch and of a step, and the
 * longest document.  Found from the lengths of all sequences in the order in which the run
 * will see them, not from the arguments: sequences may be shorter than the context, and
 * there may be fewer than were asked for.  So the plan (plan.c) and the peak agree whatever
 * the data are, and a damaged pack is found out before the first step.
 */
#include <libtrain/comm.h>
#include <libtrain/train/run.h>

#include <stdlib.h>

/* Beyond so many samples the order is not walked: the bound is nearly reached by then. */
enum { MAX_WALK = 1 << 24 };

/* Lengths of all sequences, and of the longest document; *weighted: becomes 1 where tokens
 * have weights. */
static int32_t *read_lengths(struct tr_pack *pack, int32_t *longest, int *weighted,
                             struct tr_err *err)
{
    uint64_t n = tr_pack_info(pack)->n_seq;
    int32_t *length = malloc(n * sizeof *length);
    if (!length) {
        tr_err_set(err, TR_ENOMEM, "out of memory for the lengths of %llu sequences",
                   (unsigned long long)n);
        return NULL;
    }
    *longest = 1;
    for (uint64_t i = 0; i < n; i++) {
        struct tr_pack_seq seq;
        if (tr_pack_read(pack, i, &seq, err)) {
            free(length);
            return NULL;
        }
        length[i] = seq.n;
        *weighted |= seq.weight != NULL;
        for (int32_t j = 0; j < seq.n; j++)
            *longest = seq.pos[j] >= *longest ? seq.pos[j] + 1 : *longest;
    }
    return length;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Rows of the n samples from `first` on, of which the micro-batches are dealt to the ranks
 * in turn: the largest micro-batch, and the largest share of a rank. */
static void measure_step(const struct tr_trainer *t, const int32_t *length, uint64_t first,
                         int64_t n, struct tr__extent *x)
{
    int64_t rank = 0, rows = 0, share = 0, size = tr_comm_size();
    for (rank = 0; rank < size; rank++, share = 0) {
        for (int64_t i = rank * t->args.batch; i < n; i += size * t->args.batch) {
            int64_t end = i + t->args.batch < n ? i + t->args.batch : n;
            rows = 0;
            for (int64_t j = i; j < end; j++)
                rows += length[tr__sequence_of(t, first + (uint64_t)j)];
            x->varied |= x->batch_rows && rows != x->batch_rows;
            x->batch_rows = most(x->batch_rows, rows);
            share += rows;
        }
        x->step_rows = most(x->step_rows, share);
    }
}

/* As if the longest sequences came together. */
static void bound_step(const struct tr_trainer *t, const int32_t *length, int64_t n,
                       struct tr__extent *x)
{
    int64_t longest = 0;
    for (uint64_t i = 0; i < tr_pack_info(t->pack)->n_seq; i++)
        longest = most(longest, length[i]);
    x->batch_rows = longest * (t->args.batch < n ? t->args.batch : n);
    x->step_rows = longest * (n + tr_comm_size() - 1);
    x->varied = 1;
}

/* The longest sequence of a pack that is measured one by one. */
static int measure_val(struct tr_pack *val, struct tr__extent *x, struct tr_err *err)
{
    int32_t longest;
    int weighted = 0;
    int32_t *length = read_lengths(val, &longest, &weighted, err);
    if (!length)
        return err ? err->code : TR_EFORMAT;
    for (uint64_t i = 0; i < tr_pack_info(val)->n_seq; i++)
        x->val_rows = most(x->val_rows, length[i]);
    free(length);
    return 0;
}

int tr__measure_extent(struct tr_trainer *t, struct tr_err *err)
{
    struct tr__extent *x = &t->extent;
    int32_t *length = read_lengths(t->pack, &x->longest, &x->weighted, err);
    if (!length)
        return err ? err->code : TR_EFORMAT;
    int64_t each = t->args.batch * t->args.grad_acc;
    uint64_t all = tr__run_samples(t);
    if (all > MAX_WALK)
        bound_step(t, length, each, x);
    else
        for (uint64_t first = 0; first < all; first += (uint64_t)each)
            measure_step(t, length, first,
                         all - first < (uint64_t)each ? (int64_t)(all - first) : each, x);
    free(length);
    return t->args.val ? measure_val(t->args.val, x, err) : 0;
}
