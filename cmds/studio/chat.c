/* SPDX-License-Identifier: MIT
 *
 * POST /api/chat: `generate` as a child, its text as events.  It gets the prompt as an option
 * on standard input, since who lists processes reads their words.  It writes the prompt first,
 * which the page knows.  When the connection is closed it ends.
 */
#include "studio.h"

#include <libtrain/gguf.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 512, MOST_SAID = 4096 };
enum { MOST_PROMPT = 100000 /* bytes */ };

struct chat {
    pid_t pid;
    int out, said;
    char *prompt;
    size_t at_prompt;         /* so much of it has come */
    int asked;                /* behind it come line ends that are none of the answer's */
    int begun, ended;         /* the answer; all of it has come */
    char left[8];             /* the beginning of a character */
    size_t n_left;
    char words[MOST_SAID];    /* what it said */
    size_t n_words;
    long pieces;
    struct timespec start;
};

static double seconds(const struct chat *c)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - c->start.tv_sec) + (double)(now.tv_nsec - c->start.tv_nsec) / 1e9;
}

/* ==== the text ==== */

/* Without the prompt: *text and *n become what is left. */
static void skip_prompt(struct chat *c, const char **text, size_t *n)
{
    while (*n && c->prompt[c->at_prompt] && **text == c->prompt[c->at_prompt]) {
        c->at_prompt++;
        (*text)++;
        (*n)--;
    }
    while (*n && c->asked && !c->begun && strchr("\n ", **text)) {
        (*text)++;
        (*n)--;
    }
    c->begun |= *n > 0;
}

static size_t put_piece(struct chat *c, const char *text, size_t n, char *to, size_t room)
{
    FILE *f = fmemopen(to, room, "w");
    if (!f)
        return 0;
    fputs("event: text\ndata: {\"text\": ", f);
    put_text(f, text, n);
    fputs("}\n\n", f);
    long at = ftell(f);
    c->pieces++;
    return fclose(f) || at < 0 ? 0 : (size_t)at;
}

/* The line end behind all is generate's own. */
static ssize_t take_text(struct chat *c, char *to, size_t room)
{
    char bytes[sizeof c->left + 1 + PIECE];
    memcpy(bytes, c->left, c->n_left);
    ssize_t got = read(c->out, bytes + c->n_left, PIECE);
    if (got <= 0) {
        c->ended = got == 0 || (errno != EINTR && errno != EAGAIN);
        return 0;
    }
    size_t all = c->n_left + (size_t)got, n = whole_characters(bytes, all);
    if (n && bytes[n - 1] == '\n' && n == all)
        n--;
    c->n_left = all - n;
    memcpy(c->left, bytes + n, c->n_left);
    const char *text = bytes;
    skip_prompt(c, &text, &n);
    return n ? (ssize_t)put_piece(c, text, n, to, room) : 0;
}

static void take_words(struct chat *c)
{
    char bytes[PIECE];
    ssize_t n = read(c->said, bytes, sizeof bytes);
    if (n <= 0) {
        close(c->said);
        c->said = -1;
        return;
    }
    size_t keep = (size_t)n < sizeof c->words - 1 - c->n_words ? (size_t)n :
                  sizeof c->words - 1 - c->n_words;
    memcpy(c->words + c->n_words, bytes, keep);
    c->n_words += keep;
}

/* ==== the end ==== */

static ssize_t end(struct chat *c, char *to, size_t room)
{
    char why[512];
    int status = child_wait(c->pid);
    c->pid = 0;
    FILE *f = fmemopen(to, room, "w");
    if (!f)
        return -1;
    if (status) {
        last_said(c->words, why, sizeof why);
        fputs("event: error\ndata: ", f);
        put_pair(f, "{error", *why ? why : "the model gave no answer");
    } else {
        fputs("event: done\ndata: ", f);
        put_pair_number(f, "{pieces", (double)c->pieces);
        put_pair_number(f, ", seconds", seconds(c));
    }
    fputs("}\n\n", f);
    long n = ftell(f);
    return fclose(f) ? -1 : n;
}

static ssize_t more(void *ctx, char *to, size_t room)
{
    struct chat *c = ctx;
    if (!c->pid)
        return -1;
    if (c->ended && c->said < 0)
        return end(c, to, room);
    struct pollfd p[2] = { { c->ended ? -1 : c->out, POLLIN, 0 }, { c->said, POLLIN, 0 } };
    if (poll(p, 2, 100) <= 0)
        return 0;
    if (p[1].revents)
        take_words(c);
    return p[0].revents ? take_text(c, to, room) : 0;
}

static void release(void *ctx)
{
    struct chat *c = ctx;
    if (c->pid > 0) {
        child_end(c->pid, SIGKILL); /* it has written nothing but its answer */
        child_wait(c->pid);
    }
    close(c->out);
    if (c->said >= 0)
        close(c->said);
    free(c->prompt);
    free(c);
}

/* ==== the beginning ==== */

static int has_template(const char *model)
{
    struct tr_err err = { 0 };
    struct tr_gguf *g = tr_gguf_open(model, &err);
    int has = g && tr_gguf_find_kv(g, "tokenizer.chat_template");
    tr_gguf_close(g);
    return has;
}

static double number_of(const struct tr_json *v, const char *key, double usual)
{
    const struct tr_json *n = tr_json_get(v, key);
    enum tr_json_kind kind = tr_json_kind(n);
    return kind == TR_JSON_INT || kind == TR_JSON_REAL ? tr_json_real(n) : usual;
}

/* The prompt as a file of options has it, malloc'ed: a shell's quoting. */
static char *prompt_option(const char *prompt, size_t *n)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, n);
    if (!f)
        return NULL;
    fputs("'--prompt=", f);
    for (const char *p = prompt; *p; p++)
        fputs(*p == '\'' ? "'\\''" : (char[]){ *p, '\0' }, f);
    fputs("'\n", f);
    if (!fclose(f))
        return text;
    free(text);
    return NULL;
}

static int start(struct request *r, struct chat *c, const struct tr_json *v)
{
    size_t n_in;
    char *in = prompt_option(c->prompt, &n_in);
    char n[32], temp[32], seed[32];
    const char *model = json_text(v, "model"), *adapter = json_text(v, "adapter");
    const char *arg[20] = { "generate", "-m", model, "@/dev/stdin", "-n", n, "--temp", temp,
                            "--seed", seed };
    struct tr_err err = { 0 };
    int k = 10;
    snprintf(n, sizeof n, "%.0f", number_of(v, "n", 100));
    snprintf(temp, sizeof temp, "%g", number_of(v, "temp", 0.8));
    snprintf(seed, sizeof seed, "%.0f", number_of(v, "seed", 42));
    if (*adapter) {
        arg[k++] = "-a";
        arg[k++] = adapter;
    }
    if ((c->asked = has_template(model)))
        arg[k++] = "--ask";
    arg[k] = NULL;
    clock_gettime(CLOCK_MONOTONIC, &c->start);
    c->pid = in ? child_start(r->s, arg, in, n_in, &c->out, &c->said, &err)
                : tr_err_set(&err, TR_ENOMEM, "out of memory for a prompt");
    free(in);
    if (c->pid > 0)
        return answer_events(r, more, c, release);
    free(c->prompt);
    free(c);
    return answer_err(r, 500, &err);
}

static int chat(struct request *r, const struct tr_json *v)
{
    const char *adapter = json_text(v, "adapter"), *prompt = json_text(v, "prompt");
    if (!guard_inside(r->s, json_text(v, "model")) || (*adapter && !guard_inside(r->s, adapter)))
        return answer_error(r, 400, "model and adapter are files of the working folder");
    if (!*prompt)
        return answer_error(r, 400, "there is no prompt");
    if (strlen(prompt) > MOST_PROMPT)
        return answer_error(r, 413, "the prompt is longer than %d bytes", MOST_PROMPT);
    struct chat *c = calloc(1, sizeof *c);
    if (!c || !(c->prompt = strdup(prompt))) {
        free(c);
        return answer_error(r, 500, "out of memory");
    }
    return start(r, c, v);
}

int chat_answer(struct request *r)
{
    struct tr_json *v = request_json(r);
    if (!v)
        return r->answered;
    int rc = chat(r, v);
    tr_json_free(v);
    return rc;
}
