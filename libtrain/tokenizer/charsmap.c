/* SPDX-License-Identifier: MIT
 *
 * A map of strings in a double array, compacted by exclusive or (Kanda 2018; darts-clone).
 * A unit holds its label, the offset to where its children are, and whether a string ends
 * here; then the child with label 0 is no node but the place of what replaces it.  Children
 * stand at base ^ label.  The file may hold anything, so every place is compared with the
 * length before it is read.  Read next: unigram.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/charsmap.h>

#include <stdlib.h>
#include <string.h>

static int bytes_of(const struct tr_gguf *g, const struct tr_gguf_kv **kv,
                    struct tr_err *err)
{
    static const char key[] = "tokenizer.ggml.precompiled_charsmap";
    const struct tr_gguf_kv *any = tr_gguf_find_kv(g, key);
    enum tr_gguf_type elem = any && any->elem == TR_GGUF_I8 ? TR_GGUF_I8 : TR_GGUF_U8;
    return tr_gguf_array(g, key, elem, kv, err);
}

int tr__charsmap_read(struct tr__charsmap *m, const struct tr_gguf *g, struct tr_err *err)
{
    const struct tr_gguf_kv *kv;
    int found = bytes_of(g, &kv, err);
    if (found <= 0)
        return found;
    uint64_t size = kv->count >= 4 ? tr__get_u32(kv->data) : UINT64_MAX;
    if (kv->count < 4 || size >= kv->count - 4)
        return tr_err_set(err, TR_EFORMAT, "'%s' of %llu bytes is shorter than it says",
                          kv->key, (unsigned long long)kv->count);
    m->bytes = malloc(kv->count);
    if (!m->bytes)
        return tr_err_sys(err, "cannot hold a map of %llu bytes",
                          (unsigned long long)kv->count);
    memcpy(m->bytes, kv->data, kv->count);
    m->n_unit = (uint32_t)(size / 4);
    m->strings = (const char *)m->bytes + 4 + size;
    m->n_strings = kv->count - 4 - size;
    return 0;
}

void tr__charsmap_release(struct tr__charsmap *m)
{
    free(m->bytes);
    *m = (struct tr__charsmap){ 0 };
}

static uint32_t unit(const struct tr__charsmap *m, uint32_t at)
{
    return tr__get_u32(m->bytes + 4 + 4 * (size_t)at);
}

static uint32_t offset_of(uint32_t unit)
{
    return unit >> 10 << (unit >> 9 & 1 ? 8 : 0);
}

/* Label 0 ... 255 of a node, more for what is none. */
static uint32_t label_of(uint32_t unit)
{
    return unit & 0x800000ffu;
}

static int ends(uint32_t unit)
{
    return unit >> 8 & 1;
}

/* The string at `at`, as far as its 0; 0 if it has none. */
static int string_at(const struct tr__charsmap *m, uint32_t at, struct tr_str *to)
{
    const char *end = at < m->n_strings ? memchr(m->strings + at, 0, m->n_strings - at)
                                        : NULL;
    if (!end)
        return 0;
    *to = (struct tr_str){ m->strings + at, (size_t)(end - m->strings) - at };
    return 1;
}

/* Bytes of a string of the map: real ones have a few characters, and a map whose nodes are
 * their own children would be walked to the end of the text from each of its places.  And
 * what a byte becomes at most: the ligature U+FDFA, of three bytes, becomes 33. */
enum { MAX_KEY = 256, MAX_GROWTH = 32 };

int64_t tr__charsmap_find(const struct tr__charsmap *m, const char *p, size_t left,
                          struct tr_str *to)
{
    uint32_t at = m->n_unit ? offset_of(unit(m, 0)) : 0, value = 0;
    size_t found = 0;
    left = left < MAX_KEY ? left : MAX_KEY;
    for (size_t i = 0; m->n_unit && i < left && p[i]; i++) {
        unsigned char c = (unsigned char)p[i];
        at ^= c;
        if (at >= m->n_unit)
            return TR_EFORMAT;
        uint32_t node = unit(m, at);
        if (label_of(node) != c)
            break;
        at ^= offset_of(node);
        if (!ends(node))
            continue;
        if (at >= m->n_unit)
            return TR_EFORMAT;
        value = unit(m, at) & 0x7fffffffu;
        found = i + 1;
    }
    if (found && (!string_at(m, value, to) || to->len > found * MAX_GROWTH))
        return TR_EFORMAT;
    return (int64_t)found;
}

enum { MAX_WALK = 1 << 20 }; /* units; a large map has 2^16 */

struct walk {
    uint32_t *base; /* of the nodes whose children are not looked at yet */
    size_t n;
    uint8_t *seen; // (n_unit)
};

static void look(const struct tr__charsmap *m, struct walk *w, uint32_t base, int root,
                 uint8_t alone[256 / 8])
{
    for (uint32_t c = 1; c < 256; c++) {
        uint32_t at = base ^ c, node = at < m->n_unit ? unit(m, at) : 0;
        if (!node || label_of(node) != c)
            continue;
        if (!root || ends(node))
            alone[c / 8] &= (uint8_t)~(1 << c % 8);
        if (!w->seen[at])
            w->base[w->n++] = at ^ offset_of(node);
        w->seen[at] = 1;
    }
}

int tr__charsmap_alone(const struct tr__charsmap *m, uint8_t alone[256 / 8],
                       struct tr_err *err)
{
    if (!m->n_unit)
        return 0;
    if (m->n_unit > MAX_WALK) {
        memset(alone, 0, 256 / 8);
        return 0;
    }
    struct walk w = { malloc(m->n_unit * sizeof *w.base), 0, calloc(m->n_unit, 1) };
    int rc = w.base && w.seen ? 0 : tr_err_sys(err, "cannot walk %u units", m->n_unit);
    if (!rc)
        look(m, &w, offset_of(unit(m, 0)), 1, alone);
    while (!rc && w.n)
        look(m, &w, w.base[--w.n], 0, alone);
    free(w.base);
    free(w.seen);
    return rc;
}
