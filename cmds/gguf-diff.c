/* SPDX-License-Identifier: MIT
 *
 * gguf-diff - what differs between two GGUF files.  See gguf-diff.1
 */
#include "shared/common.h"
#include "shared/gguf-text.h"
#include "shared/job.h"

#include <libtrain/gguf.h>

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SHOWN = 8 }; /* elements of an array */

struct diff {
    const struct tr_gguf *a, *b;
    double tol;
    int differ; /* something was found */
};

static void print_name(const char *kind, const char *name)
{
    printf("%s\t", kind);
    gguf_print_text(stdout, name, strlen(name));
}

static int same_value(const struct tr_gguf_kv *a, const struct tr_gguf_kv *b)
{
    return a->type == b->type && a->elem == b->elem && a->count == b->count &&
           a->data_bytes == b->data_bytes && memcmp(a->data, b->data, a->data_bytes) == 0;
}

static void print_value(const struct tr_gguf_kv *kv)
{
    fputc('\t', stdout);
    gguf_print_type(stdout, kv);
    fputc('\t', stdout);
    gguf_print_value(stdout, kv, MAX_SHOWN);
}

static void print_key(const char *kind, const struct tr_gguf_kv *a,
                      const struct tr_gguf_kv *b)
{
    print_name(kind, a->key);
    print_value(a);
    if (b)
        print_value(b);
    fputc('\n', stdout);
}

/* How many files a model is in is said by keys, but is nothing of the model. */
static int is_of_files(const struct diff *d, const struct tr_gguf_kv *kv)
{
    return (tr_gguf_n_part(d->a) > 1 || tr_gguf_n_part(d->b) > 1) &&
           !strncmp(kv->key, "split.", 6);
}

static void diff_keys(struct diff *d)
{
    for (size_t i = 0; i < tr_gguf_n_kv(d->a); i++) {
        const struct tr_gguf_kv *a = tr_gguf_kv(d->a, i);
        const struct tr_gguf_kv *b = tr_gguf_find_kv(d->b, a->key);
        if (is_of_files(d, a) || (b && same_value(a, b)))
            continue;
        print_key(b ? "key" : "key<", a, b);
        d->differ = 1;
    }
    for (size_t i = 0; i < tr_gguf_n_kv(d->b); i++) {
        const struct tr_gguf_kv *b = tr_gguf_kv(d->b, i);
        if (is_of_files(d, b) || tr_gguf_find_kv(d->a, b->key))
            continue;
        print_key("key>", b, NULL);
        d->differ = 1;
    }
}

/* Largest |a - b| and ||a - b|| / ||a||, summed front to back in double; 0 if one of the
 * types cannot be unpacked.  A NaN on either side gives NaN. */
static int distance(const struct tr_gguf_tensor *a, const struct tr_gguf_tensor *b,
                    double *max, double *rel)
{
    double x[GGUF_PIECE], y[GGUF_PIECE], norm = 0, sum = 0;
    int64_t all = a->bytes / a->dtype->bytes * a->dtype->block;
    *max = 0;
    for (int64_t i = 0; i < all; i += GGUF_PIECE) {
        int64_t n = all - i < GGUF_PIECE ? all - i : GGUF_PIECE;
        if (!gguf_unpack(a, i, n, x) || !gguf_unpack(b, i, n, y))
            return 0;
        for (int64_t k = 0; k < n; k++) {
            double e = fabs(x[k] - y[k]);
            *max = e > *max || isnan(e) ? e : *max;
            sum += e * e;
            norm += x[k] * x[k];
        }
    }
    *rel = sum == 0 ? 0 : sqrt(sum / norm);
    return 1;
}

static void diff_tensor(struct diff *d, const struct tr_gguf_tensor *a,
                        const struct tr_gguf_tensor *b)
{
    double max = 0, rel = 0;
    print_name("tensor", a->name);
    printf("\t%s\t%s\t", a->dtype->name, b->dtype->name);
    if (a->dtype == b->dtype && memcmp(a->data, b->data, (size_t)a->bytes) == 0) {
        fputs("0\t0\n", stdout);
    } else if (distance(a, b, &max, &rel)) {
        printf("%.9g\t%.9g\n", max, rel);
        d->differ |= !(rel <= d->tol);
    } else {
        fputs("-\t-\n", stdout);
        d->differ = 1;
    }
}

static void diff_shape(struct diff *d, const struct tr_gguf_tensor *a,
                       const struct tr_gguf_tensor *b)
{
    print_name("shape", a->name);
    fputc('\t', stdout);
    gguf_print_shape(stdout, a);
    fputc('\t', stdout);
    gguf_print_shape(stdout, b);
    fputc('\n', stdout);
    d->differ = 1;
}

/* A tensor that only one side has. */
static void diff_alone(struct diff *d, const char *kind, const struct tr_gguf_tensor *t)
{
    print_name(kind, t->name);
    printf("\t%s\t", t->dtype->name);
    gguf_print_shape(stdout, t);
    fputc('\n', stdout);
    d->differ = 1;
}

static int64_t data_bytes(const struct tr_gguf *g)
{
    int64_t n = 0;
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++)
        n += tr_gguf_tensor(g, i)->bytes;
    return n;
}

static void diff_tensors(struct diff *d)
{
    int64_t done = 0, all = data_bytes(d->a);
    for (size_t i = 0; i < tr_gguf_n_tensor(d->a); i++) {
        const struct tr_gguf_tensor *a = tr_gguf_tensor(d->a, i);
        const struct tr_gguf_tensor *b = tr_gguf_find_tensor(d->b, a->name);
        if (!b)
            diff_alone(d, "tensor<", a);
        else if (!tr_gguf_has_shape(a, b->n_dim, b->dim))
            diff_shape(d, a, b);
        else
            diff_tensor(d, a, b);
        cmd_job_at(done += a->bytes, all);
    }
    for (size_t i = 0; i < tr_gguf_n_tensor(d->b); i++) {
        const struct tr_gguf_tensor *b = tr_gguf_tensor(d->b, i);
        if (!tr_gguf_find_tensor(d->a, b->name))
            diff_alone(d, "tensor>", b);
    }
}

int main(int argc, char **argv)
{
    struct diff d = { 0 };
    int tensors = 0, n, rc = CMD_FAIL;
    const struct cmd_opt opt[] = {
        CMD_FLOAT(0, "tol", &d.tol, 0, 1e6, "X",
                  "relative L2 error that counts as equal"),
        CMD_FLAG(0, "tensors", &tensors, "compare the tensors only"),
        CMD_END
    };
    const struct cmd cmd = { "gguf-diff", "[--tol X] [--tensors] A B",
                             "print what differs between two GGUF files", opt, 2, 2, NULL };
    struct tr_err err = { 0 };
    struct tr_gguf *b = NULL;
    char **file = cmd_parse(&cmd, argc, argv, &n);
    struct tr_gguf *a = tr_gguf_open(file[0], &err);
    if (!a || !(b = tr_gguf_open(file[1], &err)))
        goto end;
    d.a = a;
    d.b = b;
    if (!isatty(STDOUT_FILENO)) /* else its own lines are progress enough */
        cmd_job("B");
    if (!tensors)
        diff_keys(&d);
    diff_tensors(&d);
    rc = d.differ ? CMD_FAIL : CMD_OK;
end:
    tr_gguf_close(b);
    tr_gguf_close(a);
    return cmd_end(rc, &err);
}
