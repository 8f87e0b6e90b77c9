/* SPDX-License-Identifier: MIT
 *
 * Objectives that look at whole answers.  Before a step is made its sequences are run without
 * gradients, once as the model is and, where an objective asks, once without what is trained;
 * from what each answer's probability is the objective (objective.h) makes a loss, and the
 * weights of rows with which the step then is one of supervised training.  So everything
 * that a step can do goes with every objective.
 */
#include <libtrain/comm.h>
#include <libtrain/model/model.h>
#include <libtrain/train/eval.h>
#include <libtrain/train/run.h>

#include <math.h>
#include <stdlib.h>

/* An answer and its rows. */
struct place {
    int64_t first, end;
    uint64_t seq; /* of the pack */
    int64_t i;    /* answer of that */
};

/* Where answers are: the sequences of a step, or one that is held out. */
struct rows {
    const struct tr_pack *pack;
    const int32_t *token, *target, *pos;
    const float *weight; /* NULL: 1 */
};

struct tr__answers {
    struct rows in;
    struct tr_answer *answer; // (max)
    struct place *place;      // (max)
    struct tr_delta **aside;  // (m->n_weight) adapters that wait
    float *row_loss;          // (max)
    int64_t n, max;
};

void tr__answers_free(struct tr__answers *a)
{
    if (!a)
        return;
    free(a->answer);
    free(a->place);
    free(a->aside);
    free(a->row_loss);
    free(a);
}

int tr__answers_new(struct tr_trainer *t, struct tr_err *err)
{
    struct tr__answers *a = calloc(1, sizeof *a);
    t->answers = a;
    if (!a)
        return tr_err_sys(err, "cannot hold answers");
    a->max = t->extent.batch_rows > t->extent.val_rows ? t->extent.batch_rows
                                                       : t->extent.val_rows;
    a->answer = calloc((size_t)a->max, sizeof *a->answer);
    a->place = calloc((size_t)a->max, sizeof *a->place);
    a->row_loss = calloc((size_t)a->max, sizeof *a->row_loss);
    a->aside = calloc(t->m->n_weight, sizeof *a->aside);
    return a->answer && a->place && a->row_loss && a->aside
               ? 0 : tr_err_sys(err, "cannot hold answers");
}

/* ---- which there are -------------------------------------------------------------- */

static int has_no_rival(const struct tr_trainer *t, uint64_t seq, struct tr_err *err)
{
    return tr_err_set(err, TR_EFORMAT, "%s: sequence %llu has an answer without its rival, and "
                      "'%s' compares two (rows with chosen and rejected, tokenize "
                      "--preference)", tr_pack_path(t->answers->in.pack),
                      (unsigned long long)seq, t->args.objective->name);
}

/* The document of rows [first, end), if anything counts there; the first answer of its
 * sequence is number `before`. */
static void add_answer(struct tr_trainer *t, int64_t first, int64_t end, uint64_t seq,
                       int64_t before)
{
    struct tr__answers *a = t->answers;
    const struct rows *in = &a->in;
    double n = 0, weight = 0;
    for (int64_t i = first; i < end; i++)
        if (in->target[i] >= 0) {
            n++;
            weight += in->weight ? (double)in->weight[i] : 1;
        }
    if (n == 0)
        return;
    a->answer[a->n] = (struct tr_answer){ .n = n, .weight = weight / n };
    if (t->groups.of) {
        struct tr__group g = t->groups.of[t->groups.first[seq] + a->n - before];
        a->answer[a->n].group_mean = g.mean;
        a->answer[a->n].group_deviation = g.deviation;
    }
    a->place[a->n] = (struct place){ first, end, seq, a->n - before };
    a->n++;
}

/* Tokens in front of what counts. */
static int64_t prompt_of(const struct rows *in, const struct place *x)
{
    int64_t n = 1;
    while (in->target[x->first + n - 1] < 0)
        n++;
    return n;
}

/* 1 if the same stands in front of both answers.  Where a prompt and its answer are one text
 * the tokens at the border are not the same: half of them will do. */
static int have_one_prompt(const struct rows *in, const struct place *x,
                           const struct place *y)
{
    int64_t a = prompt_of(in, x), b = prompt_of(in, y), least = a < b ? a : b, same = 0;
    while (same < least && in->token[x->first + same] == in->token[y->first + same])
        same++;
    return 2 * same >= least - 2;
}

/* Pairs of one sequence: an answer that is wanted, and its rival. */
static int mark_pairs(struct tr_trainer *t, int64_t from, uint64_t seq, struct tr_err *err)
{
    struct tr__answers *a = t->answers;
    for (int64_t i = from; i < a->n; i += 2) {
        if (i + 1 == a->n || a->answer[i].weight < 0 || a->answer[i + 1].weight > 0 ||
            !have_one_prompt(&a->in, &a->place[i], &a->place[i + 1]))
            return has_no_rival(t, seq, err);
        a->answer[i + 1].rival = 1;
    }
    return 0;
}

/* Those of a sequence, number `seq` of its pack, which are rows [first, end). */
static int add_answers(struct tr_trainer *t, int64_t first, int64_t end, uint64_t seq,
                       struct tr_err *err)
{
    int64_t before = t->answers->n;
    for (int64_t row = first + 1; row <= end; row++)
        if (row == end || t->answers->in.pos[row] == 0) {
            add_answer(t, first, row, seq, before);
            first = row;
        }
    return t->args.objective->pairs ? mark_pairs(t, before, seq, err) : 0;
}

/* Answers of sequences i … end - 1 of this rank's. */
static int find_answers(struct tr_trainer *t, int64_t i, int64_t end, struct tr_err *err)
{
    int rc = 0;
    t->answers->n = 0;
    for (; i < end && !rc; i++)
        rc = add_answers(t, t->row[i], t->row[i + 1], t->seq[i], err);
    return rc;
}

/* ---- what the model says ---------------------------------------------------------- */

/* Take what is trained off the model, or put it back: of the list of each weight it is what
 * has gradients, at its end. */
static void set_aside(struct tr_trainer *t, int back)
{
    struct tr_delta **aside = t->answers->aside;
    for (size_t i = 0; i < t->m->n_weight; i++) {
        struct tr_delta **at = &t->m->weight[i].delta;
        while (*at && !(*at)->a->needs_grad)
            at = &(*at)->next;
        if (back)
            *at = aside[i];
        else {
            aside[i] = *at;
            *at = NULL;
        }
    }
}

/* Logarithms of the probabilities of the answers, into log_p or reference.  What is trained may
 * have diverged, which is the step's to tell; a reference that is no number is an error. */
static int ask(struct tr_trainer *t, int64_t first, int64_t end, int reference,
               struct tr_err *err)
{
    struct tr__answers *a = t->answers;
    double sum = 0;
    const struct rows *in = &a->in;
    struct tr_batch batch = { .n = end - first, .token = in->token + first,
                              .target = in->target + first, .pos = in->pos + first };
    int rc = reference ? tr_eval_batch(t->eval, &batch, &sum, a->row_loss, NULL, err)
                       : tr__eval_row_losses(t->eval, &batch, a->row_loss, err);
    for (int64_t i = 0; i < a->n && !rc; i++) {
        double log_p = 0;
        for (int64_t row = a->place[i].first; row < a->place[i].end; row++)
            if (in->target[row] >= 0)
                log_p -= (double)a->row_loss[row - first];
        *(reference ? &a->answer[i].reference : &a->answer[i].log_p) = log_p;
    }
    return rc;
}

/* The same of a file. */
static void look_up(struct tr_trainer *t)
{
    struct tr__answers *a = t->answers;
    for (int64_t i = 0; i < a->n; i++)
        a->answer[i].reference = tr__asked_reference(t, a->place[i].seq, a->place[i].i);
}

/* Of rows [first, end). */
static int ask_both(struct tr_trainer *t, int64_t first, int64_t end, struct tr_err *err)
{
    int rc = ask(t, first, end, 0, err);
    if (rc || !t->asks_reference)
        return rc;
    if (t->asked.log_p) {
        look_up(t);
        return 0;
    }
    set_aside(t, 0);
    rc = ask(t, first, end, 1, err);
    set_aside(t, 1);
    return rc;
}

/* ---- what follows ----------------------------------------------------------------- */

/* Weights of the rows of an answer, of a loss that is the sum of weight times -log p. */
static void weigh_rows(struct tr_trainer *t, int64_t i, double by)
{
    const struct tr__answers *a = t->answers;
    for (int64_t row = a->place[i].first; row < a->place[i].end; row++)
        t->weight[row] = (float)(-a->answer[i].slope * by);
}

enum { LOSS, MARGIN, RIGHT, UNITS, N_SUM };

/* Pairs or answers, each as it weighs. */
static void add_units(struct tr_trainer *t, double sum[N_SUM])
{
    const struct tr__answers *a = t->answers;
    const struct tr_objective *o = t->args.objective;
    for (int64_t i = 0; i < a->n; i++) {
        const struct tr_answer *x = &a->answer[i];
        if (x->rival)
            continue;
        double by = o->rewards ? 1 : fabs(x->weight);
        double margin = o->pairs ? x->reward - x[1].reward
                        : x->weight < 0 && !o->rewards ? -x->reward : x->reward;
        int known = isfinite(x->log_p) && (!o->pairs || isfinite(x[1].log_p));
        sum[LOSS] += known ? by * x->loss : (double)NAN; /* no objective may hide it */
        sum[MARGIN] += by * margin;
        sum[RIGHT] += margin > 0 ? by : 0;
        sum[UNITS] += by;
    }
}

static void weigh_all_rows(struct tr_trainer *t)
{
    const struct tr__answers *a = t->answers;
    const struct tr_objective *o = t->args.objective;
    double by = 1;
    for (int64_t i = 0; i < a->n; i++) { /* a rival weighs as much as its answer */
        if (!a->answer[i].rival)
            by = o->rewards ? 1 : fabs(a->answer[i].weight);
        weigh_rows(t, i, by);
    }
}

/* Their sums over all ranks. */
static void add_ranks(double sum[N_SUM])
{
    tr_comm_sum_f64(sum, N_SUM);
    for (int i = 0; i < UNITS; i++)
        sum[i] = sum[UNITS] > 0 ? sum[i] / sum[UNITS] : 0;
}

int tr__weigh_answers(struct tr_trainer *t, int64_t n, struct tr_step_stats *s,
                      struct tr_err *err)
{
    double sum[N_SUM] = { 0 };
    int rc = 0;
    tr_tape_reset(t->tape);
    t->answers->in = (struct rows){ t->pack, t->token, t->target, t->pos, t->weight };
    for (int64_t i = 0; i < n && !rc; i += t->args.batch) {
        int64_t end = i + t->args.batch < n ? i + t->args.batch : n;
        rc = find_answers(t, i, end, err);
        if (!rc)
            rc = ask_both(t, t->row[i], t->row[end], err);
        if (rc)
            break;
        t->args.objective->weigh(t->answers->answer, t->answers->n, t->objective_option);
        add_units(t, sum);
        weigh_all_rows(t);
    }
    if ((rc = tr_comm_agree(rc, err)))
        return rc;
    add_ranks(sum);
    s->weight = sum[UNITS];
    t->answers_loss = sum[LOSS];
    s->margin = sum[MARGIN];
    s->accuracy = sum[RIGHT];
    return 0;
}

/* ---- held out --------------------------------------------------------------------- */

/* What a file says of the reference is about the training's data, and a reward says nothing
 * without those beside it, which may be anywhere. */
int tr__compares_held_out(const struct tr_trainer *t)
{
    const struct tr_objective *o = t->args.objective;
    return o->weigh && !o->rewards && !t->asked.log_p && t->args.val &&
           tr_pack_info(t->args.val)->is_signed;
}

static int find_held_out(struct tr_trainer *t, uint64_t i, struct tr_pack_seq *seq,
                         struct tr_err *err)
{
    int rc = tr_pack_read(t->args.val, i, seq, err);
    if (rc)
        return rc;
    t->answers->n = 0;
    t->answers->in = (struct rows){ t->args.val, seq->token, seq->target, seq->pos, seq->weight };
    return add_answers(t, 0, seq->n, i, err);
}

int tr__check_held_out(struct tr_trainer *t, struct tr_err *err)
{
    struct tr_pack_seq seq;
    int rc = 0;
    for (uint64_t i = 0; !rc && tr__compares_held_out(t) && i < tr_pack_info(t->args.val)->n_seq;
         i++)
        rc = find_held_out(t, i, &seq, err);
    return rc;
}

static int add_held_out(struct tr_trainer *t, uint64_t i, double sum[N_SUM],
                        struct tr_err *err)
{
    struct tr_pack_seq seq;
    int rc = find_held_out(t, i, &seq, err);
    if (!rc && t->answers->n)
        rc = ask_both(t, 0, seq.n, err);
    if (rc || !t->answers->n)
        return rc;
    t->args.objective->weigh(t->answers->answer, t->answers->n, t->objective_option);
    add_units(t, sum);
    return 0;
}

int tr__compare_held_out(struct tr_trainer *t, uint64_t stride, struct tr__measured *x,
                         struct tr_err *err)
{
    double sum[N_SUM] = { 0 };
    uint64_t first = (uint64_t)tr_comm_rank(), each = (uint64_t)tr_comm_size();
    int rc = 0;
    for (uint64_t i = first * stride; !rc && i < tr_pack_info(t->args.val)->n_seq;
         i += each * stride)
        rc = add_held_out(t, i, sum, err);
    if ((rc = tr_comm_agree(rc, err)))
        return rc;
    add_ranks(sum);
    if (sum[UNITS] > 0) {
        x->margin = sum[MARGIN];
        x->accuracy = sum[RIGHT];
    }
    return 0;
}
