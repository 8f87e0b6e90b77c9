#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: dev/bench.sh [PART…]
#
# Measures the rows of dev/bench/rows.txt that belong to the parts (default: all but peers)
# and writes build/bench/PART.tsv; `scale` stands for all parts scale-….  `make bench`
# calls it; docs/benchmarks.md explains what is measured and how.
#
#   BENCH_ROWS=REGEX    only the rows that match
#   BENCH_ROUNDS=5      turns of a row, each of at least
#   BENCH_SECONDS=3     so many seconds and
#   BENCH_STEPS=1       so many steps
#   BENCH_ROW=40        after so many seconds a row gets no more turns than two
#   BENCH_REPEATS=3     of the products between two turns
#   BENCH_LAYERS=N      blocks of all models: a trial, which goes to build/bench-trial
#   VOCAB=F.gguf        vocabulary for tokenize
#   TEXT=F.txt          text for tokenize
set -u
BIN=${BIN:-bin} DEV=${DEV:-build/release/dev} PEERS=${PEERS:-build/peers}
OUT=build/bench${BENCH_LAYERS:+-trial} # figures of a trial are not for the report
SHARED=${SHARED:-}
ROUNDS=${BENCH_ROUNDS:-5} SECONDS_=${BENCH_SECONDS:-3} STEPS=${BENCH_STEPS:-1}
ROW_SECONDS=${BENCH_ROW:-40} REPEATS=${BENCH_REPEATS:-3}
pid_ours='' pid_peer='' failed=0
. dev/bench/lib.sh
. dev/bench/train.sh
. dev/bench/commands.sh
trap 'finish ours; finish peer' EXIT
trap 'exit 130' INT TERM

# The parts that are asked for, each once, in the order of the table.
parts() {
    awk -v want=" $* " '/^[a-z]/ && !($1 in seen) {
        seen[family = $1]
        sub(/-.*/, "", family)
        all = want == "  " && $1 != "peers"
        if (all || index(want, " " $1 " ") || index(want, " " family " "))
            print $1
    }' dev/bench/rows.txt
}

header() { # of a part
    if [ "$1" = peers ]; then
        tsv what peer unit ours theirs ratio our_mb their_mb mb_ratio
    else
        tsv what speed unit rate_of gflops percent planned_mb peak_mb \
            layers batch ctx sequences
    fi
}

run_part() {
    new=$OUT/$1.new
    rm -f "$new"
    # Descriptor 3, since commands may read standard input.
    grep -E "^$1[[:space:]]" dev/bench/rows.txt | grep -E "${BENCH_ROWS:-.}" >"$OUT/rows"
    while read -r line <&3; do
        row "$line" >>"$new" || failed=$((failed + 1))
        finish ours
        finish peer
    done 3<"$OUT/rows"
    [ -s "$new" ] || return 0
    { header "$1" && cat "$new"; } >"$OUT/$1.tsv"
    rm -f "$new"
    note "$1 took $(($(now) - begun)) s: $OUT/$1.tsv"
}

mkdir -p "$OUT"
known=$(parts "$@")
[ -n "$known" ] || die "no such part: $* (there are: $(
    awk '/^[a-z]/ { print $1 }' dev/bench/rows.txt | uniq | tr '\n' ' '))"
machine >"$OUT/machine.tsv"
for part in $known; do
    begun=$(now)
    run_part "$part"
done
[ "$failed" = 0 ] || die "$failed rows failed"
