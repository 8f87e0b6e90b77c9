/* SPDX-License-Identifier: MIT
 *
 * The rows that count are gathered into chunks.  For each chunk: logits, loss, and, while
 * the logits are still there, the gradient in their place and its two products.  So the
 * logits are computed once and kept for no longer than a chunk.  Derivation:
 * docs/maths/output-loss.md.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/ops/ops.h>

#include <omp.h>
#include <string.h>

enum { X, W, BIAS, PARTS };
enum { CHUNK_BYTES = 64 << 20, MAX_ROWS = 1024, MIN_ROWS = 16 };

struct output_loss_args {
    struct tr_loss opt;
    const int32_t *target; /* (n) */
    float part_scale[TR_MAX_OUTPUT_PARTS];
    int64_t part_first[TR_MAX_OUTPUT_PARTS];
};

enum { MAX_TERMS = 1 + TR_MAX_OUTPUT_PARTS };

/* Logits are a sum of products scale * x w^T: that of the weight, then those of adapters. */
struct term {
    struct tr_tensor *x, *w;
    float scale;
    int64_t first; /* of the logits that it adds to */
};

static int n_term(const struct tr_node *nd)
{
    int n = 1;
    while (n < MAX_TERMS && nd->in[PARTS + 2 * (n - 1)])
        n++;
    return n;
}

static struct term term_of(const struct tr_node *nd, int i)
{
    const struct output_loss_args *args = nd->args;
    if (!i)
        return (struct term){ nd->in[X], nd->in[W], args->opt.logit_scale, 0 };
    return (struct term){ nd->in[PARTS + 2 * (i - 1)], nd->in[PARTS + 2 * (i - 1) + 1],
                          args->opt.logit_scale * args->part_scale[i - 1],
                          args->part_first[i - 1] };
}

/* Numbers that wait for backward: the gradient of x of this term. */
static size_t n_saved(const struct tr_tensor *x)
{
    return x->needs_grad ? (size_t)(tr_tensor_rows(x) * tr_tensor_cols(x)) : 0;
}

/* Scratch of one call; rows: of a chunk. */
struct chunk {
    int64_t rows;
    int32_t *index; /* (n) the rows that are computed */
    float *x[MAX_TERMS]; /* (rows, width) gathered, of each term */
    float *dx;      /* (rows, width) of the widest term */
    float *logits;  /* (rows, n_vocab) */
    double *loss;   /* (rows) */
    float *capped;  /* (threads, n_vocab), only with a soft cap */
};

/* The largest power of two whose logits fit in CHUNK_BYTES, or in twice as much if w is
 * trained, since every chunk reads and writes all of its gradient.  Batches tend to be
 * multiples of it, and it does not depend on n, so that a plan for many rows covers fewer. */
static int64_t chunk_rows(const struct tr_node *nd)
{
    const struct output_loss_args *args = nd->args;
    int64_t n = tr_tensor_rows(nd->in[X]), n_vocab = tr_tensor_rows(nd->in[W]);
    int trained = nd->with_grad && nd->in[W]->needs_grad;
    int64_t rows = args->opt.max_rows ? args->opt.max_rows : MAX_ROWS;
    int64_t most = trained ? 2 * CHUNK_BYTES : CHUNK_BYTES;
    while (rows > MIN_ROWS && rows * n_vocab * (int64_t)sizeof(float) > most)
        rows /= 2;
    return rows < n ? rows : n;
}

static struct chunk new_chunk(struct tr_arena *a, const struct tr_node *nd)
{
    const struct output_loss_args *args = nd->args;
    size_t n = (size_t)tr_tensor_rows(nd->in[X]), most = 0;
    size_t n_vocab = (size_t)tr_tensor_rows(nd->in[W]);
    struct chunk c = { .rows = chunk_rows(nd) };
    size_t rows = (size_t)c.rows;
    c.index = tr_arena_array(a, n, sizeof *c.index);
    for (int i = 0; i < n_term(nd); i++) {
        size_t width = (size_t)tr_tensor_cols(term_of(nd, i).x);
        c.x[i] = tr_arena_array(a, rows * width, sizeof *c.x[i]);
        most = width > most ? width : most;
    }
    c.dx = nd->n_saved ? tr_arena_array(a, rows * most, sizeof *c.dx) : NULL;
    c.logits = tr_arena_array(a, rows * n_vocab, sizeof *c.logits);
    c.loss = tr_arena_array(a, rows, sizeof *c.loss);
    if (args->opt.soft_cap > 0)
        c.capped = tr_arena_array(a, (size_t)omp_get_max_threads() * n_vocab,
                                  sizeof *c.capped);
    return c;
}

static size_t output_loss_scratch(const struct tr_node *nd, int backward)
{
    if (backward)
        return 0;
    struct tr_arena count;
    tr_arena_init_counting(&count);
    struct chunk c = new_chunk(&count, nd);
    size_t most = 0;
    for (int i = 0; i < n_term(nd); i++) {
        struct tr__matrix m = tr__as_matrix(term_of(nd, i).w);
        size_t bytes = tr__gemm_scratch(c.rows, &m);
        most = bytes > most ? bytes : most;
    }
    return count.peak + most;
}

static size_t output_loss_library(const struct tr_node *nd)
{
    struct tr__matrix m = tr__as_matrix(nd->in[W]);
    return tr__gemm_library(chunk_rows(nd), &m);
}

static int targets_fit(const struct tr_node *nd)
{
    const struct output_loss_args *args = nd->args;
    int64_t n = tr_tensor_rows(nd->in[X]), n_vocab = tr_tensor_rows(nd->in[W]);
    for (int64_t t = 0; t < n; t++)
        if (args->target[t] >= n_vocab) {
            tr_err_set(&nd->scratch->err, TR_EMISMATCH,
                       "output_loss: target %d in row %lld, there are %lld ids",
                       args->target[t], (long long)t, (long long)n_vocab);
            return 0;
        }
    return 1;
}

static float weight_of(const struct output_loss_args *args, int64_t row)
{
    return args->opt.weight ? args->opt.weight[row] : 1;
}

static int row_counts(const struct output_loss_args *args, int64_t row)
{
    return args->target[row] >= 0 && weight_of(args, row) != 0;
}

/* All rows if the logits of all are to be stored, else those that count. */
static int64_t list_rows(const struct output_loss_args *args, int64_t n, int32_t *index)
{
    int64_t count = 0;
    int all = args->opt.logits && !args->opt.only_counted;
    for (int64_t t = 0; t < n; t++)
        if (all || row_counts(args, t))
            index[count++] = (int32_t)t;
    return count;
}

/* to[i] = from[index[i]] or, backwards, to[index[i]] = from[i]. */
static void gather(float *to, const float *from, int64_t from_ld, const int32_t *index,
                   int64_t rows, int64_t width)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < rows; i++)
        memcpy(to + i * width, from + index[i] * from_ld, (size_t)width * sizeof *to);
}

static void scatter(float *to, const float *from, const int32_t *index, int64_t rows,
                    int64_t width)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < rows; i++)
        memcpy(to + index[i] * width, from + i * width, (size_t)width * sizeof *to);
}

static void add_bias(float *z, const float *bias, int64_t n, float scale)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        z[i] += scale * bias[i];
}

static void cap(float *z, int64_t n, float soft_cap)
{
    float inverse = 1.0f / soft_cap;
    for (int64_t i = 0; i < n; i++)
        z[i] = soft_cap * tr__tanhf(z[i] * inverse);
}

/* dz *= 1 - (capped / soft_cap)^2, the derivative of the cap */
static void cap_backward(float *dz, const float *capped, int64_t n, float soft_cap)
{
    float inverse = 1.0f / soft_cap;
    for (int64_t i = 0; i < n; i++) {
        float t = capped[i] * inverse;
        dz[i] *= 1.0f - t * t;
    }
}

static double loss_of_row(const struct tr_loss *opt, float *z, int64_t n_vocab, int64_t row,
                          int32_t target, float factor)
{
    const struct tr_tops *all = opt->top;
    int64_t at = all ? all->at[row] : -1;
    if (at < 0)
        return opt->kind->row(z, n_vocab, target, factor, opt->option);
    struct tr_top top = { all->k, all->id + at * all->k, all->log_p + at * (all->k + 1) };
    return opt->kind->row_top(z, n_vocab, target, factor, opt->option, &top);
}

/* Logits of a row to its loss; they become the gradient if scale is not 0, also where its
 * product with the weight is too small a number. */
static double one_row(const struct output_loss_args *args, float *z, int64_t n_vocab,
                      int64_t row, float scale, float *capped)
{
    const struct tr_loss *opt = &args->opt;
    int counts = opt->kind && row_counts(args, row);
    float factor = scale * weight_of(args, row);
    double loss = 0;
    if (counts)
        loss = loss_of_row(opt, z, n_vocab, row, args->target[row], factor);
    if (!counts || factor == 0)
        memset(z, 0, (size_t)n_vocab * sizeof *z);
    if (opt->soft_cap > 0 && scale != 0)
        cap_backward(z, capped, n_vocab, opt->soft_cap);
    return loss;
}

/* With scale 0 there is none, and what the loss leaves in z is no gradient. */
static int makes_gradient(const struct tr_node *nd)
{
    return nd->with_grad && ((const struct output_loss_args *)nd->args)->opt.scale != 0;
}

/* Rows of the list from i0 on. */
static void loss_of_chunk(const struct tr_node *nd, const struct chunk *c, int64_t i0,
                          int64_t rows)
{
    const int32_t *index = c->index + i0;
    const struct output_loss_args *args = nd->args;
    const struct tr_loss *opt = &args->opt;
    int64_t n_vocab = tr_tensor_rows(nd->in[W]);
    size_t bytes = (size_t)n_vocab * sizeof(float);
    float scale = makes_gradient(nd) ? opt->scale : 0;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        float *z = c->logits + i * n_vocab, *capped = NULL;
        if (nd->in[BIAS])
            add_bias(z, nd->in[BIAS]->data, n_vocab, opt->logit_scale);
        if (opt->soft_cap > 0) {
            cap(z, n_vocab, opt->soft_cap);
            capped = c->capped + omp_get_thread_num() * n_vocab;
            memcpy(capped, z, bytes);
        }
        if (opt->logits)
            memcpy(opt->logits + (i0 + i) * n_vocab, z, bytes);
        c->loss[i] = one_row(args, z, n_vocab, index[i], scale, capped);
        if (opt->row_loss)
            opt->row_loss[index[i]] = (float)c->loss[i];
        c->loss[i] *= (double)weight_of(args, index[i]);
    }
}

/* An empty gradient is written, as that of w is. */
static void add_bias_gradient(struct tr_tensor *bias, const float *dz, int64_t rows,
                              float scale)
{
    int64_t n_vocab = tr_tensor_count(bias);
    if (!tr_op_grad_beta(bias))
        memset(bias->grad, 0, (size_t)n_vocab * sizeof *bias->grad);
    tr__add_column_sums(dz, n_vocab, rows, n_vocab, scale, bias->grad);
}

/* Of one term: those of its x go to `saved`. */
static void gradients_of_term(const struct tr_node *nd, const struct chunk *c, int i,
                              const int32_t *index, int64_t rows, float *saved)
{
    struct term t = term_of(nd, i);
    struct tr__matrix m = tr__as_matrix(t.w);
    int64_t n_vocab = tr_tensor_rows(nd->in[W]), width = tr_tensor_cols(t.w);
    const float *dz = c->logits + t.first;
    if (t.x->needs_grad) {
        tr__gemm_dyw(nd->scratch, rows, t.scale, dz, n_vocab, &m, 0, c->dx, width);
        scatter(saved, c->dx, index, rows, width);
    }
    if (t.w->needs_grad)
        tr__gemm_dytx(nd->scratch, rows, t.scale, dz, n_vocab, c->x[i], width,
                      tr_op_grad_beta(t.w), &m);
}

static void gradients_of_chunk(const struct tr_node *nd, const struct chunk *c,
                               const int32_t *index, int64_t rows)
{
    const struct tr_loss *opt = &((const struct output_loss_args *)nd->args)->opt;
    float *saved = nd->saved;
    for (int i = 0; i < n_term(nd); i++) {
        gradients_of_term(nd, c, i, index, rows, saved);
        saved += n_saved(term_of(nd, i).x);
    }
    if (nd->in[BIAS] && nd->in[BIAS]->needs_grad)
        add_bias_gradient(nd->in[BIAS], c->logits, rows, opt->logit_scale);
}

static void logits_of_chunk(const struct tr_node *nd, const struct chunk *c,
                            const int32_t *index, int64_t rows)
{
    int64_t n_vocab = tr_tensor_rows(nd->in[W]);
    for (int i = 0; i < n_term(nd); i++) {
        struct term t = term_of(nd, i);
        struct tr__matrix m = tr__as_matrix(t.w);
        int64_t width = tr_tensor_cols(t.x);
        gather(c->x[i], t.x->data, t.x->ld, index, rows, width);
        tr__gemm_xwt(nd->scratch, rows, t.scale, c->x[i], width, &m, i > 0,
                     c->logits + t.first, n_vocab);
    }
}

static void output_loss_forward(struct tr_node *nd)
{
    const struct output_loss_args *args = nd->args;
    const struct tr_loss *opt = &args->opt;
    int64_t n = tr_tensor_rows(nd->in[X]);
    if (!targets_fit(nd))
        return;
    size_t mark = tr_arena_mark(nd->scratch);
    struct chunk c = new_chunk(nd->scratch, nd);
    int64_t count = list_rows(args, n, c.index);
    double sum = 0;
    memset(nd->saved, 0, nd->n_saved * sizeof *nd->saved);
    if (opt->row_loss)
        memset(opt->row_loss, 0, (size_t)n * sizeof *opt->row_loss);
    for (int64_t i0 = 0; i0 < count; i0 += c.rows) {
        int64_t rows = count - i0 < c.rows ? count - i0 : c.rows;
        logits_of_chunk(nd, &c, c.index + i0, rows);
        loss_of_chunk(nd, &c, i0, rows);
        for (int64_t i = 0; i < rows; i++)
            sum += c.loss[i];
        if (makes_gradient(nd))
            gradients_of_chunk(nd, &c, c.index + i0, rows);
    }
    if (opt->sum)
        *opt->sum += sum;
    ((float *)nd->out->data)[0] = (float)((double)opt->scale * sum);
    tr_arena_rewind(nd->scratch, mark);
}

static void add_saved(const struct tr_tensor *x, const float *saved)
{
    int64_t n = tr_tensor_rows(x), width = tr_tensor_cols(x);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++)
            x->grad[i * x->ld + j] += saved[i * width + j];
}

static void output_loss_backward(struct tr_node *nd)
{
    const float *saved = nd->saved;
    if (nd->out->grad[0] != 1.0f)
        tr_fatal("output_loss: its gradient is %g, it must be 1",
                 (double)nd->out->grad[0]);
    for (int i = 0; i < n_term(nd); i++) {
        const struct tr_tensor *x = term_of(nd, i).x;
        if (x->grad)
            add_saved(x, saved);
        saved += n_saved(x);
    }
}

static double output_loss_work(const struct tr_node *nd, int backward)
{
    double sum = 0;
    for (int i = 0; i < n_term(nd); i++) {
        struct term t = term_of(nd, i);
        int products = backward ? 0 : 1 + t.x->needs_grad + t.w->needs_grad;
        sum += 2.0 * products * (double)tr_tensor_rows(t.x) * (double)tr_tensor_count(t.w);
    }
    return sum;
}

const struct tr_op tr__op_output_loss = {
    .name = "output_loss",
    .forward = output_loss_forward,
    .backward = output_loss_backward,
    .scratch = output_loss_scratch,
    .library = output_loss_library,
    .work = output_loss_work,
    .once = 1,
};

static void add_parts(struct tr_tape *tp, struct tr_op_call *call,
                      struct output_loss_args *args, const struct tr_loss *opt)
{
    const struct tr_op *op = call->op;
    tr_op_require(tp, opt->n_part <= TR_MAX_OUTPUT_PARTS, op, call->in[X], call->in[W]);
    for (int i = 0; i < opt->n_part && i < TR_MAX_OUTPUT_PARTS; i++) {
        struct tr_tensor *u = opt->part[i].u, *b = opt->part[i].b;
        tr_op_require(tp, u->dtype == &tr_f32 && b->dtype == &tr_f32, op, u, b);
        tr_op_require(tp, tr_tensor_cols(u) == tr_tensor_cols(b), op, u, b);
        tr_op_require(tp, tr_tensor_rows(u) == tr_tensor_rows(call->in[X]), op, u,
                      call->in[X]);
        tr_op_require(tp, opt->part[i].first >= 0 && tr_tensor_rows(b) <=
                      tr_tensor_rows(call->in[W]) - opt->part[i].first, op, b, call->in[W]);
        call->in[PARTS + 2 * i] = u;
        call->in[PARTS + 2 * i + 1] = b;
        call->n_saved += n_saved(u);
        args->part_scale[i] = opt->part[i].scale;
        args->part_first[i] = opt->part[i].first;
    }
}

struct tr_tensor *tr_output_loss(struct tr_tape *tp, struct tr_tensor *x,
                                 struct tr_tensor *w, const int32_t *target,
                                 const struct tr_loss *opt)
{
    const struct tr_op *op = &tr__op_output_loss;
    tr_op_require(tp, tr_tensor_cols(x) == tr_tensor_cols(w), op, x, w);
    tr_op_require(tp, !opt->bias || (opt->bias->dtype == &tr_f32 &&
                  tr_tensor_count(opt->bias) == tr_tensor_rows(w)), op, w, opt->bias);
    struct output_loss_args args = { .opt = *opt, .target = target };
    struct tr_op_call call = { .op = op, .in = { x, w, opt->bias }, .args = &args,
                               .args_bytes = sizeof args, .n_saved = n_saved(x) };
    if (args.opt.logit_scale == 0)
        args.opt.logit_scale = 1;
    add_parts(tp, &call, &args, opt);
    call.out = tr_op_output(tp, op, 1, (int64_t[]){ 1 });
    return tr_op_run(tp, &call);
}
