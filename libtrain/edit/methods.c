/* SPDX-License-Identifier: MIT
 *
 * The list of ways to merge models.  Next: method.h.
 */
#include <libtrain/edit/method.h>

#include <string.h>

static const struct tr_merge_method *const methods[] = {
#define TR_MERGE_METHOD(name) &tr__method_##name,
#include <libtrain/edit/methods.def>
#undef TR_MERGE_METHOD
};

const struct tr_merge_method *tr_merge_method_at(int i)
{
    return i < (int)(sizeof methods / sizeof *methods) ? methods[i] : NULL;
}

const char *tr_merge_method_name(const struct tr_merge_method *method)
{
    return method->name;
}

int tr_merge_takes(const struct tr_merge_method *method, const char *what)
{
    return method->takes && strstr(method->takes, what);
}

int tr_merge_layers(const struct tr_merge_method *method)
{
    return method->write != NULL;
}

const char *tr_merge_method_help(const struct tr_merge_method *method)
{
    return method->help;
}
