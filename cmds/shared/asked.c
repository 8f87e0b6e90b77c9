/* SPDX-License-Identifier: MIT
 *
 * The model, its adapters and the pack of a command that asks one about the other.
 */
#include "asked.h"
#include "job.h"

#include <libtrain/loss.h>

#include <stdlib.h>

static int open_all(struct cmd_asked *a, struct tr_err *err)
{
    const struct tr_precision *precision;
    if (cmd_writable(a->output, err) || !(a->m = cmd_open_model(a->model, err)) ||
        tr_model_set_rope(a->m, a->rope.base, a->rope.scale, err) ||
        tr_gguf_check(tr_model_gguf(a->m), err) ||
        cmd_adapters_attach(&a->attached, &a->adapter, a->m, a->force, err) ||
        !(precision = cmd_precision(a->precision, err)) ||
        !(a->pack = tr_pack_open(a->data, err)) || tr_pack_fits(a->pack, a->m, err))
        return err->code;
    tr_model_set_precision(a->m, precision);
    tr_model_set_context(a->m, tr_pack_info(a->pack)->ctx);
    a->e = tr_eval_new(a->m, tr_pack_info(a->pack)->ctx, tr_loss_at(0), err);
    return a->e ? 0 : err->code;
}

int cmd_asked_open(struct cmd_asked *a, const char *unit, struct tr_err *err)
{
    int rc = open_all(a, err);
    if (!rc) {
        struct tr_progress progress = cmd_job(unit);
        tr_eval_watch(a->e, &progress);
    }
    return rc;
}

void cmd_asked_close(struct cmd_asked *a)
{
    cmd_job_end();
    tr_eval_free(a->e);
    tr_pack_close(a->pack);
    tr_model_close(a->m);
    cmd_adapters_release(&a->attached);
    free(a->adapter.item);
}
