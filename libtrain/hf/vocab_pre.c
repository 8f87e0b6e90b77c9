/* SPDX-License-Identifier: MIT
 *
 * The name of a pre-tokenizer.  llama.cpp's converter encodes one text and has a list of
 * the hashes of its ids, each with a name: the same list is in vocab_pre.def, so whatever
 * it knows gets the same name.  Vocabularies that are nobody's (trained from nothing, cut
 * down) have other ids; these are known by how they cut words.  Read next: vocab_encode.c.
 */
#include <libtrain/hf/vocab_encode.h>
#include <libtrain/hf/vocab_files.h>

#include <inttypes.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char test_text[] =
    "\n \n\n \n\n\n \t \t\t \t\n  \n   \n    \n     \n\xf0\x9f\x9a\x80 (normal) \xf0\x9f"
    "\x98\xb6\xe2\x80\x8d\xf0\x9f\x8c\xab\xef\xb8\x8f (multiple emojis concatenated) "
    "\xe2\x9c\x85 \xf0\x9f\xa6\x99\xf0\x9f\xa6\x99 3 33 333 3333 33333 333333 3333333 33"
    "333333 3.3 3..3 3...3 \xe1\x9e\x80\xe1\x9e\xb6\xe1\x9e\x93\xe1\x9f\x8b\xe1\x9e\x8f"
    "\xe1\x9f\x82\xe1\x9e\x96\xe1\x9e\xb7\xe1\x9e\x9f\xe1\x9f\x81\xe1\x9e\x9f\xe1\x9e"
    "\xa2\xe1\x9e\xb6\xe1\x9e\x85\xf0\x9f\x98\x81 ?\xe6\x88\x91\xe6\x83\xb3\xe5\x9c\xa8"
    "apple\xe5\xb7\xa5\xe4\xbd\x9c""1314151\xe5\xa4\xa9\xef\xbd\x9e ------======= \xd0"
    "\xbd\xd0\xb5\xd1\x89\xd0\xbe \xd0\xbd\xd0\xb0 \xd0\x91\xd1\x8a\xd0\xbb\xd0\xb3\xd0"
    "\xb0\xd1\x80\xd1\x81\xd0\xba\xd0\xb8 ''''''```````\"\"\"\"......!!!!!!?\??\??\? I've b"
    "een 'told he's there, 'RE you sure? 'M not sure I'll make it, 'D you like some tea?"
    " We'Ve a'lL";

static const struct {
    const char *hash, *name;
} known[] = {
#define TR_HF_PRE(hash, name) { hash, name },
#include <libtrain/hf/vocab_pre.def>
#undef TR_HF_PRE
};

/* ---- hashes ----------------------------------------------------------------------- */

/* Of the ids as Python writes a list. */
static void hash_ids(const struct tr_tokens *t, char hex[SHA256_DIGEST_STRING_LENGTH])
{
    SHA2_CTX c;
    char text[16];
    SHA256Init(&c);
    for (size_t i = 0; i < t->n; i++) {
        int n = snprintf(text, sizeof text, "%s%" PRIu32, i ? ", " : "[", t->id[i]);
        SHA256Update(&c, (const uint8_t *)text, (size_t)n);
    }
    SHA256Update(&c, (const uint8_t *)"[]" + (t->n != 0), t->n ? 1 : 2);
    SHA256End(&c, hex);
}

static const char *name_of(const struct tr_tokens *t)
{
    char hex[SHA256_DIGEST_STRING_LENGTH];
    hash_ids(t, hex);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(hex, known[i].hash))
            return known[i].name;
    return NULL;
}

/* ---- what is put around a text ---------------------------------------------------- */

static int push_text(const struct tr__hf_pieces *p, const struct tr_json *v,
                     struct tr_tokens *out, struct tr_err *err)
{
    size_t n;
    const char *s = tr_json_string(v, &n);
    int64_t id = n ? tr__hf_piece_id(p, s, n) : -1;
    return id < 0 ? 0 : tr_tokens_push(out, (uint32_t)id, err);
}

static int push_ids(struct tr_tokens *out, const struct tr_tokens *t, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < t->n && !rc; i++)
        rc = tr_tokens_push(out, t->id[i], err);
    return rc;
}

/* The text's ids with what a template or RoBERTa's form has around them; of a sequence the
 * first that has something. */
static int push_around(const struct tr__hf_pieces *p, const struct tr_json *v,
                       const struct tr_tokens *t, struct tr_tokens *out, struct tr_err *err)
{
    const struct tr_json *single = tr_json_get(v, "single");
    const struct tr_json *list = tr_json_get(v, "processors");
    int rc = 0;
    for (size_t i = 0; i < tr_json_count(list) && !rc && !out->n; i++)
        rc = push_around(p, tr_json_at(list, i), t, out, err);
    for (size_t i = 0; i < tr_json_count(single) && !rc; i++) {
        const struct tr_json *s = tr_json_get(tr_json_at(single, i), "SpecialToken");
        rc = s ? push_text(p, tr_json_get(s, "id"), out, err) : push_ids(out, t, err);
    }
    if (rc || !tr_json_get(v, "cls"))
        return rc;
    rc = push_text(p, tr_json_at(tr_json_get(v, "cls"), 0), out, err);
    if (!rc)
        rc = push_ids(out, t, err);
    return rc ? rc : push_text(p, tr_json_at(tr_json_get(v, "sep"), 0), out, err);
}

/* Classes of some tokenizers put BOS in front whatever the post-processor says. */
static int push_bos(const struct tr__hf_pieces *p, const struct tr__hf_vocab_files *f,
                    const struct tr_tokens *t, struct tr_tokens *out, struct tr_err *err)
{
    struct tr_str s = tr__hf_token_text(tr_json_get(f->settings, "bos_token"));
    int64_t id = s.len ? tr__hf_piece_id(p, s.ptr, s.len) : -1;
    int rc = id < 0 ? 0 : tr_tokens_push(out, (uint32_t)id, err);
    return rc ? rc : push_ids(out, t, err);
}

/* By the hash of ids with what is around them, of those alone, and of those behind BOS. */
static int by_hash(const struct tr__hf_vocab_files *f, const struct tr__hf_pieces *p,
                   const struct tr__hf_words *w, const char **pre, struct tr_err *err)
{
    const struct tr_json *model = tr_json_get(f->tokenizer, "model");
    struct tr_tokens bare = { 0 }, whole = { 0 };
    int rc = tr__hf_encode(p, w, tr_json_bool(tr_json_get(model, "ignore_merges")),
                           test_text, sizeof test_text - 1, &bare, err);
    for (int i = 0; i < 2 && rc == 1 && !*pre; i++) {
        whole.n = 0;
        int failed = i ? push_bos(p, f, &bare, &whole, err) :
                     push_around(p, tr_json_get(f->tokenizer, "post_processor"), &bare,
                                 &whole, err);
        rc = failed ? failed : 1;
        *pre = failed ? NULL : name_of(&whole);
        if (!*pre && !i)
            *pre = name_of(&bare);
    }
    tr_tokens_release(&bare);
    tr_tokens_release(&whole);
    return rc < 0 ? rc : 0;
}

/* ---- patterns --------------------------------------------------------------------- */

/* 1 if a text gets a special token in front by the post-processor. */
static int begins_special(const struct tr_json *v)
{
    const struct tr_json *list = tr_json_get(v, "processors");
    int is = tr_json_get(tr_json_at(tr_json_get(v, "single"), 0), "SpecialToken") != NULL;
    for (size_t i = 0; i < tr_json_count(list); i++)
        is |= begins_special(tr_json_at(list, i));
    return is;
}

/* A name of the pattern that does with whole words and BOS as the file does.  One that puts
 * BOS in front where nothing says so is only for files that say so. */
static const char *by_pattern(const struct tr__hf_vocab_files *f,
                              const struct tr__hf_words *w)
{
    const struct tr__pattern *pattern = tr__hf_words_pattern(w);
    const struct tr_json *model = tr_json_get(f->tokenizer, "model");
    int whole = tr_json_bool(tr_json_get(model, "ignore_merges")) ? TR__PRE_WHOLE : 0;
    int bos = begins_special(tr_json_get(f->tokenizer, "post_processor")) ? TR__PRE_BOS : 0;
    const struct tr__pretok *t;
    const char *name = NULL;
    for (size_t i = 0; pattern && (t = tr__pretok_at(i)); i++) {
        if (t->pattern != pattern || (t->flags & TR__PRE_WHOLE) != whole)
            continue;
        if ((t->flags & TR__PRE_BOS) == bos)
            return t->name;
        if (!name && !(t->flags & TR__PRE_BOS))
            name = t->name;
    }
    return name;
}

/* Normalisers that leave the test text as it is. */
static int changes_nothing(const struct tr_json *v)
{
    const char *type = tr_json_string(tr_json_get(v, "type"), NULL);
    const struct tr_json *list = tr_json_get(v, "normalizers");
    int is = !v || !strcmp(type, "NFC") || !strcmp(type, "Sequence");
    for (size_t i = 0; i < tr_json_count(list); i++)
        is &= changes_nothing(tr_json_at(list, i));
    return is;
}

/* Without a tokenizer.json the class of the tokenizer knows. */
static int words_of_class(const struct tr__hf_vocab_files *f, struct tr__hf_words *w)
{
    const char *name = tr_json_string(tr_json_get(f->settings, "tokenizer_class"), NULL);
    return tr__hf_words_of(w, strncmp(name, "Qwen2", 5) ? &tr__pattern_gpt2 :
                           &tr__pattern_qwen2) < 0 ? -1 : 0;
}

int tr__hf_vocab_pre(const struct tr__hf_vocab_files *f, const struct tr__hf_pieces *p,
                     const char **pre, struct tr_err *err)
{
    struct tr__hf_words w = { 0 };
    *pre = NULL;
    if (!changes_nothing(tr_json_get(f->tokenizer, "normalizer")))
        return 0;
    int rc = f->tokenizer ?
             tr__hf_words_read(&w, tr_json_get(f->tokenizer, "pre_tokenizer")) :
             words_of_class(f, &w);
    if (rc)
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for a pre-tokenizer");
    else if (!w.odd)
        rc = by_hash(f, p, &w, pre, err);
    if (!rc && !*pre)
        *pre = by_pattern(f, &w);
    tr__hf_words_release(&w);
    return rc;
}
