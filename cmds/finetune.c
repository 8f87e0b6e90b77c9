/* SPDX-License-Identifier: MIT
 *
 * finetune - the workflows from any folder, by one command.  See finetune.1
 *
 * It is a front: the options are the knobs that the makefiles in workflows/ declare, the work is
 * make's, which takes this process's place, so a run is the same files whoever started it.
 * What a workflow thinks of its knobs and files, it says itself.  Next: shared/workflows.c.
 */
#include "shared/common.h"
#include "shared/help.h"
#include "shared/input-size.h"
#include "shared/nearest.h"
#include "shared/old-finetune.h"
#include "shared/shell-word.h"
#include "shared/workflows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FD_LIST = 10, MAX_TEXT = 32768, MAX_ARG = CMD_MAX_KNOB + 16 };
static const char usual[] = "finetune"; /* the workflow, if none is named */

struct opts {
    int dry, verbose;
    struct cmd_workflows all;
    const struct cmd_workflow *workflow;
};

/* ==== the table ==== */

static void append_workflow(char *text, size_t n, const struct cmd_workflow *w)
{
    enum { INDENT = 15 };
    cmd_append(text, n, "\n  %-*s ", INDENT - 3, w->name);
    cmd_append_wrapped(text, n, INDENT, w->about);
}

static const char *about(const struct cmd_workflows *all)
{
    static char text[8192];
    snprintf(text, sizeof text, "fine-tune a model on texts or rows, or run another "
             "workflow\n\nworkflows (%s if none is named):", usual);
    for (size_t i = 0; i < all->n_workflow; i++)
        append_workflow(text, sizeof text, &all->workflow[i]);
    return text;
}

/* "knobs of finetune, data": what the makefile has. */
static const char *heading(const struct cmd_workflows *all, int file)
{
    static char text[CMD_MAX_WORKFLOW][256];
    char *h = text[file % CMD_MAX_WORKFLOW];
    *h = '\0';
    for (size_t i = 0; i < all->n_workflow; i++)
        if (all->workflow[i].file == file)
            cmd_append(h, sizeof text[0], "%s%s", *h ? ", " : "knobs of ",
                       all->workflow[i].name);
    return *h ? h : "knobs of all workflows";
}

/* The knobs of one makefile; returns the end of the table. */
static struct cmd_opt *add_knobs(struct cmd_opt *opt, struct cmd_workflows *all, int file)
{
    struct cmd_opt *begin = opt;
    for (size_t i = 0; i < all->n_knob; i++) {
        struct cmd_knob *k = &all->knob[i];
        if (k->file != file)
            continue;
        if (opt == begin)
            *opt++ = (struct cmd_opt)CMD_GROUP(heading(all, file));
        char letter = strcmp(k->name, "MODEL") ? 0 : 'm';
        *opt++ = (struct cmd_opt)CMD_TEXT(letter, k->option, &k->value, k->name, k->help);
    }
    return opt;
}

/* Those of the usual workflow first. */
static void fill(struct cmd_opt *opt, struct opts *o)
{
    const struct cmd_workflow *first = cmd_workflow_find(&o->all, usual);
    *opt++ = (struct cmd_opt)CMD_FLAG('n', "dry-run", &o->dry, "print what would be run");
    *opt++ = (struct cmd_opt)CMD_FLAG(0, "verbose", &o->verbose, "print what is run");
    if (first)
        opt = add_knobs(opt, &o->all, first->file);
    for (int file = 0; file < CMD_MAX_WORKFLOW; file++)
        if (!first || file != first->file)
            opt = add_knobs(opt, &o->all, file);
    *opt = (struct cmd_opt)CMD_END;
}

/* ==== words that are no options ==== */

static int exists(const char *path)
{
    struct stat st;
    return !stat(path, &st);
}

static void refuse_knob(const struct cmd *cmd, const struct cmd_workflows *all,
                        const char *word, size_t length) TR_NORETURN;
static void refuse_knob(const struct cmd *cmd, const struct cmd_workflows *all,
                        const char *word, size_t length)
{
    const char *name[CMD_MAX_KNOB + 1] = { NULL };
    char knob[64];
    for (size_t i = 0; i < all->n_knob; i++)
        name[i] = all->knob[i].name;
    snprintf(knob, sizeof knob, "%.*s", (int)length, word);
    const char *near = cmd_nearest(knob, name);
    if (near)
        cmd_usage(cmd, "there is no knob '%s'; did you mean %s%s?", knob, near,
                  word + length);
    cmd_usage(cmd, "there is no knob '%s', and no file '%s'", knob, word);
}

/* KNOB=VALUE as make has it; 0 for what is the name of a file, or could be meant as one. */
static int take_knob(const struct cmd *cmd, struct cmd_workflows *all, const char *word)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_-";
    size_t length = strspn(word, letters);
    if (!length || word[length] != '=' || exists(word))
        return 0;
    struct cmd_knob *knob = cmd_knob_find(all, word, length);
    if (!knob)
        refuse_knob(cmd, all, word, length);
    if (knob->value)
        cmd_usage(cmd, "%s is given twice, '%s' and '%s'", knob->name, knob->value,
                  word + length + 1);
    knob->value = word + length + 1;
    return 1;
}

/* Leaves the files alone in `word`, and takes the rest out of it. */
static int take_words(const struct cmd *cmd, struct opts *o, char **word, int n)
{
    int n_file = 0;
    o->workflow = n ? cmd_workflow_find(&o->all, word[0]) : NULL;
    for (int i = o->workflow != NULL; i < n; i++)
        if (!strcmp(word[i], "V=1"))
            o->verbose = 1;
        else if (!strcmp(word[i], "Q=1"))
            cmd_hush();
        else if (!take_knob(cmd, &o->all, word[i]))
            word[n_file++] = word[i];
    return n_file;
}

static int is_model(const char *path)
{
    char magic[4];
    return cmd_first_bytes(path, magic, sizeof magic) == sizeof magic &&
           !memcmp(magic, "GGUF", sizeof magic);
}

/* Who trains names a model and data, or neither: then it is the example. */
static void check_pair(const struct cmd *cmd, struct opts *o)
{
    const struct cmd_knob *model = cmd_knob_find(&o->all, "MODEL", 5);
    const struct cmd_knob *data = cmd_knob_find(&o->all, "DATA", 4);
    if (!model || !data || !cmd_workflow_has(&o->all, o->workflow, "MODEL") ||
        !cmd_workflow_has(&o->all, o->workflow, "DATA"))
        return;
    if (model->value && !data->value)
        cmd_usage(cmd, "there is a model, '%s', and no data: name texts or rows to train on "
                  "behind it", model->value);
    if (data->value && !model->value)
        cmd_usage(cmd, "there are data, '%s', and no model: name one, -m MODEL.gguf",
                  data->value);
}

/* ==== data files as one knob ==== */

static char *joined(const char *a, const char *b, const char *c)
{
    size_t n = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = malloc(n);
    if (!text) {
        cmd_complain("out of memory for the words of make");
        exit(CMD_FAIL);
    }
    snprintf(text, n, "%s%s%s", a, b, c);
    return text;
}

/* As a name that stands for nothing else: @FILE is a list, ~/ the home, and make drops blanks
 * in front. */
static char *as_name(char *path)
{
    return *path && strchr("@~ \t", *path) ? joined("./", path, "") : path;
}

/* As a word that make would not part, expand or take for something else. */
static int is_plain(const char *path)
{
    return !path[strcspn(path, " \t\r\n*?[]{}\\'\"#$`|&;<>()")];
}

/* A list of them in a file that goes with the last process that has it open. */
static const char *as_list(const struct cmd *cmd, char **path, int n)
{
    static char name[32];
    struct tr_err err = { 0 };
    FILE *f = tmpfile();
    for (int i = 0; f && i < n; i++) {
        cmd_put_file(f, path[i]);
        putc('\n', f);
    }
    int fd = f && !fflush(f) ? fcntl(fileno(f), F_DUPFD, FD_LIST) : -1;
    if (fd < 0 || lseek(fd, 0, SEEK_SET)) {
        tr_err_sys(&err, "%s: cannot write a list of %d files", cmd->name, n);
        exit(cmd_end(CMD_FAIL, &err));
    }
    snprintf(name, sizeof name, "@/dev/fd/%d", fd);
    return name;
}

static const char *as_words(char **path, int n)
{
    static char text[MAX_TEXT];
    *text = '\0';
    for (int i = 0; i < n; i++)
        cmd_append(text, sizeof text, "%s%s", i ? " " : "", path[i]);
    return text;
}

/* One file is itself, whatever its name is. */
static const char *data_of(const struct cmd *cmd, char **path, int n)
{
    struct stat st;
    size_t length = 0;
    int plain = 1;
    for (int i = 0; i < n; i++) {
        path[i] = as_name(path[i]);
        plain &= is_plain(path[i]) || !exists(path[i]);
        length += strlen(path[i]) + 1;
    }
    if (n == 1 && (plain || (!stat(path[0], &st) && S_ISREG(st.st_mode))))
        return path[0];
    return plain && length < MAX_TEXT ? as_words(path, n) : as_list(cmd, path, n);
}

static void refuse_model(const struct cmd *cmd, const struct opts *o, const char *path)
    TR_NORETURN;
static void refuse_model(const struct cmd *cmd, const struct opts *o, const char *path)
{
    const struct cmd_workflow *w = o->workflow;
    cmd_usage(cmd, "'%s' is a model, no data: %s%s%s -m %s DATA…", path, cmd_command(),
              strcmp(w->name, usual) ? " " : "", strcmp(w->name, usual) ? w->name : "", path);
}

static void take_data(const struct cmd *cmd, struct opts *o, char **path, int n)
{
    struct cmd_knob *data = cmd_knob_find(&o->all, "DATA", 4);
    for (int i = 0; i < n; i++)
        if (is_model(path[i]))
            refuse_model(cmd, o, path[i]);
    if (n && (!data || !cmd_workflow_has(&o->all, o->workflow, "DATA")))
        cmd_usage(cmd, "'%s' is no workflow and no knob", path[0]);
    if (n && data->value)
        cmd_usage(cmd, "data are given twice, '%s' and '%s'", data->value, path[0]);
    if (n)
        data->value = data_of(cmd, path, n);
}

/* Which of the words are what: o->workflow and the knobs have values then. */
static void sort_words(const struct cmd *cmd, struct opts *o, char **word, int n)
{
    const char *first = n ? word[0] : "";
    int n_file = take_words(cmd, o, word, n);
    if (o->workflow && o->workflow != cmd_workflow_find(&o->all, usual) && !n_file &&
        exists(first))
        cmd_usage(cmd, "'%s' is a workflow, and there is a file or folder '%s': say ./%s for "
                  "that", first, first, first);
    if (!o->workflow && !(o->workflow = cmd_workflow_find(&o->all, usual)))
        cmd_usage(cmd, "there is no workflow '%s'", usual);
    take_data(cmd, o, word, n_file);
    check_pair(cmd, o);
}

/* ==== make ==== */

/* What a make above says is not for this one; mk/run.mk needs to know where it is, and the
 * end of a run names the command that goes on. */
static void set_environment(const struct cmd_workflows *all, const char *argv0)
{
    static const char *const above[] = { "MAKEFLAGS", "MFLAGS", "GNUMAKEFLAGS", "MAKEFILES",
                                         "MAKELEVEL", "MAKEOVERRIDES" };
    char threads[32];
    for (size_t i = 0; i < sizeof above / sizeof *above; i++)
        unsetenv(above[i]);
    snprintf(threads, sizeof threads, "%d", cmd_threads());
    setenv("OMP_NUM_THREADS", threads, 1);
    setenv("LIBTRAIN", all->folder, 1);
    setenv("CMD", all->commands, 1);
    setenv("FRONT", strchr(argv0, '/') && is_plain(argv0) ? argv0 : cmd_command(), 1);
}

/* Only if it cannot be done does this return. */
static int become_make(const struct opts *o, const char *argv0, struct tr_err *err)
{
    const char *arg[MAX_ARG] = { "make", "-f", o->all.makefile, o->workflow->name };
    int n = 4;
    if (o->dry)
        arg[n++] = "-n";
    if (cmd_quiet())
        arg[n++] = "Q=1";
    if (o->verbose)
        arg[n++] = "V=1";
    for (size_t i = 0; i < o->all.n_knob; i++)
        if (o->all.knob[i].value)
            arg[n++] = joined(o->all.knob[i].name, "=", o->all.knob[i].value);
    set_environment(&o->all, argv0);
    execvp("gmake", (char *const *)arg);
    if (errno == ENOENT)
        execvp("make", (char *const *)arg);
    if (errno == ENOENT)
        return tr_err_set(err, TR_EIO, "the workflows need GNU make, 4.3 or newer, and there "
                          "is no make: install the package make");
    return tr_err_sys(err, "cannot run make");
}

static void read_workflows(struct opts *o, int argc, char **argv)
{
    struct tr_err err = { 0 };
    if (cmd_workflows_read(&o->all, usual, argc ? argv[0] : "", &err)) {
        cmd_name(usual, argc ? argv[0] : NULL);
        exit(cmd_end(CMD_FAIL, &err));
    }
}

int main(int argc, char **argv)
{
    static struct opts o;
    static struct cmd_opt table[CMD_MAX_KNOB + CMD_MAX_WORKFLOW + 4];
    struct tr_err err = { 0 };
    int n;
    read_workflows(&o, argc, argv);
    if (cmd_is_old_finetune(&o.all, argc, argv))
        return cmd_old_finetune(&o.all, argc, argv);
    fill(table, &o);
    const struct cmd cmd = { usual, "[WORKFLOW] [-m MODEL.gguf DATA…] [--KNOB VALUE | "
                             "KNOB=VALUE]…", about(&o.all), table, 0, -1, NULL };
    char **word = cmd_parse(&cmd, argc, argv, &n);
    sort_words(&cmd, &o, word, n);
    become_make(&o, argv[0], &err);
    return cmd_end(CMD_FAIL, &err);
}
