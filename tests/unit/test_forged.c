/* SPDX-License-Identifier: MIT
 *
 * Checkpoints whose checksum fits and which no run can have written: each is refused with
 * the key or tensor named, and the run stays as it was.
 */
#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"

#include <libtrain/checkpoint.h>
#include <libtrain/gguf.h>

#include <math.h>

static char model[300], data[300];

static void make_files(void)
{
    make_dir();
    snprintf(model, sizeof model, "%s/model.gguf", dir);
    snprintf(data, sizeof data, "%s/data.pack", dir);
    tiny_model_write(&tiny_llama, model);
    tiny_data_write(data, 7);
}

static void remove_files(void)
{
    unlink(model);
    unlink(data);
    remove_dir();
}

static struct tr_train_args args_of(const char *optim)
{
    struct tr_train_args a = reference_args(NULL);
    a.full = 0;
    a.lora_rank = 3;
    a.lora_alpha = 6;
    a.lora_targets = "all-linear";
    a.grad_acc = 2; /* four sequences a step */
    a.optim = tr_optim_by_name(optim);
    return a;
}

/* What is set otherwise: a count, or a number of the first tensor whose name ends so. */
struct forgery {
    const char *key;
    int64_t count; /* -1: the key is left out */
    const char *tensor;
    float number;
    int at;
};

static int ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);
    return n > k && !strcmp(name + n - k, end);
}

static void copy_tensor(struct tr_gguf_writer *w, const struct tr_gguf_tensor *t,
                        const struct forgery *f, int *todo)
{
    char *bytes = malloc((size_t)t->bytes);
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, t->data, (size_t)t->bytes);
    if (*todo && ends_in(t->name, f->tensor)) {
        memcpy(bytes + 4 * f->at, &f->number, sizeof f->number);
        *todo = 0;
    }
    ck_assert_int_eq(tr_gguf_write(w, bytes, t->bytes, NULL), 0);
    free(bytes);
}

/* The checkpoint at `path` becomes what f says, with a checksum that fits. */
static void forge(const struct forgery *f)
{
    struct tr_gguf *g = tr_gguf_open(path, NULL);
    struct tr_gguf_writer *w = tr_gguf_create(path, NULL);
    int todo = f->tensor != NULL;
    ck_assert(g && w);
    tr_gguf_set_all(w, g);
    if (f->key && f->count < 0)
        tr_gguf_unset(w, f->key);
    else if (f->key && !strcmp(f->key, "adapter.lora.alpha"))
        tr_gguf_set_f32(w, f->key, f->number);
    else if (f->key)
        tr_gguf_set_u64(w, f->key, (uint64_t)f->count);
    tr_gguf_seal(w, "checkpoint.checksum");
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        tr_gguf_add_tensor(w, t->name, t->dtype, t->n_dim, t->dim);
    }
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++)
        copy_tensor(w, tr_gguf_tensor(g, i), f, &todo);
    ck_assert_int_eq(todo, 0);
    ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
    tr_gguf_close(g);
}

static void make_save(const struct tr_train_args *a, int steps)
{
    struct training_run r = run_open(model, data, a);
    run_steps(&r, steps);
    ck_assert_int_eq(tr_trainer_save(r.t, path, NULL), 0);
    run_close(&r);
}

static int load(const struct tr_train_args *a, struct tr_err *err)
{
    struct training_run r = run_open(model, data, a);
    const struct tr_params *p = tr_trainer_params(r.t);
    size_t bytes = (size_t)p->count * sizeof(float);
    float *before = malloc(bytes);
    ck_assert_ptr_nonnull(before);
    memcpy(before, p->value, bytes);
    int rc = tr_trainer_load(r.t, path, err);
    if (rc) {
        ck_assert_mem_eq(before, p->value, bytes);
        ck_assert_int_eq(tr_trainer_step_count(r.t), 0);
    }
    free(before);
    run_close(&r);
    return rc;
}

/* In a save of 2 steps, 8 sequences, of a run of 10. */
static const struct {
    const char *optim;
    struct forgery f;
    const char *named;
} lines[] = {
    { "adamw", { "checkpoint.step", -1, NULL, 0, 0 }, "'checkpoint.step' is missing" },
    { "adamw", { "checkpoint.step", 0, NULL, 0, 0 }, "'checkpoint.sample'" },
    { "adamw", { "checkpoint.step", 1, NULL, 0, 0 }, "'checkpoint.sample'" },
    { "adamw", { "checkpoint.step", 9, NULL, 0, 0 }, "'checkpoint.sample'" },
    { "adamw", { "checkpoint.step", 11, NULL, 0, 0 }, "'checkpoint.step' cannot be 11" },
    { "adamw", { "checkpoint.step", INT64_MAX, NULL, 0, 0 }, "'checkpoint.step'" },
    { "adamw", { "checkpoint.sample", -1, NULL, 0, 0 }, "'checkpoint.sample' is missing" },
    { "adamw", { "checkpoint.sample", 0, NULL, 0, 0 }, "'checkpoint.sample' cannot be 0" },
    { "adamw", { "checkpoint.sample", 1, NULL, 0, 0 }, "'checkpoint.sample' cannot be 1" },
    { "adamw", { "checkpoint.sample", 9, NULL, 0, 0 }, "'checkpoint.sample' cannot be 9" },
    { "adamw", { "checkpoint.total_steps", -1, NULL, 0, 0 }, "total_steps' is missing" },
    { "adamw", { "checkpoint.total_steps", 0, NULL, 0, 0 }, "total_steps' cannot be 0" },
    { "adamw", { "checkpoint.total_steps", 1, NULL, 0, 0 }, "'checkpoint.step'" },
    { "adamw", { "adapter.lora.alpha", 1, NULL, NAN, 0 }, "'adapter.lora.alpha'" },
    { "adamw", { "adapter.lora.alpha", 1, NULL, -6, 0 }, "'adapter.lora.alpha'" },
    { "adamw", { NULL, 0, ".lora_a", NAN, 2 }, ".lora_a'" },
    { "adamw", { NULL, 0, ".lora_b.m", INFINITY, 0 }, ".m'" },
    { "adamw", { NULL, 0, ".lora_a.v", NAN, 5 }, ".v'" },
    { "adamw", { NULL, 0, ".lora_a.v", -1e-9f, 5 }, ".v': number 5 is below 0" },
    { "adamw8", { NULL, 0, ".m_max", -1, 0 }, ".m_max': number 0 is below 0" },
    { "adamw8", { NULL, 0, ".v_max", -1, 0 }, ".v_max': number 0 is below 0" },
    { "sgd", { NULL, 0, ".m", NAN, 1 }, ".m'" },
};
enum { N_LINE = sizeof lines / sizeof *lines };

START_TEST(refused)
{
    struct tr_train_args a = args_of(lines[_i].optim);
    struct tr_err err = { 0 };
    make_save(&a, 2);
    forge(&lines[_i].f);
    ck_assert_int_eq(load(&a, &err), TR_EFORMAT);
    ck_assert_msg(strstr(err.text, path) && strstr(err.text, lines[_i].named),
                  "no '%s' in: %s", lines[_i].named, err.text);
}
END_TEST

/* The writing by itself is no reason, and moments have either sign. */
START_TEST(taken)
{
    static const struct forgery same[] = {
        { NULL, 0, NULL, 0, 0 },
        { "checkpoint.total_steps", 12, NULL, 0, 0 },
        { "checkpoint.sample", 7, NULL, 0, 0 }, /* the last step of an epoch may be short */
        { NULL, 0, ".lora_a.m", -3, 4 },
        { NULL, 0, ".lora_a.v", 0, 4 },
    };
    struct tr_train_args a = args_of("adamw");
    struct tr_err err = { 0 };
    make_save(&a, 2);
    forge(&same[_i]);
    ck_assert_msg(!load(&a, &err), "%s", err.text);
}
END_TEST

/* A save before the first step has seen nothing. */
START_TEST(sample_of_none)
{
    struct tr_train_args a = args_of("adamw");
    struct tr_err err = { 0 };
    make_save(&a, 0);
    ck_assert_int_eq(load(&a, NULL), 0);
    forge(&(struct forgery){ "checkpoint.sample", 7, NULL, 0, 0 });
    ck_assert_int_eq(load(&a, &err), TR_EFORMAT);
    ck_assert_msg(strstr(err.text, "'checkpoint.sample' cannot be 7") != NULL, "%s",
                  err.text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("forged");
    TCase *tc = tcase_create("forged");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_files, remove_files);
    tcase_add_loop_test(tc, refused, 0, N_LINE);
    tcase_add_loop_test(tc, taken, 0, 5);
    tcase_add_test(tc, sample_of_none);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
