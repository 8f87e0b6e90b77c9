/* SPDX-License-Identifier: MIT
 *
 * general.*: how the folder says that it is sampled, and what its name tells.  Next:
 * title.c.
 */
#include <libtrain/hf/meta.h>
#include <libtrain/hf/text.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 1 << 20 }; /* bytes of generation_config.json */

static void set_i32(struct tr_gguf_writer *w, const char *key, int64_t v)
{
    int32_t n = (int32_t)v;
    tr_gguf_set_kv(w, &(struct tr_gguf_kv){ key, TR_GGUF_I32, TR_GGUF_I32, 1, &n, sizeof n });
}

static void set_sampling(struct tr_gguf_writer *w, const struct tr_json *c)
{
    static const struct {
        const char *key, *field, *also;
        int whole;
    } of[] = {
        { "general.sampling.top_k", "top_k", NULL, 1 },
        { "general.sampling.top_p", "top_p", NULL, 0 },
        { "general.sampling.min_p", "min_p", NULL, 0 },
        { "general.sampling.xtc_probability", "xtc_probability", NULL, 0 },
        { "general.sampling.xtc_threshold", "xtc_threshold", NULL, 0 },
        { "general.sampling.temp", "temperature", NULL, 0 },
        { "general.sampling.penalty_last_n", "penalty_last_n", NULL, 1 },
        { "general.sampling.penalty_repeat", "penalty_repeat", "repetition_penalty", 0 },
        { "general.sampling.mirostat", "mirostat", NULL, 1 },
        { "general.sampling.mirostat_tau", "mirostat_tau", NULL, 0 },
        { "general.sampling.mirostat_eta", "mirostat_eta", NULL, 0 },
    };
    size_t n;
    const struct tr_json *s = tr_json_get(c, "sequence");
    if (tr_json_kind(s) == TR_JSON_STRING)
        tr_gguf_set_string(w, "general.sampling.sequence", tr_json_string(s, &n));
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        const struct tr_json *v = tr_json_get(c, of[i].field);
        if (!v && of[i].also)
            v = tr_json_get(c, of[i].also);
        if (!v || (tr_json_kind(v) != TR_JSON_INT && tr_json_kind(v) != TR_JSON_REAL))
            continue;
        if (of[i].whole)
            set_i32(w, of[i].key, tr_json_int(v));
        else
            tr_gguf_set_f32(w, of[i].key, (float)tr_json_real(v));
    }
}

/* A file that is not there, or no JSON, says nothing; only lack of memory is an error. */
static int sampling(struct tr_gguf_writer *w, const char *folder, struct tr_err *err)
{
    char path[PATH_MAX];
    struct tr_err why = { 0 };
    if (snprintf(path, sizeof path, "%s/generation_config.json", folder) >= PATH_MAX ||
        access(path, R_OK))
        return 0;
    struct tr_json *c = tr__hf_json(path, MOST, &why);
    if (!c && why.code == TR_ENOMEM)
        return tr_err_set(err, why.code, "%s", why.text);
    set_sampling(w, c);
    tr_json_free(c);
    return 0;
}

/* The last part of a path, "." and ".." followed. */
static void folder_name(char *to, size_t size, const char *folder)
{
    char real[PATH_MAX];
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    size_t at = n;
    while (at > 0 && folder[at - 1] != '/')
        at--;
    snprintf(to, size, "%.*s", (int)(n - at), folder + at);
    if ((!*to || !strcmp(to, ".") || !strcmp(to, "..")) && realpath(folder, real)) {
        const char *slash = strrchr(real, '/');
        snprintf(to, size, "%.*s", (int)size - 1, slash ? slash + 1 : real);
    }
}

/* ---- what the card and the names say ------------------------------------------------ */

static void set_text(struct tr_gguf_writer *w, const char *key, const char *text)
{
    if (*text)
        tr_gguf_set_string(w, key, text);
}

/* The first of these keys that has a text, or "". */
static const char *said(const struct tr_json *card, const char *const key[3])
{
    for (int i = 0; i < 3 && key[i]; i++)
        if (tr_json_kind(tr_json_get(card, key[i])) == TR_JSON_STRING)
            return tr_json_string(tr_json_get(card, key[i]), NULL);
    return "";
}

static void take(char to[TR__HF_TITLE_BYTES], const char *text)
{
    if (!*to)
        snprintf(to, TR__HF_TITLE_BYTES, "%s", text);
}

/* Parts of a name for what is not said yet. */
static void take_id(struct tr__hf_title *t, const char *id, double n_number)
{
    struct tr__hf_title of;
    char name[TR__HF_TITLE_BYTES], organization[TR__HF_TITLE_BYTES];
    tr__hf_title_of(&of, id, n_number);
    tr__hf_titled(name, of.name);
    tr__hf_titled(organization, of.organization);
    take(t->name, name);
    take(t->organization, organization);
    take(t->basename, of.basename);
    take(t->finetune, of.finetune);
    take(t->version, of.version);
    take(t->size_label, of.size_label);
}

static void take_card(struct tr__hf_title *t, const struct tr_json *card)
{
    static const char *const key[][3] = {
        { "name", "model_name" }, { "organization", "model_organization" },
        { "basename", "model_basename", "model_type" }, { "finetune", "model_finetune" },
        { "version", "model_version" }, { "size_label", "model_size_label" },
    };
    char *const to[] = { t->name, t->organization, t->basename, t->finetune, t->version,
                         t->size_label };
    for (size_t i = 0; i < sizeof to / sizeof *to; i++)
        take(to[i], said(card, key[i]));
}

static void set_said(struct tr_gguf_writer *w, const char *key, const struct tr_json *card,
                     const char *field, const char *also)
{
    set_text(w, key, said(card, (const char *const[3]){ field, also }));
}

/* Licences of a list are one text, with commas. */
static void set_licence(struct tr_gguf_writer *w, const struct tr_json *card)
{
    const struct tr_json *v = tr_json_get(card, "license");
    char all[512] = "";
    for (size_t i = 0, n = 0; i < tr_json_count(v) && n < sizeof all; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i ? "," : "",
                              tr_json_string(tr_json_at(v, i), NULL));
    set_text(w, "general.license", tr_json_kind(v) == TR_JSON_ARRAY ? all
                                                                    : tr_json_string(v, NULL));
    set_said(w, "general.license.name", card, "license_name", NULL);
    set_said(w, "general.license.link", card, "license_link", NULL);
}

/* Entries of a list; anything else is a list of itself. */
static size_t count_of(const struct tr_json *v)
{
    return tr_json_kind(v) == TR_JSON_ARRAY ? tr_json_count(v) : v != NULL;
}

static const struct tr_json *entry_at(const struct tr_json *v, size_t i)
{
    return tr_json_kind(v) == TR_JSON_ARRAY ? tr_json_at(v, i) : v;
}

/* A model or a set of data that the card names: where it is on the Hub, and parts of its name. */
static void set_source(struct tr_gguf_writer *w, const char *kind, size_t i, const char *id,
                       double n_number)
{
    static const char hub[] = "https://huggingface.co/";
    struct tr__hf_title t = { 0 };
    char key[64], url[TR__HF_TITLE_BYTES + sizeof hub];
    int is_url = strstr(id, "://") != NULL;
    const char *name = !is_url ? id : strncmp(id, hub, sizeof hub - 1) ? "" : id + sizeof hub - 1;
    const char *slash = strchr(name, '/');
    if (*name && (!is_url || (slash && slash[1] && !strchr(slash + 1, '/'))))
        take_id(&t, name, n_number);
    snprintf(url, sizeof url, "%s%s", is_url ? "" : hub, id);
    const struct {
        const char *name, *text;
    } part[] = {
        { "name", t.name }, { "version", t.version }, { "organization", t.organization },
        { "repo_url", is_url || (*t.organization && slash) ? url : "" },
    };
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) {
        snprintf(key, sizeof key, "general.%s.%zu.%s", kind, i, part[k].name);
        set_text(w, key, part[k].text);
    }
}

/* One that the card describes by keys of its own. */
static void set_described(struct tr_gguf_writer *w, const char *kind, size_t i,
                          const struct tr_json *v)
{
    static const char *const part[] = { "name", "author", "version", "organization",
                                        "description", "url", "doi", "uuid", "repo_url" };
    char key[64];
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) {
        snprintf(key, sizeof key, "general.%s.%zu.%s", kind, i, part[k]);
        set_text(w, key, tr_json_string(tr_json_get(v, part[k]), NULL));
    }
}

static void set_sources(struct tr_gguf_writer *w, const struct tr_json *card, const char *kind,
                        const char *const field[3], double n_number)
{
    const struct tr_json *v = NULL;
    char key[64];
    for (int i = 0; i < 3 && !v; i++)
        v = tr_json_get(card, field[i]);
    size_t n = count_of(v);
    snprintf(key, sizeof key, "general.%s.count", kind);
    if (n)
        tr_gguf_set_u32(w, key, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        const struct tr_json *e = entry_at(v, i);
        if (tr_json_kind(e) == TR_JSON_OBJECT)
            set_described(w, kind, i, e);
        else if (tr_json_kind(e) == TR_JSON_STRING)
            set_source(w, kind, i, tr_json_string(e, NULL), n_number);
    }
}

/* The texts of both fields as one array. */
static int set_words(struct tr_gguf_writer *w, const struct tr_json *card, const char *key,
                     const char *a, const char *b, struct tr_err *err)
{
    const struct tr_json *v[2] = { tr_json_get(card, a), tr_json_get(card, b) };
    size_t n = 0, all = count_of(v[0]) + count_of(v[1]);
    struct tr_str *s = all ? malloc(all * sizeof *s) : NULL;
    if (all && !s)
        return tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", key);
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < count_of(v[k]); i++)
            if (tr_json_kind(entry_at(v[k], i)) == TR_JSON_STRING)
                s[n++].ptr = tr_json_string(entry_at(v[k], i), NULL);
    for (size_t i = 0; i < n; i++)
        s[i].len = strlen(s[i].ptr);
    if (n)
        tr_gguf_set_strings(w, key, s, n);
    free(s);
    return 0;
}

static int set_card(struct tr_gguf_writer *w, const struct tr_json *card, double n_number,
                    struct tr_err *err)
{
    static const char *const base[] = { "base_model", "base_models", "base_model_sources" };
    static const char *const data[] = { "datasets", "dataset", "dataset_sources" };
    set_licence(w, card);
    set_said(w, "general.source.url", card, "url", "model_url");
    set_said(w, "general.source.doi", card, "doi", "model_doi");
    set_said(w, "general.source.uuid", card, "uuid", "model_uuid");
    set_said(w, "general.source.repo_url", card, "repo_url", "model_repo_url");
    set_sources(w, card, "base_model", base, n_number);
    set_sources(w, card, "dataset", data, n_number);
    int rc = set_words(w, card, "general.tags", "tags", "pipeline_tag", err);
    return rc ? rc : set_words(w, card, "general.languages", "languages", "language", err);
}

/* A name on the Hub, or of a folder beside; a path says nothing. */
static const char *origin(const struct tr_json *config)
{
    const char *id = tr_json_string(tr_json_get(config, "_name_or_path"), NULL);
    const char *slash = strchr(id, '/');
    return slash && strchr(slash + 1, '/') ? "" : id;
}

int tr__hf_meta_set(struct tr_gguf_writer *w, const char *folder, const struct tr_json *config,
                    const char *name, const struct tr__hf_count *c, struct tr_err *err)
{
    char id[TR__HF_TITLE_BYTES];
    struct tr__hf_title t = { 0 };
    struct tr_json *card = tr__hf_card(folder, err);
    if (!card)
        return TR_ENOMEM;
    folder_name(id, sizeof id, folder);
    take_card(&t, card);
    if (*origin(config))
        take_id(&t, origin(config), c->all);
    take_id(&t, id, c->all);
    if (!*t.size_label && c->all > 0)
        tr__hf_size_label(t.size_label, sizeof t.size_label, c);
    int rc = sampling(w, folder, err);
    tr_gguf_set_string(w, "general.name", name ? name : *t.name ? t.name : id);
    set_text(w, "general.author", said(card, (const char *const[3]){ "author", "model_author",
                                                                     "model_creator" }));
    set_text(w, "general.version", t.version);
    set_text(w, "general.organization", t.organization);
    set_text(w, "general.finetune", t.finetune);
    set_text(w, "general.basename", t.basename);
    set_said(w, "general.description", card, "description", "model_description");
    set_text(w, "general.size_label", t.size_label);
    if (!rc)
        rc = set_card(w, card, c->all, err);
    tr_json_free(card);
    return rc;
}
