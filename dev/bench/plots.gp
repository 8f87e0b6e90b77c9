# SPDX-License-Identifier: MIT
# usage: gnuplot -c dev/bench/plots.gp DIR PREFIX
# From DIR/PART.tsv: PREFIX-speed.svg, PREFIX-memory.svg, PREFIX-scale.svg.
dir = ARG1
there(part) = int(system("test -s '".dir."/".part.".tsv' && echo 1 || echo 0"))
file(part) = dir."/".part.".tsv"
blue = "#4477aa"
red = "#cc6677"
set datafile separator "\t"
set datafile missing "-"
set grid lc rgb "#dddddd" lt 1

# Share of the machine's rate that reaches the weights, a bar a row.
if (there("train")) {
    stats file("train") using "percent" nooutput
    rows = int(STATS_records)
    set terminal svg size 840, 90 + 20 * rows font "sans,11" noenhanced background "white"
    set output ARG2."-speed.svg"
    set style fill solid 0.6
    set xrange [0:100]
    set yrange [rows:-1]
    set xlabel "% of the machine's rate for the same products"
    plot file("train") using (0.5 * column("percent")):0:(0.5 * column("percent")):(0.35):ytic(1) \
        with boxxyerror lc rgb blue notitle
    unset output
    unset yrange
    unset xrange
    set ytics autofreq
}

# What was resident against what was planned.
if (there("train") && there("memory")) {
    set terminal svg size 640, 320 font "sans,11" noenhanced background "white"
    set output ARG2."-memory.svg"
    set logscale x
    set yrange [90:110]
    set key top right
    set xlabel "planned, MB"
    set ylabel "peak, % of the plan"
    plot for [p in "train memory"] file(p) \
            using (column("planned_mb")):(100 * column("peak_mb") / column("planned_mb")) \
            with points pt 7 title p, \
        105 with lines lc rgb red dt 2 notitle, 95 with lines lc rgb red dt 2 notitle
    unset output
    unset logscale x
    unset yrange
}

# How cost grows: on the left what the machine could have computed in the time of a token,
# so that it does not matter that machines change speed; on the right memory.
unset grid # it would be half of the file
set terminal svg size 840, 560 font "sans,13" noenhanced background "white"
set output ARG2."-scale.svg"
set key bottom right samplen 2
set ytics nomirror
set y2tics
set yrange [0:*]
set y2range [0:*]
set ylabel "a token, in Gflop of the machine"
set y2label "MB"
set multiplot layout 2, 2
parts   = "scale-layers scale-context scale-batch scale-data"
columns = "layers ctx batch sequences"
titles  = "'blocks' 'context' 'batch' 'sequences in the data'"
do for [i = 1:4] {
    if (there(word(parts, i))) {
        f = file(word(parts, i))
        c = word(columns, i)
        set xlabel word(titles, i)
        if (i == 2) { set xtics 1024 } else { set xtics autofreq }
        if (i == 4) { set logscale x 2 }
        plot f using c:(column("gflops") / column("speed")) with linespoints pt 7 \
                lc rgb blue title "time", \
             f using c:"planned_mb" axes x1y2 with lines lc rgb red title "planned", \
             f using c:"peak_mb" axes x1y2 with points pt 6 lc rgb red title "peak"
    }
}
unset multiplot
unset output
