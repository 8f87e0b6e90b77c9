/* SPDX-License-Identifier: MIT
 *
 * Rows that say the same.  A row is known by a hash of 128 bits of what a model would see
 * of it, so that the texts of a large set need not stay in memory.
 */
#include <libtrain/dataset/tree.h>

#include <inttypes.h>
#include <stdlib.h>
#include <xxhash.h>

static void hash_text(XXH3_state_t *x, const struct tr_json *row, const char *key)
{
    const struct tr_json *v = tr_json_get(row, key);
    size_t n = 0;
    const char *s = tr_json_kind(v) == TR_JSON_STRING ? tr_json_string(v, &n) : "";
    XXH3_128bits_update(x, &n, sizeof n); /* or "ab", "c" would be "a", "bc" */
    XXH3_128bits_update(x, s, n);
}

static char *name_of(const struct tr_json *row, struct tr_err *err)
{
    XXH3_state_t *x = XXH3_createState();
    if (!x) {
        tr_err_set(err, TR_ENOMEM, "out of memory for a row");
        return NULL;
    }
    XXH3_128bits_reset(x);
    hash_text(x, row, "question");
    hash_text(x, row, "think");
    hash_text(x, row, "output");
    XXH128_hash_t h = XXH3_128bits_digest(x);
    XXH3_freeState(x);
    return tr__text_of(err, "%016" PRIx64 "%016" PRIx64, (uint64_t)h.high64,
                       (uint64_t)h.low64);
}

int tr__seen_add(struct tr__seen *s, const struct tr_json *row, const struct tr__topic *t,
                 uint64_t number, size_t *before, struct tr_err *err)
{
    *before = SIZE_MAX;
    char *name = name_of(row, err);
    if (!name)
        return -1;
    if (tr__grow(&s->row, &s->cap, s->n + 1, sizeof *s->row)) {
        free(name);
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu rows", s->n);
    }
    s->row[s->n] = (struct tr__seen_row){ .name = name, .topic = t, .number = number };
    int known = tr__names_add(&s->names, s->row, sizeof *s->row);
    if (!known) {
        s->n++;
        return 0;
    }
    if (known > 0)
        *before = tr__names_find(&s->names, s->row, sizeof *s->row, name);
    free(name);
    return known > 0 ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for %zu rows", s->n);
}

void tr__seen_release(struct tr__seen *s)
{
    for (size_t i = 0; i < s->n; i++)
        free((char *)s->row[i].name);
    free(s->row);
    tr__names_release(&s->names);
}
