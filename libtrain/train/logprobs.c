/* SPDX-License-Identifier: MIT
 *
 * The logarithm of the probability of each answer of a pack, in a file.  A sequence at a
 * time.
 */
#include <libtrain/base/base.h>
#include <libtrain/teacher.h>
#include <libtrain/train/eval.h>
#include <libtrain/train/said.h>

#include <stdlib.h>

struct sums { /* of answers so far */
    float *log_p;
    size_t n, cap;
    float *row_loss; // (ctx)
    double sum;
};

static int add_answer(struct sums *s, const struct tr_pack_seq *seq, int32_t at, int32_t end,
                      struct tr_err *err)
{
    double log_p = 0;
    if (!tr__document_counts(seq, at, end))
        return 0;
    if (tr__grow(&s->log_p, &s->cap, s->n + 1, sizeof *s->log_p))
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu answers", s->n + 1);
    for (int32_t i = at; i < end; i++)
        if (seq->target[i] >= 0)
            log_p -= (double)s->row_loss[i];
    s->log_p[s->n++] = (float)log_p;
    s->sum += log_p;
    return 0;
}

static int add_sequence(struct tr_eval *e, struct tr_pack *pack, uint64_t i, struct sums *s,
                        struct tr_err *err)
{
    struct tr_pack_seq seq;
    double sum = 0;
    int rc = tr_pack_read(pack, i, &seq, err);
    if (rc)
        return rc;
    struct tr_batch batch = { .n = seq.n, .token = seq.token, .target = seq.target,
                              .pos = seq.pos };
    rc = tr_eval_batch(e, &batch, &sum, s->row_loss, NULL, err);
    for (int32_t at = 0, end; at < seq.n && !rc; at = end) {
        end = tr__document_end(&seq, at);
        rc = add_answer(s, &seq, at, end, err);
    }
    return rc;
}

static int write_all(struct tr_gguf_writer *w, const struct sums *s, struct tr_err *err)
{
    int64_t dim[] = { (int64_t)s->n, 1 };
    tr_gguf_add_tensor(w, "log_p", &tr_f32, 2, dim);
    return tr_gguf_write(w, s->log_p, (int64_t)(s->n * sizeof *s->log_p), err);
}

int tr_logprobs_write(struct tr_eval *e, struct tr_pack *pack, const char *path,
                      struct tr_said *said, struct tr_err *err)
{
    const struct tr_pack_info *info = tr_pack_info(pack);
    struct tr_gguf_writer *w = NULL;
    struct sums s = { .row_loss = calloc(info->ctx, sizeof *s.row_loss) };
    int rc = tr_pack_fits(pack, tr__eval_model(e), err);
    if (!rc && !s.row_loss)
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for %u positions", info->ctx);
    if (!rc && !(w = tr__said_create(path, &tr__said_answers, e, pack, info->n_seq, err)))
        rc = err ? err->code : TR_EIO;
    for (uint64_t i = 0; i < info->n_seq && !rc; i++) {
        rc = add_sequence(e, pack, i, &s, err);
        tr__eval_tell(e, i + 1, info->n_seq);
    }
    if (!rc && !s.n)
        rc = tr_err_set(err, TR_EFORMAT, "%s: no position counts", tr_pack_path(pack));
    if (!rc)
        rc = write_all(w, &s, err);
    *said = (struct tr_said){ info->n_seq, (int64_t)s.n, s.n ? s.sum / (double)s.n : 0 };
    free(s.log_p);
    free(s.row_loss);
    return w ? tr_gguf_finish(w, rc, err) : rc;
}
