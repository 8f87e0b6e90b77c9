/* SPDX-License-Identifier: MIT
 *
 * What is done with runs.  A run is started as `finetune` would be from a shell, so that both
 * give the same files; one thing is done at a time, since two that start a run at once would
 * both find that it does not go on.
 */
#include "studio.h"

#include <libtrain/file.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ==== files of ours in a run ==== */

static int write_text(const char *name, const char *file, const char *text, size_t n,
                      struct tr_err *err)
{
    char path[PATH_MAX];
    struct tr_out *out = tr_out_open(run_path(path, name, file), err);
    return out ? tr_out_finish(out, tr_out_write(out, text, n, err), err) : err->code;
}

/* runs/NAME/studio, and what is in front of it. */
static int make_folder(const char *name, struct tr_err *err)
{
    char path[PATH_MAX];
    struct stat st;
    const char *folder[] = { "runs", NULL, NULL };
    char run[PATH_MAX];
    folder[1] = run_path(run, name, "");
    folder[2] = run_path(path, name, "studio");
    for (int i = 0; i < 3; i++)
        if ((mkdir(folder[i], 0777) && errno != EEXIST) || lstat(folder[i], &st) ||
            !S_ISDIR(st.st_mode))
            return tr_err_set(err, TR_EIO, "'%s' cannot be made a folder", folder[i]);
    return 0;
}

static int save_settings(const struct tr_json *v, const char *name, struct tr_err *err)
{
    static const char *const key[] = { "model", "data", "knobs" };
    struct tr_json *to = tr_json_object();
    char *text = NULL;
    size_t n = 0, cap = 0;
    int rc = to ? 0 : -1;
    for (int i = 0; !rc && i < 3; i++) {
        const struct tr_json *part = tr_json_get(v, key[i]);
        if (part)
            rc = tr_json_set(to, key[i], tr_json_share(part));
    }
    if (rc || tr_json_write(to, NULL, &text, &n, &cap))
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for the settings");
    else
        rc = write_text(name, "studio/settings.json", text, n, err);
    free(text);
    tr_json_free(to);
    return rc;
}

static void drop(const char *name, const char *file)
{
    char path[PATH_MAX];
    unlink(run_path(path, name, file));
}

/* ==== starting ==== */

static int job_goes_on(const char *name)
{
    char path[PATH_MAX];
    return lock_holder(run_path(path, name, "studio/job.lock")) != 0;
}

static int start(struct request *r, const struct tr_json *v, const char *name, struct words *w)
{
    struct tr_err err = { 0 };
    char folder[PATH_MAX];
    if (run_is_busy(name) || job_goes_on(name))
        return answer_error(r, 409, "the run %s goes on", name);
    drop(name, "studio/run.stop");
    if (make_folder(name, &err) || save_settings(v, name, &err) ||
        child_detach(r->s, (const char *const *)w->item, run_path(folder, name, "studio"), "run",
                     &err))
        return answer_err(r, 500, &err);
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return answer_empty(r);
    put_pair(f, "{name", name);
    putc('}', f);
    return answer_json(r, 201, f, &text, &n);
}

static int start_with(struct request *r, const struct tr_json *v, const char *name)
{
    struct words w;
    if (words_of(r, v, "finetune", name, NULL, &w))
        return r->answered;
    pthread_mutex_lock(&lock);
    int rc = start(r, v, name, &w);
    pthread_mutex_unlock(&lock);
    words_release(&w);
    return rc;
}

int run_start(struct request *r)
{
    struct tr_json *v = request_json(r);
    if (!v)
        return r->answered;
    const char *name = json_text(v, "name");
    int rc = guard_name(name) ? start_with(r, v, name) :
             answer_error(r, 400, "the name of a run is one part of a path");
    tr_json_free(v);
    return rc;
}

/* 0: a run of this name is there, else 404 is answered. */
static int find(struct request *r)
{
    if (run_exists(r->part[2]))
        return 0;
    answer_error(r, 404, "there is no run %s", r->part[2]);
    return -1;
}

int run_continue(struct request *r)
{
    const char *name = r->part[2];
    struct tr_json *v = find(r) ? NULL : run_settings(name);
    if (!v)
        return r->answered ? r->answered :
               answer_error(r, 409, "%s was begun from a shell: its settings are known there",
                            name);
    int rc = start_with(r, v, name);
    tr_json_free(v);
    return rc;
}

/* ==== stopping ==== */

/* The training saves at a signal, and is ended at once by a second one: run.stop has the process
 * that was told.  Before and after it there is nothing to save, and all of the session ends. */
static int stop(struct request *r, const char *name)
{
    char path[PATH_MAX], pid[24], told[24];
    struct tr_err err = { 0 };
    pid_t train = lock_holder(run_path(path, name, "model.ckpt.d/lock"));
    pid_t all = lock_holder(run_path(path, name, "studio/run.lock"));
    if (train <= 0 && all <= 0)
        return answer_error(r, 409, "the run %s does not go on", name);
    size_t n = (size_t)snprintf(pid, sizeof pid, "%ld", (long)train);
    last_line(run_path(path, name, "studio/run.stop"), told, sizeof told);
    if (train > 0 && !strcmp(told, pid))
        return answer_empty(r);
    if (make_folder(name, &err) || write_text(name, "studio/run.stop", pid, n, &err))
        return answer_err(r, 500, &err);
    if (train > 0 ? kill(train, SIGTERM) : kill(-all, SIGTERM))
        return answer_error(r, 500, "the run %s cannot be stopped", name);
    return answer_empty(r);
}

int run_stop(struct request *r)
{
    if (find(r))
        return r->answered;
    pthread_mutex_lock(&lock);
    int rc = stop(r, r->part[2]);
    pthread_mutex_unlock(&lock);
    return rc;
}

/* ==== names ==== */

static int rename_to(struct request *r, const char *to)
{
    char from_path[PATH_MAX], to_path[PATH_MAX], user[STUDIO_NAME + 1];
    const char *name = r->part[2];
    struct stat st;
    if (!guard_run(to))
        return answer_error(r, 400, "the name of a run has no blanks, and no signs but ._+,@-");
    if (run_is_busy(name) || job_goes_on(name))
        return answer_error(r, 409, "the run %s goes on", name);
    if (run_that_uses(run_path(from_path, name, ""), user))
        return answer_error(r, 409, "the run %s is using %s", user, name);
    if (!lstat(run_path(to_path, to, ""), &st))
        return answer_error(r, 409, "there is a run %s", to);
    if (rename(from_path, to_path))
        return answer_error(r, 500, "%s cannot be renamed", name);
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return answer_empty(r);
    put_pair(f, "{name", to);
    putc('}', f);
    return answer_json(r, 200, f, &text, &n);
}

int run_rename(struct request *r)
{
    struct tr_json *v = find(r) ? NULL : request_json(r);
    if (!v)
        return r->answered;
    pthread_mutex_lock(&lock);
    int rc = rename_to(r, json_text(v, "to"));
    pthread_mutex_unlock(&lock);
    tr_json_free(v);
    return rc;
}

static int remove_all(const char *path, int depth);

static int remove_inside(const char *path, int depth)
{
    char inner[PATH_MAX];
    DIR *d = opendir(path);
    int rc = d ? 0 : -1;
    for (struct dirent *e; !rc && (e = readdir(d));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) {
            int n = snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
            rc = n >= (int)sizeof inner ? -1 : remove_all(inner, depth + 1);
        }
    if (d)
        closedir(d);
    return rc;
}

/* Links are removed, not followed. */
static int remove_all(const char *path, int depth)
{
    enum { DEEPEST = 8 };
    struct stat st;
    if (lstat(path, &st))
        return errno == ENOENT ? 0 : -1;
    if (!S_ISDIR(st.st_mode))
        return unlink(path);
    return depth == DEEPEST || remove_inside(path, depth) ? -1 : rmdir(path);
}

static int remove_run(struct request *r, const char *name)
{
    char path[PATH_MAX], user[STUDIO_NAME + 1];
    if (run_is_busy(name) || job_goes_on(name))
        return answer_error(r, 409, "the run %s goes on", name);
    if (run_that_uses(run_path(path, name, ""), user))
        return answer_error(r, 409, "the run %s is using %s", user, name);
    return remove_all(path, 0) ? answer_error(r, 500, "%s cannot be removed", name) :
           answer_empty(r);
}

int run_delete(struct request *r)
{
    if (find(r))
        return r->answered;
    pthread_mutex_lock(&lock);
    int rc = remove_run(r, r->part[2]);
    pthread_mutex_unlock(&lock);
    return rc;
}

int run_file(struct request *r)
{
    char path[PATH_MAX], part[2 * STUDIO_NAME];
    snprintf(part, sizeof part, "%s", r->part[4]);
    int fd = find(r) ? -1 : guard_open(r->s, run_path(path, r->part[2], part));
    if (r->answered)
        return r->answered;
    return fd < 0 ? answer_error(r, 404, "there is no '%s'", path) : answer_file(r, fd, part);
}

/* ==== other files of it ==== */

static int is_there(const char *name, const char *file)
{
    char path[PATH_MAX];
    return !access(run_path(path, name, file), R_OK);
}

/* A run of all weights has no adapter, but the whole model. */
static int merge(struct request *r, const char *name, const char *model, const char *type)
{
    char adapter[PATH_MAX], whole[PATH_MAX], out[PATH_MAX], folder[PATH_MAX], file[64], what[64];
    struct tr_err err = { 0 };
    int has_adapter = is_there(name, "adapter.gguf");
    snprintf(file, sizeof file, "merged-%s.gguf", type);
    run_path(adapter, name, "adapter.gguf");
    run_path(whole, name, "merged.gguf");
    run_path(out, name, file);
    const char *of_adapter[] = { "merge", "-m", model, "-a", adapter, "-t", type, "--name", name,
                                 "-o", out, NULL };
    const char *of_model[] = { "quantize", "-t", type, "-o", out, whole, NULL };
    int n = snprintf(what, sizeof what, "%s %s\n", r->part[3], type);
    if (!has_adapter && !is_there(name, "merged.gguf"))
        return answer_error(r, 409, "%s has no adapter yet", name);
    if (has_adapter && !guard_inside(r->s, model))
        return answer_error(r, 409, "the model that %s was made for is not known", name);
    if (job_goes_on(name) || run_is_busy(name))
        return answer_error(r, 409, "something is done with %s now", name);
    if (make_folder(name, &err) || write_text(name, "studio/job.what", what, (size_t)n, &err) ||
        child_detach(r->s, has_adapter ? of_adapter : of_model, run_path(folder, name, "studio"),
                     "job", &err))
        return answer_err(r, 500, &err);
    return answer_empty(r);
}

int run_merge(struct request *r)
{
    struct tr_json *v = find(r) ? NULL : request_json(r);
    if (!v)
        return r->answered;
    struct tr_json *settings = run_settings(r->part[2]);
    const char *model = json_text(v, "model");
    char type[32];
    snprintf(type, sizeof type, "%s", json_text(v, "type"));
    for (char *p = type; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    pthread_mutex_lock(&lock);
    int rc = type_is_known(type) ?
             merge(r, r->part[2], *model ? model : json_text(settings, "model"), type) :
             answer_error(r, 400, "there is no type '%s'", type);
    pthread_mutex_unlock(&lock);
    tr_json_free(settings);
    tr_json_free(v);
    return rc;
}
