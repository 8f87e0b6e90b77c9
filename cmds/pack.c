/* SPDX-License-Identifier: MIT
 *
 * pack - turn a token stream into packed sequences.  See pack.1
 */
#include "shared/common.h"

#include <libtrain/file.h>
#include <libtrain/pack.h>
#include <libtrain/token.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    int64_t ctx, stride;
    const char *out, *val_out;
    double val_split;
};

/* A pack that is being made, and what went in. */
struct sink {
    struct tr_pack_writer *w;
    struct tr_packer *packer;
    const char *path;
    uint64_t n_doc, n_token;
};

static int sink_open(struct sink *s, const char *path, const struct opts *o,
                     const struct tr_token_reader *r, struct tr_err *err)
{
    s->path = path;
    s->w = tr_pack_create(path, (uint32_t)o->ctx, tr_token_reader_vocab_hash(r),
                          tr_token_reader_n_vocab(r), err);
    if (s->w)
        s->packer = tr_packer_new(s->w, (uint32_t)o->stride, err);
    return s->packer ? 0 : -1;
}

static void sink_close(struct sink *s)
{
    tr_packer_free(s->packer);
    tr_pack_discard(s->w);
}

static int sink_add(struct sink *s, const uint32_t *token, size_t n, struct tr_err *err)
{
    s->n_doc++;
    s->n_token += n;
    return tr_packer_add(s->packer, token, n, err);
}

/* The last sequence; a pack that no loss can come from is an error. */
static int sink_end(struct sink *s, struct tr_err *err)
{
    const struct tr_pack_info *info = tr_pack_writer_info(s->w);

    if (tr_packer_end(s->packer, err))
        return -1;
    if (info->n_counted)
        return 0;
    return tr_err_set(err, TR_EFORMAT, "nothing to train on for '%s': %" PRIu64
                      " positions in %" PRIu64 " documents, and none of them counts",
                      s->path, info->n_token, s->n_doc);
}

static int sink_commit(struct sink *s, struct tr_err *err)
{
    const struct tr_pack_info info = *tr_pack_writer_info(s->w);
    int rc = tr_pack_commit(s->w, err);

    s->w = NULL;
    if (rc)
        return rc;
    cmd_say("%s: %" PRIu64 " documents, %" PRIu64 " tokens, %" PRIu64 " sequences, %" PRIu64
            " positions (%" PRIu64 " counted), %.1f %% full", s->path, s->n_doc, s->n_token,
            info.n_seq, info.n_token, info.n_counted,
            100.0 * (double)info.n_token / ((double)info.n_seq * info.ctx));
    return 0;
}

/* ==== training and validation ==== */

/* How many documents come is known only at the end, so one is held back: it decides what
 * happens if there was no other, or if one side would stay empty. */
struct split {
    struct sink train, val;
    double p; /* fraction for validation; 0: no split */
    uint64_t n_doc, n_short;
    uint32_t *held;
    size_t n_held, cap;
};

/* Document i goes to validation if that brings their number to i * p, rounded: this
 * spreads them evenly. */
static int goes_to_val(const struct split *sp, uint64_t i)
{
    return floor((double)(i + 1) * sp->p + 0.5) > floor((double)i * sp->p + 0.5);
}

static int hold(struct split *sp, const uint32_t *token, size_t n, struct tr_err *err)
{
    if (n > sp->cap) {
        free(sp->held);
        sp->held = malloc(n * sizeof *token);
        sp->cap = sp->held ? n : 0;
        if (!sp->held)
            return tr_err_set(err, TR_ENOMEM, "out of memory for %zu tokens", n);
    }
    memcpy(sp->held, token, n * sizeof *token);
    sp->n_held = n;
    return 0;
}

static int split_document(struct split *sp, const uint32_t *token, size_t n,
                          struct tr_err *err)
{
    if (n < 2) {
        sp->n_short++;
        return 0;
    }
    sp->n_doc++;
    if (sp->p == 0)
        return sink_add(&sp->train, token, n, err);
    if (sp->n_doc > 1) {
        struct sink *s = goes_to_val(sp, sp->n_doc - 2) ? &sp->val : &sp->train;
        if (sink_add(s, sp->held, sp->n_held, err))
            return -1;
    }
    return hold(sp, token, n, err);
}

/* The tail of a single document: p of its positions, at least one on each side.  The two
 * parts share no token. */
static int split_single(struct split *sp, struct tr_err *err)
{
    size_t n = sp->n_held;
    if (n < 4)
        return tr_err_set(err, TR_EFORMAT, "one document of %zu tokens is too little for "
                          "--val-split", n);
    size_t n_val = 1 + (size_t)floor((double)(n - 1) * sp->p + 0.5);
    n_val = n_val < 2 ? 2 : n_val > n - 2 ? n - 2 : n_val;
    if (sink_add(&sp->train, sp->held, n - n_val, err))
        return -1;
    return sink_add(&sp->val, sp->held + n - n_val, n_val, err);
}

static int split_finish(struct split *sp, struct tr_err *err)
{
    if (sp->n_short)
        cmd_say("%" PRIu64 " documents of less than two tokens left out", sp->n_short);
    if (sp->n_doc == 0)
        return tr_err_set(err, TR_EFORMAT, "nothing to train on: no document of two tokens "
                          "or more");
    if (sp->p == 0)
        return sink_end(&sp->train, err) ? -1 : sink_commit(&sp->train, err);
    if (sp->n_doc == 1) {
        if (split_single(sp, err))
            return -1;
    } else {
        int val = goes_to_val(sp, sp->n_doc - 1);
        if (sp->val.n_doc == 0 || sp->train.n_doc == 0)
            val = sp->val.n_doc == 0;
        if (sink_add(val ? &sp->val : &sp->train, sp->held, sp->n_held, err))
            return -1;
    }
    if (sink_end(&sp->train, err) || sink_end(&sp->val, err))
        return -1;
    /* The pack of -o is the one that others wait for: it appears last. */
    return sink_commit(&sp->val, err) ? -1 : sink_commit(&sp->train, err);
}

/* ==== the command ==== */

static int pack(const struct opts *o, FILE *f, const char *name, struct tr_err *err)
{
    struct split sp = { .p = o->val_split };
    struct tr_token_reader *r = tr_token_reader_new(f, name, err);
    const uint32_t *token;
    size_t n;
    int more, rc = CMD_FAIL;

    if (!r || sink_open(&sp.train, o->out, o, r, err) ||
        (o->val_out && sink_open(&sp.val, o->val_out, o, r, err)))
        goto out;
    while ((more = tr_token_read(r, &token, &n, err)) > 0)
        if (split_document(&sp, token, n, err))
            goto out;
    if (more == 0 && !split_finish(&sp, err))
        rc = CMD_OK;
out:
    tr_token_reader_free(r);
    sink_close(&sp.train);
    sink_close(&sp.val);
    free(sp.held);
    return rc;
}

static void check_options(const struct cmd *cmd, struct opts *o)
{
    if (o->ctx == 0)
        cmd_usage(cmd, "option '--ctx' is required");
    if (!o->out)
        cmd_usage(cmd, "option '--output' is required: a pack is a file");
    if (o->stride > o->ctx)
        cmd_usage(cmd, "option '--stride' is larger than the context: tokens between the "
                  "windows would be lost");
    if ((o->val_split > 0) != (o->val_out != NULL))
        cmd_usage(cmd, "options '--val-split' and '--val-out' go together");
    if (o->stride == 0)
        o->stride = o->ctx;
}

int main(int argc, char **argv)
{
    struct opts o = { 0 };
    const struct cmd_opt table[] = {
        CMD_INT('c', "ctx", &o.ctx, 1, TR_PACK_MAX_CTX, "CTX", "positions in a sequence"),
        CMD_OUT('o', "output", &o.out, "F.pack", "the pack to write"),
        CMD_INT(0, "stride", &o.stride, 1, TR_PACK_MAX_CTX, "N",
                "begin a window of a long document every N positions (default CTX); what "
                "two windows share counts in the first"),
        CMD_FLOAT(0, "val-split", &o.val_split, 1e-9, 1 - 1e-9, "P",
                  "fraction of the documents for validation, or of a single one's tail"),
        CMD_OUT(0, "val-out", &o.val_out, "F", "the pack for validation"), CMD_END
    };
    const struct cmd cmd = {
        "pack", "-c CTX -o F.pack [--stride N] [--val-split P --val-out F] [FILE]",
        "turn a token stream into packed sequences", table, 0, 1
    };
    struct tr_err err = { 0 };
    FILE *f;
    int n, rc = CMD_FAIL;
    char **file = cmd_parse(&cmd, argc, argv, &n);
    const char *in = n && strcmp(*file, "-") ? *file : NULL;

    check_options(&cmd, &o);
    if ((f = tr_in_open(in ? in : "-", &err))) {
        rc = pack(&o, f, in ? in : "standard input", &err);
        fclose(f);
    }
    return cmd_end(rc, &err);
}
