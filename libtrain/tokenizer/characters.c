/* SPDX-License-Identifier: MIT
 *
 * Tables of characters, and bytes that are read without asking whether they are well
 * formed.  The system's tables, or those of PCRE2, would not do: ids must not change with
 * the version of Unicode.  characters.def is made by dev/mkunicode.py.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/characters.h>

static const struct { uint32_t first; uint16_t n; uint8_t class; } classes[] = {
#define CLASS(first, n, class) { first, n, TR__CHAR_##class },
#include <libtrain/tokenizer/characters.def>
#undef CLASS
};

/* Code point first + each * i, i < n, becomes to + add * i. */
struct run {
    uint32_t first, to;
    uint16_t n;
    uint8_t each, add;
};

static const struct run lower_runs[] = {
#define LOWER(first, n, to, each, add) { first, to, n, each, add },
#define LOWER1(c, to) { c, to, 1, 1, 0 },
#include <libtrain/tokenizer/characters.def>
#undef LOWER
#undef LOWER1
};

static const struct run base_runs[] = {
#define BASE(first, n, to, each, add) { first, to, n, each, add },
#define BASE1(c, to) { c, to, 1, 1, 0 },
#include <libtrain/tokenizer/characters.def>
#undef BASE
#undef BASE1
};

static int is_white(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

enum tr__character tr__character_of(uint32_t c)
{
    size_t low = 0, high = sizeof classes / sizeof *classes;
    if (is_white(c))
        return TR__CHAR_SPACE;
    while (low < high) { /* the first that begins behind c */
        size_t mid = low + (high - low) / 2;
        if (classes[mid].first <= c)
            low = mid + 1;
        else
            high = mid;
    }
    if (!low || c - classes[low - 1].first >= classes[low - 1].n)
        return TR__CHAR_OTHER;
    return (enum tr__character)classes[low - 1].class;
}

static uint32_t changed(const struct run *run, size_t n, uint32_t c)
{
    size_t low = 0;
    for (size_t high = n; low < high;) {
        size_t mid = low + (high - low) / 2;
        if (run[mid].first <= c)
            low = mid + 1;
        else
            high = mid;
    }
    if (!low)
        return c;
    run += low - 1;
    uint32_t i = (c - run->first) / run->each;
    return i < run->n && run->first + i * run->each == c ? run->to + i * run->add : c;
}

uint32_t tr__lower(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return changed(lower_runs, sizeof lower_runs / sizeof *lower_runs, c);
}

uint32_t tr__base_of(uint32_t c)
{
    return c < 0x80 ? c : changed(base_runs, sizeof base_runs / sizeof *base_runs, c);
}

int tr__is_chinese(uint32_t c)
{
    static const uint32_t range[][2] = {
        { 0x3400, 0x4dbf }, { 0x4e00, 0x9fff }, { 0xf900, 0xfaff }, { 0x20000, 0x2a6df },
        { 0x2a700, 0x2b81f }, { 0x2b920, 0x2ceaf }, { 0x2f800, 0x2fa1f },
    };
    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (c >= range[i][0] && c <= range[i][1])
            return 1;
    return 0;
}

size_t tr__character_bytes(char first, size_t left)
{
    unsigned char c = (unsigned char)first;
    size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return n < left ? n : left;
}

size_t tr__read_character(const char *p, size_t left, uint32_t *c)
{
    unsigned char first = (unsigned char)*p;
    size_t n = first < 0x80 ? 1 : first < 0xc0 || first >= 0xf8 ? 0 : first < 0xe0 ? 2
             : first < 0xf0 ? 3 : 4;
    int whole = n > 0 && n <= left;
    for (size_t i = 1; whole && i < n; i++)
        whole = (p[i] & 0xc0) == 0x80;
    *c = whole ? tr__utf8_code(p, n) : TR__NO_CHARACTER;
    if (*c >= 0x110000)
        *c = TR__NO_CHARACTER;
    return whole ? n : 1;
}

size_t tr__write_character(uint32_t c, char out[4])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (n == 1) {
        out[0] = (char)c;
        return 1;
    }
    for (size_t i = n; --i; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00u >> n & 0xff) | c);
    return n;
}
