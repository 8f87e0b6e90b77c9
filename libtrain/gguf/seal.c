/* SPDX-License-Identifier: MIT
 *
 * A seal: a key whose value is the XXH64 of the whole file with that value taken as zero.
 * Whatever bit of a sealed file changes, the reader sees it.
 */
#include <libtrain/gguf/writer.h>

#include <xxhash.h>

void tr_gguf_seal(struct tr_gguf_writer *w, const char *key)
{
    tr_gguf_set_u64(w, key, 0);
    w->seal_key = key;
    w->seal = XXH64_createState();
    if (w->seal)
        XXH64_reset(w->seal, 0);
    else
        tr_err_set(&w->err, TR_ENOMEM, "'%s': out of memory for a checksum", w->path);
}

void tr__gguf_write_seal(struct tr_gguf_writer *w)
{
    if (!w->seal || w->err.code)
        return;
    uint64_t hash = XXH64_digest(w->seal);
    if (tr_out_patch(w->out, w->seal_at, &hash, sizeof hash, &w->err))
        return; /* the writer has the error */
}

/* The hash of the file with zeros for the eight bytes at `at`. */
static int hash_without(const struct tr_gguf *g, uint64_t at, uint64_t *hash,
                        struct tr_err *err)
{
    const uint64_t zero = 0;
    XXH64_state_t *s = XXH64_createState();
    if (!s)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a checksum", g->path);
    XXH64_reset(s, 0);
    XXH64_update(s, g->map, at);
    XXH64_update(s, &zero, sizeof zero);
    XXH64_update(s, g->map + at + sizeof zero, g->size - at - sizeof zero);
    *hash = XXH64_digest(s);
    XXH64_freeState(s);
    return 0;
}

int tr_gguf_sealed(const struct tr_gguf *g, const char *key, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, key);
    if (!kv || kv->type != TR_GGUF_U64)
        return tr_err_set(err, TR_EFORMAT, "'%s': checksum '%s' is missing", g->path, key);
    if (g->n_part)
        return tr_err_set(err, TR_EFORMAT, "'%s': in several parts, but its checksum is "
                          "one of a whole file", g->path);
    uint64_t at = (uint64_t)((const unsigned char *)kv->data - g->map), hash = 0;
    int rc = hash_without(g, at, &hash, err);
    if (rc)
        return rc;
    if ((uint64_t)tr_gguf_elem_int(kv, 0) != hash)
        return tr_err_set(err, TR_EFORMAT, "'%s': damaged: the checksum does not fit",
                          g->path);
    return 0;
}
