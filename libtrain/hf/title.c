/* SPDX-License-Identifier: MIT
 *
 * Names of models taken apart as llama.cpp's converter takes them apart, by what their words
 * look like: "Qwen2.5-0.5B-Instruct" is Qwen2.5, of 0.5B, finetuned as Instruct.
 */
#include <libtrain/hf/meta.h>

#include <ctype.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORD = 32, BASENAME = 1, SIZE = 2, FINETUNE = 4, VERSION = 8, TYPE = 16 };

struct word {
    char text[TR__HF_TITLE_BYTES];
    unsigned is;
};

/* Is all of the word of this form, in either case? */
static int is_like(const char *word, const char *form)
{
    regex_t re;
    if (regcomp(&re, form, REG_EXTENDED | REG_ICASE | REG_NOSUB))
        return 0;
    int rc = regexec(&re, word, 0, NULL, 0);
    regfree(&re);
    return rc == 0;
}

static int all_of(const char *s, int (*is)(int))
{
    for (; *s; s++)
        if (!is((unsigned char)*s))
            return 0;
    return 1;
}

static int any_of(const char *s, int (*is)(int))
{
    for (; *s; s++)
        if (is((unsigned char)*s))
            return 1;
    return 0;
}

/* "7b1" is 7.1B, and 7b is 7B; a number far below the model's is that of a context. */
static void size_word(struct word *w, double n_number)
{
    char *s = w->text;
    for (char *c = s; *c; c++)
        if (*c == '_')
            *c = '.';
    size_t n = strlen(s);
    if (n > 2 && isdigit((unsigned char)s[n - 1])) {
        char unit = s[n - 2], digit = s[n - 1];
        snprintf(s + n - 2, TR__HF_TITLE_BYTES - n, ".%c%c", digit, unit);
        n++;
    }
    char *unit = s + n - 1;
    if (n > 1 && isdigit((unsigned char)unit[-1]) && strchr("kmbt", *unit))
        *unit = (char)toupper((unsigned char)*unit);
    char *end;
    double value = strtod(s, &end);
    const char *units = " KMBT", *at = strchr(units, *unit);
    if (n_number > 0 && end == unit && n > 1) {
        value *= pow(1000, at ? (double)(at - units) : -1);
        if (fabs(value - n_number) > floor(7 * n_number / 8)) {
            w->is |= FINETUNE;
            *unit = (char)tolower((unsigned char)*unit);
        }
    }
    if (!w->is)
        w->is |= SIZE;
}

static void look(struct word *w, int first, double n_number)
{
    if (is_like(w->text, "^(v|iter)?[0-9]+([.][0-9]+)*$"))
        w->is |= VERSION;
    else if (is_like(w->text, "^(i?q[0-9](_[a-z0-9_])*|b?fp?(16|32))$")) {
        w->is |= TYPE;
        for (char *c = w->text; *c; c++)
            *c = (char)toupper((unsigned char)*c);
    } else if (!first && is_like(w->text, "^((a|[0-9]+x)?[0-9]+([._][0-9]+)?[kmbt][0-9]?|"
                                 "small|mini|medium|large|x?xl)$"))
        size_word(w, n_number);
    else if (!first && is_like(w->text, "^(chat|instruct|vision|lora)$"))
        w->is |= FINETUNE;
}

/* The words of which this is so, with '-' between; each once if `once`. */
static void join(char *to, const struct word *w, size_t n, unsigned is, unsigned is_not,
                 int once)
{
    size_t at = 0;
    *to = 0;
    for (size_t i = 0; i < n; i++) {
        int there = !(w[i].is & is) || (w[i].is & is_not);
        for (size_t k = 0; once && k < i; k++)
            there |= (w[k].is & is) && strcmp(w[k].text, w[i].text) == 0;
        if (!there)
            at += (size_t)snprintf(to + at, TR__HF_TITLE_BYTES - at, "%s%s", at ? "-" : "",
                                   w[i].text);
        if (at >= TR__HF_TITLE_BYTES)
            return;
    }
}

static size_t split(struct word *w, const char *name)
{
    size_t n = 0;
    while (*name && n < MAX_WORD) {
        size_t k = strcspn(name, "-");
        if (k) {
            snprintf(w[n].text, sizeof w[n].text, "%.*s", (int)k, name);
            w[n++].is = 0;
        }
        name += k + (name[k] == '-');
    }
    return n;
}

/* What is no size of numbers is none beside one; the first words are the name. */
static void sort_out(struct word *w, size_t n)
{
    int numbers = 0, start = 1;
    for (size_t i = 0; i < n; i++)
        numbers |= (w[i].is & SIZE) && any_of(w[i].text, isdigit);
    for (size_t i = 0; numbers && i < n; i++)
        if ((w[i].is & SIZE) && all_of(w[i].text, isalpha))
            w[i].is &= ~(unsigned)SIZE;
    for (size_t i = 0; i < n; i++) {
        if (start && ((!w[i].is && isalpha((unsigned char)*w[i].text)) ||
                      (w[i].is & VERSION))) {
            w[i].is |= BASENAME;
            continue;
        }
        start = 0;
        if (!w[i].is)
            w[i].is = FINETUNE;
    }
    for (size_t i = n; i-- > 0 && (w[i].is & BASENAME) && (w[i].is & ~(unsigned)BASENAME);)
        w[i].is &= ~(unsigned)BASENAME;
}

void tr__hf_title_of(struct tr__hf_title *t, const char *id, double n_number)
{
    struct word w[MAX_WORD];
    *t = (struct tr__hf_title){ 0 };
    if (strchr(id, ' ')) {
        snprintf(t->name, sizeof t->name, "%s", id);
        return;
    }
    const char *slash = strchr(id, '/');
    if (slash && *id != '.')
        snprintf(t->organization, sizeof t->organization, "%.*s", (int)(slash - id), id);
    snprintf(t->name, sizeof t->name, "%s", slash ? slash + 1 : id);
    size_t n = split(w, t->name);
    for (size_t i = 0; i < n; i++)
        look(&w[i], i == 0, n_number);
    sort_out(w, n);
    join(t->basename, w, n, BASENAME, 0, 0);
    join(t->size_label, w, n, SIZE, 0, 1);
    join(t->finetune, w, n, FINETUNE, 0, 0);
    join(t->version, w, n, VERSION, BASENAME, 0);
    if (!*t->size_label && !*t->finetune && !*t->version)
        *t->basename = 0;
}

static int is_plain(const char *w) /* in lower case, and no number or version */
{
    return any_of(w, islower) && !any_of(w, isupper) &&
           !is_like(w, "^(v[0-9]+(\\.[0-9]+)*|[0-9].*)$");
}

void tr__hf_titled(char *to, const char *id)
{
    char word[TR__HF_TITLE_BYTES];
    size_t at = 0;
    *to = 0;
    while (*id && at + 2 < TR__HF_TITLE_BYTES) {
        size_t k = strcspn(id, "- \t\n");
        snprintf(word, sizeof word, "%.*s", (int)k, id);
        int plain = is_plain(word), letter = 0;
        for (char *c = word; plain && *c; c++) {
            if (!letter)
                *c = (char)toupper((unsigned char)*c);
            letter = isalpha((unsigned char)*c);
        }
        if (k)
            at += (size_t)snprintf(to + at, TR__HF_TITLE_BYTES - at, "%s%s", at ? " " : "",
                                   word);
        id += k + (id[k] != 0);
    }
}

void tr__hf_size_label(char *to, size_t size, const struct tr__hf_count *c)
{
    static const struct {
        double above, unit;
        char letter;
    } of[] = { { 1e12, 1e-12, 'T' }, { 1e9, 1e-9, 'B' }, { 1e6, 1e-6, 'M' }, { -1, 1e-3, 'K' } };
    double n = c->n_expert > 0 ? c->shared + c->expert : c->all;
    char digits[32], many[24] = "";
    size_t i = 0;
    while (n <= of[i].above)
        i++;
    snprintf(digits, sizeof digits, "%.0f", nearbyint(n * of[i].unit));
    int there = strcmp(digits, "0") ? (int)strlen(digits) : 0;
    if (c->n_expert > 0)
        snprintf(many, sizeof many, "%lldx", (long long)c->n_expert);
    snprintf(to, size, "%s%.*f%c", many, there < 2 ? 2 - there : 0, n * of[i].unit,
             of[i].letter);
}
