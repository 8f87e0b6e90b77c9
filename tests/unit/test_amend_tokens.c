/* SPDX-License-Identifier: MIT
 *
 * Tokens added to a file: which ids they take, what their rows are, what follows, and which
 * lists are refused.
 */
#include <libtrain/amend.h>
#include <libtrain/file.h>

#include "scratch.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 32, OLD = 6 /* real tokens */ };

/* Six tokens, and fillers up to `rows`; tables of this type, and a bias. */
static void write_model(int rows, const struct tr_dtype *type)
{
    static const char *const text[OLD] = { "a", "b", "<s>", "ab", "c", "d" };
    struct tr_str tokens[16];
    char filler[16][24];
    int32_t types[16];
    float scores[16], x[16 * WIDTH], bias[16];
    unsigned char packed[sizeof x];
    struct tr_gguf_writer *w = tr_gguf_create(path, NULL);
    for (int i = 0; i < rows; i++) {
        snprintf(filler[i], sizeof filler[i], "[PAD%d]", i);
        tokens[i].ptr = i < OLD ? text[i] : filler[i];
        tokens[i].len = strlen(tokens[i].ptr);
        types[i] = i < OLD ? 1 : 5;
        scores[i] = (float)-i;
        bias[i] = (float)(i * i);
        for (int k = 0; k < WIDTH; k++)
            x[i * WIDTH + k] = (float)((i * 7 + k) % 11 - 5);
    }
    tr_gguf_set_string(w, "general.architecture", "some");
    tr_gguf_set_u32(w, "some.vocab_size", (uint32_t)rows);
    tr_gguf_set_strings(w, "tokenizer.ggml.tokens", tokens, (uint64_t)rows);
    tr_gguf_set_array(w, "tokenizer.ggml.scores", TR_GGUF_F32, scores, (uint64_t)rows);
    tr_gguf_set_array(w, "tokenizer.ggml.token_type", TR_GGUF_I32, types, (uint64_t)rows);
    tr_gguf_set_u32(w, "last.key", 7);
    tr_gguf_add_tensor(w, "token_embd.weight", type, 2, (int64_t[]){ rows, WIDTH });
    tr_gguf_add_tensor(w, "output.bias", &tr_f32, 1, (int64_t[]){ rows });
    tr_gguf_add_tensor(w, "blk.0.x.weight", type, 2, (int64_t[]){ rows, WIDTH });
    ck_assert_int_eq(tr_convert(&tr_f32, x, type, packed, rows * WIDTH), 0);
    int64_t bytes = rows * WIDTH / type->block * type->bytes;
    ck_assert_int_eq(tr_gguf_write(w, packed, bytes, NULL), 0);
    ck_assert_int_eq(tr_gguf_write(w, bias, rows * (int64_t)sizeof *bias, NULL), 0);
    ck_assert_int_eq(tr_gguf_write(w, packed, bytes, NULL), 0);
    ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
}

/* Add a list; the result opened, or NULL with the reason. */
static struct tr_gguf *grow(const char *list, int64_t multiple, struct tr_err *err)
{
    const char *file = in_dir("list");
    FILE *f = fopen(file, "w");
    ck_assert(f && fputs(list, f) >= 0 && !fclose(f));
    struct tr_gguf *g = tr_gguf_open(path, NULL);
    struct tr_amend *a = tr_amend_new(g, NULL);
    int rc = tr_amend_add_tokens(a, file, multiple, err);
    if (!rc)
        rc = tr_amend_write(a, 0, &(struct tr_progress){ 0 }, other, err);
    tr_amend_free(a);
    tr_gguf_close(g);
    return rc ? NULL : tr_gguf_open(other, NULL);
}

static void row_of(const struct tr_gguf *g, const char *name, int64_t i, float *v, int64_t n)
{
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(g, name);
    ck_assert_ptr_nonnull(t);
    t->dtype->to_f32((const char *)t->data + i * (n / t->dtype->block * t->dtype->bytes), v, n);
}

static struct tr_str token(const struct tr_gguf *g, uint64_t id)
{
    uint64_t cursor = 0;
    struct tr_str s = { "", 0 };
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, "tokenizer.ggml.tokens");
    for (uint64_t i = 0; i <= id && i < kv->count; i++)
        s = tr_gguf_elem_string(kv, &cursor);
    return s;
}

static int64_t number(const struct tr_gguf *g, const char *key, uint64_t i)
{
    return tr_gguf_elem_int(tr_gguf_find_kv(g, key), i);
}

static const struct {
    const char *type;
    int rows, multiple, then; /* rows of the tables before and after */
} forms[] = {
    { "F32", 6, 0, 8 },  { "F16", 7, 0, 8 },  { "Q8_0", 8, 0, 8 },
    { "Q4_0", 10, 0, 10 }, { "Q8_0", 6, 5, 10 }, { "F32", 9, 4, 12 },
};
enum { N_FORM = sizeof forms / sizeof *forms };

START_TEST(ids_and_rows)
{
    struct tr_err err = { 0 };
    float is[WIDTH], want[WIDTH];
    double mean[WIDTH] = { 0 }, mean_bias = 0;
    const struct tr_dtype *type = tr_dtype_by_name(forms[_i].type);
    write_model(forms[_i].rows, type);
    struct tr_gguf *g = grow("<x>\tcontrol\tab\r\n\nny\tuser\n", forms[_i].multiple, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    int64_t rows = forms[_i].then;
    ck_assert_int_eq(tr_gguf_find_tensor(g, "token_embd.weight")->dim[0], rows);
    ck_assert_int_eq(tr_gguf_find_tensor(g, "output.bias")->dim[0], rows);
    ck_assert_int_eq(tr_gguf_find_tensor(g, "blk.0.x.weight")->dim[0], forms[_i].rows);
    ck_assert_uint_eq(tr_gguf_find_kv(g, "tokenizer.ggml.tokens")->count, rows);
    ck_assert_int_eq(number(g, "some.vocab_size", 0), rows);
    ck_assert(tr_str_is(token(g, 5), "d") && tr_str_is(token(g, 6), "<x>") &&
              tr_str_is(token(g, 7), "ny"));
    ck_assert_int_eq(number(g, "tokenizer.ggml.token_type", 6), 3);
    ck_assert_int_eq(number(g, "tokenizer.ggml.token_type", 7), 4);
    ck_assert_double_eq(tr_gguf_elem_float(tr_gguf_find_kv(g, "tokenizer.ggml.scores"), 6), -1000);
    ck_assert_double_eq(tr_gguf_elem_float(tr_gguf_find_kv(g, "tokenizer.ggml.scores"), 5), -5);
    ck_assert_int_eq(number(g, "libtrain.new_tokens", 0), OLD);
    ck_assert_int_eq(number(g, "libtrain.new_tokens", 1), 2);
    for (int64_t i = 8; i < rows; i++) {
        char filler[16];
        snprintf(filler, sizeof filler, "[PAD%d]", (int)i);
        ck_assert(tr_str_is(token(g, (uint64_t)i), filler));
        ck_assert_int_eq(number(g, "tokenizer.ggml.token_type", (uint64_t)i), 5);
    }
    struct tr_gguf *old = tr_gguf_open(path, NULL);
    for (int i = 8; i < forms[_i].rows; i++) { /* fillers that were there */
        row_of(old, "token_embd.weight", i, want, WIDTH);
        row_of(g, "token_embd.weight", i, is, WIDTH);
        ck_assert(!memcmp(is, want, sizeof is));
    }
    for (int i = 0; i < OLD; i++) {
        row_of(old, "token_embd.weight", i, want, WIDTH);
        row_of(g, "token_embd.weight", i, is, WIDTH);
        ck_assert(!memcmp(is, want, sizeof is));
        for (int k = 0; k < WIDTH; k++)
            mean[k] += (double)want[k] / OLD;
        mean_bias += (double)i * i / OLD;
    }
    row_of(old, "token_embd.weight", 3, want, WIDTH);
    row_of(g, "token_embd.weight", 6, is, WIDTH);
    ck_assert(!memcmp(is, want, sizeof is)); /* "ab" */
    row_of(g, "token_embd.weight", 7, is, WIDTH);
    for (int k = 0; k < WIDTH; k++)
        ck_assert_double_le(fabs((double)is[k] - mean[k]), type->block > 1 ? 0.2 : 2e-3);
    row_of(g, "output.bias", 6, is, 1);
    ck_assert(is[0] == 9);
    row_of(g, "output.bias", 7, is, 1);
    ck_assert_double_le(fabs((double)is[0] - mean_bias), 1e-5);
    tr_gguf_close(old);
    tr_gguf_close(g);
}
END_TEST

/* Those of a second list are new too. */
START_TEST(twice)
{
    struct tr_err err = { 0 };
    write_model(6, &tr_f32);
    tr_gguf_close(grow("x\ny\n", 8, &err));
    ck_assert_int_eq(rename(other, path), 0);
    struct tr_gguf *g = grow("z", 0, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    ck_assert_int_eq(number(g, "libtrain.new_tokens", 0), OLD);
    ck_assert_int_eq(number(g, "libtrain.new_tokens", 1), 3);
    ck_assert(tr_str_is(token(g, 8), "z"));
    tr_gguf_close(g);
}
END_TEST

static const struct {
    const char *list, *why;
} refused[] = {
    { "", "no token in it" },
    { "\n\r\n", "no token in it" },
    { "x\nab\n", "line 2: a token that is in the vocabulary already, 'ab'" },
    { "x\ny\nx\n", "line 3: a token that is there twice, 'x'" },
    { "x\tcontrol\tnone\n", "line 1: it is to begin as a token that is not in the vocabulary, 'none'" },
    { "x\ta\tb\n", "line 1: a second token" },
    { "\tcontrol\n", "line 1: no token" },
    { "y\n\xff\xfe\n", "line 2: not UTF-8" },
};

START_TEST(lists_that_are_none)
{
    struct tr_err err = { 0 };
    write_model(6, &tr_f32);
    ck_assert_ptr_null(grow(refused[_i].list, 0, &err));
    ck_assert_msg(strstr(err.text, refused[_i].why) != NULL, "%s", err.text);
}
END_TEST

START_TEST(not_in_place)
{
    struct tr_err err = { 0 };
    write_model(8, &tr_f32);
    const char *file = in_dir("list");
    FILE *f = fopen(file, "w");
    ck_assert(f && fputs("x", f) >= 0 && !fclose(f));
    struct tr_gguf *g = tr_gguf_open(path, NULL);
    struct tr_amend *a = tr_amend_new(g, NULL);
    ck_assert_int_eq(tr_amend_add_tokens(a, file, 0, NULL), 0);
    ck_assert_int_ne(tr_amend_add_tokens(a, file, 0, NULL), 0);
    ck_assert_int_eq(tr_amend_in_place(a, -1, &err), TR_EUNSUPPORTED);
    tr_amend_free(a);
    tr_gguf_close(g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("amend_tokens");
    TCase *t = tcase_create("amend_tokens");
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_loop_test(t, ids_and_rows, 0, N_FORM);
    tcase_add_test(t, twice);
    tcase_add_loop_test(t, lists_that_are_none, 0, sizeof refused / sizeof *refused);
    tcase_add_test(t, not_in_place);
    suite_add_tcase(s, t);
    return run_suite(s);
}
