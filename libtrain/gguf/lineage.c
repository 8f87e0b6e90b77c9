/* SPDX-License-Identifier: MIT
 *
 * Where a model came from, in the keys that GGUF has for it (ggml's docs/gguf.md, "General
 * metadata" and "Source metadata"): what a file says of itself becomes what its children
 * say of their parent.  A child keeps its parent's name in front of its own, since programs,
 * this one among them, know some vocabularies by the name of the model.
 */
#include <libtrain/gguf/writer.h>

#include <stdlib.h>
#include <string.h>

#define SELF "general."
#define PARENTS "general.base_model."
#define PARENT PARENTS "0."

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

void tr_gguf_set_base(struct tr_gguf_writer *w, const struct tr_gguf *base)
{
    char from[MOST_KEY], to[MOST_KEY];
    unset_parents(w, base);
    tr_gguf_set_u32(w, PARENTS "count", 1);
    for (int i = 0; i < N_TOLD; i++) {
        const struct tr_gguf_kv *kv = tr_gguf_find_kv(base, key_of(from, SELF, i));
        if (!kv || kv->type != TR_GGUF_STRING)
            continue;
        struct tr_gguf_kv renamed = *kv;
        renamed.key = key_of(to, PARENT, i);
        tr_gguf_set_kv(w, &renamed);
    }
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
    if (whole) {
        memcpy(whole, parent.ptr, parent.len);
        snprintf(whole + parent.len, n - parent.len, "%s%s", parent.len ? " " : "", name);
    }
    tr_gguf_set_string(w, SELF "name", whole ? whole : name);
    tr_gguf_set_string(w, SELF "finetune", name);
    free(whole);
}
