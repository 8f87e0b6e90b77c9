/* SPDX-License-Identifier: MIT
 *
 * From a folder's files to the keys tokenizer.* of a GGUF: which of the files has the
 * vocabulary, which kind of tokenizer that is, and the keys in the order in which llama.cpp's
 * converter writes them.  Read next: vocab_json.c, vocab_added.c, vocab_special.c,
 * vocab_pre.c.
 */
#include <libtrain/hf/text.h>
#include <libtrain/hf/vocab_files.h>
#include <libtrain/hf/vocab_json.h>
#include <libtrain/hf/vocab_sentencepiece.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- files ------------------------------------------------------------------------ */

/* p NULL: without its lists. */
static int read_json(struct tr__hf_pieces *p, struct tr__hf_vocab_files *f,
                     const char *path, struct tr_err *err)
{
    char *text = NULL;
    size_t n;
    int rc = tr__hf_text(path, TR__HF_MAX_TOKENIZER, &text, &n, err);
    if (!rc)
        rc = tr__hf_vocab_json(text, n, path, p, &f->tokenizer, err);
    free(text);
    return rc;
}

/* What a tokenizer.json says beside a vocabulary that is in another file. */
static int read_rest(struct tr__hf_vocab_files *f, struct tr_err *err)
{
    char path[TR__HF_PATH];
    int found = tr__hf_vocab_path(f->dir, "tokenizer.json", path, err);
    return found <= 0 ? found : read_json(NULL, f, path, err);
}

static int read_lists(struct tr__hf_pieces *p, const char *vocab, const char *merges,
                      struct tr_err *err)
{
    char *text = NULL;
    size_t n;
    int rc = tr__hf_text(vocab, TR__HF_MAX_TOKENIZER, &text, &n, err);
    if (!rc)
        rc = tr__hf_vocab_object(text, n, vocab, p, err);
    free(text);
    text = NULL;
    if (!rc)
        rc = tr__hf_text(merges, TR__HF_MAX_TOKENIZER, &text, &n, err);
    if (!rc)
        rc = tr__hf_vocab_merges(text, n, merges, p, err);
    free(text);
    return rc;
}

static int read_vocabulary(struct tr__hf_pieces *p, struct tr__hf_vocab_files *f,
                           struct tr_err *err)
{
    char path[TR__HF_PATH], merges[TR__HF_PATH];
    int found = tr__hf_vocab_path(f->dir, "tokenizer.json", path, err);
    if (found)
        return found < 0 ? found : read_json(p, f, path, err);
    found = tr__hf_vocab_path(f->dir, "vocab.json", path, err);
    if (found == 1)
        found = tr__hf_vocab_path(f->dir, "merges.txt", merges, err);
    if (found)
        return found < 0 ? found : read_lists(p, path, merges, err);
    found = tr__hf_vocab_path(f->dir, "vocab.txt", path, err);
    if (found)
        return found < 0 ? found : tr_err_set(err, TR_EUNSUPPORTED, "'%s': a vocabulary of "
                                              "WordPiece has no form here", path);
    return tr_err_set(err, TR_EFORMAT, "'%s': no tokenizer.json, and no vocab.json with "
                      "merges.txt, and no tokenizer.model", f->dir);
}

/* Ids that the model has rows for. */
static int count_tokens(const struct tr__hf_vocab_files *f, const struct tr__hf_pieces *p,
                        int64_t rows, size_t *n, struct tr_err *err)
{
    const struct tr_json *v = rows ? NULL : tr__hf_config(f, "vocab_size");
    int64_t size = rows ? rows : v ? tr_json_int(v) : (int64_t)p->n;
    if (tr_json_is_big(v) || size < 1 || size > TR__HF_MAX_TOKENS)
        return tr_err_set(err, TR_EFORMAT, "'%s/config.json': vocab_size is not 1 to %d",
                          f->dir, TR__HF_MAX_TOKENS);
    if (p->n > (size_t)size && rows)
        return tr_err_set(err, TR_EFORMAT, "'%s': token %zu has no row in tables of %lld",
                          f->dir, p->n - 1, (long long)size);
    if (p->n > (size_t)size)
        return tr_err_set(err, TR_EFORMAT, "'%s': token %zu does not fit into vocab_size, "
                          "%lld, of config.json", f->dir, p->n - 1, (long long)size);
    *n = (size_t)size;
    return 0;
}

/* ---- kinds ------------------------------------------------------------------------ */

struct job {
    struct tr_gguf_writer *w;
    struct tr__hf_vocab_files f;
    struct tr__hf_pieces p;
    const struct tr__hf_vocab_options *o;
    size_t n;      /* tokens of the model */
    int is_listed; /* they are in tokenizer.json or vocab.json, not in tokenizer.model */
};

static int is_arch(const struct job *j, const char *name)
{
    return j->o->arch && !strcmp(j->o->arch, name);
}

static int set_byte_level(struct job *j, struct tr_err *err)
{
    const char *pre = j->o->pre;
    int rc = pre ? 0 : tr__hf_vocab_pre(&j->f, &j->p, &pre, err);
    if (!rc && !pre)
        rc = tr_err_set(err, TR_EUNSUPPORTED, "'%s': words are cut in a way that is not "
                        "known here; --pre NAME says which it is", j->f.dir);
    if (rc)
        return rc;
    tr_gguf_set_string(j->w, "tokenizer.ggml.model", "gpt2");
    tr_gguf_set_string(j->w, "tokenizer.ggml.pre", pre);
    rc = tr__hf_set_tokens(j->w, &j->p, j->n, 0, err);
    return rc ? rc : tr__hf_set_merges(j->w, &j->p, err);
}

static int is_gemma(const struct job *j)
{
    return j->o->arch && !strncmp(j->o->arch, "gemma", 5);
}

/* Whether a space is put in front of a text: where a file says so in front of all keys, in
 * llama.cpp's order; and what a tokenizer.json does. */
static void set_space(struct job *j)
{
    const struct tr_json *v = tr_json_get(j->f.settings, "add_prefix_space");
    if (is_gemma(j))
        return;
    if (tr_json_kind(v) == TR_JSON_BOOL)
        tr_gguf_set_bool(j->w, "tokenizer.ggml.add_space_prefix", tr_json_bool(v));
    else if (j->is_listed && !tr__hf_puts_space(&j->f))
        tr_gguf_set_bool(j->w, "tokenizer.ggml.add_space_prefix", 0);
}

/* Pieces that merge by score. */
static int set_scored(struct job *j, struct tr_err *err)
{
    set_space(j);
    tr_gguf_set_string(j->w, "tokenizer.ggml.model", "llama");
    tr_gguf_set_string(j->w, "tokenizer.ggml.pre", "default");
    return tr__hf_set_tokens(j->w, &j->p, j->n, 1, err);
}

static int set_gemma4(struct job *j, struct tr_err *err)
{
    tr_gguf_set_string(j->w, "tokenizer.ggml.model", "gemma4");
    int rc = tr__hf_set_tokens(j->w, &j->p, j->n, 1, err);
    return rc ? rc : tr__hf_set_merges(j->w, &j->p, err);
}

static int is_byte_fallback(const struct job *j)
{
    return tr_json_bool(tr_json_get(tr_json_get(j->f.tokenizer, "model"), "byte_fallback"));
}

/* After all others, since a file may say it otherwise. */
static void set_last(struct job *j)
{
    if (is_arch(j, "nemotron")) {
        tr_gguf_set_u32(j->w, "tokenizer.ggml.padding_token_id", 0);
        tr_gguf_set_u32(j->w, "tokenizer.ggml.unknown_token_id", 1);
    }
    if (is_arch(j, "gemma") && j->n > 107)
        tr_gguf_set_u32(j->w, "tokenizer.ggml.eot_token_id", 107);
    if (is_gemma(j))
        tr_gguf_set_bool(j->w, "tokenizer.ggml.add_space_prefix", 0);
    if (is_arch(j, "gemma4"))
        tr_gguf_set_bool(j->w, "tokenizer.ggml.add_bos_token", 1);
}

static int refuse_kind(struct job *j, struct tr_err *err)
{
    const char *type =
        tr_json_string(tr_json_get(tr_json_get(j->f.tokenizer, "model"), "type"), NULL);
    if (!*type || !strcmp(type, "BPE"))
        return 0;
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s/tokenizer.json': a vocabulary of type "
                      "'%.40s' has no form here", j->f.dir, type);
}

static int read_listed(struct job *j, struct tr_err *err)
{
    int rc = read_vocabulary(&j->p, &j->f, err);
    j->is_listed = 1;
    if (!rc)
        rc = refuse_kind(j, err);
    if (!rc && is_byte_fallback(j))
        rc = tr__hf_vocab_pieces_of_json(&j->p, &j->f, is_arch(j, "gemma4"), err);
    else if (!rc)
        rc = tr__hf_vocab_add(&j->p, &j->f, err);
    return rc;
}

/* tokenizer.model: no more tokens than the model has rows for, and no padding is missed. */
static int read_sentencepiece(struct job *j, const char *path, struct tr_err *err)
{
    struct tr__hf_sentencepiece s = { 0 };
    char *text = NULL;
    size_t n;
    int rc = tr__hf_text(path, TR__HF_MAX_TOKENIZER, &text, &n, err);
    if (!rc)
        rc = tr__hf_sentencepiece_read(text, n, path, &j->p, &s, err);
    free(text);
    if (!rc && s.model_type != TR__HF_SPM_BPE)
        rc = tr_err_set(err, TR_EUNSUPPORTED, "'%s': a vocabulary of SentencePiece's type "
                        "%d has no form here, only that of BPE, 2", path, s.model_type);
    if (!rc)
        rc = tr__hf_vocab_add_pieces(&j->p, &j->f, err);
    if (!rc)
        rc = read_rest(&j->f, err);
    return rc;
}

/* Which text each id has. */
static int read_pieces(struct job *j, const char *dir, struct tr_err *err)
{
    char path[TR__HF_PATH];
    int rc = tr__hf_vocab_files_open(&j->f, dir, err);
    const struct tr_json *class = tr_json_get(j->f.settings, "tokenizer_class");
    int found = rc ? rc : tr__hf_vocab_path(dir, "tokenizer.model", path, err);
    if (found < 0)
        return found;
    return found && !is_arch(j, "gemma4") &&
           strcmp(tr_json_string(class, NULL), "GPT2Tokenizer") ?
           read_sentencepiece(j, path, err) : read_listed(j, err);
}

static int set_all(struct job *j, const char *dir, struct tr_err *err)
{
    int rc = read_pieces(j, dir, err);
    if (!rc)
        rc = count_tokens(&j->f, &j->p, j->o->rows, &j->n, err);
    if (!rc)
        rc = !j->is_listed || (is_byte_fallback(j) && !is_arch(j, "gemma4")) ? set_scored(j, err) :
             is_byte_fallback(j) ? set_gemma4(j, err) : set_byte_level(j, err);
    if (!rc)
        rc = tr__hf_vocab_special(j->w, &j->f, &j->p, err);
    if (rc)
        return rc;
    if (!j->is_listed || is_byte_fallback(j))
        set_last(j);
    return tr__hf_vocab_own(j->w, &j->f, j->o->pre != NULL, err);
}

int tr__hf_vocab_set(struct tr_gguf_writer *w, const char *dir,
                     const struct tr__hf_vocab_options *o, int64_t *n, struct tr_err *err)
{
    struct job j = { .w = w, .o = o };
    int rc = set_all(&j, dir, err);
    if (!rc && n)
        *n = (int64_t)j.n;
    tr__hf_pieces_release(&j.p);
    tr__hf_vocab_files_close(&j.f);
    return rc;
}

/* ---- another model's ---------------------------------------------------------------- */

/* What the folder calls an id; a place that no token fills has no text. */
static struct tr_str text_of(const struct tr__hf_pieces *p, size_t id)
{
    const struct tr__hf_piece *piece = id < p->n ? &p->at[id] : NULL;
    return piece && piece->text_plus && piece->is_text
               ? tr__strings_at(&p->text, piece->is_text - 1) : tr__hf_piece_text(p, id);
}

static int compare(const struct job *j, const struct tr_gguf *g, const struct tr_gguf_kv *tokens,
                   struct tr_err *err)
{
    const struct tr_gguf_kv *type = tr_gguf_find_kv(g, "tokenizer.ggml.token_type");
    size_t n = j->p.n > tokens->count ? j->p.n : (size_t)tokens->count;
    uint64_t cursor = 0;
    for (size_t i = 0; i < n; i++) {
        struct tr_str a = { NULL, 0 };
        struct tr_str b = i < j->p.n ? text_of(&j->p, i) : (struct tr_str){ NULL, 0 };
        int filled = i < tokens->count, is_filler = filled && type && type->count > i &&
                     tr_gguf_elem_int(type, i) == TR__HF_UNUSED;
        if (filled)
            a = tr_gguf_elem_string(tokens, &cursor);
        if ((!b.ptr && (!filled || is_filler)) ||
            (b.ptr && filled && a.len == b.len && !memcmp(a.ptr, b.ptr, a.len)))
            continue;
        return tr_err_set(err, TR_EMISMATCH, "'%s' has the tokenizer of another model: token %zu "
                          "is %s%.*s%s there, %s%.*s%s in '%s'", j->f.dir, i, b.ptr ? "'" : "not",
                          (int)(b.len < 40 ? b.len : 40), b.ptr ? b.ptr : "", b.ptr ? "'" : "",
                          a.ptr ? "'" : "not", (int)(a.len < 40 ? a.len : 40),
                          a.ptr ? a.ptr : "", a.ptr ? "'" : "", tr_gguf_path(g));
    }
    return 0;
}

int tr__hf_vocab_match(const struct tr_gguf *g, const char *dir, struct tr_err *err)
{
    struct tr_str name = { "", 0 };
    char arch[64] = "";
    struct tr__hf_vocab_options o = { .arch = arch };
    struct job j = { .o = &o };
    struct tr_err why = { 0 };
    const struct tr_gguf_kv *tokens = tr_gguf_find_kv(g, "tokenizer.ggml.tokens");
    if (!tokens || tokens->type != TR_GGUF_ARRAY || tokens->elem != TR_GGUF_STRING)
        return 0;
    if (tr_gguf_string(g, "general.architecture", &name, NULL) == 1)
        snprintf(arch, sizeof arch, "%.*s", (int)(name.len < 63 ? name.len : 63), name.ptr);
    int rc = read_pieces(&j, dir, &why);
    if (rc == TR_EUNSUPPORTED)
        rc = 0; /* of a kind that is not read here */
    else if (rc)
        rc = tr_err_set(err, why.code, "%s", why.text);
    else
        rc = compare(&j, g, tokens, err);
    tr__hf_pieces_release(&j.p);
    tr__hf_vocab_files_close(&j.f);
    return rc;
}
