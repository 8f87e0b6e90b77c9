/* SPDX-License-Identifier: MIT
 *
 * Writing safetensors: the bytes of a small file, several files with their index, and that
 * nothing is there where it fails.
 */
#include <libtrain/file.h>
#include <libtrain/hf/folder.h>
#include <libtrain/hf/safetensors_write.h>

#include "scratch.h"

static struct tr_err err;

/* Three tensors: number i of tensor k is 100 k + i. */
static struct tr__hf_writer *declare_three(int64_t shard_bytes)
{
    static const int64_t dim[][2] = { { 2, 3 }, { 2, 1 }, { 5, 1 } };
    err = (struct tr_err){ 0 };
    struct tr__hf_writer *w = tr__hf_create(dir, "model", "pt", shard_bytes, &err);
    ck_assert_ptr_nonnull(w);
    tr__hf_declare(w, "h\"a", &tr_f16, 2, dim[0]);
    tr__hf_declare(w, "z", &tr_f32, 2, dim[1]);
    tr__hf_declare(w, "b", &tr_f32, 1, dim[2]);
    return w;
}

static int write_three(struct tr__hf_writer *w, int64_t *order)
{
    static const int64_t count[] = { 6, 2, 5 };
    int64_t i;
    float x[6];
    while ((i = tr__hf_next(w, &err)) >= 0 && i < 3) {
        unsigned short half[6] = { 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600 };
        *order = *order * 10 + i;
        for (int64_t k = 0; k < count[i]; k++)
            x[k] = (float)(100 * i + k);
        int rc = i ? tr__hf_write(w, x, count[i] * 4, &err) : tr__hf_write(w, half, 12, &err);
        ck_assert_msg(!rc, "%s", err.text);
    }
    return i < 0 ? (int)i : 0;
}

static void check_three(size_t n_file)
{
    struct tr__hf_folder *f = tr__hf_open(dir, &err);
    float x[5];
    ck_assert_msg(f != NULL, "%s", err.text);
    ck_assert_uint_eq(tr__hf_n_file(f), n_file);
    ck_assert_uint_eq(tr__hf_n_tensor(f), 3);
    const struct tr__hf_tensor *t = tr__hf_find(f, "b");
    ck_assert(t->n_dim == 1 && t->dim[0] == 5);
    ck_assert_int_eq(tr__hf_read(f, t, 0, 5, x, &err), 0);
    ck_assert(x[0] == 200 && x[4] == 204);
    t = tr__hf_find(f, "h\"a");
    ck_assert(t->n_dim == 2 && t->dim[1] == 3 && t->dtype == &tr_f16);
    tr__hf_close(f);
}

START_TEST(one_file)
{
    static const char header[] = "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,20]},"
        "\"z\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[20,28]},"
        "\"h\\\"a\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[28,40]}}";
    struct tr__hf_writer *w = declare_three(0);
    const char *file = in_dir("model.safetensors");
    int64_t order = 0;
    size_t n, blanks = (8 - (sizeof header - 1) % 8) % 8;
    char *data;
    ck_assert_int_eq(tr__hf_finish(w, write_three(w, &order), &err), 0);
    ck_assert_int_eq(order, 210);
    ck_assert_int_eq(tr_read_all(file, &data, &n, &err), 0);
    ck_assert_uint_eq(n, 8 + sizeof header - 1 + blanks + 40);
    ck_assert_uint_eq((unsigned char)data[0], (sizeof header - 1 + blanks) % 256);
    ck_assert(!memcmp(data + 8, header, sizeof header - 1));
    ck_assert(data[7 + sizeof header] == (blanks ? ' ' : data[7 + sizeof header]));
    free(data);
    check_three(1);
}
END_TEST

START_TEST(shards)
{
    static const char index[] = "{\n  \"metadata\": {\n    \"total_size\": 40\n  },\n"
        "  \"weight_map\": {\n"
        "    \"b\": \"model-00002-of-00002.safetensors\",\n"
        "    \"h\\\"a\": \"model-00001-of-00002.safetensors\",\n"
        "    \"z\": \"model-00001-of-00002.safetensors\"\n  }\n}\n";
    struct tr__hf_writer *w = declare_three(20);
    int64_t order = 0;
    size_t n;
    char *data;
    in_dir("model-00001-of-00002.safetensors");
    in_dir("model-00002-of-00002.safetensors");
    ck_assert_int_eq(tr__hf_finish(w, write_three(w, &order), &err), 0);
    ck_assert_int_eq(order, 102);
    ck_assert_int_eq(tr_read_all(in_dir("model.safetensors.index.json"), &data, &n, &err),
                     0);
    ck_assert_str_eq(data, index);
    free(data);
    check_three(2);
    w = declare_three(0);
    ck_assert_int_lt(tr__hf_finish(w, write_three(w, &order), &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "model.safetensors.index.json' is of another"));
    check_three(2);
}
END_TEST

/* remove_dir fails if anything is left. */
START_TEST(failures)
{
    static const int64_t one = 1;
    struct tr__hf_writer *w = declare_three(0);
    ck_assert_int_eq(tr__hf_next(w, &err), 2);
    ck_assert_int_eq(tr__hf_write(w, "abcd", 4, &err), 0);
    ck_assert_int_lt(tr__hf_next(w, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "'b': data missing"));
    ck_assert_int_lt(tr__hf_finish(w, 0, &err), 0);
    w = declare_three(0);
    ck_assert_int_eq(tr__hf_next(w, &err), 2);
    ck_assert_int_lt(tr__hf_write(w, "", 21, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "more data than tensor 'b' has"));
    ck_assert_int_lt(tr__hf_finish(w, 0, NULL), 0);
    w = declare_three(0);
    tr__hf_declare(w, "b", &tr_f32, 1, &one);
    ck_assert_int_lt(tr__hf_next(w, &err), 0);
    ck_assert_int_eq(tr__hf_finish(w, TR_EIO, &err), TR_EIO);
    w = declare_three(0);
    ck_assert_int_eq(tr__hf_finish(w, TR_EIO, &err), TR_EIO);
    ck_assert_int_eq(tr__hf_finish(NULL, TR_EIO, &err), TR_EIO);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hf_write");
    TCase *c = tcase_create("hf_write");
    tcase_add_checked_fixture(c, make_dir, remove_dir);
    tcase_add_test(c, one_file);
    tcase_add_test(c, shards);
    tcase_add_test(c, failures);
    suite_add_tcase(s, c);
    return run_suite(s);
}
