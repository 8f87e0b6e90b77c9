/* SPDX-License-Identifier: MIT
 *
 * Recipes of GGUF files that are broken in one known way each, and of odd ones that are
 * not.  One table, used by the unit test (every value of every row) and by mkbad (which
 * writes files for the test of the commands).  The numbers G01 ... G43 are the rows of the
 * catalogue of bad inputs.
 */
#ifndef TESTS_BAD_GGUF_H
#define TESTS_BAD_GGUF_H

#include "gguf_spec.h"

/* ---- makers: each builds one kind of file from a text and a number ---------------- */

static void mk_base(struct spec *s, const char *arg, uint64_t x)
{
    (void)arg;
    (void)x;
    base(s);
}

static void mk_keep(struct spec *s, const char *arg, uint64_t x)
{
    (void)arg;
    base(s);
    s->keep = x;
}

static void mk_drop(struct spec *s, const char *arg, uint64_t x)
{
    (void)arg;
    base(s);
    s->drop = x;
}

static void mk_magic(struct spec *s, const char *arg, uint64_t x)
{
    (void)x;
    base(s);
    memcpy(s->magic, arg, 4);
}

static void mk_version(struct spec *s, const char *arg, uint64_t x)
{
    (void)arg;
    base(s);
    s->version = x;
}

static void mk_n_tensor(struct spec *s, const char *arg, uint64_t x)
{
    (void)arg;
    base(s);
    s->n_tensor = x;
}

static void mk_n_kv(struct spec *s, const char *arg, uint64_t x)
{
    (void)arg;
    base(s);
    s->n_kv = x;
}

static void mk_empty(struct spec *s, const char *arg, uint64_t x)
{
    (void)s;
    (void)arg;
    (void)x;
}

/* A key that says it has x bytes; they are there if that is reasonable. */
static void mk_key_len(struct spec *s, const char *arg, uint64_t x)
{
    (void)arg;
    base(s);
    put_u64(&s->kv, x);
    for (uint64_t i = 0; i < x && x <= 1 << 17; i++)
        put(&s->kv, "k", 1);
    put_u32(&s->kv, U8);
    put(&s->kv, "", 1);
    s->n_kv++;
}

static void mk_key(struct spec *s, const char *arg, uint64_t x)
{
    (void)x;
    base(s);
    add_kv(s, arg, U32, 1);
}

static void mk_key_nul(struct spec *s, const char *arg, uint64_t x)
{
    mk_key(s, arg, x);
    s->kv.p[s->kv.n - 4 - 4 - 2] = 0;
}

/* x keys of one byte of value, then the first or the last of them again (arg). */
static void mk_many_keys(struct spec *s, const char *arg, uint64_t x)
{
    char key[32];
    for (uint64_t i = 0; i < x; i++) {
        snprintf(key, sizeof key, "key.%06llu", (unsigned long long)i);
        add_kv(s, key, U8, 1);
    }
    if (*arg)
        add_kv(s, arg, U8, 1);
}

/* A key of type x without a value behind it (arg: with so many zero bytes). */
static void mk_type(struct spec *s, const char *arg, uint64_t x)
{
    base(s);
    put_text(&s->kv, "test.type");
    put_u32(&s->kv, x);
    put_zero(&s->kv, strtoull(arg, NULL, 10));
    s->n_kv++;
}

/* A byte behind the key of the type that arg names. */
static void mk_byte(struct spec *s, const char *arg, uint64_t x)
{
    base(s);
    add_kv(s, "test.byte", (uint32_t)strtoul(arg, NULL, 10), x);
}

/* An array of x elements of type arg, of which 100 bytes are there. */
static void mk_array(struct spec *s, const char *arg, uint64_t x)
{
    base(s);
    put_text(&s->kv, "test.array");
    put_u32(&s->kv, ARRAY);
    put_u32(&s->kv, strtoul(arg, NULL, 10));
    put_u64(&s->kv, x);
    put_zero(&s->kv, 100);
    s->n_kv++;
}

static void mk_bool_array(struct spec *s, const char *arg, uint64_t x)
{
    unsigned char v[3] = { 1, 0, (unsigned char)x };
    (void)arg;
    base(s);
    put_text(&s->kv, "test.bools");
    put_u32(&s->kv, ARRAY);
    put_u32(&s->kv, BOOL);
    put_u64(&s->kv, 3);
    put(&s->kv, v, 3);
    s->n_kv++;
}

static void mk_nested(struct spec *s, const char *arg, uint64_t x)
{
    (void)arg;
    base(s);
    put_text(&s->kv, "test.nested");
    put_u32(&s->kv, ARRAY);
    for (uint64_t i = 0; i < x; i++) {
        put_u32(&s->kv, ARRAY);
        put_u64(&s->kv, 1);
    }
    put_u32(&s->kv, U8);
    put_u64(&s->kv, 1);
    put(&s->kv, "", 1);
    s->n_kv++;
}

/* An array of two strings, the second of which says it has x bytes. */
static void mk_strings(struct spec *s, const char *arg, uint64_t x)
{
    base(s);
    put_text(&s->kv, "test.strings");
    put_u32(&s->kv, ARRAY);
    put_u32(&s->kv, STRING);
    put_u64(&s->kv, 2);
    put_text(&s->kv, arg);
    put_u64(&s->kv, x);
    put_zero(&s->kv, x < 100 ? x : 10);
    s->n_kv++;
}

static void mk_string_len(struct spec *s, const char *arg, uint64_t x)
{
    base(s);
    put_text(&s->kv, "test.string");
    put_u32(&s->kv, STRING);
    put_u64(&s->kv, x);
    put(&s->kv, arg, strlen(arg));
    s->n_kv++;
}

static void mk_text(struct spec *s, const char *arg, uint64_t x)
{
    (void)x;
    base(s);
    add_kv_text(s, "test.text", arg);
}

/* general.alignment of type arg and value x; the file is aligned so if that can be. */
static void mk_alignment(struct spec *s, const char *arg, uint64_t x)
{
    add_kv(s, "general.alignment", (uint32_t)strtoul(arg, NULL, 10), x);
    s->alignment = x;
    base(s);
}

/* A third tensor whose name says it has x bytes. */
static void mk_name_len(struct spec *s, const char *arg, uint64_t x)
{
    base(s);
    pad(&s->data, 32);
    put_u64(&s->info, x);
    for (uint64_t i = 0; i < x && x < 1000; i++)
        put(&s->info, "n", 1);
    if (*arg && x)
        s->info.p[s->info.n - 1] = 0; /* a NUL at the end of the name */
    put_u32(&s->info, 1);
    put_u64(&s->info, 8);
    put_u32(&s->info, T_F32);
    put_u64(&s->info, s->data.n);
    put_zero(&s->data, 32);
    s->n_tensor++;
}

static void mk_same_name(struct spec *s, const char *arg, uint64_t x)
{
    (void)x;
    base(s);
    add_tensor(s, arg, 8, 0);
}

static void mk_n_dim(struct spec *s, const char *arg, uint64_t x)
{
    static const uint64_t dim[8] = { 4, 1, 1, 1, 1, 1, 1, 1 };
    (void)arg;
    base(s);
    pad(&s->data, 32);
    add_info(s, "c.weight", T_F32, (uint32_t)x, dim, s->data.n);
    put_zero(&s->data, 32);
}

/* x tensors of "type dim dim", after the base's data; 64 bytes are there for each. */
static void mk_tensor(struct spec *s, const char *arg, uint64_t x)
{
    char name[] = "c.weight", *end;
    uint32_t type = (uint32_t)strtoul(arg, &end, 10), n_dim = 0;
    uint64_t dim[8];
    while (*end && n_dim < 8)
        dim[n_dim++] = strtoull(end, &end, 10);
    base(s);
    for (uint64_t i = 0; i < x; i++, name[0]++) {
        pad(&s->data, 32);
        add_info(s, name, type, n_dim, dim, s->data.n);
        put_zero(&s->data, 64);
    }
}

static void mk_tensor_type(struct spec *s, const char *arg, uint64_t x)
{
    uint64_t dim = 256;
    (void)arg;
    base(s);
    pad(&s->data, 32);
    add_info(s, "c.weight", (uint32_t)x, 1, &dim, s->data.n);
    put_zero(&s->data, 2048);
}

/* The second tensor at another place. */
static void mk_shift(struct spec *s, const char *arg, uint64_t x)
{
    s->shift = (int64_t)x;
    base(s);
    put_zero(&s->data, strtoull(arg, NULL, 10));
}

/* A third tensor of 64 bytes that says it is at x. */
static void mk_offset(struct spec *s, const char *arg, uint64_t x)
{
    const uint64_t dim = 16;
    (void)arg;
    base(s);
    add_info(s, "c.weight", T_F32, 1, &dim, x);
}

/* Three tensors in another order than their data. */
static void mk_swapped(struct spec *s, const char *arg, uint64_t x)
{
    const uint64_t dim = 8;
    (void)arg;
    (void)x;
    add_info(s, "a", T_F32, 1, &dim, 64);
    add_info(s, "b", T_F32, 1, &dim, 0);
    add_info(s, "c", T_F32, 1, &dim, 32);
    put_zero(&s->data, 96);
}

static void mk_trailing(struct spec *s, const char *arg, uint64_t x)
{
    base(s);
    put_zero(&s->after, x);
    put(&s->after, arg, strlen(arg));
}

/* Sixteen-bit number x all over a block of type arg (two blocks of 32 numbers). */
static void mk_number(struct spec *s, const char *arg, uint64_t x)
{
    const uint64_t dim[2] = { 32, 2 };
    uint16_t half = (uint16_t)x;
    uint32_t type = (uint32_t)strtoul(arg, NULL, 10);
    unsigned char row[128];
    size_t bytes = type == T_F32 ? 128 : type == T_Q8_0 ? 34 : 64;
    base(s);
    pad(&s->data, 32);
    add_info(s, "c.weight", type, 2, dim, s->data.n);
    memset(row, 0, sizeof row);
    put(&s->data, row, bytes);
    memcpy(row + (type == T_F32 ? 2 : 0), &half, 2); /* the upper half of an f32 */
    put(&s->data, row, bytes);
}

static void mk_model(struct spec *s, const char *arg, uint64_t x)
{
    (void)arg;
    model(s, (unsigned)x);
}

/* A model whose key arg is u32 x. */
static void mk_model_u32(struct spec *s, const char *arg, uint64_t x)
{
    s->other_key = arg;
    s->other_type = U32;
    s->other_value = x;
    model(s, 2);
}

static void mk_model_f32(struct spec *s, const char *arg, uint64_t x)
{
    s->other_key = arg;
    s->other_type = F32;
    s->other_value = x; /* the bits */
    model(s, 2);
}

static void mk_model_without(struct spec *s, const char *arg, uint64_t x)
{
    s->other_tensor = arg;
    s->turned = (int)x;
    model(s, 2);
}

/* The same as an array for its two blocks: the halves of x. */
static void mk_model_array(struct spec *s, const char *arg, uint64_t x)
{
    s->other_key = arg;
    s->other_type = ARRAY;
    s->other_value = x;
    model(s, 2);
}

/* A model with one key more: u32, f32 (its bits), bool or text. */
static void mk_model_and_u32(struct spec *s, const char *arg, uint64_t x)
{
    model(s, 2);
    add_kv(s, arg, U32, x);
}

static void mk_model_and_f32(struct spec *s, const char *arg, uint64_t x)
{
    model(s, 2);
    add_kv(s, arg, F32, x);
}

static void mk_model_and_bool(struct spec *s, const char *arg, uint64_t x)
{
    model(s, 2);
    add_kv(s, arg, BOOL, x);
}

/* arg is "KEY VALUE"; x is not used. */
static void mk_model_and_text(struct spec *s, const char *arg, uint64_t x)
{
    char key[64];
    (void)x;
    model(s, 2);
    snprintf(key, sizeof key, "%.*s", (int)strcspn(arg, " "), arg);
    add_kv_text(s, key, strchr(arg, ' ') + 1);
}

/* A model with one tensor more, (x >> 32, x & 0xffffffff) or a vector. */
static void mk_model_extra(struct spec *s, const char *arg, uint64_t x)
{
    model(s, 2);
    add_tensor(s, arg, x & 0xffffffff, x >> 32);
}

/* A model with a matrix for q, k and v in block 1, which has no others if x is 0, or with
 * the bias of such a matrix alone if x is 2. */
static void mk_model_qkv(struct spec *s, const char *arg, uint64_t x)
{
    s->fused = x == 0;
    model(s, 2);
    if (x == 2)
        add_tensor(s, arg, 16, 0);
    else
        add_tensor(s, arg, 8, 16);
}

/* A model whose tensors all have four dimensions. */
static void mk_model_ones(struct spec *s, const char *arg, uint64_t x)
{
    (void)arg;
    s->ones = 1;
    model(s, (unsigned)x);
}

/* A model with divisors of rope's frequencies, the second of which has the bits x. */
static void mk_model_rope(struct spec *s, const char *arg, uint64_t x)
{
    uint32_t bits = (uint32_t)x;
    model(s, 2);
    add_tensor(s, arg, 2, 0);
    memcpy(s->data.p + s->data.n - 4, &bits, 4);
}

/* A model of architecture arg, or of one with a name of x letters. */
static void mk_architecture(struct spec *s, const char *arg, uint64_t x)
{
    s->other_key = "general.architecture";
    model(s, 1);
    s->kv.n = 0;
    s->n_kv = 0;
    s->other_key = NULL;
    char *name = malloc(x + 64);
    if (!name)
        exit(99);
    memset(name, 'a', x);
    strcpy(name + x, arg);
    add_kv_text(s, "general.architecture", name);
    free(name);
}

static void mk_split(struct spec *s, const char *arg, uint64_t x)
{
    base(s);
    add_kv(s, "split.no", U16, 0);
    add_kv(s, "split.count", (uint32_t)strtoul(arg, NULL, 10), x);
}

/* ---- the table -------------------------------------------------------------------- */

enum verdict {
    OK,     /* opens without a word */
    WARN,   /* opens, with a warning that holds `text` */
    REJ,    /* refused with an error that holds `text` */
    CHECK,  /* opens, but tr_gguf_check refuses it */
    MODEL,  /* opens, but tr_model_check refuses it */
    MODEL_OK, /* tr_model_check takes it, too */
    MODEL_WARN
};

struct bad_file {
    const char *id, *what;
    enum verdict verdict;
    const char *text;
    void (*make)(struct spec *s, const char *arg, uint64_t x);
    const char *arg;
    uint64_t x, last; /* values of x; last 0: only x */
};

#define MAX64 UINT64_MAX
#define NAN_BITS 0x7fc00000
#define INF_BITS 0x7f800000
#define TWO_BITS 0x40000000
#define MINUS_ONE_BITS 0xbf800000

#include "bad_gguf.def"

/* Bytes of one file, malloc'ed. */
static struct bytes bad_file_make(const struct bad_file *f, uint64_t x)
{
    struct spec s = { .magic = "GGUF", .version = 3, .alignment = 32, .keep = UINT64_MAX };
    f->make(&s, f->arg, x);
    return assemble(&s);
}

#endif
