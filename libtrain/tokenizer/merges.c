/* SPDX-License-Identifier: MIT
 *
 * Merges of a BPE as files have them: "left right", the most urgent first.  Nearly
 * always both parts and the whole are tokens.  Where one is not - somebody has renamed a
 * token, or taken it away - llama.cpp merges all the same, and what no token stands for in
 * the end becomes its bytes.  So such symbols get ids behind those of the tokens, and
 * merging need not know.  A line that is not two parts, and a pair that stood there before,
 * change nothing.  All three are counted and told.  A merge may spell a control token too:
 * plain text becomes that token, as in llama.cpp, but where it matters who wrote what the
 * symbol is one without a token.
 *
 * One difference is meant: of a symbol without a token llama.cpp loses the bytes that are
 * not printable ASCII, a space among them; here no byte of a text is lost.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/kind.h>

#include <stdlib.h>
#include <string.h>

enum odd { NOT_TWO_PARTS, NO_TOKEN, TWICE, N_ODD };

struct reader {
    struct tr_tokenizer *t;
    struct tr_err *err;
    char *bytes; /* room for twice the longest merge */
    size_t cap;
    uint32_t guess; /* merges and what they make mostly stand in the same order */
    uint64_t odd[N_ODD];

    size_t cap_bytes, cap_start, cap_ids; /* of t->extra */
};

static uint64_t pair_hash(uint64_t key)
{
    key *= 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio: spreads what is near */
    return key ^ key >> 32;
}

struct tr__pair *tr__pair_slot(const struct tr_tokenizer *t, uint64_t key)
{
    for (uint64_t i = pair_hash(key) & t->pair_mask;; i = (i + 1) & t->pair_mask) {
        struct tr__pair *p = &t->pair[i];
        if (!p->to_plus || p->key == key)
            return p;
    }
}

void tr__merges_pair(const struct tr_tokenizer *t, const char *word, struct tr__symbol *l,
                     const struct tr__symbol *r)
{
    (void)word;
    const struct tr__pair *p = tr__pair_slot(t, (uint64_t)l->id << 32 | (uint32_t)r->id);
    if (p->to_plus) {
        l->prio = p->rank;
        l->to = p->to_plus - 1;
    }
}

/* ---- ids of symbols --------------------------------------------------------------- */

/* The id of a token with these bytes, or -1, looked for at `guess` first. */
static int32_t find_near(const struct tr__vocab *v, uint32_t guess, const char *p,
                         size_t len)
{
    for (uint32_t id = guess; !v->n_twice && id < v->n && id < guess + 2; id++) {
        struct tr_str s = tr__vocab_bytes(v, id);
        if (s.len == len && v->type[id] == TR__TOKEN_NORMAL && !memcmp(s.ptr, p, len))
            return (int32_t)id;
    }
    return tr__idmap_find(&v->text, v, p, len);
}

static int out_of_memory(const struct reader *r)
{
    return tr_err_sys(r->err, "cannot hold %u symbols of merges", r->t->extra.n);
}

/* Twice as large a table of the extra symbols. */
static int index_extra(struct reader *r)
{
    struct tr__vocab *x = &r->t->extra;
    free(x->text.slot);
    r->cap_ids = r->cap_ids ? 2 * r->cap_ids : 64;
    int rc = tr__idmap_init(&x->text, r->cap_ids, r->err);
    for (uint32_t i = 0; i < x->n && !rc; i++)
        tr__idmap_add(&x->text, x, i);
    return rc;
}

/* The number of the extra symbol with these bytes, which is made if need be. */
static int extra_symbol(struct reader *r, const char *p, size_t len, uint32_t *at)
{
    struct tr__vocab *x = &r->t->extra;
    int32_t have = x->n ? tr__idmap_find(&x->text, x, p, len) : -1;
    *at = have >= 0 ? (uint32_t)have : x->n;
    if (have >= 0)
        return 0;
    if (x->n >= INT32_MAX - r->t->vocab.n - 1)
        return tr_err_set(r->err, TR_EUNSUPPORTED, "too many merges without tokens");
    size_t used = x->n ? x->start[x->n] : 0;
    if (tr__grow(&x->bytes, &r->cap_bytes, used + len, 1) ||
        tr__grow(&x->start, &r->cap_start, x->n + 2u, sizeof *x->start))
        return out_of_memory(r);
    memcpy(x->bytes + used, p, len);
    x->start[x->n] = used;
    x->start[++x->n] = used + len;
    if (x->n > r->cap_ids)
        return index_extra(r);
    tr__idmap_add(&x->text, x, x->n - 1);
    return 0;
}

/* The id of a symbol: of a token with its bytes, of a special one that is spelt like it, or
 * one behind all tokens. */
static int symbol_id(struct reader *r, struct tr_str spelt, const char *p, size_t len,
                     int32_t *id)
{
    const struct tr__vocab *v = &r->t->vocab;
    uint32_t at = 0;
    *id = tr__idmap_find(&v->text, v, p, len);
    if (*id < 0)
        *id = tr__idmap_find(&v->special, v, spelt.ptr, spelt.len);
    if (*id >= 0)
        return 0;
    int rc = extra_symbol(r, p, len, &at);
    *id = (int32_t)(v->n + at);
    return rc;
}

/* ---- merges ----------------------------------------------------------------------- */

struct merge {
    struct tr_str left, right; /* as the file spells them */
    char *bytes;               /* of both */
    size_t n_left, n;
};

/* llama.cpp looks for the space from the second byte on. */
static int split(struct reader *r, struct tr_str s, struct merge *m)
{
    const char *space = s.len > 1 ? memchr(s.ptr + 1, ' ', s.len - 1) : NULL;
    if (!space)
        return 0;
    m->left = (struct tr_str){ s.ptr, (size_t)(space - s.ptr) };
    m->right = (struct tr_str){ space + 1, s.len - m->left.len - 1 };
    int spelt = m->right.len > 0;
    char *to = m->bytes = r->bytes;
    tr__unescape *bytes_of = r->t->kind->unescape;
    m->n_left = bytes_of(m->left.ptr, m->left.len, to, &spelt);
    m->n = m->n_left + bytes_of(m->right.ptr, m->right.len, to + m->n_left, &spelt);
    return spelt;
}

/* Ids of the parts and of the whole where not all are tokens of text. */
static int find_odd(struct reader *r, const struct merge *m, int32_t id[3])
{
    char *whole = r->bytes + r->cap / 2;
    struct tr_str spelt = { whole, m->left.len + m->right.len };
    r->odd[NO_TOKEN]++;
    memcpy(whole, m->left.ptr, m->left.len);
    memcpy(whole + m->left.len, m->right.ptr, m->right.len);
    int rc = symbol_id(r, m->left, m->bytes, m->n_left, &id[0]);
    if (!rc)
        rc = symbol_id(r, m->right, m->bytes + m->n_left, m->n - m->n_left, &id[1]);
    return rc ? rc : symbol_id(r, spelt, m->bytes, m->n, &id[2]);
}

static int add_merge(struct reader *r, struct tr_str s, uint32_t rank)
{
    const struct tr__vocab *v = &r->t->vocab;
    struct merge m;
    if (!split(r, s, &m)) {
        r->odd[NOT_TWO_PARTS]++;
        return 0;
    }
    int32_t id[3] = {
        tr__idmap_find(&v->text, v, m.bytes, m.n_left),
        tr__idmap_find(&v->text, v, m.bytes + m.n_left, m.n - m.n_left),
        find_near(v, r->guess, m.bytes, m.n)
    };
    int rc = id[0] < 0 || id[1] < 0 || id[2] < 0 ? find_odd(r, &m, id) : 0;
    if (rc)
        return rc;
    uint64_t key = (uint64_t)id[0] << 32 | (uint32_t)id[1];
    struct tr__pair *p = tr__pair_slot(r->t, key);
    if (p->to_plus)
        r->odd[TWICE]++;
    else
        *p = (struct tr__pair){ key, rank, (uint32_t)id[2] + 1 };
    if (r->t->joint)
        tr__spm_join(r->t, (unsigned char)m.bytes[m.n_left - 1],
                     (unsigned char)m.bytes[m.n_left]);
    r->guess = (uint32_t)id[2];
    return 0;
}

static int add_all(struct reader *r, const struct tr_gguf_kv *kv)
{
    uint64_t cursor = 0;
    int rc = 0;
    for (uint32_t i = 0; i < kv->count && !rc; i++) {
        struct tr_str s = tr_gguf_elem_string(kv, &cursor);
        if (tr__grow(&r->bytes, &r->cap, 2 * (s.len + 1), 1))
            return tr_err_sys(r->err, "cannot hold a merge of %zu bytes", s.len);
        rc = add_merge(r, s, i);
    }
    return rc;
}

static void tell(const struct reader *r, const struct tr_gguf_kv *kv)
{
    typedef unsigned long long ull;
    uint64_t n = r->odd[NOT_TWO_PARTS] + r->odd[NO_TOKEN] + r->odd[TWICE];
    if (n)
        tr__vocab_warn(&r->t->vocab, "%llu of %llu merges are odd and taken as llama.cpp "
                       "takes them: %llu without a token for each part and the whole, %llu "
                       "a second time, %llu not two parts", (ull)n, (ull)kv->count,
                       (ull)r->odd[NO_TOKEN], (ull)r->odd[TWICE],
                       (ull)r->odd[NOT_TWO_PARTS]);
}

int tr__merges_read(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    const struct tr_gguf_kv *kv;
    struct reader r = { .t = t, .err = err };
    int found = tr_gguf_array(g, "tokenizer.ggml.merges", TR_GGUF_STRING, &kv, err);
    if (found < 0)
        return found;
    if (!found)
        return tr_err_set(err, TR_EFORMAT, "no merges in 'tokenizer.ggml.merges'");
    /* 8 bytes of length and "a b": there are no more merges of two parts than that. */
    uint64_t n = kv->data_bytes / 11, size = 4;
    n = n < kv->count ? n : kv->count;
    while (size < n + n / 2 + 1)
        size *= 2;
    t->pair_mask = size - 1;
    t->pair = calloc(size, sizeof *t->pair);
    if (!t->pair)
        return tr_err_sys(err, "cannot hold %llu merges", (unsigned long long)n);
    int rc = add_all(&r, kv);
    if (!rc)
        tell(&r, kv);
    free(r.bytes);
    return rc;
}
