/* SPDX-License-Identifier: MIT
 *
 * Settings of an adapter as PEFT has them: what they come to on a small llama, and which are
 * refused.  The table is in lora_config.def, with ' for ".
 */
#include "scratch.h"
#include "tiny_model.h"

#include <libtrain/lora.h>

#include <math.h>

static const struct file {
    const char *text;
    int64_t rank;
    double alpha;
    const char *targets, *why;
} files[] = {
#include "lora_config.def"
};
enum { N_FILE = sizeof files / sizeof *files };

static void write_file(const char *text)
{
    FILE *f = fopen(other, "w");
    ck_assert_ptr_nonnull(f);
    for (; *text; text++)
        fputc(*text == '\'' ? '"' : *text, f);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(read_or_refused)
{
    const struct file *f = &files[_i];
    struct tr_lora_config c;
    struct tr_err err = { 0 };
    make_dir();
    tiny_model_write(&tiny_llama, path);
    struct tr_model *m = tr_model_open(path, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    write_file(f->text);
    int rc = tr_lora_config_read(&c, other, m, &err);
    if (f->why) {
        ck_assert_msg(rc < 0 && strstr(err.text, f->why), "%s: %d, %s", f->text, rc, err.text);
        ck_assert_ptr_nonnull(strstr(err.text, other));
        ck_assert_int_ne(tr_lora_config_read(&c, other, m, NULL), 0);
    } else {
        ck_assert_msg(!rc, "%s: %s", f->text, err.text);
        ck_assert_int_eq(c.rank, f->rank);
        ck_assert_double_eq_tol(c.alpha, f->alpha, 1e-12);
        ck_assert_str_eq(c.targets, f->targets);
        struct tr_lora *l = tr_lora_new(m, c.targets, (int)c.rank, (float)c.alpha, &err);
        ck_assert_msg(l != NULL, "%s", err.text);
        tr_lora_free(l);
    }
    tr_lora_config_release(&c);
    tr_model_close(m);
    remove_dir();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lora_config");
    TCase *c = tcase_create("files");
    tcase_add_loop_test(c, read_or_refused, 0, N_FILE);
    suite_add_tcase(s, c);
    return run_suite(s);
}
