#!/bin/sh
# SPDX-License-Identifier: MIT
# pack: what goes into which file, and what is refused.  The streams are those of
# tests/unit/test_token.c: docs.tok has documents of 10, 0, 1, 3 and 50 tokens, one.tok one
# of 101.  What is inside a pack is looked at by tests/unit/test_packer.c.
. "${0%/*}/../lib.sh"
test_built pack || test_skip_all 'pack is not built'
tok=$TOP/tests/golden
model=$TOP/examples/tiny.gguf
[ -f "$model" ] || model=${SHARED:-}/reference/gpt2/model.gguf

# said TEXT: the summary holds it.
said() {
    grep -F -- "$1" err || { cat err; return 1; }
}

# nothing_left: no output and no temporary.
nothing_left() {
    [ ! -e x.pack ] && [ ! -e v.pack ] && [ -z "$(ls -A | grep tmp)" ]
}

# refused STATUS TEXT ARGUMENTS...
refused() {
    refused_code=$1 refused_text=$2
    shift 2
    rm -f x.pack v.pack
    test_expect_code "$refused_code" "$BIN/pack" "$@" 2>err
    said "$refused_text"
    nothing_left
}

test_expect_success 'help and version' '
    "$BIN/pack" --help >out 2>err
    grep "^usage: pack " out
    [ ! -s err ]
    "$BIN/pack" --version >out
    grep "^pack (libtrain)" out
'

test_expect_success 'documents share sequences, a long one is cut' '
    "$BIN/pack" -c 16 -o x.pack "$tok/docs.tok" 2>err
    said "3 documents, 63 tokens, 5 sequences, 60 positions (60 counted), 75.0 % full"
    said "2 documents of less than two tokens left out"
'

test_expect_success 'a file, standard input and - are the same' '
    "$BIN/pack" -c 16 -o a.pack "$tok/docs.tok"
    "$BIN/pack" -c 16 -o b.pack <"$tok/docs.tok"
    "$BIN/pack" -o c.pack --ctx=16 -- - <"$tok/docs.tok"
    cmp a.pack b.pack
    cmp a.pack c.pack
    mkfifo pipe
    cat "$tok/docs.tok" >pipe &
    "$BIN/pack" -c 16 -o d.pack pipe
    wait
    cmp a.pack d.pack
'

test_expect_success '-q says nothing' '
    "$BIN/pack" -q -c 16 -o x.pack "$tok/docs.tok" >out 2>err
    [ ! -s out ]
    [ ! -s err ]
'

test_expect_success '--stride: more positions, as many that count' '
    "$BIN/pack" -c 20 -o x.pack "$tok/one.tok" 2>err
    said "101 tokens, 5 sequences, 100 positions (100 counted), 100.0 % full"
    "$BIN/pack" -c 20 --stride 10 -o x.pack "$tok/one.tok" 2>err
    said "101 tokens, 9 sequences, 180 positions (100 counted)"
    "$BIN/pack" -c 20 --stride 20 -o y.pack "$tok/one.tok"
    "$BIN/pack" -c 20 -o x.pack "$tok/one.tok"
    cmp x.pack y.pack
'

test_expect_success '--val-split of a single document takes its tail' '
    "$BIN/pack" -c 20 -o x.pack --val-split 0.2 --val-out v.pack "$tok/one.tok" 2>err
    said "x.pack: 1 documents, 80 tokens, 4 sequences, 79 positions"
    said "v.pack: 1 documents, 21 tokens, 1 sequences, 20 positions"
'

test_expect_success '--val-split: both sides get something' '
    "$BIN/pack" -c 20 -o x.pack --val-split 0.001 --val-out v.pack "$tok/one.tok" 2>err
    said "x.pack: 1 documents, 99 tokens"
    said "v.pack: 1 documents, 2 tokens"
    "$BIN/pack" -c 20 -o x.pack --val-split 0.999 --val-out v.pack "$tok/one.tok" 2>err
    said "x.pack: 1 documents, 2 tokens"
    said "v.pack: 1 documents, 99 tokens"
    "$BIN/pack" -c 20 -o x.pack --val-split 0.001 --val-out v.pack "$tok/docs.tok" 2>err
    said "x.pack: 2 documents, 13 tokens"
    said "v.pack: 1 documents, 50 tokens"
    "$BIN/pack" -c 20 -o x.pack --val-split 0.999 --val-out v.pack "$tok/docs.tok" 2>err
    said "x.pack: 1 documents, 50 tokens"
    said "v.pack: 2 documents, 13 tokens"
'

test_expect_success '--val-split of several documents' '
    "$BIN/pack" -c 20 -o x.pack --val-split 0.4 --val-out v.pack "$tok/docs.tok" 2>err
    said "x.pack: 2 documents, 60 tokens"
    said "v.pack: 1 documents, 3 tokens"
'

test_expect_success '--fit best fills sequences, in an order that stays the same' '
    "$BIN/pack" -c 51 --fit best -o x.pack "$tok/docs.tok" 2>err
    said "3 documents, 63 tokens, 2 sequences, 60 positions (60 counted), 58.8 % full"
    "$BIN/pack" -c 51 --fit best -o y.pack "$tok/docs.tok"
    cmp x.pack y.pack
    "$BIN/pack" -c 51 --fit order -o x.pack "$tok/docs.tok"
    "$BIN/pack" -c 51 -o y.pack "$tok/docs.tok"
    cmp x.pack y.pack
'

test_expect_success '--over-long: what becomes of documents is said' '
    "$BIN/pack" -c 16 --over-long split -o x.pack "$tok/docs.tok" 2>err
    said "x.pack: 1 documents longer than the context, in windows"
    "$BIN/pack" -c 16 -o y.pack "$tok/docs.tok"
    cmp x.pack y.pack
    "$BIN/pack" -c 16 --over-long cut -o x.pack "$tok/docs.tok" 2>err
    said "2 sequences, 27 positions"
    said "x.pack: 1 documents longer than the context, cut at its end"
    said "x.pack: 33 tokens of these are lost"
    "$BIN/pack" -c 16 --over-long drop -o x.pack "$tok/docs.tok" 2>err
    said "1 sequences, 11 positions"
    said "x.pack: 1 documents longer than the context, left out"
    refused 1 "docs.tok'"'"': document 5: a document of 50 tokens" -c 16 --over-long refuse \
        -o x.pack "$tok/docs.tok"
'

test_expect_success '--mix, --max-rows: whole documents by weight' '
    "$BIN/pack" -c 64 -o x.pack --mix "$tok/docs.tok:2" --mix "$tok/one.tok" 2>err
    said "docs.tok: 3 documents, 6 for training, 0 for validation"
    said "x.pack: 7 documents, 227 tokens"
    "$BIN/pack" -c 64 -o x.pack --mix "$tok/docs.tok:2" "$tok/one.tok" 2>err
    said "one.tok: 1 documents, 1 for training"
    "$BIN/pack" -c 64 -o x.pack --seed 5 --max-rows 2 "$tok/docs.tok" 2>err
    said "x.pack: 2 documents"
    cp "$tok/docs.tok" a:2
    "$BIN/pack" -c 64 -o x.pack --mix a:2:1 2>err
    said "x.pack: 3 documents, 63 tokens"
    refused 2 "above 0" -c 64 -o x.pack --mix "$tok/docs.tok:0"
    refused 2 "more than once" -c 64 -o x.pack --mix - <"$tok/docs.tok"
    refused 2 "more than once" -c 64 -o x.pack --max-rows 1 <"$tok/docs.tok"
    refused 1 "same" -c 64 -o a:2 --mix a:2:1
    refused 1 "nowhere" -c 64 -o x.pack --mix "$tok/docs.tok" --mix nowhere:2
'

test_expect_success 'samples: next ones fill a document, or each goes on into them' '
    "$BIN/pack" -c 16 --fill-with-next-samples -o x.pack "$tok/docs.tok" 2>err
    said "3 documents, 63 tokens, 1 sequences, 16 positions (16 counted), 100.0 % full"
    said "x.pack: 46 tokens of these are lost"
    "$BIN/pack" -c 8 --overlapping-samples -o x.pack "$tok/docs.tok" 2>err
    said "3 documents, 63 tokens, 3 sequences, 24 positions (24 counted), 100.0 % full"
'

if [ -f "$model" ]; then
    test_expect_success 'samples: BOS and EOS of the model between them' '
        echo "one two" >text
        "$BIN/tokenize" -m "$model" text text text >samples.tok
        "$BIN/pack" -c 64 -m "$model" --fill-with-next-samples -o a.pack samples.tok
        "$BIN/pack" -c 64 -m "$model" --fill-with-next-samples --separate-with-bos -o b.pack \
            samples.tok
        cmp a.pack b.pack
        for o in --separate-with-eos --no-separate-with-bos; do
            "$BIN/pack" -c 64 -m "$model" --fill-with-next-samples "$o" -o b.pack samples.tok
            test_must_fail cmp a.pack b.pack
        done
        refused 1 "another vocabulary" -c 64 -m "$model" --fill-with-next-samples -o x.pack \
            "$tok/docs.tok"
        refused 2 "is about" -c 64 --separate-with-eos -o x.pack "$tok/docs.tok"
        refused 2 "is about" -c 64 -m "$model" -o x.pack samples.tok
        refused 2 "in its order" -c 64 --overlapping-samples -o x.pack --mix samples.tok:2'
else
    test_skip 'samples: BOS and EOS of the model' 'no model'
fi

test_expect_success '--val: a stream of ones own' '
    "$BIN/pack" -c 64 -o x.pack --val "$tok/one.tok" --val-out v.pack "$tok/docs.tok" 2>err
    said "x.pack: 3 documents, 63 tokens"
    said "v.pack: 1 documents, 101 tokens"
    "$BIN/pack" -c 64 -o y.pack "$tok/docs.tok"
    cmp x.pack y.pack
    refused 2 "exclude" -c 64 -o x.pack --val "$tok/one.tok" --val-split .1 \
        --val-out v.pack "$tok/docs.tok"
    refused 2 "--val-out" -c 64 -o x.pack --val "$tok/one.tok" "$tok/docs.tok"
'

test_expect_success 'nothing to train on' '
    refused 1 "nothing to train on" -c 16 -o x.pack "$tok/empty.tok"
    refused 1 "nothing to train on" -c 16 -o x.pack "$tok/short.tok"
    refused 1 "nothing to train on" -c 16 -o x.pack "$tok/masked.tok"
    refused 1 "nothing to train on" -c 16 -o x.pack --val-split .5 --val-out v.pack \
        "$tok/masked.tok"
'

test_expect_success 'usage' '
    refused 2 "--ctx" -o x.pack "$tok/docs.tok"
    refused 2 "--output" -c 16 "$tok/docs.tok"
    refused 2 "--stride" -c 16 -o x.pack --stride 17 "$tok/docs.tok"
    refused 2 "--val-out" -c 16 -o x.pack --val-split 0.1 "$tok/docs.tok"
    refused 2 "--val-split" -c 16 -o x.pack --val-out v.pack "$tok/docs.tok"
    refused 2 "same file" -c 16 -o x.pack --val-split 0.1 --val-out x.pack "$tok/docs.tok"
    for n in 0 -1 1e3x nan "" 99999999999999999999 1048577; do
        refused 2 "ctx" -c "$n" -o x.pack "$tok/docs.tok"
    done
    for p in 0 1 -0.1 2 nan inf x; do
        refused 2 "val-split" -c 16 -o x.pack --val-split "$p" --val-out v.pack \
            "$tok/docs.tok"
    done
    refused 2 "--wrong" -c 16 -o x.pack --wrong "$tok/docs.tok"
    refused 2 "" -c 16 -o x.pack "$tok/docs.tok" "$tok/one.tok"
'

test_expect_success 'a wrong pipe is told in words' '
    echo "to be or not to be" >text
    refused 1 "it is text" -c 16 -o x.pack text
    refused 1 "it is empty" -c 16 -o x.pack </dev/null
    printf "GGUF\003\000\000\000" >model
    refused 1 "it is a GGUF model" -c 16 -o x.pack model
    "$BIN/pack" -c 16 -o a.pack "$tok/docs.tok"
    refused 1 "it is a pack" -c 16 -o x.pack a.pack
    refused 1 "nowhere" -c 16 -o x.pack nowhere
    refused 1 "Is a directory" -c 16 -o x.pack .
'

test_expect_success 'cut, damaged and joined streams leave nothing' '
    n=$(wc -c <"$tok/docs.tok")
    for i in 1 31 32 40 100 $((n - 32)) $((n - 1)); do
        head -c "$i" "$tok/docs.tok" >cut.tok
        refused 1 "cut.tok" -c 16 -o x.pack cut.tok
    done
    { head -c 100 "$tok/docs.tok"; printf "\001"; tail -c +102 "$tok/docs.tok"; } >bad.tok
    refused 1 "bad.tok" -c 16 -o x.pack --val-split .5 --val-out v.pack bad.tok
    cat "$tok/docs.tok" "$tok/one.tok" >joined.tok
    refused 1 "joined" -c 16 -o x.pack joined.tok
'

test_expect_success 'the output must be a file that is not the input' '
    refused 1 "seekable" -c 16 -o - "$tok/docs.tok"
    refused 1 "/dev/full" -c 16 -o /dev/full "$tok/docs.tok"
    refused 1 "none/x.pack" -c 16 -o none/x.pack "$tok/docs.tok"
    cp "$tok/docs.tok" in.tok
    ln in.tok same.tok
    refused 1 "same" -c 16 -o same.tok in.tok
    refused 1 "same" -c 16 -o x.pack --val-split .5 --val-out same.tok in.tok
    cmp in.tok "$tok/docs.tok"
'

test_expect_success 'a failure leaves the old pack' '
    "$BIN/pack" -c 16 -o old.pack "$tok/docs.tok"
    cp old.pack copy
    head -c 200 "$tok/docs.tok" >cut.tok
    test_expect_code 1 "$BIN/pack" -c 16 -o old.pack cut.tok
    cmp old.pack copy
'

test_done
