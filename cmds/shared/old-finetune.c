/* SPDX-License-Identifier: MIT
 *
 * Command lines of the finetune of llama.cpp of 2023 still train: its options (old-options.def)
 * become those of tokenize, pack and train, which run one after the other.  The pack is a file
 * without a name by the time that train reads it.  Next: old-options.c.
 */
#include "old-finetune.h"
#include "common.h"
#include "old-options.h"

#include <libtrain/checkpoint.h>
#include <libtrain/threads.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FD_PACK = 10, OLD_THREADS = 6, MOST_POSITIONS = 1 << 23, LEAST_WINDOWS = 256 };

struct job {
    char **words; /* of the command line, which options point into */
    const struct cmd_workflows *all;
    char folder[4096], tokens[4200], pack[4200]; /* empty where there is none */
    int threads, has_output; /* the model has one that is not its token table */
    long long seed, order;   /* order 0: as the seed has it */
    long long step;          /* of the checkpoint to go on from; -1: there is none */
};

/* ==== is it one ==== */

static int is_knob_of(const struct cmd_workflows *all, const struct cmd_workflow *w,
                      const char *option, size_t n)
{
    for (size_t i = 0; i < all->n_knob; i++)
        if (strlen(all->knob[i].option) == n && !memcmp(all->knob[i].option, option, n) &&
            cmd_workflow_has(all, w, all->knob[i].name))
            return 1;
    return 0;
}

/* --threads is an option of every command. */
static int is_common(const char *option, size_t n)
{
    return n == 7 && !memcmp(option, "threads", n);
}

int cmd_is_old_finetune(const struct cmd_workflows *all, int argc, char **argv)
{
    const struct cmd_workflow *w = cmd_workflow_find(all, "finetune");
    if (!w || (argc > 1 && cmd_workflow_find(all, argv[1])))
        return 0;
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
        const char *option = argv[i] + 2;
        size_t n = strncmp(argv[i], "--", 2) ? 0 : strcspn(option, "=");
        if (n && !is_common(option, n) && !is_knob_of(all, w, option, n) &&
            old_option_find(option, n))
            return 1;
    }
    return 0;
}

/* "-t" is "--threads", which is an option of every command. */
static char **with_threads(int argc, char **argv)
{
    char **words = calloc((size_t)argc + 1, sizeof *words);
    for (int i = 0; words && i < argc; i++) {
        const char *rest = argv[i] + 2;
        int short_one = !strncmp(argv[i], "-t", 2);
        size_t n = strlen(argv[i]) + sizeof "--threads=";
        words[i] = argv[i];
        if (short_one && (words[i] = malloc(n)))
            snprintf(words[i], n, *rest ? "--threads=%s" : "--threads", rest);
    }
    return words;
}

/* ==== other commands ==== */

static char *command(const struct job *j, const char *name)
{
    char *path = malloc(strlen(j->all->commands) + strlen(name) + 1);
    if (path)
        sprintf(path, "%s%s", j->all->commands, name);
    return path;
}

static void begin_words(const struct job *j, struct old_words *w, const char *name)
{
    char *path = command(j, name);
    *w = (struct old_words){ .n = 0 };
    old_add(w, path ? path : name);
    free(path);
    if (cmd_quiet())
        old_add(w, "-q");
    old_add_int(w, "threads", j->threads);
}

/* Run it and wait: 0, or the status that it ended with; it has said why itself. */
static int run(struct old_words *w)
{
    int status = 0;
    pid_t pid = fork();
    if (!pid) {
        execv(w->word[0], w->word);
        cmd_complain("cannot run '%s': %s", w->word[0], strerror(errno));
        _exit(CMD_FAIL);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    old_words_release(w);
    if (pid < 0)
        return CMD_FAIL;
    return WIFEXITED(status) ? WEXITSTATUS(status) : CMD_FAIL;
}

/* ==== the model and the checkpoint ==== */

static int look_at_model(struct job *j, struct tr_err *err)
{
    struct tr_gguf *g = tr_gguf_open(old_text("model-base"), err);
    if (!g)
        return err->code;
    j->has_output = tr_gguf_find_tensor(g, "output.weight") != NULL;
    tr_gguf_close(g);
    if (!j->has_output && old_int("rank-out") > 0)
        return tr_err_set(err, TR_EFORMAT, "'%s' has no output of its own, it is the token "
                          "table: --rank-tok-embd", old_text("model-base"));
    return 0;
}

/* The number behind "NAME=" at the beginning of a line. */
static int find_line(struct tr_str text, const char *name, long long *v)
{
    const char *end = text.ptr + text.len;
    size_t n = strlen(name);
    for (const char *line = text.ptr; line && line < end;) {
        if ((size_t)(end - line) > n && !memcmp(line, name, n) && line[n] == '=') {
            *v = strtoll(line + n + 1, NULL, 10);
            return 1;
        }
        if ((line = memchr(line, '\n', (size_t)(end - line))))
            line++;
    }
    return 0;
}

/* The samples are those of the checkpoint's seed, and so is their order unless another is
 * asked for. */
static int look_at_checkpoint(struct job *j, struct tr_err *err)
{
    const char *path = old_text("checkpoint-in");
    struct tr_str lines = { "", 0 };
    int64_t step = 0;
    j->step = -1;
    if (access(path, F_OK)) {
        cmd_say("there is no checkpoint '%s': starting afresh", path);
        return 0;
    }
    struct tr_gguf *g = tr_gguf_open(path, err);
    int rc = g ? tr_checkpoint_check(g, err) : err->code;
    if (!rc && (rc = tr_gguf_int(g, "checkpoint.step", &step, err)) >= 0)
        rc = tr_gguf_string(g, "checkpoint.arguments", &lines, err);
    if (rc > 0)
        find_line(lines, "seed", &j->seed);
    tr_gguf_close(g);
    j->step = step;
    return rc < 0 ? rc : 0;
}

static long long draw(void)
{
    uint32_t v = 0;
    return getrandom(&v, sizeof v, 0) == sizeof v && v ? v : 1;
}

/* -1: one is drawn; that of a checkpoint takes its place. */
static int choose_seed(struct job *j, struct tr_err *err)
{
    long long asked = old_int("seed"), own = asked < 0 ? draw() : asked;
    j->seed = own;
    if (look_at_checkpoint(j, err))
        return err->code;
    if (old_flag("force-reshuffle"))
        j->order = j->step < 0 ? 0 : own != j->seed ? own : own + 1;
    if (asked < 0 || j->seed != own)
        cmd_say("seed %lld%s", j->seed, j->step < 0 ? "" : ", as in the checkpoint");
    return 0;
}

/* ==== data ==== */

static void remove_files(struct job *j)
{
    if (*j->folder) {
        unlink(j->tokens);
        unlink(j->pack);
        rmdir(j->folder);
    }
    *j->folder = '\0';
}

static int make_folder(struct job *j, struct tr_err *err)
{
    const char *where = getenv("TMPDIR");
    where = where && *where ? where : "/tmp";
    if (snprintf(j->folder, sizeof j->folder, "%s/finetune.XXXXXX", where) >=
            (int)sizeof j->folder || !mkdtemp(j->folder)) {
        *j->folder = '\0';
        return tr_err_sys(err, "'%s': cannot make a folder there", where);
    }
    snprintf(j->tokens, sizeof j->tokens, "%s/data.tok", j->folder);
    snprintf(j->pack, sizeof j->pack, "%s/data.pack", j->folder);
    return 0;
}

static int tokenize(const struct job *j)
{
    struct old_words w;
    const char *start = old_text("sample-start");
    begin_words(j, &w, "tokenize");
    old_add_text(&w, "model", old_text("model-base"));
    old_add_text(&w, "output", j->tokens);
    old_add_text(&w, "format", "text");
    if (*start) {
        old_add_text(&w, "sample-start", start);
        if (old_flag("escape"))
            old_add(&w, "--escape");
        if (old_flag("include-sample-start"))
            old_add(&w, "--include-sample-start");
    }
    old_add(&w, "--");
    old_add(&w, old_text("train-data"));
    return run(&w);
}

/* Samples that begin at every token are as many as there are tokens: of these, windows for
 * some hours, whose number depends on the context alone, so that a run goes on with its own. */
static void add_windows(struct old_words *w)
{
    long long n = MOST_POSITIONS / old_int("ctx");
    old_add_int(w, "random-windows", n > LEAST_WINDOWS ? n : LEAST_WINDOWS);
}

static void add_samples(struct old_words *w)
{
    old_add_all(w, OLD_PACK);
    if (old_flag("fill-with-next-samples")) {
        old_add(w, old_flag("separate-with-bos") ? "--separate-with-bos"
                                                 : "--no-separate-with-bos");
        old_add(w, old_flag("separate-with-eos") ? "--separate-with-eos"
                                                 : "--no-separate-with-eos");
    }
}

static int pack(const struct job *j)
{
    struct old_words w;
    int windows = !*old_text("sample-start");
    begin_words(j, &w, "pack");
    old_add_int(&w, "ctx", old_int("ctx"));
    old_add_text(&w, "output", j->pack);
    old_add_text(&w, "fit", "alone");
    old_add_text(&w, "over-long", "cut");
    old_add_int(&w, "seed", j->seed);
    if (windows)
        add_windows(&w);
    else
        add_samples(&w);
    if (windows || old_flag("fill-with-next-samples") || old_flag("overlapping-samples"))
        old_add_text(&w, "model", old_text("model-base"));
    old_add(&w, "--");
    old_add(&w, j->tokens);
    return run(&w);
}

/* The pack's only name from here on is that of a descriptor. */
static int hold_pack(struct job *j, char name[32], struct tr_err *err)
{
    int fd = open(j->pack, O_RDONLY);
    int held = fd < 0 ? -1 : fcntl(fd, F_DUPFD, FD_PACK);
    if (held < 0)
        return tr_err_sys(err, "'%s': cannot open it", j->pack);
    snprintf(name, 32, "/dev/fd/%d", held);
    remove_files(j);
    return 0;
}

/* ==== training ==== */

static int is_rank(const struct old_option *x)
{
    return x->of == OLD_RANK && old_int(x->name) > 0;
}

/* All linear layers, the output and the token table, as it had them; a table that is the output
 * too only if it is asked for, since llama.cpp cannot run such an adapter. */
static void add_targets(const struct job *j, struct old_words *w)
{
    const struct old_option *x;
    char list[80], rank[80];
    snprintf(list, sizeof list, "all-linear%s%s", j->has_output ? ",output" : "",
             j->has_output || old_int("rank-tok-embd") > 0 ? ",token_embd" : "");
    old_add_text(w, "lora-targets", list);
    for (int i = 0; (x = old_option_at(i)); i++)
        if (is_rank(x)) {
            snprintf(rank, sizeof rank, "%s=%lld", x->as, old_int(x->name));
            old_add_text(w, "lora-rank-of", rank);
        }
}

static void add_learning(struct old_words *w)
{
    double rate = old_float("adam-alpha"), least = old_float("adam-min-alpha");
    old_add_all(w, OLD_LEARN);
    old_add_text(w, "sched", "cosine_floor");
    old_add_float(w, "floor-ratio", rate > 0 ? least / rate : 0);
    old_add_int(w, "restarts", old_flag("enable-restart"));
    /* what an adapter has is matrices */
    old_add_float(w, "weight-decay",
                  old_int("adam-decay-min-ndim") > 2 ? 0 : old_float("adam-decay"));
}

/* As many steps as are asked for, from the checkpoint on, or as the passes take. */
static int add_steps(const struct job *j, struct old_words *w, const char *data,
                     struct tr_err *err)
{
    long long steps = old_int("adam-iter"), passes = old_int("epochs");
    long long each = old_int("batch") * old_int("grad-acc");
    struct tr_pack *p = tr_pack_open(data, err);
    if (!p)
        return err->code;
    double all = ceil((double)tr_pack_info(p)->n_seq * (double)passes / (double)each);
    tr_pack_close(p);
    if (passes >= 0 && all < (double)steps)
        steps = all < 1 ? 1 : (long long)all;
    old_add_int(w, "steps", steps + (j->step > 0 ? j->step : 0));
    return 0;
}

static int make_train(const struct job *j, struct old_words *w, const char *data,
                      struct tr_err *err)
{
    begin_words(j, w, "train");
    old_add_text(w, "model", old_text("model-base"));
    old_add_text(w, "data", data);
    old_add_all(w, OLD_TRAIN);
    old_add_all(w, OLD_ABOVE_0);
    add_targets(j, w);
    if (old_flag("use-lbfgs")) {
        old_add_text(w, "opt", "lbfgs");
        old_add_all(w, OLD_LBFGS);
    } else {
        add_learning(w);
    }
    if (!old_flag("no-checkpointing"))
        old_add(w, "--recompute");
    old_add_int(w, "seed", j->seed);
    if (j->order)
        old_add_int(w, "shuffle-seed", j->order);
    if (j->step >= 0)
        old_add_text(w, "resume-from", old_text("checkpoint-in"));
    return add_steps(j, w, data, err);
}

static int train(struct job *j, struct tr_err *err)
{
    struct old_words w;
    char data[32];
    int rc = make_folder(j, err) ? CMD_FAIL : tokenize(j);
    if (!rc)
        rc = pack(j);
    if (!rc && hold_pack(j, data, err))
        rc = CMD_FAIL;
    remove_files(j);
    if (rc)
        return rc;
    if (make_train(j, &w, data, err))
        return CMD_FAIL;
    execv(w.word[0], w.word);
    tr_err_sys(err, "cannot run '%s'", w.word[0]);
    return CMD_FAIL;
}

/* ==== the adapter alone ==== */

static int export_to(const struct job *j, const char *name, const char *by)
{
    struct old_words w;
    char path[4096];
    const char *word = old_text("pattern-fn-it");
    const char *at = *word ? strstr(name, word) : NULL;
    int before = at ? (int)(at - name) : (int)strlen(name);
    snprintf(path, sizeof path, "%.*s%s%s", before, name, at ? by : "",
             at ? at + strlen(word) : "");
    begin_words(j, &w, "gguf-export");
    old_add_text(&w, "model", old_text("model-base"));
    old_add_text(&w, "output", path);
    old_add(&w, "--");
    old_add(&w, old_text("checkpoint-in"));
    return run(&w);
}

static int write_adapter(const struct job *j, struct tr_err *err)
{
    char number[32];
    if (j->step < 0) {
        tr_err_set(err, TR_EIO, "'%s': there is no such checkpoint to write an adapter of",
                   old_text("checkpoint-in"));
        return CMD_FAIL;
    }
    snprintf(number, sizeof number, "%lld", j->step);
    int rc = export_to(j, old_text("lora-out"), number);
    return rc ? rc : export_to(j, old_text("lora-out"), old_text("fn-latest"));
}

/* ==== the whole ==== */

static void check(const struct cmd *cmd)
{
    const struct old_option *x;
    for (int i = 0; (x = old_option_at(i)); i++)
        if (x->of == OLD_NORM && old_int(x->name) > 0)
            cmd_usage(cmd, "--%s: a norm is a vector, of which no adapter can have a rank: "
                      "`train --full` trains norms, with all other weights", x->name);
    if (old_float("adam-min-alpha") > old_float("adam-alpha"))
        cmd_usage(cmd, "--adam-min-alpha is above --adam-alpha");
}

static void say_once(void)
{
    cmd_say("options of llama.cpp's old finetune: what is not given has the default it had "
            "there (see finetune(1))");
    if (old_flag("no-flash"))
        cmd_say("--no-flash changes nothing: attention is always streamed");
}

int cmd_old_finetune(const struct cmd_workflows *all, int argc, char **argv)
{
    static struct job j;
    const struct cmd cmd = { "finetune", "--model-base FILE [--train-data FILE] [OPTION…]",
                             "train an adapter, as llama.cpp's old finetune did",
                             old_options_table(), 0, 0,
                             (const char *const[]){ "model-base", NULL } };
    struct tr_err err = { 0 };
    int n, given = 0;
    char **words = j.words = with_threads(argc, argv);
    if (!words)
        return CMD_FAIL;
    for (int i = 1; i < argc; i++)
        given |= words[i] && !strncmp(words[i], "--threads", 9);
    cmd_parse(&cmd, argc, words, &n);
    check(&cmd);
    say_once();
    j.all = all;
    j.threads = given || tr_n_processor() < OLD_THREADS ? cmd_threads() : OLD_THREADS;
    int rc = CMD_FAIL;
    if (!look_at_model(&j, &err) && !choose_seed(&j, &err))
        rc = old_flag("only-write-lora") ? write_adapter(&j, &err) : train(&j, &err);
    return cmd_end(rc, &err);
}
