/* SPDX-License-Identifier: MIT
 *
 * A new adapter: which weights it hangs on, by patterns, and what its numbers are before
 * the first step.  Next: attach.c.
 */
#include <libtrain/lora/lora.h>
#include <libtrain/lora/pair.h>
#include <libtrain/rng.h>

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "blk.3.attn_q.weight" against "attn_q", "blk.3.*", "blk.*.attn_q", … */
int tr_lora_matches(const char *pattern, const char *name)
{
    const char *middle = name;
    tr_gguf_block(name, &middle);
    int end = (int)strcspn(middle, ".");
    char stem[80], front[80];
    snprintf(stem, sizeof stem, "%.*s", end, middle);
    snprintf(front, sizeof front, "%.*s", (int)(middle - name) + end, name);
    return !fnmatch(pattern, name, 0) || !fnmatch(pattern, stem, 0) ||
           !fnmatch(pattern, front, 0);
}

static int select_targets(const struct tr_model *base, char *list, char *chosen,
                          struct tr_err *err)
{
    char *save = NULL;
    for (char *p = strtok_r(list, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
        int any = 0, all = !strcmp(p, "all-linear");
        for (size_t i = 0; i < base->n_weight; i++) {
            const struct tr_weight *w = &base->weight[i];
            if (!w->t.data || !(all ? w->slot->linear && !w->slot->router
                                    : tr_lora_matches(p, w->t.name)))
                continue;
            int takes = tr__takes_pair(w->slot);
            if (!takes && w->t.n_dim >= 2)
                return tr_err_set(err, TR_EUNSUPPORTED,
                                  "target '%s': an adapter on '%s' is not supported", p,
                                  w->t.name);
            any |= chosen[i] |= takes;
        }
        if (!any && tr__is_tied(base) && tr_lora_matches(p, "output.weight"))
            return tr_err_set(err, TR_EFORMAT, "target '%s': the base has no output of its "
                              "own: it is its token table, 'token_embd'", p);
        if (!any)
            return tr_err_set(err, TR_EFORMAT, "target '%s' matches no linear layer", p);
    }
    return 0;
}

struct tr_lora *tr_lora_new(const struct tr_model *base, const char *targets, int rank,
                            float alpha, struct tr_err *err)
{
    struct tr_lora *l = tr__lora_alloc(base->n_weight, err);
    char *list = strdup(targets), *chosen = calloc(base->n_weight, 1);
    int rc = l && list && chosen ? 0 : TR_ENOMEM;
    if (rc)
        tr_err_set(err, rc, "out of memory for a list of %zu weights", base->n_weight);
    if (!rc && rank < 1)
        rc = tr_err_set(err, TR_EINVAL, "an adapter of rank %d", rank);
    if (!rc)
        rc = select_targets(base, list, chosen, err);
    for (size_t i = 0; !rc && i < base->n_weight; i++)
        if (chosen[i])
            rc = tr__lora_add_pair(l, base, &base->weight[i], rank, err);
    if (!rc && !l->n)
        rc = tr_err_set(err, TR_EFORMAT, "no target is named");
    free(list);
    free(chosen);
    if (rc) {
        tr_lora_free(l);
        return NULL;
    }
    l->alpha = alpha;
    tr__lora_of_base(l, base);
    return l;
}

static void fill_uniform(struct tr_tensor *t, float bound, struct tr_rng *rng)
{
    float *v = t->data;
    for (int64_t j = 0; j < tr_tensor_count(t); j++)
        v[j] = bound * (2 * tr_rng_uniform(rng) - 1);
}

/* What is looked up has no use of a scale by its width; what is multiplied by too has, or a
 * step would move the logits by that much more. */
static void fill_table(struct tr_lora_pair *p, struct tr_rng rng)
{
    float *b = p->b.data;
    memset(p->a.data, 0, (size_t)tr_tensor_count(&p->a) * sizeof(float));
    if (p->tied)
        fill_uniform(&p->b, 1 / sqrtf((float)tr_tensor_rows(&p->b)), &rng);
    for (int64_t j = 0; !p->tied && j < tr_tensor_count(&p->b); j++)
        b[j] = tr_rng_normal(&rng);
}

static void fill_at_random(struct tr_lora_pair *p, struct tr_rng rng)
{
    float bound = 1 / sqrtf((float)tr_tensor_cols(&p->a));
    fill_uniform(&p->a, bound, &rng);
    memset(p->b.data, 0, (size_t)tr_tensor_count(&p->b) * sizeof(float));
}

static void fill_as_read(struct tr_tensor *t, float **read)
{
    memcpy(t->data, *read, (size_t)tr_tensor_count(t) * sizeof **read);
    free(*read);
    *read = NULL;
}

void tr_lora_start(struct tr_lora *l, uint64_t seed)
{
    for (size_t i = 0; i < l->n; i++) {
        struct tr_lora_pair *p = &l->pair[i];
        if (!p->read_a && p->rows)
            memset(p->a.data, 0, (size_t)tr_tensor_count(&p->a) * sizeof(float));
        else if (!p->read_a && p->table)
            fill_table(p, tr_rng_init(seed, i));
        else if (!p->read_a)
            fill_at_random(p, tr_rng_init(seed, i));
        if (!p->read_a)
            continue;
        fill_as_read(&p->a, &p->read_a);
        if (!p->rows)
            fill_as_read(&p->b, &p->read_b);
    }
}
