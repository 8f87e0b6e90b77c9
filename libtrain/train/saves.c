/* SPDX-License-Identifier: MIT
 *
 * What a run does with its saves: begins although there are some, or goes on from one, writes
 * more, and removes its own old ones.  Two rules: what is further on is never replaced by
 * what is less unless that is asked for, and what is passed over or removed is said.
 */
#include <libtrain/train/run.h>
#include <libtrain/train/saves.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct teller {
    void (*say)(void *ctx, const char *line);
    void *ctx;
};

static void tell(const struct teller *w, const char *fmt, ...) TR_PRINTF(2, 3);
static void tell(const struct teller *w, const char *fmt, ...)
{
    char line[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (w->say)
        w->say(w->ctx, line);
}

/* ---- from the beginning ----------------------------------------------------------- */

static int refuse_begin(const struct tr_saves *s, const struct tr__save *first,
                        struct tr_err *err)
{
    if (first->kind == TR__SAVE_FOREIGN)
        return tr_err_set(err, TR_EIO, "'%s/%lld.gguf' is no save and is in their way: move it "
                          "elsewhere", s->dir, (long long)first->named);
    return tr_err_set(err, TR_EMISMATCH, "'%s' holds saves up to step %lld: go on from them "
                      "with --resume, or remove them and start over with --restart", s->dir,
                      (long long)first->step);
}

/* The target is replaced when the run is complete: not by less of the same. */
static int may_replace(const struct tr_saves *s, const struct tr_trainer *t, int restart,
                       const struct teller *w, struct tr_err *err)
{
    struct tr__save old;
    long long total = (long long)t->total;
    if (!tr__save_look(s, t, -1, &old) || old.kind == TR__SAVE_FOREIGN)
        return 0;
    if (old.kind == TR__SAVE_OWN && old.step > total && !restart)
        return tr_err_set(err, TR_EMISMATCH, "'%s' has %lld steps of this run already, more "
                          "than %lld: --restart replaces it all the same", s->target,
                          (long long)old.step, total);
    if (old.kind == TR__SAVE_DAMAGED)
        tell(w, "'%s', a damaged checkpoint, is replaced when this run is complete", s->target);
    else
        tell(w, "'%s', a checkpoint of %lld steps%s, is replaced when this run is complete",
             s->target, (long long)old.step,
             old.kind == TR__SAVE_OTHER ? " of another run" : "");
    return 0;
}

static int remove_save(const struct tr_saves *s, const struct tr__save *save,
                       struct tr_err *err)
{
    char name[32];
    snprintf(name, sizeof name, "%lld.gguf", (long long)save->named);
    if (unlinkat(s->fd, name, 0))
        return tr_err_sys(err, "cannot remove '%s/%s'", s->dir, name);
    return 0;
}

static int remove_all(const struct tr_saves *s, const struct tr__save_list *l,
                      const struct teller *w, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < l->n; i++) {
        long long named = (long long)l->save[i].named;
        if (l->save[i].kind == TR__SAVE_FOREIGN)
            tell(w, "left alone: '%s/%lld.gguf' is no checkpoint", s->dir, named);
        else if (!(rc = remove_save(s, &l->save[i], err)))
            tell(w, "removed '%s/%lld.gguf'", s->dir, named);
    }
    return rc;
}

int tr_saves_begin(struct tr_saves *s, const struct tr_trainer *t, int restart,
                   void (*say)(void *ctx, const char *line), void *ctx, struct tr_err *err)
{
    struct teller w = { say, ctx };
    struct tr__save_list l = {0};
    int rc = tr__saves_list(s, t, &l, err);
    if (!rc && l.n && !restart)
        rc = refuse_begin(s, &l.save[0], err);
    if (!rc)
        rc = may_replace(s, t, restart, &w, err);
    if (!rc)
        rc = remove_all(s, &l, &w, err);
    if (!rc && restart)
        rc = tr__saves_remove_best(s, err);
    free(l.save);
    return rc;
}

/* ---- going on --------------------------------------------------------------------- */

/* In which order files are tried.  What cannot be read comes first, so that it is told of; and
 * what is further on than this run is to go, which is no place to go on from but ends the
 * search.  Then saves of a run as long as this: a target that was finished before the length
 * was changed must not come before the saves of the run that went on. */
static int rank(const struct tr__save *x, int64_t total)
{
    if (x->kind == TR__SAVE_DAMAGED || x->kind == TR__SAVE_FOREIGN)
        return 0;
    if (x->kind == TR__SAVE_OWN && x->step > total)
        return 1;
    return x->total == total ? 2 : 3;
}

/* The furthest first, and the target before the save of the same step. */
static int by_rank(const void *a, const void *b)
{
    const struct tr__save *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank - y->rank;
    if (x->step != y->step)
        return x->step < y->step ? 1 : -1;
    return (x->named > y->named) - (x->named < y->named);
}

static int list_all(const struct tr_saves *s, const struct tr_trainer *t,
                    struct tr__save_list *l, struct tr_err *err)
{
    struct tr__save target;
    int rc = tr__saves_list(s, t, l, err);
    if (!rc && tr__save_look(s, t, -1, &target)) {
        if (tr__grow(&l->save, &l->cap, l->n + 1, sizeof *l->save))
            return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for %zu saves", s->dir,
                              l->n + 1);
        l->save[l->n++] = target;
    }
    for (size_t i = 0; i < l->n; i++)
        l->save[i].rank = rank(&l->save[i], t->total);
    if (l->n)
        qsort(l->save, l->n, sizeof *l->save, by_rank);
    return rc;
}

/* A file that is whole and further on than the run is to go: there is nothing to go on with,
 * and nothing may be lost by going back. */
static int refuse_further(const char *path, const struct tr__save *save, int64_t total,
                          struct tr_err *err)
{
    return tr_err_set(err, TR_EMISMATCH, "'%s' has %lld steps already, more than %lld: a run "
                      "goes on to more steps, or starts over with --restart", path,
                      (long long)save->step, (long long)total);
}

static int is_whole(const char *path, struct tr_err *why)
{
    struct tr_gguf *g = tr_gguf_open(path, why);
    int whole = g && !tr_checkpoint_check(g, why);
    tr_gguf_close(g);
    return whole;
}

/* Try one file: 1 loaded; 0 passed over, with the reason told; or an error that ends the
 * search.  Of files that are whole but of another run the first reason is kept. */
static int try_load(struct tr_trainer *t, const char *path, const struct tr__save *save,
                    const struct teller *w, struct tr_err *other, struct tr_err *err)
{
    struct tr_err why = {0};
    if (save->kind == TR__SAVE_OWN && save->step > t->total) {
        if (is_whole(path, &why))
            return refuse_further(path, save, t->total, err);
    } else if (!tr_trainer_load(t, path, &why)) {
        return 1;
    }
    if (why.code == TR_EMISMATCH)
        tr_err_set(other, why.code, "%s", why.text);
    tell(w, "passed over: %s", why.text);
    return 0;
}

/* Nothing was loaded. */
static int none_loaded(const struct tr_saves *s, size_t n, const struct tr_err *other,
                       struct tr_err *err)
{
    if (other->code)
        return tr_err_set(err, other->code, "%s", other->text);
    if (n)
        return tr_err_set(err, TR_EFORMAT, "no valid checkpoint in '%s'; --restart starts over",
                          s->dir);
    return 0;
}

int tr_saves_resume(struct tr_saves *s, struct tr_trainer *t,
                    void (*say)(void *ctx, const char *line), void *ctx, char *from,
                    size_t size, struct tr_err *err)
{
    struct teller w = { say, ctx };
    struct tr__save_list l = {0};
    struct tr_err other = {0};
    int rc = list_all(s, t, &l, err);
    size_t i = 0, n = rc ? 0 : l.n;
    for (; !rc && i < n; i++) {
        rc = tr__save_path(s, l.save[i].named, from, size, err);
        if (!rc)
            rc = try_load(t, from, &l.save[i], &w, &other, err);
    }
    if (rc > 0 && i > 1)
        tell(&w, "going on from '%s', step %lld, instead", from, (long long)t->step);
    free(l.save);
    return rc ? rc : none_loaded(s, n, &other, err);
}

/* ---- on the way ------------------------------------------------------------------- */

/* Of this run's saves up to here remove all but the `keep` furthest and the one that it would go
 * back to.  What is further on, of
 * another run, damaged or no save at all stays. */
static int prune(const struct tr_saves *s, const struct tr_trainer *t, size_t keep,
                 struct tr_err *err)
{
    struct tr__save_list l = {0};
    int rc = tr__saves_list(s, t, &l, err);
    for (size_t i = 0; !rc && i < l.n; i++) {
        int anchor = t->args.on_divergence->rewinds && l.save[i].named == (int64_t)t->past.anchor;
        if (l.save[i].kind != TR__SAVE_OWN || l.save[i].step > t->step)
            continue;
        if (keep)
            keep--;
        else if (!anchor)
            rc = remove_save(s, &l.save[i], err);
    }
    free(l.save);
    return rc;
}

int tr_saves_write(struct tr_saves *s, const struct tr_trainer *t, int keep,
                   struct tr_err *err)
{
    char path[4096];
    struct tr__save old;
    int rc = tr__save_path(s, t->step, path, sizeof path, err);
    if (!rc && tr__save_look(s, t, t->step, &old) &&
        (old.kind == TR__SAVE_OTHER || old.kind == TR__SAVE_FOREIGN))
        rc = tr_err_set(err, TR_EIO, "'%s' is there already, and is no save of this run", path);
    if (!rc)
        rc = tr_trainer_save(t, path, err);
    return rc ? rc : prune(s, t, (size_t)keep, err);
}
