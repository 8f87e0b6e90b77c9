#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: sweep.sh CMD RUNS NAME GRID MAKE...
#
# GRID is words KNOB=VALUE,VALUE.  Runs MAKE... NAME=NAME-KNOB-VALUE-… KNOB=VALUE… for each point, and
# then compares what there is: RUNS/NAME-sweep/table.tsv and report.html.
cmd=$1 runs=$2 name=$3 grid=$4
shift 4
set -f # values are no patterns

# points GRID...: a line of words KNOB=VALUE for each.
points() {
    [ $# -gt 0 ] || { echo && return; }
    for value in $(printf '%s\n' "${1#*=}" | tr ',' ' '); do
        (
            knob=${1%%=*}
            shift
            points "$@" | sed "s|^|$knob=$value |"
        )
    done
}
list=$(mktemp) || exit
trap 'rm -f "$list"' EXIT
trap 'exit 1' HUP INT TERM
# shellcheck disable=SC2086
points $grid >"$list"
total=$(wc -l <"$list") n=0 all=
while IFS= read -r point; do
    n=$((n + 1))
    this=$name-$(printf %s "$point" | sed 's/ *$//' | tr -c 'A-Za-z0-9._+-' -)
    printf 'sweep: %d of %d: %s\n' $n $((total)) "$point" >&2
    # shellcheck disable=SC2086
    "$@" NAME="$this" $point </dev/null >&2 || exit
    all="$all $this"
done <"$list"
[ -z "${DRY-}" ] || exit 0
out=$runs/$name-sweep
mkdir -p "$out" || exit
set --
for this in $all; do
    set -- "$@" "$runs/$this"
done
[ $# -gt 1 ] || { echo "sweep: one run is no grid" >&2 && exit 1; }
"${cmd}report" --html "$out/report.html" -- "$@" && "${cmd}report" -- "$@" >"$out/table.tsv" || exit
cat "$out/table.tsv"
printf 'sweep: %s has the curves\n' "$out/report.html" >&2
