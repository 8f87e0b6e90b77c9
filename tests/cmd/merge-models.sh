#!/bin/sh
# SPDX-License-Identifier: MIT
# merge: what of the changes is in the file.
. "${0%/*}/../lib.sh"

test_built merge tokenize pack train quantize ||
    test_skip_all "the commands are not built"
tiny=$TOP/examples/tiny.gguf
[ -f "$tiny" ] || test_skip_all "no examples/tiny.gguf"
run() {
    what=$1
    shift
    "$BIN/$what" "$@" 2>talk
}
yes 'Once upon a time there was a house in the wood.' | head -n 40 >house.txt
"$BIN/tokenize" -q -m "$tiny" -o house.tok house.txt
"$BIN/pack" -q -c 64 -o house.pack house.tok
"$BIN/train" -q -m "$tiny" -d house.pack -o a.ckpt --steps 4 --batch 2 --lora-r 4 --lr 0.01 \
    --lora-out a.gguf >/dev/null

test_expect_success 'what a merge keeps, by kind of tensor' '
    "$BIN/quantize" -q -t q4_0 -o q4.gguf "$tiny"
    run merge -m q4.gguf -a a.gguf:0.01 --force -o out.gguf
    grep "attn_q .*Q4_0$" talk
    grep "rounding .* larger .* keep it: .*F32$" talk
    run merge -m q4.gguf -a a.gguf:0.01 --force -t f32 -o out.gguf
    grep "attn_q  *100.0 % .*F32$" talk
    test_must_fail grep "larger" talk'

test_expect_success 'how far it is from base and adapter' '
    run merge -m "$tiny" -a a.gguf -t q4_0 --kl house.txt -o q4.gguf
    kl=$(sed -n "s/.*KL divergence \([^ ]*\) .*/\1/p" talk)
    run merge -m "$tiny" -a a.gguf -t f32 --kl house.txt -o f32.gguf
    small=$(sed -n "s/.*KL divergence \([^ ]*\) .*/\1/p" talk)
    awk -v a="$small" -v b="$kl" "BEGIN { exit !(a < 1e-5 && b > 10 * a && b > 1e-5) }"
    test_expect_code 2 "$BIN/merge" -m "$tiny" -a a.gguf --kl house.txt -o - 2>err
    grep "a file that is written" err
    rm -f out.gguf
    test_expect_code 1 "$BIN/merge" -m "$tiny" -a a.gguf --kl none.txt -o out.gguf 2>err
    grep "none.txt" err
    test ! -e out.gguf'
test_done
