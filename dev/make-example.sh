#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes examples/tiny.txt, pairs.jsonl and tiny.gguf with the project's own commands: a text of
# stories, a vocabulary of it, a small model with random weights, and a training from
# nothing.  A few minutes of one core.  Run it from the top of the tree after
#   make all dev
# What is left over stays in build/example/.
set -eu
BIN=${BIN:-bin} DEV=${DEV:-build/release/dev} OUT=build/example
mkdir -p "$OUT" examples

"$DEV/mktext" --seed 2 --bytes 120000 -o examples/tiny.txt dev/lighthouse.grammar
"$DEV/mkchats" --pairs -n 120 --seed 4 -o examples/pairs.jsonl
"$DEV/mktext" --seed 1 --bytes 1200000 -o "$OUT/stories.txt" dev/stories.grammar
"$BIN/bpe-train" -n 2048 --min-frequency 2 --special-last -o "$OUT/vocab.gguf" "$OUT/stories.txt"
"$DEV/mkmodel" --shape tiny --embd 192 --heads 6 --kv-heads 2 --ff 512 --ctx 256 \
    --vocab "$OUT/vocab.gguf" -o "$OUT/random.gguf"

"$BIN/tokenize" -m "$OUT/random.gguf" "$OUT/stories.txt" |
    "$BIN/pack" -c 256 --val-split 0.02 --val-out "$OUT/val.pack" -o "$OUT/train.pack"
"$BIN/train" -m "$OUT/random.gguf" -d "$OUT/train.pack" --val "$OUT/val.pack" --full \
    --batch 4 --epochs 2 --lr 2e-3 --beta2 0.95 --weight-decay 0.1 --eval-every 100 \
    --log "$OUT/metrics.tsv" -o "$OUT/tiny.ckpt"
"$BIN/gguf-export" -m "$OUT/random.gguf" -o "$OUT/tiny-f32.gguf" "$OUT/tiny.ckpt"
"$BIN/quantize" -t f16 -o examples/tiny.gguf "$OUT/tiny-f32.gguf"
