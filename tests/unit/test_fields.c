/* SPDX-License-Identifier: MIT
 *
 * Lines of fields at every width: never wider, never half a field, and what matters less is
 * what is dropped.
 */
#include "suite.h"

#include <cmds/shared/fields.h>

#include <math.h>
#include <string.h>

enum { WIDEST = 200, N = 7 };

static const struct cmd_field line_of_step[N] = {
    { "[########        ]", 5 }, { " 45 %", 0 },     { "step 128/284", 1 },
    { "left 1:02:03", 2 },       { "", 3 },          { "loss 3.2122", 4 },
    { "norm 1.234e+05", 6 },
};

/* Bits of the fields that a line has; it must have nothing else. */
static unsigned fields_in(const char *line)
{
    unsigned found = 0;
    const char *at = line;
    for (int i = 0; i < N; i++) {
        size_t n = strlen(line_of_step[i].text), gap = at > line ? 2 : 0;
        if (!n || strncmp(at, "  ", gap) || strncmp(at + gap, line_of_step[i].text, n))
            continue;
        found |= 1u << line_of_step[i].rank;
        at += gap + n;
    }
    ck_assert_msg(!*at, "'%s' has '%s'", line, at);
    return found;
}

START_TEST(no_line_is_wider_than_its_terminal)
{
    unsigned before = 0;
    for (int width = 0; width <= WIDEST; width++) {
        char line[256];
        size_t n = cmd_fields_line(line_of_step, N, width, line, sizeof line);
        ck_assert_uint_eq(n, strlen(line));
        ck_assert_int_le((int)n, width);
        if (width < (int)strlen(" 45 %")) {
            ck_assert_mem_eq(line, " 45 %", n);
            continue;
        }
        unsigned now = fields_in(line);
        ck_assert_msg(now & 1, "%d: '%s'", width, line);
        ck_assert_msg((now & before) == before, "%d: '%s' has less", width, line);
        for (unsigned rank = 1; rank < N; rank++) /* none but behind all of more weight */
            ck_assert_msg(!(now >> rank & 1) || ((now | 1u << 3) & ((1u << rank) - 1)) ==
                                                    (1u << rank) - 1,
                          "%d: '%s'", width, line);
        before = now;
    }
    ck_assert_uint_eq(before | 1u << 3, (1u << N) - 1);
}
END_TEST

START_TEST(a_line_stays_in_its_memory)
{
    for (size_t size = 1; size < 60; size++) {
        char line[64];
        memset(line, '#', sizeof line);
        size_t n = cmd_fields_line(line_of_step, N, WIDEST, line, size);
        ck_assert_uint_lt(n, size);
        ck_assert_int_eq(line[n], '\0');
        ck_assert_int_eq(line[size], '#');
    }
}
END_TEST

static const struct { double part; const char *want; } bars[] = {
    { -1, "[                ]" }, { 0, "[                ]" },   { 0.5, "[########        ]" },
    { 0.999, "[############### ]" }, { 1, "[################]" }, { 7, "[################]" },
};
static const struct { double seconds; const char *want; } times[] = {
    { 0, "left 0:00" },      { 59.4, "left 0:59" },       { 59.6, "left 1:00" },
    { 3599, "left 59:59" },  { 3600, "left 1:00:00" },    { 360000, "left 100:00:00" },
    { -1, "" },              { (double)NAN, "" },         { (double)INFINITY, "" },
};

START_TEST(bars_and_times)
{
    struct cmd_field f;
    for (size_t i = 0; i < sizeof bars / sizeof *bars; i++) {
        cmd_field_bar(&f, 3, bars[i].part);
        ck_assert_str_eq(f.text, bars[i].want);
        ck_assert_int_eq(f.rank, 3);
    }
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        cmd_field_left(&f, 2, times[i].seconds);
        ck_assert_str_eq(f.text, times[i].want);
    }
    cmd_field_set(&f, 1, "%040d", 7);
    ck_assert_uint_eq(strlen(f.text), sizeof f.text - 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fields");
    TCase *t = tcase_create("fields");
    tcase_add_test(t, no_line_is_wider_than_its_terminal);
    tcase_add_test(t, a_line_stays_in_its_memory);
    tcase_add_test(t, bars_and_times);
    suite_add_tcase(s, t);
    return run_suite(s);
}
