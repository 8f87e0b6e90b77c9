/* SPDX-License-Identifier: MIT
 *
 * A tokenizer.json is a small object with two lists in it, the vocabulary and the merges,
 * that may have half a million entries each.  As values of JSON these would take a hundred
 * bytes a token; so the file is walked once to see where they stand, their entries are read
 * where they are, and the rest is parsed with blanks in their place, which keeps the places
 * that messages name.  Read next: vocab_text.c for strings, vocab_added.c.
 */
#include <libtrain/hf/vocab_json.h>
#include <libtrain/hf/vocab_text.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct range { /* bytes of a value; to 0: there is none */
    size_t from, to;
};

struct places {
    struct range vocab, merges;
};

/* ---- where the lists are ---------------------------------------------------------- */

typedef int tr__hf_member(struct tr__hf_cursor *c, struct tr_str key, void *with);

/* Call f for each entry of the object that begins here; f leaves the cursor behind the
 * value. */
static int each_member(struct tr__hf_cursor *c, tr__hf_member *f, void *with)
{
    int rc = tr__hf_expect(c, '{');
    if (rc || tr__hf_accept(c, '}'))
        return rc;
    do {
        struct tr_str key;
        rc = tr__hf_string(c, &key);
        if (!rc)
            rc = tr__hf_expect(c, ':');
        if (!rc)
            rc = f(c, key, with);
    } while (!rc && tr__hf_accept(c, ','));
    return rc ? rc : tr__hf_expect(c, '}');
}

static int skip_range(struct tr__hf_cursor *c, struct range *r)
{
    tr__hf_blank(c);
    r->from = c->at;
    int rc = tr__hf_skip(c);
    r->to = c->at;
    return rc;
}

static int in_model(struct tr__hf_cursor *c, struct tr_str key, void *with)
{
    struct places *p = with;
    struct range *r = tr_str_is(key, "vocab") ? &p->vocab :
                      tr_str_is(key, "merges") ? &p->merges : NULL;
    if (r && r->to)
        return tr__hf_wrong(c, "this key a second time");
    return r ? skip_range(c, r) : tr__hf_skip(c);
}

static int in_root(struct tr__hf_cursor *c, struct tr_str key, void *with)
{
    tr__hf_blank(c);
    if (tr_str_is(key, "model") && c->at < c->n && c->b[c->at] == '{')
        return each_member(c, in_model, with);
    return tr__hf_skip(c);
}

/* ---- the lists -------------------------------------------------------------------- */

static int put_member(struct tr__hf_cursor *c, struct tr_str key, void *with)
{
    int64_t id;
    int rc = tr__hf_integer(c, &id);
    if (!rc && tr__hf_piece_put(with, key.ptr, key.len, id, c->err))
        rc = tr__hf_place(c);
    return rc;
}

/* ["text", score], the next id. */
static int put_scored(struct tr__hf_cursor *c, struct tr__hf_pieces *p)
{
    struct tr_str text;
    double score = 0;
    size_t id = p->n;
    int rc = tr__hf_expect(c, '[');
    if (!rc)
        rc = tr__hf_string(c, &text);
    if (!rc && tr__hf_piece_put(p, text.ptr, text.len, (int64_t)id, c->err))
        rc = tr__hf_place(c);
    if (!rc && p->n == id)
        rc = tr__hf_wrong(c, "a token that was there before");
    if (!rc)
        rc = tr__hf_expect(c, ',');
    if (!rc)
        rc = tr__hf_number(c, &score);
    if (!rc && !isfinite((float)score))
        rc = tr__hf_wrong(c, "a score that is not finite");
    if (!rc)
        p->at[id].score = (float)score;
    return rc ? rc : tr__hf_expect(c, ']');
}

/* The space that parts a merge's two texts where they are one string. */
static int put_spaced(struct tr__hf_cursor *c, struct tr__hf_pieces *p)
{
    struct tr_str s;
    int rc = tr__hf_string(c, &s);
    if (rc)
        return rc;
    const char *space = s.len ? memchr(s.ptr, ' ', s.len) : NULL;
    if (!space)
        return tr__hf_wrong(c, "a merge without a space");
    size_t left = (size_t)(space - s.ptr);
    rc = tr__hf_piece_merge(p, (struct tr_str){ s.ptr, left },
                            (struct tr_str){ space + 1, s.len - left - 1 }, c->err);
    return rc ? tr__hf_place(c) : 0;
}

static int put_pair(struct tr__hf_cursor *c, struct tr__hf_pieces *p)
{
    struct tr_str left, right;
    int rc = tr__hf_expect(c, '[');
    if (!rc)
        rc = tr__hf_string(c, &left);
    if (rc || tr__hf_keep(c, &left))
        return rc ? rc : tr__hf_wrong(c, "out of memory");
    rc = tr__hf_expect(c, ',');
    if (!rc)
        rc = tr__hf_string(c, &right);
    if (!rc && tr__hf_piece_merge(p, left, right, c->err))
        rc = tr__hf_place(c);
    return rc ? rc : tr__hf_expect(c, ']');
}

static int put_merge(struct tr__hf_cursor *c, struct tr__hf_pieces *p)
{
    tr__hf_blank(c);
    return c->at < c->n && c->b[c->at] == '[' ? put_pair(c, p) : put_spaced(c, p);
}

static int each_item(struct tr__hf_cursor *c, struct tr__hf_pieces *p,
                     int (*f)(struct tr__hf_cursor *c, struct tr__hf_pieces *p))
{
    int rc = tr__hf_expect(c, '[');
    if (rc || tr__hf_accept(c, ']'))
        return rc;
    do {
        rc = f(c, p);
    } while (!rc && tr__hf_accept(c, ','));
    return rc ? rc : tr__hf_expect(c, ']');
}

static int is_null(const struct tr__hf_cursor *c, struct range r)
{
    return !r.to || (r.to - r.from == 4 && !memcmp(c->b + r.from, "null", 4));
}

static int read_lists(struct tr__hf_cursor *c, const struct places *at,
                      struct tr__hf_pieces *p)
{
    int rc = 0;
    c->at = at->vocab.from;
    if (is_null(c, at->vocab))
        return tr__hf_wrong(c, "no 'vocab' in 'model'");
    rc = c->b[c->at] == '[' ? each_item(c, p, put_scored) : each_member(c, put_member, p);
    p->n_base = p->text.n;
    c->at = at->merges.from;
    return rc || is_null(c, at->merges) ? rc : each_item(c, p, put_merge);
}

/* ---- all of it -------------------------------------------------------------------- */

/* null in the place of a value, so long as that; lines stay where they are. */
static void blank_out(char *b, struct range r)
{
    for (size_t i = r.from; i < r.to; i++)
        b[i] = b[i] == '\n' ? '\n' : ' ';
    if (r.to - r.from >= 4)
        memcpy(b + r.from, "null", 4);
    else if (r.to > r.from) /* {} or [] */
        b[r.to - 1] = '0';
}

static struct tr_json *parse_rest(const struct tr__hf_cursor *c, const struct places *at)
{
    char *b = malloc(c->n);
    if (!b) {
        tr_err_sys(c->err, "cannot hold '%s'", c->name);
        return NULL;
    }
    memcpy(b, c->b, c->n);
    blank_out(b, at->vocab);
    blank_out(b, at->merges);
    struct tr_json *v = tr_json_parse(b, c->n, c->name, 1, 0, c->err);
    free(b);
    return v;
}

int tr__hf_vocab_json(const char *bytes, size_t n, const char *name, struct tr__hf_pieces *p,
                      struct tr_json **rest, struct tr_err *err)
{
    struct tr__hf_cursor c = { .b = bytes, .n = n, .name = name, .err = err };
    struct places at = { 0 };
    *rest = NULL;
    int rc = each_member(&c, in_root, &at);
    if (!rc && p)
        rc = read_lists(&c, &at, p);
    if (!rc && !(*rest = parse_rest(&c, &at)))
        rc = TR_EFORMAT;
    tr__hf_cursor_release(&c);
    return rc;
}

int tr__hf_vocab_object(const char *bytes, size_t n, const char *name,
                        struct tr__hf_pieces *p, struct tr_err *err)
{
    struct tr__hf_cursor c = { .b = bytes, .n = n, .name = name, .err = err };
    int rc = each_member(&c, put_member, p);
    tr__hf_blank(&c);
    if (!rc && c.at < n)
        rc = tr__hf_wrong(&c, "more than one value");
    p->n_base = p->text.n;
    tr__hf_cursor_release(&c);
    return rc;
}

/* ---- merges.txt ------------------------------------------------------------------- */

/* One line without its end: two texts and a space between. */
static int put_line(struct tr__hf_cursor *c, size_t len, struct tr__hf_pieces *p)
{
    const char *b = c->b + c->at, *space = len ? memchr(b, ' ', len) : NULL;
    size_t left = space ? (size_t)(space - b) : 0;
    if (!len)
        return 0;
    if (!left || left + 1 == len || memchr(space + 1, ' ', len - left - 1))
        return tr__hf_wrong(c, "not two texts with a space between");
    int rc = tr__hf_piece_merge(p, (struct tr_str){ b, left },
                                (struct tr_str){ space + 1, len - left - 1 }, c->err);
    return rc ? tr__hf_place(c) : 0;
}

int tr__hf_vocab_merges(const char *bytes, size_t n, const char *name,
                        struct tr__hf_pieces *p, struct tr_err *err)
{
    struct tr__hf_cursor c = { .b = bytes, .n = n, .name = name, .err = err };
    int rc = 0;
    for (int first = 1; c.at < n && !rc; first = 0) {
        const char *b = bytes + c.at, *end = memchr(b, '\n', n - c.at);
        size_t len = end ? (size_t)(end - b) : n - c.at, next = len + (end != NULL);
        len -= len && b[len - 1] == '\r';
        if (!first || *b != '#') /* "#version: 0.2" */
            rc = put_line(&c, len, p);
        c.at += next;
    }
    return rc;
}
