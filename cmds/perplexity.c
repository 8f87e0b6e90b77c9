/* SPDX-License-Identifier: MIT
 *
 * perplexity - loss of a model on a pack or a text.  See perplexity.1
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/vocab.h"

#include <libtrain/eval.h>
#include <libtrain/file.h>
#include <libtrain/tokenizer.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL_CTX = 512 }; /* llama.cpp's default */

struct opts {
    const char *model, *data, *text, *logits, *output, *label, *after, *pre;
    struct cmd_list adapters;
    int64_t ctx;
    int loss, precision, special, binary;
};

struct sums {
    double loss, llama_loss;
    uint64_t n, n_llama;
};

/* ==== a pack ==== */

/* All logits, row after row, as they are computed: the file may be larger than memory. */
static int write_logits(const struct opts *o, struct tr_eval *e, struct tr_pack *pack,
                        int64_t n_vocab, struct sums *s, struct tr_err *err)
{
    const struct tr_pack_info *info = tr_pack_info(pack);
    float *logits = malloc((size_t)info->ctx * (size_t)n_vocab * sizeof *logits);
    struct tr_gguf_writer *w = logits ? tr_gguf_create(o->logits, err) : NULL;
    int rc = w ? 0 : err->code ? err->code : tr_err_set(err, TR_ENOMEM, "out of memory");
    if (w) {
        tr_gguf_set_string(w, "general.type", "logits");
        tr_gguf_add_tensor(w, "logits", &tr_f32, 2,
                           (int64_t[]){ (int64_t)info->n_token, n_vocab });
    }
    for (uint64_t i = 0; !rc && i < info->n_seq; i++) {
        struct tr_pack_seq seq;
        if ((rc = tr_pack_read(pack, i, &seq, err)))
            break;
        struct tr_batch batch = { seq.n, seq.token, seq.target, seq.pos };
        if (!(rc = tr_eval_batch(e, &batch, &s->loss, NULL, logits, err)))
            rc = tr_gguf_write(w, logits, seq.n * n_vocab * (int64_t)sizeof *logits, err);
    }
    s->n = info->n_counted;
    free(logits);
    if (!rc)
        return tr_gguf_commit(w, err);
    tr_gguf_discard(w);
    return rc;
}

static int on_pack(const struct opts *o, struct tr_model *m, struct sums *s,
                   struct tr_err *err)
{
    struct tr_eval *e = NULL;
    struct tr_pack *pack = tr_pack_open(o->data, err);
    int64_t n_vocab = tr_model_config(m)->n_vocab;
    int rc = pack ? tr_pack_fits(pack, o->data, m, err) : err->code;
    if (!rc && !(e = tr_eval_new(m, tr_pack_info(pack)->ctx, tr_loss_at(o->loss), err)))
        rc = err->code;
    if (!rc && o->logits) {
        rc = write_logits(o, e, pack, n_vocab, s, err);
    } else if (!rc) {
        rc = tr_eval_pack(e, pack, &s->loss, &s->n, err);
        s->loss *= (double)s->n;
    }
    tr_eval_free(e);
    tr_pack_close(pack);
    return rc;
}

/* ==== a text ==== */

struct text {
    struct tr_tokens t;
    int32_t bos;     /* -1: none in front */
    size_t n_window; /* tokens without EOS, which stands in none of llama.cpp's windows */
};

static int encode(const struct opts *o, const struct tr_model *m, struct text *x,
                  struct tr_err *err)
{
    struct tr_text text = {0};
    struct tr_tokenizer *tok = cmd_tokenizer(tr_model_gguf(m), o->pre, err);
    int rc = tok ? cmd_read_text(&text, o->text, &o->binary, err) : err->code;
    int around = rc ? 0 : tr_tokenizer_around(tok); /* as a document has BOS and EOS */
    int special = o->special ? TR_ENCODE_SPECIAL : 0;
    if (!rc && !special)
        cmd_tell_spelt_in(tok, text.bytes, text.n);
    if (!rc)
        rc = tr_tokenizer_encode(tok, text.bytes, text.n, around | special, &x->t, err);
    x->bos = around & TR_ENCODE_BOS ? tr_tokenizer_bos(tok) : -1;
    x->n_window = x->t.n - (around & TR_ENCODE_EOS && x->t.n);
    tr_text_release(&text);
    tr_tokenizer_free(tok);
    return rc;
}

struct window {
    int32_t *token, *target, *pos; // (ctx)
    float *row_loss;               // (ctx)
};

/* The predictions that llama.cpp counts: of a window of ctx tokens those of the tokens
 * behind the first half and one more. */
static void count_as_llama(const struct window *w, int64_t ctx, struct sums *s)
{
    for (int64_t j = ctx / 2; j < ctx - 1; j++)
        s->llama_loss += (double)w->row_loss[j];
    s->n_llama += (uint64_t)(ctx - 1 - ctx / 2);
}

static int on_window(int64_t ctx, struct tr_eval *e, const struct text *x, size_t at,
                     struct window *w, struct sums *s, struct tr_err *err)
{
    size_t left = x->t.n - 1 - at; /* predictions that are left */
    int64_t n = left < (size_t)ctx ? (int64_t)left : ctx;
    for (int64_t j = 0; j < n; j++) {
        w->token[j] = (int32_t)x->t.id[at + (size_t)j];
        w->target[j] = (int32_t)x->t.id[at + (size_t)j + 1];
    }
    struct tr_batch batch = { n, w->token, w->target, w->pos };
    int rc = tr_eval_batch(e, &batch, &s->loss, w->row_loss, NULL, err);
    s->n += (uint64_t)n;
    if (rc || at + (size_t)ctx > x->n_window) /* llama.cpp drops the tail */
        return rc;
    if (x->bos >= 0 && w->token[0] != x->bos) {
        double again = 0;
        w->token[0] = x->bos;
        rc = tr_eval_batch(e, &batch, &again, w->row_loss, NULL, err);
    }
    count_as_llama(w, ctx, s);
    return rc;
}

/* Positions in a window: what the user asks for, else what is usual, as far as the model
 * goes. */
static int64_t choose_ctx(const struct opts *o, const struct tr_model *m,
                          struct tr_err *err)
{
    int64_t most = tr_model_config(m)->n_ctx;
    if (o->ctx > most)
        return tr_err_set(err, TR_EMISMATCH, "'--ctx' is %lld, but '%s' was made for %lld "
                          "positions", (long long)o->ctx, o->model, (long long)most);
    if (!o->ctx && most < USUAL_CTX)
        cmd_say("windows of %lld positions: the model was made for no more",
                (long long)most);
    return o->ctx ? o->ctx : most < USUAL_CTX ? most : USUAL_CTX;
}

static int on_text(const struct opts *o, struct tr_model *m, struct sums *s,
                   struct tr_err *err)
{
    struct text x = {0};
    struct window w = {0};
    struct tr_eval *e = NULL;
    int64_t ctx = choose_ctx(o, m, err);
    int rc = ctx < 0 ? (int)ctx : encode(o, m, &x, err);
    if (!rc && x.t.n < 2)
        rc = tr_err_set(err, TR_EFORMAT, "%s: nothing to predict", o->text);
    if (!rc && !(e = tr_eval_new(m, ctx, tr_loss_at(o->loss), err)))
        rc = err->code;
    w.token = rc ? NULL : calloc((size_t)ctx * 3, sizeof *w.token);
    w.row_loss = rc ? NULL : calloc((size_t)ctx, sizeof *w.row_loss);
    if (!rc && (!w.token || !w.row_loss))
        rc = tr_err_set(err, TR_ENOMEM, "out of memory");
    if (!rc) {
        w.target = w.token + ctx;
        w.pos = w.target + ctx;
        for (int64_t j = 0; j < ctx; j++)
            w.pos[j] = (int32_t)j;
        for (size_t at = 0; !rc && at + 1 < x.t.n; at += (size_t)ctx)
            rc = on_window(ctx, e, &x, at, &w, s, err);
    }
    free(w.token);
    free(w.row_loss);
    tr_eval_free(e);
    tr_tokens_release(&x.t);
    return rc;
}

/* ==== the command ==== */

/* The table: with a label a short one, whose rows may follow those of an older table. */
static void print(const struct opts *o, const struct sums *s, FILE *out)
{
    double loss = s->loss / (double)s->n;
    if (o->label) {
        if (!o->after)
            fprintf(out, "model\tloss\tperplexity\n");
        fprintf(out, "%s\t%.9g\t%.9g\n", o->label, loss, exp(loss));
        return;
    }
    fprintf(out, "tokens\tloss\tperplexity\tllama_perplexity\n%llu\t%.9g\t%.9g\t",
            (unsigned long long)s->n, loss, exp(loss));
    if (s->n_llama)
        fprintf(out, "%.9g\n", exp(s->llama_loss / (double)s->n_llama));
    else
        fprintf(out, "-\n");
}

static int run(const struct opts *o, struct tr_err *err)
{
    struct sums s = {0};
    struct tr_model *m = NULL;
    struct cmd_adapters adapters = {0};
    const struct tr_precision *precision = tr_precision_at(o->precision);
    int rc = TR_EIO;
    struct tr_out *out = tr_out_open(o->output, err);
    if (!out || !(m = cmd_open_model(o->model, err)) ||
        tr_gguf_check(tr_model_gguf(m), err) ||
        cmd_adapters_attach(&adapters, &o->adapters, m, err) ||
        tr_precision_open(precision, err) || cmd_copy(o->after, tr_out_stream(out), err))
        goto end;
    tr_model_set_precision(m, precision);
    rc = o->data ? on_pack(o, m, &s, err) : on_text(o, m, &s, err);
    if (!rc && !s.n)
        rc = tr_err_set(err, TR_EFORMAT, "%s: no position counts", o->data);
    if (!rc)
        print(o, &s, tr_out_stream(out));
end:
    if (rc)
        tr_out_discard(out);
    else
        rc = tr_out_commit(out, err);
    tr_model_close(m);
    cmd_adapters_release(&adapters);
    return rc ? CMD_FAIL : CMD_OK;
}

int main(int argc, char **argv)
{
    struct opts o = { .output = "-" };
    const char *loss[CMD_MAX_CHOICE], *precision[CMD_MAX_CHOICE];
    cmd_loss_names(loss);
    cmd_precision_names(precision);
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "GGUF to measure"),
        CMD_INS('a', "adapter", &o.adapters, "FILE[:SCALE]",
                 "adapter on top of it, may be given again"),
        CMD_IN('d', "data", &o.data, "FILE", "packed data"),
        CMD_IN('f', "file", &o.text, "FILE", "text; - is standard input"),
        CMD_INT('c', "ctx", &o.ctx, 2, 1 << 24, "N",
                "positions in a window of --file; 512, or as many as the model was made for"),
        CMD_TEXT(0, "pre", &o.pre, "NAME", CMD_PRE_HELP),
        CMD_FLAG(0, "special", &o.special, CMD_SPECIAL_HELP),
        CMD_FLAG(0, "binary", &o.binary, CMD_BINARY_HELP),
        CMD_CHOICE(0, "loss", &o.loss, loss, "NAME", "what is measured"),
        CMD_CHOICE(0, "precision", &o.precision, precision, "NAME", "of the matrix products"),
        CMD_OUT(0, "logits", &o.logits, "FILE",
                 "also write the logits of every position of --data, as GGUF"),
        CMD_OUT('o', "output", &o.output, "FILE", "where to write the table"),
        CMD_TEXT(0, "label", &o.label, "TEXT",
                 "a table of columns model, loss and perplexity, with this name of the model"),
        CMD_IN(0, "after", &o.after, "FILE", "begin with the rows of this older table"),
        CMD_END
    };
    const struct cmd cmd = { "perplexity", "-m MODEL.gguf (-d DATA.pack | -f TEXT [-c N])",
                             "loss and perplexity of a model, as TSV", table, 0, 0 };
    struct tr_err err = {0};
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    if (!o.model || !o.data == !o.text)
        cmd_usage(&cmd, "option '--model' and one of '--data' and '--file' are required");
    if (o.after && !o.label)
        cmd_usage(&cmd, "'--after' goes with '--label'");
    if ((o.pre || o.special || o.binary) && !o.text)
        cmd_usage(&cmd, "'--%s' goes with '--file'",
                  o.pre ? "pre" : o.special ? "special" : "binary");
    if (o.logits && !o.data)
        cmd_usage(&cmd, "'--logits' goes with '--data'");
    int rc = run(&o, &err);
    free(o.adapters.item);
    return cmd_end(rc, &err);
}
