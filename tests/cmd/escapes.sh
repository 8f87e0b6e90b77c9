#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What comes from a file or an argument reaches a terminal, a message or a table only as
# printable text.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
test_built tokenize detokenize pack train gguf-export merge quantize perplexity generate \
    gguf-show gguf-diff || test_skip_all "the commands are not built"

# Escape, bell, CSI as a byte and as a character, a mark that turns the direction, a line end.
hostile=$(printf 'a\033[31m\007b\233c\302\233d\342\200\256e\r\nf.gguf')
printf 'no model' >"$hostile"

# clean FILE: nothing in it that a terminal would obey but line ends and tabs.
clean() {
    tr -d '\n\t\040-\176\200-\377' <"$1" >controls
    test ! -s controls || return 1
    LC_ALL=C grep "$(printf '\302[\200-\237]')" "$1" && return 1
    LC_ALL=C grep "$(printf '\342\200[\250-\256]')" "$1" && return 1
    iconv -f UTF-8 -t UTF-8 "$1" >/dev/null
}
test_expect_success 'the check sees what it looks for' '
    for bad in "\033" "\007" "\302\233" "\342\200\256" "\233" "\177"; do
        printf "a${bad}b\n" >seen
        if clean seen; then exit 1; fi
    done
    printf "caf\303\251\t\342\200\246\n" >seen
    clean seen'

for cmd in tokenize detokenize pack train gguf-export merge quantize perplexity generate \
    gguf-show gguf-diff; do
    test_expect_success "$cmd: a name in its messages" '
        for option in -m -d -a -o -f -t --val --prompts --adapter-in --pre --label --loss; do
            test_must_fail "$BIN/$cmd" $option "$hostile" "$hostile" >out 2>stderr </dev/null
            clean stderr
            clean out
        done
        test_must_fail "$BIN/$cmd" "$hostile" "$hostile" >out 2>stderr </dev/null
        clean stderr
        test_must_fail "$BIN/$cmd" "--$hostile" >out 2>stderr </dev/null
        clean stderr'
done

test_expect_success 'labels in tables' '
    "$BIN/tokenize" -q -m "$model" "$TOP/examples/prompts.txt" | "$BIN/pack" -q -c 32 -o t.pack
    "$BIN/perplexity" -m "$model" -d t.pack --label "$hostile" >out
    clean out
    test "$(wc -l <out)" = 2'

if command -v script >/dev/null 2>&1 && script -qec true /dev/null >/dev/null 2>&1; then
    # on_terminal COMMAND...: what a terminal gets, without the returns that it adds.
    on_terminal() { script -qec "$*" /dev/null </dev/null | tr -d '\r'; }

    test_expect_success 'generate: as it is through a pipe, printable on a terminal' '
        prompt=$(printf "A\033]0;x\007 caf\303\251\302\233 and")
        "$BIN/generate" -m "$model" -p "$prompt" -n 3 --temp 0 >piped
        head -c 4 piped | od -An -c | grep 033
        export prompt model BIN
        on_terminal "\"\$BIN/generate\" -q -m \"\$model\" -p \"\$prompt\" -n 3 --temp 0" >shown
        clean shown
        grep "A.x1b.0;x.x07 caf$(printf "\303\251").xc2.x9b and" shown'

    test_expect_success 'detokenize: the same' '
        printf "A\033[31m caf\303\251\n" >text
        "$BIN/tokenize" -q -m "$model" -o t.tok text
        "$BIN/detokenize" -m "$model" t.tok | cmp text -
        export model BIN
        on_terminal "\"\$BIN/detokenize\" -m \"\$model\" t.tok" >shown
        clean shown
        grep "A.x1b.31m caf$(printf "\303\251")" shown'
else
    test_skip 'what a terminal gets' 'there is no script(1)'
fi
test_done
