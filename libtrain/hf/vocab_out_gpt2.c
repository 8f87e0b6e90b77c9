/* SPDX-License-Identifier: MIT
 *
 * Byte-level BPE as a tokenizer.json has it: the pattern of words by its published
 * expressions, tokens in GPT-2's alphabet, merges as pairs.
 */
#include <libtrain/hf/vocab_out.h>

#include <stdio.h>
#include <string.h>

static const struct tr__pretok *pretok(const struct tr__hf_vocab_out *o)
{
    struct tr_str s = { "default", 7 };
    if (tr_gguf_string(o->g, "tokenizer.ggml.pre", &s, NULL) < 0)
        return NULL;
    return tr__pretok_find(s);
}

static int check(struct tr__hf_vocab_out *o, struct tr_err *err)
{
    const struct tr__pretok *p = pretok(o);
    int rc = p ? tr__hf_words_of(&o->words, p->pattern) : 0;
    return rc == 1 ? 0 : rc < 0 ? tr_err_set(err, TR_ENOMEM, "out of memory for words") :
           tr_err_set(err, TR_EUNSUPPORTED, "'%s': how the pre-tokenizer '%s' cuts words "
                      "has no form in tokenizer.json here", tr_gguf_path(o->g),
                      p ? p->name : "?");
}

static void split(FILE *f, const char *regex)
{
    fputs("{\"type\": \"Split\", \"pattern\": {\"Regex\": ", f);
    tr__hf_out_string(f, (struct tr_str){ regex, strlen(regex) });
    fputs("}, \"behavior\": \"Isolated\", \"invert\": false}, ", f);
}

static void words(const struct tr__hf_vocab_out *o)
{
    int own = pretok(o)->pattern == &tr__pattern_gpt2; /* which ByteLevel has by itself */
    fputs(own ? "" : "{\"type\": \"Sequence\", \"pretokenizers\": [", o->f);
    for (size_t i = 0; !own && i < o->words.n; i++)
        if (o->words.step[i].regex)
            split(o->f, o->words.step[i].regex);
    fprintf(o->f, "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
            "\"trim_offsets\": true, \"use_regex\": %s}%s", own ? "true" : "false",
            own ? "" : "]}");
}

static void decoder(const struct tr__hf_vocab_out *o)
{
    fputs("{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": true, "
          "\"use_regex\": true}", o->f);
}

static int entries(const struct tr__hf_vocab_out *o, struct tr_err *err)
{
    fprintf(o->f, "\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null,\n"
            "    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n"
            "    \"fuse_unk\": false,\n    \"byte_fallback\": false,\n"
            "    \"ignore_merges\": %s,\n    \"vocab\": ",
            pretok(o)->flags & TR__PRE_WHOLE ? "true" : "false");
    tr__hf_out_vocab(o, "\n      ");
    fputs(",\n    \"merges\": [", o->f);
    int rc = tr__hf_out_pairs(o, err);
    fputs("\n    ]\n  ", o->f);
    return rc;
}

const struct tr__hf_vocab_form tr__hf_vocab_form_gpt2 = {
    .model = "gpt2",
    .check = check,
    .words = words,
    .decoder = decoder,
    .entries = entries,
    .lists = 1,
};
