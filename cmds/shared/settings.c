/* SPDX-License-Identifier: MIT
 *
 * Files of settings.  What an option is stays the business of options.c, so a file is taken
 * apart into words as the shell would do it, and these stand where `@FILE` stood.  A file may
 * name others, and a name may be its own: depth, files and words in all have a limit.
 */
#include "settings.h"

#include <libtrain/file.h>

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 8, MAX_FILES = 64, MAX_WORDS = 1 << 16, MAX_BYTES = 1 << 20 };

/* A file while it is taken apart.  Words are written over the text that they come from,
 * which is never shorter. */
struct scan {
    char *at, *end, *to;
    long line;
    const struct cmd_word *from; /* "@FILE" */
};

static int refuse_memory(size_t n, struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for %zu words of options", n);
}

/* Room for n more words at i. */
static int open_gap(struct cmd_words *w, size_t i, size_t n, struct tr_err *err)
{
    size_t cap = w->cap >= w->n + n ? w->cap : 2 * (w->n + n);
    struct cmd_word *word = cap == w->cap ? w->word : realloc(w->word, cap * sizeof *word);
    if (!word)
        return refuse_memory(cap, err);
    w->word = word;
    w->cap = cap;
    memmove(w->word + i + n, w->word + i, (w->n - i) * sizeof *w->word);
    w->n += n;
    return 0;
}

int cmd_words_begin(struct cmd_words *w, int argc, char **argv, struct tr_err *err)
{
    *w = (struct cmd_words){ .file.item = calloc(MAX_FILES, sizeof *w->file.item) };
    if (!w->file.item || open_gap(w, 0, (size_t)argc, err))
        return refuse_memory((size_t)argc, err);
    for (int i = 0; i < argc; i++)
        w->word[i] = (struct cmd_word){ .text = argv[i] };
    return 0;
}

/* ==== from bytes to words ==== */

static char take(struct scan *s)
{
    s->line += *s->at == '\n';
    return *s->at++;
}

static int is_blank(char c)
{
    return c && strchr(" \t\r\n", c);
}

/* To where a word begins; 0 at the end. */
static int find_word(struct scan *s)
{
    while (s->at < s->end) {
        if (*s->at == '#')
            while (s->at < s->end && *s->at != '\n')
                s->at++;
        else if (is_blank(*s->at))
            take(s);
        else if (s->end - s->at > 1 && !memcmp(s->at, "\\\n", 2))
            s->line++, s->at += 2;
        else
            return 1;
    }
    return 0;
}

/* Behind a backslash: the character itself, nothing for the end of a line. */
static void take_escaped(struct scan *s)
{
    char c = s->at < s->end ? take(s) : '\\';
    if (c != '\n')
        *s->to++ = c;
}

/* Up to the other quote; 0 if there is none.  Between double ones \ is for these two alone. */
static int take_quoted(struct scan *s, char quote)
{
    while (s->at < s->end) {
        char c = take(s);
        if (c == quote)
            return 1;
        if (quote == '"' && c == '\\' && s->at < s->end && strchr("\"\\\n", *s->at))
            take_escaped(s);
        else
            *s->to++ = c;
    }
    return 0;
}

/* The word that begins here. */
static int take_word(struct scan *s, struct cmd_word *word, struct tr_err *err)
{
    *word = (struct cmd_word){ s->to, s->from->text + 1, s->line, s->from->depth + 1 };
    while (s->at < s->end && !is_blank(*s->at)) {
        long line = s->line;
        char c = take(s);
        if (c == '\\')
            take_escaped(s);
        else if (c != '\'' && c != '"')
            *s->to++ = c;
        else if (!take_quoted(s, c))
            return tr_err_set(err, TR_EFORMAT, "'%s' line %ld: a quote that does not end",
                              word->file, line);
    }
    if (s->at < s->end) /* its NUL stands where it may be, before the line is gone */
        take(s);
    *s->to++ = '\0';
    return 0;
}

/* ==== a file ==== */

/* Where a word stands, for messages. */
static int place(struct tr_err *err, const struct cmd_word *word)
{
    if (word->file)
        tr_err_prefix(err, "'%s' line %ld", word->file, word->line);
    return err->code;
}

static int read_file(const struct cmd_words *w, const struct cmd_word *from, char **text,
                     size_t *n, struct tr_err *err)
{
    const char *path = from->text + 1;
    if (!*path)
        tr_err_set(err, TR_EFORMAT, "'@' without the name of a file behind it");
    else if (from->depth >= MAX_DEPTH || w->file.n >= MAX_FILES)
        tr_err_set(err, TR_EFORMAT, "'%s': more than %d files of settings, or %d that name "
                   "one another", path, MAX_FILES, MAX_DEPTH);
    if (err->code || tr_read_all(path, text, n, err))
        return place(err, from);
    if (*n > MAX_BYTES)
        return tr_err_set(err, TR_EFORMAT, "'%s': %zu bytes are too much for settings",
                          path, *n);
    const char *nul = memchr(*text, '\0', *n);
    long line = 1;
    for (const char *p = *text; nul && p < nul; p++)
        line += *p == '\n';
    return nul ? tr_err_set(err, TR_EFORMAT, "'%s' line %ld: a NUL in it", path, line) : 0;
}

static int add_words(struct cmd_words *w, size_t i, struct scan *s, struct tr_err *err)
{
    struct cmd_word word;
    while (find_word(s)) {
        if (take_word(s, &word, err) || open_gap(w, i, 1, err))
            return err->code;
        w->word[i++] = word;
        if (w->n > MAX_WORDS)
            return tr_err_set(err, TR_EFORMAT,
                              "'%s' line %ld: more than %d words of options", word.file,
                              word.line, MAX_WORDS);
    }
    return 0;
}

int cmd_words_expand(struct cmd_words *w, size_t i, struct tr_err *err)
{
    struct cmd_word from = w->word[i];
    char *text = NULL;
    size_t n = 0;
    if (read_file(w, &from, &text, &n, err)) {
        free(text);
        return err->code;
    }
    w->file.item[w->file.n++] = from.text + 1;
    memmove(w->word + i, w->word + i + 1, (--w->n - i) * sizeof *w->word);
    int mark = n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
    struct scan s = { text + mark, text + n, text, 1, &from };
    int rc = add_words(w, i, &s, err);
    if (rc || s.to == text) /* no word points into it */
        free(text);
    return rc;
}
