/* SPDX-License-Identifier: MIT
 *
 * From a GGUF's keys tokenizer.* to the files of a folder that transformers loads.  Which
 * tokens are found in a text before it is cut into words is asked of our own tokenizer, so
 * that both sides agree also where a file says oddly what is special.  Read next:
 * vocab_out_json.c, vocab_settings.c.
 */
#include <libtrain/hf/vocab.h>
#include <libtrain/hf/vocab_out.h>

#include <libtrain/base/base.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct tr__hf_vocab_form *const forms[] = {
    &tr__hf_vocab_form_gpt2, &tr__hf_vocab_form_llama, &tr__hf_vocab_form_gemma4,
};

static const struct tr__hf_vocab_form *find_form(const struct tr_gguf *g,
                                                 struct tr_err *err)
{
    struct tr_str s = { 0 };
    if (tr_gguf_string(g, "tokenizer.ggml.model", &s, err) < 0)
        return NULL;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (tr_str_is(s, forms[i]->model))
            return forms[i];
    tr_err_set(err, TR_EUNSUPPORTED, "'%s': a tokenizer '%.*s' has no form in "
               "tokenizer.json here; --like takes the files of another folder",
               tr_gguf_path(g), s.len > 60 ? 60 : (int)s.len, s.ptr);
    return NULL;
}

/* ---- tokens ----------------------------------------------------------------------- */

static int is_text(struct tr_str s)
{
    size_t at = 0, len = 1;
    for (; at < s.len && len; at += len)
        len = tr__utf8_len(s.ptr + at, s.len - at);
    return len != 0;
}

/* "[PAD7]" of token 7: a place that the converter fills so. */
static int fills_gap(struct tr_str s, size_t id)
{
    char pad[32];
    snprintf(pad, sizeof pad, "[PAD%zu]", id);
    return tr_str_is(s, pad);
}

static int read_tokens(struct tr__hf_vocab_out *o, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(o->g, "tokenizer.ggml.tokens");
    const struct tr_gguf_kv *type = tr_gguf_find_kv(o->g, "tokenizer.ggml.token_type");
    uint64_t cursor = 0;
    o->n = (size_t)kv->count;
    o->token = malloc(o->n * sizeof *o->token);
    o->type = calloc(o->n, 1);
    o->added = calloc(o->n, 1);
    if (!o->token || !o->type || !o->added)
        return tr_err_sys(err, "cannot hold %zu tokens", o->n);
    for (size_t i = 0; i < o->n; i++) {
        o->token[i] = tr_gguf_elem_string(kv, &cursor);
        int64_t t = type ? tr_gguf_elem_int(type, i) : 1;
        o->type[i] = t > 0 && t < 7 ? (uint8_t)t : 1;
        o->added[i] = tr_tokenizer_is_special(o->t, (uint32_t)i) && o->token[i].len;
        if (o->type[i] == TR__HF_OUT_UNUSED && fills_gap(o->token[i], i))
            o->type[i] = 0;
        else if (!is_text(o->token[i]))
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': token %zu is not UTF-8, which "
                              "tokenizer.json has to be", tr_gguf_path(o->g), i);
    }
    return 0;
}

/* Added tokens behind all others need not be in the vocabulary, where their letters could
 * be taken for bytes; but then no place among them or in front of them may be empty, since
 * they are numbered by counting, and no merge may make one. */
static int find_end_of_vocabulary(struct tr__hf_vocab_out *o, struct tr_err *err)
{
    size_t last = o->n, used = 0;
    while (last && !o->type[last - 1])
        last--;
    size_t end = last;
    while (end && o->added[end - 1] && o->type[end - 1])
        end--;
    for (size_t i = 0; i < end; i++)
        used += o->type[i] != 0;
    int merged = end < last ? tr__hf_out_is_merged(o, end, err) : 0;
    o->n_listed = used == end && end && !merged ? end : last;
    return merged < 0 ? merged : 0;
}

static void release(struct tr__hf_vocab_out *o)
{
    tr__hf_words_release(&o->words);
    tr_tokenizer_free(o->t);
    free(o->token);
    free(o->type);
    free(o->added);
}

/* ---- files ------------------------------------------------------------------------ */

typedef int tr__hf_write_file(struct tr__hf_vocab_out *o, const struct tr__hf_vocab_form *form,
                              struct tr_err *err);

static int write_json(struct tr__hf_vocab_out *o, const struct tr__hf_vocab_form *form,
                      struct tr_err *err)
{
    return tr__hf_out_json(o, form, err);
}

static int write_pieces(struct tr__hf_vocab_out *o, const struct tr__hf_vocab_form *form,
                        struct tr_err *err)
{
    return form->pieces(o, err);
}

static int write_vocab(struct tr__hf_vocab_out *o, const struct tr__hf_vocab_form *form,
                       struct tr_err *err)
{
    (void)form;
    (void)err;
    tr__hf_out_vocab(o, "");
    return 0;
}

static int write_merges(struct tr__hf_vocab_out *o, const struct tr__hf_vocab_form *form,
                        struct tr_err *err)
{
    (void)form;
    return tr__hf_out_lines(o, err);
}

static int write_settings(struct tr__hf_vocab_out *o, const struct tr__hf_vocab_form *form,
                          struct tr_err *err)
{
    return tr__hf_out_settings(o, form, err);
}

static int write_special(struct tr__hf_vocab_out *o, const struct tr__hf_vocab_form *form,
                         struct tr_err *err)
{
    (void)form;
    (void)err;
    tr__hf_out_special(o);
    return 0;
}

static int write_template(struct tr__hf_vocab_out *o, const struct tr__hf_vocab_form *form,
                          struct tr_err *err)
{
    struct tr_str s;
    (void)form;
    int found = tr_gguf_string(o->g, "tokenizer.chat_template", &s, err);
    if (found == 1)
        fwrite(s.ptr, 1, s.len, o->f);
    return found < 0 ? found : 0;
}

static int write_file(struct tr__hf_vocab_out *o, const struct tr__hf_vocab_form *form,
                      const char *dir, const char *name, tr__hf_write_file *write,
                      struct tr_err *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= PATH_MAX)
        return tr_err_set(err, TR_EINVAL, "'%s': the name of the folder is too long", dir);
    struct tr_out *out = tr_out_open(path, err);
    if (!out)
        return TR_EIO;
    o->f = tr_out_stream(out);
    int rc = write(o, form, err);
    if (!rc && ferror(o->f))
        rc = tr_err_sys(err, "cannot write '%s'", path);
    return tr_out_finish(out, rc, err);
}

static int write_files(struct tr__hf_vocab_out *o, const struct tr__hf_vocab_form *form,
                       const char *dir, struct tr_err *err)
{
    int alone = tr_gguf_find_kv(o->g, "tokenizer.chat_template") &&
                !tr_gguf_find_kv(o->g, "tokenizer.chat_templates");
    const struct {
        const char *name;
        tr__hf_write_file *write;
        int wanted;
    } files[] = {
        { "tokenizer.json", write_json, 1 },
        { "tokenizer.model", write_pieces, form->pieces != NULL },
        { "vocab.json", write_vocab, form->lists },
        { "merges.txt", write_merges, form->lists },
        { "tokenizer_config.json", write_settings, 1 },
        { "special_tokens_map.json", write_special, 1 },
        { "chat_template.jinja", write_template, alone },
    };
    int rc = form->check ? form->check(o, err) : 0;
    for (size_t i = 0; i < sizeof files / sizeof *files && !rc; i++)
        if (files[i].wanted)
            rc = write_file(o, form, dir, files[i].name, files[i].write, err);
    return rc;
}

/* ---- what the files cannot say ---------------------------------------------------- */

/* The folder as a file of keys; NULL if it cannot be read here, which is no reason not to
 * write it. */
static struct tr_gguf *read_back(const struct tr__hf_vocab_out *o, const char *dir,
                                 struct tr_gguf_writer **w, struct tr_err *err)
{
    char path[PATH_MAX], arch[64] = "";
    struct tr_str s = { "", 0 };
    struct tr__hf_vocab_options how = { .arch = arch, .rows = (int64_t)o->n };
    if (tr_gguf_string(o->g, "general.architecture", &s, NULL) == 1)
        snprintf(arch, sizeof arch, "%.*s", (int)(s.len < 63 ? s.len : 63), s.ptr);
    if (snprintf(path, sizeof path, "%s/tokenizer.gguf", dir) >= PATH_MAX)
        return NULL;
    *w = tr_gguf_create(path, err);
    int rc = *w ? tr__hf_vocab_set(*w, dir, &how, NULL, err) : TR_EIO;
    return rc ? NULL : tr_gguf_preview(*w, err);
}

static int add_own(struct tr__hf_vocab_out *o, const struct tr__hf_vocab_form *form,
                   const char *dir, struct tr_err *err)
{
    struct tr_err why = { 0 };
    struct tr_gguf_writer *w = NULL;
    struct tr_gguf *read = read_back(o, dir, &w, &why);
    int rc = why.code == TR_ENOMEM || why.code == TR_EIO
             ? tr_err_set(err, why.code, "%s", why.text) : 0;
    o->read = read;
    if (read && !rc)
        rc = write_file(o, form, dir, "tokenizer_config.json", write_settings, err);
    o->read = NULL;
    tr_gguf_close(read);
    tr_gguf_discard(w);
    return rc;
}

int tr__hf_vocab_write(const struct tr_gguf *g, const char *dir, struct tr_err *err)
{
    struct tr__hf_vocab_out o = { .g = g, .t = tr_tokenizer_new(g, err) };
    const struct tr__hf_vocab_form *form = o.t ? find_form(g, err) : NULL;
    int rc = form ? read_tokens(&o, err) : TR_EUNSUPPORTED;
    if (!rc)
        rc = find_end_of_vocabulary(&o, err);
    if (!rc)
        rc = write_files(&o, form, dir, err);
    if (!rc)
        rc = add_own(&o, form, dir, err);
    release(&o);
    return rc;
}
