/* SPDX-License-Identifier: MIT
 *
 * Shapes of models that have a name: real ones, whose speed is measured, and small ones of
 * every form that the library computes, which are tested.
 */
#ifndef DEV_MODELS_SHAPES_H
#define DEV_MODELS_SHAPES_H

enum { SMALL_VOCAB = 61, SMALL_CTX = 64, FORM_CTX = 600 };

/* In front of the keys of a small model, which go before these. */
#define SMALL_KEYS                                                                       \
    "block_count=4 context_length=64 embedding_length=32 feed_forward_length=48 "        \
    "attention.head_count=4 attention.head_count_kv=2 eps=1e-5 "
/* And of a form: its MLPs take types of blocks of 32, a context of FORM_CTX is more than a
 * cache of its window keeps. */
#define FORM_KEYS SMALL_KEYS "context_length=600 feed_forward_length=64 "

struct shape {
    const char *name, *arch;
    const char *keys; /* as keyed.h says; of a form behind FORM_KEYS */
    const char *also; /* tensors that it has but need not, with spaces */
    int magnifies;    /* rounding grows tenfold on the way */
};

/* i = 0, 1, … until NULL: the forms; and all, the forms behind the real ones. */
const struct shape *form_at(int i);
const struct shape *shape_at(int i);
int shape_is_form(const struct shape *s);

#endif
