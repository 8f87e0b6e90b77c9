/* SPDX-License-Identifier: MIT
 *
 * What config.json says of rope in words and GGUF in a tensor: a factor for each pair of
 * columns.  The arithmetic is the converter's, f32 in its order, since its bytes are to be ours.
 */
#include <libtrain/hf/archs/archs.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for factors of rope");
}

static int is_type(const struct tr_json *rope, const char *type)
{
    size_t n;
    const struct tr_json *v = tr_json_get(rope, "rope_type");
    return v && strcmp(tr_json_string(v, &n), type) == 0;
}

static int llama3(const struct tr__hf_in *in, float **v, int64_t *n, struct tr_err *err)
{
    const struct tr_json *rope = tr__hf_rope_of(in->config);
    const int64_t dim = in->size->head_dim;
    *n = 0;
    if (!is_type(rope, "llama3") || dim < 2)
        return 0;
    if (!(*v = malloc((size_t)(dim / 2 + 1) * sizeof **v)))
        return no_memory(err);
    const struct tr_json *theta = tr_json_get(rope, "rope_theta");
    const float base = theta ? (float)tr_json_real(theta) : 10000;
    for (int64_t i = 0; i < dim; i += 2)
        (*v)[(*n)++] = tr__hf_llama3_factor(rope, 1 / powf(base, (float)i / (float)dim));
    return 0;
}

/* A list of numbers in rope_parameters. */
static int listed(const struct tr__hf_in *in, const char *field, float **v, int64_t *n,
                  struct tr_err *err)
{
    const struct tr_json *list = tr_json_get(tr__hf_rope_of(in->config), field);
    size_t count = tr_json_count(list);
    *n = 0;
    if (!count)
        return 0;
    if (!(*v = malloc(count * sizeof **v)))
        return no_memory(err);
    for (size_t i = 0; i < count; i++)
        (*v)[(*n)++] = (float)tr_json_real(tr_json_at(list, i));
    return 0;
}

static int long_factors(const struct tr__hf_in *in, float **v, int64_t *n,
                        struct tr_err *err)
{
    return listed(in, "long_factor", v, n, err);
}

static int short_factors(const struct tr__hf_in *in, float **v, int64_t *n,
                         struct tr_err *err)
{
    return listed(in, "short_factor", v, n, err);
}

const struct tr__hf_how tr__hf_llama3 = { .name = "factors of llama3", .make = llama3,
                                        .unmake = tr__hf_llama3_back };
const struct tr__hf_how tr__hf_long_factors = { .name = "long factors", .make = long_factors,
                                              .unmake = tr__hf_long_back };
const struct tr__hf_how tr__hf_short_factors = { .name = "short factors", .make = short_factors,
                                               .unmake = tr__hf_short_back };
