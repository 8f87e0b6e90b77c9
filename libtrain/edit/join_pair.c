/* SPDX-License-Identifier: MIT
 *
 * Pairs to one.  In memory all are b (m, rank) and a (rank, n), those of experts one after the
 * other; the pair of a token table, which files have the other way round (docs/formats/
 * adapter.md), is turned when it is read and when it is written.
 */
#include <libtrain/edit/join.h>
#include <libtrain/matmul/matmul.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int is_table(const struct tr__joint *p)
{
    return !strcmp(p->name, "token_embd.weight");
}

/* ==== shapes ==== */

struct shape {
    int64_t n_matrix, m, n, rank;
};

/* Rows and columns of the last two dimensions: a vector is one row. */
static int64_t rows_of(const struct tr_gguf_tensor *t)
{
    return t->n_dim > 1 ? t->dim[t->n_dim - 2] : 1;
}

/* What a pair's tensors say; rank 0 if they are none. */
static struct shape shape_of(const struct tr__joint *p, const struct tr_gguf_tensor *a,
                             const struct tr_gguf_tensor *b)
{
    struct shape s = { b->n_dim > 2 ? b->dim[0] : 1, rows_of(b), tr_gguf_row(a),
                       tr_gguf_row(b) };
    if (is_table(p))
        s = (struct shape){ 1, rows_of(a), rows_of(b), tr_gguf_row(a) };
    int64_t of_a[] = { s.n_matrix, s.rank, s.n }, of_b[] = { s.n_matrix, s.m, s.rank };
    if (is_table(p)) {
        memcpy(of_a, (int64_t[]){ 1, s.m, s.rank }, sizeof of_a);
        memcpy(of_b, (int64_t[]){ 1, s.n, s.rank }, sizeof of_b);
    }
    if (!tr_gguf_has_shape(a, 3, of_a) || !tr_gguf_has_shape(b, 3, of_b))
        s.rank = 0;
    return s;
}

int tr__joint_add(struct tr__joint *p, const struct tr__joint_part *part, struct tr_err *err)
{
    char of_a[TR_GGUF_SHAPE_BYTES], of_b[TR_GGUF_SHAPE_BYTES];
    struct shape s = shape_of(p, part->a, part->b);
    if (!s.rank || s.rank > INT32_MAX || !part->a->dtype->to_f32 || !part->b->dtype->to_f32)
        return tr_err_set(err, TR_EFORMAT, "'%s': '%s' is %s and its lora_b %s, which is no "
                          "pair", tr_gguf_path(part->g), part->a->name,
                          tr_gguf_shape_text(of_a, part->a->n_dim, part->a->dim),
                          tr_gguf_shape_text(of_b, part->b->n_dim, part->b->dim));
    if (p->n_part && (s.n_matrix != p->n_matrix || s.m != p->m || s.n != p->n))
        return tr_err_set(err, TR_EMISMATCH, "'%s': the pair of '%s' is for %lld x %lld, that "
                          "in '%s' for %lld x %lld", tr_gguf_path(part->g), p->name,
                          (long long)s.m, (long long)s.n, tr_gguf_path(p->part[0].g),
                          (long long)p->m, (long long)p->n);
    struct tr__joint_part *more = realloc(p->part, (p->n_part + 1) * sizeof *more);
    if (!more)
        return tr_err_set(err, TR_ENOMEM, "out of memory for the pair of '%s'", p->name);
    p->part = more;
    p->part[p->n_part++] = *part;
    p->is_stack = part->b->n_dim > 2;
    p->n_matrix = s.n_matrix;
    p->m = s.m;
    p->n = s.n;
    p->all += s.rank;
    return 0;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void tr__joint_settle(struct tr__joint *p, int most)
{
    p->rank = most && most < p->all ? least(most, least(p->m, p->n)) : p->all;
}

int tr__joint_shapes(const struct tr__joint *p, int64_t a[3], int64_t b[3])
{
    int64_t *a2 = a + p->is_stack, *b2 = b + p->is_stack;
    a[0] = b[0] = p->n_matrix;
    a2[0] = is_table(p) ? p->m : p->rank;
    a2[1] = is_table(p) ? p->rank : p->n;
    b2[0] = is_table(p) ? p->n : p->m;
    b2[1] = p->rank;
    return 2 + p->is_stack;
}

/* ==== scales ==== */

static int64_t rank_of(const struct tr__joint *p, const struct tr__joint_part *part)
{
    return shape_of(p, part->a, part->b).rank;
}

static double scale_of(const struct tr__joint *p, const struct tr__joint_part *part)
{
    double own = part->alpha == 0 ? 1 : (double)part->alpha / (double)rank_of(p, part);
    return part->user * own;
}

float tr__joint_alpha(const struct tr__joint *p)
{
    float alpha = (float)(fabs(scale_of(p, &p->part[0])) * (double)p->rank);
    return isfinite(alpha) && alpha > 0 ? alpha : 1;
}

/* ==== numbers ==== */

/* to (cols, rows) = from (rows, cols) */
static void transpose(const float *from, int64_t rows, int64_t cols, float *to)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            to[j * rows + i] = from[i * cols + j];
}

/* The factors of matrix e, beside each other: b (m, all), times what is left of their
 * scales, and a (all, n).  part_a, part_b: memory for those of one part. */
static void put_side_by_side(const struct tr__joint *p, double new_scale, int64_t e,
                             float *const *part_a, float *const *part_b, float *a, float *b)
{
    int64_t at = 0;
    for (size_t i = 0; i < p->n_part; i++) {
        int64_t r = rank_of(p, &p->part[i]);
        const float *from_a = part_a[i] + e * r * p->n, *from_b = part_b[i] + e * p->m * r;
        float scale = (float)(scale_of(p, &p->part[i]) / new_scale);
        memcpy(a + at * p->n, from_a, (size_t)(r * p->n) * sizeof *a);
        for (int64_t k = 0; k < p->m; k++)
            for (int64_t l = 0; l < r; l++)
                b[k * p->all + at + l] = scale * from_b[k * r + l];
        at += r;
    }
}

/* The first `rank` values of b a: to new_b (m, rank), new_a (rank, n). */
static int reduce(const struct tr__joint *p, double new_scale, const float *b,
                  const float *a, float *new_b, float *new_a, struct tr_join_loss *loss,
                  struct tr_err *err)
{
    struct tr__svd x;
    int rc = tr__svd_of_product(&x, p->m, p->all, p->n, b, a, err);
    if (rc)
        return rc;
    for (int64_t k = 0; k < x.rank; k++) {
        double value = new_scale * (double)x.s[k], square = value * value;
        float root = sqrtf(x.s[k]);
        loss->change += square;
        if (k >= p->rank) {
            loss->lost += square;
            continue;
        }
        for (int64_t i = 0; i < p->m; i++)
            new_b[i * p->rank + k] = root * x.u[i * x.rank + k];
        for (int64_t i = 0; i < p->n; i++)
            new_a[k * p->n + i] = root * x.vt[k * p->n + i];
    }
    tr__svd_release(&x);
    return 0;
}

/* Everything that joining a pair takes. */
struct memory {
    float **a, **b;       // (n_part) as read
    float *all_a, *all_b; /* of one matrix, side by side */
    float *new_a, *new_b; /* what is written */
};

static void release(const struct tr__joint *p, struct memory *m)
{
    for (size_t i = 0; i < p->n_part; i++) {
        free(m->a ? m->a[i] : NULL);
        free(m->b ? m->b[i] : NULL);
    }
    free(m->a);
    free(m->b);
    free(m->all_a);
    free(m->all_b);
    free(m->new_a);
    free(m->new_b);
}

static float *numbers(int64_t n)
{
    return malloc((size_t)n * sizeof(float));
}

/* A tensor as f32, if asked for turned; NULL: no memory. */
static float *unpack(const struct tr_gguf_tensor *t, int is_turned)
{
    int64_t n = tr_gguf_count(t), cols = tr_gguf_row(t);
    float *v = numbers(n), *turned = v && is_turned ? numbers(n) : NULL;
    if (v)
        t->dtype->to_f32(t->data, v, n);
    if (!v || !is_turned)
        return v;
    if (turned)
        transpose(v, n / cols, cols, turned);
    free(v);
    return turned;
}

static int read_parts(const struct tr__joint *p, struct memory *m, struct tr_err *err)
{
    *m = (struct memory){
        calloc(p->n_part, sizeof *m->a), calloc(p->n_part, sizeof *m->b),
        numbers(p->all * p->n), numbers(p->m * p->all),
        numbers(p->n_matrix * p->rank * p->n), numbers(p->n_matrix * p->m * p->rank)
    };
    int ok = m->a && m->b && m->all_a && m->all_b && m->new_a && m->new_b;
    for (size_t i = 0; ok && i < p->n_part; i++) {
        const struct tr__joint_part *part = &p->part[i];
        m->a[i] = is_table(p) ? unpack(part->b, 1) : unpack(part->a, 0);
        m->b[i] = unpack(is_table(p) ? part->a : part->b, 0);
        ok = m->a[i] && m->b[i];
    }
    return ok ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for the pair of '%s'", p->name);
}

static int join_all(const struct tr__joint *p, float alpha, struct memory *m,
                    struct tr_join_loss *loss, struct tr_err *err)
{
    double new_scale = (double)alpha / (double)p->rank;
    int rc = 0;
    for (int64_t e = 0; !rc && e < p->n_matrix; e++) {
        float *a = m->new_a + e * p->rank * p->n, *b = m->new_b + e * p->m * p->rank;
        if (p->rank == p->all) {
            put_side_by_side(p, new_scale, e, m->a, m->b, a, b);
            continue;
        }
        put_side_by_side(p, new_scale, e, m->a, m->b, m->all_a, m->all_b);
        rc = reduce(p, new_scale, m->all_b, m->all_a, b, a, loss, err);
    }
    return rc;
}

static int write_numbers(struct tr_gguf_writer *w, const float *v, int64_t n,
                         struct tr_err *err)
{
    return tr_gguf_write(w, v, n * (int64_t)sizeof *v, err);
}

static int write_pair(const struct tr__joint *p, const struct memory *m,
                      struct tr_gguf_writer *w, struct tr_err *err)
{
    int64_t n_a = p->n_matrix * p->rank * p->n, n_b = p->n_matrix * p->m * p->rank;
    if (!is_table(p)) {
        int rc = write_numbers(w, m->new_a, n_a, err);
        return rc ? rc : write_numbers(w, m->new_b, n_b, err);
    }
    float *turned = numbers(n_a);
    if (!turned)
        return tr_err_set(err, TR_ENOMEM, "out of memory for the pair of '%s'", p->name);
    transpose(m->new_a, p->rank, p->n, turned);
    int rc = write_numbers(w, m->new_b, n_b, err);
    if (!rc)
        rc = write_numbers(w, turned, n_a, err);
    free(turned);
    return rc;
}

int tr__joint_write(const struct tr__joint *p, float alpha, struct tr_gguf_writer *w,
                    struct tr_join_loss *loss, struct tr_err *err)
{
    struct memory m;
    int rc = read_parts(p, &m, err);
    if (!rc)
        rc = join_all(p, alpha, &m, loss, err);
    if (!rc)
        rc = write_pair(p, &m, w, err);
    release(p, &m);
    return rc;
}
