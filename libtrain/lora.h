/* SPDX-License-Identifier: MIT
 *
 * LoRA adapters (Hu et al. 2021): w x becomes w x + scale * b (a x) with scale =
 * user_scale * alpha / rank.  Read, made, attached to a model and written as llama.cpp
 * reads them (docs/formats/adapter.md).
 *
 * A struct tr_lora owns its names, and its tensors' numbers as far as they were read.  It
 * may outlive the base that it was made for; before it is freed it must be detached from
 * every model that is still open.
 */
#ifndef LIBTRAIN_LORA_H
#define LIBTRAIN_LORA_H

#include <libtrain/gguf.h>
#include <libtrain/model.h>
#include <libtrain/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_lora_pair {
    const char *name;   /* of the base tensor */
    struct tr_tensor a; // (rank, n_in) f32; of experts (n_expert, rank, n_in)
    struct tr_tensor b; // (n_out, rank) f32; of experts (n_expert, n_out, rank)
    int rank;
    float factor; /* of the scale, for an alpha of its own; 1 in what a file holds */
    int table; /* of the token table: a (n_vocab, rank), b (n_embd, rank), w + scale * a b^T */
    struct tr_tensor m; // (n_out) magnitudes of the rows (tr_lora_set_dora); no name: none
    float *square;      // (n_out) with them: squared norms of the base's rows
    struct tr_tensor a0, b0; /* where training began, which is taken from the base
                                (tr_lora_set_apart); the pair's own numbers; no name: none */
    int tied;  /* that is multiplied by too, see tr_lora_start */
    int64_t rows, first; /* rows > 0: no pair, but what so many rows from `first` on gain: a
                            (rows, width); there is no b */
    float *read_a, *read_b, *read_m; /* the numbers of a file, until they are parameters */
};

struct tr_lora {
    size_t n;
    struct tr_lora_pair *pair; // (n) in the order of the base's tensors
    float alpha;
    uint64_t base_hash; /* of the base it was trained on; 0: unknown, or whoever set it so
                           wants it on another one */
    float base_sketch[TR_GGUF_SKETCH]; /* of it too, whatever its types; all 0: unknown */
    char *base_name;     /* and its name; NULL: unknown */
    const char *warning; /* NULL, or what was odd about the file; static */
};

/* Read an adapter for this base: every pair complete, of the right shape, finite; anything
 * that llama.cpp would ignore or reject is refused with the reason.  NULL on failure. */
struct tr_lora *tr_lora_open(const char *path, const struct tr_model *base,
                             struct tr_err *err) TR_MUST_CHECK;

/* A new adapter for the linear layers, the token table and the output whose name matches one of `targets`: patterns
 * (fnmatch), separated by commas, for a tensor's full name ("blk.0.attn_q.weight") or its
 * middle ("attn_q") or both ("blk.*.attn_q"); "all-linear" is every linear layer of the blocks but those that
 * choose experts, which other patterns must give by name ("ffn_gate_inp", "token_embd",
 * "output").  Where the token table is the output too, its pair adds to both.  A pattern that
 * matches nothing is refused, and so is a rank below 1.  The tensors have no data yet: see
 * tr_lora_start. */
struct tr_lora *tr_lora_new(const struct tr_model *base, const char *targets, int rank,
                            float alpha, struct tr_err *err) TR_MUST_CHECK;

/* Train magnitudes beside the pairs (Liu et al. 2024, "DoRA"): row j of a weight becomes
 * m[j] (w[j] + scale * b[j] a) / |the same|, where the norm is taken as a constant by the
 * gradient.  They have no place in a file of an adapter, as rows.  TR_EUNSUPPORTED, with the
 * name, for a pair of experts, of the token table or the output, or above another adapter. */
int tr_lora_set_dora(struct tr_lora *l, const struct tr_model *base,
                     struct tr_err *err) TR_MUST_CHECK;
/* Once the tensors have memory: m as the base's rows have it, and `square`. */
int tr_lora_measure(struct tr_lora *l, const struct tr_model *base,
                    struct tr_err *err) TR_MUST_CHECK;
/* 1 for the name of magnitudes in a checkpoint. */
int tr_lora_is_magnitudes(const char *name);

/* Let the pairs begin with a part of the base, which is without it then (Meng et al. 2024,
 * "PiSSA"): w x + scale * b (a x) - scale * b0 (a0 x), where a0 and b0 (of the shapes of a and
 * b, all 0 until whoever chooses the part fills them) stay.  A file of an adapter has both, side
 * by side, with twice the rank and twice the alpha.  TR_EUNSUPPORTED for a pair of the token
 * table. */
int tr_lora_set_apart(struct tr_lora *l, struct tr_err *err) TR_MUST_CHECK;
int64_t tr_lora_apart_bytes(const struct tr_lora *l); /* of all a0 and b0 */

/* Does the pattern, as of tr_lora_new, mean the weight of this name? */
int tr_lora_matches(const char *pattern, const char *name);

/* Keep only the pairs of the last n blocks, and those behind them: backward ends above the
 * others.  TR_EINVAL for a number that cannot be and for a pair of the token table, TR_EFORMAT
 * if none is left. */
int tr_lora_keep_last(struct tr_lora *l, const struct tr_model *base, int64_t n,
                      struct tr_err *err) TR_MUST_CHECK;

/* What some pairs have of their own, and the rest does not. */
struct tr_lora_own {
    const char *ranks, *alphas; /* "PATTERN=NUMBER" with commas between them, patterns as above;
                                   of those that match a name the last one counts; NULL: none */
    double alpha;               /* of the rest */
    int root;                   /* 1: a pair is scaled by alpha / sqrt(rank), not alpha / rank */
};

/* Give a new adapter, whose tensors have no data yet and whose own alpha stays what it is, that
 * of its file, what `own` says: scales that differ from that alpha / rank have a `factor`.  TR_EINVAL for what is no rule or a
 * number that cannot be, TR_EFORMAT for a pattern that no pair has; each with the rule. */
int tr_lora_set_own(struct tr_lora *l, const struct tr_lora_own *own,
                    struct tr_err *err) TR_MUST_CHECK;

/* 1 if all factors are 1. */
int tr_lora_is_plain(const struct tr_lora *l);

/* Let rows of tokens be trained beside the pairs: "new", those that gguf-edit added, or
 * "FIRST-LAST"; of the token table and, if it is another matrix, the output.  They have no place
 * in a file of an adapter: tr_lora_save refuses them, a merge adds them. */
int tr_lora_add_rows(struct tr_lora *l, const struct tr_model *base, const char *which,
                     struct tr_err *err) TR_MUST_CHECK;

/* The same from a checkpoint of such a training: pairs and rows as they are there.  NULL on
 * failure. */
struct tr_lora *tr_lora_open_checkpoint(const struct tr_gguf *g, const struct tr_model *base,
                                        struct tr_err *err) TR_MUST_CHECK;
#define TR_LORA_FIRST_ROW "checkpoint.first_row"
#define TR_LORA_FACTORS "checkpoint.lora_factors" /* f32, one a pair; none: all are 1 */
/* 1 for the name of rows in a checkpoint. */
int tr_lora_is_rows(const char *name);

/* What PEFT's adapter_config.json says of an adapter, for tr_lora_new on this base. */
struct tr_lora_config {
    int64_t rank;
    double alpha;  /* lora_alpha, times sqrt(rank) with use_rslora: divided by rank it is the
                      scale (Kalajdzievski 2023) */
    char *targets; /* names of tensors, with commas between them */
};

/* Reads r, lora_alpha, target_modules (a list of names as transformers has them, or
 * "all-linear"), use_rslora and layers_to_transform.  TR_EUNSUPPORTED, with its name, for a
 * key that asks for something else; TR_EFORMAT for a module that the base does not have. */
int tr_lora_config_read(struct tr_lora_config *c, const char *path,
                        const struct tr_model *base, struct tr_err *err) TR_MUST_CHECK;
void tr_lora_config_release(struct tr_lora_config *c);

/* Once the tensors are parameters that have memory (params.h), fill them.
 * What was read from a file; else a uniform in ±1/sqrt(n_in), b zero, and of the token table
 * a zero and b normal (all as PEFT does), or if it is the output too uniform in
 * ±1/sqrt(n_embd). */
void tr_lora_start(struct tr_lora *l, uint64_t seed);

/* TR_EMISMATCH, with the names of both, if this model is not the base of the adapter but
 * another that its shapes happen to fit.  The base in another type, with tokens added or
 * trained further is the base: *same says whether it is the very file (NULL: nobody asks). */
int tr_lora_check_base(const struct tr_lora *l, const struct tr_model *m, int *same,
                       struct tr_err *err) TR_MUST_CHECK;

/* The same of what a file, an adapter or a checkpoint, says that it was trained on; the base may
 * be of an architecture that cannot be run here. */
int tr_lora_check_file(const struct tr_gguf *file, const struct tr_gguf *base, int *same,
                       struct tr_err *err) TR_MUST_CHECK;

/* Hang on the model, until it is closed or the adapter is detached; several may be
 * attached, their parts add up.  TR_EMISMATCH if the model is not the base: a layer is
 * missing or has another shape, or as tr_lora_check_base says; TR_EINVAL for a scale
 * that is no number. What fails attaches nothing. */
int tr_lora_attach(struct tr_lora *l, struct tr_model *m, float scale,
                   struct tr_err *err) TR_MUST_CHECK;

/* Take it off again, as often as it was attached; nothing if it was not. */
void tr_lora_detach(const struct tr_lora *l, struct tr_model *m);

/* Write as adapter GGUF, f32; b is multiplied by the factor of its pair, and what was set apart
 * is taken away.  Names longer than 63 bytes are refused. */
int tr_lora_save(const struct tr_lora *l, const struct tr_model *base, const char *path,
                 struct tr_err *err) TR_MUST_CHECK;

/* The same in two steps, into a file that has its other keys: alpha and tensors, then numbers. */
void tr_lora_declare(const struct tr_lora *l, struct tr_gguf_writer *g);
int tr_lora_write(const struct tr_lora *l, struct tr_gguf_writer *g,
                  struct tr_err *err) TR_MUST_CHECK;

/* Does it change the base weight `name`? */
int tr_lora_has(const struct tr_lora *l, const char *name);

/* What a merge adds: rows r0 … r0 + n - 1 of scale * b a, added to the same rows of the
 * base weight `name` in w (n, n_in), f32, those of experts one below the other; nothing if the adapter has no such pair. The
 * factor is user_scale * alpha / rank. */
void tr_lora_add_to(const struct tr_lora *l, const char *name, float user_scale,
                    int64_t r0, int64_t n, float *w);

/* Then, to the sum of both: where the pair has magnitudes, the rows in w get them. */
void tr_lora_size(const struct tr_lora *l, const char *name, int64_t r0, int64_t n, float *w);

/* Rows from r0 on that stay as they are: 0 if r0 is changed. */
int64_t tr_lora_same_rows(const struct tr_lora *l, const char *name, int64_t r0);

void tr_lora_free(struct tr_lora *l);

#ifdef __cplusplus
}
#endif
#endif
