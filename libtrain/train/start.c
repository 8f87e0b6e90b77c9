/* SPDX-License-Identifier: MIT
 *
 * Where the pairs of a new adapter begin: what tr_lora_start gives them, or another of the kinds
 * at the foot.  docs/maths/adapters.md.
 */
#include <libtrain/edit/edit.h>
#include <libtrain/model/model.h>
#include <libtrain/rng.h>
#include <libtrain/train/run.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tr_lora_init {
    const char *name;
    int needs_source; /* another file of the base */
    int apart;        /* with a part of the base, which is without it then */
    /* One pair, of matrix number i; NULL: as it is. */
    int (*fill)(struct tr_lora_pair *p, const struct tr_trainer *t, size_t i,
                const struct tr_gguf *source, struct tr_err *err);
};

static int fill_gaussian(struct tr_lora_pair *p, const struct tr_trainer *t, size_t i,
                         const struct tr_gguf *source, struct tr_err *err)
{
    struct tr_rng rng = tr_rng_init(t->args.seed, i);
    float *a = p->a.data;
    (void)source, (void)err;
    for (int64_t j = 0; j < tr_tensor_count(&p->a); j++)
        a[j] = tr_rng_normal(&rng) / (float)p->rank;
    return 0;
}

/* What the numbers of `source` are beyond those of the base, or if it is NULL those of the
 * base, as a pair of this scale. */
static int factor(struct tr_lora_pair *p, const struct tr_tensor *w,
                  const struct tr_gguf_tensor *source, float scale, struct tr_err *err)
{
    int64_t n = tr_tensor_count(w), rank = p->rank, a_row = tr_tensor_cols(&p->a);
    int64_t m = w->dim[w->n_dim - 2];
    struct tr__factors f = { .n_matrix = n / m / a_row, .m = m, .n = a_row };
    struct tr_extract_args args = { .rank = p->rank };
    float *d = malloc((size_t)n * sizeof *d), *is = malloc((size_t)n * sizeof *is);
    int rc = d && is ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", p->name);
    if (!rc) {
        (source ? source->dtype : w->dtype)->to_f32(source ? source->data : w->data, d, n);
        if (source)
            w->dtype->to_f32(w->data, is, n);
        for (int64_t j = 0; source && j < n; j++)
            d[j] -= is[j];
        rc = tr__factor(d, &args, &f, err);
    }
    float by = 1 / sqrtf(fabsf(scale)), *a = p->a.data, *b = p->b.data;
    for (int64_t e = 0; !rc && e < f.n_matrix; e++) {
        for (int64_t j = 0; j < f.rank * a_row; j++) /* rows of a rank beyond the matrix: 0 */
            a[e * rank * a_row + j] = by * f.a[e * f.rank * a_row + j];
        for (int64_t j = 0; j < m * f.rank; j++)
            b[(e * m + j / f.rank) * rank + j % f.rank] = by * f.b[e * m * f.rank + j];
    }
    free(rc ? NULL : f.a);
    free(rc ? NULL : f.b);
    free(d);
    free(is);
    return rc;
}

static int fill_factors(struct tr_lora_pair *p, const struct tr_trainer *t,
                        const struct tr_tensor *w, const struct tr_gguf_tensor *source,
                        struct tr_err *err)
{
    memset(p->a.data, 0, (size_t)tr_tensor_count(&p->a) * sizeof(float));
    memset(p->b.data, 0, (size_t)tr_tensor_count(&p->b) * sizeof(float));
    return factor(p, w, source, t->lora->alpha / (float)p->rank * p->factor, err);
}

static int fill_loftq(struct tr_lora_pair *p, const struct tr_trainer *t, size_t i,
                      const struct tr_gguf *source, struct tr_err *err)
{
    const struct tr_tensor *w = &tr__weight_find(t->m, p->name)->t;
    const struct tr_gguf_tensor *s = tr_gguf_find_tensor(source, p->name);
    (void)i;
    if (!s || tr_gguf_count(s) != tr_tensor_count(w) || tr_gguf_row(s) != tr_tensor_cols(w) ||
        !s->dtype->to_f32)
        return tr_err_set(err, TR_EMISMATCH, "'%s': has no '%s' as the base has it",
                          tr_gguf_path(source), p->name);
    return fill_factors(p, t, w, s, err);
}

static int fill_pissa(struct tr_lora_pair *p, const struct tr_trainer *t, size_t i,
                      const struct tr_gguf *source, struct tr_err *err)
{
    (void)i, (void)source;
    int rc = fill_factors(p, t, &tr__weight_find(t->m, p->name)->t, NULL, err);
    if (rc)
        return rc;
    memcpy(p->a0.data, p->a.data, (size_t)tr_tensor_count(&p->a) * sizeof(float));
    memcpy(p->b0.data, p->b.data, (size_t)tr_tensor_count(&p->b) * sizeof(float));
    return 0;
}

static const struct tr_lora_init inits[] = {
    { .name = "kaiming" },
    { .name = "gaussian", .fill = fill_gaussian },
    { .name = "loftq", .needs_source = 1, .fill = fill_loftq },
    { .name = "pissa", .apart = 1, .fill = fill_pissa },
};

const struct tr_lora_init *tr_lora_init_at(int i)
{
    return i >= 0 && (size_t)i < sizeof inits / sizeof *inits ? &inits[i] : NULL;
}

const char *tr_lora_init_name(const struct tr_lora_init *init)
{
    return init->name;
}

int tr__check_start(const struct tr_train_args *a, struct tr_err *err)
{
    if (a->lora_init->fill && (a->full || a->adapter_in))
        return tr_err_set(err, TR_EINVAL, "training argument 'lora_init' is for a new adapter");
    if (!a->lora_init->needs_source != !a->loftq_from)
        return tr_err_set(err, TR_EINVAL, "training arguments 'loftq_from' and 'lora_init' "
                          "loftq go together");
    if ((a->lora_init->needs_source || a->lora_init->apart) && a->dora)
        return tr_err_set(err, TR_EUNSUPPORTED, "training argument 'dora' does not go with "
                          "'lora_init' %s", a->lora_init->name);
    return 0;
}

int tr__prepare_start(struct tr_trainer *t, struct tr_err *err)
{
    if (t->args.loftq_from && !(t->source = tr_gguf_open(t->args.loftq_from, err)))
        return err ? err->code : TR_EIO;
    return t->args.lora_init->apart ? tr_lora_set_apart(t->lora, err) : 0;
}

int tr__start_pairs(struct tr_trainer *t, struct tr_err *err)
{
    const struct tr_lora_init *init = t->args.lora_init;
    int rc = 0;
    for (size_t i = 0; init->fill && !rc && i < t->lora->n; i++)
        if (!t->lora->pair[i].rows && !t->lora->pair[i].table)
            rc = init->fill(&t->lora->pair[i], t, i, t->source, err);
    tr_gguf_close(t->source);
    t->source = NULL;
    return rc;
}
