/* SPDX-License-Identifier: MIT
 *
 * Saved runs: they go on bit for bit, the same run gives the same bytes, and what is
 * damaged or of another run is refused.
 */
#include "run_args.h"
#include "run_files.h"
#include "training_run.h"

#include <libtrain/gguf.h>

#include "checkpoint.def"

#define COUNT(x) ((int)(sizeof(x) / sizeof *(x)))

static const char *data2;

static void make_files(void)
{
    make_run_files();
    data2 = in_dir("other.pack");
    tiny_data_write(data, 7);
    tiny_data_write(data2, 6);
}

/* Ten steps of four sequences of seven: ends of epochs fall inside steps. */
static struct tr_train_args args_of(const char *change)
{
    char words[200];
    snprintf(words, sizeof words, "full=0 lora_rank=3 lora_alpha=6 lora_targets=all-linear "
             "grad_acc=2 shuffle=1 seed=7 sched=cosine warmup=3 %s", change);
    return run_args(words);
}

static void save(const struct training_run *r, const char *to)
{
    struct tr_err err = {0};
    ck_assert_msg(!tr_trainer_save(r->t, to, &err), "%s", err.text);
}

/* Run until `steps` are made and save. */
static void make_save_of(const struct tr_train_args *a, int steps, const char *to)
{
    struct training_run r = run_open(model, data, a);
    run_steps(&r, steps);
    save(&r, to);
    run_close(&r);
}

static void make_save(const char *change, int steps, const char *to)
{
    struct tr_train_args a = args_of(change);
    make_save_of(&a, steps, to);
}

static void same_bytes(const char *a, const char *b)
{
    size_t n_a, n_b;
    unsigned char *x = read_file(a, &n_a), *y = read_file(b, &n_b);
    ck_assert_uint_eq(n_a, n_b);
    for (size_t i = 0; i < n_a; i++)
        ck_assert_msg(x[i] == y[i], "%s and %s differ at byte %zu", a, b, i);
    free(x);
    free(y);
}

static void same_state(const struct training_run *a, const struct training_run *b)
{
    const struct tr_params *p = tr_trainer_params(a->t), *q = tr_trainer_params(b->t);
    ck_assert_int_eq(p->count, q->count);
    ck_assert_int_ge(p->optim->n_state, 2);
    for (size_t i = 0; i < p->n; i++) {
        const struct tr_tensor *t = p->tensor[i];
        ck_assert_mem_eq(t->data, q->tensor[i]->data,
                         (size_t)tr_tensor_count(t) * t->dtype->bytes);
        for (int k = 0; k < p->optim->n_state; k++)
            ck_assert_mem_eq(tr_params_state(p, k, i), tr_params_state(q, k, i),
                             (size_t)tr_params_state_count(p, k, i) *
                                 p->optim->state[k].dtype->bytes);
    }
    ck_assert_int_eq(tr_trainer_step_count(a->t), tr_trainer_step_count(b->t));
}

/* Ten steps, against k, a save, a new process's worth of state, a load and 10 - k. */
static void goes_on(const struct tr_train_args *a, int k)
{
    struct training_run whole = run_open(model, data, a), rest = run_open(model, data, a);
    struct tr_err err = {0};
    make_save_of(a, k, path);
    ck_assert_msg(!tr_trainer_load(rest.t, path, &err), "%s", err.text);
    ck_assert_int_eq(tr_trainer_step_count(rest.t), k);
    run_steps(&whole, k);
    same_state(&whole, &rest);
    for (int i = k; i < 10; i++) {
        struct tr_step_stats x = run_steps(&whole, 1), y = run_steps(&rest, 1);
        ck_assert_mem_eq(&x.loss, &y.loss, sizeof x.loss);
        ck_assert_mem_eq(&x.grad_norm, &y.grad_norm, sizeof x.loss);
        ck_assert_mem_eq(&x.lr, &y.lr, sizeof x.lr);
        ck_assert_int_eq(x.step, i + 1);
        ck_assert_int_eq(y.step, i + 1);
    }
    same_state(&whole, &rest);
    save(&whole, path);
    save(&rest, other);
    same_bytes(path, other);
    run_close(&whole);
    run_close(&rest);
}

START_TEST(goes_on_after)
{
    struct tr_train_args a = args_of(go_on[_i].change);
    for (int k = go_on[_i].first; k <= go_on[_i].last; k++)
        goes_on(&a, k);
}
END_TEST

START_TEST(same_run_same_bytes)
{
    struct tr_train_args a = args_of(repeated[_i]);
    make_save(repeated[_i], 4, path);
    make_save(repeated[_i], 4, other);
    same_bytes(path, other);
    a.seed = 8;
    struct training_run r = run_open(model, data, &a);
    run_steps(&r, 4);
    save(&r, other);
    size_t n, m;
    unsigned char *x = read_file(path, &n), *y = read_file(other, &m);
    ck_assert(n != m || memcmp(x, y, n));
    free(x);
    free(y);
    run_close(&r);
}
END_TEST

START_TEST(what_is_said_of_a_run)
{
    struct tr_str s = { "", 0 };
    make_save(described[_i].change, 1, path);
    struct tr_gguf *g = tr_gguf_open(path, NULL);
    ck_assert_int_eq(tr_gguf_string(g, "checkpoint.arguments", &s, NULL), 1);
    size_t n = strlen(described[_i].text);
    ck_assert_msg(s.len > n && !memcmp(s.ptr + s.len - n, described[_i].text, n), "%.*s",
                  (int)s.len, s.ptr);
    ck_assert_uint_eq(s.len - n, 2 * strlen("base=0123456789abcdef\n"));
    tr_gguf_close(g);
}
END_TEST

/* A kind may have been saved with other defaults set: only what differs is told. */
START_TEST(lines_that_are_not_there)
{
    struct tr_train_args a = args_of("");
    struct tr_err err = {0};
    make_save("min_lr_ratio=0.1", 2, path);
    struct training_run r = run_open(model, data, &a);
    ck_assert_int_eq(tr_trainer_load(r.t, path, &err), TR_EMISMATCH);
    ck_assert_msg(strstr(err.text, "run: min_lr_ratio=0.10000000000000001 is now the default "
                                   "min_lr_ratio") != NULL, "%s", err.text);
    run_close(&r);
    a = args_of("min_lr_ratio=0.1");
    r = run_open(model, data, &a);
    ck_assert_int_eq(tr_trainer_load(r.t, path, NULL), 0);
    run_close(&r);
}
END_TEST

/* ---- a warm-up that the run does not see the end of --------------------------------- */

/* The checkpoint at `path` as it was written when a warm-up was cut to the length of its
 * run, to `other`: without the key that says it was not. */
static void write_older(void)
{
    struct tr_gguf *g = tr_gguf_open(path, NULL);
    struct tr_gguf_writer *w = tr_gguf_create(other, NULL);
    ck_assert(g && w && tr_gguf_find_kv(g, "checkpoint.warmup_steps"));
    for (size_t i = 0; i < tr_gguf_n_kv(g); i++) {
        const struct tr_gguf_kv *kv = tr_gguf_kv(g, i);
        if (!strcmp(kv->key, "checkpoint.checksum"))
            tr_gguf_seal(w, kv->key);
        else if (strcmp(kv->key, "checkpoint.warmup_steps"))
            tr_gguf_set_kv(w, kv);
    }
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        tr_gguf_add_tensor(w, t->name, t->dtype, t->n_dim, t->dim);
    }
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++)
        ck_assert_int_eq(tr_gguf_write(w, tr_gguf_tensor(g, i)->data,
                                       tr_gguf_tensor(g, i)->bytes, NULL), 0);
    ck_assert_int_eq(tr_gguf_commit(w, NULL), 0);
    tr_gguf_close(g);
}

/* The rate of step k of r's run, which is the next. */
static void rate_is(struct training_run *r, int k, double rate)
{
    struct tr_step_stats s = run_steps(r, 1);
    ck_assert_int_eq(s.step, k);
    ck_assert_double_eq_tol(s.lr, rate, 1e-15);
}

START_TEST(a_warmup_that_was_cut)
{
    struct tr_train_args a = args_of("warmup=40"), longer = args_of("warmup=40 steps=100");
    make_save_of(&a, 3, path);
    write_older();
    struct training_run r = run_open(model, data, &a);
    ck_assert(strstr(tr_trainer_warning(r.t, 0), "ends at"));
    ck_assert_int_eq(tr_trainer_load(r.t, other, NULL), 0);
    ck_assert(strstr(tr_trainer_warning(r.t, 0), "goes on so"));
    rate_is(&r, 4, 1e-3 * 4 / 9); /* to the last step but one, as it began */
    save(&r, other);
    ck_assert_int_eq(tr_trainer_load(r.t, path, NULL), 0);
    rate_is(&r, 4, 1e-3 * 4 / 40);
    ck_assert_int_eq(tr_trainer_load(r.t, other, NULL), 0);
    rate_is(&r, 5, 1e-3 * 5 / 9);
    run_close(&r);
    r = run_open(model, data, &longer);
    ck_assert_int_eq(tr_trainer_load(r.t, other, NULL), 0);
    ck_assert_ptr_null(tr_trainer_warning(r.t, 0));
    rate_is(&r, 5, 1e-3 * 5 / 40);
    run_close(&r);
}
END_TEST

/* ---- refused ---------------------------------------------------------------------- */

/* The file at `path` is not loaded, and r stays as it was. */
static int refused(struct training_run *r, struct tr_err *err)
{
    const struct tr_params *p = tr_trainer_params(r->t);
    size_t bytes = (size_t)p->count * sizeof(float);
    float *before = malloc(bytes);
    ck_assert_ptr_nonnull(before);
    memcpy(before, p->value, bytes);
    *err = (struct tr_err){0};
    int rc = tr_trainer_load(r->t, path, err);
    ck_assert_mem_eq(before, p->value, bytes);
    ck_assert_int_eq(tr_trainer_step_count(r->t), 0);
    free(before);
    return rc;
}

START_TEST(any_flipped_bit)
{
    enum { N_FLIP = 90 };
    struct tr_train_args a = args_of("");
    struct training_run r = run_open(model, data, &a);
    struct tr_err err;
    size_t n;
    make_save("", 2, path);
    unsigned char *bytes = read_file(path, &n);
    for (size_t i = 0; i < N_FLIP; i++) {
        /* the header and the last bytes densely, then everywhere */
        size_t at = i < 20   ? i * 7
                    : i < 30 ? n - 1 - (i - 20) * 3
                             : (i - 30) * (n - 1) / 59;
        bytes[at] ^= (unsigned char)(1u << i % 8);
        write_bytes(path, bytes, n);
        int rc = refused(&r, &err);
        ck_assert_msg(rc == TR_EFORMAT || rc == TR_EUNSUPPORTED,
                      "bit %zu of byte %zu: %d %s", i % 8, at, rc, err.text);
        bytes[at] ^= (unsigned char)(1u << i % 8);
    }
    write_bytes(path, bytes, n);
    ck_assert_int_eq(tr_trainer_load(r.t, path, NULL), 0);
    free(bytes);
    run_close(&r);
}
END_TEST

START_TEST(any_cut)
{
    struct tr_train_args a = args_of("");
    struct training_run r = run_open(model, data, &a);
    struct tr_err err;
    size_t n;
    make_save("", 2, path);
    unsigned char *bytes = read_file(path, &n);
    for (size_t i = 0; i < 40; i++) {
        write_bytes(path, bytes, i * n / 40);
        ck_assert_int_eq(refused(&r, &err), TR_EFORMAT);
    }
    write_bytes(path, bytes, n - 1);
    ck_assert_int_eq(refused(&r, &err), TR_EFORMAT);
    free(bytes);
    run_close(&r);
}
END_TEST

START_TEST(a_number_that_is_none)
{
    struct tr_train_args a = args_of("");
    struct training_run r = run_open(model, data, &a), bad = run_open(model, data, &a);
    struct tr_err err;
    /* a moment: parameters that are not finite are not even written */
    ((float *)tr_trainer_params(bad.t)->state[0])[5] = 0.0f / 0.0f;
    save(&bad, path);
    ck_assert_int_eq(refused(&r, &err), TR_EFORMAT);
    tr_trainer_params(bad.t)->value[5] = 0.0f / 0.0f;
    ck_assert_int_eq(tr_trainer_save(bad.t, path, NULL), TR_EDIVERGED);
    run_close(&bad);
    run_close(&r);
}
END_TEST

/* One argument after the other, then several at once: each is named in the refusal. */
START_TEST(other_arguments)
{
    struct tr_train_args a = args_of(differences[_i].change);
    struct tr_err err;
    make_save("", 2, path);
    struct training_run r = run_open(model, data, &a);
    ck_assert_int_eq(refused(&r, &err), TR_EMISMATCH);
    char names[96];
    snprintf(names, sizeof names, "%s", differences[_i].named);
    for (char *s = strtok(names, ","); s; s = strtok(NULL, ","))
        ck_assert_msg(strstr(err.text, s) != NULL, "no '%s' in: %s", s, err.text);
    run_close(&r);
}
END_TEST

START_TEST(other_files)
{
    struct tr_train_args a = args_of("");
    struct tr_err err;
    make_save("", 2, path);
    struct training_run r = run_open(model, data2, &a);
    ck_assert_int_eq(refused(&r, &err), TR_EMISMATCH);
    ck_assert_msg(strstr(err.text, "data=") != NULL, "%s", err.text);
    run_close(&r);
    tiny_model_write(&tiny_llama3, model);
    r = run_open(model, data, &a);
    ck_assert_int_eq(refused(&r, &err), TR_EMISMATCH);
    ck_assert_msg(strstr(err.text, "base=") && !strstr(err.text, "data="), "%s", err.text);
    run_close(&r);
}
END_TEST

START_TEST(another_length)
{
    struct tr_train_args a = args_of("");
    struct tr_err err;
    make_save("", 6, path);
    a.steps = 20;
    struct training_run longer = run_open(model, data, &a);
    ck_assert_int_eq(tr_trainer_load(longer.t, path, NULL), 0);
    run_close(&longer);
    a.steps = 5;
    struct training_run shorter = run_open(model, data, &a);
    ck_assert_int_eq(refused(&shorter, &err), TR_EMISMATCH);
    run_close(&shorter);
}
END_TEST

START_TEST(a_model_is_no_checkpoint)
{
    struct tr_train_args a = args_of("");
    struct training_run r = run_open(model, data, &a);
    struct tr_err err;
    tiny_model_write(&tiny_llama, path);
    ck_assert_int_eq(refused(&r, &err), TR_EFORMAT);
    run_close(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("checkpoint");
    TCase *tc = tcase_create("saves");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_files, remove_dir);
    tcase_add_loop_test(tc, goes_on_after, 0, COUNT(go_on));
    tcase_add_loop_test(tc, same_run_same_bytes, 0, COUNT(repeated));
    tcase_add_loop_test(tc, what_is_said_of_a_run, 0, COUNT(described));
    tcase_add_test(tc, lines_that_are_not_there);
    tcase_add_test(tc, a_warmup_that_was_cut);
    tcase_add_test(tc, any_flipped_bit);
    tcase_add_test(tc, any_cut);
    tcase_add_test(tc, a_number_that_is_none);
    tcase_add_loop_test(tc, other_arguments, 0, COUNT(differences));
    tcase_add_test(tc, other_files);
    tcase_add_test(tc, another_length);
    tcase_add_test(tc, a_model_is_no_checkpoint);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
