/* SPDX-License-Identifier: MIT
 *
 * What merging makes of the numbers of several files, and what of it a type of few bits keeps.
 */
#include "scratch.h"
#include "suite.h"
#include "tiny_model.h"

#include <libtrain/edit/merge_change.h>

#include <libtrain/merge.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ==== what a type keeps of a change ==== */

enum { COLS = 256, ROWS = 40, N = COLS * ROWS };

struct packing {
    float w[N], change[N], sum[N], back[N];
    unsigned char packed[N * 4];
};

static void pack(struct packing *p, const struct tr_dtype *type, float scale)
{
    tiny_numbers("change", p->change, N);
    tiny_numbers("weights", p->w, N);
    type->from_f32(p->w, p->packed, N);
    type->to_f32(p->packed, p->w, N);
    for (int i = 0; i < N; i++) {
        p->change[i] *= scale;
        p->sum[i] = p->w[i] + p->change[i];
    }
    type->from_f32(p->sum, p->packed, N);
    type->to_f32(p->packed, p->back, N);
}

static struct tr_merge_change measured(const struct packing *p, const struct tr_dtype *type)
{
    struct tr_merge_change c = { 0 };
    tr__change_add(&c, &(struct tr__changed){ N, COLS, p->change, p->sum, p->packed, type });
    return c;
}

static const struct {
    const char *type;
    float scale;
} changes[] = { { "Q4_0", 1 }, { "Q4_0", 0.01f }, { "Q6_K", 0.3f }, { "F16", 1e-3f } };

START_TEST(test_change)
{
    struct packing *p = malloc(sizeof *p);
    const struct tr_dtype *type = tr_dtype_by_name(changes[_i].type);
    double change = 0, kept = 0, lost = 0;
    pack(p, type, changes[_i].scale);
    struct tr_merge_change c = measured(p, type);
    for (int i = 0; i < N; i++) {
        double d = (double)p->change[i];
        change += d * d;
        kept += ((double)p->back[i] - (double)p->sum[i] + d) * d;
        lost += pow((double)p->back[i] - (double)p->sum[i], 2);
    }
    ck_assert_double_eq_tol(c.change, change, 1e-12 * change);
    ck_assert_double_eq_tol(c.lost, lost, 1e-12 * lost);
    ck_assert_double_eq_tol(c.kept, kept, 1e-9 * change);
    ck_assert_int_eq(c.tried > 0, change < lost);
    free(p);
}
END_TEST

/* What is estimated from some rows of a small change, beside all of them. */
START_TEST(test_change_in_types)
{
    struct packing *p = malloc(sizeof *p);
    const struct tr_dtype *type = tr_dtype_by_name("Q4_0");
    pack(p, type, 0.01f);
    struct tr_merge_change c = measured(p, type);
    for (int i = 0; i < TR_MERGE_N_TYPE; i++) {
        double lost = 0;
        tr_merge_type(i)->from_f32(p->sum, p->packed, N);
        tr_merge_type(i)->to_f32(p->packed, p->back, N);
        for (int k = 0; k < N; k++)
            lost += pow((double)p->back[k] - (double)p->sum[k], 2);
        ck_assert_double_eq_tol(c.in_type[i], lost, 0.1 * lost + 1e-30);
    }
    ck_assert_ptr_null(tr_merge_type(TR_MERGE_N_TYPE));
    /* rows of 32 are no blocks of 256 */
    c = (struct tr_merge_change){ 0 };
    tr__change_add(&c, &(struct tr__changed){ N, 32, p->change, p->sum, p->packed,
                                              tr_dtype_by_name("F32") });
    memset(p->packed, 0, sizeof p->packed);
    tr__change_add(&c, &(struct tr__changed){ N, 32, p->change, p->sum, p->packed, type });
    ck_assert(isinf(c.in_type[0]) && isfinite(c.in_type[3]));
    free(p);
}
END_TEST

/* ==== several models, beside dev/merge_reference.py ==== */

static const struct {
    const char *name;
    int n_dim;
    int64_t dim[2];
} tensors[] = { { "blk.0.attn_q.weight", 2, { 8, 32 } },
                { "blk.0.ffn_up.weight", 2, { 4, 64 } },
                { "blk.0.vector", 1, { 32 } } };
enum { N_TENSOR = sizeof tensors / sizeof *tensors, MOST = 256 };

static int64_t numbers_of(int i)
{
    return tensors[i].n_dim > 1 ? tensors[i].dim[0] * tensors[i].dim[1] : tensors[i].dim[0];
}

/* The base's numbers, or those of "a", "b", "c" near it, or of "far". */
static void fill(const char *which, const char *tensor, float *v, int64_t n)
{
    char name[64];
    float base[MOST];
    snprintf(name, sizeof name, "%s %s", which, tensor);
    tiny_numbers(name, v, n);
    if (!strcmp(which, "base") || !strcmp(which, "far"))
        return;
    snprintf(name, sizeof name, "base %s", tensor);
    tiny_numbers(name, base, n);
    for (int64_t i = 0; i < n; i++)
        v[i] = base[i] + v[i] / 16;
}

/* What is different in the models of a test. */
struct variant {
    const char *which, *arch, *token, *rename;
    const struct tr_dtype *type;
    int64_t rows; /* of the first tensor */
    float last;   /* number of the last tensor, in place of its own; 0: none */
};

static void write_variant(const char *to, const struct variant *x)
{
    struct tr_err err = { 0 };
    float v[MOST];
    char packed[MOST * 4];
    struct tr_str token[] = { { "a", 1 }, { x->token ? x->token : "b", 1 } };
    const struct tr_dtype *type = x->type ? x->type : &tr_f32;
    struct tr_gguf_writer *w = tr_gguf_create(to, &err);
    tr_gguf_set_string(w, "general.architecture", x->arch ? x->arch : "merge");
    tr_gguf_set_u32(w, "merge.block_count", x->which[0] == 'c' ? 2 : 1);
    tr_gguf_set_strings(w, "tokenizer.ggml.tokens", token, 2);
    for (int i = 0; i < N_TENSOR; i++) {
        int64_t dim[2] = { tensors[i].dim[0], tensors[i].dim[1] };
        if (!i && x->rows)
            dim[0] = x->rows;
        const char *name = i == 2 && x->rename ? x->rename : tensors[i].name;
        tr_gguf_add_tensor(w, name, i == 2 ? &tr_f32 : type, tensors[i].n_dim, dim);
    }
    for (int i = 0; i < N_TENSOR; i++) {
        int64_t n = !i && x->rows ? x->rows * 32 : numbers_of(i);
        const struct tr_dtype *to_type = i == 2 ? &tr_f32 : type;
        fill(x->which, tensors[i].name, v, n);
        if (i == 2 && x->last != 0)
            v[n - 1] = x->last;
        to_type->from_f32(v, packed, n);
        ck_assert(!tr_gguf_write(w, packed, n / to_type->block * to_type->bytes, &err));
    }
    ck_assert_msg(!tr_gguf_commit(w, &err), "%s", err.text);
}

static void write_one(const char *to, const char *which, const struct tr_dtype *type)
{
    write_variant(to, &(struct variant){ .which = which, .type = type });
}

static const struct tr_merge_method *method_of(const char *name)
{
    const struct tr_merge_method *m;
    for (int i = 0; (m = tr_merge_method_at(i)); i++)
        if (!strcmp(tr_merge_method_name(m), name))
            return m;
    ck_abort_msg("no method %s", name);
    return NULL;
}

struct merging {
    struct tr_gguf *base, *model[3];
    struct tr_merge_models_args args;
    double weight[3];
};

/* "a:0.3 far:1": those models, all of this type. */
static void open_merging(struct merging *m, const char *method, const char *models,
                         const struct tr_dtype *type)
{
    struct tr_err err = { 0 };
    char text[64], *rest = NULL;
    *m = (struct merging){ 0 };
    snprintf(text, sizeof text, "%s", models);
    write_one(path, "base", type);
    m->base = tr_gguf_open(path, &err);
    for (char *p = strtok_r(text, " ", &rest); p; p = strtok_r(NULL, " ", &rest)) {
        char *colon = strchr(p, ':');
        *colon = '\0';
        const char *file = in_dir(p);
        write_one(file, p, type);
        m->weight[m->args.n] = strtod(colon + 1, NULL);
        m->model[m->args.n++] = tr_gguf_open(file, &err);
    }
    m->args = (struct tr_merge_models_args){
        .method = method_of(method), .n = m->args.n, .weight = m->weight, .density = 1,
        .model = (const struct tr_gguf *const *)m->model, .lambda = 1, .normalize = -1,
    };
}

static struct tr_gguf *merged(struct merging *m)
{
    struct tr_err err = { 0 };
    struct tr_recipe *r = tr_merge_models_recipe(m->base, &m->args, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    ck_assert_msg(!tr_merge_models(m->base, r, &m->args, other, &err), "%s", err.text);
    tr_recipe_free(r);
    struct tr_gguf *g = tr_gguf_open(other, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    return g;
}

static void close_merging(struct merging *m)
{
    for (size_t i = 0; i < m->args.n; i++)
        tr_gguf_close(m->model[i]);
    tr_gguf_close(m->base);
}

static const struct {
    const char *name, *method, *models;
    struct tr_merge_models_args with;
} cases[] = {
    { "linear", "linear", "a:0.3 b:0.9", { .normalize = -1 } },
    { "linear-sum", "linear", "a:0.3 b:0.9", { .normalize = 0 } },
    { "task", "task", "a:0.5 b:-0.25 c:1", { .lambda = 0.7, .normalize = -1 } },
    { "task-mean", "task", "a:0.5 b:2", { .normalize = 1 } },
    { "slerp", "slerp", "far:0.3", { .normalize = -1 } },
    { "slerp-two", "slerp", "a:1 far:3", { .normalize = -1 } },
    { "slerp-near", "slerp", "a:0.4", { .normalize = -1 } },
    { "ties", "ties", "a:1 b:1 c:1", { .density = 0.3, .normalize = -1 } },
    { "ties-weights", "ties", "a:0.5 b:2 c:-1",
      { .density = 0.6, .lambda = 0.8, .normalize = -1 } },
    { "ties-sum", "ties", "a:1 b:0.5", { .density = 0.2, .normalize = 0 } },
    { "dare", "dare", "a:0.5 b:1", { .density = 0.4, .normalize = -1 } },
    { "dare-seed", "dare", "a:0.5 b:1",
      { .density = 0.4, .seed = 123456789012, .lambda = 2, .normalize = -1 } },
    { "dare-ties", "dare-ties", "a:1 b:0.5 c:1",
      { .density = 0.5, .seed = 7, .normalize = -1 } },
};

START_TEST(test_method)
{
    struct tr_err err = { 0 };
    struct merging m;
    open_merging(&m, cases[_i].method, cases[_i].models, &tr_f32);
    const struct tr_merge_models_args *with = &cases[_i].with;
    m.args.normalize = with->normalize;
    m.args.seed = with->seed;
    m.args.density = with->density > 0 ? with->density : 1;
    m.args.lambda = with->lambda > 0 ? with->lambda : 1;
    struct tr_gguf *got = merged(&m), *golden = tr_gguf_open("tests/golden/merge.gguf", &err);
    ck_assert_msg(golden != NULL, "%s", err.text);
    for (int i = 0; i < N_TENSOR; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.%s", cases[_i].name, tensors[i].name);
        const float *want = tr_gguf_find_tensor(golden, name)->data;
        const float *is = tr_gguf_find_tensor(got, tensors[i].name)->data;
        for (int64_t k = 0; k < numbers_of(i); k++)
            ck_assert_double_eq_tol((double)is[k], (double)want[k], 1e-7);
    }
    tr_gguf_close(golden);
    tr_gguf_close(got);
    close_merging(&m);
}
END_TEST

/* Merges that are one of their models: tensors bit for bit, in types too that do not give
 * back what was unpacked from them. */
static const struct {
    const char *method, *models;
    int want; /* model; -1: base */
} whole[] = {
    { "linear", "a:1", 0 }, { "linear", "a:0.3 a:0.6", 0 }, { "slerp", "far:0", -1 },
    { "slerp", "far:1", 0 }, { "slerp", "a:1 far:0", 0 }, { "slerp", "a:0", -1 },
    { "slerp", "a:1", 0 }, { "task", "a:0", -1 }, { "ties", "a:0 b:0", -1 },
    { "dare-ties", "a:0", -1 },
};
static const char *const types[] = { "F32", "F16", "Q8_0", "Q4_1", "Q5_0" };
enum { N_WHOLE = sizeof whole / sizeof *whole, N_TYPE = sizeof types / sizeof *types };

START_TEST(test_whole)
{
    struct merging m;
    open_merging(&m, whole[_i % N_WHOLE].method, whole[_i % N_WHOLE].models,
                 tr_dtype_by_name(types[_i / N_WHOLE]));
    int which = whole[_i % N_WHOLE].want;
    struct tr_gguf *got = merged(&m), *want = which < 0 ? m.base : m.model[which];
    for (int i = 0; i < N_TENSOR; i++) {
        const struct tr_gguf_tensor *a = tr_gguf_find_tensor(got, tensors[i].name);
        const struct tr_gguf_tensor *b = tr_gguf_find_tensor(want, tensors[i].name);
        ck_assert_ptr_eq(a->dtype, b->dtype);
        ck_assert_mem_eq(a->data, b->data, (size_t)b->bytes);
    }
    tr_gguf_close(got);
    close_merging(&m);
}
END_TEST

/* A pattern's weights; files of several types; what is said of the change. */
START_TEST(test_rules)
{
    struct merging m;
    struct tr_merge_change change[N_TENSOR] = { { 0 } };
    const struct tr_merge_rule rules[] = { { "FFN", (double[]){ 0, 1 } },
                                           { "ffn_up|vec", (double[]){ 1, 0 } } };
    open_merging(&m, "linear", "a:1 b:1", tr_dtype_by_name("F32"));
    tr_gguf_close(m.model[1]);
    write_one(in_dir("b16"), "b", &tr_f16);
    m.model[1] = tr_gguf_open(scratch[n_scratch - 1], &(struct tr_err){ 0 });
    m.args.rule = rules;
    m.args.n_rule = 2;
    m.args.change = change;
    struct tr_gguf *got = merged(&m);
    double squares = 0;
    for (int i = 0; i < N_TENSOR; i++) {
        float a[MOST], b[MOST], base[MOST];
        const float *is = tr_gguf_find_tensor(got, tensors[i].name)->data;
        const struct tr_gguf_tensor *half = tr_gguf_find_tensor(m.model[1], tensors[i].name);
        fill("a", tensors[i].name, a, numbers_of(i));
        fill("base", tensors[i].name, base, numbers_of(i));
        half->dtype->to_f32(half->data, b, numbers_of(i));
        for (int64_t k = 0; k < numbers_of(i); k++) {
            float want = i == 0 ? (a[k] + b[k]) / 2 : i == 1 ? b[k] : a[k];
            ck_assert_double_eq_tol((double)is[k], (double)want, 1e-7);
            squares += i ? 0 : pow((double)want - (double)base[k], 2);
        }
    }
    ck_assert_double_eq_tol(change[0].change, squares, 1e-6 * squares);
    ck_assert_double_eq_tol(change[0].kept, squares, 1e-6 * squares);
    ck_assert(change[0].lost == 0);
    tr_gguf_close(got);
    close_merging(&m);
}
END_TEST

/* ==== more than one slab ==== */

enum { LONG_ROWS = 1100, LONG_COLS = 1024, LONG = LONG_ROWS * LONG_COLS };

static void write_long(const char *to, const char *name, const float *plus, float scale)
{
    struct tr_err err = { 0 };
    float *v = malloc(LONG * sizeof *v);
    struct tr_gguf_writer *w = tr_gguf_create(to, &err);
    tr_gguf_set_string(w, "general.architecture", "merge");
    tr_gguf_add_tensor(w, "w.weight", &tr_f32, 2, (int64_t[]){ LONG_ROWS, LONG_COLS });
    for (int i = 0; i < LONG; i++) {
        uint32_t bits = tiny_bits(name, i);
        v[i] = scale * ((float)(bits >> 8) * 0x1p-24f - 0.5f) + (plus ? plus[i] : 0);
    }
    ck_assert(!tr_gguf_write(w, v, LONG * 4, &err));
    ck_assert_msg(!tr_gguf_commit(w, &err), "%s", err.text);
    free(v);
}

/* The largest changes of the whole tensor stay, whatever slab they are in. */
START_TEST(test_slabs)
{
    struct tr_err err = { 0 };
    double weight = 1;
    write_long(path, "base", NULL, 1);
    struct tr_gguf *base = tr_gguf_open(path, &err), *model;
    const float *b = tr_gguf_tensor(base, 0)->data;
    write_long(in_dir("model"), "model", b, 0.125f);
    model = tr_gguf_open(scratch[n_scratch - 1], &err);
    struct merging m = { .base = base, .model = { model } };
    m.args = (struct tr_merge_models_args){
        .method = method_of("ties"), .n = 1, .weight = &weight, .density = 0.01,
        .model = (const struct tr_gguf *const *)m.model, .lambda = 1, .normalize = -1,
    };
    struct tr_gguf *got = merged(&m);
    const float *a = tr_gguf_tensor(model, 0)->data, *is = tr_gguf_tensor(got, 0)->data;
    float most_dropped = 0, least_kept = 1;
    int n_kept = 0;
    for (int i = 0; i < LONG; i++) {
        float size = fabsf(a[i] - b[i]);
        int kept = is[i] != b[i];
        MUST(!kept || is[i] == a[i]);
        n_kept += kept;
        if (kept)
            least_kept = fminf(least_kept, size);
        else
            most_dropped = fmaxf(most_dropped, size);
    }
    ck_assert_int_ge(n_kept, LONG / 100); /* more, where some are of one size */
    ck_assert_int_le(n_kept, LONG / 100 + LONG / 10000);
    ck_assert(most_dropped < least_kept);
    tr_gguf_close(got);
    close_merging(&m);
}
END_TEST

/* ==== what is refused ==== */

static const struct {
    const char *method, *text;
    struct variant model;
    double weight;
} refused[] = {
    { "task", "is of architecture 'merge'", { "a", .arch = "other" }, 1 },
    { "task", "token 1 is 'b' in", { "a", .token = "c" }, 1 },
    { "task", "tensor 'blk.0.attn_q.weight' is (8, 32) in", { "a", .rows = 4 }, 1 },
    { "task", "has no tensor 'blk.0.vector', which", { "a", .rename = "x" }, 1 },
    { "task", "'blk.0.vector' holds a NaN or an infinity in rows 0 to 0",
      { "a", .last = INFINITY }, 1 },
    { "task", "tensor 'blk.0.vector': row 0 holds a NaN", { "a", .last = 3e38f }, 3 },
    { "linear", "linear: the weights add up to 0", { .which = "a" }, 0 },
    { "task", "a weight of", { .which = "a" }, NAN },
};

START_TEST(test_refused)
{
    struct tr_err err = { 0 };
    write_one(path, "base", NULL);
    write_variant(in_dir("model"), &refused[_i].model);
    struct tr_gguf *base = tr_gguf_open(path, &err);
    struct tr_gguf *model = tr_gguf_open(scratch[n_scratch - 1], &err);
    const struct tr_gguf *models[] = { model };
    struct tr_merge_models_args args = {
        .method = method_of(refused[_i].method), .n = 1, .weight = &refused[_i].weight,
        .density = 1, .model = models, .lambda = 1, .normalize = -1,
    };
    struct tr_recipe *r = tr_merge_models_recipe(base, &args, &err);
    ck_assert_int_ne(tr_merge_models(base, r, &args, other, &err), 0);
    ck_assert_msg(strstr(err.text, refused[_i].text) != NULL, "%s", err.text);
    ck_assert_int_ne(access(other, F_OK), 0);
    tr_recipe_free(r);
    tr_gguf_close(model);
    tr_gguf_close(base);
}
END_TEST

START_TEST(test_refused_numbers)
{
    struct merging m;
    open_merging(&m, "slerp", "a:1 b:1 c:1", NULL);
    struct tr_err err = { 0 };
    ck_assert_int_eq(tr_merge_models_check(m.base, &m.args, &err), TR_EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "slerp takes 1 to 2 models"));
    err = (struct tr_err){ 0 };
    m.args.method = method_of("ties");
    m.args.density = 0;
    ck_assert_int_eq(tr_merge_models_check(m.base, &m.args, &err), TR_EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "density of 0"));
    ck_assert_str_eq(tr_merge_other_key(m.base, m.model[2], 0), "merge.block_count");
    ck_assert_ptr_null(tr_merge_other_key(m.base, m.model[2], 1));
    ck_assert_ptr_null(tr_merge_other_key(m.base, m.model[0], 0));
    close_merging(&m);
}
END_TEST

static TCase *with_files(Suite *s, const char *name)
{
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    suite_add_tcase(s, tc);
    return tc;
}

int main(void)
{
    Suite *s = suite_create("merge_methods");
    TCase *tc = tcase_create("change");
    tcase_add_loop_test(tc, test_change, 0, sizeof changes / sizeof *changes);
    tcase_add_test(tc, test_change_in_types);
    suite_add_tcase(s, tc);
    tc = with_files(s, "models");
    tcase_add_loop_test(tc, test_method, 0, sizeof cases / sizeof *cases);
    tcase_add_loop_test(tc, test_whole, 0, N_WHOLE * N_TYPE);
    tcase_add_test(tc, test_rules);
    tcase_add_test(tc, test_slabs);
    tc = with_files(s, "refused");
    tcase_add_loop_test(tc, test_refused, 0, sizeof refused / sizeof *refused);
    tcase_add_test(tc, test_refused_numbers);
    return run_suite(s);
}
