/* SPDX-License-Identifier: MIT
 *
 * A rendered chat is special tokens, names of roles and messages.  Which of these is which
 * only its template knows, of which nothing is left in packed data, so the last piece of
 * text that is more than the name of a role is shown.  It is for the eye alone: the model
 * gets all ids.
 */
#include "last-said.h"

#include <stdlib.h>
#include <string.h>

struct piece { /* text between two special tokens */
    char *text;
    size_t n, cap;
};

/* Bytes in front that are blank. */
static size_t blank(const char *text, size_t n)
{
    size_t i = 0;
    while (i < n && strchr(" \t\r\n", text[i]) && text[i])
        i++;
    return i;
}

/* Bytes of the name of a role that stands alone or in front of a colon or a line end. */
static size_t role(const char *text, size_t n)
{
    static const char *const name[] = { "assistant", "model", "user", "system", "human",
                                        "developer", "tool" };
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        size_t len = strlen(name[i]);
        if (n < len || memcmp(text, name[i], len))
            continue;
        if (n == len || text[len] == '\n')
            return len;
        if (text[len] == ':')
            return len + 1;
    }
    return 0;
}

/* Where in a piece the message is: from, and how long; 0 if there is none. */
static size_t message(const struct piece *p, size_t *from)
{
    size_t at = blank(p->text, p->n);
    at += role(p->text + at, p->n - at);
    at += blank(p->text + at, p->n - at);
    size_t end = p->n;
    while (end > at && strchr(" \t\r\n", p->text[end - 1]) && p->text[end - 1])
        end--;
    *from = at;
    return end - at;
}

static char *copied(const char *text, size_t n, const char *end, struct tr_err *err)
{
    char *copy = malloc(n + strlen(end) + 1);
    if (!copy) {
        tr_err_set(err, TR_ENOMEM, "out of memory for a prompt");
        return NULL;
    }
    if (n)
        memcpy(copy, text, n);
    strcpy(copy + n, end);
    return copy;
}

/* A special token ends a piece: what is said in it takes the place of *said. */
static int end_piece(struct piece *p, char **said, struct tr_err *err)
{
    size_t from, n = p->n ? message(p, &from) : 0;
    char *text = n ? copied(p->text + from, n, "\n", err) : NULL;
    p->n = 0;
    if (!text)
        return n ? err->code : 0;
    free(*said);
    *said = text;
    return 0;
}

char *cmd_last_said(const struct tr_tokenizer *tok, const struct tr_tokens *id,
                    struct tr_err *err)
{
    struct piece p = { 0 };
    char *said = NULL;
    int rc = 0, parted = 0;
    for (size_t i = 0; !rc && i < id->n; i++) {
        if (i == 0 && tr_tokenizer_add_bos(tok) && id->n > 1 &&
            (int64_t)id->id[0] == tr_tokenizer_bos(tok))
            continue;
        if (tr_tokenizer_is_special(tok, id->id[i])) {
            parted = 1;
            rc = end_piece(&p, &said, err);
        } else {
            rc = tr_tokenizer_decode(tok, id->id[i], !parted && !p.n, 1, &p.text, &p.n, &p.cap,
                                     err);
        }
    }
    if (!rc && parted)
        rc = end_piece(&p, &said, err);
    if (!rc && !said) /* running text, or nothing but roles */
        said = copied(p.text, p.n, "", err);
    else if (rc) {
        free(said);
        said = NULL;
    }
    free(p.text);
    return said;
}
