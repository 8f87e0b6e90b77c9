/* SPDX-License-Identifier: MIT
 *
 * What `embed` wrote in place of models and data: layer by layer the rows of archives are read in
 * pieces and added up, so memory is that of one layer's sums.  The base gives weights and
 * shapes; of the documents the last tenth is held out.
 */
#include <libtrain/base/base.h>
#include <libtrain/gguf.h>
#include <libtrain/matmul/matmul.h>
#include <libtrain/personalize/npz.h>
#include <libtrain/personalize/personal.h>

#include <stdlib.h>
#include <string.h>

enum { PIECE = 512 }; /* rows */

struct tr__archives {
    struct tr__npz_in *teacher, *student; /* student NULL: of the teacher alone */
    const char *teacher_path;
    int64_t n_row, n_train; /* tokens */
    int64_t n_document, n_held;
};

/* ---- names ------------------------------------------------------------------------- */

/* "blk.0.ffn_up.weight" and ".in" make "blk.0.ffn_up.in". */
static void array_name(char *to, size_t n, const char *weight, const char *end)
{
    const char *cut = strstr(weight, ".weight");
    snprintf(to, n, "%.*s%s", cut ? (int)(cut - weight) : 64, weight, end);
}

static int has(const struct tr__personal *p, const char *weight)
{
    const struct tr__archives *x = p->archives;
    char in[160], out[160];
    array_name(in, sizeof in, weight, ".in");
    array_name(out, sizeof out, weight, ".out");
    return p->args->targets || tr__npz_has(x->student ? x->student : x->teacher, in) ||
           tr__npz_has(x->teacher, out);
}

/* Every layer of an archive is one of the base. */
static int check_names(const struct tr_model *base, const struct tr__npz_in *z, const char *path,
                       struct tr_err *err)
{
    const char *name;
    for (int64_t i = 0; (name = tr__npz_name(z, i)); i++) {
        char weight[160];
        size_t n = strlen(name), k = n > 7 && !strcmp(name + n - 7, ".in.npy") ? 7
                                   : n > 8 && !strcmp(name + n - 8, ".out.npy") ? 8 : 0;
        if (!k)
            continue;
        snprintf(weight, sizeof weight, "%.*s.weight", (int)(n - k), name);
        if (n > 128 || !tr__weight_find(base, weight))
            return tr_err_set(err, TR_EMISMATCH, "'%s' has array '%.*s', and '%s' no such layer",
                              path, n > 128 ? 128 : (int)(n - 4), name,
                              tr_gguf_path(tr_model_gguf(base)));
    }
    return 0;
}

/* ---- tokens and documents ---------------------------------------------------------- */

static const struct tr__npy_shape any_tokens = { "<i4", 1, { -1, 1 } };
static const struct tr__npy_shape any_first = { "<i8", 1, { -1, 1 } };

/* The last tenth of the documents is held out; `first` says where each begins. */
static int divide(struct tr__archives *x, struct tr_err *err)
{
    struct tr__npz_array *a = tr__npz_array_open(x->teacher, "tokens", &any_tokens, err);
    if (!a)
        return err->code;
    x->n_row = tr__npz_shape(a)->dim[0];
    tr__npz_array_close(a);
    if (!(a = tr__npz_array_open(x->teacher, "first", &any_first, err)))
        return err->code;
    int rc = 0;
    x->n_document = tr__npz_shape(a)->dim[0];
    x->n_held = (x->n_document + 9) / 10;
    for (int64_t i = 0; !rc && i <= x->n_document - x->n_held && i < x->n_document; i++)
        rc = tr__npz_read(a, &x->n_train, 1, err);
    tr__npz_array_close(a);
    if (!rc && (x->n_document < 2 || x->n_train < 1 || x->n_train >= x->n_row))
        rc = tr_err_set(err, TR_EFORMAT, "'%s': documents %lld, tokens %lld: none is left to be "
                        "held out", x->teacher_path, (long long)x->n_document,
                        (long long)x->n_row);
    return rc;
}

/* Both archives are of the same tokens. */
static int compare(const struct tr__archives *x, const char *other, struct tr_err *err)
{
    struct tr__npy_shape shape = { "<i4", 1, { x->n_row, 1 } };
    struct tr__npz_array *a = tr__npz_array_open(x->teacher, "tokens", &shape, err);
    struct tr__npz_array *b = a ? tr__npz_array_open(x->student, "tokens", &shape, err) : NULL;
    int32_t one[PIECE], two[PIECE];
    int rc = b ? 0 : err->code;
    for (int64_t i = 0, n; !rc && i < x->n_row; i += n) {
        n = x->n_row - i < PIECE ? x->n_row - i : PIECE;
        rc = tr__npz_read(a, one, n, err);
        if (!rc)
            rc = tr__npz_read(b, two, n, err);
        if (!rc && memcmp(one, two, (size_t)n * sizeof *one))
            rc = tr_err_set(err, TR_EMISMATCH, "'%s' and '%s' are of different tokens",
                            x->teacher_path, other);
    }
    tr__npz_array_close(a);
    tr__npz_array_close(b);
    return rc;
}

/* ---- a layer ------------------------------------------------------------------------ */

struct layer {
    const struct tr__target *t;
    struct tr__npz_array *in, *out, *base_out; /* base_out NULL: the base's is computed */
    float scale;                               /* that outputs have in the base */
    float *w;           // (n_out, n_in) of the base; NULL with base_out
    float *bias;        // (n_out); NULL: none
    float *x, *y, *z;   // (PIECE, n_in), (PIECE, n_out) twice
    struct tr__normal normal[2];
};

static struct tr__npz_array *open_array(const struct tr__archives *x, struct tr__npz_in *z,
                                        const char *weight, const char *end, int64_t width,
                                        struct tr_err *err)
{
    char name[160];
    struct tr__npy_shape shape = { "<f4", 2, { x->n_row, width } };
    array_name(name, sizeof name, weight, end);
    return tr__npz_array_open(z, name, &shape, err);
}

static int unpack(struct layer *l, const struct tr__personal *p, struct tr_err *err)
{
    const struct tr_tensor *w = &l->t->w->t;
    char name[160];
    array_name(name, sizeof name, w->name, ".bias");
    const struct tr_gguf_tensor *b = tr_gguf_find_tensor(tr_model_gguf(p->base), name);
    int64_t n = l->t->n_in * l->t->n_out;
    l->w = malloc((size_t)n * sizeof *l->w);
    l->bias = b ? malloc((size_t)l->t->n_out * sizeof *l->bias) : NULL;
    if (!l->w || (b && !l->bias))
        return tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", w->name);
    w->dtype->to_f32(w->data, l->w, n);
    if (b)
        b->dtype->to_f32(b->data, l->bias, l->t->n_out);
    return 0;
}

static int begin(struct layer *l, const struct tr__personal *p, struct tr_err *err)
{
    const struct tr__archives *x = p->archives;
    const char *name = l->t->w->t.name;
    size_t n_in = (size_t)l->t->n_in, n_out = (size_t)l->t->n_out;
    l->in = open_array(x, x->student ? x->student : x->teacher, name, ".in", l->t->n_in, err);
    l->out = l->in ? open_array(x, x->teacher, name, ".out", l->t->n_out, err) : NULL;
    if (l->out && x->student)
        l->base_out = open_array(x, x->student, name, ".out", l->t->n_out, err);
    if (!l->in || !l->out || (x->student && !l->base_out))
        return err->code;
    l->scale = tr__writes_to_stream(name) ? p->base->config.residual_scale : 1;
    l->x = malloc(PIECE * n_in * sizeof *l->x);
    l->y = malloc(PIECE * n_out * sizeof *l->y);
    l->z = malloc(PIECE * n_out * sizeof *l->z);
    int rc = l->x && l->y && l->z ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for rows");
    for (int k = 0; !rc && k < 2; k++)
        rc = tr__normal_new(&l->normal[k], l->t->n_in, l->t->n_out, err);
    return rc || x->student ? rc : unpack(l, p, err);
}

static void release(struct layer *l)
{
    tr__npz_array_close(l->in);
    tr__npz_array_close(l->out);
    tr__npz_array_close(l->base_out);
    free(l->w);
    free(l->bias);
    free(l->x);
    free(l->y);
    free(l->z);
    tr__normal_release(&l->normal[0]);
    tr__normal_release(&l->normal[1]);
}

/* y = what is wanted more than the base gives. */
static void subtract(struct layer *l, int64_t rows)
{
    int64_t n_in = l->t->n_in, n_out = l->t->n_out;
    for (int64_t i = 0; i < rows * n_out; i++)
        l->y[i] = (l->y[i] - (l->base_out ? l->z[i] : 0)) / l->scale;
    for (int64_t i = 0; l->bias && i < rows * n_out; i++)
        l->y[i] -= l->bias[i % n_out];
    if (!l->base_out)
        tr__gemm_f32(&(struct tr__gemm){ 0, 1, rows, n_out, n_in, n_in, n_in, n_out, -1, 1 },
                     l->x, l->w, l->y);
}

static int sum(struct layer *l, int64_t from, int64_t to, struct tr__normal *normal,
               struct tr_err *err)
{
    int rc = 0;
    for (int64_t i = from, n; !rc && i < to; i += n) {
        n = to - i < PIECE ? to - i : PIECE;
        if ((rc = tr__npz_read(l->in, l->x, n, err)) ||
            (rc = tr__npz_read(l->out, l->y, n, err)) ||
            (l->base_out && (rc = tr__npz_read(l->base_out, l->z, n, err))))
            break;
        subtract(l, n);
        tr__normal_add(normal, &(struct tr__layer_rows){ n, l->t->n_in, l->t->n_in, l->t->n_out,
                                                         l->x, l->y });
    }
    return rc;
}

static int fit(struct tr__personal *p, struct tr__target *t, struct tr_err *err)
{
    struct layer l = { .t = t };
    int rc = begin(&l, p, err);
    if (!rc)
        rc = sum(&l, 0, p->archives->n_train, &l.normal[0], err);
    if (!rc)
        rc = sum(&l, p->archives->n_train, p->archives->n_row, &l.normal[1], err);
    struct tr__fit_job job = { t->n_in, t->n_out, NULL, &l.normal[0], &l.normal[1], p->max_rank,
                               p->n_lambda, p->lambda };
    if (!rc && l.normal[0].square > 0 && (rc = tr__fit(&job, &t->fit, err)))
        tr_err_prefix(err, "'%s'", t->w->t.name);
    release(&l);
    return rc;
}

/* ---- all of them -------------------------------------------------------------------- */

static int open_archives(struct tr__personal *p, struct tr__archives *x,
                         const struct tr_personal_archives *paths, struct tr_err *err)
{
    x->teacher_path = paths->teacher;
    x->teacher = tr__npz_open(paths->teacher, err);
    if (x->teacher && paths->student)
        x->student = tr__npz_open(paths->student, err);
    if (!x->teacher || (paths->student && !x->student))
        return err->code;
    int rc = check_names(p->base, x->teacher, paths->teacher, err);
    if (!rc && x->student)
        rc = check_names(p->base, x->student, paths->student, err);
    if (!rc)
        rc = divide(x, err);
    return rc || !x->student ? rc : compare(x, paths->student, err);
}

static int run(struct tr__personal *p, const struct tr_personal_archives *paths,
               struct tr_err *err)
{
    struct tr__archives x = { 0 };
    int rc = open_archives(p, &x, paths, err);
    p->archives = &x;
    p->has = has;
    if (!rc)
        rc = tr__personal_targets(p, err);
    for (size_t i = 0; !rc && i < p->n_target; i++) {
        rc = fit(p, &p->target[i], err);
        tr__tell(&p->args->progress, (int64_t)i + 1, (int64_t)p->n_target);
    }
    p->out->n_train = (uint64_t)(x.n_document - x.n_held);
    p->out->n_held = (uint64_t)x.n_held;
    tr__npz_close(x.teacher);
    tr__npz_close(x.student);
    return rc;
}

int tr_personalize_archives(struct tr_model *base, const struct tr_personal_archives *paths,
                            struct tr_pack *held, const struct tr_personalize_args *args,
                            struct tr_personal *out, struct tr_err *err)
{
    struct tr__personal p;
    tr__personal_begin(&p, base, args, out);
    p.held = (struct tr__rows){ held, 0, held ? tr_pack_info(held)->n_seq : 0 };
    int want = p.args->form->n_archive, is = 1 + (paths->student != NULL);
    int rc = want == is ? 0
                        : tr_err_set(err, TR_EINVAL, "form '%s' takes %s", p.args->form->name,
                                     want == 2   ? "an archive of the teacher and one of the base"
                                     : want == 1 ? "an archive of the teacher alone"
                                                 : "no archives");
    if (!rc)
        rc = tr__personal_check(&p, err);
    if (!rc && held)
        rc = tr__personal_held(&p, err);
    if (!rc)
        rc = run(&p, paths, err);
    if (!rc)
        rc = tr__personal_finish(&p, err);
    tr__personal_end(&p);
    return rc;
}
