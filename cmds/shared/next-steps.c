/* SPDX-License-Identifier: MIT
 *
 * What a user may do with what was made: talk to it, serve it, merge it, train longer.  A
 * command stands on a line of its own, so that it can be copied.  Ollama gets
 * the whole model: adapters it takes for few architectures, and newer versions for none.
 */
#include "next-steps.h"

#include "sample-pair.h"
#include "shell-word.h"
#include "workflows.h"

#include <libtrain/printable.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *cmd_run_file(const struct cmd_run *run, const char *name, char path[PATH_MAX])
{
    struct stat st;
    int n = snprintf(path, PATH_MAX, "%s/%s", run->folder, name);
    return n > 0 && n < PATH_MAX && !stat(path, &st) && S_ISREG(st.st_mode) ? path : NULL;
}

/* ---- names of commands ------------------------------------------------------------ */

static int in_path(const char *folder, size_t n)
{
    const char *at = getenv("PATH");
    while (at) {
        size_t len = strcspn(at, ":");
        size_t bare = len && at[len - 1] == '/' ? len - 1 : len;
        if (bare == n && !memcmp(at, folder, n))
            return 1;
        at = at[len] ? at + len + 1 : NULL;
    }
    return 0;
}

void cmd_run_tools(char tools[PATH_MAX], const char *argv0, const char *own_name)
{
    const char *slash = strrchr(argv0, '/');
    const char *name = slash ? slash + 1 : argv0;
    size_t n = strlen(name), own = strlen(own_name);
    size_t prefix = n >= own && !strcmp(name + n - own, own_name) ? n - own : 0;
    int plain = !slash || in_path(argv0, (size_t)(slash - argv0));
    int folder = plain ? 0 : (int)(name - argv0);
    snprintf(tools, PATH_MAX, "%.*s%.*s", folder, argv0, (int)prefix, name);
}

static void put_tool(FILE *f, const struct cmd_run *run, const char *name)
{
    char whole[PATH_MAX + 32];
    snprintf(whole, sizeof whole, "%s%s", run->tools, name);
    cmd_put_word(f, whole);
}

/* ---- the commands ----------------------------------------------------------------- */

static void put_made(FILE *f, const struct cmd_run *run, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", run->folder, name);
    cmd_put_file(f, path);
}

/* A prompt of the samples, for what goes on from texts. */
static void put_prompt(FILE *f, const struct cmd_run *run)
{
    char path[PATH_MAX], prompt[48] = "";
    if (cmd_run_file(run, "samples.txt", path))
        cmd_sample_prompt(path, prompt, sizeof prompt);
    fputs(" -n 100 -p", f);
    cmd_put_word(f, *prompt && *prompt != '-' ? prompt : "Once");
}

/* The base and its adapter, or the whole model. */
static void put_models(FILE *f, const struct cmd_run *run, const char *adapter,
                       const char *option)
{
    fputs(" -m", f);
    if (!adapter) {
        put_made(f, run, "merged.gguf");
        return;
    }
    cmd_put_file(f, run->model);
    fprintf(f, " %s", option);
    cmd_put_file(f, adapter);
}

/* The chat template that the run was told to take; NULL: that of the model. */
static const char *template_of(const struct cmd_run *run)
{
    static const char knob[] = "CHAT_TEMPLATE=";
    for (size_t i = 0; i < run->knob.n; i++)
        if (!strncmp(run->knob.item[i], knob, sizeof knob - 1))
            return run->knob.item[i] + sizeof knob - 1;
    return NULL;
}

static void put_template(FILE *f, const struct cmd_run *run)
{
    const char *name = template_of(run);
    if (!name)
        return;
    fputs(" --chat-template", f);
    cmd_put_file(f, name);
}

static int is_chat(const struct cmd_run *run)
{
    const char *name = template_of(run);
    return name ? strcmp(name, "none") != 0 : run->is_chat;
}

static void print_talk(FILE *f, const struct cmd_run *run, const char *adapter)
{
    int chat = is_chat(run);
    fputs(chat ? "Talk to it:\n " : "See what it writes:\n ", f);
    put_tool(f, run, "generate");
    put_models(f, run, adapter, "-a");
    if (chat) {
        fputs(" -i", f);
        put_template(f, run);
    } else {
        put_prompt(f, run);
    }
    fputc('\n', f);
    if (chat && adapter && template_of(run)) /* the base has none, or another */
        return;
    fputs("The same with llama.cpp:\n", f);
    fputs(chat ? "  llama-cli" : "  llama-completion -no-cnv", f);
    put_models(f, run, adapter, "--lora");
    if (!chat)
        put_prompt(f, run);
    fputc('\n', f);
}

const char *cmd_last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* A name that Ollama takes, of the last part of the folder. */
static void put_ollama_name(FILE *f, const struct cmd_run *run)
{
    const char *name = cmd_last_part(run->folder);
    fputc(' ', f);
    if (!isalnum((unsigned char)*name))
        fputs("run", f);
    for (int n = 0; *name && n < 60; name++, n++)
        fputc(isalnum((unsigned char)*name) ? tolower((unsigned char)*name)
              : strchr("._-", *name)        ? *name
                                            : '-', f);
}

static void put_ollama(FILE *f, const struct cmd_run *run, const char *modelfile)
{
    fputs(" ollama create", f);
    put_ollama_name(f, run);
    fputs(" -f", f);
    put_made(f, run, modelfile);
    fputs(" && ollama run", f);
    put_ollama_name(f, run);
    fputc('\n', f);
}

static void print_modelfile(FILE *f, const struct cmd_run *run)
{
    put_tool(f, run, "modelfile");
    fputs(" -m", f);
    put_made(f, run, "merged.gguf");
    fputs(" -o", f);
    put_made(f, run, "merged.Modelfile");
    fputs(" &&", f);
    put_ollama(f, run, "merged.Modelfile");
}

static void print_merge(FILE *f, const struct cmd_run *run, const char *adapter)
{
    fputs("As one model, for LM Studio and others:\n ", f);
    put_tool(f, run, "merge");
    fputs(run->is_coarse ? " -t q8_0" : "", f);
    put_models(f, run, adapter, "-a");
    fputs(" --name", f);
    cmd_put_word(f, cmd_last_part(run->folder));
    put_template(f, run);
    fputs(" -o", f);
    put_made(f, run, "merged.gguf");
    fputs("\nWith Ollama, after that (newer versions take no adapters):\n ", f);
    print_modelfile(f, run);
}

/* ---- a longer training ------------------------------------------------------------ */

/* The value of NAME=VALUE as an option: --grad-acc VALUE of GRAD_ACC. */
static void put_option(FILE *f, const char *knob)
{
    const char *end = strchr(knob, '=');
    char *option = cmd_knob_option(knob, (size_t)(end - knob));
    if (option)
        fprintf(f, " --%s", option);
    cmd_put_word(f, end + 1);
    free(option);
}

static void put_assignment(FILE *f, const char *name, const char *value)
{
    size_t n = strlen(name) + strlen(value) + 2;
    char *text = malloc(n);
    if (!text)
        return;
    snprintf(text, n, "%s=%s", name, value);
    cmd_put_word(f, text);
    free(text);
}

/* What is written by itself. */
static int is_other(const char *knob)
{
    static const char *const own[] = { "MODEL=", "DATA=", "EPOCHS=", "STEPS=" };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (!strncmp(knob, own[i], strlen(own[i])))
            return 0;
    return 1;
}

/* Several files are one word with blanks in between. */
static void put_make_words(FILE *f, const struct cmd_run *run)
{
    size_t n = 1;
    for (size_t i = 0; i < run->data.n; i++)
        n += strlen(run->data.item[i]) + 1;
    char *data = malloc(n);
    if (!data)
        return;
    *data = '\0';
    for (size_t i = 0; i < run->data.n; i++)
        snprintf(data + strlen(data), n - strlen(data), "%s%s", i ? " " : "",
                 run->data.item[i]);
    put_assignment(f, "MODEL", run->model);
    put_assignment(f, "DATA", data);
    for (size_t i = 0; i < run->knob.n; i++)
        if (is_other(run->knob.item[i]))
            cmd_put_word(f, run->knob.item[i]);
    if (run->steps)
        fprintf(f, " STEPS=%lld\n", 2 * (long long)run->steps);
    else
        fprintf(f, " EPOCHS=%g\n", 2 * run->epochs);
    free(data);
}

static void put_option_words(FILE *f, const struct cmd_run *run)
{
    fputs(" -m", f);
    cmd_put_file(f, run->model);
    for (size_t i = 0; i < run->data.n; i++)
        cmd_put_file(f, run->data.item[i]);
    for (size_t i = 0; i < run->knob.n; i++)
        if (is_other(run->knob.item[i]))
            put_option(f, run->knob.item[i]);
    if (run->steps)
        fprintf(f, " --steps %lld\n", 2 * (long long)run->steps);
    else
        fprintf(f, " --epochs %g\n", 2 * run->epochs);
}

/* A file whose name parts in two where make has it among others. */
static int has_blank(const struct cmd_run *run)
{
    for (size_t i = 0; run->data.n > 1 && i < run->data.n; i++)
        if (strpbrk(run->data.item[i], " \t\n"))
            return 1;
    return 0;
}

/* Only what the user typed is known to work, so nothing is guessed. */
static void print_longer(FILE *f, const struct cmd_run *run)
{
    int make = !strncmp(run->front, "make", 4);
    if (!run->data.n || !(run->epochs > 0 || run->steps) || (make && has_blank(run)))
        return;
    fputs("Train longer:\n  ", f);
    tr_print_escaped(f, run->front, strlen(run->front));
    if (make)
        put_make_words(f, run);
    else
        put_option_words(f, run);
}

/* Whether a Modelfile wants an adapter on top of a model. */
static int has_adapter(const char *path)
{
    char line[512];
    FILE *f = fopen(path, "r");
    int found = 0;
    while (f && !found && fgets(line, sizeof line, f))
        found = !strncmp(line, "ADAPTER ", 8);
    if (f)
        fclose(f);
    return found;
}

void cmd_next_steps_print(FILE *f, const struct cmd_run *run)
{
    char adapter_path[PATH_MAX], path[PATH_MAX];
    const char *adapter = cmd_run_file(run, "adapter.gguf", adapter_path);
    int merged = cmd_run_file(run, "merged.gguf", path) != NULL;
    if (adapter || merged)
        print_talk(f, run, adapter);
    if (merged && cmd_run_file(run, "Modelfile", path)) {
        fputs("With Ollama:\n ", f);
        if (has_adapter(path)) /* merged by hand, later */
            print_modelfile(f, run);
        else
            put_ollama(f, run, "Modelfile");
    }
    if (adapter && !merged)
        print_merge(f, run, adapter);
    print_longer(f, run);
}
