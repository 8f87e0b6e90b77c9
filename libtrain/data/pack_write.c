/* SPDX-License-Identifier: MIT
 *
 * Writing packs: sequences collect in a frame, full frames are compressed and appended,
 * index and footer follow, and the header gets its counts last.
 */
#include <libtrain/file.h>
#include <libtrain/base/base.h>
#include <libtrain/data/pack_format.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

struct tr_pack_writer {
    struct tr_out *out;
    char *path;
    struct tr_pack_info info; /* hash: 0 until the end */
    uint64_t offset;          /* bytes written */
    int failed;
    /* the frame that is being filled */
    uint32_t most, n_seq, n_run, n_pos, n_counted;
    uint32_t *run;         // (most) length in positions, TR__PACK_RUN_FIRST
    uint32_t *id;          // (2 * most) each run with the id behind it
    unsigned char *counts; // (most) 1: the target counts
    float *weight;         // (most)
    uint16_t *group;       // (most) of each run: 1 + its number, or 0
    uint32_t has;          /* what there is of both in this frame, … */
    uint32_t had;          /* … and in any */
    struct tr__pack_groups groups;
    unsigned char *content, *stored;
    size_t stored_cap;
    ZSTD_CCtx *zstd;
    XXH3_state_t *hash;
    struct tr__pack_entry *index; // (n_frame)
    size_t n_frame, index_cap;
};

static int alloc_frame(struct tr_pack_writer *w)
{
    size_t most = tr__pack_max_positions(w->info.ctx);
    size_t content = (size_t)tr__pack_more_bytes(TR__PACK_HAS_WEIGHTS | TR__PACK_HAS_GROUPS,
                                                 (uint32_t)most, (uint32_t)most,
                                                 w->info.n_vocab);
    w->most = (uint32_t)most;
    w->run = malloc(most * sizeof *w->run);
    w->id = malloc(2 * most * sizeof *w->id);
    w->counts = malloc(most);
    w->weight = malloc(most * sizeof *w->weight);
    w->group = malloc(most * sizeof *w->group);
    w->content = malloc(content);
    w->stored_cap = ZSTD_compressBound(content);
    w->stored = malloc(w->stored_cap);
    w->zstd = ZSTD_createCCtx();
    w->hash = XXH3_createState();
    return w->run && w->id && w->counts && w->weight && w->group && w->content &&
           w->stored && w->zstd && w->hash;
}

static int put(struct tr_pack_writer *w, const void *data, size_t bytes, struct tr_err *err)
{
    w->offset += bytes;
    return tr_out_write(w->out, data, bytes, err);
}

struct tr_pack_writer *tr_pack_create(const char *path, uint32_t ctx, uint64_t vocab_hash,
                                      uint32_t n_vocab, struct tr_err *err)
{
    static const unsigned char no_header[TR__PACK_HEADER_BYTES];
    struct tr_pack_writer *w = NULL;

    if (ctx == 0 || ctx > TR_PACK_MAX_CTX || n_vocab == 0 || n_vocab > 0x80000000u) {
        tr_err_set(err, TR_EFORMAT, "'%s': a pack cannot have a context of %" PRIu32
                   " and %" PRIu32 " ids", path, ctx, n_vocab);
        return NULL;
    }
    w = calloc(1, sizeof *w);
    if (w)
        w->info = (struct tr_pack_info){ .ctx = ctx, .n_vocab = n_vocab,
                                         .vocab_hash = vocab_hash };
    if (!w || !(w->path = strdup(path)) || !alloc_frame(w)) {
        tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a frame of %" PRIu32
                   " positions", path, ctx);
        goto fail;
    }
    ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, 3);
    ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_windowLog, TR__PACK_WINDOW_LOG);
    tr__pack_hash_begin(w->hash, &w->info);
    w->out = tr_out_open(path, err);
    if (!w->out)
        goto fail;
    if (!tr_out_temp(w->out)) {
        tr_err_set(err, TR_EIO, "'%s': a pack needs a seekable file", path);
        goto fail;
    }
    if (!put(w, no_header, sizeof no_header, err))
        return w;
fail:
    tr_pack_discard(w);
    return NULL;
}

/* ==== frames ==== */

/* What version 2 has behind the tables of version 1; returns the end. */
static unsigned char *encode_more(const struct tr_pack_writer *w, unsigned char *b)
{
    if (w->has & TR__PACK_HAS_GROUPS)
        for (uint32_t i = 0; i < w->n_run; i++, b += 2)
            tr__put_u16(b, w->group[i]);
    if (w->has & TR__PACK_HAS_WEIGHTS)
        for (uint32_t i = 0; i < w->n_pos; i++, b += 4) {
            uint32_t bits;
            memcpy(&bits, &w->weight[i], sizeof bits);
            tr__put_u32(b, bits);
        }
    return b;
}

/* The layout is in docs/formats/pack.md; returns its bytes. */
static size_t encode(struct tr_pack_writer *w)
{
    unsigned char *b = w->content;
    uint32_t n_id = w->n_pos + w->n_run;

    tr__put_u32(b, w->n_seq);
    tr__put_u32(b + 4, w->n_run | w->has);
    tr__put_u32(b + 8, w->n_pos);
    b += TR__PACK_CONTENT_HEAD;
    for (uint32_t i = 0; i < w->n_run; i++, b += 4)
        tr__put_u32(b, w->run[i]);
    if (tr__pack_width(w->info.n_vocab) == 2)
        for (uint32_t i = 0; i < n_id; i++, b += 2)
            tr__put_u16(b, (uint16_t)w->id[i]);
    else
        for (uint32_t i = 0; i < n_id; i++, b += 4)
            tr__put_u32(b, w->id[i]);
    memset(b, 0, ((size_t)w->n_pos + 7) / 8);
    for (uint32_t i = 0; i < w->n_pos; i++)
        b[i / 8] |= (unsigned char)(w->counts[i] << i % 8);
    return (size_t)(encode_more(w, b + ((size_t)w->n_pos + 7) / 8) - w->content);
}

static int add_entry(struct tr_pack_writer *w, const struct tr__pack_entry *e,
                     struct tr_err *err)
{
    if (tr__grow(&w->index, &w->index_cap, w->n_frame + 1, sizeof *w->index))
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for an index of %" PRIu64
                          " frames", w->path, (uint64_t)w->n_frame + 1);
    w->index[w->n_frame++] = *e;
    return 0;
}

static int end_frame(struct tr_pack_writer *w, struct tr_err *err)
{
    if (w->n_seq == 0)
        return 0;
    size_t content = encode(w);
    XXH3_64bits_update(w->hash, w->content, content);
    size_t stored = ZSTD_compress2(w->zstd, w->stored, w->stored_cap, w->content, content);
    if (ZSTD_isError(stored))
        return tr_err_set(err, TR_ENOMEM, "'%s': zstd: %s", w->path,
                          ZSTD_getErrorName(stored));
    struct tr__pack_entry e = { .offset = w->offset,
                                .first_seq = w->info.n_seq - w->n_seq,
                                .stored = (uint32_t)stored,
                                .content = (uint32_t)content,
                                .positions = w->n_pos,
                                .counted = w->n_counted,
                                .hash = XXH3_64bits(w->stored, stored) };
    int rc = add_entry(w, &e, err);
    if (!rc)
        rc = put(w, w->stored, stored, err);
    w->n_seq = w->n_run = w->n_pos = w->n_counted = w->has = 0;
    return rc;
}

/* ==== sequences ==== */

static const char *fault(const struct tr_pack_writer *w, const struct tr_pack_seq *s)
{
    if (s->n < 1 || (uint32_t)s->n > w->info.ctx)
        return "its length is not 1 to the context";
    for (int32_t t = 0; t < s->n; t++) {
        if (s->token[t] < 0 || (uint32_t)s->token[t] >= w->info.n_vocab ||
            s->target[t] < -1 || s->target[t] >= (int64_t)w->info.n_vocab)
            return "an id is not below the vocabulary's size";
        if (s->pos[t] != 0 && (t == 0 || s->pos[t] != s->pos[t - 1] + 1))
            return "its positions neither go on nor restart at 0";
        if (t > 0 && s->pos[t] && s->target[t - 1] >= 0 &&
            s->target[t - 1] != s->token[t])
            return "a target is not the token that follows";
        if (s->weight && s->target[t] >= 0 && (!isfinite(s->weight[t]) || s->weight[t] == 0))
            return "a weight is not a finite number, or 0";
        if (s->group && (s->group[t] < -1 || s->group[t] >= (int64_t)w->groups.n ||
                         (s->pos[t] && s->group[t] != s->group[t - 1])))
            return "a group is none of the writer's, or not that of its document";
    }
    return NULL;
}

/* Append the run of positions a … b - 1. */
static void add_run(struct tr_pack_writer *w, const struct tr_pack_seq *s, int32_t a,
                    int32_t b)
{
    uint32_t *id = w->id + w->n_pos + w->n_run;
    int32_t last = s->target[b - 1];

    w->group[w->n_run] = (uint16_t)(s->group ? s->group[a] + 1 : 0);
    w->has |= w->group[w->n_run] ? TR__PACK_HAS_GROUPS : 0;
    w->run[w->n_run++] = (uint32_t)(b - a) | (a == 0 ? TR__PACK_RUN_FIRST : 0);
    for (int32_t t = a; t < b; t++) {
        int counts = s->target[t] >= 0;
        float weight = s->weight && counts ? s->weight[t] : 1;
        w->weight[w->n_pos] = weight;
        w->has |= weight == 1 ? 0 : TR__PACK_HAS_WEIGHTS;
        w->had |= weight < 0 ? TR__PACK_HAS_SIGNS : 0;
        *id++ = (uint32_t)s->token[t];
        w->counts[w->n_pos++] = (unsigned char)counts;
        w->n_counted += (uint32_t)counts;
    }
    *id = last >= 0 ? (uint32_t)last : 0; /* nobody asks for one that does not count */
}

int tr_pack_write(struct tr_pack_writer *w, const struct tr_pack_seq *seq,
                  struct tr_err *err)
{
    const char *why = fault(w, seq);
    uint32_t counted = 0;
    int rc = 0;

    if (why)
        return tr_err_set(err, TR_EFORMAT, "'%s': sequence %" PRIu64 ": %s", w->path,
                          w->info.n_seq, why);
    if (w->failed || (uint32_t)seq->n > w->most - w->n_pos)
        rc = w->failed ? w->failed : end_frame(w, err);
    if (rc)
        return w->failed = tr_err_set(err, rc, "cannot write '%s'", w->path);
    counted = w->n_counted;
    for (int32_t a = 0, b = 1; a < seq->n; a = b++) {
        while (b < seq->n && seq->pos[b])
            b++;
        add_run(w, seq, a, b);
    }
    w->had |= w->has;
    w->n_seq++;
    w->info.n_seq++;
    w->info.n_token += (uint32_t)seq->n;
    w->info.n_counted += w->n_counted - counted;
    return 0;
}

int32_t tr_pack_writer_group(struct tr_pack_writer *w, const char *name, struct tr_err *err)
{
    int32_t i = tr__pack_groups_add(&w->groups, name, err);

    if (i < 0)
        tr_err_prefix(err, "'%s'", w->path);
    w->info.n_group = (uint32_t)w->groups.n;
    return i;
}

const struct tr_pack_info *tr_pack_writer_info(const struct tr_pack_writer *w)
{
    return &w->info;
}

/* ==== the end ==== */

static void make_header(const struct tr_pack_writer *w, uint32_t groups_bytes,
                        unsigned char *b)
{
    memset(b, 0, TR__PACK_HEADER_BYTES);
    memcpy(b, TR__PACK_MAGIC, TR__MAGIC_BYTES);
    tr__put_u32(b + TR__PACK_H_VERSION, w->had & TR__PACK_HAS_SIGNS ? TR__PACK_SIGNED
                                        : w->had ? TR__PACK_DOCUMENTS : TR__PACK_PLAIN);
    tr__put_u32(b + TR__PACK_H_CTX, w->info.ctx);
    tr__put_u32(b + TR__PACK_H_N_VOCAB, w->info.n_vocab);
    tr__put_u32(b + TR__PACK_H_GROUPS, groups_bytes);
    tr__put_u64(b + TR__PACK_H_VOCAB_HASH, w->info.vocab_hash);
    tr__put_u64(b + TR__PACK_H_N_SEQ, w->info.n_seq);
    tr__put_u64(b + TR__PACK_H_N_TOKEN, w->info.n_token);
    tr__put_u64(b + TR__PACK_H_N_COUNTED, w->info.n_counted);
    tr__put_u64(b + TR__PACK_H_HASH, XXH3_64bits(b, TR__PACK_H_HASH));
}

static void make_entry(const struct tr__pack_entry *e, unsigned char *b)
{
    tr__put_u64(b + TR__PACK_E_OFFSET, e->offset);
    tr__put_u64(b + TR__PACK_E_FIRST_SEQ, e->first_seq);
    tr__put_u32(b + TR__PACK_E_STORED, e->stored);
    tr__put_u32(b + TR__PACK_E_CONTENT, e->content);
    tr__put_u32(b + TR__PACK_E_POSITIONS, e->positions);
    tr__put_u32(b + TR__PACK_E_COUNTED, e->counted);
    tr__put_u64(b + TR__PACK_E_HASH, e->hash);
}

/* The table of groups, if any document has one, with a hash of its own. */
static int put_groups(struct tr_pack_writer *w, uint32_t *bytes, struct tr_err *err)
{
    size_t n = w->had & TR__PACK_HAS_GROUPS ? tr__pack_groups_encode(&w->groups, NULL) : 0;
    unsigned char *b = n ? malloc(n + 8) : NULL;

    *bytes = n ? (uint32_t)n + 8 : 0;
    if (n == 0)
        return 0;
    if (!b)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for %zu groups", w->path,
                          w->groups.n);
    tr__pack_groups_encode(&w->groups, b);
    XXH3_64bits_update(w->hash, b, n);
    tr__put_u64(b + n, XXH3_64bits(b, n));
    int rc = put(w, b, n + 8, err);
    free(b);
    return rc;
}

static int put_index(struct tr_pack_writer *w, uint64_t *hash, struct tr_err *err)
{
    unsigned char b[TR__PACK_ENTRY_BYTES];
    int rc = 0;

    XXH3_64bits_reset(w->hash); /* the content's is done with */
    for (size_t i = 0; i < w->n_frame && !rc; i++) {
        make_entry(&w->index[i], b);
        XXH3_64bits_update(w->hash, b, sizeof b);
        rc = put(w, b, sizeof b, err);
    }
    *hash = XXH3_64bits_digest(w->hash);
    return rc;
}

static int put_footer(struct tr_pack_writer *w, const unsigned char *head,
                      uint64_t index_offset, uint64_t index_hash, struct tr_err *err)
{
    unsigned char b[TR__PACK_FOOTER_BYTES];

    tr__put_u64(b + TR__PACK_F_INDEX_OFFSET, index_offset);
    tr__put_u64(b + TR__PACK_F_N_FRAME, w->n_frame);
    tr__put_u64(b + TR__PACK_F_HEADER_HASH, XXH3_64bits(head, TR__PACK_HEADER_BYTES));
    tr__put_u64(b + TR__PACK_F_INDEX_HASH, index_hash);
    tr__put_u64(b + TR__PACK_F_CONTENT_HASH, w->info.hash);
    tr__put_u64(b + TR__PACK_F_FILE_BYTES, w->offset + sizeof b);
    tr__put_u64(b + TR__PACK_F_HASH, XXH3_64bits(b, TR__PACK_F_HASH));
    memcpy(b + TR__PACK_F_MAGIC, TR__PACK_END_MAGIC, 8);
    return put(w, b, sizeof b, err);
}

/* Read back what was written, all of it, before it gets its name. */
static int check(struct tr_pack_writer *w, struct tr_err *err)
{
    struct tr_pack *p = tr_pack_open(tr_out_temp(w->out), err);
    int rc = p ? tr__pack_verify(p, err) : TR_EFORMAT;

    if (rc)
        tr_err_prefix(err, "the pack that was written for '%s' is not good", w->path);
    tr_pack_close(p);
    return rc;
}

static int finish(struct tr_pack_writer *w, struct tr_err *err)
{
    unsigned char head[TR__PACK_HEADER_BYTES];
    uint64_t index_offset, index_hash;
    uint32_t groups_bytes;
    int rc;

    if (w->failed)
        return tr_err_set(err, w->failed, "cannot write '%s'", w->path);
    if (w->info.n_seq == 0)
        return tr_err_set(err, TR_EFORMAT, "'%s': nothing to train on: a pack needs a "
                          "sequence", w->path);
    if ((rc = end_frame(w, err)) || (rc = put_groups(w, &groups_bytes, err)))
        return rc;
    w->info.hash = XXH3_64bits_digest(w->hash);
    index_offset = w->offset;
    make_header(w, groups_bytes, head);
    if ((rc = put_index(w, &index_hash, err)) ||
        (rc = put_footer(w, head, index_offset, index_hash, err)) ||
        /* The counts are known only now. */
        (rc = tr_out_patch(w->out, 0, head, sizeof head, err)))
        return rc;
    return check(w, err);
}

int tr_pack_commit(struct tr_pack_writer *w, struct tr_err *err)
{
    int rc = finish(w, err);

    if (!rc) {
        rc = tr_out_commit(w->out, err);
        w->out = NULL; /* gone either way */
    }
    tr_pack_discard(w);
    return rc;
}

void tr_pack_discard(struct tr_pack_writer *w)
{
    if (!w)
        return;
    tr_out_discard(w->out);
    ZSTD_freeCCtx(w->zstd);
    XXH3_freeState(w->hash);
    free(w->run);
    free(w->id);
    free(w->counts);
    free(w->weight);
    free(w->group);
    tr__pack_groups_release(&w->groups);
    free(w->content);
    free(w->stored);
    free(w->index);
    free(w->path);
    free(w);
}
