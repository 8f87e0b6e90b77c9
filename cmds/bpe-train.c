/* SPDX-License-Identifier: MIT
 *
 * bpe-train - make a vocabulary of text.  See bpe-train.1
 *
 * The work is libtrain/vocabulary.h's; here are the options and the texts.
 */
#include "shared/common.h"
#include "shared/input-size.h"
#include "shared/job.h"

#include <libtrain/source.h>
#include <libtrain/text.h>
#include <libtrain/vocabulary.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    const char *out, *pre, *bos, *eos;
    int kind, by_line, special_last;
    int64_t size, min_frequency;
    double coverage;
    struct cmd_list special;
};

struct run {
    struct tr_vocabulary *v;
    int64_t done, size; /* bytes read, of all that there are; 0: not known */
    int64_t at;         /* of these, of the present text */
    int64_t n_ids;      /* what rows have as ids, of whatever vocabulary */
};

/* ==== input ==== */

static int add(struct run *r, const char *bytes, size_t n, struct tr_err *err)
{
    r->done += (int64_t)n;
    cmd_job_at(r->done, r->size);
    return tr_vocabulary_add(r->v, bytes, n, err);
}

/* Of n bytes those that do not begin a character at their end which is cut off there. */
static size_t whole_characters(const char *bytes, size_t n)
{
    size_t tail = 0;
    while (tail < 3 && tail < n && ((unsigned char)bytes[n - 1 - tail] & 0xc0) == 0x80)
        tail++;
    unsigned char lead = tail < n ? (unsigned char)bytes[n - 1 - tail] : 0;
    size_t wants = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    return wants > tail + 1 ? n - tail - 1 : n;
}

/* A first piece is looked at as a whole text would be; later ones may not hold what no text
 * does. */
static int check(struct run *r, const char *bytes, size_t n, const char *name,
                 struct tr_err *err)
{
    struct tr_text odd;
    const char *nul = memchr(bytes, '\0', n);
    if (r->at && !nul)
        return 0;
    if (r->at)
        return tr_err_set(err, TR_EFORMAT, "'%s' is no text: byte %" PRId64 " is NUL", name,
                          r->at + (int64_t)(nul - bytes));
    if (tr_text_check(&odd, bytes, whole_characters(bytes, n), name, err))
        return -1;
    for (size_t i = 0; i < TR_TEXT_WARNINGS && *odd.warning[i]; i++)
        cmd_warn("'%s': %s", name, odd.warning[i]);
    return 0;
}

static int add_text(struct run *r, struct tr_source *s, struct tr_err *err)
{
    const char *bytes;
    size_t n;
    int more;
    r->at = 0;
    while ((more = tr_source_piece(s, &bytes, &n, err)) > 0) {
        if (check(r, bytes, n, tr_source_name(s), err) || add(r, bytes, n, err))
            return -1;
        r->at += (int64_t)n;
    }
    return more ? -1 : tr_vocabulary_end(r->v, err);
}

static int add_string(struct run *r, const char *text, size_t n, struct tr_err *err)
{
    return add(r, text, n, err) || tr_vocabulary_end(r->v, err) ? -1 : 0;
}

static int add_json_string(struct run *r, const struct tr_json *v, struct tr_err *err)
{
    size_t n = 0;
    const char *text = tr_json_kind(v) == TR_JSON_STRING ? tr_json_string(v, &n) : NULL;
    return n ? add_string(r, text, n, err) : 0;
}

/* A text, or parts of which some are texts. */
static int add_content(struct run *r, const struct tr_json *content, struct tr_err *err)
{
    int rc = 0;
    if (tr_json_kind(content) != TR_JSON_ARRAY)
        return add_json_string(r, content, err);
    for (size_t i = 0; i < tr_json_count(content) && !rc; i++) {
        const struct tr_json *part = tr_json_at(content, i);
        rc = tr_json_kind(part) == TR_JSON_OBJECT
                 ? add_json_string(r, tr_json_get(part, "text"), err)
                 : add_json_string(r, part, err);
    }
    return rc;
}

/* What its messages say and think; a chat template's own words are few and come in no other
 * text. */
static int add_chat(struct run *r, const struct tr_json *chat, struct tr_err *err)
{
    static const char *const thought[] = { "reasoning_content", "reasoning", "thinking" };
    const struct tr_json *list = tr_json_get(chat, "messages");
    int rc = 0;
    for (size_t i = 0; i < tr_json_count(list) && !rc; i++) {
        const struct tr_json *m = tr_json_at(list, i);
        for (size_t k = 0; k < sizeof thought / sizeof *thought && !rc; k++)
            rc = add_json_string(r, tr_json_get(m, thought[k]), err);
        rc = rc ? rc : add_content(r, tr_json_get(m, "content"), err);
    }
    return rc;
}

static int add_row(struct run *r, const struct tr_row *row, struct tr_err *err)
{
    int rc = 0;
    if (row->kind == TR_ROW_TEXT)
        return add_string(r, row->text, row->n_text, err);
    if (row->kind == TR_ROW_CHAT)
        return add_chat(r, row->chat, err);
    for (size_t i = 0; i < row->n_segment && !rc; i++) {
        r->n_ids += row->segment[i].id != NULL;
        if (row->segment[i].text)
            rc = add_string(r, row->segment[i].text, row->segment[i].n_text, err);
    }
    return rc;
}

static int add_rows(struct run *r, struct tr_source *s, struct tr_err *err)
{
    struct tr_record record = { 0 };
    struct tr_row row = { 0 };
    int more = 1, rc = 0;
    while (!rc && (more = tr_source_next(s, &record, err)) > 0) {
        rc = tr_source_parse(s, &record, &row, err);
        if (!rc)
            rc = add_row(r, &row, err);
    }
    tr_row_release(&row);
    tr_record_release(&record);
    return rc || more < 0 ? -1 : 0;
}

static int add_file(struct run *r, const char *path, struct tr_err *err)
{
    struct tr_source *s = tr_source_open(path, NULL, err);
    if (!s)
        return -1;
    int rc = tr_source_is_text(s) ? add_text(r, s, err) : add_rows(r, s, err);
    tr_source_close(s);
    return rc;
}

static int add_all(struct run *r, char **file, int n_file, struct tr_err *err)
{
    int rc = 0;
    r->size = cmd_inputs_size(file, n_file);
    cmd_job("B");
    for (int i = 0; i < n_file && !rc; i++)
        rc = add_file(r, file[i], err);
    if (!n_file)
        rc = add_file(r, "-", err);
    cmd_job_end();
    if (r->n_ids)
        cmd_warn("ids in rows say nothing here, and are passed over: %" PRId64 " times",
                 r->n_ids);
    return rc;
}

/* ==== the whole ==== */

static int learn(struct run *r, const struct opts *o, struct tr_err *err)
{
    struct tr_progress p = cmd_job("tok");
    tr_vocabulary_watch(r->v, &p);
    int rc = tr_vocabulary_learn(r->v, err);
    cmd_job_end();
    if (rc)
        return rc;
    if (tr_vocabulary_n(r->v) < o->size)
        cmd_warn("the text gives only %" PRIu32 " tokens", tr_vocabulary_n(r->v));
    return 0;
}

static int run(const struct opts *o, const struct tr_vocabulary_args *args, char **file,
               int n_file, struct tr_err *err)
{
    struct run r = { .v = tr_vocabulary_new(args, err) };
    int rc = -1;
    if (r.v && !cmd_writable(o->out, err) && !add_all(&r, file, n_file, err) &&
        !learn(&r, o, err))
        rc = tr_vocabulary_write(r.v, o->out, err);
    if (!rc)
        cmd_say("%" PRIu32 " tokens from %" PRIu64 " distinct words in %" PRId64 " bytes",
                tr_vocabulary_n(r.v), tr_vocabulary_n_word(r.v), r.done);
    tr_vocabulary_free(r.v);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { .size = -1, .coverage = 0.9995 };
    const struct cmd_opt table[] = {
        CMD_OUT('o', "output", &o.out, "FILE", "where to write the vocabulary"),
        CMD_INT('n', "size", &o.size, 1, INT32_MAX, "N", "tokens in all"),
        CMD_CHOICE(0, "kind", &o.kind, tr_vocabulary_kind, "NAME", "kind of vocabulary"),
        CMD_TEXT(0, "pre", &o.pre, "NAME", "how text is cut into words"),
        CMD_LIST(0, "special", &o.special, "TOKEN", "a control token; may be given again"),
        CMD_FLAG(0, "special-last", &o.special_last, "bpe: they have the last ids"),
        CMD_TEXT(0, "bos", &o.bos, "TOKEN", "begins a text; bpe: the first one, else <s>"),
        CMD_TEXT(0, "eos", &o.eos, "TOKEN", "ends a text; bpe: the first one, else </s>"),
        CMD_INT(0, "min-frequency", &o.min_frequency, 0, INT64_MAX, "N",
                "merge no pair that is rarer"),
        CMD_FLOAT(0, "character-coverage", &o.coverage, 0.5, 1, "X",
                  "share of the text whose characters are tokens"),
        CMD_FLAG(0, "by-line", &o.by_line, "words end where lines end"),
        CMD_END
    };
    const struct cmd cmd = { "bpe-train", "--size N -o OUT.gguf [OPTION…] [FILE…]",
                             "make a vocabulary of text", table, 0, -1,
                             (const char *const[]){ "size", "output", NULL } };
    struct tr_err err = { 0 };
    int n_file;
    char **file = cmd_parse(&cmd, argc, argv, &n_file);
    struct tr_vocabulary_args args = {
        .kind = tr_vocabulary_kind(o.kind), .size = (uint32_t)o.size, .by_line = o.by_line,
        .special_last = o.special_last,
        .special = o.special.item, .n_special = o.special.n, .bos = o.bos, .eos = o.eos,
        .pre = o.pre, .min_frequency = (uint64_t)o.min_frequency, .coverage = o.coverage,
    };
    int rc = run(&o, &args, file, n_file, &err);
    free(o.special.item);
    return cmd_end(rc ? cmd_code(&err) : CMD_OK, &err);
}
