/* SPDX-License-Identifier: MIT
 *
 * The content of a frame, once zstd has given it back.  A run is a stretch of one document
 * inside one sequence; it stores one id more than it has positions, and the target of a
 * position is the id behind it.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/pack_format.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tables {
    const unsigned char *run, *id, *counts; /* tables, one behind the other, … */
    const unsigned char *group, *weight;    /* … of which the last may be absent: NULL */
    size_t width;
};

static int reserve(struct tr__pack_frame *f, uint32_t positions, struct tr_err *err)
{
    if (positions <= f->cap)
        return 0;
    tr__pack_frame_release(f);
    f->start = malloc((positions + (size_t)1) * sizeof *f->start);
    f->token = malloc(positions * sizeof *f->token);
    f->target = malloc(positions * sizeof *f->target);
    f->pos = malloc(positions * sizeof *f->pos);
    f->weight = malloc(positions * sizeof *f->weight);
    f->group = malloc(positions * sizeof *f->group);
    if (!f->start || !f->token || !f->target || !f->pos || !f->weight || !f->group) {
        tr__pack_frame_release(f);
        return tr_err_set(err, TR_ENOMEM, "out of memory for %" PRIu32 " positions",
                          positions);
    }
    f->cap = positions;
    return 0;
}

/* The head gives the sizes of the tables; together they must fill the content.  *has: what
 * there may be, and then what there is. */
static int open_tables(struct tables *c, const unsigned char *content,
                       const struct tr__pack_entry *e, uint64_t n_seq,
                       const struct tr_pack_info *info, uint32_t *n_run, uint32_t *has,
                       struct tr_err *err)
{
    uint32_t may_have = *has;

    if (e->content < TR__PACK_CONTENT_HEAD)
        return tr_err_set(err, TR_EFORMAT, "too short");
    may_have &= ~TR__PACK_HAS_SIGNS;
    *has = tr__get_u32(content + 4) & may_have;
    *n_run = tr__get_u32(content + 4) & ~may_have;
    if (tr__get_u32(content) != n_seq || tr__get_u32(content + 8) != e->positions)
        return tr_err_set(err, TR_EFORMAT, "it counts %" PRIu32 " sequences of %" PRIu32
                          " positions, the index %" PRIu64 " of %" PRIu32,
                          tr__get_u32(content), tr__get_u32(content + 8), n_seq,
                          e->positions);
    if (*n_run < n_seq || *n_run > e->positions ||
        tr__pack_more_bytes(*has, *n_run, e->positions, info->n_vocab) != e->content)
        return tr_err_set(err, TR_EFORMAT, "its %" PRIu32 " bytes do not hold what it "
                          "counts", e->content);
    c->width = tr__pack_width(info->n_vocab);
    c->run = content + TR__PACK_CONTENT_HEAD;
    c->id = c->run + 4 * (size_t)*n_run;
    c->counts = c->id + ((size_t)e->positions + *n_run) * c->width;
    const unsigned char *more = c->counts + ((size_t)e->positions + 7) / 8;
    c->group = *has & TR__PACK_HAS_GROUPS ? more : NULL;
    c->weight = *has & TR__PACK_HAS_WEIGHTS ? more + (c->group ? 2 * (size_t)*n_run : 0)
                                            : NULL;
    return 0;
}

/* One run of n positions, the first of them at `at`.  Returns the positions that count, or
 * an error. */
static int64_t decode_run(struct tr__pack_frame *f, struct tables *c, uint32_t at,
                          uint32_t n, uint32_t n_vocab, struct tr_err *err)
{
    int64_t counted = 0;

    for (uint32_t i = 0; i <= n; i++, c->id += c->width) {
        uint32_t id = c->width == 2 ? tr__get_u16(c->id) : tr__get_u32(c->id);
        if (id >= n_vocab)
            return tr_err_set(err, TR_EFORMAT, "position %" PRIu32 ": id %" PRIu32 " is "
                              "not below the vocabulary's %" PRIu32, at + i, id, n_vocab);
        if (i < n) {
            f->token[at + i] = (int32_t)id;
            f->pos[at + i] = (int32_t)i;
        }
        if (i > 0) {
            uint32_t t = at + i - 1;
            int counts = c->counts[t / 8] >> t % 8 & 1;
            f->target[t] = counts ? (int32_t)id : -1;
            counted += counts;
        }
    }
    return counted;
}

/* The group of run i, n positions from `at` on. */
static int decode_group(struct tr__pack_frame *f, const struct tables *c, uint32_t i,
                        uint32_t at, uint32_t n, uint32_t n_group, struct tr_err *err)
{
    uint32_t group = tr__get_u16(c->group + 2 * (size_t)i);

    if (group > n_group)
        return tr_err_set(err, TR_EFORMAT, "position %" PRIu32 ": group %" PRIu32 " of %"
                          PRIu32, at, group, n_group);
    for (uint32_t t = at; t < at + n; t++)
        f->group[t] = (int32_t)group - 1;
    return 0;
}

static int decode_weights(struct tr__pack_frame *f, const struct tables *c, uint32_t n,
                          int is_signed, struct tr_err *err)
{
    for (uint32_t t = 0; t < n; t++) {
        uint32_t bits = tr__get_u32(c->weight + 4 * (size_t)t);
        float x;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x) || (x < 0 && !is_signed) || (x == 0 && f->target[t] >= 0))
            return tr_err_set(err, TR_EFORMAT, "position %" PRIu32 ": its weight is not a "
                              "finite number above 0", t);
        f->weight[t] = x;
    }
    return 0;
}

/* Where each sequence starts, from the runs; 0 if they fit. */
static int decode_starts(struct tr__pack_frame *f, const unsigned char *run,
                         uint32_t n_run, const struct tr__pack_entry *e, uint64_t n_seq,
                         uint32_t ctx)
{
    uint64_t at = 0, seq = 0;

    for (uint32_t i = 0; i < n_run; i++) {
        uint32_t v = tr__get_u32(run + 4 * (size_t)i), n = v & ~TR__PACK_RUN_FIRST;
        if (v & TR__PACK_RUN_FIRST) {
            if (seq == n_seq)
                return -1;
            f->start[seq++] = (uint32_t)at;
        }
        at += n;
        if (n == 0 || seq == 0 || at > e->positions || at - f->start[seq - 1] > ctx)
            return -1;
    }
    f->start[n_seq] = (uint32_t)at;
    return seq == n_seq && at == e->positions ? 0 : -1;
}

/* What the tables of version 1 say. */
static int decode_runs(struct tr__pack_frame *f, struct tables *c, uint32_t n_run,
                       const struct tr__pack_entry *e, const struct tr_pack_info *info,
                       struct tr_err *err)
{
    uint32_t at = 0;
    int64_t counted = 0, part;

    for (uint32_t i = 0; i < n_run; i++) {
        uint32_t n = tr__get_u32(c->run + 4 * (size_t)i) & ~TR__PACK_RUN_FIRST;
        part = decode_run(f, c, at, n, info->n_vocab, err);
        int rc = part < 0 ? (int)part
                 : c->group ? decode_group(f, c, i, at, n, info->n_group, err) : 0;
        if (rc)
            return rc;
        counted += part;
        at += n;
    }
    if (e->positions % 8 && c->counts[e->positions / 8] >> e->positions % 8)
        return tr_err_set(err, TR_EFORMAT, "bits are set behind its last position");
    if (counted != e->counted)
        return tr_err_set(err, TR_EFORMAT, "%" PRId64 " positions count, the index says %"
                          PRIu32, counted, e->counted);
    return 0;
}

int tr__pack_frame_decode(struct tr__pack_frame *f, const unsigned char *content,
                          const struct tr__pack_entry *e, uint64_t n_seq,
                          const struct tr_pack_info *info, uint32_t may_have,
                          struct tr_err *err)
{
    struct tables c = { 0 };
    uint32_t n_run = 0;
    int rc = open_tables(&c, content, e, n_seq, info, &n_run, &may_have, err);

    if (rc || (rc = reserve(f, e->positions, err)))
        return rc;
    f->has = may_have;
    if (decode_starts(f, c.run, n_run, e, n_seq, info->ctx))
        return tr_err_set(err, TR_EFORMAT, "the lengths of its documents do not add up to "
                          "sequences of at most %" PRIu32 " positions", info->ctx);
    rc = decode_runs(f, &c, n_run, e, info, err);
    if (!rc && c.weight)
        rc = decode_weights(f, &c, e->positions, info->is_signed, err);
    f->n_seq = rc ? f->n_seq : (uint32_t)n_seq;
    return rc;
}

void tr__pack_hash_begin(XXH3_state_t *hash, const struct tr_pack_info *info)
{
    unsigned char b[16];

    tr__put_u32(b, info->ctx);
    tr__put_u32(b + 4, info->n_vocab);
    tr__put_u64(b + 8, info->vocab_hash);
    XXH3_64bits_reset(hash);
    XXH3_64bits_update(hash, b, sizeof b);
}

void tr__pack_frame_release(struct tr__pack_frame *f)
{
    free(f->start);
    free(f->token);
    free(f->target);
    free(f->pos);
    free(f->weight);
    free(f->group);
    *f = (struct tr__pack_frame){ 0 };
}
