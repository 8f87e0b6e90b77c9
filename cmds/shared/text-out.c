/* SPDX-License-Identifier: MIT
 *
 * Text to a terminal or to whatever else an output is.  Pieces of text may end inside a
 * character, since tokens do, so on a terminal its beginning is held until the rest comes;
 * no more is held than can still become a character, whatever a model says.
 */
#include "text-out.h"

#include <libtrain/printable.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct cmd_text_out cmd_text_to(struct tr_out *out)
{
    return (struct cmd_text_out){ .f = out ? tr_out_stream(out) : stdout,
                                  .terminal = out ? tr_out_is_terminal(out)
                                                  : isatty(STDOUT_FILENO) };
}

/* Whether these bytes, which are no character, may become one with more behind them. */
static int may_become(const char *text, size_t n)
{
    unsigned char c = (unsigned char)text[0];
    size_t takes = c < 0xc2 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 1;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
    return takes > n;
}

/* Show the first character that is held, or the escape of its first byte. */
static void show_first(struct cmd_text_out *o)
{
    size_t step = tr_printable(o->held, o->n_held);
    if (step || *o->held == '\n' || *o->held == '\t')
        fwrite(o->held, 1, step ? step : 1, o->f);
    else
        tr_print_escaped(o->f, o->held, 1);
    step += !step;
    o->n_held -= step;
    memmove(o->held, o->held + step, o->n_held);
}

void cmd_text_put(struct cmd_text_out *o, const char *text, size_t n)
{
    if (!n) /* then there may be no text at all */
        return;
    if (!o->terminal) {
        fwrite(text, 1, n, o->f);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        o->held[o->n_held++] = text[i];
        while (o->n_held && !may_become(o->held, o->n_held))
            show_first(o);
    }
}

void cmd_text_end(struct cmd_text_out *o)
{
    while (o->n_held)
        show_first(o);
}

int cmd_text_copy(struct cmd_text_out *o, const char *path, struct tr_err *err)
{
    char *data;
    size_t bytes;
    if (!path)
        return 0;
    int rc = tr_read_all(path, &data, &bytes, err);
    if (rc)
        return rc;
    cmd_text_put(o, data, bytes);
    cmd_text_end(o);
    if (ferror(o->f))
        rc = tr_err_sys(err, "cannot copy '%s'", path);
    free(data);
    return rc;
}
