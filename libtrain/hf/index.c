/* SPDX-License-Identifier: MIT
 *
 * A model in several files: an index, in JSON, whose weight_map says of each tensor in
 * which file it is.  Names are plain names of files in the folder, so that an index from
 * elsewhere opens nothing else; and what it says must be what the files hold.
 */
#include <libtrain/hf/form.h>
#include <libtrain/hf/text.h>

#include <stdlib.h>
#include <string.h>

enum {
    MAX_INDEX = 100000000, /* bytes; a name is a line of a hundred */
    MAX_NAME = 1 << 16,    /* bytes of JSON of one name */
    MAX_METADATA = 1 << 20,
    MAX_SHARD = 1 << 16
};

struct place {
    char *name; /* of a tensor */
    const char *shard;
};

struct shard {
    char *name;
};

struct index {
    const char *path;
    struct tr__hf_folder *f;
    struct place *place;
    size_t n_place, cap_place;
    struct tr__names names; /* of the places */
    struct shard *shard;
    size_t n_shard, cap_shard;
    struct tr__names shard_names;
};

static int no_memory(const struct index *x, struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", x->path);
}

static int is_plain(const char *name, size_t n, const char *suffix)
{
    size_t k = strlen(suffix);
    return strlen(name) == n && !strchr(name, '/') && n > k && *name != '.' &&
           !strcmp(name + n - k, suffix);
}

/* The one copy of this shard's name; NULL: out of memory. */
static const char *shard_of(struct index *x, const char *name)
{
    size_t i = tr__names_find(&x->shard_names, x->shard, sizeof *x->shard, name);
    if (i != TR__NO_NAME)
        return x->shard[i].name;
    if (tr__grow(&x->shard, &x->cap_shard, x->n_shard + 1, sizeof *x->shard) ||
        !(x->shard[x->n_shard].name = strdup(name)))
        return NULL;
    x->n_shard++;
    return tr__names_add(&x->shard_names, x->shard, sizeof *x->shard) ?
           NULL : x->shard[x->n_shard - 1].name;
}

static int add_place(struct index *x, const char *name, const char *file, uint64_t at,
                     struct tr_err *err)
{
    const char *shard = shard_of(x, file);
    if (!shard || tr__grow(&x->place, &x->cap_place, x->n_place + 1, sizeof *x->place) ||
        !(x->place[x->n_place].name = strdup(name)))
        return no_memory(x, err);
    x->place[x->n_place++].shard = shard;
    if (x->n_shard > MAX_SHARD)
        return tr_err_set(err, TR_EFORMAT, "'%s': more than %d files", x->path, MAX_SHARD);
    int rc = tr__names_add(&x->names, x->place, sizeof *x->place);
    if (rc > 0)
        return tr_err_set(err, TR_EFORMAT, "'%s' byte %llu: tensor '%s' is there twice",
                          x->path, (unsigned long long)at, name);
    return rc ? no_memory(x, err) : 0;
}

static int entry(struct index *x, const struct tr__hf_form *form,
                 const struct tr_json_walk *w, struct tr_err *err)
{
    size_t n_name, n_file;
    struct tr_json *key = tr_json_piece(w, &w->key, MAX_NAME, err);
    struct tr_json *v = key ? tr_json_piece(w, &w->value, MAX_NAME, err) : NULL;
    const char *name = tr_json_string(key, &n_name), *file = tr_json_string(v, &n_file);
    int rc;
    if (!v)
        rc = TR_EFORMAT;
    else if (strlen(name) < n_name)
        rc = tr_err_set(err, TR_EFORMAT, "'%s' byte %llu: a name with NUL in it", x->path,
                        (unsigned long long)w->key.at);
    else if (!is_plain(file, n_file, form->suffix))
        rc = tr_err_set(err, TR_EFORMAT, "'%s' byte %llu: '%s' is not the plain name of a "
                        "%s file", x->path, (unsigned long long)w->value.at, file,
                        form->suffix);
    else
        rc = add_place(x, name, file, w->key.at, err);
    tr_json_free(v);
    tr_json_free(key);
    return rc;
}

static int weight_map(struct index *x, const struct tr__hf_form *form,
                      struct tr_json_piece text, struct tr_err *err)
{
    struct tr_json_walk w = { .name = x->path, .object = text };
    int rc;
    while ((rc = tr_json_walk(&w, err)) > 0)
        if ((rc = entry(x, form, &w, err)))
            break;
    return rc;
}

/* "weight_map", once; other keys are parsed and not used. */
static int top(struct index *x, const struct tr__hf_form *form,
               const struct tr_json_walk *w, int *had_map, struct tr_err *err)
{
    struct tr_json *key = tr_json_piece(w, &w->key, MAX_NAME, err);
    int is_map = !strcmp(tr_json_string(key, NULL), "weight_map"), good = key != NULL;
    tr_json_free(key);
    if (!good)
        return TR_EFORMAT;
    if (is_map)
        return (*had_map)++ ? tr_err_set(err, TR_EFORMAT, "'%s' byte %llu: weight_map is "
                                         "there twice", x->path,
                                         (unsigned long long)w->key.at) :
               weight_map(x, form, w->value, err);
    struct tr_json *v = tr_json_piece(w, &w->value, MAX_METADATA, err);
    good = v != NULL;
    tr_json_free(v);
    return good ? 0 : TR_EFORMAT;
}

static int parse(struct index *x, const struct tr__hf_form *form, const char *text,
                 size_t n, struct tr_err *err)
{
    struct tr_json_walk w = { .name = x->path, .object = { text, n, 0 } };
    int rc, had_map = 0;
    while ((rc = tr_json_walk(&w, err)) > 0)
        if ((rc = top(x, form, &w, &had_map, err)))
            return rc;
    if (!rc && !x->n_place)
        rc = tr_err_set(err, TR_EFORMAT, "'%s': no weight_map with tensors", x->path);
    return rc;
}

/* ==== the files ==== */

static int by_name(const void *a, const void *b)
{
    const struct shard *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int open_shards(struct index *x, const struct tr__hf_form *form, struct tr_err *err)
{
    const char *slash = strrchr(x->path, '/');
    size_t folder = slash ? (size_t)(slash - x->path) + 1 : 0;
    int rc = 0;
    qsort(x->shard, x->n_shard, sizeof *x->shard, by_name);
    for (size_t i = 0; !rc && i < x->n_shard; i++) {
        size_t n = strlen(x->shard[i].name) + 1;
        char *path = malloc(folder + n);
        if (!path)
            return no_memory(x, err);
        memcpy(path, x->path, folder);
        memcpy(path + folder, x->shard[i].name, n);
        rc = tr__hf_open_file(x->f, form, path, err);
        free(path);
    }
    return rc;
}

/* Every tensor is in the file where the index has it, and the index has every tensor. */
static int compare(const struct index *x, struct tr_err *err)
{
    for (size_t i = 0; i < x->n_place; i++) {
        const struct tr__hf_tensor *t = tr__hf_find(x->f, x->place[i].name);
        if (!t || x->shard[t->file].name != x->place[i].shard)
            return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' is not in '%s'", x->path,
                              x->place[i].name, x->place[i].shard);
    }
    for (size_t i = 0; i < x->f->n_tensor; i++)
        if (tr__names_find(&x->names, x->place, sizeof *x->place, x->f->tensor[i].name) ==
            TR__NO_NAME)
            return tr_err_set(err, TR_EFORMAT, "'%s' has tensor '%s', which '%s' does not "
                              "name", x->f->file[x->f->tensor[i].file].path,
                              x->f->tensor[i].name, x->path);
    return 0;
}

static void release(struct index *x)
{
    for (size_t i = 0; i < x->n_place; i++)
        free(x->place[i].name);
    for (size_t i = 0; i < x->n_shard; i++)
        free(x->shard[i].name);
    tr__names_release(&x->names);
    tr__names_release(&x->shard_names);
    free(x->place);
    free(x->shard);
}

int tr__hf_open_index(struct tr__hf_folder *f, const struct tr__hf_form *form,
                      const char *path, struct tr_err *err)
{
    struct index x = { .path = path, .f = f };
    char *text = NULL;
    size_t n = 0;
    int rc = tr__hf_text(path, MAX_INDEX, &text, &n, err);
    if (!rc)
        rc = parse(&x, form, text, n, err);
    free(text);
    if (!rc)
        rc = open_shards(&x, form, err);
    if (!rc)
        rc = compare(&x, err);
    release(&x);
    return rc;
}
