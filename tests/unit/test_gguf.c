/* SPDX-License-Identifier: MIT
 *
 * Reading GGUF: every value of every row of the catalogue of bad files.
 */
#include <libtrain/gguf.h>

#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>

#include "../fuzz/bad_gguf.h"
#include "sanitized.h"
#include "scratch.h"

enum { N_BAD = sizeof bad_files / sizeof *bad_files };

static void judge(const struct bad_file *f, uint64_t x)
{
    struct tr_err err = { 0 };
    struct tr_gguf *g = tr_gguf_open(path, &err);
    if (f->verdict == REJ) {
        ck_assert_msg(!g, "%s %s (%" PRIu64 ") was taken", f->id, f->what, x);
        ck_assert_msg(err.code == TR_EFORMAT || err.code == TR_EUNSUPPORTED, "%s %s: %s",
                      f->id, f->what, err.text);
        ck_assert_msg(strstr(err.text, f->text) && strstr(err.text, path), "%s %s: %s",
                      f->id, f->what, err.text);
        return;
    }
    ck_assert_msg(g && !err.code, "%s %s: %s", f->id, f->what, err.text);
    const char *warning = tr_gguf_warning(g, 0);
    if (f->verdict == WARN)
        ck_assert_msg(warning && strstr(warning, f->text), "%s %s: warns '%s'", f->id,
                      f->what, warning ? warning : "");
    else
        ck_assert_msg(!warning, "%s %s: warns '%s'", f->id, f->what, warning);
    ck_assert_ptr_null(tr_gguf_warning(g, 1));
    int rc = tr_gguf_check(g, &err);
    ck_assert_msg(f->verdict == CHECK ? rc == TR_EFORMAT && strstr(err.text, f->text) : !rc,
                  "%s %s: %d %s", f->id, f->what, rc, err.text);
    tr_gguf_close(g);
}

START_TEST(test_bad_file)
{
    const struct bad_file *f = &bad_files[_i];
    uint64_t n = f->last ? f->last - f->x + 1 : 1;
    for (uint64_t x = f->x; n-- > 0; x++) {
        struct bytes b = bad_file_make(f, x);
        write_bytes(path, b.p, b.n);
        free(b.p);
        if (x == f->x)
            limit_memory(5 * b.n + (1 << 20));
        clock_t begin = clock();
        judge(f, x);
        ck_assert_msg(clock() - begin < 2 * CLOCKS_PER_SEC, "%s %s: slow", f->id, f->what);
    }
}
END_TEST

START_TEST(test_not_a_file)
{
    struct tr_err err = { 0 };
    ck_assert_ptr_null(tr_gguf_open(dir, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "Is a directory"));
    err.code = 0;
    ck_assert_ptr_null(tr_gguf_open(path, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
    ck_assert_int_eq(err.code, TR_EIO);
    err.code = 0;
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_ptr_null(tr_gguf_open(path, &err)); /* does not wait for a writer */
    ck_assert_ptr_nonnull(strstr(err.text, "needs a seekable file"));
    err.code = 0;
    ck_assert_ptr_null(tr_gguf_open("-", &err));
    ck_assert_ptr_nonnull(strstr(err.text, "needs a seekable file"));
    ck_assert_ptr_null(tr_gguf_open(path, NULL));
    tr_gguf_close(NULL);
}
END_TEST

static const struct {
    const char *name;
    int64_t block;
    const char *rest;
} names[] = {
    { "blk.0.attn_q.weight", 0, "attn_q.weight" },
    { "blk.17.ffn_up.bias", 17, "ffn_up.bias" },
    { "blk.511.", 511, "" },
    { "blk.9223372036854775807.x", INT64_MAX, "x" },
    { "blk.99999999999999999999999.x", INT64_MAX, "x" },
    { "blk.00.x", -1, NULL },
    { "blk.01.x", -1, NULL },
    { "blk.-1.x", -1, NULL },
    { "blk. 1.x", -1, NULL },
    { "blk.1", -1, NULL },
    { "blk..x", -1, NULL },
    { "blk.", -1, NULL },
    { "token_embd.weight", -1, NULL },
    { "v.blk.1.x", -1, NULL },
    { "", -1, NULL },
};

START_TEST(test_block)
{
    const char *rest = NULL;
    ck_assert_int_eq(tr_gguf_block(names[_i].name, &rest), names[_i].block);
    ck_assert_pstr_eq(rest, names[_i].rest);
    ck_assert_int_eq(tr_gguf_block(names[_i].name, NULL), names[_i].block);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gguf");
    TCase *t = tcase_create("gguf");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_loop_test(t, test_bad_file, 0, N_BAD);
    tcase_add_test(t, test_not_a_file);
    tcase_add_loop_test(t, test_block, 0, sizeof names / sizeof *names);
    suite_add_tcase(s, t);
    return run_suite(s);
}
