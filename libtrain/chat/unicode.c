/* SPDX-License-Identifier: MIT
 *
 * Characters: templates slice, strip and split by code points, and what counts as white
 * space or as a line's end is Python's choice.  Case is in case.c.  Next: text.c.
 */
#include <libtrain/chat/unicode.h>

#include <libtrain/base/base.h>

int tr__char_is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

int tr__is_line_end(uint32_t c)
{
    return (c >= 10 && c <= 13) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

uint32_t tr__char_at(const char *s, const char *end, size_t *n)
{
    *n = 1;
    if (!((unsigned char)*s & 0x80))
        return (unsigned char)*s;
    size_t len = tr__utf8_len(s, (size_t)(end - s));
    if (len == 0)
        return 0xfffd;
    *n = len;
    return tr__utf8_code(s, len);
}

uint32_t tr__char_before(const char *s, size_t n, size_t *bytes)
{
    size_t k = 1, got;
    while (k < n && k < 4 && ((unsigned char)s[n - k] & 0xc0) == 0x80)
        k++;
    uint32_t c = tr__char_at(s + n - k, s + n, &got);
    *bytes = got == k ? k : 1;
    return got == k ? c : 0xfffd;
}

size_t tr__space_left(const char *s, size_t n)
{
    size_t i = 0, len;
    while (i < n && tr__char_is_space(tr__char_at(s + i, s + n, &len)))
        i += len;
    return i;
}

size_t tr__space_right(const char *s, size_t n)
{
    size_t left = n, len;
    while (left > 0 && tr__char_is_space(tr__char_before(s, left, &len)))
        left -= len;
    return n - left;
}

size_t tr__char_count(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return count;
}

size_t tr__char_offset(const char *s, size_t n, size_t i)
{
    for (size_t at = 0; at < n; at++)
        if (((unsigned char)s[at] & 0xc0) != 0x80 && i-- == 0)
            return at;
    return n;
}

size_t tr__char_put(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00u >> n & 0xf0) | c);
    return n;
}
