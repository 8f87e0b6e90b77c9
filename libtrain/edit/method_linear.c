/* SPDX-License-Identifier: MIT
 *
 * The weighted mean of models (Wortsman et al. 2022, "Model soups"), and the sum of what they
 * changed of their base (Ilharco et al. 2022, "Editing models with task arithmetic").  Sums
 * are in f64: the mean of a model with itself is that model, bit for bit.  Next:
 * method_vectors.c.
 */
#include <libtrain/edit/method.h>

static double sum_of(const double *weight, size_t n)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += weight[k];
    return sum;
}

static const char *misfit(const double *weight, size_t n)
{
    return sum_of(weight, n) != 0 ? NULL : "add up to 0";
}

static void linear(const struct tr__mixing *m, const struct tr__mixed *x)
{
    size_t n_model = m->args->n;
    double scale = m->normalize ? 1 / sum_of(m->weight, n_model) : 1;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < x->n; i++) {
        double v = m->weight[0] * (double)x->model[0][i];
        for (size_t k = 1; k < n_model; k++)
            v += m->weight[k] * (double)x->model[k][i];
        x->out[i] = (float)(v * scale);
    }
}

static void task(const struct tr__mixing *m, const struct tr__mixed *x)
{
    tr__vectors_add(m, x, &(struct tr__vectors){ NULL, 0 });
}

const struct tr_merge_method tr__method_linear = {
    .name = "linear", .help = "weighted mean of the models", .least = 1,
    .most = TR_MERGE_MAX_MODEL, .normalize = 1, .takes = "weight normalize",
    .misfit = misfit, .combine = linear,
};

const struct tr_merge_method tr__method_task = {
    .name = "task", .help = "base and the weighted sum of what the models changed of it",
    .least = 1, .most = TR_MERGE_MAX_MODEL, .takes = "weight lambda normalize",
    .combine = task,
};
