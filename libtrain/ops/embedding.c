/* SPDX-License-Identifier: MIT
 *
 * Token and position tables; derivation in docs/maths/embedding.md.
 */
#include <libtrain/ops/ops.h>

enum { TABLE, POSITION };

struct embedding_args {
    const int32_t *id, *pos;
    float scale;
};

/* Rows of the position table that are unpacked at once. */
enum { PIECE = 256 };

/* y += rows pos[i0] … of the position table. */
static void add_positions(const struct tr_node *nd, int64_t i0, int64_t n, float *buf)
{
    const struct embedding_args *args = nd->args;
    int64_t width = tr_tensor_cols(nd->out);
    float *y = (float *)nd->out->data + i0 * width;
    struct tr__matrix table = tr__as_matrix(nd->in[POSITION]);
    tr__gather_rows(&table, args->pos + i0, n, buf);
#pragma omp parallel for simd schedule(static)
    for (int64_t j = 0; j < n * width; j++)
        y[j] += buf[j];
}

static size_t embedding_scratch(const struct tr_node *nd, int backward)
{
    if (backward || !nd->in[POSITION])
        return 0;
    int64_t n = tr_tensor_rows(nd->out), rows = n < PIECE ? n : PIECE;
    return (size_t)(rows * tr_tensor_cols(nd->out)) * sizeof(float);
}

/* Every id is a row of the table. */
static int ids_fit(const struct tr_node *nd, const int32_t *id, int i_table)
{
    int64_t n = tr_tensor_rows(nd->out), rows = tr_tensor_rows(nd->in[i_table]);
    for (int64_t i = 0; i < n; i++)
        if (id[i] < 0 || id[i] >= rows) {
            tr_err_set(&nd->scratch->err, TR_EMISMATCH,
                       "embedding: %s %d in row %lld, there are %lld",
                       i_table == TABLE ? "id" : "position", id[i], (long long)i,
                       (long long)rows);
            return 0;
        }
    return 1;
}

static void embedding_forward(struct tr_node *nd)
{
    const struct embedding_args *args = nd->args;
    int64_t n = tr_tensor_rows(nd->out), count = tr_tensor_count(nd->out);
    float *y = nd->out->data, scale = args->scale;
    if (!ids_fit(nd, args->id, TABLE) ||
        (nd->in[POSITION] && !ids_fit(nd, args->pos, POSITION)))
        return;
    struct tr__matrix table = tr__as_matrix(nd->in[TABLE]);
    tr__gather_rows(&table, args->id, n, y);
#pragma omp parallel for simd schedule(static)
    for (int64_t j = 0; j < count; j++)
        y[j] *= scale;
    if (!nd->in[POSITION])
        return;
    size_t mark = tr_arena_mark(nd->scratch);
    float *buf = tr_arena_alloc(nd->scratch, embedding_scratch(nd, 0));
    for (int64_t i = 0; i < n; i += PIECE)
        add_positions(nd, i, n - i < PIECE ? n - i : PIECE, buf);
    tr_arena_rewind(nd->scratch, mark);
}

/* Row id[i] of table->grad += scale * row i of dy.  Rows repeat, so a thread owns columns,
 * not rows: the order of every sum is that of the rows, whatever the number of threads. */
static void scatter_rows(const struct tr_tensor *y, const int32_t *id, float scale,
                         const struct tr_tensor *table)
{
    enum { COLUMNS = 64 };
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
#pragma omp parallel for schedule(static)
    for (int64_t j0 = 0; j0 < width; j0 += COLUMNS) {
        int64_t wide = width - j0 < COLUMNS ? width - j0 : COLUMNS;
        for (int64_t i = 0; i < n; i++) {
            const float *dy = y->grad + i * y->ld + j0;
            float *to = table->grad + id[i] * table->ld + j0;
#pragma omp simd
            for (int64_t j = 0; j < wide; j++)
                to[j] += scale * dy[j];
        }
    }
}

static void embedding_backward(struct tr_node *nd)
{
    const struct embedding_args *args = nd->args;
    if (nd->in[TABLE]->grad)
        scatter_rows(nd->out, args->id, args->scale, nd->in[TABLE]);
    if (nd->in[POSITION] && nd->in[POSITION]->grad)
        scatter_rows(nd->out, args->pos, 1, nd->in[POSITION]);
}

const struct tr_op tr__op_embedding = {
    .name = "embedding",
    .forward = embedding_forward,
    .backward = embedding_backward,
    .scratch = embedding_scratch,
};

struct tr_tensor *tr_embedding(struct tr_tape *tp, struct tr_tensor *table,
                               const int32_t *id, struct tr_tensor *position,
                               const int32_t *pos, int64_t n, float scale)
{
    const struct tr_op *op = &tr__op_embedding;
    int64_t width = tr_tensor_cols(table);
    tr_op_require(tp, !position || tr_tensor_cols(position) == width, op, table, position);
    struct embedding_args args = { .id = id, .scale = scale };
    if (position)
        args.pos = pos;
    return tr_op_run(tp, &(struct tr_op_call){
                           .op = op,
                           .in = { table, position },
                           .out = tr_op_output(tp, op, 2, (int64_t[]){ n, width }),
                           .args = &args,
                           .args_bytes = sizeof args });
}
