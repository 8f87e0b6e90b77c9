#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make dataset: the example's rows in one file, any tree and any name, and nothing changed in
# the tree that was there.
. "${0%/*}/../lib.sh"

test_built dataset tokenize || test_skip_all "the commands are not built"
[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"
bin=${BIN#"$TOP"/}
tree="$PWD/it's \$(a) tree"

flow() {
    (cd "$TOP" && "$MAKE" -s BIN="$bin" "RUNS=$test_scratch/runs" dataset "$@")
}

test_expect_success 'the example, which stays as it is' '
    find "$TOP/examples/dataset" -type f -exec cksum {} + >before
    flow 2>told
    find "$TOP/examples/dataset" -type f -exec cksum {} + | cmp before -
    test "$(wc -l <runs/dataset/dataset.jsonl)" = 12
    grep "lengths in tokens" told
    cp runs/dataset/dataset.jsonl first
    flow 2>told
    cmp first runs/dataset/dataset.jsonl'

test_expect_success 'the file is rows to tokenize, all of them, with answers that count' '
    "$BIN/tokenize" -m "$TOP/examples/tiny.gguf" -o t.tok first >told 2>&1
    grep "^rows  *12\$" told
    grep "trained  *[1-9]" told'

test_expect_success 'a tree and a file with any name, further options' '
    cp -r "$TOP/examples/dataset" "$tree"
    rm -r "$tree/schemas"
    flow "DATASET=$tree/" "TRAIN_DATA=$PWD/a new & folder/rows.jsonl" DATASET_FLAGS=--no-stats 2>told
    cmp first "a new & folder/rows.jsonl"
    test -f "$tree/schemas/reasoning.json"
    test_expect_code 1 grep lengths told'

test_expect_success 'a fault: no file, and make fails' '
    echo "[{}]" >"$tree/topics/workshop/measures/workshop.measures.core.json"
    test_expect_code 2 flow "DATASET=$tree" TRAIN_DATA="$PWD/no/rows.jsonl" 2>told
    grep "row 1: .question. is missing" told
    test ! -e no/rows.jsonl
    test_expect_code 2 flow DATASET= 2>told
    grep "DATASET is empty" told'

test_done
