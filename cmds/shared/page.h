/* SPDX-License-Identifier: MIT
 *
 * A page of HTML that needs nothing beside itself: texts, tables, curves.
 */
#ifndef CMDS_SHARED_PAGE_H
#define CMDS_SHARED_PAGE_H

#include <stddef.h>
#include <stdio.h>

void cmd_page_begin(FILE *f, const char *title);
void cmd_page_end(FILE *f);

/* Text of n bytes, which may hold anything: what is not to be seen becomes a middle dot, line ends and tabs
 * stay. */
void cmd_page_text(FILE *f, const char *s, size_t n);
/* The same of a string, in an element. */
void cmd_page_put(FILE *f, const char *element, const char *text);

struct cmd_curve {
    const char *name;    /* NULL: not in the legend */
    const double *x, *y; // (n) what is NAN is passed over
    size_t n;
    int color;           /* 0 … 7 */
    int faint, dots;     /* drawn behind others; with a mark at each point */
};
/* A figure of several curves over the same axes, with a legend where there are several; of many
 * points neighbours are drawn as their mean.  Nothing if there are no two numbers. */
void cmd_page_curves(FILE *f, const char *title, const char *x_name,
                     const struct cmd_curve *curve, size_t n_curve);

#endif
