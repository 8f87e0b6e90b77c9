/* SPDX-License-Identifier: MIT
 *
 * GPT-2's alphabet, in which the file of a byte-level BPE writes bytes as printable
 * characters (Radford et al. 2019, encoder.py).
 */
#include <libtrain/tokenizer/alphabet.h>
#include <libtrain/tokenizer/kind.h>

/* The byte that a character stands for, or -1: what is printable in Latin-1 is itself, the
 * other bytes are U+0100 and up, in order. */
static int byte_of_char(unsigned c)
{
    if ((c >= 0x21 && c <= 0x7e) || (c >= 0xa1 && c <= 0xac) || (c >= 0xae && c <= 0xff))
        return (int)c;
    if (c < 0x100 || c > 0x143)
        return -1;
    c -= 0x100;
    return c <= 0x20 ? (int)c : c <= 0x42 ? (int)c - 0x21 + 0x7f : 0xad;
}

/* Bytes of the letter at text, 0 if what stands there is none; the byte it means. */
static size_t letter(const char *text, size_t left, char *byte)
{
    const unsigned char *s = (const unsigned char *)text;
    int two = left > 1 && s[0] >= 0xc2 && s[0] <= 0xc5 && (s[1] & 0xc0) == 0x80;
    if (s[0] >= 0x80 && !two)
        return 0;
    int b = byte_of_char(two ? (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu) : s[0]);
    *byte = (char)b;
    return b < 0 ? 0 : two ? 2 : 1;
}

size_t tr__unspell(const char *text, size_t len, char *out, int *spelt)
{
    size_t n = 0;
    for (size_t i = 0, step; i < len; i += step) {
        step = letter(text + i, len - i, &out[n]);
        if (!step) {
            out[n] = text[i];
            step = 1;
            *spelt = 0;
        }
        n++;
    }
    return n;
}

unsigned tr__letter(unsigned char byte)
{
    unsigned c = byte;
    if (c <= 0x20)
        return 0x100 + c;
    if (c >= 0x7f && c <= 0xa0)
        return 0x121 + c - 0x7f;
    return c == 0xad ? 0x143 : c;
}

size_t tr__spell(unsigned char byte, char *to)
{
    unsigned c = tr__letter(byte);
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    to[0] = (char)(0xc0 | c >> 6);
    to[1] = (char)(0x80 | (c & 0x3f));
    return 2;
}
