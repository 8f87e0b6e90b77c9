#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Which tensor of SmolLM2-135M gets which type in every mixture, with an importance matrix and
# without: what llama-quantize says, if it is in the path, or what it said when
# tests/golden/mixes-smollm2.tsv was written (`GOLDEN=FILE` writes it anew).  Its width of 576 is no
# whole number of super-blocks, so most mixtures fall back; where llama-quantize refuses these
# rows ("refused"), there is nothing to compare.
. "${0%/*}/../lib.sh"

test_built quantize imatrix || test_skip_all "the commands are not built"
[ -z "$SANITIZE" ] || test_skip_all "a sanitizer makes it last for hours"
folder=${MODELS_DIR:-$TOP/build/models}
case $folder in /*) ;; *) folder=$TOP/$folder ;; esac
model=$folder/SmolLM2-135M-Instruct.Q4_1.gguf
[ -f "$model" ] || test_skip_all "no '$model': dev/fetch-models.sh"
golden=$TOP/tests/golden/mixes-smollm2.tsv
mixes=$(sed -n 's/^TR_MIX(\([A-Z0-9_]*\),.*/\1/p' "$TOP/libtrain/edit/mixes.def")

"$BIN/quantize" -q -t f16 --allow-requantize -o f16.gguf "$model"
head -c 8000 "$TOP/examples/tiny.txt" >text
"$BIN/imatrix" -q -m f16.gguf -f text -c 256 --chunks 2 -o im.gguf

# Lines "TENSOR TYPE" become one number.
sum() { LC_ALL=C sort | cksum | tr ' ' '-'; }
ours() {
    "$BIN/quantize" -q --mix --dry-run "$@" f16.gguf 2>>talk >table || return 1
    awk -F "\t" 'NR > 1 { print $1, toupper($3) }' table | sum
}
theirs() {
    mix=$1
    shift
    llama-quantize --dry-run "$@" f16.gguf "$mix" >said 2>&1 || { echo refused && return; }
    awk '/^\[ *[0-9]+\/ *[0-9]+\]/ { sub(/^\[ *[0-9]+\/ *[0-9]+\] +/, "")
        type = $0
        if (type ~ /\([A-Za-z0-9_]+\)$/) { sub(/.*\(/, "", type); sub(/\)$/, "", type) }
        else { sub(/.*type = +/, "", type); sub(/,.*/, "", type) }
        print $1, toupper(type) }' said | sum
}

if command -v llama-quantize >/dev/null; then
    for mix in $mixes; do
        printf '%s\t%s\t%s\n' $mix "$(theirs $mix)" "$(theirs $mix --imatrix im.gguf)"
    done >want
    [ -z "${GOLDEN:-}" ] || cp want "$GOLDEN"
else
    cp "$golden" want
fi

test_expect_success 'every mixture gives each tensor the type that llama-quantize gives it' '
    test $(wc -l <want) = $(echo $mixes | wc -w)
    bad=0 n=0
    while read -r mix plain weighted; do
        [ "$plain" != refused ] || continue
        n=$((n + 1))
        test "$(ours -t $mix)" = "$plain" || { echo "$mix without weights" && bad=1; }
        test "$(ours -t $mix --imatrix im.gguf)" = "$weighted" || { echo "$mix with weights" && bad=1; }
    done <want
    echo $n mixtures
    test $n -gt 20
    test $bad = 0'

if command -v llama-quantize >/dev/null && [ -f "$golden" ] && [ -z "${GOLDEN:-}" ]; then
    test_expect_success 'and as it gave it when the list was written' 'cmp "$golden" want'
fi
test_done
