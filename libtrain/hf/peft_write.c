/* SPDX-License-Identifier: MIT
 *
 * An adapter as the folder that PEFT loads: adapter_config.json, adapter_model.safetensors.
 * The scale alpha / rank of every pair is PEFT's too; what differs in rank is told by
 * pattern.  peft_pair.c is the other direction.
 */
#include <libtrain/base/base.h>
#include <libtrain/hf/form.h>
#include <libtrain/hf/map.h>
#include <libtrain/hf/safetensors_write.h>
#include <libtrain/hf/text.h>
#include <libtrain/peft.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct module {
    char *name; /* "model.layers.0.self_attn.q_proj" */
    const struct tr_lora_pair *pair;
    struct tr__hf_place place;
    int head; /* the pair is the table's, which is this output too */
};

struct job {
    const struct tr_lora *l;
    const struct tr_gguf *g;
    const struct tr_peft_export_args *args;
    const struct tr_dtype *type;
    const struct tr__hf_arch *arch;
    struct tr__hf_sizes size;
    struct module *module; // (n), those of the pairs in front
    size_t n;
    struct tr__names names; /* of them */
    struct tr__folder *to;
};

/* ---- modules ---------------------------------------------------------------------- */

static int bad(const struct tr_lora_pair *p, const char *what, struct tr_err *err)
{
    return tr_err_set(err, TR_EUNSUPPORTED, "the pair of '%s' %s", p->name, what);
}

/* The module whose weight this is: 1, or 0 for a tensor that is none's. */
static int module_name(const struct job *j, const char *gguf, char *to,
                       struct tr__hf_found *f)
{
    static const char end[] = ".weight";
    if (!tr__hf_find_gguf(j->arch, gguf, f) || !f->name->hf)
        return 0;
    tr__hf_print_hf(to, f);
    size_t n = strlen(to), k = sizeof end - 1;
    if (n <= k || strcmp(to + n - k, end))
        return 0;
    to[n - k] = '\0';
    return 1;
}

static const char *last_part(const char *module)
{
    const char *dot = strrchr(module, '.');
    return dot ? dot + 1 : module;
}

static int name_module(struct job *j, struct module *m, const char *name,
                       struct tr_err *err)
{
    if (!(m->name = strdup(name)))
        return tr_err_set(err, TR_ENOMEM, "out of memory for names of modules");
    j->n++;
    int rc = tr__names_add(&j->names, j->module, sizeof *m);
    return rc > 0 ? bad(m->pair, "is of a part of a module, which PEFT has not", err) :
           rc ? tr_err_set(err, TR_ENOMEM, "out of memory for names of modules") : 0;
}

static int add_module(struct job *j, size_t i, struct tr_err *err)
{
    const struct tr_lora_pair *p = &j->l->pair[i];
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(j->g, p->name);
    struct module *m = &j->module[i];
    struct tr__hf_found f;
    char name[TR__HF_NAME_BYTES];
    if (!t || !module_name(j, p->name, name, &f))
        return bad(p, "has no module of Hugging Face that is known", err);
    if (t->n_dim != 2 || tr__hf_is_stack(f.name))
        return bad(p, "is of experts, which are no modules that PEFT knows", err);
    m->pair = p;
    m->place = (struct tr__hf_place){ .size = &j->size, .name = f.name, .n_gguf = 2 };
    memcpy(m->place.gguf, t->dim, sizeof m->place.gguf);
    tr__hf_shape_back(&m->place);
    int across = f.name->how && f.name->how->transposed;
    if (m->place.n_hf != 2 || m->place.hf[across] != t->dim[0] ||
        m->place.hf[!across] != t->dim[1])
        return bad(p, "is of a part of a module, which PEFT has not", err);
    return name_module(j, m, name, err);
}

/* PEFT knows by itself that a table is the output too where it is called so; else the
 * output gets a pair of the same numbers. */
static const char known_table[] = "embed_tokens";

static int add_head(struct job *j, const struct module *table, struct tr_err *err)
{
    char name[TR__HF_NAME_BYTES];
    struct tr__hf_found f;
    if (!table->pair->tied || !strcmp(last_part(table->name), known_table))
        return 0;
    if (!module_name(j, "output.weight", name, &f))
        return bad(table->pair, "is that of the output too, which has no module of Hugging "
                   "Face that is known", err);
    struct module *m = &j->module[j->n];
    *m = (struct module){ .pair = table->pair, .head = 1, .place = table->place };
    return name_module(j, m, name, err);
}

static int find_modules(struct job *j, struct tr_err *err)
{
    int rc = 0;
    if (!(j->arch = tr__hf_of_gguf(j->g, err)))
        return TR_EUNSUPPORTED;
    rc = tr__hf_sizes_of_gguf(j->g, &j->size, err);
    j->module = calloc(2 * j->l->n + 1, sizeof *j->module);
    if (!rc && !j->module)
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for %zu modules", j->l->n);
    for (size_t i = 0; !rc && i < j->l->n; i++)
        rc = add_module(j, i, err);
    for (size_t i = 0; !rc && i < j->l->n; i++)
        rc = add_head(j, &j->module[i], err);
    return rc;
}

/* ---- settings --------------------------------------------------------------------- */

/* The rank that most have; of equally many the first. */
static int most_ranks(const struct tr_lora *l)
{
    int best = 0;
    size_t n_best = 0;
    for (size_t i = 0; i < l->n; i++) {
        size_t n = 0;
        for (size_t k = 0; k < l->n; k++)
            n += l->pair[k].rank == l->pair[i].rank;
        if (n > n_best) {
            best = l->pair[i].rank;
            n_best = n;
        }
    }
    return best;
}

/* Alpha as JSON has it: whole if it is. */
static struct tr_json *alpha_json(double alpha)
{
    return alpha == floor(alpha) && fabs(alpha) < 1e9 ? tr_json_integer((int64_t)alpha) :
           tr_json_number(alpha);
}

/* 1 if every module of the base that ends so has a pair. */
static int has_all(const struct job *j, const char *last)
{
    for (size_t i = 0; i < tr_gguf_n_tensor(j->g); i++) {
        char name[TR__HF_NAME_BYTES];
        struct tr__hf_found f;
        const struct tr_gguf_tensor *t = tr_gguf_tensor(j->g, i);
        if (t->n_dim > 1 && module_name(j, t->name, name, &f) &&
            !strcmp(last_part(name), last) &&
            tr__names_find(&j->names, j->module, sizeof *j->module, name) == TR__NO_NAME)
            return 0;
    }
    return 1;
}

static int holds(const struct tr_json *list, const char *text)
{
    for (size_t i = 0; i < tr_json_count(list); i++)
        if (!strcmp(tr_json_string(tr_json_at(list, i), NULL), text))
            return 1;
    return 0;
}

/* Ends of names where all modules of that end have a pair, else whole names. */
static struct tr_json *targets(const struct job *j)
{
    struct tr_json *list = tr_json_array();
    int failed = !list;
    for (size_t i = 0; !failed && i < j->n; i++) {
        const char *name = j->module[i].name, *last = last_part(name);
        if (holds(list, last))
            continue;
        const char *text = has_all(j, last) ? last : name;
        failed = tr_json_append(list, tr_json_text(text, strlen(text)));
    }
    if (!failed)
        return list;
    tr_json_free(list);
    return NULL;
}

static int put(struct tr_json *c, const char *key, struct tr_json *v)
{
    return v ? tr_json_set(c, key, v) : -1;
}

/* What differs from the settings for all. */
static int set_patterns(const struct job *j, struct tr_json *config, int rank)
{
    struct tr_json *ranks = tr_json_object(), *alphas = tr_json_object();
    int failed = !ranks || !alphas;
    for (size_t i = 0; !failed && i < j->n; i++) {
        int r = j->module[i].pair->rank;
        if (r != rank)
            failed = put(ranks, j->module[i].name, tr_json_integer(r));
        if (!failed && r != rank && j->l->alpha == 0) /* the scale is 1 */
            failed = put(alphas, j->module[i].name, tr_json_integer(r));
    }
    if (failed) {
        tr_json_free(ranks);
        tr_json_free(alphas);
        return -1;
    }
    failed = tr_json_set(config, "rank_pattern", ranks);
    return tr_json_set(config, "alpha_pattern", alphas) || failed ? -1 : 0;
}

static int is_conv1d(const struct job *j)
{
    for (size_t i = 0; i < j->l->n; i++) {
        const struct tr__hf_how *how = j->module[i].place.name->how;
        if (how && how->transposed)
            return 1;
    }
    return 0;
}

static int is_tied(const struct job *j)
{
    for (size_t i = 0; i < j->l->n; i++)
        if (j->module[i].pair->tied && !strcmp(last_part(j->module[i].name), known_table))
            return 1;
    return 0;
}

static int put_text(struct tr_json *c, const char *key, const char *text)
{
    return put(c, key, tr_json_text(text, strlen(text)));
}

static int fill(const struct job *j, struct tr_json *c)
{
    int rank = most_ranks(j->l);
    double alpha = j->l->alpha == 0 ? rank : (double)j->l->alpha;
    const char *base = j->args->base_name;
    return put_text(c, "peft_type", "LORA") || put_text(c, "task_type", "CAUSAL_LM") ||
           put_text(c, "bias", "none") ||
           (base ? put_text(c, "base_model_name_or_path", base) :
            tr_json_set(c, "base_model_name_or_path", NULL)) ||
           put(c, "r", tr_json_integer(rank)) || put(c, "lora_alpha", alpha_json(alpha)) ||
           put(c, "lora_dropout", tr_json_number(0)) ||
           put(c, "target_modules", targets(j)) ||
           put(c, "fan_in_fan_out", tr_json_truth(is_conv1d(j))) ||
           put(c, "inference_mode", tr_json_truth(1)) ||
           put(c, "init_lora_weights", tr_json_truth(1)) ||
           (is_tied(j) && put(c, "ensure_weight_tying", tr_json_truth(1))) ||
           set_patterns(j, c, rank) ? -1 : 0;
}

static int write_config(const struct job *j, struct tr_err *err)
{
    struct tr_json *c = tr_json_object();
    int rc = c && !fill(j, c) ? tr__hf_json_file(c, j->to, "adapter_config.json", err) :
             tr_err_set(err, TR_ENOMEM, "out of memory for the settings of an adapter");
    tr_json_free(c);
    return rc;
}

/* ---- numbers ---------------------------------------------------------------------- */

/* A or B of a module as PEFT has it: (rows, cols) of f32, the caller's. */
struct matrix {
    int64_t rows, cols;
    float *v;
};

static struct matrix shape(const struct module *m, int is_b)
{
    const struct tr_lora_pair *p = m->pair;
    int turned = p->table && !m->head;
    if (is_b)
        return (struct matrix){ m->head ? p->a.dim[0] : p->b.dim[0], p->rank, NULL };
    return (struct matrix){ p->rank, m->head ? p->b.dim[0] : p->a.dim[!turned], NULL };
}

/* Rows of B and columns of A go back to where Hugging Face has them; A of a table stands
 * across, and as a pair of the output its A is B, across. */
static void gather(const struct module *m, int is_b, struct matrix *x)
{
    const struct tr_lora_pair *p = m->pair;
    const float *from = is_b != m->head ? p->b.data : p->a.data;
    for (int64_t r = 0; r < x->rows; r++)
        for (int64_t i = 0; i < x->cols; i++) {
            int64_t row = is_b && !p->table ? tr__hf_row(&m->place, r) : r;
            int64_t col = is_b || p->table ? i : tr__hf_column(&m->place, i);
            x->v[row * x->cols + col] = !is_b && p->table ? from[i * x->rows + r] :
                                        from[r * x->cols + i];
        }
}

static int write_matrix(const struct job *j, struct tr__hf_writer *w,
                        const struct module *m, int is_b, struct tr_err *err)
{
    struct matrix x = shape(m, is_b);
    int64_t n = x.rows * x.cols;
    x.v = malloc((size_t)n * sizeof *x.v);
    void *out = malloc((size_t)n * j->type->bytes);
    int rc = x.v && out ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", m->name);
    if (!rc) {
        gather(m, is_b, &x);
        rc = tr_convert(&tr_f32, x.v, j->type, out, n) ?
             tr_err_set(err, TR_EFORMAT, "the pair of '%s' has numbers that are not "
                        "finite, or too large for %s", m->pair->name, j->type->name) :
             tr__hf_write(w, out, n * (int64_t)j->type->bytes, err);
    }
    free(x.v);
    free(out);
    return rc;
}

static void declare(const struct job *j, struct tr__hf_writer *w)
{
    for (size_t i = 0; i < 2 * j->n; i++) {
        const struct module *m = &j->module[i / 2];
        struct matrix x = shape(m, i % 2);
        char name[TR__HF_NAME_BYTES + 64];
        snprintf(name, sizeof name,
                 m->pair->table && !m->head ? "base_model.model.%s.lora_embedding_%c" :
                 "base_model.model.%s.lora_%c.weight", m->name, "AB"[i % 2]);
        tr__hf_declare(w, name, j->type, 2, (int64_t[]){ x.rows, x.cols });
    }
}

static int write_numbers(const struct job *j, struct tr_err *err)
{
    const char *folder = tr__folder_path(j->to);
    struct tr__hf_writer *w = tr__hf_create(folder, "adapter_model", "pt", 0, err);
    int64_t i;
    int rc = 0;
    if (!w)
        return TR_ENOMEM;
    declare(j, w);
    while (!rc && (i = tr__hf_next(w, err)) != (int64_t)(2 * j->n))
        rc = i < 0 ? (int)i : write_matrix(j, w, &j->module[i / 2], i % 2, err);
    return tr__hf_finish(w, rc, err);
}

int tr_peft_export(const struct tr_lora *l, const struct tr_model *base,
                   const struct tr_peft_export_args *args, const char *folder,
                   struct tr_err *err)
{
    struct job j = { .l = l, .g = tr_model_gguf(base), .args = args,
                     .type = args->type ? args->type : &tr_f32 };
    if (!tr__hf_type(j.type->name))
        return tr_err_set(err, TR_EINVAL, "a folder of PEFT is F32, F16 or BF16, not %s",
                          j.type->name);
    int rc = find_modules(&j, err);
    if (!rc && !(j.to = tr__folder_new(folder, err)))
        rc = TR_EIO;
    if (!rc)
        rc = write_config(&j, err);
    if (!rc)
        rc = tr__folder_hold(j.to, err);
    if (!rc)
        rc = write_numbers(&j, err);
    rc = tr__folder_finish(j.to, rc, err);
    for (size_t i = 0; j.module && i < j.n; i++)
        free(j.module[i].name);
    tr__names_release(&j.names);
    free(j.module);
    return rc;
}
