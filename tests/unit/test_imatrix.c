/* SPDX-License-Identifier: MIT
 *
 * Importance matrices of both forms: what is read of them, and what is refused with which
 * words.
 */
#include "scratch.h"

#include <libtrain/gguf.h>
#include <libtrain/imatrix.h>

#include <check.h>
#include <math.h>
#include <string.h>

/* ---- the GGUF form ---------------------------------------------------------------- */

enum { ROW = 3 };
static const float sums[2 * ROW] = { 2, 4, 8, 5, 6, 7 };

/* What a file may be like that is not well. */
struct gguf_case {
    const char *text; /* of the message */
    const char *drop; /* a key that is not there */
    float sum, count; /* in place of the first ones, if not 0 */
    int n_count;      /* in place of 2 */
    const char *end;  /* of the name of the sums */
};

static void write_gguf(const struct gguf_case *c)
{
    struct tr_err err = { 0 };
    struct tr_gguf_writer *w = tr_gguf_create(path, &err);
    const struct tr_str name[] = { { "a.txt", 5 }, { "b.txt", 5 } };
    int n_count = c->n_count ? c->n_count : 2;
    float sum[2 * ROW], count[] = { 2, 0, 0, 0 };
    char key[64];
    memcpy(sum, sums, sizeof sum);
    sum[0] = c->sum != 0 ? c->sum : sum[0];
    count[0] = c->count != 0 ? c->count : count[0];
    snprintf(key, sizeof key, "blk.0.x.weight%s", c->end ? c->end : ".in_sum2");
    tr_gguf_set_string(w, "general.type", "imatrix");
    tr_gguf_set_strings(w, "imatrix.datasets", name, 2);
    tr_gguf_set_u32(w, "imatrix.chunk_count", 5);
    tr_gguf_set_u32(w, "imatrix.chunk_size", 512);
    if (c->drop)
        tr_gguf_unset(w, c->drop);
    tr_gguf_add_tensor(w, key, &tr_f32, 2, (int64_t[]){ 2, ROW });
    tr_gguf_add_tensor(w, "blk.0.x.weight.counts", &tr_f32, 2, (int64_t[]){ n_count, 1 });
    ck_assert_int_eq(tr_gguf_write(w, sum, sizeof sum, &err), 0);
    ck_assert_int_eq(tr_gguf_write(w, count, n_count * 4, &err), 0);
    ck_assert_msg(!tr_gguf_commit(w, &err), "%s", err.text);
}

START_TEST(test_gguf)
{
    static const float want[2 * ROW] = { 1, 2, 4, 1, 1, 1 };
    struct tr_err err = { 0 };
    write_gguf(&(struct gguf_case){ 0 });
    struct tr_imatrix *im = tr_imatrix_open(path, &err);
    ck_assert_msg(im != NULL, "%s", err.text);
    const struct tr_imatrix_info *info = tr_imatrix_info(im);
    ck_assert_str_eq(info->path, path);
    ck_assert_uint_eq(info->n_entry, 1);
    ck_assert_int_eq(info->n_chunk, 5);
    ck_assert_int_eq(info->chunk_size, 512);
    ck_assert_uint_eq(info->n_dataset, 2);
    ck_assert_str_eq(info->dataset[1], "b.txt");
    ck_assert_str_eq(tr_imatrix_at(im, 0)->name, "blk.0.x.weight");
    ck_assert_int_eq(tr_imatrix_at(im, 0)->n_mat, 2);
    ck_assert_double_eq(tr_imatrix_at(im, 0)->count[0], 2);
    ck_assert_ptr_null(tr_imatrix_at(im, 1));
    /* an expert that nothing came to counts like any other column */
    const float *mean = tr_imatrix_find(im, "blk.0.x.weight", ROW, 2, &err);
    ck_assert_mem_eq(mean, want, sizeof want);
    ck_assert_ptr_null(tr_imatrix_find(im, "blk.1.x.weight", ROW, 2, &err));
    ck_assert_int_eq(err.code, 0);
    ck_assert_ptr_null(tr_imatrix_find(im, "blk.0.x.weight", ROW, 1, &err));
    ck_assert_int_eq(err.code, TR_EMISMATCH);
    tr_imatrix_close(im);
}
END_TEST

static const struct gguf_case refused[] = {
    { "no key imatrix.datasets", .drop = "imatrix.datasets" },
    { "no key imatrix.chunk_count", .drop = "imatrix.chunk_count" },
    { "no key imatrix.chunk_size", .drop = "imatrix.chunk_size" },
    { "'blk.0.x.weight': number 0 is -1", .sum = -1 },
    { "'blk.0.x.weight': number 0 is nan", .sum = NAN },
    { "'blk.0.x.weight': number 0 is inf", .sum = INFINITY },
    { "'blk.0.x.weight': count 0 is -1", .count = -1 },
    { "'blk.0.x.weight': count 0 is inf", .count = INFINITY },
    { "has 6 numbers for 4 counts", .n_count = 4 },
    { "'blk.0.x.weight.counts' has no '.in_sum2' beside it", .end = ".sums" },
    { "'blk.0.x.weightx.in_sum2' has no '.counts' beside it", .end = "x.in_sum2" },
};
enum { N_REFUSED = sizeof refused / sizeof *refused };

static void check_refused(const char *text)
{
    struct tr_err err = { 0 };
    ck_assert_ptr_null(tr_imatrix_open(path, &err));
    ck_assert_int_eq(err.code, TR_EFORMAT);
    ck_assert_msg(strstr(err.text, path) && strstr(err.text, text), "%s", err.text);
}

START_TEST(test_gguf_refused)
{
    write_gguf(&refused[_i]);
    check_refused(refused[_i].text);
}
END_TEST

/* ---- the old form ----------------------------------------------------------------- */

static void put(FILE *f, int32_t v)
{
    ck_assert_uint_eq(fwrite(&v, sizeof v, 1, f), 1);
}

static void put_entry(FILE *f, const char *name, int32_t chunks, int32_t n, const float *v)
{
    put(f, (int32_t)strlen(name));
    ck_assert_int_ge(fputs(name, f), 0);
    put(f, chunks);
    put(f, n);
    ck_assert_uint_eq(fwrite(v, sizeof *v, (size_t)n, f), (size_t)n);
}

/* Odd lengths of names, so that no number lies where numbers should. */
static void write_old(int with_rest)
{
    FILE *f = fopen(path, "wb");
    put(f, 2);
    put_entry(f, "blk.0.x", 2, 2 * ROW, sums);
    put_entry(f, "y", 0, ROW, sums);
    if (with_rest) {
        put(f, 7);
        put(f, 5);
        ck_assert_int_ge(fputs("a.txt", f), 0);
    }
    fclose(f);
}

START_TEST(test_old)
{
    static const float want[2 * ROW] = { 1, 2, 4, 2.5f, 3, 3.5f };
    struct tr_err err = { 0 };
    write_old(_i);
    struct tr_imatrix *im = tr_imatrix_open(path, &err);
    ck_assert_msg(im != NULL, "%s", err.text);
    ck_assert_uint_eq(tr_imatrix_info(im)->n_entry, 2);
    ck_assert_int_eq(tr_imatrix_info(im)->n_chunk, _i ? 7 : 0);
    ck_assert_uint_eq(tr_imatrix_info(im)->n_dataset, _i ? 1 : 0);
    if (_i)
        ck_assert_str_eq(tr_imatrix_info(im)->dataset[0], "a.txt");
    /* experts are one after the other, and share their count */
    ck_assert_mem_eq(tr_imatrix_find(im, "blk.0.x", ROW, 2, &err), want, sizeof want);
    /* a count of no chunks divides nothing */
    ck_assert_mem_eq(tr_imatrix_find(im, "y", ROW, 1, &err), sums, ROW * sizeof *sums);
    tr_imatrix_close(im);
}
END_TEST

/* However short it is cut, the end of the entries is missed. */
START_TEST(test_old_cut)
{
    struct tr_err err = { 0 };
    write_old(0);
    FILE *f = fopen(path, "rb");
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    long bytes = ftell(f);
    fclose(f);
    for (long n = bytes - 1; n > 0; n--) {
        ck_assert_int_eq(truncate(path, n), 0);
        check_refused("not an importance matrix");
    }
    ck_assert_int_eq(truncate(path, 0), 0);
    check_refused("is empty");
    ck_assert_ptr_null(tr_imatrix_open(other, &err));
    ck_assert_int_eq(err.code, TR_EIO);
}
END_TEST

static const struct {
    const char *text;
    int32_t n, name, values;
} odd[] = {
    { "no number of entries at offset 4", 0, 1, 1 },
    { "no number of entries at offset 4", -1, 1, 1 },
    { "no name of a tensor at offset 8", 1, 0, 1 },
    { "no name of a tensor at offset 8", 1, -5, 1 },
    { "no name of a tensor at offset 8", 1, INT32_MAX, 1 },
    { "no number of values at offset 17", 1, 1, 0 },
    { "no number of values at offset 17", 1, 1, INT32_MIN },
    { "too few values at offset 17", 1, 1, INT32_MAX },
    { "no name of a tensor at offset 21", 2, 1, 1 },
    { "no name of a tensor at offset 21", INT32_MAX, 1, 1 },
};
enum { N_ODD = sizeof odd / sizeof *odd };

START_TEST(test_old_refused)
{
    FILE *f = fopen(path, "wb");
    put(f, odd[_i].n);
    put(f, odd[_i].name);
    fputc('x', f);
    put(f, 1);
    put(f, odd[_i].values);
    put(f, 0);
    fclose(f);
    check_refused(odd[_i].text);
}
END_TEST

START_TEST(test_old_twice)
{
    FILE *f = fopen(path, "wb");
    put(f, 2);
    put_entry(f, "x", 1, 1, sums);
    put_entry(f, "x", 1, 1, sums);
    fclose(f);
    check_refused("'x' comes twice");
}
END_TEST

START_TEST(test_other_file)
{
    FILE *f = fopen(path, "wb");
    fputs("\x1f\x8b something compressed", f);
    fclose(f);
    check_refused("is gzip-compressed data");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("imatrix");
    TCase *tc = tcase_create("imatrix");
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_test(tc, test_gguf);
    tcase_add_loop_test(tc, test_gguf_refused, 0, N_REFUSED);
    tcase_add_loop_test(tc, test_old, 0, 2);
    tcase_add_test(tc, test_old_cut);
    tcase_add_loop_test(tc, test_old_refused, 0, N_ODD);
    tcase_add_test(tc, test_old_twice);
    tcase_add_test(tc, test_other_file);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
