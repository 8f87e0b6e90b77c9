/* SPDX-License-Identifier: MIT
 *
 * perplexity - loss of a model on a pack or a text.  See perplexity.1
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/divergence.h"
#include "shared/job.h"
#include "shared/losses.h"
#include "shared/rope.h"
#include "shared/text-ids.h"
#include "shared/text-out.h"
#include "shared/vocab.h"

#include <libtrain/eval.h>
#include <libtrain/file.h>
#include <libtrain/printable.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    const char *model, *data, *logits, *losses, *output, *label, *after, *kl_base;
    struct cmd_text_in text;
    struct cmd_list adapters;
    struct cmd_rope rope;
    int64_t chunks;
    double part; /* of the sequences; 0: all */
    int force, loss, precision_number;
    const struct tr_precision *precision;
};

enum { FEWEST = 16 }; /* sequences that --part leaves: twice what an interval needs */

static struct tr_eval *new_eval(const struct opts *o, struct tr_model *m, int64_t ctx,
                                struct tr_err *err)
{
    struct tr_eval *e = tr_eval_new(m, ctx, tr_loss_at(o->loss), err);
    struct tr_progress progress = cmd_job("tok");
    if (e)
        tr_eval_watch(e, &progress);
    return e;
}

/* What --part leaves: every so many-th sequence. */
static uint64_t stride_of(const struct opts *o, const struct tr_pack *pack)
{
    double n = (double)tr_pack_info(pack)->n_seq;
    double some = fmax(FEWEST, o->part < 1 ? o->part * n : o->part);
    uint64_t stride = o->part > 0 && some < n ? (uint64_t)ceil(n / some) : 1;
    while (stride > 1 && ceil(n / (double)stride) < FEWEST)
        stride--;
    if (stride > 1)
        cmd_say("measured are %.0f of %.0f sequences, every %llu-th", ceil(n / (double)stride),
                n, (unsigned long long)stride);
    return stride;
}

/* The loss of a pack, with a table of those of its sequences. */
static int with_losses(const struct opts *o, struct tr_eval *e, struct tr_pack *pack,
                       struct tr_text_loss *s, struct tr_err *err)
{
    uint64_t n = tr_pack_info(pack)->n_seq;
    struct tr_out *out = tr_out_open(o->losses, err);
    struct tr_sequence_loss *seq = calloc(n ? n : 1, sizeof *seq);
    int rc = !out ? err->code
             : seq ? tr_eval_part(e, pack, stride_of(o, pack), seq, &s->loss, &s->n, err)
                   : tr_err_set(err, TR_ENOMEM, "out of memory for the losses of %llu "
                                "sequences", (unsigned long long)n);
    if (!rc)
        cmd_losses_print(tr_out_stream(out), seq, n);
    free(seq);
    return tr_out_finish(out, rc, err);
}

static int on_pack(const struct opts *o, struct tr_model *m, struct tr_text_loss *s,
                   struct tr_err *err)
{
    struct tr_eval *e = NULL;
    struct tr_pack *pack = tr_pack_open(o->data, err);
    int rc = pack ? tr_pack_fits(pack, m, err) : err->code;
    if (!rc)
        tr_model_set_context(m, tr_pack_info(pack)->ctx);
    if (!rc && !(e = new_eval(o, m, tr_pack_info(pack)->ctx, err)))
        rc = err->code;
    if (!rc)
        rc = o->logits   ? tr_eval_logits(e, pack, o->logits, &s->loss, &s->n, err)
             : o->losses ? with_losses(o, e, pack, s, err)
                         : tr_eval_part(e, pack, stride_of(o, pack), NULL, &s->loss, &s->n, err);
    s->loss *= (double)s->n;
    tr_eval_free(e);
    tr_pack_close(pack);
    return rc;
}

static int on_text(const struct opts *o, struct tr_model *m, struct tr_text_loss *s,
                   struct tr_err *err)
{
    struct tr_tokens t = {0};
    struct tr_text_ids x;
    struct tr_eval *e = NULL;
    int64_t ctx = cmd_text_ctx(&o->text, m, err);
    int rc = ctx < 0 ? (int)ctx : cmd_text_ids(&o->text, m, &t, &x, err);
    if (!rc)
        tr_model_set_context(m, ctx);
    if (!rc && !(e = new_eval(o, m, ctx, err)))
        rc = err->code;
    if (!rc && (rc = tr_eval_text(e, &x, ctx, s, err)))
        tr_err_prefix(err, "%s", o->text.path);
    tr_eval_free(e);
    tr_tokens_release(&t);
    return rc;
}

/* Instead of its loss, how far the model is from another. */
static int against(const struct opts *o, struct tr_model *m, FILE *out, struct tr_err *err)
{
    struct tr_divergence d;
    struct tr_model *base = cmd_open_model(o->kl_base, err);
    int rc = base ? tr_gguf_check(tr_model_gguf(base), err) : err->code;
    if (!rc) {
        tr_model_set_precision(base, o->precision);
        rc = cmd_divergence(&o->text, o->chunks, m, base, &d, err);
    }
    if (!rc)
        cmd_divergence_print(out, &d);
    tr_model_close(base);
    return rc;
}

/* The table: with a label a short one, whose rows may follow those of an older table. */
static void print(const struct opts *o, const struct tr_text_loss *s, FILE *out)
{
    double loss = s->loss / (double)s->n;
    if (o->label) {
        if (!o->after)
            fprintf(out, "model\tloss\tperplexity\n");
        tr_print_escaped(out, o->label, strlen(o->label));
        fprintf(out, "\t%.9g\t%.9g\n", loss, exp(loss));
        return;
    }
    fprintf(out, "tokens\tloss\tperplexity\tllama_perplexity\n%llu\t%.9g\t%.9g\t",
            (unsigned long long)s->n, loss, exp(loss));
    if (s->n_llama)
        fprintf(out, "%.9g\n", exp(s->llama_loss / (double)s->n_llama));
    else
        fprintf(out, "-\n");
}

static int run(struct opts *o, struct tr_err *err)
{
    struct tr_text_loss s = {0};
    struct tr_model *m = NULL;
    struct cmd_adapters adapters = {0};
    struct cmd_text_out text;
    int rc = TR_EIO;
    struct tr_out *out = tr_out_open(o->output, err);
    if (!out || !(m = cmd_open_model(o->model, err)) ||
        tr_model_set_rope(m, o->rope.base, o->rope.scale, err) ||
        tr_gguf_check(tr_model_gguf(m), err) ||
        cmd_adapters_attach(&adapters, &o->adapters, m, o->force, err) ||
        !(o->precision = cmd_precision(o->precision_number, err)))
        goto end;
    text = cmd_text_to(out);
    if (cmd_text_copy(&text, o->after, err))
        goto end;
    tr_model_set_precision(m, o->precision);
    if (o->kl_base) {
        rc = against(o, m, tr_out_stream(out), err);
        goto end;
    }
    rc = o->data ? on_pack(o, m, &s, err) : on_text(o, m, &s, err);
    cmd_job_end();
    if (!rc && !s.n)
        rc = tr_err_set(err, TR_EFORMAT, "%s: no position counts", o->data);
    if (!rc)
        print(o, &s, tr_out_stream(out));
end:
    rc = tr_out_finish(out, rc, err);
    tr_model_close(m);
    cmd_adapters_release(&adapters);
    return rc ? CMD_FAIL : CMD_OK;
}

int main(int argc, char **argv)
{
    struct opts o = { .output = "-" };
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "GGUF to measure"),
        CMD_INS('a', "adapter", &o.adapters, "FILE[:SCALE]",
                 "adapter on top of it, may be given again"),
        CMD_FLAG(0, "force", &o.force, "also an adapter that was trained on another base"),
        CMD_IN('d', "data", &o.data, "FILE", "packed data"),
        CMD_IN('f', "file", &o.text.path, "FILE", "text; - is standard input"),
        CMD_INT('c', "ctx", &o.text.ctx, 2, TR_PACK_MAX_CTX, "N",
                "positions in a window of --file; 512, or what the model was made for"),
        CMD_TEXT(0, "pre", &o.text.pre, "NAME", CMD_PRE_HELP),
        CMD_FLAG(0, "special", &o.text.special, CMD_SPECIAL_HELP),
        CMD_FLAG(0, "binary", &o.text.binary, CMD_BINARY_HELP),
        CMD_FLOAT(0, "part", &o.part, 0, 1e15, "X",
                  "of --data measure so many sequences, below 1 a share, at least 16"),
        CMD_CHOICE(0, "loss", &o.loss, cmd_loss_name, "NAME", "what is measured"),
        CMD_CHOICE(0, "precision", &o.precision_number, cmd_precision_name, "NAME",
                   "of the matrix products"),
        CMD_ROPE_BASE(&o.rope),
        CMD_ROPE_SCALE(&o.rope),
        CMD_OUT(0, "logits", &o.logits, "FILE",
                 "also write the logits of every position of --data, as GGUF"),
        CMD_OUT(0, "losses", &o.losses, "FILE",
                 "also write the loss of each sequence of --data, as TSV"),
        CMD_IN(0, "kl-base", &o.kl_base, "FILE",
                "how far the model is from this one, on chunks of --file"),
        CMD_INT(0, "chunks", &o.chunks, 1, INT32_MAX, "N", "of them; all"),
        CMD_OUT('o', "output", &o.output, "FILE", "where to write the table"),
        CMD_TEXT(0, "label", &o.label, "TEXT",
                 "a table of columns model, loss and perplexity, with this name of the model"),
        CMD_IN(0, "after", &o.after, "FILE", "begin with the rows of this older table"),
        CMD_END
    };
    const struct cmd cmd = { "perplexity", "-m MODEL.gguf (-d DATA.pack | -f TEXT [-c N])",
                             "loss and perplexity of a model, as TSV", table, 0, 0,
                             (const char *const[]){ "model", "data|file", NULL } };
    struct tr_err err = {0};
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    if (o.data && o.text.path)
        cmd_usage(&cmd, "'--data' and '--file' exclude each other");
    if (o.kl_base && (o.data || o.label || o.loss))
        cmd_usage(&cmd, "'--kl-base' goes with '--file', and not with '--label' or '--loss'");
    if (o.chunks && !o.kl_base)
        cmd_usage(&cmd, "'--chunks' goes with '--kl-base'");
    if (o.after && !o.label)
        cmd_usage(&cmd, "'--after' goes with '--label'");
    if ((o.text.pre || o.text.special || o.text.binary) && !o.text.path)
        cmd_usage(&cmd, "'--%s' goes with '--file'",
                  o.text.pre ? "pre" : o.text.special ? "special" : "binary");
    if ((o.logits || o.losses) && !o.data)
        cmd_usage(&cmd, "'--%s' goes with '--data'", o.logits ? "logits" : "losses");
    if (o.part > 0 && (!o.data || o.logits))
        cmd_usage(&cmd, "'--part' goes with '--data', and not with '--logits'");
    if (o.logits && o.losses)
        cmd_usage(&cmd, "'--losses' does not go with '--logits'");
    int rc = run(&o, &err);
    free(o.adapters.item);
    return cmd_end(rc, &err);
}
