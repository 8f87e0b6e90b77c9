#!/bin/sh
# SPDX-License-Identifier: MIT
#
# gguf-show and gguf-diff; every row of the catalogue of broken GGUF files.
. "${0%/*}/../lib.sh"
# `set -e` sees no failure to the left of && or behind !: one check a line.

test_built gguf-show gguf-diff || test_skip_all "gguf-show or gguf-diff is not built"
tab=$(printf '\t')

BUILD=${BUILD:-build/release}
case $BUILD in /*) ;; *) BUILD=$TOP/$BUILD ;; esac
mkbad=$BUILD/tests/mkbad
[ -x "$mkbad" ] || test_skip_all "tests/mkbad is not built"
mkdir bad
"$mkbad" -l bad >rows

# The first file of the row that is described so.
file_of() { awk -F '\t' -v what="$1" '$3 == what { print $1; exit }' rows; }

# run STATUS ARG...: gguf-show with its output in files.
run() {
    wanted=$1
    shift
    test_expect_code "$wanted" "$BIN/gguf-show" "$@" >stdout 2>stderr </dev/null
}

lines() { test "$(wc -l <"$2")" -eq "$1"; }

# One answer on stderr that names the file and says why; nothing on stdout.
refused() { # FILE TEXT
    test ! -s stdout
    lines 1 stderr
    grep -F -- "gguf-show: " stderr
    grep -F -- "$1" stderr
    grep -F -- "$2" stderr
}

check_row() { # FILE VERDICT WHAT TEXT
    echo "$1: $3"
    case $2 in
    REJ)
        run 1 "$1"
        refused "$1" "$4"
        run 1 --check "$1"
        refused "$1" "$4" ;;
    CHECK | MODEL)
        run 0 --tensors "$1"
        run 1 --check "$1"
        refused "$1" "$4" ;;
    OK | MODEL_OK)
        run 0 --check "$1"
        test ! -s stdout
        test ! -s stderr ;;
    WARN | MODEL_WARN)
        run 0 --check "$1"
        test ! -s stdout
        lines 1 stderr
        grep "gguf-show: warning: " stderr
        grep -F -- "$4" stderr ;;
    *) false ;;
    esac
}

# `read` takes two tabs for one, so the text, which may be empty, comes last.
check_rows() {
    grep "^bad/$1-" rows >mine
    while IFS=$tab read -r file verdict what text; do
        check_row "$file" "$verdict" "$what" "$text"
    done <mine
    test -z "$(find . -name '.*.tmp.*')"
}

for id in $(sed 's/^bad\/\([^-]*\)-.*/\1/' rows | sort -u); do
    title=$(grep "^bad/$id-" rows | head -n 1 | cut -f 3)
    test_expect_success "$id: $title" "check_rows $id"
done

# ==== gguf-show ====

base=$(file_of "the base of the rows about structure")

test_expect_success 'gguf-show: keys and tensors' '
    run 0 "$base"
    printf "%s\t%s\t%s\n" file version 3 file alignment 32 >expect
    printf "%s\t%s\t%s\t%s\n" key test.name string base key test.count u32 7 >>expect
    printf "%s\t%s\t%s\t%s\t%s\t%s\n" tensor a.weight F32 4x8 192 128 \
        tensor b.weight F32 5 320 20 >>expect
    sed "1,/^\$/d" stdout >lines
    cmp expect lines
    test ! -s stderr'

test_expect_success 'gguf-show: sentences of a model' '
    run 0 "$TOP/examples/tiny.gguf"
    grep "^This is a model of the architecture llama, .* of .* numbers\.$" stdout
    grep "^It has 4 blocks, 192 wide: 4 of attention (6 heads of 32, 2 of keys and values)" stdout
    grep "^It was made for 256 positions, and for 2048 tokens (tokenizer .*); it has no chat" stdout
    grep "^An adapter (LoRA) can be trained on it" stdout'

test_expect_success 'gguf-show: one half' '
    run 0 --keys "$base"
    lines 2 stdout
    test_must_fail grep tensor stdout
    run 0 --tensors "$base"
    lines 2 stdout
    test_must_fail grep key stdout
    run 2 --keys --tensors "$base"
    run 2 --check --keys "$base"'

test_expect_success 'gguf-show: numbers' '
    run 0 --data 3 --tensors "$base"
    cut -f 7 stdout >got
    printf "%s\n" "-0.0799999982 -0.0700000003 -0.0599999987" >expect
    head -n 1 got | cmp - expect
    run 0 --data 1000000000 "$base"
    test "$(tail -n 1 stdout | cut -f 7 | wc -w)" -eq 5'

test_expect_success 'gguf-show: nothing reaches the terminal' '
    run 0 --keys "$(file_of "text with ESC[2J")"
    grep -F "a\\x1b[2J" stdout
    run 0 --keys "$(file_of "text that is not UTF-8")"
    grep -F "caf\\xe9 noir" stdout
    run 0 --keys "$(file_of "good text")"
    LC_ALL=C grep -F "$(printf "\303\251 \342\202\254")" stdout
    grep -F "\\n\\t" stdout
    test "$(tr -d "\000-\010\013-\037\177" <stdout | wc -c)" -eq "$(wc -c <stdout)"'

test_expect_success 'gguf-show: long arrays are abridged' '
    run 0 --keys "$(file_of "100 of 100 u8")"
    grep "test.array${tab}u8\[100\]${tab}0 0 0 0 0 0 0 0 \.\.\.\$" stdout'

test_expect_success 'gguf-show: links yes, streams no' '
    ln -s "$base" link
    run 0 link
    mkfifo fifo
    run 1 fifo
    refused fifo "needs a seekable file"
    cat "$base" | test_expect_code 1 "$BIN/gguf-show" /dev/stdin >stdout 2>stderr
    refused /dev/stdin "needs a seekable file"
    "$BIN/gguf-show" /dev/stdin <"$base" >stdout'

test_expect_success 'gguf-show: a file in a folder that cannot be written' '
    mkdir readonly
    cp "$base" readonly/a.gguf
    chmod 555 readonly
    status=0
    run 0 readonly/a.gguf || status=1
    chmod 755 readonly
    test $status = 0'

# Its output is held up by a full pipe, so it has not read the values of most keys when
# the file shrinks.
test_expect_success 'G44: the file is cut while it is read' '
    cp "$(file_of "10^6 keys")" big
    mkfifo out
    "$BIN/gguf-show" big >out 2>stderr & pid=$!
    exec 3<out
    dd bs=1 count=1 <&3 >/dev/null
    sleep 0.2
    : >big
    cat <&3 >/dev/null
    exec 3<&-
    test_expect_code 1 wait $pid
    grep "gguf-show: .*became shorter" stderr'

# ==== gguf-diff ====

# diff_files STATUS ARG...
diff_files() {
    wanted=$1
    shift
    test_expect_code "$wanted" "$BIN/gguf-diff" "$@" >stdout 2>stderr </dev/null
}

# put_bytes FILE OFFSET BYTES (as printf has them)
put_bytes() { printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; }

test_expect_success 'gguf-diff: no difference' '
    diff_files 0 "$base" "$base"
    test ! -s stderr
    printf "%s\t%s\t%s\t%s\t%s\t%s\n" tensor a.weight F32 F32 0 0 \
        tensor b.weight F32 F32 0 0 | cmp - stdout
    diff_files 0 "$base" "$(file_of "version 2")"
    diff_files 0 "$base" "$(file_of "alignment 4")" --tensors
    diff_files 1 "$base" "$(file_of "alignment 4")"
    grep "^key>${tab}general.alignment${tab}u32${tab}4\$" stdout'

# b.weight is -0.08 -0.07 -0.06 -0.05 -0.04 at 320, ||b||^2 = 0.019; 0.5 in place of -0.04
test_expect_success 'gguf-diff: numbers differ' '
    cp "$base" other
    put_bytes other 336 "\000\000\000\077"
    diff_files 1 "$base" other
    grep "^tensor${tab}a.weight${tab}F32${tab}F32${tab}0${tab}0\$" stdout
    awk -F "\t" "\$2 == \"b.weight\" && \$5 > 0.5399999 && \$5 < 0.5400001 &&
        \$6 > 3.9175 && \$6 < 3.9176 { ok = 1 } END { exit !ok }" stdout
    diff_files 1 --tol 3.9 "$base" other
    diff_files 0 --tol 4 "$base" other'

test_expect_success 'gguf-diff: NaN equals nothing but its own bits' '
    cp "$base" nan
    put_bytes nan 336 "\000\000\300\177"
    diff_files 0 nan nan
    diff_files 1 --tol 1e6 "$base" nan
    grep nan stdout
    diff_files 1 --tol 1e6 nan "$base"'

test_expect_success 'gguf-diff: keys differ' '
    diff_files 1 "$base" "$(file_of "hyphen in a key")"
    grep "^key>${tab}command-r.count${tab}u32${tab}1\$" stdout
    diff_files 1 "$(file_of "hyphen in a key")" "$base"
    grep "^key<${tab}command-r.count${tab}u32${tab}1\$" stdout
    diff_files 0 --tensors "$(file_of "hyphen in a key")" "$base"
    diff_files 1 "$(file_of "bool 0 and 1")" "$(awk -F "\t" \
        "\$3 == \"bool 0 and 1\" { last = \$1 } END { print last }" rows)"
    grep "^key${tab}test.byte${tab}bool${tab}false${tab}bool${tab}true\$" stdout'

test_expect_success 'gguf-diff: shapes differ, tensors missing' '
    model=$(file_of "more blocks than there are")
    diff_files 1 --tensors "$model" "$(file_of "tensor transposed")"
    grep "^shape${tab}blk.0.ffn_up.weight${tab}16x8${tab}8x16\$" stdout
    test "$(grep -c "^tensor${tab}" stdout)" -eq 19
    diff_files 1 --tensors "$model" "$(file_of "tensor missing")"
    grep "^tensor<${tab}blk.1.ffn_down.weight${tab}F32${tab}8x16\$" stdout
    diff_files 1 --tensors "$model" "$(file_of "tensor that nobody knows")"
    grep "^tensor>${tab}extra.weight${tab}F32${tab}8\$" stdout'

test_expect_success 'gguf-diff: a broken file' '
    diff_files 1 "$base" "$(file_of "big-endian")"
    test ! -s stdout
    grep "gguf-diff: .*big-endian" stderr'

if [ -n "$SHARED" ]; then
    test_expect_success 'gguf-diff: adapters of the reference' '
        diff_files 1 "$SHARED/reference/llama/adapter.gguf" \
            "$SHARED/reference/llama/adapter_after.gguf" --tensors
        test "$(grep -c "^tensor${tab}" stdout)" -eq 56'
else
    test_skip 'gguf-diff: adapters of the reference' 'no reference material'
fi
test_done
