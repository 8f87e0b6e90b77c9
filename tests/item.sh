#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: tests/item.sh NAME COMMAND...
#
# One program of tests: runs it, counts its lines "ok …", "not ok …" and "SKIP …", prints
# what came of it in one piece and appends "PASSED FAILED SKIPPED" to $BUILD/check/counts.
# For tests/run.sh, which has several of these side by side.
set -u
name=$1
shift
log=$BUILD/check/$(echo "$name" | tr / _).log
limit=
command -v timeout >/dev/null 2>&1 && limit="timeout ${ITEM_SECONDS:-900}"

count() { grep -c "$1" "$log"; }
indent() { sed 's/^/         /'; }

rm -f "$log.tap"
begun=$(date +%s)
CK_TAP_LOG_FILE_NAME=$PWD/$log.tap $limit "$@" >"$log" 2>&1 </dev/null
status=$?
[ ! -f "$log.tap" ] || cat "$log.tap" >>"$log"
p=$(count '^ok ') f=$(count '^not ok ') s=$(count '^SKIP')
why=
if [ $status != 0 ] && [ "$f" = 0 ]; then
    why="ended with status $status"
elif [ $((p + f + s)) = 0 ]; then
    why="tested nothing"
fi
[ -z "$why" ] || f=1
verdict=ok
[ "$f" = 0 ] || verdict=FAILED
{
    printf '%-7s %-30s %4d passed %3d failed %3d skipped %4ds\n' \
        $verdict "$name" "$p" "$f" "$s" $(($(date +%s) - begun))
    grep '^SKIP' "$log" | indent
    if [ "$f" != 0 ]; then
        {
            grep -E -A 12 'Sanitizer|runtime error' "$log" | head -n 60
            grep -E '^(not ok |#)' "$log" | head -n 80 | grep . || tail -n 40 "$log"
        } | indent
    fi
    [ -z "$why" ] || echo "not ok $name: $why" | indent
} >"$log.said"
cat "$log.said"
echo "$p $f $s" >>"$BUILD/check/counts"
rm -f "$log.said"
