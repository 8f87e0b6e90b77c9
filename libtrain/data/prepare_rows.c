/* SPDX-License-Identifier: MIT
 *
 * Many rows: one thread cuts raw records off the source, a batch at a time; all threads
 * parse, render and encode them; then they are handed on in order.  A batch is small, so
 * memory does not depend on how many rows there are.
 */
#include <libtrain/prepare.h>

#include <inttypes.h>
#include <omp.h>
#include <stdlib.h>

enum {
    BATCH = 512,              /* rows */
    BATCH_BYTES = 4 << 20,    /* of records, or a single one */
    KEEP_BYTES = 32 << 20     /* of room that waits for the next batch */
};

struct slot { /* one row of a batch */
    struct tr_record raw;
    struct tr_prepared out;
    struct tr_err err;
    int rc;
};

struct batch {
    const struct tr_prepare *p;
    struct tr_source *source;
    struct slot *slot; // (BATCH)
    struct tr_preparer **preparer; // (n_thread)
    struct tr_row *row;            // (2 * n_thread) each and its rival
    int n_thread;
    size_t n;
};

static void slots_release(struct batch *b)
{
    for (size_t i = 0; i < BATCH; i++) {
        tr_record_release(&b->slot[i].raw);
        tr_prepared_release(&b->slot[i].out);
    }
}

static void batch_release(struct batch *b)
{
    if (b->slot)
        slots_release(b);
    for (int i = 0; b->preparer && i < b->n_thread; i++)
        tr_preparer_free(b->preparer[i]);
    for (int i = 0; b->row && i < 2 * b->n_thread; i++)
        tr_row_release(&b->row[i]);
    free(b->slot);
    free(b->preparer);
    free(b->row);
}

static int batch_init(struct batch *b, struct tr_err *err)
{
    b->n_thread = omp_get_max_threads();
    b->slot = calloc(BATCH, sizeof *b->slot);
    b->preparer = calloc((size_t)b->n_thread, sizeof *b->preparer);
    b->row = calloc(2 * (size_t)b->n_thread, sizeof *b->row);
    if (!b->slot || !b->preparer || !b->row)
        return tr_err_sys(err, "cannot hold rows for %d threads", b->n_thread);
    for (int i = 0; i < b->n_thread; i++)
        if (!(b->preparer[i] = tr_preparer_new(b->p, err)))
            return -1;
    return 0;
}

/* The next records: 1, 0 at the end of the source, or a failure. */
static int batch_read(struct batch *b, uint64_t n_max, struct tr_err *err)
{
    size_t bytes = 0;
    int more = 1;
    for (b->n = 0; more > 0 && b->n < BATCH && b->n < n_max && bytes < BATCH_BYTES;) {
        struct slot *s = &b->slot[b->n];
        more = tr_source_next(b->source, &s->raw, err);
        bytes += s->raw.n;
        b->n += more > 0;
    }
    return more < 0 ? more : b->n > 0;
}

static void prepare(const struct batch *b, int thread, struct slot *s)
{
    struct tr_row *row = &b->row[2 * thread], *rival = row + 1;
    s->err = (struct tr_err){ 0 };
    s->rc = tr_source_parse(b->source, &s->raw, row, &s->err);
    if (!s->rc && row->has_rival)
        s->rc = tr_source_parse_rival(b->source, &s->raw, rival, &s->err);
    if (s->rc)
        return;
    s->rc = row->has_rival ? tr_prepare_pair(b->preparer[thread], row, rival, &s->out, &s->err)
                           : tr_prepare_row(b->preparer[thread], row, &s->out, &s->err);
    if (s->rc)
        tr_err_prefix(&s->err, "'%s' line %" PRIu64 " byte %" PRIu64, tr_source_name(b->source),
                      s->raw.line, s->raw.at);
}

/* What fails for another reason than the row itself ends the work. */
static int hand_on(const struct slot *s, const struct tr_prepare_sink *sink,
                   struct tr_err *err)
{
    if (!s->rc)
        return sink->row(sink->arg, &s->raw, &s->out, err);
    if (s->err.code == TR_EFORMAT && sink->bad)
        return sink->bad(sink->arg, &s->raw, &s->err, err);
    return tr_err_set(err, s->err.code, "%s", s->err.text);
}

static int batch_run(struct batch *b, const struct tr_prepare_sink *sink,
                     struct tr_err *err)
{
    size_t room = 0;
    int rc = 0;
#pragma omp parallel for schedule(dynamic, 1) num_threads(b->n_thread) if (b->n > 1)
    for (size_t i = 0; i < b->n; i++)
        prepare(b, omp_get_thread_num(), &b->slot[i]);
    for (size_t i = 0; i < b->n && !rc; i++)
        rc = hand_on(&b->slot[i], sink, err);
    for (size_t i = 0; i < BATCH; i++) {
        const struct slot *s = &b->slot[i];
        room += s->raw.cap + s->out.cap_text + s->out.cap_token * sizeof *s->out.token +
                s->out.cap_weight * sizeof *s->out.weight;
    }
    if (room > KEEP_BYTES)
        slots_release(b);
    return rc;
}

int tr_prepare_rows(const struct tr_prepare *p, struct tr_source *s, uint64_t n_max,
                    const struct tr_prepare_sink *sink, struct tr_err *err)
{
    struct batch b = { .p = p, .source = s };
    int rc = batch_init(&b, err);
    while (!rc && n_max) {
        rc = batch_read(&b, n_max, err);
        if (rc <= 0)
            break;
        n_max -= b.n;
        rc = batch_run(&b, sink, err);
    }
    batch_release(&b);
    return rc;
}
