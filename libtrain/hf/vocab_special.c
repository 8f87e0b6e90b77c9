/* SPDX-License-Identifier: MIT
 *
 * Which token begins a text, which ends it, and so on.  Three files say so: the settings
 * name texts, the post-processor of tokenizer.json puts texts around another, config.json
 * has ids.  Where they differ llama.cpp's converter (its SpecialVocab) has rules, which
 * are kept here, since the keys are to be the same: a post-processor is believed more than
 * the settings, and these more than config.json.  Read next: vocab_template.c.
 */
#include <libtrain/hf/vocab_files.h>

#include <stdio.h>
#include <string.h>

enum role { BOS, EOS, UNK, SEP, PAD, CLS, MASK, EOT, EOM, N_ROLE };

static const struct {
    const char *name; /* in the files */
    const char *key;  /* tokenizer.ggml.KEY_token_id; NULL: a GGUF has none */
    const char *add;  /* the key that says whether it is put around a text; NULL: none does */
} roles[N_ROLE] = {
    { "bos", "bos", "tokenizer.ggml.add_bos_token" },
    { "eos", "eos", "tokenizer.ggml.add_eos_token" },
    { "unk", "unknown", NULL },
    { "sep", "seperator", "tokenizer.ggml.add_sep_token" },
    { "pad", "padding", NULL },
    { "cls", NULL, NULL },
    { "mask", "mask", NULL },
    { "eot", "eot", NULL },
    { "eom", "eom", NULL },
};

struct special {
    struct tr_str text[N_ROLE]; /* ptr NULL: none */
    int settings;               /* there are any: then texts are looked up */
    int n_role;                 /* those that count: EOT and EOM only where one is found */
    int add[N_ROLE];            /* put around a text: -1 not said */
    int order[N_ROLE], n_order; /* of what is said */
};

static void say(struct special *s, enum role r, int add)
{
    if (s->add[r] < 0)
        s->order[s->n_order++] = r;
    s->add[r] = add;
}

static int same(struct tr_str a, struct tr_str b)
{
    return a.len && a.len == b.len && !memcmp(a.ptr, b.ptr, a.len);
}

/* ---- the post-processor ----------------------------------------------------------- */

/* Text of a special token of a template's item, or nothing. */
static struct tr_str special_of(const struct tr_json *item)
{
    struct tr_str s = { 0 };
    const struct tr_json *id = tr_json_get(tr_json_get(item, "SpecialToken"), "id");
    if (tr_json_kind(id) == TR_JSON_STRING)
        s.ptr = tr_json_string(id, &s.len);
    return s.len ? s : (struct tr_str){ 0 };
}

static void first_of_template(struct special *s, struct tr_str first)
{
    int known = same(first, s->text[BOS]) || same(first, s->text[CLS]);
    if (!s->settings) {
        s->text[BOS] = first;
    } else if (!known) {
        if (!s->text[BOS].len)
            s->text[BOS] = first;
        if (!s->text[CLS].len)
            s->text[CLS] = first;
    }
    say(s, BOS, same(first, s->text[BOS]) || same(first, s->text[CLS]));
}

/* What ended a text before, by the settings, ends a turn then. */
static void last_of_template(struct special *s, struct tr_str last)
{
    if (s->settings && !same(last, s->text[EOS]) && s->n_role < N_ROLE)
        s->text[s->n_role++] = s->text[EOS];
    s->text[EOS] = last;
    say(s, EOS, 1);
}

/* A, up to two separators, B: is there a separator? */
static void middle_of_template(struct special *s, const struct tr_json *pair,
                               struct tr_str first, struct tr_str last)
{
    size_t n = tr_json_count(pair), from = 0;
    if (!n)
        return;
    from += first.len && same(first, special_of(tr_json_at(pair, 0)));
    n -= last.len && n > from && same(last, special_of(tr_json_at(pair, n - 1)));
    if (n < from + 3)
        return;
    int add = 0;
    for (size_t i = from + 1; i + 1 < n; i++) {
        struct tr_str t = special_of(tr_json_at(pair, i));
        int is = same(t, s->text[SEP]) || same(t, s->text[EOS]);
        add |= i == from + 1 ? is && !last.len : is && n == from + 4;
    }
    say(s, SEP, add);
    if (add && !s->text[SEP].len && s->settings)
        s->text[SEP] = s->text[EOS];
}

static void read_template(struct special *s, const struct tr_json *v)
{
    const struct tr_json *single = tr_json_get(v, "single");
    size_t n = tr_json_count(single);
    struct tr_str first = { 0 }, last = { 0 };
    if (n > 1) {
        first = special_of(tr_json_at(single, 0));
        last = special_of(tr_json_at(single, n - 1));
    }
    if (first.len)
        first_of_template(s, first);
    if (last.len)
        last_of_template(s, last);
    middle_of_template(s, tr_json_get(v, "pair"), first, last);
}

static void read_byte_level(struct special *s, const struct tr_json *v)
{
    (void)v;
    for (int r = BOS; r <= EOS; r++)
        if (s->add[r] < 0)
            say(s, r, 0);
}

static void read_roberta(struct special *s, const struct tr_json *v)
{
    static const struct {
        enum role role;
        const char *key;
    } at[] = { { CLS, "cls" }, { SEP, "sep" } };
    say(s, BOS, 1);
    say(s, EOS, 1);
    say(s, SEP, 1);
    for (int i = 0; i < 2; i++) {
        const struct tr_json *t = tr_json_at(tr_json_get(v, at[i].key), 0);
        if (!s->text[at[i].role].len && s->settings && tr_json_kind(t) == TR_JSON_STRING)
            s->text[at[i].role].ptr = tr_json_string(t, &s->text[at[i].role].len);
    }
}

static const struct {
    const char *type;
    void (*read)(struct special *s, const struct tr_json *v);
} processors[] = {
    { "ByteLevel", read_byte_level },
    { "RobertaProcessing", read_roberta },
    { "TemplateProcessing", read_template },
};

static void read_processor(struct special *s, const struct tr_json *v)
{
    const char *type = tr_json_string(tr_json_get(v, "type"), NULL);
    for (size_t i = 0; i < sizeof processors / sizeof *processors; i++)
        if (!strcmp(type, processors[i].type))
            processors[i].read(s, v);
}

static void read_processors(struct special *s, const struct tr_json *v)
{
    const struct tr_json *list = tr_json_get(v, "processors");
    if (!list && v)
        read_processor(s, v);
    for (size_t i = 0; i < tr_json_count(list); i++)
        read_processor(s, tr_json_at(list, i));
}

/* ---- the settings ----------------------------------------------------------------- */

static const struct tr_json *setting(const struct tr__hf_vocab_files *f, const char *format,
                                     enum role r)
{
    char key[40];
    snprintf(key, sizeof key, format, roles[r].name);
    return tr_json_get(f->settings, key);
}

static void read_settings(struct special *s, const struct tr__hf_vocab_files *f)
{
    s->settings = f->settings != NULL;
    s->n_role = EOT;
    for (int r = 0; r < N_ROLE; r++) {
        s->add[r] = -1;
        s->text[r] = tr__hf_token_text(setting(f, "%s_token", r));
    }
    if (!s->text[BOS].len)
        s->text[BOS] = s->text[CLS];
    if (!s->text[EOS].len)
        s->text[EOS] = s->text[SEP];
}

/* What only the settings say. */
static void complete(struct special *s, const struct tr__hf_vocab_files *f)
{
    for (int r = 0; r < s->n_role; r++) {
        const struct tr_json *v = setting(f, "add_%s_token", r);
        if (tr_json_kind(v) == TR_JSON_BOOL && s->add[r] < 0)
            say(s, r, tr_json_bool(v));
    }
}

/* ---- ids -------------------------------------------------------------------------- */

static int64_t added_id(const struct tr__hf_vocab_files *f, struct tr_str text)
{
    const struct tr_json *list = tr_json_get(f->tokenizer, "added_tokens");
    for (size_t i = 0; i < tr_json_count(list); i++) {
        const struct tr_json *v = tr_json_at(list, i);
        if (same(text, tr__hf_token_text(v)))
            return tr_json_int(tr_json_get(v, "id"));
    }
    return -1;
}

/* Ids that the texts have, then those that only config.json has. */
static void set_ids(struct tr_gguf_writer *w, const struct special *s,
                    const struct tr__hf_vocab_files *f, int64_t n)
{
    int done[N_ROLE] = { 0 };
    for (int pass = 0; pass < 2; pass++)
        for (int r = 0; r < s->n_role; r++) {
            char key[64];
            snprintf(key, sizeof key, "%s_token_id", roles[r].name);
            const struct tr_json *v = tr__hf_config(f, key);
            int64_t id = pass ? tr_json_kind(v) == TR_JSON_INT ? tr_json_int(v) : -1 :
                         s->settings ? added_id(f, s->text[r]) : -1;
            if (done[r] || id < 0 || id >= n)
                continue;
            done[r] = 1;
            snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id",
                     roles[r].key ? roles[r].key : "");
            if (roles[r].key)
                tr_gguf_set_u32(w, key, (uint32_t)id);
        }
}

/* ---- flags of a normaliser -------------------------------------------------------- */

static void read_normalizer(const struct tr_json *v, int *lower, int *strip)
{
    const char *type = tr_json_string(tr_json_get(v, "type"), NULL);
    const struct tr_json *list = tr_json_get(v, "normalizers");
    if (!strcmp(type, "Lowercase"))
        *lower = 1;
    if (!strcmp(type, "StripAccents"))
        *strip = 1;
    if (!strcmp(type, "BertNormalizer")) {
        const struct tr_json *l = tr_json_get(v, "lowercase");
        const struct tr_json *s = tr_json_get(v, "strip_accents");
        *lower = tr_json_kind(l) == TR_JSON_BOOL ? tr_json_bool(l) : *lower;
        *strip = tr_json_kind(s) == TR_JSON_BOOL ? tr_json_bool(s) : *strip;
    }
    for (size_t i = 0; i < tr_json_count(list); i++)
        read_normalizer(tr_json_at(list, i), lower, strip);
}

static void set_normalizer(struct tr_gguf_writer *w, const struct tr_json *v)
{
    int lower = -1, strip = -1;
    read_normalizer(v, &lower, &strip);
    if (lower >= 0)
        tr_gguf_set_bool(w, "tokenizer.ggml.normalizer.lowercase", lower);
    if (strip >= 0)
        tr_gguf_set_bool(w, "tokenizer.ggml.normalizer.strip_accents", strip);
}

int tr__hf_vocab_special(struct tr_gguf_writer *w, const struct tr__hf_vocab_files *f,
                         const struct tr__hf_pieces *p, struct tr_err *err)
{
    struct special s = { 0 };
    read_settings(&s, f);
    read_processors(&s, tr_json_get(f->tokenizer, "post_processor"));
    complete(&s, f);
    set_ids(w, &s, f, (int64_t)p->n);
    for (int i = 0; i < s.n_order; i++)
        if (roles[s.order[i]].add)
            tr_gguf_set_bool(w, roles[s.order[i]].add, s.add[s.order[i]]);
    int rc = tr__hf_vocab_template(w, f, err);
    if (!rc)
        set_normalizer(w, tr_json_get(f->tokenizer, "normalizer"));
    return rc;
}
