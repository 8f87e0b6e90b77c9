/* SPDX-License-Identifier: MIT
 *
 * Names of tensors against regular expressions, in either case: names are in lower case, and
 * llama-quantize lowers the expressions, which would turn \S to \s.  Next: recipe.c.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <libtrain/edit/regexes.h>

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

static int compile(void **code, const char *text, struct tr_err *err)
{
    int number;
    PCRE2_SIZE at;
    PCRE2_UCHAR why[120] = "";
    *code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_CASELESS, &number,
                          &at, NULL);
    if (*code)
        return 0;
    pcre2_get_error_message(number, why, sizeof why);
    return tr_err_set(err, TR_EINVAL, "'%s' is no regular expression: %s at %zu", text,
                      (const char *)why, (size_t)at);
}

int tr__regexes_init(struct tr__regexes *names, const char *const *text, size_t n, size_t stride,
                   struct tr_err *err)
{
    int rc = 0;
    *names = (struct tr__regexes){ 0, calloc(n + 1, sizeof(void *)),
                                   pcre2_match_data_create(1, NULL),
                                   calloc(n + 1, sizeof *names->use) };
    if (!names->code || !names->match || !names->use)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu regular expressions", n);
    for (; !rc && names->n < n; names->n++) {
        const char *const *p = (const void *)((const char *)text + names->n * stride);
        names->use[names->n].text = *p;
        rc = compile(&names->code[names->n], *p, err);
    }
    return rc;
}

void tr__regexes_release(struct tr__regexes *names)
{
    for (size_t i = 0; i < names->n; i++)
        pcre2_code_free(names->code[i]);
    free(names->code);
    free(names->use);
    pcre2_match_data_free(names->match);
    memset(names, 0, sizeof *names);
}

int64_t tr__regexes_find(const struct tr__regexes *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++) {
        int rc = pcre2_match(names->code[i], (PCRE2_SPTR)name, strlen(name), 0, 0,
                             names->match, NULL);
        names->use[i].n_found += rc >= 0;
        if (rc >= 0)
            return (int64_t)i;
        if (rc != PCRE2_ERROR_NOMATCH)
            names->use[i].failed = rc;
    }
    return -1;
}

int tr__regexes_error(const struct tr__regexes *names, struct tr_err *err)
{
    PCRE2_UCHAR why[120] = "";
    for (size_t i = 0; i < names->n; i++) {
        if (!names->use[i].failed)
            continue;
        pcre2_get_error_message(names->use[i].failed, why, sizeof why);
        return tr_err_set(err, TR_EINVAL, "whether '%s' matches the name of a tensor takes too "
                          "long to find out: %s", names->use[i].text, (const char *)why);
    }
    return 0;
}

const char *tr__regexes_idle(const struct tr__regexes *names, size_t i)
{
    for (size_t k = 0; k < names->n; k++)
        if (!names->use[k].n_found && !i--)
            return names->use[k].text;
    return NULL;
}
