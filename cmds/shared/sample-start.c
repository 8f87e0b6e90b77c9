/* SPDX-License-Identifier: MIT
 *
 * Samples of a plain text, as the first trainer of llama.cpp had them: recipes and data
 * from then are written for it.
 */
#include "sample-start.h"

#include <stdlib.h>
#include <string.h>

static char meaning(char c)
{
    static const char letters[] = "nrt'\"\\", means[] = "\n\r\t'\"\\";
    const char *p = c ? strchr(letters, c) : NULL;
    return p ? means[p - letters] : 0;
}

int cmd_starts_init(struct cmd_starts *s, const char *text, int escape, int include,
                     struct tr_err *err)
{
    *s = (struct cmd_starts){ .include = include, .start = malloc(strlen(text) + 1) };
    if (!s->start)
        return tr_err_sys(err, "cannot hold '%s'", text);
    for (; *text; text++) {
        char c = escape && *text == '\\' ? meaning(text[1]) : 0;
        text += c != 0;
        s->start[s->n++] = c ? c : *text;
    }
    return s->n ? 0 : tr_err_set(err, TR_EINVAL, "--sample-start is empty");
}

void cmd_starts_release(struct cmd_starts *s)
{
    free(s->start);
    *s = (struct cmd_starts){ 0 };
}

/* Where `start` stands at `from` or later, n if nowhere. */
static size_t find(const struct cmd_starts *s, const char *text, size_t n, size_t from)
{
    while (n - from >= s->n) {
        const char *p = memchr(text + from, *s->start, n - from - s->n + 1);
        if (!p)
            break;
        from = (size_t)(p - text);
        if (!memcmp(p, s->start, s->n))
            return from;
        from++;
    }
    return n;
}

int cmd_starts_next(const struct cmd_starts *s, const char *text, size_t n, size_t *at,
                     size_t *from, size_t *to)
{
    size_t begin = find(s, text, n, *at);
    if (begin == n)
        return 0;
    *from = s->include ? begin : begin + s->n;
    *at = *to = find(s, text, n, begin + s->n);
    return 1;
}
