/* SPDX-License-Identifier: MIT
 *
 * What the files of studio share: the server as it was started, a request, answers.  Each
 * connection has a thread of its own, so an answer may take its time.  What they say is in
 * api.h.
 */
#ifndef CMDS_STUDIO_STUDIO_H
#define CMDS_STUDIO_STUDIO_H

#include <libtrain/error.h>
#include <libtrain/json.h>

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { STUDIO_TOKEN = 33, STUDIO_NAME = 100, STUDIO_PARTS = 6 };

struct studio {
    const char *listen;         /* an address, as it is given */
    int local;                  /* it is the machine's own */
    int port;
    char token[STUDIO_TOKEN];   /* hexadecimal digits */
    char dir[PATH_MAX];         /* the working folder, where the process is */
    char commands[PATH_MAX];    /* what stands in front of a command's name */
};

/* Listen, and print the address; comes back only if that fails. */
int studio_serve(struct studio *s, struct tr_err *err) TR_MUST_CHECK;

/* ==== a request ==== */

struct MHD_Connection;
struct upload;

struct request {
    const struct studio *s;
    struct MHD_Connection *conn;
    const struct route *route;
    char *path;                     /* decoded, cut into its parts */
    char *part[STUDIO_PARTS];       /* "api", "runs", NAME … */
    int n_part;
    char *body;                     /* of a request with JSON */
    size_t n_body;
    struct upload *upload;
    int answered, slow;
};

/* All of these answer and return an MHD_Result.  `text` is malloc'ed, and taken. */
int answer_text(struct request *r, unsigned status, char *text, size_t n, const char *type);
int answer_error(struct request *r, unsigned status, const char *fmt, ...) TR_PRINTF(3, 4);
int answer_err(struct request *r, unsigned status, const struct tr_err *err);
int answer_empty(struct request *r); /* {} */
/* Of a stream of open_memstream over text and n, which it closes. */
int answer_json(struct request *r, unsigned status, FILE *f, char **text, size_t *n);
int answer_file(struct request *r, int fd, const char *name);
/* Server-sent events: `more` writes up to `room` bytes, 0 for none yet, below 0 for the end. */
int answer_events(struct request *r, ssize_t (*more)(void *ctx, char *to, size_t room),
                  void *ctx, void (*release)(void *ctx));

const char *request_header(const struct request *r, const char *name); /* or NULL */
/* Of the query, decoded; malloc'ed or NULL. */
char *request_argument(const struct request *r, const char *name);
/* The connection may wait for a long answer. */
void request_is_slow(struct request *r);
/* 1 if the other side has gone away. */
int request_is_gone(const struct request *r);
/* The body as an object: NULL, and 400 is answered. */
struct tr_json *request_json(struct request *r);
/* A text of it; "" if it is not there or something else. */
const char *json_text(const struct tr_json *object, const char *key);

/* ==== who may ask (guard.c) ==== */

/* A secret for to (STUDIO_TOKEN bytes). */
int guard_secret(char *to, struct tr_err *err) TR_MUST_CHECK;
/* It comes to this server by its own name, and from its own page if from any. */
int guard_place(const struct request *r, struct tr_err *err) TR_MUST_CHECK;
/* 1 if who asks has the token; or a ticket, which is none any more then; or for anyone. */
int guard_token(const struct request *r);
int guard_ticket(const struct request *r);
int guard_anyone(const struct request *r);
/* A ticket to GET this path once, within a minute. */
int ticket_answer(struct request *r);

/* ==== names (names.c) ==== */

/* Decode %XX; -1 for what is none and for NUL. */
int guard_decode(char *text);
/* 1 for the name of a file or a run. */
int guard_name(const char *name);
/* 1 for one that a run may be given: make would part, drop or expand the rest. */
int guard_run(const char *name);
int guard_ends(const char *name, const char *end); /* 1 if it ends so, and has more */
/* 1 if path, relative and of names, leads to a plain file in the working folder. */
int guard_inside(const struct studio *s, const char *path);
/* Open it for reading, or -1. */
int guard_open(const struct studio *s, const char *path);

/* ==== JSON out (write.c) ==== */

void put_text(FILE *f, const char *text, size_t n); /* what is no UTF-8 becomes U+FFFD */
void put_string(FILE *f, const char *text);
void put_number(FILE *f, double v); /* null if it is not finite */
/* , "key": "text" – without the comma where the object begins */
void put_pair(FILE *f, const char *key, const char *text);
void put_pair_number(FILE *f, const char *key, double v);
int is_utf8(const char *text, size_t n);
/* How many of n bytes are whole characters. */
size_t whole_characters(const char *text, size_t n);
/* The events "event: NAME" with JSON that stands in one line. */
void put_event(FILE *f, const char *name, const char *json, size_t n);

/* ==== processes (child.c) ==== */

/* Run a command of ours, arg[0], or the one of that path, with options, NULL behind the last,
 * and n_in bytes on its standard input; it ends where nobody waits for an answer any more.
 * to: what it wrote and what it said, up to a megabyte each, and its status.  Returns -1 after
 * an error was answered, the command's own where it failed; then nothing is to be released. */
struct outcome {
    char *out, *said;
    size_t n_out, n_said;
    int status;
};
int child_answer(struct request *r, const char *const *arg, const char *in, size_t n_in,
                 struct outcome *to);
void outcome_release(struct outcome *o);
/* Why it failed: the last line that it said. */
void last_said(const char *text, char *to, size_t size);
/* Start one with n_in bytes on its standard input, whose output is read: its pid, which is its
 * process group too, or -1. */
pid_t child_start(const struct studio *s, const char *const *arg, const char *in, size_t n_in,
                  int *out, int *said, struct tr_err *err) TR_MUST_CHECK;
/* Send a signal to its group; wait for it: its exit status as a shell tells it. */
void child_end(pid_t pid, int sig);
int child_wait(pid_t pid);
/* All of them end; for a handler of signals. */
void child_end_all(void);
/* Start one that outlives the server: in a session of its own, what it says goes to
 * FOLDER/KIND.txt, its lock is FOLDER/KIND.lock, its status will be in FOLDER/KIND.end. */
int child_detach(const struct studio *s, const char *const *arg, const char *folder,
                 const char *kind, struct tr_err *err) TR_MUST_CHECK;
/* The process that holds a lock, 0 if there is none. */
pid_t lock_holder(const char *path);

/* ==== runs (run-state.c) ==== */

/* runs/NAME, or runs/NAME/FILE; NULL if that is too long. */
const char *run_path(char to[PATH_MAX], const char *run, const char *file);
int run_exists(const char *name);
int run_is_busy(const char *name);  /* trains, or another process is at work in it */
void put_run(FILE *f, const char *name);
void put_evaluation(FILE *f, const char *name);
/* Its settings, or NULL: release with tr_json_free. */
struct tr_json *run_settings(const char *name);
const char *run_state(const char *name, char why[512]);
/* The name of a run that goes on and uses this file: 1, or 0 if there is none. */
int run_that_uses(const char *path, char user[STUDIO_NAME + 1]);
/* The last line of a file that says anything. */
void last_line(const char *path, char *to, size_t size);

/* ==== answers ==== */

int page_answer(struct request *r, const char *name);   /* pages.c */
int state_answer(struct request *r);                    /* state.c */
int type_is_known(const char *name); /* models can be written in it */
int rows_answer(struct request *r);                     /* rows.c */
int plan_answer(struct request *r);                     /* plan.c */
int run_start(struct request *r);                       /* runs.c */
int run_stop(struct request *r);
int run_continue(struct request *r);
int run_rename(struct request *r);
int run_merge(struct request *r);
int run_delete(struct request *r);
int run_file(struct request *r);
int run_events(struct request *r);                      /* events.c */
int chat_answer(struct request *r);                     /* chat.c */
int file_delete(struct request *r);                     /* files.c */
int upload_begin(struct request *r); /* 0: go on, else what was answered + 1 */
int upload_more(struct request *r, const char *data, size_t n);
int upload_end(struct request *r);
void upload_drop(struct upload *u);

/* The words of a workflow for a request's settings, with these in front of the knobs (NULL:
 * none), words.c: -1, and an error is answered.  Released with words_release. */
struct words {
    char *item[64];
    int n;
};
int words_of(struct request *r, const struct tr_json *settings, const char *workflow,
             const char *name, const char *const *more, struct words *to);
void words_release(struct words *w);
const char *const *knob_names(void); /* that a page may set, NULL behind the last */

#endif
