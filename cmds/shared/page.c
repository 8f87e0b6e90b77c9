/* SPDX-License-Identifier: MIT
 *
 * The style is in the page: colours by what the browser asks for, light or dark, and columns that
 * become one on a narrow screen.  Next: curves.c.
 */
#include "page.h"

#include <libtrain/printable.h>

#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--bg:#fbfaf8;--fg:#1d2025;--dim:#666b73;--line:#d9d6d0;--box:#fff;"
    "--c0:#1f5c99;--c1:#c2410c;--c2:#15803d;--c3:#7c3aed;--c4:#b45309;--c5:#0e7490;--c6:#be185d;"
    "--c7:#4d5560}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#15171a;--fg:#e6e4df;--dim:#9a9ea6;--line:#343840;"
    "--box:#1c1f24;--c0:#6cb0f0;--c1:#fb923c;--c2:#4ade80;--c3:#b794f6;--c4:#fbbf24;--c5:#22d3ee;"
    "--c6:#f472b6;--c7:#a8b0bc}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:64rem;padding:1.2rem 1rem 4rem;"
    "background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.5rem;margin:.3rem 0;overflow-wrap:anywhere}h2{font-size:1.1rem;"
    "margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line)}\n"
    ".dim{color:var(--dim)}.verdict{white-space:pre-line;border-left:4px solid var(--c0);"
    "background:var(--box);padding:.6rem .9rem;margin:1rem 0}\n"
    ".wide{overflow-x:auto;white-space:nowrap}table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "th,td{text-align:left;padding:.2rem 1.1rem .2rem 0;border-bottom:1px solid var(--line);"
    "vertical-align:top}th{font-weight:600;color:var(--dim)}td.n,th.n{text-align:right}\n"
    ".grid{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr))}"
    "figure{margin:0;background:var(--box);border:1px solid var(--line);border-radius:6px;"
    "padding:.5rem .6rem}figcaption{font-size:.9rem;color:var(--dim)}\n"
    "svg{width:100%;height:auto;display:block}svg text{fill:var(--dim);font:12px system-ui,sans-serif}"
    "svg .g{stroke:var(--line)}svg polyline{fill:none;stroke-width:2;stroke-linejoin:round}"
    "svg .f{stroke-width:1;opacity:.45}\n"
    "pre{background:var(--box);border:1px solid var(--line);border-radius:6px;padding:.6rem .8rem;"
    "font:13px/1.45 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:.4rem 0}"
    ".pair{margin-bottom:1rem}.pair pre{margin:.2rem 0}details{margin:.5rem 0}"
    "summary{cursor:pointer;color:var(--dim)}\n";

void cmd_page_begin(FILE *f, const char *title)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n", f);
    cmd_page_put(f, "title", title);
    fprintf(f, "<style>\n%s</style>\n", style);
}

void cmd_page_end(FILE *f)
{
    fputs("</html>\n", f);
}

static const char *entity(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    default: return NULL;
    }
}

void cmd_page_text(FILE *f, const char *s, size_t n)
{
    for (size_t at = 0, step; at < n; at += step) {
        const char *as = entity(s[at]);
        step = tr_printable(s + at, n - at);
        if (as)
            fputs(as, f);
        else if (step)
            fwrite(s + at, 1, step, f);
        else
            fputs(s[at] == '\n' || s[at] == '\t' ? (char[]){ s[at], '\0' } : "·", f);
        step += !step;
    }
}

void cmd_page_put(FILE *f, const char *element, const char *text)
{
    size_t name = strcspn(element, " ");
    fprintf(f, "<%s>", element);
    cmd_page_text(f, text, strlen(text));
    fprintf(f, "</%.*s>\n", (int)name, element);
}
