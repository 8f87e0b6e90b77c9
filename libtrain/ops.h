/* SPDX-License-Identifier: MIT
 *
 * The operations.  Each checks the shapes of its inputs (tr_fatal where they do not fit),
 * computes at once and returns a tensor that the tape owns.  Activations are matrices
 * (n, width): n positions of all sequences of the batch, one row each.  Arrays of ids,
 * positions and targets are the caller's and must stay until tr_tape_reset; with one that is
 * out of range the tape fails (TR_EMISMATCH).
 */
#ifndef LIBTRAIN_OPS_H
#define LIBTRAIN_OPS_H

#include <libtrain/option.h>
#include <libtrain/tape.h>
#include <libtrain/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- any net ---------------------------------------------------------------------------
 * All tensors here are f32.  A vector of n numbers is a matrix of one row. */

/* y = a + b, a - b, a * b, a / b, number by number.  y is as large as a (n, width); b is
 * too, or it is a row (width), a column (n, 1) or one number, which stand for all rows, all
 * columns, all numbers. */
struct tr_tensor *tr_add(struct tr_tape *tp, struct tr_tensor *a, struct tr_tensor *b);
struct tr_tensor *tr_sub(struct tr_tape *tp, struct tr_tensor *a, struct tr_tensor *b);
struct tr_tensor *tr_mul(struct tr_tape *tp, struct tr_tensor *a, struct tr_tensor *b);
struct tr_tensor *tr_div(struct tr_tape *tp, struct tr_tensor *a, struct tr_tensor *b);

/* y = by * x,  exp(x),  log(x),  max(x, 0),  max(x, 0)^2  (So et al. 2021),  tanh(x),
 * 1 / (1 + exp(-x)),  log(1 + exp(x)),  x / (1 + exp(-x)),  0.5 x (1 + erf(x / sqrt(2)))  and
 * 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))  (Hendrycks, Gimpel 2016: tr_gelu_erf and
 * tr_gelu), number by number */
struct tr_tensor *tr_scale(struct tr_tape *tp, struct tr_tensor *x, float by);
struct tr_tensor *tr_exp(struct tr_tape *tp, struct tr_tensor *x);
struct tr_tensor *tr_log(struct tr_tape *tp, struct tr_tensor *x);
struct tr_tensor *tr_relu(struct tr_tape *tp, struct tr_tensor *x);
struct tr_tensor *tr_relu2(struct tr_tape *tp, struct tr_tensor *x);
struct tr_tensor *tr_tanh(struct tr_tape *tp, struct tr_tensor *x);
struct tr_tensor *tr_sigmoid(struct tr_tape *tp, struct tr_tensor *x);
struct tr_tensor *tr_softplus(struct tr_tape *tp, struct tr_tensor *x);
struct tr_tensor *tr_silu(struct tr_tape *tp, struct tr_tensor *x);
struct tr_tensor *tr_gelu_erf(struct tr_tape *tp, struct tr_tensor *x);
struct tr_tensor *tr_gelu(struct tr_tape *tp, struct tr_tensor *x);

struct tr_matmul {
    int transpose_a, transpose_b; /* a is stored as (k, m), b as (n, k) */
    float scale;                  /* 0 is taken as 1 */
};
/* y = scale * a b     a (m, k)   b (k, n)   y (m, n)     opt may be NULL. */
struct tr_tensor *tr_matmul(struct tr_tape *tp, struct tr_tensor *a, struct tr_tensor *b,
                            const struct tr_matmul *opt);

enum tr_axis {
    TR_AXIS_ALL = -1, /* all numbers: (1) */
    TR_AXIS_ROWS,     /* over the rows, one number a column: (1, width) */
    TR_AXIS_COLUMNS,  /* over the columns, one number a row: (n, 1) */
};
/* Sum and mean of x (n, width). */
struct tr_tensor *tr_sum(struct tr_tape *tp, struct tr_tensor *x, enum tr_axis axis);
struct tr_tensor *tr_mean(struct tr_tape *tp, struct tr_tensor *x, enum tr_axis axis);

/* y[i][j] = exp(x[i][j]) / sum over k of exp(x[i][k]), and the logarithm of that. */
struct tr_tensor *tr_softmax(struct tr_tape *tp, struct tr_tensor *x);
struct tr_tensor *tr_log_softmax(struct tr_tape *tp, struct tr_tensor *x);

/* Mean of -log softmax(x)[i][target[i]] over the rows with target >= 0, 0 if there are none:
 * (1).  x (n, classes), target (n). */
struct tr_tensor *tr_cross_entropy(struct tr_tape *tp, struct tr_tensor *x,
                                   const int32_t *target);
/* Mean of (x - y)^2 over all numbers: (1).  y as b of tr_sub. */
struct tr_tensor *tr_mse(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *y);

/* Columns first … first + width - 1 of x, as a view: (n, width). */
struct tr_tensor *tr_columns(struct tr_tape *tp, struct tr_tensor *x, int64_t first,
                             int64_t width);
/* Rows first … first + n - 1 of x, as a view: (n, width). */
struct tr_tensor *tr_rows(struct tr_tape *tp, struct tr_tensor *x, int64_t first,
                          int64_t n);
/* The numbers of x, which is no view of columns, in their order as (rows, cols); a view. */
struct tr_tensor *tr_reshape(struct tr_tape *tp, struct tr_tensor *x, int64_t rows,
                             int64_t cols);
/* y[j][i] = x[i][j], a copy.  tr_matmul needs none. */
struct tr_tensor *tr_transpose(struct tr_tape *tp, struct tr_tensor *x);
/* n tensors, up to TR_MAX_IN (op.h), one below the other (TR_AXIS_ROWS) or side by side
 * (TR_AXIS_COLUMNS); a copy. */
struct tr_tensor *tr_concat(struct tr_tape *tp, struct tr_tensor *const *x, int n,
                            enum tr_axis axis);

/* ---- a decoder ----------------------------------------------------------------------- */

struct tr_linear {
    struct tr_tensor *bias; /* (n_out) or NULL */
    struct tr_tensor *add;  /* (n, n_out) or NULL: residual or sum so far */
    int in_place;           /* the result is written over `add`, which nothing else may have
                               read in a segment that needs gradients */
    float scale;            /* 0 is taken as 1 */
};
/* y = scale * x w^T + bias + add     x (n, n_in)   w (n_out, n_in) of any type   y (n, n_out)
 * A gradient is f32, whatever the weight.  opt may be NULL. */
struct tr_tensor *tr_linear(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *w,
                            const struct tr_linear *opt);

/* y[i] = scale * table[id[i]] + position[pos[i]]     table (n_vocab, width) of any type,
 * position (n_ctx, width) of any type or NULL, id and pos (n), y (n, width). */
struct tr_tensor *tr_embedding(struct tr_tape *tp, struct tr_tensor *table,
                               const int32_t *id, struct tr_tensor *position,
                               const int32_t *pos, int64_t n, float scale);

/* x[i] + scale * rows[id[i] - first] where that is a row, else x[i]     x (n, width), over which
 * the result is written and which nothing else may have read in a segment that needs gradients,
 * rows (k, width) f32, id (n). */
struct tr_tensor *tr_add_rows(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *rows,
                              const int32_t *id, int64_t first, float scale);

/* y[j] = 1 / |w[j] + scale * b[j] a|, the norms of rows, of p = a w^T (rank, n_out), g = a a^T
 * (rank, rank), b (n_out, rank) and square[j] = |w[j]|^2, the caller's; 0 for a row of zeros.  y
 * (1, n_out).  No gradient goes through: the inputs need none. */
struct tr_tensor *tr_inverse_norms(struct tr_tape *tp, struct tr_tensor *p,
                                   struct tr_tensor *g, struct tr_tensor *b,
                                   const float *square, float scale);

/* Each number of x is 0 with probability p, else it is divided by 1 - p.  Which, a function of
 * the key and its place says.  x (n, width) f32, y (n, width); 0 <= p < 1. */
struct tr_tensor *tr_dropout(struct tr_tape *tp, struct tr_tensor *x, float p, uint32_t key);

/* x + size / sqrt(rows * width) * a number from [-1, 1), drawn as above; rows are those of the
 * document, which begins where pos (n) is 0.  In place, as tr_add_rows; x (n, width) f32. */
struct tr_tensor *tr_noise(struct tr_tape *tp, struct tr_tensor *x, const int32_t *pos,
                           float size, uint32_t key);

/* y = x / sqrt(mean(x^2) + eps) * w     (Zhang, Sennrich 2019)   w (width) f32, x (n, width).
 * `width` may divide the columns of x: then every group of `width` columns is normed by
 * itself (q/k norm per head).  w may be NULL, for ones as wide as x. */
struct tr_tensor *tr_rms_norm(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *w,
                              float eps);
/* y = (x - mean) / sqrt(var + eps) * w + b     (Ba, Kiros, Hinton 2016)
 * w and b (width) f32 or NULL, for ones and for zeros. */
struct tr_tensor *tr_layer_norm(struct tr_tape *tp, struct tr_tensor *x,
                                struct tr_tensor *w, struct tr_tensor *b, float eps);

struct tr_rope {
    int head_dim;          /* columns of a head */
    int n_rot;             /* leading columns of a head that turn; even */
    int neox;              /* 1: pairs (i, i + n_rot/2); 0: pairs (2i, 2i + 1) */
    float freq_base;       /* theta */
    float freq_scale;      /* position multiplier of linear scaling; 1: none */
    const float *factors;  // (n_rot / 2) divisors of the frequencies, or NULL
    float scale;           /* of the columns that turn; 0: 1 */
    const float *freq;     // (n_rot / 2) angle per position of each pair, or NULL: as below
};
/* Rotary position embedding, in place over x (n, heads * head_dim)  (Su et al. 2021);
 * pos (n).  Pair i turns by pos * freq[i]; if that is not given, by pos * freq_scale *
 * freq_base^(-2i / n_rot) / factors[i].  The frequency and the angle are rounded to f32, as
 * in llama.cpp and PyTorch. */
struct tr_tensor *tr_rope(struct tr_tape *tp, struct tr_tensor *x, const int32_t *pos,
                          const struct tr_rope *opt);

/* y = silu(gate) * up,  silu(x) = x / (1 + exp(-x));   all (n, width) */
struct tr_tensor *tr_swiglu(struct tr_tape *tp, struct tr_tensor *gate,
                            struct tr_tensor *up);
/* y = gelu(gate) * up, tanh form;   all (n, width) */
struct tr_tensor *tr_geglu(struct tr_tape *tp, struct tr_tensor *gate,
                           struct tr_tensor *up);
/* y = g s(alpha g) (u + 1),  s(x) = 1 / (1 + exp(-x)),  g = min(gate, limit) and u = up
 * between -limit and limit  (gpt-oss, OpenAI 2025);   all (n, width).  What lies beyond a
 * limit has no gradient. */
struct tr_tensor *tr_swiglu_clamped(struct tr_tape *tp, struct tr_tensor *gate,
                                    struct tr_tensor *up, float alpha, float limit);

struct tr_attention {
    int n_head, n_head_kv; /* n_head_kv divides n_head; head h reads kv head
                              h / (n_head / n_head_kv) */
    int head_dim;
    float scale;    /* of q k^T */
    float soft_cap; /* s = cap * tanh(s / cap); 0: none */
    int window;     /* only the last `window` positions are seen, itself included;
                       0: all */
    int bf16;       /* factors of its products rounded to BF16, if the library was built for
                       a processor that multiplies those; not where k has more rows, and
                       not of scores if head_dim > 256 */
    struct tr_tensor *sinks; /* (n_head) f32, or NULL: a score of each head that takes its
                                share of every softmax and has no value (Xiao et al. 2023) */
    float grow;     /* at position p the scale is multiplied by */
    int grow_every; /* 1 + grow * ln(1 + floor(p / grow_every)); 0: by 1 (Llama 4) */
};
/* Causal attention in streaming form (Milakov, Gimelshein 2018; Dao et al. 2022): no n x n
 * array exists.  q (n, n_head * head_dim), k and v (n, n_head_kv * head_dim), pos (n):
 * row t sees rows max(t - pos[t], t - window + 1) … t.  Result like q.
 * What a planning tape counts is enough for documents no longer than those of its pos.
 * Without gradients k and v may have more rows than q, computed before: then q's are the
 * last. */
struct tr_tensor *tr_attention(struct tr_tape *tp, struct tr_tensor *q,
                               struct tr_tensor *k, struct tr_tensor *v,
                               const int32_t *pos, const struct tr_attention *opt);

enum { TR_CONV_TAPS = 8 }; /* of a short convolution, at most */
/* y[t][j] = bias[j] + sum over i of w[j][taps - 1 - i] * x[t - i][j], i up to taps - 1 and
 * pos[t]: every column with its own last rows of the document.  x and y (n, width),
 * w (width, taps) f32, bias (width) or NULL, pos (n).  Without gradients `state`, the
 * caller's (taps - 1, width), can stand for the rows in front: read as far as pos says so,
 * and written; else NULL. */
struct tr_tensor *tr_causal_conv(struct tr_tape *tp, struct tr_tensor *x,
                                 struct tr_tensor *w, struct tr_tensor *bias,
                                 const int32_t *pos, float *state);

struct tr_delta_rule {
    int n_head_k, n_head_v; /* n_head_k divides n_head_v; value head h reads query and key
                               head h % n_head_k */
    int head_k, head_v;     /* numbers of a key, d_k, and of a value, d_v */
    float scale;            /* of q k */
    float eps;              /* of the norm of q and k */
    float *state; // (n_head_v, d_k, d_v) read unless pos[0] is 0, and written; or NULL
};
/* The gated delta rule  (Yang, Kautz, Hatamizadeh 2024), in chunks  (Yang et al. 2024): no
 * array has a state for every row.  A value head has a matrix S (d_k, d_v); row t gives
 *     S = exp(g_t) S;  S = S + beta_t k_t (v_t - S^T k_t)^T;  y_t = scale * S^T q_t
 * with q and k divided by sqrt(|x|^2 + eps).  q and k (n, n_head_k * d_k), v and y
 * (n, n_head_v * d_v), g and beta (n, n_head_v), pos (n); S is 0 in front of a row whose pos
 * is 0.
 * What a planning tape counts is enough for documents no longer than those of its pos.
 * Without gradients `state`, the caller's, can stand for the rows before these. */
struct tr_tensor *tr_delta_rule(struct tr_tape *tp, struct tr_tensor *q,
                                struct tr_tensor *k, struct tr_tensor *v,
                                struct tr_tensor *g, struct tr_tensor *beta,
                                const int32_t *pos, const struct tr_delta_rule *opt);

struct tr_ssd {
    int n_head, n_group; /* n_group divides n_head; head h reads group
                            h / (n_head / n_group) of b and c */
    int d_head, d_state; /* numbers of a head, P, and rows of its state, N */
    float *state; // (n_head, N, P) read unless pos[0] is 0, and written; or NULL
};
/* Mamba-2's state-space layer in its dual form, in chunks: no array has a state for every
 * row  (Dao, Gu 2024).  A head has a matrix S (N, P) and numbers a and d; row t gives
 *     S = exp(dt_t a) S + dt_t b_t x_t^T;  y_t = S^T c_t + d x_t
 * x and y (n, n_head * P), b and c (n, n_group * N), dt (n, n_head), a and d n_head numbers,
 * pos (n); S is 0 in front of a row whose pos is 0.
 * What a planning tape counts is enough for documents no longer than those of its pos.
 * Without gradients `state`, the caller's, can stand for the rows before these. */
struct tr_tensor *tr_ssd(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *b,
                         struct tr_tensor *c, struct tr_tensor *dt, struct tr_tensor *a,
                         struct tr_tensor *d, const int32_t *pos, const struct tr_ssd *opt);

/* ---- experts: docs/maths/experts.md (Shazeer et al. 2017) ---------------------------- */

/* The scores of all experts from a row z of logits; all are static. */
struct tr_gating;
extern const struct tr_gating tr_gating_softmax; /* exp(z_e) / sum of exp(z_i) */
extern const struct tr_gating tr_gating_sigmoid; /* 1 / (1 + exp(-z_e)) */

enum { TR_MAX_EXPERT = 1024 };

struct tr_route {
    const struct tr_gating *gating;
    int n_used;             /* experts for each row */
    struct tr_tensor *bias; /* (n_expert) f32 that is added to the scores where experts are
                               chosen, and only there: it gets no gradient; or NULL */
    int normalise;          /* weights are divided by their sum + eps; those of a softmax
                               over all are then those of a softmax over the chosen */
    float eps;
    float scale;            /* of the weights; 0 is taken as 1 */
    float balance;          /* the gradient of balance * loss is added to that of the
                               logits, loss = n_expert * sum over e of f_e P_e with the
                               rows of e f_e n and its mean score P_e, where those of a
                               row are made to sum to 1  (Fedus et al. 2021); 0: none */
    double *balance_loss;   /* if not NULL: that loss is put there */
};

struct tr_routing {
    struct tr_tensor *weight; /* (n, n_used) of the chosen experts, the best first */
    struct tr_tensor *choice; /* i32: which they are, and which rows an expert gets */
    int n_expert;
};

/* For every row of logits (n, n_expert) the experts with the highest scores, of equal ones
 * the first, and their weights, which are scores. */
struct tr_routing tr_route(struct tr_tape *tp, struct tr_tensor *logits,
                           const struct tr_route *opt);

/* Of a routing that has been computed: row i of the rows of experts (below) is meant for
 * position place[i] / n_used, and those of expert e are first[e] … first[e + 1] - 1. */
void tr_routing_rows(const struct tr_routing *r, const int32_t **first,
                     const int32_t **place);

/* Its weights, each times the factor of its expert: factor (n_expert) f32. */
struct tr_tensor *tr_by_expert(struct tr_tape *tp, const struct tr_routing *r,
                               struct tr_tensor *factor);

/* Linear layers with a matrix for every expert: w (n_expert, n_out, n_in) of any type,
 * bias (n_expert, n_out), all else as in tr_linear; opt may be NULL.  Only the matrices of
 * experts that have rows are read.
 *
 * In: from rows x (n, n_in) to a row for each of them and each of its experts, those of one
 * expert one below the other: (n * n_used, n_out).  Then tr_experts_linear, from such rows
 * to such rows.  Out: from such rows to sums y (n, n_out), weighted as r says:
 * y_t = add_t + sum over its experts e of weight_te (scale * x_te w_e^T + bias_e). */
struct tr_tensor *tr_experts_in(struct tr_tape *tp, struct tr_tensor *x,
                                struct tr_tensor *w, const struct tr_routing *r,
                                const struct tr_linear *opt);
struct tr_tensor *tr_experts_linear(struct tr_tape *tp, struct tr_tensor *x,
                                    struct tr_tensor *w, const struct tr_routing *r,
                                    const struct tr_linear *opt);
struct tr_tensor *tr_experts_out(struct tr_tape *tp, struct tr_tensor *x,
                                 struct tr_tensor *w, const struct tr_routing *r,
                                 const struct tr_linear *opt);

/* The k likeliest ids of a row, and the natural logarithms of their probabilities; behind
 * these that of all other ids together. */
struct tr_top {
    int64_t k;
    int32_t *id;  // (k)
    float *log_p; // (k + 1)
};
enum { TR_MAX_TOP = 512 };
/* The same of many rows: number at[row] of them is of this row, -1: none. */
struct tr_tops {
    int64_t k;
    const int64_t *at; // (n)
    int32_t *id;       // (…, k)
    float *log_p;      // (…, k + 1)
};

/* What is minimised: the loss of one row of n logits.  z is overwritten: with scale *
 * d(loss)/dz, or with anything if scale is 0.  All are static (loss.h). */
struct tr_loss_kind {
    const char *name;
    const struct tr_option *option; /* what can be chosen about it; NULL: nothing */
    double (*row)(float *z, int64_t n, int32_t target, float scale, const double *option);
    /* Instead of row, of a row that has them: reads or fills *top. */
    double (*row_top)(float *z, int64_t n, int32_t target, float scale,
                      const double *option, const struct tr_top *top);
    int while_training; /* its options are about how to learn: what is measured has defaults */
};

/* logits += logit_scale * scale * u b^T     u (n, rank)   b (n_vocab, rank)   both f32, or b has
 * fewer rows, for the logits from `first` on */
struct tr_output_part {
    struct tr_tensor *u, *b;
    float scale;
    int64_t first;
};
enum { TR_MAX_OUTPUT_PARTS = 6 };

struct tr_loss {
    const struct tr_loss_kind *kind; /* NULL: only store the logits, the result is 0 */
    float scale;       /* result = scale * sum over the rows that count; 0: no gradient */
    float soft_cap;    /* of the logits, as above; 0: none */
    float logit_scale; /* multiplies the logits before that; 0 is taken as 1 */
    struct tr_tensor *bias; /* (n_vocab) f32, added before both, or NULL */
    double *sum;       /* if not NULL: += the unscaled sum of weighted losses, in f64 */
    float *row_loss;   // (n) if not NULL: loss of each row without its weight, 0 where
                       // target < 0 or the weight is 0
    float *logits;     // (n, n_vocab) if not NULL: also store them (small models, tests)
    int only_counted;  /* 1: of these only the rows that count, one below the other */
    int64_t max_rows;  /* of a chunk; 0: as many as 64 MiB of logits hold, 128 MiB
                        if w is trained, and at most 1024 */
    const struct tr_tops *top; /* for row_top of the kind; NULL: row */
    const double *option; /* values of the kind's options, in its order; NULL: it has none */
    const float *weight; // (n) factor of each row's loss, at least 0; NULL: 1 everywhere
    const struct tr_output_part *part; // (n_part) what adapters add to the logits
    int n_part;        /* up to TR_MAX_OUTPUT_PARTS */
};
/* The output projection and the loss in one, in chunks of rows:
 * n x n_vocab logits never exist at once.  x (n, width), w (n_vocab, width) of any type,
 * target (n), -1 where a row does not count; such rows, and those of weight 0, cost nothing
 * unless logits are stored.  Result: (1).
 * With a tape in training mode forward also computes the gradients, for d(loss) = 1: it
 * adds to those of w, the bias and each b at once, and backward only hands on those of x and
 * each u. */
struct tr_tensor *tr_output_loss(struct tr_tape *tp, struct tr_tensor *x,
                                 struct tr_tensor *w, const int32_t *target,
                                 const struct tr_loss *opt);

#ifdef __cplusplus
}
#endif
#endif
