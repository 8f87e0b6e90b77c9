/* SPDX-License-Identifier: MIT
 *
 * The inside of an open GGUF file, shared by map.c (one file), parse.c and layout.c (bytes
 * to structs), parts.c and open.c (several files), lookup.c and values.c (questions),
 * foreign.c (what is none).  Owned as a whole by tr_gguf_open / tr_gguf_close.
 */
#ifndef LIBTRAIN_GGUF_READER_H
#define LIBTRAIN_GGUF_READER_H

#include <libtrain/gguf.h>
#include <libtrain/base/base.h>

/* Limits of the format (ggml's gguf.md), and our own for the alignment. */
enum {
    TR__GGUF_ALIGN = 32,
    TR__GGUF_MAX_ALIGN = 1 << 20,
    TR__GGUF_MAX_KEY = 65535,
    TR__GGUF_MAX_NAME = 64, /* what may be read; llama.cpp wants less than 64 */
    TR__GGUF_MAX_DIM = 4,
    TR__GGUF_TAIL = 64 /* bytes for what numbers the file of a part */
};

/* What may be odd about a file.  Each kind is told once, with a count. */
enum tr__gguf_oddity {
    TR__ODD_KEY, TR__ODD_UTF8, TR__ODD_CONTROL, TR__ODD_GAP, TR__ODD_PADDING,
    TR__ODD_TRAILING, TR__ODD_N
};

struct tr__gguf_warning {
    uint64_t count;
    char text[240];
};

struct tr_gguf {
    char *path;
    const unsigned char *map; /* NULL for an empty file */
    struct tr__map *note;     /* of the map */
    uint64_t size, alignment;
    uint64_t data_start;      /* what is in front of it are keys and infos */
    uint32_t version;
    size_t n_kv, n_tensor;
    struct tr_gguf_kv *kv;         /* (n_kv) in the order of the file */
    struct tr_gguf_tensor *tensor; /* (n_tensor), those of all parts */
    struct tr_gguf **part;         /* (n_part) beside this one; the names and data of their
                                    * tensors are theirs */
    size_t n_part, cap_part;
    struct tr__names key_index, tensor_index;
    char *key_text, *name_text; /* the keys and names, each terminated */
    void *copy;                 /* data of a file that is aligned to less than 8 */
    struct tr__gguf_warning warning[TR__ODD_N];
};

/* Types of values; `bytes` is 0 for what has no fixed size. */
struct tr__gguf_value {
    const char *name;
    uint32_t bytes;
    int64_t (*as_int)(const void *p);
    double (*as_float)(const void *p);
};
extern const struct tr__gguf_value tr__gguf_value[TR_GGUF_N_TYPE];

/* Open one file for itself, be it a part of a model or not. */
struct tr_gguf *tr__gguf_open_alone(const char *path, struct tr_err *err) TR_MUST_CHECK;
void tr__gguf_close_alone(struct tr_gguf *g); /* not its parts */
/* If g is the first of several parts, open the others too. */
int tr__gguf_gather(struct tr_gguf *g, struct tr_err *err) TR_MUST_CHECK;
/* Part i; 0 is g. */
const struct tr_gguf *tr__gguf_part(const struct tr_gguf *g, size_t i);

/* Fill g from its map; 0 or TR_E…, the text naming path and offset. */
int tr__gguf_parse(struct tr_gguf *g, struct tr_err *err) TR_MUST_CHECK;

/* Say what the file is that has no magic of a GGUF file, or what a folder is, or a name of
 * nothing, that was given in place of one; TR_EFORMAT, TR_EIO. */
int tr__gguf_foreign(const struct tr_gguf *g, struct tr_err *err) TR_MUST_CHECK;
int tr__gguf_folder(const char *path, struct tr_err *err) TR_MUST_CHECK;
int tr__gguf_absent(const char *path, struct tr_err *err) TR_MUST_CHECK;

/* Its last part: give every tensor its data, behind the infos that end at `infos_end`. */
int tr__gguf_lay_out(struct tr_gguf *g, uint64_t infos_end,
                     struct tr_err *err) TR_MUST_CHECK;

/* Note an oddity; the first text of a kind is kept. */
void tr__gguf_warn(struct tr_gguf *g, enum tr__gguf_oddity what, const char *fmt, ...)
    TR_PRINTF(3, 4);

/* x rounded up to a multiple of a power of two; the caller knows that it fits. */
static inline uint64_t tr__gguf_pad(uint64_t x, uint64_t alignment)
{
    return (x + alignment - 1) & ~(alignment - 1);
}

#endif
