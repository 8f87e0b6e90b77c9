/* SPDX-License-Identifier: MIT
 *
 * What a terminal only shows, and how the rest is written.  A terminal obeys control
 * characters, of which C1 come as two bytes of UTF-8; a table is broken by ends of lines,
 * and marks of direction let a name look like another.  Messages pass here in error.c.
 */
#include <libtrain/base/utf8.h>
#include <libtrain/printable.h>

#include <string.h>

enum { LONGEST = 4 }; /* bytes that one piece of text becomes at most */

static const struct { uint32_t first, last; } hidden[] = {
    { 0x0000, 0x001f }, { 0x007f, 0x009f },                     /* C0, DEL, C1 */
    { 0x2028, 0x2029 },                                         /* ends of lines */
    { 0x061c, 0x061c }, { 0x200e, 0x200f }, { 0x202a, 0x202e }, /* directions */
    { 0x2066, 0x2069 },
};

size_t tr_printable(const char *s, size_t left)
{
    size_t n = tr__utf8_len(s, left);
    uint32_t c = n ? tr__utf8_code(s, n) : 0;
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (c >= hidden[i].first && c <= hidden[i].last)
            return 0;
    return n;
}

/* The character at s, or the escape of its first byte, to `out`; *step is how far to go. */
static size_t piece(const char *s, size_t left, char out[LONGEST], size_t *step)
{
    static const char short_form[] = "\t\n\r", letter[] = "tnr", hex[] = "0123456789abcdef";
    const char *found = *s ? strchr(short_form, *s) : NULL;
    size_t n = tr_printable(s, left);
    *step = n ? n : 1;
    if (n) {
        memcpy(out, s, n);
        return n;
    }
    out[0] = '\\';
    if (found) {
        out[1] = letter[found - short_form];
        return 2;
    }
    out[1] = 'x';
    out[2] = hex[(unsigned char)*s >> 4];
    out[3] = hex[(unsigned char)*s & 15];
    return 4;
}

size_t tr_escape(char *to, size_t size, const char *s, size_t n)
{
    char out[LONGEST];
    size_t used = 0, step;
    for (size_t i = 0; i < n; i += step) {
        size_t bytes = piece(s + i, n - i, out, &step);
        if (used + bytes >= size)
            break;
        memcpy(to + used, out, bytes);
        used += bytes;
    }
    to[used] = '\0';
    return used;
}

void tr_print_escaped(FILE *f, const char *s, size_t n)
{
    char out[LONGEST];
    size_t step;
    for (size_t i = 0; i < n; i += step) {
        size_t bytes = piece(s + i, n - i, out, &step);
        fwrite(out, 1, bytes, f);
    }
}
