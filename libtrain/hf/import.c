/* SPDX-License-Identifier: MIT
 *
 * A folder into a GGUF: config.json gives a family, its tables give tensors and keys, and
 * rows go over in slabs.  What the file will be is looked at first, as the model that it is
 * to be, so that nothing is written in vain.  Next: plan.c, fetch.c.
 */
#include <libtrain/edit/edit.h>
#include <libtrain/hf/ahead.h>
#include <libtrain/hf/meta.h>
#include <libtrain/hf/mxfp4.h>
#include <libtrain/hf/text.h>
#include <libtrain/hf/vocab.h>
#include <libtrain/import.h>
#include <libtrain/model.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Numbers of a slab, of a piece that is in the processor's cache, and that a thread looks at. */
enum { SLAB = 1 << 20, PIECE = 1 << 18, LOOK = 1 << 15, MAX_CONFIG = 16 << 20, MAX_COLUMNS = 1 << 26,
       MAX_AHEAD = 512 /* more blocks are a mistake */ };

struct job {
    const char *folder;
    const struct tr_import_args *args;
    char config_path[PATH_MAX];
    struct tr_json *config;
    const struct tr__hf_arch *arch;
    struct tr__hf_sizes size;
    struct tr__hf_folder *tensors;
    struct tr__hf_plan plan;
    const struct tr_dtype *want; /* of most matrices; NULL: the recipe says it */
    int32_t file_type;
};

/* ---- what there is ---------------------------------------------------------------- */

/* Weights that are packed: MXFP4 can be read, as the family has it. */
static int look_packed(struct job *j, struct tr_err *err)
{
    const struct tr_json *q = tr_json_get(j->config, "quantization_config");
    size_t n;
    if (!q)
        return 0;
    const struct tr_json *how = tr_json_get(q, "quant_method");
    j->plan.is_mxfp4 = j->arch->mxfp4 && how && !strcmp(tr_json_string(how, &n), "mxfp4");
    if (j->plan.is_mxfp4)
        return 0;
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s': its weights are packed by '%.60s'; the "
                      "model as it was before can be imported", j->config_path,
                      how ? tr_json_string(how, &n) : "quantization_config");
}

/* The folder of an adapter has another file in its place. */
static int expect_model(const struct job *j, struct tr_err *err)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/adapter_config.json", j->folder);
    if (access(j->config_path, F_OK) == 0 || n >= PATH_MAX || access(path, F_OK) != 0)
        return 0;
    return tr_err_set(err, TR_EFORMAT, "'%s' is the folder of an adapter, no model: "
                      "adapter-import makes a GGUF of it", j->folder);
}

static int read_config(struct job *j, struct tr_err *err)
{
    if (snprintf(j->config_path, PATH_MAX, "%s/config.json", j->folder) >= PATH_MAX)
        return tr_err_set(err, TR_EIO, "'%.100s…': the name is too long", j->folder);
    int rc = expect_model(j, err);
    struct tr_json *raw = rc ? NULL : tr__hf_json(j->config_path, MAX_CONFIG, err);
    if (raw && (j->arch = tr__hf_of_config(raw, j->config_path, err)))
        j->config = tr__hf_complete(j->arch, raw, err);
    tr_json_free(raw);
    if (!j->config)
        return err ? err->code : TR_EFORMAT;
    rc = look_packed(j, err);
    return rc ? rc
              : tr__hf_sizes_of_config(j->arch, j->config, j->config_path, &j->size, err);
}

/* Whether any tensor is of such a block: programs that train a model save it without them. */
static int are_ahead(const struct job *j)
{
    for (size_t i = 0; i < tr__hf_n_tensor(j->tensors); i++) {
        char own[TR__HF_NAME_BYTES];
        const char *name = tr__hf_own_name(tr__hf_tensor(j->tensors, i)->name, own);
        if (tr__hf_is_ahead(name, j->size.n_layer, j->plan.n_ahead))
            return 1;
    }
    return 0;
}

/* Blocks that predict further tokens are blocks of the GGUF; if they are left out, or not there,
 * config.json is to have none. */
static int look_ahead(struct job *j, struct tr_err *err)
{
    static const char *const field[] = { "mtp_num_hidden_layers", "num_nextn_predict_layers" };
    int64_t n[2] = { 0 };
    struct tr__hf_found f;
    for (int i = 0; i < 2; i++) {
        n[i] = tr_json_int(tr_json_get(j->config, field[i]));
        j->plan.n_ahead = n[i] > j->plan.n_ahead ? n[i] : j->plan.n_ahead;
    }
    j->plan.leaves_ahead = j->args->no_mtp;
    if (!j->args->no_mtp && tr__hf_has_ahead(j->arch, &f) && are_ahead(j))
        j->size.n_ahead = j->plan.n_ahead;
    for (int i = 0; i < 2; i++)
        if (!j->size.n_ahead && (n[i] || j->args->no_mtp || !i))
            tr_json_remove(j->config, field[i]);
    if (j->size.n_ahead > MAX_AHEAD)
        return tr_err_set(err, TR_EFORMAT, "'%s': %lld blocks that predict further tokens",
                          j->config_path, (long long)j->size.n_ahead);
    int64_t all = j->size.n_layer + j->size.n_ahead;
    if (j->size.n_ahead && tr_json_set(j->config, "num_hidden_layers", tr_json_integer(all)))
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    return 0;
}

static struct tr__hf_in keys_in(const struct job *j, struct tr_gguf_writer *w)
{
    return (struct tr__hf_in){ j->arch, &j->size, j->config, j->config_path, j->file_type, w };
}

/* ---- types ------------------------------------------------------------------------ */

/* The first matrix tells; F32 is no choice. */
static const struct tr_dtype *found_type(const struct tr__hf_plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->made[i].n_from; k++) {
            const struct tr__hf_tensor *t = p->made[i].from[k];
            if (t->n_dim >= 2 && t->dtype && t->dtype != &tr_f32)
                return t->dtype;
        }
    return &tr_f16;
}

/* Those that the converter writes by itself; all others are llama-quantize's. */
static int is_converters(const struct tr_dtype *t)
{
    return t == &tr_f32 || t == &tr_f16 || t == &tr_bf16 || t == tr_dtype_by_name("Q8_0");
}

/* Weights in MXFP4 name a file of plain ones. */
static int32_t file_type(const struct job *j)
{
    if (!j->want)
        return j->args->mix ? j->args->mix->file_type : j->args->type->file_type;
    int plain = j->want->block == 1;
    return plain && j->plan.is_mxfp4 ? tr__hf_mxfp4()->file_type : j->want->file_type;
}

static void set_types(struct job *j)
{
    const struct tr_dtype *type = j->args->type;
    const struct tr_dtype *found = found_type(&j->plan);
    int plain = !j->args->mix && (!type || is_converters(type));
    j->want = plain ? (type ? type : found) : NULL;
    j->file_type = file_type(j);
    for (size_t i = 0; i < j->plan.n; i++) {
        struct tr__hf_made *m = &j->plan.made[i];
        m->type = m->scales ? tr__hf_mxfp4()
                            : tr__hf_type_of(m->name, m->place.n_gguf, m->place.gguf,
                                             plain ? j->want : found);
    }
}

/* Types of llama-quantize for the file that the converter would write; what is packed stays
 * as it is. */
static int take_recipe(struct job *j, const struct tr_gguf *g, struct tr_err *err)
{
    struct tr_recipe_args args = { .type = j->args->type, .mix = j->args->mix };
    struct tr_recipe *r = tr_recipe_new(g, &args, err);
    for (size_t i = 0; r && i < r->n; i++) {
        struct tr__hf_made *m = &j->plan.made[tr__names_find(&j->plan.names, j->plan.made,
                                                             sizeof *j->plan.made,
                                                             r->entry[i].tensor->name)];
        if (m->scales)
            r->entry[i].type = m->type;
        m->type = r->entry[i].type;
    }
    int rc = r ? tr_recipe_check(r, 0, err) : TR_EUNSUPPORTED;
    tr_recipe_free(r);
    return rc;
}

/* ---- keys ------------------------------------------------------------------------- */

static struct tr__hf_count count(const struct tr__hf_plan *p)
{
    struct tr__hf_count c = { 0 };
    int64_t sum = 0, n = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct tr__hf_place *pl = &p->made[i].place;
        double numbers = 1;
        for (int k = 0; k < pl->n_gguf; k++)
            numbers *= (double)pl->gguf[k];
        c.all += numbers;
        if (strstr(p->made[i].name, "_exps.") && pl->n_gguf >= 3) {
            c.expert += numbers / (double)pl->gguf[0];
            sum += pl->gguf[0];
            n++;
        } else {
            c.shared += numbers;
        }
    }
    c.n_expert = n ? sum / n : 0;
    return c;
}

static int set_keys(struct job *j, struct tr_gguf_writer *w, struct tr_err *err)
{
    struct tr__hf_count c = count(&j->plan);
    struct tr__hf_in in = keys_in(j, w);
    tr_gguf_set_string(w, "general.architecture", j->arch->name);
    int rc = tr__hf_keys_to_gguf(&in, 1, err);
    tr_gguf_set_string(w, "general.type", "model");
    if (!rc)
        rc = tr__hf_meta_set(w, j->folder, j->config, j->args->name, &c, err);
    if (!rc)
        rc = tr__hf_keys_to_gguf(&in, 0, err);
    tr_gguf_set_u32(w, "general.quantization_version", 2);
    struct tr__hf_vocab_options o = { .pre = j->args->pre, .arch = j->arch->name };
    return rc ? rc : tr__hf_vocab_set(w, j->folder, &o, NULL, err);
}

/* ---- the file --------------------------------------------------------------------- */

/* A writer with all keys and tensors. */
static struct tr_gguf_writer *declare(struct job *j, const char *path, struct tr_err *err)
{
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return NULL;
    if (set_keys(j, w, err)) {
        tr_gguf_discard(w);
        return NULL;
    }
    for (size_t i = 0; i < j->plan.n; i++) {
        const struct tr__hf_made *m = &j->plan.made[i];
        tr_gguf_add_tensor(w, m->name, m->type, m->place.n_gguf, m->place.gguf);
    }
    return w;
}

/* The file without the numbers of the folder; those that are made are in front. */
static struct tr_gguf *preview(struct job *j, struct tr_gguf_writer *w, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < j->plan.n && j->plan.made[i].own; i++)
        rc = tr_gguf_write(w, j->plan.made[i].own,
                           j->plan.made[i].place.gguf[0] * (int64_t)sizeof(float), err);
    return rc ? NULL : tr_gguf_preview(w, err);
}

/* It as a model: is anything missing, is any shape another? */
static int check_model(struct job *j, const char *path, struct tr_err *err)
{
    struct tr_gguf_writer *w = declare(j, path, err);
    struct tr_gguf *g = w ? preview(j, w, err) : NULL;
    int rc = g ? tr_model_check(g, err) : err->code;
    if (g && rc)
        tr_err_prefix(err, "what '%s' would become", j->folder);
    if (!rc && !j->want)
        rc = take_recipe(j, g, err);
    tr_gguf_close(g);
    tr_gguf_discard(w);
    return rc;
}

/* Are all of these finite?  All threads look. */
static int all_finite(const struct tr_dtype *type, const char *data, int64_t n)
{
    int bad = 0;
#pragma omp parallel for schedule(static) reduction(| : bad)
    for (int64_t i = 0; i < n; i += LOOK)
        bad |= !type->finite(data + i * type->bytes, n - i < LOOK ? n - i : LOOK);
    return !bad;
}

/* Which row from number `at` on is the first that is not. */
static int not_finite(const struct job *j, const struct tr__hf_tensor *t, const char *data,
                      int64_t at, int64_t row, struct tr_err *err)
{
    int64_t r = at / row;
    while (r + 1 < t->count / row &&
           t->dtype->finite(data + r * row * t->dtype->bytes, row))
        r++;
    return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s': row %lld holds a NaN or an "
                      "infinity", j->folder, t->name, (long long)r);
}

/* Numbers that stay as they are go from the map to the file: 1 if all of a tensor have, 0 if
 * its rows have to be fetched. */
static int write_as_it_is(const struct job *j, struct tr_gguf_writer *w,
                          const struct tr__hf_made *m, struct tr_err *err)
{
    int as_is = !m->own && !m->place.name->how;
    for (size_t i = 0; i < m->n_from && as_is; i++)
        as_is = m->from[i]->dtype == m->type && m->type->finite &&
                tr__hf_mapped(j->tensors, m->from[i]);
    for (size_t i = 0; as_is && i < m->n_from; i++) {
        const struct tr__hf_tensor *t = m->from[i];
        const char *data = tr__hf_mapped(j->tensors, t);
        for (int64_t at = 0, n; at < t->count; at += n) {
            n = t->count - at < PIECE ? t->count - at : PIECE;
            if (!all_finite(t->dtype, data + at * t->dtype->bytes, n))
                return not_finite(j, t, data, at, tr__hf_columns(m), err);
            if (tr_gguf_write(w, data + at * t->dtype->bytes, n * t->dtype->bytes, err))
                return TR_EIO;
            tr__hf_forget(j->tensors, t, at, n);
        }
    }
    return as_is;
}

static int write_tensor(const struct job *j, struct tr__slab *slab, void *rows,
                        struct tr_gguf_writer *w, const struct tr__hf_made *m,
                        struct tr_err *err)
{
    int done = write_as_it_is(j, w, m, err);
    if (done)
        return done < 0 ? done : 0;
    int64_t n = tr__hf_rows(m), row = tr__hf_columns(m), some = SLAB / row;
    struct tr_gguf_tensor of = { .name = m->name, .n_dim = m->place.n_gguf };
    memcpy(of.dim, m->place.gguf, sizeof of.dim);
    some = some < 1 ? 1 : some;
    for (int64_t at = 0; at < n; at += some) {
        int64_t k = n - at < some ? n - at : some;
        int rc = tr__hf_fetch(j->tensors, m, at, k, rows, err);
        struct tr__numbers x = { &of, at * row, k * row, tr__hf_fetch_type(m), rows, NULL };
        if (!rc)
            rc = tr__slab_write(slab, w, &x, m->type, err);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < m->n_from; i++)
        tr__hf_forget(j->tensors, m->from[i], 0, m->from[i]->count);
    if (m->scales)
        tr__hf_forget(j->tensors, m->scales, 0, m->scales->count);
    return 0;
}

/* Numbers of the longest row, at least those of a slab. */
static int64_t longest(const struct tr__hf_plan *p)
{
    int64_t n = SLAB;
    for (size_t i = 0; i < p->n; i++)
        if (tr__hf_columns(&p->made[i]) > n)
            n = tr__hf_columns(&p->made[i]);
    return n;
}

static int write_tensors(const struct job *j, struct tr_gguf_writer *w, struct tr_err *err)
{
    struct tr__slab slab = { 0 };
    int64_t n = longest(&j->plan);
    if (n > MAX_COLUMNS)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': a row of %lld numbers", j->folder,
                          (long long)n);
    float *rows = malloc((size_t)n * sizeof *rows);
    int rc = rows ? tr__slab_init(&slab, j->folder, n, TR__REFUSE, err)
                  : tr_err_set(err, TR_ENOMEM, "out of memory for rows of tensors");
    for (size_t i = 0; !rc && i < j->plan.n; i++)
        rc = write_tensor(j, &slab, rows, w, &j->plan.made[i], err);
    tr__slab_release(&slab);
    free(rows);
    return rc;
}

static int write_file(struct job *j, const char *path, struct tr_err *err)
{
    struct tr_gguf_writer *w = declare(j, path, err);
    if (!w)
        return err ? err->code : TR_EIO;
    tr_gguf_watch(w, &j->args->progress);
    return tr_gguf_finish(w, write_tensors(j, w, err), err);
}

static int run(struct job *j, const char *path, struct tr_err *err)
{
    int rc = read_config(j, err);
    if (!rc && !(j->tensors = tr__hf_open(j->folder, err)))
        rc = err ? err->code : TR_EIO;
    if (!rc)
        rc = look_ahead(j, err);
    if (rc)
        return rc;
    j->plan.arch = j->arch;
    j->plan.size = &j->size;
    j->plan.folder = j->tensors;
    struct tr__hf_in in = keys_in(j, NULL);
    rc = tr__hf_plan(&j->plan, &in, err);
    if (rc)
        return rc;
    set_types(j);
    rc = check_model(j, path, err);
    return rc ? rc : write_file(j, path, err);
}

int tr_import(const char *folder, const struct tr_import_args *args, const char *path,
              struct tr_err *err)
{
    struct tr_err own = { 0 };
    struct job j = { .folder = folder, .args = args };
    int rc = run(&j, path, err ? err : &own);
    tr__hf_plan_release(&j.plan);
    tr__hf_close(j.tensors);
    tr_json_free(j.config);
    return rc;
}
