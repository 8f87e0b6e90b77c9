/* SPDX-License-Identifier: MIT
 *
 * What is a text, what is odd in one, and what is none.
 */
#include "scratch.h"

#include <libtrain/text.h>

#define BYTES(s) s, sizeof s - 1

/* Bytes, parts of the warnings (NULL: none), or of the error if `refused`. */
static const struct {
    const char *bytes;
    size_t n;
    int refused;
    const char *says[2];
} rows[] = {
    { BYTES(""), 0, { NULL } },
    { BYTES("Once upon a time\n"), 0, { NULL } },
    { BYTES("\xc3\xa9t\xc3\xa9, \xe4\xb8\x96\xf0\x9f\x98\x80, long enough for eight\n\t"),
      0, { NULL } },
    { BYTES("\x1b[1mbold\x1b[0m\a\n"), 0, { NULL } },
    { BYTES("GGUF is a format of files."), 0, { NULL } },
    { BYTES("<html><body>a page</body></html>"), 0, { NULL } },

    { BYTES("caf\xe9 \x93x\x94\n"), 0,
      { "3 of 9 bytes are not UTF-8, the first at offset 3" } },
    { BYTES("all is well to here: \xed\xa0\x80 surrogate"), 0,
      { "3 of 34 bytes are not UTF-8, the first at offset 21" } },
    { BYTES("cut \xe2\x82"), 0, { "2 of 6 bytes are not UTF-8, the first at offset 4" } },
    { BYTES("\xef\xbb\xbfHello\n"), 0, { "byte order mark" } },
    { BYTES("\xef\xbb\xbf{\"text\": \"a\"}\n"), 0,
      { "byte order mark", "record of JSON" } },

    { BYTES("{\"messages\":[{\"role\":\"user\"}]}\n{}\n"), 0, { "record of JSON" } },
    { BYTES("\n  { \"a\": \"}{\\\"\" } \r\nmore"), 0, { "record of JSON" } },
    { BYTES("[{\"a\": 1}, {\"a\": 2}]"), 0, { "record of JSON" } },
    { BYTES("{\"a\": 1} and more\n"), 0, { NULL } },
    { BYTES("{\"a\": 1\n"), 0, { NULL } },
    { BYTES("{% \"a\" %}\n"), 0, { NULL } },
    { BYTES("{\n"), 0, { NULL } },
    { BYTES("[1, 2]\n"), 0, { NULL } },
    { BYTES("{\"a\": \"b}\n"), 0, { NULL } },
    { BYTES("{\"a\": \"b\\"), 0, { NULL } },

    { BYTES("\xff\xfe" "H\0i\0"), 1, { "iconv -f UTF-16 -t UTF-8" } },
    { BYTES("H\0e\0l\0l\0o\0"), 1, { "iconv -f UTF-16LE -t UTF-8" } },
    { BYTES("\0H\0e\0l\0l\0o"), 1, { "iconv -f UTF-16BE -t UTF-8" } },
    { BYTES("GGUF\3\0\0\0\0\0\0\0"), 1, { "a GGUF model" } },
    { BYTES("\x1f\x8b\x08 abc"), 1, { "gunzip" } },
    { BYTES("PK\3\4 abc"), 1, { "a zip archive" } },
    { BYTES("%PDF-1.7\nabc"), 1, { "pdftotext" } },
    { BYTES("version https://git-lfs.github.com/spec/v1\n"), 1, { "git lfs pull" } },
    { BYTES("TRTOK\r\n\x1a"), 1, { "a token stream" } },
    { BYTES("and\0so"), 1, { "1 of its 6 bytes are NUL, the first at offset 3" } },
    { BYTES("eight bytes and more\0"), 1, { "the first at offset 20" } },
    /* KOI8-R; fifteen of such bytes, or few of many, are told only */
    { BYTES("\xf0\xd2\xc9\xd7\xc5\xd4, \xcd\xc9\xd2! \xeb\xc1\xcb \xc4\xc5\xcc\xc1?"), 1,
      { "16 of its 22 bytes are not, the first at offset 0; if the encoding is another" } },
    { BYTES("\xf0\xd2\xc9\xd7\xc5\xd4, \xcd\xc9\xd2! \xeb\xc1\xcb \xc4\xc5\xcc?"), 0,
      { "15 of 21 bytes are not UTF-8" } },
    { BYTES("\1\2abcdefgh\x7f"), 1, { "3 of its 11 bytes are control characters" } },
};

static void check(const struct tr_text *t, int row, int rc, const struct tr_err *err)
{
    const char *const *says = rows[row].says;
    ck_assert_msg(rc == (rows[row].refused ? TR_EFORMAT : 0), "row %d: %d %s", row, rc,
                  err->text);
    if (rc) {
        ck_assert_msg(strstr(err->text, says[0]) && strstr(err->text, path),
                      "'%s' is not in '%s'", says[0], err->text);
        return;
    }
    for (int i = 0; i < 2; i++)
        ck_assert_msg(says[i] ? strstr(t->warning[i], says[i]) != NULL : !*t->warning[i],
                      "row %d, warning %d: '%s'", row, i, t->warning[i]);
}

/* The same from a file and from memory; as binary data everything is taken. */
START_TEST(what_is_a_text)
{
    struct tr_err err = { 0 };
    struct tr_text t;
    write_bytes(path, rows[_i].bytes, rows[_i].n);
    check(&t, _i, tr_text_read(&t, path, 0, &err), &err);
    if (!rows[_i].refused) {
        ck_assert_uint_eq(t.n, rows[_i].n);
        ck_assert(!memcmp(t.bytes, rows[_i].bytes, t.n + 1));
    }
    tr_text_release(&t);

    err = (struct tr_err){ 0 };
    check(&t, _i, tr_text_check(&t, rows[_i].bytes, rows[_i].n, path, &err), &err);

    err = (struct tr_err){ 0 };
    ck_assert_int_eq(tr_text_read(&t, path, TR_TEXT_BINARY, &err), 0);
    ck_assert_uint_eq(t.n, rows[_i].n);
    ck_assert_str_eq(t.warning[0], "");
    tr_text_release(&t);
}
END_TEST

/* Bytes of chance, however few. */
START_TEST(noise)
{
    unsigned char bytes[2000];
    uint32_t state = (uint32_t)_i;
    struct tr_err err = { 0 };
    struct tr_text t;
    size_t n = _i % 2 ? sizeof bytes : 200;
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)((state = state * 1664525u + 1013904223u) >> 24);
    ck_assert_int_eq(tr_text_check(&t, (const char *)bytes, n, "noise", &err), TR_EFORMAT);
}
END_TEST

START_TEST(no_file)
{
    struct tr_err err = { 0 };
    struct tr_text t;
    ck_assert_int_eq(tr_text_read(&t, path, 0, &err), TR_EIO);
    ck_assert_ptr_null(t.bytes);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("text");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, what_is_a_text, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(tc, noise, 0, 20);
    tcase_add_test(tc, no_file);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
