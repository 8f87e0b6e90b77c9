/* SPDX-License-Identifier: MIT
 *
 * Adafactor (Shazeer, Stern 2018, "Adafactor: adaptive learning rates with sublinear memory
 * cost"), in the form of PyTorch's torch.optim.Adafactor: of the second moment of a matrix
 * only means of rows and columns are kept, and there is no first moment.  A rate is relative to
 * the size of the tensor's numbers: 1e-2 is a usual one.
 */
#include <libtrain/optim/optim.h>

#include <float.h>
#include <math.h>
#include <stddef.h>

enum { BETA2_DECAY, EPS2, THRESHOLD };
enum { ROW, COL, REST };

static const double eps1 = FLT_EPSILON;

/* Means of the squares of rows, and of columns, move towards those of g (rows, cols). */
static void follow_rows(const struct tr_optim_shape *z, const float *g, double scale,
                        double fresh, float *mean)
{
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < z->rows; r++) {
        double sum = 0;
        for (int64_t c = 0; c < z->cols; c++)
            sum += (double)g[r * z->cols + c] * (double)g[r * z->cols + c];
        double now = sum * scale * scale / (double)z->cols;
        mean[r] = (float)((double)mean[r] + fresh * (now - (double)mean[r]));
    }
}

static void follow_cols(const struct tr_optim_shape *z, const float *g, double scale,
                        double fresh, float *mean)
{
    enum { SOME = 64 };
#pragma omp parallel for schedule(static)
    for (int64_t at = 0; at < z->cols; at += SOME) {
        int64_t n = z->cols - at < SOME ? z->cols - at : SOME;
        double sum[SOME] = { 0 };
        for (int64_t r = 0; r < z->rows; r++)
            for (int64_t c = 0; c < n; c++)
                sum[c] += (double)g[r * z->cols + at + c] * (double)g[r * z->cols + at + c];
        for (int64_t c = 0; c < n; c++) {
            double now = sum[c] * scale * scale / (double)z->rows;
            mean[at + c] = (float)((double)mean[at + c] + fresh * (now - (double)mean[at + c]));
        }
    }
}

static double mean_of(const float *v, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)v[i];
    return sum / (double)n;
}

/* What divides a gradient: the root of its second moment, which is not below eps1^2. */
static inline double root_of(double v)
{
    return sqrt(v > eps1 * eps1 ? v : eps1 * eps1);
}

static void divide_matrix(const struct tr_optim_shape *z, const float *g, double scale,
                          const float *row, const float *col, float *change)
{
    double mean = mean_of(row, z->rows);
    mean = mean > eps1 ? mean : eps1;
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < z->rows; r++)
        for (int64_t c = 0; c < z->cols; c++)
            change[r * z->cols + c] =
                (float)((double)g[r * z->cols + c] * scale /
                        root_of((double)row[r] * (double)col[c] / mean));
}

static void divide_vector(int64_t n, const float *g, double scale, double fresh, float *v,
                          float *change)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        double x = (double)g[i] * scale;
        v[i] = (float)((double)v[i] + fresh * (x * x - (double)v[i]));
        change[i] = (float)(x / root_of((double)v[i]));
    }
}

static void adafactor_whole(const struct tr_optim_step *s, const struct tr_optim_shape *z,
                            const float *grad, void *const *state, float *change, float *room)
{
    (void)room;
    int64_t each = z->rows * z->cols, n = z->n * each;
    double fresh = pow((double)s->t, -s->option[BETA2_DECAY]);
    float *row = state[ROW], *col = state[COL];
    for (int64_t i = 0; row && i < z->n; i++, row += z->rows, col += z->cols) {
        follow_rows(z, grad + i * each, s->grad_scale, fresh, row);
        follow_cols(z, grad + i * each, s->grad_scale, fresh, col);
        divide_matrix(z, grad + i * each, s->grad_scale, row, col, change + i * each);
    }
    if (!row)
        divide_vector(n, grad, s->grad_scale, fresh, state[REST], change);
    double most = 1 / sqrt((double)s->t), rate = s->lr < most ? s->lr : most;
    double size = s->rms > s->option[EPS2] ? s->rms : s->option[EPS2];
    double large = sqrt(tr__sum_of_squares(change, n) / (double)n) / s->option[THRESHOLD];
    float by = (float)(rate * size / (large > 1 ? large : 1));
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < n; i++)
        change[i] *= by;
}

static const struct tr_option adafactor_options[] = {
    [BETA2_DECAY] = { "beta2_decay", 0, 10, 0.8, "the mean of squares is renewed by steps^-X", 0 },
    [EPS2] = { "least_size", 1e-30, 1, 1e-3, "of a tensor's numbers, for its rate", 0 },
    [THRESHOLD] = { "threshold", 1, 1e6, 1, "largest root mean square of an update", 0 },
    { .name = NULL },
};

const struct tr_optim tr__optim_adafactor = {
    .name = "adafactor",
    .option = adafactor_options,
    .n_state = 3,
    .state = { [ROW] = { ".row", &tr_f32, TR_OPTIM_ROW, 1, TR_OPTIM_MATRICES },
               [COL] = { ".col", &tr_f32, TR_OPTIM_COL, 1, TR_OPTIM_MATRICES },
               [REST] = { ".v", &tr_f32, 1, 1, TR_OPTIM_REST } },
    .whole = adafactor_whole,
    .asks_rms = 1,
};
