/* SPDX-License-Identifier: MIT
 *
 * SentencePiece's merging by scores, and Gemma 4's by a list, in a tokenizer.json: a BPE over
 * characters whose bytes are the way out.  There merges are a list in any case, so of scores
 * every way to make a piece of two is listed, the pieces with the best scores first, as
 * transformers does it.  The scores themselves are in tokenizer.model.
 */
#include <libtrain/hf/vocab_out.h>
#include <libtrain/hf/vocab_sentencepiece.h>

#include <libtrain/base/base.h>
#include <libtrain/vocabulary/vocabulary.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "\xe2\x96\x81" /* U+2581 */

struct way { /* to make a piece */
    float score;
    uint32_t left, right, order;
};

struct ways {
    struct way *at;
    size_t n, cap;
    struct tr__strings token; /* `count`: id + 1 */
};

static int puts_space(const struct tr__hf_vocab_out *o)
{
    int puts = 1;
    return tr_gguf_bool(o->g, "tokenizer.ggml.add_space_prefix", &puts, NULL) < 0 || puts;
}

static float score(const struct tr__hf_vocab_out *o, size_t id)
{
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(o->g, "tokenizer.ggml.scores");
    return kv && id < kv->count ? (float)tr_gguf_elem_float(kv, id) : 0;
}

static int is_piece(const struct tr__hf_vocab_out *o, size_t id)
{
    return o->type[id] == 1 && !o->added[id] && o->token[id].len;
}

static int best_first(const void *a, const void *b)
{
    const struct way *x = a, *y = b;
    if (x->score < y->score || x->score > y->score)
        return x->score < y->score ? 1 : -1;
    return (x->order > y->order) - (x->order < y->order);
}

static int add_ways(const struct tr__hf_vocab_out *o, size_t id, struct ways *w)
{
    struct tr_str s = o->token[id];
    for (size_t at = tr__utf8_len(s.ptr, s.len); at < s.len;
         at += tr__utf8_len(s.ptr + at, s.len - at)) {
        int64_t l = tr__strings_find(&w->token, s.ptr, at);
        int64_t r = tr__strings_find(&w->token, s.ptr + at, s.len - at);
        if (l < 0 || r < 0)
            continue;
        if (w->n >= UINT32_MAX || tr__grow(&w->at, &w->cap, w->n + 1, sizeof *w->at))
            return -1;
        w->at[w->n] = (struct way){ score(o, id), (uint32_t)w->token.s[l].count - 1,
                                    (uint32_t)w->token.s[r].count - 1, (uint32_t)w->n };
        w->n++;
    }
    return 0;
}

static int find_ways(const struct tr__hf_vocab_out *o, struct ways *w)
{
    int rc = 0;
    for (size_t i = 0; i < o->n && !rc; i++) {
        int64_t k = is_piece(o, i) ? tr__strings_put(&w->token, o->token[i].ptr,
                                                     o->token[i].len) : 0;
        rc = k < 0 ? -1 : 0;
        if (!rc && is_piece(o, i))
            w->token.s[k].count = i + 1;
    }
    for (size_t i = 0; i < o->n && !rc; i++)
        rc = is_piece(o, i) ? add_ways(o, i, w) : 0;
    if (w->n)
        qsort(w->at, w->n, sizeof *w->at, best_first);
    return rc;
}

static int scored_pairs(const struct tr__hf_vocab_out *o, struct tr_err *err)
{
    struct ways w = { 0 };
    int rc = find_ways(o, &w);
    for (size_t i = 0; i < w.n && !rc; i++) {
        fputs(i ? ",\n      [" : "\n      [", o->f);
        tr__hf_out_string(o->f, o->token[w.at[i].left]);
        fputs(", ", o->f);
        tr__hf_out_string(o->f, o->token[w.at[i].right]);
        putc(']', o->f);
    }
    tr__strings_release(&w.token);
    free(w.at);
    return rc ? tr_err_set(err, TR_ENOMEM, "out of memory for merges") : 0;
}

/* ---- values ----------------------------------------------------------------------- */

static void normalizer(const struct tr__hf_vocab_out *o)
{
    fputs("{\"type\": \"Sequence\", \"normalizers\": [", o->f);
    if (puts_space(o))
        fputs("{\"type\": \"Prepend\", \"prepend\": \"" MARK "\"}, ", o->f);
    fputs("{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, "
          "\"content\": \"" MARK "\"}]}", o->f);
}

static void decoder(const struct tr__hf_vocab_out *o)
{
    fputs("{\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", "
          "\"pattern\": {\"String\": \"" MARK "\"}, \"content\": \" \"}, "
          "{\"type\": \"ByteFallback\"}, {\"type\": \"Fuse\"}", o->f);
    if (puts_space(o))
        fputs(", {\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}",
              o->f);
    fputs("]}", o->f);
}

static int entries(const struct tr__hf_vocab_out *o, struct tr_err *err,
                   int (*pairs)(const struct tr__hf_vocab_out *o, struct tr_err *err))
{
    int64_t id;
    struct tr_str unk = tr__hf_out_role(o, "unknown", &id);
    fputs("\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": ", o->f);
    if (unk.ptr)
        tr__hf_out_string(o->f, unk);
    else
        fputs("null", o->f);
    fputs(",\n    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n"
          "    \"fuse_unk\": true,\n    \"byte_fallback\": true,\n"
          "    \"ignore_merges\": false,\n    \"vocab\": ", o->f);
    tr__hf_out_vocab(o, "\n      ");
    fputs(",\n    \"merges\": [", o->f);
    int rc = pairs(o, err);
    fputs("\n    ]\n  ", o->f);
    return rc;
}

static int scored_entries(const struct tr__hf_vocab_out *o, struct tr_err *err)
{
    return entries(o, err, scored_pairs);
}

static int listed_entries(const struct tr__hf_vocab_out *o, struct tr_err *err)
{
    return entries(o, err, tr__hf_out_pairs);
}

/* ---- tokenizer.model -------------------------------------------------------------- */

static int pieces(const struct tr__hf_vocab_out *o, struct tr_err *err)
{
    struct tr__hf_sentencepiece s = { TR__HF_SPM_BPE, !puts_space(o) };
    (void)err;
    for (size_t i = 0; i < o->n; i++)
        if (o->type[i])
            tr__hf_sentencepiece_piece(o->f, o->token[i], score(o, i), o->type[i]);
    tr__hf_sentencepiece_end(o->f, &s);
    return 0;
}

const struct tr__hf_vocab_form tr__hf_vocab_form_llama = {
    .model = "llama",
    .normalizer = normalizer,
    .decoder = decoder,
    .entries = scored_entries,
    .pieces = pieces,
};

const struct tr__hf_vocab_form tr__hf_vocab_form_gemma4 = {
    .model = "gemma4",
    .normalizer = normalizer,
    .decoder = decoder,
    .entries = listed_entries,
    .names_control = 1,
};
