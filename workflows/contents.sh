#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: contents.sh KNOWN FILE...
#
# Prints a word STATE=SUM:SIZE for each file, or - for what is no file.  SUM is that of
# cksum.  To read a model of many gigabytes takes seconds, so it is read once: STATE is what
# the system says of the file (inode, size, times of its content and of its entry, to the
# nanosecond), none of which stays when another file takes the place, whatever time stamp it
# brings; a state that KNOWN, a file of such words, has already gives its sum.  Where `stat`
# cannot say it, the file is read every time.
known=$1
shift
words=" $(cat "$known" 2>/dev/null) "

state() {
    { stat -L -c '%d.%i.%s.%.9Y.%.9Z' -- "$1" || stat -L -f '%d.%i.%z.%Fm.%Fc' -- "$1"; } \
        2>/dev/null || echo unknown
}

for f; do
    [ -f "$f" ] || { echo - && continue; }
    state=$(state "$f")
    case $words in
    *" $state="*)
        sum=${words#*" $state="}
        sum=${sum%%" "*}
        ;;
    *) sum=$(cksum <"$f" | tr ' ' :) ;;
    esac
    [ "$state" != unknown ] || state=-
    echo "$state=$sum"
done
