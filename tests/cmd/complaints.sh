#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What docs/complaints.md promises and no other test shows: everything that is said to be
# trained is changed by training.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
test_built tokenize pack train gguf-export gguf-show quantize || test_skip_all "the commands are not built"
[ -f "$model" ] || test_skip_all "no examples/tiny.gguf"
head -c 3000 "$TOP/examples/tiny.txt" >text
"$BIN/tokenize" -q -m "$model" text | "$BIN/pack" -q -c 64 -o p.pack
# first_numbers FILE: of each tensor its name and some numbers.
first_numbers() { "$BIN/gguf-show" --tensors --data 64 "$1" | awk -F '\t' '{ print $2, $NF }' | sort; }

test_expect_success 'all weights: no tensor is as it was' '
    "$BIN/quantize" -q -t f32 -o f32.gguf "$model"
    "$BIN/train" -q --full -m f32.gguf -d p.pack -o c.ckpt --steps 2 --batch 2 --lr 1e-3
    "$BIN/gguf-export" -q -m f32.gguf -o after.gguf c.ckpt
    first_numbers f32.gguf >before
    first_numbers after.gguf >after
    test "$(wc -l <before)" -gt 30
    test "$(wc -l <before)" = "$(wc -l <after)"
    comm -12 before after >same
    test ! -s same || { echo "not trained:" && cut -d " " -f 1 same && exit 1; }'

test_expect_success 'an adapter: every b has left zero, on a packed base too' '
    "$BIN/quantize" -q -t q8_0 -o q8.gguf "$model"
    for base in "$model" q8.gguf; do
        "$BIN/train" -q -m "$base" -d p.pack -o c.ckpt --steps 2 --batch 2 --lora-r 2
        "$BIN/gguf-export" -q -m "$base" -o a.gguf c.ckpt
        first_numbers a.gguf | grep "lora_b " >b
        test "$(wc -l <b)" = 28
        if grep -E "lora_b (-?0 ?)+$" b; then exit 1; fi
    done'

test_done
