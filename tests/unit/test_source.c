/* SPDX-License-Identifier: MIT
 *
 * Each form of rows, each fault with its place, packed files, columns of other names, and
 * records that are longer than what is read at a time.
 */
#include "sanitized.h"
#include "scratch.h"

#include <libtrain/source.h>

#include <math.h>
#include <zlib.h>
#include <zstd.h>

struct file {
    const char *bytes, *want;
    size_t n;
};
static const struct file good[] = {
#define ROWS(bytes, want) { bytes, want, sizeof bytes - 1 },
#define FAULT(bytes, want)
#include "source.def"
#undef ROWS
#undef FAULT
}, bad[] = {
#define ROWS(bytes, want)
#define FAULT(bytes, want) { bytes, want, sizeof bytes - 1 },
#include "source.def"
};
enum { N_GOOD = sizeof good / sizeof *good, N_BAD = sizeof bad / sizeof *bad };

static void write_file(const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(name, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

/* ---- a row as a line ------------------------------------------------------------------ */

static void say_text(FILE *f, const char *s, size_t n)
{
    fputc('\'', f);
    fwrite(s, 1, n, f);
    fputc('\'', f);
}

static void say_segment(FILE *f, const struct tr_segment *s)
{
    fputc('[', f);
    if (s->weight < 1 || s->weight > 1)
        fprintf(f, "%g*", (double)s->weight);
    if (!s->train)
        fputc('-', f);
    for (size_t i = 0; i < s->n_id; i++)
        fprintf(f, "%s%s%u", i ? " " : "", s->mask && !s->mask[i] ? "-" : "", s->id[i]);
    if (!s->id)
        say_text(f, s->text, s->n_text);
    fputc(']', f);
}

static void say_chat(FILE *f, const struct tr_row *row)
{
    char *text = NULL;
    size_t n = 0, cap = 0;
    ck_assert_int_eq(tr_json_write(row->chat, NULL, &text, &n, &cap), 0);
    fprintf(f, "chat %.*s", (int)n, text);
    free(text);
    if (row->completion != TR_ROW_NO_COMPLETION)
        fprintf(f, " completion %zu", row->completion);
}

static void say(FILE *f, const struct tr_row *row)
{
    fprintf(f, "%s %s", row->form, row->kind == TR_ROW_TEXT ? "text " : row->answers ? "answers " : "");
    if (row->kind == TR_ROW_TEXT)
        say_text(f, row->text, row->n_text);
    else if (row->kind == TR_ROW_CHAT)
        say_chat(f, row);
    for (size_t i = 0; i < row->n_segment; i++)
        say_segment(f, &row->segment[i]);
    if (row->weight < 1 || row->weight > 1)
        fprintf(f, " weight %g", (double)row->weight);
    if (row->group)
        fprintf(f, " group %s", row->group);
    if (row->has_sign)
        fprintf(f, " sign %g", (double)row->sign);
    if (row->has_rival)
        fputs(" rival", f);
    fputc('\n', f);
}

/* All rows of a file; the failure, if there is one, is in err.  Free the text. */
static char *said(const char *name, const struct tr_source_options *o, size_t *n,
                  struct tr_err *err)
{
    char *text = NULL;
    struct tr_record r = { 0 };
    struct tr_row row = { 0 };
    FILE *f = open_memstream(&text, n);
    struct tr_source *s = tr_source_open(name, o, err);
    int rc = s ? 1 : -1;
    while (s && (rc = tr_source_next(s, &r, err)) > 0 && !(rc = tr_source_parse(s, &r, &row, err)))
        say(f, &row);
    ck_assert_int_eq(rc < 0, err->code != 0);
    tr_source_close(s);
    tr_row_release(&row);
    tr_record_release(&r);
    fclose(f);
    return text;
}

static void assert_said(const char *name, const struct tr_source_options *o, const char *want,
                        size_t n_want)
{
    struct tr_err err = { 0 };
    size_t n;
    char *text = said(name, o, &n, &err);
    ck_assert_msg(!err.code, "%s", err.text);
    ck_assert_msg(n == n_want && !memcmp(text, want, n), "%s", text);
    free(text);
}

static void assert_fails(const char *name, const struct tr_source_options *o, const char *why)
{
    struct tr_err err = { 0 };
    size_t n;
    free(said(name, o, &n, &err));
    ck_assert_msg(strstr(err.text, why) != NULL, "%s", err.text);
}

START_TEST(forms)
{
    static const size_t with_nul = sizeof "rows text 'a\0b'\nrows text 'c'\n" - 1;
    const struct file *f = &good[_i];
    write_file(path, f->bytes, f->n);
    assert_said(path, NULL, f->want, strncmp(f->want, "rows text 'a", 13) || f->want[12]
                                         ? strlen(f->want) : with_nul);
}
END_TEST

START_TEST(faults)
{
    const struct file *f = &bad[_i];
    char *here = getcwd(NULL, 0);
    ck_assert(here && !chdir(dir));
    write_file("F", f->bytes, f->n);
    assert_fails("F", NULL, f->want);
    remove("F");
    ck_assert_int_eq(chdir(here), 0);
    free(here);
}
END_TEST

/* ---- options -------------------------------------------------------------------------- */

START_TEST(options)
{
    static const struct tr_source_key key[] = { { "prompt", "frage" }, { "completion", "antwort" } };
    struct tr_source_options keys = { .key = key, .n_key = 2 }, chat = { .chat = 1 };
    struct tr_source_options text = { .format = "text" }, ids = { .format = "ids" };
    struct tr_source_options none = { .format = "csv" }, alpaca = { .format = "alpaca" };
    static const char asked[] = "{\"frage\":\"f\",\"antwort\":\"a\"}\n";
    static const char order[] = "{\"instruction\":\"i\",\"input\":\"x\",\"output\":\"o\"}\n";
    write_file(path, asked, sizeof asked - 1);
    static const char pair[] = "prompt answers [-'f']['a']\n";
    assert_said(path, &keys, pair, sizeof pair - 1);
    static const char plain[] = "text text '{\"frage\":\"f\",\"antwort\":\"a\"}\n'\n";
    assert_said(path, &text, plain, sizeof plain - 1);
    assert_fails(path, &none, "there is no form 'csv'");
    assert_fails(path, &alpaca, "byte 0: no 'instruction', which is to be a string");
    write_file(path, order, sizeof order - 1);
    static const char messages[] = "alpaca chat {\"messages\": [{\"role\": \"user\", \"content\": "
                                   "\"i\\n\\nx\"}, {\"role\": \"assistant\", \"content\": \"o\"}]} "
                                   "completion 1\n";
    assert_said(path, &chat, messages, sizeof messages - 1);
    write_file(path, "1 2\n\n300\t4", 10);
    static const char lines[] = "ids [1 2]\nids []\nids [300 4]\n";
    assert_said(path, &ids, lines, sizeof lines - 1);
    write_file(path, "1 2\n7 x\n", 8);
    assert_fails(path, &ids, "line 2 byte 6: not a decimal id");
    write_file(path, "99999999999999999999\n", 21);
    assert_fails(path, &ids, "line 1 byte 0: a number that is no id");
    for (size_t i = 0; tr_source_form(i); i++)
        ck_assert_uint_gt(strlen(tr_source_form(i)), 0);
}
END_TEST

/* Answers that are not wanted, where they are asked for. */
START_TEST(preferences)
{
    static const char rows[] =
        "{\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":\"r\"}\n"
        "{\"prompt\":\"p\",\"completion\":\"c\",\"label\":false}\n"
        "{\"prompt\":\"p\",\"completion\":\"c\",\"label\":true,\"weight\":2}\n"
        "{\"prompt\":\"p\",\"completion\":\"c\",\"reward\":-0.25}\n";
    static const char want[] = "preference answers [-'p']['c'] rival\n"
                               "preference answers [-'p']['c'] sign -1\n"
                               "preference answers [-'p']['c'] weight 2 sign 1\n"
                               "preference answers [-'p']['c'] sign -0.25\n";
    struct tr_source_options o = { .preference = 1 };
    struct tr_err err = { 0 };
    struct tr_record r = { 0 };
    struct tr_row row = { 0 };
    write_file(path, rows, sizeof rows - 1);
    assert_said(path, &o, want, sizeof want - 1);
    struct tr_source *s = tr_source_open(path, &o, &err);
    ck_assert_int_eq(tr_source_next(s, &r, &err), 1);
    ck_assert_int_eq(tr_source_parse_rival(s, &r, &row, &err), 0);
    ck_assert(row.n_segment == 2 && !memcmp(row.segment[1].text, "r", 1));
    tr_source_close(s);
    tr_row_release(&row);
    tr_record_release(&r);
    static const char large[] = "{\"prompt\":\"p\",\"completion\":\"c\",\"reward\":1e9}";
    write_file(path, large, sizeof large - 1);
    assert_fails(path, &o, "'reward' is a number, not a number from -1000000");
    static const char word[] = "{\"prompt\":\"p\",\"completion\":\"c\",\"label\":\"false\"}";
    write_file(path, word, sizeof word - 1);
    assert_fails(path, &o, "'label' is a string, not true or false, 1 or 0");
    static const char number[] = "{\"prompt\":\"p\",\"completion\":\"c\",\"label\":0}\n";
    static const char unwanted[] = "preference answers [-'p']['c'] sign -1\n";
    write_file(path, number, sizeof number - 1);
    assert_said(path, &o, unwanted, sizeof unwanted - 1);
}
END_TEST

/* A system prompt beside an instruction, as messages; a name that says JSON. */
START_TEST(names_and_systems)
{
    static const char *const rows[] = {
        "{\"prompt\":\"q\",\"completion\":\"a\",\"system\":\"s\"}",
        "{\"question\":\"q\",\"output\":\"a\",\"system\":\"s\"}",
        "{\"instruction\":\"q\",\"output\":\"a\",\"system\":\"s\"}",
    };
    static const char messages[] = "chat {\"messages\": [{\"role\": \"system\", \"content\": \"s\"}, "
                                   "{\"role\": \"user\", \"content\": \"q\"}, {\"role\": "
                                   "\"assistant\", \"content\": \"a\"}]} completion 2\n";
    struct tr_source_options chat = { .chat = 1 }, text = { .format = "text" };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tr_err err = { 0 };
        size_t n;
        write_file(path, rows[i], strlen(rows[i]));
        char *got = said(path, &chat, &n, &err);
        ck_assert_msg(!err.code && !strcmp(strchr(got, ' ') + 1, messages), "%s%s", err.text, got);
        free(got);
    }
    static const char *const called[] = { "a.json", "b.jsonl", "c.ndjson.gz" };
    for (size_t i = 0; i < sizeof called / sizeof *called; i++) {
        const char *name = in_dir(called[i]);
        write_file(name, "[\"a\"]\n", 6);
        assert_fails(name, NULL, "line 1 byte 0: a row is an object");
        assert_said(name, &text, "text text '[\"a\"]\n'\n", 19);
        write_file(name, "<html>", 6);
        assert_fails(name, NULL, "has no rows of JSON but is a web page");
        write_file(name, "", 0);
        assert_said(name, NULL, "", 0);
    }
}
END_TEST

START_TEST(other_files)
{
    struct tr_source_options rows = { .format = "messages" };
    static const struct { const char *bytes; size_t n; const char *why; } files[] = {
        { "PAR1\x15\x04", 6, "a Parquet file" },
        { "SQLite format 3\0\x10", 17, "an SQLite database" },
        { "ARROW1\0\0", 8, "an Arrow file" },
        { "\xd0\xcf\x11\xe0\xa1\xb1", 6, "an old Office document" },
        { "PK\x03\x04\x14", 5, "a zip archive" },
        { "\xff\xfe{\0\"\0", 6, "text in UTF-16" },
        { "{\0\"\0a\0\"\0:\0", 10, "iconv -f UTF-16LE -t UTF-8" },
        { "<html>", 6, "a web page" },
        { "a,b\n1,2\0", 8, "NUL" },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        write_file(path, files[i].bytes, files[i].n);
        assert_fails(path, &rows, files[i].why);
    }
    assert_fails("/nowhere/at all", &rows, "cannot open '/nowhere/at all'");
}
END_TEST

/* ---- packed, and long ----------------------------------------------------------------- */

static void gzip_file(const char *name, const char *bytes, size_t n)
{
    gzFile f = gzopen(name, "ab"); /* a member each time */
    ck_assert(f && gzwrite(f, bytes, (unsigned)n) == (int)n && gzclose(f) == Z_OK);
}

START_TEST(packed)
{
    static const char a[] = "{\"text\":\"a\"}\n", b[] = "{\"text\":\"b\"}\n";
    static const char both[] = "rows text 'a'\nrows text 'b'\n";
    char out[256];
    gzip_file(path, a, sizeof a - 1);
    gzip_file(path, b, sizeof b - 1);
    assert_said(path, NULL, both, sizeof both - 1);
    FILE *f = fopen(path, "rb");
    size_t n = fread(out, 1, sizeof out, f);
    fclose(f);
    write_file(path, out, n - 9);
    assert_fails(path, NULL, "is cut: its gzip data has no end");
    out[14] ^= 0x55;
    write_file(path, out, n);
    assert_fails(path, NULL, "its gzip data cannot be unpacked");
    n = ZSTD_compress(out, sizeof out, a, sizeof a - 1, 1);
    n += ZSTD_compress(out + n, sizeof out - n, b, sizeof b - 1, 1);
    write_file(path, out, n);
    assert_said(path, NULL, both, sizeof both - 1);
    write_file(path, out, n - 3);
    assert_fails(path, NULL, "is cut: its zstd data has no end");
}
END_TEST

/* Rows around the sizes that are read at a time, as lines and in an array. */
START_TEST(long_rows)
{
    static const size_t sizes[] = { 1, 65500, 65536, 262130, 262144, 300000, 1000000 };
    for (int array = 0; array < 2; array++) {
        struct tr_err err = { 0 };
        struct tr_record r = { 0 };
        struct tr_row row = { 0 };
        FILE *f = fopen(path, "wb");
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            fputs(array && !i ? "[" : array ? "," : "", f);
            fprintf(f, "{\"text\":\"%0*zu\"}\n", (int)sizes[i], i);
        }
        fputs(array ? "]" : "", f);
        fclose(f);
        struct tr_source *s = tr_source_open(path, NULL, &err);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            ck_assert_int_eq(tr_source_next(s, &r, &err), 1);
            ck_assert_int_eq(tr_source_parse(s, &r, &row, &err), 0);
            ck_assert_uint_eq(row.n_text, sizes[i]);
            ck_assert_uint_eq(r.number, i + 1);
            ck_assert_uint_eq(r.line, i + 1);
        }
        ck_assert_int_eq(tr_source_next(s, &r, &err), 0);
        tr_source_close(s);
        tr_record_release(&r);
        tr_row_release(&row);
    }
}
END_TEST

/* A packed row far larger than its file and than memory is an error, not the end. */
START_TEST(no_room)
{
    enum { BLOCK = 1 << 20, N = SANITIZED ? 8 : 200 };
    char *block = calloc(1, BLOCK);
    ck_assert_ptr_nonnull(block);
    memset(block, ' ', BLOCK);
    gzFile f = gzopen(path, "wb1");
    ck_assert(f && gzwrite(f, "{\"text\":", 8) == 8);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(gzwrite(f, block, BLOCK), BLOCK);
    ck_assert_int_eq(gzclose(f), Z_OK);
    free(block);
    limit_memory(96 << 20);
    assert_fails(path, NULL, SANITIZED ? "the value has no end" : "line 1: no memory for a row of ");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("source");
    TCase *tc = tcase_create("source");
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, forms, 0, N_GOOD);
    tcase_add_loop_test(tc, faults, 0, N_BAD);
    tcase_add_test(tc, options);
    tcase_add_test(tc, names_and_systems);
    tcase_add_test(tc, preferences);
    tcase_add_test(tc, other_files);
    tcase_add_test(tc, packed);
    tcase_add_test(tc, long_rows);
    tcase_add_test(tc, no_room);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
