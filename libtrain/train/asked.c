/* SPDX-License-Identifier: MIT
 *
 * What a run asks of other models, from files that were written before it: the reference
 * of answers, a teacher's likeliest ids.  What a row of a teacher holds is looked at when
 * it comes up, since a file may be larger than memory.
 */
#include <libtrain/model/model.h>
#include <libtrain/train/run.h>

#include <math.h>
#include <stdlib.h>

uint64_t tr__run_sequences(const struct tr_trainer *t)
{
    const struct tr__said *s = &t->asked.teacher;
    return s->g ? s->n_seq : tr_pack_info(t->pack)->n_seq;
}

static int open_reference(struct tr_trainer *t, struct tr_err *err)
{
    struct tr__asked *a = &t->asked;
    int rc = tr__said_open(&a->reference, &tr__said_answers, t->args.reference, t->m, t->pack,
                           err);
    if (rc)
        return rc;
    const struct tr__said *s = &a->reference;
    if (s->n_seq != tr_pack_info(t->pack)->n_seq)
        return tr_err_set(err, TR_EFORMAT, "'%s' is not about all of '%s'",
                          tr_gguf_path(s->g), tr_pack_path(t->pack));
    a->log_p = tr__said_tensor(s, "log_p", &tr_f32, 1, err);
    for (int64_t i = 0; a->log_p && i < s->first[s->n_seq]; i++)
        if (!(a->log_p[i] <= 0 && isfinite(a->log_p[i])))
            return tr_err_set(err, TR_EFORMAT, "'%s': answer %lld has the logarithm %g",
                              tr_gguf_path(s->g), (long long)i, (double)a->log_p[i]);
    return a->log_p ? 0 : TR_EFORMAT;
}

static int64_t likeliest(const struct tr__said *s)
{
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(s->g, "id");
    return t ? tr_gguf_row(t) : 0;
}

static int open_teacher(struct tr_trainer *t, struct tr_err *err)
{
    struct tr__asked *a = &t->asked;
    int rc = tr__said_open(&a->teacher, &tr__said_tops, t->args.teacher, t->m, t->pack, err);
    if (rc)
        return rc;
    int64_t k = likeliest(&a->teacher);
    if (k < 1 || k > TR_MAX_TOP || k > tr_model_config(t->m)->n_vocab)
        return tr_err_set(err, TR_EFORMAT, "'%s': %lld likeliest ids cannot be",
                          tr_gguf_path(a->teacher.g), (long long)k);
    /* read only, as this loss does */
    a->top = (struct tr_tops){
        .k = k,
        .id = (int32_t *)(uintptr_t)tr__said_tensor(&a->teacher, "id", &tr_i32, k, err),
        .log_p = (float *)(uintptr_t)tr__said_tensor(&a->teacher, "log_p", &tr_f32, k + 1, err),
    };
    if (!a->top.id || !a->top.log_p)
        return TR_EFORMAT;
    if (a->teacher.n_seq < tr_pack_info(t->pack)->n_seq)
        tr__warn(t, "the teacher was asked about %llu of %llu sequences: these are trained",
                 (unsigned long long)a->teacher.n_seq,
                 (unsigned long long)tr_pack_info(t->pack)->n_seq);
    return 0;
}

int tr__asked_open(struct tr_trainer *t, struct tr_err *err)
{
    int rc = t->args.reference ? open_reference(t, err) : 0;
    return rc || !t->args.teacher ? rc : open_teacher(t, err);
}

void tr__asked_close(struct tr__asked *a)
{
    tr__said_close(&a->reference);
    tr__said_close(&a->teacher);
    free(a->at);
}

/* A row of the teacher: ids that there are, logarithms of probabilities. */
static int is_row(const struct tr_trainer *t, int64_t at)
{
    const struct tr_tops *top = &t->asked.top;
    const int32_t *id = top->id + at * top->k;
    const float *log_p = top->log_p + at * (top->k + 1);
    int ok = log_p[top->k] <= 0 && isfinite(log_p[top->k]);
    for (int64_t i = 0; i < top->k && ok; i++)
        ok = id[i] >= 0 && id[i] < tr_model_config(t->m)->n_vocab && log_p[i] <= 0 &&
             isfinite(log_p[i]);
    return ok;
}

int tr__asked_place(struct tr_trainer *t, uint64_t i_seq, const struct tr_pack_seq *seq,
                    int64_t row, struct tr_err *err)
{
    struct tr__asked *a = &t->asked;
    if (!a->at)
        return 0;
    int64_t at = a->teacher.first[i_seq];
    for (int32_t j = 0; j < seq->n; j++) {
        a->at[row + j] = seq->target[j] >= 0 ? at++ : -1;
        if (seq->target[j] >= 0 && !is_row(t, at - 1))
            return tr_err_set(err, TR_EFORMAT, "'%s': position %lld has ids or logarithms "
                              "that cannot be", tr_gguf_path(a->teacher.g),
                              (long long)(at - 1));
    }
    return 0;
}

double tr__asked_reference(const struct tr_trainer *t, uint64_t i_seq, int64_t i)
{
    return (double)t->asked.log_p[t->asked.reference.first[i_seq] + i];
}
