/* SPDX-License-Identifier: MIT
 *
 * L-BFGS (Nocedal 1980; Liu, Nocedal 1989): on each batch up to `lbfgs_iter` steps of a
 * quasi-Newton method, whose direction the last `history` pairs of changes give by the
 * recursion of two loops (Nocedal, Wright 2006, algorithm 7.4).  How far to go along it is
 * sought between lengths of which one was too far and one not far enough (Lewis, Overton
 * 2013, algorithm 2.6, for Armijo's condition and the weak one of Wolfe).
 *
 * Pairs are of one batch and are forgotten with it, for those of different losses say nothing
 * of either; so there is no state, and a run goes on as it was from the parameters alone.
 */
#include <libtrain/optim/optim.h>

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { ITERATIONS, HISTORY, MOST_HISTORY = 64, MOST_TRIES = 20,
       ALONE = 1 << 14 /* numbers that one thread adds faster */ };

/* Shares of the slope at the start: what the loss must fall by, what the slope may keep. */
static const double armijo = 1e-4, wolfe = 0.9;
static const double least_gradient = 1e-10;

struct search {
    const struct tr_optim_ask *ask;
    int64_t n, most; /* numbers; pairs */
    float *x, *grad; /* the parameters and their gradient, at the last point asked for */
    float *x0, *grad0, *way;
    float *change[MOST_HISTORY], *bend[MOST_HISTORY]; /* of parameters and gradient */
    double curve[MOST_HISTORY];                       /* their products, above 0 */
    int64_t n_pair, newest;
    double loss, slope; /* at the start of this line */
};

static int64_t history(const double *option)
{
    return (int64_t)option[HISTORY];
}

static int64_t lbfgs_room(int64_t n, const double *option)
{
    return n * (2 * history(option) + 3);
}

/* to += by v */
static void add(int64_t n, float *to, double by, const float *v)
{
    float f = (float)by;
#pragma omp parallel for simd schedule(static) if (parallel : n > ALONE)
    for (int64_t i = 0; i < n; i++)
        to[i] += f * v[i];
}

static void copy(int64_t n, float *to, const float *from)
{
    memcpy(to, from, (size_t)n * sizeof *to);
}

static int64_t pair(const struct search *s, int64_t back)
{
    return (s->newest - back + s->most) % s->most;
}

/* way = -(what the pairs know of the inverse of the second derivatives) times the gradient. */
static void find_way(struct search *s)
{
    double by[MOST_HISTORY];
    copy(s->n, s->way, s->grad);
    for (int64_t i = 0; i < s->n_pair; i++) {
        int64_t k = pair(s, i);
        by[k] = tr__dot(s->change[k], s->way, s->n) / s->curve[k];
        add(s->n, s->way, -by[k], s->bend[k]);
    }
    double scale = -1;
    if (s->n_pair)
        scale *= s->curve[s->newest] / tr__dot(s->bend[s->newest], s->bend[s->newest], s->n);
    for (int64_t i = 0; i < s->n; i++)
        s->way[i] *= (float)scale;
    for (int64_t i = s->n_pair; i-- > 0;) {
        int64_t k = pair(s, i);
        double back = tr__dot(s->bend[k], s->way, s->n) / s->curve[k];
        add(s->n, s->way, -(back + by[k]), s->change[k]);
    }
}

static double ask(struct search *s, double length)
{
    copy(s->n, s->x, s->x0);
    add(s->n, s->x, length, s->way);
    return s->ask->loss(s->ask->ctx);
}

/* The loss where the search ends, with the parameters and the gradient there; NAN: nothing
 * better was found, and the parameters are as they were. */
static double search_line(struct search *s, double length)
{
    double near = 0, far = (double)INFINITY, near_loss = (double)NAN;
    copy(s->n, s->x0, s->x);
    copy(s->n, s->grad0, s->grad);
    for (int i = 0; i < MOST_TRIES; i++) {
        double loss = ask(s, length);
        if (!(loss <= s->loss + armijo * length * s->slope)) {
            far = length; /* too far, or no number */
        } else if (tr__dot(s->grad, s->way, s->n) < wolfe * s->slope) {
            near = length;
            near_loss = loss;
        } else {
            return loss;
        }
        length = isinf(far) ? 2 * near : 0.5 * (near + far);
    }
    if (near > 0)
        return isinf(far) ? near_loss : ask(s, near);
    copy(s->n, s->x, s->x0);
    copy(s->n, s->grad, s->grad0);
    return (double)NAN;
}

/* A pair of the line that was just gone.  One that bends the wrong way is none. */
static void note_pair(struct search *s)
{
    int64_t k = s->n_pair ? (s->newest + 1) % s->most : 0;
    copy(s->n, s->change[k], s->x);
    add(s->n, s->change[k], -1, s->x0);
    copy(s->n, s->bend[k], s->grad);
    add(s->n, s->bend[k], -1, s->grad0);
    s->curve[k] = tr__dot(s->change[k], s->bend[k], s->n);
    if (!(s->curve[k] > 0) || !(tr__dot(s->bend[k], s->bend[k], s->n) > 0)) {
        s->n_pair -= s->n_pair == s->most; /* the oldest lay there */
        return;
    }
    s->newest = k;
    s->n_pair += s->n_pair < s->most;
}

/* What is known led nowhere: it is forgotten.  1 if nothing was known. */
static int give_up(struct search *s)
{
    int nothing = !s->n_pair;
    s->n_pair = 0;
    return nothing;
}

/* 1 if there is no use in going on with this batch. */
static int iterate(struct search *s)
{
    double norm = sqrt(tr__sum_of_squares(s->grad, s->n));
    if (!(norm > least_gradient))
        return 1;
    find_way(s);
    s->slope = tr__dot(s->grad, s->way, s->n);
    if (!(s->slope < 0))
        return give_up(s);
    double loss = search_line(s, s->n_pair || norm < 1 ? 1 : 1 / norm);
    if (!isfinite(loss))
        return give_up(s);
    s->loss = loss;
    note_pair(s);
    return 0;
}

static void lbfgs_minimise(struct tr_params *p, const double *option, double loss,
                           const struct tr_optim_ask *ask)
{
    struct search s = { .ask = ask, .n = p->count, .most = history(option), .x = p->value,
                        .grad = p->grad, .loss = loss };
    float *at = p->room;
    float **own[] = { &s.x0, &s.grad0, &s.way };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++, at += s.n)
        *own[i] = at;
    for (int64_t i = 0; i < s.most; i++, at += 2 * s.n) {
        s.change[i] = at;
        s.bend[i] = at + s.n;
    }
    for (int64_t i = 0; i < (int64_t)option[ITERATIONS]; i++)
        if (iterate(&s))
            return;
}

static const struct tr_option lbfgs_options[] = {
    [ITERATIONS] = { "lbfgs_iter", 1, 1e6, 20, "steps on each batch, at most", 0 },
    [HISTORY] = { "history", 1, MOST_HISTORY, 10, "pairs of changes that are remembered", 0 },
    { .name = NULL },
};

const struct tr_optim tr__optim_lbfgs = {
    .name = "lbfgs",
    .option = lbfgs_options,
    .minimise = lbfgs_minimise,
    .room_of_all = lbfgs_room,
};
