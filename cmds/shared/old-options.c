/* SPDX-License-Identifier: MIT
 *
 * The table of old options (old-options.def), their values, and words of command lines made of
 * them.  What belongs together in a way that no line of the table says is in old-finetune.c.
 */
#include "old-options.h"
#include "message.h"

#include <libtrain/pack.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OLD_TEXT(NAME, TEXT, OF, AS, ARG, HELP) \
    { 0, NAME, CMD_KIND_TEXT, OF, AS, NULL, 0, TEXT, ARG, HELP, 0, 0, 0 },
#define OLD_INT(LETTER, NAME, STANDARD, LEAST, MOST, OF, AS, HELP) \
    { LETTER, NAME, CMD_KIND_INT, OF, AS, NULL, 0, NULL, "N", HELP, STANDARD, LEAST, MOST },
#define OLD_FLOAT(LETTER, NAME, STANDARD, LEAST, MOST, OF, AS, HELP) \
    { LETTER, NAME, CMD_KIND_FLOAT, OF, AS, NULL, 0, NULL, "X", HELP, STANDARD, LEAST, MOST },
#define OLD_FLAG(NAME, HELD, SET, OF, AS, HELP) \
    { 0, NAME, CMD_KIND_FLAG, OF, AS, HELD, SET, NULL, NULL, HELP, 0, 0, 0 },
static const struct old_option option[] = {
#include "old-options.def"
};

enum { N_OPTION = sizeof option / sizeof *option };

static struct {
    int flag;
    int64_t number;
    double real;
    const char *text;
} value[N_OPTION];

const struct old_option *old_option_at(int i)
{
    return i >= 0 && i < N_OPTION ? &option[i] : NULL;
}

const struct old_option *old_option_find(const char *name, size_t length)
{
    for (int i = 0; i < N_OPTION; i++)
        if (strlen(option[i].name) == length && !memcmp(option[i].name, name, length))
            return &option[i];
    return NULL;
}

static int place(const char *name)
{
    return (int)(old_option_find(name, strlen(name)) - option);
}

/* BOS between samples is the only flag that is there by itself; a number whose default is the
 * model's, or --lora-r, shows none. */
const struct cmd_opt *old_options_table(void)
{
    static struct cmd_opt table[N_OPTION + 1];
    for (int i = 0; i < N_OPTION; i++) {
        const struct old_option *x = &option[i];
        struct cmd_opt *o = &table[i];
        *o = (struct cmd_opt){ .kind = x->kind, .letter = x->letter, .name = x->name,
                               .arg = x->arg, .help = x->help, .min = x->least,
                               .max = x->most, .set = x->set };
        value[i].number = (int64_t)x->standard;
        value[i].real = x->standard;
        value[i].text = x->text;
        o->value = x->kind == CMD_KIND_TEXT  ? (void *)&value[i].text
                   : x->kind == CMD_KIND_INT ? (void *)&value[i].number
                   : x->kind == CMD_KIND_FLAG ? (void *)&value[place(x->held)].flag
                                              : (void *)&value[i].real;
    }
    value[place("separate-with-bos")].flag = 1;
    table[N_OPTION] = (struct cmd_opt)CMD_END;
    return table;
}

int old_flag(const char *name)
{
    return value[place(name)].flag;
}

long long old_int(const char *name)
{
    return value[place(name)].number;
}

double old_float(const char *name)
{
    return value[place(name)].real;
}

const char *old_text(const char *name)
{
    return value[place(name)].text;
}

/* ==== words ==== */

void old_add(struct old_words *w, const char *word)
{
    if (w->n + 1 >= sizeof w->word / sizeof *w->word || !(w->word[w->n] = strdup(word))) {
        cmd_complain("out of memory for a command line");
        exit(CMD_FAIL);
    }
    w->word[++w->n] = NULL;
}

void old_add_text(struct old_words *w, const char *name, const char *text)
{
    char word[4600];
    if (snprintf(word, sizeof word, "--%s=%s", name, text) >= (int)sizeof word) {
        cmd_complain("--%s is too long", name);
        exit(CMD_FAIL);
    }
    old_add(w, word);
}

void old_add_int(struct old_words *w, const char *name, long long number)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", number);
    old_add_text(w, name, text);
}

void old_add_float(struct old_words *w, const char *name, double number)
{
    char text[32];
    snprintf(text, sizeof text, "%.17g", number);
    old_add_text(w, name, text);
}

static void add_flag(struct old_words *w, const char *name)
{
    char word[64];
    snprintf(word, sizeof word, "--%s", name);
    old_add(w, word);
}

static void add_one(struct old_words *w, int i)
{
    const struct old_option *x = &option[i];
    if (x->kind == CMD_KIND_INT)
        old_add_int(w, x->as, value[i].number);
    else if (x->kind == CMD_KIND_FLOAT)
        old_add_float(w, x->as, value[i].real);
    else if (x->kind == CMD_KIND_TEXT)
        old_add_text(w, x->as, value[i].text);
    else if (value[i].flag)
        add_flag(w, x->as);
}

void old_add_all(struct old_words *w, enum old_of of)
{
    for (int i = 0; i < N_OPTION; i++) {
        int above = option[i].kind == CMD_KIND_INT ? value[i].number > 0 : value[i].real > 0;
        if (option[i].of == of && (of != OLD_ABOVE_0 || above))
            add_one(w, i);
    }
}

void old_words_release(struct old_words *w)
{
    while (w->n)
        free(w->word[--w->n]);
}
