/* SPDX-License-Identifier: MIT
 *
 * From the bytes of a GGUF file to structs.  The rules of this file: a number from the
 * file is compared with the bytes that are left before it is used; every factor is checked
 * before there is a product; what is allocated is bounded by the bytes that a count of
 * things must take in the file at least.
 */
#include <libtrain/base/base.h>
#include <libtrain/gguf/reader.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "GGUF values are handed out as they stand in the file: little endian only"
#endif

enum {
    HEADER_BYTES = 24,
    MIN_KV_BYTES = 8 + 1 + 4 + 1,             /* key, type, value */
    MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8, /* name, n_dims, dim, type, offset */
    MAX_SHOWN = 64                            /* bytes of a name in a message */
};

typedef unsigned long long ull; /* for printf */

#define CUT ": an incomplete download?" /* what most files are that end too early */

struct parse {
    struct tr_gguf *g;
    struct tr__cursor c;
    struct tr_err *err;
    const char *kind, *name; /* "key" or "tensor" that is being read; NULL: neither */
    uint64_t name_len;
};

static void about(struct parse *p, const char *kind, const char *name, uint64_t len)
{
    p->kind = kind;
    p->name = name;
    p->name_len = len;
}

static int shown(const struct parse *p)
{
    return (int)(p->name_len < MAX_SHOWN ? p->name_len : MAX_SHOWN);
}

/* "'path': key 'x': text (offset n)" */
static int refuse(struct parse *p, const char *fmt, ...) TR_PRINTF(2, 3);
static int refuse(struct parse *p, const char *fmt, ...)
{
    char text[300];
    int n = 0;
    va_list ap;
    if (p->kind)
        n = snprintf(text, sizeof text, "%s '%.*s': ", p->kind, shown(p), p->name);
    va_start(ap, fmt);
    vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
    va_end(ap);
    return tr_err_set(p->err, TR_EFORMAT, "'%s': %s (offset %llu)", p->g->path, text,
                      (ull)p->c.at);
}

/* Note something that is kept but told. */
static void odd(struct parse *p, enum tr__gguf_oddity what, const char *text)
{
    tr__gguf_warn(p->g, what, "%s '%.*s': %s", p->kind, shown(p), p->name, text);
}

static int out_of_memory(const struct parse *p)
{
    return tr_err_set(p->err, TR_ENOMEM, "'%s': out of memory for its keys and tensors",
                      p->g->path);
}

static int is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

/* One string: read its length and step over it.  Text that is not what the format asks
 * for is told but kept, since only a terminal would mind. */
static int parse_string(struct parse *p, int in_array)
{
    uint64_t len = tr__cur_u64(&p->c), step;
    if (p->c.bad || len > tr__cur_left(&p->c))
        return refuse(p, "a string of %llu bytes does not fit in the file" CUT, (ull)len);
    const char *s = tr__cur_take(&p->c, len);
    for (uint64_t i = 0; i < len; i += step) {
        step = tr__utf8_len(s + i, len - i);
        if (!step) {
            odd(p, TR__ODD_UTF8, "text that is not valid UTF-8");
            break;
        }
        if (!in_array && is_control((unsigned char)s[i]))
            odd(p, TR__ODD_CONTROL, "text with control characters");
    }
    return 0;
}

static int parse_strings(struct parse *p, const struct tr_gguf_kv *kv)
{
    if (kv->count > tr__cur_left(&p->c) / 8)
        return refuse(p, "%llu strings do not fit in the file" CUT, (ull)kv->count);
    for (uint64_t i = 0; i < kv->count; i++)
        if (parse_string(p, kv->type == TR_GGUF_ARRAY))
            return TR_EFORMAT;
    return 0;
}

static int parse_numbers(struct parse *p, const struct tr_gguf_kv *kv)
{
    uint64_t size = tr__gguf_value[kv->elem].bytes;
    if (kv->count > tr__cur_left(&p->c) / size)
        return refuse(p, "%llu values of type %s do not fit in the file" CUT,
                      (ull)kv->count, tr_gguf_type_name(kv->elem));
    const unsigned char *v = tr__cur_take(&p->c, kv->count * size);
    for (uint64_t i = 0; kv->elem == TR_GGUF_BOOL && i < kv->count; i++)
        if (v[i] > 1)
            return refuse(p, "a bool of %u", v[i]);
    return 0;
}

static int parse_value(struct parse *p, struct tr_gguf_kv *kv)
{
    uint32_t type = tr__cur_u32(&p->c), elem = type;
    kv->count = 1;
    if (type == TR_GGUF_ARRAY) {
        elem = tr__cur_u32(&p->c);
        kv->count = tr__cur_u64(&p->c);
    }
    if (p->c.bad)
        return refuse(p, "the file ends here" CUT);
    if (type >= TR_GGUF_N_TYPE)
        return refuse(p, "unknown value type %u", type);
    if (elem == TR_GGUF_ARRAY)
        return refuse(p, "an array of arrays");
    if (elem >= TR_GGUF_N_TYPE)
        return refuse(p, "array of unknown value type %u", elem);
    kv->type = (enum tr_gguf_type)type;
    kv->elem = (enum tr_gguf_type)elem;
    uint64_t start = p->c.at;
    kv->data = p->c.base + start;
    int rc = elem == TR_GGUF_STRING ? parse_strings(p, kv) : parse_numbers(p, kv);
    kv->data_bytes = p->c.at - start;
    return rc;
}

static int parse_key(struct parse *p, struct tr_gguf_kv *kv)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
    uint64_t len = tr__cur_u64(&p->c);
    if (p->c.bad)
        return refuse(p, "the file ends before its last key" CUT);
    if (len == 0)
        return refuse(p, "empty key");
    if (len > TR__GGUF_MAX_KEY || len > tr__cur_left(&p->c))
        return refuse(p, "key of %llu bytes", (ull)len);
    kv->key = tr__cur_take(&p->c, len);
    about(p, "key", kv->key, len);
    int is_plain = 1;
    for (uint64_t i = 0; i < len; i++) {
        if (!kv->key[i] || (unsigned char)kv->key[i] >= 0x80)
            return refuse(p, "not ASCII");
        is_plain &= strchr(plain, kv->key[i]) != NULL;
    }
    if (!is_plain)
        odd(p, TR__ODD_KEY, "not in lower snake case");
    return 0;
}

/* Give every name its NUL: copy them out of the map, where each stands behind its u64
 * length.  `base` is an array of structs that begin with the pointer to the name. */
static char *copy_names(void *base, size_t stride, size_t n)
{
    uint64_t total = 1, len;
    char *at = base, *to;
    for (size_t i = 0; i < n; i++, total += len + 1) {
        const char *name = *(const char **)(void *)(at + i * stride);
        memcpy(&len, name - sizeof len, sizeof len);
    }
    char *text = to = malloc(total);
    for (size_t i = 0; text && i < n; i++, to += len + 1) {
        const char **name = (const char **)(void *)(at + i * stride);
        memcpy(&len, *name - sizeof len, sizeof len);
        memcpy(to, *name, len);
        to[len] = 0;
        *name = to;
    }
    return text;
}

static int index_names(struct parse *p, const char *kind, struct tr__names *x, char **text,
                       void *base, size_t stride, size_t n)
{
    about(p, NULL, NULL, 0);
    if (!(*text = copy_names(base, stride, n)) || tr__names_reserve(x, base, stride, n))
        return out_of_memory(p);
    while (x->n < n) {
        int rc = tr__names_add(x, base, stride);
        const char *name = *(const char **)(void *)((char *)base + x->n * stride);
        if (rc < 0)
            return out_of_memory(p);
        if (rc > 0)
            return refuse(p, "%s '%.*s' is there twice", kind, MAX_SHOWN, name);
    }
    return 0;
}

static int parse_kvs(struct parse *p)
{
    struct tr_gguf *g = p->g;
    if (!(g->kv = calloc(g->n_kv + 1, sizeof *g->kv)))
        return out_of_memory(p);
    for (size_t i = 0; i < g->n_kv; i++) {
        about(p, NULL, NULL, 0);
        if (parse_key(p, &g->kv[i]) || parse_value(p, &g->kv[i]))
            return TR_EFORMAT;
    }
    return index_names(p, "key", &g->key_index, &g->key_text, g->kv, sizeof *g->kv,
                       g->n_kv);
}

/* The key that changes how the file is read. */
static int read_alignment(struct parse *p)
{
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(p->g, "general.alignment");
    if (kv && kv->type != TR_GGUF_U32)
        return refuse(p, "key 'general.alignment' has type %s, must be u32",
                      tr_gguf_type_name(kv->type));
    p->g->alignment = kv ? (uint64_t)tr_gguf_elem_int(kv, 0) : TR__GGUF_ALIGN;
    uint64_t a = p->g->alignment;
    if (a == 0 || a > TR__GGUF_MAX_ALIGN || a & (a - 1))
        return refuse(p, "key 'general.alignment' is %llu, must be a power of two up to %d",
                      (ull)a, TR__GGUF_MAX_ALIGN);
    return 0;
}

static int parse_tensor_name(struct parse *p, struct tr_gguf_tensor *t)
{
    uint64_t len = tr__cur_u64(&p->c);
    if (p->c.bad)
        return refuse(p, "the file ends before its last tensor" CUT);
    if (len == 0)
        return refuse(p, "tensor without a name");
    if (len > TR__GGUF_MAX_NAME)
        return refuse(p, "tensor name of %llu bytes, at most %d may be", (ull)len,
                      TR__GGUF_MAX_NAME);
    if (!(t->name = tr__cur_take(&p->c, len)))
        return refuse(p, "the file ends in a tensor name" CUT);
    about(p, "tensor", t->name, len);
    if (memchr(t->name, 0, len))
        return refuse(p, "NUL in the name");
    return 0;
}

/* Dimensions stand fastest first in the file. */
static int parse_shape(struct parse *p, struct tr_gguf_tensor *t)
{
    uint32_t n_dim = tr__cur_u32(&p->c);
    if (p->c.bad)
        return refuse(p, "the file ends here" CUT);
    if (n_dim < 1 || n_dim > TR__GGUF_MAX_DIM)
        return refuse(p, "%u dimensions", n_dim);
    t->n_dim = (int)n_dim;
    for (int i = 0; i < TR__GGUF_MAX_DIM; i++)
        t->dim[i] = 1;
    for (int i = t->n_dim; i-- > 0;) {
        uint64_t dim = tr__cur_u64(&p->c);
        if (p->c.bad)
            return refuse(p, "the file ends here" CUT);
        if (dim == 0 || dim > INT64_MAX)
            return refuse(p, "a dimension of %llu", (ull)dim);
        t->dim[i] = (int64_t)dim;
    }
    return 0;
}

static int parse_tensor(struct parse *p, struct tr_gguf_tensor *t)
{
    struct tr_err why = { 0 };
    if (parse_tensor_name(p, t) || parse_shape(p, t))
        return TR_EFORMAT;
    uint32_t type = tr__cur_u32(&p->c);
    t->offset = tr__cur_u64(&p->c);
    if (p->c.bad)
        return refuse(p, "the file ends here" CUT);
    if (!(t->dtype = tr_dtype_by_id(type)))
        return refuse(p, "unknown tensor type %u", type);
    if (tr_dtype_bytes(t->dtype, t->n_dim, t->dim, &t->bytes, &why))
        return refuse(p, "%s", why.text);
    if (t->offset % p->g->alignment)
        return refuse(p, "data at %llu, not a multiple of the alignment %llu",
                      (ull)t->offset, (ull)p->g->alignment);
    return 0;
}

static int parse_tensors(struct parse *p)
{
    struct tr_gguf *g = p->g;
    about(p, NULL, NULL, 0);
    if (g->n_tensor > tr__cur_left(&p->c) / MIN_TENSOR_BYTES)
        return refuse(p, "%llu tensors do not fit in the file" CUT, (ull)g->n_tensor);
    if (!(g->tensor = calloc(g->n_tensor + 1, sizeof *g->tensor)))
        return out_of_memory(p);
    for (size_t i = 0; i < g->n_tensor; i++) {
        about(p, NULL, NULL, 0);
        if (parse_tensor(p, &g->tensor[i]))
            return TR_EFORMAT;
    }
    return index_names(p, "tensor", &g->tensor_index, &g->name_text, g->tensor,
                       sizeof *g->tensor, g->n_tensor);
}

static int parse_header(struct parse *p)
{
    struct tr_gguf *g = p->g;
    if (!g->size || memcmp(g->map, "GGUF", g->size < 4 ? (size_t)g->size : 4))
        return tr__gguf_foreign(g, p->err);
    if (g->size < HEADER_BYTES)
        return refuse(p, "too short for a GGUF file: %llu bytes" CUT, (ull)g->size);
    tr__cur_take(&p->c, 4);
    g->version = tr__cur_u32(&p->c);
    if (g->version && (g->version & 0xffff) == 0)
        return refuse(p, "big-endian file: convert the model again, as little-endian");
    if (g->version < 2 || g->version > 3)
        return refuse(p, "GGUF version %u, only 2 and 3 are known", g->version);
    uint64_t n_tensor = tr__cur_u64(&p->c), n_kv = tr__cur_u64(&p->c);
    uint64_t left = tr__cur_left(&p->c);
    if (n_tensor > left / MIN_TENSOR_BYTES || n_tensor > INT32_MAX)
        return refuse(p, "%llu tensors do not fit in the file" CUT, (ull)n_tensor);
    if (n_kv > left / MIN_KV_BYTES || n_kv > INT32_MAX)
        return refuse(p, "%llu keys do not fit in the file" CUT, (ull)n_kv);
    g->n_tensor = (size_t)n_tensor;
    g->n_kv = (size_t)n_kv;
    return 0;
}

int tr__gguf_parse(struct tr_gguf *g, struct tr_err *err)
{
    struct parse p = { .g = g, .c = { .base = g->map, .size = g->size }, .err = err };
    int rc;
    if ((rc = parse_header(&p)) || (rc = parse_kvs(&p)) || (rc = read_alignment(&p)) ||
        (rc = parse_tensors(&p)))
        return rc;
    return tr__gguf_lay_out(g, p.c.at, err);
}
