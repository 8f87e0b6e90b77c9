/* SPDX-License-Identifier: MIT
 *
 * Keys and names changed in a GGUF file: what is set reads back, what is not named stays,
 * and what is changed in place leaves the data where they are.
 */
#define _GNU_SOURCE /* syscall */
#include <libtrain/amend.h>
#include <libtrain/edit/edit.h>
#include <libtrain/file.h>

#include "scratch.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <xxhash.h>

enum { N_NUMBER = 24 };
static const int64_t dim[] = { 3, 8 };
static const char *const tensor[] = { "a.weight", "b.weight" };

/* general.architecture, u.x, unknown.Key, list; two tensors. */
static void write_model(int64_t room)
{
    static const uint32_t list[] = { 7, 8, 9 };
    struct tr_err err = { 0 };
    float x[N_NUMBER];
    char blank[4096] = { 0 };
    struct tr_gguf_writer *w = tr_gguf_create(path, &err);
    ck_assert_msg(w != NULL, "%s", err.text);
    tr_gguf_set_string(w, "general.architecture", "none");
    tr_gguf_set_u32(w, "u.x", 5);
    tr_gguf_set_f64(w, "unknown.key", 0.5);
    tr_gguf_set_array(w, "list", TR_GGUF_U32, list, 3);
    if (room)
        tr_gguf_set_array(w, "edit.pad", TR_GGUF_U8, blank, (uint64_t)room);
    for (int i = 0; i < 2; i++)
        tr_gguf_add_tensor(w, tensor[i], &tr_f32, 2, dim);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < N_NUMBER; k++)
            x[k] = (float)(100 * i + k);
        ck_assert_int_eq(tr_gguf_write(w, x, sizeof x, &err), 0);
    }
    ck_assert_msg(!tr_gguf_commit(w, &err), "%s", err.text);
}

static struct tr_gguf *g;

static struct tr_amend *begin(void)
{
    struct tr_err err = { 0 };
    ck_assert_msg((g = tr_gguf_open(path, &err)) != NULL, "%s", err.text);
    struct tr_amend *a = tr_amend_new(g, &err);
    ck_assert_msg(a != NULL, "%s", err.text);
    return a;
}

static void end(struct tr_amend *a)
{
    tr_amend_free(a);
    tr_gguf_close(g);
}

/* Open what came of it, and look at its data. */
static struct tr_gguf *reopen(const char *file, const char *first)
{
    struct tr_err err = { 0 };
    struct tr_gguf *h = tr_gguf_open(file, &err);
    ck_assert_msg(h != NULL, "%s", err.text);
    ck_assert_pstr_eq(tr_gguf_warning(h, 0), NULL);
    ck_assert_uint_eq(tr_gguf_n_tensor(h), 2);
    for (size_t i = 0; i < 2; i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(h, i);
        ck_assert_str_eq(t->name, i ? tensor[1] : first);
        for (int k = 0; k < N_NUMBER; k++)
            ck_assert_int_eq((int)((const float *)t->data)[k], 100 * (int)i + k);
    }
    return h;
}

static void check_keys(const struct tr_gguf *h, const char *const *key, size_t n)
{
    ck_assert_uint_eq(tr_gguf_n_kv(h), n);
    for (size_t i = 0; i < n; i++)
        ck_assert_str_eq(tr_gguf_kv(h, i)->key, key[i]);
}

/* ---- values ----------------------------------------------------------------------- */

static const struct {
    const char *type, *value;
    enum tr_gguf_type as;
    uint64_t count;
    double last; /* element, or bytes of the last string */
} values[] = {
    { "u8", "255", TR_GGUF_U8, 1, 255 },
    { "i8", "-128", TR_GGUF_I8, 1, -128 },
    { "u16", "65535", TR_GGUF_U16, 1, 65535 },
    { "i16", "-32768", TR_GGUF_I16, 1, -32768 },
    { "u32", "4294967295", TR_GGUF_U32, 1, 4294967295.0 },
    { "i32", "-2147483648", TR_GGUF_I32, 1, -2147483648.0 },
    { "u64", "18446744073709551615", TR_GGUF_U64, 1, 18446744073709551615.0 },
    { "i64", "-9223372036854775808", TR_GGUF_I64, 1, -9223372036854775808.0 },
    { "f32", "1.5e3", TR_GGUF_F32, 1, 1500 },
    { "f64", "-2", TR_GGUF_F64, 1, -2 },
    { "bool", "true", TR_GGUF_BOOL, 1, 1 },
    { "string", "", TR_GGUF_STRING, 1, 0 },
    { "string", "a: b=c \"d\"\n", TR_GGUF_STRING, 1, 11 },
    { "string[]", "[\"x\", \"\\u00fc\"]", TR_GGUF_STRING, 2, 2 },
    { "string[]", "[]", TR_GGUF_STRING, 0, 0 },
    { "f32[]", "[1, 2.5, -1e-3, 4]", TR_GGUF_F32, 4, 4 },
    { "bool[]", "[true, false]", TR_GGUF_BOOL, 2, 0 },
    { "u64[]", "[18446744073709551615]", TR_GGUF_U64, 1, 18446744073709551615.0 },
};

START_TEST(test_value)
{
    struct tr_err err = { 0 };
    write_model(0);
    struct tr_amend *a = begin();
    ck_assert_msg(!tr_amend_set(a, "new", values[_i].type, values[_i].value, &err), "%s",
                  err.text);
    ck_assert_msg(!tr_amend_write(a, 0, &(struct tr_progress){ 0 }, other, &err), "%s",
                  err.text);
    end(a);
    struct tr_gguf *h = reopen(other, tensor[0]);
    const struct tr_gguf_kv *kv = tr_gguf_kv(h, 4);
    ck_assert_str_eq(kv->key, "new");
    ck_assert_int_eq(kv->elem, values[_i].as);
    ck_assert_int_eq(kv->type,
                     strchr(values[_i].type, '[') ? TR_GGUF_ARRAY : values[_i].as);
    ck_assert_uint_eq(kv->count, values[_i].count);
    double last = 0;
    uint64_t cursor = 0;
    for (uint64_t i = 0; i < kv->count; i++)
        last = kv->elem == TR_GGUF_STRING ? (double)tr_gguf_elem_string(kv, &cursor).len
                                          : tr_gguf_elem_float(kv, i);
    ck_assert(last == values[_i].last);
    tr_gguf_close(h);
}
END_TEST

static const struct {
    const char *key, *type, *value, *text;
} no_values[] = {
    { "k", "u8", "256", "the value is no u8" },
    { "k", "i8", "-129", "the value is no i8" },
    { "k", "u64", "-1", "the value is no u64" },
    { "k", "i64", "9223372036854775808", "the value is no i64" },
    { "k", "u32", "1.0", "the value is no u32" },
    { "k", "u32", "", "the value is no u32" },
    { "k", "u32", "0x10", "the value is no u32" },
    { "k", "f32", "1e39", "the value is no f32" },
    { "k", "f64", "\"1\"", "the value is no f64" },
    { "k", "bool", "1", "the value is no bool" },
    { "k", "string", "\xff", "not UTF-8" },
    { "k", "u8[]", "[1, 2, 300]", "element 2 is no u8" },
    { "k", "u8[]", "7", "an array is written" },
    { "k", "u8[]", "[1", "the value is no u8[]" },
    { "k", "u8[]", "[[1]]", "element 0 is no u8" },
    { "k", "string[]", "[null]", "element 0 is no string" },
    { "k", "array", "[1]", "'array' is no type" },
    { "k", "u7", "1", "'u7' is no type" },
    { "k", "", "1", "a new key needs a type" },
    { "list", "", "[1, -1]", "element 1 is no u32" },
    { "", "u8", "1", "0 bytes" },
    { "k\xc3\xbc", "u8", "1", "not ASCII" },
    { "general.alignment", "u32", "64", "so it stays" },
    { "split.count", "u16", "2", "so it stays" },
    { "edit.pad", "u16", "2", "room for other keys" },
    { "general.architecture", "u16", "2", "must be a string" },
};

START_TEST(test_no_value)
{
    struct tr_err err = { 0 };
    write_model(0);
    struct tr_amend *a = begin();
    ck_assert_int_lt(tr_amend_set(a, no_values[_i].key, no_values[_i].type,
                                  no_values[_i].value, &err), 0);
    ck_assert_msg(strstr(err.text, no_values[_i].text) && strstr(err.text, path), "%s",
                  err.text);
    end(a);
}
END_TEST

/* ---- keys and names --------------------------------------------------------------- */

START_TEST(test_order)
{
    static const char *const left[] = { "general.architecture", "u.y", "list", "z" };
    struct tr_err err = { 0 };
    int64_t v = 0;
    write_model(64);
    struct tr_amend *a = begin();
    ck_assert_int_eq(tr_amend_rename(a, "u.x", "u.y", &err), 0);
    ck_assert_int_eq(tr_amend_delete(a, "unknown.key", &err), 0);
    ck_assert_int_eq(tr_amend_set(a, "z", "u8", "1", &err), 0);
    ck_assert_int_eq(tr_amend_set(a, "u.y", "", "6", &err), 0);
    ck_assert_int_eq(tr_amend_rename_tensor(a, "a.weight", "c", &err), 0);
    ck_assert_int_eq(tr_amend_write(a, 0, &(struct tr_progress){ 0 }, other, &err), 0);
    end(a);
    struct tr_gguf *h = reopen(other, "c");
    check_keys(h, left, 4);
    ck_assert_int_eq(tr_gguf_int(h, "u.y", &v, &err), 1);
    ck_assert_int_eq((int)v, 6);
    tr_gguf_close(h);
}
END_TEST

START_TEST(test_refused)
{
    char longest[80];
    write_model(0);
    struct tr_amend *a = begin();
    memset(longest, 'x', sizeof longest);
    longest[64] = '\0';
    ck_assert_int_eq(tr_amend_delete(a, "nothing", NULL), TR_EUNSUPPORTED);
    ck_assert_int_eq(tr_amend_delete(a, "general.architecture", NULL), TR_EUNSUPPORTED);
    ck_assert_int_eq(tr_amend_rename(a, "general.architecture", "x", NULL),
                     TR_EUNSUPPORTED);
    ck_assert_int_eq(tr_amend_rename(a, "nothing", "x", NULL), TR_EUNSUPPORTED);
    ck_assert_int_eq(tr_amend_rename(a, "u.x", "list", NULL), TR_EUNSUPPORTED);
    ck_assert_int_eq(tr_amend_rename(a, "u.x", "split.no", NULL), TR_EUNSUPPORTED);
    ck_assert_int_eq(tr_amend_set(a, "checkpoint.checksum", "string", "0", NULL),
                     TR_EUNSUPPORTED);
    ck_assert_int_eq(tr_amend_rename(a, "u.x", "checkpoint.checksum", NULL),
                     TR_EUNSUPPORTED);
    ck_assert_int_eq(tr_amend_rename_tensor(a, "z", "y", NULL), TR_EUNSUPPORTED);
    ck_assert_int_eq(tr_amend_rename_tensor(a, "a.weight", "b.weight", NULL),
                     TR_EUNSUPPORTED);
    ck_assert_int_eq(tr_amend_rename_tensor(a, "a.weight", "", NULL), TR_EUNSUPPORTED);
    ck_assert_int_eq(tr_amend_rename_tensor(a, "a.weight", longest, NULL), TR_EUNSUPPORTED);
    longest[63] = '\0';
    ck_assert_int_eq(tr_amend_rename_tensor(a, "a.weight", longest, NULL), 0);
    ck_assert_int_eq(tr_amend_take_names(a, g, NULL), 0);
    ck_assert_int_eq(tr_amend_write(a, 0, &(struct tr_progress){ 0 }, other, NULL), 0);
    end(a);
    tr_gguf_close(reopen(other, tensor[0]));
}
END_TEST

/* ---- in place --------------------------------------------------------------------- */

static void text_of(char *to, size_t n)
{
    memset(to, 't', n);
    to[n] = '\0';
}

static int in_place(struct tr_amend *a, struct tr_err *err)
{
    int locked = tr_amend_lock(path, err);
    ck_assert_int_ge(locked, 0);
    int rc = tr_amend_in_place(a, locked, err);
    close(locked);
    return rc;
}

/* Whatever the length of the text, the data stay where they are, without a gap. */
START_TEST(test_in_place)
{
    struct tr_err err = { 0 };
    struct stat before, after;
    char text[600], name[8];
    write_model(512);
    ck_assert_int_eq(stat(path, &before), 0);
    for (int i = 0; i < 400; i++) {
        size_t n = (size_t)(i * 37 % 400);
        struct tr_amend *a = begin();
        text_of(text, n);
        snprintf(name, sizeof name, "n%d", i % 13);
        const char *old = tr_gguf_tensor(g, 0)->name;
        ck_assert_int_eq(tr_amend_set(a, "text", "string", text, &err), 0);
        if (strcmp(old, name))
            ck_assert_int_eq(tr_amend_rename_tensor(a, old, name, &err), 0);
        ck_assert_msg(!in_place(a, &err), "%s", err.text);
        end(a);
        struct tr_gguf *h = reopen(path, name);
        struct tr_str s;
        ck_assert_int_eq(tr_gguf_string(h, "text", &s, &err), 1);
        ck_assert(tr_str_is(s, text));
        ck_assert_ptr_nonnull(tr_gguf_find_kv(h, "unknown.key"));
        tr_gguf_close(h);
        i += i > 40 ? 9 : 0; /* all small steps, some of the others */
    }
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert(before.st_size == after.st_size && before.st_ino == after.st_ino);
}
END_TEST

/* A line of history goes with an edit where there is room for it, and never stands in its way. */
START_TEST(test_history)
{
    struct tr_err err = { 0 };
    char line[200];
    text_of(line, 150);
    for (int room = 64; room <= 512; room += 448) {
        write_model(room);
        struct tr_amend *a = begin();
        ck_assert_int_eq(tr_amend_set(a, "u.x", "u32", "7", &err), 0);
        ck_assert_int_eq(tr_amend_add_history(a, NULL, &err), 0);
        ck_assert_int_eq(tr_amend_add_history(a, line, &err), 0);
        ck_assert_msg(!in_place(a, &err), "%s", err.text);
        end(a);
        struct tr_gguf *h = reopen(path, tensor[0]);
        const struct tr_gguf_kv *kv = tr_gguf_find_kv(h, "libtrain.history");
        int64_t x = 0;
        uint64_t cursor = 0;
        ck_assert_int_eq(tr_gguf_int(h, "u.x", &x, &err), 1);
        ck_assert_int_eq(x, 7);
        ck_assert_int_eq(kv != NULL, room == 512);
        ck_assert(!kv || tr_str_is(tr_gguf_elem_string(kv, &cursor), line));
        tr_gguf_close(h);
    }
    struct tr_amend *a = begin();
    ck_assert_int_eq(tr_amend_add_history(a, "two", &err), 0);
    ck_assert_int_eq(tr_amend_write(a, 0, &(struct tr_progress){ 0 }, other, &err), 0);
    end(a);
    struct tr_gguf *h = reopen(other, tensor[0]);
    ck_assert_uint_eq(tr_gguf_find_kv(h, "libtrain.history")->count, 2);
    tr_gguf_close(h);
}
END_TEST

START_TEST(test_no_room)
{
    struct tr_err err = { 0 };
    char text[600], *was, *is;
    size_t n_was, n_is;
    write_model(64);
    ck_assert_int_eq(tr_read_all(path, &was, &n_was, &err), 0);
    struct tr_amend *a = begin();
    text_of(text, 599);
    ck_assert_int_eq(tr_amend_set(a, "text", "string", text, &err), 0);
    ck_assert_int_eq(in_place(a, &err), TR_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "bytes more than there is room for"));
    end(a);
    ck_assert_int_eq(tr_read_all(path, &is, &n_is, &err), 0);
    ck_assert(n_is == n_was && !memcmp(is, was, n_is));
    free(was);
    free(is);
}
END_TEST

/* What data behind `head` bytes give the hash of those as seed. */
static uint64_t hash_of_data(const char *all, size_t n, size_t head)
{
    uint64_t hash = n, last = n - head > 4096 ? n - head - 4096 : 0;
    for (uint64_t i = 0; i < 256; i++) {
        size_t at = head + (size_t)(last * i / 255);
        hash = XXH64(all + at, n - at < 4096 ? n - at : 4096, hash);
    }
    return hash;
}

/* The beginning of the file is lost, and what an edit left has it. */
static void cut_short(const char *copy, size_t head, int64_t wrong_bytes)
{
    struct tr_err err = { 0 };
    char *was;
    size_t n;
    uint64_t foot[2];
    ck_assert_int_eq(tr_read_all(path, &was, &n, &err), 0);
    foot[0] = n + (uint64_t)wrong_bytes;
    foot[1] = XXH64(was, head, hash_of_data(was, n, head));
    FILE *f = fopen(copy, "wb");
    ck_assert(f && fwrite(was, 1, head, f) == head);
    ck_assert(fwrite(foot, 1, sizeof foot, f) == sizeof foot && !fclose(f));
    memset(was, 0, head / 2);
    write_bytes(path, was, n);
    free(was);
}

static void change_last_byte(const char *file)
{
    char *all;
    size_t n;
    ck_assert_int_eq(tr_read_all(file, &all, &n, NULL), 0);
    all[n - 1] ^= 1;
    write_bytes(file, all, n);
    free(all);
}

START_TEST(test_restore)
{
    struct tr_err err = { 0 };
    const char *copy = in_dir("a.gguf.old-header");
    write_model(0);
    ck_assert_int_eq(tr_amend_restore(path, &err), TR_EIO);
    struct tr_amend *a = begin();
    size_t head = (size_t)tr_gguf_tensor(g, 0)->offset;
    cut_short(copy, head, 0);
    err.code = 0;
    ck_assert_int_lt(in_place(a, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "cut short: restore"));
    end(a);
    err.code = 0;
    ck_assert_ptr_null(tr_gguf_open(path, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "which 'gguf-edit --restore' undoes: '"));
    err.code = 0;
    ck_assert_msg(!tr_amend_restore(path, &err), "%s", err.text);
    ck_assert_int_ne(access(copy, F_OK), 0);
    tr_gguf_close(reopen(path, tensor[0]));
    cut_short(copy, head, 1);
    ck_assert_int_eq(tr_amend_restore(path, NULL), TR_EMISMATCH);
    write_model(0);
    cut_short(copy, head, 0);
    change_last_byte(path); /* as large, and of the same keys */
    ck_assert_int_eq(tr_amend_restore(path, NULL), TR_EMISMATCH);
    write_bytes(copy, "short", 5);
    ck_assert_int_eq(tr_amend_restore(path, NULL), TR_EMISMATCH);
}
END_TEST

/* ---- several at once --------------------------------------------------------------- */

static int replaced_before_lock;

/* As the system's, but another process may be done with the file just before. */
int flock(int fd, int operation)
{
    if (replaced_before_lock) {
        write_bytes(other, "another", 7);
        ck_assert_int_eq(rename(other, path), 0);
    }
    return (int)syscall(SYS_flock, fd, operation);
}

/* A file without tensors is replaced by another: a lock on the one before is none. */
START_TEST(test_lock_of_another)
{
    struct tr_err err = { 0 };
    write_model(0);
    replaced_before_lock = 1;
    ck_assert_int_eq(tr_amend_lock(path, &err), TR_EIO);
    ck_assert_ptr_nonnull(strstr(err.text, "edited by another process"));
    replaced_before_lock = 0;
    int fd = tr_amend_lock(path, &err);
    ck_assert_int_ge(fd, 0);
    close(fd);
}
END_TEST

/* Room is looked for where the file will be: not beside a link, and for a stream nowhere. */
START_TEST(test_room)
{
    ck_assert_int_eq(tr__raw_room("-", INT64_MAX, NULL), 0);
    ck_assert_int_eq(tr__raw_room("/dev/null", INT64_MAX, NULL), 0);
    ck_assert_int_eq(tr__raw_room(path, INT64_MAX, NULL), TR_EIO);
    ck_assert_int_eq(tr__raw_room(path, 1, NULL), 0);
    if (access("/proc/version", F_OK))
        return;
    ck_assert_int_eq(symlink("/proc/version", other), 0); /* a file system without any room */
    ck_assert_int_eq(tr__raw_room(other, 1, NULL), TR_EIO);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("amend");
    TCase *t = tcase_create("amend");
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_loop_test(t, test_value, 0, sizeof values / sizeof *values);
    tcase_add_loop_test(t, test_no_value, 0, sizeof no_values / sizeof *no_values);
    tcase_add_test(t, test_order);
    tcase_add_test(t, test_refused);
    tcase_add_test(t, test_in_place);
    tcase_add_test(t, test_history);
    tcase_add_test(t, test_no_room);
    tcase_add_test(t, test_restore);
    tcase_add_test(t, test_lock_of_another);
    tcase_add_test(t, test_room);
    suite_add_tcase(s, t);
    return run_suite(s);
}
