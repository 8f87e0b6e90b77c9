/* SPDX-License-Identifier: MIT
 *
 * A model cut into several files, or joined, as llama-gguf-split does it: its rule for
 * where to cut, its order of keys.  The tensors' bytes are not looked at.  Next: parts.c,
 * raw.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/edit/edit.h>
#include <libtrain/split.h>

#include <stdlib.h>
#include <string.h>

static const char *const part_keys[] = { "split.no", "split.count", "split.tensors.count" };
enum { N_PART_KEY = 3, U16_KEY_BYTES = 8 + 4 + 2, I32_KEY_BYTES = 8 + 4 + 4 };

int tr__is_part_key(const char *key)
{
    for (int i = 0; i < N_PART_KEY; i++)
        if (!strcmp(key, part_keys[i]))
            return 1;
    return 0;
}

const char *tr__key_is_fixed(const char *key)
{
    if (!strcmp(key, "general.alignment"))
        return "the data lie where it says, so it stays";
    if (tr__is_part_key(key))
        return "it says which file of a model this is, so it stays";
    if (!strcmp(key, TR__ROOM))
        return "it is room for other keys";
    return strcmp(key, TR__CHECKSUM) ? NULL : "it is what checkpoints have over all their bytes";
}

/* A file is written with an alignment of 32, so a key that says other is not copied. */
static int is_copied(const struct tr_gguf *g, const struct tr_gguf_kv *kv)
{
    return strcmp(kv->key, "general.alignment") || tr_gguf_alignment(g) == 32;
}

/* ---- where to cut ----------------------------------------------------------------- */

struct cut {
    const struct tr_gguf *g;
    const struct tr_split_args *args;
    struct tr_split *s;
    size_t cap_first;
    int64_t bytes; /* of the last part's tensors */
};

static int no_memory(const struct tr_gguf *g, struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its parts", tr_gguf_path(g));
}

/* A new part begins with tensor i. */
static int begin(struct cut *c, size_t i, struct tr_err *err)
{
    struct tr_split *s = c->s;
    if (tr__grow(&s->first, &c->cap_first, s->n + 2, sizeof *s->first))
        return no_memory(c->g, err);
    s->first[s->n++] = i;
    s->first[s->n] = i;
    c->bytes = 0;
    return 0;
}

static int add(struct cut *c, size_t i, struct tr_err *err)
{
    const struct tr_split_args *a = c->args;
    const struct tr_gguf_tensor *t = tr_gguf_tensor(c->g, i);
    int64_t bytes = tr__raw_padded(t->bytes);
    int full = a->max_tensors ? i > 0 && (int64_t)i % a->max_tensors == 0
                              : bytes > a->max_bytes - c->bytes;
    if (full && !i)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s' alone has %lld bytes, "
                          "more than a part may have", tr_gguf_path(c->g), t->name,
                          (long long)bytes);
    if (full && begin(c, i, err))
        return TR_ENOMEM;
    c->bytes += bytes;
    c->s->first[c->s->n] = i + 1;
    return 0;
}

static int64_t keys_bytes(const struct tr_gguf *g)
{
    int64_t sum = 0;
    for (size_t i = 0; i < tr_gguf_n_kv(g); i++) {
        const struct tr_gguf_kv *kv = tr_gguf_kv(g, i);
        if (is_copied(g, kv) && !tr__is_part_key(kv->key))
            sum += tr__raw_key_bytes(kv);
    }
    return sum;
}

static int64_t file_bytes(const struct tr_gguf *g, const struct tr_split *s, size_t part)
{
    int64_t head = 24 + 2 * U16_KEY_BYTES + I32_KEY_BYTES, data = 0;
    for (int i = 0; i < N_PART_KEY; i++)
        head += (int64_t)strlen(part_keys[i]);
    if (!part)
        head += keys_bytes(g);
    for (size_t i = s->first[part]; i < s->first[part + 1]; i++) {
        head += tr__raw_info_bytes(tr_gguf_tensor(g, i));
        data += tr__raw_padded(tr_gguf_tensor(g, i)->bytes);
    }
    return tr__raw_padded(head) + data;
}

static int measure(const struct tr_gguf *g, struct tr_split *s, struct tr_err *err)
{
    if (!(s->bytes = malloc(s->n * sizeof *s->bytes)))
        return no_memory(g, err);
    for (size_t i = 0; i < s->n; i++)
        s->bytes[i] = file_bytes(g, s, i);
    return 0;
}

struct tr_split *tr_split_plan(const struct tr_gguf *g, const struct tr_split_args *args,
                               struct tr_err *err)
{
    struct cut c = { .g = g, .args = args, .s = calloc(1, sizeof *c.s) };
    int rc = c.s ? begin(&c, 0, err) : no_memory(g, err);
    if (!rc && args->no_tensor_first)
        rc = begin(&c, 0, err);
    for (size_t i = 0; !rc && i < tr_gguf_n_tensor(g); i++)
        rc = add(&c, i, err);
    if (!rc && tr_gguf_find_kv(g, TR__CHECKSUM))
        rc = tr_err_set(err, TR_EUNSUPPORTED, "'%s' is a checkpoint, which has a checksum "
                        "over the whole file: it cannot be split", tr_gguf_path(g));
    if (!rc && !measure(g, c.s, err))
        return c.s;
    tr_split_free(c.s);
    return NULL;
}

void tr_split_free(struct tr_split *s)
{
    if (!s)
        return;
    free(s->first);
    free(s->bytes);
    free(s);
}

/* ---- writing ---------------------------------------------------------------------- */

/* Tensors that go out one after the other, maybe to several files. */
struct copy {
    const struct tr_gguf *g;
    const struct tr_progress *progress;
    int64_t done, total;
};

static struct copy begin_copy(const struct tr_gguf *g, const struct tr_progress *progress)
{
    struct copy c = { .g = g, .progress = progress };
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++)
        c.total += tr_gguf_tensor(g, i)->bytes;
    return c;
}

static void set_keys(struct tr_gguf_writer *w, const struct tr_gguf *g)
{
    for (size_t i = 0; i < tr_gguf_n_kv(g); i++)
        if (is_copied(g, tr_gguf_kv(g, i)))
            tr_gguf_set_kv(w, tr_gguf_kv(g, i));
}

static int copy_tensors(struct copy *c, struct tr_gguf_writer *w, size_t from, size_t to,
                        struct tr_err *err)
{
    int rc = 0;
    for (size_t i = from; i < to; i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(c->g, i);
        tr_gguf_add_tensor(w, t->name, t->dtype, t->n_dim, t->dim);
    }
    for (size_t i = from; !rc && i < to; i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(c->g, i);
        rc = tr__raw_copy(w, c->g, t, err);
        tr__tell(c->progress, c->done += t->bytes, c->total);
    }
    return rc;
}

int tr_split_write(const struct tr_gguf *g, const struct tr_split *s,
                   const struct tr_split_args *args, const char *prefix, struct tr_err *err)
{
    struct copy c = begin_copy(g, &args->progress);
    int64_t total = 0;
    for (size_t i = 0; i < s->n; i++)
        total += s->bytes[i];
    int rc = tr__raw_room(prefix, total, err);
    struct tr_parts *p = rc ? NULL : tr_parts_new(prefix, (int64_t)s->n,
                                                  (int64_t)tr_gguf_n_tensor(g), err);
    if (!p)
        return rc ? rc : TR_ENOMEM;
    for (size_t i = 0; !rc && i < s->n; i++) {
        struct tr_gguf_writer *w = tr_parts_next(p, err);
        if (!w) {
            rc = TR_EIO;
            break;
        }
        if (!i)
            set_keys(w, g);
        tr_parts_set_keys(p, 1);
        rc = copy_tensors(&c, w, s->first[i], s->first[i + 1], err);
    }
    tr_gguf_forget_metadata(g);
    return tr_parts_finish(p, rc, err);
}

/* What llama-gguf-split sets so that a file that was joined is not taken for a part. */
static void set_joined(struct tr_gguf_writer *w)
{
    static const uint16_t none;
    struct tr_gguf_kv kv = { "split.count", TR_GGUF_U16, TR_GGUF_U16, 1, &none, 2 };
    tr_gguf_unset(w, kv.key);
    tr_gguf_set_kv(w, &kv);
}

/* Its keys are at most those of the first part. */
static int64_t joined_bytes(const struct tr_gguf *g)
{
    int64_t head = 24, data = 0;
    for (size_t i = 0; i < tr_gguf_n_kv(g); i++)
        head += tr__raw_key_bytes(tr_gguf_kv(g, i));
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        head += tr__raw_info_bytes(tr_gguf_tensor(g, i));
        data += tr__raw_padded(tr_gguf_tensor(g, i)->bytes);
    }
    return tr__raw_padded(head) + data;
}

int tr_split_merge(const struct tr_gguf *g, const struct tr_progress *progress,
                   const char *path, struct tr_err *err)
{
    struct copy c = begin_copy(g, progress);
    int64_t n = 0;
    int rc = tr_gguf_int(g, "split.count", &n, err);
    if (rc >= 0 && n < 1)
        rc = tr_err_set(err, TR_EUNSUPPORTED, "'%s' is not in parts", tr_gguf_path(g));
    if (rc >= 0)
        rc = tr__raw_room(path, joined_bytes(g), err);
    struct tr_gguf_writer *w = rc < 0 ? NULL : tr_gguf_create(path, err);
    if (!w)
        return rc < 0 ? rc : TR_EIO;
    set_keys(w, g);
    set_joined(w);
    rc = copy_tensors(&c, w, 0, tr_gguf_n_tensor(g), err);
    tr_gguf_forget_metadata(g);
    return tr_gguf_finish(w, rc, err);
}
