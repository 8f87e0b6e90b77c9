/* SPDX-License-Identifier: MIT
 *
 * The state of a run as a GGUF: parameters with their moments, the place in the data, and
 * what must be the same for the run to go on (describe.c).  Bytes:
 * docs/formats/checkpoint.md.
 */
#include <libtrain/checkpoint.h>
#include <libtrain/comm.h>
#include <libtrain/model/model.h>
#include <libtrain/train/run.h>
#include <libtrain/train/saves.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };

#define WARMUP_KEY "checkpoint.warmup_steps"

/* A warm-up that is not over when the run is used to be cut, to end one step before the
 * last. What is not cut says so in its checkpoint. */
static int is_cut(int64_t warmup, int64_t total)
{
    return warmup >= total && total > 1;
}

/* ---- writing ---------------------------------------------------------------------- */

/* Beside arrays of the optimizer's state: what a run gives of a parameter, its average if there is
 * one, and what is trained where that is something else. */
enum { GIVEN = -1, TRAINED = -2 };

static int first_of(const struct tr_params *p)
{
    return p->average ? TRAINED : GIVEN;
}

/* What is saved of parameter i: its numbers, or array `which` of the optimizer's state for it; no
 * bytes if it has none there. */
struct piece {
    char name[96];
    struct tr_tensor t;
    int64_t bytes;
    int unsigned_f32; /* never below 0 */
};

static struct piece piece_of(const struct tr_params *p, int which, size_t i)
{
    struct piece x = { .t = *p->tensor[i] };
    const struct tr_optim_state *s = which < 0 ? NULL : &p->optim->state[which];
    snprintf(x.name, sizeof x.name, "%s%s", x.t.name,
             s ? s->suffix : which == TRAINED ? TR__TRAINED : "");
    x.t.data = which == GIVEN && p->average ? tr_params_average_of(p, i)
                                            : tr_params_value_of(p, i);
    if (s && s->per != 1) {
        int64_t entries = tr_params_state_count(p, which, i);
        x.t = tr_tensor_make(NULL, s->dtype, 1, &entries, NULL);
    }
    if (s) {
        x.unsigned_f32 = s->never_negative;
        x.t.dtype = s->dtype;
        x.t.data = tr_params_state(p, which, i);
    }
    x.bytes = s && !tr_params_state_count(p, which, i) ? 0 : tr_tensor_count(&x.t) * x.t.dtype->bytes;
    return x;
}

/* What stays beside the parameters, number i of it: the parts of the base that pairs began with, no
 * bytes where there is none.  0 behind the last one. */
static int beside(const struct tr_trainer *t, size_t i, struct piece *x)
{
    *x = (struct piece){ 0 };
    if (!t->lora || i >= 2 * t->lora->n)
        return 0;
    struct tr_lora_pair *p = &t->lora->pair[i / 2];
    const struct tr_tensor *of = i % 2 ? &p->b0 : &p->a0;
    if (of->name) {
        snprintf(x->name, sizeof x->name, "%s", of->name);
        x->t = *of;
        x->bytes = tr_tensor_count(of) * of->dtype->bytes;
    }
    return 1;
}

static void declare_tensors(struct tr_gguf_writer *g, const struct tr_trainer *t)
{
    const struct tr_params *p = &t->params;
    struct piece y;
    for (int which = first_of(p); which < p->optim->n_state; which++)
        for (size_t i = 0; i < p->n; i++) {
            struct piece x = piece_of(p, which, i);
            if (x.bytes)
                tr_gguf_add_tensor(g, x.name, x.t.dtype, x.t.n_dim, x.t.dim);
        }
    for (size_t i = 0; beside(t, i, &y); i++)
        if (y.bytes)
            tr_gguf_add_tensor(g, y.name, y.t.dtype, y.t.n_dim, y.t.dim);
}

static int write_tensors(struct tr_gguf_writer *g, const struct tr_trainer *t,
                         struct tr_err *err)
{
    const struct tr_params *p = &t->params;
    struct piece y;
    int rc = 0;
    for (int which = first_of(p); which < p->optim->n_state; which++)
        for (size_t i = 0; !rc && i < p->n; i++) {
            struct piece x = piece_of(p, which, i);
            rc = x.bytes ? tr_gguf_write(g, x.t.data, x.bytes, err) : 0;
        }
    for (size_t i = 0; !rc && beside(t, i, &y); i++)
        rc = y.bytes ? tr_gguf_write(g, y.t.data, y.bytes, err) : 0;
    return rc;
}

/* Scales that a file of an adapter would have in its numbers. */
static void set_factors(struct tr_gguf_writer *g, const struct tr_lora *l)
{
    float *factor = tr_lora_is_plain(l) ? NULL : malloc(l->n * sizeof *factor);
    for (size_t i = 0; factor && i < l->n; i++)
        factor[i] = l->pair[i].factor;
    if (factor)
        tr_gguf_set_array(g, TR_LORA_FACTORS, TR_GGUF_F32, factor, l->n);
    free(factor);
}

static void set_keys(struct tr_gguf_writer *g, const struct tr_trainer *t)
{
    tr_gguf_set_string(g, "general.architecture", tr_model_arch(t->m));
    tr_gguf_set_string(g, "general.type", "checkpoint");
    tr_gguf_set_u32(g, "checkpoint.version", VERSION);
    tr_gguf_seal(g, "checkpoint.checksum");
    tr_gguf_set_string(g, "checkpoint.method", t->lora ? "lora" : "full");
    if (t->lora)
        tr_gguf_set_f32(g, "adapter.lora.alpha", t->lora->alpha);
    if (t->lora)
        set_factors(g, t->lora);
    for (size_t i = 0; t->lora && i < t->lora->n; i++)
        if (t->lora->pair[i].rows)
            tr_gguf_set_u64(g, TR_LORA_FIRST_ROW, (uint64_t)t->lora->pair[i].first);
    tr_gguf_set_hash(g, "libtrain.base_hash", t->base_hash);
    tr_gguf_set_string(g, "checkpoint.arguments", t->text);
    tr_gguf_set_u64(g, "checkpoint.step", (uint64_t)t->step);
    tr_gguf_set_u64(g, "checkpoint.total_steps", (uint64_t)t->total);
    tr_gguf_set_u64(g, "checkpoint.sample", t->sample);
    if (is_cut(t->warmup, t->total))
        tr_gguf_set_u64(g, WARMUP_KEY, (uint64_t)t->warmup);
    tr__stop_write(g, t);
    tr__write_past(g, t);
}

int tr_trainer_save(const struct tr_trainer *t, const char *path, struct tr_err *err)
{
    int rc = tr__check_runs(t, err);
    if (rc)
        return rc;
    if (!tr_params_finite(&t->params))
        return tr_err_set(err, TR_EDIVERGED,
                          "diverged: parameters are not finite after step %lld",
                          (long long)t->step);
    struct tr_gguf_writer *g = tr_gguf_create(path, err);
    if (!g)
        return err ? err->code : TR_EIO;
    set_keys(g, t);
    declare_tensors(g, t);
    return tr_gguf_finish(g, write_tensors(g, t, err), err);
}

/* ---- reading ---------------------------------------------------------------------- */

/* A number that must be there, from `least` to `most`. */
static int read_count(const struct tr_gguf *g, const char *key, int64_t least, int64_t most,
                      int64_t *n, struct tr_err *err)
{
    int rc = tr_gguf_int(g, key, n, err);
    if (rc < 0)
        return rc;
    if (!rc)
        return tr_err_set(err, TR_EFORMAT, "'%s': key '%s' is missing", tr_gguf_path(g), key);
    if (*n < least || *n > most)
        return tr_err_set(err, TR_EFORMAT, "'%s': key '%s' cannot be %lld", tr_gguf_path(g),
                          key, (long long)*n);
    return 0;
}

/* Where a run was: every step takes a sequence or more. */
static int read_counts(const struct tr_gguf *g, int64_t *step, int64_t *sample,
                       struct tr_err *err)
{
    int64_t total;
    int rc = read_count(g, "checkpoint.total_steps", 1, INT64_MAX, &total, err);
    if (!rc)
        rc = read_count(g, "checkpoint.step", 0, total, step, err);
    if (!rc)
        rc = read_count(g, "checkpoint.sample", *step, *step ? INT64_MAX : 0, sample, err);
    return rc;
}

/* Only an adapter has one. */
static int check_alpha(const struct tr_gguf *g, struct tr_err *err)
{
    float alpha = 1;
    int rc = tr_gguf_f32(g, "adapter.lora.alpha", &alpha, err);
    if (rc < 0)
        return rc;
    if (!(alpha > 0 && isfinite(alpha)))
        return tr_err_set(err, TR_EFORMAT, "'%s': key 'adapter.lora.alpha' cannot be %g",
                          tr_gguf_path(g), (double)alpha);
    return 0;
}

int tr_checkpoint_check(const struct tr_gguf *g, struct tr_err *err)
{
    int64_t step, sample;
    const char *path = tr_gguf_path(g);
    struct tr_str type = { "", 0 };
    int64_t version = 0;
    int rc = tr_gguf_string(g, "general.type", &type, err);
    if (rc < 0)
        return rc;
    if (!tr_str_is(type, "checkpoint"))
        return tr_err_set(err, TR_EFORMAT, "%s: is not a checkpoint: it is %s", path,
                          tr_gguf_purpose(g));
    if ((rc = tr_gguf_int(g, "checkpoint.version", &version, err)) < 0)
        return rc;
    if (version != VERSION)
        return tr_err_set(err, TR_EUNSUPPORTED, "%s: checkpoint version %lld, wanted %d",
                          path, (long long)version, VERSION);
    rc = tr_gguf_sealed(g, "checkpoint.checksum", err);
    if (!rc)
        rc = read_counts(g, &step, &sample, err);
    return rc ? rc : check_alpha(g, err);
}

int tr__same_run(const struct tr_trainer *t, const struct tr_gguf *g, struct tr_err *err)
{
    struct tr_str s = { "", 0 };
    int rc = tr_gguf_string(g, "checkpoint.arguments", &s, err);
    if (rc < 0)
        return rc;
    char *then = strndup(s.ptr, s.len);
    rc = then ? tr__compare_runs(tr_gguf_path(g), then, t->text, err)
              : tr_err_set(err, TR_ENOMEM, "%s: out of memory for its arguments",
                           tr_gguf_path(g));
    free(then);
    return rc;
}

/* The place of the first number below 0, or -1. */
static int64_t first_negative(const struct tr_gguf_tensor *t)
{
    const float *v = t->data;
    for (int64_t i = 0; i < t->bytes / (int64_t)sizeof *v; i++)
        if (v[i] < 0)
            return i;
    return -1;
}

/* Where x is in the file: it must look as x does, and a mean of squares has no sign. */
static int find_piece(const struct tr_gguf *g, const struct piece *x,
                      const struct tr_gguf_tensor **src, struct tr_err *err)
{
    const struct tr_gguf_tensor *t = *src = tr_gguf_find_tensor(g, x->name);
    if (!t || t->dtype != x->t.dtype || t->bytes != x->bytes || t->dim[0] != x->t.dim[0])
        return tr_err_set(err, TR_EMISMATCH, "%s: tensor '%s' is missing or of another shape",
                          tr_gguf_path(g), x->name);
    int64_t at = x->unsigned_f32 ? first_negative(t) : -1;
    if (at >= 0)
        return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s': number %lld is below 0",
                          tr_gguf_path(g), x->name, (long long)at);
    return 0;
}

static int read_piece(const struct piece *x, const struct tr_gguf *g, int copy,
                      struct tr_err *err)
{
    const struct tr_gguf_tensor *src;
    int rc = find_piece(g, x, &src, err);
    if (rc)
        return rc;
    if (copy)
        memcpy(x->t.data, src->data, (size_t)x->bytes);
    tr_gguf_forget(g, src->data, src->bytes);
    return 0;
}

static int read_tensors(struct tr_trainer *t, const struct tr_gguf *g, int copy,
                        struct tr_err *err)
{
    const struct tr_params *p = &t->params;
    struct piece y;
    int rc = 0;
    for (int which = first_of(p); which < p->optim->n_state; which++)
        for (size_t i = 0; !rc && i < p->n; i++) {
            struct piece x = piece_of(p, which, i);
            rc = x.bytes ? read_piece(&x, g, copy, err) : 0;
        }
    for (size_t i = 0; !rc && beside(t, i, &y); i++)
        rc = y.bytes ? read_piece(&y, g, copy, err) : 0;
    return rc;
}

/* A run that began with its warm-up cut goes on so, or its rates would jump. */
static int read_warmup(struct tr_trainer *t, const struct tr_gguf *g, struct tr_err *err)
{
    int64_t total = 0, steps;
    int rc = tr_gguf_int(g, "checkpoint.total_steps", &total, err);
    int noted = rc < 0 ? rc : tr_gguf_int(g, WARMUP_KEY, &steps, err);
    if (noted < 0)
        return noted;
    t->warmup = tr__warmup_steps(&t->args, t->total);
    t->old_warmup = !noted && is_cut(tr__warmup_steps(&t->args, total), total) &&
                    is_cut(t->warmup, t->total);
    if (t->old_warmup)
        t->warmup = t->total - 1;
    tr__note_warmup(t);
    return 0;
}

static int read_place(struct tr_trainer *t, const struct tr_gguf *g, struct tr_err *err)
{
    int64_t step, sample, per_step = t->args.batch * t->args.grad_acc;
    int rc = read_counts(g, &step, &sample, err);
    if (rc)
        return rc;
    if (step > t->total)
        return tr_err_set(err, TR_EMISMATCH, "'%s' has %lld steps already, more than %lld",
                          tr_gguf_path(g), (long long)step, (long long)t->total);
    if (step < INT64_MAX / per_step && sample > step * per_step)
        return tr_err_set(err, TR_EFORMAT, "'%s': key 'checkpoint.sample' cannot be %lld after "
                          "%lld steps", tr_gguf_path(g), (long long)sample, (long long)step);
    struct tr__remembered past;
    if ((rc = tr__read_past(&past, g, err)) || (rc = read_warmup(t, g, err)) < 0 ||
        (rc = tr__stop_read(t, g, err)) < 0)
        return rc;
    t->past = past;
    t->step = step;
    t->sample = (uint64_t)sample;
    return 0;
}

int tr_trainer_load(struct tr_trainer *t, const char *path, struct tr_err *err)
{
    int rc = tr__check_runs(t, err);
    struct tr_gguf *g = rc ? NULL : tr_gguf_open(path, err);
    if (!g)
        return rc ? rc : err ? err->code : TR_EIO;
    rc = tr_checkpoint_check(g, err);
    if (!rc)
        rc = tr__same_run(t, g, err);
    if (!rc)
        rc = tr_gguf_check(g, err);
    if (!rc)
        rc = read_tensors(t, g, 0, err); /* all is there before anything changes */
    if (!rc)
        rc = read_place(t, g, err);
    if (!rc)
        rc = read_tensors(t, g, 1, err);
    tr_gguf_close(g);
    return rc;
}

/* ---- a longer run ----------------------------------------------------------------- */

static int read_finished(const char *path, int64_t *total, struct tr_err *err)
{
    int64_t step = 0;
    struct tr_gguf *g = tr_gguf_open(path, err);
    if (!g)
        return err->code;
    int rc = tr_checkpoint_check(g, err);
    if (!rc && !(rc = read_count(g, "checkpoint.total_steps", 1, INT64_MAX, total, err)))
        rc = read_count(g, "checkpoint.step", 0, *total, &step, err);
    if (!rc && step < *total)
        rc = tr_err_set(err, TR_EMISMATCH, "'%s' has %lld of %lld steps: it is not finished",
                        path, (long long)step, (long long)*total);
    tr_gguf_close(g);
    return rc;
}

int tr_train_args_extend(struct tr_train_args *a, const char *path,
                         const struct tr_pack *pack, int64_t epochs, struct tr_err *err)
{
    struct tr_err local = { 0 };
    int64_t total = 0, per_step = a->batch * a->grad_acc;
    uint64_t n_seq = tr_pack_info(pack)->n_seq;
    int rc = a->teacher ? tr__said_sequences(a->teacher, &n_seq, &local) : 0;
    double samples = (double)epochs * (double)n_seq;
    if (!rc && !tr_comm_rank())
        rc = read_finished(path, &total, &local);
    if (tr_comm_agree(rc, &local))
        return tr_err_set(err, local.code, "%s", local.text);
    tr_comm_share(&total, sizeof total);
    if (epochs < 1 || samples + (double)total > 0x1p52)
        return tr_err_set(err, TR_EINVAL, "%lld more passes over '%s'", (long long)epochs,
                          tr_pack_path(pack));
    a->steps = total + ((int64_t)samples + per_step - 1) / per_step;
    return 0;
}
