/* SPDX-License-Identifier: MIT
 *
 * What must be the same for a run to go on, as text: a line "name=value" for each thing,
 * in the order of the table (args.c), without paths.  Numbers have 17 digits, so that
 * what is equal as text is equal.  Lines are compared by name, and one that is not there
 * stands for a default: a new option changes neither the bytes of runs that do not use it
 * nor what older checkpoints mean.
 */
#include <libtrain/model/model.h>
#include <libtrain/train/args.h>

#include <stdlib.h>
#include <string.h>

/* ---- writing ---------------------------------------------------------------------- */

static void write_value(FILE *f, const struct tr_train_args *a,
                        const struct tr_train_arg *x)
{
    double v;
    if (x->choice)
        fputs(x->choice->name_of(tr__arg_choice(a, x)), f);
    else if (tr__arg_number(a, x, &v)) /* whole ones are below 2^53 */
        fprintf(f, "%.17g", v);
}

/* Has one of the choices before number `end` this option? */
static int came_before(const struct tr_choice *c, int end, const char *name)
{
    for (int i = 0; i < end; i++)
        if (tr_option_find(c->options_of(c->at(i)), name))
            return 1;
    return 0;
}

/* The number that the run has under the name of o, or o's default if what was chosen has
 * no such number. */
static void write_option(FILE *f, const struct tr_train_args *a,
                         const struct tr_train_arg *x, const struct tr_option *o)
{
    const struct tr_option *mine =
        tr_option_find(x->choice->options_of(tr__arg_choice(a, x)), o->name);
    double v = tr_option_value(mine ? mine : o, a->setting);
    if (o->in_every_run || (mine && v != mine->standard))
        fprintf(f, "%s=%.17g\n", o->name, v);
}

/* Options of what is chosen and of all that might be, each name once. */
static void write_options(FILE *f, const struct tr_train_args *a,
                          const struct tr_train_arg *x)
{
    const struct tr_choice *c = x->choice;
    const struct tr_option *o;
    int n = 0;
    for (; c->at(n); n++)
        for (o = c->options_of(c->at(n)); o && o->name; o++)
            if (!came_before(c, n, o->name))
                write_option(f, a, x, o);
    for (o = c->options_of(tr__arg_choice(a, x)); o && o->name; o++)
        if (!came_before(c, n, o->name)) /* a kind of the caller's own */
            write_option(f, a, x, o);
}

/* The model's, not arguments, and mostly the file's: then there is no line. */
static void write_rope(FILE *f, const struct tr_model *m)
{
    double base, scale;
    tr_model_rope(m, &base, &scale);
    if (base > 0)
        fprintf(f, "rope_freq_base=%.17g\n", base);
    if (scale > 0)
        fprintf(f, "rope_freq_scale=%.17g\n", scale);
    if (tr_model_norm_eps(m) > 0)
        fprintf(f, "norm_eps=%.17g\n", tr_model_norm_eps(m));
}

/* Rows that are trained beside an adapter, if there are some. */
static void write_rows(FILE *f, const struct tr_trainer *t)
{
    for (size_t i = 0; t->lora && i < t->lora->n; i++)
        if (t->lora->pair[i].rows) {
            fprintf(f, "train_rows=%lld-%lld\n", (long long)t->lora->pair[i].first,
                    (long long)(t->lora->pair[i].first + t->lora->pair[i].rows - 1));
            return;
        }
}

/* The same of what only some adapters have. */
static void write_own(FILE *f, const struct tr_train_args *a)
{
    if (a->lora_rank_of)
        fprintf(f, "lora_rank_of=%s\n", a->lora_rank_of);
    if (a->lora_alpha_of)
        fprintf(f, "lora_alpha_of=%s\n", a->lora_alpha_of);
    if (a->lora_init != tr_lora_init_at(0))
        fprintf(f, "lora_init=%s\n", tr_lora_init_name(a->lora_init));
    if (a->full_targets)
        fprintf(f, "full_targets=%s\n", a->full_targets);
    if (a->dora)
        fprintf(f, "dora=1\n");
    if (a->last_layers)
        fprintf(f, "last_layers=%lld\n", (long long)a->last_layers);
    if (a->lora_dropout > 0)
        fprintf(f, "lora_dropout=%.17g\n", a->lora_dropout);
    if (a->neftune > 0)
        fprintf(f, "neftune=%.17g\n", a->neftune);
}

/* No line where nothing is balanced, as in runs of before. */
static void write_balance(FILE *f, const struct tr_train_args *a)
{
    if (a->balance > 0)
        fprintf(f, "balance_loss=%.17g\n", a->balance);
}

/* The same of rates that are alike. */
static void write_lora_plus(FILE *f, const struct tr_train_args *a)
{
    if (!a->full && a->lora_plus != 1)
        fprintf(f, "lora_plus=%.17g\n", a->lora_plus);
}

/* The rows of a schedule from a file. */
static void write_schedule(FILE *f, const struct tr_train_args *a)
{
    uint64_t hash = tr_schedule_hash(a->sched);
    if (hash)
        fprintf(f, "schedule=%016llx\n", (unsigned long long)hash);
}

/* The same without an average. */
static void write_ema(FILE *f, const struct tr_train_args *a)
{
    if (a->ema > 0)
        fprintf(f, "ema=%.17g\n", a->ema);
}

/* The same of supervised training, and of numbers that are as usual. */
static void write_objective(FILE *f, const struct tr_train_args *a)
{
    if (a->objective == tr_objective_at(0))
        return;
    fprintf(f, "objective=%s\n", a->objective->name);
    for (const struct tr_option *o = a->objective->option; o && o->name; o++)
        if (tr_option_value(o, a->setting) != o->standard)
            fprintf(f, "%s=%.17g\n", o->name, tr_option_value(o, a->setting));
}

/* Of a file of what another model said. */
static void write_said(FILE *f, const char *what, const struct tr__said *s)
{
    if (s->g)
        fprintf(f, "%s=%016llx\n", what, (unsigned long long)tr_gguf_hash(s->g));
}

int tr__describe_run(struct tr_trainer *t, struct tr_err *err)
{
    size_t size;
    const struct tr__arg *x;
    FILE *f = open_memstream(&t->text, &size);
    if (!f)
        return tr_err_sys(err, "cannot describe the run");
    fprintf(f, "base=%016llx\n", (unsigned long long)t->base_hash);
    fprintf(f, "data=%016llx\n", (unsigned long long)tr_pack_info(t->pack)->hash);
    for (int i = 0; (x = tr__arg_at(i)); i++) {
        if (!x->line)
            continue;
        fprintf(f, "%s=", x->line);
        if (x->write)
            x->write(f, t);
        else
            write_value(f, &t->args, &x->arg);
        fputc('\n', f);
        if (x->arg.choice && x->arg.choice->options_of)
            write_options(f, &t->args, &x->arg);
    }
    write_rope(f, t->m);
    write_schedule(f, &t->args);
    write_balance(f, &t->args);
    write_lora_plus(f, &t->args);
    write_own(f, &t->args);
    write_ema(f, &t->args);
    if (t->beneath)
        fprintf(f, "beneath=%016llx\n", (unsigned long long)t->beneath);
    write_rows(f, t);
    write_objective(f, &t->args);
    write_said(f, "reference", &t->asked.reference);
    write_said(f, "teacher", &t->asked.teacher);
    return fclose(f) ? tr_err_sys(err, "cannot describe the run") : 0;
}

/* ---- comparing -------------------------------------------------------------------- */

static int line_length(const char *line)
{
    return (int)strcspn(line, "\n");
}

static const char *next_line(const char *line)
{
    line += line_length(line);
    return line + (*line == '\n');
}

/* The line of `text` that has the name of this one; *n is its length.  NULL: none. */
static const char *same_name(const char *text, const char *line, int *n)
{
    size_t name = strcspn(line, "=\n") + 1;
    for (; *text; text = next_line(text))
        if (!strncmp(text, line, name)) {
            *n = line_length(text);
            return text;
        }
    return NULL;
}

/* What was is now: appended to a list; NULL stands for a line that is not there. */
static void append_change(char *list, size_t size, const char *was, int n_was,
                          const char *is, int n_is)
{
    size_t used = strlen(list);
    int name = (int)strcspn(was ? was : is, "=\n");
    const char *comma = used ? ", " : "";
    if (was && is)
        snprintf(list + used, size - used, "%s%.*s is now %.*s", comma, n_was, was, n_is,
                 is);
    else if (was)
        snprintf(list + used, size - used, "%s%.*s is now the default %.*s", comma, n_was,
                 was, name, was);
    else
        snprintf(list + used, size - used, "%sthe default %.*s is now %.*s", comma, name,
                 is, n_is, is);
}

int tr__compare_runs(const char *what, const char *then, const char *now,
                     struct tr_err *err)
{
    char differs[400] = "";
    int n = 0;
    for (const char *line = now; *line; line = next_line(line)) {
        int length = line_length(line);
        const char *was = same_name(then, line, &n);
        if (!was || n != length || memcmp(was, line, (size_t)n))
            append_change(differs, sizeof differs, was, n, line, length);
    }
    for (const char *line = then; *line; line = next_line(line))
        if (!same_name(now, line, &n))
            append_change(differs, sizeof differs, line, line_length(line), NULL, 0);
    if (!*differs)
        return 0;
    return tr_err_set(err, TR_EMISMATCH, "%s: is of another run: %s", what, differs);
}
