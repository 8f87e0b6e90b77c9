/* SPDX-License-Identifier: MIT
 *
 * Options of quantize that are lists: RE=TYPE and KEY=TYPE:VALUE.
 */
#include "recipe-options.h"
#include "message.h"
#include "options.h"
#include "types.h"

#include <libtrain/file.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ==== RE=TYPE ==== */

/* The words of a file, each with a NUL behind it; how many. */
static size_t add_words(FILE *to, const char *text)
{
    static const char space[] = " \t\r\n\v\f";
    size_t n = 0;
    for (const char *p = text + strspn(text, space); *p; p += strspn(p, space), n++) {
        size_t len = strcspn(p, space);
        fwrite(p, 1, len, to);
        putc(0, to);
        p += len;
    }
    return n;
}

static int gather(const struct cmd_list *list, const char *file, struct cmd_rules *to,
                  struct tr_err *err)
{
    size_t bytes;
    char *text = NULL;
    if (file && tr_read_all(file, &text, &bytes, err))
        return -1;
    FILE *f = open_memstream(&to->text, &bytes);
    for (size_t i = 0; f && i < list->n; i++, to->n++)
        fwrite(list->item[i], 1, strlen(list->item[i]) + 1, f);
    if (f && text)
        to->n += add_words(f, text);
    free(text);
    if (!f || fclose(f) || !(to->rule = calloc(to->n + 1, sizeof *to->rule)))
        return tr_err_set(err, TR_ENOMEM, "out of memory for types of tensors");
    return 0;
}

/* Splits the word at its first '='. */
static struct tr_recipe_rule rule_of(const struct cmd *cmd, char *word)
{
    char *type = strchr(word, '=');
    if (!type || type == word || !type[1])
        cmd_usage(cmd, "'%s' is not RE=TYPE", word);
    *type++ = 0;
    return (struct tr_recipe_rule){ word, cmd_type(cmd, type) };
}

int cmd_rules_read(const struct cmd *cmd, const struct cmd_list *list, const char *file,
                   struct cmd_rules *to, struct tr_err *err)
{
    *to = (struct cmd_rules){ 0 };
    if (gather(list, file, to, err))
        return -1;
    char *word = to->text;
    for (size_t i = 0; i < to->n; i++) {
        size_t n = strlen(word) + 1;
        to->rule[i] = rule_of(cmd, word);
        word += n;
    }
    return 0;
}

void cmd_rules_free(struct cmd_rules *rules)
{
    free(rules->rule);
    free(rules->text);
}

/* ==== KEY=TYPE:VALUE ==== */

static int set_int(struct tr_quantize_key *k, const char *value)
{
    int64_t v;
    if (!cmd_parse_int(value, &v) || v < 0 || v > UINT32_MAX)
        return 0;
    k->u32 = (uint32_t)v;
    return 1;
}

static int set_float(struct tr_quantize_key *k, const char *value)
{
    double v;
    if (!cmd_parse_float(value, &v))
        return 0;
    k->f32 = (float)v;
    return 1;
}

static int set_bool(struct tr_quantize_key *k, const char *value)
{
    k->boolean = !strcmp(value, "true");
    return k->boolean || !strcmp(value, "false");
}

static int set_string(struct tr_quantize_key *k, const char *value)
{
    k->string = value;
    return 1;
}

static const struct {
    const char *name;
    enum tr_gguf_type type;
    int (*set)(struct tr_quantize_key *k, const char *value);
} kinds[] = {
    { "int:", TR_GGUF_U32, set_int }, { "float:", TR_GGUF_F32, set_float },
    { "bool:", TR_GGUF_BOOL, set_bool }, { "str:", TR_GGUF_STRING, set_string },
};

/* `text` is the key's for good. */
static int set_key(struct tr_quantize_key *k, char *text)
{
    char *value = strchr(text, '=');
    if (!value || value == text)
        return 0;
    *value++ = 0;
    k->key = text;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].name);
        k->type = kinds[i].type;
        if (!strncmp(value, kinds[i].name, n))
            return kinds[i].set(k, value + n);
    }
    return 0;
}

/* One block: the keys, then their texts. */
struct tr_quantize_key *cmd_keys(const struct cmd *cmd, const struct cmd_list *list)
{
    size_t bytes = (list->n + 1) * sizeof(struct tr_quantize_key);
    for (size_t i = 0; i < list->n; i++)
        bytes += strlen(list->item[i]) + 1;
    struct tr_quantize_key *key = calloc(1, bytes);
    char *text = (char *)(key + list->n + 1);
    for (size_t i = 0; key && i < list->n; i++) {
        size_t n = strlen(list->item[i]) + 1;
        memcpy(text, list->item[i], n);
        if (!set_key(&key[i], text))
            cmd_usage(cmd, "'%s' is not KEY=TYPE:VALUE with TYPE int, float, bool or str",
                      list->item[i]);
        text += n;
    }
    return key;
}
