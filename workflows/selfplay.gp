# SPDX-License-Identifier: MIT
# usage: gnuplot -c workflows/selfplay.gp TABLE.tsv OUT.png
# The rounds of make selfplay: legal answers and scores above, what legal moves lose below.
# Both names reach the shell below, and a first < or | would make a program of one.
if (strstrt(ARG1.ARG2, "'") || strstrt("<|", ARG1[1:1]) || strstrt("<|", ARG2[1:1])) {
    exit error "selfplay.gp: the name of a file begins with < or |, or holds '"
}
set terminal png noenhanced size 960,640
if (strstrt(GPVAL_TERMINALS, " pngcairo")) set terminal pngcairo noenhanced size 960,640
set output ARG2.".tmp"
set datafile separator "\t"
set datafile missing "-"
set grid
set xtics 1
set key outside right top width 2
stats ARG1 skip 1 using 1 nooutput
set xrange [STATS_min - 0.2 : STATS_max + 0.2]
set multiplot layout 2,1
set ylabel "percent"
set yrange [0:100]
plot ARG1 skip 1 using 1:2:3 with yerrorlines lc rgb "#1f4e79" lw 2 pt 7 title "legal", \
     "" skip 1 using 1:8:9 with yerrorlines lc rgb "#b35900" lw 2 dt 2 pt 5 title "score, random", \
     "" skip 1 using 1:10:11 with yerrorlines lc rgb "#555555" lw 2 dt 3 pt 9 title "score, skill 0"
set xlabel "round"
set ylabel "centipawns"
set autoscale y
plot ARG1 skip 1 using 1:4:5 with yerrorlines lc rgb "#1f4e79" lw 2 pt 7 title "loss of a move", \
     0 lc rgb "#cccccc" notitle # where no move was legal there is nothing else
unset multiplot
set output
system("mv '".ARG2.".tmp' '".ARG2."'")
