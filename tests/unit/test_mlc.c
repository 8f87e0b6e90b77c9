/* SPDX-License-Identifier: MIT
 *
 * Bundles of MLC: numbers in groups as NumPy has them (dev/mlc_golden.py), which tensor goes
 * into which file.
 */
#include <libtrain/publish/mlc_bundle.h>
#include <libtrain/publish/mlc_pack.h>
#include <libtrain/publish/mlc_weights.h>

#include <libtrain/file.h>
#include <libtrain/json.h>

#include "scratch.h"

#include <math.h>

/* ---- groups ----------------------------------------------------------------------- */

static const char *at;

static const void *take(size_t bytes)
{
    const char *p = at;
    at += bytes;
    return p;
}

static int32_t take_int(void)
{
    int32_t n;
    memcpy(&n, take(sizeof n), sizeof n);
    return n;
}

static void check_row(const struct tr__mlc_quant *q, const float *x, int64_t n)
{
    enum { MOST = 2048 };
    uint32_t word[MOST / TR__MLC_IN_WORD];
    uint16_t scale[MOST / TR__MLC_GROUP];
    size_t words = (size_t)tr__mlc_words(n) * 4, scales = (size_t)tr__mlc_groups(n) * 2;
    ck_assert_int_le(n, MOST);
    ck_assert_int_eq(q->pack(x, n, word, scale), 0);
    ck_assert_mem_eq(word, take(words), words);
    ck_assert_mem_eq(scale, take(scales), scales);
}

START_TEST(test_groups)
{
    struct tr_err err = { 0 };
    char *data;
    size_t bytes;
    ck_assert_msg(!tr_read_all("tests/golden/mlc.bin", &data, &bytes, &err), "%s", err.text);
    at = data;
    for (int n_row = take_int(); n_row > 0; n_row--) {
        int32_t n = take_int();
        float *x = malloc((size_t)n * sizeof *x);
        memcpy(x, take((size_t)n * sizeof *x), (size_t)n * sizeof *x);
        check_row(&tr__mlc_q4f16_1, x, n);
        at -= tr__mlc_words(n) * 4 + tr__mlc_groups(n) * 2;
        check_row(&tr__mlc_q4f16_0, x, n);
        check_row(&tr__mlc_q4f32_1, x, n);
        free(x);
    }
    ck_assert(at == data + bytes);
    free(data);
}
END_TEST

START_TEST(test_not_finite)
{
    static const float bad[] = { 70000, HUGE_VALF, -HUGE_VALF, 0 };
    uint32_t word[4];
    uint16_t scale[1];
    for (size_t i = 0; i < 4; i++) {
        float x[3] = { 1, bad[i], 2 };
        if (i == 3)
            x[1] = NAN;
        ck_assert_int_eq(tr__mlc_q4f16_1.pack(x, 3, word, scale), -1);
        ck_assert_int_eq(tr__mlc_q4f32_1.pack(x, 3, word, scale), i ? -1 : 0);
        ck_assert_int_eq(tr__mlc_float16.put(x, word, 3), -1);
        ck_assert_int_eq(tr__mlc_float32.put(x, word, 3), i ? -1 : 0);
    }
}
END_TEST

START_TEST(test_names)
{
    struct tr_err err = { 0 };
    ck_assert_ptr_eq(tr__mlc_quant("q4f32_1", &err), &tr__mlc_q4f32_1);
    ck_assert_ptr_null(tr__mlc_quant("q8f16_1", &err));
    ck_assert_str_eq(err.text, "'q8f16_1' is a quantisation of MLC that is not written here; "
                     "q4f16_1, q4f16_0, q4f32_1 and q0f16 are");
    err.code = 0;
    ck_assert_ptr_null(tr__mlc_quant("q4_k_m", &err));
    ck_assert_ptr_nonnull(strstr(err.text, "'q4_k_m' is no quantisation of MLC"));
}
END_TEST

/* ---- shards ----------------------------------------------------------------------- */

static struct tr__mlc_bundle *begin(struct tr__folder **folder, const int64_t *bytes, int n)
{
    struct tr_err err = { 0 };
    char name[16];
    *folder = tr__folder_new(path, &err);
    ck_assert_msg(*folder != NULL, "%s", err.text);
    struct tr__mlc_bundle *b = tr__mlc_bundle_new(*folder, 100, &err);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "t%d", i);
        int64_t dim = bytes[i] / 2;
        const struct tr__mlc_number *type = i % 2 ? &tr__mlc_float32 : &tr__mlc_float16;
        ck_assert_int_eq(tr__mlc_declare(b, name, type, 1, &dim, &err), 0);
    }
    return b;
}

static void fill(struct tr__mlc_bundle *b, const int64_t *bytes, int n)
{
    struct tr_err err = { 0 };
    for (int i = 0; i < n; i++)
        for (int64_t k = 0; k < bytes[i]; k++) {
            char c = (char)(i * 16 + k % 16);
            ck_assert_msg(!tr__mlc_write(b, &c, 1, &err), "%s", err.text);
        }
}

/* Of record r of shard s. */
static const char *text(const struct tr_json *o, const char *key)
{
    size_t n;
    return tr_json_string(tr_json_get(o, key), &n);
}

static struct tr_json *read_json(const char *name)
{
    struct tr_err err = { 0 };
    char *data, whole[400];
    size_t n;
    snprintf(whole, sizeof whole, "%s/%s", path, name);
    ck_assert_msg(!tr_read_all(whole, &data, &n, &err), "%s", err.text);
    struct tr_json *v = tr_json_parse(data, n, name, 1, 0, &err);
    ck_assert_msg(v != NULL, "%s", err.text);
    free(data);
    return v;
}

static void remove_bundle(void)
{
    char line[400];
    snprintf(line, sizeof line, "rm -rf %s", path);
    ck_assert_int_eq(system(line), 0);
    remove_dir();
}

/* t0 and t1 are pending while t2, which has no room and is half a shard, goes alone; t3 has
 * room; t4 brings the pending shard to the cap, is no half, and closes it; t5 is larger than
 * a shard may be. */
START_TEST(test_shards)
{
    static const int64_t bytes[] = { 40, 20, 50, 30, 10, 300, 20 };
    static const char *const want[] = { "t2", "t0 t1 t3", "t5", "t4 t6" };
    enum { N = 7, N_SHARD = 4 };
    struct tr_err err = { 0 };
    struct tr__folder *folder;
    struct tr__mlc_bundle *b = begin(&folder, bytes, N);
    ck_assert_int_eq(tr__mlc_bytes(b), 470);
    fill(b, bytes, N);
    ck_assert_int_eq(tr__mlc_index(b, 235, &err), 0);
    tr__mlc_bundle_free(b);
    ck_assert_msg(!tr__folder_finish(folder, 0, &err), "%s", err.text);
    struct tr_json *v = read_json("tensor-cache.json"), *w = read_json("tensor-cache-b16.json");
    const struct tr_json *meta = tr_json_get(v, "metadata"), *list = tr_json_get(v, "records");
    ck_assert_int_eq(tr_json_int(tr_json_get(meta, "ParamSize")), N);
    ck_assert(tr_json_real(tr_json_get(meta, "ParamBytes")) == 470 + 20 + 30 + 300);
    ck_assert_uint_eq(tr_json_count(list), N_SHARD);
    for (size_t i = 0; i < N_SHARD; i++) {
        char got[40] = "";
        const struct tr_json *s = tr_json_at(list, i), *r = tr_json_get(s, "records");
        for (size_t k = 0; k < tr_json_count(r); k++)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", k ? " " : "",
                     text(tr_json_at(r, k), "name"));
        ck_assert_str_eq(got, want[i]);
    }
    const struct tr_json *t3 = tr_json_at(tr_json_get(tr_json_at(list, 1), "records"), 2);
    ck_assert_int_eq(tr_json_int(tr_json_get(t3, "byteOffset")), 60);
    ck_assert_str_eq(text(t3, "dtype"), "float32");
    ck_assert_str_eq(text(t3, "format"), "f32-to-bf16");
    ck_assert_str_eq(text(tr_json_at(list, 0), "md5sum"), "76eed5dce2d10e92b1b5ed73ed9e89ee");
    list = tr_json_get(w, "records");
    t3 = tr_json_at(tr_json_get(tr_json_at(list, 1), "records"), 2);
    ck_assert_str_eq(text(t3, "dtype"), "bfloat16");
    ck_assert_str_eq(text(t3, "format"), "raw");
    tr_json_free(v);
    tr_json_free(w);
}
END_TEST

/* ---- folders ---------------------------------------------------------------------- */

/* What is given up leaves nothing, not even where files are open. */
START_TEST(test_given_up)
{
    static const int64_t bytes[] = { 40, 20 };
    struct tr_err err = { 0 };
    struct tr__folder *folder;
    struct tr__mlc_bundle *b = begin(&folder, bytes, 2);
    fill(b, bytes, 1);
    tr__mlc_bundle_free(b);
    ck_assert_int_eq(tr__folder_finish(folder, TR_EIO, &err), TR_EIO);
    ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

/* ---- one matrix for tokens and output, twice -------------------------------------- */

enum { ROWS = 40, COLS = 64 };

/* token_embd.weight in Q8_0, output.weight the same numbers in F32, plus `more` of others. */
static struct tr_gguf *write_two(float more)
{
    static const int64_t dim[] = { ROWS, COLS };
    static float x[ROWS * COLS];
    static unsigned char packed[ROWS * COLS * 2];
    struct tr_err err = { 0 };
    const struct tr_dtype *q8 = tr_dtype_by_name("q8_0");
    for (int i = 0; i < ROWS * COLS; i++)
        x[i] = (float)((i * 37) % 101 - 50) / 100;
    q8->from_f32(x, packed, ROWS * COLS);
    for (int i = 0; i < ROWS * COLS; i++)
        x[i] += more * (float)((i * 53) % 89 - 44) / 88;
    struct tr_gguf_writer *w = tr_gguf_create(path, &err);
    tr_gguf_add_tensor(w, "token_embd.weight", q8, 2, dim);
    tr_gguf_add_tensor(w, "output.weight", &tr_f32, 2, dim);
    ck_assert_int_eq(tr_gguf_write(w, packed, ROWS * COLS / 32 * 34, &err), 0);
    ck_assert_int_eq(tr_gguf_write(w, x, sizeof x, &err), 0);
    ck_assert_msg(!tr_gguf_commit(w, &err), "%s", err.text);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    return g;
}

START_TEST(test_tied)
{
    struct tr_gguf *g = write_two(0);
    ck_assert(tr__mlc_looks_tied(g));
    ck_assert_str_eq(tr__mlc_finer(g)->name, "output.weight");
    tr_gguf_close(g);
    g = write_two(1);
    ck_assert(!tr__mlc_looks_tied(g));
    tr_gguf_close(g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("mlc");
    TCase *t = tcase_create("groups");
    tcase_add_test(t, test_groups);
    tcase_add_test(t, test_not_finite);
    tcase_add_test(t, test_names);
    suite_add_tcase(s, t);
    t = tcase_create("folders");
    tcase_add_checked_fixture(t, make_dir, remove_bundle);
    tcase_add_test(t, test_shards);
    tcase_add_test(t, test_given_up);
    tcase_add_test(t, test_tied);
    suite_add_tcase(s, t);
    return run_suite(s);
}
