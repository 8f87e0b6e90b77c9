/* SPDX-License-Identifier: MIT
 *
 * Packs: what goes in comes out, in the same bytes each time, and what is not a pack is not
 * written.  Files that were damaged or forged are in test_pack_bad.c.
 */
#include "pack_files.h"
#include "scratch.h"
#include "training_run.h"

#include <libtrain/base/bytes.h>

#include <math.h>
#include <sys/stat.h>
#include <time.h>

static const struct { uint64_t n_seq, set; uint32_t ctx, n_vocab; } shape[] = {
    { 1, 9, 1, 1 }, { 10, 9, 7, 256 }, { 300, 9, 5000, 65536 }, { 300, 9, 5000, 65537 },
    { 50000, 9, 8, 50257 }, { 40, 9, 64, 0x80000000u },
    { 1, PACK_WEIGHTS, 1, 2 }, { 300, PACK_WEIGHTS, 5000, 65536 },
    { 300, PACK_RICH, 5000, 65537 }, { 50000, PACK_RICH, 8, 300 },
};

START_TEST(round_trip)
{
    uint64_t n_seq = shape[_i].n_seq, set = shape[_i].set;
    struct tr_pack_info w = pack_make(path, set, n_seq, shape[_i].ctx, shape[_i].n_vocab);
    struct tr_pack *p = pack_open(path);
    const struct tr_pack_info *info = tr_pack_info(p);
    size_t bytes;
    unsigned char *data = read_file(path, &bytes);
    uint64_t n_frame = tr__get_u64(data + bytes - TR__PACK_FOOTER_BYTES +
                                   TR__PACK_F_N_FRAME);

    ck_assert_uint_eq(info->n_seq, n_seq);
    ck_assert_uint_eq(info->n_token, w.n_token);
    ck_assert_uint_eq(info->n_counted, w.n_counted);
    ck_assert_uint_eq(info->vocab_hash, PACK_VOCAB_HASH);
    ck_assert_int_eq(data[TR__PACK_H_VERSION], set < PACK_WEIGHTS ? 1 : 2);
    ck_assert_uint_eq(info->n_group, set < PACK_RICH ? 0 : 3);
    if (info->n_group)
        ck_assert_str_eq(tr_pack_group(p, 1), "Verse");
    for (uint64_t i = 0; i < n_seq; i++)
        pack_expect(p, set, i);
    ck_assert_uint_eq(tr__pack_unpacked(p), n_frame); /* each frame once */
    if (w.n_token > 3 * TR__PACK_FRAME_POSITIONS)
        ck_assert_uint_gt(n_frame, 3);
    for (uint64_t i = 0; i < 50; i++)
        pack_expect(p, set, tr_pack_order(1, 2, n_seq, i % n_seq));
    tr_pack_close(p);
    free(data);
}
END_TEST

START_TEST(same_bytes_and_hash)
{
    size_t na, nb;
    pack_make(path, 1, 3000, 64, 300);
    unsigned char *a = read_file(path, &na);
    struct tr_pack *p = pack_open(path);
    uint64_t hash = tr_pack_info(p)->hash;
    tr_pack_close(p);
    pack_make(path, 1, 3000, 64, 300);
    unsigned char *b = read_file(path, &nb);
    ck_assert_uint_eq(na, nb);
    ck_assert_int_eq(memcmp(a, b, na), 0);
    pack_make(path, 2, 3000, 64, 300);
    p = pack_open(path);
    ck_assert_uint_ne(tr_pack_info(p)->hash, hash);
    tr_pack_close(p);
    free(a);
    free(b);
}
END_TEST

/* Packs of versions 1 and 2 that were made once; what zstd makes of the content may change,
 * the content may not.  UPDATE=1 writes them. */
static const struct { uint64_t set; const char *path; } golden[] = {
    { 5, "tests/golden/small.pack" },
    { PACK_RICH + 5, "tests/golden/rich.pack" },
};

START_TEST(golden_pack)
{
    uint64_t set = golden[_i].set;
    pack_make(path, set, 30, 8, 300);
    struct tr_pack *p = pack_open(path);
    uint64_t hash = tr_pack_info(p)->hash;
    tr_pack_close(p);
    if (getenv("UPDATE"))
        ck_assert_int_eq(rename(path, golden[_i].path), 0);
    p = tr_pack_open(golden[_i].path, NULL);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq(tr_pack_info(p)->hash, hash);
    ck_assert_int_eq(tr__pack_verify(p, NULL), 0);
    for (uint64_t i = 0; i < 30; i++)
        pack_expect(p, set, i);
    tr_pack_close(p);
}
END_TEST

/* Weights that are all 1 and documents of no group say nothing: version 1, and its hash. */
START_TEST(nothing_more)
{
    static const int32_t token[] = { 1, 2, 3, 4 }, pos[] = { 0, 1, 2 };
    static const int32_t none[] = { -1, -1, -1 };
    static const float ones[] = { 1, 1, 1 }, odd[] = { 1, 5, 1 };
    static const int32_t masked[] = { 2, -1, 4 };
    const struct tr_pack_seq s[] = {
        { 3, token, masked, .pos = pos }, { 3, token, masked, pos, ones, NULL },
        { 3, token, masked, pos, ones, none }, { 3, token, masked, pos, odd, none },
    };
    uint64_t hash[4];
    for (int i = 0; i < 4; i++) {
        struct tr_err err = { 0 };
        struct tr_pack_writer *w = tr_pack_create(path, 4, 1, 100, &err);
        ck_assert_int_eq(tr_pack_writer_group(w, "of no document", &err), 0);
        ck_assert_int_eq(tr_pack_write(w, &s[i], &err), 0);
        ck_assert_int_eq(tr_pack_commit(w, &err), 0);
        struct tr_pack *p = pack_open(path);
        struct tr_pack_seq got;
        ck_assert_int_eq(tr_pack_read(p, 0, &got, &err), 0);
        ck_assert(!got.weight && !got.group && tr_pack_info(p)->n_group == 0);
        hash[i] = tr_pack_info(p)->hash;
        tr_pack_close(p);
    }
    ck_assert(hash[0] == hash[1] && hash[0] == hash[2] && hash[0] == hash[3]);
}
END_TEST

START_TEST(million_sequences_open_fast)
{
    static const int32_t token[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    static const int32_t pos[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    struct tr_err err = { 0 };
    struct tr_pack_seq s = { 8, token, token + 1, .pos = pos };
    struct tr_pack_writer *w = tr_pack_create(path, 8, 1, 100, &err);
    for (int i = 0; i < 1000000; i++)
        if (tr_pack_write(w, &s, &err))
            ck_abort_msg("%s", err.text);
    ck_assert_int_eq(tr_pack_commit(w, &err), 0);
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    struct tr_pack *p = pack_open(path);
    ck_assert_int_eq(tr_pack_read(p, 999999, &s, &err), 0);
    clock_gettime(CLOCK_MONOTONIC, &b);
    ck_assert(difftime(b.tv_sec, a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec) < 1.0);
    ck_assert_uint_eq(tr_pack_info(p)->n_seq, 1000000);
    tr_pack_close(p);
}
END_TEST

/* ==== the writer says no ==== */

static const int32_t tok[] = { 1, 2, 3 }, big[] = { 1, 100, 3 }, neg[] = { -1, 2, 3 },
                     off[] = { 3, 3, 4 };
static const float zero[] = { 1, 0 }, nan_[] = { NAN, 1 };
static const int32_t of_none[] = { 0, 0 }, two[] = { -1, -2 }, change[] = { -1, 0 };
static const int32_t at[] = { 0, 1, 2 }, jump[] = { 0, 2, 3 }, late[] = { 1, 2, 3 };

/* Sequences that a pack of a context of 4 and 100 tokens does not take. */
static const struct { const char *what; struct tr_pack_seq seq; } wrong[] = {
    { "no positions", { 0, tok, tok, .pos = at } },
    { "longer than the context", { 5, tok, tok, .pos = at } },
    { "a token of no vocabulary", { 2, big, big + 1, .pos = at } },
    { "a token below 0", { 2, neg, tok + 1, .pos = at } },
    { "a target of no vocabulary", { 1, tok, big + 1, .pos = at } },
    { "a position left out", { 2, tok, tok + 1, .pos = jump } },
    { "the first position is not 0", { 2, tok, tok + 1, .pos = late } },
    { "a target that is not the next token", { 2, tok, off, .pos = at } },
    { "a weight of 0", { 2, tok, tok + 1, at, zero, NULL } },
    { "a weight that is no number", { 2, tok, tok + 1, at, nan_, NULL } },
    { "a group that nobody named", { 2, tok, tok + 1, at, NULL, of_none } },
    { "a group of -2", { 2, tok, tok + 1, at, NULL, two } },
    { "a document of two groups", { 2, tok, tok + 1, at, NULL, change } },
};
enum { N_WRONG = sizeof wrong / sizeof *wrong };

START_TEST(writer_refuses)
{
    struct tr_err err = { 0 };
    struct tr_pack_writer *w = tr_pack_create(path, 4, 1, 100, &err);
    int rc = tr_pack_write(w, &wrong[_i].seq, &err);
    ck_assert_msg(rc == TR_EFORMAT, "%s: %d %s", wrong[_i].what, rc, err.text);
    memset(&err, 0, sizeof err);
    ck_assert_int_eq(tr_pack_commit(w, &err), TR_EFORMAT); /* no sequences */
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

/* ==== files that are odd ==== */

START_TEST(all_masked)
{
    static const int32_t token[] = { 1, 2 }, target[] = { -1, -1 }, pos[] = { 0, 1 };
    struct tr_pack_seq s = { 2, token, target, .pos = pos };
    struct tr_err err = { 0 };
    struct tr_pack_writer *w = tr_pack_create(path, 4, 1, 10, &err);
    ck_assert_int_eq(tr_pack_write(w, &s, &err), 0);
    ck_assert_int_eq(tr_pack_commit(w, &err), 0);
    struct tr_pack *p = pack_open(path);
    ck_assert_uint_eq(tr_pack_info(p)->n_token, 2);
    ck_assert_uint_eq(tr_pack_info(p)->n_counted, 0);
    tr_pack_close(p);
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
    pack_make(path, 5, 6000, 64, 300);
    struct tr_pack *p = pack_open(path);
    ck_assert_int_eq(truncate(path, 100), 0);
    ck_assert_int_lt(tr_pack_read(p, 5999, &s, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "shorter"));
    ck_assert_int_lt(tr_pack_read(p, 5999, &s, NULL), 0);
    tr_pack_close(p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pack");
    TCase *t = tcase_create("good");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_loop_test(t, round_trip, 0, sizeof shape / sizeof shape[0]);
    tcase_add_test(t, same_bytes_and_hash);
    tcase_add_loop_test(t, golden_pack, 0, sizeof golden / sizeof golden[0]);
    tcase_add_test(t, nothing_more);
    tcase_add_test(t, million_sequences_open_fast);
    tcase_add_loop_test(t, writer_refuses, 0, N_WRONG);
    tcase_add_loop_test(t, writer_needs_a_file, 0, 4);
    tcase_add_test(t, all_masked);
    tcase_add_test(t, not_a_file);
    tcase_add_test(t, becomes_shorter);
    suite_add_tcase(s, t);
    return run_suite(s);
}
