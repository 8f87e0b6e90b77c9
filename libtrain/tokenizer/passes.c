/* SPDX-License-Identifier: MIT
 *
 * Patterns of words that are several passes, each on the pieces that the one before it
 * made: what a pass finds is a piece, and so is what lies between.  Passes look at one piece at a
 * time, so none sees over its ends, and each cuts again what those before it found: by
 * deepseek-llm's third pass an accented letter stands alone.
 *
 * As in patterns.c the form is not the published one, the words are.  A pass that could
 * begin at any place and look at all that follows is made to look once, since a text may be
 * a million spaces.
 */
#include <libtrain/tokenizer/pattern.h>

/* No word goes over a line's end. */
const struct tr__pattern tr__pattern_laguna = {
    .pass = { "[^\\n]++|\\n++" },
    .word = QWEN2,
    .cut = LETTERS_END,
};

#define LETTERS_AND_MARKS \
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]++(?:" CONTRACTION ")?+|"

/* Korean, the marks of Chinese texts, Bopomofo, HAN: none is in a word with another. */
#define HANGUL "\\x{ac00}-\\x{d7a3}\\x{3131}-\\x{318e}"
#define CJK_MARK \
    "\\x{ff01}\\x{2026}\\x{201c}\\x{201d}\\x{2018}\\x{2019}\\x{2014}\\x{ff1a}\\x{ff1b}" \
    "\\x{ff0c}\\x{3001}-\\x{303f}\\x{fe30}-\\x{fe4f}"
const struct tr__pattern tr__pattern_youtu = {
    .pass = { "[" HANGUL "]++|[" CJK_MARK "]++|[\\x{3105}-\\x{312f}]++|[" HAN "]++" },
    .word = LETTERS_AND_MARKS "\\p{N}|" SYMBOLS_AND_PATHS,
    .cut = "\\p{L}(?=[^\\p{L}\\p{M}'" HAN CJK_MARK "])|"
    "[\\x{4e00}-\\x{9fa5}](?=[" CJK_MARK "])",
};

/* Three digits at a time from the end of a number.  The first of them, which may be less,
 * stay with what is in front of the number: that is how llama.cpp does it, and the passes
 * behind part them, but for spaces.  Behind a digit the next three are a piece. */
#define GROUPS_OF_THREE \
    "(?<=\\p{N})\\p{N}{3}|\\P{N}*+(*COMMIT)" \
    "(?:\\p{N}{1,2}(?=(?:\\p{N}{3})*+(?!\\p{N}))|\\p{N}{3})"

const struct tr__pattern tr__pattern_tiny_aya = {
    .pass = { GROUPS_OF_THREE },
    .word = LETTERS_AND_MARKS "\\p{N}{1,3}+|" SYMBOLS_AND_PATHS,
    .cut = "\\p{L}(?=[^\\p{L}\\p{M}'])",
};

/* The first two are tokens of the model as they are, an image's among them. */
const struct tr__pattern tr__pattern_chameleon = {
    .pass = { "<sentinel:[0-9]++>", "IMGIMG[A-I]{1,4}Z", "[\\t\\n]|    |  ", "\\p{N}",
              "[\\p{P}!-/:-@\\[-`{-~]" },
    .word = GPT2,
    .cut = "\\p{L}(?=[^\\p{L}:])",
};

const struct tr__pattern tr__pattern_falcon = {
    .pass = { "[\\p{P}$+<=>^~|`]++", GPT2, "[0-9]{3}" },
    .cut = LETTERS_END,
};

/* A word is anything between spaces and marks, with a space in front of it. */
#define ENDS SPACE "()|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c}"
const struct tr__pattern tr__pattern_bloom = {
    .pass = { " ?[^" ENDS "]++" },
    .cut = "\\p{L}(?=[" ENDS "])",
};

const struct tr__pattern tr__pattern_viking = {
    .pass = { " ?[^" ENDS "]++", "\\p{N}" },
    .cut = "\\p{L}(?=[" ENDS "])",
};

/* The cased letters of Latin, Greek, Cyrillic and others, as the model lists them. */
#define CASED_LETTER \
    "A-Za-z\\xb5\\xc0-\\xd6\\xd8-\\xf6\\xf8-\\x{1ba}\\x{1bc}-\\x{1bf}\\x{1c4}-\\x{293}" \
    "\\x{295}-\\x{2af}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}\\x{37f}\\x{386}" \
    "\\x{388}-\\x{38a}\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}\\x{3f7}-\\x{481}" \
    "\\x{48a}-\\x{52f}\\x{531}-\\x{556}\\x{10a0}-\\x{10c5}\\x{13a0}-\\x{13f5}" \
    "\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}\\x{1d00}-\\x{1d2b}" \
    "\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}\\x{1e00}-\\x{1f15}\\x{1f18}-\\x{1f1d}" \
    "\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}\\x{1f59}\\x{1f5b}\\x{1f5d}" \
    "\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}" \
    "\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}" \
    "\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}\\x{210a}-\\x{2113}\\x{2115}" \
    "\\x{2119}-\\x{211d}\\x{2124}\\x{2126}\\x{2128}\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}" \
    "\\x{2139}\\x{213c}-\\x{213f}\\x{2145}-\\x{2149}\\x{214e}\\x{2183}\\x{2184}" \
    "\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}\\x{2ceb}-\\x{2cee}\\x{2cf2}\\x{2cf3}" \
    "\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}\\x{a771}-\\x{a787}" \
    "\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}\\x{fb13}-\\x{fb17}" \
    "\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}\\x{10400}-\\x{1044f}\\x{104b0}-\\x{104d3}" \
    "\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}\\x{118a0}-\\x{118df}" \
    "\\x{1e900}-\\x{1e943}"
#define SOME_MARK \
    "!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3001}\\x{3002}"
/* U+0800 to U+4E00, which has spaces in it that count as spaces, Chinese, Korean. */
#define EASTERN \
    "\\x{800}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}" \
    "\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{9fa5}\\x{ac00}-\\x{d7ff}"

/* Spaces at the end of a piece are looked at once: (*SKIP) tries no later one of them. */
const struct tr__pattern tr__pattern_deepseek_llm = {
    .pass = { "[\\r\\n]", "[" SPACE "]?[" CASED_LETTER "]++",
              "[" SPACE "]?[" SOME_MARK "]++", "[" SPACE "]++(*SKIP)\\z", "[" EASTERN "]++", "\\p{N}++" },
    .cut = "[A-Za-z](?=\\P{L})|[\\x{4e00}-\\x{9fa5}](?=[\\x{ff0c}\\x{3001}\\x{3002}])",
};

const struct tr__pattern tr__pattern_deepseek_coder = {
    .pass = { "[\\r\\n]", "[" SPACE "]?\\p{L}++", "[" SPACE "]?\\p{P}++", "[" EASTERN "]++",
              "\\p{N}" },
    .cut = LETTERS_END,
};

/* What deepseek3's last pass looks for, but for the ends of lines. */
#define DEEPSEEK_WORD \
    "[!-/:-@\\[-`{-~][A-Za-z]++|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]++|" \
    " ?[\\p{P}\\p{S}]++"

const struct tr__pattern tr__pattern_spark = {
    .pass = { "\\p{N}", "[" HAN "]++",
              DEEPSEEK_WORD "|[\\r\\n]|" SPACES("[^" SPACE "]") },
    .cut = "\\p{L}(?=[^\\p{L}\\p{M}" HAN "])",
};

/* Letters and other signs of East and South East Asia. */
#define ASIAN \
    "\\x{3400}-\\x{4dbf}\\x{4e00}-\\x{faff}\\x{3040}-\\x{30ff}\\x{ff65}-\\x{ff9f}" \
    "\\x{2f00}-\\x{2fdf}\\x{e40}-\\x{eff}\\x{1780}-\\x{17ff}\\x{1000}-\\x{109f}" \
    "\\x{1100}-\\x{11ff}"
const struct tr__pattern tr__pattern_afmoe = {
    .pass = { GROUPS_OF_THREE, "[" ASIAN "]++",
              DEEPSEEK_WORD "[\\r\\n]*+|[" SPACE "]*[\\r\\n]++|" SPACES("[^" SPACE "]") },
    .cut = "\\p{L}(?=[^\\p{L}\\p{M}" ASIAN "])",
};
