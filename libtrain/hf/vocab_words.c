/* SPDX-License-Identifier: MIT
 *
 * A tokenizer.json says with regular expressions how a text becomes words; a GGUF says a
 * name, and tokenizer/patterns.c has what it stands for.  Between the two is a table of the
 * expressions as they are published.  Files write the same one in several ways (characters
 * or escapes, letters of both cases or a flag), so both sides are brought into one form
 * before they are compared.  Read next: vocab_pre.c.
 */
#include <libtrain/hf/vocab_words.h>

#include <libtrain/base/base.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|" SPACES
#define FOLDED "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define LETTERS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define SYMBOL "[^\\s\\p{L}\\p{N}]"
#define LINES "\\s*[\\r\\n]+|"
#define SPACES "\\s+(?!\\S)|\\s+"
#define QWEN2 FOLDED "|" LETTERS "|\\p{N}| ?" SYMBOL "+[\\r\\n]*|" LINES SPACES
#define UPPER "\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}"
#define LOWER "\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}"
#define CASED1 "[^\\r\\n\\p{L}\\p{N}]?[" UPPER "]*[" LOWER "]+"
#define CASED2 "[^\\r\\n\\p{L}\\p{N}]?[" UPPER "]+[" LOWER "]*"
#define PATHS " ?" SYMBOL "+[\\r\\n/]*|" LINES SPACES
#define HAN "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+"
#define DEEPSEEK \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|" \
    "[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+"
#define TIMES(n) "\\s{" n "}(?!\\S)|"
#define MARK "[\\p{P}!-/:-@\\[-`{-~]"
#define MARKS "[\\p{P}\\$\\+<=>\\^~\\|`]+"
#define BLOOM \
    " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+"
#define YOUTU \
    "[\\x{ac00}-\\x{d7a3}\\x{3131}-\\x{318e}]+|[\\x{ff01}\\x{2026}\\x{201c}\\x{201d}\\x{2018}" \
    "\\x{2019}\\x{2014}\\x{ff1a}\\x{ff1b}\\x{ff0c}\\x{3001}-\\x{303f}\\x{fe30}-\\x{fe4f}]+|" \
    "[\\x{3105}-\\x{312f}]+|" HAN
#define KIMI(n) "[" n "&&[^\\p{Han}]]"
#define EASTERN "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"

static const struct published {
    const struct tr__pattern *pattern;
    const char *pass[TR__HF_MAX_STEP];
} published[] = {
#define TR_HF_WORDS(name, ...) { &tr__pattern_##name, { __VA_ARGS__ } },
#include <libtrain/hf/vocab_words.def>
#undef TR_HF_WORDS
};
enum { N_PUBLISHED = sizeof published / sizeof *published };

/* ---- one form --------------------------------------------------------------------- */

static const char *const contractions[] = { /* other ways to write FOLDED */
    "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])",
    "'(?i:[sdmt]|ll|ve|re)",
    "(?:'(?i:[sdmt]|ll|ve|re))",
};

/* Length of another way to write a contraction at p; 0: there is none. */
static size_t contraction(const char *p, size_t left)
{
    for (size_t i = 0; i < sizeof contractions / sizeof *contractions; i++) {
        size_t n = strlen(contractions[i]);
        if (n <= left && !memcmp(p, contractions[i], n))
            return n;
    }
    return 0;
}

/* Bytes at p in the one form; how many of p that were. */
static size_t canonical_part(const char *p, size_t left, char *to, size_t *n)
{
    size_t len = contraction(p, left);
    if (len) {
        *n = (size_t)snprintf(to, 40, "%s", FOLDED);
        return len;
    }
    static const char control[] = "\r\n\t", letter[] = "rnt";
    const char *k = *p ? strchr(control, *p) : NULL;
    len = tr__utf8_len(p, left);
    *n = 0;
    if (k)
        *n = (size_t)snprintf(to, 40, "\\%c", letter[k - control]);
    else if (len > 1)
        *n = (size_t)snprintf(to, 40, "\\x{%x}", tr__utf8_code(p, len));
    else
        to[(*n)++] = *p;
    return len ? len : 1;
}

/* Of a string that is no expression, what would be one. */
static size_t literal_part(const char *p, size_t left, char *to, size_t *n)
{
    if (!strchr("\\^$.[]|()?*+{}", *p))
        return canonical_part(p, left, to, n);
    to[0] = '\\';
    to[1] = *p;
    *n = 2;
    return 1;
}

static char *canonical(const char *p, size_t len,
                       size_t (*part)(const char *p, size_t left, char *to, size_t *n))
{
    char *to = NULL;
    size_t used = 0, cap = 0;
    for (size_t i = 0; i < len || !to;) {
        size_t n;
        if (tr__grow(&to, &cap, used + 41, 1)) {
            free(to);
            return NULL;
        }
        if (i == len)
            break;
        i += part(p + i, len - i, to + used, &n);
        used += n;
    }
    to[used] = '\0';
    return to;
}

/* ---- steps ------------------------------------------------------------------------ */

/* regex NULL: out of memory, unless it is to be the change of the alphabet. */
static int add(struct tr__hf_words *w, char *regex, int keep)
{
    if (w->n == TR__HF_MAX_STEP) {
        free(regex);
        w->odd = 1;
        return 0;
    }
    w->step[w->n++] = (struct tr__hf_step){ regex, keep };
    return 0;
}

static int add_regex(struct tr__hf_words *w, const char *p, size_t n, int is_literal,
                     int keep)
{
    enum { MOST = 1 << 14 };
    if (n > MOST || memchr(p, '\0', n)) {
        w->odd = 1;
        return 0;
    }
    char *regex = canonical(p, n, is_literal ? literal_part : canonical_part);
    return regex ? add(w, regex, keep) : -1;
}

static int is(const struct tr_json *v, const char *key, const char *text)
{
    return !strcmp(tr_json_string(tr_json_get(v, key), NULL), text);
}

static int read_split(struct tr__hf_words *w, const struct tr_json *v)
{
    const struct tr_json *pattern = tr_json_get(v, "pattern");
    const struct tr_json *regex = tr_json_get(pattern, "Regex");
    int keep = is(v, "behavior", "Removed") && tr_json_bool(tr_json_get(v, "invert"));
    size_t n;
    const char *p = tr_json_string(regex ? regex : tr_json_get(pattern, "String"), &n);
    w->odd |= !n || (!keep && !is(v, "behavior", "Isolated"));
    return add_regex(w, p, n, !regex, keep);
}

static int read_digits(struct tr__hf_words *w, const struct tr_json *v)
{
    int one = tr_json_bool(tr_json_get(v, "individual_digits"));
    return add_regex(w, "\\p{N}+", one ? 5 : 6, 0, 0);
}

static int read_punctuation(struct tr__hf_words *w, const struct tr_json *v)
{
    int one = is(v, "behavior", "Isolated") || !tr_json_get(v, "behavior");
    w->odd |= !one && !is(v, "behavior", "Contiguous");
    const char *p = one ? MARK : MARKS;
    return add_regex(w, p, strlen(p), 0, 0);
}

static int read_byte_level(struct tr__hf_words *w, const struct tr_json *v)
{
    const struct tr_json *regex = tr_json_get(v, "use_regex");
    w->odd |= tr_json_bool(tr_json_get(v, "add_prefix_space"));
    if ((!regex || tr_json_bool(regex)) && add_regex(w, GPT2, strlen(GPT2), 0, 0))
        return -1;
    return add(w, NULL, 0);
}

static int read_one(struct tr__hf_words *w, const struct tr_json *v);

static int read_sequence(struct tr__hf_words *w, const struct tr_json *v)
{
    const struct tr_json *list = tr_json_get(v, "pretokenizers");
    int rc = 0;
    for (size_t i = 0; i < tr_json_count(list) && !rc; i++)
        rc = read_one(w, tr_json_at(list, i));
    return rc;
}

static const struct {
    const char *type;
    int (*read)(struct tr__hf_words *w, const struct tr_json *v);
} types[] = {
    { "Sequence", read_sequence },     { "Split", read_split },
    { "Digits", read_digits },         { "Punctuation", read_punctuation },
    { "ByteLevel", read_byte_level },
};

static int read_one(struct tr__hf_words *w, const struct tr_json *v)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (is(v, "type", types[i].type))
            return types[i].read(w, v);
    w->odd = 1;
    return 0;
}

int tr__hf_words_read(struct tr__hf_words *w, const struct tr_json *v)
{
    return v ? read_one(w, v) : (w->odd = 1, 0);
}

/* A pass of ours as others can read it: \xb5 would be a byte to them, and what only spares
 * PCRE2 a search they do not know.  The pass is `to` then; 0: it has more of that. */
static int translate(const char *pass, char *to, size_t room)
{
    static const char skip[] = "(*SKIP)";
    size_t n = 0;
    for (; *pass && n + 8 < room; pass++) {
        if (!strncmp(pass, skip, sizeof skip - 1))
            pass += sizeof skip - 1;
        if (!strncmp(pass, "(*", 2))
            return 0;
        int hex = pass[0] == '\\' && pass[1] == 'x' && pass[2] != '{';
        if (hex && pass[2] && pass[3]) {
            n += (size_t)snprintf(to + n, room - n, "\\x{%.2s}", pass + 2);
            pass += 3;
        } else {
            to[n++] = *pass;
        }
    }
    to[n] = '\0';
    return !*pass;
}

/* Passes that nobody has published in another form. */
static int own_steps(struct tr__hf_words *w, const struct tr__pattern *p)
{
    char text[1 << 12];
    int rc = 0, known = !p->word;
    for (size_t i = 0; known && p->pass[i] && !rc; i++) {
        known = translate(p->pass[i], text, sizeof text);
        rc = known ? add_regex(w, text, strlen(text), 0, 0) : 0;
    }
    return rc ? rc : known;
}

int tr__hf_words_of(struct tr__hf_words *w, const struct tr__pattern *p)
{
    const char *const *pass = NULL;
    int rc = 1;
    for (size_t i = 0; i < N_PUBLISHED && !pass; i++)
        if (published[i].pattern == p)
            pass = published[i].pass;
    for (size_t i = 0; i < TR__HF_MAX_STEP && pass && pass[i] && rc > 0; i++)
        rc = add_regex(w, pass[i], strlen(pass[i]), 0, 0) ? -1 : 1;
    if (!pass)
        rc = own_steps(w, p);
    return rc <= 0 ? rc : add(w, NULL, 0) ? -1 : 1;
}

void tr__hf_words_release(struct tr__hf_words *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->step[i].regex);
    *w = (struct tr__hf_words){ 0 };
}

/* Does the published pattern have just these steps?  When bytes become letters does not
 * matter to it. */
static int is_published(const struct published *p, const struct tr__hf_words *w)
{
    size_t k = 0;
    int letters = 0;
    for (size_t i = 0; i < w->n; i++) {
        letters |= !w->step[i].regex;
        if (!w->step[i].regex)
            continue;
        if (k == TR__HF_MAX_STEP || !p->pass[k] || strcmp(p->pass[k], w->step[i].regex))
            return 0;
        k++;
    }
    return letters && (k == TR__HF_MAX_STEP || !p->pass[k]);
}

const struct tr__pattern *tr__hf_words_pattern(const struct tr__hf_words *w)
{
    for (size_t i = 0; i < N_PUBLISHED && !w->odd; i++)
        if (is_published(&published[i], w))
            return published[i].pattern;
    return NULL;
}
