/* SPDX-License-Identifier: MIT
 *
 * A run: checks, layers that take part, one of the forms (inputs.c, stream.c, answers.c), the
 * rank, and the losses.  Next: fit.c for the algebra.
 */
#include <libtrain/matmul/matmul.h>
#include <libtrain/personalize/personal.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RANK = 64, TENTH = 10 };

static const struct tr_personalize_form *const forms[] = {
#define TR_FORM(name) &tr__form_##name,
#include <libtrain/personalize/forms.def>
#undef TR_FORM
    NULL
};

const struct tr_personalize_form *tr_personalize_form_at(int i)
{
    return i >= 0 && (size_t)i < sizeof forms / sizeof *forms ? forms[i] : NULL;
}

const char *tr_personalize_form_name(const struct tr_personalize_form *f)
{
    return f->name;
}

const char *tr_personalize_form_about(const struct tr_personalize_form *f)
{
    return f->about;
}

int tr_personalize_form_archives(const struct tr_personalize_form *f)
{
    return f->n_archive;
}

int tr_personalize_form_with_teacher(const struct tr_personalize_form *f)
{
    return f->with_teacher;
}

/* ---- who takes part --------------------------------------------------------------- */

static int add_target(struct tr__personal *p, const char *name, struct tr_err *err)
{
    const struct tr_personalize_form *f = p->args->form;
    struct tr_weight *w = tr__weight_find(p->base, name);
    const struct tr_weight *t = p->teacher ? tr__weight_find(p->teacher, name) : w;
    if (!w || w->t.n_dim != 2 || w->slot->table || (f->takes && !f->takes(name)))
        return 0;
    if (p->has && !p->has(p, name))
        return 0;
    if (!t || !t->t.data || memcmp(t->t.dim, w->t.dim, 2 * sizeof *t->t.dim))
        return tr_err_set(err, TR_EMISMATCH, "'%s' has no '%s' of the shape that it has in '%s'",
                          tr_gguf_path(tr_model_gguf(p->teacher)), name,
                          tr_gguf_path(tr_model_gguf(p->base)));
    struct tr__target x = { .w = w, .t = t, .n_in = w->t.dim[1], .n_out = w->t.dim[0] };
    if (!p->teacher || f->takes || tr__differs(&x))
        p->target[p->n_target++] = x;
    return 0;
}

int tr__personal_targets(struct tr__personal *p, struct tr_err *err)
{
    const char *targets = p->args->targets ? p->args->targets : "all-linear";
    struct tr_lora *all = tr_lora_new(p->base, targets, 1, 1, err);
    int rc = all ? 0 : err->code;
    if (!rc && !(p->target = calloc(all->n + 1, sizeof *p->target)))
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for a list of layers");
    for (size_t i = 0; !rc && i < all->n; i++)
        rc = add_target(p, all->pair[i].name, err);
    if (!rc && !p->n_target)
        rc = tr_err_set(err, TR_EFORMAT, p->has ? "no layer that the form takes has arrays"
                                     : "teacher and base do not differ in these layers");
    tr_lora_free(all);
    return rc;
}

/* ---- the rank ---------------------------------------------------------------------- */

/* Mean share that the first pairs of each layer have; effects of two layers are not to be
 * compared by their size. */
static double share_of(const struct tr__personal *p, int rank)
{
    double sum = 0;
    int n = 0;
    for (size_t i = 0; i < p->n_target; i++) {
        const struct tr__fit *f = &p->target[i].fit;
        if (!f->rank || !(f->square > 0))
            continue;
        sum += 1 - f->left[f->rank < rank ? f->rank : rank] / f->square;
        n++;
    }
    return n ? sum / n : 0;
}

static int choose_rank(const struct tr__personal *p)
{
    int rank = 1;
    if (p->args->rank || !p->args->form->with_teacher)
        return p->max_rank;
    while (rank < p->max_rank && share_of(p, rank) < 0.99 * share_of(p, p->max_rank))
        rank *= 2;
    return rank;
}

/* ---- the run ---------------------------------------------------------------------- */

static int check_pack(const struct tr_pack *pack, const struct tr_model *m, struct tr_err *err)
{
    if (tr_pack_info(pack)->is_signed)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s' has answers that are not wanted",
                          tr_pack_path(pack));
    return tr_pack_fits(pack, m, err);
}

int tr__personal_check(const struct tr__personal *p, struct tr_err *err)
{
    const struct tr_personalize_args *a = p->args;
    if (a->rank < 0 || a->lambda < 0 || a->passes < 0 || a->memory < 0)
        return tr_err_set(err, TR_EINVAL, "rank %d, lambda %g and %d passes", a->rank, a->lambda,
                          a->passes);
    return tr__gemm_ready(err);
}

static int check(const struct tr__personal *p, struct tr_pack *held, struct tr_err *err)
{
    const struct tr_personalize_form *f = p->args->form;
    if (!f->with_teacher != !p->teacher)
        return tr_err_set(err, TR_EINVAL, "form '%s' %s", f->name,
                          p->teacher ? "has no teacher" : "wants a teacher");
    if (p->teacher && strcmp(tr_model_arch(p->teacher), tr_model_arch(p->base)))
        return tr_err_set(err, TR_EMISMATCH, "'%s' is of another architecture than '%s'",
                          tr_gguf_path(tr_model_gguf(p->teacher)),
                          tr_gguf_path(tr_model_gguf(p->base)));
    int rc = check_pack(p->train.pack, p->base, err);
    if (!rc && held)
        rc = check_pack(held, p->base, err);
    return rc ? rc : tr__personal_check(p, err);
}

/* The last tenth of the data where nothing else is held out. */
static int divide(struct tr__personal *p, struct tr_pack *held, struct tr_err *err)
{
    uint64_t n = tr_pack_info(p->train.pack)->n_seq;
    p->train.to = n;
    p->held = (struct tr__rows){ held, 0, held ? tr_pack_info(held)->n_seq : 0 };
    if (held)
        return 0;
    if (n < 2)
        return tr_err_set(err, TR_EFORMAT, "'%s' has one sequence, and none is left to be held "
                          "out", tr_pack_path(p->train.pack));
    p->train.to = n - (n + TENTH - 1) / TENTH;
    p->held = (struct tr__rows){ p->train.pack, p->train.to, n };
    return 0;
}

static struct tr_eval *new_eval(struct tr_model *m, const struct tr__personal *p,
                                struct tr_err *err)
{
    int64_t ctx = tr_pack_info(p->train.pack)->ctx, held = tr_pack_info(p->held.pack)->ctx;
    int64_t most = tr__rows_most(&p->train), more = tr__rows_most(&p->held);
    tr_model_set_context(m, held > ctx ? held : ctx);
    return tr_eval_new(m, more > most ? more : most, tr_loss_at(0), err);
}

int tr__personal_held(struct tr__personal *p, struct tr_err *err)
{
    int rc = check_pack(p->held.pack, p->base, err);
    if (rc)
        return rc;
    if (!p->train.pack)
        p->train = p->held; /* for the sizes of batches */
    p->base_eval = new_eval(p->base, p, err);
    if (p->base_eval && p->teacher)
        p->teacher_eval = new_eval(p->teacher, p, err);
    if (!p->base_eval || (p->teacher && !p->teacher_eval))
        return err->code;
    rc = tr__rows_loss(p->base_eval, &p->held, &p->out->base, err);
    return rc || !p->teacher ? rc
                             : tr__rows_loss(p->teacher_eval, &p->held, &p->out->teacher, err);
}

static int fill_parts(struct tr__personal *p, struct tr_err *err)
{
    struct tr_personal *out = p->out;
    int with = p->args->form->with_teacher;
    out->part = calloc(p->n_target + 1, sizeof *out->part);
    if (!out->part)
        return tr_err_set(err, TR_ENOMEM, "out of memory for a list of layers");
    for (size_t i = 0; i < p->n_target; i++) {
        const struct tr__fit *f = &p->target[i].fit;
        int r = f->rank < out->rank ? f->rank : out->rank;
        if (f->rank)
            out->part[out->n_part++] = (struct tr_personal_part){
                p->target[i].w->t.name, r, f->lambda, f->raised,
                with && f->left && f->square > 0 ? 1 - f->left[r] / f->square : (double)NAN };
    }
    return 0;
}

int tr__personal_finish(struct tr__personal *p, struct tr_err *err)
{
    struct tr_personal *out = p->out;
    out->rank = choose_rank(p);
    int rc = fill_parts(p, err);
    if (!rc)
        rc = (out->lora = tr__personal_adapter(p, out->rank, err)) ? 0 : err->code;
    if (rc || !p->held.pack)
        return rc;
    if ((rc = tr_lora_attach(out->lora, p->base, 1, err)))
        return rc;
    rc = tr__rows_loss(p->base_eval, &p->held, &out->personal, err);
    tr_lora_detach(out->lora, p->base);
    return rc;
}

/* What the arguments leave open. */
void tr__personal_begin(struct tr__personal *p, struct tr_model *base,
                        const struct tr_personalize_args *args, struct tr_personal *out)
{
    static const double lambdas[] = { 1e-4, 1e-2, 1 };
    double none = (double)NAN;
    *out = (struct tr_personal){ .passes = 1, .base = none, .personal = none, .teacher = none };
    *p = (struct tr__personal){ .base = base, .out = out, .own = *args, .lambda = lambdas,
                                .n_lambda = 3 };
    struct tr_personalize_args *a = &p->own;
    p->args = a;
    a->form = a->form ? a->form : forms[0];
    a->passes = a->passes ? a->passes : a->form->passes;
    a->memory = a->memory ? a->memory : 1000000000;
    p->max_rank = a->rank ? a->rank : MOST_RANK;
    if (a->lambda > 0) {
        p->lambda = &a->lambda;
        p->n_lambda = 1;
    }
}

void tr__personal_end(struct tr__personal *p)
{
    for (size_t i = 0; i < p->n_target; i++)
        tr__fit_release(&p->target[i].fit);
    free(p->target);
    tr_eval_free(p->base_eval);
    tr_eval_free(p->teacher_eval);
}

int tr_personalize(struct tr_model *base, struct tr_model *teacher, struct tr_pack *data,
                   struct tr_pack *held, const struct tr_personalize_args *args,
                   struct tr_personal *out, struct tr_err *err)
{
    struct tr__personal p;
    tr__personal_begin(&p, base, args, out);
    p.teacher = teacher;
    p.train.pack = data;
    int rc = check(&p, held, err);
    if (!rc)
        rc = divide(&p, held, err);
    if (!rc)
        rc = tr__personal_held(&p, err);
    if (!rc)
        rc = tr__personal_targets(&p, err);
    if (!rc)
        rc = p.args->form->run(&p, err);
    out->n_train = p.train.to - p.train.from;
    out->n_held = p.held.to - p.held.from;
    if (!rc)
        rc = tr__personal_finish(&p, err);
    tr__personal_end(&p);
    return rc;
}

void tr_personal_release(struct tr_personal *p)
{
    tr_lora_free(p->lora);
    free(p->part);
    *p = (struct tr_personal){ 0 };
}
