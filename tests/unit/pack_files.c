/* SPDX-License-Identifier: MIT
 *
 * What the tests of packs read and write.  A forgery is a good pack taken apart, changed in
 * one of its parts and put together again: a wrong hash would stop the reader before it
 * comes to what is to be tested.  The forgeries are rows of bad_pack.def.
 */
#include "pack_files.h"

#include <libtrain/base/bytes.h>
#include <libtrain/file.h>
#include <libtrain/rng.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { MAX_N = 6000 };

struct seq {
    int32_t n, token[MAX_N], target[MAX_N], pos[MAX_N], group[MAX_N];
    float weight[MAX_N];
};

/* The names of groups, in the order in which a writer is told of them. */
static const char *const names[] = {
    "chats", "Verse", "\xd0\xbf\xd0\xb5\xd1\x81\xd0\xbd\xd1\x8f"
};
enum { N_NAME = sizeof names / sizeof *names };

/* Sequence i of a set: some documents, some masked targets, lengths up to ctx. */
static struct tr_pack_seq make_seq(struct seq *s, uint64_t set, uint64_t i, uint32_t ctx,
                                   uint32_t n_vocab)
{
    struct tr_rng r = tr_rng_init(set, i);
    s->n = (int32_t)(1 + tr_rng_below(&r, ctx));
    for (int32_t t = 0; t < s->n; t++) {
        s->pos[t] = t && tr_rng_below(&r, 5) ? s->pos[t - 1] + 1 : 0;
        s->token[t] = (int32_t)tr_rng_below(&r, n_vocab);
        if (t)
            s->target[t - 1] = s->pos[t] ? s->token[t] : (int32_t)tr_rng_below(&r, n_vocab);
        s->target[t] = (int32_t)tr_rng_below(&r, n_vocab);
    }
    for (int32_t t = 0; t < s->n; t++)
        if (tr_rng_below(&r, 4) == 0)
            s->target[t] = -1;
    if (set < PACK_WEIGHTS)
        return (struct tr_pack_seq){ s->n, s->token, s->target, .pos = s->pos };
    for (int32_t t = 0; t < s->n; t++) {
        s->group[t] = s->pos[t] ? s->group[t - 1] : (int32_t)tr_rng_below(&r, N_NAME + 1) - 1;
        s->weight[t] = s->target[t] < 0 ? 1 : 0.25f + (float)tr_rng_below(&r, 8);
    }
    return (struct tr_pack_seq){ s->n, s->token, s->target, s->pos, s->weight,
                                 set < PACK_RICH ? NULL : s->group };
}

struct tr_pack_info pack_make(const char *path, uint64_t set, uint64_t n_seq, uint32_t ctx,
                              uint32_t n_vocab)
{
    static struct seq s;
    struct tr_err err = { 0 };
    struct tr_pack_writer *w = tr_pack_create(path, ctx, PACK_VOCAB_HASH, n_vocab, &err);
    ck_assert_msg(w != NULL, "%s", err.text);
    for (int i = 0; set >= PACK_RICH && i < N_NAME; i++)
        ck_assert_int_eq(tr_pack_writer_group(w, names[i], &err), i);
    for (uint64_t i = 0; i < n_seq; i++) {
        struct tr_pack_seq q = make_seq(&s, set, i, ctx, n_vocab);
        if (tr_pack_write(w, &q, &err))
            ck_abort_msg("%s", err.text);
    }
    struct tr_pack_info info = *tr_pack_writer_info(w);
    ck_assert_msg(tr_pack_commit(w, &err) == 0, "%s", err.text);
    return info;
}

void pack_expect(struct tr_pack *p, uint64_t set, uint64_t i)
{
    static struct seq s;
    const struct tr_pack_info *info = tr_pack_info(p);
    struct tr_err err = { 0 };
    struct tr_pack_seq want = make_seq(&s, set, i, info->ctx, info->n_vocab), got;
    size_t bytes = (size_t)want.n * 4;

    if (tr_pack_read(p, i, &got, &err))
        ck_abort_msg("%s", err.text);
    if (got.n != want.n || memcmp(got.token, want.token, bytes) ||
        memcmp(got.target, want.target, bytes) || memcmp(got.pos, want.pos, bytes))
        ck_abort_msg("sequence %llu is another", (unsigned long long)i);
    for (int32_t t = 0; t < got.n; t++)
        if ((got.weight ? got.weight[t] : 1) != (want.weight ? want.weight[t] : 1) ||
            (got.group ? got.group[t] : -1) != (want.group ? want.group[t] : -1))
            ck_abort_msg("sequence %llu has other weights or groups", (unsigned long long)i);
}

struct tr_pack *pack_open(const char *path)
{
    struct tr_err err = { 0 };
    struct tr_pack *p = tr_pack_open(path, &err);
    ck_assert_msg(p != NULL, "%s", err.text);
    return p;
}

int pack_verdict(const char *path, const unsigned char *data, size_t n, struct tr_err *err)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(n ? fwrite(data, 1, n, f) : 0, n);
    ck_assert_int_eq(fclose(f), 0);
    memset(err, 0, sizeof *err);
    struct tr_pack *p = tr_pack_open(path, err);
    int rc = p ? tr__pack_verify(p, err) : err->code;
    tr_pack_close(p);
    ck_assert_int_eq(rc, err->code);
    return rc;
}

/* ---- forgeries ----------------------------------------------------------------- */

static void take_apart(struct pack_forge *f)
{
    const unsigned char *data = f->data;
    const unsigned char *foot = data + f->n - TR__PACK_FOOTER_BYTES;
    const unsigned char *e = data + tr__get_u64(foot + TR__PACK_F_INDEX_OFFSET);
    uint64_t n_seq = tr__get_u64(data + TR__PACK_H_N_SEQ);

    memcpy(f->head, data, sizeof f->head);
    f->content_hash = tr__get_u64(foot + TR__PACK_F_CONTENT_HASH);
    f->n_part = (int)tr__get_u64(foot + TR__PACK_F_N_FRAME);
    uint32_t groups = tr__get_u32(data + TR__PACK_H_GROUPS);
    f->n_groups = groups ? groups - 8 : 0;
    f->groups = malloc(f->n_groups + 64);
    memcpy(f->groups, e - groups, f->n_groups);
    ck_assert_int_le(f->n_part, PACK_MAX_PART - 1);
    for (int i = 0; i < f->n_part; i++, e += TR__PACK_ENTRY_BYTES) {
        struct pack_part *p = &f->part[i];
        uint64_t first = tr__get_u64(e + TR__PACK_E_FIRST_SEQ);
        p->n = tr__get_u32(e + TR__PACK_E_STORED);
        p->stored = malloc(p->n + 64);
        memcpy(p->stored, data + tr__get_u64(e), p->n);
        p->content = tr__get_u32(e + TR__PACK_E_CONTENT);
        p->positions = tr__get_u32(e + TR__PACK_E_POSITIONS);
        p->counted = tr__get_u32(e + TR__PACK_E_COUNTED);
        p->n_seq = (i + 1 < f->n_part ? tr__get_u64(e + TR__PACK_ENTRY_BYTES +
                                                    TR__PACK_E_FIRST_SEQ) : n_seq) - first;
    }
}

struct pack_forge pack_forge_of(const char *path)
{
    struct pack_forge f = { 0 };
    struct tr_err err = { 0 };
    char *data;
    ck_assert_msg(tr_read_all(path, &data, &f.n, &err) == 0, "%s", err.text);
    f.data = realloc(data, 2 * f.n + PACK_ROOM);
    ck_assert_ptr_nonnull(f.data);
    take_apart(&f);
    return f;
}

void pack_forge_seal(struct pack_forge *f)
{
    unsigned char *b = f->data, *p = b + TR__PACK_HEADER_BYTES, *e, *index;
    uint64_t seq = 0;

    tr__put_u64(f->head + TR__PACK_H_HASH, XXH3_64bits(f->head, TR__PACK_H_HASH));
    memcpy(b, f->head, sizeof f->head);
    for (int i = 0; i < f->n_part; p += f->part[i++].n)
        memcpy(p, f->part[i].stored, f->part[i].n);
    if (f->n_groups || f->hash_alone) {
        memcpy(p, f->groups, f->n_groups);
        tr__put_u64(p + f->n_groups, XXH3_64bits(p, f->n_groups));
        p += f->n_groups + 8;
    }
    index = e = p;
    p = b + TR__PACK_HEADER_BYTES;
    for (int i = 0; i < f->n_part; i++, e += TR__PACK_ENTRY_BYTES) {
        const struct pack_part *q = &f->part[i];
        tr__put_u64(e + TR__PACK_E_OFFSET, (uint64_t)(p - b));
        tr__put_u64(e + TR__PACK_E_FIRST_SEQ, seq);
        tr__put_u32(e + TR__PACK_E_STORED, q->n);
        tr__put_u32(e + TR__PACK_E_CONTENT, q->content);
        tr__put_u32(e + TR__PACK_E_POSITIONS, q->positions);
        tr__put_u32(e + TR__PACK_E_COUNTED, q->counted);
        tr__put_u64(e + TR__PACK_E_HASH, XXH3_64bits(p, q->n));
        p += q->n;
        seq += q->n_seq;
    }
    tr__put_u64(e + TR__PACK_F_INDEX_OFFSET, (uint64_t)(index - b));
    tr__put_u64(e + TR__PACK_F_N_FRAME, (uint64_t)f->n_part);
    tr__put_u64(e + TR__PACK_F_HEADER_HASH, XXH3_64bits(b, TR__PACK_HEADER_BYTES));
    tr__put_u64(e + TR__PACK_F_INDEX_HASH, XXH3_64bits(index, (size_t)(e - index)));
    tr__put_u64(e + TR__PACK_F_CONTENT_HASH, f->content_hash);
    tr__put_u64(e + TR__PACK_F_FILE_BYTES, (uint64_t)(e - b) + TR__PACK_FOOTER_BYTES);
    tr__put_u64(e + TR__PACK_F_HASH, XXH3_64bits(e, TR__PACK_F_HASH));
    memcpy(e + TR__PACK_F_MAGIC, TR__PACK_END_MAGIC, 8);
    f->n = (size_t)(e - b) + TR__PACK_FOOTER_BYTES;
}

void pack_forge_free(struct pack_forge *f)
{
    for (int i = 0; i < f->n_part; i++)
        free(f->part[i].stored);
    free(f->groups);
    free(f->data);
}

unsigned char *pack_part_unzip(const struct pack_part *p, size_t *n)
{
    unsigned char *content = malloc(p->content);
    ck_assert_ptr_nonnull(content);
    *n = ZSTD_decompress(content, p->content, p->stored, p->n);
    ck_assert(!ZSTD_isError(*n));
    return content;
}

void pack_part_zip(struct pack_part *p, const unsigned char *content, size_t n, int flag)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, TR__PACK_WINDOW_LOG);
    if (flag)
        ZSTD_CCtx_setParameter(c, (ZSTD_cParameter)flag, 0);
    free(p->stored);
    p->stored = malloc(ZSTD_compressBound(n) + 64);
    p->n = (uint32_t)ZSTD_compress2(c, p->stored, ZSTD_compressBound(n), content, n);
    p->content = (uint32_t)n;
    ZSTD_freeCCtx(c);
}
