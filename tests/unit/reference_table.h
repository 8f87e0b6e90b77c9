/* SPDX-License-Identifier: MIT
 *
 * A table of tests/golden/reference, made by dev/reference.py.  One is open at a time;
 * what is not there, or is not near, fails the test.
 */
#ifndef TESTS_REFERENCE_TABLE_H
#define TESTS_REFERENCE_TABLE_H

/* NAME.tsv */
void open_table_named(const char *of);
void close_table(void);
/* The numbers of the row KEY, exactly n. */
void row(const char *key, double *v, int n);
int rows_that_begin_with(const char *key);

/* Number i of `what` is no further than `limit` from what is wanted. */
void near(const char *what, int i, double got, double want, double limit);

#endif
