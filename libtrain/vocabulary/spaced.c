/* SPDX-License-Identifier: MIT
 *
 * Characters as tokens, for vocabularies in SentencePiece's manner (Kudo and Richardson
 * 2018).  Rare characters have none, or there would be thousands that come once: their
 * bytes are tokens, or they are unknown.  Read next: spm.c, unigram.c.
 */
#include <libtrain/vocabulary/spaced.h>

#include <libtrain/base/base.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_CODE = 0x110000, SPACE_MARK = 0x2581 };

static const struct tr__pattern pattern = {
    .word = "\\n|[ ]+(?=[ ])|[ ]?[\\p{L}\\p{M}]++|[ ]?[^ \\n\\p{L}\\p{M}]++|[ ]",
    .cut = "\\n",
};
const struct tr__pretok tr__spaced_words = { "words of SentencePiece", &pattern, 0 };

const char *const tr__spaced_fixed[] = { "<unk>", "<s>", "</s>", NULL };

/* ---- which characters --------------------------------------------------------------- */

struct character {
    uint64_t count;
    uint32_t code;
};

static int by_count(const void *x, const void *y)
{
    const struct character *a = x, *b = y;
    return a->count != b->count ? (a->count < b->count ? 1 : -1)
         : a->code != b->code   ? (a->code < b->code ? -1 : 1) : 0;
}

/* Of the mark for a space and of bytes that are no character none is made a token. */
static void count_characters(const struct tr__strings *word, struct character *all)
{
    for (uint32_t i = 0; i < N_CODE; i++)
        all[i] = (struct character){ 0, i };
    for (size_t i = 0; i < word->n; i++) {
        struct tr_str s = tr__strings_at(word, i);
        for (size_t at = 0, n; at < s.len; at += n ? n : 1) {
            n = tr__utf8_len(s.ptr + at, s.len - at);
            uint32_t code = n ? tr__utf8_code(s.ptr + at, n) : SPACE_MARK;
            all[code].count += code != SPACE_MARK ? word->s[i].count : 0;
        }
    }
    all[' '].count += !all[' '].count; /* there is one whatever the text holds */
}

/* The first of the sorted list that together are so much of the text. */
static size_t n_covering(const struct character *all, double coverage)
{
    double total = 0, sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < N_CODE; i++)
        total += (double)all[i].count;
    while (n < N_CODE && all[n].count && (sum < coverage * total))
        sum += (double)all[n++].count;
    return n;
}

static size_t utf8(uint32_t c, char *to)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3f));
    to[0] = (char)(0xf0u << (4 - n) | c);
    return n;
}

static int add_characters(struct tr_vocabulary *v, const struct character *all, size_t n,
                          struct tr__characters *c, struct tr_err *err)
{
    char text[4];
    for (size_t i = 0; i < n; i++) {
        size_t len = utf8(all[i].code == ' ' ? SPACE_MARK : all[i].code, text);
        if (tr__strings_find(&v->token, text, len) >= 0)
            continue; /* a special token, which is in no word */
        if (tr__vocabulary_token(v, text, len, TR__TYPE_NORMAL, err))
            return -1;
        c->id_plus[all[i].code] = (uint32_t)v->token.n;
    }
    return 0;
}

static int choose_characters(struct tr_vocabulary *v, struct tr__characters *c,
                             struct tr_err *err)
{
    struct character *all = malloc(N_CODE * sizeof *all);
    c->id_plus = calloc(N_CODE, sizeof *c->id_plus);
    int rc = all && c->id_plus ? 0 : tr_err_sys(err, "cannot count characters");
    if (!rc) {
        count_characters(&v->word, all);
        qsort(all, N_CODE, sizeof *all, by_count);
        size_t n = n_covering(all, v->args.coverage > 0 ? v->args.coverage : 0.9995);
        rc = add_characters(v, all, n, c, err);
        if (!rc && v->token.n > v->args.size)
            rc = tr_err_set(err, TR_EINVAL, "a vocabulary of %u tokens has no room for the "
                            "%zu most frequent characters of the text beside %zu others",
                            v->args.size, n, v->token.n - n);
    }
    free(all);
    return rc;
}

int tr__spaced_begin(struct tr_vocabulary *v, int bytes, struct tr__characters *c,
                     struct tr_err *err)
{
    char text[8];
    int rc = tr__vocabulary_specials(v, err);
    if (!rc)
        v->token.s[0].count = TR__TYPE_UNKNOWN;
    for (int b = 0; bytes && b < 256 && !rc; b++) {
        snprintf(text, sizeof text, "<0x%02X>", (unsigned)b);
        rc = tr__vocabulary_token(v, text, 6, TR__TYPE_BYTE, err);
    }
    return rc ? rc : choose_characters(v, c, err);
}

void tr__characters_release(struct tr__characters *c)
{
    free(c->id_plus);
    c->id_plus = NULL;
}

/* ---- words -------------------------------------------------------------------------- */

static uint32_t next_id(const struct tr__characters *c, struct tr_str s, size_t *at)
{
    size_t n = tr__utf8_len(s.ptr + *at, s.len - *at);
    uint32_t id_plus = n ? c->id_plus[tr__utf8_code(s.ptr + *at, n)] : 0;
    *at += n ? n : 1;
    return id_plus;
}

static int add_word(struct tr__words *words, const struct tr__characters *c,
                    struct tr_str s, uint64_t count)
{
    size_t n = 0;
    for (size_t at = 0; at < s.len;) {
        uint32_t id_plus = next_id(c, s, &at);
        if (id_plus && tr__words_symbol(words, n, id_plus - 1))
            return -1;
        if (!id_plus && n && tr__words_add(words, n, count))
            return -1;
        n = id_plus ? n + 1 : 0;
    }
    return n ? tr__words_add(words, n, count) : 0;
}

int tr__spaced_words_of(const struct tr_vocabulary *v, const struct tr__characters *c,
                        struct tr__words *words, struct tr_err *err)
{
    for (size_t i = 0; i < v->word.n; i++)
        if (add_word(words, c, tr__strings_at(&v->word, i), v->word.s[i].count))
            return tr_err_set(err, TR_ENOMEM, "out of memory for %zu words", v->word.n);
    return 0;
}

/* ---- the file ----------------------------------------------------------------------- */

int tr__spaced_write(const struct tr_vocabulary *v, struct tr_gguf_writer *w,
                     struct tr_err *err)
{
    (void)err;
    tr_gguf_set_array(w, "tokenizer.ggml.scores", TR_GGUF_F32, v->score, v->token.n);
    tr_gguf_set_u32(w, "tokenizer.ggml.unknown_token_id", 0);
    tr_gguf_set_bool(w, "tokenizer.ggml.add_space_prefix", 1);
    tr_gguf_set_bool(w, "tokenizer.ggml.remove_extra_whitespaces", 0);
    return 0;
}
