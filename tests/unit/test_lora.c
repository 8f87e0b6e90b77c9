/* SPDX-License-Identifier: MIT
 *
 * Adapters on a model: what is attached, what is refused as of another base, and that
 * nothing is left of one that was detached.
 */
#include "run_files.h"
#include "training_run.h"

#include <libtrain/gguf.h>
#include <libtrain/loss.h>
#include <libtrain/threads.h>

static struct tr_model *m;
static struct tr_pack *pack;
static struct tr_lora *l;

/* The adapter's file is `path`, its scales are alpha 8 over rank 4. */
static void make_files(void)
{
    make_run_files();
    tiny_data_write(data, 2);
    tiny_adapter_write(&tiny_llama, path, 0);
    tr_threads(1);
    m = tr_model_open(model, NULL);
    pack = tr_pack_open(data, NULL);
    l = tr_lora_open(path, m, NULL);
    ck_assert(m && pack && l);
}

static void remove_files(void)
{
    tr_lora_free(l);
    tr_pack_close(pack);
    tr_model_close(m);
    remove_dir();
}

static double loss_of(struct tr_model *on)
{
    return run_eval_on(on, pack, tr_loss_at(0), NULL);
}

static void attach(struct tr_lora *a, struct tr_model *to, float scale)
{
    struct tr_err err = {0};
    ck_assert_msg(!tr_lora_attach(a, to, scale, &err), "%s", err.text);
}

START_TEST(detached_is_as_before)
{
    double plain = loss_of(m);
    attach(l, m, 1);
    double adapted = loss_of(m);
    ck_assert_double_ne(plain, adapted);
    tr_lora_detach(l, m);
    ck_assert(loss_of(m) == plain);
    tr_lora_detach(l, m); /* nothing is there */
    attach(l, m, 1);
    ck_assert(loss_of(m) == adapted);
    tr_lora_detach(l, m);
    tr_lora_free(l);
    l = NULL;
    ck_assert(loss_of(m) == plain);
}
END_TEST

START_TEST(only_its_own_parts)
{
    struct tr_lora *second = tr_lora_open(path, m, NULL);
    ck_assert_ptr_nonnull(second);
    attach(second, m, 0.5f);
    double alone = loss_of(m);
    attach(l, m, 1);
    attach(l, m, -3);
    ck_assert_double_ne(loss_of(m), alone);
    tr_lora_detach(l, m);
    ck_assert(loss_of(m) == alone);
    tr_lora_detach(second, m);
    tr_lora_free(second);
}
END_TEST

/* Refused, and the model is what it was. */
static void refused(struct tr_model *on, const char *why)
{
    struct tr_err err = {0};
    double plain = loss_of(on);
    ck_assert_int_eq(tr_lora_attach(l, on, 1, &err), TR_EMISMATCH);
    ck_assert_msg(strstr(err.text, why) != NULL, "%s", err.text);
    ck_assert(loss_of(on) == plain);
}

static struct tr_model *open_other(const struct tiny *t)
{
    tiny_model_write(t, other);
    struct tr_model *o = tr_model_open(other, NULL);
    ck_assert_ptr_nonnull(o);
    return o;
}

START_TEST(of_a_base_with_other_names)
{
    struct tr_model *o = open_other(&tiny_gpt2);
    refused(o, "no linear layer 'blk.");
    tr_model_close(o);
}
END_TEST

/* The first pairs fit: none of them may stay when a later one does not. */
START_TEST(of_a_base_with_other_shapes)
{
    struct tr_lora_pair *last = &l->pair[l->n - 1];
    last->b.dim[0]--;
    refused(m, "the adapter is for");
    last->b.dim[0]++;
    last->a.dim[1]++;
    refused(m, "the adapter is for");
    last->a.dim[1]--;
}
END_TEST

START_TEST(of_a_base_with_other_numbers)
{
    struct tr_model *o = open_other(&tiny_llama3);
    l->base_hash = tr_model_hash(m);
    refused(o, "another base");
    attach(l, m, 1);
    tr_lora_detach(l, m);
    l->base_hash = 0; /* whoever wants it all the same */
    double plain = loss_of(o);
    attach(l, o, 1);
    ck_assert_double_ne(loss_of(o), plain);
    tr_lora_detach(l, o);
    tr_model_close(o);
}
END_TEST

START_TEST(of_no_rank)
{
    for (int rank = -1; rank < 1; rank++) {
        struct tr_err err = {0};
        ck_assert_ptr_null(tr_lora_new(m, "all-linear", rank, 8, &err));
        ck_assert_int_eq(err.code, TR_EINVAL);
    }
}
END_TEST

/* An adapter has names of its own. */
START_TEST(outlives_its_base)
{
    attach(l, m, 1);
    double adapted = loss_of(m);
    tr_model_close(m);
    m = tr_model_open(model, NULL);
    ck_assert_ptr_nonnull(m);
    attach(l, m, 1);
    ck_assert(loss_of(m) == adapted);
    tr_lora_detach(l, m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lora");
    TCase *tc = tcase_create("on a model");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_files, remove_files);
    tcase_add_test(tc, detached_is_as_before);
    tcase_add_test(tc, only_its_own_parts);
    tcase_add_test(tc, of_a_base_with_other_names);
    tcase_add_test(tc, of_a_base_with_other_shapes);
    tcase_add_test(tc, of_a_base_with_other_numbers);
    tcase_add_test(tc, of_no_rank);
    tcase_add_test(tc, outlives_its_base);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
