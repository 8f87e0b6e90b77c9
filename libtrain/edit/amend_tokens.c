/* SPDX-License-Identifier: MIT
 *
 * More tokens in a vocabulary.  They take the ids behind the last real one, as they do in
 * transformers: fillers that converters put behind it, up to the rows of the table, make room.
 * llama.cpp wants a token for every row, so what is left over is filled in the same way.
 * Next: grow.c, for the rows.
 */
#include <libtrain/edit/amend.h>
#include <libtrain/edit/grow.h>
#include <libtrain/file.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS "tokenizer.ggml.tokens"
#define TYPES "tokenizer.ggml.token_type"
#define SCORES "tokenizer.ggml.scores"

enum { NORMAL = 1, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5, MOST_TOKEN = 1024,
       MOST_TOKENS = 1 << 24 };
static const float added_score = -1000; /* as converters write it */

struct wanted {
    struct tr_str text, from; /* from.len 0: the mean */
    int32_t type;
    uint64_t line;
};

struct work {
    struct tr_amend *a;
    const char *path; /* of the list */
    char *text;       /* of it */
    struct wanted *list;
    size_t n, cap;
    struct tr_str *old; // (n_old) the vocabulary as it is
    int64_t n_old, keep, rows;
};

/* ---- the list --------------------------------------------------------------------- */

static int wrong(const struct work *k, uint64_t line, struct tr_err *err, const char *what,
                 struct tr_str text)
{
    return tr_err_set(err, TR_EFORMAT, "'%s' line %" PRIu64 ": %s%s%.*s%s", k->path, line, what,
                      text.len ? " '" : "", (int)(text.len < 80 ? text.len : 80), text.ptr,
                      text.len ? "'" : "");
}

static int is_text(struct tr_str s)
{
    for (size_t i = 0, n; i < s.len; i += n)
        if (!(n = tr__utf8_len(s.ptr + i, s.len - i)) || !s.ptr[i])
            return 0;
    return 1;
}

/* What stands behind the token: its type, or whose row it begins as. */
static int take_field(struct work *k, struct wanted *t, struct tr_str field, uint64_t line,
                      struct tr_err *err)
{
    static const struct {
        const char *name;
        int32_t type;
    } types[] = { { "control", CONTROL }, { "user", USER_DEFINED } };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (tr_str_is(field, types[i].name)) {
            t->type = types[i].type;
            return 0;
        }
    if (t->from.len)
        return wrong(k, line, err, "a second token to begin as,", field);
    t->from = field;
    return 0;
}

static int take_line(struct work *k, struct tr_str all, uint64_t line, struct tr_err *err)
{
    struct wanted t = { .type = USER_DEFINED, .line = line };
    const char *tab = memchr(all.ptr, '\t', all.len);
    t.text = (struct tr_str){ all.ptr, tab ? (size_t)(tab - all.ptr) : all.len };
    if (!t.text.len || t.text.len > MOST_TOKEN)
        return wrong(k, line, err, t.text.len ? "a token of more than 1024 bytes" :
                     "no token in front of the first tab", (struct tr_str){ "", 0 });
    if (!is_text(all))
        return wrong(k, line, err, "not UTF-8", (struct tr_str){ "", 0 });
    while (tab) {
        const char *field = tab + 1, *end = all.ptr + all.len;
        tab = memchr(field, '\t', (size_t)(end - field));
        struct tr_str f = { field, (size_t)((tab ? tab : end) - field) };
        int rc = f.len ? take_field(k, &t, f, line, err) : 0;
        if (rc)
            return rc;
    }
    if (tr__grow(&k->list, &k->cap, k->n + 1, sizeof *k->list))
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its tokens", k->path);
    k->list[k->n++] = t;
    return 0;
}

static int read_list(struct work *k, struct tr_err *err)
{
    size_t size = 0;
    uint64_t line = 0;
    int rc = tr_read_all(k->path, &k->text, &size, err);
    for (size_t at = 0; !rc && at < size;) {
        const char *begin = k->text + at, *end = memchr(begin, '\n', size - at);
        size_t n = end ? (size_t)(end - begin) : size - at;
        at += n + 1;
        line++;
        n -= n && begin[n - 1] == '\r';
        if (n)
            rc = take_line(k, (struct tr_str){ begin, n }, line, err);
    }
    if (!rc && !k->n)
        rc = tr_err_set(err, TR_EFORMAT, "'%s': no token in it", k->path);
    return rc;
}

/* ---- the vocabulary as it is ------------------------------------------------------- */

/* An array with an entry for each token, of this type; NULL if there is none. */
static int find_list(const struct work *k, const char *key, enum tr_gguf_type elem,
                     struct tr_gguf_kv **kv, struct tr_err *err)
{
    *kv = tr__amend_find(k->a, key);
    if (*kv && ((*kv)->type != TR_GGUF_ARRAY || (*kv)->elem != elem ||
                (int64_t)(*kv)->count != k->n_old))
        return tr__amend_wrong(k->a, TR__KEY, key, err, "is no array of %s, one for each of "
                               "%lld tokens", tr_gguf_type_name(elem), (long long)k->n_old);
    return 0;
}

static int read_vocabulary(struct work *k, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = tr__amend_find(k->a, TOKENS);
    uint64_t cursor = 0;
    if (!kv || kv->type != TR_GGUF_ARRAY || kv->elem != TR_GGUF_STRING || !kv->count ||
        kv->count > MOST_TOKENS)
        return tr__amend_wrong(k->a, TR__KEY, TOKENS, err, "there is no vocabulary in it");
    k->n_old = (int64_t)kv->count;
    if (!(k->old = malloc((size_t)k->n_old * sizeof *k->old)))
        return tr_err_set(err, TR_ENOMEM, "out of memory for %lld tokens",
                          (long long)k->n_old);
    for (int64_t i = 0; i < k->n_old; i++)
        k->old[i] = tr_gguf_elem_string(kv, &cursor);
    return 0;
}

/* Its length. */
static size_t name_filler(char text[32], int64_t id)
{
    return (size_t)snprintf(text, 32, "[PAD%lld]", (long long)id);
}

/* What converters put behind the last token, one for each row that is left. */
static int is_filler(const struct work *k, const struct tr_gguf_kv *types, int64_t id)
{
    char text[32];
    name_filler(text, id);
    return types && tr_gguf_elem_int(types, (uint64_t)id) == UNUSED &&
           tr_str_is(k->old[id], text);
}

static int is_same(struct tr_str a, struct tr_str b)
{
    return a.len == b.len && !memcmp(a.ptr, b.ptr, a.len);
}

static int64_t id_of(const struct work *k, struct tr_str text)
{
    for (int64_t i = 0; i < k->keep; i++)
        if (is_same(k->old[i], text))
            return i;
    return -1;
}

static int check_new(const struct work *k, struct tr_err *err)
{
    for (size_t i = 0; i < k->n; i++) {
        struct tr_str text = k->list[i].text;
        size_t twin = 0;
        while (twin < i && !is_same(k->list[twin].text, text))
            twin++;
        if (twin < i || id_of(k, text) >= 0)
            return wrong(k, k->list[i].line, err, twin < i ? "a token that is there twice," :
                         "a token that is in the vocabulary already,", text);
    }
    return 0;
}

/* ---- keys ------------------------------------------------------------------------- */

static int put(struct work *k, const char *key, enum tr_gguf_type elem, void *data,
               uint64_t bytes, uint64_t count, struct tr_err *err)
{
    struct tr_gguf_kv kv = { key, TR_GGUF_ARRAY, elem, count, NULL, bytes };
    if (!(kv.data = tr__amend_own(k->a, data, err)))
        return TR_ENOMEM;
    return tr__amend_put(k->a, kv, err);
}

/* All strings of an array, framed as in a file. */
static int put_tokens(struct work *k, struct tr_err *err)
{
    uint64_t bytes = 0, at = 0;
    char filler[32];
    for (int64_t i = 0; i < k->keep; i++)
        bytes += 8 + k->old[i].len;
    for (size_t i = 0; i < k->n; i++)
        bytes += 8 + k->list[i].text.len;
    bytes += (uint64_t)(k->rows - k->keep - (int64_t)k->n) * (8 + sizeof filler);
    unsigned char *data = malloc(bytes);
    for (int64_t i = 0; data && i < k->rows; i++) {
        struct tr_str s = { filler, 0 };
        if (i < k->keep)
            s = k->old[i];
        else if (i - k->keep < (int64_t)k->n)
            s = k->list[i - k->keep].text;
        else
            s.len = name_filler(filler, i);
        tr__put_u64(data + at, s.len);
        memcpy(data + at + 8, s.ptr, s.len);
        at += 8 + s.len;
    }
    return put(k, TOKENS, TR_GGUF_STRING, data, at, (uint64_t)k->rows, err);
}

/* Entries of 4 bytes: old ones, one for each new token, one for all fillers. */
static int put_numbers(struct work *k, const char *key, enum tr_gguf_type elem,
                       const struct tr_gguf_kv *old, uint32_t without,
                       uint32_t (*of)(const struct wanted *t), struct tr_err *err)
{
    unsigned char *data = malloc((size_t)k->rows * 4);
    if (data && old)
        memcpy(data, old->data, (size_t)k->keep * 4);
    for (int64_t i = 0; data && !old && i < k->keep; i++)
        tr__put_u32(data + 4 * i, without);
    for (int64_t i = k->keep; data && i < k->rows; i++) {
        const struct wanted *t = i - k->keep < (int64_t)k->n ? &k->list[i - k->keep] : NULL;
        tr__put_u32(data + 4 * i, of(t));
    }
    return put(k, key, elem, data, (uint64_t)k->rows * 4, (uint64_t)k->rows, err);
}

static uint32_t type_of(const struct wanted *t)
{
    return (uint32_t)(t ? t->type : UNUSED);
}

static uint32_t score_of(const struct wanted *t)
{
    uint32_t bits;
    (void)t;
    memcpy(&bits, &added_score, sizeof bits);
    return bits;
}

/* ARCH.vocab_size, if the file has one. */
static int put_size(struct work *k, struct tr_err *err)
{
    struct tr_str arch = { "", 0 };
    char key[128], text[24];
    if (tr_gguf_string(k->a->g, "general.architecture", &arch, NULL) != 1)
        return 0;
    snprintf(key, sizeof key, "%.*s.vocab_size", (int)(arch.len < 64 ? arch.len : 64),
             arch.ptr);
    snprintf(text, sizeof text, "%lld", (long long)k->rows);
    return tr__amend_find(k->a, key) ? tr_amend_set(k->a, key, "", text, err) : 0;
}

/* Which tokens are new: for `train --train-rows new`; those of an earlier list that end where
 * these begin are too. */
static int put_range(struct work *k, struct tr_err *err)
{
    const struct tr_gguf_kv *old = tr__amend_find(k->a, TR_NEW_TOKENS);
    uint64_t first = (uint64_t)k->keep, n = k->n;
    if (old && old->type == TR_GGUF_ARRAY && old->elem == TR_GGUF_U32 && old->count == 2) {
        uint64_t was = (uint64_t)tr_gguf_elem_int(old, 0), len = (uint64_t)tr_gguf_elem_int(old, 1);
        if (was + len == first) {
            first = was;
            n += len;
        }
    }
    unsigned char *data = malloc(8);
    if (data) {
        tr__put_u32(data, (uint32_t)first);
        tr__put_u32(data + 4, (uint32_t)n);
    }
    return put(k, TR_NEW_TOKENS, TR_GGUF_U32, data, 8, 2, err);
}

/* ---- rows ------------------------------------------------------------------------- */

/* Rows of the table; as many as tokens where a file has none. */
static int64_t table_rows(const struct work *k)
{
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(k->a->g, "token_embd.weight");
    return t && t->n_dim == 2 ? t->dim[0] : t ? 0 : k->n_old;
}

static int plan_rows(struct work *k, int64_t multiple, struct tr_err *err)
{
    struct tr__grow_rows *r = &k->a->grow;
    int64_t old = table_rows(k);
    if (old < k->n_old)
        return tr_err_set(err, TR_EFORMAT, "'%s': %lld tokens, and fewer rows in the table "
                          "'token_embd.weight'", tr_gguf_path(k->a->g), (long long)k->n_old);
    k->rows = k->keep + (int64_t)k->n;
    k->rows = k->rows > old ? k->rows : old;
    if (multiple > 1)
        k->rows = (k->rows + multiple - 1) / multiple * multiple;
    if (!(r->from = tr__amend_own(k->a, malloc((size_t)(k->rows - k->keep) * sizeof *r->from),
                                  err)))
        return TR_ENOMEM;
    r->old = old;
    r->keep = k->keep;
    r->rows = k->rows;
    for (int64_t i = 0; i < k->rows - k->keep; i++) {
        const struct wanted *t = i < (int64_t)k->n ? &k->list[i] : NULL;
        int64_t own = r->keep + i; /* a filler that stays keeps its row */
        r->from[i] = t && t->from.len ? id_of(k, t->from) : !t && own < old ? own : -1;
        if (t && t->from.len && r->from[i] < 0)
            return wrong(k, t->line, err, "it is to begin as a token that is not in the "
                         "vocabulary,", t->from);
        r->has_mean |= r->from[i] < 0;
    }
    return tr__grow_check(r, k->a->g, err);
}

static int add(struct work *k, int64_t multiple, struct tr_err *err)
{
    struct tr_gguf_kv *types = NULL, *scores = NULL;
    int rc = read_vocabulary(k, err);
    if (!rc)
        rc = find_list(k, TYPES, TR_GGUF_I32, &types, err);
    if (!rc)
        rc = find_list(k, SCORES, TR_GGUF_F32, &scores, err);
    for (k->keep = k->n_old; !rc && k->keep && is_filler(k, types, k->keep - 1);)
        k->keep--;
    if (!rc && !k->keep)
        rc = tr__amend_wrong(k->a, TR__KEY, TOKENS, err, "there is no token in it");
    if (!rc)
        rc = check_new(k, err);
    if (!rc)
        rc = plan_rows(k, multiple, err);
    if (!rc && scores)
        rc = put_numbers(k, SCORES, TR_GGUF_F32, scores, 0, score_of, err);
    types = tr__amend_find(k->a, TYPES);
    if (!rc)
        rc = put_numbers(k, TYPES, TR_GGUF_I32, types, NORMAL, type_of, err);
    if (!rc)
        rc = put_tokens(k, err);
    if (!rc)
        rc = put_size(k, err);
    return rc ? rc : put_range(k, err);
}

int tr_amend_add_tokens(struct tr_amend *a, const char *path, int64_t multiple,
                        struct tr_err *err)
{
    struct work k = { .a = a, .path = path };
    int rc = a->grow.old ? tr_err_set(err, TR_EINVAL, "'%s': more than one list of tokens",
                                      path)
                         : read_list(&k, err);
    if (!rc)
        rc = add(&k, multiple, err);
    free(k.text);
    free(k.list);
    free(k.old);
    return rc;
}
