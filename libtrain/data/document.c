/* SPDX-License-Identifier: MIT
 *
 * What a document may say.  Token streams and packs, their readers and their writers ask
 * here, so that none lets through what another refuses.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/document.h>
#include <libtrain/token.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t tr__bad_weight(const float *weight, size_t n, int is_signed)
{
    size_t i = 0;

    while (i < n && isfinite(weight[i]) && (is_signed || weight[i] >= 0))
        i++;
    return i;
}

int tr__is_rival(size_t rival, size_t n)
{
    return rival >= 2 && rival < n && n - rival >= 2;
}

int tr__is_group(const char *name, size_t n)
{
    if (n == 0 || n > TR_TOKEN_MAX_GROUP)
        return 0;
    for (size_t i = 0, len; i < n; i += len) {
        len = tr__utf8_len(name + i, n - i);
        if (len == 0 || (unsigned char)name[i] < ' ' || name[i] == 0x7f)
            return 0;
    }
    return 1;
}

int tr__keep_document(struct tr__kept *k, const struct tr_document *d, struct tr_err *err)
{
    if (tr__grow(&k->token, &k->token_cap, d->n, sizeof *k->token) ||
        (d->weight && tr__grow(&k->weight, &k->weight_cap, d->n, sizeof *k->weight)))
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu tokens", d->n);
    k->d = *d;
    k->d.token = k->token;
    if (d->n)
        memcpy(k->token, d->token, d->n * sizeof *k->token);
    if (d->weight && d->n)
        k->d.weight = memcpy(k->weight, d->weight, d->n * sizeof *k->weight);
    if (d->group) {
        memcpy(k->group, d->group, strlen(d->group) + 1);
        k->d.group = k->group;
    }
    return 0;
}

void tr__release_kept(struct tr__kept *k)
{
    free(k->token);
    free(k->weight);
    *k = (struct tr__kept){ 0 };
}
