/* SPDX-License-Identifier: MIT
 *
 * Where the workflows are, and what they take.  The place is found from that of the running
 * command, so that nothing has to be compiled in: beside it (a link leads there), where
 * `make install` puts them, or in the tree with the sources.  What is read there is comments:
 * a knob that somebody adds to a makefile is an option at once.  Next: finetune.c.
 */
#include "workflows.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ==== the place ==== */

/* The program that runs, at the end of all links. */
static int find_self(char self[PATH_MAX], const char *argv0, struct tr_err *err)
{
    ssize_t n = readlink("/proc/self/exe", self, PATH_MAX - 1);
    if (n > 0)
        self[n] = '\0';
    else if (!strchr(argv0, '/') || !realpath(argv0, self))
        return tr_err_set(err, TR_EIO, "'%s': cannot find where this program is; call it by "
                          "its whole name", argv0);
    return 0;
}

int cmd_commands(char to[PATH_MAX], const char *name, const char *argv0, struct tr_err *err)
{
    if (find_self(to, argv0, err))
        return err->code;
    char *base = strrchr(to, '/') + 1;
    size_t n = strlen(base), n_name = strlen(name);
    base[n >= n_name && !strcmp(base + n - n_name, name) ? n - n_name : 0] = '\0';
    return 0;
}

static int is_there(char path[PATH_MAX], const char *folder, const char *name)
{
    return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX &&
           !access(path, R_OK);
}

/* The folder at `up` from that of the command has the makefile. */
static int is_place(struct cmd_workflows *w, const char *bin, const char *up,
                    const char *makefile)
{
    char folder[PATH_MAX];
    return snprintf(folder, sizeof folder, "%s/%s", bin, up) < PATH_MAX &&
           realpath(folder, w->folder) && is_there(w->makefile, w->folder, makefile);
}

static int find_place(struct cmd_workflows *w, const char *name, const char *argv0,
                      struct tr_err *err)
{
    static const char *const place[][2] = {
        { ".", "Makefile.run" },   { "../share/libtrain", "Makefile.run" },
        { "..", "mk/run.mk" },     { "../../..", "mk/run.mk" },
    };
    char self[PATH_MAX];
    if (cmd_commands(w->commands, name, argv0, err))
        return err->code;
    snprintf(self, sizeof self, "%s", w->commands);
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof place / sizeof *place; i++)
        if (is_place(w, self, place[i][0], place[i][1]))
            return 0;
    return tr_err_set(err, TR_EIO, "the workflows are not there: no '%s/%s/%s', which "
                      "`make install` writes", self, place[1][0], place[1][1]);
}

/* ==== what they say ==== */

/* A copy of n bytes, or NULL. */
static char *copy(const char *text, size_t n)
{
    char *c = malloc(n + 1);
    if (c) {
        memcpy(c, text, n);
        c[n] = '\0';
    }
    return c;
}

static int no_memory(struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for the names of workflows");
}

static int add_workflow(struct cmd_workflows *w, const char *line, int file,
                        struct tr_err *err)
{
    size_t n = strcspn(line, ":");
    if (line[n] != ':' || line[n + 1] != ' ')
        return 0;
    if (w->n_workflow == CMD_MAX_WORKFLOW)
        return tr_err_set(err, TR_EFORMAT, "more than %d workflows", CMD_MAX_WORKFLOW);
    struct cmd_workflow *new = &w->workflow[w->n_workflow++];
    *new = (struct cmd_workflow){ copy(line, n), copy(line + n + 2, strlen(line + n + 2)),
                                  file };
    return new->name && new->about ? 0 : no_memory(err);
}

char *cmd_knob_option(const char *knob, size_t n)
{
    char *option = copy(knob, n);
    for (char *p = option; p && *p; p++)
        *p = (char)(*p == '_' ? '-' : *p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
    return option;
}

/* One of a single letter is a switch of the workflows, which commands have a flag for. */
static int add_knob(struct cmd_workflows *w, const char *line, int file, struct tr_err *err)
{
    size_t n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    if (n < 2 || line[n] != ' ')
        return 0;
    if (w->n_knob == CMD_MAX_KNOB)
        return tr_err_set(err, TR_EFORMAT, "more than %d knobs", CMD_MAX_KNOB);
    struct cmd_knob *new = &w->knob[w->n_knob++];
    *new = (struct cmd_knob){ .name = copy(line, n), .option = cmd_knob_option(line, n),
                              .help = copy(line + n + 1, strlen(line + n + 1)),
                              .file = file };
    return new->name && new->option && new->help ? 0 : no_memory(err);
}

/* The line below a knob: " = 8" behind its name.  What make has to work out is left to the
 * words of the help. */
static int add_default(struct cmd_knob *knob, const char *line, struct tr_err *err)
{
    size_t n = strlen(knob->name);
    if (strncmp(line, knob->name, n) || strchr(line, '$'))
        return 0;
    const char *value = line + n + strspn(line + n, " ");
    value += *value == '=' ? 1 + strspn(value + 1, " ") : strlen(value);
    if (!*value)
        return 0;
    size_t size = strlen(knob->help) + strlen(value) + sizeof " (default )";
    char *help = malloc(size);
    if (!help)
        return no_memory(err);
    snprintf(help, size, "%s (default %s)", knob->help, value);
    free(knob->help);
    knob->help = help;
    return 0;
}

static int read_line(struct cmd_workflows *w, const char *line, int file, int *below_knob,
                     struct tr_err *err)
{
    size_t n = w->n_knob;
    int rc = 0;
    if (!strncmp(line, "## ", 3))
        rc = add_workflow(w, line + 3, file, err);
    else if (!strncmp(line, "#? ", 3))
        rc = add_knob(w, line + 3, file, err);
    else if (*below_knob)
        rc = add_default(&w->knob[n - 1], line, err);
    *below_knob = w->n_knob != n;
    return rc;
}

static int read_file(struct cmd_workflows *w, const char *path, int file, struct tr_err *err)
{
    char *line = NULL;
    size_t size = 0;
    int rc = 0, below_knob = 0;
    FILE *f = fopen(path, "r");
    if (!f)
        return tr_err_sys(err, "cannot read '%s'", path);
    while (!rc && getline(&line, &size, f) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        rc = read_line(w, line, file, &below_knob, err);
    }
    free(line);
    fclose(f);
    return rc;
}

static int is_makefile(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 3 && !strcmp(entry->d_name + n - 3, ".mk");
}

static int read_folder(struct cmd_workflows *w, const char *folder, struct tr_err *err)
{
    struct dirent **entry;
    int rc = 0, n = scandir(folder, &entry, is_makefile, alphasort);
    if (n < 0)
        return tr_err_sys(err, "cannot read '%s'", folder);
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        if (!rc && is_there(path, folder, entry[i]->d_name))
            rc = read_file(w, path, i, err);
        free(entry[i]);
    }
    free(entry);
    return rc;
}

int cmd_workflows_read(struct cmd_workflows *w, const char *name, const char *argv0,
                       struct tr_err *err)
{
    char folder[PATH_MAX];
    *w = (struct cmd_workflows){ 0 };
    if (find_place(w, name, argv0, err))
        return err->code;
    if (!is_there(folder, w->folder, "workflows"))
        return tr_err_sys(err, "cannot read '%s/workflows'", w->folder);
    return read_folder(w, folder, err);
}

/* ==== looking them up ==== */

const struct cmd_workflow *cmd_workflow_find(const struct cmd_workflows *w, const char *name)
{
    for (size_t i = 0; i < w->n_workflow; i++)
        if (!strcmp(w->workflow[i].name, name))
            return &w->workflow[i];
    return NULL;
}

struct cmd_knob *cmd_knob_find(struct cmd_workflows *w, const char *name, size_t length)
{
    for (size_t i = 0; i < w->n_knob; i++)
        if (strlen(w->knob[i].name) == length && !memcmp(w->knob[i].name, name, length))
            return &w->knob[i];
    return NULL;
}

int cmd_workflow_has(const struct cmd_workflows *w, const struct cmd_workflow *workflow,
                     const char *knob)
{
    for (size_t i = 0; i < w->n_knob; i++)
        if (w->knob[i].file == workflow->file && !strcmp(w->knob[i].name, knob))
            return 1;
    return 0;
}
