/* SPDX-License-Identifier: MIT
 *
 * A model in several files, as llama.cpp has them: NAME-00001-of-00003.gguf has all keys,
 * each has tensors of its own, and the keys split.no, split.count and split.tensors.count
 * say which of how many it is.  The first is opened, as llama.cpp wants it; the others are
 * found by its name.  Each is mapped and checked like any file (map.c), then all tensors
 * are told in one list.  Writing them: edit/parts.c.
 */
#include <libtrain/gguf/reader.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PART = UINT16_MAX }; /* the type that llama.cpp gives the count */

const struct tr_gguf *tr__gguf_part(const struct tr_gguf *g, size_t i)
{
    return i ? g->part[i - 1] : g;
}

size_t tr_gguf_n_part(const struct tr_gguf *g)
{
    return g->n_part + 1;
}

const char *tr_gguf_part_path(const struct tr_gguf *g, size_t i)
{
    return tr__gguf_part(g, i)->path;
}

int tr_gguf_part_name(char *to, size_t size, const char *prefix, int64_t i, int64_t n)
{
    int bytes = snprintf(to, size, "%s-%05lld-of-%05lld.gguf", prefix, (long long)i + 1,
                         (long long)n);
    return bytes > 0 && (size_t)bytes < size ? 0 : -1;
}

/* ---- the first -------------------------------------------------------------------- */

/* Bytes of the path in front of what numbers it; 0: it is not named as part i of n. */
static size_t prefix_of(const char *path, int64_t i, int64_t n)
{
    char tail[TR__GGUF_TAIL];
    size_t bytes = strlen(path);
    if (tr_gguf_part_name(tail, sizeof tail, "", i, n) || bytes <= strlen(tail))
        return 0;
    bytes -= strlen(tail);
    return strcmp(path + bytes, tail) ? 0 : bytes;
}

/* A key that parts must have; 0, or TR_EFORMAT. */
static int needed(const struct tr_gguf *g, const char *key, int64_t *out,
                  struct tr_err *err)
{
    int rc = tr_gguf_int(g, key, out, err);
    return rc ? rc < 0 ? rc : 0
              : tr_err_set(err, TR_EFORMAT, "'%s': key '%s' is missing, which a part of a "
                           "model has", g->path, key);
}

static int is_later(const struct tr_gguf *g, int64_t no, int64_t n, struct tr_err *err)
{
    int at = (int)prefix_of(g->path, no, n);
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s' is part %lld of %lld of a model: give "
                      "the first, '%.*s-00001-of-%05lld.gguf'", g->path, (long long)no + 1,
                      (long long)n, at ? at : 4, at ? g->path : "NAME", (long long)n);
}

/* Is this the first of n parts, by its keys and by its name? */
static int check_first(const struct tr_gguf *g, int64_t n, struct tr_err *err)
{
    int64_t no = 0;
    if (n > MAX_PART)
        return tr_err_set(err, TR_EFORMAT, "'%s': key 'split.count': one of %lld parts, at "
                          "most %d may be", g->path, (long long)n, MAX_PART);
    if (needed(g, "split.no", &no, err))
        return TR_EFORMAT;
    if (no < 0 || no >= n)
        return tr_err_set(err, TR_EFORMAT, "'%s': key 'split.no' is %lld, of %lld parts",
                          g->path, (long long)no, (long long)n);
    if (no)
        return is_later(g, no, n, err);
    if (!prefix_of(g->path, 0, n))
        return tr_err_set(err, TR_EFORMAT, "'%s' is the first of %lld parts of a model, "
                          "and the others are found by its name, which must end in "
                          "-00001-of-%05lld.gguf", g->path, (long long)n, (long long)n);
    return 0;
}

/* ---- the others ------------------------------------------------------------------- */

/* A number that all parts agree on, where they have it. */
static int same_number(const struct tr_gguf *g, const struct tr_gguf *part,
                       const char *key, struct tr_err *err)
{
    int64_t a = 0, b = 0;
    int rc = tr_gguf_int(g, key, &a, err);
    if (rc > 0)
        rc = tr_gguf_int(part, key, &b, err);
    if (rc < 0)
        return rc;
    return !rc || a == b ? 0
                         : tr_err_set(err, TR_EMISMATCH, "'%s' is a part of another model: "
                                      "key '%s' is %lld, and %lld in '%s'", part->path, key,
                                      (long long)b, (long long)a, g->path);
}

static int same_architecture(const struct tr_gguf *g, const struct tr_gguf *part,
                             struct tr_err *err)
{
    static const char key[] = "general.architecture";
    struct tr_str a = { "", 0 }, b = a;
    if (tr_gguf_string(g, key, &a, NULL) != 1 || tr_gguf_string(part, key, &b, NULL) != 1 ||
        (a.len == b.len && !memcmp(a.ptr, b.ptr, a.len)))
        return 0;
    return tr_err_set(err, TR_EMISMATCH, "'%s' is a part of another model: key '%s' is "
                      "'%.*s', and '%.*s' in '%s'", part->path, key,
                      (int)(b.len < 64 ? b.len : 64), b.ptr,
                      (int)(a.len < 64 ? a.len : 64), a.ptr, g->path);
}

static int check_part(const struct tr_gguf *g, const struct tr_gguf *part, int64_t i,
                      struct tr_err *err)
{
    int64_t no = 0;
    int rc = needed(part, "split.no", &no, err);
    if (!rc && no != i)
        rc = tr_err_set(err, TR_EFORMAT, "'%s': key 'split.no' is %lld, and must be %lld "
                        "by the file's name", part->path, (long long)no, (long long)i);
    if (!rc)
        rc = same_number(g, part, "split.count", err);
    if (!rc)
        rc = same_number(g, part, "split.tensors.count", err);
    return rc ? rc : same_architecture(g, part, err);
}

static void take_warnings(struct tr_gguf *g, const struct tr_gguf *part)
{
    for (int k = 0; k < TR__ODD_N; k++)
        if (part->warning[k].count)
            tr__gguf_warn(g, (enum tr__gguf_oddity)k, "%s (in '%s')", part->warning[k].text,
                          part->path);
}

/* Tell the tensors of a part among those of the whole. */
static int take_tensors(struct tr_gguf *g, const struct tr_gguf *part, int i,
                        struct tr_err *err)
{
    size_t n = g->n_tensor + part->n_tensor;
    struct tr_gguf_tensor *all = realloc(g->tensor, (n + 1) * sizeof *all);
    g->tensor = all ? all : g->tensor;
    if (!all || tr__names_reserve(&g->tensor_index, all, sizeof *all, n))
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for %zu tensors", g->path,
                          n);
    for (size_t k = 0; k < part->n_tensor; k++) {
        struct tr_gguf_tensor *t = &all[g->n_tensor];
        *t = part->tensor[k];
        t->part = i;
        int rc = tr__names_add(&g->tensor_index, all, sizeof *all);
        if (rc) {
            const struct tr_gguf_tensor *old = tr_gguf_find_tensor(g, t->name);
            return tr_err_set(err, rc < 0 ? TR_ENOMEM : TR_EFORMAT, "'%s': tensor '%s' is "
                              "there already, in '%s'", part->path, t->name,
                              old ? tr_gguf_part_path(g, (size_t)old->part) : "");
        }
        g->n_tensor++;
    }
    return 0;
}

static int open_part(struct tr_gguf *g, size_t prefix, int64_t i, int64_t n,
                     struct tr_err *err)
{
    size_t bytes = prefix + TR__GGUF_TAIL;
    char *front = strndup(g->path, prefix), *path = malloc(bytes);
    struct tr_gguf *part = NULL;
    int rc = TR_ENOMEM;
    if (!front || !path || tr_gguf_part_name(path, bytes, front, i, n) ||
        tr__grow(&g->part, &g->cap_part, g->n_part + 1, sizeof *g->part))
        tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its parts", g->path);
    else if (!(part = tr__gguf_open_alone(path, err)))
        rc = tr_err_prefix(err, "'%s' has %lld parts", g->path, (long long)n);
    if (part) {
        g->part[g->n_part++] = part;
        rc = check_part(g, part, i, err);
    }
    if (part && !rc && !(rc = take_tensors(g, part, (int)i, err)))
        take_warnings(g, part);
    free(front);
    free(path);
    return rc;
}

int tr__gguf_gather(struct tr_gguf *g, struct tr_err *err)
{
    int64_t n = 1, n_tensor = 0;
    int rc = tr_gguf_int(g, "split.count", &n, err);
    if (rc < 0 || n <= 1)
        return rc < 0 ? rc : 0;
    if ((rc = check_first(g, n, err)) ||
        (rc = needed(g, "split.tensors.count", &n_tensor, err)))
        return rc;
    size_t prefix = prefix_of(g->path, 0, n);
    for (int64_t i = 1; !rc && i < n; i++)
        rc = open_part(g, prefix, i, n, err);
    if (!rc && n_tensor != (int64_t)g->n_tensor)
        rc = tr_err_set(err, TR_EFORMAT, "'%s': its %lld parts have %zu tensors, and must "
                        "have %lld by the key 'split.tensors.count'", g->path, (long long)n,
                        g->n_tensor, (long long)n_tensor);
    return rc;
}
