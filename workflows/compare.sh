#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: compare.sh CMD WHOLE WORD...
#
# WHOLE is the name of a folder of runs, all of which are compared, or else each WORD that of a
# run, also of one in runs/.  Writes table.tsv and report.html into the folder compare/ of WHOLE, or of runs/, and
# prints the table.
cmd=$1 whole=$2
shift 2

is_run() { [ -f "$1/eval.tsv" ] || [ -f "$1/metrics.tsv" ]; }
die() { printf 'compare: %s\n' "$1" >&2 && exit 1; }

out=runs/compare n=$#
if [ -d "$whole" ] && ! is_run "$whole"; then
    out=$whole/compare n=0
    for run in "$whole"/*/; do
        [ "$run" != "$out/" ] && is_run "${run%/}" && set -- "$@" "${run%/}" && n=$((n + 1))
    done
else
    [ ! -d "$whole" ] || { set -- "$whole" && n=1; }
    for run; do
        shift
        is_run "$run" || { [ "${run#/}" = "$run" ] && is_run "runs/$run" && run=runs/$run; } ||
            die "'$run' is no run: it has neither eval.tsv nor metrics.tsv"
        set -- "$@" "$run"
    done
fi
while [ $# -gt $n ]; do shift; done
[ $n -ge 2 ] || die "'$whole' is $n run, and two are needed"
mkdir -p "$out" || exit
"${cmd}report" --html "$out/report.html" -- "$@" && "${cmd}report" -- "$@" >"$out/table.tsv" || exit
cat "$out/table.tsv"
printf 'compare: %s\n' "$out/report.html has the curves" >&2
