/* SPDX-License-Identifier: MIT
 *
 * The workflows, as their makefiles say what they are: "## NAME: text" is a workflow, "#? KNOB
 * text" a knob, with its value in the line below.
 */
#ifndef CMDS_SHARED_WORKFLOWS_H
#define CMDS_SHARED_WORKFLOWS_H

#include <libtrain/error.h>

#include <limits.h>
#include <stddef.h>

enum { CMD_MAX_WORKFLOW = 32, CMD_MAX_KNOB = 96 };

struct cmd_workflow {
    char *name, *about;
    int file; /* where it is: knobs with the same number are its own */
};

struct cmd_knob {
    char *name;   /* GRAD_ACC */
    char *option; /* grad-acc */
    char *help;   /* with the default, if that is plain */
    const char *value; /* what was given, NULL at first */
    int file;
};

struct cmd_workflows {
    char makefile[PATH_MAX]; /* that runs them */
    char folder[PATH_MAX];   /* of mk/, workflows/, examples/ */
    char commands[PATH_MAX]; /* what stands in front of a command's name */
    struct cmd_workflow workflow[CMD_MAX_WORKFLOW];
    struct cmd_knob knob[CMD_MAX_KNOB];
    size_t n_workflow, n_knob;
};

/* What stands in front of the names of the commands beside the one that runs, called NAME with
 * whatever in front of it: their folder, and that. */
int cmd_commands(char to[PATH_MAX], const char *name, const char *argv0,
                 struct tr_err *err) TR_MUST_CHECK;

/* Find the workflows that belong to the running command, called NAME with whatever in front
 * of it: installed, or in the tree where it was built.  What *w points at stays. */
int cmd_workflows_read(struct cmd_workflows *w, const char *name, const char *argv0,
                       struct tr_err *err) TR_MUST_CHECK;

/* NULL if there is none of this name. */
const struct cmd_workflow *cmd_workflow_find(const struct cmd_workflows *w, const char *name);
struct cmd_knob *cmd_knob_find(struct cmd_workflows *w, const char *name, size_t length);

/* The option of a knob, --grad-acc of GRAD_ACC, without its dashes: malloc'ed, or NULL. */
char *cmd_knob_option(const char *knob, size_t n);

/* 1 if the workflow's own knobs have this name among them. */
int cmd_workflow_has(const struct cmd_workflows *w, const struct cmd_workflow *workflow,
                     const char *knob);

#endif
