/* SPDX-License-Identifier: MIT
 *
 * Tensors of folders: what is in a file and in several, and that nothing is believed which
 * is not so: bad_safetensors.def, and indices.
 */
#include <libtrain/base/base.h>
#include <libtrain/hf/folder.h>
#include <libtrain/hf/text.h>

#include "sanitized.h"
#include "scratch.h"

#define T(name, type, shape, at) \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":[" shape "],\"data_offsets\":[" at "]}"

static void put(FILE *f, const char *header, size_t n)
{
    unsigned char head[8];
    tr__put_u64(head, n);
    fwrite(head, 8, 1, f);
    fwrite(header, 1, n, f);
}

/* A file of this header and bytes 0, 1, 2, … behind it. */
static const char *write_file(const char *name, const char *header, int data)
{
    const char *to = in_dir(name);
    FILE *f = fopen(to, "wb");
    ck_assert_ptr_nonnull(f);
    put(f, header, strlen(header));
    for (int i = 0; i < data; i++)
        fputc(i, f);
    ck_assert(!fclose(f));
    return to;
}

static void refused(const char *what, const char *says)
{
    struct tr_err err = { 0 };
    struct tr__hf_folder *f = tr__hf_open(what, &err);
    ck_assert_msg(!f && err.code && strstr(err.text, says), "'%s' where '%s' is wanted",
                  f ? "nothing" : err.text, says);
}

static const struct bad {
    const char *header;
    int data;
    const char *says;
} bad[] = {
#define BAD(header, data, says) { header, data, says },
#include "bad_safetensors.def"
#undef BAD
};

START_TEST(bad_file)
{
    const char *file = write_file("model.safetensors", bad[_i].header, bad[_i].data);
    refused(file, bad[_i].says);
    refused(dir, bad[_i].says);
}
END_TEST

START_TEST(short_file)
{
    const char *file = in_dir("x.safetensors");
    write_bytes(file, "", 0);
    refused(file, "is empty");
    write_bytes(file, "\2\0\0\0\0\0\0\0{", 9);
    refused(file, "too short");
    write_bytes(file, "\3\0\0\0\0\0\0\0{}", 10);
    refused(file, "longer than the file");
    write_bytes(file, "\1\xe1\xf5\5\0\0\0\0{}", 10);
    refused(file, "more than 100 MB");
    write_bytes(file, "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    refused(file, "more than 100 MB");
    write_bytes(in_dir("x.gguf"), "GGUF", 4);
    refused(in_dir("x.gguf"), "neither a folder nor");
    refused(in_dir("none"), "cannot open");
    refused(dir, "there is none of model.safetensors, model.safetensors.index.json");
}
END_TEST

START_TEST(good_file)
{
    struct tr_err err = { 0 };
    const char *file = write_file("model.safetensors",
        "{\"__metadata__\":{\"format\":\"pt\"}," T("b", "BF16", "2,3", "4,16") ","
        T("a", "F32", "", "0,4") "," T("e", "I64", "0,7", "16,16") ","
        T("q", "F4", "2,1", "16,17") "}   ", 17);
    struct tr__hf_folder *f = tr__hf_open(dir, &err);
    ck_assert_msg(f != NULL, "%s", err.text);
    ck_assert_uint_eq(tr__hf_n_tensor(f), 4);
    ck_assert_uint_eq(tr__hf_n_file(f), 1);
    ck_assert_str_eq(tr__hf_path(f, 0), file);
    const struct tr__hf_tensor *b = tr__hf_tensor(f, 0), *a = tr__hf_find(f, "a");
    ck_assert_str_eq(b->name, "b");
    ck_assert(b->dtype == &tr_bf16 && a->dtype == &tr_f32);
    ck_assert(b->n_dim == 2 && b->dim[0] == 2 && b->dim[1] == 3 && b->dim[2] == 1);
    ck_assert(a->n_dim == 0 && a->count == 1);
    const struct tr__hf_tensor *e = tr__hf_find(f, "e"), *q = tr__hf_find(f, "q");
    ck_assert(!e->dtype && !strcmp(e->type, "I64") && !e->count);
    ck_assert_ptr_null(tr__hf_find(f, "c"));
    unsigned char at[4] = { 0 };
    ck_assert_int_eq(tr__hf_read(f, b, 4, 2, at, &err), 0);
    ck_assert(at[0] == 12 && at[3] == 15);
    ck_assert_int_eq(tr__hf_read(f, a, 0, 1, at, &err), 0);
    ck_assert(at[0] == 0 && at[3] == 3);
    ck_assert_int_eq(tr__hf_read(f, e, 0, 0, at, &err), 0);
    ck_assert_int_eq(tr__hf_read(f, q, 0, 2, at, &err), TR_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "'q' is of type F4"));
    tr__hf_close(f);
    tr__hf_close(NULL);
}
END_TEST

/* ==== several ==== */

static void two_shards(const char *index)
{
    write_file("model-00001-of-00002.safetensors", "{" T("b", "F32", "1", "0,4") ","
               T("a", "F32", "1", "4,8") "}", 8);
    write_file("model-00002-of-00002.safetensors", "{" T("c", "F32", "1", "0,4") "}", 4);
    write_bytes(in_dir("model.safetensors.index.json"), index, strlen(index));
}

#define ONE "model-00001-of-00002.safetensors"
#define TWO "model-00002-of-00002.safetensors"
#define MAP(a, b, c) "{\"metadata\":{\"total_size\":12},\"weight_map\":{\"a\":\"" a \
    "\",\"b\":\"" b "\",\"c\":\"" c "\"}}"

static const struct bad_index {
    const char *index, *says;
} bad_index[] = {
    { "[]", "byte 0: not an object" },
    { "{}", "no weight_map" },
    { "{\"weight_map\":{}}", "no weight_map" },
    { "{\"weight_map\":[]}", "byte 14: not an object" },
    { "{\"weight_map\":{\"a\":1}}", "is not the plain name" },
    { "{\"weight_map\":{\"a\":\"\"}}", "is not the plain name" },
    { MAP("../" ONE, ONE, TWO), "'../model-00001-of-00002.safetensors' is not the plain" },
    { MAP("/etc/x.safetensors", ONE, TWO), "is not the plain name" },
    { MAP("x/y.safetensors", ONE, TWO), "is not the plain name" },
    { MAP(".safetensors", ONE, TWO), "is not the plain name" },
    { MAP("config.json", ONE, TWO), "is not the plain name" },
    { MAP(ONE "\\u0000", ONE, TWO), "is not the plain name" },
    { MAP("gone.safetensors", ONE, TWO), "gone.safetensors'" },
    { MAP(TWO, ONE, TWO), "tensor 'a' is not in '" TWO "'" },
    { "{\"weight_map\":{\"a\":\"" ONE "\",\"a\":\"" TWO "\"}}", "'a' is there twice" },
    { "{\"weight_map\":{\"a\":\"" ONE "\",\"c\":\"" TWO "\"}}", "has tensor 'b', which" },
    { "{\"weight_map\":{\"a\":\"" ONE "\",\"b\":\"" ONE "\",\"c\":\"" TWO "\",\"d\":\"" TWO
      "\"}}", "tensor 'd' is not in" },
    { "{\"weight_map\":{\"a\":\"" ONE "\"},\"weight_map\":{}}", "there twice" },
    { "{\"metadata\":{\"a\":NaN},\"weight_map\":{\"a\":\"" ONE "\"}}", "NaN" },
};

START_TEST(bad_indices)
{
    two_shards(bad_index[_i].index);
    refused(dir, bad_index[_i].says);
}
END_TEST

START_TEST(same_in_two)
{
    two_shards(MAP(ONE, ONE, TWO));
    n_scratch--; /* the file that stays */
    write_file(TWO, "{" T("a", "F32", "1", "0,4") "}", 4);
    refused(dir, TWO "': tensor 'a' is there twice");
    in_dir("model.safetensors.index.json");
}
END_TEST

START_TEST(sharded)
{
    struct tr_err err = { 0 };
    unsigned char at[4];
    two_shards(MAP(ONE, ONE, TWO));
    struct tr__hf_folder *f = tr__hf_open(dir, &err);
    ck_assert_msg(f != NULL, "%s", err.text);
    ck_assert_uint_eq(tr__hf_n_file(f), 2);
    ck_assert_str_eq(tr__hf_tensor(f, 0)->name, "b");
    ck_assert_str_eq(tr__hf_tensor(f, 2)->name, "c");
    ck_assert_uint_eq(tr__hf_tensor(f, 2)->file, 1);
    ck_assert_int_eq(tr__hf_read(f, tr__hf_find(f, "a"), 0, 1, at, &err), 0);
    ck_assert_int_eq(at[0], 4);
    tr__hf_close(f);
    f = tr__hf_open(scratch[2], &err);
    ck_assert(f && tr__hf_n_tensor(f) == 3);
    tr__hf_close(f);
}
END_TEST

/* ==== large ==== */

static long anonymous(void)
{
    char line[200];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && kb < 0 && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %ld", &kb) != 1)
            kb = -1;
    if (f)
        fclose(f);
    return kb;
}

/* A header full of brackets costs nothing, and numbers of 1 GiB that are a hole are read
 * without being kept. */
START_TEST(little_memory)
{
    enum { BRACKETS = 32 << 20, DATA = 1 << 30, PIECE = 1 << 20, MOST_KB = 16 << 10 };
    struct tr_err err = { 0 };
    char *header = malloc(BRACKETS), *piece = malloc(PIECE);
    const char *file = in_dir("x.safetensors"),
               *small = "{" T("a", "F32", "268435456", "0,1073741824") "}";
    memset(header, '[', BRACKETS);
    memcpy(header, "{\"a\":{\"shape\":", 14);
    memset(piece, 1, PIECE);
    FILE *f = fopen(file, "wb");
    put(f, header, BRACKETS);
    ck_assert(!fclose(f));
    long before = anonymous();
    refused(file, "65536 are the most");
    f = fopen(file, "wb");
    put(f, small, strlen(small));
    ck_assert(!fflush(f) && !ftruncate(fileno(f), (off_t)(8 + strlen(small)) + DATA));
    ck_assert(!fclose(f));
    struct tr__hf_folder *x = tr__hf_open(file, &err);
    ck_assert_msg(x != NULL, "%s", err.text);
    for (int64_t i = 0; i < DATA / PIECE; i += 64) /* each would keep its pages */
        ck_assert_int_eq(tr__hf_read(x, tr__hf_tensor(x, 0), i * PIECE / 4, PIECE / 4,
                                     piece, &err), 0);
    long after = anonymous();
    tr__hf_close(x);
    free(piece);
    free(header);
    ck_assert_int_le(after - before, MOST_KB);
}
END_TEST

START_TEST(large_numbers)
{
    struct tr_err err = { 0 };
    const char *text = "{\"a \\\" 1000000000000000019884624838656\":"
        "1000000000000000019884624838656,\"b\":-9223372036854775807,\"c\":[1.5e3,"
        "123456789012345678901.25]}";
    write_bytes(path, text, strlen(text));
    struct tr_json *v = tr__hf_json(path, 1000, &err);
    ck_assert_msg(v != NULL, "%s", err.text);
    const struct tr_json *a =
        tr_json_get(v, "a \" 1000000000000000019884624838656"), *c = tr_json_get(v, "c");
    ck_assert_double_eq_tol(tr_json_real(a), 1e30, 1e15);
    ck_assert_int_eq(tr_json_int(tr_json_get(v, "b")), -INT64_MAX);
    ck_assert(tr_json_real(tr_json_at(c, 0)) == 1500);
    ck_assert_double_eq_tol(tr_json_real(tr_json_at(c, 1)), 123456789012345678901.25, 1e5);
    tr_json_free(v);
    ck_assert_ptr_null(tr__hf_json(path, 10, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "10 are the most"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hf_folder");
    TCase *c = tcase_create("hf_folder");
    tcase_add_checked_fixture(c, make_dir, remove_dir);
    tcase_add_loop_test(c, bad_file, 0, sizeof bad / sizeof *bad);
    tcase_add_test(c, short_file);
    tcase_add_test(c, good_file);
    tcase_add_loop_test(c, bad_indices, 0, sizeof bad_index / sizeof *bad_index);
    tcase_add_test(c, same_in_two);
    tcase_add_test(c, sharded);
    tcase_add_test(c, large_numbers);
    if (!SANITIZED && anonymous() >= 0)
        tcase_add_test(c, little_memory);
    suite_add_tcase(s, c);
    return run_suite(s);
}
