/* SPDX-License-Identifier: MIT
 *
 * Processes.  What an answer waits for is a child with pipes, in a process group of its own
 * that ends with who asked, or with the server.  What outlives the server is a shell in a
 * session of its own that runs the command and writes down how it ended.  That it goes on is
 * known by the lock it holds, which no crash leaves behind and no other process with its
 * number can have.
 */
#include "studio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_ARG = 80, MOST_OUT = 1 << 20, MOST_FD = 1024, LOCK_FD = 11, TELL_FD = 12 };

/* The words with the place of the command in front, if it is not there: `path` is its room. */
static void whole_words(const struct studio *s, const char *const *arg, char path[PATH_MAX],
                        char *to[MOST_ARG])
{
    int n = 0;
    snprintf(path, PATH_MAX, "%s%s", strchr(arg[0], '/') ? "" : s->commands, arg[0]);
    to[n++] = path;
    for (int i = 1; arg[i] && n < MOST_ARG - 1; i++)
        to[n++] = (char *)(uintptr_t)arg[i];
    to[n] = NULL;
}

/* ==== in the child: nothing here takes a lock of another thread ==== */

static void close_from(int fd, int keep)
{
    for (; fd < MOST_FD; fd++)
        if (fd != keep)
            close(fd);
}

/* libmicrohttpd blocks SIGPIPE in its threads, and a program inherits that. */
static void usual_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
}

static void become(char *const *arg)
{
    usual_signals();
    execv(arg[0], arg);
    _exit(127);
}

/* ==== with pipes ==== */

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            close(pair[i]);
}

static int open_pair(int pair[2])
{
    if (pipe(pair))
        return -1;
    for (int i = 0; i < 2; i++)
        fcntl(pair[i], F_SETFD, FD_CLOEXEC);
    return 0;
}

/* The groups that are there, for a signal handler to see: 0 is a free place. */
static volatile sig_atomic_t groups[128];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of who changes them */

static void change_group(pid_t from, pid_t to)
{
    size_t i = 0, n = sizeof groups / sizeof *groups;
    pthread_mutex_lock(&lock);
    while (i < n && groups[i] != from)
        i++;
    if (i < n)
        groups[i] = to;
    pthread_mutex_unlock(&lock);
}

void child_end_all(void)
{
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (groups[i])
            kill(-(pid_t)groups[i], SIGTERM);
}

void child_end(pid_t pid, int sig)
{
    kill(-pid, sig);
}

int child_wait(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    change_group(pid, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Both do it, since it is not known who comes first. */
static pid_t start(const struct studio *s, const char *const *arg, int in, int out, int said)
{
    char path[PATH_MAX], *word[MOST_ARG];
    whole_words(s, arg, path, word);
    pid_t pid = fork();
    if (pid < 0)
        return pid;
    setpgid(pid, pid);
    if (pid) {
        change_group(0, pid);
        return pid;
    }
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(said, 2) < 0)
        _exit(127);
    close_from(3, -1);
    become(word);
    return -1;
}

/* A child that ends before it has read all says why. */
static void put_in(int fd, const char *in, size_t n)
{
    for (ssize_t k; n && ((k = write(fd, in, n)) > 0 || errno == EINTR);)
        if (k > 0) {
            in += k;
            n -= (size_t)k;
        }
}

pid_t child_start(const struct studio *s, const char *const *arg, const char *in, size_t n_in,
                  int *out, int *said, struct tr_err *err)
{
    int a[2] = { -1, -1 }, b[2] = { -1, -1 }, c[2] = { -1, -1 };
    pid_t pid = open_pair(a) || open_pair(b) || open_pair(c) ? -1 :
                start(s, arg, c[0], a[1], b[1]);
    if (pid < 0) {
        tr_err_sys(err, "cannot run %s", arg[0]);
        close_pair(a);
        close_pair(b);
        close_pair(c);
        return -1;
    }
    close(a[1]);
    close(b[1]);
    close(c[0]);
    put_in(c[1], in, n_in);
    close(c[1]);
    *out = a[0];
    *said = b[0];
    return pid;
}

struct pot {
    char *text;
    size_t n;
    int fd;
};

/* 1 while there may be more.  What is too much is read and dropped, else the child would wait
 * for ever to be rid of it. */
static int pour(struct pot *p)
{
    char bytes[4096];
    ssize_t n = read(p->fd, bytes, sizeof bytes);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    char *more = p->n < MOST_OUT ? realloc(p->text, p->n + (size_t)n + 1) : NULL;
    if (!more)
        return 1;
    memcpy(more + p->n, bytes, (size_t)n);
    p->text = more;
    p->n += (size_t)n;
    p->text[p->n] = '\0';
    return 1;
}

/* Until both have ended; the child is told to when nobody waits for its answer any more. */
static void pour_both(const struct request *r, pid_t pid, struct pot pot[2])
{
    enum { LOOK = 200 /* milliseconds */ };
    int open[2] = { 1, 1 }, told = 0;
    while (open[0] || open[1]) {
        struct pollfd p[2] = { { open[0] ? pot[0].fd : -1, POLLIN, 0 },
                               { open[1] ? pot[1].fd : -1, POLLIN, 0 } };
        if (poll(p, 2, told ? -1 : LOOK) < 0 && errno != EINTR)
            return;
        if (!told && (told = request_is_gone(r)))
            child_end(pid, SIGTERM);
        for (int i = 0; i < 2; i++)
            if (open[i] && p[i].revents && !pour(&pot[i]))
                open[i] = 0;
    }
}

static int run(const struct request *r, const char *const *arg, const char *in, size_t n_in,
               struct outcome *to, struct tr_err *err)
{
    struct pot pot[2] = { { NULL, 0, -1 }, { NULL, 0, -1 } };
    *to = (struct outcome){ 0 };
    pid_t pid = child_start(r->s, arg, in, n_in, &pot[0].fd, &pot[1].fd, err);
    if (pid < 0)
        return err->code;
    pour_both(r, pid, pot);
    close(pot[0].fd);
    close(pot[1].fd);
    *to = (struct outcome){ .out = pot[0].text, .said = pot[1].text, .n_out = pot[0].n,
                            .n_said = pot[1].n, .status = child_wait(pid) };
    return 0;
}

/* What make says of a failure tells nothing, nor how a command is used. */
void last_said(const char *text, char *to, size_t size)
{
    *to = '\0';
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        const char *stars = strstr(line, "*** ");
        if (n && !(stars && stars < line + n) && *line != ' ' && strncmp(line, "usage: ", 7) &&
            strncmp(line, "Try '", 5))
            snprintf(to, size, "%.*s", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

void outcome_release(struct outcome *o)
{
    free(o->out);
    free(o->said);
    o->out = o->said = NULL;
}

int child_answer(struct request *r, const char *const *arg, const char *in, size_t n_in,
                 struct outcome *to)
{
    struct tr_err err = { 0 };
    char why[512];
    if (run(r, arg, in, n_in, to, &err)) {
        answer_err(r, 500, &err);
        return -1;
    }
    if (!to->status)
        return 0;
    last_said(to->said ? to->said : "", why, sizeof why);
    answer_error(r, 422, "%s", *why ? why : "it failed without a word");
    outcome_release(to);
    return -1;
}

/* ==== that outlives the server ==== */

/* $0: where its status goes. A signal that is for the command leaves the shell there to see
 * what became of it. */
static const char script[] =
    "trap : HUP INT TERM\n"
    "\"$@\"\n"
    "s=$?\n"
    "echo $s >\"$0.new\" && mv \"$0.new\" \"$0\"\n";

struct detached {
    char text[PATH_MAX], lock[PATH_MAX], end[PATH_MAX], path[PATH_MAX];
    char *word[MOST_ARG + 4];
};

static int to_place(int fd, int place)
{
    int rc = fd < 0 ? -1 : dup2(fd, place);
    if (fd >= 0 && fd != place)
        close(fd);
    return rc;
}

/* Returns only an errno.  All else is closed first: another thread may have had the lock's file
 * open at the fork, and to close a copy of that would give up the lock. */
static int become_detached(const struct detached *d)
{
    struct flock mine = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int mode = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW;
    close_from(3, TELL_FD);
    if (setsid() < 0)
        return errno;
    int fd = open(d->lock, O_RDWR | O_CREAT | O_NOFOLLOW, 0666);
    if (to_place(fd, LOCK_FD) < 0 || fcntl(LOCK_FD, F_SETLK, &mine))
        return errno;
    unlink(d->end);
    if (to_place(open("/dev/null", O_RDONLY), 0) < 0 ||
        to_place(open(d->text, mode, 0666), 1) < 0 || dup2(1, 2) < 0)
        return errno;
    usual_signals();
    execv("/bin/sh", d->word);
    return errno;
}

/* The one in between ends at once, so that nobody has to wait for the other. */
static void split_off(const struct detached *d, int tell)
{
    pid_t pid = fork();
    if (pid)
        _exit(pid < 0);
    int code = dup2(tell, TELL_FD) < 0 ? errno : 0;
    fcntl(TELL_FD, F_SETFD, FD_CLOEXEC);
    if (!code)
        code = become_detached(d);
    if (write(TELL_FD, &code, sizeof code) < 0)
        _exit(126);
    _exit(127);
}

static void fill(struct detached *d, const struct studio *s, const char *const *arg,
                 const char *folder, const char *kind)
{
    snprintf(d->text, sizeof d->text, "%s/%s.txt", folder, kind);
    snprintf(d->lock, sizeof d->lock, "%s/%s.lock", folder, kind);
    snprintf(d->end, sizeof d->end, "%s/%s.end", folder, kind);
    d->word[0] = (char *)"sh";
    d->word[1] = (char *)"-c";
    d->word[2] = (char *)(uintptr_t)script;
    d->word[3] = d->end;
    whole_words(s, arg, d->path, d->word + 4);
}

int child_detach(const struct studio *s, const char *const *arg, const char *folder,
                 const char *kind, struct tr_err *err)
{
    int pair[2], code = 0;
    struct detached *d = malloc(sizeof *d);
    if (!d || open_pair(pair)) {
        free(d);
        return tr_err_sys(err, "cannot run %s", arg[0]);
    }
    fill(d, s, arg, folder, kind);
    pid_t pid = fork();
    if (!pid)
        split_off(d, pair[1]);
    close(pair[1]);
    ssize_t n = pid < 0 ? 0 : read(pair[0], &code, sizeof code);
    close(pair[0]);
    int rc = pid < 0 ? -1 : child_wait(pid);
    free(d);
    if (n == (ssize_t)sizeof code && (code == EAGAIN || code == EACCES))
        return tr_err_set(err, TR_EIO, "another process is at work there");
    errno = n > 0 ? code : EAGAIN;
    return n > 0 || rc ? tr_err_sys(err, "cannot run %s", arg[0]) : 0;
}

pid_t lock_holder(const char *path)
{
    struct flock other = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    int held = fd >= 0 && !fcntl(fd, F_GETLK, &other) && other.l_type != F_UNLCK;
    if (fd >= 0)
        close(fd);
    return held ? other.l_pid : 0;
}
