/* SPDX-License-Identifier: MIT
 *
 * What becomes of a document that is longer than the context.  Running text loses nothing in
 * windows; of a conversation a window from its middle is one that nobody had, so of rows the
 * beginning is kept, or none of it.  The packer counts what each of these does, so that
 * nothing is lost without a word.
 */
#include <libtrain/data/over_long.h>

static int64_t keep_all(size_t n, uint32_t ctx)
{
    (void)ctx;
    return (int64_t)n;
}

static int64_t keep_beginning(size_t n, uint32_t ctx)
{
    (void)n;
    return ctx;
}

static int64_t keep_nothing(size_t n, uint32_t ctx)
{
    (void)n;
    (void)ctx;
    return 0;
}

static int64_t refuse(size_t n, uint32_t ctx)
{
    (void)n;
    (void)ctx;
    return -1;
}

const struct tr_over_long tr__over_long_split = { "split", keep_all };
const struct tr_over_long tr__over_long_cut = { "cut", keep_beginning };
const struct tr_over_long tr__over_long_drop = { "drop", keep_nothing };
const struct tr_over_long tr__over_long_refuse = { "refuse", refuse };
