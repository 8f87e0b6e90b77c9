/* SPDX-License-Identifier: MIT
 *
 * tokenizer_config.json and special_tokens_map.json: which token has which role, and chat
 * templates where there are several.
 */
#include <libtrain/hf/vocab_out.h>

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *key; /* NAME_token there, tokenizer.ggml.KEY_token_id here */
} roles[] = {
    { "bos", "bos" }, { "eos", "eos" },     { "unk", "unknown" }, { "sep", "seperator" },
    { "pad", "padding" }, { "cls", "cls" }, { "mask", "mask" },
};

/* NAME_token entries; 1 if there were any. */
static int write_roles(const struct tr__hf_vocab_out *o, const char *between)
{
    int n = 0;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        int64_t id;
        struct tr_str s = tr__hf_out_role(o, roles[i].key, &id);
        if (!s.ptr)
            continue;
        fprintf(o->f, "%s\n  \"%s_token\": ", n++ ? "," : between, roles[i].name);
        tr__hf_out_string(o->f, s);
    }
    return n != 0;
}

void tr__hf_out_special(const struct tr__hf_vocab_out *o)
{
    putc('{', o->f);
    fputs(write_roles(o, "") ? "\n}\n" : "}\n", o->f);
}

/* What the file says of BOS and EOS, where it says something. */
static int write_around(const struct tr__hf_vocab_out *o, struct tr_err *err)
{
    static const char *const name[] = { "add_bos_token", "add_eos_token" };
    for (int i = 0; i < 2; i++) {
        char key[64];
        int add;
        snprintf(key, sizeof key, "tokenizer.ggml.%s", name[i]);
        int found = tr_gguf_bool(o->g, key, &add, err);
        if (found < 0)
            return found;
        if (found)
            fprintf(o->f, ",\n  \"%s\": %s", name[i], add ? "true" : "false");
    }
    return 0;
}

static int write_template(const struct tr__hf_vocab_out *o, struct tr_str name,
                          const char *key, const char *between, struct tr_err *err)
{
    struct tr_str s;
    int found = tr_gguf_string(o->g, key, &s, err);
    if (found != 1)
        return found;
    fprintf(o->f, "%s\n    {\"name\": ", between);
    tr__hf_out_string(o->f, name);
    fputs(", \"template\": ", o->f);
    tr__hf_out_string(o->f, s);
    putc('}', o->f);
    return 1;
}

/* All of them, where there are several: one alone is a file of its own. */
static int write_templates(const struct tr__hf_vocab_out *o, struct tr_err *err)
{
    const struct tr_gguf_kv *kv;
    uint64_t cursor = 0;
    int rc = tr_gguf_array(o->g, "tokenizer.chat_templates", TR_GGUF_STRING, &kv, err);
    if (rc <= 0)
        return rc;
    fputs(",\n  \"chat_template\": [", o->f);
    rc = write_template(o, (struct tr_str){ "default", 7 }, "tokenizer.chat_template", "",
                        err);
    for (uint64_t i = 0, n = rc == 1; i < kv->count && rc >= 0; i++) {
        char key[128];
        struct tr_str s = tr_gguf_elem_string(kv, &cursor);
        if (s.len > 64)
            continue;
        snprintf(key, sizeof key, "tokenizer.chat_template.%.*s", (int)s.len, s.ptr);
        rc = write_template(o, s, key, n ? "," : "", err);
        n += rc == 1;
    }
    fputs("\n  ]", o->f);
    return rc < 0 ? rc : 0;
}

/* Beside a tokenizer.model, where a token that a user may write would be a piece like any. */
static void write_added(const struct tr__hf_vocab_out *o)
{
    const char *between = "";
    fputs(",\n  \"added_tokens_decoder\": {", o->f);
    for (size_t i = 0; i < o->n; i++) {
        if (o->type[i] != TR__HF_OUT_USER)
            continue;
        fprintf(o->f, "%s\n    \"%zu\": {\"content\": ", between, i);
        tr__hf_out_string(o->f, o->token[i]);
        fputs(", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
              "\"normalized\": false, \"special\": false}", o->f);
        between = ",";
    }
    fputs(*between ? "\n  }" : "}", o->f);
}

/* Control tokens, of a kind where only those that the settings name are some. */
static void write_control(const struct tr__hf_vocab_out *o)
{
    const char *between = "";
    fputs(",\n  \"additional_special_tokens\": [", o->f);
    for (size_t i = 0; i < o->n; i++) {
        if (o->type[i] != TR__HF_OUT_CONTROL)
            continue;
        fputs(between, o->f);
        tr__hf_out_string(o->f, o->token[i]);
        between = ", ";
    }
    putc(']', o->f);
}

/* The tokenizer.json says all there is to know: transformers is to load it as it is. */
int tr__hf_out_settings(const struct tr__hf_vocab_out *o,
                        const struct tr__hf_vocab_form *form, struct tr_err *err)
{
    fputs("{\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\",\n"
          "  \"clean_up_tokenization_spaces\": false", o->f);
    write_roles(o, ",");
    if (form->pieces)
        write_added(o);
    if (form->names_control)
        write_control(o);
    int rc = write_around(o, err);
    if (!rc)
        rc = write_templates(o, err);
    if (o->read)
        tr__hf_out_own(o->f, o->g, o->read);
    fputs("\n}\n", o->f);
    return rc;
}
