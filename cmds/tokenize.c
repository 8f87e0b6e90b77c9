/* SPDX-License-Identifier: MIT
 *
 * tokenize - turn text into a token stream.  See tokenize.1
 */
#include "shared/common.h"
#include "shared/id-lines.h"
#include "shared/input-size.h"
#include "shared/job.h"
#include "shared/rows.h"
#include "shared/sample-start.h"
#include "shared/short-texts.h"
#include "shared/template.h"
#include "shared/token-out.h"
#include "shared/vocab.h"

#include <libtrain/file.h>
#include <libtrain/token.h>
#include <libtrain/tokenizer.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct opts {
    const char *model, *out, *pre, *form, *template, *train_on, *start;
    struct cmd_list key, arg;
    int text, from_ids, bos, eos, special, binary, render, show, stats, escape, include;
    int preference;
    int64_t skip_bad, max_rows, context;
};

/* Tokens are written, not something to look at. */
static int is_tokens(const struct opts *o)
{
    return !o->render && !o->show && !o->stats;
}

struct run {
    const struct opts *o;
    struct tr_tokenizer *tok;
    struct cmd_token_out sink;
    struct cmd_template template;
    struct tr_err no_template; /* why there is none, where the model's is refused */
    struct tr_source_options source;
    struct cmd_rows rows;
    struct cmd_starts samples;
    struct cmd_short_texts texts;
    struct tr_tokens t; /* the document at hand */
    int two_bos, two_eos; /* warned already */
    int odd;              /* texts that there was something to warn of */
    uint64_t *spelt;      // (n_vocab) how often a control token stands in the texts
};

/* ==== input ==== */

/* What goes around a text: the model's wish, unless the user has one. */
static int around(const struct run *r)
{
    int wish = tr_tokenizer_around(r->tok);
    int bos = r->o->bos ? wish & TR_ENCODE_BOS : 0;
    return bos | (r->o->eos < 0 ? wish & TR_ENCODE_EOS : r->o->eos ? TR_ENCODE_EOS : 0);
}

static int encode_flags(const struct run *r)
{
    return around(r) | (r->o->special ? TR_ENCODE_SPECIAL : 0);
}

static void warn_of_two(struct run *r, const struct tr_tokens *t)
{
    int flags = t->n ? encode_flags(r) : 0;
    if (flags & TR_ENCODE_BOS && !r->two_bos && t->n > 1 && t->id[1] == t->id[0]) {
        r->two_bos = 1;
        cmd_warn("the text begins with BOS, and one is added: see --no-bos");
    }
    if (flags & TR_ENCODE_EOS && !r->two_eos && t->n > 1 &&
        t->id[t->n - 2] == t->id[t->n - 1]) {
        r->two_eos = 1;
        cmd_warn("the text ends with EOS, and one is added: see --no-eos");
    }
}

/* The ids of one text.  An empty one has none at all. */
static int encode(struct run *r, const char *text, size_t len, struct tr_err *err)
{
    struct tr_tokens *t = &r->t;
    t->n = 0;
    if (!len)
        return 0;
    if (tr_tokenizer_encode(r->tok, text, len, encode_flags(r), t, err))
        return -1;
    warn_of_two(r, t);
    return 0;
}

/* One document, or with --sample-start one for each sample. */
static int add_document(struct run *r, const char *text, size_t n, struct tr_err *err)
{
    int rc = encode(r, text, n, err);
    return rc ? rc : cmd_token_out_ids(&r->sink, &r->t, err);
}

static int add_samples(struct run *r, const char *name, const char *text, size_t n,
                       struct tr_err *err)
{
    size_t at = 0, from, to;
    int rc = 0, found = 0;
    while (!rc && cmd_starts_next(&r->samples, text, n, &at, &from, &to)) {
        found = 1;
        rc = add_document(r, text + from, to - from, err);
    }
    if (found)
        return rc;
    cmd_warn("'%s': --sample-start stands nowhere in it; it is one sample", name);
    return add_document(r, text, n, err);
}

static int take_short(void *arg, const struct tr_tokens *ids, struct tr_err *err)
{
    struct run *r = arg;
    warn_of_two(r, ids);
    return cmd_token_out_ids(&r->sink, ids, err);
}

/* A whole file; short ones wait for others. */
static int add_text(struct run *r, const char *name, struct tr_text *text, struct tr_err *err)
{
    tr_tokenizer_spelt(r->tok, text->bytes, text->n, r->spelt);
    if (!r->samples.n && text->n <= CMD_SHORT_TEXT)
        return cmd_short_texts_add(&r->texts, name, text, err);
    if (cmd_short_texts_take(&r->texts, err))
        return -1;
    int rc = r->samples.n ? add_samples(r, name, text->bytes, text->n, err)
                          : add_document(r, text->bytes, text->n, err);
    return rc ? tr_err_prefix(err, "'%s'", name) : 0;
}

static int add_file(struct run *r, const char *path, struct tr_err *err)
{
    struct tr_text text;
    if (cmd_read_text(&text, path, &r->o->binary, err))
        return -1;
    int rc = add_text(r, path, &text, err);
    tr_text_release(&text);
    return rc;
}

/* A folder in an old encoding has something odd in every file: the first few say it. */
enum { ODD_TOLD = 8 };

static void tell_odd(struct run *r, const struct tr_text *text, const char *name)
{
    if (*text->warning[0] && r->odd++ < ODD_TOLD)
        cmd_tell_text(text, name);
}

/* A source that is one text: what cmd_read_text does, of bytes that are read already. */
static int add_plain(struct run *r, struct tr_source *source, struct tr_err *err)
{
    struct tr_record record = { 0 };
    struct tr_text text = { 0 };
    const char *name = tr_source_name(source);
    int rc = tr_source_next(source, &record, err);
    if (rc == 1)
        rc = tr_text_check(&text, record.bytes, record.n, name, err);
    if (!rc) {
        text.bytes = record.bytes;
        text.n = record.n;
        text.cap = record.cap;
        record = (struct tr_record){ 0 };
        tell_odd(r, &text, name);
        rc = add_text(r, name, &text, err);
        tr_text_release(&text);
    } else if (err->code == TR_EFORMAT) {
        cmd_binary_way_out(err);
    }
    tr_record_release(&record);
    return rc;
}

static int add_rows(struct run *r, struct tr_source *source, struct tr_err *err)
{
    if (cmd_short_texts_take(&r->texts, err))
        return -1;
    if (r->sink.w && !r->sink.rows)
        return tr_err_set(err, TR_EINVAL, "'%s' holds rows: put it in front of plain text",
                          tr_source_name(source));
    r->sink.rows = 1;
    int rc = cmd_rows_add(&r->rows, source, err);
    if (rc && err->code == TR_EUNSUPPORTED && !r->template.chat)
        return cmd_template_missing(r->o->model, &r->no_template, err);
    return rc;
}

static int add_source(struct run *r, const char *path, struct tr_err *err)
{
    struct tr_source *source = tr_source_open(path, &r->source, err);
    if (!source)
        return -1;
    int rc = tr_source_is_text(source) && is_tokens(r->o)
           ? add_plain(r, source, err) : add_rows(r, source, err);
    tr_source_close(source);
    return rc;
}

static int add(struct run *r, const char *path, struct tr_err *err)
{
    if (r->o->from_ids)
        return cmd_id_lines(path, tr_tokenizer_n_vocab(r->tok), &r->sink, err);
    return r->o->binary ? add_file(r, path, err) : add_source(r, path, err);
}

/* Of one text. */
static void tell_text(void *ctx, int64_t done, int64_t total)
{
    const struct run *r = ctx;
    (void)total;
    cmd_job_at(r->rows.done + done, r->rows.size);
}

/* All inputs, with a line of progress if that takes long and is not to be read itself. */
static int add_all(struct run *r, char **file, int n_file, struct tr_err *err)
{
    int i = 0, rc;
    r->rows.size = cmd_inputs_size(file, n_file);
    if (!r->sink.out || !tr_out_is_terminal(r->sink.out))
        cmd_job("B");
    r->texts = (struct cmd_short_texts){ .tok = r->tok, .flags = encode_flags(r),
                                         .take = take_short, .arg = r };
    tr_tokenizer_watch(r->tok, &(struct tr_progress){ tell_text, r });
    do {
        rc = add(r, n_file ? file[i] : "-", err);
        r->rows.done += n_file ? cmd_input_size(file[i]) : 0;
        cmd_job_at(r->rows.done, r->rows.size);
    } while (!rc && ++i < n_file);
    struct tr_err earlier = { 0 }; /* what waits stands in front of what failed */
    if (cmd_short_texts_take(&r->texts, &earlier))
        rc = tr_err_set(err, earlier.code, "%s", earlier.text);
    cmd_job_end();
    if (r->odd > ODD_TOLD)
        cmd_warn("more such texts: %d", r->odd - ODD_TOLD);
    return rc;
}

/* ==== the whole ==== */

/* A token that is wanted and missing is told before a text is read. */
static int check_around(const struct run *r, struct tr_err *err)
{
    int flags = around(r);
    if (flags & TR_ENCODE_BOS && tr_tokenizer_bos(r->tok) < 0)
        return tr_err_set(err, TR_EFORMAT, "'%s' wants BOS in front of a text and has no "
                          "BOS token: see --no-bos", r->o->model);
    if (flags & TR_ENCODE_EOS && tr_tokenizer_eos(r->tok) < 0)
        return tr_err_set(err, TR_EFORMAT, r->o->eos > 0 ? "'%s' has no EOS token" :
                          "'%s' wants EOS behind a text and has no EOS token: see --no-eos",
                          r->o->model);
    return 0;
}

/* A model's template that is refused matters to chats alone; one that was asked for does
 * at once. */
static int load_template(struct run *r, const struct tr_gguf *g, struct tr_err *err)
{
    const struct opts *o = r->o;
    struct tr_err *why = o->template || o->arg.n ? err : &r->no_template;
    int rc = cmd_template_open(&r->template, g, r->tok, o->template, &o->arg, why);
    r->source.chat = r->template.chat || rc;
    return why == err ? rc : 0;
}

static int load(struct run *r, struct tr_err *err)
{
    struct tr_gguf *g = tr_gguf_open(r->o->model, err);
    if (!g)
        return -1;
    r->tok = cmd_tokenizer(g, r->o->pre, err);
    r->sink.hash = tr_vocab_hash(g);
    r->rows.stats.context = r->o->context > 0 ? (uint64_t)r->o->context :
                            (uint64_t)cmd_context(g);
    int rc = r->tok ? load_template(r, g, err) : -1;
    tr_gguf_close(g);
    if (rc)
        return rc;
    r->spelt = calloc(tr_tokenizer_n_vocab(r->tok), sizeof *r->spelt);
    if (!r->spelt)
        return tr_err_sys(err, "cannot count %u tokens", tr_tokenizer_n_vocab(r->tok));
    return r->o->from_ids ? 0 : check_around(r, err);
}

static int set_rows(struct run *r, struct tr_err *err)
{
    const struct opts *o = r->o;
    uint64_t context = r->rows.stats.context;
    r->rows = (struct cmd_rows){
        .p = { .tokenizer = r->tok, .chat = r->template.chat, .args = r->template.args,
               .now = r->template.now, .train_on = o->train_on, .around = around(r),
               .eos = o->eos, .special = o->special, .keep_text = o->render },
        .model = o->model, .render = o->render, .show = o->show,
        .skip_bad = (uint64_t)o->skip_bad,
        .max_rows = o->max_rows > 0 ? (uint64_t)o->max_rows : UINT64_MAX,
        .arg = &r->sink, .document = is_tokens(o) ? cmd_token_out_document : NULL,
    };
    r->rows.f = r->sink.out ? tr_out_stream(r->sink.out) : NULL;
    r->rows.colour = r->sink.out && tr_out_is_terminal(r->sink.out) && !getenv("NO_COLOR");
    if (tr_prepare_stats_init(&r->rows.stats, context, err))
        return -1;
    r->source.format = o->start && !o->form ? "text" : o->form;
    r->source.preference = r->sink.is_signed = r->sink.rows = o->preference;
    return o->start ? cmd_starts_init(&r->samples, o->start, o->escape, o->include, err)
                    : 0;
}

static void tell(struct run *r)
{
    uint64_t spelt = 0;
    for (uint32_t i = 0; i < tr_tokenizer_n_vocab(r->tok); i++)
        spelt += r->spelt[i];
    if (r->o->special && spelt)
        cmd_say("%" PRIu64 " control tokens stand in the text", spelt);
    else
        cmd_tell_spelt(r->tok, r->spelt);
    if (r->rows.stats.n_row + r->rows.stats.n_bad)
        cmd_rows_tell(&r->rows, r->o->stats);
    else
        cmd_say("%" PRIu64 " documents, %" PRIu64 " tokens", r->sink.n_doc,
                r->sink.n_token);
}

/* Streams of rows have another version: what stands behind plain text is looked at first.
 * What cannot be read twice is not. */
static void look_ahead(struct run *r, char **file, int n_file)
{
    for (int i = 1; i < n_file && !r->sink.rows && !r->o->from_ids; i++) {
        struct stat st;
        if (stat(file[i], &st) || !S_ISREG(st.st_mode))
            continue;
        struct tr_source *s = tr_source_open(file[i], &r->source, NULL);
        r->sink.rows = s && !tr_source_is_text(s);
        tr_source_close(s);
    }
}

static int open_output(struct run *r, struct tr_err *err)
{
    r->sink.n_vocab = tr_tokenizer_n_vocab(r->tok);
    r->sink.text = r->o->text;
    return cmd_token_out_open(&r->sink, r->o->out, is_tokens(r->o), err);
}

static int run(struct run *r, char **file, int n_file, struct tr_err *err)
{
    if (load(r, err) || cmd_keys_read(&r->source, &r->o->key, err) ||
        (!r->o->stats && open_output(r, err)) ||
        set_rows(r, err))
        return -1;
    look_ahead(r, file, r->o->binary ? 0 : n_file);
    if (add_all(r, file, n_file, err))
        return -1;
    if (!r->o->render && !r->o->show && cmd_rows_check(&r->rows, err)) {
        tell(r);
        return -1;
    }
    if (!r->o->stats && cmd_token_out_commit(&r->sink, is_tokens(r->o), err))
        return -1;
    tell(r);
    return 0;
}

static void release(struct run *r)
{
    cmd_token_out_discard(&r->sink);
    tr_tokens_release(&r->t);
    cmd_short_texts_release(&r->texts);
    free(r->spelt);
    cmd_keys_release(&r->source);
    cmd_starts_release(&r->samples);
    tr_prepare_stats_release(&r->rows.stats);
    cmd_template_release(&r->template);
    tr_tokenizer_free(r->tok);
}

static void check_usage(const struct cmd *cmd, const struct opts *o)
{
    int looks = o->render + o->show + o->stats;
    if (looks + o->text > 1)
        cmd_usage(cmd, "--text, --render, --show and --stats exclude each other");
    if (looks && (o->from_ids || o->binary || o->start))
        cmd_usage(cmd, "--render, --show and --stats are about rows");
    if (o->stats && strcmp(o->out, "-"))
        cmd_usage(cmd, "--stats writes to standard output, and no tokens");
    if (o->preference && (o->text || o->from_ids || o->binary || o->start))
        cmd_usage(cmd, "--preference is about rows of answers, and writes a token stream");
    if (!o->start && (o->escape || o->include))
        cmd_usage(cmd, "--escape and --include-sample-start are about --sample-start");
}

int main(int argc, char **argv)
{
    struct opts o = { .out = "-", .bos = 1, .eos = -1, .max_rows = -1, .context = -1 };
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "GGUF that holds the vocabulary"),
        CMD_OUT('o', "output", &o.out, "FILE", "where to write the tokens"),
        CMD_FLAG(0, "text", &o.text, "write ids in decimal, one document a line"),
        CMD_FLAG(0, "from-ids", &o.from_ids, "read ids in decimal, one document a line"),
        CMD_UNFLAG(0, "no-bos", &o.bos, "no BOS, even if the model asks for it"),
        CMD_FLAG(0, "eos", &o.eos, "end every document with EOS"),
        CMD_UNFLAG(0, "no-eos", &o.eos, "no EOS, even if the model asks for it"),
        CMD_FLAG(0, "special", &o.special, CMD_SPECIAL_HELP),
        CMD_FLAG(0, "binary", &o.binary, CMD_BINARY_HELP),
        CMD_TEXT(0, "pre", &o.pre, "NAME", CMD_PRE_HELP),
        CMD_GROUP("rows of training data"),
        CMD_TEXT(0, "format", &o.form, "NAME", "form of the rows; found by looking"),
        CMD_LIST(0, "key", &o.key, "NAME=COLUMN", "another name of a column"),
        CMD_TEXT(0, "chat-template", &o.template, "NAME", CMD_TEMPLATE_HELP),
        CMD_LIST(0, "template-arg", &o.arg, "NAME=JSON", CMD_TEMPLATE_ARG_HELP),
        CMD_TEXT(0, "train-on", &o.train_on, "WHAT",
                 "completion, assistant, last, all, or roles: what is trained"),
        CMD_INT(0, "skip-bad", &o.skip_bad, 0, INT64_MAX, "N",
                "leave out so many bad rows"),
        CMD_INT(0, "max-rows", &o.max_rows, 1, INT64_MAX, "N", "read no more rows"),
        CMD_INT('c', "context", &o.context, 1, INT64_MAX, "N",
                "count documents that are longer; the model's context"),
        CMD_FLAG(0, "preference", &o.preference,
                 "answers that are not wanted too, for train --objective"),
        CMD_FLAG(0, "show", &o.show, "write rows as the model sees them, not tokens"),
        CMD_FLAG(0, "render", &o.render, "write what the template makes of them, as JSON"),
        CMD_FLAG(0, "stats", &o.stats, "write the table alone"),
        CMD_GROUP("samples of a plain text"),
        CMD_TEXT(0, "sample-start", &o.start, "TEXT", "a document begins behind each TEXT"),
        CMD_FLAG(0, "escape", &o.escape, "TEXT has \\n \\r \\t \\' \\\" \\\\"),
        CMD_FLAG(0, "include-sample-start", &o.include, "TEXT belongs to the document"),
        CMD_END
    };
    const struct cmd cmd = { "tokenize",
                             "-m MODEL.gguf [-o F] [--text] [--from-ids] [--special] "
                             "[FILE…]",
                             "turn text into a token stream", table, 0, -1,
                             (const char *const[]){ "model", NULL } };
    struct tr_err err = { 0 };
    struct run r = { .o = &o };
    int n_file;
    char **file = cmd_parse(&cmd, argc, argv, &n_file);

    check_usage(&cmd, &o);
    int rc = run(&r, file, n_file, &err) ? cmd_code(&err) : CMD_OK;
    release(&r);
    free(o.key.item);
    free(o.arg.item);
    return cmd_end(rc, &err);
}
