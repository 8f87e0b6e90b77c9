/* SPDX-License-Identifier: MIT
 *
 * No output is an input, and no two outputs are the same file.  Files are compared, not
 * names: by device and inode where they are, else by the folder's and the name, at the end
 * of all links.  Every command is looked at when its options have been read (common.c), so
 * that none forgets.
 */
#include "files.h"
#include "message.h"

#include <libtrain/gguf.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LINKS = 40 }; /* as the system has it */

/* A file, or where it will be. */
struct place {
    const char *text;  /* as it was given */
    int exists;
    struct stat st;    /* of the file, or of its folder */
    char name[NAME_MAX + 1]; /* in the folder, if it does not exist */
};

struct files {
    struct place *place;
    int n;
};

/* ---- where a file is -------------------------------------------------------------- */

/* Where the name stands in its path. */
static char *base_of(char *path)
{
    char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Go to where links point that end nowhere: a file that is opened for writing comes to be
 * there. */
static void follow(char path[PATH_MAX])
{
    char to[PATH_MAX];
    ssize_t n;
    for (int i = 0; i < MAX_LINKS && (n = readlink(path, to, sizeof to - 1)) > 0; i++) {
        char *base = *to == '/' ? path : base_of(path);
        to[n] = '\0';
        snprintf(base, PATH_MAX - (size_t)(base - path), "%s", to);
    }
}

static int folder_of(char *path, char *base, struct stat *st)
{
    if (base == path)
        return stat(".", st);
    if (base == path + 1)
        return stat("/", st);
    base[-1] = '\0';
    return stat(path, st);
}

/* 0 if there is no such file and no folder for it: the command will say so. */
static int find(const char *text, int std, struct place *p)
{
    char path[PATH_MAX];
    *p = (struct place){ .text = text };
    p->exists = strcmp(text, "-") ? !stat(text, &p->st) : !fstat(std, &p->st);
    if (p->exists || !strcmp(text, "-"))
        return p->exists;
    snprintf(path, sizeof path, "%s", text);
    follow(path);
    char *base = base_of(path);
    snprintf(p->name, sizeof p->name, "%.*s", NAME_MAX, base);
    return !folder_of(path, base, &p->st);
}

static int is_same(const struct place *a, const struct place *b)
{
    return a->exists == b->exists && a->st.st_dev == b->st.st_dev &&
           a->st.st_ino == b->st.st_ino && (a->exists || !strcmp(a->name, b->name));
}

/* What is replaced or written over; nothing is lost in a device or a pipe. */
static int keeps_bytes(const struct place *p)
{
    return !p->exists || S_ISREG(p->st.st_mode) || S_ISBLK(p->st.st_mode);
}

static int is_std(const struct place *p)
{
    return !strcmp(p->text, "-");
}

int cmd_is_in(const char *path, const char *folder)
{
    char copy[PATH_MAX];
    struct stat a, b;
    snprintf(copy, sizeof copy, "%s", path);
    return !folder_of(copy, base_of(copy), &a) && !stat(folder, &b) &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* ---- what there is ---------------------------------------------------------------- */

static void add(struct files *f, const char *text, int std)
{
    if (text && find(text, std, &f->place[f->n]))
        f->n++;
}

/* "FILE[:SCALE]" may be either. */
static void add_scaled(struct files *f, const char *text)
{
    char *path = strdup(text), *colon = path ? strrchr(path, ':') : NULL;
    int n;
    add(f, text, STDIN_FILENO);
    n = f->n;
    if (colon) {
        *colon = '\0';
        add(f, path, STDIN_FILENO);
    }
    if (f->n > n)
        f->place[n].text = text; /* path goes now */
    free(path);
}

static void add_option(struct files *f, const struct cmd_opt *opt, enum cmd_role role)
{
    int std = role == CMD_OUTPUT ? STDOUT_FILENO : STDIN_FILENO;
    if (opt->role != role)
        return;
    if (opt->kind == CMD_KIND_TEXT)
        add(f, *(const char **)opt->value, std);
    if (opt->file)
        add(f, *opt->file, std);
    const struct cmd_list *list = opt->kind == CMD_KIND_LIST ? opt->value : NULL;
    for (size_t i = 0; list && i < list->n; i++)
        add_scaled(f, list->item[i]);
}

/* The most that there can be of one role. */
static size_t bound(const struct cmd *cmd, int n_operand)
{
    size_t n = (size_t)n_operand + 1;
    for (const struct cmd_opt *opt = cmd->opt; !cmd_is_end(opt); opt++)
        n += opt->kind == CMD_KIND_LIST ? 2 * ((const struct cmd_list *)opt->value)->n : 1;
    return n;
}

static void gather(const struct cmd *cmd, struct files *f, enum cmd_role role)
{
    for (const struct cmd_opt *opt = cmd->opt; !cmd_is_end(opt); opt++)
        add_option(f, opt, role);
}

/* ---- the rule --------------------------------------------------------------------- */

static void apart(const struct cmd *cmd, const struct files *out)
{
    for (int i = 0; i < out->n; i++)
        for (int j = 0; j < i; j++) {
            const struct place *a = &out->place[j], *b = &out->place[i];
            if (is_std(a) && is_std(b))
                cmd_usage(cmd, "two outputs go to standard output");
            if (keeps_bytes(a) && is_same(a, b))
                cmd_usage(cmd, "two outputs are the same file: '%s' and '%s'", a->text,
                          b->text);
        }
}

/* What a message calls it. */
static const char *words(const struct place *p, const char *std, char text[PATH_MAX])
{
    if (is_std(p))
        return std;
    snprintf(text, PATH_MAX, "'%s'", p->text);
    return text;
}

/* Parts of the model whose first this is named as; 0 if it is no such name.  *prefix: bytes in
 * front of what numbers it. */
static long n_part(const char *path, size_t *prefix)
{
    static const char end[] = "00001.gguf";
    char tail[32];
    size_t n = strlen(path);
    long count = n < sizeof end ? 0 : strtol(path + n - (sizeof end - 1), NULL, 10);
    if (count < 1 || tr_gguf_part_name(tail, sizeof tail, "", 0, count) || n <= strlen(tail))
        return 0;
    *prefix = n - strlen(tail);
    return strcmp(path + *prefix, tail) ? 0 : count;
}

/* 1 if a file that is there is another part of a model that is read: its path. */
static int is_part(const struct place *out, const char *first, char path[PATH_MAX])
{
    char prefix[PATH_MAX];
    size_t bytes = 0;
    long n = out->exists ? n_part(first, &bytes) : 0;
    struct stat st;
    snprintf(prefix, sizeof prefix, "%.*s", (int)bytes, first);
    for (long i = 1; i < n; i++) {
        if (tr_gguf_part_name(path, PATH_MAX, prefix, i, n) || stat(path, &st))
            return 0; /* who reads it says that it is missing */
        if (st.st_dev == out->st.st_dev && st.st_ino == out->st.st_ino)
            return 1;
    }
    return 0;
}

static int not_read(const struct place *out, const struct files *in, struct tr_err *err)
{
    char a[PATH_MAX], b[PATH_MAX];
    for (int i = 0; i < in->n; i++)
        if (keeps_bytes(out) && is_same(out, &in->place[i]))
            return tr_err_set(err, TR_EIO, "%s is the same file as input %s",
                              words(out, "standard output", a),
                              words(&in->place[i], "standard input", b));
    for (int i = 0; i < in->n; i++)
        if (keeps_bytes(out) && is_part(out, in->place[i].text, b))
            return tr_err_set(err, TR_EIO, "%s is the same file as input '%s'",
                              words(out, "standard output", a), b);
    return 0;
}

int cmd_files_check(const struct cmd *cmd, char *const *operand, int n_operand,
                    const struct cmd_list *settings, struct tr_err *err)
{
    size_t most = bound(cmd, n_operand) + settings->n;
    struct files in = { calloc(most, sizeof *in.place), 0 };
    struct files out = { calloc(most, sizeof *out.place), 0 };
    struct place std;
    int rc = in.place && out.place ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for the "
                                                     "names of %zu files", most);
    if (!rc) {
        gather(cmd, &in, CMD_INPUT);
        gather(cmd, &out, CMD_OUTPUT);
        for (int i = 0; i < n_operand; i++)
            add(&in, operand[i], STDIN_FILENO);
        for (size_t i = 0; i < settings->n; i++)
            add(&in, settings->item[i], STDIN_FILENO);
        if (!n_operand && cmd->max_operand)
            add(&in, "-", STDIN_FILENO);
        apart(cmd, &out);
    }
    for (int i = 0; !rc && i < out.n; i++)
        rc = not_read(&out.place[i], &in, err);
    if (!rc && find("-", STDOUT_FILENO, &std)) /* whatever it is used for */
        rc = not_read(&std, &in, err);
    free(in.place);
    free(out.place);
    return rc;
}

void cmd_many_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur >= r.rlim_max)
        return;
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
}
