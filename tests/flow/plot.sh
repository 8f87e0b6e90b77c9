#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The plot of the loss, read as SVG: title, lines, points and steps.
. "${0%/*}/../lib.sh"

command -v gnuplot >/dev/null 2>&1 || test_skip_all "gnuplot is not there"

# metrics STEPS EVERY: a table as train writes it, held out measured every so many steps.
metrics() {
    printf 'step\tloss\tlr\tval_loss\tval_every\n'
    awk -v n="$1" -v every="$2" 'BEGIN { OFS = "\t"; for (i = 1; i <= n; i++)
        print i, 3 + 1 / i + (i % 2) / 5, 0.1, every && i % every == 0 ? 3.2 + 1 / i : "-",
        every && i % every == 0 ? 2 : "-" }'
}
# plot RUN: what gnuplot says goes to stderr.
plot() { gnuplot -c "$TOP/workflows/loss.gp" "$1/metrics.tsv" "$1/loss.svg" 2>stderr; }
# The filled dots: one stands in the key.
dots() { grep -c "xlink:href='#gpPt6'" "$1"; }

test_expect_success 'base and held out through the run, and a smoothed line' '
    mkdir -p "a run_1{b}^2"
    metrics 280 28 >"a run_1{b}^2/metrics.tsv"
    printf "tokens\tloss\n10\t3.5\n10\t1000\n30\t5.5\n9\t-1000\n" >"a run_1{b}^2/losses-base.tsv"
    plot "a run_1{b}^2"
    test ! -s stderr
    grep -F "a run_1{b}^2" "a run_1{b}^2/loss.svg"
    grep -F "held out, from the base on" "a run_1{b}^2/loss.svg"
    grep -F "training, mean of 15 steps" "a run_1{b}^2/loss.svg"
    test "$(dots "a run_1{b}^2/loss.svg")" = 12
    grep ">[^<>0-9]*5<" "a run_1{b}^2/loss.svg"'

test_expect_success 'four steps have whole numbers on the axis and no smoothed line' '
    mkdir short
    metrics 4 0 >short/metrics.tsv
    plot short
    test ! -s stderr
    if grep -F "mean of" short/loss.svg; then exit 1; fi
    if grep -F "held out" short/loss.svg; then exit 1; fi
    if grep -E ">[^<>0-9]*[1-3]\.5[^<>0-9]*<" short/loss.svg; then exit 1; fi'

test_expect_success 'one step, and a table of before without held-out columns' '
    mkdir one old
    metrics 1 1 >one/metrics.tsv
    plot one
    metrics 9 0 | cut -f 1-3 >old/metrics.tsv
    plot old
    test ! -s stderr
    grep -F "training" old/loss.svg'

test_expect_success 'the frame does not cut the points of the first and the last step' '
    mkdir ends
    metrics 100 50 >ends/metrics.tsv
    plot ends
    sed -n "s/.*<use xlink:href=.#gpPt6. transform=.translate(\([0-9.]*\),.*/\1/p" ends/loss.svg |
        sort -n >x
    awk "\$1 > 930 { exit 1 }" x'

test_done
