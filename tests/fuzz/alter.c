/* SPDX-License-Identifier: MIT
 *
 * alter IN OUT CHANGE... - a GGUF with changes, for tests of what a file may hold:
 *
 *   u32 KEY N, f32 KEY X, bool KEY N, text KEY VALUE    set a key
 *   array KEY N COUNT      set a key to COUNT numbers (u32) N
 *   without NAME           leave out a key, or the tensors whose names end so
 *   vector NAME N          add a tensor of N small numbers, F32
 *   number NAME I X        let number I of a tensor be X (nan, inf, …), F32 and F16 only
 *   ones                   write four dimensions for every tensor
 *   flat                   write a matrix of one row as a vector
 */
#include <libtrain/gguf.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHANGE = 64 };

struct change {
    const char *what, *name, *value, *more;
};

static struct change change[MAX_CHANGE];
static int n_change;

static void fail(const char *text)
{
    fprintf(stderr, "alter: %s\n", text);
    exit(1);
}

static void check(int rc, const struct tr_err *err)
{
    if (rc)
        fail(err->text);
}

static void parse(char **arg, int n)
{
    static const struct { const char *what; int n; } kinds[] = {
        { "u32", 2 }, { "f32", 2 }, { "bool", 2 }, { "text", 2 }, { "array", 3 },
        { "without", 1 }, { "vector", 2 }, { "number", 3 }, { "ones", 0 },
        { "flat", 0 },
    };
    for (int i = 0; i < n;) {
        size_t k = 0;
        while (k < sizeof kinds / sizeof *kinds && strcmp(kinds[k].what, arg[i]))
            k++;
        if (k == sizeof kinds / sizeof *kinds || i + kinds[k].n >= n ||
            n_change == MAX_CHANGE)
            fail(arg[i]);
        struct change *c = &change[n_change++];
        c->what = arg[i];
        c->name = kinds[k].n > 0 ? arg[i + 1] : NULL;
        c->value = kinds[k].n > 1 ? arg[i + 2] : NULL;
        c->more = kinds[k].n > 2 ? arg[i + 3] : NULL;
        i += 1 + kinds[k].n;
    }
}

static int is(const struct change *c, const char *what)
{
    return !strcmp(c->what, what);
}

static void set_array(struct tr_gguf_writer *w, const struct change *c)
{
    uint32_t v[512];
    uint64_t n = strtoul(c->more, NULL, 10);
    if (n > 512)
        fail("an array of more than 512");
    for (uint64_t i = 0; i < n; i++)
        v[i] = (uint32_t)strtoul(c->value, NULL, 10);
    tr_gguf_set_array(w, c->name, TR_GGUF_U32, v, n);
}

static void set_keys(struct tr_gguf_writer *w)
{
    for (const struct change *c = change; c < change + n_change; c++)
        if (is(c, "u32"))
            tr_gguf_set_u32(w, c->name, (uint32_t)strtoul(c->value, NULL, 10));
        else if (is(c, "f32"))
            tr_gguf_set_f32(w, c->name, strtof(c->value, NULL));
        else if (is(c, "bool"))
            tr_gguf_set_bool(w, c->name, atoi(c->value));
        else if (is(c, "text"))
            tr_gguf_set_string(w, c->name, c->value);
        else if (is(c, "array"))
            set_array(w, c);
        else if (is(c, "without"))
            tr_gguf_unset(w, c->name);
}

static int is_left_out(const char *name)
{
    size_t n = strlen(name);
    for (const struct change *c = change; c < change + n_change; c++)
        if (is(c, "without") && n >= strlen(c->name) &&
            !strcmp(name + n - strlen(c->name), c->name))
            return 1;
    return 0;
}

static int asked(const char *what)
{
    int n = 0;
    for (const struct change *c = change; c < change + n_change; c++)
        n += is(c, what);
    return n;
}

static void declare(struct tr_gguf_writer *w, const struct tr_gguf_tensor *t)
{
    int64_t dim[4] = { 1, 1, 1, 1 };
    int n = t->n_dim, lead = 4 - n;
    memcpy(dim + lead, t->dim, (size_t)n * sizeof *dim);
    if (asked("ones"))
        lead = 0;
    while (asked("flat") && lead < 3 && dim[lead] == 1)
        lead++;
    tr_gguf_add_tensor(w, t->name, t->dtype, 4 - lead, dim + lead);
}

static void write_data(struct tr_gguf_writer *w, const struct tr_gguf_tensor *t)
{
    struct tr_err err = { 0 };
    char *data = malloc((size_t)t->bytes);
    if (!data)
        fail("out of memory");
    memcpy(data, t->data, (size_t)t->bytes);
    for (const struct change *c = change; c < change + n_change; c++)
        if (is(c, "number") && !strcmp(c->name, t->name)) {
            float x = strtof(c->more, NULL);
            int64_t at = strtol(c->value, NULL, 10) * t->dtype->bytes;
            if (t->dtype->block != 1 || at < 0 || at >= t->bytes)
                fail(c->value);
            t->dtype->from_f32(&x, data + at, 1);
        }
    check(tr_gguf_write(w, data, t->bytes, &err), &err);
    free(data);
}

static void write_vector(struct tr_gguf_writer *w, const struct change *c)
{
    struct tr_err err = { 0 };
    long n = strtol(c->value, NULL, 10);
    for (long i = 0; i < n; i++) {
        float x = 0.01f * (float)(i % 17) - 0.05f;
        check(tr_gguf_write(w, &x, sizeof x, &err), &err);
    }
}

int main(int argc, char **argv)
{
    struct tr_err err = { 0 };
    if (argc < 3)
        fail("alter IN OUT CHANGE...");
    parse(argv + 3, argc - 3);
    struct tr_gguf *g = tr_gguf_open(argv[1], &err);
    struct tr_gguf_writer *w = g ? tr_gguf_create(argv[2], &err) : NULL;
    check(!w, &err);
    tr_gguf_set_all(w, g);
    set_keys(w);
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++)
        if (!is_left_out(tr_gguf_tensor(g, i)->name))
            declare(w, tr_gguf_tensor(g, i));
    for (const struct change *c = change; c < change + n_change; c++)
        if (is(c, "vector"))
            tr_gguf_add_tensor(w, c->name, &tr_f32, 1,
                               (int64_t[]){ strtol(c->value, NULL, 10) });
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++)
        if (!is_left_out(tr_gguf_tensor(g, i)->name))
            write_data(w, tr_gguf_tensor(g, i));
    for (const struct change *c = change; c < change + n_change; c++)
        if (is(c, "vector"))
            write_vector(w, c);
    check(tr_gguf_commit(w, &err), &err);
    tr_gguf_close(g);
    return 0;
}
