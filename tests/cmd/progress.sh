#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What is said while something goes on: one line of a terminal, whatever its width
# (terminal.c), and nothing of it in a pipe or under -q.
. "${0%/*}/../lib.sh"

[ -z "$SANITIZE" ] || test_skip_all "the same as without sanitizers, and slower"
test_built tokenize pack quantize train || test_skip_all "the commands are not built"
CC=${CC:-cc}
$CC -std=c11 -D_XOPEN_SOURCE=700 -D_DEFAULT_SOURCE -o terminal "$TOP/tests/cmd/terminal.c" \
    2>log || test_skip_all "terminal.c cannot be built: $(head -n 1 log)"
./terminal 80 true 2>log || test_skip_all "$(cat log)"
export OMP_NUM_THREADS=1 TERM=xterm-256color
unset XTERM_VERSION COLUMNS
model=$TOP/examples/tiny.gguf
i=0
while [ $i -lt 300 ]; do
    echo "number $i is here" && i=$((i + 1))
done >text
"$BIN/tokenize" -q -m "$model" -o t.tok text
"$BIN/pack" -q -c 16 -o t.pack t.tok

train="$BIN/train -m $model -d t.pack --batch 2 --lora-r 1 -o a.ckpt"
# columns WIDTHS [OPTION...]: what stays of a run in `screen`, rows of progress in `rows`.
columns() {
    widths=$1
    shift
    rm -rf a.ckpt a.ckpt.d
    ./terminal "$widths" $train "$@" >screen 2>count
    cat screen count
    grep -E "%  |tok/s|left [0-9]|step [0-9]" screen >rows || test $? = 1
    drawn=$(sed -n "s/^drawn //p" count)
}

for width in 80 40 20; do
    test_expect_success "284 steps on $width columns leave one row" '
        columns $width --steps 284
        test "$drawn" -ge 8
        test "$(wc -l <rows)" = 1
        grep -q "100 %  step 284/284" rows
        test "$(awk "length > $width" screen | wc -l)" = 0'
done

test_expect_success 'more columns hold more' '
    columns 200 --steps 20
    test "$(wc -l <rows)" = 1
    for field in left loss ppl lr norm tok/s MB +dW "\[####"; do
        grep -q "$field" rows
    done'

test_expect_success 'a window that changes, and saves, while steps are made' '
    columns 80,5:40,6:20,7:100,8:30 --steps 284 --save-every 100
    test "$drawn" -ge 9
    test "$(wc -l <rows)" -le 2
    tail -n 1 rows | grep -q "100 %"'

test_expect_success 'nothing under -q' '
    columns 80 -q --steps 20
    test "$(wc -l <rows)" = 0'

test_expect_success 'a step a line in a pipe, without control characters' '
    rm -rf a.ckpt a.ckpt.d
    $train --steps 20 >log 2>&1
    test "$(grep -c "^train: step [0-9]*/20  loss .*  ppl .*  norm .*  left [0-9:]*$" log)" = 20
    tr -d "\n\040-\176" <log >control
    test ! -s control'

test_expect_success 'a terminal that can do nothing gets lines too' '
    rm -rf a.ckpt a.ckpt.d
    TERM=dumb ./terminal 200 $train --steps 20 >screen 2>count
    test "$(grep -c "^train: step" screen)" = 20'

# Three jobs that wait for others, at the same time: rows that come late, a reader that is late,
# and the same with no terminal.
yes '{"text": "a row of some text"}' | head -n 1200 >rows.jsonl
late_rows="(cat rows.jsonl; sleep 2.5; cat rows.jsonl) | $BIN/tokenize -m $model -o"
late_reader="$BIN/quantize -t q8_0 -o - $model | (sleep 2.5; cat >q8.gguf)"
RAW=tokenize.raw ./terminal 60 sh -c "$late_rows a.tok -" >tokenize.screen 2>log &
RAW=quantize.raw ./terminal 60 sh -c "$late_reader" >quantize.screen 2>log2 &
RAW=quiet.raw ./terminal 60 sh -c "$late_rows b.tok -q -" >quiet.screen 2>log3 &
sh -c "$late_rows c.tok -" >pipe.log 2>&1 &
wait

test_expect_success 'what takes long shows how much is done, and takes it away' '
    grep -aq "tokenize  [0-9.]* [kM]*B  [0-9.]* [kM]*B/s" tokenize.raw
    test "$(grep -c "B/s" tokenize.screen)" = 0
    grep -q "^rows  *2400" tokenize.screen'

test_expect_success 'where the end is known, the share and the time that is left' '
    grep -aq "quantize  \[#* *\]  *[0-9]* %  .*B/s  left [0-9]*:[0-9][0-9]" quantize.raw
    test "$(grep -c "B/s" quantize.screen)" = 0
    grep -q "^quantize: [0-9]* tensors" quantize.screen
    "$BIN/quantize" -q -t q8_0 -o want.gguf "$model"
    cmp want.gguf q8.gguf'

test_expect_success 'nothing of it under -q and in a pipe' '
    test ! -s quiet.raw
    test -s pipe.log
    tr -d "\n\t\040-\176" <pipe.log >control
    test ! -s control
    cmp a.tok c.tok'

test_done
