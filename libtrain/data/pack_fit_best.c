/* SPDX-License-Identifier: MIT
 *
 * Best fit with a look ahead: up to AHEAD windows wait.  The one that has waited longest
 * begins a sequence, and then comes, again and again, the longest that fits, of equal ones
 * the first.  So none waits for ever, the order is a function of the input, and memory is
 * bounded.  Where lengths are mixed a gap that nothing fills is rare.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/packer.h>

#include <stdlib.h>
#include <string.h>

enum { AHEAD = 1024, AHEAD_POSITIONS = 1 << 21 };

struct waiting { /* a window with its own copy of its arrays, behind it */
    struct tr__window w;
    uint32_t token[];
};

struct tr__pool {
    struct waiting *item[AHEAD]; /* the oldest first */
    uint32_t length[AHEAD];      /* of each, together for the search */
    size_t n, positions;
};

static struct waiting *copy_of(const struct tr__window *w)
{
    size_t n = tr__window_tokens(w), weights = w->weight ? n : 0;
    struct waiting *x = malloc(sizeof *x + n * sizeof *w->token + weights * sizeof(float));

    if (!x)
        return NULL;
    x->w = *w;
    x->w.token = memcpy(x->token, w->token, n * sizeof *w->token);
    if (weights)
        x->w.weight = memcpy(x->token + n, w->weight, n * sizeof(float));
    return x;
}

/* The longest that fits in `room`, or pool->n. */
static size_t best(const struct tr__pool *pool, uint32_t room)
{
    size_t found = pool->n;
    uint32_t longest = 0;

    for (size_t i = 0; i < pool->n && longest < room; i++)
        if (pool->length[i] > longest && pool->length[i] <= room) {
            longest = pool->length[i];
            found = i;
        }
    return found;
}

/* Number i goes into the sequence. */
static void use(struct tr_packer *p, struct tr__pool *pool, size_t i)
{
    size_t behind = --pool->n - i;

    tr__packer_put(p, &pool->item[i]->w);
    free(pool->item[i]);
    pool->positions -= pool->length[i];
    memmove(pool->item + i, pool->item + i + 1, behind * sizeof *pool->item);
    memmove(pool->length + i, pool->length + i + 1, behind * sizeof *pool->length);
}

static int one_sequence(struct tr_packer *p, struct tr_err *err)
{
    struct tr__pool *pool = p->pool;

    for (size_t i = 0; i < pool->n; i = best(pool, tr__packer_room(p)))
        use(p, pool, i);
    return tr__packer_flush(p, err);
}

static int no_memory(const struct tr__window *w, struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for a document of %u positions to "
                      "wait", w->n);
}

static int take(struct tr_packer *p, const struct tr__window *w, struct tr_err *err)
{
    struct tr__pool *pool = p->pool;

    if (w->n == p->ctx) { /* nothing goes beside it, and it between two sequences */
        tr__packer_put(p, w);
        return tr__packer_flush(p, err);
    }
    if (!pool && !(pool = p->pool = calloc(1, sizeof *pool)))
        return no_memory(w, err);
    while (pool->n && (pool->n == AHEAD || pool->positions + w->n > AHEAD_POSITIONS)) {
        int rc = one_sequence(p, err);
        if (rc)
            return rc;
    }
    if (!(pool->item[pool->n] = copy_of(w)))
        return no_memory(w, err);
    pool->length[pool->n++] = w->n;
    pool->positions += w->n;
    return 0;
}

static int end(struct tr_packer *p, struct tr_err *err)
{
    int rc = 0;

    while (!rc && p->pool && p->pool->n)
        rc = one_sequence(p, err);
    return rc;
}

void tr__pool_free(struct tr__pool *pool)
{
    for (size_t i = 0; pool && i < pool->n; i++)
        free(pool->item[i]);
    free(pool);
}

const struct tr_pack_fit tr__pack_fit_best = { .name = "best", .take = take, .end = end };
