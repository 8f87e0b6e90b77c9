/* SPDX-License-Identifier: MIT
 *
 * Hidden states: documents wait until they fill a batch, and while that runs whoever watches
 * the model takes a copy of what is wanted.  Arrays lie in files without a name once they are
 * large (base/spool.h), so memory does not grow with the text.
 */
#include <libtrain/base/base.h>
#include <libtrain/eval.h>
#include <libtrain/lora/lora.h>
#include <libtrain/model/model.h>
#include <libtrain/personalize/npz.h>
#include <libtrain/personalize/pooling.h>
#include <libtrain/token.h>

#include <stdlib.h>
#include <string.h>

enum { BATCH = 512 }; /* rows, or one document */

struct array {
    char *name; /* "blk.3.ffn_down.in" */
    const char *type;
    int64_t width; /* 0: of one dimension */
    size_t size;   /* bytes of a number */
    char *data;
    size_t n, cap; /* numbers */
};

struct tr_embed {
    struct tr_model *m;
    struct tr_embed_args args;
    struct tr_eval *eval;
    int64_t max_rows, n_row; /* of the batch that waits */
    int32_t *token, *target, *pos; // (max_rows)
    int64_t n_waiting, *begin;     // (max_rows + 1) of its documents
    struct array *array;
    size_t n_array, cap_array, at; /* at: where the present batch's next array is */
    struct tr_embed_counts counts;
    struct tr_err err; /* of a watch */
};

/* ---- arrays ----------------------------------------------------------------------- */

static int no_memory(struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for hidden states");
}

/* The array of this name; a batch asks for all in the same order. */
static struct array *array_of(struct tr_embed *e, const char *name, const char *type,
                              int64_t width)
{
    for (size_t i = 0; i < e->n_array; i++) {
        struct array *a = &e->array[(e->at + i) % e->n_array];
        if (!strcmp(a->name, name)) {
            e->at = (e->at + i + 1) % e->n_array;
            return a;
        }
    }
    if (tr__grow(&e->array, &e->cap_array, e->n_array + 1, sizeof *e->array))
        return NULL;
    struct array *a = &e->array[e->n_array];
    *a = (struct array){ .name = strdup(name), .type = type, .width = width,
                         .size = (size_t)(type[2] - '0') };
    e->n_array += a->name != NULL;
    return a->name ? a : NULL;
}

/* Room for n more numbers of it. */
static void *more(struct array *a, int64_t n)
{
    if (!a || tr__spool_grow(&a->data, &a->cap, a->n + (size_t)n, a->size))
        return NULL;
    a->n += (size_t)n;
    return a->data + (a->n - (size_t)n) * a->size;
}

/* ---- what is seen ----------------------------------------------------------------- */

static int is_wanted(const char *list, const char *weight)
{
    char pattern[256];
    for (const char *p = list; p && *p; p += strcspn(p, ",")) {
        p += *p == ',';
        snprintf(pattern, sizeof pattern, "%.*s", (int)strcspn(p, ","), p);
        if (tr_lora_matches(pattern, weight) || !strcmp(pattern, "all-linear"))
            return 1;
    }
    return 0;
}

/* Rows of x less those of `less`, if there are some, behind those of this name. */
static void take(struct tr_embed *e, const char *weight, const char *end,
                 const struct tr_tensor *x, const struct tr_tensor *less)
{
    char name[TR__TENSOR_NAME_BYTES + 8];
    int64_t rows = tr_tensor_rows(x), width = tr_tensor_cols(x);
    const char *cut = strstr(weight, ".weight");
    snprintf(name, sizeof name, "%.*s%s", cut ? (int)(cut - weight) : 64, weight, end);
    float *to = more(array_of(e, name, "<f4", width), rows * width);
    if (!to) {
        no_memory(&e->err);
        return;
    }
    for (int64_t i = 0; i < rows; i++) {
        const float *row = tr_tensor_row(x, i);
        const float *base = less ? tr_tensor_row(less, i) : NULL;
        for (int64_t j = 0; j < width; j++)
            to[i * width + j] = base ? row[j] - base[j] : row[j];
    }
}

static void take_pooled(struct tr_embed *e, const struct tr_tensor *x)
{
    int64_t width = tr_tensor_cols(x);
    float *to = more(array_of(e, "embedding", "<f4", width), e->n_waiting * width);
    for (int64_t d = 0; to && d < e->n_waiting; d++, to += width) {
        e->args.pooling->pool(tr_tensor_row(x, e->begin[d]), x->ld,
                              e->begin[d + 1] - e->begin[d], width, to);
        if (e->args.normalise)
            tr__normalise(to, width);
    }
    if (!to)
        no_memory(&e->err);
}

static void at(void *ctx, const struct tr_inputs *in)
{
    struct tr_embed *e = ctx;
    int in_block = !strncmp(in->weight, "blk.", 4);
    if (e->err.code)
        return;
    if (in_block && in->n_mat == 1 && is_wanted(e->args.inputs, in->weight))
        take(e, in->weight, ".in", in->x, NULL);
    if (in_block || !e->args.pooling)
        return;
    if (e->args.pooling->pool)
        take_pooled(e, in->x);
    else
        take(e, "hidden", "", in->x, NULL);
}

static void after(void *ctx, const struct tr_outputs *out)
{
    struct tr_embed *e = ctx;
    if (!e->err.code && is_wanted(e->args.outputs, out->weight))
        take(e, out->weight, ".out", out->y, out->add);
}

/* ---- batches ---------------------------------------------------------------------- */

static int keeps_tokens(const struct tr_embed *e)
{
    return e->args.inputs || e->args.outputs || (e->args.pooling && !e->args.pooling->pool);
}

/* Which tokens the rows are of. */
static int note_tokens(struct tr_embed *e, struct tr_err *err)
{
    int64_t before = e->counts.n_token - e->n_row;
    int32_t *token = more(array_of(e, "tokens", "<i4", 0), e->n_row);
    int64_t *first = token ? more(array_of(e, "first", "<i8", 0), e->n_waiting) : NULL;
    if (!first)
        return no_memory(err);
    memcpy(token, e->token, (size_t)e->n_row * sizeof *token);
    for (int64_t d = 0; d < e->n_waiting; d++)
        first[d] = before + e->begin[d];
    return 0;
}

static int run(struct tr_embed *e, struct tr_err *err)
{
    struct tr_batch batch = { e->n_row, e->token, e->target, .pos = e->pos };
    if (!e->n_row)
        return 0;
    int rc = keeps_tokens(e) ? note_tokens(e, err) : 0;
    if (!rc)
        rc = tr_eval_batch(e->eval, &batch, NULL, NULL, NULL, err);
    if (!rc && e->err.code)
        rc = tr_err_set(err, e->err.code, "%s", e->err.text);
    e->n_row = e->n_waiting = 0;
    return rc;
}

int tr_embed_add(struct tr_embed *e, const uint32_t *token, size_t n, struct tr_err *err)
{
    int64_t rows = n < (size_t)e->args.ctx ? (int64_t)n : e->args.ctx;
    int64_t n_vocab = tr_model_config(e->m)->n_vocab;
    if (!n)
        return tr_err_set(err, TR_EFORMAT, "document %lld has no tokens",
                          (long long)e->counts.n_document + 1);
    for (int64_t i = 0; i < rows; i++)
        if (TR_TOKEN_ID(token[i]) >= n_vocab)
            return tr_err_set(err, TR_EMISMATCH, "document %lld: token %u, and the model has "
                              "%lld", (long long)e->counts.n_document + 1,
                              TR_TOKEN_ID(token[i]), (long long)n_vocab);
    int rc = e->n_row + rows > e->max_rows ? run(e, err) : 0;
    if (rc)
        return rc;
    e->begin[e->n_waiting++] = e->n_row;
    for (int64_t i = 0; i < rows; i++, e->n_row++) {
        e->token[e->n_row] = (int32_t)TR_TOKEN_ID(token[i]);
        e->target[e->n_row] = -1;
        e->pos[e->n_row] = (int32_t)i;
    }
    e->begin[e->n_waiting] = e->n_row;
    e->counts.n_document++;
    e->counts.n_token += rows;
    e->counts.n_cut += (size_t)rows < n;
    return 0;
}

struct tr_embed_counts tr_embed_counts(const struct tr_embed *e)
{
    return e->counts;
}

/* ---- ends ------------------------------------------------------------------------- */

/* Each pattern is for some weight. */
static int check_patterns(const struct tr_model *m, const char *list, struct tr_err *err)
{
    char pattern[256];
    for (const char *p = list; p && *p; p += strcspn(p, ",")) {
        int any = 0;
        p += *p == ',';
        snprintf(pattern, sizeof pattern, "%.*s", (int)strcspn(p, ","), p);
        for (size_t i = 0; i < m->n_weight; i++)
            any |= m->weight[i].t.data && m->weight[i].slot->linear &&
                   m->weight[i].t.n_dim == 2 && is_wanted(pattern, m->weight[i].t.name);
        if (!any)
            return tr_err_set(err, TR_EFORMAT, "'%s' matches no linear layer of a block",
                              pattern);
    }
    return 0;
}

static int begin(struct tr_embed *e, struct tr_err *err)
{
    size_t n = (size_t)e->max_rows;
    e->token = malloc(n * sizeof *e->token);
    e->target = malloc(n * sizeof *e->target);
    e->pos = malloc(n * sizeof *e->pos);
    e->begin = malloc((n + 1) * sizeof *e->begin);
    if (!e->token || !e->target || !e->pos || !e->begin)
        return no_memory(err);
    tr_model_set_context(e->m, e->args.ctx);
    e->eval = tr_eval_new(e->m, e->max_rows, tr_loss_at(0), err);
    if (!e->eval)
        return err->code;
    tr_model_watch(e->m, &(struct tr_watch){ .at = at, .ctx = e, .after = after });
    return 0;
}

struct tr_embed *tr_embed_new(struct tr_model *m, const struct tr_embed_args *args,
                              struct tr_err *err)
{
    int rc = check_patterns(m, args->inputs, err);
    if (!rc)
        rc = check_patterns(m, args->outputs, err);
    if (!rc && (args->ctx < 1 || args->ctx > tr_model_config(m)->n_ctx))
        rc = tr_err_set(err, TR_EINVAL, "documents of %lld tokens, and the model was made for "
                        "%lld", (long long)args->ctx, (long long)tr_model_config(m)->n_ctx);
    struct tr_embed *e = rc ? NULL : calloc(1, sizeof *e);
    if (!rc && !e)
        no_memory(err);
    if (!e)
        return NULL;
    e->m = m;
    e->args = *args;
    e->max_rows = args->ctx > BATCH ? args->ctx : BATCH;
    if (!begin(e, err))
        return e;
    tr_embed_free(e);
    return NULL;
}

void tr_embed_free(struct tr_embed *e)
{
    if (!e)
        return;
    if (e->eval)
        tr_model_watch(e->m, &(struct tr_watch){ 0 });
    tr_eval_free(e->eval);
    for (size_t i = 0; i < e->n_array; i++) {
        tr__spool_free(e->array[i].data, e->array[i].cap, e->array[i].size);
        free(e->array[i].name);
    }
    free(e->array);
    free(e->token);
    free(e->target);
    free(e->pos);
    free(e->begin);
    free(e);
}

static struct tr__npy as_npy(const struct array *a)
{
    int64_t n = (int64_t)a->n, width = a->width ? a->width : 1;
    return (struct tr__npy){ a->type, a->width ? 2 : 1, { n / width, width }, a->data };
}

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n >= k && !strcmp(text + n - k, end);
}

static int write_archive(const struct tr_embed *e, const char *path, struct tr_err *err)
{
    struct tr__npz *z = tr__npz_new(path, err);
    int rc = 0;
    if (!z)
        return err->code;
    for (size_t i = 0; !rc && i < e->n_array; i++) {
        struct tr__npy a = as_npy(&e->array[i]);
        rc = tr__npz_add(z, e->array[i].name, &a, err);
    }
    return tr__npz_finish(z, rc, err);
}

int tr_embed_write(struct tr_embed *e, const char *path, struct tr_err *err)
{
    int rc = run(e, err);
    if (!rc && !e->n_array)
        rc = tr_err_set(err, TR_EFORMAT, "there are no documents");
    if (rc)
        return rc;
    if (!ends_with(path, ".npy"))
        return write_archive(e, path, err);
    if (e->n_array > 1)
        return tr_err_set(err, TR_EINVAL, "'%s': several arrays go to a file .npz", path);
    struct tr__npy a = as_npy(e->array);
    return tr__npy_save(path, &a, err);
}
