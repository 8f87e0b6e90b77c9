/* SPDX-License-Identifier: MIT
 *
 * detokenize - turn a token stream back into text.  See detokenize.1
 */
#include "shared/common.h"
#include "shared/text-out.h"
#include "shared/vocab.h"

#include <libtrain/file.h>
#include <libtrain/token.h>
#include <libtrain/tokenizer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text { /* what is not written yet */
    char *buf;
    size_t n, cap;
    struct cmd_text_out out;
};

enum { FLUSH_AT = 1 << 16 };

static int flush(struct text *x, struct tr_err *err)
{
    cmd_text_put(&x->out, x->buf, x->n);
    x->n = 0;
    return ferror(stdout) ? tr_err_sys(err, "write error on standard output") : 0;
}

/* The bytes of one document, without the BOS and EOS that tokenize put around it. */
static int put_document(const struct tr_tokenizer *tok, const uint32_t *token, size_t n,
                        struct text *x, struct tr_err *err)
{
    int first = 1;
    size_t i = 0;
    if (n && tr_tokenizer_add_bos(tok) &&
        TR_TOKEN_ID(token[0]) == (uint32_t)tr_tokenizer_bos(tok))
        i++;
    if (n > i && tr_tokenizer_eos(tok) >= 0 &&
        TR_TOKEN_ID(token[n - 1]) == (uint32_t)tr_tokenizer_eos(tok))
        n--;
    for (; i < n; i++) {
        uint32_t id = TR_TOKEN_ID(token[i]);
        if (tr_tokenizer_decode(tok, id, first, 1, &x->buf, &x->n, &x->cap, err))
            return -1;
        first = tr_tokenizer_is_special(tok, id);
        if (!tr_tokenizer_cleans(tok) && x->n >= FLUSH_AT && flush(x, err))
            return -1;
    }
    x->n = tr_tokenizer_clean(tok, x->buf, x->n);
    return flush(x, err);
}

static int put_stream(const struct tr_tokenizer *tok, struct tr_token_reader *r,
                      struct tr_err *err)
{
    struct text x = { .out = cmd_text_to(NULL) };
    const uint32_t *token;
    size_t n;
    int more;
    while ((more = tr_token_read(r, &token, &n, err)) > 0)
        if ((more = put_document(tok, token, n, &x, err)) < 0)
            break;
    cmd_text_end(&x.out);
    free(x.buf);
    return more;
}

static int check_vocab(const struct tr_gguf *g, const struct tr_token_reader *r,
                       const char *path, struct tr_err *err)
{
    if (tr_token_reader_vocab_hash(r) == tr_vocab_hash(g))
        return 0;
    return tr_err_set(err, TR_EMISMATCH, "'%s' was made with another vocabulary than that "
                      "of '%s'", path, tr_gguf_path(g));
}

static int run(const char *model, const char *pre, const char *path, FILE *f, struct tr_err *err)
{
    struct tr_tokenizer *tok = NULL;
    struct tr_token_reader *r = NULL;
    int rc = -1;
    struct tr_gguf *g = tr_gguf_open(model, err);
    if (!g || !(tok = tr_tokenizer_new_pre(g, pre, err)))
        goto end;
    r = tr_token_reader_new(f, path, err);
    if (r && !check_vocab(g, r, path, err))
        rc = put_stream(tok, r, err);
end:
    tr_token_reader_free(r);
    tr_tokenizer_free(tok);
    tr_gguf_close(g);
    return rc;
}

int main(int argc, char **argv)
{
    const char *model = NULL, *pre = NULL;
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &model, "FILE", "GGUF that holds the vocabulary"),
        CMD_TEXT(0, "pre", &pre, "NAME", CMD_PRE_HELP),
        CMD_END
    };
    const struct cmd cmd = { "detokenize", "-m MODEL.gguf [FILE]",
                             "turn a token stream back into text", table, 0, 1,
                             (const char *const[]){ "model", NULL } };
    struct tr_err err = { 0 };
    int n_file, rc = -1;
    char **file = cmd_parse(&cmd, argc, argv, &n_file);
    const char *path = n_file ? *file : "-";
    FILE *f = tr_in_open(path, &err);
    if (f) {
        rc = run(model, pre, path, f, &err);
        fclose(f);
    }
    return cmd_end(rc ? cmd_code(&err) : CMD_OK, &err);
}
