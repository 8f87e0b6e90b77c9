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
model one64.gguf model output.weight 0 64 $one
model big64.gguf model output.weight 0 64 $big
model int.gguf model output.weight 26 32 1
model adapter.gguf adapter output.weight 0 32 $one

test_expect_success 'a small model' '
    "$BIN/quantize" --no-history -t q8_0 -o out.gguf one.gguf 2>talk
    grep "1 tensors, 0.0 MiB (32.00 bits per weight) -> 0.0 MiB (8.50)" talk
    "$BIN/quantize" --no-history -q -t Q8_0 -o again.gguf one.gguf 2>talk
    test ! -s talk
    cmp out.gguf again.gguf
'

test_expect_success 'dry run: sizes as TSV, no file' '
    "$BIN/quantize" --no-history --dry-run -t q4_0 -o dry.gguf one.gguf >tsv
    test ! -e dry.gguf
    printf "tensor\ttype\tnew_type\tbytes\tnew_bytes\n" >want
    printf "output.weight\tF32\tQ4_0\t256\t36\n" >>want
    cmp tsv want
    "$BIN/quantize" --no-history --dry-run -t q4_0 one.gguf >tsv
    cmp tsv want
'

test_expect_success 'usage' '
    test_expect_code 2 "$BIN/quantize" --no-history -t q8_0 one.gguf
    test_expect_code 2 "$BIN/quantize" --no-history -o out.gguf one.gguf
    test_expect_code 2 "$BIN/quantize" --no-history -t q8_0 -o out.gguf
    test_expect_code 2 "$BIN/quantize" --no-history -t q8_0 -o out.gguf one.gguf one.gguf
    for type in q9_0 "" Q8_1 I32; do
        test_expect_code 2 "$BIN/quantize" --no-history -t "$type" -o no.gguf one.gguf 2>talk
        grep "Q8_0" talk
    done
    test ! -e no.gguf
'

test_expect_success 'a NaN, an infinity and a number too large are refused' '
    echo old >out.gguf
    for what in nan inf big; do
        test_expect_code 1 "$BIN/quantize" --no-history -t q8_0 -o out.gguf $what.gguf 2>talk
        grep "output.weight.*row 1" talk
    done
    test "$(cat out.gguf)" = old
    "$BIN/quantize" --no-history -t f32 -o out.gguf big.gguf
    "$BIN/quantize" --no-history -t bf16 -o out.gguf big.gguf
    for what in nan inf big; do
        "$BIN/quantize" --no-history -t q8_0 --allow-nonfinite -o out.gguf $what.gguf
        test_expect_code 1 "$BIN/quantize" --no-history -t f32 --allow-requantize -o no.gguf out.gguf
    done
    test -z "$(find . -name ".*tmp*")"
'

test_expect_success 'a number that NVFP4 cannot hold is told' '
    "$BIN/quantize" --no-history -t nvfp4 -o out.gguf big64.gguf 2>talk
    grep "output.weight.: 1 numbers are beyond 2688, the largest that NVFP4 holds" talk
    "$BIN/quantize" --no-history -t nvfp4 -o out.gguf one64.gguf 2>talk
    test_must_fail grep beyond talk
'

test_expect_success 'rows that are no whole number of blocks become F16' '
    for type in q4_1 q8_0 q4_k; do
        "$BIN/quantize" --no-history -t $type --dry-run odd.gguf >tsv 2>dry
        grep "^output.weight	F32	F16	264	132" tsv
        "$BIN/quantize" --no-history -t $type -o out.gguf odd.gguf 2>talk
        cmp dry talk
        grep -i "1 of 1 tensors in F16 instead of $type: .*blocks of" talk
        "$BIN/gguf-show" --tensors out.gguf >list
        grep "^tensor	output.weight	F16	" list
    done
    "$BIN/quantize" --no-history -t f16 -o out.gguf odd.gguf 2>talk
    test_must_fail grep instead talk
'

model k.gguf model output.weight 0 512 $one
model small.gguf model output.weight 0 288 $one
test_expect_success 'K-quants, and what stands in where rows do not fit them' '
    "$BIN/quantize" --no-history -t q4_k -o out.gguf k.gguf 2>talk
    test $(wc -l <talk) = 1
    "$BIN/quantize" --no-history -t q4_k -o out.gguf small.gguf 2>talk
    grep "1 of 1 tensors in Q5_0 instead of Q4_K: .*blocks of 256" talk
    "$BIN/quantize" --no-history --dry-run -t q6_k small.gguf >tsv
    grep "^output.weight	F32	Q8_0	" tsv
'

test_expect_success 'mixtures by name, and their types alone' '
    for how in "q4_k_m" "Q4_K --mix" "q6_k"; do
        "$BIN/quantize" --no-history --dry-run -t $how k.gguf >tsv
        grep "^output.weight	F32	Q6_K	" tsv
    done
    "$BIN/quantize" --no-history -t q4_k_s -o out.gguf k.gguf
    "$BIN/gguf-show" out.gguf | grep "general.file_type.*14"
    "$BIN/quantize" --no-history --dry-run -t q4_k_m --pure k.gguf >tsv
    grep "^output.weight	F32	Q4_K	" tsv
    test_expect_code 2 "$BIN/quantize" --no-history --dry-run -t q4_k --pure --mix k.gguf
    test_expect_code 2 "$BIN/quantize" --no-history --dry-run -t q4_k_x k.gguf 2>talk
    grep Q4_K_S talk
'

# types OPTION...: the new types of k.gguf's matrix and of a vocabulary's table
types() {
    "$BIN/quantize" --no-history --dry-run "$@" k.gguf | sed -n 2p | cut -f 3
}
test_expect_success 'types by name' '
    test "$(types -t q4_k --tensor-type "^OUT.*t\$=q5_0")" = Q5_0
    test "$(types -t q4_k --tensor-type tuo=q8_0 --tensor-type put=f16 --tensor-type o=q8_0)" = F16
    printf "x=q8_0 output=q2_k\n\n output=q8_0" >rules
    test "$(types -t q4_k --tensor-type-file rules)" = Q2_K
    test "$(types -t q4_k --tensor-type .=q6_k --tensor-type-file rules)" = Q6_K
    test "$(types -t q4_k_m --output-type q3_k --tensor-type .=q6_k)" = Q3_K
    test "$(types -t q4_k_m --embd-type q3_k)" = Q6_K
    test "$(types -t q4_k_m --leave-output --output-type q3_k)" = F32
    for wrong in "(=q8_0" =q8_0 output output= output=q9_0; do
        test_expect_code 2 "$BIN/quantize" --no-history -t q4_k --dry-run --tensor-type "$wrong" k.gguf 2>talk
        grep "RE=TYPE\|no regular expression: .* at 1\|q9_0" talk
    done
    test_expect_code 1 "$BIN/quantize" --no-history -t q4_k --dry-run --tensor-type-file none k.gguf
'

test_expect_success 'types of another file' '
    "$BIN/quantize" --no-history -t q5_k_s --pure -o like.gguf k.gguf
    "$BIN/quantize" --no-history --like like.gguf -o out.gguf k.gguf
    cmp like.gguf out.gguf
    model other.gguf model blk.0.attn_q.weight 0 512 $one
    test_expect_code 1 "$BIN/quantize" --no-history --like like.gguf --dry-run other.gguf 2>talk
    grep "blk.0.attn_q.weight.*-t" talk
    "$BIN/quantize" --no-history --like like.gguf -t q3_k --dry-run other.gguf | grep "F32	Q3_K"
'

test_expect_success 'keys' '
    "$BIN/quantize" --no-history -t q8_0 -o out.gguf --override-kv a.i=int:7 --override-kv a.f=float:0.5 \
        --override-kv a.b=bool:true --override-kv general.type=str:m=x:y k.gguf
    "$BIN/gguf-show" out.gguf >keys
    grep "a.i.*7" keys
    grep "a.f.*0.5" keys
    grep "a.b.*true" keys
    grep "general.type.*m=x:y" keys
    for wrong in a a=7 a=int: a=int:-1 a=int:x a=bool:1 =str:x a=u8:1; do
        test_expect_code 2 "$BIN/quantize" --no-history -t q8_0 -o no.gguf --override-kv "$wrong" k.gguf
    done
    for fixed in general.alignment=int:8 split.count=int:2 checkpoint.checksum=str:0 \
        general.architecture=int:1 edit.pad=int:1 "$(printf "\303\274=int:1")"; do
        test_expect_code 1 "$BIN/quantize" --no-history -t q8_0 -o no.gguf --override-kv "$fixed" k.gguf \
            2>stderr
        grep "key .${fixed%%=*}.: " stderr
        test ! -e no.gguf
    done
'

# the old form: one entry of 512 numbers, all 1, of 3 chunks of the text "t"
{
    le 1 4
    le 13 4 && printf output.weight && le 3 4 && le 512 4
    i=0
    while [ $i -lt 512 ]; do le $one 4 && i=$((i + 1)); done
    le 3 4 && le 1 4 && printf t
} >im.dat
test_expect_success 'importance matrices' '
    "$BIN/quantize" --no-history -t q4_0 --imatrix im.dat -o out.gguf k.gguf
    "$BIN/gguf-show" out.gguf >keys
    grep "quantize.imatrix.file.*im.dat" keys
    grep "quantize.imatrix.dataset.*t" keys
    grep "quantize.imatrix.entries_count.*1" keys
    grep "quantize.imatrix.chunks_count.*3" keys
    "$BIN/quantize" --no-history -t q4_0 -o plain.gguf k.gguf
    for not in "--exclude-weights put" "--include-weights blk"; do
        "$BIN/quantize" --no-history -t q4_0 --imatrix im.dat $not -o out.gguf k.gguf
        cmp plain.gguf out.gguf
    done
    test_expect_code 1 "$BIN/quantize" --no-history -t q4_0 --imatrix im.dat -o out.gguf small.gguf 2>talk
    grep "output.weight" talk
    test_expect_code 1 "$BIN/quantize" --no-history -t q4_0 --imatrix rules -o out.gguf k.gguf
    test_expect_code 2 "$BIN/quantize" --no-history -t q4_0 --include-weights x -o out.gguf k.gguf
    test_expect_code 2 "$BIN/quantize" --no-history -t q4_0 --imatrix im.dat --include-weights x \
        --exclude-weights y -o out.gguf k.gguf
    cmp plain.gguf out.gguf
    "$BIN/quantize" --no-history -t q2_k_s -o out.gguf k.gguf # of the output nothing is asked
    model q.gguf model blk.0.attn_q.weight 0 512 $one
    test_expect_code 1 "$BIN/quantize" --no-history -t q2_k_s -o no.gguf q.gguf 2>talk
    grep "blk.0.attn_q.weight.*--imatrix" talk
    test_expect_code 1 "$BIN/quantize" --no-history -t q2_k_s --imatrix im.dat -o no.gguf q.gguf 2>talk
    grep "nothing of tensor" talk
    "$BIN/quantize" --no-history -t q2_k_s --dry-run q.gguf 2>talk | grep Q2_K
    grep "importance matrix" talk
    test ! -e no.gguf
'

test_expect_success 'again only if asked' '
    "$BIN/quantize" --no-history -t q8_0 -o q8.gguf one.gguf
    "$BIN/quantize" --no-history -t f16 -o f16.gguf one.gguf
    "$BIN/quantize" --no-history -t q8_0 -o same.gguf q8.gguf
    cmp q8.gguf same.gguf
    test_expect_code 1 "$BIN/quantize" --no-history -t q4_0 -o no.gguf q8.gguf 2>talk
    grep "output.weight.*Q8_0.*--allow-requantize" talk
    test_expect_code 1 "$BIN/quantize" --no-history --dry-run -t q4_0 q8.gguf
    "$BIN/quantize" --no-history -t q4_0 -o out.gguf f16.gguf
    "$BIN/quantize" --no-history -t f32 --allow-requantize -o back.gguf q8.gguf
    "$BIN/quantize" --no-history -t q8_0 -o q8_again.gguf back.gguf
    cmp q8.gguf q8_again.gguf
'

test_expect_success 'what is no model of floats' '
    test_expect_code 1 "$BIN/quantize" --no-history -t q8_0 -o no.gguf int.gguf 2>talk
    grep "output.weight.*I32" talk
    test_expect_code 1 "$BIN/quantize" --no-history -t q8_0 -o no.gguf adapter.gguf 2>talk
    grep adapter talk
    test_expect_code 1 "$BIN/quantize" --no-history -t q8_0 -o no.gguf missing.gguf
    test_expect_code 1 "$BIN/quantize" --no-history -t q8_0 -o no.gguf talk
    test ! -e no.gguf
'

test_expect_success 'not onto its own input' '
    cp one.gguf mine.gguf
    ln mine.gguf link.gguf
    test_expect_code 1 "$BIN/quantize" --no-history -t q8_0 -o mine.gguf mine.gguf
    test_expect_code 1 "$BIN/quantize" --no-history -t q8_0 -o link.gguf mine.gguf
    cmp one.gguf mine.gguf
'

test_expect_success 'a full disk' '
    test_expect_code 1 "$BIN/quantize" --no-history -t q8_0 -o /dev/full one.gguf
'

[ -n "$SHARED" ] || test_skip_all 'reference models are not there'

test_expect_success 'byte for byte what llama-quantize --pure writes' '
    n=0
    grep -v "^#" "$TOP/tests/golden/quantize.sha256" >list
    while read -r hash model type; do
        "$BIN/quantize" --no-history -q -t $type -o out.gguf "$SHARED/reference/$model/model.gguf"
        echo "$model $type"
        echo "$hash  out.gguf" | sha256sum -c
        n=$((n + 1))
    done <list
    test $n = 117
'

test_expect_success 'threads leave no trace' '
    model=$SHARED/reference/llama/model.gguf
    "$BIN/quantize" --no-history --threads 1 -t q5_1 -o one_thread.gguf "$model"
    "$BIN/quantize" --no-history --threads 3 -t q5_1 -o three.gguf "$model"
    cmp one_thread.gguf three.gguf
'

test_expect_success 'a table by kind of tensor at the end' '
    model=$SHARED/reference/llama/model.gguf
    "$BIN/quantize" --no-history -t q5_1 -o out.gguf "$model" 2>talk
    grep "kind .*MiB .*bits .*RMSE" talk
    grep "attn_q .*  6.00  *[0-9.e-]*  *[0-9.]* %  Q5_1" talk
    grep "not packed .*  32.00 .*- .*F32" talk
    tail -n 1 talk | grep "bits per weight"
    "$BIN/quantize" --no-history -t q5_1 --threads 1 -o out.gguf "$model" 2>one
    cmp talk one
'

test_expect_success 'as many files as there are' '
    "$BIN/gguf-split" --split-max-tensors 9 "$SHARED/reference/llama/model.gguf" in
    n=$(ls in-*.gguf | wc -l)
    first=in-00001-of-0000$n.gguf
    "$BIN/quantize" --no-history -t q5_1 --keep-split -o parts.gguf $first 2>talk
    test "$(ls parts-*.gguf | wc -l)" = $n
    for i in $(seq $n); do
        "$BIN/gguf-show" --tensors in-0000$i-of-0000$n.gguf | cut -f 2 >names
        "$BIN/gguf-show" --tensors parts-0000$i-of-0000$n.gguf | cut -f 2 | cmp - names
    done
    "$BIN/quantize" --no-history -q -t q5_1 -o whole.gguf "$SHARED/reference/llama/model.gguf"
    "$BIN/quantize" --no-history -q -t q5_1 --allow-requantize -o joined.gguf parts-00001-of-0000$n.gguf
    cmp whole.gguf joined.gguf
    "$BIN/gguf-split" -q --split-max-tensors 1 "$SHARED/reference/llama/model.gguf" many
    (ulimit -S -n 24 && "$BIN/quantize" --no-history -q -t q8_0 --keep-split -o most.gguf many-00001-*)
    test "$(ls most-* | wc -l)" = "$(ls many-* | wc -l)"
    test_expect_code 1 "$BIN/quantize" --no-history -t q5_1 --keep-split -o in $first 2>talk
    grep "same file as input" talk
    test_expect_code 2 "$BIN/quantize" --no-history --target-size 1M --keep-split -o parts.gguf $first
    test_expect_code 2 "$BIN/quantize" --no-history -t q5_1 --keep-split -o - $first
'

test_expect_success 'types by the size of the file' '
    model=$SHARED/reference/gpt2/model.gguf
    "$BIN/quantize" --no-history --target-size 200k -o out.gguf "$model" 2>talk
    test $(wc -c <out.gguf) -le 200000
    test $(wc -c <out.gguf) -ge 190000
    grep "kind .*types" talk
    "$BIN/quantize" --no-history --target-size 0.2M --threads 1 -o again.gguf "$model" 2>one
    cmp out.gguf again.gguf
    cmp talk one
    test_expect_code 1 "$BIN/quantize" --no-history --target-size 10k -o no.gguf "$model" 2>talk
    grep "cannot be smaller than [0-9]* bytes" talk
    "$BIN/quantize" --no-history --target-size 200k --dry-run --tensor-type c=q8_0 "$model" >tsv 2>talk
    grep "^blk.0.ffn_up.weight	F32	" tsv
    grep "kind .*types" talk
    test_expect_code 2 "$BIN/quantize" --no-history --target-size 200k -t q8_0 --dry-run "$model"
    test_expect_code 2 "$BIN/quantize" --no-history --target-size 200k --like out.gguf --dry-run "$model"
    test ! -e no.gguf
'

test_expect_success 'what selects nothing is told, and an expression without an end refused' '
    model=$SHARED/reference/gpt2/model.gguf
    "$BIN/quantize" --dry-run -t q8_0 --tensor-type none=q4_0 --tensor-type ffn_up=q4_0 "$model" \
        >tsv 2>talk
    test $(grep -c "matches" talk) = 1
    grep "no tensor .* name that .none. matches" talk
    head -c 3000 "$TOP/examples/tiny.txt" >text
    "$BIN/imatrix" -q -m "$model" -f text -c 32 --chunks 2 -o im.gguf
    "$BIN/quantize" --dry-run -t q8_0 --imatrix im.gguf --include-weights none "$model" >tsv 2>talk
    grep "warning: .none. matches no entry of .im.gguf" talk
    "$BIN/quantize" --dry-run -t q8_0 --imatrix im.gguf "$model" >tsv 2>talk
    if grep warning talk; then exit 1; fi
    sed "s/blk[.]/klb./g" im.gguf >other.gguf
    "$BIN/quantize" --dry-run -t q8_0 --imatrix other.gguf "$model" >tsv 2>talk
    grep "other.gguf. has weights for no tensor of .*model.gguf.: it is of another model" talk
    for option in "-t q8_0 --tensor-type ^([a-z0-9._]+)+[-!]$=q4_0" \
        "-t q8_0 --imatrix im.gguf --exclude-weights ^([a-z0-9._]+)+[-!]$"; do
        test_expect_code 2 "$BIN/quantize" --dry-run $option "$model" 2>talk
        grep "takes too long to find out: match limit" talk
    done
'

test_expect_success 'tables of positions keep their type' '
    "$BIN/quantize" --no-history --dry-run -t q8_0 "$SHARED/reference/gpt2/model.gguf" >tsv
    grep "^position_embd.weight	F32	F32	" tsv
    grep "^token_embd.weight	F32	Q8_0	" tsv
    grep "^blk.0.attn_qkv.bias	F32	F32	" tsv
'

test_done
