/* SPDX-License-Identifier: MIT
 *
 * Packs that were cut, damaged or forged: each row of bad_pack.def is refused, in words
 * that tell why, by a process that may not grow by more than a little.
 */
#include "pack_files.h"
#include "sanitized.h"
#include "scratch.h"
#include "training_run.h"

#include <libtrain/base/bytes.h>
#include <libtrain/rng.h>

#include <zstd.h>

/* ---- makers: each does one kind of damage, x times or with x as its value ------ */

struct bad_pack {
    const char *what, *says; /* what stands between "|" must all be in the message */
    void (*make)(struct pack_forge *f, const struct bad_pack *row, int64_t x);
    const char *arg;
    int at; /* offset in the header, or in the content of a frame */
    int64_t x, last; /* values of x; last 0: only x */
    enum { BIG, WIDE, ODD, RICH, UNGROUPED } base;
};

static void copy_arg(unsigned char *to, const struct bad_pack *row, int64_t n)
{
    memcpy(to, row->arg, (size_t)n);
}

/* The file is the first x bytes of arg. */
static void mk_file(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    copy_arg(f->data, row, x);
    f->n = (size_t)x;
}

static void mk_keep_64ths(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    (void)row;
    f->n = f->n * (size_t)x / 64;
}

static void mk_drop(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    (void)row;
    f->n -= (size_t)x;
}

static void mk_keep_frames(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    (void)row;
    f->n = TR__PACK_HEADER_BYTES;
    for (int i = 0; i < f->n_part && i < x; i++)
        f->n += f->part[i].n;
}

static void mk_bit_of_chance(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    (void)row;
    struct tr_rng r = tr_rng_init(3, (uint64_t)x);
    size_t bit = tr_rng_below(&r, 8 * f->n);
    f->data[bit / 8] ^= (unsigned char)(1 << bit % 8);
}

/* x bytes behind the file, each of them that of arg. */
static void mk_append(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    memset(f->data + f->n, *row->arg, (size_t)x);
    f->n += (size_t)x;
}

static void mk_joined(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    (void)row;
    (void)x;
    memcpy(f->data + f->n, f->data, f->n);
    f->n *= 2;
}

/* Frame 0 in the place of frame 1, under the old index: as much as fits. */
static void mk_frame_over(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    (void)row;
    (void)x;
    const struct pack_part *a = &f->part[0], *b = &f->part[1];
    memcpy(f->data + TR__PACK_HEADER_BYTES + a->n, a->stored, a->n < b->n ? a->n : b->n);
}

/* Index and frames both in the other order. */
static void mk_swapped(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    (void)row;
    (void)x;
    struct pack_part a = f->part[0];
    f->part[0] = f->part[1];
    f->part[1] = a;
    pack_forge_seal(f);
}

static void mk_twice(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    (void)row;
    (void)x;
    struct pack_part *last = &f->part[f->n_part++];
    *last = f->part[0];
    last->stored = malloc(last->n);
    memcpy(last->stored, f->part[0].stored, last->n);
    pack_forge_seal(f);
}

/* The field of the header at `at` is x. */
static void mk_u32(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    tr__put_u32(f->head + row->at, (uint32_t)x);
    pack_forge_seal(f);
}

static void mk_u64(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    tr__put_u64(f->head + row->at, (uint64_t)x);
    pack_forge_seal(f);
}

/* … is more by x. */
static void mk_add(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    mk_u64(f, row, (int64_t)(tr__get_u64(f->head + row->at) + (uint64_t)x));
}

/* The header under a footer of another that is as long. */
static void mk_twin_footer(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    unsigned char head[TR__PACK_HEADER_BYTES];
    memcpy(head, f->head, sizeof head);
    mk_u64(f, row, x);
    memcpy(f->data, head, sizeof head);
}

/* The index says that frame 1 has a content of x bytes, or of x more than it has. */
static void mk_content(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    (void)row;
    f->part[1].content = (uint32_t)x;
    pack_forge_seal(f);
}

static void mk_content_add(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    mk_content(f, row, f->part[1].content + x);
}

/* The zstd header of frame 1 says `x` in eight bytes. */
static void mk_zstd_size(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    struct pack_part *p = &f->part[1];
    size_t had = (p->stored[4] >> 6) == 1 ? 2 : 4;
    unsigned char *b = malloc(p->n + 64);
    (void)row;
    memcpy(b, p->stored, 4);
    b[4] = 0xe4; /* 8 bytes of size, one segment, checksum */
    tr__put_u64(b + 5, (uint64_t)x);
    memcpy(b + 13, p->stored + 5 + had, p->n - 5 - had);
    free(p->stored);
    p->stored = b;
    p->n = (uint32_t)(p->n + 8 - had);
    pack_forge_seal(f);
}

/* Frame 1 without what the zstd parameter `at` gives. */
static void mk_zip_without(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    size_t n;
    unsigned char *content = pack_part_unzip(&f->part[1], &n);
    (void)x;
    pack_part_zip(&f->part[1], content, n, row->at);
    free(content);
    pack_forge_seal(f);
}

/* Frame 1 is x zeros; the index knows it, or says the honest size if `at`. */
static void mk_bomb(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    struct pack_part *p = &f->part[1];
    uint32_t honest = p->content;
    unsigned char *zero = calloc(1, (size_t)x);
    pack_part_zip(p, zero, (size_t)x, 0);
    free(zero);
    ck_assert_uint_lt(p->n, 500);
    p->content = row->at ? honest : p->content;
    pack_forge_seal(f);
}

/* Index and header say that frame 1 has x positions. */
static void mk_positions(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    (void)row;
    struct pack_part *p = &f->part[1];
    unsigned char *n_token = f->head + TR__PACK_H_N_TOKEN;
    tr__put_u64(n_token, tr__get_u64(n_token) + (uint64_t)x - p->positions);
    p->positions = (uint32_t)x;
    p->content = (uint32_t)tr__pack_content_bytes(p->positions / 2, p->positions / 2, 300);
    pack_forge_seal(f);
}

/* Frame 1 is x bytes of arg, or they stand behind it. */
static void mk_frame(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    copy_arg(f->part[1].stored, row, x);
    f->part[1].n = (uint32_t)x;
    pack_forge_seal(f);
}

static void mk_frame_append(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    struct pack_part *p = &f->part[1];
    copy_arg(p->stored + p->n, row, x);
    p->n += (uint32_t)x;
    pack_forge_seal(f);
}

/* x sequences, positions or targets that count (arg) of frame 1 are said to be of frame 0,
 * so that the sums still fit the header; x 0: all. */
static void mk_moved(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    struct pack_part *a = &f->part[0], *b = &f->part[1];
    if (*row->arg == 's') {
        uint64_t n = x ? (uint64_t)x : b->n_seq;
        a->n_seq += n;
        b->n_seq -= n;
    } else {
        uint32_t *to = *row->arg == 'p' ? &a->positions : &a->counted;
        uint32_t *from = *row->arg == 'p' ? &b->positions : &b->counted;
        uint32_t n = x ? (uint32_t)x : *from;
        *to += n;
        *from -= n;
        b->counted = b->positions ? b->counted : 0;
    }
    pack_forge_seal(f);
}

/* x bytes of arg in the content of frame 1, from its byte `at` on, or from the end if that
 * is below 0. */
static void mk_inside(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    size_t n;
    unsigned char *content = pack_part_unzip(&f->part[1], &n);
    copy_arg(row->at < 0 ? content + n + row->at : content + row->at, row, x);
    pack_part_zip(&f->part[1], content, n, 0);
    free(content);
    pack_forge_seal(f);
}

/* The same from the first id on. */
static void mk_id(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    size_t n;
    unsigned char *content = pack_part_unzip(&f->part[1], &n);
    struct bad_pack there = *row;
    there.at += (int)(TR__PACK_CONTENT_HEAD + 4 * tr__get_u32(content + 4));
    free(content);
    mk_inside(f, &there, x);
}

/* The group of the last run of frame 1 is x. */
static void mk_group_of_run(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    size_t n;
    struct pack_part *p = &f->part[1];
    unsigned char *content = pack_part_unzip(p, &n);
    (void)row;
    tr__put_u16(content + n - 4 * (size_t)p->positions - 2, (uint16_t)x);
    pack_part_zip(p, content, n, 0);
    free(content);
    pack_forge_seal(f);
}

/* The table of groups is x bytes of arg and their hash. */
static void mk_table(struct pack_forge *f, const struct bad_pack *row, int64_t x)
{
    copy_arg(f->groups, row, x);
    f->n_groups = (size_t)x;
    f->hash_alone = x == 0;
    tr__put_u32(f->head + TR__PACK_H_GROUPS, (uint32_t)x + 8);
    pack_forge_seal(f);
}

/* ---- the table ----------------------------------------------------------------- */

static const char zeros[400];

#include "bad_pack.def"

enum { N_BAD = sizeof bad_packs / sizeof *bad_packs };

static const struct { uint64_t n_seq, set; uint32_t ctx, n_vocab; } bases[] = {
    [BIG] = { 6000, 5, 64, 300 },
    [WIDE] = { 6000, 5, 64, 70000 },
    [ODD] = { 3000, 5, 63, 300 },
    [RICH] = { 6000, PACK_RICH, 64, 300 },
    [UNGROUPED] = { 6000, PACK_WEIGHTS, 64, 300 },
};

/* A good pack of several frames, the same after it was taken apart and sealed again. */
static void make_base(const char *to, int base)
{
    struct tr_err err;
    size_t n;
    pack_make(to, bases[base].set, bases[base].n_seq, bases[base].ctx, bases[base].n_vocab);
    unsigned char *data = read_file(to, &n);
    struct pack_forge f = pack_forge_of(to);
    ck_assert_int_ge(f.n_part, 2 + (base != ODD));
    ck_assert(base != ODD || f.part[1].positions % 8);
    pack_forge_seal(&f);
    ck_assert_uint_eq(f.n, n);
    ck_assert_mem_eq(f.data, data, n);
    ck_assert_msg(pack_verdict(path, f.data, f.n, &err) == 0, "%s", err.text);
    pack_forge_free(&f);
    free(data);
}

static void expect_refusal(const struct bad_pack *row, int64_t x, const char *base)
{
    struct pack_forge f = pack_forge_of(base);
    struct tr_err err;
    row->make(&f, row, x);
    int rc = pack_verdict(path, f.data, f.n, &err);
    ck_assert_msg(rc == TR_EFORMAT || rc == TR_EUNSUPPORTED, "%s (%lld): %d %s", row->what,
                  (long long)x, rc, err.text);
    char words[128];
    snprintf(words, sizeof words, "%s", row->says);
    for (char *s = strtok(words, "|"); s; s = strtok(NULL, "|"))
        ck_assert_msg(strstr(err.text, s) != NULL, "%s (%lld): no '%s' in: %s", row->what,
                      (long long)x, s, err.text);
    pack_forge_free(&f);
}

START_TEST(bad_pack)
{
    const struct bad_pack *row = &bad_packs[_i];
    const char *base = in_dir("base.pack");
    make_base(base, (int)row->base);
    limit_memory(64u << 20);
    int64_t n = row->last ? row->last - row->x + 1 : 1;
    for (int64_t i = 0; i < n; i++)
        expect_refusal(row, row->x + i, base);
}
END_TEST

/* ---- what is no row ------------------------------------------------------------ */

START_TEST(every_bit_of_a_small_pack)
{
    struct tr_err err;
    size_t n;
    pack_make(path, 5, 3, 8, 300);
    unsigned char *small = read_file(path, &n);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        small[bit / 8] ^= (unsigned char)(1 << bit % 8);
        if (pack_verdict(path, small, n, &err) >= 0)
            ck_abort_msg("bit %zu of %zu", bit, 8 * n);
        small[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(small);
}
END_TEST

START_TEST(footer_of_another)
{
    struct tr_err err;
    pack_make(path, 6, 6000, 64, 300);
    struct pack_forge b = pack_forge_of(path);
    pack_make(path, 5, 6000, 64, 300);
    struct pack_forge a = pack_forge_of(path);
    memcpy(a.data + a.n - TR__PACK_FOOTER_BYTES, b.data + b.n - TR__PACK_FOOTER_BYTES,
           TR__PACK_FOOTER_BYTES);
    ck_assert_int_lt(pack_verdict(path, a.data, a.n, &err), 0);
    ck_assert_msg(strstr(err.text, a.n == b.n ? "different packs" : "should have") != NULL,
                  "%s", err.text);
    pack_forge_free(&a);
    pack_forge_free(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pack_bad");
    TCase *t = tcase_create("refused");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_loop_test(t, bad_pack, 0, N_BAD);
    tcase_add_test(t, every_bit_of_a_small_pack);
    tcase_add_test(t, footer_of_another);
    suite_add_tcase(s, t);
    return run_suite(s);
}
