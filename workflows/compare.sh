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
find_run() {
    found=$1
    is_run "$1" || { [ "${1#/}" = "$1" ] && found=runs/$1 && is_run "$found"; }
}
first_words() { # N WORD...
    joined=$2 count=$1
    while [ $((count -= 1)) -gt 0 ]; do
        shift
        joined="$joined $2"
    done
    printf '%s\n' "$joined"
}
die() { printf 'compare: %s\n' "$1" >&2 && exit 1; }

out=runs/compare n=$#
if [ -d "$whole" ] && ! is_run "$whole"; then
    out=$whole/compare n=0
    for run in "$whole"/*/; do
        [ "$run" != "$out/" ] && is_run "${run%/}" && set -- "$@" "${run%/}" && n=$((n + 1))
    done
else
    [ ! -d "$whole" ] || { set -- "$whole" && n=1; }
    left=$# && n=0
    while [ $left -gt 0 ]; do # a name may have blanks: it is as many words as make a run
        words=$left
        while run=$(first_words $words "$@") && ! find_run "$run"; do
            words=$((words - 1))
            [ $words -gt 0 ] || die "'$1' is no run: it has neither eval.tsv nor metrics.tsv"
        done
        shift $words
        left=$((left - words)) n=$((n + 1))
        set -- "$@" "$found"
    done
fi
while [ $# -gt $n ]; do shift; done
[ $n -ge 2 ] || die "'$whole' is $n run, and two are needed"
mkdir -p "$out" || exit
"${cmd}report" --html "$out/report.html" -- "$@" && "${cmd}report" -- "$@" >"$out/table.tsv" || exit
cat "$out/table.tsv"
printf 'compare: %s\n' "$out/report.html has the curves" >&2
