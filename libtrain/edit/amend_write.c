/* SPDX-License-Identifier: MIT
 *
 * A GGUF file with other keys and names as a new file: its data pass through piece by
 * piece.  amend_in_place.c leaves them where they are.
 */
#include <libtrain/edit/amend.h>
#include <libtrain/edit/edit.h>

#include <stdlib.h>
#include <string.h>

int tr__amend_room(struct tr_gguf_kv *kv, int64_t n, void **owned, struct tr_err *err)
{
    if (!(*owned = calloc(1, (size_t)n + 1)))
        return tr_err_set(err, TR_ENOMEM, "out of memory for %lld bytes of room",
                          (long long)n);
    *kv = (struct tr_gguf_kv){ TR__ROOM, TR_GGUF_ARRAY, TR_GGUF_U8, (uint64_t)n, *owned,
                               (uint64_t)n };
    return 0;
}

/* What makes sense in one file of an alignment of 32. */
static int is_kept(const struct tr_amend *a, const struct tr_gguf_kv *kv)
{
    if (!strcmp(kv->key, "general.alignment"))
        return tr_gguf_alignment(a->g) == 32;
    return tr_gguf_n_part(a->g) == 1 || strncmp(kv->key, "split.", 6);
}

static int set_keys(const struct tr_amend *a, struct tr_gguf_writer *w, int64_t room,
                    struct tr_err *err)
{
    struct tr_gguf_kv left;
    void *owned = NULL;
    for (size_t i = 0; i < a->n_kv; i++)
        if (is_kept(a, &a->kv[i]))
            tr_gguf_set_kv(w, &a->kv[i]);
    int rc = room ? tr__amend_room(&left, room, &owned, err) : 0;
    if (room && !rc)
        tr_gguf_set_kv(w, &left);
    free(owned);
    return rc;
}

static int64_t data_bytes(const struct tr_amend *a)
{
    int64_t sum = 0, dim[4];
    for (size_t i = 0; i < tr_gguf_n_tensor(a->g); i++)
        sum += tr__raw_padded(tr__grown_shape(&a->grow, tr_gguf_tensor(a->g, i), dim));
    return sum;
}

static int write_data(const struct tr_amend *a, struct tr_gguf_writer *w,
                      struct tr_err *err)
{
    int64_t dim[4];
    int rc = 0;
    for (size_t i = 0; i < tr_gguf_n_tensor(a->g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(a->g, i);
        tr__grown_shape(&a->grow, t, dim);
        tr_gguf_add_tensor(w, a->name[i], t->dtype, t->n_dim, dim);
    }
    for (size_t i = 0; !rc && i < tr_gguf_n_tensor(a->g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(a->g, i);
        rc = tr__grows(&a->grow, t) ? tr__grow_write(&a->grow, w, a->g, t, err)
                                    : tr__raw_copy(w, a->g, t, err);
    }
    return rc;
}

int tr_amend_write(const struct tr_amend *a, int64_t room,
                   const struct tr_progress *progress, const char *path,
                   struct tr_err *err)
{
    int rc = tr__raw_room(path, data_bytes(a) + room, err);
    struct tr_gguf_writer *w = rc ? NULL : tr_gguf_create(path, err);
    if (!w)
        return rc ? rc : TR_EIO;
    rc = set_keys(a, w, room, err);
    tr_gguf_watch(w, progress);
    if (!rc)
        rc = write_data(a, w, err);
    return tr_gguf_finish(w, rc, err);
}
