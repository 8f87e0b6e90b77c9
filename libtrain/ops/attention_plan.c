/* SPDX-License-Identifier: MIT
 *
 * Three cuts, each coarser than the one before:
 *   tiles   64 queries, fewer where a document ends that began before the tile: its keys
 *           must not be visited by the queries of the next document;
 *   spans   runs of tiles that no later query looks into, at least SPAN_ROWS long, so that
 *           the work grows with the sum of the squared lengths of the documents;
 *   pieces  spans cut into parts of equal work where there are too few of them to keep
 *           threads busy.
 */
#include <libtrain/ops/attention_plan.h>

enum {
    SPAN_ROWS = 128,
    TASKS = 12 /* pieces times kv heads, at least about so many */
};

static int32_t min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t max32(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static const int32_t *first_keys(struct tr_arena *scratch, const int32_t *pos, int32_t n,
                                 int window)
{
    int32_t *first = tr_arena_array(scratch, (size_t)n, sizeof *first);
    for (int32_t t = 0; t < n; t++) {
        int32_t back = window > 0 ? min32(pos[t], window - 1) : pos[t];
        first[t] = t - back;
    }
    return first;
}

static struct tr__att_tile next_tile(const int32_t *first, int32_t q0, int32_t n)
{
    struct tr__att_tile tile = { q0, 0, first[q0], first[q0] };
    for (int32_t t = q0; t < min32(n, q0 + TR__ATT_TILE); t++) {
        if (first[t] == t && tile.k0 < q0)
            break;
        tile.k0 = min32(tile.k0, first[t]);
        tile.all = max32(tile.all, first[t]);
        tile.nq++;
    }
    return tile;
}

/* Products of a tile, counted in keys per query. */
static int64_t cost(const struct tr__att_tile *tile)
{
    return (int64_t)tile->nq * (tile->q0 - tile->k0 + TR__ATT_TILE);
}

static int64_t cost_of(const struct tr__att_plan *p, int32_t from, int32_t end)
{
    int64_t sum = 0;
    for (int32_t i = from; i < end; i++)
        sum += cost(&p->tile[i]);
    return sum;
}

/* The end of the span that begins with tile `from`.  reach[i]: the first key that tile i
 * or a later one sees. */
static int32_t span_end(const struct tr__att_plan *p, const int32_t *reach, int32_t from)
{
    int32_t i = from + 1;
    while (i < p->n_tile && (reach[i] < p->tile[i].q0 ||
                             p->tile[i].q0 - p->tile[from].q0 < SPAN_ROWS))
        i++;
    return i;
}

static struct tr__att_piece make_piece(const struct tr__att_plan *p, int32_t from,
                                       int32_t end)
{
    const struct tr__att_tile *last = &p->tile[end - 1];
    struct tr__att_piece piece = { .i_tile = from, .end_tile = end, .k0 = last->k0,
                                   .q1 = last->q0 + last->nq };
    for (int32_t i = from; i < end; i++)
        piece.k0 = min32(piece.k0, p->tile[i].k0);
    piece.rows = piece.q1 - piece.k0 + 2 * TR__ATT_MARGIN;
    return piece;
}

/* Cut tiles from … end - 1 into n_part pieces of about the same cost. */
static void add_pieces(struct tr__att_plan *p, struct tr__att_piece *piece, int32_t from,
                       int32_t end, int64_t n_part)
{
    int64_t all = cost_of(p, from, end), done = 0;
    int32_t begin = from, first_piece = p->n_piece;
    for (int32_t i = from; i < end; i++) {
        int64_t middle = done + cost(&p->tile[i]) / 2;
        if (i > begin && middle * n_part >= all * (p->n_piece - first_piece + 1)) {
            piece[p->n_piece++] = make_piece(p, begin, i);
            begin = i;
        }
        done += cost(&p->tile[i]);
    }
    piece[p->n_piece++] = make_piece(p, begin, end);
    for (int32_t i = first_piece; i < p->n_piece; i++) {
        piece[i].shared = p->n_piece - first_piece > 1;
        piece[i].row = p->shared_rows;
        p->shared_rows += piece[i].shared ? piece[i].rows : 0;
        p->max_rows = piece[i].rows > p->max_rows ? piece[i].rows : p->max_rows;
    }
}

struct tr__att_plan tr__att_plan(struct tr_arena *scratch, const int32_t *pos, int64_t n,
                                 int window, int n_head_kv)
{
    struct tr__att_tile *tile = tr_arena_array(scratch, (size_t)n, sizeof *tile);
    struct tr__att_piece *piece = tr_arena_array(scratch, (size_t)n, sizeof *piece);
    int32_t *reach = tr_arena_array(scratch, (size_t)n, sizeof *reach);
    struct tr__att_plan p = { .first = first_keys(scratch, pos, (int32_t)n, window),
                              .tile = tile, .piece = piece };
    for (int32_t q0 = 0; q0 < n; q0 += tile[p.n_tile - 1].nq)
        tile[p.n_tile++] = next_tile(p.first, q0, (int32_t)n);
    for (int32_t i = p.n_tile - 1, low = INT32_MAX; i >= 0; i--)
        reach[i] = low = min32(low, tile[i].k0);
    int64_t all = cost_of(&p, 0, p.n_tile);
    for (int32_t i = 0, end; i < p.n_tile; i = end) {
        end = span_end(&p, reach, i);
        int64_t tasks = all * n_head_kv;
        int64_t n_part = (cost_of(&p, i, end) * TASKS + tasks / 2) / tasks;
        add_pieces(&p, piece, i, end, n_part);
    }
    return p;
}

/* A span ends where a document does that does not begin in its last tile: at most a tile
 * and a document behind its first SPAN_ROWS.  It has at most s + 1/2 parts, of no more keys
 * than itself, where s is its share of TASKS / n_head_kv.  Two parts or more are shared: then
 * s + 1/2 is no more than 4/3 s, so there are at most 4/3 TASKS / n_head_kv such parts. */
struct tr__att_bound tr__att_bound(int64_t n, int64_t longest, int n_head_kv)
{
    int64_t span = SPAN_ROWS + TR__ATT_TILE + longest;
    size_t row = sizeof(struct tr__att_tile) + sizeof(struct tr__att_piece) +
                 2 * sizeof(int32_t);
    int64_t parts = (2 * TASKS + n_head_kv) / (2 * n_head_kv); /* of one span */
    int64_t shared_parts = 4 * TASKS / (3 * n_head_kv);
    int64_t margins = shared_parts * 2 * TR__ATT_MARGIN;
    span = span < n ? span : n;
    int64_t shared = parts * n < shared_parts * span ? parts * n : shared_parts * span;
    return (struct tr__att_bound){ .bytes = (size_t)n * row + 4 * TR_ARENA_ALIGN,
                                   .max_rows = span + 2 * TR__ATT_MARGIN,
                                   .shared_rows = parts > 1 ? shared + margins : 0 };
}
