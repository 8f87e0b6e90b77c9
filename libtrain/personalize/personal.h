/* SPDX-License-Identifier: MIT
 *
 * Inside of personalize/: sums over the rows of layers, adapters that are fitted to them, and
 * the forms, which say what is summed.
 */
#ifndef LIBTRAIN_PERSONALIZE_PERSONAL_H
#define LIBTRAIN_PERSONALIZE_PERSONAL_H

#include <libtrain/eval.h>
#include <libtrain/model/model.h>
#include <libtrain/personalize.h>

/* ---- rows (rows.c) ---------------------------------------------------------------- */

/* Sequences of a pack. */
struct tr__rows {
    struct tr_pack *pack;
    uint64_t from, to;
};

/* Call `on` with batches of whole sequences, in their order; a batch has at most … rows. */
typedef int tr__on_batch(void *ctx, const struct tr_batch *batch, struct tr_err *err);
int tr__rows_each(const struct tr__rows *rows, tr__on_batch *on, void *ctx,
                  struct tr_err *err) TR_MUST_CHECK;
int64_t tr__rows_most(const struct tr__rows *rows);

/* Run the model for whoever watches it; no loss is computed. */
int tr__rows_forward(struct tr_eval *e, const struct tr_batch *batch,
                     struct tr_err *err) TR_MUST_CHECK;

/* Mean loss, as rows weigh. */
int tr__rows_loss(struct tr_eval *e, const struct tr__rows *rows, double *loss,
                  struct tr_err *err) TR_MUST_CHECK;

/* ---- one layer (fit.c) ------------------------------------------------------------ */

/* Sums over rows of a layer: inputs X (n, n_in), wanted changes R (n, n_out) of its outputs. */
struct tr__normal {
    double n;
    float *c;      // (n_in, n_in) X^T X, its lower triangle
    float *k;      // (n_out, n_in) R^T X; NULL: R = X delta^T is known
    double square; /* |R|^2; with delta it is not looked at */
};

/* Rows of both, ldx and n_out numbers apart. */
struct tr__layer_rows {
    int64_t rows, n_in, ldx, n_out;
    const float *x, *want;
};
/* Empty sums (sums.c). */
int tr__normal_new(struct tr__normal *x, int64_t n_in, int64_t n_out,
                   struct tr_err *err) TR_MUST_CHECK;
void tr__normal_add(struct tr__normal *to, const struct tr__layer_rows *r);
void tr__normal_release(struct tr__normal *x);

struct tr__fit_job {
    int64_t n_in, n_out;
    const float *delta;            // (n_out, n_in); NULL: not known
    const struct tr__normal *train;
    const struct tr__normal *held; /* NULL: the first lambda is taken */
    int rank;                      /* at most */
    int n_lambda;
    const double *lambda;          // (n_lambda) relative
};

/* The pair: change = b a, a (rank, n_in), b (n_out, rank), malloc'ed; in the order of what
 * they give, so that fewer of them are the best of that rank. */
struct tr__fit {
    float *a, *b;
    int rank;
    double lambda; /* that was taken */
    int raised;    /* a pivot failed with a smaller one */
    double square; /* |R|^2 on held-out rows, and … */
    double *left;  // (rank + 1) … of that what the first r pairs leave; NULL without `held`
};
int tr__fit(const struct tr__fit_job *job, struct tr__fit *fit, struct tr_err *err) TR_MUST_CHECK;
void tr__fit_release(struct tr__fit *fit);

/* ---- a run (personalize.c) -------------------------------------------------------- */

struct tr__target {
    struct tr_weight *w;       /* of the base */
    const struct tr_weight *t; /* of the teacher, or w */
    int64_t n_in, n_out;
    struct tr__fit fit;
    int done;
};

struct tr__archives;

struct tr__personal {
    const struct tr_personalize_args *args; /* own, with what was left open */
    struct tr_model *base, *teacher;      /* teacher NULL: there is none */
    struct tr_eval *base_eval, *teacher_eval;
    struct tr__rows train, held;          /* held.pack NULL: there are no rows, but … */
    const struct tr__archives *archives;  /* … these; else NULL */
    /* Is there anything of this layer, or was it asked for?  NULL: of all. */
    int (*has)(const struct tr__personal *p, const char *weight);
    struct tr__target *target;
    size_t n_target;
    int max_rank; /* of a form without a teacher, behind its run, the rank */
    int n_lambda;
    const double *lambda;
    struct tr_personal *out;
    struct tr_personalize_args own;
};

struct tr_personalize_form {
    const char *name, *about;
    int with_teacher;
    int passes;    /* where no number is given */
    int n_archive; /* that are taken in place of models and data: of the teacher, of the base */
    /* Does a layer take part?  NULL: all do. */
    int (*takes)(const char *weight);
    /* Fill the fits of all targets. */
    int (*run)(struct tr__personal *p, struct tr_err *err);
};

/* What a run is made of. */
void tr__personal_begin(struct tr__personal *p, struct tr_model *base,
                        const struct tr_personalize_args *args, struct tr_personal *out);
int tr__personal_check(const struct tr__personal *p, struct tr_err *err) TR_MUST_CHECK;
int tr__personal_held(struct tr__personal *p, struct tr_err *err) TR_MUST_CHECK; /* its losses */
int tr__personal_targets(struct tr__personal *p, struct tr_err *err) TR_MUST_CHECK;
int tr__personal_finish(struct tr__personal *p, struct tr_err *err) TR_MUST_CHECK;
void tr__personal_end(struct tr__personal *p);

/* Is what comes out of this layer added to the residual stream (stream.c)? */
int tr__writes_to_stream(const char *weight);

/* ---- before and behind a fit (layers.c) -------------------------------------------- */

/* 0 if base and teacher have the same numbers there and no adapter. */
int tr__differs(const struct tr__target *t);

/* The change of a weight from the base's to the teacher's, with adapters: d (n_out, n_in).  1
 * if there is any. */
int tr__change_of(const struct tr__target *t, float *d, struct tr_err *err) TR_MUST_CHECK;

/* An adapter of the first `rank` of what was fitted, or less. */
struct tr_lora *tr__personal_adapter(struct tr__personal *p, int rank, struct tr_err *err);

/* Sums of inputs of the model that e runs, and fits of their known changes (inputs.c). */
int tr__fit_inputs(struct tr__personal *p, struct tr_model *m, struct tr_eval *e,
                   struct tr_err *err) TR_MUST_CHECK;

#define TR_FORM(name) extern const struct tr_personalize_form tr__form_##name;
#include <libtrain/personalize/forms.def>
#undef TR_FORM

#endif
