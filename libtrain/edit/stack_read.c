/* SPDX-License-Identifier: MIT
 *
 * The text that says what a model is stacked of.  Next: stack_keys.c.
 */
#include <libtrain/edit/stack.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct tr_gguf *tr__stack_file(const struct tr__stack *s, int model)
{
    return model ? s->args->model[model - 1] : s->base;
}

int tr__stack_blocks(const struct tr_gguf *g, int64_t *n, struct tr_err *err)
{
    struct tr_str arch = { "", 0 };
    char key[96];
    *n = 0;
    if (tr_gguf_string(g, "general.architecture", &arch, err) < 0)
        return err->code;
    snprintf(key, sizeof key, "%.*s.block_count", (int)(arch.len < 64 ? arch.len : 64),
             arch.ptr);
    if (tr_gguf_int(g, key, n, err) < 0)
        return err->code;
    if (*n >= 1 && *n <= TR__MOST_BLOCKS)
        return 0;
    return tr_err_set(err, TR_EFORMAT, "'%s': '%s' is %lld", tr_gguf_path(g), key,
                      (long long)*n);
}

/* A whole number at *p, which moves behind it; -1: there is none. */
static int64_t number(const char **p)
{
    char *end;
    if (**p < '0' || **p > '9')
        return -1;
    long long v = strtoll(*p, &end, 10);
    *p = end;
    return v;
}

static int add_blocks(struct tr__stack *s, int model, int64_t first, int64_t last, int line,
                      struct tr_err *err)
{
    int64_t there;
    int rc = tr__stack_blocks(tr__stack_file(s, model), &there, err);
    if (rc)
        return rc;
    if (last < first || last >= there)
        return tr_err_set(err, TR_EINVAL, "layers, line %d: blocks %lld to %lld of '%s', "
                          "which has 0 to %lld", line, (long long)first, (long long)last,
                          tr_gguf_path(tr__stack_file(s, model)), (long long)there - 1);
    if (s->n_block + last - first + 1 > TR__MOST_BLOCKS)
        return tr_err_set(err, TR_EINVAL, "layers, line %d: more than %d blocks", line,
                          TR__MOST_BLOCKS);
    for (int64_t i = first; i <= last; i++)
        s->block[s->n_block++] = (struct tr__stack_block){ model, i };
    return 0;
}

static int add_pattern(struct tr__stack *s, int model, const char *text, int line,
                       struct tr_err *err)
{
    struct tr__stack_pattern *p = &s->pattern[s->n_pattern];
    if (s->n_pattern == TR__MOST_PATTERNS || strlen(text) >= sizeof p->pattern)
        return tr_err_set(err, TR_EINVAL, "layers, line %d: a pattern of more than %zu bytes, "
                          "or more than %d of them", line, sizeof p->pattern - 1,
                          TR__MOST_PATTERNS);
    memcpy(p->pattern, text, strlen(text) + 1);
    p->model = model;
    s->n_pattern++;
    return 0;
}

/* "MODEL FIRST-LAST", "MODEL BLOCK" or "MODEL PATTERN"; the comment is cut off. */
static int read_line(struct tr__stack *s, const char *text, int line, struct tr_err *err)
{
    static const char space[] = " \t\r";
    const char *p = text + strspn(text, space);
    char word[80];
    if (!*p)
        return 0;
    int64_t model = number(&p);
    if (model < 0 || model > (int64_t)s->args->n || !*p || !strchr(space, *p))
        return tr_err_set(err, TR_EINVAL, "layers, line %d: begins with no number of a model "
                          "from 0, the base, to %zu", line, s->args->n);
    p += strspn(p, space);
    snprintf(word, sizeof word, "%.*s", (int)strcspn(p, space), p);
    p += strcspn(p, space);
    if (!*word || p[strspn(p, space)])
        return tr_err_set(err, TR_EINVAL, "layers, line %d: wants a model, and blocks or a "
                          "pattern", line);
    const char *q = word;
    int64_t first = number(&q), last = first;
    if (first < 0)
        return add_pattern(s, (int)model, word, line, err);
    if (*q == '-') {
        q++;
        last = number(&q);
    }
    if (*q || last < 0)
        return tr_err_set(err, TR_EINVAL, "layers, line %d: '%s' are no blocks", line, word);
    return add_blocks(s, (int)model, first, last, line, err);
}

int tr__stack_read(struct tr__stack *s, struct tr_err *err)
{
    char *text = strdup(s->args->layers ? s->args->layers : ""), *rest = text;
    s->block = malloc(TR__MOST_BLOCKS * sizeof *s->block);
    int rc = text && s->block ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for layers");
    for (int line = 1; !rc && *rest; line++) {
        char *p = rest;
        rest += strcspn(rest, "\n");
        if (*rest)
            *rest++ = '\0';
        p[strcspn(p, "#")] = '\0';
        rc = read_line(s, p, line, err);
    }
    free(text);
    if (!rc && !s->n_block)
        rc = tr_err_set(err, TR_EINVAL, "layers: no blocks of any model");
    return rc;
}

void tr__stack_release(struct tr__stack *s)
{
    free(s->block);
    s->block = NULL;
}
