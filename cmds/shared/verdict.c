/* SPDX-License-Identifier: MIT
 *
 * A change is called better or worse only if its whole margin is on that side, and neither
 * only if the margin leaves no room for more than one per cent of perplexity; all else, and
 * what rests on very little text, is not known.  What rests on little is told so.
 */
#include "verdict.h"

#include <math.h>

enum { MIN_TOKENS = 100, FEW_TOKENS = 1000 };
static const double no_more = 0.01; /* of loss: one per cent of perplexity */

struct verdict {
    const char *words, *color, *advice;
};
static const struct verdict better = { "Better", "32", NULL };
static const struct verdict worse = {
    "Worse", "31", "What may help: more text, fewer epochs, a lower learning rate."
};
static const struct verdict neither = { "No better and no worse", "39", NULL };
static const struct verdict unknown = {
    "Not enough held-out text to tell", "33",
    "What would: more text, or a larger share of it held out."
};

static const struct verdict *find(const struct tr_loss_change *c)
{
    if (c->weight < MIN_TOKENS || isinf(c->margin))
        return &unknown;
    if (c->change + c->margin < 0)
        return &better;
    if (c->change - c->margin > 0)
        return &worse;
    return fabs(c->change) + c->margin <= no_more ? &neither : &unknown;
}

void cmd_verdict_print(FILE *f, const struct tr_loss_change *c, int color)
{
    const struct verdict *v = find(c);
    unsigned long long n = c->n;
    if (color)
        fprintf(f, "\033[1;%sm%s\033[0m", v->color, v->words);
    else
        fputs(v->words, f);
    if (v == &unknown)
        fprintf(f, " (%.0f token%s)", c->weight, c->weight == 1 ? "" : "s");
    fprintf(f, ":%sheld-out loss %.3f before, %.3f after (perplexity %.4g, %.4g);\n",
            v == &better || v == &worse ? " " : "\n", c->before, c->after, exp(c->before),
            exp(c->after));
    if (isinf(c->margin))
        fprintf(f, "%llu sequence%s: %d are needed for an interval.\n", n,
                n == 1 ? "" : "s", TR_LOSS_CHANGE_MIN);
    else
        fprintf(f, "the change is %+.4f ± %.4f (95 %%), from %.0f tokens in %llu "
                "sequences.\n", c->change, c->margin, c->weight, n);
    if (v != &unknown && c->weight < FEW_TOKENS)
        fputs("That is little text: other text of the kind may show another change.\n", f);
    if (v->advice)
        fprintf(f, "%s\n", v->advice);
}
