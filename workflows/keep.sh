#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: keep.sh FOLDER away|copy WORDS
#        keep.sh FOLDER back LINE...
#
# A training that begins anew leaves what the folder of the run holds of an earlier one, with
# its records, in FOLDER/earlier/N: `away` moves it there; `copy` is for a training that goes
# on from a finished one and leaves the checkpoint in its place too.  `back` looks there for
# what was made by a record of these lines, and changes places with it.
unset CDPATH
cd -- "$1" || exit
folder=$1 how=$2 words=${3-}
say() { printf 'finetune: %s\n' "$1" >&2; }

# What comes of the training.  All else is of the data and the base model alone, or the user's:
# a model that we made has a record.
results() {
    for f in model.ckpt.d model.ckpt metrics.tsv loss.png *.gguf Modelfile eval*.tsv test.tsv \
        samples.txt losses*.tsv report.html plan.tsv commands.txt; do
        case $f in
        *-base.*) continue ;;
        *.gguf) [ -e "records/$f" ] || continue ;;
        esac
        [ ! -e "$f" ] || printf '%s\n' "$f"
    done
}

# away_to N: into earlier/N, with the records.
away_to() {
    mkdir -p "earlier/$1/records" || exit
    results | while IFS= read -r f; do
        [ ! -e "records/$f" ] || cp -p "records/$f" "earlier/$1/records/" || exit
        case $how/$f in
        copy/model.ckpt) ln "$f" "earlier/$1/" 2>/dev/null || cp -p "$f" "earlier/$1/" ;;
        copy/model.ckpt.d) # the best so far may stay so
            mv "$f" "earlier/$1/" && { [ ! -e "earlier/$1/$f/best.gguf" ] ||
                { mkdir "$f" && cp -p "earlier/$1/$f/best.gguf" "$f/"; }; } ;;
        copy/metrics.tsv) cp -p "$f" "earlier/$1/" ;;
        *) mv "$f" "earlier/$1/" ;;
        esac || exit
    done || exit
    # A training that had not yet saved a whole checkpoint has a record all the same.
    [ ! -e records/model.ckpt ] || cp -p records/model.ckpt "earlier/$1/records/"
}

next=1
while [ -e "earlier/$next" ]; do
    next=$((next + 1))
done

if [ "$how" != back ]; then
    [ -n "$(results)" ] || exit 0
    away_to $next || exit
    if [ "$how" = copy ]; then
        say "$words: the training goes on from where it ended"
    else
        say "${words:-RESTART=yes}: the training starts from the beginning"
    fi
    say "what was there is kept in $folder/earlier/$next ($(du -sk "earlier/$next" | cut -f 1) KiB)"
    exit
fi

shift 2
record=$(printf '%s\n' "$@")
for old in earlier/*; do
    [ "$(sed '$d' "$old/records/model.ckpt" 2>/dev/null)" = "$record" ] || continue
    kept=
    if [ -n "$(results)" ]; then
        away_to $next || exit
        kept="; what was there is in $folder/earlier/$next"
    fi
    mv "$old/records/"* records/ && rmdir "$old/records" && mv "$old/"* . && rmdir "$old" || exit
    say "these settings were trained before: back from $folder/$old$kept"
    exit
done
