/* SPDX-License-Identifier: MIT
 *
 * GET /api/runs/NAME/events: what a run writes, as it comes.  Files are followed by their
 * inodes, since a table or samples that are made anew are other files under the old names.
 */
#include "studio.h"

#include "../shared/run-log.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N_FOLLOWED = 2, PIECE = 2048 };

/* A file that grows. */
struct followed {
    const char *name;
    int fd;       /* -1: not yet */
    ino_t ino;
    off_t at;
};

struct watch {
    char run[STUDIO_NAME + 1];
    struct followed log, sample[N_FOLLOWED];
    struct stat table;              /* as it was read last */
    double step;                    /* the last that was told */
    struct timespec eval;
    char *state;                    /* the run as it was told last */
    size_t n_state;
    char *text;                     /* what has not been sent */
    size_t n, sent;
    int turn;
};

/* ==== files that grow ==== */

static void stop_following(struct followed *t)
{
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
    t->at = 0;
}

/* Open what has the name now, if it is not what is open: 1 if it begins anew. */
static int follow(struct followed *t, const char *path)
{
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode) || (t->fd >= 0 && t->ino == st.st_ino &&
                                                    t->at <= st.st_size))
        return 0;
    stop_following(t);
    t->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    t->ino = st.st_ino;
    return t->fd >= 0;
}

static size_t read_more(struct followed *t, char *to, size_t room)
{
    ssize_t n = t->fd < 0 ? 0 : pread(t->fd, to, room, t->at);
    return n > 0 ? (size_t)n : 0;
}

/* ==== console ==== */

static void put_line(FILE *f, const char *line, size_t n)
{
    fputs("event: log\ndata: {\"line\": ", f);
    put_text(f, line, n);
    fputs("}\n\n", f);
}

/* Whole lines; one that is longer than all room is told in pieces. */
static void put_log(struct watch *w, FILE *f)
{
    char path[PATH_MAX], bytes[PIECE];
    follow(&w->log, run_path(path, w->run, "studio/run.txt"));
    size_t n = read_more(&w->log, bytes, sizeof bytes), done = 0;
    for (const char *end; (end = memchr(bytes + done, '\n', n - done));) {
        put_line(f, bytes + done, (size_t)(end - bytes) - done);
        done = (size_t)(end - bytes) + 1;
    }
    if (!done && n == sizeof bytes)
        put_line(f, bytes, done = whole_characters(bytes, n));
    w->log.at += (off_t)done;
}

/* ==== samples ==== */

/* The name of what becomes FILE, while it is written: ".FILE.tmp.PID". */
static int find_unfinished(const char *run, const char *file, char to[PATH_MAX])
{
    char path[PATH_MAX], begin[64];
    int n = snprintf(begin, sizeof begin, ".%s.tmp.", file), found = 0;
    DIR *d = opendir(run_path(path, run, ""));
    for (struct dirent *e; d && !found && (e = readdir(d));)
        if (!strncmp(e->d_name, begin, (size_t)n)) {
            run_path(to, run, e->d_name);
            found = 1;
        }
    if (d)
        closedir(d);
    return found;
}

static void put_sample(struct watch *w, struct followed *t, FILE *f)
{
    char path[PATH_MAX], bytes[PIECE];
    if (!find_unfinished(w->run, t->name, path))
        run_path(path, w->run, t->name);
    int begin = follow(t, path);
    size_t n = read_more(t, bytes, sizeof bytes);
    n = whole_characters(bytes, n);
    if (!n)
        return;
    begin = begin || !t->at;
    t->at += (off_t)n;
    fputs("event: sample\ndata: ", f);
    put_pair(f, "{file", t->name);
    fputs(", \"text\": ", f);
    put_text(f, bytes, n);
    fprintf(f, ", \"begin\": %s}\n\n", begin ? "true" : "false");
}

/* ==== the table ==== */

static void put_metrics(FILE *f, const double v[CMD_RUN_FIELDS])
{
    static const char *const name[CMD_RUN_FIELDS] = {
        [CMD_RUN_STEP] = "{step",           [CMD_RUN_LOSS] = ", loss",
        [CMD_RUN_VAL] = ", val_loss",       [CMD_RUN_LR] = ", lr",
        [CMD_RUN_NORM] = ", grad_norm",     [CMD_RUN_RATE] = ", tokens_per_s",
        [CMD_RUN_BYTES] = ", rss_bytes",    [CMD_RUN_SECONDS] = ", seconds",
        [CMD_RUN_TOTAL] = ", total_steps",
    };
    fputs("event: metrics\ndata: ", f);
    for (int i = 0; i < CMD_RUN_FIELDS; i++)
        put_pair_number(f, name[i], v[i]);
    fputs("}\n\n", f);
}

/* Of a training that goes on the table has the steps before, of one that starts over other
 * ones. */
static void put_table(struct watch *w, FILE *f)
{
    char path[PATH_MAX];
    struct stat st;
    struct cmd_run_log l = { 0 };
    struct tr_err err = { 0 };
    if (lstat(run_path(path, w->run, "metrics.tsv"), &st) || !S_ISREG(st.st_mode) ||
        (st.st_ino == w->table.st_ino && st.st_size == w->table.st_size))
        return;
    w->table = st;
    if (cmd_run_log_read(&l, path, &err))
        l.n = 0;
    if (l.n && w->step >= 0 && l.row[l.n - 1].v[CMD_RUN_STEP] < w->step) {
        fputs("event: restart\ndata: {}\n\n", f);
        w->step = -1;
    }
    for (size_t i = 0; i < l.n; i++)
        if (l.row[i].v[CMD_RUN_STEP] > w->step) {
            put_metrics(f, l.row[i].v);
            w->step = l.row[i].v[CMD_RUN_STEP];
        }
    cmd_run_log_release(&l);
}

/* ==== state and evaluation ==== */

static void put_state(struct watch *w, FILE *f)
{
    char *text = NULL;
    size_t n = 0;
    FILE *g = open_memstream(&text, &n);
    if (!g)
        return;
    put_run(g, w->run);
    if (fclose(g) || (n == w->n_state && w->state && !memcmp(text, w->state, n))) {
        free(text);
        return;
    }
    put_event(f, "state", text, n);
    free(w->state);
    w->state = text;
    w->n_state = n;
}

static void put_eval(struct watch *w, FILE *f)
{
    char path[PATH_MAX];
    struct stat st;
    if (stat(run_path(path, w->run, "eval.tsv"), &st) &&
        stat(run_path(path, w->run, "eval-base.tsv"), &st))
        return;
    if (st.st_mtim.tv_sec == w->eval.tv_sec && st.st_mtim.tv_nsec == w->eval.tv_nsec)
        return;
    w->eval = st.st_mtim;
    fputs("event: eval\ndata: ", f);
    put_evaluation(f, w->run);
    fputs("\n\n", f);
}

/* ==== the stream ==== */

/* All there is to tell now; the state once in a while. */
static void gather(struct watch *w)
{
    enum { NOW_AND_THEN = 5 };
    FILE *f = open_memstream(&w->text, &w->n);
    w->sent = 0;
    if (!f)
        return;
    if (w->turn++ % NOW_AND_THEN == 0) {
        put_state(w, f);
        put_eval(w, f);
    }
    put_table(w, f);
    put_log(w, f);
    for (int i = 0; i < N_FOLLOWED; i++)
        put_sample(w, &w->sample[i], f);
    if (fclose(f)) {
        free(w->text);
        w->text = NULL;
        w->n = 0;
    }
}

static ssize_t more(void *ctx, char *to, size_t room)
{
    struct watch *w = ctx;
    if (w->sent == w->n) {
        free(w->text);
        w->text = NULL;
        w->n = 0;
        if (!run_exists(w->run))
            return -1;
        gather(w);
    }
    size_t n = w->n - w->sent < room ? w->n - w->sent : room;
    if (n)
        memcpy(to, w->text + w->sent, n);
    w->sent += n;
    return (ssize_t)n;
}

static void release(void *ctx)
{
    struct watch *w = ctx;
    stop_following(&w->log);
    for (int i = 0; i < N_FOLLOWED; i++)
        stop_following(&w->sample[i]);
    free(w->text);
    free(w->state);
    free(w);
}

int run_events(struct request *r)
{
    if (!run_exists(r->part[2]))
        return answer_error(r, 404, "there is no run %s", r->part[2]);
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        return answer_error(r, 500, "out of memory");
    snprintf(w->run, sizeof w->run, "%s", r->part[2]);
    w->log = (struct followed){ "", -1, 0, 0 };
    w->sample[0] = (struct followed){ "samples-base.txt", -1, 0, 0 };
    w->sample[1] = (struct followed){ "samples.txt", -1, 0, 0 };
    w->step = -1;
    return answer_events(r, more, w, release);
}
