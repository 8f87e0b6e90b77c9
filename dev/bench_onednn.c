/* SPDX-License-Identifier: MIT */
#include "bench_onednn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef BENCH_ONEDNN /* set by mk/dev.mk: oneDNN 2 is there */
#include <oneapi/dnnl/dnnl.h>

struct bench_onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_memory_t memory[3];
    dnnl_exec_arg_t arg[3];
};

/* (rows, cols) in row-major order, or stored as (cols, rows). */
static dnnl_status_t describe(dnnl_memory_desc_t *md, int64_t rows, int64_t cols, int trans,
                              dnnl_data_type_t type)
{
    dnnl_dims_t dims = { rows, cols };
    dnnl_dims_t strides = { trans ? 1 : cols, trans ? rows : 1 };
    return dnnl_memory_desc_init_by_strides(md, 2, dims, type, strides);
}

static dnnl_status_t make_primitive(struct bench_onednn *d, const dnnl_memory_desc_t *md,
                                    int add)
{
    dnnl_matmul_desc_t desc;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t sum = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t s = dnnl_matmul_desc_init(&desc, &md[0], &md[1], NULL, &md[2]);
    if (!s)
        s = dnnl_primitive_attr_create(&attr);
    if (!s && add && !(s = dnnl_post_ops_create(&sum)) &&
        !(s = dnnl_post_ops_append_sum(sum, 1)))
        s = dnnl_primitive_attr_set_post_ops(attr, sum);
    if (!s)
        s = dnnl_primitive_desc_create(&pd, &desc, attr, d->engine, NULL);
    if (!s)
        s = dnnl_primitive_create(&d->primitive, pd);
    dnnl_primitive_desc_destroy(pd);
    dnnl_post_ops_destroy(sum);
    dnnl_primitive_attr_destroy(attr);
    return s;
}

static dnnl_status_t make(struct bench_onednn *d, int s8, const struct bench_product *p,
                          void *const data[3])
{
    static const int role[3] = { DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST };
    dnnl_data_type_t in = s8 ? dnnl_s8 : dnnl_bf16, out = s8 ? dnnl_s32 : dnnl_f32;
    dnnl_memory_desc_t md[3];
    dnnl_status_t s = dnnl_engine_create(&d->engine, dnnl_cpu, 0);
    if (s || (s = dnnl_stream_create(&d->stream, d->engine, dnnl_stream_default_flags)) ||
        (s = describe(&md[0], p->m, p->k, p->trans_a, in)) ||
        (s = describe(&md[1], p->k, p->n, p->trans_b, in)) ||
        (s = describe(&md[2], p->m, p->n, 0, out)) ||
        (s = make_primitive(d, md, p->add && !s8)))
        return s;
    for (int i = 0; i < 3; i++) {
        if ((s = dnnl_memory_create(&d->memory[i], &md[i], d->engine, data[i])))
            return s;
        d->arg[i] = (dnnl_exec_arg_t){ role[i], d->memory[i] };
    }
    return dnnl_success;
}

struct bench_onednn *bench_onednn_new(const char *type, const struct bench_product *p,
                                      void *a, void *b, void *c, struct tr_err *err)
{
    void *const data[3] = { a, b, c };
    struct bench_onednn *d = calloc(1, sizeof *d);
    if (!d) {
        tr_err_sys(err, "cannot hold a product");
        return NULL;
    }
    dnnl_status_t s = make(d, !strcmp(type, "s8"), p, data);
    if (!s)
        return d;
    tr_err_set(err, TR_EUNSUPPORTED, "oneDNN cannot multiply %s here: %s", type,
               s == dnnl_unimplemented ? "not implemented" : "an error");
    bench_onednn_free(d);
    return NULL;
}

void bench_onednn_run(const struct bench_onednn *d)
{
    dnnl_primitive_execute(d->primitive, d->stream, 3, d->arg);
    dnnl_stream_wait(d->stream);
}

void bench_onednn_free(struct bench_onednn *d)
{
    for (int i = 0; d && i < 3; i++)
        dnnl_memory_destroy(d->memory[i]);
    if (d) {
        dnnl_primitive_destroy(d->primitive);
        dnnl_stream_destroy(d->stream);
        dnnl_engine_destroy(d->engine);
    }
    free(d);
}

const char *bench_onednn_version(void)
{
    static char text[32];
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
    return text;
}

#else

struct bench_onednn *bench_onednn_new(const char *type, const struct bench_product *p,
                                      void *a, void *b, void *c, struct tr_err *err)
{
    (void)p, (void)a, (void)b, (void)c;
    tr_err_set(err, TR_EUNSUPPORTED, "no rate of %s: built without oneDNN 2", type);
    return NULL;
}

void bench_onednn_run(const struct bench_onednn *d)
{
    (void)d;
}

void bench_onednn_free(struct bench_onednn *d)
{
    (void)d;
}

const char *bench_onednn_version(void)
{
    return NULL;
}

#endif
