/* SPDX-License-Identifier: MIT
 *
 * GGUF files, read (versions 2 and 3, little endian) and written (version 3).
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 * A struct tr_gguf owns its map of the file; every pointer it hands out is good until
 * tr_gguf_close.  The file is opened read-only and mapped read-only.  Every length, count
 * and offset is checked against the bytes that are there before it is used; nothing is
 * allocated that is larger than a small multiple of the file.
 *
 * A model may be in several files, NAME-00001-of-00003.gguf and so on.  The first is
 * opened; keys are its own, tensors those of all parts, in their order.
 *
 * Shapes are row-major here, slowest dimension first.  GGUF stores them the other way
 * round; libtrain/gguf/ turns them, nobody else does.
 */
#ifndef LIBTRAIN_GGUF_H
#define LIBTRAIN_GGUF_H

#include <libtrain/dtype.h>
#include <libtrain/error.h>
#include <libtrain/progress.h>

#ifdef __cplusplus
extern "C" {
#endif

enum tr_gguf_type {
    TR_GGUF_U8, TR_GGUF_I8, TR_GGUF_U16, TR_GGUF_I16, TR_GGUF_U32, TR_GGUF_I32,
    TR_GGUF_F32, TR_GGUF_BOOL, TR_GGUF_STRING, TR_GGUF_ARRAY, TR_GGUF_U64, TR_GGUF_I64,
    TR_GGUF_F64, TR_GGUF_N_TYPE
};

/* "u8", "string", …; "?" for a number that is no type. */
const char *tr_gguf_type_name(enum tr_gguf_type type);

struct tr_str { /* not terminated, may hold any byte */
    const char *ptr;
    size_t len;
};
/* 1 if it is this text. */
int tr_str_is(struct tr_str s, const char *text);

struct tr_gguf_kv {
    const char *key; /* terminated; ASCII without NUL */
    enum tr_gguf_type type;
    enum tr_gguf_type elem; /* type of the elements of an array; else == type */
    uint64_t count;         /* number of elements; 1 for what is no array */
    const void *data;       /* little endian, unaligned: `count` numbers, or the bytes of
                             * `count` strings as they stand in the file */
    uint64_t data_bytes;
};

struct tr_gguf_tensor {
    const char *name; /* terminated */
    const struct tr_dtype *dtype;
    int n_dim;
    int64_t dim[4]; /* row-major; unused ones are 1 */
    const void *data; /* aligned to 8 bytes at least; read-only */
    int64_t bytes;
    uint64_t offset; /* of the data, from the start of its file */
    int part;        /* which file that is (tr_gguf_part_path) */
};

struct tr_gguf;

/* Open and check the structure of a file (not its numbers: see tr_gguf_check).  NULL on
 * failure, with path and byte offset in err.  tr_gguf_close(NULL) is allowed. */
struct tr_gguf *tr_gguf_open(const char *path, struct tr_err *err) TR_MUST_CHECK;
void tr_gguf_close(struct tr_gguf *g);

/* What was odd but not refused (gaps, trailing bytes, keys in upper case …): terminated
 * lines of text, i = 0, 1, … until NULL. */
const char *tr_gguf_warning(const struct tr_gguf *g, size_t i);

/* Read all tensor data: 0, or TR_EFORMAT naming the first tensor with a NaN, an infinity
 * or a scale that is not finite. */
int tr_gguf_check(const struct tr_gguf *g, struct tr_err *err) TR_MUST_CHECK;

/* Say that these bytes of a tensor are done with: whole pages of them leave the process's
 * memory and are mapped again if they are touched, so a walk over a file stays small. */
void tr_gguf_forget(const struct tr_gguf *g, const void *data, int64_t bytes);
/* The same of what stands in front of the tensors: a vocabulary takes megabytes. */
void tr_gguf_forget_metadata(const struct tr_gguf *g);

const char *tr_gguf_path(const struct tr_gguf *g);
/* The files that it is in: 1, or as many parts as there are; part 0 is tr_gguf_path. */
size_t tr_gguf_n_part(const struct tr_gguf *g);
const char *tr_gguf_part_path(const struct tr_gguf *g, size_t i);
/* The name of part i (from 0) of n: PREFIX-00001-of-00003.gguf; -1 if it does not fit. */
int tr_gguf_part_name(char *to, size_t size, const char *prefix, int64_t i,
                      int64_t n) TR_MUST_CHECK;
uint32_t tr_gguf_version(const struct tr_gguf *g);
uint64_t tr_gguf_alignment(const struct tr_gguf *g);

size_t tr_gguf_n_kv(const struct tr_gguf *g);
const struct tr_gguf_kv *tr_gguf_kv(const struct tr_gguf *g, size_t i);
const struct tr_gguf_kv *tr_gguf_find_kv(const struct tr_gguf *g, const char *key);

size_t tr_gguf_n_tensor(const struct tr_gguf *g);
const struct tr_gguf_tensor *tr_gguf_tensor(const struct tr_gguf *g, size_t i);
const struct tr_gguf_tensor *tr_gguf_find_tensor(const struct tr_gguf *g,
                                                 const char *name);

/* What the file is for, as far as it says: "a model", "an adapter", "a vocabulary" …; never
 * NULL. */
const char *tr_gguf_purpose(const struct tr_gguf *g);

/* 0 for a file with the weights of a model, else TR_EUNSUPPORTED: words for what it is
 * instead, and what to do with it. */
int tr_gguf_expect_model(const struct tr_gguf *g, struct tr_err *err) TR_MUST_CHECK;
/* The same for what may be quantised: also parts of models that are in files of their own,
 * and vocabularies. */
int tr_gguf_expect_weights(const struct tr_gguf *g, struct tr_err *err) TR_MUST_CHECK;

/* Numbers in a row (along the fastest dimension), and in all rows. */
int64_t tr_gguf_row(const struct tr_gguf_tensor *t);
int64_t tr_gguf_count(const struct tr_gguf_tensor *t);

/* Is the shape dim (n_dim), row-major?  Slowest dimensions of 1 count as none, on either
 * side: some writers spell them out, others do not. */
int tr_gguf_has_shape(const struct tr_gguf_tensor *t, int n_dim, const int64_t *dim);

/* "(768, 3072)", for messages; `text` has room for TR_GGUF_SHAPE_BYTES and is returned. */
enum { TR_GGUF_SHAPE_BYTES = 96 };
const char *tr_gguf_shape_text(char *text, int n_dim, const int64_t *dim);

/* N of a tensor that is named "blk.N.REST", and REST if it is wanted: where in the layers of
 * a model it belongs.  -1 for all other names; INT64_MAX for an N that is larger. */
int64_t tr_gguf_block(const char *name, const char **rest);

/* Typed getters.  Return 1 and set *out if the key is there, 0 if it is not (*out is left
 * alone, so it may hold the default), TR_EFORMAT if it is there with another type (the
 * text names the type that is wanted).  _int takes any integer type that fits. */
int tr_gguf_int(const struct tr_gguf *g, const char *key, int64_t *out,
                struct tr_err *err) TR_MUST_CHECK;
int tr_gguf_f32(const struct tr_gguf *g, const char *key, float *out,
                struct tr_err *err) TR_MUST_CHECK;
int tr_gguf_bool(const struct tr_gguf *g, const char *key, int *out,
                 struct tr_err *err) TR_MUST_CHECK;
int tr_gguf_string(const struct tr_gguf *g, const char *key, struct tr_str *out,
                   struct tr_err *err) TR_MUST_CHECK;
/* An array of this element type; 1 / 0 / TR_EFORMAT as above. */
int tr_gguf_array(const struct tr_gguf *g, const char *key, enum tr_gguf_type elem,
                  const struct tr_gguf_kv **out, struct tr_err *err) TR_MUST_CHECK;

/* The same for integers of any one type. */
int tr_gguf_ints(const struct tr_gguf *g, const char *key, const struct tr_gguf_kv **out,
                 struct tr_err *err) TR_MUST_CHECK;

/* Elements of an array of numbers (converted), i < kv->count; no check of the type. */
int64_t tr_gguf_elem_int(const struct tr_gguf_kv *kv, uint64_t i);
double tr_gguf_elem_float(const struct tr_gguf_kv *kv, uint64_t i);
/* Walk the strings of a string or an array of strings: start with *cursor = 0, call
 * `count` times. */
struct tr_str tr_gguf_elem_string(const struct tr_gguf_kv *kv, uint64_t *cursor);

/* Writing.  Order of calls: open; keys and tensors in any order; then the data of every
 * tensor in the order of the tensors; commit.  Keys keep the order in which they were set;
 * setting a key again replaces its value in place.  The writer owns copies of keys and
 * names.  Alignment is 32.  The bytes depend on the calls alone. */
struct tr_gguf_writer;

struct tr_gguf_writer *tr_gguf_create(const char *path, struct tr_err *err) TR_MUST_CHECK;

void tr_gguf_set_u32(struct tr_gguf_writer *w, const char *key, uint32_t v);
void tr_gguf_set_u64(struct tr_gguf_writer *w, const char *key, uint64_t v);
void tr_gguf_set_f32(struct tr_gguf_writer *w, const char *key, float v);
void tr_gguf_set_f64(struct tr_gguf_writer *w, const char *key, double v);
void tr_gguf_set_bool(struct tr_gguf_writer *w, const char *key, int v);
void tr_gguf_set_string(struct tr_gguf_writer *w, const char *key, const char *v);
/* `count` numbers of type elem, native byte order. */
void tr_gguf_set_array(struct tr_gguf_writer *w, const char *key, enum tr_gguf_type elem,
                       const void *data, uint64_t count);
void tr_gguf_set_strings(struct tr_gguf_writer *w, const char *key,
                         const struct tr_str *v, uint64_t count);
/* Copy one key with its value, or all keys of a file (except general.alignment and, of a
 * model in several parts, those that say so). */
void tr_gguf_set_kv(struct tr_gguf_writer *w, const struct tr_gguf_kv *kv);
void tr_gguf_set_all(struct tr_gguf_writer *w, const struct tr_gguf *from);
void tr_gguf_unset(struct tr_gguf_writer *w, const char *key);

/* Which file: over architecture, names, types, shapes and up to 16 KiB from either end of each
 * tensor's data.  Never 0. */
uint64_t tr_gguf_hash(const struct tr_gguf *g);
/* Which model, whatever types it is in: sums of some of its weights with random signs, of norm
 * 1.  1, or 0 if it has no matrices in blocks. */
enum { TR_GGUF_SKETCH = 64 };
int tr_gguf_sketch(const struct tr_gguf *g, float sketch[TR_GGUF_SKETCH]);
/* The same of the model that g was made from; 0 if it does not say. */
int tr_gguf_base_sketch(const struct tr_gguf *g, float sketch[TR_GGUF_SKETCH]);
/* 1 for two files of one model, or of what came of training it. */
int tr_gguf_sketches_match(const float a[TR_GGUF_SKETCH], const float b[TR_GGUF_SKETCH]);

/* Hashes in metadata are text, 16 hexadecimal digits: readable, and no integer type of a
 * reader is too small for them.  _read returns 1, 0 (absent) or an error. */
void tr_gguf_set_hash(struct tr_gguf_writer *w, const char *key, uint64_t hash);
int tr_gguf_read_hash(const struct tr_gguf *g, const char *key, uint64_t *hash,
                      struct tr_err *err) TR_MUST_CHECK;

/* Which tokens a vocabulary got (gguf-edit --add-tokens): u32[2], the first and how many. */
#define TR_NEW_TOKENS "libtrain.new_tokens"

/* One more line of what was done, behind those of `from` (NULL: none): "libtrain.history", an
 * array of strings.  line NULL: nothing. */
void tr_gguf_add_history(struct tr_gguf_writer *w, const struct tr_gguf *from,
                         const char *line);

/* Say what the file was made from: general.base_model.count is 1, and general.base_model.0.*
 * what the base says of itself (name, author, version, organization, description, url,
 * repo_url, doi, uuid); libtrain.base_hash and libtrain.base_sketch are as above. */
void tr_gguf_set_base(struct tr_gguf_writer *w, const struct tr_gguf *base);
/* Behind that, number 1, 2, … : another model that it was made from, as general.base_model.N. */
void tr_gguf_add_parent(struct tr_gguf_writer *w, const struct tr_gguf *parent, unsigned number);
/* The same for a model that has all keys of the base: those that belong to the base alone go,
 * general.name is the base's and `name` behind it, general.finetune is `name`; NULL:
 * "fine-tuned". */
void tr_gguf_set_fine_tuned(struct tr_gguf_writer *w, const struct tr_gguf *base,
                            const char *name);

/* Set `key` to a checksum over the whole file, filled in by the commit; `key` must stay
 * until then.  tr_gguf_sealed: 0 if it fits, TR_EFORMAT if the key is missing or any bit of
 * the file has changed.  For files that must not be trusted after a crash. */
void tr_gguf_seal(struct tr_gguf_writer *w, const char *key);
int tr_gguf_sealed(const struct tr_gguf *g, const char *key,
                   struct tr_err *err) TR_MUST_CHECK;

/* Declare a tensor; names longer than 63 bytes and duplicates fail at the first write. */
void tr_gguf_add_tensor(struct tr_gguf_writer *w, const char *name,
                        const struct tr_dtype *dtype, int n_dim, const int64_t *dim);

/* Tell *p, of which the writer keeps a copy, after each piece of data: bytes of the tensors. */
void tr_gguf_watch(struct tr_gguf_writer *w, const struct tr_progress *p);

/* Append bytes of the current tensor; a tensor may come in several pieces.  The header
 * goes out with the first call. */
int tr_gguf_write(struct tr_gguf_writer *w, const void *data, int64_t bytes,
                  struct tr_err *err) TR_MUST_CHECK;

/* The file as it will be, with zeros for data that have not been written: to ask questions before
 * the work.  Nothing can be written to w any more: it is to be discarded, and may be before g
 * is closed.  A stream is TR_EIO. */
struct tr_gguf *tr_gguf_preview(struct tr_gguf_writer *w, struct tr_err *err) TR_MUST_CHECK;

/* All of the commit but the file's name: nothing may be written afterwards.  For files that
 * appear together. */
int tr_gguf_complete(struct tr_gguf_writer *w, struct tr_err *err) TR_MUST_CHECK;

/* Flush, re-open with the strict reader, sync, rename into place.  On failure the file
 * that was there before is untouched.  Frees the writer either way. */
int tr_gguf_commit(struct tr_gguf_writer *w, struct tr_err *err) TR_MUST_CHECK;
/* Drop the writer and its temporary file.  NULL is allowed. */
void tr_gguf_discard(struct tr_gguf_writer *w);
/* The end of writing: commit if rc, what came of it so far, is 0, else discard and return
 * rc. */
int tr_gguf_finish(struct tr_gguf_writer *w, int rc, struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
