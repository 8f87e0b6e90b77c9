/* SPDX-License-Identifier: MIT
 *
 * A vocabulary of SentencePiece in a tokenizer.json: it has lost its scores there, but has a
 * list of merges in their order.  A piece's score only decides which of two is merged first,
 * so minus the place of the first merge that makes it is as good as the one it had (llama.cpp's
 * converter gives all the same one, with which nothing is in order).  Where a GGUF too has
 * the list, scores have no effect, and are the converter's.
 */
#include <libtrain/hf/vocab_files.h>

#include <stdlib.h>
#include <string.h>

static int is_byte(struct tr_str s)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    return s.len == 6 && !memcmp(s.ptr, "<0x", 3) && s.ptr[5] == '>' &&
           s.ptr[3] && s.ptr[4] && strchr(hex, s.ptr[3]) && strchr(hex, s.ptr[4]);
}

/* What the merges make, in their order, each text once: minus their number. */
static int score_merges(struct tr__hf_pieces *p, struct tr_err *err)
{
    char *whole = NULL;
    size_t made = 0, longest = 0;
    for (size_t i = 0; i < p->text.n; i++)
        longest = p->text.s[i].len > longest ? p->text.s[i].len : longest;
    if (!(whole = malloc(2 * longest + 1)))
        return tr_err_sys(err, "cannot hold a token");
    for (size_t i = 0; i < p->n; i++)
        p->at[i].score = -1e6f; /* characters: nothing merges to them */
    for (size_t i = 0; i < p->n_merge; i++) {
        struct tr_str a = tr__strings_at(&p->text, p->merge[i].left);
        struct tr_str b = tr__strings_at(&p->text, p->merge[i].right);
        memcpy(whole, a.ptr, a.len);
        memcpy(whole + a.len, b.ptr, b.len);
        int64_t id = tr__hf_piece_id(p, whole, a.len + b.len);
        if (id >= 0 && p->at[id].score < -9e5f)
            p->at[id].score = -(float)made++;
    }
    free(whole);
    return 0;
}

/* 1 if a value of the settings names this text as a special token: NAME_token, or a list or
 * an object of more. */
static int has_role(const struct tr_json *settings, struct tr_str text)
{
    struct tr_json_each e = tr_json_each(settings);
    while (tr_json_next(&e)) {
        int role = e.n_key > 6 && !strcmp(e.key + e.n_key - 6, "_token");
        struct tr_str s = tr__hf_token_text(e.value);
        if (role && s.len == text.len && !memcmp(s.ptr, text.ptr, s.len))
            return 1;
        if (!strcmp(e.key, "extra_special_tokens") && has_role(e.value, text))
            return 1;
        for (size_t i = 0; strstr(e.key, "special_tokens") && i < tr_json_count(e.value); i++) {
            s = tr__hf_token_text(tr_json_at(e.value, i));
            if (s.len == text.len && s.len && !memcmp(s.ptr, text.ptr, s.len))
                return 1;
        }
    }
    return 0;
}

/* Gemma 4's: tokens that a template writes and a reader has to see. */
static int is_visible(struct tr_str s)
{
    static const char *const text[] = { "<|channel>", "<channel|>", "<|tool_call>",
                                        "<tool_call|>", "<|tool_response>",
                                        "<tool_response|>", "<|\"|>" };
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        if (tr_str_is(s, text[i]))
            return 1;
    return 0;
}

static uint8_t listed_type(const struct tr__hf_pieces *p, const struct tr__hf_vocab_files *f,
                           size_t id)
{
    struct tr_str s = tr__hf_piece_text(p, id);
    if (is_visible(s))
        return TR__HF_USER;
    if (p->at[id].added && has_role(f->settings, s))
        return TR__HF_CONTROL;
    return is_byte(s) ? TR__HF_BYTE : id >= p->n_base ? p->at[id].type : TR__HF_NORMAL;
}

static uint8_t scored_type(const struct tr__hf_pieces *p, const struct tr_json *unknown,
                           size_t id)
{
    struct tr_str s = tr__hf_piece_text(p, id);
    size_t n;
    const char *u = tr_json_string(unknown, &n);
    if (n == s.len && n && !memcmp(u, s.ptr, n))
        return TR__HF_UNKNOWN;
    return is_byte(s) ? TR__HF_BYTE : p->at[id].type;
}

int tr__hf_vocab_pieces_of_json(struct tr__hf_pieces *p, const struct tr__hf_vocab_files *f,
                                int by_list, struct tr_err *err)
{
    const struct tr_json *unknown =
        tr_json_get(tr_json_get(f->tokenizer, "model"), "unk_token");
    int rc = tr__hf_vocab_add(p, f, err);
    if (!rc && !by_list)
        rc = score_merges(p, err);
    for (size_t i = 0; i < p->n && !rc; i++) {
        if (!p->at[i].text_plus)
            continue;
        if (by_list || p->at[i].added)
            p->at[i].score = -1000;
        p->at[i].type = by_list ? listed_type(p, f, i) : scored_type(p, unknown, i);
    }
    return rc;
}

/* A normaliser puts U+2581 in front, or a pre-tokenizer does it. */
static int puts_mark(const struct tr_json *v)
{
    const char *type = tr_json_string(tr_json_get(v, "type"), NULL);
    const char *scheme = tr_json_string(tr_json_get(v, "prepend_scheme"), NULL);
    const struct tr_json *prefix = tr_json_get(v, "add_prefix_space");
    static const char *const lists[] = { "normalizers", "pretokenizers" };
    int is = !strcmp(type, "Prepend");
    if (!strcmp(type, "Metaspace"))
        is = prefix ? tr_json_bool(prefix) : strcmp(scheme, "never") != 0;
    for (int k = 0; k < 2; k++) {
        const struct tr_json *list = tr_json_get(v, lists[k]);
        for (size_t i = 0; i < tr_json_count(list); i++)
            is |= puts_mark(tr_json_at(list, i));
    }
    return is;
}

int tr__hf_puts_space(const struct tr__hf_vocab_files *f)
{
    return puts_mark(tr_json_get(f->tokenizer, "normalizer")) ||
           puts_mark(tr_json_get(f->tokenizer, "pre_tokenizer"));
}
