/* SPDX-License-Identifier: MIT
 *
 * A line of history in an edit.  It is what a file says of itself and not what was asked for, so
 * it gives way where there is no room for it.
 */
#include <libtrain/edit/amend.h>

#include <stdlib.h>
#include <string.h>

#define HISTORY "libtrain.history"

static int add(struct tr_amend *a, struct tr_gguf_kv *kv, const char *line,
               struct tr_err *err)
{
    size_t n = strlen(line), old = kv->data_bytes;
    unsigned char *data = tr__amend_own(a, malloc(old + 8 + n + 1), err);
    if (!data)
        return TR_ENOMEM;
    if (old)
        memcpy(data, kv->data, old);
    tr__put_u64(data + old, n);
    memcpy(data + old + 8, line, n);
    kv->data = data;
    kv->data_bytes = old + 8 + n;
    kv->count++;
    return 0;
}

int tr_amend_add_history(struct tr_amend *a, const char *line, struct tr_err *err)
{
    struct tr_gguf_kv *kv = tr__amend_find(a, HISTORY);
    if (!line || (kv && (kv->type != TR_GGUF_ARRAY || kv->elem != TR_GGUF_STRING)))
        return 0;
    a->has_line = 1;
    a->before = kv ? *kv : (struct tr_gguf_kv){ 0 };
    if (kv)
        return add(a, kv, line, err);
    if (tr__grow(&a->kv, &a->cap_kv, a->n_kv + 1, sizeof *a->kv))
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its keys",
                          tr_gguf_path(a->g));
    kv = &a->kv[a->n_kv++];
    *kv = (struct tr_gguf_kv){ HISTORY, TR_GGUF_ARRAY, TR_GGUF_STRING, 0, NULL, 0 };
    return add(a, kv, line, err);
}

void tr__amend_drop_history(struct tr_amend *a)
{
    struct tr_gguf_kv *kv = a->has_line ? tr__amend_find(a, HISTORY) : NULL;
    if (kv && a->before.key)
        *kv = a->before;
    else if (kv)
        memmove(kv, kv + 1, (size_t)(&a->kv[--a->n_kv] - kv) * sizeof *kv);
    a->has_line = 0;
}
