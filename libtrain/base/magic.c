/* SPDX-License-Identifier: MIT */
#include <libtrain/base/magic.h>

#include <string.h>

static const struct {
    const char *bytes;
    size_t n;
    const char *words;
} known[] = {
    { TR__TOKEN_MAGIC, TR__MAGIC_BYTES, "a token stream" },
    { TR__PACK_MAGIC, TR__MAGIC_BYTES, "a pack" },
    { "TRTOK", 5, "a token stream that was changed in transfer" },
    { "TRPAK", 5, "a pack that was changed in transfer" },
    { "GGUF", 4, "a GGUF model" },
    { "\x28\xb5\x2f\xfd", 4, "zstd-compressed data" },
    { "\x1f\x8b", 2, "gzip-compressed data" },
    { "PK\x03\x04", 4, "a zip archive" },
};

static int is_text(const unsigned char *head, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (head[i] == 0x7f || (head[i] < 0x20 && !strchr("\t\n\v\f\r", head[i])) ||
            head[i] == 0)
            return 0;
    return 1;
}

const char *tr__magic_words(const unsigned char *head, size_t n)
{
    if (n == 0)
        return "empty";
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (n >= known[i].n && !memcmp(head, known[i].bytes, known[i].n))
            return known[i].words;
    return is_text(head, n) ? "text" : "of an unknown kind";
}
