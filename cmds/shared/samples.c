/* SPDX-License-Identifier: MIT
 *
 * Samples on the way of a training.  They take the same functions as the command generate,
 * and no draw, so they leave the training alone to the bit.
 */
#include "samples.h"

#include "chats.h"
#include "message.h"
#include "step-table.h"
#include "vocab.h"

#include <libtrain/printable.h>

#include <stdlib.h>
#include <string.h>

static const struct cmd_list none;

int cmd_samples_prepare(struct cmd_samples *s, const struct tr_model *m,
                        struct tr_train_args *args, struct tr_err *err)
{
    if (!s->path)
        return 0;
    struct cmd_template chat = { 0 };
    const struct cmd_prompt_source source = { .path = s->prompt_file, .ask = s->ask,
                                              .template = &chat };
    int rc = (s->tok = cmd_tokenizer(tr_model_gguf(m), NULL, err)) ? 0 : err->code;
    if (!rc && s->ask)
        rc = cmd_chat_template(&chat, tr_model_gguf(m), s->tok, s->template, &none, err);
    if (!rc)
        rc = cmd_prompts_read(&s->prompts, s->tok, &source, err);
    cmd_template_release(&chat);
    if (rc)
        return rc;
    args->sample_prompt = (int64_t)s->prompts.longest;
    args->sample_new = s->n;
    return 0;
}

int cmd_samples_open(struct cmd_samples *s, struct tr_model *m, int64_t first_step,
                     struct tr_err *err)
{
    if (!s->path)
        return 0;
    s->gen = tr_generator_new(m, s->tok, (int64_t)s->prompts.longest, s->n, err);
    if (s->gen)
        s->file = cmd_step_table_open(s->path, "step\tprompt\ttext\n", first_step, err);
    return s->file ? 0 : err->code;
}

static int keep(void *ctx, const char *bytes, size_t n)
{
    struct cmd_samples *s = ctx;
    size_t need = s->n_said + n;
    if (need > s->cap_said) {
        char *more = realloc(s->said, 2 * need);
        if (!more)
            return 1;
        s->said = more;
        s->cap_said = 2 * need;
    }
    memcpy(s->said + s->n_said, bytes, n);
    s->n_said = need;
    return 0;
}

static int take_one(struct cmd_samples *s, size_t i, int64_t step, struct tr_err *err)
{
    const char *prompt = s->prompts.item[i].text;
    const struct tr_tokens *id = &s->prompts.item[i].id;
    struct tr_generate_args args = { .n = s->n, .text = keep, .ctx = s,
                                     .sampling = { .top_p = 1 } };
    struct tr_rng rng = tr_rng_init(0, 0);
    s->n_said = 0;
    int rc = tr_generate(s->gen, id->id, id->n, &args, &rng, err);
    if (rc)
        return rc;
    fprintf(s->file, "%lld\t", (long long)step);
    tr_print_escaped(s->file, prompt, strlen(prompt));
    fputc('\t', s->file);
    tr_print_escaped(s->file, s->said, s->n_said);
    fputc('\n', s->file);
    return 0;
}

void cmd_samples_take(struct cmd_samples *s, int64_t step)
{
    struct tr_err err = { 0 };
    for (size_t i = 0; s->file && !err.code && i < s->prompts.n; i++)
        if (take_one(s, i, step, &err)) {
            cmd_warn("no more samples after step %lld: %s", (long long)step, err.text);
            cmd_step_table_close(&s->file);
        }
    if (s->file)
        cmd_step_table_flush(&s->file, s->path);
}

void cmd_samples_close(struct cmd_samples *s)
{
    cmd_step_table_close(&s->file);
    tr_generator_free(s->gen);
    tr_tokenizer_free(s->tok);
    cmd_prompts_release(&s->prompts);
    free(s->said);
}
