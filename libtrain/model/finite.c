/* SPDX-License-Identifier: MIT
 *
 * A result that is no number is never a success.  Looking at results costs nothing, while
 * looking at all weights before the first token would read a model of many gigabytes twice;
 * so weights are looked at when a result has shown that something is wrong with them.
 */
#include <libtrain/model/model.h>

int tr__check_results(const struct tr_model *m, const char *what, const float *v, int64_t n,
                      struct tr_err *err)
{
    if (tr_f32.finite(v, n))
        return 0;
    int rc = tr_gguf_check(m->g, err);
    if (rc)
        return rc;
    return tr_err_set(err, TR_EDIVERGED,
                      "%s: %s hold a NaN or an infinity, though no weight of the file does: "
                      "numbers became too large", tr_gguf_path(m->g), what);
}
