/* SPDX-License-Identifier: MIT
 *
 * What is odd in a vocabulary or in a text changes the ids, so it is said wherever ids are
 * made.
 */
#include "vocab.h"

#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tr_tokenizer *cmd_tokenizer(const struct tr_gguf *g, const char *pre,
                                   struct tr_err *err)
{
    struct tr_tokenizer *t = tr_tokenizer_new_pre(g, pre, err);
    for (size_t i = 0; t && tr_tokenizer_warning(t, i); i++)
        cmd_warn("'%s': %s", tr_gguf_path(g), tr_tokenizer_warning(t, i));
    return t;
}

int64_t cmd_context(const struct tr_gguf *g)
{
    char key[128];
    struct tr_str arch;
    int64_t n = 0;
    if (tr_gguf_string(g, "general.architecture", &arch, NULL) != 1)
        return 0;
    snprintf(key, sizeof key, "%.*s.context_length", arch.len > 80 ? 80 : (int)arch.len,
             arch.ptr);
    return tr_gguf_int(g, key, &n, NULL) == 1 && n > 0 ? n : 0;
}

/* The library does not know the option. */
int cmd_binary_way_out(struct tr_err *err)
{
    struct tr_err old = *err;
    *err = (struct tr_err){ 0 };
    return tr_err_set(err, old.code, "%s (--binary takes it as it is)", old.text);
}

void cmd_tell_text(const struct tr_text *t, const char *name)
{
    for (size_t i = 0; i < TR_TEXT_WARNINGS && *t->warning[i]; i++)
        cmd_warn("'%s': %s", name, t->warning[i]);
}

int cmd_read_text(struct tr_text *t, const char *path, const int *binary,
                  struct tr_err *err)
{
    int rc = tr_text_read(t, path, binary && *binary ? TR_TEXT_BINARY : 0, err);
    if (rc == TR_EFORMAT && binary)
        return cmd_binary_way_out(err);
    if (!rc)
        cmd_tell_text(t, strcmp(path, "-") ? path : "standard input");
    return rc;
}

static uint32_t most_frequent(const uint64_t *count, uint32_t n)
{
    uint32_t most = 0;
    for (uint32_t i = 1; i < n; i++)
        if (count[i] > count[most])
            most = i;
    return most;
}

static void tell_one(const struct tr_tokenizer *t, uint32_t id, uint64_t times)
{
    char *text = NULL;
    size_t n = 0, cap = 0;
    if (!tr_tokenizer_decode(t, id, 0, 1, &text, &n, &cap, NULL))
        cmd_warn("'%.*s' stands in the text %llu time%s as plain text; --special makes it "
                 "one token", n > 80 ? 80 : (int)n, text, (unsigned long long)times,
                 times == 1 ? "" : "s");
    free(text);
}

void cmd_tell_spelt(const struct tr_tokenizer *t, uint64_t *count)
{
    enum { SHOWN = 4 };
    uint32_t n = tr_tokenizer_n_vocab(t), more = 0;
    for (int k = 0; k < SHOWN; k++) {
        uint32_t id = most_frequent(count, n);
        if (!count[id])
            return;
        tell_one(t, id, count[id]);
        count[id] = 0;
    }
    for (uint32_t i = 0; i < n; i++)
        more += count[i] != 0;
    if (more)
        cmd_warn("so do %u other control tokens", more);
}

void cmd_tell_spelt_in(const struct tr_tokenizer *t, const char *text, size_t n)
{
    uint64_t *count = calloc(tr_tokenizer_n_vocab(t), sizeof *count);
    if (!count) /* a warning less; what comes next will fail for the same reason */
        return;
    tr_tokenizer_spelt(t, text, n, count);
    cmd_tell_spelt(t, count);
    free(count);
}
