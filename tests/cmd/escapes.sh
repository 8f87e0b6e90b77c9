#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What comes from a file or an argument reaches a terminal, a message or a table only as
# printable text.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
test_built tokenize detokenize pack train gguf-export merge quantize perplexity generate \
    gguf-show gguf-diff || test_skip_all "the commands are not built"

# Escape, bell, CSI as a byte and as a character, a mark that turns the direction, line ends
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
    imatrix embed gguf-show gguf-diff report bpe-train model-init; do
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

# ==== what a GGUF holds ====

BUILD=${BUILD:-build/release}
case $BUILD in /*) ;; *) BUILD=$TOP/$BUILD ;; esac
alter=$BUILD/tests/alter
name=$(printf 'a\033]0;x\007\233b\302\233c\342\200\256d\r\ne\tf.weight')
key=$(printf 'a\033[2J\007b\r\nkey')

# all_clean FILE: whatever it is to a command, what is said about it is printable.
all_clean() {
    for what in "gguf-show $1" "gguf-show --check $1" "gguf-show --data 2 $1" \
        "gguf-diff m.gguf $1" "gguf-diff $1 m.gguf" \
        "quantize -t q8_0 --dry-run $1" "quantize -t q8_0 -o out $1" \
        "tokenize -m $1 text -o out" "detokenize -m $1 t.tok" "pack -c 32 -o out $1" \
        "imatrix --in-file $1 --show" "perplexity -m $1 -d t.pack" "perplexity -m m.gguf -a $1 -d t.pack" \
        "generate -m $1 -p A -n 1" "merge -m $1 -a $1 -o out" \
        "merge -m m.gguf -a $1 -o out" \
        "train -m $1 -d t.pack -o out --steps 1 --batch 1" \
        "gguf-export -m m.gguf -o out $1" \
        "gguf-export -m $1 -o out $1"; do
        # shellcheck disable=SC2086
        "$BIN"/$what >out.txt 2>stderr </dev/null || test $? = 1
        clean stderr || { echo "on stderr: $what" && return 1; }
        clean out.txt || { echo "on stdout: $what" && return 1; }
        rm -rf out out.d
    done
}

if [ -x "$alter" ]; then
    cp "$model" m.gguf
    printf 'A text.\n' >text
    "$BIN/tokenize" -q -m "$model" -o t.tok text
    test_expect_success 'the name of a tensor' '
        "$alter" "$model" f.gguf vector "$name" 32
        all_clean f.gguf
        "$BIN/gguf-show" --tensors f.gguf >shown
        grep "^tensor	a.x1b.0;x.x07.x9bb.xc2.x9bc.xe2.x80.xaed.r.ne.tf.weight	F32	32	" shown
        "$BIN/quantize" -t q8_0 --dry-run f.gguf >shown
        test "$(awk -F "\t" "NF != 5" shown | wc -l)" = 0'
    test_expect_success 'a key and its value' '
        "$alter" "$model" f.gguf text "$key" "$name"
        all_clean f.gguf
        "$BIN/gguf-show" --keys f.gguf >shown
        grep "^key	a.x1b.2J.x07b.r.nkey	string	a.x1b.0;" shown'
    for k in general.architecture general.type general.name tokenizer.ggml.model \
        tokenizer.ggml.pre adapter.type; do
        test_expect_success "a value that is looked at: $k" '
            "$alter" "$model" f.gguf text $k "$name"
            all_clean f.gguf'
    done
    test_expect_success 'an older table or text goes to a file as it is' '
        printf "model\tloss\tperplexity\n\033[31m\t1\t1\n" >old
        "$BIN/perplexity" -m "$model" -d t.pack --label new --after old -o both
        head -n 2 both | cmp - old'
else
    test_skip 'what a GGUF holds' 'tests/alter is not built'
fi

# ==== a terminal ====

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

    test_expect_success 'beginnings of characters that never come' '
        printf "\360\360\360\360\360\237\230\200 \342\202\342\202\254 \360\237" >text
        "$BIN/tokenize" -q -m "$model" -o t.tok --binary text
        export model BIN
        on_terminal "\"\$BIN/detokenize\" -m \"\$model\" t.tok" >shown
        printf "%s\360\237\230\200 %s\342\202\254 %s" "\\xf0\\xf0\\xf0\\xf0" "\\xe2\\x82" \
            "\\xf0\\x9f" | cmp - shown'

    test_expect_success 'a terminal by another name, and older text' '
        prompt=$(printf "A\033[31m and")
        printf "old\033[31m\n" >old
        export prompt model BIN
        on_terminal "\"\$BIN/generate\" -q -m \"\$model\" -p \"\$prompt\" -n 1 --after old \
            --label \"\$prompt\" -o /dev/tty" >shown
        clean shown
        test "$(grep -c "x1b.31m" shown)" = 3
        on_terminal "\"\$BIN/perplexity\" -q -m \"\$model\" -d t.pack --after old --label x \
            -o /dev/stdout" >shown
        clean shown
        grep "^old.x1b.31m" shown'

    test_expect_success 'what is no text is not for a terminal' '
        export model BIN
        for out in - /dev/stdout /dev/tty; do
            for what in "tokenize -m \"\$model\" text" "quantize -t q8_0 \"\$model\"" \
                "pack -c 32 t.tok"; do
                on_terminal "\"\$BIN/\"$what -o $out || test \$? = 1" >shown
                clean shown
                test "$(wc -l <shown)" = 1
                grep -e "not for a terminal" -e "needs a seekable file" shown
            done
        done'
else
    test_skip 'what a terminal gets' 'there is no script(1)'
fi
test_done
