/* SPDX-License-Identifier: MIT
 *
 * Strings in strings, in a time that no choice of strings makes quadratic: memmem is
 * linear, and the search from the right counts its work.  Next: strings.c.
 */
#define _GNU_SOURCE /* memmem */
#include <libtrain/chat/text.h>

#include <string.h>

size_t tr__find(const struct tr__val *s, size_t from, const struct tr__val *what)
{
    const char *p;
    if (what->n == 0)
        return from <= s->n ? from : SIZE_MAX;
    if (from >= s->n)
        return SIZE_MAX;
    p = memmem(s->as.s + from, s->n - from, what->as.s, what->n);
    return p ? (size_t)(p - s->as.s) : SIZE_MAX;
}

size_t tr__find_last(struct tr__run *r, const struct tr__val *s, size_t to,
                     const struct tr__val *what)
{
    if (what->n > to)
        return SIZE_MAX;
    for (size_t at = to - what->n + 1; at-- > 0 && r->steps <= TR_CHAT_MAX_STEPS;) {
        if (what->n && s->as.s[at] != *what->as.s)
            continue;
        if (what->n == 0 || memcmp(s->as.s + at, what->as.s, what->n) == 0)
            return at;
        r->steps += 1 + what->n / 256;
    }
    return SIZE_MAX;
}
