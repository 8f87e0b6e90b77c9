/* SPDX-License-Identifier: MIT
 *
 * Chat templates: a sandboxed subset of Jinja that renders conversations as transformers'
 * apply_chat_template does, and tells which bytes came from the data and which message gave
 * which.  docs/chat-templates.md says what the subset is.
 *
 * A template has no access to anything but its variables.  What a template cannot do, what
 * it raises and what it does too much of is an error that names the template and the line
 * ("'qwen.jinja' line 12: …", TR_EFORMAT); a construct that is not supported is such an
 * error too, never another rendering.
 */
#ifndef LIBTRAIN_CHAT_H
#define LIBTRAIN_CHAT_H

#include <libtrain/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_json;

/* Limits of one rendering.  A step is about what a small expression costs. */
enum {
    TR_CHAT_MAX_TEMPLATE = 1 << 20, /* bytes */
    TR_CHAT_MAX_STEPS = 10000000,
    TR_CHAT_MAX_DEPTH = 1000,    /* expressions, statements and macros in each other */
    TR_CHAT_MAX_OUTPUT = 1 << 27, /* bytes */
    TR_CHAT_MAX_MEMORY = 1 << 28  /* bytes of values, and as many of strings */
};

struct tr_chat; /* a template, read-only after tr_chat_new: threads may share it */

/* Read a template; `bytes` are copied, `name` is for messages. */
struct tr_chat *tr_chat_new(const char *name, const char *text, size_t n,
                            struct tr_err *err) TR_MUST_CHECK;
void tr_chat_free(struct tr_chat *c);
/* 1 if it has a {% generation %} block: then struct tr_chat_text's `generation` is what
 * its author wants trained. */
int tr_chat_has_generation(const struct tr_chat *c);

/* Well-known templates (chatml, llama2, llama3, gemma, …): *n bytes of text, or NULL. */
const char *tr_chat_named(const char *name, size_t *n);
/* Their names, i = 0, 1, … until NULL. */
const char *tr_chat_name(size_t i);

struct tr_chat_range { size_t start, end; }; /* bytes [start, end) of a rendering */
struct tr_chat_turn { /* what a message gave, its header excluded, its end included */
    size_t start, end;
    int known;
};

struct tr_chat_text { /* start with {0}; used for row after row; tr_chat_text_release */
    char *text; /* n bytes */
    size_t n, cap;
    /* Bytes that came from the row (messages, tools, documents, variables), and not from
     * the template or the caller's variables: ascending, not touching each other. */
    struct tr_chat_range *data;
    size_t n_data, cap_data;
    struct tr_chat_range *generation; /* of {% generation %} blocks, in order */
    size_t n_generation, cap_generation;
    struct tr_chat_turn *turn; /* a message of the row each, after tr_chat_turns */
    size_t n_turn, cap_turn;
    struct tr_chat_memory *memory; /* its own */
};
void tr_chat_text_release(struct tr_chat_text *t);

/* Render a row: an object with messages and, if it likes, tools, documents,
 * add_generation_prompt, continue_final_message and chat_template_kwargs (an object of
 * variables).  args: variables of the caller (bos_token, …), which those of the row
 * replace; NULL: none.  now: seconds since 1970 for strftime_now, in the time zone of the
 * process. */
int tr_chat_render(const struct tr_chat *c, const struct tr_json *row,
                   const struct tr_json *args, int64_t now, struct tr_chat_text *out,
                   struct tr_err *err) TR_MUST_CHECK;

/* The bytes of each message i with want[i] != 0 into out->turn; out holds the rendering of
 * the row already.  A turn begins where the rendering of the messages before it ends, with
 * the generation prompt, and ends where the rendering of those up to it ends: both must be
 * beginnings of the whole.  Where the prompt is none (it holds what a past turn does not
 * repeat), the turn begins before its header.  known is 0 where the template writes
 * earlier messages in another way once there are later ones.  At most three renderings for
 * a message. */
int tr_chat_turns(const struct tr_chat *c, const struct tr_json *row,
                  const struct tr_json *args, int64_t now, const unsigned char *want,
                  struct tr_chat_text *out, struct tr_err *err) TR_MUST_CHECK;

/* A turn as the template writes it while it is the last: out becomes the rendering of
 * messages 0 to i, with out->turn[i], of which `known` is 0 if that cannot be told apart
 * either. */
int tr_chat_turn_apart(const struct tr_chat *c, const struct tr_json *row,
                       const struct tr_json *args, int64_t now, size_t i,
                       struct tr_chat_text *out, struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
