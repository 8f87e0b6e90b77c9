/* SPDX-License-Identifier: MIT
 *
 * The pairs of an adapter, for the files that make, read, attach and add them.
 */
#ifndef LIBTRAIN_LORA_PAIR_H
#define LIBTRAIN_LORA_PAIR_H

#include <libtrain/lora.h>
#include <libtrain/model/model.h>

/* An adapter with room for so many pairs. */
struct tr_lora *tr__lora_alloc(size_t max_pairs, struct tr_err *err) TR_MUST_CHECK;

/* One more pair, of this rank, for weight w of base; its tensors have no data yet. */
int tr__lora_add_pair(struct tr_lora *l, const struct tr_model *base,
                      const struct tr_weight *w, int rank, struct tr_err *err) TR_MUST_CHECK;

/* Rows first … first + n - 1 of weight w of base, without data yet. */
int tr__lora_add_row_pair(struct tr_lora *l, const struct tr_weight *w, int64_t first,
                          int64_t n, struct tr_err *err) TR_MUST_CHECK;
/* Another rank, while its tensors have no data. */
void tr__lora_set_rank(struct tr_lora_pair *p, int rank);

#define TR__MAGNITUDES ".lora_m" /* behind the name of the weight */
int tr__lora_add_magnitudes(struct tr_lora_pair *p, struct tr_err *err) TR_MUST_CHECK;
/* Behind the name of the weight: what was set apart. */
#define TR__A0 ".lora_a0"
#define TR__B0 ".lora_b0"
int tr__lora_add_apart(struct tr_lora_pair *p, struct tr_err *err) TR_MUST_CHECK;
#define TR__ROWS ".rows" /* behind the name of the weight */

/* Note which model is the base: this one, or what the file of an adapter says. */
void tr__lora_of_base(struct tr_lora *l, const struct tr_model *base);
int tr__lora_read_base(struct tr_lora *l, const struct tr_gguf *g,
                       struct tr_err *err) TR_MUST_CHECK;

/* The pair of the base weight `name`, or NULL. */
const struct tr_lora_pair *tr__lora_find(const struct tr_lora *l, const char *name);

/* What b (a x) is multiplied by: user * alpha / rank, and the factor of the pair. */
float tr__lora_scale(const struct tr_lora *l, const struct tr_lora_pair *p, float user);

#endif
