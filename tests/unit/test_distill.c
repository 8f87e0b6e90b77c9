/* SPDX-License-Identifier: MIT
 *
 * Does a teacher help?  Documents follow a random law; the teacher has four times the
 * student's parameters.  With as many steps on the same documents, as many as the teacher
 * saw or fewer, the student that hears what the teacher finds of each position is nearer
 * to the law than the one that has the documents alone.
 */
#include "keyed_model.h"
#include "sanitized.h"
#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"

#include <libtrain/rng.h>
#include <libtrain/teacher.h>

#include <math.h>

enum { IDS = TINY_CTX + 1, MANY = 512, HELD_OUT = 64, TOP = 16,
       TEACHES = SANITIZED ? 1 : 250, LEARNS = SANITIZED ? 1 : 60 }; /* steps */
static const char big[] = "embedding_length=64 feed_forward_length=112 attention.key_length=16 "
                          "attention.value_length=16 rope.dimension_count=16";
static const int sizes[] = { 96, MANY }; /* documents that the student sees */
enum { N_SIZE = sizeof sizes / sizeof *sizes };
static const char *small, *many, *few, *held_out, *teacher, *said;

/* The next id is one of four that the one before it allows, the first half of the time. */
static void documents(const char *to, int n, uint64_t seed)
{
    static int32_t id[MANY * IDS];
    struct tr_rng r = tr_rng_init(seed, 1);
    for (int i = 0; i < n * IDS; i++) {
        uint32_t likely = 0;
        while (likely < 3 && tr_rng_below(&r, 2))
            likely++;
        uint32_t before = i % IDS ? (uint32_t)id[i - 1] : 0;
        id[i] = i % IDS ? (int32_t)(tiny_bits("law", 4 * before + likely) % TINY_VOCAB)
                        : (int32_t)tr_rng_below(&r, TINY_VOCAB);
    }
    tiny_pack_write(to, n, IDS, id, TINY_VOCAB);
}

static struct tr_train_args run(int64_t steps, const char *by)
{
    struct tr_train_args a = reference_args(NULL);
    a.batch = 8;
    a.steps = steps;
    a.lr = 1e-2;
    a.shuffle = 1;
    a.teacher = by;
    a.objective = tr_objective_by_name(by ? "distill" : "sft");
    return a;
}

static int64_t count(const struct training_run *r)
{
    return tr_trainer_params(r->t)->count;
}

static double loss_of(struct training_run *r)
{
    double loss;
    struct tr_pack *p = tr_pack_open(held_out, NULL);
    ck_assert_int_eq(tr_trainer_eval(r->t, p, &loss, NULL), 0);
    tr_pack_close(p);
    return loss;
}

/* What a model that was trained on many documents says of the few. */
static int64_t teach(double *loss)
{
    struct tr_train_args a = run(TEACHES, NULL);
    struct training_run r = run_open(teacher, many, &a);
    struct tr_said what;
    struct tr_pack *p = tr_pack_open(few, NULL);
    run_steps(&r, TEACHES);
    *loss = loss_of(&r);
    struct tr_eval *e = tr_eval_new(r.m, TINY_CTX, tr_loss_at(0), NULL);
    ck_assert_int_eq(tr_teacher_write(e, p, TOP, 0, said, &what, NULL), 0);
    ck_assert(SANITIZED || what.mean > 0.9); /* of the probability is among so many */
    int64_t n = count(&r);
    tr_eval_free(e);
    tr_pack_close(p);
    run_close(&r);
    return n;
}

static double student(const char *by, int64_t *n)
{
    struct tr_train_args a = run(LEARNS, by);
    struct training_run r = run_open(small, few, &a);
    run_steps(&r, LEARNS);
    double loss = loss_of(&r);
    *n = count(&r);
    run_close(&r);
    return loss;
}

START_TEST(a_teacher_helps)
{
    double of_teacher;
    int64_t n_student;
    small = path;
    teacher = other;
    many = in_dir("many"), few = in_dir("few"), held_out = in_dir("held"), said = in_dir("said");
    documents(many, MANY, 1);
    documents(few, sizes[_i], 2);
    documents(held_out, HELD_OUT, 3);
    keyed_model_write(small, "llama", "", "output.weight");
    keyed_model_write(teacher, "llama", big, "output.weight");
    int64_t n_teacher = teach(&of_teacher);
    double alone = student(NULL, &n_student), taught = student(said, &n_student);
    ck_assert(n_teacher >= 4 * n_student);
    ck_assert_msg(SANITIZED || (of_teacher < taught && taught < alone - 0.1),
                  "%d documents: held-out loss of the teacher %.3f, of the student alone %.3f, "
                  "taught %.3f", sizes[_i], of_teacher, alone, taught);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("distill");
    TCase *tc = tcase_create("a student");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, a_teacher_helps, 0, N_SIZE);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
