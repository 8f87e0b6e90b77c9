#!/bin/sh
# SPDX-License-Identifier: MIT
# The folders of the library, who may know whom, and that nothing goes round in a circle: the
# rule and the installed headers of each folder are in docs/architecture.md ("Layers").  What
# is included is read from the sources; what needs what, from the symbols of the objects.
set -u
cd "${0%/*}/.." || exit 1
BUILD=${BUILD:-build/release}
t=$BUILD/check/layers
mkdir -p "$BUILD/check"

block() { sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" docs/architecture.md | grep -v '```'; }

# lines "symbol D|U OBJECT NAME" of all objects that were made from sources that are there
symbols() {
    find libtrain cmds -name '*.c' | sort | while read -r source; do
        object=$BUILD/${source%.c}.o
        [ -f "$object" ] || continue # comm_mpi.c, in a build without it
        nm -g "$object" | awk -v o="${source%.c}" '
            NF == 3 { print "symbol D", o, $3 }
            NF == 2 && $1 == "U" { print "symbol U", o, $2 }'
    done
}

{
    block order | tr '\n' ' ' | sed 's/^/order /'
    echo
    block faces | sed 's/^/face /'
    block exceptions | sed 's/^/except /'
    find libtrain cmds dev tests -name '*.[ch]' | sort | sed 's/^/file /'
    find libtrain cmds dev tests -name '*.[ch]' \
        -exec grep -Ho '^ *# *include *[<"][^>"]*[>"]' {} + |
        sort | sed 's/^\([^:]*\):.*include *\(.\)\([^>"]*\)[>"]$/include \1 \2 \3/'
    symbols
} >"$t.facts"

awk -f tests/check-layers.awk "$t.facts"
