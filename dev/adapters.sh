#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: dev/adapters.sh MODEL.gguf TEXT.txt [OUT.tsv]
#
# Trains each kind of adapter with equal steps, rate and alpha on the first part of a text, with
# several seeds, and measures the loss on its last 20 kB.  Writes a row a run (default
# docs/bench-adapters.tsv), and prints the mean of each kind and the deviation of its runs.
#
#   STEPS=60 BATCH=2 CTX=128 LR=5e-4 ALPHA=8 SEEDS='1 2 3'
set -eu
model=${1:?usage: dev/adapters.sh MODEL.gguf TEXT.txt [OUT.tsv]} text=${2:?no text} out=${3:-docs/bench-adapters.tsv}
BIN=${BIN:-bin}
CTX=${CTX:-128}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
for part in 'head -c 150000' 'tail -c 20000'; do
    $part "$text" | "$BIN/tokenize" -q -m "$model" | "$BIN/pack" -q -c "$CTX" -o "$dir/${part%% *}.pack"
done
measure() { "$BIN/perplexity" -q -m "$model" "$@" -d "$dir/tail.pack" | tail -n 1 | cut -f 2; }

printf 'kind\trank\tseed\tloss\n' >"$out"
printf 'base\t0\t0\t%s\n' "$(measure)" >>"$out"
# one KIND RANK SEED OPTION...
one() {
    kind=$1 rank=$2 seed=$3
    shift 3
    "$BIN/train" -q -m "$model" -d "$dir/head.pack" -o "$dir/run.ckpt" --log "$dir/log" --val "$dir/tail.pack" \
        --steps "${STEPS:-60}" --batch "${BATCH:-2}" --lr "${LR:-5e-4}" --lora-r "$rank" \
        --lora-alpha "${ALPHA:-8}" --seed "$seed" "$@"
    loss=$(awk 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "val_loss") at = i } END { print $at }' "$dir/log")
    printf '%s\t%s\t%s\t%s\n' "$kind" "$rank" "$seed" "$loss" | tee -a "$out" >&2
    rm -rf "$dir"/run.ckpt* "$dir/log"
}
for seed in ${SEEDS:-1 2 3}; do
    one LoRA 8 "$seed"
    one rsLoRA 8 "$seed" --rslora
    one DoRA 8 "$seed" --dora
    one PiSSA 8 "$seed" --lora-init pissa
    one rsLoRA 32 "$seed" --rslora
done
awk -F '\t' 'NR > 2 { k = $1 " " $2; if (!(k in n)) order[++m] = k; n[k]++; s[k] += $4; q[k] += $4 * $4 }
    END { for (i = 1; i <= m; i++) { k = order[i]; mean = s[k] / n[k]; v = q[k] - s[k] * mean
        printf "%s: mean %.4f of %d, deviation %.4f\n", k, mean, n[k], sqrt(n[k] > 1 && v > 0 ? v / (n[k] - 1) : 0) } }' "$out"
