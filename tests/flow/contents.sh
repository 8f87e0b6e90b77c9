#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A result is known by what it was made of, not by its time stamp.
. "${0%/*}/../lib.sh"

test_built tokenize pack train gguf-export merge quantize perplexity generate gguf-show ||
    test_skip_all "not all commands of the pipe are built"
[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"

run=$test_scratch/runs/run
bin=${BIN#"$TOP"/}
head -c 3000 "$TOP/examples/tiny.txt" >text
cp "$TOP/examples/tiny.gguf" model

flow() {
    (cd "$TOP" && "$MAKE" finetune V=1 BIN="$bin" RUNS="$test_scratch/runs" NAME=run STEPS=2 \
        OUTPUTS="adapter merged q8_0" \
        CTX=32 N_SAMPLE=1 MODEL="$test_scratch/model" DATA="$test_scratch/text" "$@")
}
did() { grep -q "^$bin/$1 " log; }
did_not() { ! did "$1"; }
nothing() { flow "$@" >log 2>&1 && grep "Nothing to be done" log; }

test_expect_success 'a record says in words what a result was made of' '
    touch -t 202001010000 text model
    cp -p text text.first
    flow >log 2>&1
    nothing
    size=$(($(wc -c <text)))
    sum=$(cksum <text | cut -d " " -f 1)
    grep "^text $sum:$size\$" $run/records/model.ckpt
    grep "^train .*--steps 2" $run/records/model.ckpt'

test_expect_success 'other text with an older time stamp, of the same size, is noticed' '
    tr a-m b-n <text.first >other
    touch -t 201901010000 other
    mv other text
    flow >log 2>&1
    did tokenize
    did train
    did quantize
    nothing'

test_expect_success 'so is the table of a schedule' '
    printf "step factor\n1 1\n4 0.1\n" >"a table"
    flow SCHED="file:$test_scratch/a table" >log 2>&1
    did train
    nothing SCHED="file:$test_scratch/a table"
    printf "step factor\n1 1\n4 0.5\n" >"a table"
    flow -n SCHED="file:$test_scratch/a table" >log 2>&1
    did train
    did_not tokenize
    mv "a table" table
    flow TRAIN_FLAGS="--sched file:$test_scratch/table" >log 2>&1
    nothing TRAIN_FLAGS="--sched file:$test_scratch/table"
    printf "step factor\n1 1\n4 0.2\n" >table
    flow -n TRAIN_FLAGS="--sched=file:$test_scratch/table" >log 2>&1
    did train
    did_not tokenize
    nothing'

test_expect_success 'in place and with the time stamp set back too' '
    tr a-m c-o <text.first >other
    cat other >text
    touch -t 201901010000 text
    flow >log 2>&1
    did tokenize
    nothing'

test_expect_success 'so is another model' '
    cp model other
    printf "\001" | dd of=other bs=1 seek=$(($(wc -c <model) - 100)) conv=notrunc
    touch -t 201901010000 other
    mv other model
    cp $run/model.ckpt old.ckpt
    flow >log 2>&1
    did train
    if cmp $run/model.ckpt old.ckpt; then exit 1; fi
    nothing'

test_expect_success 'the same contents are the same, touched, copied or of another name' '
    touch text model
    nothing
    cp text copy
    mv copy text
    nothing
    cp model elsewhere
    nothing MODEL="$test_scratch/elsewhere"
    nothing'

test_expect_success 'under a clock that was set back a changed knob is redone, and once' '
    touch -t 203801010000 $run/*.* $run/records/*
    flow LR=1e-3 >log 2>&1
    did train
    did merge
    did_not tokenize
    cp $run/model.ckpt redone.ckpt
    nothing LR=1e-3
    flow LR=1e-3 NAME=fresh >log 2>&1
    cmp redone.ckpt $test_scratch/runs/fresh/model.ckpt
    tail -c 2000000 $run/q8_0.gguf >redone.weights # before them is the name of the run
    tail -c 2000000 $test_scratch/runs/fresh/q8_0.gguf | cmp - redone.weights'

test_expect_success 'a run that ended in the middle is not taken for whole' '
    (cd "$TOP" && "$MAKE" V=1 BIN="$bin" RUNS="$test_scratch/runs" NAME=run STEPS=2 CTX=32 N_SAMPLE=1 \
        OUTPUTS="adapter merged q8_0" MODEL="$test_scratch/model" DATA="$test_scratch/text" LR=2e-3 $run/adapter.gguf) >log 2>&1
    did train
    touch -t 203801010000 $run/merged.gguf $run/q8_0.gguf
    flow LR=2e-3 >log 2>&1
    did_not train
    did merge
    did quantize
    nothing LR=2e-3'

test_expect_success 'one result can be asked for' '
    (cd "$TOP" && "$MAKE" -s BIN="$bin" RUNS="$test_scratch/runs" NAME=part CTX=32 \
        DATA="$test_scratch/text" "$test_scratch/runs/part/data.pack") >log 2>&1
    test -s runs/part/val.pack
    test ! -e runs/part/model.ckpt'

test_expect_success 'options of tokenize are options of the run' '
    nothing LR=2e-3
    printf "a<|endoftext|>b\n" >>text
    flow >log 2>&1
    cp $run/data.tok plain.tok
    flow TOKENIZE_FLAGS=--special >log 2>&1
    did tokenize
    grep "^[^ ]*/tokenize .* --special " log
    grep "^tokenize --special\$" $run/records/model.ckpt
    if cmp plain.tok $run/data.tok; then exit 1; fi
    nothing TOKENIZE_FLAGS=--special'

test_expect_success 'the adapter to start from counts by its contents' '
    cp $run/adapter.gguf start.gguf
    flow "TRAIN_FLAGS=--adapter-in $test_scratch/start.gguf" RANK= ALPHA= NAME=from >log 2>&1
    nothing "TRAIN_FLAGS=--adapter-in $test_scratch/start.gguf" RANK= ALPHA= NAME=from
    cp runs/from/adapter.gguf start.gguf
    flow "TRAIN_FLAGS=--adapter-in $test_scratch/start.gguf" RANK= ALPHA= NAME=from >log 2>&1
    did train'
test_done
