/* SPDX-License-Identifier: MIT
 *
 * A model in several files: three parts of it are written, each as a row of a table says,
 * and opened as one.
 */
#include <libtrain/gguf.h>

#include "scratch.h"

enum { N_PART = 3, ABSENT = -1 };
static const int64_t dim[] = { 2, 8 };

/* What part i says of itself; the defaults are right. */
struct part {
    int missing; /* there is no such file */
    int no, count, n_tensor; /* ABSENT: no such key */
    const char *arch, *tensor[2];
};

static const struct part good[N_PART] = {
    { 0, 0, 3, 4, "gpt2", { "a", "b" } },
    { 0, 1, 3, 4, NULL, { "c", NULL } },
    { 0, 2, ABSENT, ABSENT, "gpt2", { "d", NULL } },
};

static char name[N_PART][300];

static void set_small(struct tr_gguf_writer *w, const char *key, enum tr_gguf_type type,
                      int v, size_t bytes)
{
    struct tr_gguf_kv kv = { key, type, type, 1, &v, bytes };
    if (v != ABSENT)
        tr_gguf_set_kv(w, &kv);
}

/* The numbers of tensor "x" are all its letter. */
static void write_part(const char *to, const struct part *p)
{
    struct tr_err err = { 0 };
    float x[16];
    struct tr_gguf_writer *w = tr_gguf_create(to, &err);
    ck_assert_msg(w != NULL, "%s", err.text);
    if (p->arch)
        tr_gguf_set_string(w, "general.architecture", p->arch);
    set_small(w, "split.no", TR_GGUF_U16, p->no, 2);
    set_small(w, "split.tensors.count", TR_GGUF_I32, p->n_tensor, 4);
    set_small(w, "split.count", TR_GGUF_U16, p->count, 2);
    for (int i = 0; i < 2 && p->tensor[i]; i++)
        tr_gguf_add_tensor(w, p->tensor[i], &tr_f32, 2, dim);
    for (int i = 0; i < 2 && p->tensor[i]; i++) {
        for (int k = 0; k < 16; k++)
            x[k] = (float)p->tensor[i][0];
        ck_assert_int_eq(tr_gguf_write(w, x, sizeof x, &err), 0);
    }
    ck_assert_msg(!tr_gguf_commit(w, &err), "%s", err.text);
}

static void make_parts(void)
{
    make_dir();
    for (int i = 0; i < N_PART; i++)
        ck_assert_int_eq(tr_gguf_part_name(name[i], sizeof name[i], path, i, N_PART), 0);
}

static void remove_parts(void)
{
    for (int i = 0; i < N_PART; i++)
        unlink(name[i]);
    remove_dir();
}

static void write_parts(const struct part *p)
{
    for (int i = 0; i < N_PART; i++)
        if (!p[i].missing)
            write_part(name[i], &p[i]);
}

START_TEST(test_opens_as_one)
{
    static const int part_of[] = { 0, 0, 1, 2 };
    struct tr_err err = { 0 };
    write_parts(good);
    struct tr_gguf *g = tr_gguf_open(name[0], &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    ck_assert_uint_eq(tr_gguf_n_part(g), N_PART);
    ck_assert_uint_eq(tr_gguf_n_tensor(g), 4);
    ck_assert_uint_eq(tr_gguf_n_kv(g), 4);
    for (size_t i = 0; i < 4; i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        const char letter[2] = { (char)('a' + i), 0 };
        ck_assert_str_eq(t->name, letter);
        ck_assert_int_eq(t->part, part_of[i]);
        ck_assert_str_eq(tr_gguf_part_path(g, (size_t)t->part), name[part_of[i]]);
        ck_assert_ptr_eq(tr_gguf_find_tensor(g, letter), t);
        tr_gguf_forget(g, t->data, t->bytes);
        for (int k = 0; k < 16; k++)
            ck_assert_int_eq((int)((const float *)t->data)[k], letter[0]);
    }
    tr_gguf_forget_metadata(g);
    ck_assert_ptr_nonnull(tr_gguf_find_kv(g, "general.architecture"));
    ck_assert_ptr_null(tr_gguf_warning(g, 0));
    ck_assert_int_eq(tr_gguf_check(g, &err), 0);
    ck_assert_int_lt(tr_gguf_sealed(g, "split.no", NULL), 0);
    tr_gguf_close(g);
}
END_TEST

/* Keys that say how a model lies in files are none of the model's. */
START_TEST(test_set_all)
{
    struct tr_err err = { 0 };
    write_parts(good);
    struct tr_gguf *g = tr_gguf_open(name[0], &err);
    struct tr_gguf_writer *w = tr_gguf_create(path, &err);
    ck_assert_msg(g && w, "%s", err.text);
    tr_gguf_set_all(w, g);
    tr_gguf_close(g);
    ck_assert_msg(!tr_gguf_commit(w, &err), "%s", err.text);
    ck_assert_ptr_nonnull(g = tr_gguf_open(path, &err));
    ck_assert_uint_eq(tr_gguf_n_kv(g), 1);
    ck_assert_uint_eq(tr_gguf_n_part(g), 1);
    tr_gguf_close(g);
}
END_TEST

/* What is odd in a part is told with its name, what is wrong in it too. */
START_TEST(test_odd_part)
{
    struct tr_err err = { 0 };
    write_parts(good);
    FILE *f = fopen(name[1], "ab");
    ck_assert(f && fwrite("tail", 1, 4, f) == 4 && !fclose(f));
    struct tr_gguf *g = tr_gguf_open(name[0], &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    const char *text = tr_gguf_warning(g, 0);
    ck_assert_msg(text && strstr(text, "4 bytes follow the data") && strstr(text, name[1]),
                  "%s", text);
    tr_gguf_close(g);
}
END_TEST

START_TEST(test_nan_in_part)
{
    struct tr_err err = { 0 };
    const float nan[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0f / 0.0f };
    write_parts(good);
    FILE *f = fopen(name[2], "r+b");
    ck_assert(f && !fseek(f, -(long)sizeof nan, SEEK_END));
    ck_assert(fwrite(nan, sizeof nan, 1, f) == 1 && !fclose(f));
    struct tr_gguf *g = tr_gguf_open(name[0], &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    ck_assert_int_eq(tr_gguf_check(g, &err), TR_EFORMAT);
    ck_assert_msg(strstr(err.text, name[2]) && strstr(err.text, "'d': row 1"), "%s",
                  err.text);
    tr_gguf_close(g);
}
END_TEST

static const struct {
    struct part part[N_PART];
    int open;    /* the part that is given */
    int named;   /* that must be named, or ABSENT: the one that is given */
    const char *text;
} bad[] = {
    { { { .missing = 1 } }, 0, ABSENT, "No such file" },
    { { { 0 }, { .missing = 1 } }, 0, 1, "No such file" },
    { { { 0 }, { 0 }, { .missing = 1 } }, 0, 2, "has 3 parts" },
    { { { 0 } }, 1, 0, "is part 2 of 3 of a model: give the first, '" },
    { { { .no = ABSENT, .count = 3 } }, 0, ABSENT, "key 'split.no' is missing" },
    { { { .no = 3, .count = 3 } }, 0, ABSENT, "key 'split.no' is 3, of 3 parts" },
    { { { .no = 0, .count = 4, .n_tensor = 4 } }, 0, ABSENT, "-00001-of-00004.gguf" },
    { { { .no = 0, .count = 65535, .n_tensor = 4 } }, 0, ABSENT, "-00001-of-65535.gguf" },
    { { { .no = 0, .count = 3, .n_tensor = ABSENT } }, 0, ABSENT,
      "key 'split.tensors.count' is missing" },
    { { { .no = 0, .count = 3, .n_tensor = 5, .tensor = { "a", "b" } },
        { .no = 1, .count = 3, .n_tensor = 5, .tensor = { "c" } } }, 0, ABSENT,
      "its 3 parts have 4 tensors, and must have 5" },
    { { { 0 }, { .no = 2, .count = 3, .n_tensor = 4 } }, 0, 1,
      "key 'split.no' is 2, and must be 1" },
    { { { 0 }, { .no = ABSENT, .count = 3, .n_tensor = 4 } }, 0, 1,
      "key 'split.no' is missing" },
    { { { 0 }, { .no = 1, .count = 2, .n_tensor = 4 } }, 0, 1,
      "a part of another model: key 'split.count' is 2, and 3 in" },
    { { { 0 }, { .no = 1, .count = 3, .n_tensor = 9 } }, 0, 1,
      "a part of another model: key 'split.tensors.count' is 9, and 4 in" },
    { { { 0 }, { .no = 1, .count = 3, .n_tensor = 4, .arch = "llama" } }, 0, 1,
      "a part of another model: key 'general.architecture' is 'llama', and 'gpt2' in" },
    { { { 0 }, { 0 }, { .no = 2, .count = 3, .n_tensor = 4, .tensor = { "e", "b" } } },
      0, 2,
      "tensor 'b' is there already, in '" },
};

static int is_default(const struct part *p)
{
    static const struct part none;
    return !memcmp(p, &none, sizeof none);
}

START_TEST(test_refused)
{
    struct part p[N_PART];
    struct tr_err err = { 0 };
    for (int i = 0; i < N_PART; i++)
        p[i] = is_default(&bad[_i].part[i]) ? good[i] : bad[_i].part[i];
    write_parts(p);
    ck_assert_ptr_null(tr_gguf_open(name[bad[_i].open], &err));
    const char *named = name[bad[_i].named == ABSENT ? bad[_i].open : bad[_i].named];
    ck_assert_msg(strstr(err.text, bad[_i].text) && strstr(err.text, named), "%s",
                  err.text);
}
END_TEST

/* One file is never taken for more. */
START_TEST(test_one_file)
{
    struct tr_err err = { 0 };
    for (int count = 0; count < 2; count++) {
        write_part(path, &(struct part){ .no = 0, .count = count, .n_tensor = 7,
                                         .tensor = { "a" } });
        struct tr_gguf *g = tr_gguf_open(path, &err);
        ck_assert_msg(g != NULL, "%s", err.text);
        ck_assert_uint_eq(tr_gguf_n_part(g), 1);
        ck_assert_str_eq(tr_gguf_part_path(g, 0), path);
        tr_gguf_close(g);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("parts");
    TCase *t = tcase_create("parts");
    tcase_add_checked_fixture(t, make_parts, remove_parts);
    tcase_add_test(t, test_opens_as_one);
    tcase_add_test(t, test_set_all);
    tcase_add_test(t, test_odd_part);
    tcase_add_test(t, test_nan_in_part);
    tcase_add_loop_test(t, test_refused, 0, sizeof bad / sizeof *bad);
    tcase_add_test(t, test_one_file);
    suite_add_tcase(s, t);
    return run_suite(s);
}
