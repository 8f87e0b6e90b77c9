#!/bin/sh
# SPDX-License-Identifier: MIT
# Every header compiles alone and twice; the public ones compile as C++ too.
set -u
cd "${0%/*}/.." || exit 1
CC=${CC:-cc} CXX=${CXX:-c++} OPENMP=${OPENMP--fopenmp} BUILD=${BUILD:-build/release}
flags="-I. -D_POSIX_C_SOURCE=200809L ${DEPS_CPPFLAGS-} -Wall -Wextra -Werror"
mkdir -p "$BUILD/check"
t=$BUILD/check/header
bad=0

# compiles COMPILER HEADER SUFFIX
try() {
    printf '#include "%s"\n#include "%s"\nextern int tr_nothing_;\n' "$2" "$2" >"$t.$3"
    if $1 $flags -fsyntax-only "$t.$3" >"$t.log" 2>&1; then
        echo "ok - $2 as $3"
    else
        echo "not ok - $2 as $3"
        sed 's/^/#   /' "$t.log"
        bad=1
    fi
}

have_cxx=
echo 'int main() { return 0; }' >"$t.cpp"
$CXX -fsyntax-only "$t.cpp" >/dev/null 2>&1 && have_cxx=1
[ -n "$have_cxx" ] || echo "SKIP public headers as C++: no C++ compiler"

for h in libtrain/*.h libtrain/*/*.h cmds/shared/*.h; do
    [ -f "$h" ] || continue
    try "$CC -std=c11 $OPENMP" "$h" c
    case $h in
    libtrain/*/* | cmds/*) ;;
    *) [ -z "$have_cxx" ] || try "$CXX -std=c++11" "$h" cpp ;;
    esac
done
exit $bad
