/* SPDX-License-Identifier: MIT
 *
 * Samples are texts behind lines "==> LABEL <==", those of one model first.  The texts of
 * one prompt begin alike; where that is a whole line, as it is in chats, it is shown once.
 */
#include "sample-pair.h"

#include <libtrain/file.h>
#include <libtrain/printable.h>

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 80, LINES = 3 };

struct part { /* of the file */
    const char *label, *text;
    size_t n_label, n;
};
struct parts { // (n)
    struct part *item;
    size_t n;
};

/* The label of a heading at s, or NULL. */
static const char *heading(const char *s, size_t *n)
{
    const char *end = strchr(s, '\n');
    size_t len = end ? (size_t)(end - s) : strlen(s);
    if (len < 9 || memcmp(s, "==> ", 4) || memcmp(s + len - 4, " <==", 4))
        return NULL;
    *n = len - 8;
    return s + 4;
}

static size_t count_headings(const char *s)
{
    size_t n = 0, len;
    for (; s; s = strchr(s, '\n'), s = s ? s + 1 : s)
        n += heading(s, &len) != NULL;
    return n;
}

static void cut(struct parts *p, const char *s)
{
    for (const char *end; *s; s = end) {
        size_t n;
        const char *label = heading(s, &n);
        end = strchr(s, '\n');
        end = end ? end + 1 : s + strlen(s);
        if (label)
            p->item[p->n++] = (struct part){ label, end, n, 0 };
        else if (p->n)
            p->item[p->n - 1].n = (size_t)(end - p->item[p->n - 1].text);
    }
}

static int same_label(const struct part *a, const struct part *b)
{
    return a->n_label == b->n_label && !memcmp(a->label, b->label, a->n_label);
}

static int same_text(const struct part *a, const struct part *b)
{
    return a->n == b->n && !memcmp(a->text, b->text, a->n);
}

/* Columns of a printable character: two of what East Asian scripts and pictures are. */
static int columns(const char *s, size_t n)
{
    unsigned char c = (unsigned char)*s, d = n > 1 ? (unsigned char)s[1] : 0;
    if (n == 4)
        return 2;
    int wide = (c == 0xe2 && d >= 0xba) || (c > 0xe2 && c < 0xee) || c == 0xef;
    return n == 3 && wide ? 2 : 1;
}

/* Bytes of text that fit into so many columns: up to a blank if there is one, unless all
 * of it fits. */
static size_t fit(const char *s, size_t n, int width)
{
    size_t blank = 0, step;
    int used = 0;
    for (size_t at = 0; at < n; at += step) {
        step = tr_printable(s + at, n - at);
        used += step ? columns(s + at, step) : 1;
        step += !step;
        if (s[at] == ' ' || s[at] == '\n')
            blank = at;
        if (used > width)
            return blank ? blank : at;
    }
    return n;
}

/* Whatever is no printable character is a blank. */
static void put(FILE *f, const char *s, size_t n)
{
    for (size_t at = 0, step; at < n; at += step) {
        step = tr_printable(s + at, n - at);
        if (step)
            fwrite(s + at, 1, step, f);
        else
            fputc(' ', f);
        step += !step;
    }
}

static void print_text(FILE *f, const char *name, const char *s, size_t n)
{
    int indent = (int)strlen(name);
    for (int line = 0; line < LINES; line++) {
        while (n && strchr(" \n\t\r", *s))
            s++, n--;
        int last = line == LINES - 1;
        size_t fits = fit(s, n, WIDTH - indent - (last ? 2 : 0));
        if (!fits && line)
            return;
        fprintf(f, "%*s", indent, line ? "" : name);
        put(f, s, fits);
        fputs(last && fits < n ? " …\n" : "\n", f);
        s += fits;
        n -= fits;
    }
}

static void trim(struct part *p)
{
    while (p->n && strchr(" \n\t\r", p->text[p->n - 1]))
        p->n--;
}

/* Bytes of the line that both begin with, if more follows in either; else 0. */
static size_t common_line(const struct part *a, const struct part *b)
{
    const char *end = memchr(a->text, '\n', a->n);
    size_t n = end ? (size_t)(end - a->text) + 1 : 0;
    return n <= b->n && !memcmp(a->text, b->text, n) ? n : 0;
}

static void print_pair(FILE *f, const struct part *a, const struct part *b)
{
    size_t same = common_line(a, b);
    if (same)
        print_text(f, "prompt  ", a->text, same - 1);
    print_text(f, "before  ", a->text + same, a->n - same);
    print_text(f, "after   ", b->text + same, b->n - same);
}

/* How many prompts have two texts; the second ones begin at *first. */
static size_t count_pairs(const struct parts *p, size_t *first)
{
    size_t n = 0;
    *first = 0;
    while (*first < p->n && same_label(&p->item[0], &p->item[*first]))
        ++*first;
    while (*first + n < p->n && n < *first)
        n++;
    return n;
}

/* The first prompt with two texts that differ, or the first. */
static int find_pair(const struct parts *p, struct part *a, struct part *b)
{
    size_t first, n = count_pairs(p, &first), i = 0;
    if (!n)
        return 0;
    while (i < n && same_text(&p->item[i], &p->item[first + i]))
        i++;
    i = i < n ? i : 0;
    *a = p->item[i];
    *b = p->item[first + i];
    trim(a);
    trim(b);
    return 1;
}

/* The parts, and the text of the whole file in which they lie; both to be freed.  A model may
 * write any byte: a NUL becomes a blank, as it is shown. */
static int read_parts(const char *path, char **text, struct parts *p, struct tr_err *err)
{
    size_t bytes;
    int rc = tr_read_all(path, text, &bytes, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < bytes; i++)
        if (!(*text)[i])
            (*text)[i] = ' ';
    *p = (struct parts){ calloc(count_headings(*text) + 1, sizeof *p->item), 0 };
    if (!p->item)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its samples", path);
    cut(p, *text);
    return 0;
}

static int no_pair(const char *path, struct tr_err *err)
{
    return tr_err_set(err, TR_EFORMAT, "'%s' has no samples of two models", path);
}

/* The pair, and the text in which it lies, to be freed. */
static int read_pair(const char *path, char **text, struct part *a, struct part *b,
                     struct tr_err *err)
{
    struct parts p = { NULL, 0 };
    int rc = read_parts(path, text, &p, err);
    if (!rc && !find_pair(&p, a, b))
        rc = no_pair(path, err);
    free(p.item);
    return rc;
}

int cmd_sample_pairs_each(const char *path,
                          void (*pair)(void *ctx, const char *before, size_t n_before,
                                       const char *after, size_t n_after),
                          void *ctx, struct tr_err *err)
{
    struct parts p = { NULL, 0 };
    char *text = NULL;
    size_t first, n;
    int rc = read_parts(path, &text, &p, err);
    if (!rc && !(n = count_pairs(&p, &first)))
        rc = no_pair(path, err);
    for (size_t i = 0; !rc && i < n; i++) {
        trim(&p.item[i]);
        trim(&p.item[first + i]);
        pair(ctx, p.item[i].text, p.item[i].n, p.item[first + i].text, p.item[first + i].n);
    }
    free(p.item);
    free(text);
    return rc;
}

int cmd_sample_pair_print(FILE *f, const char *path, struct tr_err *err)
{
    struct part a = { NULL, NULL, 0, 0 }, b = a;
    char *text = NULL;
    int rc = read_pair(path, &text, &a, &b, err);
    if (!rc)
        print_pair(f, &a, &b);
    free(text);
    return rc;
}

/* Bytes of the words that both begin with, on one line, if they are no more than `most`. */
static size_t common_words(const struct part *a, const struct part *b, size_t most)
{
    size_t words = 0, end = a->n < b->n ? a->n : b->n;
    end = end < most ? end : most;
    for (size_t i = 0; i < end && a->text[i] == b->text[i] && a->text[i] != '\n'; i++)
        if (strchr(" .,;:!?", a->text[i]))
            words = i;
    return words;
}

void cmd_sample_prompt(const char *path, char *prompt, size_t size)
{
    struct tr_err err = { 0 };
    struct part a = { NULL, NULL, 0, 0 }, b = a;
    char *text = NULL;
    int n = read_pair(path, &text, &a, &b, &err) ? 0 : (int)common_words(&a, &b, size - 1);
    snprintf(prompt, size, "%.*s", n, n ? a.text : "");
    free(text);
}
