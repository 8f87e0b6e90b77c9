#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make finetune on the example: every artefact appears, nothing is done twice, a changed
# knob redoes what depends on it, a stopped run goes on and ends with the same bytes.
. "${0%/*}/../lib.sh"

test_built tokenize pack train gguf-export merge quantize perplexity generate modelfile ||
    test_skip_all "not all commands of the pipe are built"
[ -f "$TOP/examples/tiny.gguf" ] && [ -f "$TOP/examples/tiny.txt" ] ||
    test_skip_all "no examples/tiny.gguf and tiny.txt"

runs=$test_scratch/runs
run=$runs/tiny-tiny
bin=${BIN#"$TOP"/}

# finetune KNOB=VALUE...: from the top of the sources, as a user does.
become_finetune() {
    cd "$TOP" && exec "$MAKE" finetune V=1 RUNS="$runs" BIN="$bin" CTX=64 N_SAMPLE=4 "$@"
}
finetune() { (become_finetune "$@"); }

# younger FILE: changed since `touch mark`.
younger() { [ -n "$(find "$1" -newer mark)" ]; }

test_expect_success 'every artefact appears' '
    finetune STEPS=3 >log 2>&1
    for f in data.tok data.pack val.pack model.ckpt adapter.gguf merged.gguf q8_0.gguf Modelfile \
        metrics.tsv eval.tsv samples.txt; do
        test -s $run/$f || { echo "no $f" && exit 1; }
    done
    test $(grep -c . $run/metrics.tsv) = 4'

if command -v gnuplot >/dev/null 2>&1; then
    test_expect_success 'the plot is a picture' '
        head -c 4 $run/loss.png >magic
        printf "\211PNG" | cmp - magic'
else
    test_skip 'the plot is a picture' 'gnuplot is not there'
fi

test_expect_success 'eval.tsv: header and four rows of numbers' '
    cut -f 1 $run/eval.tsv >names
    printf "%s\n" model base "base + adapter" merged q8_0 | cmp - names
    head -n 1 $run/eval.tsv >header
    printf "model\tloss\tperplexity\n" | cmp - header
    awk -F "\t" "NR > 1 && !(\$2 > 0 && \$3 > 1) { exit 1 }" $run/eval.tsv'

test_expect_success 'samples.txt: each prompt twice' '
    while IFS= read -r prompt; do
        n=$(grep -c -F -- "$prompt" $run/samples.txt)
        test $n -ge 2
    done <"$TOP/examples/prompts.txt"'

test_expect_success 'a second make does nothing' '
    sleep 1
    touch mark
    finetune STEPS=3 >log
    grep "Nothing to be done" log
    test -z "$(find $run -newer mark -type f)"
    finetune -q STEPS=3
    if finetune -q STEPS=4; then exit 1; fi
    finetune -n STEPS=3 >log
    grep "Nothing to be done" log'

test_expect_success 'a changed learning rate trains again and does not tokenise again' '
    sleep 1
    touch mark
    sleep 1
    finetune STEPS=3 LR=1e-3 >log 2>&1
    for f in model.ckpt adapter.gguf merged.gguf q8_0.gguf eval.tsv samples.txt; do
        younger $run/$f || { echo "old $f" && exit 1; }
    done
    for f in data.tok data.pack val.pack eval-base.tsv samples-base.txt; do
        ! younger $run/$f || { echo "made again: $f" && exit 1; }
    done'

test_expect_success 'a changed prompt samples again and does not train again' '
    sleep 1
    touch mark
    sleep 1
    finetune STEPS=3 LR=1e-3 N_SAMPLE=5 >log 2>&1
    younger $run/samples.txt
    if younger $run/model.ckpt; then exit 1; fi'

test_expect_success 'make -n reads as the tutorial' '
    finetune -n STEPS=3 NAME=none >log
    grep -c "^$bin/" log
    if grep -v -E "^($bin/(tokenize|pack|train|gguf-export|merge|quantize|perplexity|generate|modelfile|report)|mkdir|gnuplot) " log; then exit 1; fi
    test ! -e $runs/none'

test_expect_success 'make -n with a changed knob changes nothing' '
    finetune -n STEPS=3 LR=1e-3 N_SAMPLE=5 SEED=7 >log
    grep "bin/train" log
    finetune STEPS=3 LR=1e-3 N_SAMPLE=5 >log
    grep "Nothing to be done" log'

# A run of some seconds, stopped after its first save; STEPS is the same in both.
long="STEPS=80 TRAIN_FLAGS=--save-every=1"
test_expect_success 'a stopped run keeps its saves' '
    become_finetune $long NAME=stopped >log 2>&1 &
    pid=$!
    i=0
    until ls $runs/stopped/model.ckpt.d/*.gguf >/dev/null 2>&1; do
        i=$((i + 1))
        test $i -lt 600
        sleep 0.1
    done
    kill -TERM $pid
    if wait $pid; then exit 1; fi
    test ! -e $runs/stopped/model.ckpt
    ls $runs/stopped/model.ckpt.d/*.gguf'

test_expect_success 'its saves are not lost to other knobs, and come back with theirs' '
    ls $runs/stopped/model.ckpt.d >saves
    test_expect_code 2 finetune $long NAME=stopped RESTART=no >log 2>&1
    finetune $long STEPS=3 LR=1e-3 NAME=stopped >log 2>&1
    grep "LR 5e-3 → 1e-3, STEPS 80 → 3" log || grep "STEPS 80 → 3, LR 5e-3 → 1e-3" log
    grep "what was there is kept in $runs/stopped/earlier/1" log
    ls $runs/stopped/earlier/1/model.ckpt.d | cmp - saves
    finetune STEPS=3 LR=1e-3 NAME=stopped TRAIN_FLAGS=--save-every=2 >log 2>&1
    if grep "train " log; then exit 1; fi'

test_expect_success 'it goes on, and ends as if it had not been stopped' '
    finetune $long NAME=stopped >log 2>&1
    grep -e "--resume" log
    finetune $long NAME=whole >log2 2>&1
    if grep -e "--resume" log2; then exit 1; fi
    cmp $runs/stopped/model.ckpt $runs/whole/model.ckpt
    cut -f 1-5 $runs/stopped/metrics.tsv >a
    cut -f 1-5 $runs/whole/metrics.tsv >b
    cmp a b'

test_expect_success 'full fine-tuning has no adapter' '
    finetune STEPS=2 METHOD=full NAME=full >log 2>&1
    test -s $runs/full/q8_0.gguf
    test ! -e $runs/full/adapter.gguf
    cut -f 1 $runs/full/eval.tsv >names
    printf "%s\n" model base merged q8_0 | cmp - names'
test_done
