/* SPDX-License-Identifier: MIT
 *
 * Where a model came from, in the keys that GGUF has for it (ggml's docs/gguf.md, "General
 * metadata" and "Source metadata"): what a file says of itself becomes what its children
 * say of their parent.  A child keeps its parent's name in front of its own, since programs,
 * this one among them, know some vocabularies by the name of the model.
 */
#include <libtrain/gguf/writer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SELF "general."
#define PARENTS "general.base_model."

static const char *const told[] = { "name", "author",   "version", "organization", "url",
                                    "doi",  "repo_url", "uuid",    "description" };
enum { N_TOLD = sizeof told / sizeof *told, MOST_KEY = 64 };

static const char *key_of(char key[MOST_KEY], const char *front, int i)
{
    snprintf(key, MOST_KEY, "%s%s", front, told[i]);
    return key;
}

/* Grandparents, if all keys of the parent were copied. */
static void unset_parents(struct tr_gguf_writer *w, const struct tr_gguf *base)
{
    for (size_t i = 0; i < tr_gguf_n_kv(base); i++) {
        const char *key = tr_gguf_kv(base, i)->key;
        if (!strncmp(key, PARENTS, sizeof PARENTS - 1))
            tr_gguf_unset(w, key);
    }
}

void tr_gguf_set_hash(struct tr_gguf_writer *w, const char *key, uint64_t hash)
{
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
    tr_gguf_set_string(w, key, text);
}

int tr_gguf_read_hash(const struct tr_gguf *g, const char *key, uint64_t *hash,
                      struct tr_err *err)
{
    struct tr_str s;
    char text[17], *end;
    int found = tr_gguf_string(g, key, &s, err);
    if (found <= 0)
        return found;
    snprintf(text, sizeof text, "%.*s", (int)(s.len < 16 ? s.len : 16), s.ptr);
    *hash = strtoull(text, &end, 16);
    if (s.len != 16 || strspn(text, "0123456789abcdef") != 16 || *end)
        return tr_err_set(err, TR_EFORMAT, "%s: '%s' is not a hash", tr_gguf_path(g), key);
    return 1;
}

static void set_identity(struct tr_gguf_writer *w, const struct tr_gguf *base)
{
    float sketch[TR_GGUF_SKETCH];
    tr_gguf_set_hash(w, TR__BASE_HASH, tr_gguf_hash(base));
    tr_gguf_unset(w, TR__SKETCH);
    if (tr_gguf_sketch(base, sketch))
        tr_gguf_set_array(w, TR__SKETCH, TR_GGUF_F32, sketch, TR_GGUF_SKETCH);
}

/* A key of that name that is something else stays as it is. */
void tr_gguf_add_history(struct tr_gguf_writer *w, const struct tr_gguf *from,
                         const char *line)
{
    const struct tr_gguf_kv *kv = from ? tr_gguf_find_kv(from, TR__HISTORY) : NULL;
    if (!line || (kv && (kv->type != TR_GGUF_ARRAY || kv->elem != TR_GGUF_STRING)))
        return;
    uint64_t n = kv ? kv->count : 0, cursor = 0;
    struct tr_str *all = malloc((n + 1) * sizeof *all);
    if (!all) {
        tr_err_set(&w->err, TR_ENOMEM, "'%s': out of memory for its history", w->path);
        return;
    }
    for (uint64_t i = 0; i < n; i++)
        all[i] = tr_gguf_elem_string(kv, &cursor);
    all[n] = (struct tr_str){ line, strlen(line) };
    tr_gguf_set_strings(w, TR__HISTORY, all, n + 1);
    free(all);
}

void tr_gguf_add_parent(struct tr_gguf_writer *w, const struct tr_gguf *parent, unsigned number)
{
    char from[MOST_KEY], to[MOST_KEY], front[MOST_KEY / 2];
    snprintf(front, sizeof front, PARENTS "%u.", number);
    tr_gguf_set_u32(w, PARENTS "count", number + 1);
    for (int i = 0; i < N_TOLD; i++) {
        const struct tr_gguf_kv *kv = tr_gguf_find_kv(parent, key_of(from, SELF, i));
        if (!kv || kv->type != TR_GGUF_STRING)
            continue;
        struct tr_gguf_kv renamed = *kv;
        renamed.key = key_of(to, front, i);
        tr_gguf_set_kv(w, &renamed);
    }
}

void tr_gguf_set_base(struct tr_gguf_writer *w, const struct tr_gguf *base)
{
    set_identity(w, base);
    unset_parents(w, base);
    tr_gguf_add_parent(w, base, 0);
}

void tr_gguf_set_fine_tuned(struct tr_gguf_writer *w, const struct tr_gguf *base,
                            const char *name)
{
    struct tr_str parent = { "", 0 };
    char key[MOST_KEY];
    name = name ? name : "fine-tuned";
    tr_gguf_set_base(w, base);
    for (int i = 0; i < N_TOLD; i++)
        if (strcmp(told[i], "name"))
            tr_gguf_unset(w, key_of(key, SELF, i));
    if (tr_gguf_string(base, SELF "name", &parent, NULL) != 1)
        parent.len = 0;
    size_t n = parent.len + strlen(name) + 2;
    char *whole = malloc(n);
    if (!whole) {
        tr_err_set(&w->err, TR_ENOMEM, "'%s': out of memory for its name", w->path);
        return;
    }
    memcpy(whole, parent.ptr, parent.len);
    snprintf(whole + parent.len, n - parent.len, "%s%s", parent.len ? " " : "", name);
    tr_gguf_set_string(w, SELF "name", whole);
    tr_gguf_set_string(w, SELF "finetune", name);
    free(whole);
}
