/* SPDX-License-Identifier: MIT
 *
 * What the two operations on experts share.  The rows of one expert are a product of their
 * own, in pieces of some hundred rows: so what is gathered for a product, and what it
 * leaves to be added up, takes the same memory however the rows fall, and an expert without
 * rows costs nothing.
 */
#ifndef LIBTRAIN_OPS_EXPERTS_H
#define LIBTRAIN_OPS_EXPERTS_H

#include <libtrain/ops/route.h>

enum tr__experts_in { TR__EX_X, TR__EX_W, TR__EX_BIAS, TR__EX_ADD, TR__EX_CHOICE,
                      TR__EX_WEIGHT };

struct tr__experts_args {
    int64_t n; /* positions */
    int k, n_expert;
    int gathers; /* x has a row for each position */
    float scale;
};

/* Rows that lie one below the other and go to one expert; all zeros before the first. */
struct tr__piece {
    int e;
    int64_t row, n;
};

/* The next one: 0 if there is none. */
int tr__next_piece(const struct tr__dispatch *d, struct tr__piece *p);
/* The most rows that one has. */
int64_t tr__piece_rows(const struct tr__experts_args *args);
/* Memory for as many rows of so many numbers, and its bytes. */
float *tr__piece_room(const struct tr_node *nd, int64_t width);
size_t tr__piece_room_bytes(const struct tr_node *nd, int64_t width);

struct tr__dispatch tr__experts_dispatch(const struct tr_node *nd);

/* The matrix of expert e of w, and its part of a bias, of the data or the gradient; NULL of
 * NULL. */
struct tr__matrix tr__expert_matrix(const struct tr_tensor *w, int64_t e);
float *tr__expert_bias(const struct tr_tensor *w, float *bias, int64_t e);

/* to (p->n, width): the rows of x that the piece stands for. */
void tr__piece_gather(const struct tr__dispatch *d, const struct tr__piece *p,
                      const float *x, int64_t ldx, int64_t width, float *to);

/* Experts without rows get a gradient of zeros if that of w was empty.  What to hand to
 * tr__piece_beta. */
int tr__experts_begin_grad(const struct tr__dispatch *d, struct tr_tensor *w);
/* 0 if the gradient of the expert's matrix is to be written by this piece, 1: added to. */
float tr__piece_beta(const struct tr__dispatch *d, const struct tr__piece *p, int begun);

size_t tr__experts_product_scratch(const struct tr_node *nd);
size_t tr__experts_library(const struct tr_node *nd);
double tr__experts_work(const struct tr_node *nd, int backward);

/* Check shapes and run; weight NULL: the result has a row like x's with args->gathers 0. */
struct tr_tensor *tr__experts_call(struct tr_tape *tp, const struct tr_op *op,
                                   struct tr_tensor *x, struct tr_tensor *w, int gathers,
                                   struct tr_tensor *weight, const struct tr_routing *r,
                                   const struct tr_linear *opt);

#endif
