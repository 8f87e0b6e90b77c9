/* SPDX-License-Identifier: MIT
 *
 * From texts to a vocabulary: the arguments are checked, words are counted while texts
 * come, a kind makes tokens of them, and a file is written.  Read next: count.c, bpe.c.
 */
#include <libtrain/vocabulary/kind.h>

#include <libtrain/base/base.h>

#include <stdlib.h>
#include <string.h>

static const struct tr__vocabulary_kind *const kinds[] = {
#define TR_VOCABULARY(name) &tr__vocabulary_##name,
#include <libtrain/vocabulary/kinds.def>
#undef TR_VOCABULARY
};
enum { N_KIND = sizeof kinds / sizeof *kinds };

const char *tr_vocabulary_kind(int i)
{
    return i >= 0 && i < N_KIND ? kinds[i]->name : NULL;
}

/* ---- arguments ---------------------------------------------------------------------- */

static int is_fixed(const struct tr_vocabulary *v, const char *text)
{
    const char *const *fixed = v->kind->fixed;
    while (fixed && *fixed && strcmp(*fixed, text))
        fixed++;
    return fixed && *fixed;
}

static int check_special(const struct tr_vocabulary *v, struct tr_err *err)
{
    const struct tr_vocabulary_args *a = &v->args;
    struct tr__strings seen = { 0 };
    int rc = 0;
    for (size_t i = 0; i < a->n_special && !rc; i++) {
        const char *text = a->special[i];
        if (!*text)
            rc = tr_err_set(err, TR_EINVAL, "a special token has no text");
        else if (is_fixed(v, text))
            rc = tr_err_set(err, TR_EINVAL, "the special token '%s' is there anyway", text);
        else if (tr__strings_find(&seen, text, strlen(text)) >= 0)
            rc = tr_err_set(err, TR_EINVAL, "the special token '%s' is given twice", text);
        else if (tr__strings_put(&seen, text, strlen(text)) < 0)
            rc = tr_err_set(err, TR_ENOMEM, "out of memory for special tokens");
    }
    tr__strings_release(&seen);
    return rc;
}

static int is_special(const struct tr_vocabulary *v, const char *text)
{
    for (size_t i = 0; i < v->args.n_special; i++)
        if (!strcmp(v->args.special[i], text))
            return 1;
    return is_fixed(v, text);
}

/* What was not asked for is as the kind has it. */
static void set_defaults(struct tr_vocabulary *v)
{
    struct tr_vocabulary_args *a = &v->args;
    if (!a->n_special && v->kind->alone) {
        a->special = v->kind->alone;
        a->n_special = 1;
    }
    a->bos = a->bos ? a->bos : v->kind->bos ? v->kind->bos : a->special[0];
    a->eos = a->eos ? a->eos : v->kind->eos ? v->kind->eos : a->special[0];
}

static int check_around(const struct tr_vocabulary *v, struct tr_err *err)
{
    const char *const wanted[] = { v->args.bos, v->args.eos };
    for (int i = 0; i < 2; i++)
        if (!is_special(v, wanted[i]))
            return tr_err_set(err, TR_EINVAL, "%s '%s' is none of the special tokens",
                              i ? "EOS" : "BOS", wanted[i]);
    return 0;
}

static int check_size(const struct tr_vocabulary *v, struct tr_err *err)
{
    uint64_t fixed = v->kind->n_fixed + (uint64_t)v->args.n_special;
    if (v->args.size >= fixed && v->args.size <= INT32_MAX)
        return 0;
    return tr_err_set(err, TR_EINVAL, "a vocabulary of %u tokens: of this kind and with "
                      "%zu special tokens it has %llu at least", v->args.size,
                      v->args.n_special, (unsigned long long)fixed);
}

static int set_kind(struct tr_vocabulary *v, struct tr_err *err)
{
    for (int i = 0; i < N_KIND; i++)
        if (!strcmp(kinds[i]->name, v->args.kind))
            v->kind = kinds[i];
    return v->kind ? 0 : tr_err_set(err, TR_EINVAL, "there is no kind of vocabulary '%s'",
                                    v->args.kind);
}

static int set_words(struct tr_vocabulary *v, struct tr_err *err)
{
    const struct tr__pretok *words = v->kind->words;
    const char *pre = v->args.pre;
    if (words && pre)
        return tr_err_set(err, TR_EINVAL, "a vocabulary of kind '%s' has no pre-tokenizer, "
                          "and '%s' is asked for", v->kind->name, pre);
    if (!words) {
        pre = v->args.pre = pre ? pre : "gpt-2";
        words = tr__pretok_find((struct tr_str){ pre, strlen(pre) });
    }
    if (!words)
        return tr_err_set(err, TR_EINVAL, "there is no pre-tokenizer '%s'", pre);
    v->counter.pretok = &v->pretok;
    v->counter.spaced = v->kind->spaced;
    v->counter.by_line = v->args.by_line || v->kind->spaced;
    return tr__pretok_compile(&v->pretok, words, err);
}

struct tr_vocabulary *tr_vocabulary_new(const struct tr_vocabulary_args *a,
                                        struct tr_err *err)
{
    struct tr_vocabulary *v = calloc(1, sizeof *v);
    if (!v) {
        tr_err_sys(err, "cannot make a vocabulary");
        return NULL;
    }
    v->args = *a;
    int rc = set_kind(v, err);
    if (!rc)
        set_defaults(v);
    if (!rc && !check_special(v, err) && !check_around(v, err) && !check_size(v, err) &&
        !(v->kind->check && v->kind->check(v, err)) && !set_words(v, err))
        return v;
    tr_vocabulary_free(v);
    return NULL;
}

void tr_vocabulary_free(struct tr_vocabulary *v)
{
    if (!v)
        return;
    tr__counter_release(&v->counter);
    tr__pretok_release(&v->pretok);
    tr__strings_release(&v->word);
    tr__strings_release(&v->token);
    free(v->merges.pair);
    free(v->score);
    free(v);
}

/* ---- texts -------------------------------------------------------------------------- */

int tr_vocabulary_add(struct tr_vocabulary *v, const char *text, size_t n,
                      struct tr_err *err)
{
    return tr__counter_add(&v->counter, text, n, err);
}

int tr_vocabulary_end(struct tr_vocabulary *v, struct tr_err *err)
{
    return tr__counter_end(&v->counter, err);
}

uint64_t tr_vocabulary_n_word(const struct tr_vocabulary *v)
{
    return v->n_word;
}

void tr_vocabulary_watch(struct tr_vocabulary *v, const struct tr_progress *p)
{
    v->progress = *p;
}

int tr_vocabulary_learn(struct tr_vocabulary *v, struct tr_err *err)
{
    if (v->token.n)
        tr_fatal("tr_vocabulary_learn: it has learnt already");
    int rc = tr__counter_end(&v->counter, err);
    if (!rc)
        rc = tr__counter_take(&v->counter, &v->word, err);
    if (!rc && !v->word.n)
        rc = tr_err_set(err, TR_EFORMAT, "there is no text to make a vocabulary of");
    v->n_word = v->word.n;
    return rc ? rc : v->kind->learn(v, err);
}

/* ---- tokens ------------------------------------------------------------------------- */

uint32_t tr_vocabulary_n(const struct tr_vocabulary *v)
{
    return (uint32_t)v->token.n;
}

struct tr_str tr_vocabulary_token(const struct tr_vocabulary *v, uint32_t id)
{
    return tr__strings_at(&v->token, id);
}

size_t tr_vocabulary_n_merge(const struct tr_vocabulary *v)
{
    return v->merges.n;
}

void tr_vocabulary_merge(const struct tr_vocabulary *v, size_t i, uint32_t pair[2])
{
    memcpy(pair, v->merges.pair[i], sizeof v->merges.pair[i]);
}

/* ---- the file ----------------------------------------------------------------------- */

static int write_tokens(const struct tr_vocabulary *v, struct tr_gguf_writer *w,
                        struct tr_err *err)
{
    size_t n = v->token.n;
    struct tr_str *text = malloc(n * sizeof *text);
    int32_t *type = malloc(n * sizeof *type);
    int rc = text && type ? 0 : tr_err_sys(err, "cannot write %zu tokens", n);
    for (size_t i = 0; i < n && !rc; i++) {
        text[i] = tr__strings_at(&v->token, i);
        type[i] = (int32_t)v->token.s[i].count;
    }
    if (!rc) {
        tr_gguf_set_strings(w, "tokenizer.ggml.tokens", text, n);
        tr_gguf_set_array(w, "tokenizer.ggml.token_type", TR_GGUF_I32, type, n);
    }
    free(text);
    free(type);
    return rc;
}

static void write_id(const struct tr_vocabulary *v, struct tr_gguf_writer *w,
                     const char *key, const char *text)
{
    tr_gguf_set_u32(w, key, (uint32_t)tr__strings_find(&v->token, text, strlen(text)));
}

int tr_vocabulary_write(const struct tr_vocabulary *v, const char *path, struct tr_err *err)
{
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return -1;
    tr_gguf_set_string(w, "general.architecture", v->kind->architecture);
    tr_gguf_set_string(w, "general.name", "vocabulary");
    tr_gguf_set_string(w, "tokenizer.ggml.model", v->kind->model);
    tr_gguf_set_string(w, "tokenizer.ggml.pre", v->args.pre ? v->args.pre : "default");
    int rc = write_tokens(v, w, err);
    if (!rc)
        rc = v->kind->write(v, w, err);
    write_id(v, w, "tokenizer.ggml.bos_token_id", v->args.bos);
    write_id(v, w, "tokenizer.ggml.eos_token_id", v->args.eos);
    tr_gguf_set_bool(w, "tokenizer.ggml.add_bos_token", v->kind->add_bos);
    tr_gguf_set_bool(w, "tokenizer.ggml.add_eos_token", 0);
    return tr_gguf_finish(w, rc, err);
}
