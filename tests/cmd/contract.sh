#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What holds for every command, whatever it does: help, usage errors, missing and damaged
# inputs, outputs that cannot be written.  The table at the end has one line a command.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || model=$SHARED/reference/gpt2/model.gguf
[ -f "$model" ] || test_skip_all "no model: neither examples/tiny.gguf nor the reference material"
cp "$model" model.gguf
i=0
while [ $i -lt 200 ]; do
    echo "The quick brown fox number $i jumps over the lazy dog." && i=$((i + 1))
done >text.txt
cp -r "$TOP/examples/dataset" set
mkdir ran
echo >ran/Modelfile
printf "model\tloss\tperplexity\nbase\t1\t2.7\n" >ran/eval.tsv
printf "step\tloss\ttotal_steps\n1\t2\t1\n" >watched.tsv
printf %s "$(cat "$TOP/examples/dataset/structure.enriched.json")" >set/structure.enriched.json

# ==== inputs for the commands that come later in the pipe ====

# fixture FILE COMMAND ARG...: made by the command if that is built and has its inputs.
fixture() {
    fixture_file=$1
    shift
    test_built "$1" || return 0
    for arg; do
        case $arg in *.tok | *.pack | *.ckpt | adapter.gguf)
            [ "$arg" = "$fixture_file" ] || [ -f "$arg" ] || return 0 ;;
        esac
    done
    fixture_line=$*
    test_expect_success "$1 makes $fixture_file" '"$BIN"/$fixture_line
test -s $fixture_file'
}

fixture t.tok tokenize -q -m model.gguf -o t.tok text.txt
fixture t.pack pack -q -c 32 -o t.pack t.tok
fixture t.ckpt train -q -m model.gguf -d t.pack -o t.ckpt --steps 1 --batch 1
fixture adapter.gguf gguf-export -q -m model.gguf -o adapter.gguf t.ckpt
fixture q8.gguf quantize -q -t q8_0 -o q8.gguf model.gguf
fixture tuned.gguf merge -q -m model.gguf -a adapter.gguf -t f32 -o tuned.gguf

# ==== the checks ====

# Status 1, an answer on stderr that names the file, and nothing left of the output.
refuses() { # NAME ARG...
    refused=$1
    shift
    test_expect_code 1 "$BIN/$cmd" "$@" >stdout 2>stderr </dev/null
    grep -F -- "$refused" stderr
    left=$(find . -name 'out*' -o -name '.out*')
    [ -z "$left" ] || { echo "left behind: $left" && return 1; }
}

# replaced FROM TO: the arguments with one word replaced.
replaced() {
    for arg in $args; do
        case $arg in "$1") printf "%s\n" "$2" ;; *) printf "%s\n" "$arg" ;; esac
    done
}

help_and_usage() {
    test_expect_success "$cmd: --help on stdout" '
        "$BIN/$cmd" --help >stdout 2>stderr
        test -s stdout
        test ! -s stderr
        grep -q -- "--threads" stdout
        grep -q -- "--version" stdout'
    test_expect_success "$cmd: --version" '
        "$BIN/$cmd" --version >stdout 2>stderr
        grep -q "compiler" stdout
        grep -q "OpenBLAS" stdout
        test ! -s stderr'
    test_expect_success "$cmd: --help to a full device" '
        test_expect_code 1 "$BIN/$cmd" --help >/dev/full 2>stderr
        grep "write error" stderr'
    test_expect_success "$cmd: no arguments" '
        test_expect_code 2 "$BIN/$cmd" >stdout 2>stderr </dev/null
        test ! -s stdout
        grep -- "--help" stderr'
    test_expect_success "$cmd: unknown option" '
        test_expect_code 2 "$BIN/$cmd" $args --no-such-option >stdout 2>stderr </dev/null
        test ! -s stdout
        grep -- "--no-such-option" stderr
        test ! -e out'
    test_expect_success "$cmd: option without its value" '
        test_expect_code 2 "$BIN/$cmd" $args --threads 2>stderr </dev/null
        test ! -e out'
    test_expect_success "$cmd: numbers that are none" '
        for n in "" " 5" 5x 1e9 0x10 nan -1 0 18446744073709551616; do
            test_expect_code 2 "$BIN/$cmd" $args --threads "$n" 2>stderr </dev/null
        done
        test ! -e out'
}

works() {
    test_expect_success "$cmd: $args" '
        "$BIN/$cmd" $args -q >stdout 2>stderr </dev/null
        test -s out || test -s stdout
        test ! -s stderr
        rm -rf out out.d'
}

damaged_inputs() {
    for input in $inputs; do
        test_expect_success "$cmd: '$input' is missing" '
            refuses missing-file $(replaced $input missing-file)'
        test_expect_success "$cmd: '$input' is a directory" '
            mkdir -p folder-as-file
            refuses folder-as-file $(replaced $input folder-as-file)'
        [ "$input" != text.txt ] || continue
        test_expect_success "$cmd: '$input' is empty" '
            : >empty-file
            refuses empty-file $(replaced $input empty-file)'
        test_expect_success "$cmd: '$input' is something else" '
            cp text.txt other-file
            refuses other-file $(replaced $input other-file)'
        test_expect_success "$cmd: '$input' is cut" '
            size=$(wc -c <$input)
            for bytes in 5 $((size / 2)) $((size - 1)); do
                head -c $bytes $input >cut-file
                refuses cut-file $(replaced $input cut-file)
            done'
    done
}

outputs() {
    case $args in
    *"-o out"*)
        test_expect_success "$cmd: output to a full device" '
            test_expect_code 1 "$BIN/$cmd" $(replaced out /dev/full) 2>stderr </dev/null
            test -s stderr'
        test_expect_success "$cmd: output in a folder that is not there" '
            refuses no/such/folder $(replaced out no/such/folder/out)'
        test_expect_success "$cmd: output is a folder" '
            mkdir -p folder
            refuses folder $(replaced out folder)'
        test_expect_success "$cmd: output given twice" '
            test_expect_code 2 "$BIN/$cmd" $args -o second 2>stderr </dev/null
            test ! -e out
            test ! -e second'
        for input in $inputs; do
            test_expect_success "$cmd: output is its input '$input'" '
                cp $input before
                refuses $input $(replaced out ./$input)
                ln -f $input hard
                refuses hard $(replaced out hard)
                ln -sf $input soft
                refuses soft $(replaced out soft)
                cmp before $input'
        done
        ;;
    *)
        test_expect_success "$cmd: output to a full device" '
            test_expect_code 1 "$BIN/$cmd" $args >/dev/full 2>stderr </dev/null
            grep "write error" stderr'
        test_expect_success "$cmd: standard output is closed" '
            test_expect_code 1 "$BIN/$cmd" $args >&- 2>stderr </dev/null'
        ;;
    esac
}

# Of a command that makes a folder, new or in place of an empty one.
folder_outputs() {
    test_expect_success "$cmd: output in a folder that is not there" '
        refuses no/such/folder $(replaced out no/such/folder/out)'
    test_expect_success "$cmd: output is there already" '
        mkdir -p full
        echo >full/file
        refuses full $(replaced out full)
        test -f full/file'
    for input in $inputs; do
        test_expect_success "$cmd: output is its input '$input'" '
            cp $input before
            refuses $input $(replaced out ./$input)
            cmp before $input'
    done
}

contract() { # COMMAND INPUTS ARGS [OUTPUTS]
    cmd=$1 inputs=$2 args=$3
    if ! test_built "$cmd"; then
        test_skip "$cmd" "not built"
        return
    fi
    help_and_usage
    for input in $inputs; do
        [ -f "$input" ] && continue
        test_skip "$cmd" "no $input, which another command makes"
        return
    done
    works
    damaged_inputs
    ${4-outputs}
}

contract tokenize "model.gguf text.txt" "-m model.gguf -o out text.txt"
contract detokenize "model.gguf t.tok" "-m model.gguf t.tok"
contract bpe-train "text.txt" "-n 280 -o out text.txt"
contract model-init "model.gguf" "--vocab model.gguf --embd 32 -o out"
contract pack "t.tok" "-c 32 -o out t.tok"
contract train "model.gguf t.pack" "-m model.gguf -d t.pack -o out --steps 1 --batch 1"
contract gguf-export "model.gguf t.ckpt" "-m model.gguf -o out t.ckpt"
contract merge "model.gguf adapter.gguf" "-m model.gguf -a adapter.gguf -o out"
contract merge "model.gguf q8.gguf" "--method linear -m model.gguf -x q8.gguf -o out"
contract lora-extract "model.gguf tuned.gguf" "-m model.gguf -r 2 -o out tuned.gguf"
contract quantize "model.gguf" "-t q8_0 -o out model.gguf"
contract perplexity "model.gguf t.pack" "-m model.gguf -d t.pack"
contract logprobs "model.gguf t.pack" "-m model.gguf -d t.pack -o out"
contract distill "model.gguf t.pack" "-m model.gguf -d t.pack -k 4 -o out"
printf '{"question":"a","choices":["b","c"],"answer":0}\n' >rows.jsonl
contract choice "model.gguf" "-m model.gguf rows.jsonl"
contract imatrix "model.gguf" "-m model.gguf -f text.txt -c 16 --chunks 1 -o out"
contract embed "model.gguf t.tok" "-m model.gguf -o out t.tok"
contract personalize "model.gguf adapter.gguf t.pack" \
    "-m model.gguf --teacher adapter.gguf -r 1 -o out t.pack"
contract generate "model.gguf" "-m model.gguf -p The -n 4"
contract modelfile "model.gguf" "-m model.gguf -o out"
contract mlc-export "model.gguf" "-m model.gguf --conv-template chatml --system Hi -o out" folder_outputs
contract model-card "model.gguf" "-m model.gguf --license mit -o out ran"
contract report "model.gguf" "-m model.gguf ran"
contract train-watch "watched.tsv" "--once watched.tsv"
contract gguf-show "model.gguf" "model.gguf"
contract dataset "set/structure.enriched.json" \
    "build --structure set/structure.enriched.json -o out"
contract gguf-edit "model.gguf" "--set x=u8:1 -o out model.gguf"
contract gguf-split "model.gguf" "--dry-run model.gguf out"
contract gguf-diff "model.gguf q8.gguf" "--tol 0.1 --tensors model.gguf q8.gguf"
test_done
