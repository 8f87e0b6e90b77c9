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
                                 pcre2_match_data_create(1, NULL) };
    if (!names->code || !names->match)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu regular expressions", n);
    for (; !rc && names->n < n; names->n++) {
        const char *const *p = (const void *)((const char *)text + names->n * stride);
        rc = compile(&names->code[names->n], *p, err);
    }
    return rc;
}

void tr__regexes_release(struct tr__regexes *names)
{
    for (size_t i = 0; i < names->n; i++)
        pcre2_code_free(names->code[i]);
    free(names->code);
    pcre2_match_data_free(names->match);
    memset(names, 0, sizeof *names);
}

int64_t tr__regexes_find(const struct tr__regexes *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (pcre2_match(names->code[i], (PCRE2_SPTR)name, strlen(name), 0, 0, names->match,
                        NULL) >= 0)
            return (int64_t)i;
    return -1;
}
