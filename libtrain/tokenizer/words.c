/* SPDX-License-Identifier: MIT
 *
 * Cutting text into words before byte-level BPE: a pattern that matches at every place of a
 * text gives one word after the other, with PCRE2.  Read next: patterns.c.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/kind.h>
#include <libtrain/tokenizer/words.h>

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

static const struct tr__pretok pretoks[] = {
#define TR_PRETOKENIZER(name, pattern, flags) { name, &tr__pattern_##pattern, flags },
#include <libtrain/tokenizer/pretokenizers.def>
#undef TR_PRETOKENIZER
};

const struct tr__pretok *tr__pretok_at(size_t i)
{
    return i < sizeof pretoks / sizeof *pretoks ? &pretoks[i] : NULL;
}

const struct tr__pretok *tr__pretok_find(struct tr_str name)
{
    for (size_t i = 0; i < sizeof pretoks / sizeof *pretoks; i++)
        if (tr_str_is(name, pretoks[i].name))
            return &pretoks[i];
    return NULL;
}

static int compile(void **to, const char *pattern, uint32_t options, const char *name,
                   struct tr_err *err)
{
    int code;
    PCRE2_SIZE at;
    *to = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                        PCRE2_UTF | PCRE2_UCP | options, &code, &at, NULL);
    if (!*to)
        return tr_err_set(err, TR_ENOMEM, "cannot compile the pattern of '%s' (pcre2 %d)",
                          name, code);
    /* Where the system forbids generated code, PCRE2 interprets the pattern. */
    pcre2_jit_compile(*to, PCRE2_JIT_COMPLETE);
    return 0;
}

int tr__pretok_compile(struct tr__pretok_code *p, const struct tr__pretok *kind,
                       struct tr_err *err)
{
    const struct tr__pattern *pattern = kind->pattern;
    p->kind = kind;
    tr__newer_index(&p->newer);
    int rc = compile(&p->cut, pattern->cut, 0, kind->name, err);
    if (!rc && pattern->word)
        rc = compile(&p->word, pattern->word, PCRE2_ANCHORED, kind->name, err);
    for (p->n_pass = 0; pattern->pass[p->n_pass] && !rc; p->n_pass++)
        rc = compile(&p->pass[p->n_pass], pattern->pass[p->n_pass], 0, kind->name, err);
    return rc;
}

void tr__pretok_release(struct tr__pretok_code *p)
{
    for (int i = 0; i < TR__MAX_PASS; i++)
        pcre2_code_free(p->pass[i]);
    pcre2_code_free(p->word);
    pcre2_code_free(p->cut);
    *p = (struct tr__pretok_code){ 0 };
}

/* Offset of the first byte that belongs to no character, or to one that PCRE2 may take for
 * another than llama.cpp does; or len. */
static size_t first_odd(const struct tr__newer *newer, const char *text, size_t len,
                        size_t at)
{
    while (at < len) {
        uint64_t eight;
        if (len - at >= 8) {
            memcpy(&eight, text + at, 8);
            if (!(eight & 0x8080808080808080u)) {
                at += 8;
                continue;
            }
        }
        size_t n = tr__utf8_len(text + at, len - at);
        if (!n || (n > 1 && tr__newer_stand_in(newer, text + at, n)))
            return at;
        at += n;
    }
    return len;
}

static void free_state(struct tr__splitter *s)
{
    pcre2_match_data_free(s->match);
    pcre2_match_context_free(s->context);
    pcre2_jit_stack_free(s->stack);
    s->match = s->context = s->stack = NULL;
}

/* By itself generated code takes 32 KiB of the thread's stack, which may be all of it. */
static int make_state(struct tr__splitter *s)
{
    enum { FIRST = 32 << 10, MOST = 1 << 20 };
    if (s->match)
        return 0;
    s->stack = pcre2_jit_stack_create(FIRST, MOST, NULL);
    s->context = pcre2_match_context_create(NULL);
    s->match = pcre2_match_data_create(1, NULL);
    if (!s->stack || !s->context || !s->match) {
        free_state(s);
        return -1;
    }
    pcre2_jit_stack_assign(s->context, NULL, s->stack);
    return 0;
}

/* What the pattern sees in the place of an odd byte or character; its length.  U+0001 is
 * one byte that is no letter, number or space either. */
static size_t replace(const struct tr__newer *newer, char *at, size_t left)
{
    size_t n = tr__utf8_len(at, left);
    if (!n) {
        *at = 1;
        return 1;
    }
    memcpy(at, tr__newer_stand_in(newer, at, n), n);
    return n;
}

/* The ids come from the caller's bytes. */
static int copy_text(struct tr__splitter *s, size_t odd, struct tr_err *err)
{
    const struct tr__newer *newer = &s->pretok->newer;
    if (tr__spool_grow(&s->copy, &s->cap, s->len, 1))
        return tr_err_sys(err, "cannot hold %zu bytes of text", s->len);
    memcpy(s->copy, s->text, s->len);
    while (odd < s->len) {
        odd += replace(newer, s->copy + odd, s->len - odd);
        odd = first_odd(newer, s->copy, s->len, odd);
    }
    s->text = s->copy;
    return 0;
}

int tr__splitter_begin(struct tr__splitter *s, const struct tr__pretok_code *pretok,
                       const char *text, size_t len, struct tr_err *err)
{
    s->pretok = pretok;
    s->text = text;
    s->len = len;
    memset(s->level, 0, sizeof s->level);
    s->level[0].to = len;
    if (make_state(s))
        return tr_err_set(err, TR_ENOMEM, "out of memory for the pattern of words");
    size_t odd = first_odd(&pretok->newer, text, len, 0);
    return odd == len ? 0 : copy_text(s, odd, err);
}

/* Match in a piece, from `at` on: PCRE2's status, and where. */
static int match(struct tr__splitter *s, void *code, const struct tr__level *l, size_t at,
                 size_t *from, size_t *to)
{
    int rc = pcre2_match(code, (PCRE2_SPTR)(s->text + l->from), l->to - l->from,
                         at - l->from, PCRE2_NO_UTF_CHECK, s->match, s->context);
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(s->match);
    if (rc >= 0) {
        *from = l->from + span[0];
        *to = l->from + span[1];
    }
    return rc;
}

/* The piece at `at` that pass i makes of the piece of its level. */
static int enter(struct tr__splitter *s, int i, size_t at)
{
    struct tr__level *l = &s->level[i];
    if (at >= l->match_end) {
        int rc = match(s, s->pretok->pass[i], l, at, &l->match, &l->match_end);
        if (rc == PCRE2_ERROR_NOMATCH)
            l->match = l->match_end = l->to;
        else if (rc < 0)
            return rc;
    }
    size_t to = at < l->match ? l->match : l->match_end;
    s->level[i + 1] = (struct tr__level){ .from = at, .to = to };
    return 0;
}

int64_t tr__splitter_next(struct tr__splitter *s, size_t at)
{
    int n = s->pretok->n_pass, i = n, rc = 0;
    size_t from, to = 0;
    while (i > 0 && at >= s->level[i].to)
        i--;
    for (; i < n && rc >= 0; i++)
        rc = enter(s, i, at);
    if (rc >= 0 && !s->pretok->word)
        to = s->level[n].to;
    else if (rc >= 0)
        rc = match(s, s->pretok->word, &s->level[n], at, &from, &to);
    return rc < 0 ? rc : (int64_t)(to - at);
}

size_t tr__splitter_cut(struct tr__splitter *s)
{
    int rc = pcre2_match(s->pretok->cut, (PCRE2_SPTR)s->text, s->len, 0,
                         PCRE2_NO_UTF_CHECK, s->match, s->context);
    return rc < 0 ? 0 : pcre2_get_ovector_pointer(s->match)[1];
}

void tr__splitter_release(struct tr__splitter *s)
{
    free_state(s);
    tr__spool_free(s->copy, s->cap, 1);
    memset(s, 0, sizeof *s);
}
