/* SPDX-License-Identifier: MIT
 *
 * The state of a run as a GGUF: parameters with their moments, the place in the data, and
 * the arguments as text, one a line.  Bytes: docs/formats/checkpoint.md.
 */
#include <libtrain/checkpoint.h>
#include <libtrain/model/model.h>
#include <libtrain/train/run.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };

/* Without paths.  Numbers with 17 digits, so that what is equal as text is equal. */
int tr__describe_run(const struct tr_trainer *t, char **text, struct tr_err *err)
{
    const struct tr_train_args *a = &t->args;
    size_t size;
    FILE *f = open_memstream(text, &size);
    if (!f)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    fprintf(f, "base=%016llx\n", (unsigned long long)t->base_hash);
    fprintf(f, "data=%016llx\n", (unsigned long long)tr_pack_info(t->pack)->hash);
    fprintf(f, "method=%s\nweights=%s\nprecision=%s\n", a->full ? "full" : "lora",
            a->bf16 ? "bf16" : "f32", a->precision->name);
    /* the same lines for either method, since they are compared one by one */
    fprintf(f, "rank=%d\nalpha=%.17g\ntensors=%zu\n", t->lora ? t->lora->pair[0].rank : 0,
            t->lora ? (double)t->lora->alpha : 0, t->params.n);
    fprintf(f, "batch=%lld\ngrad_acc=%lld\n", (long long)a->batch, (long long)a->grad_acc);
    fprintf(f, "lr=%.17g\nsched=%s\nwarmup=%.17g\n", a->lr, a->sched->name, a->warmup);
    fprintf(f, "opt=%s\nbeta1=%.17g\nbeta2=%.17g\neps=%.17g\n", a->optim->name, a->beta1,
            a->beta2, a->eps);
    fprintf(f, "weight_decay=%.17g\nclip=%.17g\nloss=%s\n", a->weight_decay, a->clip,
            tr_loss_name(a->loss));
    fprintf(f, "shuffle=%d\nseed=%llu\n", a->shuffle, (unsigned long long)a->seed);
    if (fclose(f)) {
        free(*text);
        *text = NULL;
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    }
    return 0;
}

/* ---- writing ---------------------------------------------------------------------- */

/* What is saved of parameter i: its numbers (which = -1), or array `which` of the
 * optimizer's state for it. */
struct piece {
    char name[96];
    struct tr_tensor t;
    int64_t bytes;
};

static struct piece piece_of(const struct tr_params *p, int which, size_t i)
{
    struct piece x = { .t = *p->tensor[i] };
    const struct tr_optim_state *s = which < 0 ? NULL : &p->optim->state[which];
    snprintf(x.name, sizeof x.name, "%s%s", x.t.name, s ? s->suffix : "");
    if (s && s->per > 1) {
        int64_t entries = tr_params_state_count(p, which, i);
        x.t = tr_tensor_make(NULL, s->dtype, 1, &entries, NULL);
    }
    if (s) {
        x.t.dtype = s->dtype;
        x.t.data = tr_params_state(p, which, i);
    }
    x.bytes = tr_tensor_count(&x.t) * x.t.dtype->bytes;
    return x;
}

static void declare_tensors(struct tr_gguf_writer *g, const struct tr_params *p)
{
    for (int which = -1; which < p->optim->n_state; which++)
        for (size_t i = 0; i < p->n; i++) {
            struct piece x = piece_of(p, which, i);
            tr_gguf_add_tensor(g, x.name, x.t.dtype, x.t.n_dim, x.t.dim);
        }
}

static int write_tensors(struct tr_gguf_writer *g, const struct tr_params *p,
                         struct tr_err *err)
{
    int rc = 0;
    for (int which = -1; which < p->optim->n_state; which++)
        for (size_t i = 0; !rc && i < p->n; i++) {
            struct piece x = piece_of(p, which, i);
            rc = tr_gguf_write(g, x.t.data, x.bytes, err);
        }
    return rc;
}

int tr_trainer_save(const struct tr_trainer *t, const char *path, struct tr_err *err)
{
    char *text;
    if (!tr_params_finite(&t->params))
        return tr_err_set(err, TR_EDIVERGED,
                          "diverged: parameters are not finite after step %lld",
                          (long long)t->step);
    int rc = tr__describe_run(t, &text, err);
    if (rc)
        return rc;
    struct tr_gguf_writer *g = tr_gguf_create(path, err);
    if (!g) {
        free(text);
        return err ? err->code : TR_EIO;
    }
    tr_gguf_set_string(g, "general.architecture", tr_model_arch(t->m));
    tr_gguf_set_string(g, "general.type", "checkpoint");
    tr_gguf_set_u32(g, "checkpoint.version", VERSION);
    tr_gguf_seal(g, "checkpoint.checksum");
    tr_gguf_set_string(g, "checkpoint.method", t->lora ? "lora" : "full");
    if (t->lora)
        tr_gguf_set_f32(g, "adapter.lora.alpha", t->lora->alpha);
    tr__hash_write(g, "libtrain.base_hash", t->base_hash);
    tr_gguf_set_string(g, "checkpoint.arguments", text);
    tr_gguf_set_u64(g, "checkpoint.step", (uint64_t)t->step);
    tr_gguf_set_u64(g, "checkpoint.total_steps", (uint64_t)t->total);
    tr_gguf_set_u64(g, "checkpoint.sample", t->sample);
    free(text);
    declare_tensors(g, &t->params);
    rc = write_tensors(g, &t->params, err);
    if (rc) {
        tr_gguf_discard(g);
        return rc;
    }
    return tr_gguf_commit(g, err);
}

/* ---- reading ---------------------------------------------------------------------- */

int tr_checkpoint_check(const struct tr_gguf *g, struct tr_err *err)
{
    const char *path = tr_gguf_path(g);
    struct tr_str type = { "", 0 };
    int64_t version = 0;
    int rc = tr_gguf_string(g, "general.type", &type, err);
    if (rc < 0)
        return rc;
    if (type.len != 10 || memcmp(type.ptr, "checkpoint", 10))
        return tr_err_set(err, TR_EFORMAT, "%s: is not a checkpoint: it is %s", path,
                          tr_gguf_purpose(g));
    if ((rc = tr_gguf_int(g, "checkpoint.version", &version, err)) < 0)
        return rc;
    if (version != VERSION)
        return tr_err_set(err, TR_EUNSUPPORTED, "%s: checkpoint version %lld, wanted %d",
                          path, (long long)version, VERSION);
    return tr_gguf_sealed(g, "checkpoint.checksum", err);
}

int tr__compare_runs(const char *what, const char *then, const char *now,
                     struct tr_err *err)
{
    char differs[400] = "";
    while (*then && *now) {
        int a = (int)strcspn(then, "\n"), b = (int)strcspn(now, "\n");
        size_t used = strlen(differs);
        if (a != b || memcmp(then, now, (size_t)a))
            snprintf(differs + used, sizeof differs - used, "%s%.*s is now %.*s",
                     used ? ", " : "", a, then, b, now);
        then += a + (then[a] == '\n');
        now += b + (now[b] == '\n');
    }
    if (*differs || *then || *now)
        return tr_err_set(err, TR_EMISMATCH, "%s: is of another run: %s", what,
                          *differs ? differs : "other arguments");
    return 0;
}

static int compare_arguments(const struct tr_trainer *t, const struct tr_gguf *g,
                             struct tr_err *err)
{
    char *now;
    struct tr_str s = { "", 0 };
    int rc = tr_gguf_string(g, "checkpoint.arguments", &s, err);
    if (rc < 0 || (rc = tr__describe_run(t, &now, err)))
        return rc;
    char *then = strndup(s.ptr, s.len);
    rc = then ? tr__compare_runs(tr_gguf_path(g), then, now, err)
              : tr_err_set(err, TR_ENOMEM, "out of memory");
    free(then);
    free(now);
    return rc;
}

static int read_tensors(struct tr_params *p, const struct tr_gguf *g, int copy,
                        struct tr_err *err)
{
    for (int which = -1; which < p->optim->n_state; which++)
        for (size_t i = 0; i < p->n; i++) {
            struct piece x = piece_of(p, which, i);
            const struct tr_gguf_tensor *src = tr_gguf_find_tensor(g, x.name);
            if (!src || src->dtype != x.t.dtype || src->bytes != x.bytes ||
                src->dim[0] != x.t.dim[0])
                return tr_err_set(err, TR_EMISMATCH,
                                  "%s: tensor '%s' is missing or of another shape",
                                  tr_gguf_path(g), x.name);
            if (copy)
                memcpy(x.t.data, src->data, (size_t)x.bytes);
            tr_gguf_forget(g, src->data, src->bytes);
        }
    return 0;
}

static int read_place(struct tr_trainer *t, const struct tr_gguf *g, struct tr_err *err)
{
    int64_t step = -1, sample = -1;
    int rc;
    if ((rc = tr_gguf_int(g, "checkpoint.step", &step, err)) < 0 ||
        (rc = tr_gguf_int(g, "checkpoint.sample", &sample, err)) < 0)
        return rc;
    int64_t per_step = t->args.batch * t->args.grad_acc;
    if (step < 0 || sample < 0 || step > t->total || sample > step * per_step)
        return tr_err_set(err, TR_EMISMATCH, "%s: step %lld of a run of %lld",
                          tr_gguf_path(g), (long long)step, (long long)t->total);
    t->step = step;
    t->sample = (uint64_t)sample;
    return 0;
}

int tr_trainer_load(struct tr_trainer *t, const char *path, struct tr_err *err)
{
    struct tr_gguf *g = tr_gguf_open(path, err);
    if (!g)
        return err ? err->code : TR_EIO;
    int rc = tr_checkpoint_check(g, err);
    if (!rc)
        rc = compare_arguments(t, g, err);
    if (!rc)
        rc = tr_gguf_check(g, err);
    if (!rc)
        rc = read_tensors(&t->params, g, 0, err); /* all is there before anything changes */
    if (!rc)
        rc = read_place(t, g, err);
    if (!rc)
        rc = read_tensors(&t->params, g, 1, err);
    tr_gguf_close(g);
    return rc;
}
