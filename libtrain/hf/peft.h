/* SPDX-License-Identifier: MIT
 *
 * Inside of an adapter's folder (libtrain/peft.h): its settings, its tensors by module, and
 * what becomes of each tensor of the base.
 */
#ifndef LIBTRAIN_HF_PEFT_H
#define LIBTRAIN_HF_PEFT_H

#include <libtrain/base/base.h>
#include <libtrain/hf/folder.h>
#include <libtrain/hf/map.h>
#include <libtrain/json.h>
#include <libtrain/peft.h>

/* ---- settings (peft_config.c) ----------------------------------------------------- */

struct tr__peft_patterns { /* of PCRE2, and a number for what matches */
    size_t n;
    void **code;
    const double *value;
};

struct tr__peft_config {
    char *path; /* of adapter_config.json */
    int64_t rank;
    double alpha;   /* divided by the rank it is the scale, */
    int root;       /* or by its root: use_rslora */
    int fixed;      /* the scale is `scale`, whatever the rank: MLX */
    double scale;
    int dora;       /* each pair has magnitudes */
    int tied;       /* a table that is the output too stays so */
    struct tr__peft_patterns ranks, alphas;
};

/* The settings of a folder of this program.  Release in either case. */
int tr__peft_config_read(struct tr__peft_config *c, const char *folder, int mlx,
                         struct tr_err *err) TR_MUST_CHECK;
void tr__peft_config_release(struct tr__peft_config *c);

/* What B A of a module is multiplied by, times its rank: the number that an adapter's file
 * divides by the rank again.  TR_EMISMATCH if it is to have another rank. */
int tr__peft_alpha(const struct tr__peft_config *c, const char *module, int64_t rank,
                   double *alpha, struct tr_err *err) TR_MUST_CHECK;

/* ---- tensors (peft_names.c) ------------------------------------------------------- */

enum tr__peft_role {
    TR__PEFT_A,          // (rank, n_in)
    TR__PEFT_B,          // (n_out, rank)
    TR__PEFT_TABLE_A,    // (rank, n_vocab)
    TR__PEFT_TABLE_B,    // (n_embd, rank)
    TR__PEFT_MAGNITUDE,  // (n_out)
    TR__PEFT_N_ROLE
};

struct tr__peft_module {
    const char *name; /* as transformers has it: "model.layers.0.self_attn.q_proj" */
    const struct tr__hf_tensor *part[TR__PEFT_N_ROLE];
};

struct tr__peft_whole {
    const char *name; /* of the tensor: "model.layers.0.input_layernorm.weight" */
    const struct tr__hf_tensor *t;
    int is_base; /* a copy of the base's, which goes along with what was trained on it */
};

struct tr__peft_names {
    const struct tr__hf_folder *folder;
    struct tr__peft_module *module;
    size_t n_module, cap_module;
    struct tr__names modules;
    struct tr__peft_whole *whole;
    size_t n_whole, cap_whole;
    struct tr__names wholes;
};

/* The same numbers, bit for bit. */
int tr__peft_is_same(const struct tr__hf_folder *f, const struct tr__hf_tensor *a,
                     const struct tr__hf_tensor *b);

/* Sort all tensors of a file of PEFT, or of MLX.  Release in either case. */
int tr__peft_sort(struct tr__peft_names *n, int mlx, struct tr_err *err) TR_MUST_CHECK;
void tr__peft_names_release(struct tr__peft_names *n);

/* ---- what becomes of the base (peft_changes.c) ------------------------------------ */

/* What a module changes: of a tensor of GGUF one expert, or all of it. */
struct tr__peft_link {
    const struct tr__peft_module *module;
    struct tr__hf_found found;
    double alpha; /* see tr__peft_alpha */
};

/* One tensor of the base that is not as it was. */
struct tr__peft_change {
    const char *name; /* in GGUF; owned */
    size_t at;        /* in the base; the number of its tensors: a new one */
    const struct tr_gguf_tensor *of; /* that it was, or that the new one is made of */
    struct tr_gguf_tensor is;        /* its shape now; no data */
    size_t n_link;
    struct tr__peft_link *link; // (n_link) in the order of experts; none: there is no pair
    int64_t rank;               /* of all links */
    const struct tr__peft_whole *whole; /* in its place, or NULL */
    struct tr__hf_found whole_found;
};

/* The pair of a change as an adapter of this alpha has it (lora.h); of a token table a
 * (n_vocab, rank), b (n_embd, rank).  malloc'ed, the caller's; experts without one have
 * 0. */
struct tr__peft_pair {
    float *a, *b;
};
int tr__peft_pair(const struct tr_peft *p, const struct tr__peft_change *c, float alpha,
                  struct tr__peft_pair *pair, struct tr_err *err) TR_MUST_CHECK;
int tr__peft_is_table(const struct tr__peft_change *c);

struct tr_peft {
    char *path;
    const struct tr_model *base;
    const struct tr_gguf *g; /* its file */
    const struct tr__hf_arch *arch;
    struct tr__hf_sizes size;
    int mlx;
    struct tr__peft_config config;
    struct tr__hf_folder *folder;
    struct tr__peft_names names;
    struct tr__peft_change *change; // (n_change) in the order of the base
    size_t n_change, n_pair, n_whole;
    int64_t rows; /* of tables that have more than the base's; 0: none */
    int untie; /* the table is no longer the output too, which gets a tensor of its own */
    char beyond[200];
};

/* The alpha of its file: the one that most pairs have. */
float tr__peft_file_alpha(const struct tr_peft *p);

/* Fill in what changes. */
int tr__peft_find_changes(struct tr_peft *p, struct tr_err *err) TR_MUST_CHECK;

#endif
