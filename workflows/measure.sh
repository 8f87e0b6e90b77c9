#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: measure.sh CMD FOLDER MODEL DATA...   with ADAPTER CHOICES PROMPTS CTX SEED N set, the
# first three perhaps empty
#
# Into FOLDER go eval.tsv, choice.tsv, samples.txt and report.html.  Files that are made to be
# tried go when they have been.
set -eu
cmd=$1 out=$2 model=$3
shift 3
say() { printf 'eval: %s\n' "$1" >&2; }
run() { name=$1 && shift && "$cmd$name" -q "$@"; }

mkdir -p "$out"
rm -f "$out/choice.tsv" "$out/samples.txt" "$out/losses-adapter.tsv" # of an evaluation before
made=$out/tried
trap 'rm -f "$made".*' EXIT
trap 'exit 1' HUP INT TERM

run tokenize -m "$model" -o "$made.tok" -- "$@"
run pack -c "$CTX" -o "$made.pack" "$made.tok"
say 'loss of the model as it is'
run perplexity -m "$model" -d "$made.pack" --label base --losses "$out/losses-base.tsv" -o "$out/eval.tsv"

# measured LABEL OPTION...: one more row of eval.tsv, and some words of it.
losses=
measured() {
    label=$1
    shift
    say "loss of $label"
    run perplexity "$@" ${losses:+--losses "$losses"} -d "$made.pack" --label "$label" --after "$out/eval.tsv" -o "$made.tsv"
    mv "$made.tsv" "$out/eval.tsv"
    run generate "$@" -p 'The' -n 8 --temp 0 -o "$made.txt"
    [ -s "$made.txt" ] || { say "$label says nothing" && exit 1; }
}
whole=$model
if [ -n "$ADAPTER" ]; then
    losses=$out/losses-adapter.tsv
    measured 'base + adapter' -m "$model" -a "$ADAPTER"
    losses=
    run merge -m "$model" -a "$ADAPTER" -t f16 -o "$made.merged.gguf"
    whole=$made.merged.gguf
    measured merged -m "$whole"
fi
run quantize --allow-requantize -t q8_0 -o "$made.q8_0.gguf" "$whole"
measured q8_0 -m "$made.q8_0.gguf"

set -- -m "$model" ${ADAPTER:+-a "$ADAPTER"}
if [ -n "$CHOICES" ]; then
    say 'choices'
    run choice -m "$model" --label base -o "$out/choice.tsv" "$CHOICES"
    if [ -n "$ADAPTER" ]; then
        run choice "$@" --label 'base + adapter' --after "$out/choice.tsv" -o "$made.tsv" "$CHOICES"
        mv "$made.tsv" "$out/choice.tsv"
    fi
fi
if [ -n "$ADAPTER" ]; then
    say 'samples before and after'
    asked() {
        if [ -n "$PROMPTS" ]; then set -- --prompts "$PROMPTS" "$@"; else set -- --prompts-from "$made.pack" "$@"; fi
        run generate -n "$N" --seed "$SEED" "$@"
    }
    asked -m "$model" --label base -o "$made.samples"
    asked "$@" --label tuned --after "$made.samples" -o "$out/samples.txt"
fi
run report -m "$model" --html "$out/report.html" "$out"
cat "$out/eval.tsv"
[ ! -s "$out/choice.tsv" ] || cat "$out/choice.tsv"
say "$out/report.html has all of it"
