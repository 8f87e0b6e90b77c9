/* SPDX-License-Identifier: MIT
 *
 * pack - turn token streams into packed sequences.  See pack.1
 */
#include "shared/common.h"
#include "shared/job.h"
#include "shared/vocab.h"

#include <libtrain/gguf.h>
#include <libtrain/packing.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    int64_t ctx, stride, seed, max_rows, windows;
    int fit, over_long;
    struct cmd_list mix;
    const char *model;
    int bos, eos; /* between samples; -1: not said */
    struct tr_packing job;
};

static const char *fit_name(int i)
{
    return tr_pack_fit_at(i) ? tr_pack_fit_name(tr_pack_fit_at(i)) : NULL;
}

static const char *over_long_name(int i)
{
    return tr_over_long_at(i) ? tr_over_long_name(tr_over_long_at(i)) : NULL;
}

/* ==== what is said afterwards ==== */

/* Windows lose nothing, and are what is expected unless something was asked for. */
static void say_counts(const char *path, const struct tr_packer_counts *c, int asked)
{
    if (c->n_split && asked)
        cmd_say("%s: %" PRIu64 " documents longer than the context, in windows", path,
                c->n_split);
    if (c->n_cut)
        cmd_say("%s: %" PRIu64 " documents longer than the context, cut at its end", path,
                c->n_cut);
    if (c->n_dropped)
        cmd_say("%s: %" PRIu64 " documents longer than the context, left out", path,
                c->n_dropped);
    if (c->lost_tokens)
        cmd_say("%s: %" PRIu64 " tokens of these are lost", path, c->lost_tokens);
    if (c->n_pair_dropped)
        cmd_say("%" PRIu64 " pairs of answers are longer than the context together, and were "
                "left out: -c N makes room", c->n_pair_dropped);
    if (c->n_useless)
        cmd_say("%s: %" PRIu64 " rows of which no token counts, left out", path,
                c->n_useless);
}

static void say_side(const char *path, const struct tr_packing_side *s, int asked)
{
    if (!s->written)
        return;
    cmd_say("%s: %" PRIu64 " documents, %" PRIu64 " tokens, %" PRIu64 " sequences, %" PRIu64
            " positions (%" PRIu64 " counted), %.1f %% full", path, s->n_doc, s->n_token,
            s->info.n_seq, s->info.n_token, s->info.n_counted,
            100.0 * (double)s->info.n_token / ((double)s->info.n_seq * s->info.ctx));
    say_counts(path, &s->counts, asked);
}

static void say_taken(const struct tr_packing *job, const struct tr_packing_taken *taken)
{
    for (size_t i = 0; i < job->n_set; i++)
        if (taken[i].n_doc)
            cmd_say("%s: %" PRIu64 " documents, %" PRIu64 " for training, %" PRIu64
                    " for validation", job->set[i].path, taken[i].n_doc, taken[i].n_train,
                    taken[i].n_val);
}

/* ==== the command ==== */

/* "FILE:WEIGHT"; what stands behind the last colon is the weight if it is a number. */
static void parse_set(const struct cmd *cmd, const char *text, struct tr_packing_set *set)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;

    double weight = colon ? strtod(colon + 1, &end) : 1;
    if (!colon || end == colon + 1 || *end) {
        *set = (struct tr_packing_set){ strdup(text), 1 };
        return;
    }
    if (!isfinite(weight) || weight <= 0)
        cmd_usage(cmd, "option '--mix %s': the weight is a number above 0", text);
    *set = (struct tr_packing_set){ strndup(text, (size_t)(colon - text)), weight };
}

/* The operand, or standard input where nothing else is given, then the sets of --mix. */
static void collect_sets(const struct cmd *cmd, struct opts *o, char **operand, int n)
{
    struct tr_packing_set *set = calloc(o->mix.n + 1, sizeof *set);
    size_t n_set = 0;

    if (set && (n || !o->mix.n))
        set[n_set++] = (struct tr_packing_set){ strdup(n ? *operand : "-"), 1 };
    for (size_t i = 0; set && i < o->mix.n; i++)
        parse_set(cmd, o->mix.item[i], &set[n_set++]);
    for (size_t i = 0; i < n_set; i++)
        if ((o->mix.n || o->max_rows) && (!set[i].path || !strcmp(set[i].path, "-")))
            cmd_usage(cmd, "options '--mix' and '--max-rows' read a set more than once: "
                      "name a file");
    o->job.set = set;
    o->job.n_set = n_set;
}

/* Names of sets are copies. */
static void release(struct opts *o)
{
    for (size_t i = 0; i < o->job.n_set; i++)
        free((char *)(uintptr_t)o->job.set[i].path);
    free((void *)(uintptr_t)o->job.set);
    free(o->mix.item);
}

static void check_options(const struct cmd *cmd, const struct opts *o)
{
    const struct tr_packing *job = &o->job;

    if (o->stride > o->ctx)
        cmd_usage(cmd, "option '--stride' is larger than the context: tokens between the "
                  "windows would be lost");
    if (job->val && job->val_split > 0)
        cmd_usage(cmd, "options '--val' and '--val-split' exclude each other");
    if ((job->val || job->val_split > 0) != (job->val_out != NULL))
        cmd_usage(cmd, "option '--val-out' goes together with '--val-split' or '--val'");
    if ((o->bos >= 0 || o->eos >= 0) && !(o->model && job->sample.fill))
        cmd_usage(cmd, "what separates samples is about '--fill-with-next-samples', and of "
                  "the model of '--model'");
    if (o->model && !job->sample.fill && !job->sample.overlapping && !o->windows)
        cmd_usage(cmd, "option '--model' is about '--fill-with-next-samples', "
                  "'--overlapping-samples' and '--random-windows'");
    if (o->windows && (job->sample.fill || job->sample.overlapping || o->mix.n || o->max_rows))
        cmd_usage(cmd, "option '--random-windows' takes windows of one stream, whatever its "
                  "samples are");
    if (job->sample.overlapping && (o->mix.n || o->max_rows))
        cmd_usage(cmd, "option '--overlapping-samples' needs one stream in its order");
}

/* The ids of BOS and EOS, and which of them separate samples. */
static int find_ids(const struct opts *o, struct tr_sample_args *s, struct tr_err *err)
{
    s->bos = s->eos = -1;
    if (!o->model)
        return 0;
    struct tr_gguf *g = tr_gguf_open(o->model, err);
    struct tr_tokenizer *tok = g ? cmd_tokenizer(g, NULL, err) : NULL;
    int rc = tok ? 0 : -1;
    if (tok) {
        s->bos = tr_tokenizer_bos(tok);
        s->eos = tr_tokenizer_eos(tok);
        s->vocab_hash = tr_vocab_hash(g);
        s->separate_bos = o->bos < 0 ? s->bos >= 0 : o->bos;
        s->separate_eos = o->eos > 0;
        if ((s->separate_bos && s->bos < 0) || (s->separate_eos && s->eos < 0))
            rc = tr_err_set(err, TR_EFORMAT, "'%s' has no %s token to separate samples "
                            "with", o->model, s->separate_bos && s->bos < 0 ? "BOS" : "EOS");
    }
    tr_tokenizer_free(tok);
    tr_gguf_close(g);
    return rc;
}

static int pack(struct opts *o, struct tr_err *err)
{
    struct tr_packing *job = &o->job;
    struct tr_packing_result result;
    struct tr_packing_taken *taken = calloc(job->n_set + 1, sizeof *taken);

    int named = job->set != NULL;
    for (size_t i = 0; i < job->n_set; i++)
        named = named && job->set[i].path;
    if (!taken || !named)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu sets", o->mix.n);
    int rc = find_ids(o, &job->sample, err);
    if (rc) {
        free(taken);
        return rc;
    }
    job->ctx = (uint32_t)o->ctx;
    job->seed = (uint64_t)o->seed;
    job->max_rows = (uint64_t)o->max_rows;
    job->sample.windows = (uint64_t)o->windows;
    job->packer = (struct tr_packer_args){ .stride = (uint32_t)o->stride,
                                           .fit = tr_pack_fit_at(o->fit),
                                           .over_long = tr_over_long_at(o->over_long) };
    job->progress = cmd_job("tok");
    rc = tr_packing_run(job, &result, taken, err);
    if (result.n_short)
        cmd_say("%" PRIu64 " documents of less than two tokens left out", result.n_short);
    say_taken(job, taken);
    say_side(job->val_out, &result.val, o->over_long >= 0);
    say_side(job->out, &result.train, o->over_long >= 0);
    free(taken);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { .over_long = -1, .bos = -1, .eos = -1 };
    const struct cmd_opt table[] = {
        CMD_INT('c', "ctx", &o.ctx, 1, TR_PACK_MAX_CTX, "CTX", "positions in a sequence"),
        CMD_OUT('o', "output", &o.job.out, "F.pack", "the pack to write"),
        CMD_GROUP("how documents become sequences"),
        CMD_CHOICE(0, "fit", &o.fit, fit_name, "NAME", "which document comes next"),
        CMD_CHOICE(0, "over-long", &o.over_long, over_long_name, "NAME",
                   "what becomes of documents longer than CTX (default split, rows: cut)"),
        CMD_INT(0, "stride", &o.stride, 1, TR_PACK_MAX_CTX, "N",
                "begin a window of a long document every N positions (default CTX); what "
                "two windows share counts in the first"),
        CMD_GROUP("documents that are samples of a text (tokenize --sample-start)"),
        CMD_FLAG(0, "overlapping-samples", &o.job.sample.overlapping,
                 "a sample goes on into the next ones"),
        CMD_FLAG(0, "fill-with-next-samples", &o.job.sample.fill,
                 "the next ones follow a short sample, in its sight"),
        CMD_FLAG(0, "sample-random-offsets", &o.job.sample.random_offset,
                 "each begins at a token of it that the seed chooses"),
        CMD_INT(0, "random-windows", &o.windows, 1, INT64_MAX, "N",
                "not these, but N windows of CTX anywhere in all the text"),
        CMD_IN('m', "model", &o.model, "MODEL", "whose BOS and EOS are meant"),
        CMD_FLAG(0, "separate-with-eos", &o.eos, "EOS between such samples"),
        CMD_FLAG(0, "separate-with-bos", &o.bos, "BOS between them (the default)"),
        CMD_UNFLAG(0, "no-separate-with-eos", &o.eos, "no EOS (the default)"),
        CMD_UNFLAG(0, "no-separate-with-bos", &o.bos, "no BOS"),
        CMD_GROUP("which documents"),
        CMD_INS(0, "mix", &o.mix, "FILE:WEIGHT",
                "a token stream and how often its documents are taken; may be given again"),
        CMD_INT(0, "max-rows", &o.max_rows, 1, INT64_MAX, "N", "at most N of each stream"),
        CMD_INT(0, "seed", &o.seed, 0, INT64_MAX, "N", "of all that is chosen"),
        CMD_FLOAT(0, "val-split", &o.job.val_split, 1e-9, 1 - 1e-9, "P",
                  "fraction of the documents for validation, or of a single one's tail"),
        CMD_IN(0, "val", &o.job.val, "FILE", "a token stream for validation"),
        CMD_OUT(0, "val-out", &o.job.val_out, "F", "the pack for validation"), CMD_END
    };
    const struct cmd cmd = {
        "pack", "-c CTX -o F.pack [option …] [FILE]",
        "turn token streams into packed sequences", table, 0, 1,
        (const char *const[]){ "ctx", "output", NULL }
    };
    struct tr_err err = { 0 };
    int n;
    char **file = cmd_parse(&cmd, argc, argv, &n);

    check_options(&cmd, &o);
    collect_sets(&cmd, &o, file, n);
    int rc = pack(&o, &err) ? CMD_FAIL : CMD_OK;
    release(&o);
    return cmd_end(rc, &err);
}
