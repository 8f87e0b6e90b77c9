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

static const struct tr__pretok *const pretoks[] = {
#define TR_PRETOKENIZER(name) &tr__pretok_##name,
#include <libtrain/tokenizer/pretokenizers.def>
#undef TR_PRETOKENIZER
};

const struct tr__pretok *tr__pretok_at(size_t i)
{
    return i < sizeof pretoks / sizeof *pretoks ? pretoks[i] : NULL;
}

const struct tr__pretok *tr__pretok_find(struct tr_str name)
{
    for (size_t i = 0; i < sizeof pretoks / sizeof *pretoks; i++)
        for (const char *const *p = pretoks[i]->name; *p; p++)
            if (tr_str_is(name, *p))
                return pretoks[i];
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
    p->kind = kind;
    int rc = compile(&p->code, kind->word, PCRE2_ANCHORED, kind->name[0], err);
    return rc ? rc : compile(&p->cut, kind->cut, 0, kind->name[0], err);
}

void tr__pretok_release(struct tr__pretok_code *p)
{
    pcre2_code_free(p->code);
    pcre2_code_free(p->cut);
    p->code = p->cut = NULL;
}

/* Offset of the first byte that belongs to no character, or len. */
static size_t first_bad(const char *text, size_t len, size_t at)
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
        if (!n)
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

int tr__splitter_begin(struct tr__splitter *s, const struct tr__pretok_code *pretok,
                       const char *text, size_t len, struct tr_err *err)
{
    s->pretok = pretok;
    s->text = text;
    s->len = len;
    if (make_state(s))
        return tr_err_set(err, TR_ENOMEM, "out of memory for the pattern of words");
    size_t bad = first_bad(text, len, 0);
    if (bad == len)
        return 0;
    /* The pattern sees U+0001, one byte that is no letter, number or space either; the ids
     * come from the caller's bytes. */
    free(s->copy);
    s->copy = malloc(len);
    if (!s->copy)
        return tr_err_sys(err, "cannot hold %zu bytes of text", len);
    memcpy(s->copy, text, len);
    for (; bad < len; bad = first_bad(s->copy, len, bad + 1))
        s->copy[bad] = 1;
    s->text = s->copy;
    return 0;
}

int64_t tr__splitter_next(struct tr__splitter *s, size_t at)
{
    int rc = pcre2_match(s->pretok->code, (PCRE2_SPTR)s->text, s->len, at,
                         PCRE2_NO_UTF_CHECK, s->match, s->context);
    return rc < 0 ? rc : (int64_t)(pcre2_get_ovector_pointer(s->match)[1] - at);
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
    free(s->copy);
    memset(s, 0, sizeof *s);
}
