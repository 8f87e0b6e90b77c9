#!/bin/sh
# SPDX-License-Identifier: MIT
# Every global symbol of the library starts with tr_; one that no public header declares
# starts with tr__.
set -u
cd "${0%/*}/.." || exit 1
lib=${BUILD:-build/release}/libtrain.a
[ -f "$lib" ] || { echo "not ok - $lib is not built" && exit 1; }
names=$(nm -g --defined-only "$lib" | awk 'NF == 3 { print $3 }' | sort -u)
public=$(cat libtrain/*.h | grep -o 'tr_[A-Za-z0-9_]*' | sort -u)
bad=0
for name in $names; do
    why=
    case $name in
    tr__*) ;;
    tr_*) echo "$public" | grep -qx "$name" || why="is in no public header: call it tr__…" ;;
    *) why="does not start with tr_" ;;
    esac
    [ -z "$why" ] || { bad=1 && echo "not ok - symbol $name $why"; }
done
[ $bad != 0 ] || echo "ok - $(echo "$names" | wc -l) symbols"
exit $bad
