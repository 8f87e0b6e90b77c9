#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Feeds each fuzz_X its seeds (tests/fuzz/corpus/X/, for gguf also the files that mkbad
# writes) and the same few mutations of each, every time.  With FUZZ_SECONDS set the
# programs are libFuzzer's and search for so long; what they find goes to $BUILD/fuzz/X/.
. "${0%/*}/../lib.sh"
BUILD=${BUILD:-build/release}
case $BUILD in /*) ;; *) BUILD=$TOP/$BUILD ;; esac

seeds_of() { # NAME: copies its seeds to a folder of that name
    mkdir -p "$1"
    for f in "$TOP/tests/fuzz/corpus/$1"/*; do
        [ ! -f "$f" ] || cp "$f" "$1/"
    done
    [ "$1" != gguf ] || [ ! -x "$BUILD/tests/mkbad" ] ||
        "$BUILD/tests/mkbad" "$1" >mkbad.list || echo "not ok - mkbad"
}

replay() {
    "$BUILD/tests/fuzz_$1" -n 10 "$1"/*
}

search() {
    mkdir -p "$BUILD/fuzz/$1"
    "$BUILD/tests/fuzz_$1" -max_total_time="$FUZZ_SECONDS" -timeout=10 -rss_limit_mb=1024 \
        -malloc_limit_mb=512 -artifact_prefix="$BUILD/fuzz/$1-" -print_final_stats=1 \
        "$BUILD/fuzz/$1" "$1"
}

for source in "$TOP"/tests/fuzz/fuzz_*.c; do
    [ -f "$source" ] || test_skip_all "no fuzz targets"
    name=${source##*/fuzz_}
    name=${name%.c}
    seeds_of "$name"
    n=$(find "$name" -type f | grep -c .)
    test_expect_success "$name: $n seeds" \
        'test $n -gt 0 && if [ -n "${FUZZ_SECONDS:-}" ]; then search $name; else replay $name; fi'
done
test_done
