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
    uint64_t turn, n_refused;
    int asks;     /* somebody is at the terminal */
    int dropped;  /* who has just given up a line, with Ctrl-C */
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
                             : tr_prompt_encode(t->a->tok, text, t->a->special, ids,
                                                err);
    free(text);
    return rc;
}

/* ==== the answer ==== */

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
    return cmd_interrupted();
}

static void tell_cut(const struct talk *t, int64_t n)
{
    if (n < t->a->generate.n)
        cmd_say("the context of %lld positions is full, and the answer ends there: /reset "
                "begins anew, --ctx is another", (long long)t->a->context);
    else
        cmd_say("the answer was cut after %lld tokens, see -n", (long long)n);
}

/* An interrupt ends the answer; one more, the program. */
static int generate(struct talk *t, const struct tr_tokens *ids, struct tr_err *err)
{
    struct tr_generate_args args = t->a->generate;
    struct tr_rng rng = tr_rng_init(t->a->seed, t->turn);
    int64_t room = t->a->context - (int64_t)ids->n;
    args.text = on_text;
    args.ctx = t;
    args.keep = 1;
    args.n = args.n < room ? args.n : room;
    cmd_interrupts_begin();
    int rc = tr_generate(t->a->gen, ids->id, ids->n, &args, &rng, err);
    if (!t->asks)
        cmd_interrupts_end();
    cmd_text_end(t->a->out);
    fputc('\n', t->a->out->f);
    fflush(t->a->out->f);
    if (!rc && tr_generator_was_cut(t->a->gen))
        tell_cut(t, args.n);
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
    if ((int64_t)ids->n < t->a->context)
        return 0;
    return tr_err_set(err, TR_EMISMATCH, "the conversation has %zu tokens now, which leaves no "
                      "room for an answer in %lld positions: this message is left out "
                      "(/reset begins anew, --ctx is another room)", ids->n,
                      (long long)t->a->context);
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
        cmd_warn("%s", own.text);
        t->n_refused++;
    }
    if (rc || (cmd_interrupted() && !*t->message[t->n - 1].text))
        forget(t, before);
    cmd_interrupted_clear();
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
        t->n_refused++;
        return 0;
    }
    char *system = *rest ? strdup(rest) : NULL;
    if (*rest && !system) {
        cmd_warn("out of memory for a system message");
        t->n_refused++;
        return 0;
    }
    free(t->system);
    t->system = system;
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
    cmd_say("a line that ends in \\ goes on in the next one; \"\"\" begins and ends "
            "several");
    cmd_say("Ctrl-C ends an answer, or drops what is being written");
    return 0;
}

static int do_verb(struct talk *t, const char *line)
{
    size_t n = strcspn(line, " \t");
    for (size_t i = 0; i < N_VERB; i++)
        if (strlen(verb[i].name) == n && !strncmp(line, verb[i].name, n))
            return verb[i].run(t, line + n + strspn(line + n, " \t"));
    cmd_warn("there is no %.*s, /help lists what there is (a message that begins with / "
             "has a blank in front of it)", (int)n, line);
    t->n_refused++;
    return 0;
}

/* ==== the input ==== */

/* The next line without its end; NULL when there is none, or it is dropped. */
static char *next_line(struct talk *t, const char *sign)
{
    if (t->asks)
        fputs(sign, stderr);
    ssize_t n = getline(&t->line, &t->line_cap, stdin);
    t->dropped = t->asks && cmd_interrupted();
    cmd_interrupted_clear();
    if (n < 0 || t->dropped)
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
        if (!next_line(t, ". "))
            return;
    }
    put_characters(f, line, strlen(line) - 3);
}

static void put_lines(struct talk *t, FILE *f, char *line)
{
    while (ends_in(line, "\\")) {
        put_characters(f, line, strlen(line) - 1);
        fputc('\n', f);
        if (!(line = next_line(t, ". ")))
            return;
    }
    put_characters(f, line, strlen(line));
}

/* The next message, malloc'ed; NULL at the end of the input, when it is dropped, or with
 * err set. */
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
    int rc = fclose(f) ? no_memory(err) : 0;
    if (!rc && !t->dropped)
        return text;
    free(text);
    return NULL;
}

static int take_message(struct talk *t, const char *text, int *ended, struct tr_err *err)
{
    if (*text == '/')
        *ended = do_verb(t, text);
    else if (*text)
        return take_turn(t, text, err);
    return 0;
}

/* There is no message: a line is open on the terminal. */
static void tell_end_of_line(const struct talk *t)
{
    if (t->asks)
        fputc('\n', stderr);
    if (t->dropped) {
        clearerr(stdin);
        cmd_say("Ctrl-D or /exit ends the conversation");
    }
}

static int take_all(struct talk *t, struct tr_err *err)
{
    int rc = 0, ended = 0;
    while (!rc && !ended) {
        char *text = next_message(t, err);
        if (text) {
            rc = take_message(t, text, &ended, err);
        } else {
            ended = !t->dropped;
            rc = err->code;
            tell_end_of_line(t);
        }
        free(text);
    }
    return rc;
}

int cmd_talk(const struct cmd_talk_args *args, struct tr_err *err)
{
    struct talk t = { .a = args, .asks = isatty(STDIN_FILENO) && isatty(STDERR_FILENO) };
    if (t.asks) {
        cmd_say("%s; /help says how, Ctrl-D ends it",
                args->template->chat ? "a conversation through the chat template"
                                     : "there is no chat template: the model goes on with "
                                       "what you write");
        cmd_interrupts_begin();
    }
    int rc = take_all(&t, err);
    cmd_interrupts_end();
    if (!rc && !t.asks && t.n_refused)
        rc = tr_err_set(err, TR_EFORMAT, "%llu of the messages were left out",
                        (unsigned long long)t.n_refused);
    forget(&t, 0);
    free(t.message);
    free(t.system);
    free(t.line);
    return rc;
}
