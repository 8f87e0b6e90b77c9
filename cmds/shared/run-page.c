/* SPDX-License-Identifier: MIT
 *
 * The parts of the page about one run, each of one file in its folder.  Several runs:
 * runs-page.c.
 */
#include "run-page.h"

#include "page.h"
#include "run-tables.h"
#include "sample-pair.h"
#include "series.h"

#include <libtrain/file.h>
#include <libtrain/gguf.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PAIRS = 10, MOST_TEXT = 1200, MOST_LINES = 6000, MOST_MODULES = 48 };

typedef int part_fn(FILE *f, const struct cmd_run *run, const char *path, struct tr_err *err);

/* ---- curves ----------------------------------------------------------------------- */

/* Of neighbours, as many on either side as a fortieth of all. */
static void smooth(const double *y, size_t n, double *to)
{
    size_t half = n / 40, a = 0, b = 0, seen = 0;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        for (; b < n && b <= i + half; b++) {
            sum += isnan(y[b]) ? 0 : y[b];
            seen += !isnan(y[b]);
        }
        for (; a + half < i; a++) {
            sum -= isnan(y[a]) ? 0 : y[a];
            seen -= !isnan(y[a]);
        }
        to[i] = seen ? sum / (double)seen : (double)NAN;
    }
}

static void put_losses(FILE *f, const struct cmd_series *s, double *mean)
{
    const double *x = s->column[0];
    struct cmd_curve c[] = {
        { "training", x, s->column[1], s->n, 0, mean != NULL, 0 },
        { NULL, x, mean, mean ? s->n : 0, 0, 0, 0 },
        { "held out", x, s->column[2], s->n, 1, 0, 1 },
    };
    size_t held = 0;
    for (size_t i = 0; i < s->n; i++)
        held += !isnan(s->column[2][i]);
    cmd_page_curves(f, "Loss", "step", c, held ? 3 : 2);
}

/* Of answers that were compared. */
static void put_margins(FILE *f, const struct cmd_series *s)
{
    struct cmd_curve c[] = {
        { "training", s->column[0], s->column[6], s->n, 0, 0, 0 },
        { "held out", s->column[0], s->column[7], s->n, 1, 0, 1 },
    };
    size_t compared = 0;
    for (size_t i = 0; i < s->n; i++)
        compared += !isnan(s->column[6][i]);
    if (compared)
        cmd_page_curves(f, "Answers apart", "step", c, 2);
}

static int curves(FILE *f, const struct cmd_run *run, const char *path, struct tr_err *err)
{
    static const char *const name[] = { "step", "loss", "val_loss", "lr", "grad_norm",
                                        "tokens_per_s", "margin", "val_margin", NULL };
    static const char *const title[] = { "Learning rate", "Norm of the gradient",
                                         "Tokens a second" };
    struct cmd_series s = { 0 };
    int rc = cmd_series_read(&s, path, name, err);
    double *mean = rc || s.n < 40 ? NULL : malloc(s.n * sizeof *mean);
    (void)run;
    if (mean)
        smooth(s.column[1], s.n, mean);
    if (!rc) {
        fputs("<div class=\"grid\">\n", f);
        put_losses(f, &s, mean);
        for (int i = 0; i < 3; i++)
            cmd_page_curves(f, title[i], "step",
                            &(struct cmd_curve){ .x = s.column[0], .y = s.column[3 + i],
                                                 .n = s.n, .color = 2 + i }, 1);
        put_margins(f, &s);
        fputs("</div>\n", f);
    }
    free(mean);
    cmd_series_release(&s);
    return rc;
}

/* ---- tables ----------------------------------------------------------------------- */

static void put_row(void *ctx, const char *label, double loss, double perplexity)
{
    FILE *f = ctx;
    fputs("<tr>", f);
    cmd_page_put(f, "td", label);
    fprintf(f, "<td class=\"n\">%.4f<td class=\"n\">%.5g</tr>\n", loss, perplexity);
}

static int losses(FILE *f, const struct cmd_run *run, const char *path, struct tr_err *err)
{
    fprintf(f, "<div class=\"wide\"><table><tr><th>%s<th class=\"n\">loss"
            "<th class=\"n\">perplexity</tr>\n",
            strcmp(cmd_last_part(path), "test.tsv") ? "held out" : "test");
    (void)run;
    int rc = cmd_eval_each(path, put_row, f, err);
    fputs("</table></div>\n", f);
    return rc;
}

static void put_bytes(FILE *f, const char *name, double bytes)
{
    fputs("<tr>", f);
    cmd_page_put(f, "td", name);
    fprintf(f, "<td class=\"n\">%.1f MB</tr>\n", bytes / 1e6);
}

/* The lines "ITEM BYTES bytes" of `train --plan`. */
static int plan(FILE *f, const struct cmd_run *run, const char *path, struct tr_err *err)
{
    char *text, *save = NULL, name[64];
    double v;
    size_t n;
    int rc = tr_read_all(path, &text, &n, err);
    (void)run;
    if (rc)
        return rc;
    fputs("<div class=\"wide\"><table><tr><th>memory<th class=\"n\">planned</tr>\n", f);
    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
        if (sscanf(l, "%63[^\t]\t%lf\tbytes", name, &v) == 2 && v > 0 && strstr(l, "\tbytes"))
            put_bytes(f, name, v);
        else if (sscanf(l, "step_time\t%lf", &v) == 1)
            fprintf(f, "<tr><td>time of a step<td class=\"n\">%.3g s</tr>\n", v);
    fputs("</table></div>\n", f);
    free(text);
    return 0;
}

/* ---- what was trained ------------------------------------------------------------- */

struct module {
    char name[64];
    double n;
    int tensors;
};

/* "attn_q.weight" of "blk.3.attn_q.weight"; NULL for what an optimizer keeps. */
static const char *module_of(const char *name)
{
    static const char *const end[] = { ".weight", ".bias", ".lora_a", ".lora_b" };
    const char *dot = strrchr(name, '.');
    int own = 0;
    for (size_t i = 0; dot && i < sizeof end / sizeof *end; i++)
        own |= !strcmp(dot, end[i]);
    if (!own)
        return NULL;
    const char *rest = strncmp(name, "blk.", 4) ? NULL : strchr(name + 4, '.');
    return rest ? rest + 1 : name;
}

static int count_modules(const struct tr_gguf *g, struct module *m)
{
    int n = 0;
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        const char *name = module_of(t->name);
        int k = 0;
        if (!name)
            continue;
        while (k < n && strcmp(m[k].name, name))
            k++;
        if (k == n && n == MOST_MODULES)
            continue;
        if (k == n)
            snprintf(m[n++].name, sizeof m->name, "%s", name);
        m[k].n += (double)tr_gguf_count(t);
        m[k].tensors++;
    }
    return n;
}

static void put_arguments(FILE *f, const struct tr_gguf *g)
{
    struct tr_err none = { 0 };
    struct tr_str s;
    if (tr_gguf_string(g, "checkpoint.arguments", &s, &none) != 1)
        return;
    fputs("<details><summary>settings of the training</summary><pre>", f);
    cmd_page_text(f, s.ptr, s.len);
    fputs("</pre></details>\n", f);
}

static int trained(FILE *f, const struct cmd_run *run, const char *path, struct tr_err *err)
{
    struct module m[MOST_MODULES] = { 0 };
    struct tr_gguf *g = tr_gguf_open(path, err);
    (void)run;
    if (!g)
        return err->code;
    int n = count_modules(g, m);
    double sum = 0;
    fputs("<div class=\"wide\"><table><tr><th>tensor<th class=\"n\">of them"
          "<th class=\"n\">parameters</tr>\n", f);
    for (int i = 0; i < n; i++) {
        fputs("<tr>", f);
        cmd_page_put(f, "td", m[i].name);
        fprintf(f, "<td class=\"n\">%d<td class=\"n\">%.0f</tr>\n", m[i].tensors, m[i].n);
        sum += m[i].n;
    }
    fprintf(f, "<tr><th>all<th><th class=\"n\">%.0f</tr></table></div>\n", sum);
    put_arguments(f, g);
    tr_gguf_close(g);
    return 0;
}

/* ---- samples and commands --------------------------------------------------------- */

static void put_sample(FILE *f, const char *title, const char *s, size_t n)
{
    int cut = n > MOST_TEXT;
    fprintf(f, "<div><span class=\"dim\">%s</span><pre>", title);
    cmd_page_text(f, s, cut ? MOST_TEXT : n);
    fprintf(f, "%s</pre></div>\n", cut ? " …" : "");
}

struct pairs {
    FILE *f;
    int n;
};

static void put_pair(void *ctx, const char *before, size_t n_before, const char *after,
                     size_t n_after)
{
    struct pairs *p = ctx;
    if (p->n++ == MOST_PAIRS)
        return;
    fputs("<div class=\"grid pair\">\n", p->f);
    put_sample(p->f, "before", before, n_before);
    put_sample(p->f, "after", after, n_after);
    fputs("</div>\n", p->f);
}

static int samples(FILE *f, const struct cmd_run *run, const char *path, struct tr_err *err)
{
    (void)run;
    return cmd_sample_pairs_each(path, put_pair, &(struct pairs){ f, 0 }, err);
}

static int commands(FILE *f, const struct cmd_run *run, const char *path, struct tr_err *err)
{
    char *text;
    size_t n;
    int rc = tr_read_all(path, &text, &n, err);
    (void)run;
    if (rc)
        return rc;
    fputs("<pre>", f);
    cmd_page_text(f, text, n < MOST_LINES ? n : MOST_LINES);
    fputs("</pre>\n", f);
    free(text);
    return 0;
}

/* ---- the page --------------------------------------------------------------------- */

static const struct {
    const char *title, *name; /* title NULL: under the one before */
    part_fn *put;
} part[] = {
    { "Curves", "metrics.tsv", curves },
    { "Evaluation", "eval.tsv", losses },
    { NULL, "test.tsv", losses },
    { "Choices", "choice.tsv", commands },
    { "Samples", "samples.txt", samples },
    { "What was trained", "model.ckpt", trained },
    { "Plan", "plan.tsv", plan },
    { "Commands", "commands.txt", commands },
};

/* What could not be read stands in its place, and the first of these is the error. */
static void put_part(FILE *f, const struct cmd_run *run, size_t i, struct tr_err *err)
{
    struct tr_err own = { 0 };
    char path[PATH_MAX];
    if (!cmd_run_file(run, part[i].name, path))
        return;
    if (part[i].title)
        cmd_page_put(f, "h2", part[i].title);
    if (!part[i].put(f, run, path, &own))
        return;
    cmd_page_put(f, "p", own.text);
    if (!err->code)
        *err = own;
}

/* Steps, time and memory, as report says them. */
static void put_training(FILE *f, const struct cmd_run *run)
{
    struct tr_err none = { 0 };
    char path[PATH_MAX], *text = NULL;
    size_t n;
    FILE *t = cmd_run_file(run, "metrics.tsv", path) ? open_memstream(&text, &n) : NULL;
    if (!t)
        return;
    int rc = cmd_metrics_print(t, path, &none);
    fclose(t);
    if (!rc && text)
        cmd_page_put(f, "p", text);
    free(text);
}

static void put_head(FILE *f, const struct cmd_run *run, const char *verdict)
{
    cmd_page_put(f, "h1", cmd_last_part(run->folder));
    fputs("<div class=\"dim\">model ", f);
    cmd_page_text(f, run->model, strlen(run->model));
    for (size_t i = 0; i < run->data.n && i < 8; i++) {
        fputs(i ? ", " : "<br>data ", f);
        cmd_page_text(f, run->data.item[i], strlen(run->data.item[i]));
    }
    fputs(run->data.n > 8 ? " …</div>\n" : "</div>\n", f);
    if (verdict && *verdict)
        cmd_page_put(f, "div class=\"verdict\"", verdict);
    put_training(f, run);
}

int cmd_run_page(FILE *f, const struct cmd_run *run, const char *verdict, struct tr_err *err)
{
    cmd_page_begin(f, cmd_last_part(run->folder));
    put_head(f, run, verdict);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        put_part(f, run, i, err);
    cmd_page_end(f);
    return err->code;
}
