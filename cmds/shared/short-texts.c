/* SPDX-License-Identifier: MIT
 *
 * A text of some kilobytes has no pieces to share, and a thread's memory of words is worth
 * nothing when it begins anew with each; so some megabytes of them are given to the threads together.
 */
#include "short-texts.h"

#include <stdlib.h>

enum { MOST = 4096, MOST_BYTES = 16 << 20 };

static int make_room(struct cmd_short_texts *s, struct tr_err *err)
{
    if (s->ids)
        return 0;
    s->name = calloc(MOST, sizeof *s->name);
    s->held = calloc(MOST, sizeof *s->held);
    s->text = calloc(MOST, sizeof *s->text);
    s->ids = calloc(MOST, sizeof *s->ids);
    return s->name && s->held && s->text && s->ids
               ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for a list of texts");
}

int cmd_short_texts_take(struct cmd_short_texts *s, struct tr_err *err)
{
    size_t at = 0;
    for (size_t i = 0; i < s->n; i++)
        s->ids[i].n = 0;
    int rc = s->n ? tr_tokenizer_encode_all(s->tok, s->text, s->n, s->flags, s->ids, &at, err)
                  : 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!rc && (rc = s->take(s->arg, &s->ids[i], err)))
            at = i;
        tr_text_release(&s->held[i]);
    }
    if (rc)
        tr_err_prefix(err, "'%s'", s->name[at]);
    s->n = s->bytes = 0;
    return rc;
}

int cmd_short_texts_add(struct cmd_short_texts *s, const char *name, struct tr_text *text,
                        struct tr_err *err)
{
    if (make_room(s, err))
        return TR_ENOMEM;
    s->name[s->n] = name;
    s->held[s->n] = *text;
    s->text[s->n++] = (struct tr_str){ text->bytes, text->n };
    s->bytes += text->n;
    *text = (struct tr_text){ 0 };
    return s->n == MOST || s->bytes >= MOST_BYTES ? cmd_short_texts_take(s, err) : 0;
}

void cmd_short_texts_release(struct cmd_short_texts *s)
{
    for (size_t i = 0; i < s->n; i++)
        tr_text_release(&s->held[i]);
    for (size_t i = 0; s->ids && i < MOST; i++)
        tr_tokens_release(&s->ids[i]);
    free(s->name);
    free(s->held);
    free(s->text);
    free(s->ids);
}
