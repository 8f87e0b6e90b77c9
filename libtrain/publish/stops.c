/* SPDX-License-Identifier: MIT
 *
 * Which tokens, or texts, end an answer.  A model says some of them itself; a template may end
 * turns with others, which whoever serves it has to know.
 */
#include <libtrain/publish/stops.h>

#include <stdlib.h>
#include <string.h>

static int no_memory(struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for a stop text");
}

/* `text` is the list's from here on.  What is empty, there already or too much is left out. */
static void add(struct tr__stops *s, char *text, int64_t id)
{
    size_t i = 0;
    while (i < s->n && strcmp(s->stop[i].text, text))
        i++;
    if (!*text || i < s->n || s->n == TR__MAX_STOP)
        free(text);
    else
        s->stop[s->n++] = (struct tr__stop){ text, id };
}

static int add_token(struct tr__stops *s, const struct tr_tokenizer *tok, uint32_t id,
                     struct tr_err *err)
{
    char *text = NULL;
    size_t n = 0, cap = 0;
    int rc = tr_tokenizer_decode(tok, id, 0, 1, &text, &n, &cap, err);
    char *copy = rc ? NULL : tr__text_copy(text, n);
    free(text);
    if (copy)
        add(s, copy, id);
    return rc || copy ? rc : no_memory(err);
}

/* The control tokens in what stands behind an answer; where there are none, its text. */
static int add_behind(struct tr__stops *s, const struct tr_tokenizer *tok, const char *text,
                      struct tr_err *err)
{
    struct tr_tokens t = { 0 };
    int any = 0;
    int rc = tr_tokenizer_encode(tok, text, strlen(text), TR_ENCODE_SPECIAL, &t, err);
    for (size_t i = 0; !rc && i < t.n; i++)
        if (tr_tokenizer_is_special(tok, t.id[i])) {
            any = 1;
            rc = add_token(s, tok, t.id[i], err);
        }
    tr_tokens_release(&t);
    if (rc || any)
        return rc;
    text += strspn(text, " \n\t\r");
    size_t n = strlen(text);
    while (n && strchr(" \n\t\r", text[n - 1]))
        n--;
    char *copy = tr__text_copy(text, n);
    if (!copy)
        return no_memory(err);
    add(s, copy, -1);
    return 0;
}

int tr__stops_find(struct tr__stops *s, const struct tr_tokenizer *tok,
                   const struct tr__turns *t, struct tr_err *err)
{
    int rc = 0;
    for (uint32_t id = 0; !rc && id < tr_tokenizer_n_vocab(tok); id++)
        if (tr_tokenizer_is_eog(tok, id))
            rc = add_token(s, tok, id, err);
    return !rc && t->to_next ? add_behind(s, tok, t->to_next, err) : rc;
}

void tr__stops_release(struct tr__stops *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->stop[i].text);
    s->n = 0;
}
