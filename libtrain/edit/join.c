/* SPDX-License-Identifier: MIT
 *
 * Adapters to one.  No base is needed: what must fit together are the adapters.  Pairs are
 * read, joined and written one after the other.  The numbers of the first adapter stay as they
 * are where the new scale is its own; those of the others are multiplied by how much theirs
 * differ.  Next: join_pair.c.
 */
#include <libtrain/edit/join.h>
#include <libtrain/matmul/matmul.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE_HASH "libtrain.base_hash"

struct join {
    const struct tr_join_args *args;
    float *alpha;   // (n) of the adapters
    size_t n_pair;
    struct tr__joint *pair; // (n_pair)
    float new_alpha;
};

/* ==== what may be joined ==== */

/* Empty where the file does not say. */
static struct tr_str string_of(const struct tr_gguf *g, const char *key)
{
    struct tr_str s = { "", 0 };
    if (tr_gguf_string(g, key, &s, NULL) != 1)
        s.len = 0;
    return s;
}

static int shown(struct tr_str s)
{
    return (int)(s.len < 64 ? s.len : 64);
}

static int is_same(const struct tr_gguf *a, const struct tr_gguf *b, const char *key)
{
    struct tr_str x = string_of(a, key), y = string_of(b, key);
    return x.len == y.len && !memcmp(x.ptr, y.ptr, x.len);
}

static int check_arch(const struct tr_gguf *a, const struct tr_gguf *b, struct tr_err *err)
{
    static const char key[] = "general.architecture";
    struct tr_str x = string_of(a, key), y = string_of(b, key);
    if (is_same(a, b, key))
        return 0;
    return tr_err_set(err, TR_EMISMATCH, "'%s': '%s' is '%.*s', in '%s' it is '%.*s'",
                      tr_gguf_path(b), key, shown(y), y.ptr, tr_gguf_path(a), shown(x), x.ptr);
}

/* Of one base, as far as they say: the same file, or one with the same weights in it. */
static int is_one_base(const struct tr_gguf *a, const struct tr_gguf *b)
{
    float x[TR_GGUF_SKETCH], y[TR_GGUF_SKETCH];
    return is_same(a, b, BASE_HASH) || !string_of(a, BASE_HASH).len ||
           !string_of(b, BASE_HASH).len ||
           (tr_gguf_base_sketch(a, x) && tr_gguf_base_sketch(b, y) &&
            tr_gguf_sketches_match(x, y));
}

static int check_base(const struct tr_gguf *a, const struct tr_gguf *b, struct tr_err *err)
{
    static const char key[] = "general.base_model.0.name";
    struct tr_str x = string_of(a, key), y = string_of(b, key);
    if (is_one_base(a, b))
        return 0;
    return tr_err_set(err, TR_EMISMATCH, "'%s' was trained on another base, '%.*s', than '%s' "
                      "on '%.*s' (--force takes it all the same)", tr_gguf_path(b), shown(y),
                      y.ptr, tr_gguf_path(a), shown(x), x.ptr);
}

static int check_adapter(const struct tr_join_args *args, size_t i, float *alpha,
                         struct tr_err *err)
{
    const struct tr_gguf *g = args->adapter[i], *first = args->adapter[0];
    const char *purpose = tr_gguf_purpose(g);
    if (strcmp(purpose, "an adapter"))
        return tr_err_set(err, TR_EMISMATCH, "'%s' is %s, not an adapter", tr_gguf_path(g),
                          purpose);
    if (!tr_str_is(string_of(g, "adapter.type"), "lora"))
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': 'adapter.type' is not 'lora'",
                          tr_gguf_path(g));
    if (check_arch(first, g, err) || (!args->other_base && check_base(first, g, err)))
        return err->code;
    *alpha = 0;
    if (tr_gguf_f32(g, "adapter.lora.alpha", alpha, err) < 0)
        return err->code;
    if (!isfinite(*alpha) || *alpha < 0)
        return tr_err_set(err, TR_EFORMAT, "'%s': 'adapter.lora.alpha' is %g",
                          tr_gguf_path(g), (double)*alpha);
    return tr_gguf_check(g, err);
}

/* ==== pairs ==== */

/* The base's tensor that a tensor of an adapter is of, and "lora_a" or "lora_b". */
static int split_name(const struct tr_gguf *g, const char *name, char stem[64], char *which,
                      struct tr_err *err)
{
    size_t n = strlen(name), cut = n > 7 ? n - 7 : 0;
    if (cut == 0 || cut >= 64 ||
        (strcmp(name + cut, ".lora_a") && strcmp(name + cut, ".lora_b")))
        return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' is no lora_a or lora_b",
                          tr_gguf_path(g), name);
    snprintf(stem, 64, "%.*s", (int)cut, name);
    *which = name[n - 1];
    return 0;
}

static struct tr__joint *joint_of(struct join *j, const char *name)
{
    for (size_t i = 0; i < j->n_pair; i++)
        if (!strcmp(j->pair[i].name, name))
            return &j->pair[i];
    struct tr__joint *p = &j->pair[j->n_pair++];
    snprintf(p->name, sizeof p->name, "%s", name);
    return p;
}

static int add_pairs(struct join *j, size_t i, struct tr_err *err)
{
    const struct tr_gguf *g = j->args->adapter[i];
    int rc = 0;
    for (size_t k = 0; !rc && k < tr_gguf_n_tensor(g); k++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, k);
        char stem[64], other[96], which = 0;
        if ((rc = split_name(g, t->name, stem, &which, err)))
            return rc;
        snprintf(other, sizeof other, "%s.lora_%c", stem, which == 'a' ? 'b' : 'a');
        const struct tr_gguf_tensor *mate = tr_gguf_find_tensor(g, other);
        if (!mate)
            return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' is there without '%s'",
                              tr_gguf_path(g), t->name, other);
        if (which == 'a')
            rc = tr__joint_add(joint_of(j, stem), &(struct tr__joint_part){
                                   g, t, mate, j->args->scale[i], j->alpha[i] }, err);
    }
    return rc;
}

static int find_pairs(struct join *j, struct tr_err *err)
{
    size_t most = 1;
    int rc = 0;
    for (size_t i = 0; i < j->args->n; i++)
        most += tr_gguf_n_tensor(j->args->adapter[i]);
    j->pair = calloc(most, sizeof *j->pair);
    j->alpha = calloc(j->args->n, sizeof *j->alpha);
    if (!j->pair || !j->alpha)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu pairs", most);
    for (size_t i = 0; !rc && i < j->args->n; i++) {
        rc = check_adapter(j->args, i, &j->alpha[i], err);
        if (!rc)
            rc = add_pairs(j, i, err);
    }
    if (!rc && !j->n_pair)
        rc = tr_err_set(err, TR_EFORMAT, "'%s': no lora_a/lora_b pairs",
                        tr_gguf_path(j->args->adapter[0]));
    return rc;
}

/* ==== the file ==== */

static void set_keys(const struct join *j, struct tr_gguf_writer *w)
{
    static const char template[] = "libtrain.chat_template_hash";
    const struct tr_join_args *a = j->args;
    tr_gguf_set_all(w, a->adapter[0]);
    tr_gguf_set_f32(w, "adapter.lora.alpha", j->new_alpha);
    if (a->name)
        tr_gguf_set_string(w, "general.name", a->name);
    for (size_t i = 1; i < a->n; i++) {
        if (!is_same(a->adapter[0], a->adapter[i], template))
            tr_gguf_unset(w, template);
        if (is_one_base(a->adapter[0], a->adapter[i]))
            continue;
        tr_gguf_unset(w, BASE_HASH);
        tr_gguf_unset(w, "libtrain.base_sketch");
    }
    tr_gguf_add_history(w, a->adapter[0], a->history);
}

static void declare(const struct tr__joint *p, struct tr_gguf_writer *w)
{
    char name[80];
    int64_t a[3], b[3];
    int n_dim = tr__joint_shapes(p, a, b);
    snprintf(name, sizeof name, "%s.lora_a", p->name);
    tr_gguf_add_tensor(w, name, &tr_f32, n_dim, a);
    snprintf(name, sizeof name, "%s.lora_b", p->name);
    tr_gguf_add_tensor(w, name, &tr_f32, n_dim, b);
}

static int write_all(struct join *j, struct tr_gguf_writer *w, struct tr_join_loss *loss,
                     struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < j->n_pair; i++) {
        struct tr__joint *p = &j->pair[i];
        snprintf(loss[i].name, sizeof loss[i].name, "%s", p->name);
        loss[i].rank = (int)p->rank;
        loss[i].parts = (int)p->n_part;
        rc = tr__joint_write(p, j->new_alpha, w, &loss[i], err);
    }
    return rc;
}

static int write_adapter(struct join *j, const char *path, struct tr_join_loss *loss,
                         struct tr_err *err)
{
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return err->code;
    set_keys(j, w);
    for (size_t i = 0; i < j->n_pair; i++)
        declare(&j->pair[i], w);
    tr_gguf_watch(w, &j->args->progress);
    return tr_gguf_finish(w, write_all(j, w, loss, err), err);
}

static void release(struct join *j)
{
    for (size_t i = 0; i < j->n_pair; i++)
        free(j->pair[i].part);
    free(j->pair);
    free(j->alpha);
}

int tr_join(const struct tr_join_args *args, const char *path, struct tr_join_loss **loss,
            size_t *n_pair, struct tr_err *err)
{
    struct join j = { .args = args };
    int rc = find_pairs(&j, err);
    *loss = rc ? NULL : calloc(j.n_pair, sizeof **loss);
    if (!rc && !*loss)
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for %zu pairs", j.n_pair);
    for (size_t i = 0; !rc && i < j.n_pair; i++)
        tr__joint_settle(&j.pair[i], args->rank);
    if (!rc)
        rc = tr__gemm_ready(err);
    if (!rc) {
        j.new_alpha = tr__joint_alpha(&j.pair[0]);
        *n_pair = j.n_pair;
        rc = write_adapter(&j, path, *loss, err);
    }
    if (rc) {
        free(*loss);
        *loss = NULL;
    }
    release(&j);
    return rc;
}
