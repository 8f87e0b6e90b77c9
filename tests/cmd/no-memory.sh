#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Where there is no memory a command ends with status 1, says what there was none for, and
# leaves nothing half done: with each of its allocations refused in turn (no_memory.c).
. "${0%/*}/../lib.sh"

[ -z "$SANITIZE" ] || test_skip_all "sanitizers have an allocator of their own"
test_built tokenize pack train gguf-export merge perplexity generate quantize ||
    test_skip_all "not all commands are built"
CC=${CC:-cc}
export OMP_NUM_THREADS=1
model=$TOP/examples/tiny.gguf
head -c 2000 "$TOP/examples/tiny.txt" >text
"$BIN/tokenize" -q -m "$model" -o t.tok text
"$BIN/pack" -q -c 64 -o t.pack t.tok
"$BIN/train" -q -m "$model" -d t.pack -o a.ckpt --steps 1 --lora-r 2
"$BIN/gguf-export" -q -m "$model" -o a.gguf a.ckpt

$CC -shared -fPIC -O1 -o no_memory.so "$TOP/tests/cmd/no_memory.c" 2>log ||
    test_skip_all "no_memory.c cannot be built: $(head -n 1 log)"
NO_MEMORY_AT=1 NO_MEMORY_LOG=fired LD_PRELOAD=$PWD/no_memory.so \
    "$BIN/quantize" -q -t q8_0 -o out "$model" 2>log
[ -e fired ] || test_skip_all "allocations cannot be refused here"

# attempt N COMMAND...: with allocation N refused.  2: there are not so many.
attempt() {
    at=$1 command=$2
    shift 2
    rm -rf fired out out.d
    code=0
    NO_MEMORY_AT=$at NO_MEMORY_LOG=fired LD_PRELOAD=$PWD/no_memory.so \
        "$BIN/$command" "$@" >got 2>stderr || code=$?
    [ -e fired ] || return 2
    case $code in
    0) # it did without
        [ ! -e out ] || mv out got
        cmp want got
        ;;
    1)
        [ ! -e out ] && grep -Eq \
            "out of memory for|cannot reserve .* for|no room for|: Cannot allocate memory" stderr
        ;;
    *) false ;;
    esac
}

# fails_well COMMAND...: what it makes is called out, or goes to standard output.
fails_well() {
    rm -rf out out.d
    command=$1
    shift
    "$BIN/$command" "$@" >want
    [ ! -e out ] || mv out want
    for n in $(seq 1 60) 70 80 90 100 120 150 200 300 400 600; do
        status=0
        attempt "$n" "$command" "$@" || status=$?
        [ $status != 2 ] || break
        [ $status = 0 ] || {
            echo "allocation $n: status $code"
            return 1
        }
    done
    [ "$n" -gt 10 ] # it began at all
}

test_expect_success 'train' '
    fails_well train -q -m "$model" -d t.pack -o out --steps 2 --lora-r 2'
test_expect_success 'train: all weights, updates in the reverse sweep, an evaluation' '
    fails_well train -q -m "$model" -d t.pack -o out --steps 2 --full --fused-step \
        --val t.pack --eval-every 1'
test_expect_success 'perplexity' '
    fails_well perplexity -m "$model" -a a.gguf -d t.pack
    fails_well perplexity -m "$model" -f text -c 64'
test_expect_success 'generate' '
    fails_well generate -m "$model" -p "the lamp" -n 3 --temp 0'
test_expect_success 'quantize' '
    fails_well quantize -q -t q4_k -o out "$model"'
test_expect_success 'tokenize and pack' '
    fails_well tokenize -q -m "$model" -o out text
    printf "%s\n" "{\"instruction\": \"a\", \"output\": \"b\", \"system\": \"s\"}" \
        "{\"segments\": [{\"text\": \"x\"}, {\"ids\": [1, 2]}]}" | gzip -c >rows.gz
    fails_well tokenize -q -m "$model" -o out --chat-template none rows.gz
    fails_well pack -q -c 64 -o out t.tok'
test_expect_success 'merge and gguf-export' '
    fails_well merge -q -m "$model" -a a.gguf -t f16 -o out
    fails_well gguf-export -q -m "$model" -o out a.ckpt'

# Not one, but all from there on: what fails behind the first failure.
test_expect_success 'nothing more from some allocation on' '
    export NO_MEMORY_ON=1
    for n in 1 4 12 25 37 45 60 90 140; do
        for c in "train -q -m $model -d t.pack -o out --steps 1" \
            "merge -q -m $model -a a.gguf -o out" "quantize -q -t q8_0 -o out $model"; do
            status=0
            attempt $n $c || status=$?
            [ $status = 0 ] || [ $status = 2 ] || {
                echo "$c: from allocation $n on: status $code"
                exit 1
            }
        done
    done'
test_done
