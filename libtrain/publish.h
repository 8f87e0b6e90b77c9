/* SPDX-License-Identifier: MIT
 *
 * What goes beside a model so that other programs serve it: a Modelfile for Ollama.
 */
#ifndef LIBTRAIN_PUBLISH_H
#define LIBTRAIN_PUBLISH_H

#include <libtrain/chat.h>
#include <libtrain/tokenizer.h>

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_modelfile {
    const char *from, *adapter; /* as Ollama finds them: names, or paths seen from the folder
                                   of the Modelfile; adapter NULL: none */
    const char *system;         /* a system message where a chat has none; NULL: none */
    int64_t num_ctx;            /* positions; 0: not said */
    const struct tr_chat *chat; /* the template; NULL: there is none */
    const struct tr_json *args; /* its variables (tr_chat_render); may be NULL */
    int64_t now;                /* its clock */
};

/* Write it.  The template becomes one of Go, as Ollama has it, if chats are nothing but the
 * texts of their messages with the same pieces in between, which is found by rendering small
 * ones, with and without a system message; else a comment says that there is none, and why.
 * Stop texts are the model's ends of generation and the control tokens that the template
 * writes behind an answer.  TR_EFORMAT for a text that a Modelfile cannot hold. */
int tr_modelfile_write(FILE *f, const struct tr_modelfile *m,
                       const struct tr_tokenizer *tok, struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
