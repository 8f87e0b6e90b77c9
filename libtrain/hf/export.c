/* SPDX-License-Identifier: MIT
 *
 * A GGUF as a folder.  The family's tables (map.h), read backwards, give names, shapes and
 * config.json; numbers go over in pieces.  Next: export_plan.c, export_rows.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/edit/edit.h>
#include <libtrain/hf/export.h>
#include <libtrain/hf/mxfp4.h>
#include <libtrain/hf/safetensors_write.h>
#include <libtrain/hf/vocab.h>
#include <libtrain/hf_export.h>

#include <stdlib.h>

struct job {
    const struct tr_gguf *g;
    const struct tr_hf_export_args *args;
    struct tr__hf_sizes size;
    struct tr__hf_gifts all;
    const struct tr_dtype *type;
    struct tr__folder *to;
};

/* ---- types ------------------------------------------------------------------------ */

static int is_plain(const struct tr_dtype *type)
{
    return type == &tr_f32 || type == &tr_f16 || type == &tr_bf16;
}

/* That of most numbers of matrices; for packed ones F16, which holds what these stand
 * for; for MXFP4, whose scales reach as far as F32's, BF16. */
static const struct tr_dtype *found_type(const struct tr_gguf *g)
{
    const struct tr_dtype *const type[] = { &tr_f32, &tr_f16, &tr_bf16 };
    const struct tr_dtype *mxfp4 = tr__hf_mxfp4();
    int64_t n[3] = { 0 };
    int best = 0;
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        int k = t->dtype == &tr_f32 ? 0 : t->dtype == &tr_bf16 || t->dtype == mxfp4 ? 2 : 1;
        n[k] += t->n_dim > 1 ? tr_gguf_count(t) : 0;
    }
    for (int k = 1; k < 3; k++)
        if (n[k] > n[best])
            best = k;
    return type[best];
}

/* ---- numbers ---------------------------------------------------------------------- */

static int write_tensor(const struct job *j, struct tr__hf_writer *w,
                        const struct tr__hf_given *v, struct tr_err *err)
{
    struct tr__hf_rows r;
    int rc = tr__hf_rows_begin(&r, &j->all, v, j->type, err);
    for (int64_t i = 0, k; !rc && i < v->rows; i += k) {
        k = v->rows - i < r.most ? v->rows - i : r.most;
        rc = tr__hf_rows_get(&r, i, k, err);
        if (!rc)
            rc = tr__hf_write(w, r.out, k * v->columns * (int64_t)j->type->bytes, err);
    }
    tr__hf_rows_end(&r);
    return rc;
}

static int write_all(const struct job *j, struct tr__hf_writer *w, struct tr_err *err)
{
    int64_t at;
    while ((at = tr__hf_next(w, err)) >= 0 && (size_t)at < j->all.n) {
        int rc = write_tensor(j, w, &j->all.given[at], err);
        if (rc)
            return rc;
    }
    return at < 0 ? (int)at : 0;
}

static int64_t bytes_of(const struct job *j)
{
    int64_t n = 0;
    for (size_t i = 0; i < j->all.n; i++)
        n += j->all.given[i].rows * j->all.given[i].columns * (int64_t)j->type->bytes;
    return n;
}

static int write_numbers(const struct job *j, struct tr_err *err)
{
    const char *folder = tr__folder_path(j->to);
    int rc = tr__raw_room(folder, bytes_of(j), err);
    if (rc)
        return rc;
    int64_t most = j->args->shard_bytes;
    struct tr__hf_writer *w = tr__hf_create(folder, "model", "pt", most, err);
    if (!w)
        return TR_EIO;
    for (size_t i = 0; i < j->all.n; i++) {
        const struct tr__hf_given *v = &j->all.given[i];
        tr__hf_declare(w, v->name, j->type, v->n_dim, v->dim);
    }
    tr__hf_watch(w, &j->args->progress);
    return tr__hf_finish(w, write_all(j, w, err), err);
}

/* ---- the folder ------------------------------------------------------------------- */

/* Small files first: what a family has no form for is told before anything large is
 * written. */
static int write_files(const struct job *j, struct tr_err *err)
{
    int rc = tr__hf_configs(&j->all, j->type, j->to, err);
    if (!rc && j->args->like) {
        rc = tr__hf_copy_tokenizer(j->args->like, j->to, err);
        if (!rc)
            rc = tr__hf_vocab_match(j->g, j->args->like, err);
    } else if (!rc && tr_gguf_find_kv(j->g, "tokenizer.ggml.tokens"))
        rc = tr__hf_vocab_write(j->g, tr__folder_path(j->to), err);
    if (!rc)
        rc = tr__folder_hold(j->to, err);
    return rc ? rc : write_numbers(j, err);
}

static int plan(struct job *j, struct tr_err *err)
{
    int rc = tr_gguf_expect_model(j->g, err);
    if (!rc && !(j->all.arch = tr__hf_of_gguf(j->g, err)))
        rc = TR_EUNSUPPORTED;
    if (!rc)
        rc = tr__hf_sizes_of_gguf(j->g, &j->size, err);
    j->all.g = j->g;
    j->all.size = &j->size;
    return rc ? rc : tr__hf_gifts(&j->all, err);
}

int tr_hf_export(const struct tr_gguf *g, const struct tr_hf_export_args *args,
                 const char *path, struct tr_err *err)
{
    struct job j = { .g = g, .args = args,
                     .type = args->type ? args->type : found_type(g) };
    if (!is_plain(j.type))
        return tr_err_set(err, TR_EINVAL, "a folder of Hugging Face is F32, F16 or BF16, "
                          "not %s", j.type->name);
    int rc = plan(&j, err);
    if (!rc && !(j.to = tr__folder_new(path, err)))
        rc = TR_EIO;
    if (!rc)
        rc = write_files(&j, err);
    rc = tr__folder_finish(j.to, rc, err);
    tr__hf_gifts_release(&j.all);
    return rc;
}
