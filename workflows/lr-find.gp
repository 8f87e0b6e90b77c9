# SPDX-License-Identifier: MIT
# usage: gnuplot -c workflows/lr-find.gp LR-FIND.tsv OUT.png [RATE]
# The loss over the rate, its mean over neighbours, and a line at RATE.
if (strstrt(ARG1.ARG2, "'") || strstrt("<|", ARG1[1:1]) || strstrt("<|", ARG2[1:1])) {
    exit error "lr-find.gp: the name of a file begins with < or |, or holds '"
}
set terminal png noenhanced size 960,540
if (strstrt(GPVAL_TERMINALS, " pngcairo")) set terminal pngcairo noenhanced size 960,540
set output ARG2.".tmp"
set grid
set logscale x
set format x "%.0e"
set xlabel "learning rate"
set ylabel "loss"
set key top left
stats ARG1 using 4 nooutput
set yrange [STATS_min - 0.1 * (STATS_median - STATS_min) : STATS_median + (STATS_median - STATS_min) + 0.01]
if (strlen(ARG3)) {
    set arrow from real(ARG3), graph 0 to real(ARG3), graph 1 nohead dt 2 lw 2 lc rgb "#000000"
    set label "steepest fall, ".ARG3 at real(ARG3), graph 0.95 offset 1, 0
}
plot ARG1 using "rate":"loss" with points pt 7 ps 0.5 lc rgb "#7fa3c4" title "a step", \
     ARG1 using "rate":"mean" with lines lw 3 lc rgb "#1f4e79" title "mean of neighbours"
set output
system("mv '".ARG2.".tmp' '".ARG2."'")
