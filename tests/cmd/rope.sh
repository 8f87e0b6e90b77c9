#!/bin/sh
# SPDX-License-Identifier: MIT
#
# --rope-freq-base and --rope-freq-scale of train, perplexity and generate: what they change,
# that a run keeps them, and that whoever exports it is told.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf # base 10000, 256 positions
[ -f "$model" ] || test_skip_all "no model: examples/tiny.gguf"
test_built tokenize pack train gguf-export perplexity generate ||
    test_skip_all "the commands are not built"
head -c 5000 "$TOP/examples/tiny.txt" >text
"$BIN/tokenize" -q -m "$model" text | "$BIN/pack" -q -c 64 -o t.pack
"$BIN/tokenize" -q -m "$model" text | "$BIN/pack" -q -c 512 -o long.pack
loss() { "$BIN/perplexity" -q --threads 1 -m "$model" -d t.pack "$@" | sed -n 2p | cut -f 2; }
run="$BIN/train -q --threads 1 -m $model -d t.pack --batch 2 --lora-r 2"

test_expect_success "the model's own numbers change nothing, others do" '
    loss >own
    loss --rope-freq-base 10000 --rope-freq-scale 1 >same
    cmp own same
    loss --rope-freq-base 500 >base
    loss --rope-freq-scale 0.25 >scale
    test "$(sort -u own base scale | wc -l)" = 3'

test_expect_success 'generate takes them' '
    say() { "$BIN/generate" -q --threads 1 -m "$model" -p Once -n 40 --temp 0 "$@"; }
    say >own
    say --rope-freq-base 10000 >same
    cmp own same
    say --rope-freq-base 2 >base
    test_expect_code 1 cmp own base
    say --rope-freq-scale 0.01 >scale
    test_expect_code 1 cmp own scale'

test_expect_success 'half the frequencies let contexts be twice as long' '
    test_expect_code 1 "$BIN/perplexity" -q -m "$model" -d long.pack 2>stderr
    grep "the model was made for 256" stderr
    long() { "$BIN/perplexity" -q -m "$model" -d long.pack "$@"; }
    long --rope-freq-scale 0.5
    test_expect_code 1 long --rope-freq-scale 0.6 2>stderr
    grep "the model was made for 426" stderr
    long --rope-freq-base 25000'

test_expect_success 'a run goes on with what it began with' '
    $run --steps 2 --rope-freq-base 20000 -o a.ckpt
    test_expect_code 1 $run --steps 4 --resume -o a.ckpt 2>stderr
    grep "rope_freq_base=20000 is now the default" stderr
    $run --steps 4 --rope-freq-base 20000 --resume -o a.ckpt
    $run --steps 4 --rope-freq-base 20000 -o b.ckpt
    cmp a.ckpt b.ckpt
    $run --steps 4 -o c.ckpt
    test_expect_code 1 cmp a.ckpt c.ckpt'

test_expect_success 'who exports it is told' '
    "$BIN/gguf-export" -q -m "$model" -o a.gguf a.ckpt 2>stderr
    grep "trained with rope_freq_base=20000" stderr
    "$BIN/gguf-export" -q -m "$model" -o c.gguf c.ckpt 2>stderr
    test ! -s stderr'

test_expect_success 'numbers that cannot be are usage' '
    for o in "base 0" "base -1" "base nan" "scale 0" "scale x"; do
        set -- $o
        test_expect_code 2 "$BIN/perplexity" -m "$model" -d t.pack --rope-freq-$1 $2 2>stderr
        grep -e "--rope-freq-$1" stderr
    done'

test_done
