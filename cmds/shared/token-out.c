/* SPDX-License-Identifier: MIT
 *
 * Writing documents of tokens.  The version of a stream stands in front and says what its
 * documents may say, so a stream begins when the first of them comes.
 */
#include "token-out.h"

#include <string.h>

/* ==== lines ==== */

static size_t decimal(char *end, uint32_t v)
{
    char *p = end;
    do
        *--p = (char)('0' + v % 10);
    while (v /= 10);
    return (size_t)(end - p);
}

static int write_line(struct tr_out *out, const uint32_t *id, size_t n_id,
                      struct tr_err *err)
{
    char buf[4096], digits[16], *end = digits + sizeof digits;
    size_t used = 0;
    for (size_t i = 0; i < n_id; i++) {
        size_t n = decimal(end, TR_TOKEN_ID(id[i]));
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

/* ==== the whole ==== */

int cmd_token_out_open(struct cmd_token_out *s, const char *path, int tokens,
                       struct tr_err *err)
{
    s->out = tr_out_open(path, err);
    if (s->out && !s->text && tokens && tr_out_is_terminal(s->out))
        return tr_err_set(err, TR_EIO, "a token stream is not for a terminal: use -o or "
                          "--text");
    return s->out ? 0 : -1;
}

static int begin(struct cmd_token_out *s, struct tr_err *err)
{
    FILE *f = tr_out_stream(s->out);
    if (s->w || s->text)
        return 0;
    s->w = s->is_signed ? tr_token_writer_new_signed(f, s->hash, s->n_vocab, err)
           : s->rows    ? tr_token_writer_new_documents(f, s->hash, s->n_vocab, err)
                        : tr_token_writer_new(f, s->hash, s->n_vocab, err);
    return s->w ? 0 : -1;
}

int cmd_token_out_document(void *arg, const struct tr_document *d, struct tr_err *err)
{
    struct cmd_token_out *s = arg;
    if (begin(s, err))
        return -1;
    s->n_doc++;
    s->n_token += d->n;
    if (!s->w)
        return write_line(s->out, d->token, d->n, err);
    return s->rows ? tr_token_write_document(s->w, d, err)
                   : tr_token_write(s->w, d->token, d->n, err);
}

int cmd_token_out_ids(struct cmd_token_out *s, const struct tr_tokens *t,
                      struct tr_err *err)
{
    struct tr_document d = { .token = t->id, .n = t->n };
    return cmd_token_out_document(s, &d, err);
}

int cmd_token_out_commit(struct cmd_token_out *s, int tokens, struct tr_err *err)
{
    struct tr_out *out = s->out;
    if (tokens && (begin(s, err) || (s->w && tr_token_writer_end(s->w, err))))
        return -1;
    s->out = NULL;
    return tr_out_commit(out, err);
}

void cmd_token_out_discard(struct cmd_token_out *s)
{
    tr_token_writer_free(s->w);
    tr_out_discard(s->out);
}
