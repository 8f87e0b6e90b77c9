/* SPDX-License-Identifier: MIT
 *
 * A safetensors file: eight bytes with the length of a header, the header in JSON, and the
 * numbers, which must fill the rest without a gap and without sharing a byte
 * (https://github.com/huggingface/safetensors, "Format").  The header is walked entry by
 * entry, so that memory goes with the number of tensors and a name that comes twice is
 * seen.
 */
#include <libtrain/hf/form.h>
#include <libtrain/json.h>

#include <stdlib.h>
#include <string.h>

enum {
    HEAD = 8,
    MAX_HEADER = 100000000, /* the format's own limit */
    MAX_NAME = 1 << 16,     /* bytes of JSON, of a name or of what it holds */
    MAX_METADATA = 1 << 24
};

struct reader {
    struct tr__hf_folder *f;
    size_t file;
    struct tr_json_walk header;
    int64_t data, data_bytes; /* where numbers begin, and how many bytes there are */
    size_t first;             /* tensor of this file */
};

static const char *path_of(const struct reader *r)
{
    return r->f->file[r->file].path;
}

/* What is wrong with the tensor whose entry the header is at. */
static int wrong(const struct reader *r, const char *name, const char *what,
                 struct tr_err *err)
{
    return tr_err_set(err, TR_EFORMAT, "'%s' byte %llu: tensor '%s': %s", path_of(r),
                      (unsigned long long)r->header.key.at, name, what);
}

/* ==== one entry ==== */

/* n whole numbers of at least 0; how many there are, or -1. */
static int whole(const struct tr_json *v, int most, int64_t *to)
{
    size_t n = tr_json_count(v);
    if (tr_json_kind(v) != TR_JSON_ARRAY || n > (size_t)most)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct tr_json *x = tr_json_at(v, i);
        to[i] = tr_json_int(x);
        if (tr_json_kind(x) != TR_JSON_INT || tr_json_is_big(x) || to[i] < 0)
            return -1;
    }
    return (int)n;
}

struct entry {
    struct tr__hf_tensor t;
    int64_t at[2]; /* begin and end, from the first number of the file */
    int seen;      /* bits, one a key */
};

enum { TYPE = 1, SHAPE = 2, PLACE = 4, ALL = 7 };

static const char *take_type(struct entry *e, const struct tr_json *v)
{
    const struct tr__hf_type *type = tr__hf_type(tr_json_string(v, NULL));
    e->t.type = type ? type->name : NULL;
    return type ? NULL : "an unknown dtype";
}

static const char *take_shape(struct entry *e, const struct tr_json *v)
{
    e->t.n_dim = whole(v, TR__HF_MAX_DIM, e->t.dim);
    return e->t.n_dim < 0 ? "a shape that is not up to eight whole numbers" : NULL;
}

static const char *take_place(struct entry *e, const struct tr_json *v)
{
    return whole(v, 2, e->at) == 2 ? NULL : "data_offsets that are not two whole numbers";
}

/* A field of an entry: NULL, or what is wrong. */
static const char *take(struct entry *e, const char *key, const struct tr_json *v)
{
    static const struct {
        const char *key;
        const char *(*take)(struct entry *e, const struct tr_json *v);
    } fields[] = {
        { "dtype", take_type }, { "shape", take_shape }, { "data_offsets", take_place }
    };
    for (int i = 0; i < 3; i++)
        if (!strcmp(key, fields[i].key)) {
            if (e->seen & 1 << i)
                return "a key that comes twice";
            e->seen |= 1 << i;
            return fields[i].take(e, v);
        }
    return "a key that is none of dtype, shape and data_offsets";
}

static int field(struct reader *r, struct entry *e, const struct tr_json_walk *w,
                 struct tr_err *err)
{
    struct tr_json *key = tr_json_piece(w, &w->key, MAX_NAME, err);
    struct tr_json *v = key ? tr_json_piece(w, &w->value, MAX_NAME, err) : NULL;
    const char *what = v ? take(e, tr_json_string(key, NULL), v) : NULL;
    int rc = !v ? TR_EFORMAT : !what ? 0 : e->seen == TYPE && !e->t.type ?
             tr_err_set(err, TR_EUNSUPPORTED, "'%s' byte %llu: tensor '%s': %s, %.40s",
                        path_of(r), (unsigned long long)r->header.key.at, e->t.name, what,
                        tr_json_string(v, NULL)) : wrong(r, e->t.name, what, err);
    tr_json_free(v);
    tr_json_free(key);
    return rc;
}

static const char *misfit(const struct entry *e, const struct tr__hf_tensor *t)
{
    if (e->at[1] < e->at[0])
        return "data_offsets that run backwards";
    return t->count * t->bits % 8 || t->count * t->bits / 8 != e->at[1] - e->at[0] ?
           "its shape and dtype need another number of bytes" : NULL;
}

static int add(struct reader *r, struct entry *e, struct tr_err *err)
{
    size_t i = r->f->n_tensor;
    if (e->seen != ALL)
        return wrong(r, e->t.name, "one of dtype, shape and data_offsets is missing", err);
    if (e->at[0] > r->data_bytes || e->at[1] > r->data_bytes)
        return wrong(r, e->t.name, "data_offsets beyond the end of the file", err);
    e->t.file = r->file;
    e->t.begin = r->data + e->at[0];
    int rc = tr__hf_add(r->f, e->t, err);
    const char *what = rc ? NULL : misfit(e, &r->f->tensor[i]);
    return what ? wrong(r, e->t.name, what, err) : rc;
}

static int tensor(struct reader *r, const char *name, struct tr_err *err)
{
    struct entry e = { .t.name = name };
    struct tr_json_walk w = { .name = path_of(r), .object = r->header.value };
    int rc;
    while ((rc = tr_json_walk(&w, err)) > 0)
        if ((rc = field(r, &e, &w, err)))
            return rc;
    return rc ? rc : add(r, &e, err);
}

/* Texts by name, of which nothing depends. */
static int metadata(struct reader *r, struct tr_err *err)
{
    const struct tr_json_piece *p = &r->header.value;
    struct tr_json *v = tr_json_piece(&r->header, p, MAX_METADATA, err);
    struct tr_json_each e = tr_json_each(v);
    int rc = !v ? TR_EFORMAT : 0, good = tr_json_kind(v) == TR_JSON_OBJECT;
    while (!rc && good && tr_json_next(&e))
        good = tr_json_kind(e.value) == TR_JSON_STRING;
    tr_json_free(v);
    return rc || good ? rc :
           tr_err_set(err, TR_EFORMAT, "'%s' byte %llu: __metadata__ that is not texts by "
                      "name", path_of(r), (unsigned long long)p->at);
}

static int entry(struct reader *r, int *had_metadata, struct tr_err *err)
{
    size_t n;
    struct tr_json *key = tr_json_piece(&r->header, &r->header.key, MAX_NAME, err);
    const char *name = tr_json_string(key, &n);
    int rc, is_metadata = !strcmp(name, "__metadata__");
    if (!key)
        rc = TR_EFORMAT;
    else if (strlen(name) < n)
        rc = wrong(r, name, "a name with NUL in it", err);
    else if (is_metadata && (*had_metadata)++)
        rc = wrong(r, name, "is there twice", err);
    else
        rc = is_metadata ? metadata(r, err) : tensor(r, name, err);
    tr_json_free(key);
    return rc;
}

/* ==== the whole ==== */

struct span {
    int64_t begin, end;
    const char *name;
};

static int by_place(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return x->begin != y->begin ? (x->begin > y->begin) - (x->begin < y->begin) :
           (x->end > y->end) - (x->end < y->end);
}

static int gap(const struct reader *r, const char *name, int64_t at, int64_t begin,
               struct tr_err *err)
{
    return tr_err_set(err, TR_EFORMAT, begin < at ?
                      "'%s' byte %lld: tensor '%s' shares bytes with another" :
                      "'%s' byte %lld: a hole in front of tensor '%s'",
                      path_of(r), (long long)(begin < at ? begin : at), name);
}

/* Every byte behind the header is one tensor's. */
static int check_places(const struct reader *r, struct tr_err *err)
{
    size_t n = r->f->n_tensor - r->first;
    struct span *s = malloc((n ? n : 1) * sizeof *s);
    int64_t at = r->data;
    int rc = s ? 0 : tr_err_sys(err, "cannot read '%s'", path_of(r));
    for (size_t i = 0; s && i < n; i++) {
        const struct tr__hf_tensor *t = &r->f->tensor[r->first + i];
        s[i] = (struct span){ t->begin, t->begin + t->count * t->bits / 8, t->name };
    }
    if (s)
        qsort(s, n, sizeof *s, by_place);
    for (size_t i = 0; !rc && i < n; at = s[i++].end)
        if (s[i].begin != at)
            rc = gap(r, s[i].name, at, s[i].begin, err);
    if (!rc && at != r->data + r->data_bytes)
        rc = tr_err_set(err, TR_EFORMAT, "'%s' byte %lld: bytes that are no tensor's",
                        path_of(r), (long long)at);
    free(s);
    return rc;
}

/* The header's length is right; NULL, or what is not. */
static const char *bad_head(const struct tr__hf_file *file)
{
    uint64_t n = file->size < HEAD ? 0 : tr__get_u64(file->map);
    return file->size < HEAD + 2 ? "too short for a safetensors file" :
           n > MAX_HEADER ? "not a safetensors file, or a header of more than 100 MB" :
           n < 2 || n > file->size - HEAD ? "a header that is longer than the file" :
           file->map[HEAD] != '{' ? "a header that does not begin with {" : NULL;
}

static int open_safetensors(struct tr__hf_folder *f, size_t i, struct tr_err *err)
{
    const struct tr__hf_file *file = &f->file[i];
    const char *what = bad_head(file);
    if (what)
        return tr_err_set(err, TR_EFORMAT, "'%s': %s", file->path, what);
    size_t n = (size_t)tr__get_u64(file->map);
    struct reader r = {
        .f = f, .file = i, .first = f->n_tensor, .data = (int64_t)(HEAD + n),
        .data_bytes = (int64_t)(file->size - HEAD - n),
        .header = { .name = file->path,
                    .object = { (const char *)file->map + HEAD, n, HEAD } } };
    int rc, had_metadata = 0;
    while ((rc = tr_json_walk(&r.header, err)) > 0)
        if ((rc = entry(&r, &had_metadata, err)))
            break;
    if (!rc)
        rc = check_places(&r, err);
    return rc;
}

static int read_safetensors(const struct tr__hf_file *file, const struct tr__hf_tensor *t,
                            int64_t first, int64_t n, void *dst, struct tr_err *err)
{
    (void)err;
    int64_t item = t->bits / 8;
    tr__hf_copy(file, t->begin + first * item, n * item, dst);
    return 0;
}

const struct tr__hf_form tr__hf_safetensors = {
    .suffix = ".safetensors",
    .single = "model.safetensors",
    .index = "model.safetensors.index.json",
    .open = open_safetensors,
    .read = read_safetensors,
    .straight = 1,
};
