/* SPDX-License-Identifier: MIT
 *
 * A file of keys alone is written and read by the library, so that how large a tensor is
 * and whether a block has it is known in one place, the model's.  Next: shapes.c, lines of
 * keys that have names.
 */
#include "keyed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys ------------------------------------------------------------------------- */

enum { MOST = 512 }; /* numbers of an array */

/* "[1,0,2]" */
static uint64_t read_list(const char *list, int32_t *v)
{
    uint64_t n = 0;
    while (*list && *list != ']' && n < MOST)
        v[n++] = (int32_t)strtol(list + 1, (char **)(uintptr_t)&list, 10);
    return n;
}

static void set_list(struct tr_gguf_writer *w, const char *key, const char *list)
{
    int32_t v[MOST];
    uint64_t n = read_list(list, v);
    tr_gguf_set_array(w, key, TR_GGUF_I32, v, n);
}

static void set_bools(struct tr_gguf_writer *w, const char *key, const char *list)
{
    int32_t v[MOST];
    uint8_t b[MOST];
    uint64_t n = read_list(list, v);
    for (uint64_t i = 0; i < n; i++)
        b[i] = v[i] != 0;
    tr_gguf_set_array(w, key, TR_GGUF_BOOL, b, n);
}

static void set_value(struct tr_gguf_writer *w, const char *key, const char *value)
{
    size_t n = strlen(value);
    if (*value == '[')
        set_list(w, key, value);
    else if (*value == 'b' && value[1] == '[')
        set_bools(w, key, value + 1);
    else if (!strcmp(value, "true") || !strcmp(value, "false"))
        tr_gguf_set_bool(w, key, *value == 't');
    else if (strspn(value, "0123456789") == n)
        tr_gguf_set_u32(w, key, (uint32_t)strtoul(value, NULL, 10));
    else if (strspn(value, "0123456789.e-") == n)
        tr_gguf_set_f32(w, key, strtof(value, NULL));
    else
        tr_gguf_set_string(w, key, value);
}

static int set_word(struct tr_gguf_writer *w, const struct tr_arch *arch, char *word,
                    struct tr_err *err)
{
    char key[TR__KEY_BYTES], *value = strchr(word, '=');
    if (!value || value == word || !value[1])
        return tr_err_set(err, TR_EINVAL, "'%s' is not KEY=VALUE", word);
    *value++ = 0;
    tr__key_name(key, arch, strcmp(word, "eps") ? word : arch->eps_key);
    set_value(w, key, value);
    return 0;
}

int keyed_set(struct tr_gguf_writer *w, const struct tr_arch *arch, const char *words,
              struct tr_err *err)
{
    char *text = strdup(words), *save = NULL;
    int rc = text ? 0 : tr_err_sys(err, "cannot set keys");
    char *word = rc ? NULL : strtok_r(text, " ", &save);
    for (; word && !rc; word = strtok_r(NULL, " ", &save))
        rc = set_word(w, arch, word, err);
    free(text);
    return rc;
}

int64_t keyed_int(const char *words, const char *key)
{
    size_t n = strlen(key);
    int64_t v = -1;
    for (const char *p = words; (p = strstr(p, key)); p += n)
        if ((p == words || p[-1] == ' ') && p[n] == '=')
            v = strtoll(p + n + 1, NULL, 10);
    return v;
}

int keyed_config(const char *path, const struct tr_arch *arch, const char *words,
                 int64_t n_vocab, struct tr_config *c, struct tr_err *err)
{
    *c = (struct tr_config){ .arch = arch };
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return -1;
    tr_gguf_set_string(w, "general.architecture", arch->name);
    if (keyed_set(w, arch, words, err)) {
        tr_gguf_discard(w);
        return -1;
    }
    struct tr_gguf *g = tr_gguf_commit(w, err) ? NULL : tr_gguf_open(path, err);
    int rc = g ? tr__config_read(g, arch, n_vocab, c, err) : -1;
    tr_gguf_close(g);
    return rc;
}

/* ---- tensors ---------------------------------------------------------------------- */

void keyed_factors(const struct tr_spec *t, int64_t first, int64_t n, float *v)
{
    if (t->id != TR_ROPE_FREQS && t->id != TR_ROPE_FACTORS_LONG &&
        t->id != TR_ROPE_FACTORS_SHORT)
        return;
    for (int64_t i = 0; i < n; i++)
        v[i] = (1 + (float)(first + i) / 4) * (t->id == TR_ROPE_FACTORS_LONG ? 2 : 1);
}
