/* SPDX-License-Identifier: MIT
 *
 * GET /api/state: what is in the working folder, read from it each time.  Of a GGUF file what
 * it is, is kept as long as the file stays as it was, since opening one takes time.
 */
#include "studio.h"

#include <libtrain/gguf.h>
#include <libtrain/precision.h>
#include <libtrain/recipe.h>
#include <libtrain/version.h>

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* ==== what a model is ==== */

struct about {
    dev_t dev;
    ino_t ino;
    struct timespec changed;
    off_t bytes;
    char kind[16], arch[32], type[16], base[128], error[512];
};

enum { KEPT = 128 };
static struct about kept[KEPT];
static size_t n_kept;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void copy_text(const struct tr_gguf *g, const char *key, char *to, size_t size)
{
    struct tr_str s = { "", 0 };
    if (tr_gguf_string(g, key, &s, NULL) == 1)
        snprintf(to, size, "%.*s", (int)(s.len < size ? s.len : size - 1), s.ptr);
}

/* The type of most bytes. */
static const char *type_of(const struct tr_gguf *g)
{
    int64_t most = 0;
    const char *name = "";
    for (int i = 0; tr_dtype_at(i); i++) {
        int64_t bytes = 0;
        for (size_t k = 0; k < tr_gguf_n_tensor(g); k++)
            if (tr_gguf_tensor(g, k)->dtype == tr_dtype_at(i))
                bytes += tr_gguf_tensor(g, k)->bytes;
        if (bytes > most) {
            most = bytes;
            name = tr_dtype_at(i)->name;
        }
    }
    return name;
}

static void look(const char *path, struct about *a)
{
    struct tr_err err = { 0 };
    struct tr_gguf *g = tr_gguf_open(path, &err);
    snprintf(a->kind, sizeof a->kind, "%s", !g ? "broken" :
             strstr(tr_gguf_purpose(g), "adapter") ? "adapter" : "model");
    snprintf(a->error, sizeof a->error, "%s", g ? "" : err.text);
    if (!g)
        return;
    copy_text(g, "general.architecture", a->arch, sizeof a->arch);
    copy_text(g, "general.base_model.0.name", a->base, sizeof a->base);
    snprintf(a->type, sizeof a->type, "%s", type_of(g));
    tr_gguf_close(g);
}

static int is_same(const struct about *a, const struct stat *st)
{
    return a->dev == st->st_dev && a->ino == st->st_ino && a->bytes == st->st_size &&
           a->changed.tv_sec == st->st_mtim.tv_sec && a->changed.tv_nsec == st->st_mtim.tv_nsec;
}

static struct about about(const char *path, const struct stat *st)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < n_kept && i < KEPT; i++)
        if (is_same(&kept[i], st)) {
            struct about a = kept[i];
            pthread_mutex_unlock(&lock);
            return a;
        }
    struct about a = { .dev = st->st_dev, .ino = st->st_ino, .changed = st->st_mtim,
                       .bytes = st->st_size };
    look(path, &a);
    kept[n_kept++ % KEPT] = a;
    pthread_mutex_unlock(&lock);
    return a;
}

/* ==== folders ==== */

struct list {
    FILE *f;
    const struct studio *s;
    const char *between, *run; /* run: the files are in it */
};

static void put_file(struct list *l, const char *name, const char *path, const struct stat *st)
{
    fputs(l->between, l->f);
    put_pair(l->f, "{name", name);
    put_pair(l->f, ", path", path);
    put_pair_number(l->f, ", bytes", (double)st->st_size);
    l->between = ", ";
}

static void put_data(struct list *l, const char *name, const char *path, const struct stat *st)
{
    put_file(l, name, path, st);
    putc('}', l->f);
}

/* The base of a run's adapter is known by its path too. */
static void put_model(struct list *l, const char *name, const char *path, const struct stat *st)
{
    struct about a = about(path, st);
    put_file(l, name, path, st);
    put_pair(l->f, ", kind", a.kind);
    put_pair(l->f, ", arch", a.arch);
    put_pair(l->f, ", type", a.type);
    put_pair(l->f, ", base", a.base);
    put_pair(l->f, ", run", l->run ? l->run : "");
    if (*a.error)
        put_pair(l->f, ", error", a.error);
    struct tr_json *v = l->run && !strcmp(a.kind, "adapter") ? run_settings(l->run) : NULL;
    put_pair(l->f, ", model", json_text(v, "model"));
    tr_json_free(v);
    putc('}', l->f);
}

static int is_model(const char *name)
{
    return guard_ends(name, ".gguf") && (!strstr(name, "-of-") || strstr(name, "-00001-of-"));
}

static int is_text(const char *name)
{
    static const char *const end[] = { ".txt", ".json", ".jsonl", ".csv", ".md", ".parquet" };
    for (size_t i = 0; i < sizeof end / sizeof *end; i++)
        if (guard_ends(name, end[i]))
            return 1;
    return 0;
}

static int is_any(const char *name)
{
    return *name != '\0';
}

typedef void put_fn(struct list *l, const char *name, const char *path, const struct stat *st);

/* Those of a folder in the order of their names; "." is the working folder itself. */
static void walk(struct list *l, const char *folder, int (*wanted)(const char *), put_fn *put)
{
    struct dirent **e;
    struct stat st;
    char path[PATH_MAX];
    int n = scandir(folder, &e, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const char *name = e[i]->d_name;
        int here = !strcmp(folder, ".");
        snprintf(path, sizeof path, "%s%s%s", here ? "" : folder, here ? "" : "/", name);
        if (guard_name(name) && wanted(name) && guard_inside(l->s, path) && !stat(path, &st))
            put(l, name, path, &st);
        free(e[i]);
    }
    if (n >= 0)
        free(e);
}

/* ==== runs ==== */

/* Calls f for each until it says otherwise than 0, which is returned. */
static int each_run(int (*f)(void *ctx, const char *name), void *ctx)
{
    struct dirent **e;
    int n = scandir("runs", &e, NULL, alphasort), rc = 0;
    for (int i = 0; i < n; i++) {
        if (!rc && guard_name(e[i]->d_name) && run_exists(e[i]->d_name))
            rc = f(ctx, e[i]->d_name);
        free(e[i]);
    }
    if (n >= 0)
        free(e);
    return rc;
}

struct use {
    const char *path;
    char *user;
};

/* It is that file, or in that folder. */
static int is_of(const char *file, const char *path)
{
    size_t n = strlen(path);
    return !strncmp(file, path, n) && (!file[n] || file[n] == '/');
}

static int uses(void *ctx, const char *name)
{
    struct use *u = ctx;
    struct tr_json *v = run_is_busy(name) ? run_settings(name) : NULL;
    int rc = v && (is_of(json_text(v, "model"), u->path) || is_of(json_text(v, "data"), u->path));
    if (rc)
        snprintf(u->user, STUDIO_NAME + 1, "%.*s", STUDIO_NAME, name);
    tr_json_free(v);
    return rc;
}

int run_that_uses(const char *path, char user[STUDIO_NAME + 1])
{
    return each_run(uses, &(struct use){ path, user });
}

static int put_models_of(void *ctx, const char *name)
{
    struct list *l = ctx;
    char path[PATH_MAX];
    l->run = name;
    walk(l, run_path(path, name, ""), is_model, put_model);
    return 0;
}

static int put_one(void *ctx, const char *name)
{
    struct list *l = ctx;
    fputs(l->between, l->f);
    put_run(l->f, name);
    l->between = ", ";
    return 0;
}

/* ==== the whole ==== */

static void put_names(FILE *f, const char *key, const char *(*at)(int i))
{
    fprintf(f, ", \"%s\": [", key);
    for (int i = 0, n = 0; at(i); i++)
        if (*at(i)) {
            fputs(n++ ? ", " : "", f);
            put_string(f, at(i));
        }
    putc(']', f);
}

/* Types that a model can be written in without more than the model; "" stands for one that
 * needs more. */
static const char *type_at(int i)
{
    static const char *const plain[] = { "F16", "BF16", "F32" };
    enum { N = sizeof plain / sizeof *plain };
    if (i < N)
        return plain[i];
    const struct tr_mix *mix = tr_mix_at(i - N);
    const struct tr_dtype *type = mix ? tr_dtype_by_name(mix->type) : NULL;
    return !mix ? NULL : type && type->from_f32 ? mix->name : "";
}

int type_is_known(const char *name)
{
    for (int i = 0; type_at(i); i++)
        if (*type_at(i) && !strcasecmp(type_at(i), name))
            return 1;
    return 0;
}

static const char *precision_at(int i)
{
    const struct tr_precision *p = tr_precision_at(i);
    return p ? p->name : NULL;
}

static const char *knob_at(int i)
{
    return knob_names()[i];
}

int state_answer(struct request *r)
{
    char *text = NULL;
    size_t n = 0;
    struct statvfs v;
    FILE *f = open_memstream(&text, &n);
    struct list l = { f, r->s, "", NULL };
    if (!f)
        return answer_error(r, 500, "out of memory");
    put_pair(f, "{version", TR_VERSION);
    put_pair(f, ", dir", r->s->dir);
    put_pair_number(f, ", room", statvfs(".", &v) ? 0 : (double)v.f_bavail * (double)v.f_frsize);
    fputs(", \"models\": [", f);
    walk(&l, ".", is_model, put_model);
    walk(&l, "models", is_model, put_model);
    each_run(put_models_of, &l);
    l = (struct list){ f, r->s, "", NULL };
    fputs("], \"data\": [", f);
    walk(&l, "data", is_any, put_data);
    walk(&l, ".", is_text, put_data);
    l.between = "";
    fputs("], \"runs\": [", f);
    each_run(put_one, &l);
    putc(']', f);
    put_names(f, "types", type_at);
    put_names(f, "precisions", precision_at);
    put_names(f, "knobs", knob_at);
    putc('}', f);
    return answer_json(r, 200, f, &text, &n);
}
