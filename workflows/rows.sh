#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: rows.sh BIN MODEL FILE...
#
# Prints "yes" if one of the files holds rows of training data and no plain text.  tokenize
# knows it, and says it in the version of the stream that it writes; what cannot be JSON by its
# first byte, not even compressed, needs not be asked about.
bin=$1 model=$2
shift 2

may_be_rows() {
    case $(tr -d ' \t\r\n\357\273\277' <"$1" 2>/dev/null | dd bs=1 count=4 2>/dev/null | od -An -tx1 | tr -d ' \n') in
    7b* | 5b* | 1f8b* | 28b52ffd) return 0 ;;
    *) return 1 ;;
    esac
}

# Whatever tokenize refuses, it is asked again when the work begins, and says why.
is_rows() {
    [ -x "$bin/tokenize" ] || return 0
    [ "$("$bin/tokenize" -q -m "$model" --max-rows 1 -- "$1" 2>/dev/null |
        dd bs=1 skip=8 count=1 2>/dev/null | od -An -tu1 | tr -d ' \n')" != 1 ]
}

for file; do
    if may_be_rows "$file" && is_rows "$file"; then
        echo yes && exit
    fi
done
