/* SPDX-License-Identifier: MIT
 *
 * Upper and lower case, and what repr() writes as it is, by tables of Unicode (case.def).
 * Next: filters_strings.c.
 */
#include <libtrain/chat/unicode.h>

#include <string.h>

struct span { uint32_t first, last; }; /* of characters, what every table begins with */
struct shift { struct span of; uint32_t stride; int32_t by; };

static const struct shift upper[] = {
#define TR_UPPER(first, last, stride, by) { { first, last }, stride, by },
#include <libtrain/chat/case.def>
#undef TR_UPPER
};
static const struct shift lower[] = {
#define TR_LOWER(first, last, stride, by) { { first, last }, stride, by },
#include <libtrain/chat/case.def>
#undef TR_LOWER
};
static const struct shift title[] = { /* where it is not the upper case */
#define TR_TITLE(first, last, stride, by) { { first, last }, stride, by },
#include <libtrain/chat/case.def>
#undef TR_TITLE
};
static const struct { uint32_t c; enum tr__case how; uint32_t to[3]; } special[] = {
#define TR_SPECIAL(c, how, ...) { c, how, { __VA_ARGS__ } },
#include <libtrain/chat/case.def>
#undef TR_SPECIAL
};
static const struct span unprintable[] = {
#define TR_UNPRINTABLE(first, last) { first, last },
#include <libtrain/chat/case.def>
#undef TR_UNPRINTABLE
};

/* The entry of a table of n, `size` bytes each, that c lies in, or NULL. */
static const void *in_table(const void *table, size_t n, size_t size, uint32_t c)
{
    size_t low = 0, high = n;
    const struct span *s;
    while (low < high) {
        size_t mid = (low + high) / 2;
        s = (const void *)((const char *)table + mid * size);
        if (s->last < c)
            low = mid + 1;
        else
            high = mid;
    }
    s = low < n ? (const void *)((const char *)table + low * size) : NULL;
    return s && s->first <= c ? s : NULL;
}

static const struct shift *find(const struct shift *table, size_t n, uint32_t c)
{
    const struct shift *s = in_table(table, n, sizeof *table, c);
    return s && (c - s->of.first) % s->stride == 0 ? s : NULL;
}

#define FIND(table, c) find(table, sizeof table / sizeof *table, c)

size_t tr__char_case(uint32_t c, enum tr__case how, uint32_t to[3])
{
    const struct shift *s = NULL;
    for (size_t i = 0; c >= 0x80 && i < sizeof special / sizeof *special; i++)
        if (special[i].c == c && special[i].how == how) {
            memcpy(to, special[i].to, sizeof special[i].to);
            return to[2] ? 3 : 2;
        }
    if (how == TR__CASE_LOWER)
        s = FIND(lower, c);
    else if (how == TR__CASE_UPPER || !(s = FIND(title, c)))
        s = FIND(upper, c);
    to[0] = s ? (uint32_t)((int64_t)c + s->by) : c;
    return 1;
}

int tr__is_cased(uint32_t c)
{
    uint32_t to[3];
    return tr__char_case(c, TR__CASE_LOWER, to) != 1 || to[0] != c ||
           tr__char_case(c, TR__CASE_UPPER, to) != 1 || to[0] != c;
}

int tr__is_printable(uint32_t c)
{
    return !in_table(unprintable, sizeof unprintable / sizeof *unprintable,
                     sizeof *unprintable, c);
}
