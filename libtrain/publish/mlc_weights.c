/* SPDX-License-Identifier: MIT
 *
 * Tensors of a GGUF as those of a bundle: fused, in the order of rows that Hugging Face has,
 * packed a slab of rows at a time.  Scales are kept until the numbers are out, and all of a
 * matrix that is stored across, so memory is some of one tensor.  All tensors are walked
 * twice, first for the index.  Next: mlc_tied.c, mlc.c.
 */
#include <libtrain/publish/mlc_weights.h>

#include <libtrain/edit/edit.h>
#include <libtrain/hf/hf.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 128, MAX_PART = 3, SLAB = 1 << 18 /* numbers */ };

/* A tensor of the bundle, and where its rows are. */
struct item {
    const struct tr__mlc_tensor *of;
    char name[NAME_BYTES];
    const struct tr_gguf_tensor *part[MAX_PART];
    int n_part, n_dim;
    int64_t rows, cols;
};

struct walk {
    const struct tr__mlc_weights *w;
    const struct tr__hf_arch *arch;
    struct tr__hf_sizes size;
    struct tr__mlc_bundle *bundle;
    unsigned char *used; // (tensors of the GGUF)
    int64_t n_source, done;
};

static int no_memory(const struct tr__mlc_weights *w, struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a tensor",
                      tr_gguf_path(w->g));
}

/* ---- what there is ---------------------------------------------------------------- */

/* "%d" becomes the block. */
static void print_name(char to[NAME_BYTES], const char *pattern, int64_t layer)
{
    const char *at = strstr(pattern, "%d");
    if (at)
        snprintf(to, NAME_BYTES, "%.*s%lld%s", (int)(at - pattern), pattern, (long long)layer,
                 at + 2);
    else
        snprintf(to, NAME_BYTES, "%s", pattern);
}

static int no_part(const struct tr__mlc_weights *w, const char *name, const char *why,
                   struct tr_err *err)
{
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s' %s, as %s models of MLC need "
                      "it", tr_gguf_path(w->g), name, why, w->family->model_type);
}

static int add_part(const struct walk *k, struct item *it, const char *name,
                    struct tr_err *err)
{
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(k->w->g, name);
    if (k->w->tie && !strcmp(name, "token_embd.weight"))
        t = tr__mlc_finer(k->w->g);
    if (!t || (k->w->tie && !strcmp(name, "output.weight")))
        return it->of->may && !it->n_part ? 1 : no_part(k->w, name, "is missing", err);
    int n_dim = it->of->packed ? 2 : 1;
    int64_t cols = n_dim > 1 ? t->dim[1] : 1;
    if (t->n_dim != n_dim || (it->n_part && cols != it->cols))
        return no_part(k->w, name, "has not the shape", err);
    if (!t->dtype->to_f32 || (n_dim == 1 && t->dtype->block > 1))
        return no_part(k->w, name, "has no type that can be unpacked", err);
    it->part[it->n_part++] = t;
    it->n_dim = n_dim;
    it->rows += t->dim[0];
    it->cols = cols;
    return 0;
}

/* 1 if it is one that is missing and may be. */
static int find(const struct walk *k, const struct tr__mlc_tensor *of, int64_t layer,
                struct item *it, struct tr_err *err)
{
    char name[NAME_BYTES];
    int rc = 0;
    *it = (struct item){ .of = of };
    print_name(it->name, of->name, layer);
    for (int i = 0; !rc && i < MAX_PART && of->part[i]; i++) {
        print_name(name, of->part[i], layer);
        rc = add_part(k, it, name, err);
    }
    return rc;
}

/* Each tensor of the bundle, in its order. */
static int each(struct walk *k, int (*visit)(struct walk *k, const struct item *it,
                                             struct tr_err *err), struct tr_err *err)
{
    int rc = 0;
    for (int64_t layer = -1; !rc && layer < k->size.n_layer; layer++)
        for (const struct tr__mlc_tensor *t = k->w->family->tensor; !rc && t->name; t++) {
            struct item it;
            if ((strstr(t->name, "%d") != NULL) != (layer >= 0))
                continue;
            int found = find(k, t, layer, &it, err);
            rc = found < 0 ? found : found ? 0 : visit(k, &it, err);
        }
    return rc;
}

/* ---- the index -------------------------------------------------------------------- */

static void mark(struct walk *k, const struct item *it)
{
    for (size_t i = 0; i < tr_gguf_n_tensor(k->w->g); i++)
        for (int p = 0; p < it->n_part; p++)
            k->used[i] |= tr_gguf_tensor(k->w->g, i) == it->part[p];
}

static int is_packed(const struct walk *k, const struct item *it)
{
    return k->w->quant->pack && it->of->packed;
}

static int is_across(const struct walk *k, const struct item *it)
{
    return k->w->quant->across && !it->of->table;
}

/* ".weight" of its name, as ".q_weight" or ".q_scale". */
static int declare_part(struct walk *k, const struct item *it, const char *as,
                        const struct tr__mlc_number *type, int64_t cols, struct tr_err *err)
{
    char name[NAME_BYTES + 8];
    int across = is_across(k, it);
    int64_t dim[] = { across ? cols : it->rows, across ? it->rows : cols };
    snprintf(name, sizeof name, "%.*s%s", (int)(strlen(it->name) - strlen("weight")), it->name,
             as);
    return tr__mlc_declare(k->bundle, name, type, 2, dim, err);
}

static int declare(struct walk *k, const struct item *it, struct tr_err *err)
{
    const struct tr__mlc_quant *q = k->w->quant;
    int64_t dim[] = { it->rows, it->cols };
    k->n_source += it->rows * it->cols;
    mark(k, it);
    if (!is_packed(k, it))
        return tr__mlc_declare(k->bundle, it->name, q->model, it->n_dim, dim, err);
    int rc = declare_part(k, it, "q_weight", &tr__mlc_uint32, tr__mlc_words(it->cols), err);
    return rc ? rc : declare_part(k, it, "q_scale", q->model, tr__mlc_groups(it->cols), err);
}

/* What no table names is part of another computation; factors of rope are said in the
 * configuration. */
static int check_used(const struct walk *k, struct tr_err *err)
{
    for (size_t i = 0; i < tr_gguf_n_tensor(k->w->g); i++) {
        const char *name = tr_gguf_tensor(k->w->g, i)->name;
        int is_end = !strcmp(name, "token_embd.weight") || !strcmp(name, "output.weight");
        if (!k->used[i] && strncmp(name, "rope_f", 6) && !(k->w->tie && is_end))
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': %s models of MLC have no place for "
                              "tensor '%s'", tr_gguf_path(k->w->g), k->w->family->model_type,
                              name);
    }
    return 0;
}

/* ---- numbers ---------------------------------------------------------------------- */

/* Where rows of a part are, in the order that Hugging Face has: *from (rows), the caller's;
 * NULL: as they are. */
static int rows_of(const struct walk *k, const struct tr_gguf_tensor *t, int64_t **from,
                   struct tr_err *err)
{
    struct tr__hf_found f;
    *from = NULL;
    if (!tr__hf_find_gguf(k->arch, t->name, &f) || !tr__hf_moves_rows(f.name))
        return 0;
    struct tr__hf_place p = { .size = &k->size, .name = f.name, .n_gguf = t->n_dim };
    for (int i = 0; i < 4; i++)
        p.gguf[i] = t->dim[i];
    tr__hf_shape_back(&p);
    if (!(*from = malloc((size_t)t->dim[0] * sizeof **from)))
        return no_memory(k->w, err);
    for (int64_t r = 0; r < t->dim[0]; r++)
        (*from)[tr__hf_row(&p, r)] = r;
    return 0;
}

/* A tensor in work: numbers of a slab of rows, and what they become. */
struct work {
    struct walk *k;
    const struct item *it;
    const struct tr_gguf_tensor *t; /* the part, whose first row is `first` of the item */
    int64_t *from;                  /* where its rows are, or NULL */
    int64_t first, slab;            /* rows */
    float *x;        // (slab, cols)
    void *out;       // (slab, cols) as they are stored, or (slab, words)
    uint16_t *scale; // (rows, groups) of the item
    uint32_t *all;   // (words, rows) of one that is stored across
};

static void release(struct work *w)
{
    free(w->from);
    free(w->x);
    free(w->out);
    free(w->scale);
    free(w->all);
}

static int prepare(struct work *w, struct walk *k, const struct item *it, struct tr_err *err)
{
    int packed = is_packed(k, it), across = packed && is_across(k, it);
    int64_t slab = SLAB / it->cols, words = tr__mlc_words(it->cols);
    *w = (struct work){ .k = k, .it = it, .slab = slab < 1 ? 1 : slab };
    w->slab = w->slab < it->rows ? w->slab : it->rows;
    size_t n = (size_t)(w->slab * it->cols);
    w->x = malloc(n * sizeof *w->x);
    w->out = malloc(packed ? (size_t)(w->slab * words) * sizeof *w->all
                           : n * (size_t)k->w->quant->model->stored);
    if (packed)
        w->scale = malloc((size_t)(it->rows * tr__mlc_groups(it->cols)) * sizeof *w->scale);
    if (across)
        w->all = malloc((size_t)(it->rows * words) * sizeof *w->all);
    return w->x && w->out && (w->scale || !packed) && (w->all || !across)
               ? 0 : no_memory(k->w, err);
}

/* Row r of the part: a row of a matrix, or the one number of its row. */
static void unpack(const struct work *w, int64_t r, float *to)
{
    const struct tr_dtype *d = w->t->dtype;
    int64_t n = w->it->cols, at = w->from ? w->from[r] : r;
    d->to_f32((const char *)w->t->data + at * (n / d->block * d->bytes), to, n);
}

/* Row i of the slab, row r of the part. */
static int pack_row(const struct work *w, int64_t i, int64_t r)
{
    const struct tr__mlc_quant *q = w->k->w->quant;
    int64_t cols = w->it->cols, words = tr__mlc_words(cols), groups = tr__mlc_groups(cols);
    float *x = w->x + i * cols;
    unpack(w, r, x);
    if (!w->scale)
        return q->model->put(x, (char *)w->out + i * cols * q->model->stored, cols);
    return q->pack(x, cols, (uint32_t *)w->out + i * words, w->scale + (w->first + r) * groups);
}

/* n rows from r on: the first that is not finite, or -1. */
static int64_t pack_rows(const struct work *w, int64_t r, int64_t n)
{
    int64_t bad = INT64_MAX;
#pragma omp parallel for schedule(static) reduction(min : bad)
    for (int64_t i = 0; i < n; i++)
        if (pack_row(w, i, r + i) && r + i < bad)
            bad = r + i;
    return bad < INT64_MAX ? bad : -1;
}

/* Words of n rows from r on, into their columns. */
static void turn(const struct work *w, int64_t r, int64_t n)
{
    int64_t words = tr__mlc_words(w->it->cols);
    const uint32_t *from = w->out;
    for (int64_t j = 0; j < words; j++)
        for (int64_t i = 0; i < n; i++)
            w->all[j * w->it->rows + w->first + r + i] = from[i * words + j];
}

static int write_slab(const struct work *w, int64_t r, int64_t n, struct tr_err *err)
{
    const struct walk *k = w->k;
    int64_t bad = pack_rows(w, r, n), cols = w->it->cols;
    if (bad >= 0)
        return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s': row %lld holds a number that is "
                          "not finite, or too large for %s", tr_gguf_path(k->w->g), w->t->name,
                          (long long)(w->from ? w->from[bad] : bad),
                          k->w->quant->model->name);
    if (w->all) {
        turn(w, r, n);
        return 0;
    }
    return tr__mlc_write(k->bundle, w->out, w->scale ? n * tr__mlc_words(cols) * 4
                                            : n * cols * k->w->quant->model->stored, err);
}

static int write_part(struct work *w, struct tr_err *err)
{
    struct walk *k = w->k;
    int64_t rows = w->t->dim[0];
    int rc = rows_of(k, w->t, &w->from, err);
    for (int64_t r = 0, n; !rc && r < rows; r += n) {
        n = rows - r < w->slab ? rows - r : w->slab;
        rc = write_slab(w, r, n, err);
        if (!w->from)
            tr_gguf_forget(k->w->g, (const char *)w->t->data + w->t->bytes / rows * r,
                           w->t->bytes / rows * n);
        tr__tell(k->w->progress, k->done += n * w->it->cols, k->n_source);
    }
    if (!rc)
        tr_gguf_forget(k->w->g, w->t->data, w->t->bytes);
    free(w->from);
    w->from = NULL;
    w->first += rows;
    return rc;
}

/* Scales go out behind all numbers: from (rows, groups) to (groups, rows) where those of a
 * matrix that is stored across do. */
static int write_scales(struct work *w, struct tr_err *err)
{
    int64_t rows = w->it->rows, groups = tr__mlc_groups(w->it->cols);
    int64_t bytes = rows * groups * (int64_t)sizeof *w->scale;
    if (!w->all)
        return tr__mlc_write(w->k->bundle, w->scale, bytes, err);
    int rc = tr__mlc_write(w->k->bundle, w->all, rows * tr__mlc_words(w->it->cols) * 4, err);
    uint16_t *turned = (uint16_t *)w->all; /* the larger one is done with */
    for (int64_t j = 0; !rc && j < groups; j++)
        for (int64_t i = 0; i < rows; i++)
            turned[j * rows + i] = w->scale[i * groups + j];
    return rc ? rc : tr__mlc_write(w->k->bundle, turned, bytes, err);
}

static int put(struct walk *k, const struct item *it, struct tr_err *err)
{
    struct work w;
    int rc = prepare(&w, k, it, err);
    for (int p = 0; !rc && p < it->n_part; p++) {
        w.t = it->part[p];
        rc = write_part(&w, err);
    }
    if (!rc && w.scale)
        rc = write_scales(&w, err);
    release(&w);
    return rc;
}

/* ---- all -------------------------------------------------------------------------- */

static int run(struct walk *k, struct tr__folder *folder, struct tr_err *err)
{
    int rc = each(k, declare, err);
    if (!rc)
        rc = check_used(k, err);
    if (!rc)
        rc = tr__raw_room(tr__folder_path(folder), tr__mlc_bytes(k->bundle), err);
    if (!rc)
        rc = each(k, put, err);
    return rc ? rc : tr__mlc_index(k->bundle, k->n_source, err);
}

int tr__mlc_weights(const struct tr__mlc_weights *w, struct tr__folder *folder,
                    struct tr_err *err)
{
    struct walk k = { .w = w };
    int rc = tr__hf_sizes_of_gguf(w->g, &k.size, err);
    if (!rc && !(k.arch = tr__hf_of_gguf(w->g, err)))
        rc = TR_EUNSUPPORTED;
    if (!rc && !(k.used = calloc(tr_gguf_n_tensor(w->g) + 1, 1)))
        rc = no_memory(w, err);
    if (!rc && !(k.bundle = tr__mlc_bundle_new(folder, TR__MLC_CAP, err)))
        rc = TR_ENOMEM;
    if (!rc)
        rc = run(&k, folder, err);
    tr__mlc_bundle_free(k.bundle);
    free(k.used);
    return rc;
}
