/* SPDX-License-Identifier: MIT
 *
 * Kinds of tensors, by their names.  Next: loss-table.c, change-table.c.
 */
#include "tensor-kind.h"

#include <libtrain/gguf.h>

#include <stdio.h>
#include <string.h>

void cmd_tensor_kind(char *kind, size_t size, const char *tensor)
{
    const char *rest = tensor;
    tr_gguf_block(tensor, &rest);
    size_t n = strlen(rest);
    if (n > 7 && !strcmp(rest + n - 7, ".weight"))
        n -= 7;
    snprintf(kind, size, "%.*s", (int)n, rest);
}

void *cmd_kind_line(void *lines, size_t size, size_t *n, const char *kind)
{
    char *line = lines;
    for (size_t i = 0; i < *n; i++, line += size)
        if (!strcmp(line, kind))
            return line;
    snprintf(line, CMD_KIND_BYTES, "%s", kind);
    ++*n;
    return line;
}

void cmd_add_word(char *words, size_t size, const char *word)
{
    size_t used = strlen(words), n = strlen(word);
    for (const char *p = words; (p = strstr(p, word)); p += n)
        if ((p == words || p[-1] == ' ') && (!p[n] || p[n] == ' '))
            return;
    snprintf(words + used, size - used, "%s%s", used ? " " : "", word);
}
