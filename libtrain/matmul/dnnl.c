/* SPDX-License-Identifier: MIT
 *
 * oneDNN's C interface, versions 2 and 3 (oneapi-src.github.io/oneDNN).  A product is a
 * primitive, made for its sizes and kept; a run has a few dozen of them.
 */
#include <libtrain/matmul/dnnl.h>

#if defined(__has_include)
#if __has_include(<dnnl.h>)
#include <dnnl.h>
#endif
#endif

#if !defined(DNNL_VERSION_MAJOR) || (DNNL_VERSION_MAJOR != 2 && DNNL_VERSION_MAJOR != 3)

int tr__dnnl_open(struct tr_err *err)
{
    return tr_err_set(err, TR_EUNSUPPORTED,
                      "this build has no oneDNN: install version 2 or 3 of it with its "
                      "headers (libdnnl-dev), make clean and build again");
}

const char *tr__dnnl_version(void)
{
    return "none";
}

void tr__dnnl_multiply(const struct tr__dnnl_product *p, const void *a, const void *b,
                       void *c)
{
    (void)p, (void)a, (void)b, (void)c;
    tr_fatal("dnnl: not built in");
}

#else

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define FUNCTIONS(F)                                                                     \
    F(version) F(engine_create) F(stream_create) F(stream_wait) F(primitive_attr_create) \
    F(primitive_attr_destroy) F(primitive_attr_set_post_ops) F(post_ops_create)          \
    F(post_ops_destroy) F(post_ops_append_sum) F(primitive_desc_destroy)                 \
    F(primitive_create) F(primitive_destroy) F(primitive_execute) F(memory_create)       \
    F(memory_destroy) F(memory_set_data_handle) OF_THIS_VERSION(F)
#if DNNL_VERSION_MAJOR == 2
#define OF_THIS_VERSION(F)                                                               \
    F(memory_desc_init_by_strides) F(matmul_desc_init) F(primitive_desc_create)
#else
#define OF_THIS_VERSION(F)                                                               \
    F(memory_desc_create_with_strides) F(memory_desc_destroy)                            \
    F(matmul_primitive_desc_create)
#endif

#define DECLARE(name) static __typeof__(&dnnl_##name) name;
FUNCTIONS(DECLARE)

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

/* What is kept of a product: its primitive, and a, b, c without their data. */
struct entry {
    struct tr__dnnl_product key;
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, c;
};

/* More sizes than this push out the oldest: data with sequences of every length. */
enum { MAX_ENTRY = 256 };

static struct {
    void *library;
    int is_open;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    struct entry entry[MAX_ENTRY];
    int n_entry, next;
} dnnl;

const char *tr__dnnl_version(void)
{
    static char text[32];
    const dnnl_version_t *v = version();
    snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
    return text;
}

static void must(dnnl_status_t status, const char *what)
{
    if (status != dnnl_success)
        tr_fatal("oneDNN: %s fails with status %d", what, (int)status);
}

/* ---- where the versions differ ------------------------------------------------------- */

/* c = a b + beta c and its matrices, to be filled in from their descriptions. */
struct described {
    dnnl_memory_desc_t a, b, c;
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t product;
};

#if DNNL_VERSION_MAJOR == 2

/* A description of a matrix is a struct, handed over by address. */
#define new_desc memory_desc_init_by_strides
#define DESC(d) (&(d))
#define free_desc(d) ((void)(d))

static void add_sum(dnnl_post_ops_t ops, float beta)
{
    must(post_ops_append_sum(ops, beta), "a sum");
}

static dnnl_status_t describe_product(struct described *d)
{
    dnnl_matmul_desc_t desc;
    dnnl_status_t s = matmul_desc_init(&desc, &d->a, &d->b, NULL, &d->c);
    return s ? s : primitive_desc_create(&d->product, &desc, d->attr, dnnl.engine, NULL);
}

#else

/* It is a pointer. */
#define new_desc memory_desc_create_with_strides
#define DESC(d) (d)
#define free_desc(d) memory_desc_destroy(d)

static void add_sum(dnnl_post_ops_t ops, float beta)
{
    must(post_ops_append_sum(ops, beta, 0, dnnl_data_type_undef), "a sum");
}

static dnnl_status_t describe_product(struct described *d)
{
    return matmul_primitive_desc_create(&d->product, dnnl.engine, d->a, d->b, NULL, d->c,
                                        d->attr);
}

#endif

/* ---- products ------------------------------------------------------------------------ */

static dnnl_memory_desc_t matrix(int64_t rows, int64_t cols, dnnl_data_type_t type,
                                 int transposed, int64_t ld)
{
    dnnl_memory_desc_t d;
    dnnl_dims_t dim = { rows, cols };
    dnnl_dims_t stride = { transposed ? 1 : ld, transposed ? ld : 1 };
    must(new_desc(&d, 2, dim, type, stride), "a matrix");
    return d;
}

/* Without data. */
static dnnl_memory_t memory_of(dnnl_memory_desc_t d)
{
    dnnl_memory_t m;
    must(memory_create(&m, DESC(d), dnnl.engine, DNNL_MEMORY_NONE), "a matrix");
    return m;
}

static dnnl_primitive_attr_t attributes(const struct tr__dnnl_product *p)
{
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t ops;
    must(primitive_attr_create(&attr), "attributes");
    if (p->beta != 0) {
        must(post_ops_create(&ops), "a sum");
        add_sum(ops, p->beta);
        must(primitive_attr_set_post_ops(attr, ops), "a sum");
        post_ops_destroy(ops);
    }
    return attr;
}

/* Whatever the status, free_described comes next. */
static dnnl_status_t describe(struct described *d, const struct tr__dnnl_product *p)
{
    int is_bf16 = p->type == TR__DNNL_BF16;
    dnnl_data_type_t in = is_bf16 ? dnnl_bf16 : dnnl_s8, out = is_bf16 ? dnnl_f32 : dnnl_s32;
    *d = (struct described){ .a = matrix(p->m, p->k, in, p->ta, p->lda),
                             .b = matrix(p->k, p->n, in, p->tb, p->ldb),
                             .c = matrix(p->m, p->n, out, 0, p->ldc),
                             .attr = attributes(p) };
    return describe_product(d);
}

static void free_described(struct described *d)
{
    if (d->product)
        primitive_desc_destroy(d->product);
    primitive_attr_destroy(d->attr);
    free_desc(d->a);
    free_desc(d->b);
    free_desc(d->c);
}

static void make(struct entry *e, const struct tr__dnnl_product *p)
{
    struct described d;
    must(describe(&d, p), "a product");
    must(primitive_create(&e->primitive, d.product), "a product");
    e->a = memory_of(d.a);
    e->b = memory_of(d.b);
    e->c = memory_of(d.c);
    e->key = *p;
    free_described(&d);
}

/* Not every processor has the instructions. */
static int can_multiply(enum tr__dnnl_type type)
{
    struct tr__dnnl_product p = { .type = type, .m = 16, .n = 16, .k = 16, .lda = 16,
                                  .ldb = 16, .ldc = 16, .beta = type == TR__DNNL_BF16 };
    struct described d;
    int can = describe(&d, &p) == dnnl_success;
    free_described(&d);
    return can;
}

int tr__dnnl_open(struct tr_err *err)
{
    static const char name[] = "libdnnl.so." TEXT(DNNL_VERSION_MAJOR);
    if (dnnl.is_open)
        return 0;
    if (!dnnl.library && !(dnnl.library = dlopen(name, RTLD_NOW | RTLD_LOCAL)))
        return tr_err_set(err, TR_EUNSUPPORTED, "oneDNN is not installed: %s", dlerror());
#define FIND(name)                                                                       \
    if (!(name = (__typeof__(name))dlsym(dnnl.library, "dnnl_" #name)))                  \
        return tr_err_set(err, TR_EUNSUPPORTED, "oneDNN has no dnnl_" #name);
    FUNCTIONS(FIND)
    if (engine_create(&dnnl.engine, dnnl_cpu, 0) != dnnl_success ||
        stream_create(&dnnl.stream, dnnl.engine, dnnl_stream_default_flags) != dnnl_success)
        return tr_err_set(err, TR_EUNSUPPORTED, "oneDNN does not start");
    if (!can_multiply(TR__DNNL_BF16) || !can_multiply(TR__DNNL_S8))
        return tr_err_set(err, TR_EUNSUPPORTED, "oneDNN %s has no products of BF16 and of "
                          "eight bits for this processor", tr__dnnl_version());
    dnnl.is_open = 1;
    return 0;
}

static int is_same(const struct tr__dnnl_product *p, const struct tr__dnnl_product *q)
{
    return p->type == q->type && p->ta == q->ta && p->tb == q->tb && p->m == q->m &&
           p->n == q->n && p->k == q->k && p->lda == q->lda && p->ldb == q->ldb &&
           p->ldc == q->ldc && p->beta == q->beta;
}

static struct entry *find(const struct tr__dnnl_product *p)
{
    for (int i = 0; i < dnnl.n_entry; i++)
        if (is_same(&dnnl.entry[i].key, p))
            return &dnnl.entry[i];
    struct entry *e = &dnnl.entry[dnnl.next];
    dnnl.next = (dnnl.next + 1) % MAX_ENTRY;
    if (dnnl.n_entry < MAX_ENTRY) {
        dnnl.n_entry++;
    } else {
        primitive_destroy(e->primitive);
        memory_destroy(e->a);
        memory_destroy(e->b);
        memory_destroy(e->c);
    }
    make(e, p);
    return e;
}

/* oneDNN takes no const, but does not write to its sources. */
static void put(dnnl_memory_t m, const void *data)
{
    must(memory_set_data_handle(m, (void *)(uintptr_t)data), "a matrix");
}

void tr__dnnl_multiply(const struct tr__dnnl_product *p, const void *a, const void *b,
                       void *c)
{
    struct entry *e = find(p);
    put(e->a, a);
    put(e->b, b);
    put(e->c, c);
    dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, e->a },
                               { DNNL_ARG_WEIGHTS, e->b },
                               { DNNL_ARG_DST, e->c } };
    must(primitive_execute(e->primitive, dnnl.stream, 3, args), "a product");
    must(stream_wait(dnnl.stream), "a product");
}

#endif
