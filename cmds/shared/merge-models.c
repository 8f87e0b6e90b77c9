/* SPDX-License-Identifier: MIT
 *
 * Several models to one.  They are files, not models that could run: also architectures that
 * cannot be trained are merged.  Next: libtrain/edit/merge_models.c.
 */
#include "merge-models.h"
#include "adapters.h"
#include "change-table.h"
#include "help.h"
#include "job.h"
#include "options.h"
#include "types.h"

#include <libtrain/file.h>
#include <libtrain/model.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SHOWN = 3 }; /* keys that differ */

struct models {
    size_t n;
    struct tr_gguf *base, *model[TR_MERGE_MAX_MODEL];
    double weight[TR_MERGE_MAX_MODEL];
    struct tr_merge_rule *rule;
    double *weights; /* of the rules */
};

const char *cmd_merge_method(int i)
{
    const struct tr_merge_method *m = tr_merge_method_at(i);
    return m ? tr_merge_method_name(m) : NULL;
}

/* ==== what is asked for ==== */

/* As many numbers as there are models, with commas between them. */
static int take_numbers(char *text, double *to, size_t n)
{
    size_t i = 0;
    char *rest = NULL;
    for (char *p = strtok_r(text, ",", &rest); p; p = strtok_r(NULL, ",", &rest), i++)
        if (i == n || !cmd_parse_float(p, &to[i]))
            return 0;
    return i == n;
}

static void take_rule(const struct cmd *cmd, struct models *m, size_t i, char *text)
{
    char *sign = strrchr(text, '=');
    double *weight = m->weights + i * TR_MERGE_MAX_MODEL;
    if (sign)
        *sign++ = '\0';
    if (!sign || !*text || !take_numbers(sign, weight, m->n))
        cmd_usage(cmd, "'--weight' wants RE=WEIGHT, with a weight for each of %zu models",
                  m->n);
    m->rule[i] = (struct tr_merge_rule){ text, weight };
}

/* The texts of rules, which patterns point into, lie behind the weights. */
static int take_rules(const struct cmd *cmd, const struct cmd_list *list, struct models *m,
                      struct tr_err *err)
{
    size_t bytes = 1, n_weight = list->n * TR_MERGE_MAX_MODEL;
    for (size_t i = 0; i < list->n; i++)
        bytes += strlen(list->item[i]) + 1;
    m->rule = calloc(list->n + 1, sizeof *m->rule);
    m->weights = malloc(n_weight * sizeof *m->weights + bytes);
    if (!m->rule || !m->weights)
        return tr_err_set(err, TR_ENOMEM, "out of memory for weights");
    char *text = (char *)(m->weights + n_weight);
    for (size_t i = 0; i < list->n; i++) {
        size_t n = strlen(list->item[i]) + 1;
        memcpy(text, list->item[i], n);
        take_rule(cmd, m, i, text);
        text += n;
    }
    return 0;
}

/* What this method does not look at is not taken for it. */
static void check_options(const struct cmd *cmd, const struct cmd_merge_models *o)
{
    const struct tr_merge_method *m = tr_merge_method_at(o->method);
    const struct {
        const char *name;
        int given;
    } all[] = {
        { "weight", o->rules.n > 0 },     { "density", o->density > 0 },
        { "lambda", isfinite(o->lambda) }, { "seed", o->seed >= 0 },
        { "normalize", o->normalize >= 0 },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].given && !tr_merge_takes(m, all[i].name))
            cmd_usage(cmd, "'--%s' says nothing to '--method %s'", all[i].name,
                      tr_merge_method_name(m));
}

/* ==== files ==== */

static int open_model(struct models *m, const char *text, struct tr_err *err)
{
    char *path = strdup(text);
    if (!path)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its name", text);
    const char *weight = cmd_cut_number(path);
    m->weight[m->n] = weight ? strtod(weight, NULL) : 1;
    if ((m->model[m->n] = tr_gguf_open(path, err)))
        m->n++;
    free(path);
    return err->code;
}

static int open_models(const struct cmd *cmd, struct models *m, const char *base,
                       const struct cmd_list *list, struct tr_err *err)
{
    if (list->n > TR_MERGE_MAX_MODEL)
        cmd_usage(cmd, "%zu models, at most %d may be", list->n, TR_MERGE_MAX_MODEL);
    if (!(m->base = tr_gguf_open(base, err)))
        return err->code;
    for (size_t i = 0; i < list->n; i++)
        if (open_model(m, list->item[i], err))
            return err->code;
    return 0;
}

static void close_models(struct models *m)
{
    for (size_t i = 0; i < m->n; i++)
        tr_gguf_close(m->model[i]);
    tr_gguf_close(m->base);
    free(m->rule);
    free(m->weights);
}

/* ==== what is said ==== */

static void warn_keys(const struct models *m)
{
    for (size_t i = 0; i < m->n; i++) {
        char keys[200] = "";
        const char *key;
        size_t n = 0;
        for (; (key = tr_merge_other_key(m->base, m->model[i], n)); n++)
            if (n < MAX_SHOWN)
                cmd_append(keys, sizeof keys, "%s'%s'", n ? ", " : "", key);
        if (n)
            cmd_warn("'%s' is not as the base in %s%s, which stay%s the base's",
                     tr_gguf_path(m->model[i]), keys, n > MAX_SHOWN ? " and other keys" : "",
                     n > 1 ? "" : "s");
    }
}

/* ==== the work ==== */

static int write_model(struct models *m, struct tr_merge_models_args *args,
                       const char *output, struct tr_err *err)
{
    struct tr_recipe *recipe = tr_merge_models_recipe(m->base, args, err);
    if (!recipe)
        return err->code;
    cmd_say_instead(recipe);
    args->change = calloc(recipe->n + 1, sizeof *args->change);
    int rc = args->change ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for %zu tensors",
                                           recipe->n);
    args->progress = cmd_job("B");
    if (!rc)
        rc = tr_merge_models(m->base, recipe, args, output, err);
    cmd_job_end();
    if (!rc) {
        cmd_say("merged %zu model%s by %s", m->n, m->n == 1 ? "" : "s",
                tr_merge_method_name(args->method));
        cmd_say_changes(recipe, args->change);
    }
    free(args->change);
    tr_recipe_free(recipe);
    return rc;
}

/* Blocks may be of kinds that follow from their number, which is another one now. */
static void warn_unusable(const char *path)
{
    struct tr_err err = { 0 };
    struct tr_model *m = strcmp(path, "-") ? tr_model_open(path, &err) : NULL;
    if (err.code)
        cmd_warn("what was written cannot be run here: %s", err.text);
    tr_model_close(m);
}

static int write_stack(const struct models *m, const char *layers,
                       struct tr_merge_models_args *args, const char *output,
                       struct tr_err *err)
{
    char *text = NULL;
    size_t n;
    int rc = tr_read_all(layers, &text, &n, err);
    args->layers = text;
    args->progress = cmd_job("B");
    if (!rc && strlen(text) != n)
        rc = tr_err_set(err, TR_EFORMAT, "'%s' is no text", layers);
    if (!rc && tr_merge_models(m->base, NULL, args, output, err))
        rc = tr_err_prefix(err, "'%s'", layers);
    cmd_job_end();
    free(text);
    if (!rc)
        warn_unusable(output);
    return rc;
}

int cmd_merge_models(const struct cmd *cmd, const struct cmd_merge_models *o,
                     const char *path, const char *output,
                     struct tr_merge_models_args *args, struct tr_err *err)
{
    struct models m = { 0 };
    int is_stack = tr_merge_layers(tr_merge_method_at(o->method));
    if (is_stack != (o->layers != NULL))
        cmd_usage(cmd, "'--layers' and '--method passthrough' need each other");
    if (!is_stack && !o->models.n)
        cmd_usage(cmd, "--method wants a model: '--with FILE[:WEIGHT]'");
    check_options(cmd, o);
    int rc = open_models(cmd, &m, path, &o->models, err);
    if (!rc)
        rc = take_rules(cmd, &o->rules, &m, err);
    args->method = tr_merge_method_at(o->method);
    args->n = m.n;
    args->model = (const struct tr_gguf *const *)m.model;
    args->weight = m.weight;
    args->rule = m.rule;
    args->n_rule = o->rules.n;
    args->density = o->density > 0 ? o->density : 0.5;
    args->lambda = isfinite(o->lambda) ? o->lambda : 1;
    args->seed = o->seed > 0 ? (uint64_t)o->seed : 0;
    args->normalize = o->normalize;
    if (!rc && is_stack)
        rc = write_stack(&m, o->layers, args, output, err);
    if (!rc && !is_stack)
        rc = tr_merge_models_check(m.base, args, err);
    if (!rc && !is_stack) {
        warn_keys(&m);
        rc = write_model(&m, args, output, err);
    }
    close_models(&m);
    return rc;
}
