/* SPDX-License-Identifier: MIT
 *
 * An object taken apart without parsing it: only strings and brackets are looked at, to see
 * where an entry ends.  Parsed whole, a header of a hundred megabytes would take ten times
 * its size, and of two equal keys only the last would be there.
 */
#include <libtrain/json.h>

#include <inttypes.h>
#include <string.h>

static void skip_blanks(struct tr_json_walk *w)
{
    while (w->place < w->object.n && w->object.text[w->place] &&
           strchr(" \t\r\n", w->object.text[w->place]))
        w->place++;
}

static int wrong(const struct tr_json_walk *w, const char *what, struct tr_err *err)
{
    return tr_err_set(err, TR_EFORMAT, "'%s' byte %" PRIu64 ": %s", w->name,
                      w->object.at + w->place, what);
}

/* 1, and one step on, if the next character is this one. */
static int take(struct tr_json_walk *w, char c)
{
    skip_blanks(w);
    if (w->place == w->object.n || w->object.text[w->place] != c)
        return 0;
    w->place++;
    return 1;
}

/* Behind the string that begins here; the end of the text if it has no end. */
static void pass_string(struct tr_json_walk *w)
{
    const char *b = w->object.text;
    size_t n = w->object.n;
    for (w->place++; w->place < n && b[w->place] != '"'; w->place++)
        w->place += b[w->place] == '\\' && w->place + 1 < n;
    w->place += w->place < n;
}

/* Behind the array or object that begins here. */
static void pass_brackets(struct tr_json_walk *w)
{
    int64_t depth = 0;
    do {
        char c = w->object.text[w->place];
        if (c == '"') {
            pass_string(w);
            continue;
        }
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        w->place++;
    } while (depth > 0 && w->place < w->object.n);
}

static void pass_value(struct tr_json_walk *w)
{
    const char *b = w->object.text, *at = w->place < w->object.n ? b + w->place : "";
    if (*at == '"')
        pass_string(w);
    else if (*at == '{' || *at == '[')
        pass_brackets(w);
    else
        while (w->place < w->object.n && b[w->place] && !strchr(",]} \t\r\n", b[w->place]))
            w->place++;
}

static struct tr_json_piece piece_from(const struct tr_json_walk *w, size_t from)
{
    return (struct tr_json_piece){ w->object.text + from, w->place - from,
                                   w->object.at + from };
}

static int end(struct tr_json_walk *w, struct tr_err *err)
{
    skip_blanks(w);
    return w->place < w->object.n ? wrong(w, "more than one value", err) : 0;
}

int tr_json_walk(struct tr_json_walk *w, struct tr_err *err)
{
    int first = !w->place;
    if (first && !take(w, '{'))
        return wrong(w, "not an object", err);
    if (take(w, '}'))
        return end(w, err);
    if (!first && !take(w, ','))
        return wrong(w, "no comma between entries", err);
    skip_blanks(w);
    size_t from = w->place;
    if (from == w->object.n || w->object.text[from] != '"')
        return wrong(w, "not the key of an object", err);
    pass_string(w);
    w->key = piece_from(w, from);
    if (!take(w, ':'))
        return wrong(w, "no colon behind a key", err);
    skip_blanks(w);
    from = w->place;
    pass_value(w);
    w->value = piece_from(w, from);
    return w->value.n ? 1 : wrong(w, "no value behind a key", err);
}

struct tr_json *tr_json_piece(const struct tr_json_walk *w, const struct tr_json_piece *p,
                              size_t most, struct tr_err *err)
{
    if (p->n <= most)
        return tr_json_parse(p->text, p->n, w->name, 0, p->at, err);
    tr_err_set(err, TR_EFORMAT, "'%s' byte %" PRIu64 ": %zu bytes where %zu are the most",
               w->name, p->at, p->n, most);
    return NULL;
}
