/* SPDX-License-Identifier: MIT
 *
 * What was meant by a name that does not exist.  It is suggested and never taken: a
 * beginning that is unique today would be another option's tomorrow, and scripts would end.
 * Who asks: options.c for names and choices, and whatever else has a list of names.
 */
#include "nearest.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

enum { LONGEST = 64, FAR = INT_MAX / 2 };

static int fold(char c)
{
    return c == '_' ? '-' : tolower((unsigned char)c);
}

static int min(int a, int b)
{
    return a < b ? a : b;
}

/* 1 if the first n letters are the same. */
static int same(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fold(a[i]) != fold(b[i]))
            return 0;
    return 1;
}

/* How many letters must be added, taken away, replaced or exchanged with their neighbour
 * (Damerau 1964, no letter twice): row[i][j] is that for i letters of a and j of b. */
static int distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    int row[3][LONGEST + 1];
    for (size_t j = 0; j <= n_b; j++)
        row[0][j] = (int)j;
    for (size_t i = 1; i <= n_a; i++) {
        int *now = row[i % 3], *last = row[(i - 1) % 3], *before = row[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= n_b; j++) {
            int differ = fold(a[i - 1]) != fold(b[j - 1]);
            now[j] = min(last[j - 1] + differ, min(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                fold(a[i - 2]) == fold(b[j - 1]))
                now[j] = min(now[j], before[j - 2] + 1);
        }
    }
    return row[n_a % 3][n_b];
}

/* 1 if `part` is one of the words, parted by '-' or '_', that make up `whole`. */
static int is_part(const char *whole, const char *part)
{
    for (const char *p = whole; *p; p += strcspn(p, "-_"), p += *p != '\0') {
        size_t n = strcspn(p, "-_");
        if (n == strlen(part) && same(p, part, n))
            return 1;
    }
    return 0;
}

/* 1 if the letters of a part are in another in their order, from the first; both pointers
 * go behind. */
static int is_short_part(const char **part, const char **whole)
{
    const char *p = *part, *w = *whole, *end = w + strcspn(w, "-_");
    int same_first = fold(*p) == fold(*w);
    for (; w < end && *p && fold(*p) != '-'; w++)
        p += fold(*p) == fold(*w);
    *part = p;
    *whole = end;
    return same_first && (!*p || fold(*p) == '-');
}

/* 1 if a name is short for a word, part by part: ctx for context, grad-acc for
 * gradient-accumulation-steps. */
static int is_short_for(const char *name, const char *word)
{
    if (strlen(name) < 3)
        return 0;
    while (is_short_part(&name, &word)) {
        if (!*name)
            return 1;
        if (!*word)
            return 0;
        name++, word++;
    }
    return 0;
}

/* How far a name is from the word: mistakes in typing first, then what has the same
 * beginning, abbreviations, parts. */
static int how_far(const char *word, const char *name)
{
    enum { SHORT = 4, BEGINNING = 8, ABBREVIATION = BEGINNING + LONGEST,
           PART };
    size_t n = strlen(word), m = strlen(name);
    if (!n || n > LONGEST || m > LONGEST)
        return FAR;
    int d = distance(word, n, name, m);
    if (d <= (n <= SHORT ? 1 : 2) && d < (int)(n < m ? n : m))
        return d;
    if (n >= 2 && m >= 2 && same(word, name, n < m ? n : m))
        return BEGINNING + (int)(n < m ? m - n : n - m);
    if (is_short_for(name, word))
        return ABBREVIATION;
    return is_part(word, name) || is_part(name, word) ? PART : FAR;
}

const char *cmd_nearest(const char *word, const char *const *names)
{
    const char *best = NULL;
    for (int least = FAR; *names; names++) {
        int d = how_far(word, *names);
        if (d < least) {
            least = d;
            best = *names;
        }
    }
    return best;
}
