/* SPDX-License-Identifier: MIT
 *
 * Lines of decimals, read character by character, so that a document, which may be a whole
 * corpus, is in memory as ids alone.
 */
#include "id-lines.h"

#include <libtrain/file.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct reading {
    const char *path;
    uint32_t n_vocab;
    uint64_t line;
    int64_t value; /* the number that is being read, -1 between numbers */
    struct tr_tokens ids;
};

static int add_digit(struct reading *r, int digit, struct tr_err *err)
{
    r->value = (r->value < 0 ? 0 : r->value * 10) + digit;
    if (r->value < r->n_vocab)
        return 0;
    return tr_err_set(err, TR_EFORMAT, "'%s' line %" PRIu64 ": an id that is not below %u, "
                      "the size of the vocabulary", r->path, r->line, r->n_vocab);
}

static int end_number(struct reading *r, struct tr_err *err)
{
    int rc = r->value < 0 ? 0 : tr_tokens_push(&r->ids, (uint32_t)r->value, err);
    r->value = -1;
    return rc;
}

static int end_line(struct reading *r, struct cmd_token_out *out, struct tr_err *err)
{
    int rc = end_number(r, err);
    if (!rc)
        rc = cmd_token_out_ids(out, &r->ids, err);
    r->ids.n = 0;
    r->line++;
    return rc;
}

static int read_lines(struct reading *r, FILE *f, struct cmd_token_out *out,
                      struct tr_err *err)
{
    int c, begun = 0, rc = 0;
    while (!rc && (c = getc_unlocked(f)) != EOF) {
        begun = c != '\n';
        if (c >= '0' && c <= '9')
            rc = add_digit(r, c - '0', err);
        else if (c == '\n')
            rc = end_line(r, out, err);
        else if (c && strchr(" \t\r", c))
            rc = end_number(r, err);
        else
            rc = tr_err_set(err, TR_EFORMAT, "'%s' line %" PRIu64 ": not a decimal id",
                            r->path, r->line);
    }
    if (!rc && ferror(f))
        return tr_err_sys(err, "cannot read '%s'", r->path);
    return rc || !begun ? rc : end_line(r, out, err);
}

int cmd_id_lines(const char *path, uint32_t n_vocab, struct cmd_token_out *out,
                 struct tr_err *err)
{
    struct reading r = { .path = path, .n_vocab = n_vocab, .line = 1, .value = -1 };
    FILE *f = tr_in_open(path, err);
    if (!f)
        return err->code;
    int rc = read_lines(&r, f, out, err);
    fclose(f);
    tr_tokens_release(&r.ids);
    return rc;
}
