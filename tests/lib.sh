# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What every shell test sources first:   . "${0%/*}/../lib.sh"
#
# A test file is a list of test_expect_success 'title' 'script', then test_done.  A script
# passes if it ends with status 0; `set -e` is on, so every line counts, if it is one
# command: of `a && b` only b counts, and what begins with ! never does.  Do not hide a status
# in a pipe: write to a file, then look at it.  A file called stderr is shown if the test
# fails.  The file runs in a folder of its own, which is removed at the end (KEEP=1 keeps it).
#
#   $BIN        folder of the commands            $TOP   folder of the sources
#   $SHARED     reference material, or empty      $SANITIZE  not empty under a sanitizer
set -u
TOP=$(cd "${0%/*}/../.." && pwd) || exit 1
BIN=${BIN:-bin}
case $BIN in /*) ;; *) BIN=$TOP/$BIN ;; esac
SHARED=${SHARED-$(cd "$TOP/../shared" 2>/dev/null && pwd)}
SANITIZE=${SANITIZE:-}
MAKE=${MAKE:-make}
export LC_ALL=C

test_file=${0##*/}
test_failed=0
test_count=0
test_scratch=$(mktemp -d "${TMPDIR:-/tmp}/libtrain-test.XXXXXX") || exit 1
if [ -n "${KEEP:-}" ]; then
    echo "# files stay in $test_scratch"
else
    trap 'rm -rf "$test_scratch"' EXIT
fi
trap 'exit 1' HUP INT TERM
cd "$test_scratch" || exit 1

# test_expect_success TITLE SCRIPT
test_expect_success() {
    test_count=$((test_count + 1))
    rm -f stderr
    (
        set -e
        eval "$2"
    ) >"$test_scratch/.log" 2>&1
    test_status=$?
    if [ $test_status = 0 ]; then
        echo "ok $test_count - $1"
    else
        test_failed=$((test_failed + 1))
        echo "not ok $test_count - $1 (status $test_status)"
        printf '%s\n' "$2" | sed 's/^/#   | /'
        tail -n 25 "$test_scratch/.log" | sed 's/^/#   /'
        [ ! -s stderr ] || tail -n 10 stderr | sed 's/^/#   stderr: /'
    fi
}

# test_skip TITLE REASON: says that a test did not run.
test_skip() {
    echo "SKIP $1: $2"
}

# test_skip_all REASON: the rest of the file cannot run.
test_skip_all() {
    test_skip "$test_file" "$1"
    test_done
}

# test_must_fail COMMAND...: it fails in an orderly way, with status 1, 2 or 3; a signal, a
# sanitizer's report or "not found" are something else.
test_must_fail() {
    test_code=0
    "$@" || test_code=$?
    case $test_code in
    1 | 2 | 3) return 0 ;;
    0) echo "test_must_fail: succeeded: $*" >&2 ;;
    *) echo "test_must_fail: status $test_code: $*" >&2 ;;
    esac
    return 1
}

# test_expect_code STATUS COMMAND...
test_expect_code() {
    test_wanted=$1
    shift
    test_code=0
    "$@" || test_code=$?
    [ $test_code = "$test_wanted" ] && return 0
    echo "test_expect_code: status $test_code, not $test_wanted: $*" >&2
    return 1
}

# test_built COMMAND...: true if all these commands are there.
test_built() {
    for test_cmd; do
        [ -x "$BIN/$test_cmd" ] || return 1
    done
}

# test_dnnl: the version of the oneDNN that train can use, or words that say why there is none.
test_dnnl() { "$BIN/train" --version | sed -n 's/^oneDNN: //p'; }

# The last line of every file.
test_done() {
    [ $test_failed = 0 ]
    exit
}
