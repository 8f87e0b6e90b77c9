/* SPDX-License-Identifier: MIT
 *
 * quantize - write a model in another type.  See quantize.1
 *
 * The output is the file that `llama-quantize --pure` writes, byte for byte: same choice
 * of tensors, same blocks, same order of tensors and keys.
 */
#include "shared/common.h"

#include <libtrain/gguf.h>
#include <libtrain/printable.h>
#include <libtrain/quantize.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLAB = 1 << 20 }; /* numbers that are converted between two writes */

struct opts {
    const char *type, *output;
    int dry_run, requantize, nonfinite;
};

/* What happens to one tensor. */
struct job {
    const struct tr_gguf_tensor *tensor;
    const struct tr_dtype *type;
    int64_t bytes;
};

static const struct tr_dtype *parse_type(const struct cmd *cmd, const char *name)
{
    char list[256] = "";
    const struct tr_dtype *type = tr_dtype_by_name(name);
    if (type && type->from_f32)
        return type;
    for (int i = 0; (type = tr_dtype_at(i)); i++)
        if (type->from_f32)
            snprintf(list + strlen(list), sizeof list - strlen(list), " %s", type->name);
    cmd_usage(cmd, "cannot write type '%s'; those that can be written:%s", name, list);
}

/* llama.cpp's order: by block, then by name. */
static int by_block(const void *a, const void *b)
{
    const char *x = ((const struct job *)a)->tensor->name;
    const char *y = ((const struct job *)b)->tensor->name;
    int64_t i = tr_gguf_block(x, NULL), k = tr_gguf_block(y, NULL);
    return i == k ? strcmp(x, y) : i < k ? -1 : 1;
}

static int check_model(const struct tr_gguf *g, struct tr_err *err)
{
    struct tr_str type = { "", 0 };
    int64_t parts = 1;
    if (tr_gguf_string(g, "general.type", &type, err) < 0 ||
        tr_gguf_int(g, "split.count", &parts, err) < 0)
        return tr_err_prefix(err, "'%s'", tr_gguf_path(g));
    if (type.len == 7 && !memcmp(type.ptr, "adapter", 7))
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s' is an adapter, not a model",
                          tr_gguf_path(g));
    if (parts > 1)
        return tr_err_set(err, TR_EUNSUPPORTED,
                          "'%s' is one of %lld parts; join them first", tr_gguf_path(g),
                          (long long)parts);
    return 0;
}

/* The jobs in order of output, or NULL. */
static struct job *plan(const struct tr_gguf *g, const struct tr_dtype *want,
                        const struct opts *o, struct tr_err *err)
{
    size_t n = tr_gguf_n_tensor(g);
    struct job *job = calloc(n + 1, sizeof *job);
    if (!job) {
        tr_err_sys(err, "cannot plan %zu tensors", n);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        struct job *j = &job[i];
        j->tensor = t;
        j->type = tr_convert_type(t, want, err);
        if (j->type && j->type != t->dtype && t->dtype->block > 1 && !o->requantize)
            tr_err_set(err, TR_EUNSUPPORTED, "tensor '%s' is %s already; quantising it "
                       "again loses more (--allow-requantize does it)", t->name,
                       t->dtype->name);
        else if (j->type && !tr_dtype_bytes(j->type, t->n_dim, t->dim, &j->bytes, err))
            continue;
        tr_err_prefix(err, "'%s'", tr_gguf_path(g));
        free(job);
        return NULL;
    }
    qsort(job, n, sizeof *job, by_block);
    return job;
}

static void print_plan(const struct job *job, size_t n)
{
    puts("tensor\ttype\tnew_type\tbytes\tnew_bytes");
    for (size_t i = 0; i < n; i++) {
        tr_print_escaped(stdout, job[i].tensor->name, strlen(job[i].tensor->name));
        printf("\t%s\t%s\t%lld\t%lld\n", job[i].tensor->dtype->name,
               job[i].type->name, (long long)job[i].tensor->bytes, (long long)job[i].bytes);
    }
}

static int64_t n_numbers(const struct tr_gguf_tensor *t)
{
    return t->bytes / t->dtype->bytes * t->dtype->block;
}

static void summarise(const struct job *job, size_t n)
{
    double before = 0, after = 0, numbers = 0;
    for (size_t i = 0; i < n; i++) {
        before += (double)job[i].tensor->bytes;
        after += (double)job[i].bytes;
        numbers += (double)n_numbers(job[i].tensor);
    }
    if (n)
        cmd_say("%zu tensors, %.1f MiB (%.2f bits per weight) -> %.1f MiB (%.2f)", n,
                before / 0x1p20, 8 * before / numbers, after / 0x1p20, 8 * after / numbers);
}

/* Say which matrices did not get the type that was asked for. */
static void report_fallback(const struct job *job, size_t n, const struct tr_dtype *want)
{
    size_t changed = 0;
    const struct tr_dtype *other = NULL;
    for (size_t i = 0; i < n; i++)
        if (job[i].type != want && job[i].type->block > 1) {
            other = job[i].type;
            changed++;
        }
    if (changed && other->block < want->block)
        cmd_say("%zu of %zu tensors become %s: their rows do not divide into blocks of %u",
                changed, n, other->name, want->block);
}

static int not_finite(const struct tr_gguf *g, const struct job *j, int bad,
                      struct tr_err *err)
{
    const char *path = tr_gguf_path(g), *name = j->tensor->name;
    if (bad & TR_CONVERT_BAD_SRC)
        return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' holds a NaN or an infinity "
                          "(--allow-nonfinite writes it)", path, name);
    return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' holds numbers too large for %s "
                      "(--allow-nonfinite writes them as infinite)", path, name,
                      j->type->name);
}

static int convert(struct tr_gguf_writer *w, const struct tr_gguf *g, const struct job *j,
                   void *buffer, int nonfinite, struct tr_err *err)
{
    const struct tr_dtype *from = j->tensor->dtype;
    const char *src = j->tensor->data;
    for (int64_t left = n_numbers(j->tensor); left > 0; left -= SLAB) {
        int64_t n = left < SLAB ? left : SLAB;
        int64_t bytes = n / from->block * from->bytes;
        int bad = tr_convert(from, src, j->type, buffer, n);
        if (bad && !nonfinite)
            return not_finite(g, j, bad, err);
        if (tr_gguf_write(w, buffer, n / j->type->block * j->type->bytes, err))
            return -1;
        tr_gguf_forget(g, src, bytes);
        src += bytes;
    }
    return 0;
}

/* Keys as llama-quantize leaves them: the two that it sets go to the end. */
static void set_keys(struct tr_gguf_writer *w, const struct tr_gguf *g, int32_t file_type)
{
    static const char *const dropped[] = {
        "split.no", "split.count", "split.tensors.count", "general.quantization_version",
        "general.file_type",
    };
    tr_gguf_set_all(w, g);
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        tr_gguf_unset(w, dropped[i]);
    tr_gguf_set_u32(w, "general.quantization_version", 2);
    tr_gguf_set_u32(w, "general.file_type", (uint32_t)file_type);
}

static int write_model(const struct tr_gguf *g, const struct job *job,
                       const struct tr_dtype *want, const struct opts *o,
                       struct tr_err *err)
{
    size_t n = tr_gguf_n_tensor(g);
    void *buffer = malloc((size_t)SLAB * 8); /* of the widest type */
    struct tr_gguf_writer *w = buffer ? tr_gguf_create(o->output, err) : NULL;
    int rc = -1;
    if (!buffer)
        tr_err_sys(err, "cannot convert '%s'", tr_gguf_path(g));
    if (!w)
        goto out;
    set_keys(w, g, want->file_type);
    for (size_t i = 0; i < n; i++)
        tr_gguf_add_tensor(w, job[i].tensor->name, job[i].type, job[i].tensor->n_dim,
                           job[i].tensor->dim);
    for (size_t i = 0; i < n; i++)
        if (convert(w, g, &job[i], buffer, o->nonfinite, err))
            goto out;
    rc = tr_gguf_commit(w, err);
    w = NULL;
out:
    tr_gguf_discard(w);
    free(buffer);
    return rc;
}

static int quantize(const char *input, const struct tr_dtype *want, const struct opts *o,
                    struct tr_err *err)
{
    struct job *job = NULL;
    int rc = -1;
    struct tr_gguf *g = tr_gguf_open(input, err);
    const char *text;
    if (!g || check_model(g, err) || !(job = plan(g, want, o, err)))
        goto out;
    for (size_t i = 0; (text = tr_gguf_warning(g, i)); i++)
        cmd_warn("%s", text);
    if (o->dry_run)
        print_plan(job, tr_gguf_n_tensor(g));
    else if (cmd_not_same(o->output, input, err) || write_model(g, job, want, o, err))
        goto out;
    report_fallback(job, tr_gguf_n_tensor(g), want);
    summarise(job, tr_gguf_n_tensor(g));
    rc = 0;
out:
    free(job);
    tr_gguf_close(g);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { 0 };
    int n;
    struct tr_err err = { 0 };
    const struct cmd_opt table[] = {
        CMD_TEXT('t', "type", &o.type, "TYPE", "type of the matrices: Q8_0, f16, …"),
        CMD_TEXT('o', "output", &o.output, "FILE", "where to write the model"),
        CMD_FLAG(0, "dry-run", &o.dry_run, "print the sizes as TSV and write nothing"),
        CMD_FLAG(0, "allow-requantize", &o.requantize,
                 "convert tensors that are quantised already"),
        CMD_FLAG(0, "allow-nonfinite", &o.nonfinite, "let NaN and infinities pass"),
        CMD_END
    };
    const struct cmd cmd = {
        "quantize", "-t TYPE -o OUT.gguf IN.gguf", "write a model in another type", table,
        1, 1
    };
    int i = cmd_parse(&cmd, argc, argv, &n);
    if (!o.type)
        cmd_usage(&cmd, "option '--type' is required");
    if (!o.output && !o.dry_run)
        cmd_usage(&cmd, "option '--output' is required");
    const struct tr_dtype *want = parse_type(&cmd, o.type);
    return cmd_end(quantize(argv[i], want, &o, &err) ? cmd_code(&err) : CMD_OK, &err);
}
