/* SPDX-License-Identifier: MIT
 *
 * The list of methods.  Next: globals.c.
 */
#include <libtrain/chat/methods.h>

#include <string.h>

struct method {
    const char *type;
    size_t n; /* of its name */
    struct tr__callable what;
};

static const struct method methods[] = {
#define TR_METHOD(type, name, params) \
    { #type, sizeof #name - 1, { #name, params, tr__##type##_##name } },
#define TR_HIDDEN(type, name) { #type, sizeof #name - 1, { #name, NULL, NULL } },
#define TR_UNSUPPORTED(type, name) { #type, sizeof #name - 1, { #name, "*", NULL } },
#include <libtrain/chat/methods.def>
#undef TR_METHOD
#undef TR_HIDDEN
#undef TR_UNSUPPORTED
};

const struct tr__callable *tr__find_method(const char *family, const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (methods[i].n == n && methods[i].what.name[0] == name[0] &&
            memcmp(methods[i].what.name, name, n) == 0 && strcmp(methods[i].type,
                                                                 family) == 0)
            return &methods[i].what;
    return NULL;
}
