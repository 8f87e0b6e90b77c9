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

static void set_text(struct tr_gguf_writer *w, const char *key, const char *text)
{
    if (*text)
        tr_gguf_set_string(w, key, text);
}

int tr__hf_meta_set(struct tr_gguf_writer *w, const char *folder, const char *name,
                    const struct tr__hf_count *c, struct tr_err *err)
{
    char id[TR__HF_TITLE_BYTES], titled[TR__HF_TITLE_BYTES];
    struct tr__hf_title t;
    folder_name(id, sizeof id, folder);
    tr__hf_title_of(&t, id, c->all);
    tr__hf_titled(titled, t.name);
    if (!*t.size_label && c->all > 0)
        tr__hf_size_label(t.size_label, sizeof t.size_label, c);
    int rc = sampling(w, folder, err);
    tr_gguf_set_string(w, "general.name", name ? name : *titled ? titled : id);
    set_text(w, "general.version", t.version);
    set_text(w, "general.organization", t.organization);
    set_text(w, "general.finetune", t.finetune);
    set_text(w, "general.basename", t.basename);
    set_text(w, "general.size_label", t.size_label);
    return rc;
}
