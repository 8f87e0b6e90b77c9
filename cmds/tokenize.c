/* SPDX-License-Identifier: MIT
 *
 * tokenize - turn text into a token stream.  See tokenize.1
 */
#include "shared/common.h"
#include "shared/vocab.h"

#include <libtrain/file.h>
#include <libtrain/token.h>
#include <libtrain/tokenizer.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    const char *model, *out, *pre;
    int text, from_ids, bos, eos, special, binary;
};

/* Where documents go: a token stream, or lines of decimals. */
struct sink {
    struct tr_out *out;
    struct tr_token_writer *w; /* NULL with --text */
    uint64_t n_doc, n_token;
};

struct run {
    const struct opts *o;
    struct tr_tokenizer *tok;
    uint64_t hash;
    struct sink sink;
    struct tr_tokens t; /* the document at hand */
    int two_bos, two_eos; /* warned already */
    uint64_t *spelt;      // (n_vocab) how often a control token stands in the texts
};

/* ==== output ==== */

static size_t decimal(char *end, uint32_t v)
{
    char *p = end;
    do
        *--p = (char)('0' + v % 10);
    while (v /= 10);
    return (size_t)(end - p);
}

static int write_line(struct tr_out *out, const struct tr_tokens *t, struct tr_err *err)
{
    char buf[4096], digits[16], *end = digits + sizeof digits;
    size_t used = 0;
    for (size_t i = 0; i < t->n; i++) {
        size_t n = decimal(end, t->id[i]);
        if (used + n + 2 > sizeof buf) {
            if (tr_out_write(out, buf, used, err))
                return -1;
            used = 0;
        }
        if (i)
            buf[used++] = ' ';
        memcpy(buf + used, end - n, n);
        used += n;
    }
    buf[used++] = '\n';
    return tr_out_write(out, buf, used, err);
}

static int sink_open(struct run *r, struct tr_err *err)
{
    struct sink *s = &r->sink;
    s->out = tr_out_open(r->o->out, err);
    if (s->out && !r->o->text && tr_out_is_terminal(s->out))
        return tr_err_set(err, TR_EIO, "a token stream is not for a terminal: use -o or "
                          "--text");
    if (!s->out || r->o->text)
        return s->out ? 0 : -1;
    s->w = tr_token_writer_new(tr_out_stream(s->out), r->hash, tr_tokenizer_n_vocab(r->tok),
                               err);
    return s->w ? 0 : -1;
}

static int sink_add(struct sink *s, const struct tr_tokens *t, struct tr_err *err)
{
    s->n_doc++;
    s->n_token += t->n;
    if (s->w)
        return tr_token_write(s->w, t->id, t->n, err);
    return write_line(s->out, t, err);
}

static int sink_commit(struct sink *s, struct tr_err *err)
{
    struct tr_out *out = s->out;
    if (s->w && tr_token_writer_end(s->w, err))
        return -1;
    s->out = NULL;
    return tr_out_commit(out, err);
}

/* ==== input ==== */

/* What goes around a text: the model's wish, unless the user has one. */
static int around(const struct run *r)
{
    int wish = tr_tokenizer_around(r->tok);
    int bos = r->o->bos ? wish & TR_ENCODE_BOS : 0;
    return bos | (r->o->eos < 0 ? wish & TR_ENCODE_EOS : r->o->eos ? TR_ENCODE_EOS : 0);
}

static void warn_of_two(struct run *r, int flags)
{
    const struct tr_tokens *t = &r->t;
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
    int flags = around(r) | (r->o->special ? TR_ENCODE_SPECIAL : 0);
    t->n = 0;
    if (!len)
        return 0;
    if (tr_tokenizer_encode(r->tok, text, len, flags, t, err))
        return -1;
    warn_of_two(r, flags);
    return 0;
}

static int add_text(struct run *r, const char *path, struct tr_err *err)
{
    struct tr_text text;
    if (cmd_read_text(&text, path, &r->o->binary, err))
        return -1;
    tr_tokenizer_spelt(r->tok, text.bytes, text.n, r->spelt);
    int rc = encode(r, text.bytes, text.n, err);
    if (rc)
        tr_err_prefix(err, "'%s'", path);
    tr_text_release(&text);
    return rc ? rc : sink_add(&r->sink, &r->t, err);
}

/* Lines of decimals; `value` is the number that is being read, -1 between numbers. */
static int read_lines(struct run *r, FILE *f, const char *path, struct tr_err *err)
{
    uint32_t n_vocab = tr_tokenizer_n_vocab(r->tok);
    uint64_t line = 1;
    int64_t value = -1;
    int c, begun = 0, rc = 0;

    r->t.n = 0;
    while (!rc && (c = getc_unlocked(f)) != EOF) {
        begun = c != '\n';
        if (c >= '0' && c <= '9') {
            value = (value < 0 ? 0 : value * 10) + (c - '0');
            if (value >= n_vocab)
                rc = tr_err_set(err, TR_EFORMAT, "'%s' line %" PRIu64 ": an id that is not "
                                "below %u, the size of the vocabulary", path, line,
                                n_vocab);
            continue;
        }
        if (!strchr(" \t\r\n", c) || !c)
            rc = tr_err_set(err, TR_EFORMAT, "'%s' line %" PRIu64 ": not a decimal id",
                            path, line);
        if (!rc && value >= 0)
            rc = tr_tokens_push(&r->t, (uint32_t)value, err);
        value = -1;
        if (c == '\n' && !rc) {
            rc = sink_add(&r->sink, &r->t, err);
            r->t.n = 0;
            line++;
        }
    }
    if (!rc && ferror(f))
        return tr_err_sys(err, "cannot read '%s'", path);
    if (!rc && value >= 0)
        rc = tr_tokens_push(&r->t, (uint32_t)value, err);
    return rc || !begun ? rc : sink_add(&r->sink, &r->t, err);
}

static int add_ids(struct run *r, const char *path, struct tr_err *err)
{
    FILE *f = tr_in_open(path, err);
    if (!f)
        return err->code;
    int rc = read_lines(r, f, path, err);
    fclose(f);
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

static int load(struct run *r, struct tr_err *err)
{
    struct tr_gguf *g = tr_gguf_open(r->o->model, err);
    if (!g)
        return -1;
    r->tok = cmd_tokenizer(g, r->o->pre, err);
    r->hash = tr_vocab_hash(g);
    tr_gguf_close(g);
    if (!r->tok)
        return -1;
    r->spelt = calloc(tr_tokenizer_n_vocab(r->tok), sizeof *r->spelt);
    if (!r->spelt)
        return tr_err_sys(err, "cannot count %u tokens", tr_tokenizer_n_vocab(r->tok));
    return r->o->from_ids ? 0 : check_around(r, err);
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
    cmd_say("%" PRIu64 " documents, %" PRIu64 " tokens", r->sink.n_doc, r->sink.n_token);
}

static int run(struct run *r, char **file, int n_file, struct tr_err *err)
{
    const struct opts *o = r->o;
    int i;
    if (load(r, err) || sink_open(r, err))
        return -1;
    i = 0;
    do {
        const char *path = n_file ? file[i] : "-";
        if (o->from_ids ? add_ids(r, path, err) : add_text(r, path, err))
            return -1;
    } while (++i < n_file);
    if (sink_commit(&r->sink, err))
        return -1;
    tell(r);
    return 0;
}

int main(int argc, char **argv)
{
    struct opts o = { .out = "-", .bos = 1, .eos = -1 };
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
        CMD_END
    };
    const struct cmd cmd = { "tokenize",
                             "-m MODEL.gguf [-o F] [--text] [--from-ids] [--special] "
                             "[FILE…]",
                             "turn text into a token stream", table, 0, -1 };
    struct tr_err err = { 0 };
    struct run r = { .o = &o };
    int n_file;
    char **file = cmd_parse(&cmd, argc, argv, &n_file);

    if (!o.model)
        cmd_usage(&cmd, "option '--model' is required");
    int rc = run(&r, file, n_file, &err) ? cmd_code(&err) : CMD_OK;
    tr_token_writer_free(r.sink.w);
    tr_out_discard(r.sink.out);
    tr_tokens_release(&r.t);
    free(r.spelt);
    tr_tokenizer_free(r.tok);
    return cmd_end(rc, &err);
}
