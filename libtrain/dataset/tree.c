/* SPDX-License-Identifier: MIT
 *
 * A data set that is open: where its files are, what was read of them, and its end.
 */
#include <libtrain/dataset/tree.h>

#include <stdlib.h>
#include <unistd.h>

/* What is said, or what stands beside the structure. */
static char *place(const char *said, const char *structure, const char *name,
                   struct tr_err *err)
{
    return said ? tr__text_of(err, "%s", said) : tr__beside(structure, name, err);
}

struct tr_dataset *tr__dataset_new(const struct tr_dataset_args *args, struct tr_err *err)
{
    struct tr_dataset *d = calloc(1, sizeof *d);
    if (!d) {
        tr_err_set(err, TR_ENOMEM, "out of memory for a data set");
        return NULL;
    }
    d->structure = tr__text_of(err, "%s", args->structure);
    d->topics = place(args->topics, args->structure, "topics", err);
    d->schemas = place(args->schemas, args->structure, "schemas", err);
    d->placeholders = place(args->placeholders, args->structure, "placeholders.json", err);
    if (d->structure && d->topics && d->schemas && d->placeholders)
        return d;
    tr_dataset_free(d);
    return NULL;
}

struct tr_dataset *tr_dataset_open(const struct tr_dataset_args *args, struct tr_err *err)
{
    struct tr_dataset *d = tr__dataset_new(args, err);
    int rc = d ? tr__structure_read(d, err) : -1;
    if (!rc && (args->placeholders || !access(d->placeholders, F_OK)))
        rc = tr__fill_read(&d->fill, d->placeholders, err);
    if (!rc)
        return d;
    tr_dataset_free(d);
    return NULL;
}

const char *tr_dataset_file(const struct tr_dataset *d, size_t i)
{
    const char *own[] = { d->structure, d->placeholders, d->levels_path };
    enum { N_OWN = sizeof own / sizeof *own };
    if (i < N_OWN)
        return own[i];
    i -= N_OWN;
    if (i < d->n_schema)
        return d->schema[i].path;
    i -= d->n_schema;
    return i < d->n_topic ? d->topic[i].path : NULL;
}

static void free_topic(struct tr__topic *t)
{
    free(t->file);
    free(t->path);
    free(t->name);
}

void tr_dataset_free(struct tr_dataset *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->n_topic; i++)
        free_topic(&d->topic[i]);
    for (size_t i = 0; i < d->n_schema; i++) {
        free(d->schema[i].name);
        free(d->schema[i].path);
        tr_json_free(d->schema[i].root);
    }
    free(d->topic);
    free(d->schema);
    tr__fill_release(&d->fill);
    tr_json_free(d->levels.root);
    tr_json_free(d->root);
    free(d->structure);
    free(d->topics);
    free(d->schemas);
    free(d->placeholders);
    free(d->levels_path);
    free(d);
}
