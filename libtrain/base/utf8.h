/* SPDX-License-Identifier: MIT
 *
 * Characters in bytes from outside (RFC 3629): no long forms, no surrogates, nothing beyond
 * U+10FFFF.  Here and not in a .c, since tokenizers ask for every character of a text.
 */
#ifndef LIBTRAIN_BASE_UTF8_H
#define LIBTRAIN_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that a character takes which begins with this byte; 0 if none does. */
static inline size_t tr__utf8_lead(unsigned char c)
{
    return c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
}

/* Bytes of the character at p, of which `left` > 0 are there; 0 if there is none. */
static inline size_t tr__utf8_len(const char *p, size_t left)
{
    const unsigned char *s = (const unsigned char *)p;
    size_t n = tr__utf8_lead(s[0]);
    if (n <= 1)
        return n;
    if (n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    /* too long a form, surrogates, beyond U+10FFFF */
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
        return 0;
    return n;
}

/* The code point of a character of n bytes, as tr__utf8_len found it. */
static inline uint32_t tr__utf8_code(const char *p, size_t n)
{
    uint32_t c = n == 1 ? (unsigned char)p[0] : (unsigned char)p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)p[i] & 0x3f);
    return c;
}

#endif
