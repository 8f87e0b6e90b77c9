/* SPDX-License-Identifier: MIT
 *
 * Ranks and alphas that some weights have of their own, as rules "PATTERN=NUMBER".  A file of
 * an adapter has one alpha, which the rank of each pair divides, so an own alpha is a factor
 * of the pair while it is trained, and goes into its b when it is written (save.c).
 */
#include <libtrain/lora/lora.h>
#include <libtrain/lora/pair.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the numbers of some rules are. */
struct subject {
    const char *name;
    double least, most;
    int whole;
    void (*set)(struct tr_lora_pair *p, double v);
};

static void set_rank(struct tr_lora_pair *p, double v)
{
    tr__lora_set_rank(p, (int)v);
}

static void set_alpha(struct tr_lora_pair *p, double v)
{
    p->factor = (float)v; /* until tr_lora_set_own makes a factor of it */
}

static const struct subject ranks = { "rank", 1, 16384, 1, set_rank },
                            alphas = { "alpha", 1e-6, 1e6, 0, set_alpha };

/* One rule, whose '=' becomes an end. */
static int apply(struct tr_lora *l, char *rule, const struct subject *s, struct tr_err *err)
{
    char *equals = strrchr(rule, '='), *end = NULL;
    double v = equals ? strtod(equals + 1, &end) : 0;
    int any = 0;
    if (!equals || equals == rule || end == equals + 1 || *end || !isfinite(v))
        return tr_err_set(err, TR_EINVAL, "%s '%s': not PATTERN=NUMBER", s->name, rule);
    *equals = '\0';
    if (v < s->least || v > s->most || (s->whole && v != floor(v)))
        return tr_err_set(err, TR_EINVAL, "%s of '%s' is %.10g, it must be %s from %g to %g",
                          s->name, rule, v, s->whole ? "a whole number" : "a number", s->least,
                          s->most);
    for (size_t i = 0; i < l->n; i++)
        if (!l->pair[i].rows && tr_lora_matches(rule, l->pair[i].name)) {
            s->set(&l->pair[i], v);
            any = 1;
        }
    return any ? 0
               : tr_err_set(err, TR_EFORMAT, "%s of '%s': no weight that the adapter hangs on "
                            "has such a name", s->name, rule);
}

static int apply_all(struct tr_lora *l, const char *rules, const struct subject *s,
                     struct tr_err *err)
{
    char *list = strdup(rules ? rules : ""), *save = NULL;
    int rc = list ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for rules");
    char *rule = list ? strtok_r(list, ",", &save) : NULL;
    for (; !rc && rule; rule = strtok_r(NULL, ",", &save))
        rc = apply(l, rule, s, err);
    free(list);
    return rc;
}

int tr_lora_set_own(struct tr_lora *l, const struct tr_lora_own *own, struct tr_err *err)
{
    for (size_t i = 0; i < l->n; i++)
        l->pair[i].factor = (float)own->alpha;
    int rc = apply_all(l, own->ranks, &ranks, err);
    if (!rc)
        rc = apply_all(l, own->alphas, &alphas, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < l->n; i++) {
        struct tr_lora_pair *p = &l->pair[i];
        double is = (double)l->alpha / p->rank, r = p->rank;
        double f = (double)p->factor / (own->root ? sqrt(r) : r) / is;
        p->factor = fabs(f - 1) < 0x1p-23 ? 1 : (float)f;
    }
    return 0;
}

int tr_lora_is_plain(const struct tr_lora *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->pair[i].factor != 1)
            return 0;
    return 1;
}
