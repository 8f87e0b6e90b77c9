/* SPDX-License-Identifier: MIT
 *
 * Experts as gpt-oss publishes them, in MXFP4: a tensor NAME of the table is NAME_blocks (expert, row,
 * block, 16), the nibbles of 32 numbers each, and NAME_scales (expert, row, block).  They stay in
 * MXFP4; only nibbles change places.  Rows are those of GGUF already, where NAME itself stands
 * across.  The layout is that of the class in transformers: docs/formats/quantisation.md.
 */
#include <libtrain/hf/mxfp4.h>

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 32, HALF = 16, BYTES = 17 }; /* numbers, bytes of their nibbles, with a scale */

static const char *const suffix[] = { "_blocks", "_scales" };

const struct tr_dtype *tr__hf_mxfp4(void)
{
    return tr_dtype_by_name("MXFP4");
}

enum tr__hf_packed tr__hf_packed_part(const char *name, char whole[TR__HF_NAME_BYTES])
{
    size_t n = strlen(name);
    for (int i = 0; i < 2; i++) {
        size_t k = strlen(suffix[i]);
        if (n <= k || n - k >= TR__HF_NAME_BYTES || strcmp(name + n - k, suffix[i]))
            continue;
        memcpy(whole, name, n - k);
        whole[n - k] = 0;
        return i ? TR__HF_SCALES : TR__HF_BLOCKS;
    }
    return TR__HF_WHOLE;
}

const struct tr__hf_tensor *tr__hf_packed_other(const struct tr__hf_folder *f,
                                                const struct tr__hf_tensor *t,
                                                struct tr_err *err)
{
    char name[TR__HF_NAME_BYTES + 8];
    enum tr__hf_packed part = tr__hf_packed_part(t->name, name);
    strcat(name, suffix[part == TR__HF_BLOCKS]);
    const struct tr__hf_tensor *other = tr__hf_find(f, name);
    if (!other)
        tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' without '%s'", tr__hf_path(f, t->file),
                   t->name, name);
    return other;
}

/* Whether both are bytes, (expert, row, block, 16) and (expert, row, block). */
static int fit(const struct tr__hf_tensor *blocks, const struct tr__hf_tensor *scales)
{
    return blocks->n_dim == 4 && scales->n_dim == 3 && blocks->dim[3] == HALF &&
           !memcmp(blocks->dim, scales->dim, 3 * sizeof *blocks->dim) &&
           !strcmp(blocks->type, "U8") && !strcmp(scales->type, "U8") && blocks->count > 0;
}

int tr__hf_packed_shape(const struct tr__hf_made *m, int64_t dim[3], struct tr_err *err)
{
    const struct tr__hf_tensor *blocks = m->from[0], *scales = m->scales;
    const struct tr__hf_how *how = m->place.name->how;
    if (!fit(blocks, scales))
        return tr_err_set(err, TR_EFORMAT, "tensors '%s' (%s, %d dimensions) and '%s' (%s, %d "
                          "dimensions) are no MXFP4, which is bytes (expert, row, block, 16) "
                          "and (expert, row, block)", blocks->name, blocks->type,
                          blocks->n_dim, scales->name, scales->type, scales->n_dim);
    if (tr__hf_is_stack(m->place.name) ||
        (how && (how->column || how->to_gguf || how->factors)))
        return tr_err_set(err, TR_EUNSUPPORTED, "tensor '%s' cannot be MXFP4", m->name);
    int turned = how && how->transposed;
    dim[0] = blocks->dim[0];
    dim[1 + turned] = blocks->dim[1];
    dim[2 - turned] = blocks->dim[2] * BLOCK;
    return 0;
}

/* Byte i holds numbers 2 i and 2 i + 1 there, i and i + 16 in GGUF, behind the scale; the
 * lower one in the lower half. */
static void repack(const uint8_t from[HALF], uint8_t scale, uint8_t to[BYTES])
{
    *to++ = scale;
    for (int i = 0; i < HALF / 2; i++) {
        uint8_t low = from[i], high = from[HALF / 2 + i];
        to[2 * i] = (uint8_t)((low & 15) | high << 4);
        to[2 * i + 1] = (uint8_t)(low >> 4 | (high & 0xf0));
    }
}

static int fetch_row(const struct tr__hf_folder *f, const struct tr__hf_made *m, int64_t at,
                     uint8_t *scratch, uint8_t *to, struct tr_err *err)
{
    int64_t n = m->scales->dim[2];
    uint8_t *scale = scratch + n * HALF;
    int rc = tr__hf_read(f, m->from[0], at * n * HALF, n * HALF, scratch, err);
    if (!rc)
        rc = tr__hf_read(f, m->scales, at * n, n, scale, err);
    for (int64_t i = 0; !rc && i < n; i++)
        repack(scratch + i * HALF, scale[i], to + i * BYTES);
    return rc;
}

int tr__hf_packed_fetch(const struct tr__hf_folder *f, const struct tr__hf_made *m,
                        int64_t first, int64_t n, uint8_t *to, struct tr_err *err)
{
    int64_t blocks = m->scales->dim[2], low = INT64_MAX, high = 0;
    uint8_t *scratch = malloc((size_t)blocks * BYTES);
    int rc = scratch ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for tensor '%s'", m->name);
    for (int64_t i = 0; !rc && i < n; i++) {
        int64_t at = tr__hf_row(&m->place, first + i);
        low = at < low ? at : low;
        high = at > high ? at : high;
        rc = fetch_row(f, m, at, scratch, to + i * blocks * BYTES, err);
    }
    if (!rc && n)
        tr__hf_forget(f, m->from[0], low * blocks * HALF, (high + 1 - low) * blocks * HALF);
    free(scratch);
    return rc;
}
