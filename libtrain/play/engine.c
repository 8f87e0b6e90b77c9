/* SPDX-License-Identifier: MIT
 *
 * An engine is a child with a socket in place of its standard streams: a write to one that
 * has died is an error then, and no signal.  With one thread, a small table and a new game
 * in front of each search, what it says depends on the position alone.
 */
#include <libtrain/base/base.h>
#include <libtrain/play.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { PATIENCE = 300000 /* ms */, AT_ONCE = 4096 };

struct tr_engine {
    char *program;
    pid_t pid;
    int fd;
    char *text; /* what was read; lines begin at `at` */
    size_t n, cap, at;
    struct tr_move *move;
    size_t n_move, cap_move;
};

int tr_move_is(const char *s, size_t n)
{
    if (n != 4 && n != 5)
        return 0;
    for (int i = 0; i < 4; i += 2)
        if (s[i] < 'a' || s[i] > 'h' || s[i + 1] < '1' || s[i + 1] > '8')
            return 0;
    return n == 4 || (s[4] && strchr("nbrq", s[4]) != NULL);
}

const struct tr_move *tr_move_find(const struct tr_move *move, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(move[i].text, text))
            return &move[i];
    return NULL;
}

/* ---- the pipe ---------------------------------------------------------------------- */

static int has_ended(const struct tr_engine *e, struct tr_err *err)
{
    return tr_err_set(err, TR_EIO, "the engine '%s' has ended", e->program);
}

static int say(struct tr_engine *e, struct tr_err *err, const char *first, const char *rest)
{
    const char *const part[] = { first, rest, "\n" };
    for (int i = 0; i < 3; i++)
        for (size_t done = 0, n = strlen(part[i]); done < n;) {
            ssize_t got = send(e->fd, part[i] + done, n - done, MSG_NOSIGNAL);
            if (got < 0 && errno != EINTR)
                return has_ended(e, err);
            done += got > 0 ? (size_t)got : 0;
        }
    return 0;
}

static int wait_for_more(struct tr_engine *e, struct tr_err *err)
{
    struct pollfd p = { .fd = e->fd, .events = POLLIN };
    int n;
    do
        n = poll(&p, 1, PATIENCE);
    while (n < 0 && errno == EINTR);
    return n > 0 ? 0 : tr_err_set(err, TR_EIO, "the engine '%s' has said nothing for %d s",
                                  e->program, PATIENCE / 1000);
}

static int read_more(struct tr_engine *e, struct tr_err *err)
{
    if (e->at)
        memmove(e->text, e->text + e->at, e->n - e->at);
    e->n -= e->at;
    e->at = 0;
    if (tr__grow(&e->text, &e->cap, e->n + AT_ONCE, 1))
        return tr_err_sys(err, "cannot hold a line of '%s'", e->program);
    if (wait_for_more(e, err))
        return -1;
    ssize_t got = recv(e->fd, e->text + e->n, AT_ONCE, 0);
    if (got < 0 && errno == EINTR)
        return 0;
    e->n += got > 0 ? (size_t)got : 0;
    return got > 0 ? 0 : has_ended(e, err);
}

/* The next line, without its end, until the next call; NULL if there is none. */
static char *next_line(struct tr_engine *e, struct tr_err *err)
{
    char *end;
    if (!e->text && read_more(e, err))
        return NULL;
    while (!(end = memchr(e->text + e->at, '\n', e->n - e->at)))
        if (read_more(e, err))
            return NULL;
    char *line = e->text + e->at;
    e->at = (size_t)(end - e->text) + 1;
    if (end > line && end[-1] == '\r')
        end--;
    *end = '\0';
    return line;
}

static int wait_for(struct tr_engine *e, const char *word, struct tr_err *err)
{
    const char *line;
    do
        line = next_line(e, err);
    while (line && strcmp(line, word));
    return line ? 0 : -1;
}

/* ---- the child --------------------------------------------------------------------- */

/* Debian keeps engines in a folder that not everyone has in PATH. */
static int spawn_named(struct tr_engine *e, const posix_spawn_file_actions_t *streams)
{
    static const char games[] = "/usr/games/";
    char *const argv[] = { e->program, NULL };
    char there[sizeof games + 256];
    int rc = posix_spawnp(&e->pid, e->program, streams, NULL, argv, environ);
    if (rc == ENOENT && !strchr(e->program, '/') && strlen(e->program) < 256) {
        snprintf(there, sizeof there, "%s%s", games, e->program);
        rc = posix_spawn(&e->pid, there, streams, NULL, argv, environ);
    }
    return rc;
}

static int spawn(struct tr_engine *e, int theirs, struct tr_err *err)
{
    posix_spawn_file_actions_t streams;
    int rc = posix_spawn_file_actions_init(&streams);
    if (!rc) {
        rc = posix_spawn_file_actions_adddup2(&streams, theirs, 0);
        rc = rc ? rc : posix_spawn_file_actions_adddup2(&streams, theirs, 1);
        rc = rc ? rc : spawn_named(e, &streams);
        posix_spawn_file_actions_destroy(&streams);
    }
    errno = rc;
    return rc ? tr_err_sys(err, "cannot start the engine '%s'", e->program) : 0;
}

static int start(struct tr_engine *e, struct tr_err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return tr_err_sys(err, "cannot make a pipe");
    e->fd = pair[0];
    fcntl(pair[0], F_SETFD, FD_CLOEXEC);
    fcntl(pair[1], F_SETFD, FD_CLOEXEC);
    int rc = spawn(e, pair[1], err);
    close(pair[1]);
    return rc;
}

int tr_engine_set(struct tr_engine *e, const char *name, const char *value,
                  struct tr_err *err)
{
    char option[128];
    snprintf(option, sizeof option, "setoption name %s value ", name);
    return say(e, err, option, value);
}

static int greet(struct tr_engine *e, struct tr_err *err)
{
    if (say(e, err, "uci", "") || wait_for(e, "uciok", err))
        return tr_err_prefix(err, "'%s' does not speak UCI", e->program);
    return tr_engine_set(e, "Threads", "1", err) || tr_engine_set(e, "Hash", "1", err) ||
                   tr_engine_set(e, "MultiPV", "250", err) ? -1 : 0;
}

struct tr_engine *tr_engine_open(const char *program, struct tr_err *err)
{
    struct tr_engine *e = calloc(1, sizeof *e);
    if (e)
        e->fd = -1;
    if (!e || !(e->program = strdup(program)))
        tr_err_sys(err, "cannot hold an engine");
    else if (!start(e, err) && !greet(e, err))
        return e;
    tr_engine_close(e);
    return NULL;
}

/* It has two seconds to end by itself. */
static void end(pid_t pid)
{
    const struct timespec moment = { 0, 10000000 };
    int left = pid > 0 ? 200 : 0;
    while (left && waitpid(pid, NULL, WNOHANG) == 0 && --left)
        nanosleep(&moment, NULL);
    if (pid > 0 && !left) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
}

void tr_engine_close(struct tr_engine *e)
{
    if (!e)
        return;
    if (e->fd >= 0) {
        (void)say(e, NULL, "quit", "");
        close(e->fd);
    }
    end(e->pid);
    free(e->program);
    free(e->text);
    free(e->move);
    free(e);
}

/* ---- ranking ----------------------------------------------------------------------- */

/* What stands behind " WORD " in a line, or NULL. */
static const char *behind(const char *line, const char *word)
{
    const char *at = strstr(line, word);
    return at ? at + strlen(word) : NULL;
}

static int32_t clamp(long v)
{
    return (int32_t)(v > TR_MATE_SCORE ? TR_MATE_SCORE : v < -TR_MATE_SCORE ? -TR_MATE_SCORE : v);
}

static int parse_score(const char *line, int32_t *score)
{
    const char *cp = behind(line, " score cp "), *mate = behind(line, " score mate ");
    if (!cp && !mate)
        return -1;
    long v = strtol(cp ? cp : mate, NULL, 10);
    *score = cp ? clamp(v) : v > 0 ? TR_MATE_SCORE - clamp(v) : -TR_MATE_SCORE - clamp(v);
    return 0;
}

/* "info depth 2 … multipv 3 score cp 26 … pv e2e4 …"; the first of a depth begins anew. */
static int take_info(struct tr_engine *e, const char *line, struct tr_err *err)
{
    const char *place = behind(line, " multipv "), *pv = behind(line, " pv ");
    struct tr_move m = { .score = 0 };
    size_t n = pv ? strcspn(pv, " ") : 0;
    if (!place || !pv || !tr_move_is(pv, n) || parse_score(line, &m.score))
        return 0;
    memcpy(m.text, pv, n);
    if (strtol(place, NULL, 10) == 1)
        e->n_move = 0;
    if (tr__grow(&e->move, &e->cap_move, e->n_move + 1, sizeof m))
        return tr_err_sys(err, "cannot hold the moves of '%s'", e->program);
    e->move[e->n_move++] = m;
    return 0;
}

static int ask(struct tr_engine *e, const char *game, int depth, struct tr_err *err)
{
    char number[16];
    snprintf(number, sizeof number, "%d", depth);
    if (say(e, err, "ucinewgame", "") || say(e, err, "isready", "") ||
        wait_for(e, "readyok", err) || say(e, err, "position startpos moves ", game) ||
        say(e, err, "go depth ", number))
        return -1;
    return 0;
}

int tr_engine_rank(struct tr_engine *e, const char *game, int depth,
                   const struct tr_move **move, size_t *n, struct tr_err *err)
{
    char *line;
    e->n_move = 0;
    if (ask(e, game, depth, err))
        return -1;
    while ((line = next_line(e, err)) && strncmp(line, "bestmove", 8))
        if (!strncmp(line, "info ", 5) && take_info(e, line, err))
            return -1;
    *move = e->move;
    *n = e->n_move;
    if (line && !*n && !*game)
        return tr_err_set(err, TR_EUNSUPPORTED, "the engine '%s' gives no scores of several "
                          "moves: it has no MultiPV", e->program);
    return line ? 0 : -1;
}

int tr_engine_move(struct tr_engine *e, const char *game, int depth, char *move,
                   struct tr_err *err)
{
    const char *line;
    if (ask(e, game, depth, err))
        return -1;
    while ((line = next_line(e, err)) && strncmp(line, "bestmove ", 9))
        ;
    if (!line)
        return -1;
    size_t n = strcspn(line += 9, " ");
    if (!tr_move_is(line, n))
        return tr_err_set(err, TR_EFORMAT, "the engine '%s' makes no move", e->program);
    memcpy(move, line, n);
    move[n] = '\0';
    return 0;
}

int tr_engine_look(struct tr_engine *e, const char *game, struct tr_look *look,
                   struct tr_err *err)
{
    const char *line;
    *look = (struct tr_look){ .check = 0 };
    if (say(e, err, "position startpos moves ", game) || say(e, err, "d", "") ||
        say(e, err, "isready", ""))
        return -1;
    while ((line = next_line(e, err)) && strcmp(line, "readyok")) {
        if (!strncmp(line, "Fen: ", 5) && strlen(line + 5) < sizeof look->fen)
            strcpy(look->fen, line + 5);
        if (!strncmp(line, "Checkers: ", 10))
            look->check = line[10] != '\0';
    }
    if (line && !*look->fen)
        return tr_err_set(err, TR_EUNSUPPORTED, "the engine '%s' does not tell positions: it "
                          "has no command d", e->program);
    return line ? 0 : -1;
}
