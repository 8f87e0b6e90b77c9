/* SPDX-License-Identifier: MIT
 *
 * A row as the variables of a template, and renderings of its beginnings.
 */
#ifndef LIBTRAIN_CHAT_CONVERSATION_H
#define LIBTRAIN_CHAT_CONVERSATION_H

#include <libtrain/chat/run.h>

struct tr__conversation {
    struct tr__val messages, tools, documents, prompt; /* prompt: add_generation_prompt */
    struct tr__val row_args, args; /* dicts: of the row, of the caller */
    struct tr__val ending; /* the last content, where it is to be continued, or MISSING */
};

/* Pools and scratch of a struct tr_chat_text. */
struct tr_chat_memory {
    struct tr__pool cells, bytes;
    struct tr_chat_text other; /* a second rendering */
};

/* A JSON value; all of its strings get this origin. */
int tr__from_json(struct tr__run *r, const struct tr_json *v, enum tr__origin origin,
                  struct tr__val *out);
/* Reads the row; what lies in the pools then is the conversation's. */
int tr__conversation(struct tr__run *r, const struct tr_json *row,
                     const struct tr_json *args, struct tr__conversation *c);

/* A run with empty pools. */
int tr__begin(struct tr__run *r, const struct tr_chat *chat, struct tr_chat_text *out,
              int64_t now, struct tr_err *err);
/* Takes away what the template wrote behind the answer that is to be continued. */
int tr__cut_at_tag(struct tr__run *r, const struct tr__conversation *c);
/* Renders the first n messages into r->out, all of which is written anew. */
int tr__render(struct tr__run *r, const struct tr__conversation *c, size_t n,
               const struct tr__val *prompt);

#endif
