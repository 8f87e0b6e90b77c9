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
# Memory of the process itself, not pages of files.
if [ "$(uname)" = Linux ]; then
    test_expect_success 'ten megabytes of one letter and their ids do not lie in memory' '
        head -c 10000000 /dev/zero | tr "\0" a >letter
        (ulimit -S -d 400000 && "$BIN/tokenize" -q -m "$model" letter -o letter.tok)
        (ulimit -S -d 400000 && "$BIN/pack" -q -c 32 letter.tok -o letter.pack)
        head -c 1000000 letter >short
        "$BIN/tokenize" -q --text -m "$model" short | tr " " "\n" | sort | uniq -c >n.short
        "$BIN/tokenize" -q --text -m "$model" letter | tr " " "\n" | sort | uniq -c >n
        awk "NR == FNR { n[\$2] = \$1; next } \$1 != 10 * n[\$2] { exit 1 }" n.short n
        rm letter letter.tok letter.pack short'
fi

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
