/* SPDX-License-Identifier: MIT
 *
 * What goes beside a model: a Modelfile for Ollama, a bundle of weights for WebLLM, a card that
 * says where it comes from.
 */
#ifndef LIBTRAIN_PUBLISH_H
#define LIBTRAIN_PUBLISH_H

#include <libtrain/chat.h>
#include <libtrain/progress.h>
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

/* The same with the files that it names, from and adapter, which here are paths: a folder of
 * Modelfile, model.gguf and adapter.gguf.  It may not exist yet, or be empty, and appears with
 * all of them or not at all.  They are links, or copies where there can be none. */
int tr_modelfile_folder(const char *folder, const struct tr_modelfile *m,
                        const struct tr_tokenizer *tok, struct tr_err *err) TR_MUST_CHECK;

/* What a model card says.  Texts are the caller's, and may hold anything. */
struct tr_card {
    const char *name;              /* the title */
    const struct tr_gguf *base;    /* what was trained; its metadata say whose it is */
    const struct tr_gguf *run;     /* a checkpoint or what was exported of it; NULL: none */
    const char *base_id;           /* ORGANISATION/NAME on Hugging Face; NULL: as metadata say */
    const char *licence;           /* in place of the base's; NULL */
    const char *const *file;       // (n_file) names of the files beside it
    size_t n_file;
    const struct tr_card_loss {    /* what was measured */
        const char *on, *label;    /* "held out", "base" */
        double loss, perplexity;
    } *loss;                       // (n_loss), those on the same behind each other
    size_t n_loss;
    const char *training;          /* a sentence on how it went; NULL */
};

/* README.md: what Hugging Face reads of it in front, between lines of "---", then what people
 * read. */
int tr_card_write(FILE *f, const struct tr_card *c, struct tr_err *err) TR_MUST_CHECK;

/* A bundle of MLC, which WebLLM loads: llama, qwen2, qwen3, gemma, gemma2, gemma3, phi3 and
 * gpt2 in GGUF's words.  {0} but for quant is a plain conversation of a model without template. */
struct tr_mlc {
    const char *quant;          /* "q4f16_1", "q4f16_0", "q4f32_1" or "q0f16" */
    const struct tr_chat *chat; /* as in tr_modelfile */
    const struct tr_json *args;
    int64_t now;
    const char *system; /* a system message where a chat has none; NULL: the template's */
    int64_t n_ctx;      /* positions, TR_EINVAL for more than the model's; 0: these, at most 4096 */
    const char *like;   /* a folder of Hugging Face whose files of the tokenizer are copied;
                           NULL: they are made of the model's vocabulary */
    int tie;            /* one matrix for output and token table; TR_EUNSUPPORTED if the file has
                           two that differ by more than rounding */
    struct tr_progress progress; /* numbers of the weights */
    void (*say)(void *ctx, const char *line); /* what a user should know; NULL: nobody */
    void *ctx;
};

/* Make the bundle: a folder that may not exist yet, or be empty, and that appears with all its
 * files or not at all.  TR_EINVAL for another quantisation, TR_EUNSUPPORTED for architectures, tensors and chat
 * templates that have no form in MLC.  Needs memory for part of one tensor. */
int tr_mlc_export(const struct tr_gguf *g, const struct tr_tokenizer *tok,
                  const struct tr_mlc *x, const char *folder,
                  struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
