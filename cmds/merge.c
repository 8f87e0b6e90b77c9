/* SPDX-License-Identifier: MIT
 *
 * merge - base and adapters to one model.  See merge.1
 *
 * One tensor at a time, in slabs of rows: unpacked to f32, the adapters' products added,
 * packed again.  What was lost in packing is measured on the way.
 */
#include "shared/adapters.h"
#include "shared/common.h"

#include <libtrain/quantize.h>

#include <stdlib.h>
#include <string.h>

enum { SLAB = 1 << 22 }; /* numbers that are converted between two writes */

struct opts {
    const char *model, *output, *type;
    struct cmd_list adapters;
    int force, nonfinite;
};

struct merge {
    const struct opts *o;
    struct tr_model *base;
    const struct tr_dtype *want; /* NULL: every tensor keeps its type */
    struct cmd_adapters adapters;
    float *sum, *change; // (SLAB) what is to be written, and what of it is new
    void *packed;
    size_t n_touched, n_drowned;
};

static const struct tr_dtype *parse_type(const struct cmd *cmd, const char *name)
{
    const struct tr_dtype *type = name ? tr_dtype_by_name(name) : NULL;
    if (name && (!type || !type->from_f32))
        cmd_usage(cmd, "cannot write type '%s'", name);
    return type;
}

static int is_touched(const struct merge *m, const char *name)
{
    for (size_t i = 0; i < m->adapters.n; i++)
        if (tr_lora_has(m->adapters.lora[i], name))
            return 1;
    return 0;
}

static const struct tr_dtype *type_of(const struct merge *m, const struct tr_gguf_tensor *t,
                                      struct tr_err *err)
{
    const struct tr_dtype *type = m->want ? tr_convert_type(t, m->want, err) : t->dtype;
    if (type && !type->from_f32 && is_touched(m, t->name)) {
        tr_err_set(err, TR_EUNSUPPORTED,
                   "%s: tensor '%s' is %s, a type that cannot be written: choose one with -t",
                   m->o->model, t->name, type->name);
        return NULL;
    }
    return type;
}

static double squared(const float *v, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    return sum;
}

/* m->change = what the adapters add to these rows. */
static void compute_change(struct merge *m, const struct tr_gguf_tensor *t, int64_t r0,
                           int64_t rows)
{
    memset(m->change, 0, (size_t)(rows * t->dim[1]) * sizeof *m->change);
    for (size_t i = 0; i < m->adapters.n; i++)
        tr_lora_add_to(m->adapters.lora[i], t->name, m->adapters.scale[i], r0, rows,
                       m->change);
}

/* Squared norm of what packing took from the sum; the change is used up. */
static double rounding(struct merge *m, const struct tr_dtype *type, int64_t n)
{
    float *back = m->change;
    type->to_f32(m->packed, back, n);
    for (int64_t i = 0; i < n; i++)
        back[i] -= m->sum[i];
    return squared(back, n);
}

static int write_touched(struct merge *m, struct tr_gguf_writer *w,
                         const struct tr_gguf_tensor *t, const struct tr_dtype *type,
                         struct tr_err *err)
{
    int64_t k = t->dim[1], step = SLAB / k;
    const char *src = t->data;
    double change = 0, lost = 0;
    if (!step)
        return tr_err_set(err, TR_EUNSUPPORTED, "tensor '%s': rows of %lld numbers", t->name,
                          (long long)k);
    for (int64_t r0 = 0; r0 < t->dim[0]; r0 += step) {
        int64_t rows = t->dim[0] - r0 < step ? t->dim[0] - r0 : step, n = rows * k;
        t->dtype->to_f32(src + r0 * (t->bytes / t->dim[0]), m->sum, n);
        compute_change(m, t, r0, rows);
        change += squared(m->change, n);
        for (int64_t i = 0; i < n; i++)
            m->sum[i] += m->change[i];
        int bad = tr_convert(&tr_f32, m->sum, type, m->packed, n);
        if (bad && !m->o->nonfinite)
            return tr_err_set(err, TR_EFORMAT,
                              "tensor '%s': the sum is not finite in %s (--allow-nonfinite "
                              "writes it)", t->name, type->name);
        lost += rounding(m, type, n);
        int rc = tr_gguf_write(w, m->packed, n / type->block * type->bytes, err);
        if (rc)
            return rc;
    }
    m->n_touched++;
    m->n_drowned += change < lost;
    return 0;
}

static int write_other(struct merge *m, struct tr_gguf_writer *w,
                       const struct tr_gguf_tensor *t, const struct tr_dtype *type,
                       struct tr_err *err)
{
    if (type == t->dtype)
        return tr_gguf_write(w, t->data, t->bytes, err);
    const char *src = t->data;
    int64_t n = t->bytes / t->dtype->bytes * t->dtype->block;
    for (int64_t i = 0; i < n; i += SLAB) {
        int64_t part = n - i < SLAB ? n - i : SLAB;
        int bad = tr_convert(t->dtype, src + i / t->dtype->block * t->dtype->bytes, type,
                             m->packed, part);
        if (bad && !m->o->nonfinite)
            return tr_err_set(err, TR_EFORMAT, "tensor '%s' is not finite in %s "
                              "(--allow-nonfinite writes it)", t->name, type->name);
        int rc = tr_gguf_write(w, m->packed, part / type->block * type->bytes, err);
        if (rc)
            return rc;
    }
    return 0;
}

static void say_result(const struct merge *m)
{
    cmd_say("merged %zu adapter%s into %zu tensors", m->adapters.n,
            m->adapters.n == 1 ? "" : "s", m->n_touched);
    if (m->n_drowned)
        cmd_warn("in %zu of %zu tensors rounding to the type of the file is larger than the "
                 "change: -t f16 or -t q8_0 keeps more of it", m->n_drowned, m->n_touched);
}

static int write_model(struct merge *m, struct tr_err *err)
{
    const struct tr_gguf *g = tr_model_gguf(m->base);
    struct tr_gguf_writer *w = tr_gguf_create(m->o->output, err);
    if (!w)
        return err->code;
    tr_gguf_set_all(w, g);
    if (m->want)
        tr_gguf_set_u32(w, "general.file_type", (uint32_t)m->want->file_type);
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        const struct tr_dtype *type = type_of(m, t, err);
        if (!type)
            goto fail;
        tr_gguf_add_tensor(w, t->name, type, t->n_dim, t->dim);
    }
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        const struct tr_dtype *type = type_of(m, t, err);
        int rc = is_touched(m, t->name) ? write_touched(m, w, t, type, err)
                                        : write_other(m, w, t, type, err);
        if (rc)
            goto fail;
        tr_gguf_forget(g, t->data, t->bytes);
    }
    return tr_gguf_commit(w, err);
fail:
    tr_gguf_discard(w);
    return err->code;
}

static int merge(struct merge *m, struct tr_err *err)
{
    m->base = cmd_open_model(m->o->model, err);
    if (!m->base || cmd_not_same(m->o->output, m->o->model, err))
        return err->code;
    m->sum = malloc(SLAB * sizeof *m->sum);
    m->change = malloc(SLAB * sizeof *m->change);
    m->packed = malloc(SLAB * sizeof *m->sum);
    if (!m->sum || !m->change || !m->packed)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    if (cmd_adapters_open(&m->adapters, &m->o->adapters, m->base, m->o->output, m->o->force,
                          err))
        return err->code;
    if (!m->o->nonfinite && tr_gguf_check(tr_model_gguf(m->base), err))
        return err->code;
    if (!write_model(m, err))
        say_result(m);
    return err->code;
}

static void release(struct merge *m)
{
    tr_model_close(m->base);
    cmd_adapters_release(&m->adapters);
    free(m->sum);
    free(m->change);
    free(m->packed);
}

int main(int argc, char **argv)
{
    struct opts o = {0};
    const struct cmd_opt table[] = {
        CMD_TEXT('m', "model", &o.model, "FILE", "base GGUF"),
        CMD_LIST('a', "adapter", &o.adapters, "FILE[:SCALE]",
                 "adapter to add, may be given again"),
        CMD_TEXT('o', "output", &o.output, "FILE", "model to write"),
        CMD_TEXT('t', "type", &o.type, "TYPE",
                 "type of all matrices: f32, f16, q8_0, …; without it each keeps its own"),
        CMD_FLAG(0, "force", &o.force, "also an adapter that was trained on another base"),
        CMD_FLAG(0, "allow-nonfinite", &o.nonfinite, "let NaN and infinities pass"),
        CMD_END
    };
    const struct cmd cmd = { "merge", "-m BASE.gguf -a ADAPTER.gguf[:SCALE] -o OUT.gguf",
                             "add LoRA adapters to the weights of their base", table, 0, 0 };
    struct tr_err err = {0};
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    if (!o.model || !o.adapters.n || !o.output)
        cmd_usage(&cmd, "options --model, --adapter and --output are required");
    struct merge m = { .o = &o, .want = parse_type(&cmd, o.type) };
    int rc = merge(&m, &err);
    release(&m);
    free(o.adapters.item);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
