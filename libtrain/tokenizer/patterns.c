/* SPDX-License-Identifier: MIT
 *
 * What words are, by the pattern that a name in tokenizer.ggml.pre stands for.  The
 * patterns are those of the models' own tokenizer.json (gpt2: Radford et al. 2019,
 * encoder.py), or llama.cpp's where that is another, since the ids are to be the same.
 * Those that are several passes are in passes.c, where they are not one pattern here.
 *
 * The patterns differ from the published ones in form only: white space is spelled out as
 * Unicode's White_Space (PCRE2's \s has U+180E too), folding of case is ASCII ((?i:s) would
 * match U+017F), what is tried last takes any white space, so that some branch matches at
 * every place, and a repeat gives nothing back where giving back cannot help.  What is
 * published as several passes is one pattern here; tests/unit/test_words.c compares.
 */
#include <libtrain/tokenizer/pattern.h>

#define OWN_WORD "\\p{P}$+<=>^~|" /* inside [ ] */

/* Published as four passes, each on what the one before left whole: punctuation marks and
 * some symbols, gpt2's pattern, numbers, three digits of a number.  So a space goes neither
 * to such a mark nor to a number, and contractions never come up. */
const struct tr__pattern tr__pattern_default = {
    .word = "[" OWN_WORD "]++| ?\\p{L}++|[0-9]{3}|(?:(?![0-9]{3})\\p{N})++|"
    " ?[^" SPACE "\\p{L}\\p{N}" OWN_WORD "]++|"
    SPACES("[^" SPACE OWN_WORD "]"),
    .cut = LETTERS_END,
};

const struct tr__pattern tr__pattern_gpt2 = {
    .word = GPT2,
    .cut = LETTERS_END,
};


const struct tr__pattern tr__pattern_llama3 = {
    .word = CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}++|\\p{N}{1,3}+|" SYMBOLS_AND_LINES
    SPACES("[^" SPACE "]"),
    .cut = LETTERS_END,
};

/* Published as llama3's behind a pass that cuts numbers out, so that a space never waits
 * for one. */
const struct tr__pattern tr__pattern_minicpm5 = {
    .word = CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}++|\\p{N}{1,3}+|" SYMBOLS_AND_LINES
    SPACES("[^" SPACE "\\p{N}]"),
    .cut = LETTERS_END,
};

const struct tr__pattern tr__pattern_qwen2 = {
    .word = QWEN2,
    .cut = LETTERS_END,
};

/* A letter's marks stay with it. */
const struct tr__pattern tr__pattern_qwen35 = {
    .word = CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]++|\\p{N}|"
    " ?[^" SPACE "\\p{L}\\p{M}\\p{N}]++[\\r\\n]*+|[" SPACE "]*[\\r\\n]++|"
    SPACES("[^" SPACE "]"),
    .cut = "\\p{L}(?=[^\\p{L}\\p{M}])",
};

/* Published as two passes: digits one by one, then gpt2's pattern on what lies between.
 * One pass gives the same words: a digit takes no space in front, and spaces before a digit
 * end a piece, so none of them is left for the next word. */
const struct tr__pattern tr__pattern_smollm = {
    .word = "'(?:[stmd]|re|ve|ll)| ?\\p{L}++|\\p{N}| ?" WORD_SYMBOL "++|"
    SPACES("[^" SPACE "\\p{N}]"),
    .cut = LETTERS_END,
};

/* Words of large and small letters change where a small one is followed by a large one: as
 * llama.cpp has it, letters outside of ASCII are both, and marks are symbols. */
#define LARGE "[^\\P{L}a-z]"
#define SMALL "[^\\P{L}A-Z]"
#define CASED "[^\\r\\n\\p{L}\\p{N}]?(?:" LARGE "*" SMALL "++|" LARGE "++" SMALL "*+)"

/* A contraction belongs to the word before it. */
const struct tr__pattern tr__pattern_gpt4o = {
    .word = CASED "(?:" CONTRACTION ")?+|\\p{N}{1,3}+|" SYMBOLS_AND_PATHS,
    .cut = "\\p{L}(?=[^\\p{L}'])",
};

const struct tr__pattern tr__pattern_tekken = {
    .word = CASED "|\\p{N}|" SYMBOLS_AND_PATHS,
    .cut = LETTERS_END,
};

/* Published as three passes: three digits of a number, runs of Chinese characters and
 * Japanese syllables, and on all that the pattern below without them.  So neither spaces
 * nor what a word may begin with wait for what lies behind such a run.  HAN_WORD, HAN_MARK
 * and HAN_NONE are the letters, the symbols and what is not assigned among HAN. */
#define HAN_WORD "\\x{3041}-\\x{3096}\\x{3099}\\x{309a}\\x{309d}-\\x{309f}" \
    "\\x{30a1}-\\x{30fa}\\x{30fc}-\\x{30ff}\\x{4e00}-\\x{9fa5}"
#define HAN_MARK "\\x{309b}\\x{309c}\\x{30a0}\\x{30fb}"
#define HAN_NONE "\\x{3040}\\x{3097}\\x{3098}"
#define LETTERS_MARKS "[^\\p{N}\\p{P}\\p{S}\\p{Z}\\p{C}" HAN "]"
#define NEITHER "[^\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}" SPACE HAN "]"

const struct tr__pattern tr__pattern_deepseek3 = {
    .word = "\\p{N}{1,3}+|[!-/:-@\\[-`{-~][A-Za-z]++|"
    "[^\\r\\n\\p{L}\\p{N}\\p{P}\\p{S}" HAN "]?" LETTERS_MARKS "++|"
    " ?[^\\p{L}\\p{M}\\p{N}\\p{Z}\\p{C}" HAN "]++[\\r\\n]*+|[" SPACE "]*[\\r\\n]++|"
    "[" HAN_NONE "]?[" HAN_WORD "]++|[" HAN_MARK "]++|"
    SPACES("[^" SPACE "\\p{N}" HAN "]") "|"
    "(?:" NEITHER "(?!" LETTERS_MARKS "))++|(?:[" HAN_NONE "](?![" HAN_WORD "]))++",
    .cut = "\\p{L}(?=[^\\p{L}\\p{M}" HAN "])",
};

/* Spaces come in words of powers of two: the largest that is not followed by a letter or a
 * mark.  A word of spaces that begins behind another has no line's end in it, which is not
 * looked for again, since there may be many of them. */
#define TIMES(n) "[" SPACE "]{" n "}(?![^" SPACE "])|"
const struct tr__pattern tr__pattern_jais2 = {
    .word = CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}++|\\p{N}{1,3}+|"
    " ?" WORD_SYMBOL "++[\\r\\n]*+|"
    "(?<![\\p{Z}\\t\\x0b\\f\\x{85}])[" SPACE "]*[\\r\\n]++|"
    TIMES("512") TIMES("256") TIMES("128") TIMES("64") TIMES("32") TIMES("16") TIMES("8")
    TIMES("4") TIMES("1,2") "[" SPACE "]",
    .cut = LETTERS_END,
};

const struct tr__pattern tr__pattern_seed_coder = {
    .word = CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}++|\\p{N}|"
    " ?" WORD_SYMBOL "++|[" SPACE "]*[\\r\\n]++|" SPACES("[^" SPACE "]"),
    .cut = LETTERS_END,
};

/* Turkish suffixes stay with their apostrophe. */
const struct tr__pattern tr__pattern_ufakzeka = {
    .word = "[^\\r\\n\\p{L}\\p{N}]?\\p{L}++|\\p{N}|" SYMBOLS_AND_LINES
    SPACES("[^" SPACE "]"),
    .cut = LETTERS_END,
};

/* A word may be many, with one space between. */
const struct tr__pattern tr__pattern_exaone_moe = {
    .word = CONTRACTION "|"
    "[^\\r\\n\\p{L}\\p{N}]?\\p{L}(?: \\p{L}|[\\p{L}\\p{M}]++)*+|\\p{N}|"
    " ?" WORD_SYMBOL "++[\\r\\n/]?+|[" SPACE "]*[\\r\\n]|" SPACES("[^" SPACE "]"),
    .cut = "\\p{L}(?=[^\\p{L}\\p{M} ])",
};

/* As gpt4o's, but marks are letters, large and small; and one may be what a word begins
 * with, so that each branch has to be tried with and without it in its turn. */
#define LARGE_MARK "[^\\p{N}\\p{P}\\p{S}\\p{Z}\\p{C}a-z]"
#define SMALL_MARK "[^\\p{N}\\p{P}\\p{S}\\p{Z}\\p{C}A-Z]"
const struct tr__pattern tr__pattern_granite_97m = {
    .word = "[^\\r\\n\\p{L}\\p{N}]?" LARGE_MARK "*" SMALL_MARK "++(?:" CONTRACTION ")?+|"
    "[^\\r\\n\\p{L}\\p{N}]?" LARGE_MARK "++" SMALL_MARK "*+(?:" CONTRACTION ")?+|"
    "\\p{N}{1,3}+|" SYMBOLS_AND_PATHS,
    .cut = "\\p{L}(?=[^\\p{L}\\p{M}'])",
};

/* Blocks of Chinese characters, whether assigned or not. */
#define IDEOGRAPHS \
    "\\x{4e00}-\\x{9fff}\\x{3400}-\\x{4dbf}\\x{20000}-\\x{2a6df}" \
    "\\x{2a700}-\\x{2ebef}\\x{f900}-\\x{faff}\\x{2f800}-\\x{2fa1f}"
const struct tr__pattern tr__pattern_kimi_k2 = {
    .word = "[" IDEOGRAPHS "]++|"
    "[^\\r\\n\\p{L}\\p{N}]?[^\\P{L}" IDEOGRAPHS "]++(?:" CONTRACTION ")?+|\\p{N}{1,3}+|"
    SYMBOLS_AND_LINES SPACES("[^" SPACE "]"),
    .cut = "\\p{L}(?=[^\\p{L}'" IDEOGRAPHS "])",
};

/* Numbers, and what is between them; in a number, three digits at a time from where a run
 * of ASCII's ends.  Behind a digit the next three are a word if more follow, so that nobody
 * has to count again how many there are. */
const struct tr__pattern tr__pattern_superbpe = {
    .word = "(?<=[0-9])[0-9]{3}(?=[0-9])|"
    "\\p{N}(?:(?!(?:[0-9]{3})++(?![0-9]))\\p{N})*+|\\P{N}++",
    .cut = "\\p{N}(?=\\P{N})|[^\\p{N}\\x01](?=\\p{N})",
};
