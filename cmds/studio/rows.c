/* SPDX-License-Identifier: MIT
 *
 * GET /api/rows: the beginning of the data as a model sees it, by `tokenize --show`, whose
 * marks become roles.
 */
#include "studio.h"

#include <libtrain/file.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BEGINNING = 2000 /* bytes of a plain text */ };

/* ==== rows of a shown text ==== */

static const char open_mark[] = "\xe2\x9f\xa6", close_mark[] = "\xe2\x9f\xa7"; /* ⟦ ⟧ */
static const char special[] = "\xe2\x80\xb9", special_end[] = "\xe2\x80\xba";  /* ‹ › */
enum { MARK = 3 };

struct shown {
    FILE *f;
    int n_row, n_piece;
    const char *role, *begin; /* of the piece */
    int trained;
};

static void end_piece(struct shown *s, const char *end, const char *role)
{
    if (end > s->begin) {
        fputs(s->n_piece++ ? ", {\"text\": " : "{\"text\": ", s->f);
        put_text(s->f, s->begin, (size_t)(end - s->begin));
        put_pair(s->f, ", role", s->role);
        putc('}', s->f);
    }
    s->role = role;
    s->begin = end;
}

/* The mark that begins at p, if it is one. */
static int take_mark(struct shown *s, const char *p)
{
    static const char *const mark[] = { open_mark, close_mark, special, special_end };
    int i = 0;
    while (i < 4 && memcmp(p, mark[i], MARK))
        i++;
    if (i == 4)
        return 0;
    s->trained = i < 2 ? i == 0 : s->trained;
    end_piece(s, p, i == 2 ? "special" : s->trained ? "trained" : "given");
    s->begin = p + MARK;
    return 1;
}

static void put_shown_row(struct shown *s, const char *text, const char *end)
{
    fputs(s->n_row++ ? ", [" : "[", s->f);
    *s = (struct shown){ s->f, s->n_row, 0, "given", text, 0 };
    for (const char *p = text; p < end; p++)
        if (end - p >= MARK && take_mark(s, p))
            p += MARK - 1;
    end_piece(s, end, "given");
    putc(']', s->f);
}

/* "== row 3, line 3: 12 tokens, 5 trained" is in front of each. */
static void put_shown(FILE *f, const char *text, size_t n)
{
    static const char head[] = "== row ";
    struct shown s = { .f = f };
    const char *end = text + n, *begin = NULL;
    for (const char *line = text; line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        next = next ? next + 1 : end;
        if ((size_t)(end - line) > sizeof head && !memcmp(line, head, sizeof head - 1)) {
            if (begin)
                put_shown_row(&s, begin, line - 1);
            begin = next;
        }
        line = next;
    }
    if (begin && begin < end)
        put_shown_row(&s, begin, end[-1] == '\n' ? end - 1 : end);
}

/* ==== the answer ==== */

static int run_tokenize(struct request *r, const char *model, const char *option,
                        const char *value, const char *file, const char *in, size_t n_in,
                        struct outcome *o)
{
    const char *arg[12] = { "tokenize", "-q", "-m", model, option };
    int n = 5;
    if (value) {
        arg[n++] = "--max-rows";
        arg[n++] = value;
    }
    if (in) {
        arg[n++] = "--format";
        arg[n++] = "text";
    }
    arg[n++] = "--";
    arg[n++] = in ? "-" : file;
    return child_answer(r, arg, in, n_in, o);
}

static int is_packed(const char *bytes, size_t n)
{
    static const char *const magic[] = { "\x1f\x8b", "\x28\xb5\x2f\xfd", "PAR1" };
    for (size_t i = 0; i < sizeof magic / sizeof *magic; i++)
        if (n > strlen(magic[i]) && !memcmp(bytes, magic[i], strlen(magic[i])))
            return 1;
    return 0;
}

/* What begins as JSON, or is compressed, is rows. */
static int may_be_rows(const char *bytes, size_t n)
{
    size_t i = n > 3 && !memcmp(bytes, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (i < n && strchr(" \t\r\n", bytes[i]) && bytes[i])
        i++;
    return (i < n && (bytes[i] == '{' || bytes[i] == '[')) || is_packed(bytes, n);
}

static int answer_rows(struct request *r, const struct outcome *show,
                       const struct outcome *stats)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return answer_error(r, 500, "out of memory");
    fputs("{\"table\": ", f);
    put_text(f, stats->out ? stats->out : "", stats->n_out);
    fputs(", \"rows\": [", f);
    put_shown(f, show->out ? show->out : "", show->n_out);
    fputs("]}", f);
    return answer_json(r, 200, f, &text, &n);
}

static int rows_of(struct request *r, const char *model, const char *data)
{
    char bytes[BEGINNING];
    struct outcome show, stats = { 0 };
    int fd = guard_open(r->s, data);
    ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (fd >= 0)
        close(fd);
    if (n < 0 || !guard_inside(r->s, model))
        return answer_error(r, 400, "model and data are files of the working folder");
    request_is_slow(r);
    int rows = may_be_rows(bytes, (size_t)n);
    if (run_tokenize(r, model, "--show", "8", data, rows ? NULL : bytes,
                     rows ? 0 : whole_characters(bytes, (size_t)n), &show))
        return r->answered;
    int rc = rows && run_tokenize(r, model, "--stats", NULL, data, NULL, 0, &stats) ?
             r->answered : answer_rows(r, &show, &stats);
    outcome_release(&show);
    outcome_release(&stats);
    return rc;
}

int rows_answer(struct request *r)
{
    char *model = request_argument(r, "model"), *data = request_argument(r, "data");
    int rc = model && data ? rows_of(r, model, data) :
             answer_error(r, 400, "rows need model= and data=");
    free(model);
    free(data);
    return rc;
}
