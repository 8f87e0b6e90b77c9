#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: sources.sh WORD...
#
# Prints the files that the words of DATA name, as words for a shell: `@FILE` is the words of
# FILE, quoted as a shell would have them; a folder is the text files in it and below, in the
# order of their names; a pattern that names files, these.  What is left out of a folder is
# said on standard error, where Q is not set.
LC_ALL=C
export LC_ALL
said() { [ -n "${Q:-}" ] || printf 'finetune: %s\n' "$1" | tr '\001-\011\013-\037\177' '?' >&2; }
quoted() { sed "/[^A-Za-z0-9_.,:=@%+\/-]/ { s/'/'\\\\''/g; s/^/'/; s/\$/'/; }"; }

# is_run FOLDER: for find, whether a folder is that of a run, whose files are no text of the user's.
is_run='test -e "$1/records/contents"'
files_in() { find -L "$1" -type d -exec sh -c "$is_run" sh {} \; -prune -o -type f -print; }

# A name that was found is neither an option nor a list.
names() { sed 's/^[-@]/.\/&/'; }

# Neither hidden nor what a model or a picture is, and no NUL in it.
of_folder() {
    find -L "$1" -type d -exec sh -c "$is_run" sh {} \; -prune -o \
        -name '.?*' ! -path "$1" -prune -o \
        -type f ! -name '*.gguf' ! -name '*.pdf' -size +0 \
        -exec grep -I -l '' {} + 2>/dev/null | sort >"$list"
    all=$(files_in "$1" | wc -l)
    taken=$(wc -l <"$list")
    left=$(files_in "$1" | sort | grep -v -x -F -f "$list" | head -n 3 | tr '\n' ' ')
    out=$((all - taken)) more=
    [ $out -le 3 ] || more=…
    [ $out = 0 ] || more=", $out left out, no text, empty or hidden: $left$more"
    said "DATA: $((taken)) text files of $1 are taken$more"
    [ $((taken)) = 0 ] && printf '%s\n' "$1" || names <"$list"
}

one() {
    if [ -d "$1" ]; then
        of_folder "${1%/}"
    elif [ -e "$1" ]; then
        printf '%s\n' "$1" | names
    else
        found=
        # shellcheck disable=SC2086
        case $1 in
        *[*?[]*)
            parted=$IFS IFS= # blanks in it are no ends of words
            for f in $1; do
                [ ! -f "$f" ] || { printf '%s\n' "$f" | names && found=1; }
            done
            IFS=$parted
            ;;
        esac
        [ -n "$found" ] || printf '%s\n' "$1"
    fi
}

list=$(mktemp) && words=$(mktemp) || exit
trap 'rm -f "$list" "$words"' EXIT
trap 'exit 1' HUP INT TERM # dash leaves without the above
for word; do
    case $word in
    @?*)
        [ -e "${word#@}" ] || { printf '%s\n' "$word" && continue; }
        xargs printf '%s\n' <"${word#@}" | while IFS= read -r f; do
            one "$f"
        done
        ;;
    *) one "$word" ;;
    esac
done | quoted >"$words"
# Linux takes 128 KiB for a word, which a command line is to the shell of make.
if [ "$(wc -c <"$words")" -gt 100000 ]; then
    Q=
    said "DATA: the names of $(($(wc -l <"$words"))) files are too long for a command, join some of them"
else
    tr '\n' ' ' <"$words"
fi
