/* SPDX-License-Identifier: MIT
 *
 * tokenizer.json (https://github.com/huggingface/tokenizers): what all kinds have, around
 * what a kind says of itself.
 */
#include <libtrain/hf/vocab_out.h>

#include <stdio.h>

static void added_token(const struct tr__hf_vocab_out *o, size_t id)
{
    static const char *const truth[] = { "false", "true" };
    int strip = tr__tokenizer_strips(o->t, (uint32_t)id);
    fprintf(o->f, "\n    {\"id\": %zu, \"content\": ", id);
    tr__hf_out_string(o->f, o->token[id]);
    fprintf(o->f, ", \"single_word\": false, \"lstrip\": %s, \"rstrip\": %s, "
            "\"normalized\": false, \"special\": %s}", truth[strip & 1],
            truth[strip >> 1 & 1], truth[o->type[id] != TR__HF_OUT_USER]);
}

static void added_tokens(const struct tr__hf_vocab_out *o)
{
    const char *between = "";
    fputs("  \"added_tokens\": [", o->f);
    for (size_t i = 0; i < o->n; i++)
        if (o->added[i]) {
            fputs(between, o->f);
            added_token(o, i);
            between = ",";
        }
    fputs("\n  ],\n", o->f);
}

static void entry(const struct tr__hf_vocab_out *o, const char *name,
                  void (*value)(const struct tr__hf_vocab_out *o))
{
    fprintf(o->f, "  \"%s\": ", name);
    if (value)
        value(o);
    else
        fputs("null", o->f);
    fputs(",\n", o->f);
}

int tr__hf_out_json(const struct tr__hf_vocab_out *o, const struct tr__hf_vocab_form *form,
                    struct tr_err *err)
{
    fputs("{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n",
          o->f);
    added_tokens(o);
    entry(o, "normalizer", form->normalizer);
    entry(o, "pre_tokenizer", form->words);
    entry(o, "post_processor", tr__hf_out_around);
    entry(o, "decoder", form->decoder);
    fputs("  \"model\": {", o->f);
    int rc = form->entries(o, err);
    fputs("}\n}\n", o->f);
    return rc;
}
