/* SPDX-License-Identifier: MIT
 *
 * Prompts, as generate continues them and train does on the way (samples.c).
 */
#include "prompts.h"

#include "vocab.h"

#include <libtrain/generate.h>

#include <stdlib.h>
#include <string.h>

static int gather(struct cmd_prompts *p, const struct cmd_list *given, const char *path,
                  struct tr_err *err)
{
    struct tr_text *text = &p->file;
    size_t n = given ? given->n : 0, lines = 0;
    if (path && cmd_read_text(text, path, NULL, err))
        return err->code;
    for (size_t i = 0; i < text->n; i++)
        lines += text->bytes[i] == '\n';
    p->text.item = calloc(n + lines + 1, sizeof *p->text.item);
    if (!p->text.item)
        return tr_err_set(err, TR_ENOMEM, "out of memory for a list of prompts");
    for (size_t i = 0; i < n; i++)
        p->text.item[p->text.n++] = given->item[i];
    char *save = NULL, *line = text->n ? strtok_r(text->bytes, "\r\n", &save) : NULL;
    for (; line; line = strtok_r(NULL, "\r\n", &save))
        p->text.item[p->text.n++] = line;
    return p->text.n ? 0 : tr_err_set(err, TR_EFORMAT, "%s: no prompt in it", path);
}

static int encode(struct cmd_prompts *p, const struct tr_tokenizer *tok, int special,
                  struct tr_err *err)
{
    p->longest = 1;
    p->id = calloc(p->text.n, sizeof *p->id);
    if (!p->id)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu prompts", p->text.n);
    for (size_t i = 0; i < p->text.n; i++) {
        if (tr_prompt_encode(tok, p->text.item[i], special, &p->id[i], err))
            return err->code;
        p->longest = p->id[i].n > p->longest ? p->id[i].n : p->longest;
    }
    return 0;
}

int cmd_prompts_read(struct cmd_prompts *p, const struct tr_tokenizer *tok,
                     const struct cmd_list *given, const char *path, int special,
                     struct tr_err *err)
{
    if (gather(p, given, path, err))
        return err->code;
    for (size_t i = 0; i < p->text.n && !special; i++)
        cmd_tell_spelt_in(tok, p->text.item[i], strlen(p->text.item[i]));
    return encode(p, tok, special, err);
}

void cmd_prompts_release(struct cmd_prompts *p)
{
    for (size_t i = 0; p->id && i < p->text.n; i++)
        tr_tokens_release(&p->id[i]);
    free(p->id);
    free(p->text.item);
    tr_text_release(&p->file);
    *p = (struct cmd_prompts){ 0 };
}
