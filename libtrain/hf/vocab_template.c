/* SPDX-License-Identifier: MIT
 *
 * Chat templates: in tokenizer_config.json, else in chat_template.jinja with others beside
 * it, else in chat_template.json.  Several templates have names; the one called "default"
 * is the model's.
 */
#include <libtrain/hf/text.h>
#include <libtrain/hf/vocab_files.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4 << 20, MOST_NAMES = 64, NAME = 64 };

struct templates {
    char name[MOST_NAMES][NAME];
    size_t n;
};

static int set_template(struct tr_gguf_writer *w, const char *key, const char *text,
                        size_t n, struct tr_err *err)
{
    if (memchr(text, '\0', n))
        return tr_err_set(err, TR_EFORMAT, "a chat template holds NUL");
    tr_gguf_set_string(w, key, text);
    return 0;
}

/* One of several.  A name is of letters and digits, whatever it was. */
static int set_named(struct tr_gguf_writer *w, struct templates *t, const char *name,
                     const char *text, size_t n, struct tr_err *err)
{
    char key[NAME + 32], plain[NAME];
    size_t len = 0;
    for (; name[len] && len < NAME - 1; len++)
        plain[len] = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "0123456789", name[len]) ? name[len] : '_';
    plain[len] = '\0';
    if (!len || t->n == MOST_NAMES)
        return 0;
    memcpy(t->name[t->n++], plain, len + 1);
    snprintf(key, sizeof key, "tokenizer.chat_template.%s", plain);
    return set_template(w, key, text, n, err);
}

/* The names of all but the model's own, then that one. */
static int set_list(struct tr_gguf_writer *w, const struct templates *t, const char *own,
                    size_t n, struct tr_err *err)
{
    struct tr_str s[MOST_NAMES];
    for (size_t i = 0; i < t->n; i++)
        s[i] = (struct tr_str){ t->name[i], strlen(t->name[i]) };
    if (t->n)
        tr_gguf_set_strings(w, "tokenizer.chat_templates", s, t->n);
    return own ? set_template(w, "tokenizer.chat_template", own, n, err) : 0;
}

/* A template, or a list of objects with name and template. */
static int set_value(struct tr_gguf_writer *w, const struct tr_json *v, struct tr_err *err)
{
    struct templates t = { .n = 0 };
    const char *own = NULL;
    size_t n = 0, n_own = 0;
    int rc = 0;
    if (tr_json_kind(v) == TR_JSON_STRING)
        own = tr_json_string(v, &n_own);
    for (size_t i = 0; tr_json_kind(v) == TR_JSON_ARRAY && i < tr_json_count(v) && !rc; i++) {
        const char *name = tr_json_string(tr_json_get(tr_json_at(v, i), "name"), NULL);
        const struct tr_json *text = tr_json_get(tr_json_at(v, i), "template");
        const char *s = tr_json_string(text, &n);
        if (tr_json_kind(text) != TR_JSON_STRING)
            continue;
        if (strcmp(name, "default"))
            rc = set_named(w, &t, name, s, n, err);
        else
            own = s, n_own = n;
    }
    return rc ? rc : set_list(w, &t, own, n_own, err);
}

/* Line ends of other systems are read as ours. */
static size_t unix_lines(char *s, size_t n)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (s[i] == '\r')
            s[m++] = '\n', i += i + 1 < n && s[i + 1] == '\n';
        else
            s[m++] = s[i];
    s[m] = '\0';
    return m;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* additional_chat_templates/NAME.jinja, in the order of their names. */
static size_t others(const char *dir, char name[MOST_NAMES][NAME])
{
    char path[TR__HF_PATH];
    size_t n = 0;
    struct dirent *e;
    DIR *d = tr__hf_vocab_path(dir, "additional_chat_templates", path, NULL) == 1 ?
             opendir(path) : NULL;
    while (d && (e = readdir(d)) && n < MOST_NAMES) {
        size_t len = strlen(e->d_name);
        if (len > 6 && len - 6 < NAME && !strcmp(e->d_name + len - 6, ".jinja")) {
            memcpy(name[n], e->d_name, len - 6);
            name[n++][len - 6] = '\0';
        }
    }
    if (d)
        closedir(d);
    qsort(name, n, NAME, by_name);
    return n;
}

static int set_other(struct tr_gguf_writer *w, const char *dir, const char *name,
                     struct templates *t, struct tr_err *err)
{
    char path[TR__HF_PATH], *text = NULL;
    size_t n;
    int m = snprintf(path, sizeof path, "%s/additional_chat_templates/%s.jinja", dir, name);
    if (m < 0 || m >= TR__HF_PATH)
        return tr_err_set(err, TR_EINVAL, "'%s': the name of the folder is too long", dir);
    int rc = tr__hf_text(path, MOST, &text, &n, err);
    if (!rc)
        rc = set_named(w, t, name, text, unix_lines(text, n), err);
    free(text);
    return rc;
}

static int set_files(struct tr_gguf_writer *w, const char *dir, const char *path,
                     struct tr_err *err)
{
    char name[MOST_NAMES][NAME], *text = NULL;
    struct templates t = { .n = 0 };
    size_t n_other = others(dir, name), n;
    int rc = tr__hf_text(path, MOST, &text, &n, err);
    for (size_t i = 0; i < n_other && !rc; i++)
        rc = set_other(w, dir, name[i], &t, err);
    if (!rc)
        rc = set_list(w, &t, text, unix_lines(text, n), err);
    free(text);
    return rc;
}

int tr__hf_vocab_template(struct tr_gguf_writer *w, const struct tr__hf_vocab_files *f,
                          struct tr_err *err)
{
    char path[TR__HF_PATH];
    const struct tr_json *own = tr_json_get(f->settings, "chat_template");
    if (own)
        return set_value(w, own, err);
    int found = tr__hf_vocab_path(f->dir, "chat_template.jinja", path, err);
    if (found)
        return found < 0 ? found : set_files(w, f->dir, path, err);
    found = tr__hf_vocab_path(f->dir, "chat_template.json", path, err);
    if (found <= 0)
        return found;
    struct tr_json *v = tr__hf_json(path, MOST, err);
    int rc = v ? set_value(w, tr_json_get(v, "chat_template"), err) : TR_EFORMAT;
    tr_json_free(v);
    return rc;
}
