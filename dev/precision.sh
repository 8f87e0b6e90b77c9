#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: dev/precision.sh MODEL.gguf TEXT.txt [OUT]
#
# Trains an adapter in every precision, with three seeds where they matter, on the first part of a
# text; measures what came out in f32 on its last 20 kB.  Writes OUT.tsv (a column of losses
# a run), OUT-final.tsv and OUT.svg (default docs/bench-precision).
#
#   STEPS=60 BATCH=2 CTX=256 LR=5e-4
set -eu
model=${1:?usage: dev/precision.sh MODEL.gguf TEXT.txt [OUT]} text=${2:?no text} out=${3:-docs/bench-precision}
BIN=${BIN:-bin}
CTX=${CTX:-256}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
head -c 150000 "$text" | "$BIN/tokenize" -q -m "$model" | "$BIN/pack" -q -c "$CTX" -o "$dir/d.pack"
tail -c 20000 "$text" >"$dir/held-out.txt"

printf 'run\tloss\tmean_loss\n' >"$dir/final"
runs=
for run in f32-1 f32-2 f32-3 f16-1 bf16-1 bf16-2 bf16-3 q8-1 q8-2 q8-3; do
    "$BIN/train" -q -m "$model" -d "$dir/d.pack" -o "$dir/run.ckpt" --log "$dir/$run" --lora-out "$dir/a.gguf" \
        --batch "${BATCH:-2}" --steps "${STEPS:-60}" --lr "${LR:-5e-4}" \
        --precision "${run%-*}" --seed "${run#*-}" || { echo "precision: $run is left out" >&2 && continue; }
    loss=$("$BIN/perplexity" -q -m "$model" -a "$dir/a.gguf" -c "$CTX" -f "$dir/held-out.txt" | tail -n 1 | cut -f 2)
    mean=$(awk 'NR > 1 { s += $2 } END { print s / (NR - 1) }' "$dir/$run")
    printf '%s\t%s\t%s\n' "$run" "$loss" "$mean" | tee -a "$dir/final" >&2
    { echo "$run" && sed 1d "$dir/$run" | cut -f 2; } >"$dir/$run.loss"
    runs="$runs $dir/$run.loss"
    rm -rf "$dir"/run.ckpt*
done
mkdir -p "$(dirname "$out")"
# shellcheck disable=SC2086
paste $runs >"$out.tsv"
cp "$dir/final" "$out-final.tsv"
command -v gnuplot >/dev/null || exit 0
gnuplot -e "tsv = '$out.tsv'; svg = '$out.svg'" - <<'E2'
set terminal svg size 720,420 font 'sans-serif,12' background 'white'
set output svg
set datafile separator '\t'
set xlabel 'step'
set ylabel 'loss, mean of ten steps'
set key autotitle columnhead top right
stats tsv skip 1 nooutput
n = STATS_columns
array mean[n]
# a running mean: single batches differ more than runs do
do for [i = 1:n] { mean[i] = 0 }
plot for [i = 1:n] tsv using 0:(mean[i] = $0 < 1 ? column(i) : 0.9 * mean[i] + 0.1 * column(i)) \
    with lines lw (i <= 3 ? 3 : 1.5) lc rgb (i <= 3 ? '#bbbbbb' : word('#1f77b4 #2ca02c #d62728 #ff7f0e #9467bd #8c564b #17becf', i - 3))
E2
