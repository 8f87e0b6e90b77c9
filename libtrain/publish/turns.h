/* SPDX-License-Identifier: MIT
 *
 * What a chat template writes between the texts of messages, found by rendering.
 */
#ifndef LIBTRAIN_PUBLISH_TURNS_H
#define LIBTRAIN_PUBLISH_TURNS_H

#include <libtrain/publish.h>

enum { TR__WHY_BYTES = 600 }; /* of a reason */

/* A chat is `bare`, or with a system message `head` SYSTEM `after_system`, and then for each
 * turn USER `to_answer` ANSWER `to_next`; behind the last USER, `prompt`.  All without the BOS
 * that the tokenizer puts in front. */
struct tr__turns {
    char *bos; /* that */
    char *bare, *head, *after_system, *to_answer, *to_next, *prompt;
    int takes_system; /* 0: `head` and `after_system` are "" */
    int late;         /* the system message stands in front of the last USER, behind `bare` */
    int dated;        /* the template writes the day */
};

/* n bytes with a NUL behind them, malloc'ed; NULL when out of memory. */
char *tr__text_copy(const char *bytes, size_t n);

/* Find them.  1; 0 if there is no template or it has not this form, *why says in words what it
 * does; or an error.  Release in any case; start with {0}. */
int tr__turns_find(struct tr__turns *t, const struct tr_modelfile *m,
                   const struct tr_tokenizer *tok, char why[TR__WHY_BYTES],
                   struct tr_err *err) TR_MUST_CHECK;
/* What the template makes of a chat in letters, "suau": s system, u user, a assistant, each of
 * which says a text of its own.  malloc'ed, without the BOS; NULL and *why if it refuses it. */
char *tr__turns_text(const struct tr__turns *t, const struct tr_modelfile *m,
                     const char *chat, char why[TR__WHY_BYTES]);
const char *tr__turns_said(char role, int turn);
void tr__turns_release(struct tr__turns *t);

#endif
