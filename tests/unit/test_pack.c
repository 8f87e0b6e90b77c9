/* SPDX-License-Identifier: MIT
 *
 * Packs: what goes in comes out, and nothing that was forged gets through.  A forgery is
 * made by taking a good pack apart (struct forge), changing a part, and sealing it again
 * with hashes that fit, so that the checks behind the hashes are reached too.
 */
#include "suite.h"

#include <libtrain/base/bytes.h>
#include <libtrain/base/magic.h>
#include <libtrain/data/pack_format.h>
#include <libtrain/rng.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1 /* reserves terabytes of address space: no limit can be set */
#elif defined(__has_feature)
#define ASAN __has_feature(address_sanitizer)
#else
#define ASAN 0
#endif

static char dir[256], path[300];

static void setup(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/test_pack.XXXXXX", tmp ? tmp : P_tmpdir);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x.pack", dir);
}

static void teardown(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(dir), 0); /* and no temporary is left */
}

/* ==== making and reading ==== */

enum { MAX_N = 6000 };

struct seq {
    int32_t n, token[MAX_N], target[MAX_N], pos[MAX_N];
};

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
    return (struct tr_pack_seq){ s->n, s->token, s->target, s->pos };
}

static struct tr_pack_info make_pack(uint64_t set, uint64_t n_seq, uint32_t ctx,
                                     uint32_t n_vocab)
{
    static struct seq s;
    struct tr_err err = { 0 };
    struct tr_pack_writer *w = tr_pack_create(path, ctx, 0xabcdef, n_vocab, &err);
    ck_assert_msg(w != NULL, "%s", err.text);
    for (uint64_t i = 0; i < n_seq; i++) {
        struct tr_pack_seq q = make_seq(&s, set, i, ctx, n_vocab);
        if (tr_pack_write(w, &q, &err))
            ck_abort_msg("%s", err.text);
    }
    struct tr_pack_info info = *tr_pack_writer_info(w);
    ck_assert_msg(tr_pack_commit(w, &err) == 0, "%s", err.text);
    return info;
}

static void expect_seq(struct tr_pack *p, uint64_t set, uint64_t i)
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
}

static struct tr_pack *open_good(void)
{
    struct tr_err err = { 0 };
    struct tr_pack *p = tr_pack_open(path, &err);
    ck_assert_msg(p != NULL, "%s", err.text);
    return p;
}

static unsigned char *load(size_t *n)
{
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    *n = (size_t)ftell(f);
    rewind(f);
    unsigned char *data = malloc(2 * *n + 4096); /* room to add */
    ck_assert_uint_eq(fread(data, 1, *n, f), *n);
    fclose(f);
    return data;
}

/* 0 if these bytes are a pack and every frame of it is good, else the error. */
static int verdict(const unsigned char *data, size_t n, struct tr_err *err)
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

static void expect_refusal(const unsigned char *data, size_t n, const char *says)
{
    struct tr_err err;
    ck_assert_msg(verdict(data, n, &err) < 0, "taken; wanted: %s", says);
    ck_assert_msg(strstr(err.text, says), "'%s' does not say '%s'", err.text, says);
}

static const struct { uint64_t n_seq; uint32_t ctx, n_vocab; } shape[] = {
    { 1, 1, 1 }, { 10, 7, 256 }, { 300, 5000, 65536 }, { 300, 5000, 65537 },
    { 50000, 8, 50257 }, { 40, 64, 0x80000000u },
};

START_TEST(round_trip)
{
    uint64_t n_seq = shape[_i].n_seq;
    struct tr_pack_info w = make_pack(9, n_seq, shape[_i].ctx, shape[_i].n_vocab);
    struct tr_pack *p = open_good();
    const struct tr_pack_info *info = tr_pack_info(p);
    size_t bytes;
    unsigned char *data = load(&bytes);
    uint64_t n_frame = tr__get_u64(data + bytes - TR__PACK_FOOTER_BYTES +
                                   TR__PACK_F_N_FRAME);

    ck_assert_uint_eq(info->n_seq, n_seq);
    ck_assert_uint_eq(info->n_token, w.n_token);
    ck_assert_uint_eq(info->n_counted, w.n_counted);
    ck_assert_uint_eq(info->vocab_hash, 0xabcdef);
    for (uint64_t i = 0; i < n_seq; i++)
        expect_seq(p, 9, i);
    ck_assert_uint_eq(tr__pack_unpacked(p), n_frame); /* each frame once */
    if (w.n_token > 3 * TR__PACK_FRAME_POSITIONS)
        ck_assert_uint_gt(n_frame, 3);
    for (uint64_t i = 0; i < 50; i++)
        expect_seq(p, 9, tr_pack_order(1, 2, n_seq, i % n_seq));
    tr_pack_close(p);
    free(data);
}
END_TEST

START_TEST(same_bytes_and_hash)
{
    size_t na, nb;
    make_pack(1, 3000, 64, 300);
    unsigned char *a = load(&na);
    struct tr_pack *p = open_good();
    uint64_t hash = tr_pack_info(p)->hash;
    tr_pack_close(p);
    make_pack(1, 3000, 64, 300);
    unsigned char *b = load(&nb);
    ck_assert_uint_eq(na, nb);
    ck_assert_int_eq(memcmp(a, b, na), 0);
    make_pack(2, 3000, 64, 300);
    p = open_good();
    ck_assert_uint_ne(tr_pack_info(p)->hash, hash);
    tr_pack_close(p);
    free(a);
    free(b);
}
END_TEST

/* A pack of version 1 that was made once; what zstd makes of the content may change, the
 * content may not.  UPDATE=1 writes it. */
START_TEST(golden_pack)
{
    make_pack(5, 30, 8, 300);
    struct tr_pack *p = open_good();
    uint64_t hash = tr_pack_info(p)->hash;
    tr_pack_close(p);
    if (getenv("UPDATE"))
        ck_assert_int_eq(rename(path, "tests/golden/small.pack"), 0);
    p = tr_pack_open("tests/golden/small.pack", NULL);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq(tr_pack_info(p)->hash, hash);
    ck_assert_int_eq(tr__pack_verify(p, NULL), 0);
    for (uint64_t i = 0; i < 30; i++)
        expect_seq(p, 5, i);
    tr_pack_close(p);
}
END_TEST

START_TEST(million_sequences_open_fast)
{
    static const int32_t token[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    static const int32_t pos[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    struct tr_err err = { 0 };
    struct tr_pack_seq s = { 8, token, token + 1, pos };
    struct tr_pack_writer *w = tr_pack_create(path, 8, 1, 100, &err);
    for (int i = 0; i < 1000000; i++)
        if (tr_pack_write(w, &s, &err))
            ck_abort_msg("%s", err.text);
    ck_assert_int_eq(tr_pack_commit(w, &err), 0);
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    struct tr_pack *p = open_good();
    ck_assert_int_eq(tr_pack_read(p, 999999, &s, &err), 0);
    clock_gettime(CLOCK_MONOTONIC, &b);
    ck_assert(difftime(b.tv_sec, a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec) < 1.0);
    ck_assert_uint_eq(tr_pack_info(p)->n_seq, 1000000);
    tr_pack_close(p);
}
END_TEST

/* ==== the writer says no ==== */

START_TEST(writer_refuses)
{
    static const int32_t tok[] = { 1, 2, 3 }, big[] = { 1, 100, 3 }, neg[] = { -1, 2, 3 };
    static const int32_t pos[] = { 0, 1, 2 }, jump[] = { 0, 2, 3 }, late[] = { 1, 2, 3 };
    static const int32_t off[] = { 3, 3, 4 };
    static const struct tr_pack_seq wrong[] = {
        { 0, tok, tok, pos },     { 5, tok, tok, pos },  { 2, big, big + 1, pos },
        { 2, neg, tok + 1, pos }, { 1, tok, big + 1, pos }, { 2, tok, tok + 1, jump },
        { 2, tok, tok + 1, late }, { 2, tok, off, pos },
    };
    struct tr_err err = { 0 };
    struct tr_pack_writer *w = tr_pack_create(path, 4, 1, 100, &err);
    ck_assert_int_eq(tr_pack_write(w, &wrong[_i], &err), TR_EFORMAT);
    memset(&err, 0, sizeof err);
    ck_assert_int_eq(tr_pack_commit(w, &err), TR_EFORMAT); /* D15: no sequences */
    ck_assert_ptr_nonnull(strstr(err.text, "nothing to train on"));
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(writer_needs_a_file)
{
    static const char *const where[] = { "-", "/dev/full", "/nowhere/x.pack", "." };
    struct tr_err err = { 0 };
    ck_assert_ptr_null(tr_pack_create(where[_i], 4, 1, 100, &err));
    ck_assert_int_lt(err.code, 0);
    ck_assert_ptr_null(tr_pack_create(path, 0, 1, 100, NULL));
    ck_assert_ptr_null(tr_pack_create(path, TR_PACK_MAX_CTX + 1, 1, 100, NULL));
    ck_assert_ptr_null(tr_pack_create(path, 4, 1, 0, NULL));
}
END_TEST

/* ==== forgeries ==== */

enum { MAX_PART = 8 };

struct part {
    unsigned char *stored;
    uint32_t n, content, positions, counted;
    uint64_t n_seq;
};

struct forge {
    unsigned char head[TR__PACK_HEADER_BYTES];
    uint64_t content_hash;
    struct part part[MAX_PART];
    int n_part;
};

static void take_apart(struct forge *f, const unsigned char *data, size_t n)
{
    const unsigned char *foot = data + n - TR__PACK_FOOTER_BYTES;
    const unsigned char *e = data + tr__get_u64(foot + TR__PACK_F_INDEX_OFFSET);
    uint64_t n_seq = tr__get_u64(data + TR__PACK_H_N_SEQ);

    memcpy(f->head, data, sizeof f->head);
    f->content_hash = tr__get_u64(foot + TR__PACK_F_CONTENT_HASH);
    f->n_part = (int)tr__get_u64(foot + TR__PACK_F_N_FRAME);
    ck_assert_int_le(f->n_part, MAX_PART - 1);
    for (int i = 0; i < f->n_part; i++, e += TR__PACK_ENTRY_BYTES) {
        struct part *p = &f->part[i];
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

/* Put together with hashes that are right for whatever the parts say now. */
static size_t seal(struct forge *f, unsigned char *b)
{
    unsigned char *p = b + TR__PACK_HEADER_BYTES, *e, *index;
    uint64_t seq = 0;

    tr__put_u64(f->head + TR__PACK_H_HASH, XXH3_64bits(f->head, TR__PACK_H_HASH));
    memcpy(b, f->head, sizeof f->head);
    for (int i = 0; i < f->n_part; p += f->part[i++].n)
        memcpy(p, f->part[i].stored, f->part[i].n);
    index = e = p;
    p = b + TR__PACK_HEADER_BYTES;
    for (int i = 0; i < f->n_part; i++, e += TR__PACK_ENTRY_BYTES) {
        const struct part *q = &f->part[i];
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
    return (size_t)(e - b) + TR__PACK_FOOTER_BYTES;
}

static void release(struct forge *f)
{
    for (int i = 0; i < f->n_part; i++)
        free(f->part[i].stored);
}

static size_t unzip(const struct part *p, unsigned char *content, size_t room)
{
    size_t n = ZSTD_decompress(content, room, p->stored, p->n);
    ck_assert(!ZSTD_isError(n));
    return n;
}

static void zip(struct part *p, const unsigned char *content, size_t n, int checksum)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, checksum);
    ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 24);
    free(p->stored);
    p->stored = malloc(ZSTD_compressBound(n) + 64);
    p->n = (uint32_t)ZSTD_compress2(c, p->stored, ZSTD_compressBound(n), content, n);
    p->content = (uint32_t)n;
    ZSTD_freeCCtx(c);
}

static struct forge forge;
static unsigned char *data; /* room for 4 MiB more than the pack has */
static size_t bytes;

/* Leave `more` bytes of address space beyond what the process has now. */
static void limit_memory(size_t more)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (ASAN || !f || fscanf(f, "%llu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    rlim_t room = pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    struct rlimit lim = { room, room };
    if (pages)
        ck_assert_int_eq(setrlimit(RLIMIT_AS, &lim), 0);
}

/* A pack of several frames, in parts. */
static void setup_forge(void)
{
    setup();
    make_pack(5, 6000, 64, 300);
    data = load(&bytes);
    data = realloc(data, bytes + (4u << 20));
    take_apart(&forge, data, bytes);
    ck_assert_int_ge(forge.n_part, 3);
    struct tr_err err;
    size_t n = seal(&forge, data);
    ck_assert_uint_eq(n, bytes);
    ck_assert_msg(verdict(data, n, &err) == 0, "%s", err.text);
    limit_memory(64u << 20);
}

static void teardown_forge(void)
{
    release(&forge);
    free(data);
    teardown();
}

static void expect_forgery_refused(const char *says)
{
    expect_refusal(data, seal(&forge, data), says);
}

START_TEST(d01_magic_and_version)
{
    static const struct { const char *data; size_t n; const char *says; } wrong[] = {
        { "", 0, "it is empty" },
        { "TRTOK\r\n\x1a\1\0\0\0", 12, "it is a token stream" },
        { "To be, or not to be", 19, "it is text" },
        { "GGUF\3\0\0\0\0\0", 10, "it is a GGUF model" },
        { "TRPAK\r\n\x1a\2\0\0\0\0\0\0\0", 16, "of version 2" },
        { "TRPAK\r\n\x1a\1\0\0\0\0\0\0\0", 16, "truncated" },
        { "TRPAK\n\x1a\1\0\0\0\0\0\0\0", 15, "changed in transfer" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect_refusal((const unsigned char *)wrong[i].data, wrong[i].n, wrong[i].says);
    tr__put_u32(forge.head + TR__PACK_H_VERSION, 2);
    expect_forgery_refused("of version 2");
}
END_TEST

START_TEST(d02_cut)
{
    size_t at = TR__PACK_HEADER_BYTES;
    for (size_t i = 1; i < 64; i++)
        expect_refusal(data, bytes * i / 64, "truncated");
    for (size_t i = 1; i <= TR__PACK_FOOTER_BYTES; i++)
        expect_refusal(data, bytes - i, "truncated");
    for (int i = 0; i < forge.n_part; at += forge.part[i++].n)
        expect_refusal(data, at, "truncated");
    expect_refusal(data, at, "truncated");
}
END_TEST

START_TEST(d03_bit_flips)
{
    struct tr_rng r = tr_rng_init(3, 0);
    struct tr_err err;
    for (int i = 0; i < 200; i++) {
        size_t bit = tr_rng_below(&r, 8 * bytes);
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        ck_assert_msg(verdict(data, bytes, &err) < 0, "bit %zu", bit);
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}
END_TEST

START_TEST(d03_every_bit_of_a_small_pack)
{
    struct tr_err err;
    size_t n;
    make_pack(5, 3, 8, 300);
    unsigned char *small = load(&n);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        small[bit / 8] ^= (unsigned char)(1 << bit % 8);
        ck_assert_msg(verdict(small, n, &err) < 0, "bit %zu of %zu", bit, 8 * n);
        small[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(small);
}
END_TEST

START_TEST(d04_blocks_moved)
{
    struct part a = forge.part[0], b = forge.part[1];
    /* In place, under the old index: equal sizes are needed, so copy the shorter. */
    size_t n = a.n < b.n ? a.n : b.n;
    memcpy(data + TR__PACK_HEADER_BYTES + a.n, a.stored, n);
    expect_refusal(data, bytes, "frame 1");
    /* Index and frames both in the other order: only the hash of the content knows. */
    forge.part[0] = b;
    forge.part[1] = a;
    expect_forgery_refused("the hash of the content");
    forge.part[0] = a;
    forge.part[1] = b;
    /* One twice. */
    forge.part[forge.n_part] = a;
    forge.part[forge.n_part].stored = malloc(a.n);
    memcpy(forge.part[forge.n_part++].stored, a.stored, a.n);
    expect_forgery_refused("contradicts");
}
END_TEST

START_TEST(d04_joined)
{
    data = realloc(data, 2 * bytes + (4u << 20));
    memcpy(data + bytes, data, bytes);
    expect_refusal(data, 2 * bytes, "should have");
}
END_TEST

/* Replace the zstd header of frame 1 by one that says `size` in eight bytes. */
static void forge_size(uint64_t size)
{
    struct part *p = &forge.part[1];
    size_t had = (p->stored[4] >> 6) == 1 ? 2 : 4;
    unsigned char *b = malloc(p->n + 64);
    memcpy(b, p->stored, 4);
    b[4] = 0xe4; /* 8 bytes of size, one segment, checksum */
    tr__put_u64(b + 5, size);
    memcpy(b + 13, p->stored + 5 + had, p->n - 5 - had);
    free(p->stored);
    p->stored = b;
    p->n = (uint32_t)(p->n + 8 - had);
}

START_TEST(d05_forged_size)
{
    static const int64_t size[] = { INT64_MAX, -1, 0, 1, 100000, 400000 };
    forge_size((uint64_t)size[_i]);
    expect_forgery_refused("frame 1");
}
END_TEST

START_TEST(d05_size_in_index)
{
    static const uint32_t size[] = { 0, 1, 11, 12, 0x7fffffff, 0xffffffff };
    forge.part[1].content = size[_i];
    expect_forgery_refused(_i < 4 ? "frame 1" : "contradicts");
}
END_TEST

START_TEST(d05_one_byte_more_or_less)
{
    forge.part[1].content += _i ? 1 : (uint32_t)-1;
    expect_forgery_refused("zstd's size");
}
END_TEST

START_TEST(d05_size_absent)
{
    struct part *p = &forge.part[1];
    unsigned char *content = malloc(p->content);
    unzip(p, content, p->content);
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
    free(p->stored);
    p->stored = malloc(ZSTD_compressBound(p->content));
    p->n = (uint32_t)ZSTD_compress2(c, p->stored, ZSTD_compressBound(p->content), content,
                                    p->content);
    ZSTD_freeCCtx(c);
    free(content);
    expect_forgery_refused("not a zstd frame of the kind");
}
END_TEST

START_TEST(d05_no_checksum)
{
    struct part *p = &forge.part[1];
    unsigned char *content = malloc(p->content);
    size_t n = unzip(p, content, p->content);
    zip(p, content, n, 0);
    free(content);
    expect_forgery_refused("not a zstd frame of the kind");
}
END_TEST

START_TEST(d06_bomb)
{
    size_t n = 3u << 20;
    struct part *p = &forge.part[1];
    uint32_t honest = p->content;
    unsigned char *zero = calloc(1, n);
    zip(p, zero, n, 1);
    free(zero);
    ck_assert_uint_lt(p->n, 500);
    expect_forgery_refused("contradicts"); /* above the limit of a frame */
    p->content = honest;
    expect_forgery_refused("zstd's size"); /* below it, with a frame that does not fit */
}
END_TEST

/* The limit follows from the context, not from what the file says of itself. */
START_TEST(d06_positions)
{
    struct part *p = &forge.part[1];
    unsigned char *n_token = forge.head + TR__PACK_H_N_TOKEN;
    uint32_t more = (_i ? 0x7fffffff : TR__PACK_FRAME_POSITIONS + 1) - p->positions;
    tr__put_u64(n_token, tr__get_u64(n_token) + more);
    p->positions += more;
    p->content = (uint32_t)tr__pack_content_bytes(p->positions / 2, p->positions / 2, 300);
    expect_forgery_refused("contradicts");
}
END_TEST

START_TEST(d07_odd_frames)
{
    static const struct { const char *bytes; size_t n; } odd[] = {
        { "\x28\xb5\x2f\xfd\x04\xa8\x01\x00\x00\x99\xe9\xd8\x51", 13 }, /* window 2^31 */
        { "\x28\xb5\x2f\xfd\x25\x07\x00\x01\x00\x00\x99\xe9\xd8\x51", 14 }, /* dictionary */
        { "\x28\xb5\x2f\xfd\x2c\x00\x01\x00\x00\x99\xe9\xd8\x51", 13 }, /* reserved bit */
        { "\x50\x2a\x4d\x18\x04\x00\x00\x00\x01\x02\x03\x04", 12 }, /* skippable */
        { "\x28\xb5\x2f\xfd", 4 },
    };
    struct part *p = &forge.part[1];
    memcpy(p->stored, odd[_i].bytes, odd[_i].n);
    p->n = (uint32_t)odd[_i].n;
    expect_forgery_refused("not a zstd frame of the kind");
}
END_TEST

START_TEST(d07_more_in_a_block)
{
    struct part *p = &forge.part[1];
    memcpy(p->stored + p->n, "\x50\x2a\x4d\x18\x04\x00\x00\x00\x01\x02\x03\x04", 12);
    p->n += 12;
    expect_forgery_refused("not exactly one zstd frame");
}
END_TEST

START_TEST(d08_counts)
{
    static const struct { int at; int64_t add; } wrong[] = {
        { TR__PACK_H_N_TOKEN, 1 },   { TR__PACK_H_N_TOKEN, -1 },
        { TR__PACK_H_N_TOKEN, INT64_MIN }, { TR__PACK_H_N_COUNTED, 1 },
        { TR__PACK_H_N_COUNTED, INT64_MIN }, { TR__PACK_H_N_SEQ, 1 },
        { TR__PACK_H_N_SEQ, -1 },    { TR__PACK_H_N_SEQ, INT64_MIN },
    };
    unsigned char *at = forge.head + wrong[_i].at;
    struct tr_err err;
    tr__put_u64(at, tr__get_u64(at) + (uint64_t)wrong[_i].add);
    ck_assert_int_lt(verdict(data, seal(&forge, data), &err), 0);
    tr__put_u64(at, 0);
    ck_assert_int_lt(verdict(data, seal(&forge, data), &err), 0);
}
END_TEST

START_TEST(d08_counts_of_frames)
{
    struct part *a = &forge.part[0], *b = &forge.part[1];
    struct tr_err err;
    switch (_i) { /* sums that still fit the header */
    case 0: a->n_seq++; b->n_seq--; break;
    case 1: a->positions++; b->positions--; break;
    case 2: a->counted++; b->counted--; break;
    case 3: a->n_seq += b->n_seq; b->n_seq = 0; break;
    case 4: a->positions += b->positions; b->positions = 0; b->counted = 0; break;
    }
    ck_assert_int_lt(verdict(data, seal(&forge, data), &err), 0);
}
END_TEST

START_TEST(d08_header_values)
{
    static const struct { int at; uint32_t value; } wrong[] = {
        { TR__PACK_H_CTX, 0 }, { TR__PACK_H_CTX, TR_PACK_MAX_CTX + 1 },
        { TR__PACK_H_CTX, 0xffffffffu }, { TR__PACK_H_N_VOCAB, 0 },
        { TR__PACK_H_N_VOCAB, 0xffffffffu }, { TR__PACK_H_N_VOCAB + 4, 1 },
    };
    tr__put_u32(forge.head + wrong[_i].at, wrong[_i].value);
    expect_forgery_refused("out of range");
}
END_TEST

/* Change the content of frame 1 at a byte counted from its first id. */
static void forge_content(int from_ids, uint32_t at, const void *new, size_t n)
{
    struct part *p = &forge.part[1];
    unsigned char *content = malloc(p->content);
    size_t size = unzip(p, content, p->content);
    uint32_t ids = TR__PACK_CONTENT_HEAD + 4 * tr__get_u32(content + 4);
    memcpy(content + (from_ids ? ids : 0) + at, new, n);
    zip(p, content, size, 1);
    free(content);
}

START_TEST(d09_ids)
{
    static const char *const id[] = { "\x2c\x01", "\xff\xff" }; /* n_vocab is 300 */
    forge_content(1, 20, id[_i], 2);
    expect_forgery_refused("frame 1 at byte");
    expect_forgery_refused("is not below the vocabulary's 300");
}
END_TEST

START_TEST(d09_wide_ids)
{
    release(&forge);
    make_pack(5, 6000, 64, 70000);
    free(data);
    data = load(&bytes);
    take_apart(&forge, data, bytes);
    forge_content(1, 20, _i ? "\xff\xff\xff\xff" : "\x70\x11\x01\x00", 4);
    expect_forgery_refused("is not below the vocabulary's 70000");
}
END_TEST

START_TEST(d10_vocabulary_is_told)
{
    struct tr_pack *p = open_good();
    ck_assert_uint_eq(tr_pack_info(p)->vocab_hash, 0xabcdef);
    ck_assert_uint_eq(tr_pack_info(p)->n_vocab, 300);
    tr_pack_close(p);
}
END_TEST

START_TEST(d11_all_masked)
{
    static const int32_t token[] = { 1, 2 }, target[] = { -1, -1 }, pos[] = { 0, 1 };
    struct tr_pack_seq s = { 2, token, target, pos };
    struct tr_err err = { 0 };
    struct tr_pack_writer *w = tr_pack_create(path, 4, 1, 10, &err);
    ck_assert_int_eq(tr_pack_write(w, &s, &err), 0);
    ck_assert_int_eq(tr_pack_commit(w, &err), 0);
    struct tr_pack *p = open_good();
    ck_assert_uint_eq(tr_pack_info(p)->n_token, 2);
    ck_assert_uint_eq(tr_pack_info(p)->n_counted, 0);
    tr_pack_close(p);
}
END_TEST

START_TEST(d11_sequence_longer_than_context)
{
    tr__put_u32(forge.head + TR__PACK_H_CTX, 63);
    expect_forgery_refused("at most 63 positions");
}
END_TEST

START_TEST(d11_runs)
{
    static const char *const run[] = {
        "\0\0\0\x80", /* a sequence of no positions */
        "\1\0\0\0",   /* the first run begins none */
        "\xff\xff\xff\xff", "\xff\xff\xff\x7f",
    };
    forge_content(0, TR__PACK_CONTENT_HEAD, run[_i], 4);
    expect_forgery_refused("lengths of its documents");
}
END_TEST

START_TEST(d11_bits_behind_the_last_position)
{
    size_t n;
    unsigned char set = 0x80;
    release(&forge);
    make_pack(5, 3000, 63, 300);
    free(data);
    data = load(&n);
    take_apart(&forge, data, n);
    ck_assert_uint_ne(forge.part[1].positions % 8, 0);
    forge_content(0, forge.part[1].content - 1, &set, 1);
    expect_forgery_refused("behind its last position");
}
END_TEST

START_TEST(d12_width_of_ids)
{
    tr__put_u32(forge.head + TR__PACK_H_N_VOCAB, 70000);
    expect_forgery_refused("do not hold what it counts");
}
END_TEST

START_TEST(d14_more_behind_the_footer)
{
    size_t n;
    memset(data + bytes, 'x', 100);
    expect_refusal(data, bytes + 1, "something follows");
    expect_refusal(data, bytes + 100, "something follows");
    make_pack(6, 6000, 64, 300); /* the footer of another */
    unsigned char *other = load(&n);
    memcpy(data + bytes - TR__PACK_FOOTER_BYTES, other + n - TR__PACK_FOOTER_BYTES,
           TR__PACK_FOOTER_BYTES);
    if (n == bytes)
        expect_refusal(data, bytes, "different packs");
    else
        expect_refusal(data, bytes, "should have");
    free(other);
}
END_TEST

START_TEST(d14_footer_of_a_twin)
{
    unsigned char head[TR__PACK_HEADER_BYTES];
    memcpy(head, forge.head, sizeof head);
    tr__put_u64(forge.head + TR__PACK_H_VOCAB_HASH, 1);
    size_t n = seal(&forge, data); /* same size, another header */
    memcpy(data, head, sizeof head);
    expect_refusal(data, n, "different packs");
}
END_TEST

START_TEST(not_a_file)
{
    struct tr_err err = { 0 };
    ck_assert_ptr_null(tr_pack_open(dir, &err));
    ck_assert_msg(strstr(err.text, "Is a directory"), "%s", err.text);
    memset(&err, 0, sizeof err);
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_ptr_null(tr_pack_open(path, &err));
    ck_assert_msg(strstr(err.text, "seekable file"), "%s", err.text);
    memset(&err, 0, sizeof err);
    unlink(path);
    ck_assert_ptr_null(tr_pack_open(path, &err));
    ck_assert_int_eq(err.code, TR_EIO);
}
END_TEST

START_TEST(becomes_shorter)
{
    struct tr_err err = { 0 };
    struct tr_pack_seq s;
    struct tr_pack *p = open_good();
    ck_assert_int_eq(truncate(path, 100), 0);
    ck_assert_int_lt(tr_pack_read(p, 5999, &s, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "shorter"));
    ck_assert_int_lt(tr_pack_read(p, 5999, &s, NULL), 0);
    tr_pack_close(p);
}
END_TEST

static TCase *forge_case(void)
{
    TCase *t = tcase_create("forged");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup_forge, teardown_forge);
    tcase_add_test(t, d01_magic_and_version);
    tcase_add_test(t, d02_cut);
    tcase_add_test(t, d03_bit_flips);
    tcase_add_test(t, d03_every_bit_of_a_small_pack);
    tcase_add_test(t, d04_blocks_moved);
    tcase_add_test(t, d04_joined);
    tcase_add_loop_test(t, d05_forged_size, 0, 6);
    tcase_add_loop_test(t, d05_size_in_index, 0, 6);
    tcase_add_loop_test(t, d05_one_byte_more_or_less, 0, 2);
    tcase_add_test(t, d05_size_absent);
    tcase_add_test(t, d05_no_checksum);
    tcase_add_test(t, d06_bomb);
    tcase_add_loop_test(t, d06_positions, 0, 2);
    tcase_add_loop_test(t, d07_odd_frames, 0, 5);
    tcase_add_test(t, d07_more_in_a_block);
    tcase_add_loop_test(t, d08_counts, 0, 8);
    tcase_add_loop_test(t, d08_counts_of_frames, 0, 5);
    tcase_add_loop_test(t, d08_header_values, 0, 6);
    tcase_add_loop_test(t, d09_ids, 0, 2);
    tcase_add_loop_test(t, d09_wide_ids, 0, 2);
    tcase_add_test(t, d10_vocabulary_is_told);
    tcase_add_test(t, d11_all_masked);
    tcase_add_test(t, d11_sequence_longer_than_context);
    tcase_add_loop_test(t, d11_runs, 0, 4);
    tcase_add_test(t, d11_bits_behind_the_last_position);
    tcase_add_test(t, d12_width_of_ids);
    tcase_add_test(t, d14_more_behind_the_footer);
    tcase_add_test(t, d14_footer_of_a_twin);
    tcase_add_test(t, not_a_file);
    tcase_add_test(t, becomes_shorter);
    return t;
}

int main(void)
{
    Suite *s = suite_create("pack");
    TCase *t = tcase_create("good");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, round_trip, 0, sizeof shape / sizeof shape[0]);
    tcase_add_test(t, same_bytes_and_hash);
    tcase_add_test(t, golden_pack);
    tcase_add_test(t, million_sequences_open_fast);
    tcase_add_loop_test(t, writer_refuses, 0, 8);
    tcase_add_loop_test(t, writer_needs_a_file, 0, 4);
    suite_add_tcase(s, t);
    suite_add_tcase(s, forge_case());
    return run_suite(s);
}
