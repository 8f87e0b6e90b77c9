/* SPDX-License-Identifier: MIT
 *
 * GGUF files written, read back through the getters, and copied.
 */
#include <libtrain/file.h>
#include <libtrain/gguf.h>

#include "../fuzz/bad_gguf.h"
#include "scratch.h"
#include "watched.h"

enum { N_BAD = sizeof bad_files / sizeof *bad_files };

/* A file with a key of every type and two tensors, the second in pieces. */
static void write_sample(const char *to)
{
    const int8_t i8[] = { -1, 127 };
    const int64_t i64[] = { INT64_MIN, 5 };
    const uint64_t u64[] = { UINT64_MAX };
    const double f64[] = { 0.1, -1e300 };
    const struct tr_str strings[] = { { "one", 3 }, { "", 0 }, { "a\0b", 3 } };
    const int64_t dim2[] = { 3, 4 }, dim1[] = { 5 };
    const float a[12] = { 1, 2, 3 }, b[5] = { -1, -2, -3, -4, -5 };
    struct tr_err err = { 0 };
    struct tr_gguf_writer *w = tr_gguf_create(to, &err);
    ck_assert_ptr_nonnull(w);
    tr_gguf_set_string(w, "k.string", "first");
    tr_gguf_set_u32(w, "k.u32", 7);
    tr_gguf_set_u64(w, "k.u64", UINT64_MAX);
    tr_gguf_set_f32(w, "k.f32", 0.5f);
    tr_gguf_set_f64(w, "k.f64", 0.1);
    tr_gguf_set_bool(w, "k.bool", 2);
    tr_gguf_set_array(w, "k.i8", TR_GGUF_I8, i8, 2);
    tr_gguf_set_array(w, "k.i64", TR_GGUF_I64, i64, 2);
    tr_gguf_add_tensor(w, "a", &tr_f32, 2, dim2);
    tr_gguf_set_array(w, "k.u64s", TR_GGUF_U64, u64, 1);
    tr_gguf_set_array(w, "k.f64s", TR_GGUF_F64, f64, 2);
    tr_gguf_set_array(w, "k.none", TR_GGUF_F32, NULL, 0);
    tr_gguf_set_strings(w, "k.strings", strings, 3);
    tr_gguf_set_string(w, "k.string", "second"); /* keeps its place */
    tr_gguf_add_tensor(w, "b", &tr_f32, 1, dim1);
    struct watched seen = { 0 };
    tr_gguf_watch(w, &(struct tr_progress){ watched_at, &seen });
    ck_assert_int_eq(tr_gguf_write(w, a, sizeof a, &err), 0);
    ck_assert_int_eq(tr_gguf_write(w, b, 4, &err), 0);
    ck_assert(seen.n == 2 && seen.done == 64 + 4 && seen.total >= 64 + 20);
    ck_assert_int_eq(tr_gguf_write(w, b + 1, 16, &err), 0);
    ck_assert(seen.n == 3 && seen.done == seen.total);
    ck_assert_msg(tr_gguf_commit(w, &err) == 0, "%s", err.text);
}

START_TEST(test_getters)
{
    struct tr_err err = { 0 };
    struct tr_str s = { "default", 7 };
    const struct tr_gguf_kv *kv = NULL;
    int64_t i = -3;
    float f = 9;
    int yes = 0;
    write_sample(path);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_int_eq(tr_gguf_int(g, "missing", &i, &err), 0);
    ck_assert_int_eq(i, -3);
    ck_assert_int_eq(tr_gguf_int(g, "k.u32", &i, &err), 1);
    ck_assert_int_eq(i, 7);
    ck_assert_int_eq(tr_gguf_f32(g, "k.f32", &f, &err), 1);
    ck_assert(f == 0.5f);
    ck_assert_int_eq(tr_gguf_bool(g, "k.bool", &yes, &err), 1);
    ck_assert_int_eq(yes, 1);
    ck_assert_int_eq(tr_gguf_string(g, "missing", &s, &err), 0);
    ck_assert_uint_eq(s.len, 7);
    ck_assert_int_eq(tr_gguf_string(g, "k.string", &s, &err), 1);
    ck_assert_int_eq(memcmp(s.ptr, "second", s.len), 0);
    ck_assert_int_eq(tr_gguf_array(g, "k.i8", TR_GGUF_I8, &kv, &err), 1);
    ck_assert_int_eq(tr_gguf_elem_int(kv, 0), -1);
    ck_assert_int_eq(tr_gguf_elem_int(kv, 1), 127);
    ck_assert_int_eq(tr_gguf_array(g, "k.f64s", TR_GGUF_F64, &kv, &err), 1);
    ck_assert(tr_gguf_elem_float(kv, 0) == 0.1);
    ck_assert_int_eq(tr_gguf_array(g, "k.none", TR_GGUF_F32, &kv, &err), 1);
    ck_assert_uint_eq(kv->count, 0);
    ck_assert_int_eq(err.code, 0);
    tr_gguf_close(g);
}
END_TEST

/* Each wrong type is refused by name and leaves the default alone. */
START_TEST(test_wrong_types)
{
    struct tr_err err = { 0 };
    const struct tr_gguf_kv *kv = NULL;
    struct tr_str s = { "default", 7 };
    int64_t i = -3;
    float f = 9;
    int yes = 5;
    write_sample(path);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_int_eq(tr_gguf_int(g, "k.u64", &i, &err), TR_EFORMAT); /* too large */
    ck_assert_ptr_nonnull(strstr(err.text, "18446744073709551615"));
    err.code = 0;
    ck_assert_int_eq(tr_gguf_int(g, "k.f32", &i, &err), TR_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "key 'k.f32' has type f32, must be an integer"));
    ck_assert_int_eq(tr_gguf_int(g, "k.i8", &i, NULL), TR_EFORMAT); /* an array */
    ck_assert_int_eq(tr_gguf_int(g, "k.bool", &i, NULL), TR_EFORMAT);
    ck_assert_int_eq(tr_gguf_f32(g, "k.u32", &f, NULL), TR_EFORMAT);
    ck_assert_int_eq(tr_gguf_f32(g, "k.f64", &f, NULL), TR_EFORMAT);
    ck_assert_int_eq(tr_gguf_bool(g, "k.u32", &yes, NULL), TR_EFORMAT);
    ck_assert_int_eq(tr_gguf_string(g, "k.strings", &s, NULL), TR_EFORMAT);
    err.code = 0;
    ck_assert_int_eq(tr_gguf_array(g, "k.i8", TR_GGUF_STRING, &kv, &err), TR_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "type array of i8, must be array of string"));
    ck_assert_int_eq(tr_gguf_array(g, "k.u32", TR_GGUF_U32, &kv, NULL), TR_EFORMAT);
    ck_assert(i == -3 && f == 9 && yes == 5 && s.len == 7 && !kv);
    tr_gguf_close(g);
}
END_TEST

START_TEST(test_strings_and_order)
{
    static const char *const order[] = { "k.string", "k.u32", "k.u64", "k.f32", "k.f64",
                                         "k.bool", "k.i8", "k.i64", "k.u64s", "k.f64s",
                                         "k.none", "k.strings" };
    uint64_t cursor = 0;
    write_sample(path);
    struct tr_gguf *g = tr_gguf_open(path, NULL);
    ck_assert_uint_eq(tr_gguf_n_kv(g), 12);
    for (size_t i = 0; i < 12; i++)
        ck_assert_str_eq(tr_gguf_kv(g, i)->key, order[i]);
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, "k.strings");
    ck_assert_uint_eq(tr_gguf_elem_string(kv, &cursor).len, 3);
    ck_assert_uint_eq(tr_gguf_elem_string(kv, &cursor).len, 0);
    struct tr_str s = tr_gguf_elem_string(kv, &cursor);
    ck_assert_int_eq(memcmp(s.ptr, "a\0b", 3), 0);
    ck_assert_uint_eq(cursor, kv->data_bytes);
    tr_gguf_close(g);
}
END_TEST

START_TEST(test_tensors)
{
    write_sample(path);
    struct tr_gguf *g = tr_gguf_open(path, NULL);
    const struct tr_gguf_tensor *a = tr_gguf_find_tensor(g, "a");
    const struct tr_gguf_tensor *b = tr_gguf_find_tensor(g, "b");
    ck_assert(a == tr_gguf_tensor(g, 0) && b == tr_gguf_tensor(g, 1));
    ck_assert_ptr_null(tr_gguf_find_tensor(g, "c"));
    ck_assert(a->n_dim == 2 && a->dim[0] == 3 && a->dim[1] == 4 && a->dim[2] == 1);
    ck_assert(a->bytes == 48 && b->offset == a->offset + 64 && a->offset % 32 == 0);
    ck_assert(((const float *)a->data)[1] == 2 && ((const float *)b->data)[4] == -5);
    ck_assert_uint_eq(tr_gguf_alignment(g), 32);
    ck_assert_uint_eq(tr_gguf_version(g), 3);
    tr_gguf_close(g);
}
END_TEST

/* Copy a file through reader and writer. */
static int copy(const char *from, const char *to, struct tr_err *err)
{
    struct tr_gguf *g = tr_gguf_open(from, err);
    struct tr_gguf_writer *w = g ? tr_gguf_create(to, err) : NULL;
    ck_assert_msg(w != NULL, "%s", err->text);
    tr_gguf_set_all(w, g);
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        tr_gguf_add_tensor(w, t->name, t->dtype, t->n_dim, t->dim);
    }
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        if (tr_gguf_write(w, t->data, t->bytes, err))
            break;
    }
    int rc = tr_gguf_commit(w, err);
    tr_gguf_close(g);
    return rc;
}

static void assert_same_bytes(const char *a, const char *b)
{
    char *x, *y;
    size_t n, m;
    ck_assert_int_eq(tr_read_all(a, &x, &n, NULL), 0);
    ck_assert_int_eq(tr_read_all(b, &y, &m, NULL), 0);
    ck_assert_uint_eq(n, m);
    ck_assert_int_eq(memcmp(x, y, n), 0);
    free(x);
    free(y);
}

START_TEST(test_round_trip)
{
    struct tr_err err = { 0 };
    write_sample(path);
    ck_assert_msg(copy(path, other, &err) == 0, "%s", err.text);
    assert_same_bytes(path, other);
    ck_assert_msg(copy(path, path, &err) == 0, "%s", err.text); /* over its own source */
    assert_same_bytes(path, other);
}
END_TEST

START_TEST(test_reference_round_trip)
{
    const char *shared = getenv("SHARED");
    char from[4096];
    struct tr_err err = { 0 };
    snprintf(from, sizeof from, "%s/reference/llama/model.gguf",
             shared && *shared ? shared : "../shared");
    if (access(from, R_OK)) {
        printf("SKIP round trip of the reference: no '%s'\n", from);
        return;
    }
    ck_assert_msg(copy(from, path, &err) == 0, "%s", err.text);
    assert_same_bytes(from, path);
}
END_TEST

/* Alignment 1, data in another order, trailing bytes: written as it should be. */
START_TEST(test_odd_files_are_written_straight)
{
    for (int i = 0; i < N_BAD; i++) {
        const struct bad_file *f = &bad_files[i];
        struct tr_err err = { 0 };
        if ((f->verdict != OK && f->verdict != WARN) || f->x >= 1000000)
            continue;
        struct bytes b = bad_file_make(f, f->x);
        write_bytes(path, b.p, b.n);
        free(b.p);
        ck_assert_msg(copy(path, other, &err) == 0, "%s %s: %s", f->id, f->what, err.text);
        struct tr_gguf *g = tr_gguf_open(path, NULL), *h = tr_gguf_open(other, NULL);
        ck_assert_uint_eq(tr_gguf_alignment(h), 32);
        for (size_t k = 0; k < tr_gguf_n_tensor(g); k++) {
            const struct tr_gguf_tensor *t = tr_gguf_tensor(g, k);
            const struct tr_gguf_tensor *u = tr_gguf_tensor(h, k);
            ck_assert_int_eq(memcmp(t->data, u->data, (size_t)t->bytes), 0);
            ck_assert_uint_eq((uintptr_t)t->data % 8, 0);
        }
        tr_gguf_close(g);
        tr_gguf_close(h);
    }
}
END_TEST

/* One mistake each; the file that was there stays. */
static void fail_with(struct tr_gguf_writer *w, const char *text)
{
    struct tr_err err = { 0 };
    ck_assert_int_ne(tr_gguf_commit(w, &err), 0);
    ck_assert_msg(strstr(err.text, text) && strstr(err.text, path), "%s", err.text);
    struct tr_gguf *g = tr_gguf_open(path, NULL);
    ck_assert_ptr_nonnull(tr_gguf_find_kv(g, "k.strings"));
    tr_gguf_close(g);
}

static struct tr_gguf_writer *create(void)
{
    struct tr_gguf_writer *w = tr_gguf_create(path, NULL);
    ck_assert_ptr_nonnull(w);
    return w;
}

START_TEST(test_writer_mistakes)
{
    const int64_t dim[] = { 8 }, bad_dim[] = { 0 }, huge[] = { INT64_MAX / 4, 1 };
    const float x[9] = { 0 };
    char name[65];
    struct tr_gguf_writer *w;
    memset(name, 'n', 64);
    name[64] = 0;
    write_sample(path);
    tr_gguf_add_tensor(w = create(), name, &tr_f32, 1, dim);
    fail_with(w, "name of 64 bytes");
    tr_gguf_add_tensor(w = create(), "t", &tr_f32, 1, dim);
    tr_gguf_add_tensor(w, "t", &tr_f32, 1, dim);
    fail_with(w, "declared twice");
    tr_gguf_add_tensor(w = create(), "t", &tr_f32, 1, bad_dim);
    fail_with(w, "tensor 't'");
    tr_gguf_add_tensor(w = create(), "t", &tr_f32, 1, huge);
    tr_gguf_add_tensor(w, "u", &tr_f32, 1, huge);
    tr_gguf_add_tensor(w, "v", &tr_f32, 1, huge);
    fail_with(w, "too large");
    tr_gguf_set_u32(w = create(), "", 1);
    fail_with(w, "key of 0 bytes");
    tr_gguf_set_u32(w = create(), "caf\xc3\xa9", 1);
    fail_with(w, "not ASCII");
    tr_gguf_set_u32(w = create(), "general.alignment", 64);
    fail_with(w, "alignment");
    tr_gguf_add_tensor(w = create(), "t", &tr_f32, 1, dim);
    fail_with(w, "data missing");
    tr_gguf_add_tensor(w = create(), "t", &tr_f32, 1, dim);
    ck_assert_int_eq(tr_gguf_write(w, x, sizeof x, NULL), TR_EFORMAT);
    fail_with(w, "more data");
    tr_gguf_add_tensor(w = create(), "t", &tr_f32, 1, dim);
    ck_assert_int_eq(tr_gguf_write(w, x, 32, NULL), 0);
    tr_gguf_discard(w);
    tr_gguf_discard(NULL);
}
END_TEST

START_TEST(test_unset)
{
    char key[16];
    struct tr_gguf_writer *w = create();
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k.%d", i);
        tr_gguf_set_u32(w, key, (uint32_t)i);
    }
    for (int i = 0; i < 100; i += 2) {
        snprintf(key, sizeof key, "k.%d", i);
        tr_gguf_unset(w, key);
    }
    tr_gguf_unset(w, "missing");
    tr_gguf_set_u32(w, "k.4", 4); /* a new key now: at the end */
    tr_gguf_set_u32(w, "k.1", 111);
    ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
    struct tr_gguf *g = tr_gguf_open(path, NULL);
    ck_assert_uint_eq(tr_gguf_n_kv(g), 51);
    ck_assert_str_eq(tr_gguf_kv(g, 0)->key, "k.1");
    ck_assert_int_eq(tr_gguf_elem_int(tr_gguf_kv(g, 0), 0), 111);
    ck_assert_str_eq(tr_gguf_kv(g, 49)->key, "k.99");
    ck_assert_str_eq(tr_gguf_kv(g, 50)->key, "k.4");
    tr_gguf_close(g);
}
END_TEST

/* The text of a key, or none. */
static void says(const struct tr_gguf *g, const char *key, const char *text)
{
    struct tr_str s = { "", 0 };
    ck_assert_int_eq(tr_gguf_string(g, key, &s, NULL), text != NULL);
    ck_assert_msg(!text || tr_str_is(s, text), "%s is %.*s", key, (int)s.len, s.ptr);
}

/* `to` as a child of `from`, by name or by default, or with nothing but its parents. */
static void write_child(const char *from, const char *to, int whole, const char *name)
{
    struct tr_gguf *base = tr_gguf_open(from, NULL);
    struct tr_gguf_writer *w = tr_gguf_create(to, NULL);
    if (whole) {
        tr_gguf_set_all(w, base);
        tr_gguf_set_fine_tuned(w, base, name);
    } else {
        tr_gguf_set_base(w, base);
    }
    ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
    tr_gguf_close(base);
}

static void write_parent(const char *to, const char *name)
{
    struct tr_gguf_writer *w = tr_gguf_create(to, NULL);
    tr_gguf_set_string(w, "general.uuid", "123");
    tr_gguf_set_u32(w, "general.author", 7); /* not what it should be */
    tr_gguf_set_string(w, "general.license", "mit");
    tr_gguf_set_u32(w, "general.base_model.count", 2);
    tr_gguf_set_string(w, "general.base_model.1.name", "an older one");
    if (name)
        tr_gguf_set_string(w, "general.name", name);
    ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
}

START_TEST(test_lineage)
{
    int64_t count;
    for (int i = 0; i < 4; i++) {
        const char *parent = i & 1 ? "Parent" : NULL, *own = i & 2 ? "own" : NULL;
        write_parent(path, parent);
        write_child(path, other, 1, own);
        struct tr_gguf *g = tr_gguf_open(other, NULL);
        static const char *const names[] = { "fine-tuned", "Parent fine-tuned", "own",
                                             "Parent own" };
        says(g, "general.name", names[i]);
        says(g, "general.finetune", own ? own : "fine-tuned");
        says(g, "general.uuid", NULL);
        says(g, "general.license", "mit");
        says(g, "general.base_model.0.name", parent);
        says(g, "general.base_model.0.uuid", "123");
        says(g, "general.base_model.0.author", NULL);
        says(g, "general.base_model.1.name", NULL);
        ck_assert_int_eq(tr_gguf_int(g, "general.base_model.count", &count, NULL), 1);
        ck_assert_int_eq(count, 1);
        tr_gguf_close(g);
    }
    write_child(other, path, 0, NULL); /* a grandchild knows its parent */
    struct tr_gguf *g = tr_gguf_open(path, NULL);
    says(g, "general.base_model.0.name", "Parent own");
    says(g, "general.base_model.0.uuid", NULL);
    says(g, "general.name", NULL);
    tr_gguf_close(g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gguf_write");
    TCase *t = tcase_create("gguf_write");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_test(t, test_lineage);
    tcase_add_test(t, test_getters);
    tcase_add_test(t, test_wrong_types);
    tcase_add_test(t, test_strings_and_order);
    tcase_add_test(t, test_tensors);
    tcase_add_test(t, test_round_trip);
    tcase_add_test(t, test_reference_round_trip);
    tcase_add_test(t, test_odd_files_are_written_straight);
    tcase_add_test(t, test_writer_mistakes);
    tcase_add_test(t, test_unset);
    suite_add_tcase(s, t);
    return run_suite(s);
}
