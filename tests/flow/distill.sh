#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make distill: what a teacher says is asked once, and again when the teacher or its options are
# others; and what is refused.
. "${0%/*}/../lib.sh"

test_built tokenize pack train distill gguf-export perplexity generate modelfile quantize ||
    test_skip_all "the commands are not built"
runs=$test_scratch/runs
bin=${BIN#"$TOP"/}
run=$runs/small
head -c 8000 "$TOP/examples/tiny.txt" >text.txt
cp "$TOP/examples/tiny.gguf" "large one.gguf"
distill() {
    (cd "$TOP" && "$MAKE" distill V=1 BIN="$bin" RUNS="$runs" NAME=small CTX=32 N_SAMPLE=2 STEPS=2 \
        OUTPUTS=adapter DATA="$test_scratch/text.txt" "$@")
}

test_expect_success 'a teacher is asked once' '
    distill TEACHER="$test_scratch/large one.gguf" DISTILL_FLAGS="-k 4" >log 2>&1
    grep "bin/distill .*-k 4" log
    grep "train .*--objective distill .*--teacher $run/teacher.top" log
    test -s "$run/teacher.top"
    test -s "$run/adapter.gguf"
    distill TEACHER="$test_scratch/large one.gguf" DISTILL_FLAGS="-k 4" LR=1e-3 >log 2>&1
    if grep "bin/distill " log; then exit 1; fi
    grep "bin/train " log
    distill TEACHER="$test_scratch/large one.gguf" DISTILL_FLAGS="-k 5" LR=1e-3 -n >log
    grep "bin/distill .*-k 5" log
    grep "bin/train " log'
test_expect_success 'with the example its own model teaches' '
    distill -n NAME=own >log
    grep "bin/train .*--full .*teacher.ckpt && .*teacher.gguf .*&& .*bin/distill" log'
test_expect_success 'no teacher, and one that is not there' '
    test_expect_code 2 distill MODEL="$test_scratch/large one.gguf" NAME=no >log 2>&1
    grep "TEACHER is not given" log
    test_expect_code 2 distill TEACHER=nowhere.gguf NAME=no >log 2>&1
    grep "nowhere.gguf" log
    test ! -e "$runs/no"'

test_done
