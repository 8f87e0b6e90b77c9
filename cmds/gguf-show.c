/* SPDX-License-Identifier: MIT
 *
 * gguf-show - print what is in a GGUF file, or check it.  See gguf-show.1
 */
#include "shared/common.h"
#include "shared/gguf-text.h"
#include "shared/model-words.h"

#include <libtrain/gguf.h>
#include <libtrain/model.h>

#include <string.h>

enum { MAX_SHOWN = 8 }; /* elements of an array */

static void show_key(const struct tr_gguf_kv *kv)
{
    fputs("key\t", stdout);
    gguf_print_text(stdout, kv->key, strlen(kv->key));
    fputc('\t', stdout);
    gguf_print_type(stdout, kv);
    fputc('\t', stdout);
    gguf_print_value(stdout, kv, MAX_SHOWN);
    fputc('\n', stdout);
}

static int64_t n_number(const struct tr_gguf_tensor *t)
{
    return t->bytes / t->dtype->bytes * t->dtype->block;
}

/* The first `wanted` numbers, or "-" if the type cannot be unpacked. */
static void show_data(const struct tr_gguf_tensor *t, int64_t wanted)
{
    double x[GGUF_PIECE];
    int64_t all = n_number(t);
    if (wanted > all)
        wanted = all;
    for (int64_t i = 0; i < wanted; i += GGUF_PIECE) {
        int64_t n = all - i < GGUF_PIECE ? all - i : GGUF_PIECE;
        if (!gguf_unpack(t, i, n, x)) {
            fputc('-', stdout);
            return;
        }
        for (int64_t k = 0; k < n && i + k < wanted; k++)
            printf(i + k ? " %.9g" : "%.9g", x[k]);
    }
}

static void show_tensor(const struct tr_gguf_tensor *t, int64_t data)
{
    fputs("tensor\t", stdout);
    gguf_print_text(stdout, t->name, strlen(t->name));
    printf("\t%s\t", t->dtype->name);
    gguf_print_shape(stdout, t);
    printf("\t%llu\t%lld", (unsigned long long)t->offset, (long long)t->bytes);
    if (data) {
        fputc('\t', stdout);
        show_data(t, data);
    }
    fputc('\n', stdout);
}

/* Of a model in several files, which one the next tensors are in. */
static void show_part(const struct tr_gguf *g, size_t i)
{
    const char *path = tr_gguf_part_path(g, i);
    fputs("file\tpart\t", stdout);
    gguf_print_text(stdout, path, strlen(path));
    fputc('\n', stdout);
}

static void show_tensors(const struct tr_gguf *g, int64_t data)
{
    int several = tr_gguf_n_part(g) > 1, part = -1;
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        while (several && part < t->part)
            show_part(g, (size_t)++part);
        show_tensor(t, data);
    }
}

static void show(const struct tr_gguf *g, int keys, int tensors, int64_t data)
{
    int all = !keys && !tensors;
    if (all)
        model_words_print(stdout, g);
    if (all)
        printf("file\tversion\t%u\nfile\talignment\t%llu\n", tr_gguf_version(g),
               (unsigned long long)tr_gguf_alignment(g));
    for (size_t i = 0; (all || keys) && i < tr_gguf_n_kv(g); i++)
        show_key(tr_gguf_kv(g, i));
    if (all || tensors)
        show_tensors(g, data);
}

/* 1 for what says that it is a model and has weights: no adapter, checkpoint or
 * vocabulary. */
static int is_model(const struct tr_gguf *g)
{
    struct tr_str type = { "model", 5 };
    if (tr_gguf_string(g, "general.type", &type, NULL) < 0)
        return 1; /* the loader says what is wrong */
    return tr_gguf_find_kv(g, "general.architecture") && tr_gguf_n_tensor(g) &&
           tr_str_is(type, "model");
}

static int check(const struct tr_gguf *g, struct tr_err *err)
{
    int rc = tr_gguf_check(g, err);
    if (rc || !is_model(g))
        return rc;
    struct tr_model *m = tr_model_open(tr_gguf_path(g), err);
    if (!m)
        return -1;
    for (size_t i = 0; tr_model_unused_tensor(m, i); i++)
        cmd_warn("'%s': tensor '%s' is not used", tr_gguf_path(g),
                 tr_model_unused_tensor(m, i));
    for (size_t i = 0; tr_model_unused_key(m, i); i++)
        cmd_warn("'%s': key '%s' is not used", tr_gguf_path(g), tr_model_unused_key(m, i));
    tr_model_close(m);
    return 0;
}

int main(int argc, char **argv)
{
    int only_check = 0, keys = 0, tensors = 0, n, rc = CMD_FAIL;
    int64_t data = 0;
    const struct cmd_opt opt[] = {
        CMD_FLAG(0, "check", &only_check, "read everything and say what is wrong"),
        CMD_FLAG(0, "keys", &keys, "the keys only"),
        CMD_FLAG(0, "tensors", &tensors, "the tensors only"),
        CMD_INT(0, "data", &data, 0, 1e12, "N", "add the first N numbers of every tensor"),
        CMD_END
    };
    const struct cmd cmd = {
        "gguf-show", "[--check] [--keys | --tensors] [--data N] FILE",
        "print the keys and tensors of a GGUF file as text", opt, 1, 1, NULL
    };
    struct tr_err err = { 0 };
    char **file = cmd_parse(&cmd, argc, argv, &n);
    if (keys && tensors)
        cmd_usage(&cmd, "'--keys' and '--tensors' exclude each other");
    if (only_check && (keys || tensors || data))
        cmd_usage(&cmd, "'--check' prints nothing, so it takes no other option");
    struct tr_gguf *g = tr_gguf_open(*file, &err);
    if (!g)
        goto end;
    if (only_check && check(g, &err))
        goto end;
    for (size_t i = 0; tr_gguf_warning(g, i); i++)
        cmd_warn("'%s': %s", tr_gguf_path(g), tr_gguf_warning(g, i));
    if (!only_check)
        show(g, keys, tensors, data);
    rc = CMD_OK;
end:
    tr_gguf_close(g);
    return cmd_end(rc, &err);
}
