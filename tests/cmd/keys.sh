#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What a file says of itself, through every command that writes a model: keys that nobody knows
# stay, with their values and in their order, and the history grows by a line that names no file.
. "${0%/*}/../lib.sh"

[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"
test_built tokenize pack train gguf-export gguf-edit gguf-split merge quantize gguf-show ||
    test_skip_all "the commands are not built"
set -- --set "x.first=i8:-3" --set "x.list=f64[]:[0.5, 1e300]" --set "x.none=u16[]:[]" \
    --set "x.text=string:a	b" --set "X.upper=bool:true" \
    --set "x.texts=string[]:[\"\", \"two\"]"
"$BIN/gguf-edit" --no-history "$@" -o base.gguf "$TOP/examples/tiny.gguf"
head -c 3000 "$TOP/examples/tiny.txt" >text.txt
"$BIN/tokenize" -q -m base.gguf -o t.tok text.txt
"$BIN/pack" -q -c 32 -o t.pack t.tok
train() { "$BIN/train" -q -m base.gguf -d t.pack --batch 1 --steps 1 "$@"; }
train -o lora.ckpt --lora-r 2 --lora-targets attn_q
train -o full.ckpt --full
"$BIN/gguf-export" -q -m base.gguf -o a.gguf lora.ckpt
dir=$PWD

history_of() { "$BIN/gguf-show" --keys "$1" | sed -n "s/^key.libtrain.history.//p"; }
"$BIN/gguf-show" --keys base.gguf | grep "^key.[xX]\." >want
# kept NAME COMMAND ARG...: it makes NAME.gguf
kept() {
    name=$1
    shift
    test_expect_success "$name" "
        $* 2>stderr
        \"\$BIN/gguf-show\" --keys $name.gguf | grep '^key.[xX]\\.' | cmp - want
        history_of $name.gguf >line
        if grep -F -e \"\$dir\" -e base.gguf -e '/' line; then exit 1; fi"
}

kept edited '"$BIN/gguf-edit" --set general.name=string:y -o edited.gguf base.gguf'
kept quantized '"$BIN/quantize" -q -t q8_0 -o quantized.gguf edited.gguf'
kept merged '"$BIN/merge" -q -m edited.gguf -a a.gguf:0.5 -t f16 -o merged.gguf'
kept linear '"$BIN/merge" -q -m edited.gguf -x quantized.gguf:0.25 --method linear -o linear.gguf'
kept exported '"$BIN/gguf-export" -q -m base.gguf -o exported.gguf full.ckpt'
kept cut '"$BIN/gguf-split" -q --split-max-tensors 10 edited.gguf part &&
    "$BIN/gguf-split" -q --merge part-00001-of-*.gguf cut.gguf'

test_expect_success 'a line a change, in its order' '
    history_of edited.gguf >line
    printf "string[1]\t\"gguf-edit --set general.name=string:y\"\n" | cmp - line
    history_of quantized.gguf >line
    grep "^string.2.*gguf-edit.*\"quantize --type q8_0\"" line
    history_of merged.gguf >line
    grep "merge --adapter 0.5 --type f16" line
    history_of linear.gguf >line
    grep "merge --with 0.25 --method linear" line
    "$BIN/gguf-show" --keys exported.gguf >keys
    grep "libtrain.history.*train step=1 base=" keys
    history_of cut.gguf >line
    history_of edited.gguf | cmp - line'

test_expect_success '--no-history' '
    "$BIN/gguf-edit" --no-history --set a.b=u8:1 -o e.gguf base.gguf
    "$BIN/quantize" -q --no-history -t q8_0 -o q.gguf base.gguf
    "$BIN/merge" -q --no-history -m base.gguf -a a.gguf -o m.gguf
    "$BIN/gguf-export" -q --no-history -m base.gguf -o f.gguf full.ckpt
    for f in e q m f; do
        "$BIN/gguf-show" --keys $f.gguf >keys
        if grep libtrain.history keys; then exit 1; fi
    done'

test_done
