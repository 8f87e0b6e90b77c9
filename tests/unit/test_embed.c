/* SPDX-License-Identifier: MIT
 *
 * Hidden states beside what they must be: outputs are inputs times weights, pooled rows are made
 * of the rows, batches change nothing, and the archive is one.
 */
#include "scratch.h"
#include "suite.h"
#include "tiny_model.h"

#include <libtrain/base/bytes.h>
#include <libtrain/embed.h>
#include <libtrain/eval.h>
#include <libtrain/file.h>
#include <libtrain/gguf.h>
#include <libtrain/lora.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { N_DOC = 24, MAX_DOC = 20 };

static char *archive;
static size_t n_archive;
static void *array[8]; /* of the present archive, where numbers may lie anywhere */
static int n_array;

/* The numbers of an array of the archive, which is walked by its directory; *n of them. */
static const void *array_of(const char *name, int64_t *rows, int64_t *cols)
{
    const unsigned char *p = (const unsigned char *)archive, *end = p + n_archive - 98;
    ck_assert(!memcmp(end, "PK\6\6", 4));
    const unsigned char *at = p + tr__get_u64(end + 48);
    for (uint64_t i = tr__get_u64(end + 24); i; i--) {
        uint32_t n_name = tr__get_u16(at + 28);
        const unsigned char *field = at + 46 + n_name;
        uint64_t size = tr__get_u64(field + 4), local = tr__get_u64(field + 20);
        const unsigned char *data = p + local + 30 + n_name + 20;
        ck_assert(!memcmp(p + local, "PK\3\4", 4));
        ck_assert(!memcmp(p + local + 30, at + 46, n_name));
        ck_assert_uint_eq(tr__get_u32(at + 16), crc32_z(0, data, size));
        if (n_name == strlen(name) + 4 && !memcmp(at + 46, name, n_name - 4)) {
            char text[129] = { 0 };
            memcpy(text, data + 10, 118);
            long long r = 0, c = 1;
            ck_assert(sscanf(strstr(text, "(") + 1, "%lld, %lld", &r, &c) >= 1);
            *rows = r;
            *cols = c;
            ck_assert_int_lt(n_array, 8);
            array[n_array] = malloc(size);
            memcpy(array[n_array], data + 128, size - 128);
            return array[n_array++];
        }
        at = field + 28;
    }
    ck_abort_msg("no array %s", name);
    return NULL;
}

static void read_archive(void)
{
    struct tr_err err = { 0 };
    while (n_array)
        free(array[--n_array]);
    free(archive);
    ck_assert_msg(!tr_read_all(other, &archive, &n_archive, &err), "%s", err.text);
}

static struct tr_model *open_tiny(void)
{
    struct tr_err err = { 0 };
    tiny_model_write(&tiny_llama, path);
    struct tr_model *m = tr_model_open(path, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    return m;
}

static uint32_t id_at(int d, int i)
{
    return (uint32_t)(d * 7 + i * 5 + i * i) % TINY_VOCAB;
}

static int length_of(int d)
{
    return 1 + d % MAX_DOC;
}

static void embed(struct tr_model *m, const struct tr_embed_args *args, int from, int to)
{
    struct tr_err err = { 0 };
    struct tr_embed *e = tr_embed_new(m, args, &err);
    ck_assert_msg(e != NULL, "%s", err.text);
    for (int d = from; d < to; d++) {
        uint32_t id[MAX_DOC];
        for (int i = 0; i < length_of(d); i++)
            id[i] = id_at(d, i);
        ck_assert_msg(!tr_embed_add(e, id, (size_t)length_of(d), &err), "%s", err.text);
    }
    ck_assert_msg(!tr_embed_write(e, other, &err), "%s", err.text);
    ck_assert_int_eq(tr_embed_counts(e).n_document, to - from);
    tr_embed_free(e);
    read_archive();
}

/* An adapter counts, and what is added to the residual stream is without that. */
START_TEST(test_layers)
{
    struct tr_err err = { 0 };
    struct tr_model *m = open_tiny();
    char adapter[sizeof path + 8];
    snprintf(adapter, sizeof adapter, "%s.lora", path);
    tiny_adapter_write(&tiny_llama, adapter, 0);
    struct tr_lora *l = tr_lora_open(adapter, m, &err);
    ck_assert_msg(l && !tr_lora_attach(l, m, 1, &err), "%s", err.text);
    embed(m, &(struct tr_embed_args){ .inputs = "blk.1.ffn_down,attn_q",
                                      .outputs = "ffn_down,attn_q", .ctx = MAX_DOC }, 0, N_DOC);
    static const char *const names[] = { "blk.1.ffn_down", "blk.0.attn_q" };
    for (int k = 0; k < 2; k++) {
        char name[64];
        int64_t n, n_in, n_y, n_out;
        snprintf(name, sizeof name, "%s.in", names[k]);
        const float *x = array_of(name, &n, &n_in);
        snprintf(name, sizeof name, "%s.out", names[k]);
        const float *y = array_of(name, &n_y, &n_out);
        ck_assert_int_eq(n, n_y);
        snprintf(name, sizeof name, "%s.weight", names[k]);
        const struct tr_gguf_tensor *t = tr_gguf_find_tensor(tr_model_gguf(m), name);
        float *w = malloc((size_t)t->bytes);
        memcpy(w, t->data, (size_t)t->bytes);
        tr_lora_add_to(l, name, 1, 0, n_out, w);
        for (int64_t i = 0; i < n; i++)
            for (int64_t o = 0; o < n_out; o++) {
                double sum = 0;
                for (int64_t j = 0; j < n_in; j++)
                    sum += (double)x[i * n_in + j] * (double)w[o * n_in + j];
                MUST(fabs(sum - (double)y[i * n_out + o]) < 1e-5);
            }
        free(w);
    }
    int64_t n, one;
    const int32_t *token = array_of("tokens", &n, &one);
    const char *first = array_of("first", &one, &one);
    int64_t at;
    for (int d = 0; d < N_DOC; d++) {
        memcpy(&at, first + 8 * d, sizeof at);
        for (int i = 0; i < length_of(d); i++)
            ck_assert_int_eq(token[at + i], (int)id_at(d, i));
    }
    tr_model_close(m);
    tr_lora_free(l);
    remove(adapter);
}
END_TEST

/* Of a document alone, and of many: the same rows; of all tokens the pooled ones. */
START_TEST(test_pooling)
{
    struct tr_model *m = open_tiny();
    float pooled[3][N_DOC * TINY_WIDTH];
    int64_t n, width;
    for (int k = 0; k < 3; k++) {
        embed(m, &(struct tr_embed_args){ .pooling = tr_pooling_at(k), .ctx = MAX_DOC,
                                          .normalise = k == 1 }, 0, N_DOC);
        memcpy(pooled[k], array_of("embedding", &n, &width), sizeof pooled[k]);
        ck_assert(n == N_DOC && width == TINY_WIDTH);
    }
    for (int d = 3; d < N_DOC; d += 9) {
        embed(m, &(struct tr_embed_args){ .pooling = tr_pooling_at(3), .ctx = MAX_DOC }, d,
              d + 1);
        const float *x = array_of("hidden", &n, &width);
        double length = 0;
        ck_assert_int_eq(n, length_of(d));
        for (int64_t j = 0; j < width; j++)
            length += (double)x[(n - 1) * width + j] * (double)x[(n - 1) * width + j];
        for (int64_t j = 0; j < width; j++) {
            double mean = 0;
            for (int64_t i = 0; i < n; i++)
                mean += (double)x[i * width + j] / (double)n;
            MUST(fabs(mean - (double)pooled[0][d * width + j]) < 1e-5);
            MUST(fabs((double)x[(n - 1) * width + j] / sqrt(length) -
                      (double)pooled[1][d * width + j]) < 1e-5);
            MUST(fabsf(x[j] - pooled[2][d * width + j]) < 1e-5f);
        }
    }
    ck_assert_str_eq(tr_pooling_name(tr_pooling_at(2)), "cls");
    ck_assert_ptr_null(tr_pooling_at(4));
    tr_model_close(m);
}
END_TEST

START_TEST(test_refused)
{
    struct tr_err err = { 0 };
    struct tr_model *m = open_tiny();
    ck_assert_ptr_null(tr_embed_new(m, &(struct tr_embed_args){ .inputs = "attn_x", .ctx = 8 },
                                    &err));
    ck_assert_ptr_nonnull(strstr(err.text, "'attn_x' matches no linear layer"));
    ck_assert_ptr_null(tr_embed_new(m, &(struct tr_embed_args){ .ctx = TINY_CTX + 1 }, &err));
    struct tr_embed *e = tr_embed_new(m, &(struct tr_embed_args){
        .pooling = tr_pooling_at(0), .ctx = 8 }, &err);
    ck_assert_int_eq(tr_embed_write(e, other, &err), TR_EFORMAT);
    ck_assert_int_eq(tr_embed_add(e, (uint32_t[]){ 1 }, 0, &err), TR_EFORMAT);
    ck_assert_int_eq(tr_embed_add(e, (uint32_t[]){ TINY_VOCAB }, 1, &err), TR_EMISMATCH);
    tr_embed_free(e);
    tr_model_close(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("embed");
    TCase *tc = tcase_create("embed");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_test(tc, test_layers);
    tcase_add_test(tc, test_pooling);
    tcase_add_test(tc, test_refused);
    suite_add_tcase(s, tc);
    int rc = run_suite(s);
    free(archive);
    return rc;
}
