/* SPDX-License-Identifier: MIT
 *
 * Keys of an architecture, one after another, with the first error kept: so that what reads
 * them is a list.  After an error every call gives a number that is safe to use.
 */
#ifndef LIBTRAIN_MODEL_READER_H
#define LIBTRAIN_MODEL_READER_H

#include <libtrain/model/model.h>

enum { TR__MAX_LAYER = 512 };

struct tr__reader {
    const struct tr_gguf *g;
    const struct tr_arch *arch;
    struct tr_err *err;
    int bad; /* code of the first error */
    char name[TR__KEY_BYTES]; /* of the key that was read last */
};

/* "ARCH.SUFFIX", in r->name. */
const char *tr__read_name(struct tr__reader *r, const char *suffix);

/* Is the key there? */
int tr__read_has(struct tr__reader *r, const char *suffix);

/* Is it, and an array? */
int tr__read_is_array(struct tr__reader *r, const char *suffix);

/* Integer in [lo, hi]; `missing` is taken where the key is absent, unless negative. */
int64_t tr__read_int(struct tr__reader *r, const char *suffix, int64_t lo, int64_t hi,
                     int64_t missing);

/* The same for each of n blocks, from one number or an array of n (true counts as 1): all get `missing` where
 * the key is absent, unless negative. */
void tr__read_each(struct tr__reader *r, const char *suffix, int64_t lo, int64_t hi,
                   int64_t missing, int64_t n, int64_t *value);

/* Finite number; above 0, and then a negative `missing` means that the key must be there. */
float tr__read_number(struct tr__reader *r, const char *suffix, float missing);
float tr__read_positive(struct tr__reader *r, const char *suffix, float missing);

int tr__read_bool(struct tr__reader *r, const char *suffix, int missing);

/* TR_EFORMAT, unless there was an error before: "PATH: WHAT". */
void tr__read_reject(struct tr__reader *r, const char *what);

/* TR_EUNSUPPORTED, unless there was an error before: "PATH: WHAT ('KEY') is not supported",
 * the key that was read last. */
void tr__read_refuse(struct tr__reader *r, const char *what);

/* How rope's frequencies are scaled (scaling.c); n_ctx is known. */
void tr__scaling_read(struct tr__reader *r, const struct tr_config *c,
                      struct tr_rope_scaling *s);

/* Fill c->layer and what follows from it (layers.c). */
void tr__layers_read(struct tr__reader *r, struct tr_config *c);

#endif
