/* SPDX-License-Identifier: MIT
 *
 * Merging a word that is as long as a text: of one letter, or in a script without spaces.  A
 * linked list of its symbols would take forty times its bytes, so the result is found from
 * left to right instead, with two bytes for each of the word, which may lie in a file.
 *
 * What merging makes of a beginning of the word ends with some symbol; without that it is what
 * merging makes of the shorter beginning.  For where no merge crosses a place, both sides come
 * out as if they stood alone; and if each two neighbours of a row of symbols come out as
 * themselves, so does the row: the first merge that crossed a border between two of them would
 * have done so in these two by themselves, since up to then the same merges were the best
 * there, in the same order.  So the last symbol of a beginning is the one of those that end
 * there which, behind the last symbol of the beginning in front of it, comes out as itself;
 * there is just one.  Which symbols may end at a place a tree of their texts says, read
 * backwards; whether two of them come out as themselves is found by merging them, and
 * remembered.  Next: merge.c, which merges short words.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/kind.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST = 1 << 12,     /* bytes of the longest symbol for which this is done */
    BLOCK = 1 << 12,    /* bytes whose first symbols are asked for at once */
    CHARACTER = 4,      /* bytes of the longest first symbol */
    MEMORY = 1 << 16    /* pairs that are remembered */
};

/* ---- which symbols may end at a place ------------------------------------------------- */

/* The bytes of the tokens of v in reverse, as keys; to where they end. */
static char *reverse(const struct tr__vocab *v, char *to, struct tr__key *key, size_t *n)
{
    for (uint32_t i = 0; i < v->n; i++) {
        struct tr_str s = tr__vocab_bytes(v, i);
        for (size_t k = 0; k < s.len; k++)
            to[k] = s.ptr[s.len - 1 - k];
        key[(*n)++] = (struct tr__key){ { to, s.len }, 0 };
        to += s.len;
    }
    return to;
}

static int make_tree(struct tr_tokenizer *t, struct tr__tree *tree, struct tr_err *err)
{
    const struct tr__vocab *v = &t->vocab, *x = &t->extra;
    size_t n = 0, bytes = v->start[v->n] + (x->n ? x->start[x->n] : 0);
    struct tr__key *key = malloc(((size_t)v->n + x->n) * sizeof *key);
    char *text = malloc(bytes + 1);
    int rc = key && text ? 0 : tr_err_sys(err, "cannot index %u tokens", v->n);
    if (!rc) {
        reverse(x, reverse(v, text, key, &n), key, &n);
        rc = tr__tree_build(tree, key, n, err);
    }
    free(key);
    free(text);
    return rc;
}

/* Made when the first word asks for it, by whichever thread; then it stays as it is. */
static const struct tr__tree *ends_of(const struct tr_tokenizer *t, struct tr_err *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct tr_tokenizer *mine = (struct tr_tokenizer *)(uintptr_t)t;
    pthread_mutex_lock(&lock);
    int rc = t->ends.n ? 0 : make_tree(mine, &mine->ends, err);
    pthread_mutex_unlock(&lock);
    return rc ? NULL : &t->ends;
}

/* ---- the word ------------------------------------------------------------------------- */

struct pair { /* texts of two symbols as nodes of the tree; 0: nothing */
    uint32_t left, right;
    int stays;
};

struct candidate { /* a symbol that may end at a place */
    uint32_t node; /* 0: a first symbol that no token spells */
    uint32_t bytes;
};

struct long_word {
    struct tr_encoder *e;
    const struct tr__word_kind *kind;
    const struct tr__tree *ends;
    const char *text;
    size_t len;
    uint16_t *last;     // (len + 1) bytes of the last symbol up to here; 0: inside of one
    size_t cap;
    uint32_t *node;     // (ring + 1) its text, 0 if that is no token's
    size_t ring;        /* a power of two, less one */
    struct pair *pair;  // (MEMORY)
    struct candidate *found; // (ends->longest + 1)
};

/* Do the bytes [from, to) come out as symbols that end at `middle` and at the end?  < 0: an
 * error. */
static int merged(const struct long_word *w, size_t from, size_t middle, size_t to)
{
    const struct tr__work *work = &w->e->work;
    int rc = w->kind->first(w->e, w->text + from, to - from);
    if (rc)
        return rc;
    tr__merge(w->e, w->text + from);
    const struct tr__symbol *a = &work->sym[0];
    if (middle == from)
        return a->next == TR__NO_SYMBOL;
    return a->len == middle - from && a->next != TR__NO_SYMBOL &&
           work->sym[a->next].next == TR__NO_SYMBOL;
}

/* Where the pair is remembered, or may be: one of a few places. */
static struct pair *place_of(const struct long_word *w, uint32_t left, uint32_t right)
{
    enum { PLACES = 8 };
    uint64_t hash = ((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u;
    struct pair *p = NULL;
    for (uint64_t i = 0; i < PLACES; i++) {
        p = &w->pair[((hash >> 48) + i) & (MEMORY - 1)];
        if (!p->right || (p->right == right && p->left == left))
            break;
    }
    return p;
}

/* May the symbol [at, to), of text `right`, stand behind the last one up to `at`? */
static int stays(const struct long_word *w, size_t at, size_t to, uint32_t right)
{
    uint32_t left = at ? w->node[at & w->ring] : 0;
    int known = right && (left || !at);
    struct pair *p = known ? place_of(w, left, right) : NULL;
    if (p && p->right == right && p->left == left)
        return p->stays;
    int rc = merged(w, at - w->last[at], at, to);
    if (rc >= 0 && p)
        *p = (struct pair){ left, right, rc };
    return rc;
}

/* The last symbol up to `to`, where a first symbol of n bytes ends: 1; 0 if there is none, < 0:
 * an error. */
static int find_last(struct long_word *w, size_t to, size_t n)
{
    struct candidate *found = w->found;
    uint32_t node = 0;
    size_t k = 0;
    int alone = 1, rc = 0;
    for (size_t d = 1; d <= to; d++) {
        if (!(node = tr__tree_step(w->ends, node, w->text[to - d])))
            break;
        if (w->ends->id[node] < 0 || (to > d && !w->last[to - d]))
            continue;
        found[k++] = (struct candidate){ node, (uint32_t)d };
        alone &= d != n;
    }
    if (alone)
        found[k++] = (struct candidate){ 0, (uint32_t)n };
    while (k-- > 0 && !(rc = stays(w, to - found[k].bytes, to, found[k].node)))
        ;
    if (rc > 0) {
        w->last[to] = (uint16_t)found[k].bytes;
        w->node[to & w->ring] = found[k].node;
    }
    return rc;
}

/* The first symbols of a block from `at` on: their bytes, and how many are sure to be whole. */
static int first_symbols(const struct long_word *w, size_t at, uint8_t n[BLOCK])
{
    size_t left = w->len - at, block = left < BLOCK ? left : BLOCK;
    const struct tr__work *work = &w->e->work;
    int rc = w->kind->first(w->e, w->text + at, block), many = 0;
    for (size_t i = 0; !rc && i < work->n_sym; i++)
        if (block == left || work->sym[i].start + CHARACTER < block)
            n[many++] = (uint8_t)work->sym[i].len;
    return rc ? rc : many;
}

static int find_all(struct long_word *w)
{
    uint8_t n[BLOCK];
    int rc = 1;
    for (size_t at = 0; at < w->len;) {
        int many = first_symbols(w, at, n);
        for (int i = 0; i < many && rc > 0; i++) {
            for (int k = 1; k < n[i]; k++)
                w->last[at + (size_t)k] = 0;
            at += n[i];
            rc = find_last(w, at, n[i]);
        }
        if (many < 0 || rc < 0)
            return many < 0 ? many : rc;
        if (!rc) /* only where a merge makes what is no symbol of its bytes */
            return tr_err_set(w->e->err, TR_EUNSUPPORTED, "a word of %zu bytes is too long "
                              "for the merges of this vocabulary", w->len);
    }
    return 0;
}

/* Turn the links round: last[at] becomes the bytes of the symbol that begins there. */
static void turn(struct long_word *w)
{
    uint16_t bytes = 0;
    for (size_t at = w->len, next;; at = next) {
        uint16_t before = w->last[at];
        w->last[at] = bytes;
        bytes = before;
        next = at - before;
        if (!at)
            break;
    }
}

static int push_all(struct long_word *w)
{
    int rc = 0;
    for (size_t at = 0, n; at < w->len && !rc; at += n) {
        n = w->last[at];
        rc = w->kind->first(w->e, w->text + at, n);
        if (rc)
            break;
        tr__merge(w->e, w->text + at);
        rc = w->kind->push(w->e, w->text + at);
    }
    return rc;
}

static int take_memory(struct long_word *w)
{
    for (w->ring = 1; w->ring <= w->ends->longest;)
        w->ring *= 2;
    w->node = calloc(w->ring--, sizeof *w->node);
    w->pair = calloc(MEMORY, sizeof *w->pair);
    w->found = malloc((w->ends->longest + 1) * sizeof *w->found);
    if (!w->node || !w->pair || !w->found ||
        tr__spool_grow(&w->last, &w->cap, w->len + 1, sizeof *w->last))
        return tr_err_sys(w->e->err, "cannot hold a word of %zu bytes", w->len);
    w->last[0] = 0;
    return 0;
}

static int merge_long_word(struct tr_encoder *e, const struct tr__tree *ends,
                           const struct tr__word_kind *kind, const char *word, size_t len)
{
    struct long_word w = { .e = e, .kind = kind, .ends = ends, .text = word, .len = len };
    int rc = take_memory(&w);
    if (!rc)
        rc = find_all(&w);
    if (!rc) {
        turn(&w);
        rc = push_all(&w);
    }
    tr__spool_free(w.last, w.cap, sizeof *w.last);
    free(w.node);
    free(w.pair);
    free(w.found);
    return rc;
}

int tr__merge_word(struct tr_encoder *e, const struct tr__word_kind *kind, const char *word,
                   size_t len)
{
    if (len > e->t->long_word) {
        const struct tr__tree *ends = ends_of(e->t, e->err);
        if (!ends)
            return TR_ENOMEM;
        if (ends->longest < MOST)
            return merge_long_word(e, ends, kind, word, len);
    }
    int rc = kind->first(e, word, len);
    if (rc)
        return rc;
    tr__merge(e, word);
    return kind->push(e, word);
}
