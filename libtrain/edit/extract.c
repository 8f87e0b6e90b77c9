/* SPDX-License-Identifier: MIT
 *
 * What a model has learnt, as an adapter of its base.  An adapter holds changes of linear
 * layers alone; what else differs between the two (norms, biases, tables) is measured, so that
 * whoever asks can be told what stays behind.  Next: extract_pair.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/edit/edit.h>
#include <libtrain/extract.h>
#include <libtrain/matmul/matmul.h>

#include <stdlib.h>
#include <string.h>

struct extract {
    const struct tr_gguf *base, *tuned;
    const struct tr_extract_args *args;
    struct tr_lora *lora;          /* all pairs that there may be */
    struct tr_extract_loss *loss;  // (tensors of the base)
    int64_t done, total;           /* numbers */
};

enum { SLAB = 1 << 16 };

/* d (n) = numbers from `at` on of tuned less those of the base, which are added up,
 * squared. */
static void subtract(const struct tr_gguf_tensor *w, const struct tr_gguf_tensor *t,
                     int64_t at, int64_t n, float *d, struct tr_extract_loss *loss)
{
    float from[1 << 11];
    enum { PIECE = sizeof from / sizeof *from };
    for (int64_t i = 0; i < n; i += PIECE) {
        int64_t some = n - i < PIECE ? n - i : PIECE, first = at + i;
        w->dtype->to_f32((const char *)w->data + first / w->dtype->block * w->dtype->bytes,
                         from, some);
        t->dtype->to_f32((const char *)t->data + first / t->dtype->block * t->dtype->bytes,
                         d + i, some);
        for (int64_t k = 0; k < some; k++) {
            d[i + k] -= from[k];
            loss->base += (double)from[k] * (double)from[k];
            loss->change += (double)d[i + k] * (double)d[i + k];
        }
    }
}

static int is_same(const struct tr_gguf_tensor *w, const struct tr_gguf_tensor *t)
{
    return w->dtype == t->dtype && !memcmp(w->data, t->data, (size_t)w->bytes);
}

/* A tensor that no pair is for: all of its change is lost. */
static int measure(struct extract *x, const struct tr_gguf_tensor *w,
                   const struct tr_gguf_tensor *t, struct tr_extract_loss *loss,
                   struct tr_err *err)
{
    int64_t n = tr_gguf_count(w);
    if (is_same(w, t) || !w->dtype->to_f32 || !t->dtype->to_f32)
        return 0;
    float *d = malloc(SLAB * sizeof *d);
    if (!d)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for numbers of '%s'",
                          tr_gguf_path(x->tuned), w->name);
    for (int64_t at = 0; at < n; at += SLAB)
        subtract(w, t, at, n - at < SLAB ? n - at : SLAB, d, loss);
    free(d);
    loss->lost = loss->change;
    return 0;
}

/* to (cols, rows) = from (rows, cols) */
static void transpose(const float *from, int64_t rows, int64_t cols, float *to)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            to[j * rows + i] = from[i * cols + j];
}

/* The pair of the token table is the other way round (lora.h). */
static int turn(struct tr__factors *f, struct tr_err *err)
{
    float *turned = malloc((size_t)(f->rank * f->n) * sizeof *turned);
    if (!turned)
        return tr_err_set(err, TR_ENOMEM, "out of memory for a pair of rank %lld",
                          (long long)f->rank);
    transpose(f->a, f->rank, f->n, turned);
    free(f->a);
    f->a = f->b;
    f->b = turned;
    return 0;
}

static void take_factors(struct tr_lora_pair *p, const struct tr__factors *f)
{
    int is_one = p->a.n_dim == 2;
    int64_t a[] = { f->n_matrix, f->rank, f->n }, b[] = { f->n_matrix, f->m, f->rank };
    if (p->table) {
        a[1] = f->m;
        a[2] = b[2];
        b[1] = f->n;
    }
    p->a = tr_tensor_make(p->a.name, &tr_f32, 3 - is_one, a + is_one, f->a);
    p->b = tr_tensor_make(p->b.name, &tr_f32, 3 - is_one, b + is_one, f->b);
    p->read_a = f->a;
    p->read_b = f->b;
    p->rank = (int)f->rank;
}

/* The change of a linear layer, all of it in memory, to a pair; if there is one. */
static int extract_pair(struct extract *x, const struct tr_gguf_tensor *w,
                        const struct tr_gguf_tensor *t, struct tr_lora_pair *p,
                        struct tr_extract_loss *loss, struct tr_err *err)
{
    int64_t n = tr_gguf_count(w), m = w->dim[w->n_dim - 2];
    struct tr__factors f = { .n_matrix = n / m / tr_gguf_row(w), .m = m, .n = tr_gguf_row(w) };
    if (is_same(w, t) || !w->dtype->to_f32 || !t->dtype->to_f32)
        return 0;
    float *d = malloc((size_t)n * sizeof *d);
    if (!d)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for '%s'",
                          tr_gguf_path(x->tuned), w->name);
    subtract(w, t, 0, n, d, loss);
    int rc = loss->change > 0 ? tr__factor(d, x->args, &f, err) : 0;
    free(d);
    if (!rc && loss->change > 0 && p->table)
        rc = turn(&f, err);
    if (rc || !(loss->change > 0)) {
        free(f.a);
        free(f.b);
        return rc;
    }
    take_factors(p, &f);
    loss->rank = p->rank;
    loss->lost = f.lost;
    return 0;
}

static struct tr_lora_pair *pair_of(struct tr_lora *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->pair[i].name, name))
            return &l->pair[i];
    return NULL;
}

static int extract_tensor(struct extract *x, size_t i, struct tr_err *err)
{
    const struct tr_gguf_tensor *w = tr_gguf_tensor(x->base, i);
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(x->tuned, w->name);
    struct tr_lora_pair *p = pair_of(x->lora, w->name);
    x->loss[i].tensor = w;
    int rc = p ? extract_pair(x, w, t, p, &x->loss[i], err)
               : measure(x, w, t, &x->loss[i], err);
    tr_gguf_forget(x->base, w->data, w->bytes);
    tr_gguf_forget(x->tuned, t->data, t->bytes);
    x->done += tr_gguf_count(w);
    tr__tell(&x->args->progress, x->done, x->total);
    return rc;
}

/* Pairs that nothing became of go behind the others; how many are in front.  Alpha is the
 * largest rank, and b makes up for smaller ones. */
static size_t settle(struct tr_lora *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (!l->pair[i].read_a)
            continue;
        struct tr_lora_pair p = l->pair[i];
        memmove(&l->pair[n + 1], &l->pair[n], (i - n) * sizeof p);
        l->pair[n++] = p;
        if (l->alpha < (float)p.rank)
            l->alpha = (float)p.rank;
    }
    for (size_t i = 0; i < n; i++) {
        struct tr_lora_pair *p = &l->pair[i];
        float scale = (float)p->rank / l->alpha;
        for (int64_t k = 0; scale != 1 && k < tr_tensor_count(&p->b); k++)
            p->read_b[k] *= scale;
    }
    return n;
}

static int extract_all(struct extract *x, struct tr_err *err)
{
    size_t n = tr_gguf_n_tensor(x->base);
    int rc = 0;
    for (size_t i = 0; i < n; i++)
        x->total += tr_gguf_count(tr_gguf_tensor(x->base, i));
    for (size_t i = 0; !rc && i < n; i++)
        rc = extract_tensor(x, i, err);
    return rc;
}

/* Of an adapter's pairs the first n stay. */
static int keep(struct tr_lora *l, size_t n, struct tr_err *err)
{
    struct tr_lora *rest = calloc(1, sizeof *rest);
    if (rest)
        rest->pair = malloc((l->n - n + 1) * sizeof *rest->pair);
    if (!rest || !rest->pair) {
        free(rest);
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu pairs", l->n);
    }
    rest->n = l->n - n;
    memcpy(rest->pair, l->pair + n, rest->n * sizeof *rest->pair);
    tr_lora_free(rest);
    l->n = n;
    return 0;
}

static int check(const struct extract *x, struct tr_err *err)
{
    int rc = tr_gguf_expect_model(x->tuned, err);
    if (!rc)
        rc = tr__same_model(x->base, x->tuned, err);
    if (!rc)
        rc = tr_gguf_check(x->base, err);
    if (!rc)
        rc = tr_gguf_check(x->tuned, err);
    return rc ? rc : tr__gemm_ready(err);
}

static int extract(struct extract *x, struct tr_err *err)
{
    int rc = extract_all(x, err);
    size_t n = rc ? 0 : settle(x->lora);
    if (!rc && !n)
        rc = tr_err_set(err, TR_EMISMATCH, "'%s' and '%s' do not differ in these layers",
                        tr_gguf_path(x->base), tr_gguf_path(x->tuned));
    return rc ? rc : keep(x->lora, n, err);
}

struct tr_lora *tr_extract(const struct tr_model *base, const struct tr_gguf *tuned,
                           const struct tr_extract_args *args, struct tr_extract_loss **loss,
                           struct tr_err *err)
{
    struct extract x = { .base = tr_model_gguf(base), .tuned = tuned, .args = args };
    int rc = check(&x, err);
    x.loss = calloc(tr_gguf_n_tensor(x.base) + 1, sizeof *x.loss);
    if (!rc && !x.loss)
        rc = tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a list of its tensors",
                        tr_gguf_path(x.base));
    if (!rc)
        x.lora = tr_lora_new(base, args->targets ? args->targets : "all-linear", 1, 0, err);
    if (x.lora && !extract(&x, err)) {
        *loss = x.loss;
        return x.lora;
    }
    tr_lora_free(x.lora);
    free(x.loss);
    return NULL;
}
