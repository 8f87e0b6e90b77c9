#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: dev/bench/report.sh [DOC.md [PLOTS]]
#
# Puts what the benchmark measured last (build/bench/PART.tsv) as tables into DOC
# (docs/benchmarks.md), between the lines <!-- bench:PART --> and <!-- /bench -->, and draws
# PLOTS-speed.svg, PLOTS-memory.svg and PLOTS-scale.svg (docs/bench).  A part that was not
# measured keeps the table that it has.  `make bench-docs` calls it.
set -eu
OUT=build/bench
doc=${1:-docs/benchmarks.md} plots=${2:-docs/bench}
[ -f "$OUT/machine.tsv" ] || {
    echo "bench-docs: nothing was measured yet: make bench" >&2
    exit 1
}

# Part, then the columns of its table and what stands above each.
tables() {
    cat <<'END'
machine       -
rate          what=products gflops=GF/s speed=of_sgemm
train         what=training speed=tokens/s rate_of=rate_of gflops=GF/s percent=%_of_rate planned_mb=planned_MB peak_mb=peak_MB
memory        what=training speed=tokens/s planned_mb=planned_MB peak_mb=peak_MB
mpi           what=training speed=tokens/s percent=%_of_rate planned_mb=planned_MB peak_mb=peak_MB
commands      what=command speed=speed unit=unit percent=%_of_rate peak_mb=peak_MB
scale-layers  layers=blocks speed=tokens/s percent=%_of_rate planned_mb=planned_MB peak_mb=peak_MB
scale-context ctx=context speed=tokens/s percent=%_of_rate planned_mb=planned_MB peak_mb=peak_MB
scale-batch   batch=batch speed=tokens/s percent=%_of_rate planned_mb=planned_MB peak_mb=peak_MB
scale-data    sequences=sequences speed=tokens/s percent=%_of_rate planned_mb=planned_MB peak_mb=peak_MB
peers         what=work peer=peer unit=unit ours=ours theirs=theirs ratio=ratio our_mb=our_MB their_mb=their_MB mb_ratio=ratio_of_memory
END
}

markdown() { # COLUMNS <TSV: as a table; '-': a list of keys and values
    awk -F '\t' -v columns="$1" '
    columns == "-" { if (NR == 1) print "| | |\n|---|---|"; print "| " $1 " | " $2 " |"; next }
    NR == 1 {
        for (i = 1; i <= NF; i++) at[$i] = i
        n = split(columns, column, " ")
        for (i = 1; i <= n; i++) {
            split(column[i], c, "=")
            from[i] = at[c[1]]
            gsub("_", " ", c[2])
            head = head "| " c[2] " "
            rule = rule "|---"
        }
        print head "|\n" rule "|"
        next
    }
    {
        for (i = 1; i <= n; i++) printf "| %s ", $from[i]
        print "|"
    }'
}

if command -v gnuplot >/dev/null; then
    gnuplot -c dev/bench/plots.gp "$OUT" "$plots"
else
    echo "bench-docs: no plots, gnuplot is not there" >&2
fi

tables | while read -r part columns; do
    rm -f "$OUT/$part.md"
    [ ! -s "$OUT/$part.tsv" ] || markdown "$columns" <"$OUT/$part.tsv" >"$OUT/$part.md"
done
picture() { # PART NAME TEXT: behind the part's table
    [ ! -s "$OUT/$1.md" ] || [ ! -s "$plots-$2.svg" ] ||
        printf '\n![%s](%s)\n' "$3" "$(basename "$plots")-$2.svg" >>"$OUT/$1.md"
}
picture train speed "share of the machine's rate, a bar a row"
picture memory memory 'peak of memory over its plan'
picture scale-data scale 'cost over blocks, context, batch and data'

awk -v out="$OUT" '
/^<!-- bench:[a-z-]* -->$/ {
    print
    part = substr($2, 7)
    file = out "/" part ".md"
    fresh = 0
    while ((getline line < file) > 0) {
        if (!fresh) print ""
        fresh = 1
        print line
    }
    if (fresh) print ""
    skip = fresh
    next
}
/^<!-- \/bench -->$/ { skip = 0 }
!skip' "$doc" >"$OUT/doc.md"
cat "$OUT/doc.md" >"$doc"
