#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Little address space: OpenBLAS asks for its buffers again for ever where there is no room for
# them, so every command looks before it comes to that.
. "${0%/*}/../lib.sh"

test_built tokenize pack train || test_skip_all "the commands are not built"
[ -z "$SANITIZE" ] || test_skip_all "a sanitizer takes all address space"
(ulimit -S -v 1000000) 2>/dev/null || test_skip_all "ulimit -v cannot be set"
command -v timeout >/dev/null || test_skip_all "no timeout"
model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no examples/tiny.gguf"
"$BIN/tokenize" -q -m "$model" "$TOP/examples/tiny.txt" | "$BIN/pack" -q -c 32 -o t.pack
OMP_NUM_THREADS=1
export OMP_NUM_THREADS

# within KIB COMMAND ARG...: it ends; its status.
within() {
    (
        ulimit -S -v "$1"
        c=$2
        shift 2
        exec timeout 60 "$BIN/$c" -q "$@" >out 2>err
    )
}

test_expect_success 'no room for the buffers of threads' '
    for c in tokenize train; do
        test_expect_code 1 within 100000 $c --version
        grep "no room for OpenBLAS.*ulimit -v" err
    done'

# What is left at the first product depends on how large the program is, so the limit rises
# until all of it is done; on the way everything ends by itself and says why.
test_expect_success 'no room for the buffer of the first product' '
    told=0 whole=0
    for kib in $(seq 180000 20000 600000); do
        rm -rf o.ckpt*
        for how in --plan "-o o.ckpt"; do
            code=0
            within $kib train -m "$model" -d t.pack --batch 1 --steps 1 $how || code=$?
            test $code = 0 || test $code = 1
            test $code = 0 || test -s err
        done
        ! grep "no room for the buffer of OpenBLAS" err || told=1
        test $code != 0 || { whole=1 && break; }
    done
    test $told = 1
    test $whole = 1'

test_done
