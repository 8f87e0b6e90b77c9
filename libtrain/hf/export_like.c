/* SPDX-License-Identifier: MIT
 *
 * The files of a tokenizer, from another folder as they are.
 */
#include <libtrain/base/base.h>
#include <libtrain/file.h>
#include <libtrain/hf/export.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static const char *const names[] = {
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", "chat_template.jinja",
    "chat_template.json", "generation_config.json",
};

static int copy_all(int fd, const char *from, struct tr_out *out, struct tr_err *err)
{
    char piece[1 << 13];
    for (;;) {
        ssize_t n = tr__read_some(fd, piece, sizeof piece);
        if (n < 0)
            return tr_err_sys(err, "cannot read '%s'", from);
        if (!n)
            return 0;
        int rc = tr_out_write(out, piece, (size_t)n, err);
        if (rc)
            return rc;
    }
}

static int copy(const char *from, const char *to, struct tr_err *err)
{
    uint64_t bytes;
    int fd = tr__open_regular(from, &bytes, err);
    if (fd < 0)
        return TR_EIO;
    struct tr_out *out = tr_out_open(to, err);
    int rc = out ? copy_all(fd, from, out, err) : TR_EIO;
    close(fd);
    return tr_out_finish(out, rc, err);
}

int tr__hf_copy_tokenizer(const char *like, const struct tr__folder *to, struct tr_err *err)
{
    char from[PATH_MAX], target[PATH_MAX];
    int rc = 0, n = 0;
    for (size_t i = 0; !rc && i < sizeof names / sizeof *names; i++) {
        if (snprintf(from, sizeof from, "%s/%s", like, names[i]) >= PATH_MAX)
            return tr_err_set(err, TR_EIO, "'%.100s…': the name is too long", like);
        if (access(from, F_OK) && errno == ENOENT)
            continue;
        rc = tr__folder_file(to, names[i], target, err);
        if (!rc)
            rc = copy(from, target, err);
        n++;
    }
    if (!rc && !n)
        rc = tr_err_set(err, TR_EFORMAT, "'%s' has no files of a tokenizer", like);
    return rc;
}
