/* SPDX-License-Identifier: MIT
 *
 * A data set from a program: scaffolded, filled row by row, built, measured, and read back as
 * training data.  Faults and their words are tested with the command.
 */
#include "scratch.h"

#include <libtrain/dataset.h>
#include <libtrain/source.h>

enum { N_ROW = 20 };

struct told {
    int made, odd, wrong;
    char last[512];
};

static void tell(void *ctx, enum tr_dataset_news kind, const char *text)
{
    struct told *t = ctx;
    t->made += kind == TR_DATASET_MADE;
    t->odd += kind == TR_DATASET_ODD;
    t->wrong += kind == TR_DATASET_WRONG;
    snprintf(t->last, sizeof t->last, "%s", text);
}

/* What scaffolding makes, innermost first. */
static const char *const made[] = {
    "topics/subject/topic/subject.topic.core.json", "topics/subject/topic", "topics/subject",
    "topics", "schemas/reasoning.json", "schemas/difficulty.json", "schemas", "set.json",
};
enum { N_MADE = sizeof made / sizeof *made };

static void remove_tree(void)
{
    for (int i = 0; i < N_MADE; i++) {
        char name[600];
        snprintf(name, sizeof name, "%s/%s", dir, made[i]);
        ck_assert_int_eq(remove(name), 0);
    }
}

static struct tr_dataset_args scaffold(struct told *told)
{
    static char structure[600];
    snprintf(structure, sizeof structure, "%s/set.json", dir);
    struct tr_dataset_args args = { .structure = structure };
    const struct tr_dataset_tell teller = { tell, told };
    ck_assert_int_eq(tr_dataset_scaffold(&args, 1, &teller, NULL), 0);
    return args;
}

static void add_row(int i)
{
    char topic[600], question[32], answer[64] = "";
    snprintf(topic, sizeof topic, "%s/%s", dir, made[0]);
    snprintf(question, sizeof question, "question \"%d\"", i);
    memset(answer, 'x', (size_t)i + 1);
    const struct tr_dataset_field field[] = {
        { "question", question, strlen(question), 0 }, { "think", "hm\n", 3, 0 },
        { "output", answer, strlen(answer), 0 }, { "difficulty", i % 2 ? "5" : "\"easy\"",
                                                   i % 2 ? 1 : 6, 1 },
    };
    ck_assert_int_eq(tr_dataset_append(topic, field, 4, NULL), 0);
}

/* Rows i = 0, 1, …: 12 or 13 characters of question, 3 of thought, i + 1 of answer. */
static void check_stats(const struct tr_dataset_stats *s)
{
    ck_assert_uint_eq(s->n_topic, 1);
    ck_assert_str_eq(s->topic[0].name, "subject.topic.core");
    ck_assert_uint_eq(s->all.rows, N_ROW);
    ck_assert_uint_eq(s->all.question, 12 * 10 + 13 * 10);
    ck_assert_uint_eq(s->all.think, 3 * N_ROW);
    ck_assert_uint_eq(s->all.output, N_ROW * (N_ROW + 1) / 2);
    ck_assert_uint_eq(s->all.median, 12 + 3 + 10);
    ck_assert_uint_eq(s->all.p95, 13 + 3 + 19);
    ck_assert_uint_eq(s->topic[0].longest, 13 + 3 + 20);
    ck_assert_uint_eq(s->level[2], N_ROW / 2);
    ck_assert_uint_eq(s->level[5], N_ROW / 2);
    ck_assert_str_eq(s->level_name[6], "open");
}

/* All rows are the form of training data that they look like. */
static void check_rows(const char *file)
{
    const struct tr_source_options o = { .chat = 1 };
    struct tr_record r = { 0 };
    struct tr_row row = { 0 };
    int n = 0;
    struct tr_source *s = tr_source_open(file, &o, NULL);
    ck_assert_ptr_nonnull(s);
    while (tr_source_next(s, &r, NULL) > 0) {
        ck_assert_int_eq(tr_source_parse(s, &r, &row, NULL), 0);
        ck_assert_str_eq(row.form, "reasoning");
        n++;
    }
    ck_assert_int_eq(n, N_ROW);
    tr_source_close(s);
    tr_record_release(&r);
    tr_row_release(&row);
}

START_TEST(from_nothing_to_rows)
{
    struct told told = { 0 };
    struct tr_dataset_args args = scaffold(&told);
    ck_assert_int_eq(told.made, N_MADE);
    for (int i = 0; i < N_ROW; i++)
        add_row(i);
    const struct tr_dataset_tell teller = { tell, &told };
    struct tr_dataset_stats stats;
    struct tr_dataset *d = tr_dataset_open(&args, NULL);
    struct tr_out *out = tr_out_open(in_dir("rows.jsonl"), NULL);
    ck_assert_int_eq(tr_dataset_build(d, out, NULL, &teller, &stats, NULL), 0);
    ck_assert_int_eq(tr_out_commit(out, NULL), 0);
    ck_assert_int_eq(told.odd + told.wrong, 0);
    check_stats(&stats);
    check_rows(scratch[0]);
    tr_dataset_stats_release(&stats);
    tr_dataset_free(d);
    remove_tree();
}
END_TEST

/* One object, asked again and again. */
START_TEST(looking_twice)
{
    struct told told = { 0 };
    struct tr_err err = { 0 };
    struct tr_dataset_args args = scaffold(&told);
    const struct tr_dataset_tell teller = { tell, &told };
    struct tr_dataset *d = tr_dataset_open(&args, NULL);
    ck_assert_int_eq(tr_dataset_build(d, NULL, NULL, &teller, NULL, &err), TR_EFORMAT);
    ck_assert_int_eq(told.odd, 1);
    ck_assert_ptr_nonnull(strstr(err.text, "has no rows"));
    add_row(0);
    add_row(0);
    ck_assert_int_eq(tr_dataset_build(d, NULL, NULL, &teller, NULL, NULL), 0);
    ck_assert_int_eq(told.odd, 2);
    ck_assert_ptr_nonnull(strstr(told.last, "row 2: the same as row 1"));
    ck_assert_int_eq(tr_dataset_build(d, NULL, NULL, NULL, NULL, NULL), 0);
    tr_dataset_free(d);
    remove_tree();
}
END_TEST

START_TEST(files)
{
    struct told told = { 0 };
    struct tr_dataset_args args = scaffold(&told);
    struct tr_dataset *d = tr_dataset_open(&args, NULL);
    const char *file;
    int n = 0, topics = 0;
    for (size_t i = 0; (file = tr_dataset_file(d, i)); i++, n++)
        topics += strstr(file, made[0]) != NULL;
    ck_assert_int_eq(n, 5);
    ck_assert_int_eq(topics, 1);
    tr_dataset_free(d);
    remove_tree();
}
END_TEST

START_TEST(quote)
{
    static const char text[] = "a \"b\"\\\n\x01\0\xc3\xa9";
    static const char want[] = "\"a \\\"b\\\"\\\\\\n\\u0001\\u0000\xc3\xa9\"";
    struct tr_err err = { 0 };
    size_t n;
    char *s = tr_dataset_quote(text, sizeof text - 1, "it", &n, NULL);
    ck_assert_uint_eq(n, sizeof want - 1);
    ck_assert_str_eq(s, want);
    free(s);
    ck_assert_ptr_null(tr_dataset_quote("ab\xff", 3, "it", &n, &err));
    ck_assert_str_eq(err.text, "'it' byte 2 is not UTF-8");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dataset");
    TCase *t = tcase_create("dataset");
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_test(t, from_nothing_to_rows);
    tcase_add_test(t, looking_twice);
    tcase_add_test(t, files);
    tcase_add_test(t, quote);
    suite_add_tcase(s, t);
    return run_suite(s);
}
