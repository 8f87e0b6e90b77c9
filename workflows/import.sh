#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: import.sh RUNS FOLDER FLAGS [note]
#
# RUNS/models/NAME is where a GGUF of the folder is, NAME.gguf, with what it was made of beside it,
# NAME.mk: the folder, the options, and what the system says of each file that is read (inode,
# size, times), in comments.  Prints RUNS/models/NAME, and "old" behind it unless that is
# so; with "note" what the comments are now.  NAME is that of the folder; a folder of the same
# name elsewhere has a number behind it.
runs=$1 folder=$2 flags=$3
[ -f "$folder/config.json" ] || exit 0
whole=$(CDPATH='' cd -- "$folder" && pwd -P) || exit 0
LC_ALL=C
export LC_ALL

state() {
    { stat -L -c '%d.%i.%s.%.9Y.%.9Z' -- "$1" || stat -L -f '%d.%i.%z.%Fm.%Fc' -- "$1"; } \
        2>/dev/null || echo unknown
}
note() {
    printf '%s\n' "$whole" "options$flags" | sed 's/^/# /'
    for f in "$folder"/*.json "$folder"/*.safetensors "$folder"/*.bin "$folder"/*.model \
        "$folder"/*.txt "$folder"/*.jinja "$folder"/README.md; do
        [ ! -f "$f" ] || printf '# %s %s\n' "${f##*/}" "$(state "$f")"
    done
}

name=$(basename "$whole" | tr -c 'A-Za-z0-9._+\n-' _ | sed 's/^[-.]/_/')
at=$runs/models/$name n=2
while [ -f "$at.mk" ] && [ "$(sed -n '1s/^# //p' "$at.mk")" != "$whole" ]; do
    at=$runs/models/$name-$n n=$((n + 1))
done
if [ "${4-}" = note ]; then
    note
elif [ -f "$at.gguf" ] && [ -f "$at.mk" ] && [ "$(note)" = "$(cat "$at.mk")" ]; then
    echo "$at"
else
    echo "$at old"
fi
