# SPDX-License-Identifier: MIT
# usage: gnuplot -c workflows/loss.gp METRICS.tsv OUT.png
# The loss of every step and, where it was measured, that of the held-out text.
# Both names reach the shell below, and a first < or | would make a program of one.
if (strstrt(ARG1.ARG2, "'") || strstrt("<|", ARG1[1:1]) || strstrt("<|", ARG2[1:1])) {
    exit error "loss.gp: the name of a file begins with < or |, or holds '"
}
set datafile separator "\t"
set datafile missing "-"
set terminal png size 960,540
if (strstrt(GPVAL_TERMINALS, " pngcairo")) set terminal pngcairo size 960,540
set output ARG2.".tmp"
set key autotitle columnhead top right
set grid
set xlabel "step"
set ylabel "loss"
validated = strstrt(system("head -n 1 '".ARG1."'"), "val_loss")
if (validated) {
    plot ARG1 using "step":"loss" with lines lw 2 title "training", \
         ARG1 using "step":"val_loss" with points pt 7 title "held out"
} else {
    plot ARG1 using "step":"loss" with lines lw 2 title "training"
}
set output
system("mv '".ARG2.".tmp' '".ARG2."'")
