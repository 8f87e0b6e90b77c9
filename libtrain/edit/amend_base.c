/* SPDX-License-Identifier: MIT
 *
 * What the files of an edit have in common: words for what is wrong, and the memory that
 * goes with it.
 */
#include <libtrain/edit/amend.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *kind;
    int code;
} whats[] = {
    [TR__KEY] = { "key", TR_EUNSUPPORTED },
    [TR__VALUE] = { "key", TR_EINVAL },
    [TR__TENSOR] = { "tensor", TR_EUNSUPPORTED },
};

int tr__amend_wrong(const struct tr_amend *a, enum tr__amend_what what, const char *name,
                    struct tr_err *err, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return tr_err_set(err, whats[what].code, "'%s': %s '%.64s': %s", tr_gguf_path(a->g),
                      whats[what].kind, name, text);
}

void *tr__amend_own(struct tr_amend *a, void *data, struct tr_err *err)
{
    if (data && !tr__grow(&a->owned, &a->cap_owned, a->n_owned + 1, sizeof *a->owned))
        return a->owned[a->n_owned++] = data;
    free(data);
    tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its keys", tr_gguf_path(a->g));
    return NULL;
}
