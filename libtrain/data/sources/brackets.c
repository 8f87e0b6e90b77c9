/* SPDX-License-Identifier: MIT
 *
 * Where values of JSON end, found by brackets and quotes alone: for a look at bytes that may
 * be something else (look.c, text.c).
 */
#include <libtrain/data/sources/brackets.h>

size_t tr__past_blanks(const unsigned char *p, size_t at, size_t n)
{
    while (at < n && tr__is_blank(p[at]))
        at++;
    return at;
}

size_t tr__past_string(const unsigned char *p, size_t at, size_t n)
{
    for (at++; at < n && p[at] != '"'; at++)
        at += p[at] == '\\';
    return at < n ? at + 1 : n;
}

size_t tr__value_end(const unsigned char *p, size_t at, size_t n)
{
    int depth = 0;
    while (at < n) {
        if (p[at] == '"') {
            at = tr__past_string(p, at, n);
            continue;
        }
        depth += (p[at] == '{' || p[at] == '[') - (p[at] == '}' || p[at] == ']');
        at++;
        if (depth == 0)
            return at;
    }
    return 0;
}
