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
# cannot say it, the file is read every time.  The files of a model in several are one, by the
# name of the first.
known=$1
shift
words=" $(cat "$known" 2>/dev/null) "

state() {
    { stat -L -c '%d.%i.%s.%.9Y.%.9Z' -- "$1" || stat -L -f '%d.%i.%z.%Fm.%Fc' -- "$1"; } \
        2>/dev/null || echo unknown
}

tell() { # FILE...
    state=
    for part; do
        state=$state${state:++}$(state "$part")
    done
    case $words in
    *" $state="*)
        sum=${words#*" $state="}
        sum=${sum%%" "*}
        ;;
    *) sum=$(cat -- "$@" | cksum | tr ' ' :) ;;
    esac
    case $state in *unknown*) state=- ;; esac
    echo "$state=$sum"
}

for f; do
    [ -f "$f" ] || { echo - && continue; }
    case $f in
    *-00001-of-[0-9][0-9][0-9][0-9][0-9].gguf)
        tell "${f%-00001-of-*}"-[0-9][0-9][0-9][0-9][0-9]-of-"${f##*-of-}" ;;
    *) tell "$f" ;;
    esac
done
