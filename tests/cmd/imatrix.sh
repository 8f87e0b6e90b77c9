#!/bin/sh
# SPDX-License-Identifier: MIT
# imatrix: the file that llama-imatrix writes, parts that are added up, what is shown and what
# is refused.  tests/golden/imatrix.gguf is llama-imatrix's, of the same model and text.
. "${0%/*}/../lib.sh"

test_built imatrix quantize gguf-diff gguf-show || test_skip_all "the commands are not built"
tiny=$TOP/examples/tiny.gguf
[ -f "$tiny" ] || test_skip_all "no examples/tiny.gguf"
matrix() { "$BIN/imatrix" -q "$@"; }

"$BIN/quantize" -q -t F32 -o model.gguf "$tiny"
yes 'Once upon a time there was a house in the wood.' | head -n 200 >house.txt

test_expect_success 'what llama-imatrix writes, but for roundings' '
    "$BIN/imatrix" -m model.gguf -f house.txt -c 64 --chunks 10 -o im.gguf 2>talk
    grep "10 chunks of 64 tokens" talk
    "$BIN/gguf-diff" --tol 1e-5 "$TOP/tests/golden/imatrix.gguf" im.gguf >diff
    "$BIN/gguf-show" im.gguf | grep "^tensor" | cut -f2 >names
    "$BIN/gguf-show" "$TOP/tests/golden/imatrix.gguf" | grep "^tensor" | cut -f2 | cmp - names'

test_expect_success 'the same bytes every time' '
    matrix -m model.gguf -f house.txt -c 64 --chunks 10 --threads 1 -o one.gguf
    matrix -m model.gguf -f house.txt -c 64 --chunks 10 --threads 1 -o two.gguf
    cmp one.gguf two.gguf'

test_expect_success 'parts of a text, added up' '
    matrix -m model.gguf -f house.txt -c 64 --chunks 4 -o a.gguf
    matrix -m model.gguf -f house.txt -c 64 --from-chunk 4 --chunks 6 -o b.gguf
    matrix --in-file a.gguf --in-file b.gguf -o ab.gguf
    "$BIN/gguf-diff" --tensors --tol 1e-6 im.gguf ab.gguf >diff
    "$BIN/gguf-show" ab.gguf | grep "imatrix.chunk_count.*10"
    "$BIN/gguf-show" ab.gguf | grep "imatrix.chunk_size.*64"
    matrix -m model.gguf -f house.txt -c 64 --from-chunk 4 --chunks 6 --in-file a.gguf -o c.gguf
    "$BIN/gguf-diff" --tensors --tol 1e-6 im.gguf c.gguf >diff'

test_expect_success 'the table' '
    matrix --in-file im.gguf --show >table
    test "$(head -n 1 table | cut -f 1,8)" = "tensor	mean"
    test $(($(wc -l <table) - 1)) = $(($(grep -c . names) / 2))
    awk -F "\t" "NR > 1 && (\$4 < 1 || \$6 > \$8 || \$8 > \$7 || \$12 > 1) { exit 1 }" table
    matrix --in-file im.gguf --show -o again.gguf >table2
    cmp table table2
    cmp im.gguf again.gguf'

test_expect_success 'what cannot be is refused, and nothing is written' '
    while IFS="|" read -r words want; do
        test_expect_code 1 matrix $words -o bad.gguf 2>err
        grep -e "$want" err
        test ! -e bad.gguf
    done <<END
-m model.gguf -f house.txt -c 64 --from-chunk 99|has [0-9]* chunks of 64 tokens, from 0 on
-m model.gguf -f house.txt -c 300|was made for 256 positions
--in-file model.gguf|is a model, not an importance matrix
--in-file house.txt|not an importance matrix
-m im.gguf -f house.txt|is an importance matrix, not a model
--in-file none.gguf|none.gguf
END
    printf "a house" >short.txt
    test_expect_code 1 matrix -m model.gguf -f short.txt -o bad.gguf 2>err
    grep "0 chunks of 256 tokens: shorter ones come with -c" err'

test_expect_success 'an importance matrix of another model' '
    test_expect_code 1 matrix --in-file im.gguf -o bad.gguf \
        --in-file "$TOP/tests/fuzz/corpus/imatrix/new.gguf" 2>err
    grep "new.gguf.*sums of .blk.0.attn_q.weight. for 1 matrices of 8 columns" err
    test ! -e bad.gguf'

test_expect_success 'one of another model beside a text: before that is read' '
    new=$TOP/tests/fuzz/corpus/imatrix/new.gguf
    test_expect_code 1 matrix -m model.gguf -f none.txt --in-file "$new" -o bad.gguf 2>err
    grep "new.gguf.: .blk.0.attn_q.weight. has 8 numbers.*it was made with another model" err
    test ! -e bad.gguf'
test_done
