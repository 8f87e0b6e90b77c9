#!/bin/sh
# SPDX-License-Identifier: MIT
# quantize: the file that llama-quantize --pure writes, and what it refuses.
. "${0%/*}/../lib.sh"

# le NUMBER BYTES: little endian
le() {
    le_n=$1
    le_k=$2
    while [ "$le_k" -gt 0 ]; do
        printf "\\$(printf %03o $((le_n & 255)))"
        le_n=$((le_n >> 8)) le_k=$((le_k - 1))
    done
}
str() {
    le ${#1} 8
    printf %s "$1"
}
# model FILE GENERAL_TYPE NAME TYPE COLUMNS NUMBER: one matrix of two rows of f32 (type 0)
# or i32 (26), all zero but for the last number, which is given by its bits
model() {
    {
        printf GGUF
        le 3 4
        le 1 8
        le 2 8
        str general.architecture && le 8 4 && str llama
        str general.type && le 8 4 && str "$2"
        str "$3" && le 2 4 && le "$5" 8 && le 2 8 && le "$4" 4 && le 0 8
    } >"$1"
    head -c $(((32 - $(wc -c <"$1") % 32) % 32 + 8 * $5 - 4)) /dev/zero >>"$1"
    le "$6" 4 >>"$1"
}
one=1065353216 nan=2143289344 inf=2139095040 big=1900671690

model one.gguf model output.weight 0 32 $one
model nan.gguf model output.weight 0 32 $nan
model inf.gguf model output.weight 0 32 $inf
model big.gguf model output.weight 0 32 $big
model odd.gguf model output.weight 0 33 $one
model int.gguf model output.weight 26 32 1
model adapter.gguf adapter output.weight 0 32 $one

test_expect_success 'a small model' '
    "$BIN/quantize" -t q8_0 -o out.gguf one.gguf 2>talk
    grep "1 tensors, 0.0 MiB (32.00 bits per weight) -> 0.0 MiB (8.50)" talk
    "$BIN/quantize" -q -t Q8_0 -o again.gguf one.gguf 2>talk
    test ! -s talk
    cmp out.gguf again.gguf
'

test_expect_success 'dry run: sizes as TSV, no file' '
    "$BIN/quantize" --dry-run -t q4_0 -o dry.gguf one.gguf >tsv
    test ! -e dry.gguf
    printf "tensor\ttype\tnew_type\tbytes\tnew_bytes\n" >want
    printf "output.weight\tF32\tQ4_0\t256\t36\n" >>want
    cmp tsv want
    "$BIN/quantize" --dry-run -t q4_0 one.gguf >tsv
    cmp tsv want
'

test_expect_success 'usage' '
    test_expect_code 2 "$BIN/quantize" -t q8_0 one.gguf
    test_expect_code 2 "$BIN/quantize" -o out.gguf one.gguf
    test_expect_code 2 "$BIN/quantize" -t q8_0 -o out.gguf
    test_expect_code 2 "$BIN/quantize" -t q8_0 -o out.gguf one.gguf one.gguf
    for type in q9_0 "" IQ4_XS I32; do
        test_expect_code 2 "$BIN/quantize" -t "$type" -o no.gguf one.gguf 2>talk
        grep "Q8_0" talk
    done
    test ! -e no.gguf
'

test_expect_success 'a NaN, an infinity and a number too large are refused' '
    echo old >out.gguf
    for what in nan inf big; do
        test_expect_code 1 "$BIN/quantize" -t q8_0 -o out.gguf $what.gguf 2>talk
        grep "output.weight.*row 1" talk
    done
    test "$(cat out.gguf)" = old
    "$BIN/quantize" -t f32 -o out.gguf big.gguf
    "$BIN/quantize" -t bf16 -o out.gguf big.gguf
    for what in nan inf big; do
        "$BIN/quantize" -t q8_0 --allow-nonfinite -o out.gguf $what.gguf
        test_expect_code 1 "$BIN/quantize" -t f32 --allow-requantize -o no.gguf out.gguf
    done
    test -z "$(find . -name ".*tmp*")"
'

test_expect_success 'rows that are no whole number of blocks become F16' '
    for type in q4_1 q8_0 q4_k; do
        "$BIN/quantize" -t $type --dry-run odd.gguf >tsv 2>dry
        grep "^output.weight	F32	F16	264	132" tsv
        "$BIN/quantize" -t $type -o out.gguf odd.gguf 2>talk
        cmp dry talk
        grep -i "1 of 1 tensors in F16 instead of $type: .*blocks of" talk
        "$BIN/gguf-show" --tensors out.gguf >list
        grep "^tensor	output.weight	F16	" list
    done
    "$BIN/quantize" -t f16 -o out.gguf odd.gguf 2>talk
    test_must_fail grep instead talk
'

model k.gguf model output.weight 0 512 $one
model small.gguf model output.weight 0 288 $one
test_expect_success 'K-quants, and what stands in where rows do not fit them' '
    "$BIN/quantize" -t q4_k -o out.gguf k.gguf 2>talk
    test $(wc -l <talk) = 1
    "$BIN/quantize" -t q4_k -o out.gguf small.gguf 2>talk
    grep "1 of 1 tensors in Q5_0 instead of Q4_K: .*blocks of 256" talk
    "$BIN/quantize" --dry-run -t q6_k small.gguf >tsv
    grep "^output.weight	F32	Q8_0	" tsv
'

test_expect_success 'mixtures by name, and their types alone' '
    for how in "q4_k_m" "Q4_K --mix" "q6_k"; do
        "$BIN/quantize" --dry-run -t $how k.gguf >tsv
        grep "^output.weight	F32	Q6_K	" tsv
    done
    "$BIN/quantize" -t q4_k_s -o out.gguf k.gguf
    "$BIN/gguf-show" out.gguf | grep "general.file_type.*14"
    "$BIN/quantize" --dry-run -t q4_k_m --pure k.gguf >tsv
    grep "^output.weight	F32	Q4_K	" tsv
    test_expect_code 2 "$BIN/quantize" --dry-run -t q4_k --pure --mix k.gguf
    test_expect_code 2 "$BIN/quantize" --dry-run -t q4_k_x k.gguf 2>talk
    grep Q4_K_S talk
'

test_expect_success 'again only if asked' '
    "$BIN/quantize" -t q8_0 -o q8.gguf one.gguf
    "$BIN/quantize" -t f16 -o f16.gguf one.gguf
    "$BIN/quantize" -t q8_0 -o same.gguf q8.gguf
    cmp q8.gguf same.gguf
    test_expect_code 1 "$BIN/quantize" -t q4_0 -o no.gguf q8.gguf 2>talk
    grep "output.weight.*Q8_0.*--allow-requantize" talk
    test_expect_code 1 "$BIN/quantize" --dry-run -t q4_0 q8.gguf
    "$BIN/quantize" -t q4_0 -o out.gguf f16.gguf
    "$BIN/quantize" -t f32 --allow-requantize -o back.gguf q8.gguf
    "$BIN/quantize" -t q8_0 -o q8_again.gguf back.gguf
    cmp q8.gguf q8_again.gguf
'

test_expect_success 'what is no model of floats' '
    test_expect_code 1 "$BIN/quantize" -t q8_0 -o no.gguf int.gguf 2>talk
    grep "output.weight.*I32" talk
    test_expect_code 1 "$BIN/quantize" -t q8_0 -o no.gguf adapter.gguf 2>talk
    grep adapter talk
    test_expect_code 1 "$BIN/quantize" -t q8_0 -o no.gguf missing.gguf
    test_expect_code 1 "$BIN/quantize" -t q8_0 -o no.gguf talk
    test ! -e no.gguf
'

test_expect_success 'not onto its own input' '
    cp one.gguf mine.gguf
    ln mine.gguf link.gguf
    test_expect_code 1 "$BIN/quantize" -t q8_0 -o mine.gguf mine.gguf
    test_expect_code 1 "$BIN/quantize" -t q8_0 -o link.gguf mine.gguf
    cmp one.gguf mine.gguf
'

test_expect_success 'a full disk' '
    test_expect_code 1 "$BIN/quantize" -t q8_0 -o /dev/full one.gguf
'

[ -n "$SHARED" ] || test_skip_all 'reference models are not there'

test_expect_success 'byte for byte what llama-quantize --pure writes' '
    n=0
    grep -v "^#" "$TOP/tests/golden/quantize.sha256" >list
    while read -r hash model type; do
        "$BIN/quantize" -q -t $type -o out.gguf "$SHARED/reference/$model/model.gguf"
        echo "$model $type"
        echo "$hash  out.gguf" | sha256sum -c
        n=$((n + 1))
    done <list
    test $n = 117
'

test_expect_success 'threads leave no trace' '
    model=$SHARED/reference/llama/model.gguf
    "$BIN/quantize" --threads 1 -t q5_1 -o one_thread.gguf "$model"
    "$BIN/quantize" --threads 3 -t q5_1 -o three.gguf "$model"
    cmp one_thread.gguf three.gguf
'

test_expect_success 'tables of positions keep their type' '
    "$BIN/quantize" --dry-run -t q8_0 "$SHARED/reference/gpt2/model.gguf" >tsv
    grep "^position_embd.weight	F32	F32	" tsv
    grep "^token_embd.weight	F32	Q8_0	" tsv
    grep "^blk.0.attn_qkv.bias	F32	F32	" tsv
'

test_done
