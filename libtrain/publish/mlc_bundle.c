/* SPDX-License-Identifier: MIT
 *
 * Which tensor goes into which shard is known from the sizes alone, so data go to their files
 * as they come, and their MD5 with them.  A shard that is pending while a large tensor goes
 * into one of its own gets its number when it is closed: numbers are not in the order of
 * tensors, and two shards may be open.  Next: mlc_weights.c.
 */
#include <libtrain/publish/mlc_bundle.h>

#include <libtrain/publish/put.h>

#include <md5.h>
#include <stdlib.h>
#include <string.h>

struct record {
    char *name;
    const struct tr__mlc_number *type;
    int n_dim;
    int64_t dim[2];
    int64_t n, bytes, offset; /* numbers; as stored, in the shard */
    size_t shard;
};

struct shard {
    int number;             /* in its name; -1 while it is pending */
    int64_t bytes, written; /* of all its tensors, and so far */
    struct tr_out *out;     /* open while some are written, and not all */
    MD5_CTX md5;
    char sum[MD5_DIGEST_STRING_LENGTH];
};

struct tr__mlc_bundle {
    struct tr__folder *folder; /* the caller's */
    int64_t cap;
    struct record *record; // (n_record)
    size_t n_record, cap_record;
    struct shard *shard; // (n_shard)
    size_t n_shard, cap_shard;
    size_t pending; /* the shard that takes the next tensor; n_shard: none */
    int n_number;   /* shards that have their number */
    size_t at;      /* the record whose data come, of which */
    int64_t done;   /* so many bytes are there */
};

static int no_memory(struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for the index of a bundle");
}

struct tr__mlc_bundle *tr__mlc_bundle_new(struct tr__folder *folder, int64_t cap,
                                          struct tr_err *err)
{
    struct tr__mlc_bundle *b = calloc(1, sizeof *b);
    if (!b) {
        no_memory(err);
        return NULL;
    }
    b->folder = folder;
    b->cap = cap;
    return b;
}

void tr__mlc_bundle_free(struct tr__mlc_bundle *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n_record; i++)
        free(b->record[i].name);
    for (size_t i = 0; i < b->n_shard; i++)
        tr_out_discard(b->shard[i].out);
    free(b->record);
    free(b->shard);
    free(b);
}

/* ---- which shard ------------------------------------------------------------------ */

static int new_shard(struct tr__mlc_bundle *b, size_t *i, struct tr_err *err)
{
    if (tr__grow(&b->shard, &b->cap_shard, b->n_shard + 1, sizeof *b->shard))
        return no_memory(err);
    *i = b->n_shard++;
    memset(&b->shard[*i], 0, sizeof b->shard[*i]);
    b->shard[*i].number = -1;
    return 0;
}

static int has_pending(const struct tr__mlc_bundle *b)
{
    return b->pending < b->n_shard && b->shard[b->pending].number < 0;
}

static void close_pending(struct tr__mlc_bundle *b)
{
    if (has_pending(b))
        b->shard[b->pending].number = b->n_number++;
}

/* What would bring the pending shard to the cap closes it, or if it is half the cap by itself
 * leaves it as it is and goes alone. */
static int place(struct tr__mlc_bundle *b, struct record *r, struct tr_err *err)
{
    int64_t before = has_pending(b) ? b->shard[b->pending].bytes : 0;
    int full = r->bytes >= b->cap - before, alone = full && r->bytes >= b->cap - r->bytes;
    int rc = 0;
    if (alone) {
        rc = new_shard(b, &r->shard, err);
        if (!rc)
            b->shard[r->shard].number = b->n_number++;
    } else {
        if (full)
            close_pending(b);
        if (!has_pending(b))
            rc = new_shard(b, &b->pending, err);
        r->shard = b->pending;
    }
    if (rc)
        return rc;
    r->offset = b->shard[r->shard].bytes;
    b->shard[r->shard].bytes += r->bytes;
    return 0;
}

int tr__mlc_declare(struct tr__mlc_bundle *b, const char *name,
                    const struct tr__mlc_number *type, int n_dim, const int64_t *dim,
                    struct tr_err *err)
{
    struct record r = { .type = type, .n_dim = n_dim, .dim = { dim[0], 1 } };
    if (n_dim > 1)
        r.dim[1] = dim[1];
    r.n = r.dim[0] * r.dim[1];
    r.bytes = r.n * type->stored;
    if (tr__grow(&b->record, &b->cap_record, b->n_record + 1, sizeof r) ||
        !(r.name = strdup(name)))
        return no_memory(err);
    int rc = place(b, &r, err);
    if (rc)
        free(r.name);
    else
        b->record[b->n_record++] = r;
    return rc;
}

int64_t tr__mlc_bytes(const struct tr__mlc_bundle *b)
{
    int64_t sum = 0;
    for (size_t i = 0; i < b->n_shard; i++)
        sum += b->shard[i].bytes;
    return sum;
}

/* ---- data ------------------------------------------------------------------------- */

enum { FILE_NAME_BYTES = 40 };

static void name_shard(char name[FILE_NAME_BYTES], int number)
{
    snprintf(name, FILE_NAME_BYTES, "params_shard_%d.bin", number);
}

static int open_shard(struct tr__mlc_bundle *b, struct shard *s, struct tr_err *err)
{
    char name[FILE_NAME_BYTES];
    if (s->number < 0) /* nothing comes behind it any more */
        s->number = b->n_number++;
    name_shard(name, s->number);
    if (!(s->out = tr__put_begin(b->folder, name, err)))
        return TR_EIO;
    MD5Init(&s->md5);
    return 0;
}

static int close_shard(struct tr__mlc_bundle *b, struct shard *s, struct tr_err *err)
{
    struct tr_out *out = s->out;
    s->out = NULL;
    MD5End(&s->md5, s->sum);
    return tr__put_end(b->folder, out, 0, err);
}

int tr__mlc_write(struct tr__mlc_bundle *b, const void *data, int64_t bytes,
                  struct tr_err *err)
{
    struct shard *s = &b->shard[b->record[b->at].shard];
    int rc = s->out ? 0 : open_shard(b, s, err);
    if (rc)
        return rc;
    MD5Update(&s->md5, data, (size_t)bytes);
    rc = tr_out_write(s->out, data, (size_t)bytes, err);
    s->written += bytes;
    if ((b->done += bytes) == b->record[b->at].bytes) {
        b->at++;
        b->done = 0;
    }
    return !rc && s->written == s->bytes ? close_shard(b, s, err) : rc;
}

/* ---- the index -------------------------------------------------------------------- */

/* Names and types are ours and need no escapes. */
static void put_record(FILE *f, const struct record *r, int b16)
{
    int narrow = b16 && r->type == &tr__mlc_float32;
    fprintf(f, "        {\"name\": \"%s\", \"shape\": [%lld", r->name, (long long)r->dim[0]);
    if (r->n_dim > 1)
        fprintf(f, ", %lld", (long long)r->dim[1]);
    fprintf(f, "], \"dtype\": \"%s\", \"format\": \"%s\", \"nbytes\": %lld, "
            "\"byteOffset\": %lld}", narrow ? "bfloat16" : r->type->name,
            narrow ? "raw" : "f32-to-bf16", (long long)r->bytes, (long long)r->offset);
}

static void put_shard(FILE *f, const struct tr__mlc_bundle *b, size_t i, int b16)
{
    const struct shard *s = &b->shard[i];
    char name[FILE_NAME_BYTES];
    const char *between = "";
    name_shard(name, s->number);
    fprintf(f, "    {\"dataPath\": \"%s\", \"format\": \"raw-shard\", \"nbytes\": %lld, "
            "\"md5sum\": \"%s\",\n      \"records\": [\n", name, (long long)s->bytes, s->sum);
    for (size_t k = 0; k < b->n_record; k++)
        if (b->record[k].shard == i) {
            fputs(between, f);
            put_record(f, &b->record[k], b16);
            between = ",\n";
        }
    fputs("\n      ]}", f);
}

static void put_all(FILE *f, const struct tr__mlc_bundle *b, int64_t n_source, int b16)
{
    double bytes = 0;
    char real[2][32];
    const char *between = "";
    for (size_t i = 0; i < b->n_record; i++)
        bytes += (double)(b->record[i].n * b->record[i].type->bytes);
    tr_json_real_text(bytes, real[0]);
    tr_json_real_text(bytes * 8 / (double)n_source, real[1]);
    fprintf(f, "{\n  \"metadata\": {\"ParamSize\": %zu, \"ParamBytes\": %s, "
            "\"BitsPerParam\": %s},\n  \"records\": [\n", b->n_record, real[0], real[1]);
    for (int number = 0; number < b->n_number; number++)
        for (size_t i = 0; i < b->n_shard; i++)
            if (b->shard[i].number == number) {
                fputs(between, f);
                put_shard(f, b, i, b16);
                between = ",\n";
            }
    fputs("\n  ]\n}\n", f);
}

static int put_index(const struct tr__mlc_bundle *b, const char *name, int64_t n_source,
                     int b16, struct tr_err *err)
{
    struct tr_out *out = tr__put_begin(b->folder, name, err);
    if (!out)
        return TR_EIO;
    put_all(tr_out_stream(out), b, n_source, b16);
    return tr__put_end(b->folder, out, 0, err);
}

int tr__mlc_index(struct tr__mlc_bundle *b, int64_t n_source, struct tr_err *err)
{
    int wide = 0;
    for (size_t i = 0; i < b->n_record; i++)
        wide |= b->record[i].type == &tr__mlc_float32;
    int rc = put_index(b, "tensor-cache.json", n_source, 0, err);
    if (!rc && wide)
        rc = put_index(b, "tensor-cache-b16.json", n_source, 1, err);
    return rc;
}
