#!/bin/sh
# SPDX-License-Identifier: MIT
# Speed and memory of training on models with random weights, beside the rate of sgemm on
# the same products in the same run: TSV in build/bench/bench.tsv and on standard output.
# `make bench` calls it.  See docs/benchmarks.md.
#
# Floating-point operations for a token, with N parameters that multiply (a tied token table
# once, for the output; a table of positions not): full 6 N, an adapter on a frozen base
# 4 N.  Attention and the adapter itself come on top and are not counted, so
#   percent_of_sgemm_rate = 100 * tokens_per_s * (6 or 4) N / sgemm rate
# is what of the machine's best reaches the weights.
#
# One process trains; after every BENCH_STEPS steps it is stopped while bench_gemm runs, so
# that both see the same machine.  Rates are medians over all rounds; the first step and
# those that were stopped are left out.
#
# For a trial: BENCH_LAYERS=1 BENCH_ROUNDS=1 BENCH_STEPS=2.
set -eu
BIN=${BIN:-bin} DEV=${DEV:-build/release/dev} OUT=build/bench
ROUNDS=${BENCH_ROUNDS:-5} STEPS=${BENCH_STEPS:-4} REPEATS=${BENCH_REPEATS:-3}
pid=
trap '[ -z "$pid" ] || kill -KILL $pid 2>/dev/null' EXIT
trap 'exit 130' INT TERM
mkdir -p "$OUT"

die() {
    echo "bench: $*" >&2
    exit 1
}

median() {
    sort -g | awk '{ v[NR] = $1 }
        END { if (NR) print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# model FILE SHAPE N_VOCAB LAYERS: made once.  The example's tokenizer with unused tokens
# behind it, so that `tokenize` knows the model; what the ids mean does not matter.
model() {
    [ -f "$1" ] || "$DEV/mkmodel" -q --shape "$2" --n-vocab "$3" --layers "$4" \
        --vocab examples/tiny.gguf -o "$1"
}

# data PACK MODEL CTX: 32 sequences of random ids.
data() {
    [ -f "$1" ] || awk -v n=$((32 * $3 + 1)) 'BEGIN {
        for (x = 1; n; n--) { x = x * 16807 % 2147483647; printf "%d ", x % 2000 }
        print "" }' | "$BIN/tokenize" -q -m "$2" --from-ids | "$BIN/pack" -q -c "$3" -o "$1"
}

rows() { # of the log, without its header
    [ -f "$OUT/log.tsv" ] && awk 'END { print NR ? NR - 1 : 0 }' "$OUT/log.tsv" || echo 0
}

wait_for() {
    while [ "$(rows)" -lt "$1" ]; do
        kill -0 $pid 2>/dev/null || die "train ended: $(tail -1 "$OUT/log.err")"
        sleep 0.1
    done
}

# measure WHAT 6|4 TOKENS PRODUCTS TRAIN_OPTION…
# PRODUCTS: M,N,K,COUNT of every linear layer, for TOKENS tokens.
measure() {
    what=$1 factor=$2 tokens=$3 products=$4
    shift 4
    frozen=$([ "$factor" = 6 ] || echo --frozen)
    rm -f "$OUT/log.tsv" "$OUT/gemm" "$OUT/stopped"
    "$BIN/train" "$@" --steps 1000000 --log "$OUT/log.tsv" -o "$OUT/run.ckpt" \
        2>"$OUT/log.err" &
    pid=$!
    wait_for 1
    for round in $(seq "$ROUNDS"); do
        wait_for $(($(rows) + STEPS))
        kill -STOP $pid
        echo $(($(rows) + 1)) >>"$OUT/stopped"
        "$DEV/bench_gemm" $frozen -r "$REPEATS" $products >>"$OUT/gemm"
        kill -CONT $pid
    done
    peak=$(awk '$1 == "VmHWM:" { print $2 * 1.024e-3 }' "/proc/$pid/status")
    kill -KILL $pid # nothing of it is wanted but the log
    wait $pid 2>/dev/null || true
    pid=
    planned=$(sed -n 's/.*memory in MB.*total \([0-9.]*\).*/\1/p' "$OUT/log.err")
    speed=$(awk 'NR == FNR { stopped[$1]; next } FNR > 2 && !($1 in stopped) { print $6 }' \
        "$OUT/stopped" "$OUT/log.tsv" | median)
    gemm=$(median <"$OUT/gemm")
    echo "$products" | tr ' ,' '\n ' | awk -v what="$what" -v factor="$factor" \
        -v tokens="$tokens" -v speed="$speed" -v gemm="$gemm" -v planned="$planned" \
        -v peak="$peak" 'NF { n += $1 * $2 * $3 * $4 / tokens }
        END { printf "%s\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\n", what, speed, gemm,
                     1e-7 * speed * factor * n / gemm, planned, peak }' |
        tee -a "$OUT/new.tsv"
    rm -rf "$OUT/run.ckpt.d"
}

printf 'what\ttokens_per_s\tsgemm_gflops\tpercent_of_sgemm_rate\tplanned_mb\tpeak_mb\n' |
    tee "$OUT/new.tsv"

# The output projection goes in chunks of 256 rows, as in libtrain/ops/output_loss.c.
l=${BENCH_LAYERS:-12}
m=$OUT/gpt2-124m-$l.gguf
model "$m" gpt2-124m 50257 "$l"
data "$OUT/gpt2.pack" "$m" 256
measure 'GPT-2 124M full f32, 4 x 256' 6 1024 "1024,2304,768,$l 1024,768,768,$l \
1024,3072,768,$l 1024,768,3072,$l 256,50257,768,4" \
    -m "$m" -d "$OUT/gpt2.pack" --full --batch 4

l=${BENCH_LAYERS:-30}
m=$OUT/smollm2-135m-$l
model "$m.gguf" smollm2-135m 49152 "$l"
data "$OUT/smollm2.pack" "$m.gguf" 512
for type in f32 q8_0 q4_1; do
    base=$m.gguf
    if [ $type != f32 ]; then
        base=$m-$type.gguf
        [ -f "$base" ] || "$BIN/quantize" -q -t $type -o "$base" "$m.gguf"
    fi
    measure "SmolLM2-135M LoRA r 8, $type base, 1 x 512" 4 512 "512,576,576,$((2 * l)) \
512,192,576,$((2 * l)) 512,1536,576,$((2 * l)) 512,576,1536,$l 256,49152,576,2" \
        -m "$base" -d "$OUT/smollm2.pack" --lora-r 8 --batch 1
done
mv "$OUT/new.tsv" "$OUT/bench.tsv"
