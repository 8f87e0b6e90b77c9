/* SPDX-License-Identifier: MIT
 *
 * Text to a terminal or to whatever else standard output is.  Pieces of text may end inside a
 * character, since tokens do, so its beginning is held until the rest comes.
 */
#include "text-out.h"

#include <libtrain/printable.h>

#include <string.h>
#include <unistd.h>

struct cmd_text_out cmd_text_out(FILE *f, const char *path)
{
    int terminal = !strcmp(path, "-") && isatty(STDOUT_FILENO);
    return (struct cmd_text_out){ .f = f, .terminal = terminal };
}

/* Bytes at the end of n that begin a character of more bytes than are there. */
static size_t unfinished(const char *text, size_t n)
{
    for (size_t back = 1; back < 4 && back <= n; back++) {
        unsigned char c = (unsigned char)text[n - back];
        size_t takes = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        if (c >= 0xc0)
            return takes > back ? back : 0;
        if (c < 0x80)
            return 0;
    }
    return 0;
}

static void show(FILE *f, const char *text, size_t n)
{
    for (size_t i = 0, step; i < n; i += step) {
        step = tr_printable(text + i, n - i);
        if (step || text[i] == '\n' || text[i] == '\t')
            fwrite(text + i, 1, step ? step : 1, f);
        else
            tr_print_escaped(f, text + i, 1);
        step += !step;
    }
}

void cmd_text_put(struct cmd_text_out *o, const char *text, size_t n)
{
    if (!o->terminal) {
        fwrite(text, 1, n, o->f);
        return;
    }
    while (o->n_held && n) { /* a held character grows byte by byte */
        o->held[o->n_held++] = *text++;
        n--;
        if (!unfinished(o->held, o->n_held))
            cmd_text_end(o);
    }
    size_t rest = unfinished(text, n);
    show(o->f, text, n - rest);
    memcpy(o->held + o->n_held, text + n - rest, rest);
    o->n_held += rest;
}

void cmd_text_end(struct cmd_text_out *o)
{
    show(o->f, o->held, o->n_held);
    o->n_held = 0;
}
