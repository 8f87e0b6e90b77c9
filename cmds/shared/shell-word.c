/* SPDX-License-Identifier: MIT
 *
 * Quoting for the shells that people have (sh, bash, zsh): nothing in between single quotes
 * means anything but the quote.  What a terminal would obey is spelt in octal.
 */
#include "shell-word.h"

#include <libtrain/printable.h>

#include <string.h>

static int is_plain(const char *text)
{
    static const char safe[] = "=_@%+:,./-0123456789abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return *text && *text != '=' && !text[strspn(text, safe)]; /* = begins a path in zsh */
}

static int is_printable(const char *text)
{
    size_t left = strlen(text), n;
    for (; left; text += n, left -= n)
        if (!(n = tr_printable(text, left)))
            return 0;
    return 1;
}

static void put_quoted(FILE *f, const char *text)
{
    fputc('\'', f);
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", f);
        else
            fputc(*text, f);
    fputc('\'', f);
}

/* printf of the shell says it; the command substitution would drop line ends behind it. */
static void put_octal(FILE *f, const char *text)
{
    fputs("\"$(printf '", f);
    for (size_t left = strlen(text), n; left; text += n, left -= n) {
        n = tr_printable(text, left);
        if (n && !strchr("'\\%", *text)) {
            fwrite(text, 1, n, f);
            continue;
        }
        n = 1;
        fprintf(f, "\\%03o", (unsigned)(unsigned char)*text);
    }
    fputs("')\"", f);
}

void cmd_put_word(FILE *f, const char *text)
{
    fputc(' ', f);
    if (is_plain(text))
        fputs(text, f);
    else if (is_printable(text))
        put_quoted(f, text);
    else
        put_octal(f, text);
}

void cmd_put_file(FILE *f, const char *path)
{
    char dotted[4096 + 2];
    if (*path != '-' || strlen(path) > 4095) {
        cmd_put_word(f, path);
        return;
    }
    snprintf(dotted, sizeof dotted, "./%s", path);
    cmd_put_word(f, dotted);
}
