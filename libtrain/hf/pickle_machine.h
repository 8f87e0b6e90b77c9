/* SPDX-License-Identifier: MIT
 *
 * The machine that a pickle is a program for: a stack of values, a memo of them, and the
 * things they stand for, each in an array that only grows and is bounded.  Values refer to
 * things by number, so nothing is copied however often a value is taken from the memo, and
 * nothing is ever walked into deeper than one level.
 */
#ifndef LIBTRAIN_HF_PICKLE_MACHINE_H
#define LIBTRAIN_HF_PICKLE_MACHINE_H

#include <libtrain/base/base.h>
#include <libtrain/hf/pickle.h>

enum tr__pk_kind {
    TR__PK_MARK, TR__PK_NONE, TR__PK_BOOL, TR__PK_INT, TR__PK_REAL, TR__PK_TEXT,
    TR__PK_NAME, TR__PK_TUPLE, TR__PK_LIST, TR__PK_DICT, TR__PK_STORAGE, TR__PK_TENSOR
};

struct tr__pk_value {
    enum tr__pk_kind kind;
    uint32_t n; /* bytes of a text, items of a tuple */
    union {
        int64_t i;        /* an integer, or the number of a thing: a first item … */
        const char *text; /* bytes of the pickle */
        const struct tr__pk_name *name;
    } is;
};

struct tr__pk_pair { /* an entry of some dictionary */
    int64_t dict;
    struct tr__pk_value key, value;
};

struct tr__pk_storage {
    const struct tr__torch_type *type;
    struct tr_str key;
    int64_t n;
};

struct tr__pk_values {
    struct tr__pk_value *at;
    size_t n, cap;
};

struct tr__pk_machine {
    const char *path;
    struct tr__cursor c;
    uint64_t op_at;      /* of the instruction that runs */
    const char *op_name;
    int stopped;
    struct tr__pk_values stack, memo, item;
    struct tr__pk_pair *pair;
    struct tr__pk_storage *storage;
    struct tr__pickled *tensor;
    size_t n_pair, cap_pair, n_storage, cap_storage, n_tensor, cap_tensor;
    int64_t n_dict;
};

/* A name that a pickle may use: a type of storage, or what may be called. */
struct tr__pk_name {
    const char *module, *name;
    const struct tr__torch_type *type;
    /* Push what comes of it.  NULL: may not be called. */
    int (*call)(struct tr__pk_machine *m, const struct tr__pk_value *arg, uint32_t n,
                struct tr_err *err);
};

struct tr__pk_code { /* an instruction */
    unsigned char byte;
    const char *name;
    int (*run)(struct tr__pk_machine *m, int arg, struct tr_err *err); /* NULL: refused */
    int arg;
};
/* NULL: there is none. */
const struct tr__pk_code *tr__pk_find_code(unsigned char byte);

/* TR_EFORMAT with path, byte and instruction in front. */
int tr__pk_fail(const struct tr__pk_machine *m, const char *what, struct tr_err *err);
int tr__pk_add(struct tr__pk_machine *m, struct tr__pk_values *to, struct tr__pk_value v,
               struct tr_err *err);
int tr__pk_push(struct tr__pk_machine *m, struct tr__pk_value v, struct tr_err *err);
/* The last value: taken, or left where it is. */
int tr__pk_pop(struct tr__pk_machine *m, struct tr__pk_value *v, struct tr_err *err);
int tr__pk_peek(const struct tr__pk_machine *m, struct tr__pk_value *v, struct tr_err *err);
int tr__pk_push_dict(struct tr__pk_machine *m, struct tr_err *err);
/* Room for one more of an array of things. */
int tr__pk_room(struct tr__pk_machine *m, void *array, size_t *cap, size_t n, size_t size,
                struct tr_err *err);

/* Push the name; TR_EUNSUPPORTED if it is not one of the few. */
int tr__pk_push_name(struct tr__pk_machine *m, struct tr_str module, struct tr_str name,
                     struct tr_err *err);
/* The storage that a persistent id names, in its place. */
int tr__pk_push_storage(struct tr__pk_machine *m, struct tr__pk_value id,
                        struct tr_err *err);

#endif
