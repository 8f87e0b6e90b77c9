/* SPDX-License-Identifier: MIT
 *
 * Prompts, as generate continues them and train does on the way (samples.c).
 */
#include "prompts.h"

#include "chats.h"
#include "last-said.h"
#include "pack-prompts.h"
#include "vocab.h"

#include <libtrain/generate.h>

#include <stdlib.h>
#include <string.h>

struct gathering {
    struct cmd_prompts *p;
    const struct cmd_prompt_source *source;
    const struct tr_tokenizer *tok;
};

/* One more, whose ids are to come. */
static struct cmd_prompt *add(struct cmd_prompts *p, const char *text, struct tr_err *err)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 16;
        struct cmd_prompt *item = realloc(p->item, cap * sizeof *item);
        if (!item) {
            tr_err_set(err, TR_ENOMEM, "out of memory for %zu prompts", cap);
            return NULL;
        }
        p->item = item;
        p->cap = cap;
    }
    p->item[p->n] = (struct cmd_prompt){ .text = text };
    return &p->item[p->n++];
}

static int add_text(struct gathering *g, const char *text, struct tr_err *err)
{
    const struct cmd_prompt_source *s = g->source;
    struct cmd_prompt *x = add(g->p, text, err);
    if (!x)
        return err->code;
    if (s->ask)
        return cmd_chat_ask(s->template, text, g->tok, &x->id, err);
    if (!s->special)
        cmd_tell_spelt_in(g->tok, text, strlen(text));
    return tr_prompt_encode(g->tok, text, s->special, &x->id, err);
}

static int add_chat(void *ctx, const struct tr_json *chat, struct tr_err *err)
{
    struct gathering *g = ctx;
    struct cmd_prompt *x = add(g->p, "", err);
    return x ? cmd_chat_encode(g->source->template, chat, g->tok, &x->id, err) : err->code;
}

static int add_lines(struct gathering *g, struct tr_err *err)
{
    struct tr_text *text = &g->p->file;
    if (cmd_read_text(text, g->source->path, NULL, err))
        return err->code;
    int rc = 0;
    char *save = NULL, *line = text->n ? strtok_r(text->bytes, "\r\n", &save) : NULL;
    for (; !rc && line; line = strtok_r(NULL, "\r\n", &save))
        rc = add_text(g, line, err);
    return rc;
}

static int add_document(void *ctx, const int32_t *token, int32_t n, struct tr_err *err)
{
    struct gathering *g = ctx;
    struct cmd_prompt *x = add(g->p, "", err);
    if (!x)
        return err->code;
    for (int32_t i = 0; i < n; i++)
        if (tr_tokens_push(&x->id, (uint32_t)token[i], err))
            return err->code;
    x->own = cmd_last_said(g->tok, &x->id, err);
    if (!x->own)
        return err->code;
    x->text = x->own;
    return 0;
}

int cmd_prompts_read(struct cmd_prompts *p, const struct tr_tokenizer *tok,
                     const struct cmd_prompt_source *source, struct tr_err *err)
{
    struct gathering g = { p, source, tok };
    int rc = 0;
    for (size_t i = 0; !rc && source->given && i < source->given->n; i++)
        rc = add_text(&g, source->given->item[i], err);
    if (!rc && source->path)
        rc = add_lines(&g, err);
    if (!rc && source->chats)
        rc = cmd_chats_each(source->chats, add_chat, &g, err);
    if (!rc && source->pack)
        rc = cmd_pack_prompts_each(source->pack, source->vocab, source->n_pack,
                                   source->longest, add_document, &g, err);
    if (!rc && !p->n)
        rc = tr_err_set(err, TR_EFORMAT, "%s: no prompt in it",
                        source->path ? source->path : source->chats);
    p->longest = 1;
    for (size_t i = 0; !rc && i < p->n; i++)
        p->longest = p->item[i].id.n > p->longest ? p->item[i].id.n : p->longest;
    return rc;
}

void cmd_prompts_release(struct cmd_prompts *p)
{
    for (size_t i = 0; i < p->n; i++) {
        tr_tokens_release(&p->item[i].id);
        free(p->item[i].own);
    }
    free(p->item);
    tr_text_release(&p->file);
    *p = (struct cmd_prompts){ 0 };
}
