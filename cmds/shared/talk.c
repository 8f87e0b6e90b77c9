/* SPDX-License-Identifier: MIT
 *
 * A conversation.  The whole of it is rendered again for every turn, by the template that
 * the model was trained with; what the cache has already of its beginning costs nothing.
 * Lines are read as the terminal gives them, since an editor of lines is there for whoever
 * wants one (rlwrap), and a pipe needs none.  Next: chats.c.
 */
#include "talk.h"

#include "chats.h"
#include "common.h"

#include <libtrain/printable.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct message {
    const char *role;
    char *text;
};

struct talk {
    const struct cmd_talk_args *a;
    struct message *message; // (n)
    size_t n, cap;
    char *system; /* what the first message says, or NULL */
    char *line;   /* of the input */
    size_t line_cap;
    FILE *reply;  /* what the model said in this turn */
    uint64_t turn;
    int asks;     /* somebody is at the terminal */
};

static int no_memory(struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for a conversation");
}

/* ==== what was said ==== */

static void forget(struct talk *t, size_t n)
{
    while (t->n > n)
        free(t->message[--t->n].text);
}

static int remember(struct talk *t, const char *role, char *text, struct tr_err *err)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 16;
        struct message *more = realloc(t->message, cap * sizeof *more);
        if (!more) {
            free(text);
            return no_memory(err);
        }
        t->message = more;
        t->cap = cap;
    }
    t->message[t->n++] = (struct message){ role, text };
    return 0;
}

/* As JSON has it, which is what templates read. */
static int add_message(struct tr_json *chat, const char *role, const char *text)
{
    struct tr_json *m = tr_json_object();
    if (m && !tr_json_set(m, "role", tr_json_text(role, strlen(role))) &&
        !tr_json_set(m, "content", tr_json_text(text, strlen(text))))
        return tr_json_append(chat, m);
    tr_json_free(m);
    return -1;
}

static int encode_chat(struct talk *t, struct tr_tokens *ids, struct tr_err *err)
{
    struct tr_json *chat = tr_json_array();
    int rc = !chat || (t->system && add_message(chat, "system", t->system));
    for (size_t i = 0; !rc && i < t->n; i++)
        rc = add_message(chat, t->message[i].role, t->message[i].text);
    rc = rc ? no_memory(err) : cmd_chat_encode(t->a->template, chat, t->a->tok, ids, err);
    tr_json_free(chat);
    return rc;
}

/* Without a template all that was said is one text. */
static int encode_text(struct talk *t, struct tr_tokens *ids, struct tr_err *err)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    for (size_t i = 0; f && i < t->n; i++)
        fputs(t->message[i].text, f);
    int rc = !f || fclose(f) ? no_memory(err)
                             : tr_prompt_encode(t->a->tok, text, 0, ids, err);
    free(text);
    return rc;
}

/* ==== the answer ==== */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupted = 1;
}

/* Characters alone, of which a message is made: whatever else a model says is shown, but
 * not kept. */
static void put_characters(FILE *f, const char *text, size_t n)
{
    for (size_t i = 0, step; i < n; i += step ? step : 1) {
        step = tr_printable(text + i, n - i);
        if (step || text[i] == '\n' || text[i] == '\t')
            fwrite(text + i, 1, step ? step : 1, f);
    }
}

static int on_text(void *ctx, const char *text, size_t n)
{
    struct talk *t = ctx;
    cmd_text_put(t->a->out, text, n);
    fflush(t->a->out->f);
    fwrite(text, 1, n, t->reply);
    return interrupted;
}

/* An interrupt ends the answer; one more, the program. */
static int generate(struct talk *t, const struct tr_tokens *ids, struct tr_err *err)
{
    struct tr_generate_args args = t->a->generate;
    struct tr_rng rng = tr_rng_init(t->a->seed, t->turn);
    struct sigaction end = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND }, old;
    args.text = on_text;
    args.ctx = t;
    args.keep = 1;
    interrupted = 0;
    sigemptyset(&end.sa_mask);
    sigaction(SIGINT, &end, &old);
    int rc = tr_generate(t->a->gen, ids->id, ids->n, &args, &rng, err);
    sigaction(SIGINT, &old, NULL);
    cmd_text_end(t->a->out);
    fputc('\n', t->a->out->f);
    fflush(t->a->out->f);
    return rc;
}

/* The answer to these ids, remembered. */
static int answer(struct talk *t, const struct tr_tokens *ids, struct tr_err *err)
{
    char *raw = NULL, *text = NULL;
    size_t n = 0, size = 0;
    t->reply = open_memstream(&raw, &n);
    if (!t->reply)
        return no_memory(err);
    int rc = generate(t, ids, err);
    rc = fclose(t->reply) && !rc ? no_memory(err) : rc;
    FILE *clean = rc ? NULL : open_memstream(&text, &size);
    if (clean)
        put_characters(clean, raw, n);
    if (!rc && (!clean || fclose(clean)))
        rc = no_memory(err);
    free(raw);
    return rc ? rc : remember(t, "assistant", text, err);
}

static int too_long(const struct talk *t, const struct tr_tokens *ids, struct tr_err *err)
{
    if ((int64_t)ids->n <= t->a->longest)
        return 0;
    return tr_err_set(err, TR_EMISMATCH, "the conversation has %zu tokens now, and there is "
                      "room for %lld in front of an answer: this message is left out (/reset "
                      "begins anew, --ctx and -n change the room)", ids->n,
                      (long long)t->a->longest);
}

/* A message and its answer; what fails is told and forgotten. */
static int take_turn(struct talk *t, const char *text, struct tr_err *err)
{
    struct tr_tokens ids = { 0 };
    struct tr_err own = { 0 };
    size_t before = t->n;
    char *copy = strdup(text);
    int rc = copy ? remember(t, "user", copy, err) : no_memory(err);
    if (rc)
        return rc;
    rc = t->a->template->chat ? encode_chat(t, &ids, &own) : encode_text(t, &ids, &own);
    if (!rc)
        rc = too_long(t, &ids, &own);
    if (!rc)
        rc = answer(t, &ids, &own);
    if (rc) {
        forget(t, before);
        cmd_warn("%s", own.text);
    }
    t->turn++;
    tr_tokens_release(&ids);
    return 0;
}

/* ==== what is no message ==== */

static int on_reset(struct talk *t, const char *rest)
{
    (void)rest;
    forget(t, 0);
    cmd_say("a new conversation");
    return 0;
}

static int on_system(struct talk *t, const char *rest)
{
    if (!t->a->template->chat) {
        cmd_warn("without a chat template there is no system message");
        return 0;
    }
    free(t->system);
    t->system = *rest ? strdup(rest) : NULL;
    return on_reset(t, rest);
}

static int on_end(struct talk *t, const char *rest)
{
    (void)t, (void)rest;
    return 1;
}

static int on_help(struct talk *t, const char *rest);

static const struct verb {
    const char *name, *help;
    int (*run)(struct talk *t, const char *rest); /* 1: that was all */
} verb[] = {
    { "/help", "this list", on_help },
    { "/reset", "forget what was said", on_reset },
    { "/system", "TEXT: begin anew with this system message, or with none", on_system },
    { "/exit", "end; so does the end of the input (Ctrl-D)", on_end },
};
enum { N_VERB = sizeof verb / sizeof *verb };

static int on_help(struct talk *t, const char *rest)
{
    (void)t, (void)rest;
    for (size_t i = 0; i < N_VERB; i++)
        cmd_say("%-8s %s", verb[i].name, verb[i].help);
    cmd_say("a line that ends in \\ goes on in the next one; \"\"\" begins and ends several");
    cmd_say("Ctrl-C ends an answer");
    return 0;
}

static int do_verb(struct talk *t, const char *line)
{
    size_t n = strcspn(line, " \t");
    for (size_t i = 0; i < N_VERB; i++)
        if (strlen(verb[i].name) == n && !strncmp(line, verb[i].name, n))
            return verb[i].run(t, line + n + strspn(line + n, " \t"));
    cmd_warn("there is no %.*s, /help lists what there is (a message that begins with / has "
             "a blank in front of it)", (int)n, line);
    return 0;
}

/* ==== the input ==== */

/* The next line without its end; NULL when there is none. */
static char *next_line(struct talk *t, const char *sign)
{
    if (t->asks)
        fputs(sign, stderr);
    ssize_t n = getline(&t->line, &t->line_cap, stdin);
    if (n < 0)
        return NULL;
    t->line[strcspn(t->line, "\r\n")] = 0;
    return t->line;
}

static int ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

/* Lines up to one that ends in """, without the quotes. */
static void put_quoted(struct talk *t, FILE *f, char *line)
{
    for (line += 3; !ends_in(line, "\"\"\""); line = t->line) {
        put_characters(f, line, strlen(line));
        fputc('\n', f);
        if (!next_line(t, "… "))
            return;
    }
    put_characters(f, line, strlen(line) - 3);
}

static void put_lines(struct talk *t, FILE *f, char *line)
{
    while (ends_in(line, "\\")) {
        put_characters(f, line, strlen(line) - 1);
        fputc('\n', f);
        if (!(line = next_line(t, "… ")))
            return;
    }
    put_characters(f, line, strlen(line));
}

/* The next message, malloc'ed; NULL at the end of the input, or with err set. */
static char *next_message(struct talk *t, struct tr_err *err)
{
    char *text = NULL, *line = next_line(t, "> ");
    size_t n;
    FILE *f = line ? open_memstream(&text, &n) : NULL;
    if (line && !f)
        no_memory(err);
    if (!f)
        return NULL;
    if (!strncmp(line, "\"\"\"", 3))
        put_quoted(t, f, line);
    else
        put_lines(t, f, line);
    if (!fclose(f))
        return text;
    free(text);
    no_memory(err);
    return NULL;
}

int cmd_talk(const struct cmd_talk_args *args, struct tr_err *err)
{
    struct talk t = { .a = args, .asks = isatty(STDIN_FILENO) && isatty(STDERR_FILENO) };
    char *text;
    int rc = 0, ended = 0;
    if (t.asks)
        cmd_say("%s; /help says how, Ctrl-D ends it",
                args->template->chat ? "a conversation through the chat template"
                                     : "there is no chat template: the model goes on with "
                                       "what you write");
    while (!rc && !ended && (text = next_message(&t, err))) {
        if (*text == '/')
            ended = do_verb(&t, text);
        else if (*text)
            rc = take_turn(&t, text, err);
        free(text);
    }
    if (t.asks && !ended)
        fputc('\n', stderr);
    forget(&t, 0);
    free(t.message);
    free(t.system);
    free(t.line);
    return rc ? rc : err->code;
}
