#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: tests/run.sh STEP...
#
# Runs the steps, counts the lines "ok …", "not ok …" and "SKIP …" that they print, and
# ends with the line "N passed, M failed, K skipped" and status 1 if M is not 0.  A program
# that ends badly without saying so, or that tests nothing, counts as one failure.  What
# was printed is kept in $BUILD/check/.
set -u
cd "${0%/*}/.." || exit 1
MAKE=${MAKE:-make}
BUILD=${BUILD:-build/release}
BIN=${BIN:-bin}
CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-60} # a loaded machine is no fault
export MAKE BUILD BIN CK_DEFAULT_TIMEOUT
passed=0 failed=0 skipped=0
# The jobs of a `make -j` above are not ours; its variables are.
MAKEFLAGS=$(echo "${MAKEFLAGS-}" | sed 's/ -j[0-9]*//; s/ --jobserver[a-z-]*=[^ ]*//g')
export MAKEFLAGS
processors=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)

# Scratch files lie in memory where there is plenty: what is saved is synced, and some
# thousands of saves wait for a disk as long as they compute.
memory=/dev/shm
if [ -z "${TMPDIR:-}" ] && [ -w $memory ] &&
    [ "$(df -Pk $memory | awk 'NR == 2 { print $4 }')" -gt 12000000 ]; then
    TMPDIR=$memory
    export TMPDIR
fi

indent() { sed 's/^/         /'; }

# What tests/item.sh is to run, "NAME COMMAND...", one a line; `run_items` runs as many of
# them at a time as there are processors.
items=
item() { items="$items$*
"; }
run_items() {
    [ -n "$items" ] || return 0
    mkdir -p "$BUILD/check"
    : >"$BUILD/check/counts"
    printf '%s' "$items" | xargs -P "$processors" -L 1 sh tests/item.sh
    while read -r p f s; do
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    done <"$BUILD/check/counts"
    items=
}

# must NAME COMMAND...: one result, its status.
must() {
    name=$1
    shift
    run_items
    mkdir -p "$BUILD/check"
    log=$BUILD/check/$name.log
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $name"
    else
        failed=$((failed + 1))
        echo "FAILED  $name"
        { grep -E 'error|warning|undefined|\*\*\*' "$log" | head -n 40 | grep . ||
            tail -n 40 "$log"; } | indent
    fi
}

# units PREFIX, shells PREFIX FOLDER
#
# Waiting threads do not spin long, as in the commands: beside other work on the machine a
# test of many small steps takes twenty times as long otherwise.
units() {
    for t in tests/unit/test_*.c; do
        [ -f "$t" ] || continue
        t=$(basename "$t" .c)
        item "$1${t#test_}" env GOMP_SPINCOUNT="${GOMP_SPINCOUNT-1000}" "$BUILD/tests/$t"
    done
}

shells() {
    for t in tests/"$2"/*.sh; do
        [ ! -f "$t" ] || item "$1$(basename "$t" .sh)" sh "$t"
    done
}

# Everything that follows is built and runs with the sanitizers.  Their reports end with a status that
# test_must_fail does not take for an orderly failure.
sanitize() {
    [ -z "${SANITIZE:-}" ] || return 0
    run_items
    BUILD=build/asan BIN=build/asan/bin SANITIZE=1 CK_TIMEOUT_MULTIPLIER=20
    ASAN_OPTIONS=exitcode=99:allocator_may_return_null=1:strict_string_checks=1
    UBSAN_OPTIONS=exitcode=99:print_stacktrace=1
    LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0
    export BUILD BIN SANITIZE CK_TIMEOUT_MULTIPLIER ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS
    must asan-build "$MAKE" "-j$processors" -k MODE=asan BUILD=$BUILD BIN=$BIN WERROR=1 all tests
}

step() {
    case $1 in
    build) must build "$MAKE" "-j$processors" -k WERROR=1 all tests dev ;;
    headers | layers | symbols | docs) item "$1" sh "tests/check-$1.sh" ;;
    unit) units unit/ ;;
    cmd | flow) shells "$1/" "$1" ;;
    long | browser)
        processors=1
        export ITEM_SECONDS=5400
        shells "$1/" "$1"
        ;;
    asan)
        sanitize
        units asan/unit/
        shells asan/cmd/ cmd
        ;;
    fuzz)
        sanitize
        item asan/fuzz sh tests/fuzz/replay.sh
        ;;
    *) must "$1" false ;;
    esac
}

for s; do
    step "$s"
done
run_items
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
