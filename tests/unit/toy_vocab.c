/* SPDX-License-Identifier: MIT
 *
 * Vocabularies of our own making.  A file with a few keys says more about a tokenizer than
 * one of a hundred thousand tokens: what an id should be can be seen from the line that
 * made it.  The table is toy_vocab.def; see test_tokenizer.c for what is asked of them.
 */
#include "toy_vocab.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- building --------------------------------------------------------------------- */

int toy_add(struct toy *t, const char *text, size_t len, int type, float score)
{
    char *copy = malloc(len + 1);
    ck_assert_ptr_nonnull(copy);
    ck_assert_int_lt(t->n, TOY_TOKENS);
    memcpy(copy, text, len);
    copy[len] = 0;
    t->token[t->n] = (struct tr_str){ copy, len };
    t->type[t->n] = type;
    t->score[t->n] = score;
    return t->n++;
}

int toy_find(const struct toy *t, const char *text)
{
    for (int i = 0; i < t->n; i++)
        if (t->type[i] == TOY_NORMAL && !strcmp(t->token[i].ptr, text))
            return i;
    return -1;
}

int toy_merge(struct toy *t, const char *line)
{
    char both[600];
    const char *space = strchr(line, ' ');
    ck_assert_ptr_nonnull(space);
    snprintf(both, sizeof both, "%.*s%s", (int)(space - line), line, space + 1);
    toy_bare_merge(t, line, 1);
    int id = toy_find(t, both);
    return id < 0 ? toy_add(t, both, strlen(both), TOY_NORMAL, 0) : id;
}

/* One byte in GPT-2's alphabet: printable Latin-1 as it is, then U+0100 and up. */
static size_t spell(unsigned char byte, char *out)
{
    unsigned c = 0x100;
    for (unsigned b = 0; b < 256; b++) {
        int printable = (b > 0x20 && b < 0x7f) || (b > 0xa0 && b != 0xad);
        if (b == byte) {
            c = printable ? b : c;
            break;
        }
        c += !printable;
    }
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = (char)(0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3f));
    return 2;
}

static void bytes(struct toy *t)
{
    char out[2];
    t->model = "gpt2";
    for (unsigned b = 0; b < 256; b++)
        toy_add(t, out, spell((unsigned char)b, out), TOY_NORMAL, 0);
}

static void bpe(struct toy *t)
{
    bytes(t);
    toy_token(t, "<|end|>", TOY_CONTROL);
    toy_token(t, "<user>", TOY_USER);
}

static void spm(struct toy *t)
{
    char text[8];
    t->model = "llama";
    t->no_merges = 1;
    toy_token(t, "<unk>", TOY_UNKNOWN);
    toy_token(t, "<s>", TOY_CONTROL);
    toy_token(t, "</s>", TOY_CONTROL);
    for (unsigned b = 0; b < 256; b++) {
        snprintf(text, sizeof text, "<0x%02X>", b);
        toy_token(t, text, TOY_BYTE);
    }
}

static void gemma4(struct toy *t)
{
    spm(t);
    t->model = "gemma4";
    t->no_merges = 0;
}

static void characters(struct toy *t)
{
    gemma4(t);
    t->model = "gpt2";
    toy_int(t, "bos_token_id", 1);
}

static void whitespace(struct toy *t)
{
    characters(t);
    t->model = "whitespace";
}

static void dna(struct toy *t)
{
    bytes(t);
    t->model = "hybriddna";
}

static void unigram(struct toy *t)
{
    t->model = "t5";
    t->no_merges = 1;
    toy_token(t, "<pad>", TOY_CONTROL);
    toy_token(t, "</s>", TOY_CONTROL);
    toy_token(t, "<unk>", TOY_UNKNOWN);
}

static void wordpiece(struct toy *t)
{
    t->model = "bert";
    t->no_merges = 1;
    toy_token(t, "[PAD]", TOY_CONTROL);
    toy_token(t, "[UNK]", TOY_UNKNOWN);
    toy_token(t, "[CLS]", TOY_CONTROL);
    toy_token(t, "[SEP]", TOY_CONTROL);
    toy_int(t, "bos_token_id", 2);
    toy_int(t, "unknown_token_id", 1);
    toy_int(t, "seperator_token_id", 3);
}

static void rwkv(struct toy *t)
{
    char text[8];
    t->model = "rwkv";
    t->no_merges = 1;
    toy_token(t, "<s>", TOY_CONTROL);
    for (unsigned b = 0; b < 256; b++) {
        int plain = b > 0x20 && b < 0x7f && b != '\\';
        snprintf(text, sizeof text, plain ? "%c" : "\\x%02x", b);
        toy_token(t, text, TOY_NORMAL);
    }
}

static void plamo2(struct toy *t)
{
    spm(t);
    t->model = "plamo2";
}

static void none(struct toy *t)
{
    t->model = "gpt2";
}

/* ---- changes ---------------------------------------------------------------------- */

void toy_change(struct toy *t, const struct toy_edit *e)
{
    if (e->make)
        e->make(t, e->arg, e->x);
}

void toy_model(struct toy *t, const char *arg, double x)
{
    (void)x;
    t->model = *arg ? arg : NULL;
}

void toy_pre(struct toy *t, const char *arg, double x)
{
    (void)x;
    t->pre = *arg ? arg : NULL;
}

static void add_key(struct toy *t, struct toy_key key)
{
    ck_assert_int_lt(t->n_key, TOY_KEYS);
    t->key[t->n_key++] = key;
}

void toy_bool(struct toy *t, const char *arg, double x)
{
    add_key(t, (struct toy_key){ .name = arg, .kind = TR_GGUF_BOOL, .value = x != 0 });
}

void toy_int(struct toy *t, const char *arg, double x)
{
    add_key(t, (struct toy_key){ .name = arg, .kind = TR_GGUF_I32, .value = (int64_t)x });
}

void toy_word(struct toy *t, const char *arg, const char *word)
{
    add_key(t, (struct toy_key){ .name = arg, .kind = TR_GGUF_STRING, .word = word });
}

void toy_list(struct toy *t, const char *arg, double x)
{
    add_key(t, (struct toy_key){ .name = arg, .kind = TR_GGUF_ARRAY, .value = (int64_t)x });
}

void toy_length(struct toy *t, const char *arg, double x)
{
    *(!strcmp(arg, "tokens") ? &t->tokens : !strcmp(arg, "scores") ? &t->scores
                                                                    : &t->types) = (int)x;
}

void toy_no_merges(struct toy *t, const char *arg, double x)
{
    (void)arg;
    (void)x;
    t->no_merges = 1;
}

void toy_score_type(struct toy *t, const char *arg, double x)
{
    (void)arg;
    t->score_type = (enum tr_gguf_type)x;
}

void toy_type(struct toy *t, const char *arg, double x)
{
    t->type[atoi(arg)] = (int32_t)x;
}

void toy_score(struct toy *t, const char *arg, double x)
{
    t->score[atoi(arg)] = (float)x;
}

void toy_token(struct toy *t, const char *arg, double x)
{
    toy_add(t, arg, strlen(arg), (int)x, 0);
}

void toy_padding(struct toy *t, const char *arg, double x)
{
    const char *number = strstr(arg, "%d");
    for (int i = 0; i < 3; i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "%.*s%d%s", (int)(number - arg), arg, t->n,
                         number + 2);
        toy_add(t, text, (size_t)n, (int)x, 0);
    }
}

void toy_bare_merge(struct toy *t, const char *arg, double x)
{
    for (int i = 0; i < (int)x; i++) {
        ck_assert_int_lt(t->n_merge, TOY_MERGES);
        t->merge[t->n_merge++] = strdup(arg);
    }
}

enum { MAP_UNITS = 64 * 256 };

/* The unit of the child of a node, which gets a block of its own for its children. */
static uint32_t map_child(uint32_t *unit, uint32_t node, unsigned char c, uint32_t *block)
{
    uint32_t at = node ^ unit[node] >> 10 ^ c;
    if (!unit[at]) {
        ck_assert_uint_lt(++*block, MAP_UNITS / 256);
        unit[at] = (*block * 256 ^ at) << 10 | c;
    }
    return at;
}

void toy_map(struct toy *t, const char *arg, double x)
{
    uint32_t size = MAP_UNITS * 4, block = 1;
    uint32_t *unit = calloc(MAP_UNITS, sizeof *unit);
    char *copy = strdup(arg), *rest = copy, *strings = calloc(strlen(arg) + 2, 1), *end;
    (void)x;
    end = strings;
    unit[0] = 256 << 10;
    for (char *entry; (entry = strtok_r(rest, "|", &rest));) {
        char *to = strchr(entry, '=');
        uint32_t at = 0;
        for (const char *p = entry; p < to; p++)
            at = map_child(unit, at, (unsigned char)*p, &block);
        unit[at] |= 1 << 8;
        unit[at ^ unit[at] >> 10] = (uint32_t)(end - strings) | 1u << 31;
        end = stpcpy(end, to + 1) + 1;
    }
    t->map_bytes = 4 + size + (size_t)(end - strings);
    t->map = malloc(t->map_bytes);
    memcpy(t->map, &size, 4);
    memcpy(t->map + 4, unit, size);
    memcpy(t->map + 4 + size, strings, (size_t)(end - strings));
    free(unit);
    free(copy);
    free(strings);
}

/* ---- the table -------------------------------------------------------------------- */

struct vocab {
    const char *name;
    void (*base)(struct toy *t);
    const char *pre, *merges, *pieces, *user, *control;
    struct toy_edit edit[TOY_EDITS];
};

static void phi_name(struct toy *t, const char *arg, double x)
{
    (void)arg, (void)x;
    toy_word(t, "general.name", "My Phi3 Mini");
}

#include "toy_vocab.def"

static void add_merge(struct toy *t, char *entry)
{
    toy_merge(t, entry);
}

/* "text score", or "text". */
static void add_piece(struct toy *t, char *entry)
{
    char *space = strrchr(entry, ' ');
    float score = space ? strtof(space, NULL) : 0;
    if (space)
        *space = 0;
    toy_add(t, entry, strlen(entry), TOY_NORMAL, score);
}

static void add_user(struct toy *t, char *entry)
{
    toy_token(t, entry, TOY_USER);
}

static void add_control(struct toy *t, char *entry)
{
    toy_token(t, entry, TOY_CONTROL);
}

static void each(struct toy *t, const char *list, void (*add)(struct toy *t, char *entry))
{
    char *copy = strdup(list ? list : ""), *rest = copy;
    for (char *entry; (entry = strtok_r(rest, "|", &rest));)
        add(t, entry);
    free(copy);
}

static const struct vocab *find(const char *name)
{
    for (size_t i = 0; i < sizeof vocabs / sizeof *vocabs; i++)
        if (!strcmp(vocabs[i].name, name))
            return &vocabs[i];
    ck_abort_msg("no vocabulary '%s' in toy_vocab.def", name);
    return NULL;
}

struct toy *toy_new(const char *vocab)
{
    const struct vocab *v = find(vocab);
    struct toy *t = calloc(1, sizeof *t);
    ck_assert_ptr_nonnull(t);
    t->pre = v->pre;
    t->tokens = t->types = t->scores = TOY_ALL;
    t->score_type = TR_GGUF_F32;
    v->base(t);
    each(t, v->merges, add_merge);
    each(t, v->pieces, add_piece);
    each(t, v->user, add_user);
    each(t, v->control, add_control);
    for (int i = 0; i < TOY_EDITS; i++)
        toy_change(t, &v->edit[i]);
    return t;
}

void toy_free(struct toy *t)
{
    for (int i = 0; i < t->n; i++)
        free((char *)(uintptr_t)t->token[i].ptr);
    for (int i = 0; i < t->n_merge; i++)
        free(t->merge[i]);
    free(t->map);
    free(t);
}

/* ---- the file --------------------------------------------------------------------- */

static void write_key(struct tr_gguf_writer *w, const struct toy_key *k)
{
    char name[96];
    int full = !strncmp(k->name, "general.", 8);
    snprintf(name, sizeof name, "%s%s", full ? "" : "tokenizer.ggml.", k->name);
    int32_t v = (int32_t)k->value;
    struct tr_gguf_kv kv = { name, TR_GGUF_I32, TR_GGUF_I32, 1, &v, sizeof v };
    if (k->kind == TR_GGUF_BOOL)
        tr_gguf_set_bool(w, name, (int)k->value);
    else if (k->kind == TR_GGUF_STRING)
        tr_gguf_set_string(w, name, k->word);
    else if (k->kind == TR_GGUF_ARRAY)
        tr_gguf_set_array(w, name, TR_GGUF_I32, &v, 1);
    else if (k->value >= 0)
        tr_gguf_set_u32(w, name, (uint32_t)k->value);
    else
        tr_gguf_set_kv(w, &kv);
}

static void write_lists(struct tr_gguf_writer *w, const struct toy *t)
{
    int n = t->tokens == TOY_ALL ? t->n : t->tokens;
    int types = t->types == TOY_ALL ? n : t->types;
    int scores = t->scores == TOY_ALL ? n : t->scores;
    struct tr_str merge[TOY_MERGES];
    for (int i = 0; i < t->n_merge; i++)
        merge[i] = (struct tr_str){ t->merge[i], strlen(t->merge[i]) };
    if (n >= 0)
        tr_gguf_set_strings(w, "tokenizer.ggml.tokens", t->token, (uint64_t)n);
    if (types >= 0)
        tr_gguf_set_array(w, "tokenizer.ggml.token_type", TR_GGUF_I32, t->type,
                          (uint64_t)types);
    if (scores >= 0)
        tr_gguf_set_array(w, "tokenizer.ggml.scores", t->score_type, t->score,
                          (uint64_t)scores);
    if (t->map)
        tr_gguf_set_array(w, "tokenizer.ggml.precompiled_charsmap", TR_GGUF_U8, t->map,
                          t->map_bytes);
    if (!t->no_merges)
        tr_gguf_set_strings(w, "tokenizer.ggml.merges", merge, (uint64_t)t->n_merge);
}

struct tr_tokenizer *toy_try(const struct toy *t, const char *path, uint64_t *hash,
                             struct tr_err *err)
{
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    ck_assert_msg(w != NULL, "%s", err->text);
    if (t->model)
        tr_gguf_set_string(w, "tokenizer.ggml.model", t->model);
    if (t->pre)
        tr_gguf_set_string(w, "tokenizer.ggml.pre", t->pre);
    write_lists(w, t);
    for (int i = 0; i < t->n_key; i++)
        write_key(w, &t->key[i]);
    tr_gguf_set_string(w, "tokenizer.chat_template", "{% for x in range(10**9) %}{{ x }}");
    ck_assert_msg(tr_gguf_commit(w, err) == 0, "%s", err->text);
    struct tr_gguf *g = tr_gguf_open(path, err);
    ck_assert_msg(g != NULL, "%s", err->text);
    struct tr_tokenizer *made = tr_tokenizer_new_pre(g, t->ask, err);
    *hash = tr_vocab_hash(g);
    tr_gguf_close(g);
    return made;
}

struct tr_tokenizer *toy_open(const struct toy *t, const char *path)
{
    struct tr_err err = { 0 };
    uint64_t hash;
    struct tr_tokenizer *made = toy_try(t, path, &hash, &err);
    ck_assert_msg(made != NULL, "%s", err.text);
    ck_assert_uint_ne(hash, 0);
    return made;
}

struct tr_tokens toy_encode(const struct tr_tokenizer *t, const char *text, size_t len,
                            int flags)
{
    struct tr_tokens out = { 0 };
    struct tr_err err = { 0 };
    int rc = tr_tokenizer_encode(t, text, len, flags, &out, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return out;
}

void toy_round_trip(const struct tr_tokenizer *t, const char *text, size_t len)
{
    struct tr_tokens out = toy_encode(t, text, len, 0);
    char *buf = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < out.n; i++)
        if (tr_tokenizer_decode(t, out.id[i], i == 0, 0, &buf, &n, &cap, NULL))
            ck_abort_msg("id %u has no text", out.id[i]);
    ck_assert_uint_eq(n, len);
    ck_assert(len == 0 || !memcmp(buf, text, len));
    free(buf);
    tr_tokens_release(&out);
}
