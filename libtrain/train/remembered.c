/* SPDX-License-Identifier: MIT
 *
 * What a run remembers of its steps, as keys of its checkpoints: a number each, and none where it
 * is 0.
 */
#include <libtrain/train/run.h>

#include <math.h>
#include <stddef.h>
#include <string.h>

#define KEY(NAME, FIELD, LEAST) \
    { "checkpoint." NAME, offsetof(struct tr__remembered, FIELD), LEAST }

static const struct {
    const char *key;
    size_t at;
    double least;
} keys[] = {
    KEY("bad_steps", bad, 0),
    KEY("rewinds", rewinds, 0),
    KEY("rewind_step", anchor, 0),
    KEY("best_loss", best_loss, -HUGE_VAL),
    KEY("best_step", best_step, 0),
    KEY("evals_since_best", since_best, 0),
    KEY("loss_mean", loss_mean, -HUGE_VAL),
    KEY("loss_variance", loss_variance, 0),
};
enum { N_KEY = sizeof keys / sizeof *keys };

void tr__write_past(struct tr_gguf_writer *g, const struct tr_trainer *t)
{
    for (int i = 0; i < N_KEY; i++) {
        double v;
        memcpy(&v, (const char *)&t->past + keys[i].at, sizeof v);
        if (v != 0)
            tr_gguf_set_f64(g, keys[i].key, v);
    }
}

int tr__read_past(struct tr__remembered *past, const struct tr_gguf *g, struct tr_err *err)
{
    *past = (struct tr__remembered){ 0 };
    for (int i = 0; i < N_KEY; i++) {
        const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, keys[i].key);
        double v = NAN;
        if (!kv)
            continue;
        if (kv->type == TR_GGUF_F64)
            memcpy(&v, kv->data, sizeof v);
        if (!isfinite(v) || v < keys[i].least)
            return tr_err_set(err, TR_EFORMAT, "'%s': key '%s' is no number that can be",
                              tr_gguf_path(g), keys[i].key);
        memcpy((char *)past + keys[i].at, &v, sizeof v);
    }
    return 0;
}
