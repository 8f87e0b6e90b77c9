/* SPDX-License-Identifier: MIT
 *
 * A pack that a packing makes: opened for the vocabulary of a stream, filled, ended, which
 * fails where nothing counts, and put in place (packing.c says when).
 */
#include <libtrain/base/base.h>
#include <libtrain/data/packing.h>

#include <inttypes.h>

int tr__sink_open(struct tr__sink *s, const char *path, const struct tr_packing *job,
                  const struct tr__packing_stream *from, struct tr_err *err)
{
    s->path = path;
    tr__samples_init(&s->samples, &job->sample, job->ctx, job->seed);
    s->w = tr_pack_create(path, job->ctx, tr_token_reader_vocab_hash(from->r),
                          tr_token_reader_n_vocab(from->r), err);
    if (s->w)
        s->packer = tr_packer_new_with(s->w, &job->packer, err);
    return s->packer ? 0 : err && err->code ? err->code : TR_EIO;
}

void tr__sink_close(struct tr__sink *s)
{
    tr__samples_release(&s->samples);
    tr_packer_free(s->packer);
    tr_pack_discard(s->w);
}

static int joins(const struct tr__sink *s)
{
    const struct tr_sample_args *a = &s->samples.args;
    return a->overlapping || a->fill || a->windows;
}

/* What samples have become documents by now. */
static int add_samples(struct tr__sink *s, int at_end, struct tr_err *err)
{
    struct tr_document d;
    int rc = 0, more;

    while (!rc && (more = tr__samples_next(&s->samples, at_end, &d, err)) != 0)
        rc = more < 0 ? more : tr_packer_add_document(s->packer, &d, err);
    return rc;
}

int tr__sink_add(struct tr__sink *s, const struct tr_document *d, struct tr_err *err)
{
    s->side->n_doc++;
    s->side->n_token += d->n;
    tr__tell(&s->progress, (int64_t)s->side->n_token, 0);
    struct tr_document later;
    if (s->samples.args.random_offset) {
        later = tr__samples_offset(&s->samples, d);
        d = &later;
    }
    if (!joins(s))
        return tr_packer_add_document(s->packer, d, err);
    int rc = tr__samples_add(&s->samples, d, err);
    return rc ? rc : add_samples(s, 0, err);
}

int tr__sink_add_from(struct tr__sink *s, const struct tr__packing_stream *from,
                      const struct tr_document *d, struct tr_err *err)
{
    int rc = tr__sink_add(s, d, err);

    if (rc == TR_EFORMAT)
        tr_err_prefix(err, "'%s': document %" PRIu64, from->name, from->number);
    return rc;
}

/* The last sequence; a pack that no loss can come from is an error. */
int tr__sink_end(struct tr__sink *s, struct tr_err *err)
{
    const struct tr_pack_info *info = tr_pack_writer_info(s->w);
    int rc = add_samples(s, 1, err);

    if (!rc)
        rc = tr_packer_end(s->packer, err);
    s->side->counts = *tr_packer_counts(s->packer);
    s->side->counts.n_cut += s->samples.n_cut;
    s->side->counts.lost_tokens += s->samples.lost_tokens;
    s->side->info = *info;
    if (rc || info->n_counted)
        return rc;
    return tr_err_set(err, TR_EFORMAT, "nothing to train on for '%s': %" PRIu64
                      " positions in %" PRIu64 " documents, and none of them counts",
                      s->path, info->n_token, s->side->n_doc);
}

int tr__sink_commit(struct tr__sink *s, struct tr_err *err)
{
    int rc = tr_pack_commit(s->w, err);

    s->w = NULL;
    s->side->written = !rc;
    return rc;
}
