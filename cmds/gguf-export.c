/* SPDX-License-Identifier: MIT
 *
 * gguf-export - checkpoint to adapter, or to a whole model.  See gguf-export.1
 */
#include "shared/adapters.h"
#include "shared/common.h"

#include <libtrain/checkpoint.h>
#include <libtrain/dtype.h>
#include <libtrain/model.h>
#include <libtrain/optim.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLAB = 1 << 22 }; /* numbers that are converted between two writes */

struct export {
    const char *path; /* of the output */
    struct tr_model *base;
    struct tr_gguf *ckpt;
};

static int ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    return n >= m && !strcmp(name + n - m, suffix);
}

/* Parameters, not the state of an optimizer. */
static int is_parameter(const char *name)
{
    const struct tr_optim *optim;
    for (int i = 0; (optim = tr_optim_at(i)); i++)
        for (int j = 0; j < optim->n_state; j++)
            if (ends_with(name, optim->state[j].suffix))
                return 0;
    return 1;
}

static int is_adapter(const struct tr_gguf *ckpt, struct tr_err *err)
{
    struct tr_str method = { "", 0 };
    int found = tr_gguf_string(ckpt, "checkpoint.method", &method, err);
    return found < 0 ? found : method.len == 4 && !memcmp(method.ptr, "lora", 4);
}

static int check_base(const struct export *x, struct tr_err *err)
{
    char want[17];
    struct tr_str hash = { "", 0 };
    snprintf(want, sizeof want, "%016llx", (unsigned long long)tr_model_hash(x->base));
    if (tr_gguf_string(x->ckpt, "libtrain.base_hash", &hash, err) < 0)
        return err->code;
    if (hash.len == 16 && !memcmp(hash.ptr, want, 16))
        return 0;
    return tr_err_set(err, TR_EMISMATCH, "%s: was trained on another base than '%s'",
                      tr_gguf_path(x->ckpt), tr_gguf_path(tr_model_gguf(x->base)));
}

static int export_adapter(const struct export *x, struct tr_err *err)
{
    const struct tr_gguf *g = x->ckpt;
    struct tr_gguf_writer *w = tr_gguf_create(x->path, err);
    int rc = w ? 0 : err->code;
    if (!w)
        return rc;
    tr_gguf_set_string(w, "general.architecture", tr_model_arch(x->base));
    tr_gguf_set_string(w, "general.type", "adapter");
    tr_gguf_set_string(w, "adapter.type", "lora");
    const struct tr_gguf_kv *alpha = tr_gguf_find_kv(g, "adapter.lora.alpha");
    const struct tr_gguf_kv *hash = tr_gguf_find_kv(g, "libtrain.base_hash");
    if (!alpha || alpha->type != TR_GGUF_F32)
        rc = tr_err_set(err, TR_EFORMAT, "%s: key 'adapter.lora.alpha' is missing or no f32",
                        tr_gguf_path(g));
    else
        tr_gguf_set_kv(w, alpha);
    if (hash)
        tr_gguf_set_kv(w, hash);
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        if (is_parameter(t->name))
            tr_gguf_add_tensor(w, t->name, t->dtype, t->n_dim, t->dim);
    }
    for (size_t i = 0; !rc && i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        if (is_parameter(t->name))
            rc = tr_gguf_write(w, t->data, t->bytes, err);
    }
    if (!rc)
        return tr_gguf_commit(w, err);
    tr_gguf_discard(w);
    return rc;
}

/* A trained tensor, packed into the type that it has in the base. */
static int write_trained(struct tr_gguf_writer *w, const struct tr_gguf_tensor *trained,
                         const struct tr_dtype *type, void *packed, struct tr_err *err)
{
    const struct tr_dtype *from = trained->dtype; /* F32 or BF16 */
    const char *src = trained->data;
    int64_t n = trained->bytes / from->bytes;
    for (int64_t i = 0; i < n; i += SLAB) {
        int64_t part = n - i < SLAB ? n - i : SLAB;
        if (tr_convert(from, src + i * from->bytes, type, packed, part))
            return tr_err_set(err, TR_EFORMAT, "tensor '%s' is not finite in %s",
                              trained->name, type->name);
        int rc = tr_gguf_write(w, packed, part * type->bytes, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int export_model(const struct export *x, struct tr_err *err)
{
    const struct tr_gguf *g = tr_model_gguf(x->base);
    void *packed = malloc(SLAB * sizeof(float));
    struct tr_gguf_writer *w = packed ? tr_gguf_create(x->path, err) : NULL;
    int rc = w ? 0 : err->code ? err->code : tr_err_set(err, TR_ENOMEM, "out of memory");
    for (size_t i = 0; w && i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        tr_gguf_add_tensor(w, t->name, t->dtype, t->n_dim, t->dim);
    }
    if (w)
        tr_gguf_set_all(w, g);
    for (size_t i = 0; !rc && i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        const struct tr_gguf_tensor *trained = tr_gguf_find_tensor(x->ckpt, t->name);
        if (trained && (trained->dtype->block > 1 || !trained->dtype->to_f32 ||
                        trained->bytes / trained->dtype->bytes * t->dtype->bytes != t->bytes))
            rc = tr_err_set(err, TR_EMISMATCH, "%s: tensor '%s' does not fit the base",
                            tr_gguf_path(x->ckpt), t->name);
        else
            rc = trained ? write_trained(w, trained, t->dtype, packed, err)
                         : tr_gguf_write(w, t->data, t->bytes, err);
    }
    if (!rc)
        rc = tr_gguf_commit(w, err);
    else
        tr_gguf_discard(w);
    free(packed);
    return rc;
}

static int export(struct export *x, const char *model, const char *ckpt, struct tr_err *err)
{
    x->ckpt = tr_gguf_open(ckpt, err);
    if (!x->ckpt || tr_checkpoint_check(x->ckpt, err) || tr_gguf_check(x->ckpt, err))
        return err->code;
    x->base = cmd_open_model(model, err);
    if (!x->base || cmd_not_same(x->path, model, err) || cmd_not_same(x->path, ckpt, err) ||
        check_base(x, err))
        return err->code;
    int adapter = is_adapter(x->ckpt, err);
    if (adapter < 0)
        return err->code;
    return adapter ? export_adapter(x, err) : export_model(x, err);
}

int main(int argc, char **argv)
{
    const char *model = NULL;
    struct export x = {0};
    const struct cmd_opt table[] = {
        CMD_TEXT('m', "model", &model, "FILE", "GGUF that the training started from"),
        CMD_TEXT('o', "output", &x.path, "FILE",
                 "adapter, or the whole model if all weights were trained"),
        CMD_END
    };
    const struct cmd cmd = { "gguf-export", "-m BASE.gguf -o OUT.gguf RUN.ckpt",
                             "write what was trained as GGUF", table, 1, 1 };
    struct tr_err err = {0};
    int n_operand, i = cmd_parse(&cmd, argc, argv, &n_operand);
    if (!model || !x.path)
        cmd_usage(&cmd, "options --model and --output are required");
    int rc = export(&x, model, argv[i], &err);
    tr_model_close(x.base);
    tr_gguf_close(x.ckpt);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
