/* SPDX-License-Identifier: MIT
 *
 * Logits of a whole pack in a file, to compare with other programs.  A sequence at a time:
 * the file may be larger than memory.
 */
#include <libtrain/eval.h>
#include <libtrain/model/model.h>
#include <libtrain/train/eval.h>

#include <stdlib.h>

static int write_all(struct tr_eval *e, struct tr_pack *pack, struct tr_gguf_writer *w,
                     float *logits, double *sum, double *weight, struct tr_err *err)
{
    int64_t n_vocab = tr_model_config(tr__eval_model(e))->n_vocab;
    uint64_t counted = 0;
    int rc = 0;
    for (uint64_t i = 0; !rc && i < tr_pack_info(pack)->n_seq; i++) {
        struct tr_pack_seq seq;
        if ((rc = tr_pack_read(pack, i, &seq, err)))
            break;
        struct tr_batch batch = { seq.n, seq.token, seq.target, seq.pos, seq.weight };
        *weight += tr__batch_weight(&batch);
        for (int32_t j = 0; j < seq.n; j++)
            counted += seq.target[j] >= 0;
        rc = tr_eval_batch(e, &batch, sum, NULL, logits, err);
        if (!rc)
            rc = tr_gguf_write(w, logits, seq.n * n_vocab * (int64_t)sizeof *logits, err);
        tr__eval_tell(e, counted, tr_pack_info(pack)->n_counted);
    }
    return rc;
}

int tr_eval_logits(struct tr_eval *e, struct tr_pack *pack, const char *path, double *loss,
                   uint64_t *n_counted, struct tr_err *err)
{
    const struct tr_pack_info *info = tr_pack_info(pack);
    int64_t n_vocab = tr_model_config(tr__eval_model(e))->n_vocab;
    int64_t dim[] = { (int64_t)info->n_token, n_vocab };
    double sum = 0, weight = 0;
    float *logits = malloc((size_t)info->ctx * (size_t)n_vocab * sizeof *logits);
    if (!logits)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %u rows of logits", info->ctx);
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    int rc = w ? 0 : TR_EIO;
    if (w) {
        tr_gguf_set_string(w, "general.type", "logits");
        tr_gguf_add_tensor(w, "logits", &tr_f32, 2, dim);
        rc = write_all(e, pack, w, logits, &sum, &weight, err);
    }
    free(logits);
    *n_counted = info->n_counted;
    *loss = weight > 0 ? sum / weight : 0;
    return tr_gguf_finish(w, rc, err);
}
