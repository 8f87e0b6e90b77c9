/* SPDX-License-Identifier: MIT
 *
 * report - what came of a run, and how to go on.  See report.1
 *
 * Each part says what one file of the run holds, and is left out if that is not there; one
 * that is damaged is told at the end, and the others are printed.  What matters most is
 * last, since that is what a terminal shows.  Next: shared/verdict.c, shared/next-steps.c, of
 * pages shared/run-page.c.
 */
#include "shared/common.h"
#include "shared/losses.h"
#include "shared/next-steps.h"
#include "shared/run-page.h"
#include "shared/run-tables.h"
#include "shared/sample-pair.h"
#include "shared/settings.h"
#include "shared/verdict.h"

#include <libtrain/file.h>
#include <libtrain/gguf.h>
#include <libtrain/printable.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* https://no-color.org */
static int has_color(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb");
}

/* ---- the parts -------------------------------------------------------------------- */

typedef int print_fn(FILE *f, const char *path, struct tr_err *err);

/* A part of its own paragraph; the first error of all stays.  0 if there is none. */
static int print_part(const struct cmd_run *run, const char *name, print_fn *print,
                      const char *behind, struct tr_err *err)
{
    struct tr_err own = { 0 };
    char path[PATH_MAX];
    if (!cmd_run_file(run, name, path))
        return 0;
    if (!print(stdout, path, &own))
        fputs(behind, stdout);
    else if (!err->code)
        *err = own;
    return 1;
}

static int compare(FILE *f, const char *before, const char *after, int color,
                   struct tr_err *err)
{
    struct cmd_losses a = { 0 }, b = { 0 };
    struct tr_loss_change c;
    int rc = cmd_losses_read(&a, before, err);
    if (!rc)
        rc = cmd_losses_read(&b, after, err);
    if (!rc && a.n != b.n)
        rc = tr_err_set(err, TR_EMISMATCH, "'%s' and '%s' are not of the same pack", before,
                        after);
    if (!rc && (rc = tr_loss_compare(a.seq, b.seq, a.n, &c, err)))
        tr_err_prefix(err, "'%s' and '%s'", before, after);
    if (!rc)
        cmd_verdict_print(f, &c, color);
    cmd_losses_release(&a);
    cmd_losses_release(&b);
    return rc;
}

static int print_verdict(FILE *f, const struct cmd_run *run, int color, struct tr_err *err)
{
    struct tr_err own = { 0 };
    char base[PATH_MAX], path[PATH_MAX];
    const char *after = cmd_run_file(run, "losses-adapter.tsv", path);
    if (!after)
        after = cmd_run_file(run, "losses-merged.tsv", path);
    if (!after || !cmd_run_file(run, "losses-base.tsv", base))
        return 0;
    if (compare(f, base, after, color, &own) && !err->code)
        *err = own;
    return 1;
}

/* ---- what was written ------------------------------------------------------------- */

static int is_made(const struct dirent *d)
{
    static const char *const other[] = { "Modelfile", "loss.png", "model.ckpt", "report.html" };
    size_t n = strlen(d->d_name);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (!strcmp(d->d_name, other[i]))
            return 1;
    return n > 5 && *d->d_name != '.' && !strcmp(d->d_name + n - 5, ".gguf");
}

static void size_text(char *text, size_t n, double bytes)
{
    static const char *const unit[] = { "B", "kB", "MB", "GB", "TB" };
    int i = 0;
    for (; bytes >= 1000 && i < 4; i++)
        bytes /= 1000;
    snprintf(text, n, i && bytes < 10 ? "%.1f %s" : "%.0f %s", bytes, unit[i]);
}

/* One more of a list, on a line of its own if this one is full. */
static void print_file(const struct cmd_run *run, const char *name, int *used)
{
    char path[PATH_MAX], text[PATH_MAX + 64], size[32];
    struct stat st;
    if (!cmd_run_file(run, name, path) || stat(path, &st))
        return;
    size_text(size, sizeof size, (double)st.st_size);
    size_t n = tr_escape(text, PATH_MAX, name, strlen(name));
    n += (size_t)snprintf(text + n, sizeof text - n, " (%s)", size);
    if (*used + (int)n + 3 > 80) {
        fputs(*used > 2 ? ",\n  " : "\n  ", stdout);
        *used = 2;
    } else {
        fputs(*used > 2 ? ", " : "", stdout);
    }
    fputs(text, stdout);
    *used += (int)n + 2;
}

static int print_written(const struct cmd_run *run)
{
    struct dirent **entry = NULL;
    int n = scandir(run->folder, &entry, NULL, alphasort), used = 2;
    int any = 0;
    for (int i = 0; i < n; i++)
        any |= is_made(entry[i]);
    if (any) {
        fputs("Written to ", stdout);
        tr_print_escaped(stdout, run->folder, strlen(run->folder));
        fputs(":\n  ", stdout);
    }
    for (int i = 0; i < n; i++) {
        if (is_made(entry[i]))
            print_file(run, entry[i]->d_name, &used);
        free(entry[i]);
    }
    free(entry);
    if (any)
        fputc('\n', stdout);
    return any;
}

/* ---- the command ------------------------------------------------------------------ */

/* Fewer than eight bits a number in any matrix. */
static int is_coarse(const struct tr_gguf *g)
{
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        if (t->n_dim > 1 && t->bytes < tr_gguf_count(t))
            return 1;
    }
    return 0;
}

static int look_at_model(struct cmd_run *run, struct tr_err *err)
{
    struct tr_gguf *g = tr_gguf_open(run->model, err);
    if (!g || tr_gguf_expect_model(g, err)) {
        tr_gguf_close(g);
        return err->code;
    }
    run->is_chat = tr_gguf_find_kv(g, "tokenizer.chat_template") != NULL;
    run->is_coarse = is_coarse(g);
    tr_gguf_close(g);
    return 0;
}

static int look_at_folder(struct cmd_run *run, char *folder, struct tr_err *err)
{
    struct stat st;
    size_t n = strlen(folder);
    if (stat(folder, &st))
        return tr_err_sys(err, "cannot open '%s'", folder);
    if (!S_ISDIR(st.st_mode))
        return tr_err_set(err, TR_EIO, "'%s' is not the folder of a run", folder);
    while (n > 1 && folder[n - 1] == '/')
        folder[--n] = '\0';
    run->folder = folder;
    return 0;
}

static const struct {
    const char *name;
    print_fn *print;
    const char *behind;
} part[] = { { "samples.txt", cmd_sample_pair_print, "\n" },
             { "eval.tsv", cmd_eval_print, "\n" },
             { "test.tsv", cmd_test_print, "\n" },
             { "metrics.tsv", cmd_metrics_print, "" } };

/* Room for n names of data. */
static int data_room(struct cmd_run *run, size_t n)
{
    const char **item = realloc(run->data.item, (n + 1) * sizeof *item);
    if (item)
        run->data.item = item;
    return item != NULL;
}

/* DATA=@FILE; a file that is gone by now leaves nothing to say. */
static void open_list(struct cmd_run *run, const char *list)
{
    static struct cmd_words words; /* as long as the process: names are in it */
    struct tr_err err = { 0 };
    char *name = (char *)(uintptr_t)list;
    run->data.n = 0;
    if (cmd_words_begin(&words, 1, &name, &err) || cmd_words_expand(&words, 0, &err) ||
        !data_room(run, words.n))
        return;
    for (; run->data.n < words.n; run->data.n++)
        run->data.item[run->data.n] = words.word[run->data.n].text;
}

/* Names with blanks in between, as make has them. */
static void part_names(struct cmd_run *run, char *names)
{
    run->data.n = 0;
    for (char *name = strtok(names, " \t\n"); name; name = strtok(NULL, " \t\n"))
        if (data_room(run, run->data.n + 1))
            run->data.item[run->data.n++] = name;
}

/* What DATA of a workflow means. */
static void look_at_data(struct cmd_run *run)
{
    const char *only = run->data.n == 1 ? run->data.item[0] : "";
    struct stat st;
    if (*only == '@')
        open_list(run, only);
    else if (strpbrk(only, " \t\n") && stat(only, &st))
        part_names(run, (char *)(uintptr_t)only); /* of argv, or ours */
}

/* ---- pages and tables ------------------------------------------------------------- */

/* The verdict as text for a page, to be freed. */
static char *verdict_text(const struct cmd_run *run, struct tr_err *err)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return NULL;
    print_verdict(f, run, 0, err);
    fclose(f);
    return text;
}

static int write_page(struct cmd_run *run, size_t n, const char *path, struct tr_err *err)
{
    struct tr_err damaged = { 0 };
    struct tr_out *out = tr_out_open(path, err);
    if (!out)
        return err->code;
    char *verdict = n == 1 ? verdict_text(run, &damaged) : NULL;
    int rc = n == 1 ? 0 : cmd_runs_page(tr_out_stream(out), run, n, err);
    if (n == 1 && cmd_run_page(tr_out_stream(out), run, verdict, &damaged))
        rc = 0; /* a page with a gap is one, and the gap is told */
    free(verdict);
    rc = tr_out_finish(out, rc, err);
    if (!rc && damaged.code)
        *err = damaged;
    return rc ? rc : damaged.code;
}

/* Several runs, or one that is to be a page. */
static int report_runs(const struct cmd_run *like, char **folder, int n, const char *html,
                       struct tr_err *err)
{
    struct cmd_run *run = calloc((size_t)n, sizeof *run);
    int rc = run ? 0 : tr_err_sys(err, "cannot report %d runs", n);
    for (int i = 0; i < n && !rc; i++) {
        run[i] = *like;
        rc = look_at_folder(&run[i], folder[i], err);
    }
    if (!rc && html)
        rc = write_page(run, (size_t)n, html, err);
    else if (!rc)
        rc = cmd_runs_table(stdout, run, (size_t)n, err);
    free(run);
    return rc;
}

static int report(struct cmd_run *run, char *folder, struct tr_err *err)
{
    int any = 0, rc = look_at_folder(run, folder, err);
    if (rc || (rc = look_at_model(run, err)))
        return rc;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        any |= print_part(run, part[i].name, part[i].print, part[i].behind, err);
    any |= print_written(run);
    any |= print_verdict(stdout, run, has_color(), err);
    if (!any)
        return tr_err_set(err, TR_EFORMAT, "'%s' holds nothing of a run", folder);
    cmd_next_steps_print(stdout, run);
    return err->code;
}

int main(int argc, char **argv)
{
    struct cmd_run run = { .front = "finetune" };
    const char *html = NULL;
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &run.model, "FILE", "GGUF that the training started from"),
        CMD_TEXT(0, "front", &run.front, "WORDS", "what the run was begun with"),
        CMD_LIST(0, "data", &run.data, "NAME",
                 "what it was trained on, may be given again"),
        CMD_LIST(0, "knob", &run.knob, "NAME=VALUE",
                 "what else it was given, may be given again"),
        CMD_FLOAT(0, "epochs", &run.epochs, 0, 1e9, "N", "passes over the data"),
        CMD_INT(0, "steps", &run.steps, 0, 1LL << 40, "N", "steps, if it was told these"),
        CMD_OUT(0, "html", &html, "FILE", "write a page for a browser instead"),
        CMD_END
    };
    const struct cmd cmd = { "report", "-m MODEL.gguf RUN | RUN RUN…",
                             "say what came of a run, and how to go on", table, 1, -1, NULL };
    struct tr_err err = { 0 };
    int n_operand;
    cmd_run_tools(run.tools, argc ? argv[0] : "", "report");
    char **operand = cmd_parse(&cmd, argc, argv, &n_operand);
    for (size_t i = 0; i < run.knob.n; i++)
        if (!strchr(run.knob.item[i], '='))
            cmd_usage(&cmd, "'--knob' is '%s', not NAME=VALUE", run.knob.item[i]);
    if (n_operand == 1 && !run.model)
        cmd_usage(&cmd, "'--model FILE' is missing: GGUF that the training started from");
    look_at_data(&run);
    int rc = n_operand > 1 || html ? report_runs(&run, operand, n_operand, html, &err)
                                   : report(&run, operand[0], &err);
    free(run.data.item);
    free(run.knob.item);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
