/* SPDX-License-Identifier: MIT
 *
 * Pieces of the files of a tokenizer.  They are written as they go, since a vocabulary as
 * values of JSON would take ten times its size; what may fail is asked of the stream when
 * the file is complete.  Read next: vocab_out_json.c.
 */
#include <libtrain/hf/vocab_out.h>

#include <libtrain/base/base.h>
#include <libtrain/json.h>

#include <stdio.h>

void tr__hf_out_string(FILE *f, struct tr_str s)
{
    char text[16];
    putc('"', f);
    for (size_t at = 0, len; at < s.len; at += len) {
        len = tr__utf8_len(s.ptr + at, s.len - at);
        size_t n = len ? tr_json_escape(tr__utf8_code(s.ptr + at, len), 0, text) : 0;
        if (n)
            fwrite(text, 1, n, f);
        else
            fwrite(s.ptr + at, 1, len ? len : (len = 1), f);
    }
    putc('"', f);
}

void tr__hf_out_vocab(const struct tr__hf_vocab_out *o, const char *line)
{
    const char *between = "";
    putc('{', o->f);
    for (size_t i = 0; i < o->n_listed; i++) {
        if (!o->type[i])
            continue;
        fprintf(o->f, "%s%s", between, line);
        tr__hf_out_string(o->f, o->token[i]);
        fprintf(o->f, ": %zu", i);
        between = ",";
    }
    putc('}', o->f);
}

struct tr_str tr__hf_out_role(const struct tr__hf_vocab_out *o, const char *role,
                              int64_t *id)
{
    char key[64];
    snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", role);
    int found = tr_gguf_int(o->g, key, id, NULL);
    if (found != 1 || *id < 0 || (size_t)*id >= o->n || !o->type[*id])
        return (struct tr_str){ 0 };
    return o->token[*id];
}

/* ---- what is put around a text ---------------------------------------------------- */

static void around_item(FILE *f, struct tr_str s, int type)
{
    fputs("{\"SpecialToken\": {\"id\": ", f);
    tr__hf_out_string(f, s);
    fprintf(f, ", \"type_id\": %d}}", type);
}

/* One text, or two after each other. */
static void around_text(const struct tr__hf_vocab_out *o, struct tr_str bos,
                        struct tr_str eos, int n)
{
    if (bos.ptr) {
        around_item(o->f, bos, 0);
        fputs(", ", o->f);
    }
    for (int i = 0; i < n; i++)
        fprintf(o->f, "%s{\"Sequence\": {\"id\": \"%c\", \"type_id\": %d}}", i ? ", " : "",
                "AB"[i], i);
    if (eos.ptr) {
        fputs(", ", o->f);
        around_item(o->f, eos, n - 1);
    }
}

static void around_ids(FILE *f, struct tr_str s, int32_t id, const char *between)
{
    if (!s.ptr)
        return;
    fputs(between, f);
    tr__hf_out_string(f, s);
    fputs(": {\"id\": ", f);
    tr__hf_out_string(f, s);
    fprintf(f, ", \"ids\": [%d], \"tokens\": [", (int)id);
    tr__hf_out_string(f, s);
    fputs("]}", f);
}

void tr__hf_out_around(const struct tr__hf_vocab_out *o)
{
    int32_t b = tr_tokenizer_add_bos(o->t) ? tr_tokenizer_bos(o->t) : -1;
    int32_t e = tr_tokenizer_add_eos(o->t) ? tr_tokenizer_eos(o->t) : -1;
    struct tr_str bos = { 0 }, eos = { 0 };
    if (b >= 0)
        bos = o->token[b];
    if (e >= 0)
        eos = o->token[e];
    if (b < 0 && e < 0) {
        fputs("null", o->f);
        return;
    }
    fputs("{\"type\": \"TemplateProcessing\", \"single\": [", o->f);
    around_text(o, bos, eos, 1);
    fputs("], \"pair\": [", o->f);
    around_text(o, bos, eos, 2);
    fputs("], \"special_tokens\": {", o->f);
    around_ids(o->f, bos, b, "");
    if (b != e)
        around_ids(o->f, eos, e, b >= 0 ? ", " : "");
    fputs("}}", o->f);
}
