/* SPDX-License-Identifier: MIT
 *
 * What a folder needs to have said of a GGUF: factors of rope as the numbers that they were
 * made of; and folders that appear at once.
 */
#include <libtrain/base/base.h>
#include <libtrain/hf/archs/archs.h>
#include <libtrain/hf_export.h>

#include "scratch.h"

#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ---- factors ---------------------------------------------------------------------- */

static const struct llama3 {
    double factor, high, ctx, base;
    int64_t head;
} of_llama3[] = {
    { 8, 4, 8192, 500000, 128 },  { 32, 4, 8192, 500000, 64 }, { 32, 4, 64, 500000, 16 },
    { 16, 4, 8192, 500000, 128 }, { 4, 4, 4096, 10000, 64 },   { 8, 8, 4096, 500000, 128 },
    { 5.5, 3, 3000, 10000, 96 },  { 2, 4, 2048, 10000, 32 },
};

static struct tr_json *rope_with(double base)
{
    struct tr_err err = { 0 };
    struct tr_json *c = tr_json_object();
    ck_assert(!tr__hf_put(c, "rope_parameters.rope_theta", tr_json_number(base), &err));
    return c;
}

static double field(const struct tr_json *c, const char *name)
{
    const struct tr_json *v = tr__hf_field(c, name);
    ck_assert_msg(v != NULL, "no %s", name);
    return tr_json_real(v);
}

static struct tr_json *rope_of(const struct llama3 *a)
{
    struct tr_err err = { 0 };
    struct tr_json *r = tr_json_object();
    ck_assert(!tr__hf_put(r, "factor", tr_json_number(a->factor), &err) &&
              !tr__hf_put(r, "low_freq_factor", tr_json_number(1), &err) &&
              !tr__hf_put(r, "high_freq_factor", tr_json_number(a->high), &err) &&
              !tr__hf_put(r, "original_max_position_embeddings", tr_json_number(a->ctx),
                          &err));
    return r;
}

START_TEST(four_numbers_of_llama3)
{
    const struct llama3 *a = &of_llama3[_i];
    struct tr_err err = { 0 };
    float v[64];
    struct tr_json *made_of = rope_of(a), *c = rope_with(a->base);
    for (int64_t i = 0; i < a->head / 2; i++)
        v[i] = tr__hf_llama3_factor(made_of, 1 / powf((float)a->base, (float)(2 * i) /
                                                                          (float)a->head));
    struct tr_gguf_tensor t = { .name = "rope_freqs.weight", .dtype = &tr_f32, .n_dim = 1,
                                .dim = { a->head / 2, 1, 1, 1 }, .data = v };
    struct tr__hf_out out = { .config = c };
    ck_assert_msg(!tr__hf_llama3_back(&out, &t, &err), "%s", err.text);
    ck_assert(field(c, "rope_parameters.factor") == a->factor);
    /* others may say the same of so few columns, but not of many */
    struct tr_json *back = (struct tr_json *)(uintptr_t)tr_json_get(c, "rope_parameters");
    for (int64_t i = 0; i < a->head / 2; i++) {
        float f = tr__hf_llama3_factor(back, 1 / powf((float)a->base, (float)(2 * i) /
                                                                          (float)a->head));
        MUST(fabsf(f - v[i]) <= 1e-5f * v[i]);
    }
    if (a->head >= 64) {
        ck_assert(field(back, "high_freq_factor") == a->high);
        ck_assert(field(back, "original_max_position_embeddings") == a->ctx);
    }
    tr_json_free(made_of);
    tr_json_free(c);
}
END_TEST

START_TEST(other_factors_are_refused)
{
    static float v[] = { 1, 3, 2, 7, 1, 9, 4, 8 };
    struct tr_err err = { 0 };
    struct tr_json *c = rope_with(10000);
    struct tr_gguf *g = tr_gguf_open("examples/tiny.gguf", &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    struct tr_gguf_tensor t = { .name = "rope_freqs.weight", .dtype = &tr_f32, .n_dim = 1,
                                .dim = { 8, 1, 1, 1 }, .data = v };
    struct tr__hf_out out = { .config = c, .g = g };
    ck_assert_int_eq(tr__hf_llama3_back(&out, &t, &err), TR_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "none that a config.json can say"));
    tr_gguf_close(g);
    tr_json_free(c);
}
END_TEST

START_TEST(lists_of_longrope)
{
    static float v[] = { 1, 1.1f, 2.5f };
    struct tr_err err = { 0 };
    struct tr_json *c = rope_with(10000);
    struct tr_gguf_tensor t = { .name = "rope_factors_long.weight", .dtype = &tr_f32,
                                .n_dim = 1, .dim = { 3, 1, 1, 1 }, .data = v };
    struct tr__hf_out out = { .config = c };
    ck_assert(!tr__hf_long_back(&out, &t, &err));
    const struct tr_json *list = tr__hf_field(c, "rope_parameters.long_factor");
    ck_assert_uint_eq(tr_json_count(list), 3);
    ck_assert(tr_json_real(tr_json_at(list, 1)) == 1.1);
    tr_json_free(c);
}
END_TEST

/* ---- folders ---------------------------------------------------------------------- */

static int is_there(const char *p)
{
    struct stat st;
    return !stat(p, &st);
}

/* A folder with a file in it, and its end. */
static int make_folder(const char *to, int rc, struct tr_err *err)
{
    char name[4096];
    struct tr__folder *f = tr__folder_new(to, err);
    if (!f)
        return TR_EIO;
    ck_assert(!tr__folder_file(f, "x", name, err));
    write_bytes(name, "x", 1);
    ck_assert(!tr__folder_hold(f, err));
    ck_assert(!tr__folder_file(f, "y", name, err));
    write_bytes(name, "y", 1);
    ck_assert(!is_there(to) || rc == 1);
    return tr__folder_finish(f, rc, err);
}

START_TEST(a_folder_is_whole_or_not_there)
{
    struct tr_err err = { 0 };
    char file[600];
    const char *to = in_dir("folder");
    ck_assert_int_eq(make_folder(to, TR_EFORMAT, &err), TR_EFORMAT);
    ck_assert(!is_there(to)); /* and remove_dir sees that nothing is left beside it */
    ck_assert_int_eq(make_folder(to, 0, &err), 0);
    ck_assert_int_lt(make_folder(to, 0, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "is there already"));
    for (const char *n = "xy"; *n; n++) {
        snprintf(file, sizeof file, "%s/%c", to, *n);
        ck_assert(!unlink(file));
    }
    err = (struct tr_err){ 0 };
    ck_assert_int_eq(make_folder(to, 1, &err), 1); /* empty now: taken, and given back */
    ck_assert(is_there(to) && !rmdir(to));
    ck_assert_int_lt(make_folder(in_dir("no/folder"), 0, &err), 0);
    err = (struct tr_err){ 0 };
    write_bytes(in_dir("file"), "x", 1);
    ck_assert_int_lt(make_folder(in_dir("file"), 0, &err), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hf export");
    TCase *tc = tcase_create("hf export");
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, four_numbers_of_llama3, 0, sizeof of_llama3 / sizeof *of_llama3);
    tcase_add_test(tc, other_factors_are_refused);
    tcase_add_test(tc, lists_of_longrope);
    tcase_add_test(tc, a_folder_is_whole_or_not_there);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
