/* SPDX-License-Identifier: MIT
 *
 * What stands in front of a README.md between lines of "---": YAML
 * (https://huggingface.co/docs/hub/model-cards), with tabs for two blanks.  Next: yaml.c, meta.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/hf/meta.h>
#include <libtrain/hf/text.h>
#include <libtrain/hf/yaml.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 4 << 20 };

static int is_rule(const char *s, size_t n)
{
    while (n && strchr(" \t\r", s[n - 1]))
        n--;
    return n == 3 && !memcmp(s, "---", 3);
}

/* What is between the rules, without carriage returns and tabs: its length in `to`, which has
 * room for twice the text. */
static size_t front_of(const char *text, size_t size, char *to)
{
    size_t n = 0;
    for (size_t at = 0, line = 0; at < size; line++) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t len = end ? (size_t)(end - text) - at : size - at;
        if (is_rule(text + at, len) != !line)
            break;
        for (size_t i = at; line && i < at + len; i++)
            if (text[i] == '\t')
                to[n++] = ' ', to[n++] = ' ';
            else if (text[i] != '\r')
                to[n++] = text[i];
        if (line)
            to[n++] = '\n';
        at += len + 1;
    }
    return n;
}

/* UTF-8 without NUL. */
static int is_utf8(const char *text, size_t size)
{
    size_t i = 0;
    for (size_t n; i < size && text[i] && (n = tr__utf8_len(text + i, size - i)); i += n)
        ;
    return i == size;
}

struct tr_json *tr__hf_card(const char *folder, struct tr_err *err)
{
    char path[PATH_MAX], *text = NULL, *front = NULL;
    size_t n = 0;
    struct tr_err why = { 0 };
    struct tr_json *card = NULL;
    int there = snprintf(path, sizeof path, "%s/README.md", folder) < PATH_MAX &&
                !access(path, R_OK);
    if (!there || tr__hf_text(path, MOST, &text, &n, &why) || !is_utf8(text, n))
        n = 0;
    if (why.code != TR_ENOMEM && (front = malloc(2 * n + 1)))
        card = tr__hf_yaml(front, front_of(text, n, front));
    free(text);
    free(front);
    if (!card)
        tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", path);
    return card;
}
