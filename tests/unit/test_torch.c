/* SPDX-License-Identifier: MIT
 *
 * Files of torch.save: tests/golden/torch*.bin, which PyTorch wrote (dev/golden-torch.py),
 * are read, and what a stranger may have put into one is refused.
 */
#include "scratch.h"

#include <libtrain/file.h>
#include <libtrain/hf/folder.h>
#include <libtrain/hf/torch.h>
#include <libtrain/hf/zip.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

static unsigned char *file;
static size_t n_file;
static struct tr_err err;

static void load(const char *from)
{
    char *data;
    err = (struct tr_err){ 0 };
    ck_assert_msg(!tr_read_all(from, &data, &n_file, &err), "%s", err.text);
    free(file);
    file = malloc(n_file); /* exactly, for the sanitizers' sake */
    memcpy(file, data, n_file);
    free(data);
}

/* ---- what PyTorch writes ---------------------------------------------------------- */

static const struct want {
    const char *name, *type;
    int n_dim;
    int64_t dim[3];
    int dense;
    float number[24]; /* row-major; unused where they are not F32 */
} want[] = {
    { "plain", "F32", 2, { 3, 4 }, 1, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 } },
    { "transposed", "F32", 2, { 4, 3 }, 0, { 0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11 } },
    { "cut", "F32", 2, { 2, 2 }, 0, { 4, 6, 8, 10 } },
    { "half", "F16", 2, { 3, 4 }, 1, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 } },
    { "brain", "BF16", 2, { 3, 4 }, 1, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 } },
    { "scalar", "I64", 0, { 0 }, 1, { 0 } },
    { "double", "F64", 1, { 2 }, 1, { 0 } },
    { "none", "F32", 2, { 0, 4 }, 1, { 0 } },
    { "three", "F32", 3, { 4, 2, 3 }, 0, { 0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21,
                                           2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23 } },
};
enum { N_WANT = sizeof want / sizeof *want };

/* All numbers in pieces of k. */
static void check_numbers(struct tr__torch *t, const struct tr__torch_tensor *x,
                          const float *number, int64_t k)
{
    char packed[24 * 4];
    float f[24];
    for (int64_t i = 0; i < x->count; i += k) {
        int64_t n = x->count - i < k ? x->count - i : k;
        ck_assert_int_eq(tr__torch_read(t, x, i, n, packed, &err), 0);
        x->type->dtype->to_f32(packed, f, n);
        for (int64_t j = 0; j < n; j++)
            MUST(f[j] == number[i + j]);
    }
}

static void check_tensor(struct tr__torch *t, size_t i)
{
    const struct tr__torch_tensor *x = tr__torch_at(t, i);
    const struct want *w = &want[i];
    ck_assert_str_eq(x->name, w->name);
    ck_assert_str_eq(x->type->type, w->type);
    ck_assert_int_eq(x->n_dim, w->n_dim);
    ck_assert_mem_eq(x->dim, w->dim, (size_t)w->n_dim * sizeof *w->dim);
    ck_assert_int_eq(x->dense, w->dense);
    for (int64_t k = 1; x->type->dtype && k <= 24; k++)
        check_numbers(t, x, w->number, k);
}

static const char *const good[] = { "tests/golden/torch.bin", "tests/golden/torch-5.bin",
                                    "tests/golden/torch-deflated.bin" };

START_TEST(test_golden)
{
    double two[2];
    int64_t five;
    load(good[_i]);
    struct tr__torch *t = tr__torch_open(file, n_file, "f.bin", &err);
    ck_assert_msg(t != NULL, "%s", err.text);
    ck_assert_uint_eq(tr__torch_n(t), N_WANT);
    for (size_t i = 0; i < N_WANT; i++)
        check_tensor(t, i);
    ck_assert_int_eq(tr__torch_read(t, tr__torch_at(t, 5), 0, 1, &five, &err), 0);
    ck_assert_int_eq(five, 5);
    ck_assert_int_eq(tr__torch_read(t, tr__torch_at(t, 6), 0, 2, two, &err), 0);
    ck_assert(two[0] == 1 && two[1] == 1);
    tr__torch_close(t);
}
END_TEST

/* ---- what is refused -------------------------------------------------------------- */

static void check_refused(const char *words)
{
    err = (struct tr_err){ 0 };
    ck_assert_ptr_null(tr__torch_open(file, n_file, "f.bin", &err));
    ck_assert_msg(strstr(err.text, words) && strstr(err.text, "'f.bin'"),
                  "'%s' instead of '%s'", err.text, words);
}

START_TEST(test_other)
{
    load("tests/golden/torch-old.bin");
    check_refused("has the form of PyTorch before 1.6");
    load("tests/golden/small.pack");
    check_refused("not a file of torch.save");
    n_file = 0;
    check_refused("is empty, not a file");
}
END_TEST

/* Cut anywhere, it is no archive any more: its directory stands at the end. */
START_TEST(test_cut)
{
    load(good[0]);
    for (n_file--; n_file; n_file--) {
        err = (struct tr_err){ 0 };
        MUST(!tr__torch_open(file, n_file, "f.bin", &err) && err.code);
    }
}
END_TEST

static const struct bad_pickle {
    const char *words, *bytes;
    size_t n;
} bad_pickles[] = {
#define BAD(words, bytes) { words, "\x80\2" bytes, sizeof "\x80\2" bytes - 1 },
#include "torch_pickle.def"
#undef BAD
};

START_TEST(test_pickle)
{
    const struct bad_pickle *b = &bad_pickles[_i];
    struct tr__pickle p;
    unsigned char *exact = malloc(b->n);
    err = (struct tr_err){ 0 };
    memcpy(exact, b->bytes, b->n);
    ck_assert_int_lt(tr__pickle_read(exact, b->n, "f.bin", &p, &err), 0);
    ck_assert_msg(strstr(err.text, b->words), "'%s' instead of '%s'", err.text, b->words);
    tr__pickle_release(&p);
    free(exact);
}
END_TEST

/* A byte for each thing: no more memory than for a model, and an end. */
START_TEST(test_bombs)
{
    static const char pieces[] = "N(}\x85\x94";
    size_t n = 5 << 20;
    unsigned char *p = malloc(n);
    struct tr__pickle out;
    err = (struct tr_err){ 0 };
    memset(p, pieces[_i], n);
    memcpy(p, "\x80\2N", 3);
    ck_assert_int_lt(tr__pickle_read(p, n, "f.bin", &out, &err), 0);
    ck_assert_msg(strstr(err.text, "more than any model has: refused"), "%s", err.text);
    tr__pickle_release(&out);
    free(p);
}
END_TEST

/* ---- archives --------------------------------------------------------------------- */

/* The k-th record of the directory, of which each begins so. */
static unsigned char *record(int k)
{
    for (size_t i = 0; i + 46 < n_file; i++)
        if (!memcmp(file + i, "PK\1\2", 4) && !k--)
            return file + i;
    ck_abort_msg("no record");
}

static void set(unsigned char *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (unsigned char)(v >> 8 * i);
}

/* Fields of a record (offset, bytes) that get another value. */
static const struct bad_zip {
    const char *words;
    int at, bytes;
    uint64_t value;
} bad_zips[] = {
    { "is encrypted", 8, 2, 1 },
    { "is packed by method 12", 10, 2, 12 },
    { "a stored entry of two sizes", 24, 4, 1 << 20 },
    { "an entry that is longer than the file", 20, 4, 1 << 20 },
    { "no entry where the directory says", 42, 4, 1 },
    { "no entry where the directory says", 42, 4, 1u << 31 },
    { "no entry where the directory says", 42, 4, UINT32_MAX - 1 },
    { "overlap: refused", 42, 4, 0 }, /* all in the place of the first */
    { "no name of an entry", 28, 2, 0 },
    { "no name of an entry", 28, 2, 60000 },
    { "no name of an entry", 30, 2, 60000 },
    { "no name of an entry", 46, 1, 0 },
    { "no entry of the directory", 32, 2, 1 },
    { "a zip archive without data.pkl", 50, 8, 0x7878787878787878 },
};

START_TEST(test_zip)
{
    const struct bad_zip *b = &bad_zips[_i];
    load(good[0]);
    for (int k = 0; k < 3; k++)
        set(record(k) + b->at, b->value, b->bytes);
    check_refused(b->words);
}
END_TEST

START_TEST(test_zip_bomb)
{
    load("tests/golden/torch-deflated.bin");
    set(record(0) + 24, 1u << 31, 4);
    check_refused("is said to become 2147483648: refused");
    load("tests/golden/torch-deflated.bin");
    set(record(0) + 24, 1 << 12, 4);
    check_refused("cannot be unpacked");
    load("tests/golden/torch-deflated.bin");
    set(record(0) + 24, 16, 4);
    check_refused("cannot be unpacked");
}
END_TEST

/* Words of the pickle, which a stored entry holds as it is, that get another value. */
static const struct bad_view {
    const char *words, *find;
    int at;
    unsigned char value;
    int also; /* becomes 0; 0: nothing does */
} bad_views[] = {
    { "tensor 'plain' lies outside of its storage", "cpuq", 12, 4, 0 },
    { "tensor 'plain' has a storage that is longer than its entry", "cpuq", 6, 200, 0 },
    { "tensor 'plain' lies outside of its storage", "cpuq", 6, 11, 0 },
    { "tensor 'plain' has more numbers than its storage", "cpuq", 14, 4, 21 },
    { "tensor 'plain' has its numbers in an entry that is not there", "0q\6X", 0, 'x', 0 },
    { "its numbers are not little endian", "littlePK", 0, 'b', 0 },
    { "tensor 'brain' comes twice", "plainq", -1, 0, 0 },
};

static unsigned char *find(const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n < n_file; i++)
        if (!memcmp(file + i, text, n))
            return file + i;
    ck_abort_msg("no %s", text);
}

START_TEST(test_view)
{
    const struct bad_view *b = &bad_views[_i];
    load(good[0]);
    if (b->at < 0)
        memcpy(find("plainq"), "brain", 5);
    else
        find(b->find)[b->at] = b->value;
    if (b->also)
        find(b->find)[b->also] = 0;
    check_refused(b->words);
}
END_TEST

/* ---- folders ---------------------------------------------------------------------- */

static void check_folder(void)
{
    float number[12];
    struct tr__hf_folder *f = tr__hf_open(dir, &err);
    ck_assert_msg(f != NULL, "%s", err.text);
    ck_assert_uint_eq(tr__hf_n_tensor(f), N_WANT);
    const struct tr__hf_tensor *t = tr__hf_find(f, "transposed");
    ck_assert(t && t->dtype == &tr_f32 && t->n_dim == 2 && t->dim[0] == 4);
    ck_assert_int_eq(tr__hf_read(f, t, 0, 12, number, &err), 0);
    ck_assert_mem_eq(number, want[1].number, sizeof number);
    t = tr__hf_find(f, "double");
    ck_assert(t && !t->dtype && !strcmp(t->type, "F64"));
    tr__hf_close(f);
}

START_TEST(test_folder)
{
    load(good[0]);
    write_bytes(in_dir("pytorch_model.bin"), file, n_file);
    check_folder();
}
END_TEST

START_TEST(test_index)
{
    char text[1000] = "{\"weight_map\":{";
    load(good[0]);
    write_bytes(in_dir("pytorch_model-00001-of-00001.bin"), file, n_file);
    for (size_t i = 0; i < N_WANT; i++)
        snprintf(text + strlen(text), 100, "%s\"%s\":\"pytorch_model-00001-of-00001.bin\"",
                 i ? "," : "", want[i].name);
    strcat(text, "}}");
    write_bytes(in_dir("pytorch_model.bin.index.json"), text, strlen(text));
    check_folder();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("torch");
    TCase *tc = tcase_create("torch");
    tcase_add_loop_test(tc, test_golden, 0, sizeof good / sizeof *good);
    tcase_add_test(tc, test_other);
    tcase_add_test(tc, test_cut);
    tcase_add_loop_test(tc, test_pickle, 0, sizeof bad_pickles / sizeof *bad_pickles);
    tcase_add_loop_test(tc, test_bombs, 0, 5);
    tcase_add_loop_test(tc, test_zip, 0, sizeof bad_zips / sizeof *bad_zips);
    tcase_add_test(tc, test_zip_bomb);
    tcase_add_loop_test(tc, test_view, 0, sizeof bad_views / sizeof *bad_views);
    suite_add_tcase(s, tc);
    tc = tcase_create("folders");
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_test(tc, test_folder);
    tcase_add_test(tc, test_index);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
