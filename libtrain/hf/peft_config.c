/* SPDX-License-Identifier: MIT
 *
 * adapter_config.json.  What is trained is in the tensors; what the settings add are the
 * factors, which no tensor has.  A setting that would make the tensors mean something else,
 * or that is not known, is refused by name.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <libtrain/hf/peft.h>
#include <libtrain/hf/text.h>

#include <math.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_CONFIG = 16 << 20, /* bytes */
    MAX_PATTERN = 10000,
    MAX_STEPS = 100000, /* of matching one pattern with one name */
    MAX_RANK = 1 << 20
};

/* ---- what may be set -------------------------------------------------------------- */

/* Whether v asks for nothing: null, false, 0, "", [], {}. */
static int is_nothing(const struct tr_json *v)
{
    return !tr_json_bool(v) && tr_json_real(v) == 0 && !*tr_json_string(v, NULL) &&
           !tr_json_count(v);
}

static int is_one_of(const struct tr_json *v, const char *const *texts)
{
    for (; *texts; texts++)
        if (!strcmp(tr_json_string(v, NULL), *texts))
            return 1;
    return 0;
}

static int is_any(const struct tr_json *v) { return (void)v, 1; }

static int is_lora(const struct tr_json *v)
{
    return is_one_of(v, (const char *const[]){ "LORA", NULL });
}

/* Ways of starting that leave the base as it is. */
static int is_plain_start(const struct tr_json *v)
{
    return tr_json_kind(v) == TR_JSON_BOOL ||
           is_one_of(v, (const char *const[]){ "gaussian", "orthogonal", "eva", NULL });
}

static int is_full_or_lora(const struct tr_json *v)
{
    return is_one_of(v, (const char *const[]){ "lora", "dora", "full", NULL });
}

struct key {
    const char *name;
    int (*may_be)(const struct tr_json *v);
};

/* Keys that are read, whose effect is in the tensors, or that are of training alone. */
static const struct key peft_keys[] = {
    { "r", is_any }, { "lora_alpha", is_any }, { "use_rslora", is_any },
    { "rank_pattern", is_any }, { "alpha_pattern", is_any }, { "use_dora", is_any },
    { "ensure_weight_tying", is_any },
    { "peft_type", is_lora }, { "init_lora_weights", is_plain_start },
    { "target_modules", is_any }, { "exclude_modules", is_any },
    { "layers_to_transform", is_any }, { "layers_pattern", is_any },
    { "modules_to_save", is_any }, { "bias", is_any }, { "fan_in_fan_out", is_any },
    { "lora_dropout", is_any }, { "base_model_name_or_path", is_any },
    { "base_model_class", is_any }, { "parent_library", is_any }, { "revision", is_any },
    { "task_type", is_any }, { "inference_mode", is_any }, { "auto_mapping", is_any },
    { "peft_version", is_any }, { "megatron_core", is_any }, { "megatron_config", is_any },
    { "runtime_config", is_any }, { "qalora_group_size", is_any }, /* of use_qalora */
    { "eva_config", is_any }, { "loftq_config", is_any }, { "corda_config", is_any },
    { "lora_ga_config", is_any }, /* of init_lora_weights */
    { NULL, NULL },
};

static int check_keys(const struct tr__peft_config *c, const struct tr_json *config,
                      const struct key *keys, struct tr_err *err)
{
    struct tr_json_each e = tr_json_each(config);
    while (tr_json_next(&e)) {
        const struct key *k = keys;
        while (k->name && strcmp(k->name, e.key))
            k++;
        if (k->name ? !is_nothing(e.value) && !k->may_be(e.value) : !is_nothing(e.value))
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': '%s' is set%s%.40s, which "
                              "cannot be carried over", c->path, e.key,
                              *tr_json_string(e.value, NULL) ? " to " : "",
                              tr_json_string(e.value, NULL));
    }
    return 0;
}

/* ---- numbers ---------------------------------------------------------------------- */

static int is_number(const struct tr_json *v)
{
    return (tr_json_kind(v) == TR_JSON_INT || tr_json_kind(v) == TR_JSON_REAL) &&
           isfinite(tr_json_real(v));
}

static int number(const struct tr__peft_config *c, const struct tr_json *config,
                  const char *key, double *to, struct tr_err *err)
{
    const struct tr_json *v = tr_json_get(config, key);
    if (!is_number(v))
        return tr_err_set(err, TR_EFORMAT, "'%s': '%s' is %s", c->path, key,
                          v ? "no number" : "missing");
    *to = tr_json_real(v);
    return 0;
}

static int whole_rank(const struct tr__peft_config *c, double r, int64_t *rank,
                      struct tr_err *err)
{
    if (!(r >= 1) || r > MAX_RANK || r != floor(r))
        return tr_err_set(err, TR_EFORMAT, "'%s': a rank of %g", c->path, r);
    *rank = (int64_t)r;
    return 0;
}

/* ---- patterns --------------------------------------------------------------------- */

/* The end of a module's name, from its beginning or behind a dot. */
static pcre2_code *compile(const struct tr__peft_config *c, const char *text,
                           struct tr_err *err)
{
    static const char front[] = "(?:.*\\.)?(?:", behind[] = ")$";
    size_t n = strlen(text), size = sizeof front + n + sizeof behind;
    char *whole = malloc(size);
    int number = 0;
    PCRE2_SIZE at;
    PCRE2_UCHAR why[100] = "out of memory";
    pcre2_code *code = NULL;
    if (whole) {
        snprintf(whole, size, "%s%s%s", front, text, behind);
        code = pcre2_compile((PCRE2_SPTR)whole, PCRE2_ZERO_TERMINATED, PCRE2_ANCHORED,
                             &number, &at, NULL);
        if (!code)
            pcre2_get_error_message(number, why, sizeof why);
    }
    if (!code)
        tr_err_set(err, TR_EFORMAT, "'%s': '%.80s' is no pattern: %s", c->path, text,
                   (const char *)why);
    free(whole);
    return code;
}

static int read_patterns(const struct tr__peft_config *c, const struct tr_json *config,
                         const char *key, struct tr__peft_patterns *p, struct tr_err *err)
{
    const struct tr_json *v = tr_json_get(config, key);
    size_t n = tr_json_count(v);
    if (!v || !n)
        return 0;
    if (tr_json_kind(v) != TR_JSON_OBJECT || n > MAX_PATTERN)
        return tr_err_set(err, TR_EFORMAT, "'%s': '%s' is not up to %d numbers by pattern",
                          c->path, key, MAX_PATTERN);
    double *value = malloc(n * sizeof *value);
    p->value = value;
    p->code = calloc(n, sizeof *p->code);
    if (!value || !p->code)
        return tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", c->path);
    struct tr_json_each e = tr_json_each(v);
    while (tr_json_next(&e)) {
        if (!is_number(e.value))
            return tr_err_set(err, TR_EFORMAT, "'%s': '%s': '%.80s' has no number", c->path,
                              key, e.key);
        value[p->n] = tr_json_real(e.value);
        if (!(p->code[p->n] = compile(c, e.key, err)))
            return TR_EFORMAT;
        p->n++;
    }
    return 0;
}

/* The number of the first pattern that matches, or else `standard`. */
static int of_module(const struct tr__peft_config *c, const struct tr__peft_patterns *p,
                     const char *module, double standard, double *to, struct tr_err *err)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    int found = PCRE2_ERROR_NOMATCH;
    *to = standard;
    if (limits)
        pcre2_set_match_limit(limits, MAX_STEPS);
    for (size_t i = 0; match && limits && found == PCRE2_ERROR_NOMATCH && i < p->n; i++) {
        found = pcre2_match(p->code[i], (PCRE2_SPTR)module, strlen(module), 0, 0, match,
                            limits);
        if (found >= 0)
            *to = p->value[i];
    }
    int rc = !match || !limits ?
             tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", c->path) :
             found < 0 && found != PCRE2_ERROR_NOMATCH ?
             tr_err_set(err, TR_EUNSUPPORTED, "'%s': a pattern takes too long for '%s'",
                        c->path, module) : 0;
    pcre2_match_data_free(match);
    pcre2_match_context_free(limits);
    return rc;
}

int tr__peft_alpha(const struct tr__peft_config *c, const char *module, int64_t rank,
                   double *alpha, struct tr_err *err)
{
    double r, a;
    if (rank < 1 || rank > MAX_RANK)
        return tr_err_set(err, TR_EFORMAT, "'%s': module '%s' has tensors of rank %lld",
                          c->path, module, (long long)rank);
    if (c->fixed) {
        *alpha = c->scale * (double)rank;
        return 0;
    }
    int rc = of_module(c, &c->ranks, module, (double)c->rank, &r, err);
    if (!rc)
        rc = of_module(c, &c->alphas, module, c->alpha, &a, err);
    if (!rc && r != (double)rank)
        rc = tr_err_set(err, TR_EMISMATCH, "'%s': module '%s' has rank %lld, and its "
                        "tensors %lld", c->path, module, (long long)r, (long long)rank);
    if (!rc)
        *alpha = c->root ? a * sqrt(r) : a;
    return rc;
}

/* ---- the whole -------------------------------------------------------------------- */

static int read_peft(struct tr__peft_config *c, const struct tr_json *config,
                     struct tr_err *err)
{
    double r = 0;
    int rc = check_keys(c, config, peft_keys, err);
    if (!rc)
        rc = number(c, config, "r", &r, err);
    if (!rc)
        rc = whole_rank(c, r, &c->rank, err);
    if (!rc)
        rc = number(c, config, "lora_alpha", &c->alpha, err);
    if (!rc)
        rc = read_patterns(c, config, "rank_pattern", &c->ranks, err);
    if (!rc)
        rc = read_patterns(c, config, "alpha_pattern", &c->alphas, err);
    c->root = tr_json_bool(tr_json_get(config, "use_rslora"));
    c->dora = tr_json_bool(tr_json_get(config, "use_dora"));
    c->tied = tr_json_bool(tr_json_get(config, "ensure_weight_tying"));
    return rc;
}

/* mlx-lm keeps all options of its training there; these three say what was trained. */
static int read_mlx(struct tr__peft_config *c, const struct tr_json *config,
                    struct tr_err *err)
{
    const struct tr_json *type = tr_json_get(config, "fine_tune_type");
    const struct tr_json *of_lora = tr_json_get(config, "lora_parameters");
    double r = 0;
    if (type && !is_full_or_lora(type))
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': 'fine_tune_type' is '%.40s'",
                          c->path, tr_json_string(type, NULL));
    c->fixed = c->tied = 1;
    c->dora = !strcmp(tr_json_string(type, NULL), "dora");
    c->rank = 1;
    c->alpha = 1;
    if (!strcmp(tr_json_string(type, NULL), "full"))
        return 0;
    int rc = number(c, of_lora, "scale", &c->scale, err);
    if (!rc)
        rc = number(c, of_lora, "rank", &r, err);
    if (!rc)
        rc = whole_rank(c, r, &c->rank, err);
    c->alpha = c->scale * (double)c->rank;
    return rc;
}

int tr__peft_config_read(struct tr__peft_config *c, const char *folder, int mlx,
                         struct tr_err *err)
{
    static const char name[] = "adapter_config.json";
    size_t n = strlen(folder) + sizeof name + 1;
    *c = (struct tr__peft_config){ .path = malloc(n) };
    if (!c->path)
        return tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", folder);
    snprintf(c->path, n, "%s/%s", folder, name);
    struct tr_json *config = tr__hf_json(c->path, MAX_CONFIG, err);
    int rc = !config ? TR_EFORMAT : mlx ? read_mlx(c, config, err) :
             read_peft(c, config, err);
    tr_json_free(config);
    return rc;
}

static void release_patterns(struct tr__peft_patterns *p)
{
    for (size_t i = 0; i < p->n; i++)
        pcre2_code_free(p->code[i]);
    free(p->code);
    free((void *)(uintptr_t)p->value);
}

void tr__peft_config_release(struct tr__peft_config *c)
{
    release_patterns(&c->ranks);
    release_patterns(&c->alphas);
    free(c->path);
}
