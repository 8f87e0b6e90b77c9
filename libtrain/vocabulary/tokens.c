/* SPDX-License-Identifier: MIT
 *
 * Tokens that a vocabulary has whatever its texts hold.
 */
#include <libtrain/vocabulary/kind.h>

#include <string.h>

int tr__vocabulary_token(struct tr_vocabulary *v, const char *text, size_t len, int type,
                         struct tr_err *err)
{
    int64_t i = tr__strings_put(&v->token, text, len);
    if (i < 0)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu tokens", v->token.n + 1);
    v->token.s[i].count = (uint64_t)type;
    return 0;
}

int tr__vocabulary_specials(struct tr_vocabulary *v, struct tr_err *err)
{
    const char *const *fixed = v->kind->fixed;
    int rc = 0;
    for (; fixed && *fixed && !rc; fixed++)
        rc = tr__vocabulary_token(v, *fixed, strlen(*fixed), TR__TYPE_CONTROL, err);
    for (size_t i = 0; i < v->args.n_special && !rc; i++)
        rc = tr__vocabulary_token(v, v->args.special[i], strlen(v->args.special[i]),
                                  TR__TYPE_CONTROL, err);
    return rc;
}
