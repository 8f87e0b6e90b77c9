#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Models in several files: gguf-split cuts and joins them, and every command opens them.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || model=$SHARED/reference/gpt2/model.gguf
[ -f "$model" ] || test_skip_all "no model: neither examples/tiny.gguf nor the reference material"
test_built gguf-split gguf-show gguf-diff quantize || test_skip_all "the commands are not built"
ln -s "$model" model.gguf
split() { "$BIN/gguf-split" -q "$@"; }
# refuses STATUS TEXT ARG...
refuses() {
    status=$1 text=$2
    shift 2
    test_expect_code "$status" "$BIN/gguf-split" "$@" >stdout 2>stderr </dev/null
    grep -e "$text" stderr
}
# tensors FILE: those of a file, with their numbers' beginnings
tensors() { "$BIN/gguf-show" --tensors --data 8 "$1" | awk -F "\t" '$1 == "tensor" { $5 = ""; print }'; }
n=$("$BIN/gguf-show" --tensors model.gguf | grep -c .)

test_expect_success 'parts by number: names, tensors, bytes as foretold' '
    split --dry-run --split-max-tensors 5 model.gguf p >plan
    test ! -e p-00001*
    split --split-max-tensors 5 model.gguf p
    parts=$(((n + 4) / 5))
    test $(ls p-*.gguf | wc -l) = $parts
    test $(tail -n +2 plan | wc -l) = $parts
    tail -n +2 plan | while read -r file tensors bytes; do
        test "$(wc -c <$file)" = $bytes
        test $tensors -le 5
    done
    first=$(ls p-00001-*)
    tensors model.gguf >a
    tensors $first >b
    cmp a b
    "$BIN/gguf-diff" model.gguf $first >diff
    "$BIN/gguf-show" --check $first'

test_expect_success 'joined, it is cut into the same parts again' '
    first=$(ls p-00001-*)
    split --merge $first whole.gguf
    "$BIN/gguf-diff" $first whole.gguf
    "$BIN/gguf-show" --keys whole.gguf >keys
    grep "split.count.u16.0$" keys
    split --split-max-tensors 5 whole.gguf again
    for p in p-*; do cmp $p again${p#p}; done
    split --split-max-tensors 5 $first third
    for p in p-*; do cmp $p third${p#p}; done
    refuses 1 "is not in parts" --merge whole.gguf x'

test_expect_success 'parts by size' '
    split --split-max-size 1M --dry-run model.gguf s >plan
    split --split-max-size 1M model.gguf s
    ls s-* >files
    tail -n +2 plan | cut -f 1 >planned
    cmp files planned
    tensors s-00001-* >b
    cmp a b
    refuses 1 "alone has .* bytes, more than a part may have" --split-max-size 500 model.gguf t
    split --no-tensor-first-split model.gguf f
    "$BIN/gguf-show" --tensors f-00001-of-00002.gguf | head -n 2 >head
    grep -c "file.part" head | grep 2'

test_expect_success 'a model in parts is quantised like the whole' '
    "$BIN/quantize" --no-history -q -t q8_0 -o q.gguf model.gguf
    "$BIN/quantize" --no-history -q -t q8_0 -o p.gguf p-00001-*
    cmp q.gguf p.gguf'

test_expect_success 'what does not belong together is refused' '
    mkdir -p d
    first=$(ls p-00001-*) second=$(ls p-00002-*)
    for p in p-*; do ln -f $p d/$p; done
    rm d/$second
    refuses 1 "$second.: No such file" --merge d/$first x
    ln p-00003-* d/$second
    refuses 1 "split.no. is 2, and must be 1" --merge d/$first x
    refuses 1 "give the first, .$first" --merge $second x
    test ! -e x'

test_expect_success 'no output is an input' '
    first=$(ls p-00001-*)
    cp p-00002-* kept
    refuses 1 "is the same file as input .p-00002" --merge $first $(ls p-00002-*)
    refuses 1 "is the same file as input .p-00001" --split-max-tensors 5 $first p
    cmp kept p-00002-*
    second=$(ls p-00002-*)
    test_expect_code 1 "$BIN/quantize" --no-history -t q8_0 -o $second $first 2>stderr
    grep "$second. is the same file as input .$second" stderr
    cmp kept $second'

test_expect_success 'nothing half is left' '
    refuses 1 "No such file or directory" model.gguf nowhere/x
    mkdir -p h/x-00002-of-00002.gguf
    refuses 1 "Is a directory" --no-tensor-first-split model.gguf h/x
    test "$(ls -A h)" = x-00002-of-00002.gguf
    (ulimit -f 100 && refuses 1 "write error on .h/y-00001" model.gguf h/y)
    test "$(ls -A h)" = x-00002-of-00002.gguf'

test_expect_success 'words for a wrong command line' '
    refuses 2 "exclude each other" --split --merge a b
    refuses 2 "exclude each other" --split-max-size 1M --split-max-tensors 1 a b
    refuses 2 "no option about parts" --merge --split-max-tensors 1 a b
    refuses 2 "is missing" a'

test_done
