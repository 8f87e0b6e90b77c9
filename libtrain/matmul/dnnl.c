/* SPDX-License-Identifier: MIT
 *
 * oneDNN's C interface, versions 2 and 3 (oneapi-src.github.io/oneDNN).  A product is a
 * primitive, made for its sizes and kept; a run has a few dozen of them.  They are shared by
 * all threads of a program, which take turns: a product has OpenMP's threads by itself.
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
                       void *c, struct tr_err *err)
{
    (void)p, (void)a, (void)b, (void)c;
    tr_err_set(err, TR_EUNSUPPORTED, "this build has no oneDNN");
}

#else

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define FUNCTIONS(F)                                                                     \
    F(version) F(engine_create) F(stream_create) F(stream_wait) F(primitive_attr_create) \
    F(primitive_attr_destroy) F(primitive_attr_set_post_ops) F(post_ops_create)          \
    F(post_ops_destroy) F(post_ops_append_sum) F(primitive_desc_destroy)                 \
    F(primitive_create) F(primitive_destroy) F(primitive_execute) F(memory_create)       \
    F(memory_destroy) F(memory_set_data_handle) F(set_primitive_cache_capacity)          \
    OF_THIS_VERSION(F)
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
enum { MAX_ENTRY = 128 };

static struct {
    void *library;
    int is_open;
    char version[32];
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    struct entry entry[MAX_ENTRY];
    int n_entry, next;
} dnnl;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all of it */

const char *tr__dnnl_version(void)
{
    return dnnl.version;
}

/* s = this call, unless one before it failed. */
#define TRY(s, call) ((s) = (s) ? (s) : (call))

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

static dnnl_status_t add_sum(dnnl_post_ops_t ops, float beta)
{
    return post_ops_append_sum(ops, beta);
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

static dnnl_status_t add_sum(dnnl_post_ops_t ops, float beta)
{
    return post_ops_append_sum(ops, beta, 0, dnnl_data_type_undef);
}

static dnnl_status_t describe_product(struct described *d)
{
    return matmul_primitive_desc_create(&d->product, dnnl.engine, d->a, d->b, NULL, d->c,
                                        d->attr);
}

#endif

/* ---- products ------------------------------------------------------------------------ */

static dnnl_status_t matrix(dnnl_memory_desc_t *d, int64_t rows, int64_t cols,
                            dnnl_data_type_t type, int transposed, int64_t ld)
{
    dnnl_dims_t dim = { rows, cols };
    dnnl_dims_t stride = { transposed ? 1 : ld, transposed ? ld : 1 };
    return new_desc(d, 2, dim, type, stride);
}

static dnnl_status_t attributes(dnnl_primitive_attr_t *attr, float beta)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t s = primitive_attr_create(attr);
    if (beta == 0)
        return s;
    TRY(s, post_ops_create(&ops));
    TRY(s, add_sum(ops, beta));
    TRY(s, primitive_attr_set_post_ops(*attr, ops));
    if (ops)
        post_ops_destroy(ops);
    return s;
}

/* Whatever the status, free_described comes next. */
static dnnl_status_t describe(struct described *d, const struct tr__dnnl_product *p)
{
    int is_bf16 = p->type == TR__DNNL_BF16;
    dnnl_data_type_t in = is_bf16 ? dnnl_bf16 : dnnl_s8, out = is_bf16 ? dnnl_f32 : dnnl_s32;
    dnnl_status_t s = dnnl_success;
    memset(d, 0, sizeof *d);
    TRY(s, matrix(&d->a, p->m, p->k, in, p->ta, p->lda));
    TRY(s, matrix(&d->b, p->k, p->n, in, p->tb, p->ldb));
    TRY(s, matrix(&d->c, p->m, p->n, out, 0, p->ldc));
    TRY(s, attributes(&d->attr, p->beta));
    return TRY(s, describe_product(d));
}

static void free_described(struct described *d)
{
    if (d->product)
        primitive_desc_destroy(d->product);
    if (d->attr)
        primitive_attr_destroy(d->attr);
    free_desc(d->a);
    free_desc(d->b);
    free_desc(d->c);
}

static void free_entry(struct entry *e)
{
    if (e->primitive)
        primitive_destroy(e->primitive);
    if (e->a)
        memory_destroy(e->a);
    if (e->b)
        memory_destroy(e->b);
    if (e->c)
        memory_destroy(e->c);
}

static dnnl_status_t make(struct entry *e, const struct tr__dnnl_product *p)
{
    struct described d;
    dnnl_status_t s = describe(&d, p);
    *e = (struct entry){ .key = *p };
    TRY(s, primitive_create(&e->primitive, d.product));
    TRY(s, memory_create(&e->a, DESC(d.a), dnnl.engine, DNNL_MEMORY_NONE));
    TRY(s, memory_create(&e->b, DESC(d.b), dnnl.engine, DNNL_MEMORY_NONE));
    TRY(s, memory_create(&e->c, DESC(d.c), dnnl.engine, DNNL_MEMORY_NONE));
    free_described(&d);
    if (s)
        free_entry(e);
    return s;
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

static int open_library(struct tr_err *err)
{
    static const char name[] = "libdnnl.so." TEXT(DNNL_VERSION_MAJOR);
    if (!dnnl.library && !(dnnl.library = dlopen(name, RTLD_NOW | RTLD_LOCAL)))
        return tr_err_set(err, TR_EUNSUPPORTED, "oneDNN is not installed: %s", dlerror());
#define FIND(name)                                                                       \
    if (!(name = (__typeof__(name))dlsym(dnnl.library, "dnnl_" #name)))                  \
        return tr_err_set(err, TR_EUNSUPPORTED, "oneDNN has no dnnl_" #name);
    FUNCTIONS(FIND)
    const dnnl_version_t *v = version();
    snprintf(dnnl.version, sizeof dnnl.version, "%d.%d.%d", v->major, v->minor, v->patch);
    if (engine_create(&dnnl.engine, dnnl_cpu, 0) != dnnl_success ||
        stream_create(&dnnl.stream, dnnl.engine, dnnl_stream_default_flags) != dnnl_success)
        return tr_err_set(err, TR_EUNSUPPORTED, "oneDNN does not start");
    if (!can_multiply(TR__DNNL_BF16) || !can_multiply(TR__DNNL_S8))
        return tr_err_set(err, TR_EUNSUPPORTED, "oneDNN %s has no products of BF16 and of "
                          "eight bits for this processor", dnnl.version);
    /* What is pushed out here must not live on there: the code for one size takes 0.16 MB. */
    set_primitive_cache_capacity(0);
    dnnl.is_open = 1;
    return 0;
}

int tr__dnnl_open(struct tr_err *err)
{
    pthread_mutex_lock(&lock);
    int rc = dnnl.is_open ? 0 : open_library(err);
    pthread_mutex_unlock(&lock);
    return rc;
}

static int is_same(const struct tr__dnnl_product *p, const struct tr__dnnl_product *q)
{
    return p->type == q->type && p->ta == q->ta && p->tb == q->tb && p->m == q->m &&
           p->n == q->n && p->k == q->k && p->lda == q->lda && p->ldb == q->ldb &&
           p->ldc == q->ldc && p->beta == q->beta;
}

static dnnl_status_t find(const struct tr__dnnl_product *p, struct entry **found)
{
    for (int i = 0; i < dnnl.n_entry; i++)
        if (is_same(&dnnl.entry[i].key, p)) {
            *found = &dnnl.entry[i];
            return dnnl_success;
        }
    struct entry e;
    dnnl_status_t s = make(&e, p);
    if (s)
        return s;
    *found = &dnnl.entry[dnnl.next];
    dnnl.next = (dnnl.next + 1) % MAX_ENTRY;
    if (dnnl.n_entry < MAX_ENTRY)
        dnnl.n_entry++;
    else
        free_entry(*found);
    **found = e;
    return s;
}

/* oneDNN takes no const, but does not write to its sources. */
static dnnl_status_t put(dnnl_memory_t m, const void *data)
{
    return memory_set_data_handle(m, (void *)(uintptr_t)data);
}

static dnnl_status_t multiply(const struct tr__dnnl_product *p, const void *a, const void *b,
                              void *c)
{
    struct entry *e;
    dnnl_status_t s = find(p, &e);
    if (s)
        return s;
    dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, e->a },
                               { DNNL_ARG_WEIGHTS, e->b },
                               { DNNL_ARG_DST, e->c } };
    TRY(s, put(e->a, a));
    TRY(s, put(e->b, b));
    TRY(s, put(e->c, c));
    TRY(s, primitive_execute(e->primitive, dnnl.stream, 3, args));
    return TRY(s, stream_wait(dnnl.stream));
}

void tr__dnnl_multiply(const struct tr__dnnl_product *p, const void *a, const void *b,
                       void *c, struct tr_err *err)
{
    pthread_mutex_lock(&lock);
    dnnl_status_t s = multiply(p, a, b, c);
    pthread_mutex_unlock(&lock);
    if (s)
        tr_err_set(err, s == dnnl_out_of_memory ? TR_ENOMEM : TR_EUNSUPPORTED,
                   "oneDNN: a product of %lld by %lld by %lld fails with status %d%s",
                   (long long)p->m, (long long)p->n, (long long)p->k, (int)s,
                   s == dnnl_out_of_memory ? ": out of memory" : "");
}

#endif
