/* SPDX-License-Identifier: MIT
 *
 * What gguf-show and gguf-diff print: keys, values, shapes, numbers.  Text is printable as
 * in all messages (printable.h), and a backslash is doubled, so that it can be read back.
 */
#include "gguf-text.h"

#include <libtrain/printable.h>

#include <string.h>

enum { MAX_ELEMENT = 64 }; /* bytes of a string in an array */

/* About `max` bytes of a text; `quoted` says whether '"' needs a backslash too. */
static void print_part(FILE *f, const char *s, size_t len, size_t max, int quoted)
{
    size_t end = len < max ? len : max, step;
    for (size_t i = 0; i < end; i += step) {
        step = tr_printable(s + i, len - i);
        step += step == 0;
        if (s[i] == '\\' || (s[i] == '"' && quoted))
            fputc('\\', f);
        tr_print_escaped(f, s + i, step);
    }
    if (len > max)
        fputs("...", f);
}

void gguf_print_text(FILE *f, const char *s, size_t len)
{
    print_part(f, s, len, SIZE_MAX, 0);
}

void gguf_print_type(FILE *f, const struct tr_gguf_kv *kv)
{
    fputs(tr_gguf_type_name(kv->elem), f);
    if (kv->type == TR_GGUF_ARRAY)
        fprintf(f, "[%llu]", (unsigned long long)kv->count);
}

static void print_number(FILE *f, const struct tr_gguf_kv *kv, uint64_t i)
{
    if (kv->elem == TR_GGUF_F32)
        fprintf(f, "%.9g", tr_gguf_elem_float(kv, i));
    else if (kv->elem == TR_GGUF_F64)
        fprintf(f, "%.17g", tr_gguf_elem_float(kv, i));
    else if (kv->elem == TR_GGUF_BOOL)
        fputs(tr_gguf_elem_int(kv, i) ? "true" : "false", f);
    else if (kv->elem == TR_GGUF_U64)
        fprintf(f, "%llu", (unsigned long long)tr_gguf_elem_int(kv, i));
    else
        fprintf(f, "%lld", (long long)tr_gguf_elem_int(kv, i));
}

void gguf_print_value(FILE *f, const struct tr_gguf_kv *kv, uint64_t max)
{
    uint64_t n = kv->count < max ? kv->count : max, cursor = 0;
    int array = kv->type == TR_GGUF_ARRAY;
    for (uint64_t i = 0; i < n; i++) {
        if (i)
            fputc(' ', f);
        if (kv->elem != TR_GGUF_STRING) {
            print_number(f, kv, i);
            continue;
        }
        struct tr_str s = tr_gguf_elem_string(kv, &cursor);
        if (!array) {
            gguf_print_text(f, s.ptr, s.len);
            continue;
        }
        fputc('"', f);
        print_part(f, s.ptr, s.len, MAX_ELEMENT, 1);
        fputc('"', f);
    }
    if (kv->count > max)
        fputs(" ...", f);
}

void gguf_print_shape(FILE *f, const struct tr_gguf_tensor *t)
{
    for (int i = 0; i < t->n_dim; i++)
        fprintf(f, i ? "x%lld" : "%lld", (long long)t->dim[i]);
}

/* A little-endian signed integer of 1 to 8 bytes. */
static double integer(const unsigned char *p, uint32_t bytes)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    uint64_t sign = (uint64_t)1 << (8 * bytes - 1);
    return (double)((int64_t)(v ^ sign) - (int64_t)sign);
}

int gguf_unpack(const struct tr_gguf_tensor *t, int64_t begin, int64_t n, double *out)
{
    const struct tr_dtype *type = t->dtype;
    const unsigned char *src = t->data;
    float piece[GGUF_PIECE];
    src += begin / type->block * type->bytes;
    if (!type->to_f32 && type->block != 1)
        return 0;
    if (type->to_f32)
        type->to_f32(src, piece, n);
    for (int64_t i = 0; i < n; i++)
        out[i] = type->to_f32 ? (double)piece[i]
                              : integer(src + i * type->bytes, type->bytes);
    return 1;
}
