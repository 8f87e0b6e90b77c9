/* SPDX-License-Identifier: MIT
 *
 * Files of safetensors, written front to back (docs/formats/safetensors.md).  A header has
 * the places of all numbers, so everything is declared first; nothing of the numbers is
 * held.  safetensors.c reads them.
 */
#include <libtrain/file.h>
#include <libtrain/hf/form.h>
#include <libtrain/hf/safetensors_write.h>
#include <libtrain/json.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ALIGN = 8, TAIL = 64 }; /* of the numbers; room behind a stem */

struct declared {
    char *name;
    const struct tr__hf_type *type;
    int n_dim;
    int64_t dim[TR__HF_MAX_DIM], bytes;
    size_t shard, number; /* which was declared */
};

struct shard {
    struct tr_out *out;
    int64_t bytes;
    size_t n_tensor;
};

struct tr__hf_writer {
    char *stem; /* with the folder in front */
    const char *format;
    int64_t shard_bytes, total, written;
    struct declared *tensor; /* as declared, then in the order of the files */
    size_t n_tensor, cap_tensor;
    struct shard *shard;
    size_t n_shard;
    size_t next;  /* tensor that comes after the present one */
    int64_t left; /* bytes of the present one */
    struct tr_out *index;
    struct tr_progress progress;
    struct tr_err err; /* the first one */
};

static int no_memory(struct tr__hf_writer *w)
{
    return tr_err_set(&w->err, TR_ENOMEM, "out of memory for '%s.safetensors'", w->stem);
}

/* Hand the kept error to the caller. */
static int tell(const struct tr__hf_writer *w, struct tr_err *err)
{
    return tr_err_set(err, w->err.code, "%s", w->err.text);
}

struct tr__hf_writer *tr__hf_create(const char *folder, const char *stem,
                                    const char *format, int64_t shard_bytes,
                                    struct tr_err *err)
{
    struct tr__hf_writer *w = calloc(1, sizeof *w);
    size_t n = strlen(folder) + strlen(stem) + 2;
    if (w && (w->stem = malloc(n))) {
        snprintf(w->stem, n, "%s/%s", folder, stem);
        w->format = format;
        w->shard_bytes = shard_bytes;
        return w;
    }
    tr_err_set(err, TR_ENOMEM, "out of memory for '%s/%s.safetensors'", folder, stem);
    free(w);
    return NULL;
}

void tr__hf_declare(struct tr__hf_writer *w, const char *name, const struct tr_dtype *dtype,
                    int n_dim, const int64_t *dim)
{
    struct declared t = { .type = tr__hf_type(dtype->name), .n_dim = n_dim,
                          .number = w->n_tensor };
    if (!t.type || !t.type->dtype || n_dim > TR__HF_MAX_DIM)
        tr_fatal("tr__hf_declare: '%s' of type %s", name, dtype->name);
    t.bytes = dtype->bytes;
    for (int i = 0; i < n_dim; i++)
        t.bytes *= t.dim[i] = dim[i];
    if (w->err.code)
        return;
    if (tr__grow(&w->tensor, &w->cap_tensor, w->n_tensor + 1, sizeof t) ||
        !(t.name = strdup(name)))
        no_memory(w);
    else
        w->tensor[w->n_tensor++] = t;
}

void tr__hf_watch(struct tr__hf_writer *w, const struct tr_progress *p)
{
    w->progress = *p;
}

/* ==== which file ==== */

static char *path_of(const struct tr__hf_writer *w, const char *tail)
{
    size_t n = strlen(w->stem) + TAIL;
    char *path = malloc(n);
    if (path)
        snprintf(path, n, "%s%s", w->stem, tail);
    return path;
}

/* "-00001-of-00003.safetensors" */
static const char *tail_of(const struct tr__hf_writer *w, size_t shard, char tail[TAIL])
{
    if (w->n_shard == 1)
        return strcpy(tail, ".safetensors");
    snprintf(tail, TAIL, "-%05zu-of-%05zu.safetensors", shard + 1, w->n_shard);
    return tail;
}

static void share_out(struct tr__hf_writer *w)
{
    int64_t bytes = 0;
    size_t shard = 0;
    for (size_t i = 0; i < w->n_tensor; i++) {
        struct declared *t = &w->tensor[i];
        if (w->shard_bytes && bytes && bytes + t->bytes > w->shard_bytes) {
            shard++;
            bytes = 0;
        }
        bytes += t->bytes;
        w->total += t->bytes;
        t->shard = shard;
    }
    w->n_shard = shard + 1;
    if (!(w->shard = calloc(w->n_shard, sizeof *w->shard)))
        no_memory(w);
    for (size_t i = 0; w->shard && i < w->n_tensor; i++) {
        w->shard[w->tensor[i].shard].bytes += w->tensor[i].bytes;
        w->shard[w->tensor[i].shard].n_tensor++;
    }
}

/* 32 bits in front of 16, so that all is aligned; the library has BF16 in front of F16. */
static int rank(const struct declared *t)
{
    return t->type->dtype == &tr_f32 ? 0 : t->type->dtype == &tr_bf16 ? 1 : 2;
}

static int by_file(const void *a, const void *b)
{
    const struct declared *x = a, *y = b;
    if (x->shard != y->shard)
        return x->shard < y->shard ? -1 : 1;
    return rank(x) != rank(y) ? rank(x) - rank(y) : strcmp(x->name, y->name);
}

static void refuse_doubles(struct tr__hf_writer *w)
{
    struct tr__names names = { 0 };
    for (size_t i = 0; !w->err.code && i < w->n_tensor; i++) {
        int rc = tr__names_add(&names, w->tensor, sizeof *w->tensor);
        if (rc > 0)
            tr_err_set(&w->err, TR_EFORMAT, "'%s.safetensors': tensor '%s' twice", w->stem,
                       w->tensor[i].name);
        else if (rc)
            no_memory(w);
    }
    tr__names_release(&names);
}

/* A single file is taken in front of an index, so it must not be there beside one. */
static void refuse_other(struct tr__hf_writer *w)
{
    char *path = path_of(w, w->n_shard == 1 ? ".safetensors.index.json" : ".safetensors");
    if (!path)
        no_memory(w);
    else if (!access(path, F_OK))
        tr_err_set(&w->err, TR_EMISMATCH, "'%s' is of another model than what is to be "
                   "written beside it: remove it first", path);
    free(path);
}

/* ==== text ==== */

struct text {
    char *at;
    size_t n, cap;
    int failed;
};

static void add(struct text *t, const char *s)
{
    size_t n = strlen(s);
    if (tr__grow(&t->at, &t->cap, t->n + n + 1, 1)) {
        t->failed = 1;
        return;
    }
    memcpy(t->at + t->n, s, n + 1);
    t->n += n;
}

static void add_quoted(struct text *t, const char *s)
{
    struct tr_json *v = tr_json_text(s, strlen(s));
    t->failed |= !v || tr_json_write(v, NULL, &t->at, &t->n, &t->cap);
    tr_json_free(v);
}

static void add_number(struct text *t, int64_t n, const char *behind)
{
    char s[32];
    snprintf(s, sizeof s, "%lld%s", (long long)n, behind);
    add(t, s);
}

static void add_entry(struct text *s, const struct declared *t, int64_t at)
{
    add(s, ",");
    add_quoted(s, t->name);
    add(s, ":{\"dtype\":\"");
    add(s, t->type->name);
    add(s, "\",\"shape\":[");
    for (int i = 0; i < t->n_dim; i++)
        add_number(s, t->dim[i], i + 1 < t->n_dim ? "," : "");
    add(s, "],\"data_offsets\":[");
    add_number(s, at, ",");
    add_number(s, at + t->bytes, "]}");
}

/* The header of the file in which tensor `first` is the first one; blanks make the numbers
 * begin at a multiple of 8. */
static int write_header(struct tr__hf_writer *w, struct shard *shard, size_t first)
{
    struct text s = { 0 };
    unsigned char head[8];
    int64_t at = 0;
    add(&s, "{\"__metadata__\":{\"format\":\"");
    add(&s, w->format);
    add(&s, "\"}");
    for (size_t i = first; i < first + shard->n_tensor; at += w->tensor[i++].bytes)
        add_entry(&s, &w->tensor[i], at);
    add(&s, "}");
    while (!s.failed && s.n % ALIGN)
        add(&s, " ");
    tr__put_u64(head, s.n);
    int rc = s.failed ? no_memory(w) : tr_out_write(shard->out, head, sizeof head, &w->err);
    if (!rc)
        rc = tr_out_write(shard->out, s.at, s.n, &w->err);
    free(s.at);
    return rc;
}

/* ==== numbers ==== */

static void begin_shard(struct tr__hf_writer *w, size_t i, size_t first)
{
    char tail[TAIL];
    char *path = path_of(w, tail_of(w, i, tail));
    if (!path)
        no_memory(w);
    else if ((w->shard[i].out = tr_out_open(path, &w->err)))
        write_header(w, &w->shard[i], first);
    free(path);
}

static void begin(struct tr__hf_writer *w)
{
    refuse_doubles(w);
    if (!w->err.code)
        share_out(w);
    if (!w->err.code)
        refuse_other(w);
    if (w->err.code)
        return;
    if (w->n_tensor)
        qsort(w->tensor, w->n_tensor, sizeof *w->tensor, by_file);
    else
        begin_shard(w, 0, 0);
}

int64_t tr__hf_next(struct tr__hf_writer *w, struct tr_err *err)
{
    if (!w->shard)
        begin(w);
    if (w->left && !w->err.code)
        tr_err_set(&w->err, TR_EFORMAT, "'%s.safetensors': tensor '%s': data missing",
                   w->stem, w->tensor[w->next - 1].name);
    const struct declared *t = w->next < w->n_tensor ? &w->tensor[w->next] : NULL;
    if (t && !w->err.code && !w->shard[t->shard].out)
        begin_shard(w, t->shard, w->next);
    if (w->err.code)
        return tell(w, err);
    if (!t)
        return (int64_t)w->n_tensor;
    w->next++;
    w->left = t->bytes;
    return (int64_t)t->number;
}

int tr__hf_write(struct tr__hf_writer *w, const void *data, int64_t bytes,
                 struct tr_err *err)
{
    if (!w->err.code && bytes > w->left)
        tr_err_set(&w->err, TR_EFORMAT, "'%s.safetensors': more data than tensor '%s' has",
                   w->stem, w->next ? w->tensor[w->next - 1].name : "(none)");
    if (w->err.code || !bytes)
        return w->err.code ? tell(w, err) : 0;
    const struct declared *t = &w->tensor[w->next - 1];
    if (tr_out_write(w->shard[t->shard].out, data, (size_t)bytes, &w->err))
        return tell(w, err);
    w->left -= bytes;
    w->written += bytes;
    tr__tell(&w->progress, w->written, w->total);
    return 0;
}

/* ==== the end ==== */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct declared *)a)->name, ((const struct declared *)b)->name);
}

/* As huggingface_hub writes it. */
static int write_index(struct tr__hf_writer *w)
{
    char *path = path_of(w, ".safetensors.index.json"), tail[TAIL];
    const char *slash = strrchr(w->stem, '/') + 1;
    struct text s = { 0 };
    qsort(w->tensor, w->n_tensor, sizeof *w->tensor, by_name);
    add(&s, "{\n  \"metadata\": {\n    \"total_size\": ");
    add_number(&s, w->total, "\n  },\n  \"weight_map\": {\n");
    for (size_t i = 0; i < w->n_tensor; i++) {
        add(&s, "    ");
        add_quoted(&s, w->tensor[i].name);
        add(&s, ": \"");
        add(&s, slash);
        add(&s, tail_of(w, w->tensor[i].shard, tail));
        add(&s, i + 1 < w->n_tensor ? "\",\n" : "\"\n");
    }
    add(&s, "  }\n}\n");
    int rc = !path || s.failed ? no_memory(w) : 0;
    if (!rc && (w->index = tr_out_open(path, &w->err)))
        rc = tr_out_write(w->index, s.at, s.n, &w->err);
    free(s.at);
    free(path);
    return rc;
}

/* Read the temporary as any user of the file would. */
static void verify(struct tr__hf_writer *w, const struct shard *shard)
{
    const char *temp = tr_out_temp(shard->out);
    if (tr_out_patch(shard->out, 0, NULL, 0, &w->err) || !temp)
        return;
    struct tr__hf_folder f = { 0 };
    if (!tr__hf_open_file(&f, &tr__hf_safetensors, temp, &w->err) &&
        f.n_tensor != shard->n_tensor)
        tr_err_set(&w->err, TR_EFORMAT, "'%s': not what was written", temp);
    tr_err_prefix(&w->err, "the new file does not read back");
    tr__hf_release(&f);
}

static int complete(struct tr__hf_writer *w)
{
    int64_t i = tr__hf_next(w, NULL);
    if (i >= 0 && i < (int64_t)w->n_tensor)
        tr_err_set(&w->err, TR_EFORMAT, "'%s.safetensors': data missing", w->stem);
    for (size_t k = 0; !w->err.code && k < w->n_shard; k++)
        verify(w, &w->shard[k]);
    return w->err.code || w->n_shard < 2 ? w->err.code : write_index(w);
}

static void release(struct tr__hf_writer *w)
{
    for (size_t i = 0; i < w->n_tensor; i++)
        free(w->tensor[i].name);
    free(w->tensor);
    free(w->shard);
    free(w->stem);
    free(w);
}

int tr__hf_finish(struct tr__hf_writer *w, int rc, struct tr_err *err)
{
    if (!w)
        return rc;
    if (!rc)
        rc = complete(w);
    for (size_t i = 0; w->shard && i < w->n_shard; i++)
        if (w->shard[i].out)
            rc = tr_out_finish(w->shard[i].out, rc, &w->err);
    if (w->index)
        rc = tr_out_finish(w->index, rc, &w->err);
    if (rc && w->err.code)
        tell(w, err);
    release(w);
    return rc;
}
