/* SPDX-License-Identifier: MIT
 *
 * What words are, by the name in tokenizer.ggml.pre.  The patterns are those of the models'
 * own tokenizer.json (gpt2: Radford et al. 2019, encoder.py), or llama.cpp's where that is
 * another, since the ids are to be the same; names and groups of names as in its
 * llama-vocab.cpp.
 *
 * The patterns differ from the published ones in form only: white space is spelled out as
 * Unicode's White_Space (PCRE2's \s has U+180E too), folding of case is ASCII ((?i:s) would
 * match U+017F), what is tried last takes any white space, so that some branch matches at
 * every place, and a repeat gives nothing back where giving back cannot help.  What is
 * published as several passes is one pattern here; tests/unit/test_words.c compares.
 */
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

#define OWN_WORD "\\p{P}$+<=>^~|" /* inside [ ] */

/* Published as four passes, each on what the one before left whole: punctuation marks and
 * some symbols, gpt2's pattern, numbers, three digits of a number.  So a space goes neither
 * to such a mark nor to a number, and contractions never come up. */
const struct tr__pretok tr__pretok_default = {
    (const char *const[]){ "default", NULL },
    "[" OWN_WORD "]++| ?\\p{L}++|[0-9]{3}|(?:(?![0-9]{3})\\p{N})++|"
    " ?[^" SPACE "\\p{L}\\p{N}" OWN_WORD "]++|"
    SPACES("[^" SPACE OWN_WORD "]"),
    LETTERS_END,
    0, 0
};

const struct tr__pretok tr__pretok_gpt2 = {
    (const char *const[]){ "gpt-2", "phi-2", "mpt", "olmo", "mellum", "modern-bert",
                           "exaone4", "gigachat", "a.x-4.0", "jina-es", "jina-de",
                           "jina-v2-es", "jina-v2-de", "jais", "trillion",
                           "granite-docling", NULL },
    "'(?:[stmd]|re|ve|ll)| ?\\p{L}++| ?\\p{N}++| ?" WORD_SYMBOL "++|"
    SPACES("[^" SPACE "]"),
    LETTERS_END,
    0, 0
};

#define CONTRACTION "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])"
#define SYMBOLS_AND_LINES " ?" WORD_SYMBOL "++[\\r\\n]*+|[" SPACE "]*[\\r\\n]++|"
#define LLAMA3 \
    CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}++|\\p{N}{1,3}+|" SYMBOLS_AND_LINES \
    SPACES("[^" SPACE "]")

const struct tr__pretok tr__pretok_llama3 = {
    (const char *const[]){ "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1",
                           "pixtral", "midm-2.0", "lfm2", NULL },
    LLAMA3,
    LETTERS_END,
    1, 1
};

const struct tr__pretok tr__pretok_dbrx = {
    (const char *const[]){ "dbrx", "smaug-bpe", "chatglm-bpe", NULL },
    LLAMA3,
    LETTERS_END,
    0, 0
};

const struct tr__pretok tr__pretok_glm4 = {
    (const char *const[]){ "glm4", "glm5", NULL },
    LLAMA3,
    LETTERS_END,
    1, 0
};

/* Published as llama3's behind a pass that cuts numbers out, so that a space never waits
 * for one. */
const struct tr__pretok tr__pretok_minicpm5 = {
    (const char *const[]){ "minicpm5", NULL },
    CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}++|\\p{N}{1,3}+|" SYMBOLS_AND_LINES
    SPACES("[^" SPACE "\\p{N}]"),
    LETTERS_END,
    1, 0
};

const struct tr__pretok tr__pretok_qwen2 = {
    (const char *const[]){ "qwen2", "deepseek-r1-qwen", "megrez", "kormo", "f2llmv2",
                           "stablelm2", "hunyuan", "grok-2", "solar-open", NULL },
    CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}++|\\p{N}|" SYMBOLS_AND_LINES
    SPACES("[^" SPACE "]"),
    LETTERS_END,
    0, 0
};

/* A letter's marks stay with it. */
const struct tr__pretok tr__pretok_qwen35 = {
    (const char *const[]){ "qwen35", NULL },
    CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]++|\\p{N}|"
    " ?[^" SPACE "\\p{L}\\p{M}\\p{N}]++[\\r\\n]*+|[" SPACE "]*[\\r\\n]++|"
    SPACES("[^" SPACE "]"),
    "\\p{L}(?=[^\\p{L}\\p{M}])",
    0, 0
};

/* Published as two passes: digits one by one, then gpt2's pattern on what lies between.
 * One pass gives the same words: a digit takes no space in front, and spaces before a digit
 * end a piece, so none of them is left for the next word. */
const struct tr__pretok tr__pretok_smollm = {
    (const char *const[]){ "smollm", "starcoder", "command-r", "codeshell", "refact",
                           "exaone", "minerva-7b", "mellum2", NULL },
    "'(?:[stmd]|re|ve|ll)| ?\\p{L}++|\\p{N}| ?" WORD_SYMBOL "++|"
    SPACES("[^" SPACE "\\p{N}]"),
    LETTERS_END,
    0, 0
};

/* Words of large and small letters change where a small one is followed by a large one: as
 * llama.cpp has it, letters outside of ASCII are both, and marks are symbols. */
#define LARGE "[^\\P{L}a-z]"
#define SMALL "[^\\P{L}A-Z]"
#define CASED "[^\\r\\n\\p{L}\\p{N}]?(?:" LARGE "*" SMALL "++|" LARGE "++" SMALL "*+)"
#define SYMBOLS_AND_PATHS \
    " ?" WORD_SYMBOL "++[\\r\\n/]*+|[" SPACE "]*[\\r\\n]++|" SPACES("[^" SPACE "]")

/* A contraction belongs to the word before it. */
const struct tr__pretok tr__pretok_gpt4o = {
    (const char *const[]){ "gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2", NULL },
    CASED "(?:" CONTRACTION ")?+|\\p{N}{1,3}+|" SYMBOLS_AND_PATHS,
    "\\p{L}(?=[^\\p{L}'])",
    0, 0
};

const struct tr__pretok tr__pretok_tekken = {
    (const char *const[]){ "tekken", NULL },
    CASED "|\\p{N}|" SYMBOLS_AND_PATHS,
    LETTERS_END,
    1, 1
};

/* Published as three passes: three digits of a number, runs of Chinese characters and
 * Japanese syllables, and on all that the pattern below without them.  So neither spaces
 * nor what a word may begin with wait for what lies behind such a run.  HAN_WORD, HAN_MARK
 * and HAN_NONE are the letters, the symbols and what is not assigned among HAN. */
#define HAN "\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{30ff}"
#define HAN_WORD "\\x{3041}-\\x{3096}\\x{3099}\\x{309a}\\x{309d}-\\x{309f}" \
    "\\x{30a1}-\\x{30fa}\\x{30fc}-\\x{30ff}\\x{4e00}-\\x{9fa5}"
#define HAN_MARK "\\x{309b}\\x{309c}\\x{30a0}\\x{30fb}"
#define HAN_NONE "\\x{3040}\\x{3097}\\x{3098}"
#define LETTERS_MARKS "[^\\p{N}\\p{P}\\p{S}\\p{Z}\\p{C}" HAN "]"
#define NEITHER "[^\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}" SPACE HAN "]"

const struct tr__pretok tr__pretok_deepseek3 = {
    (const char *const[]){ "deepseek-v3", "hunyuan-dense", "hy_v4", "joyai-llm", NULL },
    "\\p{N}{1,3}+|[!-/:-@\\[-`{-~][A-Za-z]++|"
    "[^\\r\\n\\p{L}\\p{N}\\p{P}\\p{S}" HAN "]?" LETTERS_MARKS "++|"
    " ?[^\\p{L}\\p{M}\\p{N}\\p{Z}\\p{C}" HAN "]++[\\r\\n]*+|[" SPACE "]*[\\r\\n]++|"
    "[" HAN_NONE "]?[" HAN_WORD "]++|[" HAN_MARK "]++|"
    SPACES("[^" SPACE "\\p{N}" HAN "]") "|"
    "(?:" NEITHER "(?!" LETTERS_MARKS "))++|(?:[" HAN_NONE "](?![" HAN_WORD "]))++",
    "\\p{L}(?=[^\\p{L}\\p{M}" HAN "])",
    0, 0
};
