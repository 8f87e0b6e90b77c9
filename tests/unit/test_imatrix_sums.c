/* SPDX-License-Identifier: MIT
 *
 * Sums of squares of what goes into the weights of small models, dense and with experts,
 * against plain ones; written, read, added up again, and how they are spread.
 */
#include "keyed_model.h"
#include "scratch.h"

#include <libtrain/eval.h>
#include <libtrain/file.h>
#include <libtrain/imatrix.h>
#include <libtrain/threads.h>

#include <check.h>
#include <math.h>
#include <string.h>

enum { CTX = 8, CHUNKS = 5, IDS = CTX * CHUNKS + 3, MAX_SEEN = 200, MAX_NUMBERS = 2048,
       MAX_MAT = 8 };

/* ---- plain sums ------------------------------------------------------------------- */

struct plain {
    char name[64];
    int64_t n_mat, row;
    double sum[MAX_NUMBERS], count[MAX_MAT];
};
static struct plain seen[MAX_SEEN];
static int n_seen;

static struct plain *plain_of(const char *name)
{
    int i = 0;
    while (i < n_seen && strcmp(seen[i].name, name))
        i++;
    if (i == n_seen) {
        ck_assert_int_lt(n_seen, MAX_SEEN);
        memset(&seen[n_seen++], 0, sizeof *seen);
        snprintf(seen[i].name, sizeof seen[i].name, "%s", name);
    }
    return &seen[i];
}

static void look(void *ctx, const struct tr_inputs *in)
{
    struct plain *p = plain_of(in->weight);
    int64_t rows = tr_tensor_rows(in->x);
    (void)ctx;
    p->n_mat = in->n_mat;
    p->row = tr_tensor_cols(in->x);
    ck_assert(p->n_mat <= MAX_MAT && p->n_mat * p->row <= MAX_NUMBERS);
    for (int64_t e = 0; e < in->n_mat; e++) {
        int64_t begin = in->first ? in->first[e] : 0, end = in->first ? in->first[e + 1] : rows;
        for (int64_t i = begin; i < end; i++) {
            int64_t r = in->place ? in->place[i] / in->per_row : i;
            const float *x = tr_tensor_row(in->x, r);
            ck_assert_int_lt(r, rows);
            for (int64_t j = 0; j < p->row; j++)
                p->sum[e * p->row + j] += (double)x[j] * (double)x[j];
        }
        p->count[e] += (double)(end - begin);
    }
}

/* ---- runs ------------------------------------------------------------------------- */

static uint32_t ids[IDS];
static const struct tr_text_ids text = { ids, IDS, IDS - 1, 2 };

static struct tr_model *open_form(const char *name)
{
    struct tr_err err = { 0 };
    const struct shape *f = NULL;
    for (int i = 0; (f = form_at(i)) && strcmp(f->name, name); i++)
        ;
    form_write(f, path);
    struct tr_model *m = tr_model_open(path, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    for (int i = 0; i < IDS; i++)
        ids[i] = (uint32_t)(i * 7 % SMALL_VOCAB);
    return m;
}

static void run(struct tr_model *m, int64_t first, int64_t n)
{
    struct tr_err err = { 0 };
    struct tr_eval *e = tr_eval_new(m, CTX, tr_loss_at(0), &err);
    ck_assert_msg(e != NULL, "%s", err.text);
    ck_assert_msg(!tr_eval_chunks(e, &text, &(struct tr_chunks){ CTX, first, n }, &err), "%s",
                  err.text);
    tr_eval_free(e);
}

/* Sums over these chunks, in a file. */
static void collect(struct tr_model *m, int64_t first, int64_t n, const char *to)
{
    struct tr_err err = { 0 };
    struct tr_imatrix_sums *s = tr_imatrix_sums_new(&err);
    tr_imatrix_sums_watch(s, m, 0);
    run(m, first, n);
    ck_assert_int_eq(tr_imatrix_sums_error(s, &err), 0);
    ck_assert_int_eq(tr_imatrix_sums_add_text(s, "a.txt", &err), 0);
    ck_assert_msg(!tr_imatrix_sums_write(s, to, CTX, &err), "%s", err.text);
    tr_imatrix_sums_free(s);
}

static struct tr_imatrix *read_file(const char *from)
{
    struct tr_err err = { 0 };
    struct tr_imatrix *im = tr_imatrix_open(from, &err);
    ck_assert_msg(im != NULL, "%s", err.text);
    return im;
}

/* ---- tests ------------------------------------------------------------------------ */

static void check_entry(const struct tr_imatrix_entry *e, double rows)
{
    const struct plain *p = plain_of(e->name);
    double all = 0;
    ck_assert_int_eq(e->n_mat * e->row, p->n_mat * p->row);
    for (int64_t k = 0; k < e->n_mat; k++) {
        ck_assert_double_eq(e->count[k], p->count[k]);
        all += e->count[k];
        for (int64_t j = 0; j < e->row; j++) {
            double want = p->count[k] > 0 ? p->sum[k * e->row + j] / p->count[k] : 1;
            ck_assert_double_eq_tol((double)e->mean[k * e->row + j], want, 3e-7 * want + 1e-30);
        }
    }
    ck_assert_double_eq(all, e->n_mat > 1 ? 2 * rows : rows); /* two experts a row */
}

static const struct {
    const char *form;
    size_t n; /* weights of blocks */
} models[] = {
    { "mixtral", 4 * 8 }, { "arcee", 4 * 6 }, { "gemma4-experts", 4 * 10 },
};
enum { N_MODEL = sizeof models / sizeof *models };

START_TEST(test_collect)
{
    const struct tr_imatrix_entry *e;
    struct tr_model *m = open_form(models[_i].form);
    n_seen = 0;
    tr_model_watch(m, &(struct tr_watch){ .at = look });
    run(m, 1, CHUNKS - 1);
    ck_assert_int_eq(plain_of("blk.0.attn_q.weight")->row, 32);
    collect(m, 1, CHUNKS - 1, other);
    struct tr_imatrix *im = read_file(other);
    ck_assert_uint_eq(tr_imatrix_info(im)->n_entry, models[_i].n);
    ck_assert_int_eq(tr_imatrix_info(im)->n_chunk, CHUNKS - 1);
    ck_assert_int_eq(tr_imatrix_info(im)->chunk_size, CTX);
    ck_assert_str_eq(tr_imatrix_info(im)->dataset[0], "a.txt");
    for (size_t i = 0; (e = tr_imatrix_at(im, i)); i++) {
        ck_assert(i == 0 || strcmp(tr_imatrix_at(im, i - 1)->name, e->name) < 0);
        check_entry(e, CTX * (CHUNKS - 1));
    }
    tr_imatrix_close(im);
    tr_model_close(m);
}
END_TEST

static char *bytes_of(const char *file, size_t *n)
{
    char *data;
    struct tr_err err = { 0 };
    ck_assert_msg(!tr_read_all(file, &data, n, &err), "%s", err.text);
    return data;
}

START_TEST(test_threads)
{
    size_t n[2];
    char *bytes[2];
    struct tr_model *m = open_form("mixtral");
    for (int i = 0; i < 2; i++) {
        tr_threads(i ? 3 : 1);
        collect(m, 0, CHUNKS, other);
        bytes[i] = bytes_of(other, &n[i]);
    }
    ck_assert_uint_eq(n[0], n[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], n[0]);
    free(bytes[0]);
    free(bytes[1]);
    tr_model_close(m);
}
END_TEST

/* The output matrix only if it is asked for, and where it is one of its own. */
START_TEST(test_output)
{
    struct tr_err err = { 0 };
    struct tr_model *m = open_form("llama");
    struct tr_imatrix_sums *s = tr_imatrix_sums_new(&err);
    tr_imatrix_sums_watch(s, m, 1);
    run(m, 0, 1);
    ck_assert_int_eq(tr_imatrix_sums_write(s, other, CTX, &err), 0);
    struct tr_imatrix *im = read_file(other);
    ck_assert_ptr_nonnull(tr_imatrix_find(im, "output.weight", 32, 1, &err));
    ck_assert_ptr_null(tr_imatrix_find(im, "token_embd.weight", 32, 1, &err));
    tr_imatrix_close(im);
    tr_imatrix_sums_free(s);
    tr_model_close(m);
}
END_TEST

/* What is added up from files is what is made at once. */
START_TEST(test_add)
{
    struct tr_err err = { 0 };
    char part[2][sizeof path];
    const struct tr_imatrix_entry *e, *f;
    struct tr_model *m = open_form("mixtral");
    struct tr_imatrix_sums *s = tr_imatrix_sums_new(&err);
    collect(m, 0, CHUNKS, other);
    for (int i = 0; i < 2; i++) {
        snprintf(part[i], sizeof part[i], "%s", in_dir(i ? "p1" : "p0"));
        collect(m, i ? 2 : 0, i ? CHUNKS - 2 : 2, part[i]);
        struct tr_imatrix *im = read_file(part[i]);
        ck_assert_int_eq(tr_imatrix_sums_add(s, im, CTX, &err), 0);
        tr_imatrix_close(im);
    }
    ck_assert_int_eq(tr_imatrix_sums_write(s, part[0], CTX, &err), 0);
    struct tr_imatrix *whole = read_file(other), *both = read_file(part[0]);
    ck_assert_int_eq(tr_imatrix_info(both)->n_chunk, CHUNKS);
    ck_assert_uint_eq(tr_imatrix_info(both)->n_dataset, 2);
    for (size_t i = 0; (e = tr_imatrix_at(whole, i)); i++) {
        f = tr_imatrix_at(both, i);
        ck_assert_str_eq(e->name, f->name);
        ck_assert_mem_eq(e->count, f->count, (size_t)e->n_mat * sizeof *e->count);
        for (int64_t j = 0; j < e->n_mat * e->row; j++)
            ck_assert_double_eq_tol((double)e->mean[j], (double)f->mean[j],
                                    3e-7 * (double)e->mean[j] + 1e-30);
    }
    tr_imatrix_close(whole);
    tr_imatrix_close(both);
    tr_imatrix_sums_free(s);
    tr_model_close(m);
}
END_TEST

/* ---- small files by hand ---------------------------------------------------------- */

/* One entry "blk.N.x" of the old form. */
static void write_old(const char *to, int block, int32_t chunks, int32_t n, const float *v)
{
    FILE *f = fopen(to, "wb");
    char name[16];
    int32_t head[] = { 1, 7 };
    int32_t tail[] = { chunks, n };
    snprintf(name, sizeof name, "blk.%d.x", block);
    ck_assert_uint_eq(fwrite(head, sizeof head, 1, f), 1);
    ck_assert_uint_eq(fwrite(name, 7, 1, f), 1);
    ck_assert_uint_eq(fwrite(tail, sizeof tail, 1, f), 1);
    ck_assert_uint_eq(fwrite(v, sizeof *v, (size_t)n, f), (size_t)n);
    fclose(f);
}

static int add_file(struct tr_imatrix_sums *s, const char *from, struct tr_err *err)
{
    struct tr_imatrix *im = read_file(from);
    int rc = tr_imatrix_sums_add(s, im, 10, err);
    tr_imatrix_close(im);
    return rc;
}

/* The old form counts chunks; sums of another size are another model's. */
START_TEST(test_add_old)
{
    static const float v[] = { 2, 4, 6, 8 };
    struct tr_err err = { 0 };
    struct tr_imatrix_sums *s = tr_imatrix_sums_new(&err);
    write_old(path, 0, 2, 4, v);
    ck_assert_int_eq(add_file(s, path, &err), 0);
    ck_assert_int_eq(add_file(s, path, &err), 0);
    ck_assert_int_eq(tr_imatrix_sums_write(s, other, 10, &err), 0);
    struct tr_imatrix *im = read_file(other);
    ck_assert_int_eq(tr_imatrix_info(im)->n_chunk, 4);
    ck_assert_double_eq(tr_imatrix_at(im, 0)->count[0], 40);
    ck_assert_double_eq((double)tr_imatrix_at(im, 0)->mean[3], 4);
    tr_imatrix_close(im);
    write_old(path, 0, 2, 3, v);
    ck_assert_int_eq(add_file(s, path, &err), TR_EMISMATCH);
    ck_assert_msg(strstr(err.text, path) && strstr(err.text, "blk.0.x"), "%s", err.text);
    tr_imatrix_sums_free(s);
}
END_TEST

START_TEST(test_stats)
{
    static const float v[] = { 1, 1, 0, 6 }, w[] = { 1, 1, 0, -0.0f };
    struct tr_err err = { 0 };
    struct tr_imatrix_stats t;
    struct tr_imatrix_sums *s = tr_imatrix_sums_new(&err);
    write_old(path, 1, 1, 4, v);
    ck_assert_int_eq(add_file(s, path, &err), 0);
    write_old(path, 0, 1, 4, w);
    ck_assert_int_eq(add_file(s, path, &err), 0);
    ck_assert_int_eq(tr_imatrix_sums_stats(s, 0, &t), 1);
    ck_assert_str_eq(t.name, "blk.0.x");
    ck_assert_double_eq(t.entropy, 1);
    ck_assert_double_eq(t.active, 0.5);
    ck_assert_double_eq(t.similarity, 0);
    ck_assert_int_eq(tr_imatrix_sums_stats(s, 1, &t), 1);
    ck_assert_int_eq(t.n, 4);
    ck_assert_double_eq(t.sum, 8);
    ck_assert_double_eq(t.min, 0);
    ck_assert_double_eq(t.max, 6);
    ck_assert_double_eq(t.mean, 2);
    ck_assert_double_eq_tol(t.deviation, sqrt(5.5), 1e-12);
    ck_assert_double_eq(t.active, 0.75);
    ck_assert_double_eq(t.outlying, 0.25);
    ck_assert_double_eq_tol(t.entropy, 2 / 8. * 3 + 6 / 8. * log2(8 / 6.), 1e-12);
    ck_assert_double_eq_tol(t.similarity, 2 / sqrt(2 * 38), 1e-12);
    ck_assert_int_eq(tr_imatrix_sums_stats(s, 2, &t), 0);
    tr_imatrix_sums_free(s);
}
END_TEST

/* Chunks that the text does not have, an EOS that belongs to none, BOS in the first place. */
START_TEST(test_chunks)
{
    static const int64_t bad[][2] = { { 0, 0 }, { 5, 1 }, { 0, 6 }, { -1, 1 } };
    struct tr_err err = { 0 };
    struct tr_model *m = open_form("arcee");
    struct tr_eval *e = tr_eval_new(m, CTX, tr_loss_at(0), &err);
    ck_assert_int_eq(tr_text_chunks(&text, CTX), CHUNKS);
    ck_assert_int_eq(tr_text_chunks(&text, IDS), 0);
    for (int i = 0; i < 4; i++) {
        err.code = 0;
        ck_assert_int_eq(tr_eval_chunks(e, &text, &(struct tr_chunks){ CTX, bad[i][0],
                                                                       bad[i][1] }, &err),
                         TR_EINVAL);
    }
    err.code = 0;
    ids[3] = SMALL_VOCAB;
    ck_assert_int_eq(tr_eval_chunks(e, &text, &(struct tr_chunks){ CTX, 0, 1 }, &err),
                     TR_EMISMATCH);
    tr_eval_free(e);
    tr_model_close(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("imatrix_sums");
    TCase *tc = tcase_create("sums");
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, test_collect, 0, N_MODEL);
    tcase_add_test(tc, test_threads);
    tcase_add_test(tc, test_output);
    tcase_add_test(tc, test_add);
    tcase_add_test(tc, test_add_old);
    tcase_add_test(tc, test_stats);
    tcase_add_test(tc, test_chunks);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
