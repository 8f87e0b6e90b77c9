#!/bin/sh
# SPDX-License-Identifier: MIT
# Each command has a manual page; the page and --help know the same options; the page says
# how to run it and what the exit status means; mandoc finds nothing wrong with it.  Files
# and functions that any page or comment names are there.
set -u
cd "${0%/*}/.." || exit 1
BIN=${BIN:-bin} BUILD=${BUILD:-build/release}
t=$BUILD/check/docs
mkdir -p "$BUILD/check"
bad=0

verdict() { # TITLE FILE: passes if the file, which lists what is wrong, is empty
    if [ ! -s "$2" ]; then
        echo "ok - $1"
    else
        echo "not ok - $1"
        sed 's/^/#   /' "$2"
        bad=1
    fi
}

options_of_help() { sed -n 's/^  \(-.,\|   \) --\([a-z0-9-]*\).*/--\2/p' | sort -u; }
# mdoc writes --output as `Fl Fl output` or `Fl -output`, behind `.It`.
options_of_page() {
    sed -n 's/Fl Fl /Fl -/g; /^\.It .*Fl/p' "$1" | grep -o 'Fl -[a-z0-9-]*' |
        sed 's/Fl /-/' | sort -u
}

have_mandoc=
command -v mandoc >/dev/null 2>&1 && have_mandoc=1
[ -n "$have_mandoc" ] || echo "SKIP mandoc -T lint: mandoc is not there"

for source in cmds/*.c; do
    [ ! -f "${source%.c}.h" ] || continue
    name=$(basename "$source" .c)
    page=cmds/$name.1
    if [ ! -f "$page" ]; then
        echo "not ok - $name has no manual page $page"
        bad=1
        continue
    fi
    if "$BIN/$name" --help >"$t.help" 2>"$t.wrong"; then
        options_of_help <"$t.help" >"$t.a"
        options_of_page "$page" >"$t.b"
        {
            comm -23 "$t.a" "$t.b" | sed 's/$/ is in --help, not in the page/'
            comm -13 "$t.a" "$t.b" | sed 's/$/ is in the page, not in --help/'
        } >"$t.wrong"
    else
        echo "$BIN/$name --help fails" >>"$t.wrong"
    fi
    verdict "$name: options of help and page" "$t.wrong"
    for section in NAME SYNOPSIS DESCRIPTION EXAMPLES 'EXIT STATUS'; do
        grep -Eq "^\.Sh \"?$section\"?\$" "$page" || echo "no section $section"
    done >"$t.wrong"
    verdict "$name: sections of the page" "$t.wrong"
    [ -n "$have_mandoc" ] || continue
    mandoc -T lint -W warning "$page" >"$t.wrong" 2>&1
    verdict "$name: mandoc" "$t.wrong"
done
# A source says what it is before it begins.
for source in $(find libtrain cmds dev examples tests -name '*.c' | sort); do
    case $(sed -n 1p "$source") in
    *'*/') echo "$source does not say what it is" ;;
    esac
done >"$t.wrong"
verdict "every source begins with a paragraph" "$t.wrong"
# What was to be filled in.
grep -IrnE '@[A-Z][A-Z_]+' README.md docs cmds/*.1 >"$t.wrong"
verdict "no place left to fill in" "$t.wrong"

sed -n 's/^TR_PRETOKENIZER("\([^"]*\)".*/`\1`/p' libtrain/tokenizer/pretokenizers.def >"$t.a"
while read -r name; do
    grep -qF -- "$name" docs/tokenizers.md || echo "$name is not in docs/tokenizers.md"
done <"$t.a" >"$t.wrong"
[ -s "$t.a" ] || echo "no pre-tokenizers found" >>"$t.wrong"
verdict "pre-tokenizers are on their page" "$t.wrong"

# Files and functions that pages and comments name.  tests/fuzz/corpus/ has no text.
trees="cmds dev docs examples libtrain mk tests workflows"
{
    # shellcheck disable=SC2086
    find $trees ./*.md Makefile -type f | sed 's/^\.\///; s/^/file /'
    # shellcheck disable=SC2086
    find $trees -name '*.[ch]' -exec grep -IohE '(tr|cmd)_[a-z0-9_]+' {} + | sort -u |
        sed 's/^/word /'
    # of llama.cpp, OpenAI's GPT-2, Open MPI, compilers
    printf 'elsewhere %s\n' ggml.h encoder.py mpi.h sanitizer/lsan_interface.h \
        docs/gguf.md github.com/ggml-org/ggml/blob/master/docs/gguf.md
    # shellcheck disable=SC2086
    find $trees ./*.md -name corpus -prune -o \
        \( -name '*.[ch]' -o -name '*.def' -o -name '*.md' \) \
        -exec grep -IHnE '[a-z*]\.(c|h|def|sh|mk|py|awk|md)|(tr|cmd)_' {} +
} | awk -f tests/check-names.awk >"$t.wrong"
verdict "pages and comments name what is there" "$t.wrong"
exit $bad
