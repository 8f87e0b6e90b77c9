/* SPDX-License-Identifier: MIT
 *
 * The types of tensor data by id and by name, from dtypes.def, and the one function that says
 * how many bytes a tensor takes: reader, writer, planner and quantiser must not differ.
 */
#include <libtrain/dtype.h>

#include <strings.h>

#define TR_DTYPE(type) extern const struct tr_dtype type;
#include <libtrain/quants/dtypes.def>
#undef TR_DTYPE

static const struct tr_dtype *const dtypes[] = {
#define TR_DTYPE(type) &type,
#include <libtrain/quants/dtypes.def>
#undef TR_DTYPE
};

enum { N_DTYPE = sizeof dtypes / sizeof dtypes[0] };

const struct tr_dtype *tr_dtype_at(int i)
{
    return i >= 0 && i < N_DTYPE ? dtypes[i] : NULL;
}

const struct tr_dtype *tr_dtype_by_id(uint32_t id)
{
    for (int i = 0; i < N_DTYPE; i++)
        if (dtypes[i]->id == id)
            return dtypes[i];
    return NULL;
}

const struct tr_dtype *tr_dtype_by_name(const char *name)
{
    for (int i = 0; i < N_DTYPE; i++)
        if (!strcasecmp(dtypes[i]->name, name))
            return dtypes[i];
    return NULL;
}

/* Both the count of numbers and the count of bytes must fit: a block of Q1_0 holds more
 * numbers than bytes. */
int tr_dtype_bytes(const struct tr_dtype *dtype, int n_dim, const int64_t *dim,
                   int64_t *bytes, struct tr_err *err)
{
    if (n_dim < 1)
        return tr_err_set(err, TR_EFORMAT, "a tensor without dimensions");
    for (int i = 0; i < n_dim; i++)
        if (dim[i] < 1)
            return tr_err_set(err, TR_EFORMAT, "dimension %d is %lld", i,
                              (long long)dim[i]);
    int64_t row = dim[n_dim - 1];
    if (row % dtype->block)
        return tr_err_set(err, TR_EFORMAT,
                          "a row of %lld numbers is no whole number of %s blocks of %u",
                          (long long)row, dtype->name, dtype->block);
    int64_t numbers = row, size = row / dtype->block;
    int fits = size <= INT64_MAX / dtype->bytes;
    size *= fits ? dtype->bytes : 0;
    for (int i = 0; fits && i < n_dim - 1; i++) {
        fits = numbers <= INT64_MAX / dim[i] && size <= INT64_MAX / dim[i];
        numbers *= fits ? dim[i] : 0;
        size *= fits ? dim[i] : 0;
    }
    if (!fits)
        return tr_err_set(err, TR_EFORMAT, "the tensor is larger than 63 bits can count");
    *bytes = size;
    return 0;
}
