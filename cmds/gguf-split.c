/* SPDX-License-Identifier: MIT
 *
 * gguf-split - cut a GGUF file into several, or join them.  See gguf-split.1
 *
 * The work is libtrain/split.h's.
 */
#include "shared/common.h"
#include "shared/files.h"
#include "shared/job.h"

#include <libtrain/printable.h>
#include <libtrain/split.h>

#include <limits.h>
#include <string.h>

enum { TENSORS = 128 }; /* in a part, as llama-gguf-split has it */

struct opts {
    struct tr_split_args split;
    int merge, dry_run;
};

static void name_part(char path[PATH_MAX], const char *prefix, size_t i, size_t n)
{
    if (tr_gguf_part_name(path, PATH_MAX, prefix, (int64_t)i, (int64_t)n))
        *path = '\0'; /* whoever writes it says that it is too long */
}

/* No output is an input. */
static int check_parts(const struct tr_gguf *g, const struct tr_split *s,
                       const char *prefix, struct tr_err *err)
{
    char path[PATH_MAX];
    int rc = 0;
    for (size_t i = 0; !rc && i < s->n; i++) {
        name_part(path, prefix, i, s->n);
        rc = tr_parts_check(g, path, err);
    }
    return rc;
}

static void print_plan(const struct tr_split *s, const char *prefix)
{
    char path[PATH_MAX];
    puts("file\ttensors\tbytes");
    for (size_t i = 0; i < s->n; i++) {
        name_part(path, prefix, i, s->n);
        tr_print_escaped(stdout, path, strlen(path));
        printf("\t%zu\t%lld\n", s->first[i + 1] - s->first[i], (long long)s->bytes[i]);
    }
}

static int split(const struct tr_gguf *g, const struct opts *o, const char *prefix,
                 struct tr_err *err)
{
    struct tr_split *s = tr_split_plan(g, &o->split, err);
    int rc = s ? check_parts(g, s, prefix, err) : TR_EFORMAT;
    cmd_many_files();
    if (!rc && o->dry_run)
        print_plan(s, prefix);
    else if (!rc && !(rc = tr_split_write(g, s, &o->split, prefix, err)))
        cmd_say("%zu tensors in %zu parts", tr_gguf_n_tensor(g), s->n);
    tr_split_free(s);
    return rc;
}

static int merge(const struct tr_gguf *g, const struct opts *o, const char *path,
                 struct tr_err *err)
{
    int rc = tr_parts_check(g, path, err);
    if (!rc && o->dry_run)
        cmd_say("%zu parts, %zu tensors", tr_gguf_n_part(g), tr_gguf_n_tensor(g));
    else if (!rc && !(rc = tr_split_merge(g, &o->split.progress, path, err)))
        cmd_say("%zu tensors of %zu parts", tr_gguf_n_tensor(g), tr_gguf_n_part(g));
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { 0 };
    int n, cut = 0, rc = CMD_FAIL;
    const struct cmd_opt table[] = {
        CMD_FLAG(0, "split", &cut, "cut one file into several (the default)"),
        CMD_FLAG(0, "merge", &o.merge, "join parts, of which the first is given"),
        CMD_INT(0, "split-max-tensors", &o.split.max_tensors, 1, INT32_MAX, "N",
                "tensors of a part at most (128 unless a size is given)"),
        CMD_SIZE(0, "split-max-size", &o.split.max_bytes, "SIZE",
                 "bytes of a part's tensors at most: 500M, 4G"),
        CMD_FLAG(0, "no-tensor-first-split", &o.split.no_tensor_first,
                 "let the first part have the keys alone"),
        CMD_FLAG(0, "dry-run", &o.dry_run, "print the parts as TSV and write nothing"),
        CMD_END
    };
    const struct cmd cmd = {
        "gguf-split", "[--split | --merge] [options] IN OUT",
        "cut a GGUF file into several, or join them", table, 2, 2, NULL
    };
    struct tr_err err = { 0 };
    char **file = cmd_parse(&cmd, argc, argv, &n);
    if (cut && o.merge)
        cmd_usage(&cmd, "'--split' and '--merge' exclude each other");
    if (o.split.max_tensors && o.split.max_bytes)
        cmd_usage(&cmd, "'--split-max-tensors' and '--split-max-size' exclude each other");
    if (o.merge && (o.split.max_tensors || o.split.max_bytes || o.split.no_tensor_first))
        cmd_usage(&cmd, "'--merge' takes no option about parts");
    if (!o.split.max_bytes && !o.split.max_tensors)
        o.split.max_tensors = TENSORS;
    struct tr_gguf *g = tr_gguf_open(file[0], &err);
    o.split.progress = cmd_job("B");
    if (g && !(o.merge ? merge : split)(g, &o, file[1], &err))
        rc = CMD_OK;
    tr_gguf_close(g);
    return cmd_end(rc, &err);
}
