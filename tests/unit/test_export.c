/* SPDX-License-Identifier: MIT
 *
 * What comes out of a checkpoint is what was trained: the adapter to the byte, the model to
 * the loss; and not onto another base.
 */
#include "run_files.h"
#include "training_run.h"

#include <libtrain/checkpoint.h>
#include <libtrain/export.h>

static const char *saved;

static void make_files(void)
{
    make_run_files();
    saved = in_dir("saved.gguf");
    tiny_data_write(data, 5);
}

/* Three steps, saved to `path`; an adapter is also written to `saved` as the trainer does.
 * Returns the loss that the trainer then has on its data. */
static double train(int full, int init)
{
    struct tr_err err = {0};
    double loss = 0;
    struct tr_train_args a = reference_args(NULL);
    a.full = full;
    a.lora_rank = 3;
    a.lora_alpha = 6;
    a.lora_targets = "all-linear";
    a.lora_init = tr_lora_init_at(init);
    struct training_run r = run_open(model, data, &a);
    run_steps(&r, 3);
    ck_assert_msg(!tr_trainer_save(r.t, path, &err), "%s", err.text);
    if (!full)
        ck_assert_msg(!tr_trainer_save_adapter(r.t, saved, &err), "%s", err.text);
    ck_assert_msg(!tr_trainer_eval(r.t, r.pack, &loss, &err), "%s", err.text);
    run_close(&r);
    return loss;
}

static int export(struct tr_err *err)
{
    *err = (struct tr_err){0};
    struct tr_gguf *g = tr_gguf_open(path, err);
    struct tr_model *base = tr_model_open(model, err);
    ck_assert_msg(g && base, "%s", err->text);
    int rc = tr_export(g, base, &(struct tr_export_args){ 0 }, other, err);
    tr_model_close(base);
    tr_gguf_close(g);
    return rc;
}

START_TEST(test_adapter)
{
    struct tr_err err;
    size_t n, n_want;
    train(0, _i);
    ck_assert_msg(!export(&err), "%s", err.text);
    unsigned char *got = read_file(other, &n), *want = read_file(saved, &n_want);
    ck_assert_uint_eq(n, n_want);
    ck_assert_mem_eq(got, want, n);
    free(got);
    free(want);
}
END_TEST

START_TEST(test_model)
{
    struct tr_err err;
    double loss = train(1, 0);
    ck_assert_msg(!export(&err), "%s", err.text);
    const struct tr_loss_kind *kind = tr_loss_by_name("cross_entropy");
    ck_assert_double_eq_tol(run_eval(other, NULL, data, kind, NULL), loss, 1e-12);
}
END_TEST

START_TEST(test_another_base)
{
    struct tr_err err;
    train(_i, 0);
    tiny_model_write(&tiny_llama3, model);
    ck_assert_int_eq(export(&err), TR_EMISMATCH);
    ck_assert_ptr_nonnull(strstr(err.text, "another base"));
    ck_assert_int_ne(access(other, F_OK), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("export");
    TCase *t = tcase_create("export");
    tcase_add_checked_fixture(t, make_files, remove_dir);
    tcase_add_loop_test(t, test_adapter, 0, 2);
    tcase_add_loop_test(t, test_adapter, 3, 4); /* pissa */
    tcase_add_test(t, test_model);
    tcase_add_loop_test(t, test_another_base, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
