/* SPDX-License-Identifier: MIT
 *
 * Curves as SVG.  Coordinates have one digit behind the point, a tenth of what a screen shows;
 * a curve of more than POINTS is drawn by means, so that a page stays small.
 */
#include "page.h"

#include <math.h>

enum { WIDTH = 480, HEIGHT = 250, LEFT = 56, RIGHT = 12, TOP = 10, BOTTOM = 34, POINTS = 240 };

struct axes {
    double x0, x1, y0, y1;
};

static void widen(double *lo, double *hi, double v)
{
    *lo = v < *lo ? v : *lo;
    *hi = v > *hi ? v : *hi;
}

/* 1 if there is something to draw. */
static int find_axes(struct axes *a, const struct cmd_curve *c, size_t n)
{
    size_t seen = 0;
    *a = (struct axes){ INFINITY, -INFINITY, INFINITY, -INFINITY };
    for (; n--; c++)
        for (size_t i = 0; i < c->n; i++) {
            if (isnan(c->x[i]) || isnan(c->y[i]))
                continue;
            widen(&a->x0, &a->x1, c->x[i]);
            widen(&a->y0, &a->y1, c->y[i]);
            seen++;
        }
    double room = (a->y1 - a->y0) * 0.04;
    room = room > 0 ? room : fabs(a->y1) * 0.1 + 1e-12;
    a->y0 -= room;
    a->y1 += room;
    a->x1 += a->x1 == a->x0;
    return seen > 1;
}

static double px(const struct axes *a, double x)
{
    return LEFT + (x - a->x0) / (a->x1 - a->x0) * (WIDTH - LEFT - RIGHT);
}

static double py(const struct axes *a, double y)
{
    return HEIGHT - BOTTOM - (y - a->y0) / (a->y1 - a->y0) * (HEIGHT - TOP - BOTTOM);
}

/* A distance of ticks: 1, 2 or 5 times a power of ten, of which about n fit. */
static double step_of(double span, int n)
{
    double p = pow(10, floor(log10(span / n))), m = span / n / p;
    return p * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10);
}

enum { MOST_TICKS = 20 }; /* a step may be too small to change a number */

static void put_ticks(FILE *f, const struct axes *a)
{
    double s = step_of(a->y1 - a->y0, 5);
    double v = ceil(a->y0 / s) * s;
    for (int i = 0; v <= a->y1 && i < MOST_TICKS; i++, v += s)
        fprintf(f, "<path class=\"g\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%.5g</text>\n", LEFT, py(a, v), WIDTH - RIGHT, LEFT - 6,
                py(a, v) + 4, fabs(v) < s / 1e6 ? 0 : v);
    s = fmax(1, step_of(a->x1 - a->x0, 6));
    v = ceil(a->x0 / s) * s;
    for (int i = 0; v <= a->x1 && i < MOST_TICKS; i++, v += s)
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", px(a, v),
                HEIGHT - BOTTOM + 15, v);
}

/* The mean of points from `at` on, `every` of them; 0 if there is none. */
static int mean(const struct cmd_curve *c, size_t at, size_t every, double *x, double *y)
{
    int n = 0;
    *x = *y = 0;
    for (size_t i = at; i < c->n && i < at + every; i++)
        if (!isnan(c->x[i]) && !isnan(c->y[i])) {
            *x += c->x[i];
            *y += c->y[i];
            n++;
        }
    *x /= n ? n : 1;
    *y /= n ? n : 1;
    return n;
}

static void put_curve(FILE *f, const struct axes *a, const struct cmd_curve *c)
{
    size_t every = c->dots ? 1 : (c->n + POINTS - 1) / POINTS;
    double x, y;
    every += !every;
    fprintf(f, "<polyline class=\"%s\" style=\"stroke:var(--c%d)\" points=\"",
            c->faint ? "f" : "l", c->color);
    for (size_t i = 0; i < c->n; i += every)
        if (mean(c, i, every, &x, &y))
            fprintf(f, "%.1f,%.1f ", px(a, x), py(a, y));
    fputs("\"/>\n", f);
    for (size_t i = 0; c->dots && i < c->n; i++)
        if (mean(c, i, 1, &x, &y))
            fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" style=\"fill:var(--c%d)\"/>",
                    px(a, x), py(a, y), c->color);
}

static void put_legend(FILE *f, const struct cmd_curve *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!c[i].name)
            continue;
        fprintf(f, " <span style=\"color:var(--c%d)\">&#9632;&nbsp;", c[i].color);
        cmd_page_put(f, "span", c[i].name);
        fputs("</span>", f);
    }
}

void cmd_page_curves(FILE *f, const char *title, const char *x_name,
                     const struct cmd_curve *curve, size_t n_curve)
{
    struct axes a;
    if (!find_axes(&a, curve, n_curve))
        return;
    fputs("<figure><figcaption>", f);
    cmd_page_put(f, "b", title);
    if (n_curve > 1)
        put_legend(f, curve, n_curve);
    fprintf(f, "</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\">\n", WIDTH, HEIGHT);
    put_ticks(f, &a);
    fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", WIDTH - RIGHT, HEIGHT - 3);
    cmd_page_put(f, "tspan", x_name);
    fputs("</text>\n", f);
    for (size_t i = 0; i < n_curve; i++)
        put_curve(f, &a, &curve[i]);
    fputs("</svg></figure>\n", f);
}
