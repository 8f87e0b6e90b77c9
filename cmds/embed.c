/* SPDX-License-Identifier: MIT
 *
 * embed - hidden states of a model as arrays for NumPy.  See embed.1
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/job.h"

#include <libtrain/embed.h>
#include <libtrain/file.h>
#include <libtrain/token.h>
#include <libtrain/tokenizer.h>

#include <stdlib.h>

enum { USUAL_CTX = 512 };

struct opts {
    const char *model, *output;
    struct cmd_list adapters;
    struct tr_embed_args args;
    int force, pooling, precision;
};

static const char *pooling_name(int i)
{
    return tr_pooling_at(i) ? tr_pooling_name(tr_pooling_at(i)) : NULL;
}

static int add_all(struct tr_embed *e, const struct tr_model *m, FILE *f, const char *path,
                   struct tr_err *err)
{
    const uint32_t *token;
    size_t n;
    int more = 0, failed = 0;
    struct tr_token_reader *r = tr_token_reader_new(f, path, err);
    if (!r)
        return err->code;
    if (tr_token_reader_vocab_hash(r) != tr_vocab_hash(tr_model_gguf(m)))
        failed = tr_err_set(err, TR_EMISMATCH, "'%s' was made with another vocabulary than "
                            "that of '%s'", path, tr_gguf_path(tr_model_gguf(m)));
    while (!failed && (more = tr_token_read(r, &token, &n, err)) > 0) {
        if ((failed = tr_embed_add(e, token, n, err)))
            tr_err_prefix(err, "'%s'", path);
        cmd_job_at(tr_embed_counts(e).n_token, 0);
    }
    tr_token_reader_free(r);
    return failed ? failed : more;
}

static int embed(struct opts *o, struct tr_model *m, FILE *f, const char *path,
                 struct tr_err *err)
{
    int64_t most = tr_model_config(m)->n_ctx;
    if (!o->args.ctx)
        o->args.ctx = most < USUAL_CTX ? most : USUAL_CTX;
    struct tr_embed *e = tr_embed_new(m, &o->args, err);
    if (!e)
        return err->code;
    cmd_job("tok");
    int rc = add_all(e, m, f, path, err);
    if (!rc)
        rc = tr_embed_write(e, o->output, err);
    cmd_job_end();
    struct tr_embed_counts c = tr_embed_counts(e);
    if (!rc)
        cmd_say("%lld documents, %lld tokens", (long long)c.n_document, (long long)c.n_token);
    if (!rc && c.n_cut)
        cmd_say("of %lld documents only the first %lld tokens were read: -c N takes more", (long long)c.n_cut, (long long)o->args.ctx);
    tr_embed_free(e);
    return rc;
}

static int run(struct opts *o, FILE *f, const char *path, struct tr_err *err)
{
    struct cmd_adapters adapters = { 0 };
    const struct tr_precision *precision;
    int rc = cmd_writable(o->output, err);
    struct tr_model *m = rc ? NULL : cmd_open_model(o->model, err);
    if (m && !tr_gguf_check(tr_model_gguf(m), err) &&
        !cmd_adapters_attach(&adapters, &o->adapters, m, o->force, err) &&
        (precision = cmd_precision(o->precision, err))) {
        tr_model_set_precision(m, precision);
        rc = embed(o, m, f, path, err);
    } else if (!rc) {
        rc = err->code;
    }
    tr_model_close(m);
    cmd_adapters_release(&adapters);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { .pooling = -1, .args = { .normalise = 1 } };
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "GGUF of the model"),
        CMD_INS('a', "adapter", &o.adapters, "FILE[:SCALE]",
                "adapter on top of it, may be given again"),
        CMD_FLAG(0, "force", &o.force, "also an adapter that was trained on another base"),
        CMD_OUT('o', "output", &o.output, "FILE", "archive .npz, or .npy for one array"),
        CMD_CHOICE(0, "pooling", &o.pooling, pooling_name, "NAME",
                   "of a document's last hidden states; mean, unless layers are asked for"),
        CMD_UNFLAG(0, "no-normalize", &o.args.normalise, "leave the length of pooled rows"),
        CMD_TEXT(0, "inputs", &o.args.inputs, "LIST",
                 "what goes into these layers, by name or kind, with commas"),
        CMD_TEXT(0, "outputs", &o.args.outputs, "LIST", "what comes out of these"),
        CMD_INT('c', "ctx", &o.args.ctx, 1, INT32_MAX, "N",
                "tokens of a document at most; 512, or what the model was made for"),
        CMD_CHOICE(0, "precision", &o.precision, cmd_precision_name, "NAME",
                   "of the matrix products"),
        CMD_END
    };
    const struct cmd cmd = { "embed", "-m MODEL.gguf [-a ADAPTER.gguf] -o OUT.npz [FILE]",
                             "hidden states of a model as arrays for NumPy", table, 0, 1,
                             (const char *const[]){ "model", "output", NULL } };
    struct tr_err err = { 0 };
    int n, rc = -1;
    char **file = cmd_parse(&cmd, argc, argv, &n);
    const char *path = n ? *file : "-";
    if (o.pooling < 0 && !o.args.inputs && !o.args.outputs)
        o.pooling = 0;
    o.args.pooling = o.pooling < 0 ? NULL : tr_pooling_at(o.pooling);
    FILE *f = tr_in_open(path, &err);
    if (f) {
        rc = run(&o, f, path, &err);
        fclose(f);
    }
    free(o.adapters.item);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
