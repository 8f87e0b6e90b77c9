/* SPDX-License-Identifier: MIT
 *
 * Adapters by linear algebra beside what they must be: normal equations that hold, what is left
 * of held-out rows beside a direct sum, a teacher's adapter that comes back, and losses that
 * fall.
 */
#include "scratch.h"
#include "suite.h"
#include "tiny_model.h"

#include <libtrain/embed.h>
#include <libtrain/file.h>
#include <libtrain/gguf.h>
#include <libtrain/matmul/matmul.h>
#include <libtrain/personalize/personal.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ==== one layer ==== */

enum { ROWS = 50, IN = 12, OUT = 7 };

static float x[2][ROWS * IN], r[2][ROWS * OUT], c[2][IN * IN], k[2][OUT * IN];

static void fill(const char *name, float *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(tiny_bits(name, i) >> 8) * 0x1p-23f - 1;
}

/* Sums over random rows; with delta r = x delta^T. */
static void make_rows(const float *delta, struct tr__normal normal[2])
{
    static const char *const names[] = { "train", "held", "changes", "held changes" };
    for (int s = 0; s < 2; s++) {
        fill(names[s], x[s], ROWS * IN);
        fill(names[2 + s], r[s], ROWS * OUT);
        if (delta)
            tr__gemm_f32(&(struct tr__gemm){ 0, 1, ROWS, OUT, IN, IN, IN, OUT, 1, 0 }, x[s],
                         delta, r[s]);
        memset(c[s], 0, sizeof c[s]);
        tr__gram_f32(ROWS, IN, x[s], IN, c[s]);
        tr__gemm_f32(&(struct tr__gemm){ 1, 0, OUT, IN, ROWS, OUT, IN, IN, 1, 0 }, r[s], x[s],
                     k[s]);
        normal[s] = (struct tr__normal){ .n = ROWS, .c = c[s], .k = k[s] };
        for (int i = 0; i < ROWS * OUT; i++)
            normal[s].square += (double)r[s][i] * (double)r[s][i];
    }
}

static double at(const struct tr__fit *f, int rank, int o, int i)
{
    double sum = 0;
    for (int q = 0; q < rank; q++)
        sum += (double)f->b[o * f->rank + q] * (double)f->a[q * IN + i];
    return sum;
}

/* |R - X change^T|^2 of held-out rows. */
static double left_of(const struct tr__fit *f, int rank)
{
    double sum = 0;
    for (int n = 0; n < ROWS; n++)
        for (int o = 0; o < OUT; o++) {
            double d = (double)r[1][n * OUT + o];
            for (int i = 0; i < IN; i++)
                d -= (double)x[1][n * IN + i] * at(f, rank, o, i);
            sum += d * d;
        }
    return sum;
}

/* At full rank (C / n + lambda mean I) change^T = K^T / n. */
START_TEST(test_ridge)
{
    struct tr_err err = { 0 };
    struct tr__normal normal[2];
    struct tr__fit fit;
    const double lambda = 0.1;
    double mean = 0;
    make_rows(NULL, normal);
    struct tr__fit_job job = { IN, OUT, NULL, &normal[0], &normal[1], OUT, 1, &lambda };
    ck_assert_msg(!tr__fit(&job, &fit, &err), "%s", err.text);
    for (int i = 0; i < IN; i++)
        mean += (double)c[0][i * IN + i] / ROWS / IN;
    for (int o = 0; o < OUT; o++)
        for (int i = 0; i < IN; i++) {
            double sum = lambda * mean * at(&fit, OUT, o, i);
            for (int j = 0; j < IN; j++)
                sum += (double)c[0][i > j ? i * IN + j : j * IN + i] / ROWS * at(&fit, OUT, o, j);
            ck_assert_double_eq_tol(sum, (double)k[0][o * IN + i] / ROWS, 1e-5);
        }
    for (int q = 0; q <= OUT; q++)
        ck_assert_double_eq_tol(fit.left[q], left_of(&fit, q), 1e-4 * normal[1].square);
    ck_assert(fit.lambda == lambda && !fit.raised);
    tr__fit_release(&fit);
}
END_TEST

/* A known change comes back at full rank; at a lower one no other norm does better. */
START_TEST(test_known)
{
    struct tr_err err = { 0 };
    struct tr__normal normal[2];
    struct tr__fit fit, flat;
    float delta[OUT * IN];
    const double lambda[] = { 1e-6, 1e6 };
    fill("delta", delta, OUT * IN);
    make_rows(delta, normal);
    struct tr__fit_job job = { IN, OUT, delta, &normal[0], &normal[0], 3, 1, lambda };
    ck_assert(!tr__fit(&job, &fit, &err));
    job.lambda++;
    ck_assert(!tr__fit(&job, &flat, &err));
    ck_assert(fit.left[3] < flat.left[3]);
    tr__fit_release(&fit);
    tr__fit_release(&flat);
    job.lambda--;
    job.held = &normal[1];
    job.rank = OUT;
    job.n_lambda = 2;
    ck_assert(!tr__fit(&job, &fit, &err));
    for (int o = 0; o < OUT; o++)
        for (int i = 0; i < IN; i++)
            ck_assert_double_eq_tol(at(&fit, OUT, o, i), (double)delta[o * IN + i], 1e-4);
    for (int q = 0; q <= OUT; q++)
        ck_assert_double_eq_tol(fit.left[q], left_of(&fit, q), 1e-4 * fit.square);
    tr__fit_release(&fit);
}
END_TEST

/* Rows that leave directions open: lambda grows until there is a factor. */
START_TEST(test_raised)
{
    struct tr_err err = { 0 };
    struct tr__normal normal[2];
    struct tr__fit fit;
    const double lambda = 1e-12;
    make_rows(NULL, normal);
    for (int i = 0; i < IN * IN; i++)
        c[0][i] = 1;
    struct tr__fit_job job = { IN, OUT, NULL, &normal[0], NULL, 1, 1, &lambda };
    ck_assert_msg(!tr__fit(&job, &fit, &err), "%s", err.text);
    ck_assert(fit.raised && fit.lambda > lambda && !fit.left);
    tr__fit_release(&fit);
    c[0][0] = NAN;
    ck_assert_int_eq(tr__fit(&job, &fit, &err), TR_EDIVERGED);
    tr__fit_release(&fit);
}
END_TEST

/* ==== models ==== */

static struct tr_model *base, *teacher;
static struct tr_lora *adapter;
static struct tr_pack *pack;
static struct tr_personal out;

static void open_all(void)
{
    struct tr_err err = { 0 };
    char file[sizeof path + 8];
    make_dir();
    tiny_model_write(&tiny_llama, path);
    base = tr_model_open(path, &err);
    teacher = tr_model_open(path, &err);
    snprintf(file, sizeof file, "%s.lora", path);
    tiny_adapter_write(&tiny_llama, file, 0);
    adapter = tr_lora_open(file, teacher, &err);
    ck_assert_msg(adapter && !tr_lora_attach(adapter, teacher, 1, &err), "%s", err.text);
    tiny_data_write(other, 12);
    pack = tr_pack_open(other, &err);
    ck_assert_msg(pack != NULL, "%s", err.text);
    remove(file);
}

static void close_all(void)
{
    tr_pack_close(pack);
    tr_model_close(teacher);
    tr_model_close(base);
    tr_lora_free(adapter);
    remove_dir();
}

static const struct tr_personalize_form *form(const char *name)
{
    const struct tr_personalize_form *f;
    for (int i = 0; (f = tr_personalize_form_at(i)); i++)
        if (!strcmp(tr_personalize_form_name(f), name))
            return f;
    ck_abort_msg("no form %s", name);
    return NULL;
}

static void run(struct tr_model *t, struct tr_pack *held, const struct tr_personalize_args *a)
{
    struct tr_err err = { 0 };
    ck_assert_msg(!tr_personalize(base, t, pack, held, a, &out, &err), "%s", err.text);
}

/* Squares of what two adapters add to a weight: their difference over the second. */
static double distance(const char *name)
{
    const struct tr_gguf_tensor *w = tr_gguf_find_tensor(tr_model_gguf(base), name);
    int64_t n = tr_gguf_count(w);
    float *is = calloc((size_t)n, sizeof *is), *was = calloc((size_t)n, sizeof *was);
    double d = 0, all = 0;
    tr_lora_add_to(out.lora, name, 1, 0, w->dim[0], is);
    tr_lora_add_to(adapter, name, 1, 0, w->dim[0], was);
    for (int64_t i = 0; i < n; i++) {
        d += pow((double)is[i] - (double)was[i], 2);
        all += pow((double)was[i], 2);
    }
    free(is);
    free(was);
    return sqrt(d / all);
}

START_TEST(test_comes_back)
{
    run(teacher, NULL, &(struct tr_personalize_args){ .rank = TINY_RANK });
    ck_assert_uint_eq(out.n_part, 7 * TINY_LAYERS);
    ck_assert_uint_eq(out.n_train + out.n_held, 12);
    for (size_t i = 0; i < out.n_part; i++) {
        MUST(distance(out.part[i].weight) < 1e-4);
        MUST(out.part[i].share > 0.9999);
    }
    ck_assert_double_eq_tol(out.personal, out.teacher, 1e-4);
    ck_assert(fabs(out.base - out.teacher) > 1e-3);
    struct tr_personal whole = out;
    run(teacher, NULL, &(struct tr_personalize_args){ .rank = TINY_RANK, .memory = 1 });
    for (size_t i = 0; i < out.n_part; i++) { /* a layer at a time: the same bits */
        size_t n = (size_t)tr_tensor_count(&out.lora->pair[i].a) * sizeof(float);
        ck_assert_mem_eq(out.lora->pair[i].a.data, whole.lora->pair[i].a.data, n);
    }
    tr_personal_release(&whole);
    tr_personal_release(&out);
    run(teacher, NULL, &(struct tr_personalize_args){ 0 });
    ck_assert_int_le(out.rank, TINY_RANK); /* it has no more to give */
    tr_personal_release(&out);
}
END_TEST

START_TEST(test_stream)
{
    run(teacher, pack, &(struct tr_personalize_args){ .form = form("stream"), .rank = 8,
                                                      .passes = 4 });
    ck_assert_uint_eq(out.n_part, 2 * TINY_LAYERS);
    ck_assert_int_eq(out.passes, 4);
    for (size_t i = 0; i < out.n_part; i++)
        MUST(out.part[i].share > 0.2 && out.part[i].share < 1);
    tr_personal_release(&out);
}
END_TEST

START_TEST(test_answers)
{
    run(NULL, pack, &(struct tr_personalize_args){ .form = form("answers"), .passes = 3,
                                                   .rank = 8 });
    ck_assert_int_ge(out.passes, 2);
    ck_assert_int_eq(out.rank, 8);
    ck_assert(isnan(out.teacher) && isnan(out.part[0].share));
    ck_assert(out.personal < out.base - 0.01);
    for (size_t i = 0; i < base->n_weight; i++)
        ck_assert(!base->weight[i].t.needs_grad && !base->weight[i].delta);
    tr_personal_release(&out);
}
END_TEST

/* The last two sequences have little in common with the ten others: lambda 0.1 and a large rank,
 * which follow those, are worse for them than what is chosen. */
START_TEST(test_chosen)
{
    struct tr_personalize_args args = { .form = form("answers"), .passes = 1 };
    run(NULL, NULL, &args);
    double personal = out.personal, lambda = out.lambda;
    int rank = out.rank;
    for (size_t i = 0; i < out.n_part; i++)
        MUST(out.part[i].lambda == lambda && out.part[i].rank <= rank);
    ck_assert(lambda != 0.1 && rank < 32);
    tr_personal_release(&out);
    args.lambda = 0.1;
    args.rank = rank;
    run(NULL, NULL, &args);
    ck_assert(out.lambda == 0.1 && out.part[0].lambda == 0.1 && out.rank == rank);
    ck_assert(out.personal > personal + 0.02);
    tr_personal_release(&out);
    args.lambda = lambda;
    args.rank = 32;
    run(NULL, NULL, &args);
    ck_assert(out.lambda == lambda && out.rank == 32);
    ck_assert(out.personal > personal + 0.02);
    tr_personal_release(&out);
}
END_TEST

/* What embed has of a model on the documents of the pack, which fill a sequence each. */
static void write_archive(struct tr_model *m, const char *file, const char *outputs)
{
    struct tr_err err = { 0 };
    struct tr_embed *e = tr_embed_new(m, &(struct tr_embed_args){
        .inputs = "all-linear", .outputs = outputs, .ctx = TINY_CTX }, &err);
    ck_assert_msg(e != NULL, "%s", err.text);
    for (uint64_t i = 0; i < tr_pack_info(pack)->n_seq; i++) {
        struct tr_pack_seq s;
        uint32_t id[TINY_CTX];
        ck_assert(!tr_pack_read(pack, i, &s, &err) && s.n == TINY_CTX && s.pos[s.n - 1] == s.n - 1);
        for (int j = 0; j < s.n; j++)
            id[j] = (uint32_t)s.token[j];
        ck_assert_msg(!tr_embed_add(e, id, (size_t)s.n, &err), "%s", err.text);
    }
    ck_assert_msg(!tr_embed_write(e, file, &err), "%s", err.text);
    tr_embed_free(e);
}

static void compare(const struct tr_lora *one, const struct tr_lora *two)
{
    for (size_t i = 0; i < one->n; i++) {
        const char *name = one->pair[i].name;
        const struct tr_gguf_tensor *w = tr_gguf_find_tensor(tr_model_gguf(base), name);
        size_t n = (size_t)tr_gguf_count(w);
        float *a = calloc(n, sizeof *a), *b = calloc(n, sizeof *b);
        double d = 0, all = 0;
        tr_lora_add_to(one, name, 1, 0, w->dim[0], a);
        tr_lora_add_to(two, name, 1, 0, w->dim[0], b);
        for (size_t j = 0; j < n; j++) {
            d += pow((double)a[j] - (double)b[j], 2);
            all += pow((double)b[j], 2);
        }
        free(a);
        free(b);
        MUST(all > 0 && sqrt(d / all) < 1e-3);
    }
}

static void refuse(const struct tr_personal_archives *paths, int code, const char *text)
{
    struct tr_err err = { 0 };
    struct tr_personalize_args args = { .rank = 2 };
    ck_assert_int_eq(tr_personalize_archives(base, paths, NULL, &args, &out, &err), code);
    ck_assert_msg(strstr(err.text, text) != NULL, "%s", err.text);
    tr_personal_release(&out);
}

/* Two archives: the adapter that comes of the models.  One: what is regressed is the change that
 * is known there, if lambda is small. */
START_TEST(test_archives)
{
    struct tr_err err = { 0 };
    char of[2][sizeof path + 8], damaged[sizeof path + 8];
    snprintf(of[0], sizeof of[0], "%s.t.npz", path);
    snprintf(of[1], sizeof of[1], "%s.s.npz", path);
    snprintf(damaged, sizeof damaged, "%s.d.npz", path);
    write_archive(teacher, of[0], "all-linear");
    write_archive(base, of[1], "all-linear");
    struct tr_personalize_args args = { .form = form("stream"), .rank = 8, .passes = 1,
                                        .lambda = 0.01 };
    struct tr_personal_archives both = { of[0], of[1] }, alone = { of[0], NULL };
    run(teacher, NULL, &args);
    struct tr_personal models = out;
    MUST(!tr_personalize_archives(base, &both, pack, &args, &out, &err));
    ck_assert_uint_eq(out.n_part, models.n_part);
    ck_assert_uint_eq(out.n_train, models.n_train);
    for (size_t i = 0; i < out.n_part; i++)
        MUST(fabs(out.part[i].share - models.part[i].share) < 1e-4);
    compare(out.lora, models.lora);
    ck_assert(out.personal != out.base && isnan(out.teacher));
    tr_personal_release(&models);
    tr_personal_release(&out);
    args = (struct tr_personalize_args){ .rank = TINY_RANK, .lambda = 1e-7 };
    MUST(!tr_personalize_archives(base, &alone, NULL, &args, &out, &err));
    ck_assert_uint_eq(out.n_part, 7 * TINY_LAYERS);
    compare(out.lora, adapter);
    ck_assert(isnan(out.base) && isnan(out.personal));
    tr_personal_release(&out);

    refuse(&both, TR_EINVAL, "archive of the teacher alone");
    write_archive(base, of[1], "attn_q");
    alone.teacher = of[1];
    refuse(&alone, TR_EFORMAT, "has no array 'blk.0.attn_k.out'");
    alone.teacher = path; /* a GGUF */
    refuse(&alone, TR_EFORMAT, "is no archive");
    char *bytes;
    size_t n;
    ck_assert(!tr_read_all(of[0], &bytes, &n, &err));
    bytes[n / 2] ^= 1;
    FILE *f = fopen(damaged, "wb");
    ck_assert(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
    free(bytes);
    alone.teacher = damaged;
    refuse(&alone, TR_EFORMAT, "damaged");
    remove(damaged);
    remove(of[0]);
    remove(of[1]);
}
END_TEST

START_TEST(test_refused)
{
    struct tr_err err = { 0 };
    struct tr_personalize_args args = { .rank = 2 };
    ck_assert_int_eq(tr_personalize(base, base, pack, NULL, &args, &out, &err), TR_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "do not differ"));
    tr_personal_release(&out);
    ck_assert_int_eq(tr_personalize(base, NULL, pack, NULL, &args, &out, &err), TR_EINVAL);
    tr_personal_release(&out);
    args.form = form("answers");
    ck_assert_int_eq(tr_personalize(base, teacher, pack, NULL, &args, &out, &err), TR_EINVAL);
    tr_personal_release(&out);
    ck_assert(!tr_personalize_form_at(3));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("personalize");
    TCase *tc = tcase_create("fit");
    tcase_add_test(tc, test_ridge);
    tcase_add_test(tc, test_known);
    tcase_add_test(tc, test_raised);
    suite_add_tcase(s, tc);
    tc = tcase_create("models");
    tcase_add_checked_fixture(tc, open_all, close_all);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_comes_back);
    tcase_add_test(tc, test_stream);
    tcase_add_test(tc, test_answers);
    tcase_add_test(tc, test_chosen);
    tcase_add_test(tc, test_archives);
    tcase_add_test(tc, test_refused);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
