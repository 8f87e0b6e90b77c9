/* SPDX-License-Identifier: MIT
 *
 * Names of groups by number and numbers by name.  There are few of them beside documents, so
 * they are in memory as a whole, when a pack is written and when it is read.
 */
#include <libtrain/data/document.h>
#include <libtrain/data/pack_groups.h>

#include <stdlib.h>
#include <string.h>

static int add(struct tr__pack_groups *g, const char *name, size_t len, struct tr_err *err)
{
    char *copy;

    if (g->n == TR__PACK_MAX_GROUP)
        return tr_err_set(err, TR_EFORMAT, "more than %d groups", TR__PACK_MAX_GROUP);
    if (tr__grow(&g->group, &g->cap, g->n + 1, sizeof *g->group) ||
        !(copy = malloc(len + 1)))
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu groups", g->n + 1);
    memcpy(copy, name, len); /* strndup would look for an end, and the file has none here */
    copy[len] = '\0';
    g->group[g->n++].name = copy;
    int rc = tr__names_add(&g->by_name, g->group, sizeof *g->group);
    if (rc == 0)
        return 0;
    free(copy);
    g->n--;
    return rc < 0 ? tr_err_set(err, TR_ENOMEM, "out of memory for %zu groups", g->n + 1)
                  : tr_err_set(err, TR_EFORMAT, "the name of a group stands there twice");
}

int32_t tr__pack_groups_add(struct tr__pack_groups *g, const char *name, struct tr_err *err)
{
    size_t i = tr__names_find(&g->by_name, g->group, sizeof *g->group, name);

    if (i != TR__NO_NAME)
        return (int32_t)i;
    if (!tr__is_group(name, strlen(name)))
        return tr_err_set(err, TR_EFORMAT, "a group has no name of 1 to 255 bytes of "
                          "UTF-8");
    int rc = add(g, name, strlen(name), err);
    return rc ? rc : (int32_t)(g->n - 1);
}

void tr__pack_groups_release(struct tr__pack_groups *g)
{
    for (size_t i = 0; i < g->n; i++)
        free((char *)(uintptr_t)g->group[i].name);
    free(g->group);
    tr__names_release(&g->by_name);
    *g = (struct tr__pack_groups){ 0 };
}

size_t tr__pack_groups_encode(const struct tr__pack_groups *g, unsigned char *b)
{
    size_t at = 4;

    if (b)
        tr__put_u32(b, (uint32_t)g->n);
    for (size_t i = 0; i < g->n; i++) {
        size_t len = strlen(g->group[i].name);
        if (b) {
            b[at] = (unsigned char)len;
            memcpy(b + at + 1, g->group[i].name, len);
        }
        at += 1 + len;
    }
    return at;
}

int tr__pack_groups_decode(struct tr__pack_groups *g, const unsigned char *b, size_t n,
                           struct tr_err *err)
{
    size_t at = 4;

    if (n < 4 || tr__get_u32(b) == 0)
        return tr_err_set(err, TR_EFORMAT, "it is empty");
    for (uint32_t i = tr__get_u32(b); i > 0; i--) {
        size_t len = at < n ? b[at] : 0;
        if (at >= n || len > n - at - 1 || !tr__is_group((const char *)b + at + 1, len))
            return tr_err_set(err, TR_EFORMAT, "name %zu is cut or none", g->n);
        int rc = add(g, (const char *)b + at + 1, len, err);
        if (rc)
            return rc;
        at += 1 + len;
    }
    return at == n ? 0 : tr_err_set(err, TR_EFORMAT, "bytes stand behind its last name");
}
