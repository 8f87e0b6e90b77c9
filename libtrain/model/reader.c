/* SPDX-License-Identifier: MIT
 *
 * Numbers from the metadata with their ranges checked at the place where they are read, so
 * that a message can name the key.  What is read is in config.c and layers.c.
 */
#include <libtrain/model/reader.h>

#include <math.h>
#include <stdio.h>

void tr__key_name(char *key, const struct tr_arch *arch, const char *suffix)
{
    snprintf(key, TR__KEY_BYTES, "%s.%s", arch->name, suffix);
}

const char *tr__read_name(struct tr__reader *r, const char *suffix)
{
    tr__key_name(r->name, r->arch, suffix);
    return r->name;
}

int tr__read_has(struct tr__reader *r, const char *suffix)
{
    return tr_gguf_find_kv(r->g, tr__read_name(r, suffix)) != NULL;
}

int tr__read_is_array(struct tr__reader *r, const char *suffix)
{
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(r->g, tr__read_name(r, suffix));
    return kv && kv->type == TR_GGUF_ARRAY;
}

static void check_range(struct tr__reader *r, int64_t v, int64_t lo, int64_t hi)
{
    if (!r->bad && (v < lo || v > hi))
        r->bad = tr_err_set(r->err, TR_EFORMAT, "%s: '%s' is %lld, outside %lld to %lld",
                            tr_gguf_path(r->g), r->name, (long long)v, (long long)lo,
                            (long long)hi);
}

static void must_be_there(struct tr__reader *r)
{
    r->bad = tr_err_set(r->err, TR_EFORMAT, "%s: key '%s' is missing", tr_gguf_path(r->g),
                        r->name);
}

int64_t tr__read_int(struct tr__reader *r, const char *suffix, int64_t lo, int64_t hi,
                     int64_t missing)
{
    int64_t v = missing;
    if (r->bad)
        return lo;
    int found = tr_gguf_int(r->g, tr__read_name(r, suffix), &v, r->err);
    if (found < 0)
        r->bad = found;
    else if (!found && missing < 0)
        must_be_there(r);
    else
        check_range(r, v, lo, hi);
    return r->bad ? lo : v;
}

static void read_array(struct tr__reader *r, int64_t lo, int64_t hi, int64_t n,
                       int64_t *value)
{
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(r->g, r->name);
    int found = kv->elem == TR_GGUF_BOOL ? 1 : tr_gguf_ints(r->g, r->name, &kv, r->err);
    if (found < 0)
        r->bad = found;
    else if (kv->count != (uint64_t)n)
        r->bad = tr_err_set(r->err, TR_EFORMAT, "%s: '%s' has %llu numbers for %lld blocks",
                            tr_gguf_path(r->g), r->name, (unsigned long long)kv->count,
                            (long long)n);
    for (int64_t i = 0; i < n; i++) {
        value[i] = r->bad ? lo : tr_gguf_elem_int(kv, (uint64_t)i);
        check_range(r, value[i], lo, hi);
    }
}

void tr__read_each(struct tr__reader *r, const char *suffix, int64_t lo, int64_t hi,
                   int64_t missing, int64_t n, int64_t *value)
{
    if (!r->bad && tr__read_is_array(r, suffix)) {
        read_array(r, lo, hi, n, value);
        return;
    }
    int64_t one = tr__read_int(r, suffix, lo, hi, missing);
    for (int64_t i = 0; i < n; i++)
        value[i] = one;
}

float tr__read_number(struct tr__reader *r, const char *suffix, float missing)
{
    float v = missing;
    if (r->bad)
        return missing;
    int found = tr_gguf_f32(r->g, tr__read_name(r, suffix), &v, r->err);
    if (found < 0)
        r->bad = found;
    else if (!isfinite(v))
        r->bad = tr_err_set(r->err, TR_EFORMAT, "%s: '%s' is %g, not a number",
                            tr_gguf_path(r->g), r->name, (double)v);
    return r->bad ? missing : v;
}

float tr__read_positive(struct tr__reader *r, const char *suffix, float missing)
{
    float v = missing;
    if (r->bad)
        return 1;
    int found = tr_gguf_f32(r->g, tr__read_name(r, suffix), &v, r->err);
    if (found < 0)
        r->bad = found;
    else if (!found && missing < 0)
        must_be_there(r);
    else if (!(v > 0) || !isfinite(v))
        r->bad = tr_err_set(r->err, TR_EFORMAT, "%s: '%s' is %g, not a number above 0",
                            tr_gguf_path(r->g), r->name, (double)v);
    return r->bad ? 1 : v;
}

int tr__read_bool(struct tr__reader *r, const char *suffix, int missing)
{
    int v = missing;
    if (r->bad)
        return missing;
    int found = tr_gguf_bool(r->g, tr__read_name(r, suffix), &v, r->err);
    if (found < 0)
        r->bad = found;
    return v;
}

void tr__read_reject(struct tr__reader *r, const char *what)
{
    if (!r->bad)
        r->bad = tr_err_set(r->err, TR_EFORMAT, "%s: %s", tr_gguf_path(r->g), what);
}

void tr__read_refuse(struct tr__reader *r, const char *what)
{
    if (!r->bad)
        r->bad = tr_err_set(r->err, TR_EUNSUPPORTED, "%s: %s ('%s') is not supported",
                            tr_gguf_path(r->g), what, r->name);
}
