#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: rows.sh CMD MODEL FILE...
#
# Prints "rows" if one of the files holds rows of training data and is no plain text, and
# "rows whole" if these are chats, prompts with answers and the like, not pieces of running
# text. tokenize knows it, and says it in the stream that it writes (docs/formats/token-stream.md);
# what cannot be JSON by its first byte, not even compressed, needs not be asked about.
#
# CMD stands in front of the name of every command.
cmd=$1 model=$2
shift 2

may_be_rows() {
    case $(tr -d ' \t\r\n\357\273\277' <"$1" 2>/dev/null | dd bs=1 count=4 2>/dev/null |
        od -An -tx1 | tr -d ' \n') in
    7b* | 5b* | 1f8b* | 28b52ffd) return 0 ;;
    *) return 1 ;;
    esac
}

# Version and first document of the stream.  Whatever tokenize refuses, it is asked again when
# the work begins, and says why.
kind_of() {
    [ -x "${cmd}tokenize" ] || { echo "rows whole" && return; }
    # shellcheck disable=SC2046
    set -- $("${cmd}tokenize" -q -m "$model" --max-rows 1 -- "$1" 2>/dev/null |
        dd bs=1 skip=8 count=33 2>/dev/null | od -An -v -tu1)
    case ${1:-none}/${33:-none} in
    1/*) ;;
    2/0) echo rows ;;
    *) echo "rows whole" ;;
    esac
}

for file; do
    may_be_rows "$file" || continue
    kind=$(kind_of "$file")
    [ -z "$kind" ] || { printf '%s\n' "$kind" && exit; }
done
