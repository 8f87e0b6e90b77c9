/* SPDX-License-Identifier: MIT
 *
 * What merging makes of the numbers of several files, and what of it a type of few bits keeps.
 */
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

int main(void)
{
    Suite *s = suite_create("merge_methods");
    TCase *tc = tcase_create("change");
    tcase_add_loop_test(tc, test_change, 0, sizeof changes / sizeof *changes);
    tcase_add_test(tc, test_change_in_types);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
