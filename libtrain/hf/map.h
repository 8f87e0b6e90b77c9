/* SPDX-License-Identifier: MIT
 *
 * How a folder of Hugging Face and a GGUF say the same: one const struct a family of models
 * (archs/NAME.c) with two tables, of keys and of tensors, that are read from either side.
 * Whatever passes between the two worlds (models, adapters, bundles) walks these tables; nobody
 * else knows a name of either.
 */
#ifndef LIBTRAIN_HF_MAP_H
#define LIBTRAIN_HF_MAP_H

#include <libtrain/gguf.h>
#include <libtrain/json.h>

/* What moving rows needs to know of a model, from config.json or from keys alike.  What a model
 * has not is 0. */
struct tr__hf_sizes {
    int64_t n_layer, n_embd, n_head, n_head_kv, head_dim;
    int64_t n_ahead; /* blocks behind these that predict further tokens (ahead.h) */
    int64_t n_expert;
    int64_t key_heads, value_heads; /* of a mixer that carries a state */
    int64_t value_dim;              /* of each of these */
};

/* ---- tensors ---------------------------------------------------------------------- */

struct tr__hf_name;
struct tr__hf_in;
struct tr__hf_out;

/* One tensor of GGUF and the one of Hugging Face that it comes from; of experts that are
 * tensors of their own, one of these.  Shapes are row-major, those of GGUF as libtrain has
 * them. */
struct tr__hf_place {
    const struct tr__hf_sizes *size;
    const struct tr__hf_name *name;
    int n_hf, n_gguf;
    int64_t hf[4], gguf[4]; /* unused ones are 1 */
};

/* How the numbers of one become those of the other.  Rows are those of tensors flattened to
 * two dimensions, columns the fastest one; a vector is a column, rows of one number. */
struct tr__hf_how {
    const char *name;
    /* The row of the tensor of Hugging Face that stands in row r of GGUF's: one to one, onto
     * if it is the only one of its tensor.  NULL: the same. */
    int64_t (*row)(const struct tr__hf_place *p, int64_t r);
    /* The same of columns. */
    int64_t (*column)(const struct tr__hf_place *p, int64_t c);
    int transposed; /* the last two dimensions change places; rows are those after that */
    /* Each number; NULL: as it is. */
    float (*to_gguf)(float x);
    float (*to_hf)(float x);
    /* What all numbers of row r of GGUF are multiplied by, and then by, in f32, where config.json
     * has factors that a GGUF has in its weights; back, they stay there.  NULL: 1 and 1. */
    void (*factors)(const struct tr_json *config, const struct tr__hf_place *p, int64_t r,
                    float by[2]);
    /* p->gguf from p->hf, and p->hf from p->gguf, where they are not the same (transposed
     * dimensions are done already).  Of a fused one: shape_back gives the rows of all. */
    void (*shape)(struct tr__hf_place *p);
    void (*shape_back)(struct tr__hf_place *p);
    /* Of a tensor that no folder holds: its numbers, made of config.json; *v is malloc'ed,
     * the caller's, and *n is 0 if the model has none. */
    int (*make)(const struct tr__hf_in *in, float **v, int64_t *n, struct tr_err *err);
    /* And back: what config.json says of it.  NULL: it says nothing that is not said by keys. */
    int (*unmake)(const struct tr__hf_out *out, const struct tr_gguf_tensor *t,
                  struct tr_err *err);
};

/* A pair of names.  "%d" is a layer, and in Hugging Face's name a second one an expert: those
 * are one tensor of GGUF, expert by expert.  Several pairs with the same name of Hugging
 * Face are parts of one tensor, in the order of the table. */
struct tr__hf_name {
    const char *gguf; /* NULL: nothing in GGUF stands for it, and it is left out */
    const char *hf;   /* whole, ".weight" too; NULL: made of config.json (how->make) */
    const struct tr__hf_how *how; /* NULL: as it is */
    int may;                      /* may be missing */
};

enum { TR__HF_NAME_BYTES = 160 };

/* What a name stands for.  layer and expert are -1 where there is none. */
struct tr__hf_found {
    const struct tr__hf_name *name;
    int64_t layer, expert;
};

struct tr__hf_arch;
/* The pair of a name, or of the next one behind `after` (NULL: the first): 1, or 0 if there is
 * none (more). */
int tr__hf_find_hf(const struct tr__hf_arch *a, const char *hf, struct tr__hf_found *f);
int tr__hf_next_hf(const struct tr__hf_arch *a, const char *hf, struct tr__hf_found *f);
int tr__hf_find_gguf(const struct tr__hf_arch *a, const char *gguf, struct tr__hf_found *f);
/* The weight of a module: "model.layers.3.self_attn.q_proj", as PEFT names it. */
int tr__hf_find_module(const struct tr__hf_arch *a, const char *module,
                       struct tr__hf_found *f);
/* The names of what was found; `to` has room for TR__HF_NAME_BYTES. */
void tr__hf_print_hf(char *to, const struct tr__hf_found *f);
void tr__hf_print_gguf(char *to, const struct tr__hf_found *f);

/* 1 if the name has a place for an expert. */
int tr__hf_is_stack(const struct tr__hf_name *n);

/* The shape on the other side; p->size and p->name are set, and the shape on this one. */
void tr__hf_shape(struct tr__hf_place *p);
void tr__hf_shape_back(struct tr__hf_place *p);

/* 1 if rows move: then B of an adapter (n_out, rank) moves as the weight does, row r of
 * GGUF's is row tr__hf_row(p, r).  1 if columns do: A's, in the same way.  Whether they stand
 * across does not matter to adapters: both sides have them as (n_out, n_in). */
int tr__hf_moves_rows(const struct tr__hf_name *n);
int tr__hf_moves_columns(const struct tr__hf_name *n);
int64_t tr__hf_row(const struct tr__hf_place *p, int64_t r);
int64_t tr__hf_column(const struct tr__hf_place *p, int64_t c);

/* ---- keys ------------------------------------------------------------------------- */

/* A folder on its way into a GGUF, and a GGUF on its way into a folder. */
struct tr__hf_in {
    const struct tr__hf_arch *arch;
    const struct tr__hf_sizes *size;
    const struct tr_json *config; /* complete (tr__hf_complete) */
    const char *path;             /* of config.json, for messages */
    int32_t file_type;            /* general.file_type */
    struct tr_gguf_writer *w;
};
struct tr__hf_out {
    const struct tr__hf_arch *arch;
    const struct tr__hf_sizes *size;
    const struct tr_gguf *g;
    struct tr_json *config;
};

struct tr__hf_key;
/* What a key and its fields have to do with each other: a number of some type, or something
 * that is computed.  to_hf may set nothing if the key is not there. */
struct tr__hf_kind {
    const char *name;
    int (*to_gguf)(const struct tr__hf_in *in, const struct tr__hf_key *k,
                   struct tr_err *err);
    int (*to_hf)(const struct tr__hf_out *out, const struct tr__hf_key *k,
                 struct tr_err *err); /* NULL: nothing */
};

/* Keys are written in the order of the table. */
struct tr__hf_key {
    const struct tr__hf_kind *kind;
    const char *key;      /* behind "ARCH."; whole if it begins with "general." */
    const char *field[4]; /* of config.json; a dot leads into an object.  The first that is
                             there and not null counts; the first is written on the way back */
    int may;              /* may be missing */
    int front;            /* in front of all keys but general.architecture */
};

/* A field that has only one value here: another one would need other computations, so import
 * refuses it and export writes it. */
struct tr__hf_fixed {
    const char *field;
    const char *value;   /* JSON; what is written; NULL: nothing is, `also` counts alone */
    const char *also[3]; /* that mean the same; a field that is missing does too */
};

/* What transformers takes for a field that is missing or null: a value, JSON, or another
 * field, times or over something. */
struct tr__hf_default {
    const char *field, *value;
    const char *of, *over;
    int times; /* 0: 1 */
};

/* ---- families --------------------------------------------------------------------- */

struct tr__hf_arch {
    const char *name;           /* general.architecture */
    const char *class_name[6];  /* "architectures"; the first is written */
    const char *model_type[4];
    const struct tr__hf_default *missing; // all of these end with a row of zeros
    const struct tr__hf_fixed *fixed;
    const struct tr__hf_key *key;
    const struct tr__hf_name *tensor;
    /* Which of several families with the same name a GGUF is; NULL: whichever. */
    int (*fits)(const struct tr_gguf *g);
    int (*fits_config)(const struct tr_json *config); /* the same of classes */
    int mixed; /* not all blocks have the same tensors */
    int mxfp4; /* experts may be stored so (mxfp4.h) */
    int mtp;   /* blocks that predict further tokens are named "mtp." (ahead.h) */
};

#define TR_HF_ARCH(name) extern const struct tr__hf_arch tr__hf_##name;
#include <libtrain/hf/archs/archs.def>
#undef TR_HF_ARCH

const struct tr__hf_arch *tr__hf_at(size_t i); /* NULL behind the last one */
/* The family of a config.json, by "architectures", else by "model_type": NULL and
 * TR_EUNSUPPORTED, with all that are known, if there is none. */
const struct tr__hf_arch *tr__hf_of_config(const struct tr_json *config, const char *path,
                                           struct tr_err *err) TR_MUST_CHECK;
/* The family of a GGUF; NULL and TR_EUNSUPPORTED if there is none. */
const struct tr__hf_arch *tr__hf_of_gguf(const struct tr_gguf *g,
                                         struct tr_err *err) TR_MUST_CHECK;

/* A copy of config.json in which nothing has to be guessed: what lies in text_config is
 * outside, missing fields are what transformers takes for them, and rope_parameters holds all that was said of
 * rope, wherever.  NULL when out of memory.  The caller frees it. */
struct tr_json *tr__hf_complete(const struct tr__hf_arch *a, const struct tr_json *config,
                                struct tr_err *err) TR_MUST_CHECK;

/* The field at a path: "rope_parameters.rope_theta"; NULL if it is not there or null. */
const struct tr_json *tr__hf_field(const struct tr_json *config, const char *path);
/* The first field of the key with this name that is there, or NULL. */
const struct tr_json *tr__hf_key_field(const struct tr__hf_arch *a,
                                       const struct tr_json *config, const char *key);

/* The sizes, of a complete config or of keys.  TR_EFORMAT for what cannot be. */
int tr__hf_sizes_of_config(const struct tr__hf_arch *a, const struct tr_json *config,
                           const char *path, struct tr__hf_sizes *s,
                           struct tr_err *err) TR_MUST_CHECK;
int tr__hf_sizes_of_gguf(const struct tr_gguf *g, struct tr__hf_sizes *s,
                         struct tr_err *err) TR_MUST_CHECK;

/* Set all keys of the family, those that stand in front or all others; fields with other values
 * than they can have are TR_EUNSUPPORTED, missing ones TR_EFORMAT, both by name. */
int tr__hf_keys_to_gguf(const struct tr__hf_in *in, int front,
                        struct tr_err *err) TR_MUST_CHECK;
/* Set "architectures", "model_type", "vocab_size", "tie_word_embeddings", and all fields of
 * out->config that are fixed or that the keys give. */
int tr__hf_keys_to_config(const struct tr__hf_out *out, struct tr_err *err) TR_MUST_CHECK;

#endif
