/* SPDX-License-Identifier: MIT
 *
 * Cutting a model into files and joining them: memory that does not grow with it, and
 * nothing half where it fails.  Bytes and refusals: tests/cmd/split.sh.
 */
#include <libtrain/split.h>

#include "sanitized.h"
#include "scratch.h"

#include <stdint.h>

enum { N_TENSOR = 4, ROWS = 1 << 12, COLS = 1 << 10, MOST_GROWTH_KB = 6 << 10 };

/* Of this process, in KiB; -1 where the system does not say. */
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

static void look(void *ctx, int64_t done, int64_t total)
{
    long *most = ctx, now = anonymous();
    ck_assert_int_le(done, total);
    *most = now > *most ? now : *most;
}

/* 64 MiB of zeros, of which the disk holds none: the tensors end where the file does. */
static void write_sparse(void)
{
    static const int64_t dim[] = { ROWS, COLS };
    struct tr_err err = { 0 };
    char name[8];
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    uint64_t head[] = { 3, N_TENSOR, 0 };
    fwrite("GGUF", 4, 1, f);
    fwrite(head, 4, 1, f);
    fwrite(head + 1, 8, 2, f);
    for (uint64_t i = 0; i < N_TENSOR; i++) {
        uint64_t n = (uint64_t)snprintf(name, sizeof name, "t%d", (int)i);
        uint64_t info[] = { n, 2, COLS, ROWS, 0, i * ROWS * COLS * 4 };
        fwrite(&info[0], 8, 1, f);
        fwrite(name, 1, n, f);
        fwrite(&info[1], 4, 1, f);
        fwrite(&info[2], 8, 2, f);
        fwrite(&info[4], 4, 1, f);
        fwrite(&info[5], 8, 1, f);
    }
    long at = (ftell(f) + 31) / 32 * 32;
    ck_assert(!fseek(f, at + N_TENSOR * 4l * ROWS * COLS - 1, SEEK_SET));
    ck_assert(fputc(0, f) == 0 && !fclose(f));
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_msg(g && tr_gguf_has_shape(tr_gguf_tensor(g, 3), 2, dim), "%s", err.text);
    tr_gguf_close(g);
}

static char part[N_TENSOR][340];

static void remove_parts(void)
{
    for (int i = 0; i < N_TENSOR; i++)
        unlink(part[i]);
    remove_dir();
}

static void name_parts(void)
{
    make_dir();
    for (int i = 0; i < N_TENSOR; i++)
        ck_assert_int_eq(tr_gguf_part_name(part[i], sizeof part[i], path, i, N_TENSOR), 0);
}

START_TEST(test_memory)
{
    struct tr_err err = { 0 };
    long before = anonymous(), most = before;
    struct tr_split_args args = { .max_tensors = 1, .progress = { look, &most } };
    if (before < 0 || SANITIZED) {
        puts("SKIP memory: the system does not say it, or a sanitizer takes it");
        return;
    }
    write_sparse();
    struct tr_gguf *g = tr_gguf_open(path, &err);
    struct tr_split *s = tr_split_plan(g, &args, &err);
    ck_assert_msg(s && !tr_split_write(g, s, &args, path, &err), "%s", err.text);
    ck_assert_uint_eq(s->n, N_TENSOR);
    tr_split_free(s);
    tr_gguf_close(g);
    ck_assert_msg((g = tr_gguf_open(part[0], &err)) != NULL, "%s", err.text);
    ck_assert_msg(!tr_split_merge(g, &args.progress, other, &err), "%s", err.text);
    tr_gguf_close(g);
    ck_assert_int_gt(most, 0);
    ck_assert_msg(most - before < MOST_GROWTH_KB, "%ld KiB", most - before);
}
END_TEST

/* Parts that are begun and given up leave nothing; those that are finished appear. */
START_TEST(test_parts)
{
    static const int64_t dim[] = { 32 };
    static const float x[32];
    for (int rc = -1; rc < 1; rc++) {
        struct tr_err err = { 0 };
        struct tr_parts *p = tr_parts_new(path, N_TENSOR, N_TENSOR, &err);
        ck_assert_msg(p != NULL, "%s", err.text);
        for (int i = 0; i < N_TENSOR; i++) {
            struct tr_gguf_writer *w = tr_parts_next(p, &err);
            ck_assert_msg(w != NULL, "%s", err.text);
            tr_parts_set_keys(p, 0);
            tr_gguf_add_tensor(w, (const char[]){ (char)('a' + i), 0 }, &tr_f32, 1, dim);
            ck_assert_int_eq(tr_gguf_write(w, x, sizeof x, &err), 0);
            ck_assert_int_ne(access(part[i], F_OK), 0);
        }
        ck_assert_int_eq(tr_parts_finish(p, rc, &err), rc);
        struct tr_gguf *g = tr_gguf_open(part[0], &err);
        ck_assert_int_eq(g != NULL, !rc);
        ck_assert(rc || tr_gguf_n_part(g) == N_TENSOR);
        tr_gguf_close(g);
    }
    ck_assert_ptr_null(tr_parts_new(path, 65536, 1, NULL));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("split");
    TCase *t = tcase_create("split");
    tcase_add_checked_fixture(t, name_parts, remove_parts);
    tcase_add_test(t, test_memory);
    tcase_add_test(t, test_parts);
    suite_add_tcase(s, t);
    return run_suite(s);
}
