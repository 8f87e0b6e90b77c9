# SPDX-License-Identifier: MIT
# usage: gnuplot -c workflows/loss.gp METRICS.tsv OUT.png (or OUT.svg)
# The loss of every step, its mean over neighbours where there are many, and that of the
# held-out text where it was measured: on the way, and of the base, of the same sequences, if
# losses-base.tsv lies beside METRICS.tsv.  Lines differ in more than their colour.  The title is the folder's name.
# Both names reach the shell below, and a first < or | would make a program of one.
if (strstrt(ARG1.ARG2, "'") || strstrt("<|", ARG1[1:1]) || strstrt("<|", ARG2[1:1])) {
    exit error "loss.gp: the name of a file begins with < or |, or holds '"
}
folder_of(file) = "\"$(CDPATH= cd \"$(dirname -- '".file."')\" && pwd)\""
run  = system("basename -- ".folder_of(ARG2))
# named(COLUMN): the awk program that finds it in the first line, as c.
named(column) = "NR == 1 { for (c = 1; c < NF && $c != \"".column."\"; c++); next }"
of_steps(program) = system("awk -F '\\t' '".program."' <'".ARG1."'")
steps = int(of_steps("END { print NR - 1 }"))
last  = int(of_steps("END { print (NR > 1 ? $1 : 0) }"))
half  = int(steps / 40)
held  = of_steps(named("val_loss")." $c ~ /[0-9]/ { print $1, $c }")
every = of_steps(named("val_every")." $c > 0 { every = $c } END { print (every ? every : 1) }")
base  = system("awk -F '\\t' 'NR > 1 && (NR - 2) % ".every." == 0 { n += $1; sum += $1 * $2 } \
    END { if (n) print 0, sum / n }' ".folder_of(ARG1)."/losses-base.tsv 2>/dev/null")
mean  = half < 1 ? "" : of_steps(named("loss")." { step[++n] = $1; sum[n] = sum[n - 1] + $c } \
    END { for (i = 1; i <= n; i++) { \
        a = i > ".half." ? i - ".half." : 1; b = i + ".half." < n ? i + ".half." : n; \
        print step[i], (sum[b] - sum[a - 1]) / (b - a + 1) } }")
set print $held
if (strlen(base)) print base
print held
set print $mean
print mean
unset print

set datafile missing "-"
set terminal png noenhanced size 960,540
if (strstrt(GPVAL_TERMINALS, " pngcairo")) set terminal pngcairo noenhanced size 960,540
if (ARG2[strlen(ARG2) - 3:] eq ".svg") set terminal svg noenhanced size 960,540
set output ARG2.".tmp"
set title run
set key top right
set grid
set xlabel "step"
set ylabel "loss"
set offsets graph 0.02, graph 0.02, graph 0.03, graph 0.03
set autoscale xfix
if (last < 10) set xtics 1
blue = "#1f4e79"
set style line 1 lc rgb (half < 1 ? blue : "#7fa3c4") lw (half < 1 ? 2 : 1) pt 2 ps (steps < 20)
set style line 2 lc rgb blue lw 3
set style line 3 lc rgb "#000000" lw 2 dt 2 pt 7 ps 1.3
lines = 'ARG1 using "step":"loss" with linespoints ls 1 title "training"'
if (half >= 1) {
    lines = lines.sprintf(', $mean with lines ls 2 title "training, mean of %d steps"', 2 * half + 1)
}
if (strlen(held.base)) {
    lines = lines.', $held with linespoints ls 3 title "held out'.(strlen(base) ? ', from the base on"' : '"')
}
eval "plot ".lines
set output
system("mv '".ARG2.".tmp' '".ARG2."'")
