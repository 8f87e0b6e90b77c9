/* SPDX-License-Identifier: MIT
 *
 * What a document may say.  Token streams and packs, their readers and their writers ask
 * here, so that none lets through what another refuses.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/document.h>
#include <libtrain/token.h>

#include <math.h>

size_t tr__bad_weight(const float *weight, size_t n)
{
    size_t i = 0;

    while (i < n && isfinite(weight[i]) && weight[i] >= 0)
        i++;
    return i;
}

int tr__is_group(const char *name, size_t n)
{
    if (n == 0 || n > TR_TOKEN_MAX_GROUP)
        return 0;
    for (size_t i = 0, len; i < n; i += len) {
        len = tr__utf8_len(name + i, n - i);
        if (len == 0 || (unsigned char)name[i] < ' ' || name[i] == 0x7f)
            return 0;
    }
    return 1;
}
