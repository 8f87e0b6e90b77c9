/* SPDX-License-Identifier: MIT
 *
 * What llama.cpp takes a character for is Unicode 15.1's category; what PCRE2 takes it for
 * is that of the Unicode it was built with, 14 and up.  The same text is to give the same
 * ids with any of them, so patterns see another character of the same category in the place
 * of one that is in doubt.  newer.def lists those: what Unicode 15 and 15.1 brought, and
 * what versions up to 18 did, which is nothing yet to llama.cpp.
 *
 * Patterns name ranges of characters too, so a stand-in lies in just those ranges of which
 * the character is a part.
 */
#include <libtrain/tokenizer/newer.h>

static const struct {
    uint32_t first, last;
    const char *stand_in;
} newer[] = {
/* Beyond U+FFFF; and what is nothing (a control character, one for formats, one that never
 * will be), by length and range. */
#define LETTER "\xf0\x90\x80\x80"       /* U+10000 */
#define MARK "\xf0\x90\x87\xbd"         /* U+101FD */
#define NUMBER "\xf0\x90\x84\x87"       /* U+10107 */
#define PUNCTUATION "\xf0\x90\x84\x80"  /* U+10100 */
#define SYMBOL "\xf0\x90\x84\xb7"       /* U+10137 */
#define NOTHING_2 "\xc2\x81"            /* U+0081 */
#define NOTHING_EAST "\xe2\x81\xa0"     /* U+2060 */
#define NOTHING_PRIVATE "\xee\x80\x80"  /* U+E000 */
#define NOTHING_3 "\xef\xb7\x90"        /* U+FDD0 */
#define NOTHING_4 "\xf0\x9f\xbf\xbe"    /* U+1FFFE */
#define NOTHING_HAN "\xf0\xaf\xa8\x9f"  /* U+2FA1F */
#define TR_NEWER(first, last, as) { first, last, as },
#include <libtrain/tokenizer/newer.def>
#undef TR_NEWER
};

void tr__newer_index(struct tr__newer *n)
{
    for (size_t i = 0; i < sizeof newer / sizeof *newer; i++)
        for (uint32_t b = newer[i].first / 64; b <= newer[i].last / 64; b++)
            n->block[b / 8] |= (uint8_t)(1 << b % 8);
}

static uint32_t character(const char *at, size_t n)
{
    uint32_t c = (unsigned char)at[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)at[i] & 0x3f);
    return c;
}

const char *tr__newer_stand_in(const struct tr__newer *index, const char *at, size_t n)
{
    uint32_t c = character(at, n);
    if (!(index->block[c / 64 / 8] >> c / 64 % 8 & 1))
        return NULL;
    for (size_t i = 0; i < sizeof newer / sizeof *newer; i++)
        if (c >= newer[i].first && c <= newer[i].last)
            return newer[i].stand_in;
    return NULL;
}
