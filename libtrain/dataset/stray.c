/* SPDX-License-Identifier: MIT
 *
 * Files among the topics that the structure does not name: their rows would be left out,
 * and a name that was mistyped would be found by nobody.
 */
#include <libtrain/dataset/tree.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEEPEST = 16 }; /* a link may lead back to where it stands */

struct search {
    const struct tr_dataset *d;
    void (*found)(void *ctx, const char *path);
    void *ctx;
    struct tr_err *err;
};

static int is_topic(const struct tr_dataset *d, const char *file)
{
    for (size_t i = 0; i < d->n_topic; i++)
        if (!strcmp(d->topic[i].file, file))
            return 1;
    return 0;
}

static int is_rows(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && !strcmp(name + n - 5, ".json");
}

static int look_in(struct search *s, const char *below, int depth);

/* below: path in the folder of topics, without '/' in front. */
static int look_at(struct search *s, const char *below, int depth)
{
    struct stat st;
    char *path = tr__text_of(s->err, "%s/%s", s->d->topics, below);
    int rc = path ? 0 : -1;
    if (!rc && !stat(path, &st) && S_ISDIR(st.st_mode))
        rc = look_in(s, below, depth + 1);
    else if (!rc && is_rows(below) && !is_topic(s->d, below))
        s->found(s->ctx, path);
    free(path);
    return rc;
}

static int look_in(struct search *s, const char *below, int depth)
{
    struct dirent **entry = NULL;
    char *path = tr__text_of(s->err, *below ? "%s/%s" : "%s%s", s->d->topics, below);
    int n = path && depth <= DEEPEST ? scandir(path, &entry, NULL, alphasort) : 0;
    int rc = !path ? -1 : n < 0 ? tr_err_sys(s->err, "cannot read folder '%s'", path) : 0;
    if (depth > DEEPEST)
        rc = tr_err_set(s->err, TR_EFORMAT, "'%s': folders lie deeper than %d", path,
                        DEEPEST);
    for (int i = 0; i < n; i++) {
        const char *name = entry[i]->d_name;
        char *next = rc || *name == '.' ? NULL
                     : tr__text_of(s->err, *below ? "%s/%s" : "%s%s", below, name);
        if (!rc && *name != '.')
            rc = next ? look_at(s, next, depth) : -1;
        free(next);
        free(entry[i]);
    }
    free(entry);
    free(path);
    return rc;
}

int tr__stray_files(const struct tr_dataset *d, void (*found)(void *ctx, const char *path),
                    void *ctx, struct tr_err *err)
{
    struct search s = { d, found, ctx, err };
    return look_in(&s, "", 0);
}
