/* SPDX-License-Identifier: MIT
 *
 * Byte-level BPE: Radford et al. 2019.  Ids are the special tokens, the 256 bytes in the
 * order of the characters that stand for them, and the merges as they were learnt, as
 * Hugging Face's tokenizers number them.  Read next: merger.c.
 */
#include <libtrain/vocabulary/kind.h>

#include <stdlib.h>
#include <string.h>

enum { N_BYTE = 256, LETTERS = 0x144 };

static int is_letter(const char *special)
{
    char text[2];
    for (int b = 0; b < N_BYTE; b++) {
        size_t n = tr__spell((unsigned char)b, text);
        if (strlen(special) == n && !memcmp(special, text, n))
            return 1;
    }
    return 0;
}

/* A byte whose letter is a special token would have none in plain text. */
static int bpe_check(const struct tr_vocabulary *v, struct tr_err *err)
{
    for (size_t i = 0; i < v->args.n_special; i++)
        if (is_letter(v->args.special[i]))
            return tr_err_set(err, TR_EINVAL, "the special token '%s' is one of the 256 "
                              "letters that stand for bytes: no text with that byte would "
                              "have tokens", v->args.special[i]);
    return 0;
}

static int add_letters(struct tr_vocabulary *v, uint32_t *id, struct tr_err *err)
{
    int byte_of[LETTERS];
    char text[2];
    memset(byte_of, 0xff, sizeof byte_of);
    for (int b = 0; b < N_BYTE; b++)
        byte_of[tr__letter((unsigned char)b)] = b;
    for (int c = 0; c < LETTERS; c++) {
        if (byte_of[c] < 0)
            continue;
        size_t n = tr__spell((unsigned char)byte_of[c], text);
        if (tr__vocabulary_token(v, text, n, TR__TYPE_NORMAL, err))
            return -1;
        id[byte_of[c]] = (uint32_t)v->token.n - 1;
    }
    return 0;
}

static int add_words(struct tr__words *words, const struct tr__strings *from,
                     const uint32_t *id)
{
    for (size_t i = 0; i < from->n; i++) {
        struct tr_str s = tr__strings_at(from, i);
        for (size_t k = 0; k < s.len; k++)
            if (tr__words_symbol(words, k, id[(unsigned char)s.ptr[k]]))
                return -1;
        if (tr__words_add(words, s.len, from->s[i].count))
            return -1;
    }
    return 0;
}

/* Special tokens that come behind the merges. */
static int note_last(const struct tr_vocabulary *v, struct tr__strings *last,
                     struct tr_err *err)
{
    for (size_t i = 0; v->args.special_last && i < v->args.n_special; i++)
        if (tr__strings_put(last, v->args.special[i], strlen(v->args.special[i])) < 0)
            return tr_err_set(err, TR_ENOMEM, "out of memory for special tokens");
    return 0;
}

static int bpe_learn(struct tr_vocabulary *v, struct tr_err *err)
{
    uint32_t n_last = v->args.special_last ? (uint32_t)v->args.n_special : 0;
    struct tr__strings last = { 0 };
    struct tr__merge_limits limits = { v->args.size - n_last, v->args.min_frequency,
                                       UINT32_MAX, &last };
    struct tr__words words = { 0 };
    uint32_t id[N_BYTE];
    int rc = n_last ? note_last(v, &last, err) : tr__vocabulary_specials(v, err);
    if (!rc)
        rc = add_letters(v, id, err);
    if (!rc && add_words(&words, &v->word, id))
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for %zu words", v->word.n);
    tr__strings_release(&v->word);
    if (!rc)
        rc = tr__merge_words(&words, &limits, &v->token, &v->merges, &v->progress, err);
    for (size_t i = 0; i < v->token.n; i++)
        if (!v->token.s[i].count)
            v->token.s[i].count = TR__TYPE_NORMAL;
    tr__words_release(&words);
    tr__strings_release(&last);
    return rc || !n_last ? rc : tr__vocabulary_specials(v, err);
}

/* The texts of all merges, "LEFT RIGHT", in one buffer. */
static char *spell_merges(const struct tr_vocabulary *v, struct tr_str *to)
{
    size_t bytes = 1, used = 0;
    for (size_t i = 0; i < v->merges.n; i++)
        bytes += v->token.s[v->merges.pair[i][0]].len + 1u +
                 v->token.s[v->merges.pair[i][1]].len;
    char *text = malloc(bytes);
    for (size_t i = 0; text && i < v->merges.n; i++) {
        struct tr_str a = tr__strings_at(&v->token, v->merges.pair[i][0]);
        struct tr_str b = tr__strings_at(&v->token, v->merges.pair[i][1]);
        to[i] = (struct tr_str){ text + used, a.len + 1 + b.len };
        memcpy(text + used, a.ptr, a.len);
        text[used + a.len] = ' ';
        memcpy(text + used + a.len + 1, b.ptr, b.len);
        used += to[i].len;
    }
    return text;
}

static int bpe_write(const struct tr_vocabulary *v, struct tr_gguf_writer *w,
                     struct tr_err *err)
{
    struct tr_str *list = malloc((v->merges.n + 1) * sizeof *list);
    char *text = list ? spell_merges(v, list) : NULL;
    int rc = text ? 0 : tr_err_sys(err, "cannot write %zu merges", v->merges.n);
    if (!rc)
        tr_gguf_set_strings(w, "tokenizer.ggml.merges", list, v->merges.n);
    free(list);
    free(text);
    return rc;
}

static const char *const end_of_text[] = { "<|endoftext|>" };

const struct tr__vocabulary_kind tr__vocabulary_bpe = {
    .name = "bpe",
    .architecture = "gpt2",
    .model = "gpt2",
    .n_fixed = N_BYTE,
    .alone = end_of_text,
    .check = bpe_check,
    .learn = bpe_learn,
    .write = bpe_write,
};
