#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: readable.sh KNOB FILE...
#
# Prints what is wrong with the first of the files, given for the knob, that cannot be read as
# text is read: from its beginning, and again.
LC_ALL=C
export LC_ALL
knob=$1
shift
[ $# != 0 ] || echo "$knob names no file"
say() { printf '%s\n' "$1"; } # echo has its own idea of \
for f; do
    shown=$(printf '%s' "$f" | tr '\001-\010\012-\037\177' '?')
    if [ "$shown" != "$f" ]; then
        say "$knob: the name of '$shown' holds a control character, shown as ?"
    elif [ -f "$f" ] && [ -r "$f" ]; then
        continue
    elif [ -f "$f" ]; then
        say "$knob: '$f' cannot be read"
    elif [ -e "$f" ]; then
        say "$knob: '$f' is not a regular file"
    elif [ $# != 1 ]; then
        say "$knob: there is no file '$f' (blanks part the names of several)"
    else
        say "$knob: there is no file '$f'"
    fi
    exit
done
