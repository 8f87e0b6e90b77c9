/* SPDX-License-Identifier: MIT
 *
 * What both passes of tr_ssd share: scratch, and a chunk of one head.  Inside a chunk
 * (chunk.c) every pair of rows is a number of a triangle, as in attention, and the state is
 * touched once, so that all of it is products of small matrices (tile.c).  Derivation and
 * the meaning of the letters: docs/maths/ssd.md; next: ssd.c.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/ops/ssd_job.h>

#include <omp.h>
#include <string.h>

enum { CHUNK = TR__CHUNK };

/* ---- scratch ------------------------------------------------------------------------ */

static float *floats(struct tr_arena *a, int64_t rows, int64_t cols)
{
    return tr_arena_array(a, (size_t)(rows * cols), sizeof(float));
}

static void add_backward(struct tr_arena *a, const struct tr_ssd *opt, int64_t n_chunk,
                         struct tr__ssd_work *w)
{
    w->states = floats(a, n_chunk * opt->d_state, opt->d_head);
    w->t = floats(a, CHUNK, opt->d_head);
    w->e_dy = floats(a, CHUNK, opt->d_head);
    w->dbc = floats(a, CHUNK, opt->d_state);
    w->dp = floats(a, CHUNK, CHUNK);
    w->ds = floats(a, opt->d_state, opt->d_head);
    w->s_t = floats(a, opt->d_head, opt->d_state);
    w->u_t = floats(a, opt->d_head, CHUNK);
}

static struct tr__ssd_work work_of_thread(struct tr_arena *a, const struct tr_ssd *opt)
{
    return (struct tr__ssd_work){
        .keep = floats(a, 1, opt->d_state),    .decay = floats(a, CHUNK, CHUNK),
        .p = floats(a, CHUNK, CHUNK),          .b_t = floats(a, opt->d_state, CHUNK),
        .u = floats(a, CHUNK, opt->d_head),    .u_end = floats(a, CHUNK, opt->d_head),
        .s = floats(a, opt->d_state, opt->d_head),
    };
}

struct tr__ssd_work *tr__ssd_work(struct tr_arena *a, const struct tr_node *nd,
                                  int backward)
{
    int n_thread = omp_get_max_threads();
    int64_t n_chunk = tr__chunk_most(tr__ssd_positions(nd), tr_tensor_rows(nd->out));
    struct tr__ssd_work *work = tr_arena_array(a, (size_t)n_thread, sizeof *work);
    for (int i = 0; i < n_thread; i++) {
        struct tr__ssd_work w = work_of_thread(a, tr__ssd_options(nd));
        if (backward)
            add_backward(a, tr__ssd_options(nd), n_chunk, &w);
        if (work)
            work[i] = w;
    }
    return work;
}

/* ---- a chunk ------------------------------------------------------------------------ */

/* Columns at and behind `first` of an input, row t. */
static const float *part_of(const struct tr_tensor *t, int64_t row, int64_t first)
{
    return tr_tensor_row(t, row) + first;
}

static void load_steps(const struct tr_node *nd, int head, struct tr__ssd_work *w)
{
    float a = tr__ssd_value(nd->in[TR__SSD_A], head), sum = 0;
    for (int64_t i = 0; i < w->n; i++) {
        w->dt[i] = *part_of(nd->in[TR__SSD_DT], w->t0 + i, head);
        w->g[i] = w->dt[i] * a;
        sum += w->g[i];
        w->from_start[i] = tr__expf(sum);
    }
    tr__chunk_decay(w->n, w->g, w->decay);
}

void tr__ssd_load(const struct tr_node *nd, int head, int64_t t0, int64_t n,
                  struct tr__ssd_work *w)
{
    const struct tr_ssd *opt = tr__ssd_options(nd);
    int64_t width = opt->d_head, group = head / (opt->n_head / opt->n_group);
    w->t0 = t0;
    w->n = n;
    w->x = part_of(nd->in[TR__SSD_X], t0, head * width);
    w->b = part_of(nd->in[TR__SSD_B], t0, group * opt->d_state);
    w->c = part_of(nd->in[TR__SSD_C], t0, group * opt->d_state);
    load_steps(nd, head, w);
    const float *to_end = w->decay + (n - 1) * CHUNK;
    for (int64_t i = 0; i < n; i++) {
        const float *x = w->x + i * nd->in[TR__SSD_X]->ld;
        float *u = w->u + i * width, *u_end = w->u_end + i * width;
        for (int64_t d = 0; d < width; d++) {
            u[d] = w->dt[i] * x[d];
            u_end[d] = to_end[i] * u[d];
        }
    }
}

void tr__ssd_pairs(const struct tr_node *nd, struct tr__ssd_work *w)
{
    int64_t d_state = tr__ssd_options(nd)->d_state;
    tr__chunk_columns(w->n, d_state, w->b, nd->in[TR__SSD_B]->ld, w->b_t);
    tr__chunk_pairs(w->n, d_state, w->c, nd->in[TR__SSD_C]->ld, w->b_t, w->p);
    for (int64_t i = 0; i < w->n; i++)
        for (int64_t j = 0; j < tr__chunk_lanes(i + 1); j++)
            w->p[i * CHUNK + j] *= w->decay[i * CHUNK + j];
}

void tr__ssd_advance(const struct tr_node *nd, const float *s, float *to,
                     struct tr__ssd_work *w)
{
    int64_t d_state = tr__ssd_options(nd)->d_state, d_head = tr__ssd_options(nd)->d_head;
    if (s && s != to)
        memcpy(to, s, (size_t)(d_state * d_head) * sizeof *to);
    tr__chunk_fill(w->keep, d_state, w->from_start[w->n - 1]);
    tr__tile_product(d_state, d_head, w->n,
                     (struct tr__tile){ w->b, 1, nd->in[TR__SSD_B]->ld }, w->u_end, d_head,
                     to, d_head, s ? w->keep : NULL);
}
