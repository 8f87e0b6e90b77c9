/* SPDX-License-Identifier: MIT
 *
 * Which model a file is: the same in every type, and not that of other numbers.
 */
#include "scratch.h"

#include <libtrain/gguf.h>
#include <libtrain/rng.h>

#include <math.h>

enum { BLOCKS = 3, ROWS = 16, COLS = 256, N = ROWS * COLS };

/* Matrices of random numbers around those of seed `near`. */
static struct tr_gguf *make(const char *to, const struct tr_dtype *type, uint64_t seed,
                            float part)
{
    static unsigned char packed[N * 4];
    static float x[N];
    char name[64];
    int64_t dim[] = { ROWS, COLS };
    struct tr_gguf_writer *w = tr_gguf_create(to, NULL);
    ck_assert_ptr_nonnull(w);
    tr_gguf_set_string(w, "general.architecture", "none");
    for (int i = 0; i < BLOCKS; i++) {
        snprintf(name, sizeof name, "blk.%d.some.weight", i);
        tr_gguf_add_tensor(w, name, type, 2, dim);
    }
    for (int i = 0; i < BLOCKS; i++) {
        struct tr_rng common = tr_rng_init(7, (uint64_t)i), own = tr_rng_init(seed, (uint64_t)i);
        for (int k = 0; k < N; k++)
            x[k] = 0.02f * ((1 - part) * tr_rng_normal(&common) + part * tr_rng_normal(&own));
        ck_assert_int_eq(tr_convert(&tr_f32, x, type, packed, N), 0);
        ck_assert_int_eq(tr_gguf_write(w, packed, N / type->block * type->bytes, NULL), 0);
    }
    ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
    struct tr_gguf *g = tr_gguf_open(to, NULL);
    ck_assert_ptr_nonnull(g);
    return g;
}

static int match(struct tr_gguf *a, struct tr_gguf *b)
{
    float of_a[TR_GGUF_SKETCH], of_b[TR_GGUF_SKETCH];
    ck_assert_int_eq(tr_gguf_sketch(a, of_a), 1);
    ck_assert_int_eq(tr_gguf_sketch(b, of_b), 1);
    ck_assert_int_eq(tr_gguf_sketches_match(of_b, of_a), tr_gguf_sketches_match(of_a, of_b));
    return tr_gguf_sketches_match(of_a, of_b);
}

START_TEST(in_every_type)
{
    static const char *const types[] = { "F16", "BF16", "Q8_0", "Q4_0", "Q4_K", "Q2_K" };
    struct tr_gguf *f32 = make(path, &tr_f32, 1, 0);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const struct tr_dtype *type = tr_dtype_by_name(types[i]);
        struct tr_gguf *g = make(other, type, 1, 0);
        ck_assert_msg(match(f32, g), "%s", types[i]);
        ck_assert(tr_gguf_hash(g) != tr_gguf_hash(f32));
        tr_gguf_close(g);
    }
    tr_gguf_close(f32);
}
END_TEST

/* Trained on: it is the same model; made apart: another, whichever of forty. */
START_TEST(of_other_numbers)
{
    struct tr_gguf *f32 = make(path, &tr_f32, 1, 0), *g = make(other, &tr_f32, 2, 0.3f);
    ck_assert(match(f32, g));
    tr_gguf_close(g);
    for (uint64_t seed = 10; seed < 50; seed++) {
        g = make(other, &tr_f32, seed, 1);
        ck_assert_msg(!match(f32, g), "%d", (int)seed);
        tr_gguf_close(g);
    }
    tr_gguf_close(f32);
}
END_TEST

/* What a file says of its base, if it says it. */
START_TEST(said_by_a_file)
{
    float said[TR_GGUF_SKETCH], is[TR_GGUF_SKETCH], wrong[TR_GGUF_SKETCH] = { 0 };
    struct tr_gguf *base = make(path, &tr_f16, 3, 1);
    ck_assert_int_eq(tr_gguf_base_sketch(base, said), 0);
    for (int i = 0; i < 3; i++) {
        struct tr_gguf_writer *w = tr_gguf_create(other, NULL);
        tr_gguf_set_base(w, base);
        wrong[0] = i == 1 ? NAN : 3;
        if (i)
            tr_gguf_set_array(w, "libtrain.base_sketch", TR_GGUF_F32, wrong, TR_GGUF_SKETCH);
        ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
        struct tr_gguf *g = tr_gguf_open(other, NULL);
        uint64_t hash = 0;
        ck_assert_int_eq(tr_gguf_base_sketch(g, said), !i);
        ck_assert_int_eq(tr_gguf_read_hash(g, "libtrain.base_hash", &hash, NULL), 1);
        ck_assert(hash == tr_gguf_hash(base));
        tr_gguf_close(g);
        ck_assert_int_eq(tr_gguf_sketch(base, is), 1);
        ck_assert(i || !memcmp(said, is, sizeof is));
    }
    tr_gguf_close(base);
}
END_TEST

/* Lines behind the lines that are there; what is no list of them stays. */
START_TEST(history)
{
    struct tr_gguf *g = NULL;
    for (int i = 0; i < 3; i++) {
        struct tr_gguf_writer *w = tr_gguf_create(i % 2 ? other : path, NULL);
        tr_gguf_add_history(w, g, "one more");
        tr_gguf_add_history(w, g, NULL);
        ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
        tr_gguf_close(g);
        g = tr_gguf_open(i % 2 ? other : path, NULL);
        const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, "libtrain.history");
        ck_assert_uint_eq(kv->count, i + 1);
    }
    tr_gguf_close(g);
    struct tr_gguf_writer *w = tr_gguf_create(path, NULL);
    tr_gguf_set_u32(w, "libtrain.history", 5);
    ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
    g = tr_gguf_open(path, NULL);
    w = tr_gguf_create(other, NULL);
    tr_gguf_set_all(w, g);
    tr_gguf_add_history(w, g, "one more");
    ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
    tr_gguf_close(g);
    g = tr_gguf_open(other, NULL);
    ck_assert_int_eq(tr_gguf_find_kv(g, "libtrain.history")->type, TR_GGUF_U32);
    tr_gguf_close(g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("identity");
    TCase *t = tcase_create("identity");
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_test(t, in_every_type);
    tcase_add_test(t, of_other_numbers);
    tcase_add_test(t, said_by_a_file);
    tcase_add_test(t, history);
    suite_add_tcase(s, t);
    return run_suite(s);
}
