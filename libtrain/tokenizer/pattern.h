/* SPDX-License-Identifier: MIT
 *
 * Parts of the patterns of words, in PCRE2's language.
 */
#ifndef LIBTRAIN_TOKENIZER_PATTERN_H
#define LIBTRAIN_TOKENIZER_PATTERN_H

#include <libtrain/tokenizer/words.h>

#include <stddef.h>

#define SPACE "\\p{Z}\\t-\\r\\x{85}" /* inside [ ] */
#define WORD_SYMBOL "[^" SPACE "\\p{L}\\p{N}]"
/* The last of several spaces goes to the word behind them. */
#define SPACES(before) "[" SPACE "]+(?!" before ")|[" SPACE "]+"
/* In none of these patterns does a word have anything but letters behind a letter, nor does
 * what a word looks ahead at lie behind one; none looks back.  So a letter that no letter
 * follows ends a word, and all words before it are the same without what follows. */
#define LETTERS_END "\\p{L}(?=\\P{L})"

#define GPT2 "'(?:[stmd]|re|ve|ll)| ?\\p{L}++| ?\\p{N}++| ?" WORD_SYMBOL "++|" \
    SPACES("[^" SPACE "]")
#define CONTRACTION "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])"
#define SYMBOLS_AND_LINES " ?" WORD_SYMBOL "++[\\r\\n]*+|[" SPACE "]*[\\r\\n]++|"
#define SYMBOLS_AND_PATHS \
    " ?" WORD_SYMBOL "++[\\r\\n/]*+|[" SPACE "]*[\\r\\n]++|" SPACES("[^" SPACE "]")
#define QWEN2 \
    CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}++|\\p{N}|" SYMBOLS_AND_LINES \
    SPACES("[^" SPACE "]")
/* Chinese characters and Japanese syllables, inside [ ]. */
#define HAN "\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{30ff}"

#endif
