/* SPDX-License-Identifier: MIT
 *
 * Measuring: the forward pass of training on a tape that records nothing, whose memory is
 * that of one block, for the largest batch that was announced.  Ids index into tables, so
 * what is larger or points elsewhere is refused before it is run, and a loss that is no
 * number is an error, so no caller prints one.  Next: windows.c (a text), logits.c (all
 * logits of a pack).
 */
#include <libtrain/base/base.h>
#include <libtrain/comm.h>
#include <libtrain/model/model.h>
#include <libtrain/objective/objective.h>
#include <libtrain/tokenizer.h>
#include <libtrain/train/eval.h>

#include <math.h>
#include <stdlib.h>

struct tr_eval {
    struct tr_model *m;
    uint64_t vocab_hash; /* of the model: to make it reads all of the vocabulary, which may
                            then have left memory for a training */
    struct tr_tape *tape;
    int lent; /* 1: the tape is that of a training */
    struct tr_tape_plan plan;
    int64_t max_rows;
    const struct tr_loss_kind *kind;
    struct tr_progress progress;
    double option[TR_MAX_OPTION];
    int32_t *target; // (max_rows) of a sequence with answers that are not wanted, or NULL
};

/* Memory for one batch of n rows, at worst of one document, found by running it on a tape
 * that only counts. */
static int make_plan(struct tr_eval *e, int64_t n, struct tr_err *err)
{
    int rc = TR_ENOMEM;
    int32_t *zeros = calloc(2 * (size_t)n, sizeof *zeros), *pos = zeros + n;
    for (int64_t i = 0; zeros && i < n; i++)
        pos[i] = (int32_t)i;
    struct tr_tape *tp = tr_tape_new_planning(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, err);
    if (tp && zeros) {
        struct tr_batch batch = { n, zeros, zeros, .pos = pos };
        struct tr_loss loss = { .kind = e->kind, .scale = 1, .option = e->option };
        tr_model_loss(e->m, tp, &batch, &loss);
        e->plan = tr_tape_plan(tp);
        rc = tr_tape_error(tp, err);
    } else {
        tr_err_set(err, rc, "out of memory for %lld positions", (long long)n);
    }
    tr_tape_free(tp);
    free(zeros);
    return rc;
}

struct tr_eval *tr_eval_new(struct tr_model *m, int64_t max_rows,
                            const struct tr_loss_kind *kind, struct tr_err *err)
{
    if (!m || !kind || max_rows < 1) {
        tr_err_set(err, TR_EINVAL, "a loss cannot be measured without a model, with no "
                   "kind of loss, or on %lld rows", (long long)max_rows);
        return NULL;
    }
    struct tr_eval *e = calloc(1, sizeof *e);
    if (!e) {
        tr_err_set(err, TR_ENOMEM, "out of memory for an evaluation");
        return NULL;
    }
    e->m = m;
    e->vocab_hash = tr_vocab_hash(tr_model_gguf(m));
    e->max_rows = max_rows;
    e->kind = kind;
    tr_option_values(kind->option, NULL, e->option);
    if (!make_plan(e, max_rows, err))
        e->tape = tr_tape_new(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, &e->plan, err);
    if (!e->tape) {
        tr_err_prefix(err, "%s", tr_gguf_path(tr_model_gguf(m)));
        free(e);
        return NULL;
    }
    return e;
}

void tr_eval_free(struct tr_eval *e)
{
    if (!e)
        return;
    if (!e->lent)
        tr_tape_free(e->tape);
    free(e->target);
    free(e);
}

void tr__eval_lend(struct tr_eval *e, struct tr_tape *tp)
{
    if (!e->lent)
        tr_tape_free(e->tape);
    e->tape = tp;
    e->lent = 1;
}

const struct tr_model *tr__eval_model(const struct tr_eval *e)
{
    return e->m;
}

uint64_t tr__eval_vocab_hash(const struct tr_eval *e)
{
    return e->vocab_hash;
}

struct tr_tape_plan tr_eval_plan(const struct tr_eval *e)
{
    return e->plan;
}

void tr_eval_watch(struct tr_eval *e, const struct tr_progress *p)
{
    e->progress = *p;
}

void tr__eval_tell(const struct tr_eval *e, uint64_t done, uint64_t total)
{
    tr__tell(&e->progress, (int64_t)done, (int64_t)total);
}

void tr__eval_options(struct tr_eval *e, const double *option)
{
    for (int i = 0; i < TR_MAX_OPTION; i++)
        e->option[i] = option[i];
}

static int bad_weight(const struct tr_batch *b, int64_t i)
{
    return b->weight && !(isfinite(b->weight[i]) && (b->weight[i] >= 0 || b->target[i] < 0));
}

/* The first row that cannot be, or -1: ids in the vocabulary, positions that begin at 0 and
 * count on, and no further than a table of positions goes, weights that are some. */
static int64_t bad_row(const struct tr_eval *e, const struct tr_batch *b)
{
    const struct tr_weight *table = tr__weight(e->m, 0, TR_POSITION_EMBD);
    int64_t n_vocab = tr_model_config(e->m)->n_vocab;
    int64_t n_pos = table->t.data ? table->t.dim[0] : INT32_MAX;
    for (int64_t i = 0; i < b->n; i++) {
        int64_t next = i ? (int64_t)b->pos[i - 1] + 1 : 0;
        if (b->token[i] < 0 || b->token[i] >= n_vocab || b->target[i] < -1 ||
            b->target[i] >= n_vocab || (b->pos[i] && b->pos[i] != next) ||
            b->pos[i] >= n_pos || bad_weight(b, i))
            return i;
    }
    return -1;
}

static int check_batch(const struct tr_eval *e, const struct tr_batch *b,
                       struct tr_err *err)
{
    if (b->n < 1 || b->n > e->max_rows)
        return tr_err_set(err, TR_EINVAL, "%lld rows to measure, up to %lld were announced",
                          (long long)b->n, (long long)e->max_rows);
    int64_t i = bad_row(e, b);
    if (i < 0)
        return 0;
    int64_t n_vocab = tr_model_config(e->m)->n_vocab;
    int beyond = b->token[i] >= n_vocab || b->target[i] >= n_vocab;
    return tr_err_set(err, beyond ? TR_EMISMATCH : TR_EINVAL,
                      "%s: row %lld to measure has token %d, target %d, position %d and "
                      "weight %g, of which one cannot be",
                      tr_gguf_path(tr_model_gguf(e->m)), (long long)i, b->token[i], b->target[i], b->pos[i],
                      b->weight ? (double)b->weight[i] : 1);
}

static int check_finite(const struct tr_eval *e, int64_t n, double sum, const float *logits,
                        struct tr_err *err)
{
    float loss = isfinite(sum) ? 0 : INFINITY;
    int rc = tr__check_results(e->m, "losses", &loss, 1, err);
    if (!rc && logits)
        rc = tr__check_results(e->m, "logits", logits, n * e->m->config.n_vocab, err);
    return rc;
}

static int run_unchecked(struct tr_eval *e, const struct tr_batch *batch,
                         const struct tr_loss *loss, struct tr_err *err)
{
    int rc = check_batch(e, batch, err);
    if (rc)
        return rc;
    tr_tape_restart(e->tape, TR_TAPE_EVAL);
    tr_model_loss(e->m, e->tape, batch, loss);
    if ((rc = tr_tape_error(e->tape, err)))
        tr_err_prefix(err, "%s", tr_gguf_path(tr_model_gguf(e->m)));
    if (e->lent)
        tr_tape_restart(e->tape, TR_TAPE_TRAIN);
    return rc;
}

/* n: rows of logits, if they are stored. */
static int run_batch(struct tr_eval *e, const struct tr_batch *batch,
                     const struct tr_loss *loss, int64_t n, struct tr_err *err)
{
    int rc = run_unchecked(e, batch, loss, err);
    return rc ? rc : check_finite(e, n, loss->sum ? *loss->sum : 0, loss->logits, err);
}

int tr_eval_batch(struct tr_eval *e, const struct tr_batch *batch, double *sum,
                  float *row_loss, float *logits, struct tr_err *err)
{
    struct tr_loss loss = { .kind = e->kind, .scale = 1, .sum = sum, .row_loss = row_loss,
                            .logits = logits, .option = e->option };
    return run_batch(e, batch, &loss, batch->n, err);
}

int tr__eval_row_losses(struct tr_eval *e, const struct tr_batch *batch, float *row_loss,
                        struct tr_err *err)
{
    struct tr_loss loss = { .kind = e->kind, .scale = 1, .row_loss = row_loss,
                            .option = e->option };
    return run_unchecked(e, batch, &loss, err);
}

int tr__eval_counted(struct tr_eval *e, const struct tr_batch *batch, float *logits,
                     struct tr_err *err)
{
    struct tr_loss loss = { .kind = e->kind, .scale = 1, .logits = logits,
                            .only_counted = 1, .option = e->option };
    int64_t n = 0;
    for (int64_t i = 0; i < batch->n; i++)
        n += batch->target[i] >= 0 && (!batch->weight || batch->weight[i] != 0);
    return run_batch(e, batch, &loss, n, err);
}

int tr__eval_tops(struct tr_eval *e, const struct tr_batch *batch, const struct tr_tops *top,
                  struct tr_err *err)
{
    double sum = 0;
    struct tr_loss loss = { .kind = &tr__loss_top, .scale = 1, .sum = &sum, .top = top };
    return run_batch(e, batch, &loss, 0, err);
}

/* ---- a pack ----------------------------------------------------------------------- */

/* hash: of the model's vocabulary.  One with the same tokens may be longer by padding, which
 * no text has (tokenizer/hash.c); operations refuse an id of that kind all the same. */
static int check_pack(const struct tr_pack *pack, const struct tr_model *m, uint64_t hash,
                      struct tr_err *err)
{
    const struct tr_pack_info *info = tr_pack_info(pack);
    const struct tr_config *c = tr_model_config(m);
    const char *path = tr_pack_path(pack);
    int known = hash && info->vocab_hash;
    if (known ? hash != info->vocab_hash : info->n_vocab > c->n_vocab)
        return tr_err_set(err, TR_EMISMATCH,
                          "'%s' was made with another vocabulary than that of '%s'", path,
                          tr_gguf_path(tr_model_gguf(m)));
    if (info->ctx > c->n_ctx)
        return tr_err_set(err, TR_EMISMATCH,
                          "'%s' has sequences of %u positions, and the model was made for "
                          "%lld: pack it with -c %lld or less", path, info->ctx,
                          (long long)c->n_ctx, (long long)c->n_ctx);
    return 0;
}

enum { LOSS, WEIGHT, COUNTED, N_SUM };

/* Answers that are not wanted do not count.  What is too long is refused elsewhere. */
static int leave_out(struct tr_eval *e, const struct tr_pack_seq *seq, struct tr_batch *batch,
                     struct tr_err *err)
{
    if (!e->target && !(e->target = calloc((size_t)e->max_rows, sizeof *e->target)))
        return tr_err_set(err, TR_ENOMEM, "out of memory for %lld positions",
                          (long long)e->max_rows);
    for (int32_t j = 0; j < seq->n && j < e->max_rows; j++)
        e->target[j] = seq->weight && seq->weight[j] < 0 ? -1 : seq->target[j];
    batch->target = seq->n <= e->max_rows ? e->target : seq->target;
    return 0;
}

static int add_sequence(struct tr_eval *e, struct tr_pack *pack, uint64_t i,
                        double sums[N_SUM], struct tr_err *err)
{
    struct tr_pack_seq seq;
    int rc = tr_pack_read(pack, i, &seq, err);
    if (rc)
        return rc;
    struct tr_batch batch = { seq.n, seq.token, seq.target, seq.pos, seq.weight };
    if (tr_pack_info(pack)->is_signed && (rc = leave_out(e, &seq, &batch, err)))
        return rc;
    for (int32_t j = 0; j < seq.n; j++)
        sums[COUNTED] += batch.target[j] >= 0;
    sums[WEIGHT] += tr__batch_weight(&batch);
    return tr_eval_batch(e, &batch, &sums[LOSS], NULL, NULL, err);
}

/* The same, and by itself: of what no sum is as exact as one of its own. */
static int add_told(struct tr_eval *e, struct tr_pack *pack, uint64_t i, double sums[N_SUM],
                    struct tr_sequence_loss *told, struct tr_err *err)
{
    double own[N_SUM] = { 0 };
    int rc = add_sequence(e, pack, i, own, err);
    told->weight = own[WEIGHT];
    told->loss = own[WEIGHT] > 0 ? own[LOSS] / own[WEIGHT] : 0;
    for (int j = 0; j < N_SUM; j++)
        sums[j] += own[j];
    return rc;
}

struct taken { /* of a pack */
    struct tr_sequence_loss *seq; // (n_seq), or NULL
    uint64_t stride;
};

static int eval_taken(struct tr_eval *e, struct tr_pack *pack, const struct taken *x,
                      double *loss, uint64_t *n_counted, struct tr_err *err)
{
    double sums[N_SUM] = { 0 };
    uint64_t first = (uint64_t)tr_comm_rank(), each = (uint64_t)tr_comm_size();
    uint64_t n_seq = tr_pack_info(pack)->n_seq;
    int rc = check_pack(pack, e->m, e->vocab_hash, err);
    for (uint64_t i = 0; x->seq && i < n_seq; i++)
        x->seq[i] = (struct tr_sequence_loss){ 0 };
    for (uint64_t i = first * x->stride; !rc && i < n_seq; i += each * x->stride) {
        rc = x->seq ? add_told(e, pack, i, sums, &x->seq[i], err)
                    : add_sequence(e, pack, i, sums, err);
        tr__eval_tell(e, (uint64_t)sums[COUNTED] * each,
                      tr_pack_info(pack)->n_counted / x->stride);
    }
    if ((rc = tr_comm_agree(rc, err)))
        return rc;
    tr_comm_sum_f64(sums, N_SUM);
    if (x->seq)
        tr_comm_sum_f64(&x->seq->weight, 2 * (int64_t)n_seq);
    *loss = sums[WEIGHT] > 0 ? sums[LOSS] / sums[WEIGHT] : 0;
    *n_counted = (uint64_t)sums[COUNTED];
    return 0;
}

int tr_eval_sequences(struct tr_eval *e, struct tr_pack *pack, struct tr_sequence_loss *seq,
                      double *loss, uint64_t *n_counted, struct tr_err *err)
{
    return eval_taken(e, pack, &(struct taken){ seq, 1 }, loss, n_counted, err);
}

int tr_eval_part(struct tr_eval *e, struct tr_pack *pack, uint64_t stride,
                 struct tr_sequence_loss *seq, double *loss, uint64_t *n_counted,
                 struct tr_err *err)
{
    return eval_taken(e, pack, &(struct taken){ seq, stride }, loss, n_counted, err);
}

int tr_eval_pack(struct tr_eval *e, struct tr_pack *pack, double *loss, uint64_t *n_counted,
                 struct tr_err *err)
{
    return tr_eval_part(e, pack, 1, NULL, loss, n_counted, err);
}

int tr_pack_fits(const struct tr_pack *pack, const struct tr_model *m, struct tr_err *err)
{
    return check_pack(pack, m, tr_vocab_hash(tr_model_gguf(m)), err);
}
