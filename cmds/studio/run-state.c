/* SPDX-License-Identifier: MIT
 *
 * What a run is, as its files say: those of the workflow, and below runs/NAME/studio/ what was
 * asked for (settings.json), what was said (run.txt), how it ended (run.end), and whether
 * somebody wanted that (run.stop); job.* are the same of what was done with it later.
 */
#include "studio.h"

#include "../shared/run-log.h"
#include "../shared/run-tables.h"

#include <libtrain/file.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ==== files of a run ==== */

const char *run_path(char to[PATH_MAX], const char *run, const char *file)
{
    snprintf(to, PATH_MAX, "runs/%s%s%s", run, *file ? "/" : "", file);
    return to;
}

static int is_folder(const char *path)
{
    struct stat st;
    return !lstat(path, &st) && S_ISDIR(st.st_mode);
}

int run_exists(const char *name)
{
    char path[PATH_MAX];
    return is_folder("runs") && is_folder(run_path(path, name, ""));
}

/* A plain file: what a link leads to may be another person's, and a FIFO may wait for ever. */
static int is_there(const char *run, const char *file, struct stat *st)
{
    char path[PATH_MAX];
    return !lstat(run_path(path, run, file), st) && S_ISREG(st->st_mode);
}

static FILE *open_plain(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    FILE *f = fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) ? NULL : fdopen(fd, "r");
    if (!f && fd >= 0)
        close(fd);
    return f;
}

/* The number in a file, or -1. */
static long number_in(const char *run, const char *file)
{
    char path[PATH_MAX], line[32] = "";
    FILE *f = open_plain(run_path(path, run, file));
    long v = -1;
    if (f && fgets(line, sizeof line, f))
        v = strtol(line, NULL, 10);
    if (f)
        fclose(f);
    return v;
}

static pid_t holder(const char *run, const char *file)
{
    char path[PATH_MAX];
    return lock_holder(run_path(path, run, file));
}

/* The make of a shell says so in records/pid, which stays behind: as workflows/busy.sh has it. */
static int make_is_at_work(const char *name)
{
    char path[64], comm[32] = "";
    long pid = number_in(name, "records/pid");
    if (pid <= 0 || (kill((pid_t)pid, 0) && errno == ESRCH))
        return 0;
    snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    FILE *f = fopen(path, "re");
    int make = !f || (fgets(comm, sizeof comm, f) && strstr(comm, "make"));
    if (f)
        fclose(f);
    return make;
}

int run_is_busy(const char *name)
{
    return holder(name, "studio/run.lock") || holder(name, "model.ckpt.d/lock") ||
           make_is_at_work(name);
}

/* All of a file of a run, malloc'ed, or NULL. */
static char *read_whole(const char *name, const char *file, size_t *n)
{
    char path[PATH_MAX], *text;
    struct stat st;
    struct tr_err err = { 0 };
    return is_there(name, file, &st) && !tr_read_all(run_path(path, name, file), &text, n, &err)
               ? text : NULL;
}

/* ==== settings ==== */

static int set_text(struct tr_json *to, const char *key, const char *text)
{
    size_t n = strlen(text);
    return tr_json_set(to, key, tr_json_text(text, is_utf8(text, n) ? n : 0));
}

/* A file as it is named from the working folder; "" if it is elsewhere. */
static const char *from_here(const char *path, char whole[PATH_MAX])
{
    char here[PATH_MAX];
    size_t n = realpath(".", here) ? strlen(here) : 0;
    if (!n || !realpath(path, whole) || strncmp(whole, here, n) || whole[n] != '/')
        return "";
    return whole + n + 1;
}

/* The next line of a text, without the blanks in front; NULL at the end. */
static char *next_line(char **at)
{
    char *line = *at + strspn(*at, " "), *end = strchr(line, '\n');
    if (!*line)
        return NULL;
    *at = end ? end + 1 : line + strlen(line);
    if (end)
        *end = '\0';
    return line;
}

/* KNOB=value, a line each: knobs, and whether all data are the one file of that name. */
static int read_given(struct tr_json *knobs, char *given, const char *data, int *one)
{
    int rc = 0;
    for (char *line; !rc && (line = next_line(&given));) {
        char *value = strchr(line, '=');
        if (!value)
            continue;
        *value++ = '\0';
        if (!strcmp(line, "DATA"))
            *one = !strcmp(data, value) || guard_ends(data, value);
        else
            rc = set_text(knobs, line, value);
    }
    return rc;
}

/* What a shell has begun: the workflow writes down what it was given, and the names of model
 * and first data. */
static struct tr_json *shell_settings(char *names, char *given)
{
    char whole[PATH_MAX], *model = next_line(&names), *data = next_line(&names);
    struct tr_json *to = tr_json_object(), *knobs = tr_json_object();
    int one = 1;
    if (to && knobs && data && !read_given(knobs, given, data, &one) &&
        !tr_json_set(to, "knobs", tr_json_share(knobs)) &&
        !set_text(to, "model", from_here(model, whole)) &&
        !set_text(to, "data", one ? from_here(data, whole) : "")) {
        tr_json_free(knobs);
        return to;
    }
    tr_json_free(knobs);
    tr_json_free(to);
    return NULL;
}

static struct tr_json *settings_of_shell(const char *name)
{
    size_t n;
    char *names = read_whole(name, "records/names", &n);
    char *given = read_whole(name, "records/given", &n);
    struct tr_json *v = names && given ? shell_settings(names, given) : NULL;
    free(names);
    free(given);
    return v;
}

/* Whether the workflow was given something later than the page was: then by a shell, or by the
 * page, and it is the same. */
static int is_given_later(const char *name)
{
    struct stat page, given;
    if (!is_there(name, "studio/settings.json", &page) ||
        !is_there(name, "records/given", &given))
        return 0;
    const struct timespec a = page.st_mtim, b = given.st_mtim;
    return b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec > a.tv_nsec);
}

struct tr_json *run_settings(const char *name)
{
    char path[PATH_MAX];
    size_t n;
    struct tr_err err = { 0 };
    struct tr_json *given = is_given_later(name) ? settings_of_shell(name) : NULL;
    char *text = given ? NULL : read_whole(name, "studio/settings.json", &n);
    if (!text)
        return given ? given : settings_of_shell(name);
    run_path(path, name, "studio/settings.json");
    struct tr_json *v = tr_json_parse(text, n, path, 0, 0, &err);
    free(text);
    return v;
}

/* ==== the state ==== */

void last_line(const char *path, char *to, size_t size)
{
    char bytes[2048];
    *to = '\0';
    FILE *f = open_plain(path);
    if (!f)
        return;
    if (!fseek(f, 0, SEEK_END) && ftell(f) > (long)sizeof bytes - 1)
        fseek(f, -(long)sizeof bytes + 1, SEEK_END);
    else
        rewind(f);
    size_t n = fread(bytes, 1, sizeof bytes - 1, f);
    fclose(f);
    bytes[n] = '\0';
    last_said(bytes, to, size);
}

/* The page is the last result but a picture; one that is newer than the end is a shell's. */
static int is_complete(const char *run)
{
    struct stat page, end;
    if (!is_there(run, "report.html", &page))
        return 0;
    return !is_there(run, "studio/run.end", &end) || page.st_mtime > end.st_mtime ||
           !number_in(run, "studio/run.end");
}

const char *run_state(const char *name, char why[512])
{
    char path[PATH_MAX];
    struct stat st;
    *why = '\0';
    if (run_is_busy(name))
        return "running";
    if (is_complete(name))
        return "complete";
    if (number_in(name, "studio/run.end") < 0 || is_there(name, "studio/run.stop", &st))
        return "stopped";
    last_line(run_path(path, name, "studio/run.txt"), why, 512);
    return "failed";
}

/* ==== as JSON ==== */

static void put_progress(FILE *f, const char *name, int running)
{
    char path[PATH_MAX];
    struct cmd_run_log l = { 0 };
    struct stat st;
    struct tr_err err = { 0 };
    double none[CMD_RUN_FIELDS], val = NAN;
    for (int i = 0; i < CMD_RUN_FIELDS; i++)
        none[i] = NAN;
    if (!is_there(name, "metrics.tsv", &st) ||
        cmd_run_log_read(&l, run_path(path, name, "metrics.tsv"), &err))
        l.n = 0;
    const double *last = l.n ? l.row[l.n - 1].v : none;
    for (size_t i = l.n; i-- > 0 && !isfinite(val);)
        val = l.row[i].v[CMD_RUN_VAL];
    put_pair_number(f, ", step", last[CMD_RUN_STEP]);
    put_pair_number(f, ", steps", last[CMD_RUN_TOTAL]);
    put_pair_number(f, ", loss", last[CMD_RUN_LOSS]);
    put_pair_number(f, ", val_loss", val);
    put_pair_number(f, ", left", running ? cmd_run_log_left(&l) : (double)NAN);
    cmd_run_log_release(&l);
}

static void put_settings(FILE *f, const char *name)
{
    struct tr_json *v = run_settings(name);
    const struct tr_json *knobs = tr_json_get(v, "knobs");
    char *text = NULL;
    size_t n = 0, cap = 0;
    put_pair(f, ", model", json_text(v, "model"));
    put_pair(f, ", data", json_text(v, "data"));
    if (tr_json_kind(knobs) != TR_JSON_OBJECT || tr_json_write(knobs, NULL, &text, &n, &cap))
        n = 0;
    fprintf(f, ", \"knobs\": %.*s", n ? (int)n : 2, n ? text : "{}");
    free(text);
    tr_json_free(v);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What a person may want of it: not what only its own next step reads. */
static int is_result(const char *name)
{
    const char *end = strrchr(name, '.');
    return guard_name(name) && !(end && (!strcmp(end, ".tok") || !strcmp(end, ".pack")));
}

static size_t list(const char *folder, char **name, size_t most)
{
    size_t n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && n < most && (e = readdir(d));)
        if (is_result(e->d_name) && (name[n] = strdup(e->d_name)))
            n++;
    if (d)
        closedir(d);
    qsort(name, n, sizeof *name, by_name);
    return n;
}

static void put_files(FILE *f, const char *run)
{
    enum { MOST = 200 };
    char path[PATH_MAX], *name[MOST];
    const char *between = "";
    struct stat st;
    fputs(", \"files\": [", f);
    size_t n = list(run_path(path, run, ""), name, MOST);
    for (size_t i = 0; i < n; i++) {
        if (!lstat(run_path(path, run, name[i]), &st) && S_ISREG(st.st_mode)) {
            fputs(between, f);
            put_pair(f, "{name", name[i]);
            put_pair_number(f, ", bytes", (double)st.st_size);
            putc('}', f);
            between = ", ";
        }
        free(name[i]);
    }
    putc(']', f);
}

struct rows {
    FILE *f;
    const char *between;
};

static void put_row(void *ctx, const char *label, double loss, double perplexity)
{
    struct rows *r = ctx;
    fputs(r->between, r->f);
    put_pair(r->f, "{model", label);
    put_pair_number(r->f, ", loss", loss);
    put_pair_number(r->f, ", perplexity", perplexity);
    putc('}', r->f);
    r->between = ", ";
}

void put_evaluation(FILE *f, const char *name)
{
    char path[PATH_MAX];
    struct rows rows = { f, "" };
    struct tr_err err = { 0 };
    struct stat st;
    const char *table = is_there(name, "eval.tsv", &st) ? "eval.tsv" : "eval-base.tsv";
    putc('[', f);
    if (is_there(name, table, &st) &&
        cmd_eval_each(run_path(path, name, table), put_row, &rows, &err))
        rows.between = ""; /* nothing was put */
    putc(']', f);
}

/* job.what is there while it goes on, and stays if it fails. */
static void put_job(FILE *f, const char *name)
{
    char path[PATH_MAX], what[64] = "", why[512] = "";
    last_line(run_path(path, name, "studio/job.what"), what, sizeof what);
    int going = holder(name, "studio/job.lock") != 0;
    if (!going && number_in(name, "studio/job.end") > 0)
        last_line(run_path(path, name, "studio/job.txt"), why, sizeof why);
    put_pair(f, ", job", going ? what : "");
    put_pair(f, ", job_error", why);
}

void put_run(FILE *f, const char *name)
{
    char why[512];
    const char *state = run_state(name, why);
    put_pair(f, "{name", name);
    put_pair(f, ", state", state);
    put_settings(f, name);
    put_progress(f, name, !strcmp(state, "running"));
    put_files(f, name);
    fputs(", \"evaluation\": ", f);
    put_evaluation(f, name);
    put_pair(f, ", error", why);
    put_job(f, name);
    putc('}', f);
}
