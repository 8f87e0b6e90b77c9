#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A training seen from another shell: while it goes, when it was stopped, when it is over.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
test_built tokenize pack train train-watch || test_skip_all "the commands are not built"
i=0
while [ $i -lt 60 ]; do
    echo "number $i is here" && i=$((i + 1))
done >text
"$BIN/tokenize" -q -m "$model" -o t.tok text
"$BIN/pack" -q -c 16 -o t.pack t.tok
mkdir run
train() { exec "$BIN/train" -q --threads 1 -m "$model" -d t.pack --batch 2 --lora-r 1 --log run/metrics.tsv -o run/model.ckpt "$@"; }
watch() { "$BIN/train-watch" "$@"; }

test_expect_success 'a run that goes on, until it is stopped' '
    train --steps 1000000 & pid=$!
    until [ "$(wc -l <run/metrics.tsv)" -ge 20 ]; do sleep 0.1; done 2>/dev/null
    watch --once run >once
    watch --every 0.1 run >lines & other=$!
    sleep 0.5
    kill -USR1 $pid
    tenth=0
    until ls run/model.ckpt.d/*.gguf >saved 2>/dev/null || [ $tenth = 100 ]; do
        sleep 0.1 && tenth=$((tenth + 1))
    done
    at=$(wc -l <run/metrics.tsv)
    sleep 0.3
    test "$(wc -l <run/metrics.tsv)" -gt "$at"
    kill $pid
    wait $pid || test $? = 143
    wait $other
    head -n 1 once | grep "^step [0-9]*/1000000  0 %  loss .* tok/s .* left [0-9:]*  running$"
    grep "^loss" once
    test "$(grep -c "|" once)" = 18
    test "$(wc -l <lines)" -ge 2
    tail -n 1 lines | grep "stopped$"
    test "$(sort -u lines | wc -l)" = "$(wc -l <lines)"'

test_expect_success 'one that is over, and a row that is half there' '
    (train --steps 12 --val t.pack --eval-every 5 --restart)
    printf "13\t1" >>run/metrics.tsv
    watch run >lines
    test "$(wc -l <lines)" = 1
    grep "^step 12/12  100 %  .*val [0-9.]* (step 12)  .*complete$" lines
    watch --once run/metrics.tsv | grep o'

test_expect_success 'what is no table' '
    echo "a	b" >other
    test_expect_code 1 watch other 2>stderr
    grep "other.: line 1\|other: line 1" stderr
    test_expect_code 1 watch gone 2>stderr
    grep "gone" stderr
    head -n 1 run/metrics.tsv >empty
    test_expect_code 1 watch --once empty 2>stderr
    grep "no step yet" stderr'
test_done
