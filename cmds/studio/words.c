/* SPDX-License-Identifier: MIT
 *
 * Settings of a page as words of the command finetune.
 */
#include "studio.h"

#include "../shared/workflows.h"

#include <stdlib.h>
#include <string.h>

/* Knobs that choose no files and no further options. */
static const char *const knobs[] = {
    "METHOD", "RANK", "ALPHA", "TARGETS", "BATCH", "GRAD_ACC", "CTX", "LR", "EPOCHS", "STEPS",
    "SCHED", "OPT", "WARMUP", "PRECISION", "VAL_SPLIT", "EVAL_EVERY", "SEED", "TRAIN_ON",
    "OBJECTIVE", "OUTPUTS", "N_SAMPLE", NULL
};

const char *const *knob_names(void)
{
    return knobs;
}

static int is_knob(const char *name)
{
    for (int i = 0; knobs[i]; i++)
        if (!strcmp(name, knobs[i]))
            return 1;
    return 0;
}

/* ==== words ==== */

static void add(struct words *w, const char *a, const char *b, const char *c)
{
    enum { MOST = sizeof w->item / sizeof *w->item };
    size_t n = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = w->n >= 0 && w->n < MOST - 1 ? malloc(n) : NULL;
    if (!text) {
        words_release(w);
        w->n = -1; /* out of memory: stays so */
        return;
    }
    snprintf(text, n, "%s%s%s", a, b, c);
    w->item[w->n++] = text;
    w->item[w->n] = NULL;
}

void words_release(struct words *w)
{
    for (int i = 0; i < w->n; i++)
        free(w->item[i]);
    w->n = 0;
}

/* A value as a word of make may hold it: a line of text, which the workflows take as it is. */
static int is_value(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            return 0;
    return strlen(text) <= 200;
}

static int add_knob(struct words *w, const char *name, const struct tr_json *value,
                    struct tr_err *err)
{
    char number[32];
    size_t n = strlen(name), k;
    const char *text;
    enum tr_json_kind kind = tr_json_kind(value);
    if (!is_knob(name))
        return tr_err_set(err, TR_EINVAL, "there is no knob '%s'", name);
    if (kind == TR_JSON_INT || kind == TR_JSON_REAL) {
        tr_json_real_text(tr_json_real(value), number);
        text = number;
        if (kind == TR_JSON_INT)
            snprintf(number, sizeof number, "%lld", (long long)tr_json_int(value));
    } else if (kind != TR_JSON_STRING || strlen(text = tr_json_string(value, &k)) != k ||
               !is_value(text))
        return tr_err_set(err, TR_EINVAL, "knob %s: is no number and no line of text", name);
    if (!strcmp(name, "SCHED") && strstr(text, "file:"))
        return tr_err_set(err, TR_EINVAL, "knob SCHED: a table is a file, which may be anywhere");
    if (!*text)
        return 0;
    char *option = cmd_knob_option(name, n);
    if (option)
        add(w, "--", option, "=");
    if (option && w->n > 0) {
        char *front = w->item[--w->n];
        add(w, front, text, "");
        free(front);
    }
    free(option);
    return 0;
}

static int add_knobs(struct words *w, const struct tr_json *settings, struct tr_err *err)
{
    const struct tr_json *v = tr_json_get(settings, "knobs");
    if (v && tr_json_kind(v) != TR_JSON_OBJECT)
        return tr_err_set(err, TR_EINVAL, "knobs: is no object");
    struct tr_json_each e = tr_json_each(v);
    while (v && tr_json_next(&e))
        if (e.value && add_knob(w, e.key, e.value, err))
            return err->code;
    return 0;
}

int words_of(struct request *r, const struct tr_json *settings, const char *workflow,
             const char *name, const char *const *more, struct words *to)
{
    const char *model = json_text(settings, "model"), *data = json_text(settings, "data");
    struct tr_err err = { 0 };
    *to = (struct words){ .n = 0 };
    if (!guard_run(name)) {
        answer_error(r, 400, "the name of a run has no blanks, and no signs but ._+,@-");
        return -1;
    }
    if (!guard_inside(r->s, model) || !guard_inside(r->s, data)) {
        answer_error(r, 400, "model and data are files of the working folder");
        return -1;
    }
    add(to, "finetune", "", "");
    add(to, workflow, "", "");
    add(to, "--model=", model, "");
    add(to, "--name=", name, "");
    for (; more && *more; more++)
        add(to, *more, "", "");
    int rc = add_knobs(to, settings, &err);
    add(to, "--", "", "");
    add(to, data, "", "");
    if (rc || to->n < 0) {
        words_release(to);
        answer_error(r, rc ? 400 : 500, "%s", rc ? err.text : "out of memory");
        return -1;
    }
    return 0;
}
