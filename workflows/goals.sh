#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: goals.sh GOAL WORD...
#
# The words stand beside the goal of make and are no targets.  Prints what should have been
# typed.
goal=$1
shift
model= data= odd=
for word; do
    if [ -f "$word" ] && [ "$(dd if="$word" bs=4 count=1 2>/dev/null)" = GGUF ]; then
        model=$word
    elif [ -e "$word" ]; then
        data="$data${data:+ }$word"
    else
        case $word in
        *.gguf) model=$word ;;
        *.*) data="$data${data:+ }$word" ;;
        *) odd=$word ;;
        esac
    fi
done
if [ -n "$odd" ]; then
    echo "'$odd' is neither a target nor a file; make help lists targets and knobs"
    exit
fi
case $data in *' '*) data="'$data'" ;; esac
echo "files have the names of knobs: make $goal${model:+ MODEL=$model}${data:+ DATA=$data}"
