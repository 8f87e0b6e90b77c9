/* SPDX-License-Identifier: MIT
 *
 * An adapter by linear algebra: layer by layer the pair of matrices that brings a model
 * nearest to what another, its teacher, does to the inputs that some data gives, or to what
 * the data's own answers ask for.  No optimizer and no learning rate.  Derivation:
 * docs/maths/personalize.md.
 */
#ifndef LIBTRAIN_PERSONALIZE_H
#define LIBTRAIN_PERSONALIZE_H

#include <libtrain/lora.h>
#include <libtrain/pack.h>
#include <libtrain/progress.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What an adapter is fitted to: i = 0, 1, … until NULL; 0 is the default.
 *
 *   inputs    the teacher's change of each layer, as it acts on the teacher's inputs; also to
 *             compress an adapter or a tuned model, and to repair a packed base
 *   stream    the teacher's outputs of the layers that write to the residual stream, on the
 *             base's inputs, in `passes` groups in the order of blocks, each fitted with the
 *             ones in front of it switched on
 *   answers   the data's own targets, without a teacher: steps along the gradient in the norm
 *             of the inputs, of a length that is searched for on held-out rows; up to `passes`,
 *             until one gains less than a hundredth of what those before it did */
struct tr_personalize_form;
const struct tr_personalize_form *tr_personalize_form_at(int i);
const char *tr_personalize_form_name(const struct tr_personalize_form *f);
const char *tr_personalize_form_about(const struct tr_personalize_form *f);
/* 1 if there must be a teacher; else there must be none. */
int tr_personalize_form_with_teacher(const struct tr_personalize_form *f);
/* How many archives it takes (tr_personalize_archives): 0, 1 of the teacher, 2 also of the base. */
int tr_personalize_form_archives(const struct tr_personalize_form *f);

struct tr_personalize_args {
    const struct tr_personalize_form *form; /* NULL: the default */
    const char *targets; /* as of tr_lora_new; NULL: "all-linear" */
    int rank;            /* of each pair; 0: the least of 1, 2, 4 … 64 that has all but a
                            hundredth of what 64 have on held-out rows */
    double lambda;       /* of the ridge, relative to the mean square of a layer's inputs;
                            0: chosen on held-out rows, of `answers` one for all layers */
    int passes;          /* 0: of `stream` 4, of `answers` up to 8 */
    int64_t memory;      /* bytes of sums at once, at least one layer's; 0: 1 GB */
    struct tr_progress progress; /* in layers */
};

/* What became of one layer. */
struct tr_personal_part {
    const char *weight; /* of the base, its own */
    int rank;
    double lambda;
    int raised;   /* lambda had to be larger than was wanted, since a pivot failed */
    double share; /* of the teacher's effect on held-out rows: 1 - |what is left|^2 / |it|^2;
                     of `answers` NAN */
};

struct tr_personal {
    struct tr_lora *lora; /* tr_lora_free */
    int rank, passes;     /* of the adapter; that were made */
    size_t n_part;
    struct tr_personal_part *part; // (n_part) in the order of the base
    uint64_t n_train, n_held;      /* sequences, of archives documents */
    double base, personal, teacher; /* mean loss on held-out rows; NAN: none was measured */
    double step, lambda; /* of `answers`: length of the last, of all of them */
};

/* Fit an adapter for `base`, on which none hangs.  teacher: another instance of the model, with
 * adapters or of another type; NULL: none.  held: held-out rows; NULL: the last tenth of data.
 * Both models are watched on the way.  *out is released in either case.
 * TR_EMISMATCH for models that are no versions of one and data of another vocabulary or beyond
 * the context; TR_EFORMAT if nothing differs, or nothing gets better; TR_EINVAL for arguments
 * that cannot be. */
int tr_personalize(struct tr_model *base, struct tr_model *teacher, struct tr_pack *data,
                   struct tr_pack *held, const struct tr_personalize_args *args,
                   struct tr_personal *out, struct tr_err *err) TR_MUST_CHECK;
void tr_personal_release(struct tr_personal *p);

/* Archives that tr_embed_write made of the same documents: arrays LAYER.in and LAYER.out. */
struct tr_personal_archives {
    const char *teacher; /* .in and .out, of form `stream` .out alone */
    const char *student; /* of the base, of `stream`: both; else NULL */
};
/* The same from these, which are read by pieces; memory is that of one layer's sums.  Of the
 * documents the last tenth is held out.  Layers are those that the archives have.  Form `inputs`
 * finds the change by regression, since it is not known; `stream` is one group.  held: rows for
 * the losses; NULL: they are NAN, as the teacher's is.  TR_EINVAL for a form that takes others;
 * TR_EIO, TR_EFORMAT and TR_EMISMATCH for what the archives hold. */
int tr_personalize_archives(struct tr_model *base, const struct tr_personal_archives *paths,
                            struct tr_pack *held, const struct tr_personalize_args *args,
                            struct tr_personal *out, struct tr_err *err) TR_MUST_CHECK;

/* The pairs as files NAME.lora_a.npy (rank, n_in) and NAME.lora_b.npy (n_out, rank) in a new
 * folder, which appears whole; b has the scale in it, so that the change is b a. */
int tr_lora_save_npy(const struct tr_lora *l, const char *folder,
                     struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
