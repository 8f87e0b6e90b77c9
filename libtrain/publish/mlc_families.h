/* SPDX-License-Identifier: MIT
 *
 * How MLC names what a GGUF holds: the tensors and the sizes of a family of models.
 */
#ifndef LIBTRAIN_PUBLISH_MLC_FAMILIES_H
#define LIBTRAIN_PUBLISH_MLC_FAMILIES_H

#include <libtrain/gguf.h>

/* A tensor there, and those of the GGUF whose rows it has, one after the other.  "%d" is a
 * block. */
struct tr__mlc_tensor {
    const char *name;    /* with ".weight" or ".bias" */
    const char *part[3]; /* unused ones are NULL */
    int packed;          /* a matrix, which a quantisation packs */
    int table;           /* … whose rows are looked up: it is never stored across */
    int may;             /* may be missing, with all its parts */
};

/* A size in "model_config". */
struct tr__mlc_field {
    const char *name;
    const char *hf;   /* the field of config.json that says it; NULL: none does */
    const char *json; /* what it is if that is missing; NULL: then it is left out */
};

struct tr__mlc_family {
    const char *arch;       /* general.architecture */
    const char *model_type;
    const struct tr__mlc_tensor *tensor; // both end with a row of zeros
    const struct tr__mlc_field *field;
    const char *inside;     /* the object of model_config that has the fields; NULL: itself */
    int64_t most_chunk;     /* of "prefill_chunk_size" */
    int64_t window_context; /* blocks with a window see no more than it, or this; 0: they do */
    int positions;          /* a table of positions is as long as the context */
};

#define TR_MLC_FAMILY(name) extern const struct tr__mlc_family tr__mlc_##name;
#include <libtrain/publish/mlc_families.def>
#undef TR_MLC_FAMILY

/* NULL and TR_EUNSUPPORTED, with those that there are, if the GGUF is of none. */
const struct tr__mlc_family *tr__mlc_family_of(const struct tr_gguf *g,
                                               struct tr_err *err) TR_MUST_CHECK;

#endif
