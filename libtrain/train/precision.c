/* SPDX-License-Identifier: MIT
 *
 * What a run is computed in if that is left to us.  A save says it, since a run goes on in what
 * it began with, on whatever machine; without one the processor does (matmul/precision.c), and
 * of several processes the one that can least.  Next: saves.c, which compares the rest.
 */
#include <libtrain/checkpoint.h>
#include <libtrain/comm.h>
#include <libtrain/precision.h>
#include <libtrain/train_args.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a save says ----------------------------------------------------------------- */

/* The precision in lines "name=value", or NULL. */
static const struct tr_precision *precision_in(struct tr_str lines)
{
    static const char name[] = "precision=";
    const char *end = lines.ptr + lines.len;
    for (const char *line = lines.ptr, *next; line < end; line = next + 1) {
        if (!(next = memchr(line, '\n', (size_t)(end - line))))
            next = end;
        size_t n = (size_t)(next - line);
        for (int i = 0; tr_precision_at(i); i++) {
            const char *value = tr_precision_at(i)->name;
            if (n == strlen(name) + strlen(value) && !memcmp(line, name, strlen(name)) &&
                !memcmp(line + strlen(name), value, strlen(value)))
                return tr_precision_at(i);
        }
    }
    return NULL;
}

static const struct tr_precision *precision_of_save(const char *path)
{
    struct tr_str type = { "", 0 }, lines = { "", 0 };
    const struct tr_precision *p = NULL;
    struct tr_gguf *g = tr_gguf_open(path, NULL);
    if (g && tr_gguf_string(g, "general.type", &type, NULL) == 1 &&
        tr_str_is(type, "checkpoint") &&
        tr_gguf_string(g, "checkpoint.arguments", &lines, NULL) == 1)
        p = precision_in(lines);
    tr_gguf_close(g);
    return p && !p->is_choice ? p : NULL;
}

/* The step in the name of the furthest save that says one, and which; -1: none does. */
static long long furthest(const char *dir, const struct tr_precision **p)
{
    long long most = -1;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char *end, path[4096];
        long long step = strtoll(e->d_name, &end, 10);
        if (step <= most || strcmp(end, ".gguf") ||
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int)sizeof path)
            continue;
        const struct tr_precision *of = precision_of_save(path);
        if (of)
            most = step, *p = of;
    }
    if (d)
        closedir(d);
    return most;
}

static int in_saves(const char *target, const struct tr_precision **p, char *why, size_t size,
                    struct tr_err *err)
{
    char dir[4096], from[4200];
    *p = NULL;
    snprintf(dir, sizeof dir, "%s.d", target);
    snprintf(from, sizeof from, "%s", target);
    long long step = furthest(dir, p);
    if (step >= 0)
        snprintf(from, sizeof from, "%s/%lld.gguf", dir, step);
    else
        *p = precision_of_save(target);
    if (!*p)
        return 0;
    snprintf(why, why ? size : 0, "that is what '%s' was computed in", from);
    int rc = tr_precision_open(*p, err);
    if (rc)
        tr_err_prefix(err, "'%s' goes on in what it was computed in", from);
    return rc;
}

/* ---- the choice ----------------------------------------------------------------------- */

static int number_of(const struct tr_precision *p)
{
    int i = 0;
    while (tr_precision_at(i) && tr_precision_at(i) != p)
        i++;
    return i;
}

/* What rank 0 computes best in, if that is so for all; f32 otherwise. */
static const struct tr_precision *for_all_ranks(const struct tr_precision *choice, char *why,
                                                size_t size)
{
    const struct tr_precision *mine = tr_precision_choose(choice, why, size);
    int first = number_of(mine);
    tr_comm_share(&first, sizeof first);
    if (!tr_comm_max(number_of(mine) != first))
        return mine;
    snprintf(why, why ? size : 0, "the machines of this run differ");
    return tr_precision_at(0);
}

int tr_train_args_choose(struct tr_train_args *a, const char *resume, char *why, size_t size,
                         struct tr_err *err)
{
    const struct tr_precision *saved = NULL;
    struct tr_err local = { 0 };
    int rc = 0, number = -1;
    if (why && size)
        *why = 0;
    if (!a->precision || !a->precision->is_choice)
        return 0;
    if (resume && !tr_comm_rank() && !(rc = in_saves(resume, &saved, why, size, &local)))
        number = saved ? number_of(saved) : -1;
    if (tr_comm_agree(rc, &local))
        return tr_err_set(err, local.code, "%s", local.text);
    tr_comm_share(&number, sizeof number);
    a->precision = number >= 0 ? tr_precision_at(number)
                               : for_all_ranks(a->precision, why, size);
    return 0;
}
