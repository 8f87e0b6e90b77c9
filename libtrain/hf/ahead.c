/* SPDX-License-Identifier: MIT
 *
 * Blocks that predict further tokens (MTP).  GGUF counts them as the model's last ones.  Folders have
 * them as such too (GLM-4.5), or as "mtp.layers.0 …" with what is before and behind them as
 * "mtp.fc", "mtp.norm" … (Qwen3.5): those get the names of the former here, so that a family has
 * one table.
 */
#include <libtrain/hf/ahead.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAYERS "model.layers."
#define MTP "mtp.layers."

/* Of the first of them, and what the model has of it as a block. */
static const char *const parts[][2] = {
    { "mtp.fc.", "eh_proj." },
    { "mtp.pre_fc_norm_embedding.", "enorm." },
    { "mtp.pre_fc_norm_hidden.", "hnorm." },
    { "mtp.norm.", "shared_head.norm." },
};

/* Behind the front, if it is there. */
static const char *behind(const char *name, const char *front)
{
    size_t n = strlen(front);
    return strncmp(name, front, n) ? NULL : name + n;
}

/* A number and a point, and what follows. */
static const char *number(const char *s, long long *at)
{
    char *end;
    if (!s || *s < '0' || *s > '9')
        return NULL;
    *at = strtoll(s, &end, 10);
    return *end == '.' && *at < INT32_MAX ? end + 1 : NULL;
}

int tr__hf_has_ahead(const struct tr__hf_arch *a, struct tr__hf_found *f)
{
    return tr__hf_find_gguf(a, "blk.0.nextn.eh_proj.weight", f);
}

int tr__hf_is_ahead(const char *name, int64_t n_layer, int64_t n_ahead)
{
    long long at;
    if (behind(name, "mtp.") || behind(name, "model.mtp."))
        return 1;
    return number(behind(name, LAYERS), &at) && at >= n_layer && at - n_layer < n_ahead;
}

const char *tr__hf_ahead_in(const struct tr__hf_sizes *s, const char *name,
                            char to[TR__HF_NAME_BYTES])
{
    long long at, first = (long long)s->n_layer;
    const char *own = behind(name, "model.mtp.") ? name + strlen("model.") : name;
    const char *rest = number(behind(own, MTP), &at);
    int n = -1;
    if (rest)
        n = snprintf(to, TR__HF_NAME_BYTES, LAYERS "%lld.%s", first + at, rest);
    for (size_t i = 0; n < 0 && i < sizeof parts / sizeof *parts; i++)
        if ((rest = behind(own, parts[i][0])))
            n = snprintf(to, TR__HF_NAME_BYTES, LAYERS "%lld.%s%s", first, parts[i][1], rest);
    return n < 0 || n >= TR__HF_NAME_BYTES ? name : to;
}

void tr__hf_ahead_out(const struct tr__hf_arch *a, const struct tr__hf_sizes *s,
                      char name[TR__HF_NAME_BYTES])
{
    char old[TR__HF_NAME_BYTES];
    long long at;
    strcpy(old, name);
    const char *rest = a->mtp ? number(behind(old, LAYERS), &at) : NULL;
    if (!rest || at < s->n_layer)
        return;
    at -= (long long)s->n_layer;
    for (size_t i = 0; !at && i < sizeof parts / sizeof *parts; i++) {
        const char *last = behind(rest, parts[i][1]);
        if (last) {
            snprintf(name, TR__HF_NAME_BYTES, "%s%s", parts[i][0], last);
            return;
        }
    }
    snprintf(name, TR__HF_NAME_BYTES, MTP "%lld.%s", at, rest);
}
