/* SPDX-License-Identifier: MIT
 *
 * Several adapters as one: what they change of a base, added up here in f64.
 */
#include "scratch.h"
#include "suite.h"
#include "tiny_model.h"

#include <libtrain/gguf.h>
#include <libtrain/join.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pairs of experts, of a matrix, of a token table (which is the other way round). */
enum { EXPERTS = 3, N_TARGET = 3, MOST = 3 * 12 * 10 };
static const struct {
    const char *name;
    int64_t n_matrix, m, n;
    int table;
} target[N_TARGET] = {
    { "blk.0.ffn_up_exps.weight", EXPERTS, 12, 10, 0 },
    { "blk.0.attn_q.weight", 1, 9, 8, 0 },
    { "token_embd.weight", 1, 11, 7, 1 },
};

/* What an adapter of the tests has. */
struct adapter {
    const char *seed;
    int rank[N_TARGET]; /* 0: no pair */
    float alpha;        /* below 0: no key */
    const struct tr_dtype *type;
    int64_t more;       /* columns of the second target, instead of its own; 0: those */
    const char *arch;
};

static void shapes(const struct adapter *x, int i, int64_t a[3], int64_t b[3])
{
    int64_t n = i == 1 && x->more ? x->more : target[i].n;
    a[0] = b[0] = target[i].n_matrix;
    a[1] = target[i].table ? target[i].m : x->rank[i];
    a[2] = target[i].table ? x->rank[i] : n;
    b[1] = target[i].table ? n : target[i].m;
    b[2] = x->rank[i];
}

static void write_numbers(struct tr_gguf_writer *w, const char *seed, const char *what,
                          const struct tr_dtype *type, int64_t n)
{
    struct tr_err err = { 0 };
    char name[96];
    float v[MOST];
    unsigned char packed[MOST * 4];
    snprintf(name, sizeof name, "%s %s", seed, what);
    tiny_numbers(name, v, n);
    type->from_f32(v, packed, n);
    ck_assert(!tr_gguf_write(w, packed, n * type->bytes / type->block, &err));
}

static struct tr_gguf *make_adapter(const char *to, const struct adapter *x)
{
    struct tr_err err = { 0 };
    struct tr_gguf_writer *w = tr_gguf_create(to, &err);
    tr_gguf_set_string(w, "general.architecture", x->arch ? x->arch : "llama");
    tr_gguf_set_string(w, "general.type", "adapter");
    tr_gguf_set_string(w, "adapter.type", "lora");
    tr_gguf_set_string(w, "general.name", x->seed);
    if (x->alpha >= 0)
        tr_gguf_set_f32(w, "adapter.lora.alpha", x->alpha);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < N_TARGET; i++) {
            int64_t a[3], b[3];
            char name_a[80], name_b[80];
            if (!x->rank[i])
                continue;
            shapes(x, i, a, b);
            snprintf(name_a, sizeof name_a, "%s.lora_a", target[i].name);
            snprintf(name_b, sizeof name_b, "%s.lora_b", target[i].name);
            if (pass) {
                write_numbers(w, x->seed, name_a, x->type, a[0] * a[1] * a[2]);
                write_numbers(w, x->seed, name_b, x->type, b[0] * b[1] * b[2]);
                continue;
            }
            /* a pair of rank 1 may have a vector */
            int skip = i ? 1 + (x->rank[i] == 1 && !target[i].table) : 0;
            tr_gguf_add_tensor(w, name_a, x->type, 3 - skip, a + skip);
            tr_gguf_add_tensor(w, name_b, x->type, i ? 2 : 3, i ? b + 1 : b);
        }
    ck_assert_msg(!tr_gguf_commit(w, &err), "%s", err.text);
    struct tr_gguf *g = tr_gguf_open(to, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    return g;
}

/* sum (n_matrix, m, n) += scale * what the adapter in the file changes of a target. */
static void add_change(const struct tr_gguf *g, int i, double scale, double *sum)
{
    char name[80];
    float a[MOST], b[MOST], alpha = 0;
    snprintf(name, sizeof name, "%s.lora_a", target[i].name);
    const struct tr_gguf_tensor *ta = tr_gguf_find_tensor(g, name);
    snprintf(name, sizeof name, "%s.lora_b", target[i].name);
    const struct tr_gguf_tensor *tb = tr_gguf_find_tensor(g, name);
    if (!ta)
        return;
    int64_t m = target[i].m, n = target[i].n, r = tr_gguf_row(tb);
    ta->dtype->to_f32(ta->data, a, tr_gguf_count(ta));
    tb->dtype->to_f32(tb->data, b, tr_gguf_count(tb));
    if (tr_gguf_f32(g, "adapter.lora.alpha", &alpha, NULL) == 1 && alpha != 0)
        scale *= (double)alpha / (double)r;
    for (int64_t x = 0; x < target[i].n_matrix * m * n; x++)
        for (int64_t k = 0; k < r; k++) {
            int64_t e = x / (m * n), row = x / n % m, col = x % n;
            double u = (double)(target[i].table ? a[row * r + k] : b[(e * m + row) * r + k]);
            double v = (double)(target[i].table ? b[col * r + k] : a[(e * r + k) * n + col]);
            sum[x] += scale * u * v;
        }
}

static const struct adapter adapters[] = {
    { "one", { 2, 3, 2 }, 16, &tr_f32, 0, NULL },
    { "two", { 1, 1, 0 }, 8, &tr_f16, 0, NULL },
    { "three", { 0, 2, 3 }, -1, &tr_f32, 0, NULL },
};
static const double scales[] = { 0.5, -2, 3 };
enum { N = sizeof adapters / sizeof *adapters };

static int joined_rank(int i, int most)
{
    int all = 0;
    for (int k = 0; k < N; k++)
        all += adapters[k].rank[i];
    return most && most < all ? most : all;
}

/* Side by side, and cut to a rank: what is missing is what *loss says. */
static void check_join(int most)
{
    struct tr_err err = { 0 };
    struct tr_gguf *g[N];
    struct tr_join_loss *loss;
    size_t n;
    for (int i = 0; i < N; i++)
        g[i] = make_adapter(in_dir(adapters[i].seed), &adapters[i]);
    struct tr_join_args args = { N, (const struct tr_gguf *const *)g, scales, most, 0, NULL, NULL,
                                 { 0 } };
    ck_assert_msg(!tr_join(&args, other, &loss, &n, &err), "%s", err.text);
    ck_assert_uint_eq(n, N_TARGET);
    struct tr_gguf *out = tr_gguf_open(other, &err);
    for (int i = 0; i < N_TARGET; i++) {
        double sum[MOST] = { 0 }, change = 0, left = 0;
        int64_t count = target[i].n_matrix * target[i].m * target[i].n;
        ck_assert_str_eq(loss[i].name, target[i].name);
        ck_assert_int_eq(loss[i].rank, joined_rank(i, most));
        for (int k = 0; k < N; k++)
            add_change(g[k], i, scales[k], sum);
        for (int64_t x = 0; x < count; x++)
            change += sum[x] * sum[x];
        add_change(out, i, -1, sum);
        for (int64_t x = 0; x < count; x++)
            left += sum[x] * sum[x];
        ck_assert_double_eq_tol(left, loss[i].lost, 1e-5 * change);
        if (loss[i].lost > 0) {
            ck_assert_double_eq_tol(loss[i].change, change, 1e-5 * change);
            ck_assert(loss[i].lost < change);
        } else {
            ck_assert(left < 1e-12 * change);
        }
    }
    free(loss);
    tr_gguf_close(out);
    for (int i = 0; i < N; i++)
        tr_gguf_close(g[i]);
}

START_TEST(test_join)
{
    check_join(0);
}
END_TEST

START_TEST(test_rank)
{
    check_join(2);
}
END_TEST

/* A rank beyond a side of the matrix. */
START_TEST(test_wide)
{
    struct tr_err err = { 0 };
    const struct adapter x = { "wide", { 0, 6, 0 }, 6, &tr_f32, 0, NULL };
    struct tr_gguf *g = make_adapter(in_dir("wide"), &x), *same[] = { g, g };
    struct tr_join_loss *loss;
    size_t n;
    struct tr_join_args args = { 2, (const struct tr_gguf *const *)same,
                                 (double[]){ 1, 0.5 }, 11, 0, NULL, NULL, { 0 } };
    ck_assert_msg(!tr_join(&args, other, &loss, &n, &err), "%s", err.text);
    ck_assert_int_eq(loss[0].rank, 8);
    struct tr_gguf *out = tr_gguf_open(other, &err);
    double sum[MOST] = { 0 }, left = 0;
    add_change(g, 1, 1.5, sum);
    add_change(out, 1, -1, sum);
    for (int i = 0; i < 72; i++)
        left += fabs(sum[i]);
    ck_assert(left < 1e-4);
    free(loss);
    tr_gguf_close(out);
    tr_gguf_close(g);
}
END_TEST

static const struct {
    struct adapter adapter;
    const char *text;
} refused[] = {
    { { "x", { 0, 2, 0 }, 1, &tr_f32, 5, NULL }, "is for 9 x 5, that in" },
    { { "x", { 0, 2, 0 }, INFINITY, &tr_f32, 0, NULL }, "'adapter.lora.alpha' is inf" },
    { { "x", { 0, 2, 0 }, 1, &tr_f32, 0, "gpt2" }, "'general.architecture' is 'gpt2', in" },
    { { "x", { 0, 0, 0 }, 1, &tr_f32, 0, NULL }, NULL }, /* no pairs add nothing */
};

START_TEST(test_refused)
{
    struct tr_err err = { 0 };
    struct tr_join_loss *loss;
    size_t n;
    struct tr_gguf *g[] = { make_adapter(in_dir("one"), &adapters[0]), NULL };
    g[1] = make_adapter(in_dir("x"), &refused[_i].adapter);
    struct tr_join_args args = { 2, (const struct tr_gguf *const *)g, (double[]){ 1, 1 }, 0,
                                 0, NULL, NULL, { 0 } };
    int rc = tr_join(&args, other, &loss, &n, &err);
    if (refused[_i].text) {
        ck_assert_int_ne(rc, 0);
        ck_assert_int_ne(access(other, F_OK), 0);
        ck_assert_msg(strstr(err.text, refused[_i].text) != NULL, "%s", err.text);
    } else {
        ck_assert_int_eq(rc, 0);
    }
    free(loss);
    tr_gguf_close(g[0]);
    tr_gguf_close(g[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("join");
    TCase *tc = tcase_create("adapters");
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_test(tc, test_join);
    tcase_add_test(tc, test_rank);
    tcase_add_test(tc, test_wide);
    tcase_add_loop_test(tc, test_refused, 0, sizeof refused / sizeof *refused);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
