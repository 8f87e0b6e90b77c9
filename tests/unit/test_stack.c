/* SPDX-License-Identifier: MIT
 *
 * Blocks of several models, one behind the other: which numbers and keys end up where.
 */
#include "scratch.h"
#include "suite.h"

#include <libtrain/gguf.h>
#include <libtrain/merge.h>

#include <stdlib.h>
#include <string.h>

enum { MOST_BLOCK = 4, N = 32 };

struct made {
    int n_block;
    uint32_t heads[MOST_BLOCK];
    uint32_t width;
    int per_block; /* heads are an array */
    float number;  /* of the first tensor; those behind have 1 more each */
};

static struct tr_gguf *make_model(const char *to, const struct made *x)
{
    struct tr_err err = { 0 };
    float v[N];
    char name[64];
    struct tr_gguf_writer *w = tr_gguf_create(to, &err);
    tr_gguf_set_string(w, "general.architecture", "arch");
    tr_gguf_set_u32(w, "arch.block_count", (uint32_t)x->n_block);
    tr_gguf_set_u32(w, "arch.width", x->width);
    if (x->per_block)
        tr_gguf_set_array(w, "arch.heads", TR_GGUF_U32, x->heads, (uint64_t)x->n_block);
    else
        tr_gguf_set_u32(w, "arch.heads", x->heads[0]);
    tr_gguf_add_tensor(w, "token_embd.weight", &tr_f32, 1, (int64_t[]){ N });
    for (int i = 0; i < x->n_block; i++) {
        snprintf(name, sizeof name, "blk.%d.x.weight", i);
        tr_gguf_add_tensor(w, name, &tr_f32, 2, (int64_t[]){ 1, N });
    }
    tr_gguf_add_tensor(w, "output.weight", &tr_f32, 1, (int64_t[]){ N });
    for (int i = 0; i < x->n_block + 2; i++) {
        for (int k = 0; k < N; k++)
            v[k] = x->number + (float)i;
        ck_assert(!tr_gguf_write(w, v, sizeof v, &err));
    }
    ck_assert_msg(!tr_gguf_commit(w, &err), "%s", err.text);
    return tr_gguf_open(to, &err);
}

static const struct tr_merge_method *passthrough(void)
{
    int i = 0;
    while (strcmp(tr_merge_method_name(tr_merge_method_at(i)), "passthrough"))
        i++;
    return tr_merge_method_at(i);
}

static int stack(struct tr_gguf *base, struct tr_gguf *model, const char *layers,
                 struct tr_err *err)
{
    double weight = 1;
    struct tr_merge_models_args args = {
        .method = passthrough(), .n = 1, .weight = &weight, .density = 1,
        .model = (const struct tr_gguf *const *)&model, .layers = layers,
    };
    ck_assert(tr_merge_layers(args.method));
    return tr_merge_models(base, NULL, &args, other, err);
}

static float first_of(const struct tr_gguf *g, const char *name)
{
    return *(const float *)tr_gguf_find_tensor(g, name)->data;
}

static const struct made small = { 2, { 3, 5 }, 9, 1, 10 };
static const struct made large = { 3, { 7, 8, 9 }, 9, 1, 20 };

START_TEST(test_stack)
{
    struct tr_err err = { 0 };
    struct tr_gguf *a = make_model(path, &small), *b = make_model(in_dir("b"), &large);
    const struct tr_gguf_kv *kv;
    ck_assert_msg(!stack(a, b, "0 1\n1 0-1 # two\n1 out*\n0 0", &err), "%s", err.text);
    struct tr_gguf *g = tr_gguf_open(other, &err);
    static const struct {
        const char *name;
        float number;
    } want[] = { { "token_embd.weight", 10 }, { "blk.0.x.weight", 12 }, { "blk.1.x.weight", 21 },
                 { "blk.2.x.weight", 22 }, { "blk.3.x.weight", 11 }, { "output.weight", 24 } };
    static const int64_t heads[] = { 5, 7, 8, 3 };
    ck_assert_uint_eq(tr_gguf_n_tensor(g), sizeof want / sizeof *want);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        ck_assert_str_eq(tr_gguf_tensor(g, i)->name, want[i].name);
        ck_assert(first_of(g, want[i].name) == want[i].number);
    }
    ck_assert_int_eq(tr_gguf_array(g, "arch.heads", TR_GGUF_U32, &kv, &err), 1);
    ck_assert_uint_eq(kv->count, 4);
    for (uint64_t i = 0; i < 4; i++)
        ck_assert_int_eq(tr_gguf_elem_int(kv, i), heads[i]);
    int64_t n = 0;
    ck_assert_int_eq(tr_gguf_int(g, "arch.block_count", &n, &err), 1);
    ck_assert_int_eq(n, 4);
    tr_gguf_close(g);
    tr_gguf_close(b);
    tr_gguf_close(a);
}
END_TEST

static const struct {
    struct made model;
    const char *layers, *text;
} refused[] = {
    { { 3, { 7, 8, 9 }, 8, 1, 20 }, "1 0", "differ in 'arch.width'" },
    { { 3, { 7 }, 9, 0, 20 }, "1 0", "differ in 'arch.heads'" },
    { { 3, { 7, 8, 9 }, 9, 1, 20 }, "1 3", "blocks 3 to 3" },
    { { 3, { 7, 8, 9 }, 9, 1, 20 }, "1 99999999999999999999", "blocks" },
    { { 3, { 7, 8, 9 }, 9, 1, 20 }, "", "no blocks" },
};

START_TEST(test_refused)
{
    struct tr_err err = { 0 };
    struct tr_gguf *a = make_model(path, &small);
    struct tr_gguf *b = make_model(in_dir("b"), &refused[_i].model);
    ck_assert_int_ne(stack(a, b, refused[_i].layers, &err), 0);
    ck_assert_msg(strstr(err.text, refused[_i].text) != NULL, "%s", err.text);
    ck_assert_int_ne(access(other, F_OK), 0);
    tr_gguf_close(b);
    tr_gguf_close(a);
}
END_TEST

/* Of a model that no block is from the keys may differ. */
START_TEST(test_unused)
{
    struct tr_err err = { 0 };
    struct tr_gguf *a = make_model(path, &small);
    struct tr_gguf *b = make_model(in_dir("b"), &refused[0].model);
    ck_assert_msg(!stack(a, b, "0 0-1\n1 token*", &err), "%s", err.text);
    struct tr_gguf *g = tr_gguf_open(other, &err);
    ck_assert(first_of(g, "token_embd.weight") == 20);
    tr_gguf_close(g);
    tr_gguf_close(b);
    tr_gguf_close(a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stack");
    TCase *tc = tcase_create("blocks");
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_test(tc, test_stack);
    tcase_add_loop_test(tc, test_refused, 0, sizeof refused / sizeof *refused);
    tcase_add_test(tc, test_unused);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
