/* SPDX-License-Identifier: MIT
 *
 * Tokens that are found in a text before it is cut into words: tokenizer.json lists them,
 * tokenizer_config.json and added_tokens.json may name more, which a folder has instead of
 * the first or beside it.  What one file says of a token another cannot change: the first
 * in this order counts, as in transformers.  Read next: vocab_special.c.
 */
#include <libtrain/hf/vocab_files.h>

#include <stdlib.h>
#include <string.h>

static const char mark[] = "\xe2\x96\x81"; /* U+2581, SentencePiece's space */

/* What a GGUF calls a token that a user may write: with spaces where the vocabulary has
 * marks. */
static int spell_spaces(struct tr__hf_pieces *p, size_t id, struct tr_err *err)
{
    struct tr_str s = tr__hf_piece_text(p, id);
    size_t n = 0;
    char *to = malloc(s.len + 1);
    if (!to)
        return tr_err_sys(err, "cannot hold a token");
    for (size_t i = 0; i < s.len; n++) {
        int is = s.len - i >= 3 && !memcmp(s.ptr + i, mark, 3);
        to[n] = is ? ' ' : s.ptr[i];
        i += is ? 3 : 1;
    }
    int64_t number = n < s.len ? tr__strings_put(&p->text, to, n) : 0;
    if (n < s.len)
        p->at[id].is_text = (uint32_t)number + 1;
    free(to);
    return number < 0 ? tr_err_set(err, TR_ENOMEM, "out of memory for a vocabulary") : 0;
}

enum { TOLD = 1, UNTOLD = 2 }; /* whether it is known if it is a control token */

/* Token `id` is this text, if another file has not said what it is. */
static int add(struct tr__hf_pieces *p, struct tr_str text, int64_t id, int special,
               int strip, struct tr_err *err)
{
    int64_t had = tr__hf_piece_id(p, text.ptr, text.len);
    if (had >= 0 && (p->at[had].added == TOLD || (p->at[had].added && !special)))
        return 0;
    if (had >= 0 && id >= 0 && had != id)
        return tr_err_set(err, TR_EFORMAT, "the added token '%.*s' has the id %lld, in the "
                          "vocabulary it is %lld", text.len > 60 ? 60 : (int)text.len,
                          text.ptr, (long long)id, (long long)had);
    id = had >= 0 ? had : id;
    int rc = tr__hf_piece_put(p, text.ptr, text.len, id, err);
    if (rc)
        return rc;
    struct tr__hf_piece *to = &p->at[id];
    to->added = TOLD;
    to->strip = (uint8_t)strip;
    to->type = special || tr__hf_looks_special(text) ? TR__HF_CONTROL : TR__HF_USER;
    return to->type == TR__HF_USER ? spell_spaces(p, (size_t)id, err) : 0;
}

static int add_object(struct tr__hf_pieces *p, const struct tr_json *v, int64_t id,
                      struct tr_err *err)
{
    struct tr_str s = tr__hf_token_text(v);
    if (!s.len)
        return tr_err_set(err, TR_EFORMAT, "the added token %lld has no text",
                          (long long)id);
    return add(p, s, id, tr_json_bool(tr_json_get(v, "special")),
               (tr_json_bool(tr_json_get(v, "lstrip")) ? 1 : 0) |
               (tr_json_bool(tr_json_get(v, "rstrip")) ? 2 : 0), err);
}

/* added_tokens of tokenizer.json: objects with an id. */
static int add_list(struct tr__hf_pieces *p, const struct tr_json *list, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < tr_json_count(list) && !rc; i++) {
        const struct tr_json *v = tr_json_at(list, i), *id = tr_json_get(v, "id");
        if (tr_json_kind(id) != TR_JSON_INT || tr_json_is_big(id))
            rc = tr_err_set(err, TR_EFORMAT, "entry %zu of 'added_tokens' has no id", i);
        else
            rc = add_object(p, v, tr_json_int(id), err);
    }
    return rc;
}

/* added_tokens_decoder of tokenizer_config.json: objects by id. */
static int add_decoder(struct tr__hf_pieces *p, const struct tr_json *v, struct tr_err *err)
{
    struct tr_json_each e = tr_json_each(v);
    int rc = 0;
    while (!rc && tr_json_next(&e)) {
        char *end;
        long long id = strtoll(e.key, &end, 10);
        if (!e.n_key || *end || e.n_key > 18)
            rc = tr_err_set(err, TR_EFORMAT, "'%.60s' of 'added_tokens_decoder' is no id",
                            e.key);
        else
            rc = add_object(p, e.value, id, err);
    }
    return rc;
}

static int add_id(struct tr__hf_pieces *p, struct tr_str text, int64_t id,
                  struct tr_err *err)
{
    int64_t had = tr__hf_piece_id(p, text.ptr, text.len);
    int fresh = had < 0 || !p->at[had].added;
    int rc = add(p, text, id, 0, 0, err);
    if (!rc && fresh)
        p->at[id].added = UNTOLD;
    return rc;
}

/* added_tokens.json: ids by text. */
static int each_id(struct tr__hf_pieces *p, const struct tr_json *v,
                   int (*f)(struct tr__hf_pieces *p, struct tr_str text, int64_t id,
                            struct tr_err *err), struct tr_err *err)
{
    struct tr_json_each e = tr_json_each(v);
    int rc = 0;
    while (!rc && tr_json_next(&e)) {
        if (tr_json_kind(e.value) != TR_JSON_INT || tr_json_is_big(e.value))
            rc = tr_err_set(err, TR_EFORMAT, "the id of '%.60s' is no integer", e.key);
        else
            rc = f(p, (struct tr_str){ e.key, e.n_key }, tr_json_int(e.value), err);
    }
    return rc;
}

static int add_ids(struct tr__hf_pieces *p, const struct tr_json *v, struct tr_err *err)
{
    return each_id(p, v, add_id, err);
}

/* Tokens that have a role are control tokens if the vocabulary has them. */
static int add_roles(struct tr__hf_pieces *p, const struct tr_json *v, struct tr_err *err)
{
    static const char *const role[] = { "bos_token", "eos_token", "unk_token", "sep_token",
                                        "pad_token", "cls_token", "mask_token" };
    int rc = 0;
    for (size_t i = 0; i < sizeof role / sizeof *role && !rc; i++) {
        struct tr_str s = tr__hf_token_text(tr_json_get(v, role[i]));
        if (s.len && tr__hf_piece_id(p, s.ptr, s.len) >= 0)
            rc = add(p, s, -1, 1, 0, err);
    }
    return rc;
}

/* ---- beside SentencePiece --------------------------------------------------------- */

/* An added token in the place of whatever had its id; score: so that nothing merges to it. */
static int replace(struct tr__hf_pieces *p, struct tr_str text, int64_t id, int special,
                   struct tr_err *err)
{
    int64_t had = tr__hf_piece_id(p, text.ptr, text.len);
    if (had >= 0 && had != id)
        return tr_err_set(err, TR_EFORMAT, "the added token '%.*s' has the id %lld, in the "
                          "vocabulary it is %lld", text.len > 60 ? 60 : (int)text.len,
                          text.ptr, (long long)id, (long long)had);
    if (had < 0 && id >= 0 && (size_t)id < p->n)
        tr__hf_piece_drop(p, (size_t)id);
    int rc = tr__hf_piece_put(p, text.ptr, text.len, id, err);
    if (rc)
        return rc;
    p->at[id].added = TOLD;
    p->at[id].score = -1000;
    p->at[id].is_text = 0;
    p->at[id].type = special ? TR__HF_CONTROL : TR__HF_USER;
    return special ? 0 : spell_spaces(p, (size_t)id, err);
}

static int replace_id(struct tr__hf_pieces *p, struct tr_str text, int64_t id,
                      struct tr_err *err)
{
    return replace(p, text, id, 0, err);
}

static int replace_by_id(struct tr__hf_pieces *p, const struct tr_json *v,
                         struct tr_err *err)
{
    struct tr_json_each e = tr_json_each(v);
    int rc = 0;
    while (!rc && tr_json_next(&e)) {
        char *end;
        long long id = strtoll(e.key, &end, 10);
        struct tr_str s = tr__hf_token_text(e.value);
        if (!e.n_key || *end || e.n_key > 18 || !s.len)
            rc = tr_err_set(err, TR_EFORMAT, "'%.60s' of 'added_tokens_decoder' is no id of "
                            "a token", e.key);
        else
            rc = replace(p, s, id, tr_json_bool(tr_json_get(e.value, "special")) ||
                         tr__hf_looks_special(s), err);
    }
    return rc;
}

int tr__hf_vocab_add_pieces(struct tr__hf_pieces *p, const struct tr__hf_vocab_files *f,
                            struct tr_err *err)
{
    const char *name = "added_tokens.json";
    int rc = each_id(p, f->added, replace_id, err);
    if (!rc) {
        name = "tokenizer_config.json";
        rc = replace_by_id(p, tr_json_get(f->settings, "added_tokens_decoder"), err);
    }
    if (rc)
        tr_err_prefix(err, "'%s/%s'", f->dir, name);
    return rc;
}

/* ---- beside other vocabularies ---------------------------------------------------- */

int tr__hf_vocab_add(struct tr__hf_pieces *p, const struct tr__hf_vocab_files *f,
                     struct tr_err *err)
{
    const struct {
        int (*add)(struct tr__hf_pieces *p, const struct tr_json *v, struct tr_err *err);
        const struct tr_json *v;
        const char *name;
    } all[] = {
        { add_list, tr_json_get(f->tokenizer, "added_tokens"), "tokenizer.json" },
        { add_decoder, tr_json_get(f->settings, "added_tokens_decoder"),
          "tokenizer_config.json" },
        { add_ids, f->added, "added_tokens.json" },
        { add_roles, f->settings, "tokenizer_config.json" },
        { add_roles, f->special, "special_tokens_map.json" },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].add(p, all[i].v, err))
            return tr_err_prefix(err, "'%s/%s'", f->dir, all[i].name), TR_EFORMAT;
    return 0;
}
