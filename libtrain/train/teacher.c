/* SPDX-License-Identifier: MIT
 *
 * The likeliest ids of each position of a pack that counts, in a file.  A sequence at a
 * time; ids go out as they come, and logarithms, which lie behind all of them, wait in a
 * spool.
 */
#include <libtrain/base/base.h>
#include <libtrain/model/model.h>
#include <libtrain/teacher.h>
#include <libtrain/train/eval.h>
#include <libtrain/train/said.h>

#include <math.h>
#include <stdlib.h>

struct tops {
    int64_t k;
    int64_t *at;  // (ctx) rows of a sequence
    int32_t *id;  // (ctx, k)
    float *log_p; // (…, k + 1) the spool
    size_t cap;
    int64_t n;    /* rows so far */
    double share;
};

static int tops_new(struct tops *t, int64_t ctx, struct tr_err *err)
{
    t->at = calloc((size_t)ctx, sizeof *t->at);
    t->id = calloc((size_t)(ctx * t->k), sizeof *t->id);
    return t->at && t->id ? 0
                          : tr_err_set(err, TR_ENOMEM, "out of memory for %lld positions of "
                                       "%lld ids", (long long)ctx, (long long)t->k);
}

static void tops_release(struct tops *t)
{
    free(t->at);
    free(t->id);
    tr__spool_free(t->log_p, t->cap, sizeof *t->log_p);
}

static int64_t place_rows(struct tops *t, const struct tr_pack_seq *seq)
{
    int64_t n = 0;
    for (int32_t i = 0; i < seq->n; i++)
        t->at[i] = seq->target[i] >= 0 ? n++ : -1;
    return n;
}

/* A teacher may have more tokens than the data, and the student, which are padding
 * (tokenizer/hash.c): one of these that is among the likeliest of a row is one of all others,
 * and an id that is as unlikely as can be has its place. */
static void leave_out_padding(int32_t *id, float *log_p, int64_t k, int32_t n_vocab)
{
    enum { LEAST = -100 }; /* objective/top.c */
    for (int64_t i = 0; i < k; i++) {
        int32_t other = 0;
        if (id[i] < n_vocab)
            continue;
        for (int64_t j = 0; j < k; j++)
            if (id[j] == other) {
                other++;
                j = -1;
            }
        double rest = exp((double)log_p[k]) + exp((double)log_p[i]);
        log_p[k] = (float)fmin(0, log(rest));
        log_p[i] = LEAST;
        id[i] = other;
    }
}

static int add_sequence(struct tr_eval *e, struct tr_pack *pack, uint64_t i, struct tops *t,
                        struct tr_gguf_writer *w, struct tr_err *err)
{
    struct tr_pack_seq seq;
    int rc = tr_pack_read(pack, i, &seq, err);
    if (rc)
        return rc;
    int64_t n = place_rows(t, &seq), cols = t->k + 1;
    if (tr__spool_grow(&t->log_p, &t->cap, (size_t)((t->n + n) * cols), sizeof *t->log_p))
        return tr_err_set(err, TR_ENOMEM, "out of room for %lld positions of %lld numbers",
                          (long long)(t->n + n), (long long)cols);
    struct tr_batch batch = { .n = seq.n, .token = seq.token, .target = seq.target,
                              .pos = seq.pos };
    struct tr_tops top = { t->k, t->at, t->id, t->log_p + t->n * cols };
    if (n && (rc = tr__eval_tops(e, &batch, &top, err)))
        return rc;
    for (int64_t row = 0; row < n; row++)
        leave_out_padding(t->id + row * t->k, t->log_p + (t->n + row) * cols, t->k,
                          (int32_t)tr_pack_info(pack)->n_vocab);
    for (int64_t row = t->n; row < t->n + n; row++)
        t->share += -expm1((double)t->log_p[row * cols + t->k]);
    t->n += n;
    return n ? tr_gguf_write(w, t->id, n * t->k * (int64_t)sizeof *t->id, err) : 0;
}

static int count_all(struct tr_pack *pack, uint64_t n_seq, int64_t *n, struct tr_err *err)
{
    int rc = 0;
    for (uint64_t i = 0; i < n_seq && !rc; i++) {
        struct tr_pack_seq seq;
        if (!(rc = tr_pack_read(pack, i, &seq, err)))
            *n += tr__said_tops.count(&seq);
    }
    return rc || *n ? rc
                    : tr_err_set(err, TR_EFORMAT, "%s: no position counts", tr_pack_path(pack));
}

static int check(struct tr_eval *e, struct tr_pack *pack, int64_t k, struct tr_err *err)
{
    int64_t mine = tr_model_config(tr__eval_model(e))->n_vocab;
    int64_t its = tr_pack_info(pack)->n_vocab, n_vocab = mine < its ? mine : its;
    int rc = tr_pack_fits(pack, tr__eval_model(e), err);
    if (!rc && (k < 1 || k > TR_MAX_TOP || k > n_vocab))
        rc = tr_err_set(err, TR_EINVAL, "%lld likeliest ids: from 1 to %lld are possible",
                        (long long)k, (long long)(n_vocab < TR_MAX_TOP ? n_vocab : TR_MAX_TOP));
    return rc;
}

/* n_seq sequences, whose n positions count. */
static int write_all(struct tr_eval *e, struct tr_pack *pack, struct tops *t, uint64_t n_seq,
                     int64_t n, struct tr_gguf_writer *w, struct tr_err *err)
{
    int64_t ids[] = { n, t->k }, log_ps[] = { n, t->k + 1 };
    int rc = tops_new(t, tr_pack_info(pack)->ctx, err);
    tr_gguf_add_tensor(w, "id", &tr_i32, 2, ids);
    tr_gguf_add_tensor(w, "log_p", &tr_f32, 2, log_ps);
    for (uint64_t i = 0; i < n_seq && !rc; i++) {
        rc = add_sequence(e, pack, i, t, w, err);
        tr__eval_tell(e, (uint64_t)t->n, (uint64_t)n);
    }
    return rc ? rc : tr_gguf_write(w, t->log_p, n * (t->k + 1) * (int64_t)sizeof *t->log_p, err);
}

int tr_teacher_write(struct tr_eval *e, struct tr_pack *pack, int64_t k, uint64_t n_seq,
                     const char *path, struct tr_said *said, struct tr_err *err)
{
    struct tops t = { .k = k };
    int64_t n = 0;
    uint64_t all = tr_pack_info(pack)->n_seq;
    n_seq = n_seq && n_seq < all ? n_seq : all;
    int rc = check(e, pack, k, err);
    if (!rc)
        rc = count_all(pack, n_seq, &n, err);
    struct tr_gguf_writer *w =
        rc ? NULL : tr__said_create(path, &tr__said_tops, e, pack, n_seq, err);
    if (!w)
        return rc ? rc : err ? err->code : TR_EIO;
    rc = write_all(e, pack, &t, n_seq, n, w, err);
    *said = (struct tr_said){ n_seq, t.n, t.n ? t.share / (double)t.n : 0 };
    tops_release(&t);
    return tr_gguf_finish(w, rc, err);
}
