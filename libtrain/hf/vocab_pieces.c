/* SPDX-License-Identifier: MIT
 *
 * Tokens of a vocabulary by id and by text.  Ids come from a file that may say anything:
 * those below zero or beyond TR__HF_MAX_TOKENS are refused before there is memory for them,
 * so that a table by id stays small however far apart they lie.  Read next: vocab_json.c.
 */
#include <libtrain/hf/vocab.h>
#include <libtrain/hf/vocab_pieces.h>

#include <libtrain/base/base.h>

#include <stdlib.h>
#include <string.h>

enum { SHOWN = 60 }; /* bytes of a token in a message */

static int shown(size_t n)
{
    return n > SHOWN ? SHOWN : (int)n;
}

int64_t tr__hf_piece_id(const struct tr__hf_pieces *p, const char *text, size_t n)
{
    int64_t i = tr__strings_find(&p->text, text, n);
    return i < 0 ? -1 : (int64_t)p->text.s[i].count - 1;
}

struct tr_str tr__hf_piece_text(const struct tr__hf_pieces *p, size_t id)
{
    if (id >= p->n || !p->at[id].text_plus)
        return (struct tr_str){ 0 };
    return tr__strings_at(&p->text, p->at[id].text_plus - 1);
}

/* Room for the id, with nothing in the places up to it. */
static int reserve(struct tr__hf_pieces *p, size_t id)
{
    if (id < p->n)
        return 0;
    if (tr__grow(&p->at, &p->cap, id + 1, sizeof *p->at))
        return -1;
    memset(p->at + p->n, 0, (id + 1 - p->n) * sizeof *p->at);
    p->n = id + 1;
    return 0;
}

int tr__hf_piece_put(struct tr__hf_pieces *p, const char *text, size_t n, int64_t id,
                     struct tr_err *err)
{
    if (id < 0 || id >= TR__HF_MAX_TOKENS)
        return tr_err_set(err, TR_EFORMAT, "token '%.*s' has the id %lld; ids are 0 to %d",
                          shown(n), text, (long long)id, TR__HF_MAX_TOKENS - 1);
    int64_t number = tr__strings_put(&p->text, text, n);
    if (number < 0 || reserve(p, (size_t)id))
        return tr_err_set(err, TR_ENOMEM, "out of memory for a vocabulary");
    struct tr__hf_piece *to = &p->at[id];
    uint64_t before = p->text.s[number].count;
    if (to->text_plus && to->text_plus != (uint64_t)number + 1)
        return tr_err_set(err, TR_EFORMAT, "two tokens have the id %lld, one is '%.*s'",
                          (long long)id, shown(n), text);
    if (before && before != (uint64_t)id + 1)
        p->at[before - 1] = (struct tr__hf_piece){ 0 };
    to->text_plus = (uint32_t)number + 1;
    to->type = to->type ? to->type : TR__HF_NORMAL;
    p->text.s[number].count = (uint64_t)id + 1;
    return 0;
}

void tr__hf_piece_drop(struct tr__hf_pieces *p, size_t id)
{
    if (p->at[id].text_plus)
        p->text.s[p->at[id].text_plus - 1].count = 0;
    p->at[id] = (struct tr__hf_piece){ 0 };
}

int tr__hf_piece_merge(struct tr__hf_pieces *p, struct tr_str left, struct tr_str right,
                       struct tr_err *err)
{
    const struct tr_str part[] = { left, right };
    int64_t number[2];
    for (int i = 0; i < 2; i++) {
        number[i] = tr__strings_find(&p->text, part[i].ptr, part[i].len);
        if (number[i] < 0 || !p->text.s[number[i]].count)
            return tr_err_set(err, TR_EFORMAT, "merge %zu is of '%.*s', which is no token",
                              p->n_merge, shown(part[i].len), part[i].ptr);
    }
    if (tr__grow(&p->merge, &p->cap_merge, p->n_merge + 1, sizeof *p->merge))
        return tr_err_sys(err, "cannot hold %zu merges", p->n_merge + 1);
    p->merge[p->n_merge++] =
        (struct tr__hf_merge){ (uint32_t)number[0], (uint32_t)number[1] };
    return 0;
}

void tr__hf_pieces_release(struct tr__hf_pieces *p)
{
    tr__strings_release(&p->text);
    free(p->at);
    free(p->merge);
    *p = (struct tr__hf_pieces){ 0 };
}

static int is_between(struct tr_str s, const char *first, const char *last)
{
    size_t a = strlen(first), b = strlen(last);
    return s.len >= a && s.len >= b && !memcmp(s.ptr, first, a) &&
           !memcmp(s.ptr + s.len - b, last, b);
}

int tr__hf_looks_special(struct tr_str s)
{
    static const char *const whole[] = { "<pad>", "<mask>", "<2mass>", "[@BOS@]" };
    static const char *const around[][2] = {
        { "<|", "|>" }, { "<\xef\xbd\x9c", "\xef\xbd\x9c>" }, { "<unused", ">" },
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (tr_str_is(s, whole[i]))
            return 1;
    for (size_t i = 0; i < sizeof around / sizeof *around; i++)
        if (is_between(s, around[i][0], around[i][1]))
            return 1;
    return 0;
}
