#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tokenize and detokenize: the ids that llama.cpp gives, both forms of a token stream, and
# what is put around a text.
. "${0%/*}/../lib.sh"

test_built tokenize detokenize || test_skip_all "tokenize and detokenize are not built"
model=$TOP/examples/tiny.gguf
[ -f "$model" ] || model=$SHARED/reference/gpt2/model.gguf
[ -f "$model" ] || test_skip_all "no model: neither examples/tiny.gguf nor the reference material"
vocab=$SHARED/vocab
text=$SHARED/text/tinyshakespeare.txt
printf 'Hello there!\nA second line.' >one.txt
printf 'and\0\377 bytes\r\n' >two.txt
: >empty.txt

tok() { "$BIN/tokenize" -q --binary "$@"; }
detok() { "$BIN/detokenize" -q "$@"; }

# ==== both directions, with any model ====

test_expect_success 'text to a stream and back, byte for byte' '
    tok -m "$model" -o t.tok one.txt two.txt empty.txt
    detok -m "$model" t.tok >back
    cat one.txt two.txt | cmp - back
    detok -m "$model" <t.tok | cmp - back'

test_expect_success 'a file, standard input, a dash and a pipe give the same stream' '
    tok -m "$model" one.txt >a
    tok -m "$model" <one.txt >b
    cat one.txt | tok -m "$model" - >c
    tok -m "$model" -o d one.txt
    cmp a b
    cmp a c
    cmp a d'

test_expect_success '--text: a line for each document, and --from-ids reads it back' '
    tok -m "$model" --text one.txt empty.txt two.txt >ids
    test $(wc -l <ids) = 3
    sed -n 2p ids >second
    test "$(cat second)" = ""
    tok -m "$model" one.txt empty.txt two.txt >a
    tok -m "$model" --from-ids ids >b
    cmp a b
    tok -m "$model" --from-ids --text ids | cmp - ids'

test_expect_success '--from-ids: blanks, no last newline, nothing added' '
    printf "  5\t6 \r\n\n7" | tok -m "$model" --from-ids --eos --text >have
    printf "5 6\n\n7\n" | cmp - have
    tok -m "$model" --from-ids --text </dev/null >none
    test ! -s none'

test_expect_success '--from-ids: what is no id is refused by line' '
    for bad in "1\n2 x\n" "1\n-2\n" "1\n99999999999999999999999\n" "1\n2147483648\n" "1\n2,3\n"; do
        printf "$bad" >bad
        test_expect_code 1 tok -m "$model" --from-ids -o out bad 2>err
        grep "'"'bad'"' line 2" err
        test ! -e out
    done'

test_expect_success 'an empty document has no tokens' '
    tok -m "$model" --eos --text empty.txt >ids
    printf "\n" | cmp - ids
    tok -m "$model" --eos empty.txt | detok -m "$model" >back
    test ! -s back'

test_expect_success 'a long document of one letter' '
    head -c 1048576 /dev/zero | tr "\0" a >long
    tok -m "$model" -o long.tok long
    detok -m "$model" long.tok | cmp - long'

# Pieces of a text: runs of blanks and letters as long as where a cut is looked for,
# characters of several bytes, bytes that are none, special tokens between and inside words.
awkward() {
    awk 'BEGIN {
        n = split("word~s~Hello~1234~.~.\n~\n\n~\r\n~\303\251t\303\251~\344\270\226\347\225\214~" \
            "\343\200\202~\314\201~\302\240~\342\226\201x~\342~\202~\377~<|endoftext|>~" \
            "x<|im_end|>y~<s>~</s>~\t~\360\237\230\200", atom, "~")
        for (i = 0; i < 120000; i++) {
            r = (r * 75 + 74) % 65537
            printf "%s", r % 3 ? " " : r % 2 ? "\047ve" : "  "
            printf "%s", atom[1 + int(r / 3) % n]
            if (r % 9000 == 0)
                printf "%" (i % 2 ? 3000 : 150000) "s", ""
            if (r % 9000 == 1)
                for (k = 0; k < 4000; k++)
                    printf "%s", i % 2 ? "\303\251" : "a"
        }
    }'
}
LC_ALL=C awkward >awkward.txt
same_on_threads() {
    tok --threads 1 --text "$@" awkward.txt one.txt awkward.txt >one
    for n in 2 4; do
        tok --threads $n --text "$@" awkward.txt one.txt awkward.txt 2>stderr | cmp - one
    done
}

test_expect_success 'the same bytes on any number of threads' '
    test $(wc -c <awkward.txt) -gt 1000000
    same_on_threads -m "$model"
    same_on_threads -m "$model" --special
    tok --threads 2 -m "$model" awkward.txt | detok -m "$model" | cmp - awkward.txt
    cat awkward.txt | tok --threads 2 -m "$model" >a
    tok --threads 1 -m "$model" awkward.txt | cmp - a'

test_expect_success 'the same bytes whatever the locale' '
    tok -m "$model" one.txt >a
    LC_ALL=tr_TR.UTF-8 LANG=de_DE.UTF-8 tok -m "$model" one.txt | cmp - a'

test_expect_success 'file names of any kind' '
    cp one.txt -- "-x"
    cp one.txt " a b"
    cp one.txt "%s%n"
    tok -m "$model" --text -- -x " a b" "%s%n" >ids
    test $(sort -u ids | wc -l) = 1
    test $(wc -l <ids) = 3'

# A terminal on standard output, if script(1) is there to make one.
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
    test_expect_success 'a token stream is not for a terminal' '
        test_expect_code 1 script -qec "\"$BIN/tokenize\" -m \"$model\" one.txt" /dev/null \
            >seen </dev/null
        grep "not for a terminal" seen'
else
    test_skip 'a token stream is not for a terminal' 'script(1) makes no terminal here'
fi

[ -d "$vocab" ] || test_skip_all "the rest needs the vocabularies of the reference material"

# ==== llama.cpp's own cases ====

# The texts between the lines __ggml_vocab_test__, each without its last newline; one behind
# the last such line counts too.
split_cases() {
    awk 'function end() {
            file = sprintf("case.%02d", n++)
            printf "%s", text >file
            close(file)
            text = ""; more = 0
        }
        $0 == "__ggml_vocab_test__" { end(); next }
        { text = text (more ? "\n" : "") $0; more = 1 }
        END { if (more) end() }' "$1"
}

for name in gpt-2 llama-bpe qwen2 llama-spm gemma-4; do
    v=$vocab/ggml-vocab-$name.gguf
    test_expect_success "$name: 46 cases" '
        rm -f case.*
        split_cases "$v.inp"
        sed "s/^ //" "$v.out" >want
        tok -m "$v" --no-bos --text case.* >have
        test $(wc -l <have) = 46
        diff want have'
    test_expect_success "$name: the cases back to text" '
        tok -m "$v" -o cases.tok --eos case.*
        detok -m "$v" cases.tok >back
        cat case.* | cmp - back'
    test_expect_success "$name: the same bytes on any number of threads" '
        same_on_threads -m "$v"
        same_on_threads -m "$v" --special'
    test_expect_success "$name: a book there and back" '
        tok -m "$v" -o book.tok "$text"
        detok -m "$v" book.tok | cmp - "$text"'
done

for name in gpt-neox mpt refact starcoder command-r phi-3 baichuan qwen35 falcon deepseek-llm \
    deepseek-coder; do
    v=$vocab/ggml-vocab-$name.gguf
    test_expect_success "$name: 46 cases or more" '
        rm -f case.*
        split_cases "$v.inp"
        sed "s/^ //" "$v.out" >want
        tok -m "$v" --no-bos --text case.* >have
        test $(wc -l <have) -ge 46
        diff want have
        tok -m "$v" case.* | detok -m "$v" >back
        cat case.* | cmp - back'
done

v=$vocab/ggml-vocab-bert-bge.gguf
test_expect_success 'bert-bge: 46 cases; what is normalised is not brought back' '
    rm -f case.*
    split_cases "$v.inp"
    sed "s/^ //" "$v.out" >want
    tok -m "$v" --no-bos --no-eos --text case.* >have
    test $(wc -l <have) = 46
    diff want have
    same_on_threads -m "$v"
    same_on_threads -m "$v" --special
    printf "It was no\303\251l, wasn\047t it ?" >noel
    test "$(tok -m "$v" --text noel)" = "101 2009 2001 10716 1010 2347 1005 1056 2009 1029 102"
    tok -m "$v" noel | detok -m "$v" >back
    printf " it was noel, wasn\047t it?" | cmp - back'

# ==== BOS, EOS, special tokens ====

ids() { tok --text "$@"; }

test_expect_success 'BOS if the model says so, or llama.cpp would' '
    printf Hello >hello
    test "$(ids -m "$vocab/ggml-vocab-llama-spm.gguf" hello)" = "1 15043"
    test "$(ids -m "$vocab/ggml-vocab-llama-bpe.gguf" hello)" = "128000 9906"
    test "$(ids -m "$vocab/ggml-vocab-gpt-2.gguf" hello)" = "15496"
    test "$(ids -m "$vocab/ggml-vocab-qwen2.gguf" hello)" = "9707"
    test "$(ids --no-bos -m "$vocab/ggml-vocab-llama-bpe.gguf" hello)" = "9906"'

test_expect_success 'EOS only with --eos' '
    test "$(ids --eos -m "$vocab/ggml-vocab-llama-spm.gguf" hello)" = "1 15043 2"
    test "$(ids --eos -m "$vocab/ggml-vocab-gpt-2.gguf" hello)" = "15496 50256"'

test_expect_success 'special tokens are text unless --special' '
    v=$vocab/ggml-vocab-gpt-2.gguf
    printf "Hello<|endoftext|>Hello" >special
    test "$(ids -m "$v" --special special)" = "15496 50256 15496"
    test "$(ids -m "$v" special | wc -w)" -gt 3
    tok -m "$v" --special special | detok -m "$v" | cmp - special
    tok -m "$v" special | detok -m "$v" | cmp - special
    v=$vocab/ggml-vocab-llama-spm.gguf
    printf "Hello</s> Hello</s>Hello" >special
    tok -m "$v" --special special | detok -m "$v" | cmp - special'

test_expect_success 'many short files: each as it is by itself, in their order, on any threads' '
    mkdir -p many
    head -c 60000 "$TOP/examples/tiny.txt" | (cd many && split -b 700 -a 3 - f)
    : >many/fzzz
    "$BIN/tokenize" -q --threads 1 --text -m "$model" many/* >one
    "$BIN/tokenize" -q --threads 3 --text -m "$model" many/* >three
    cmp one three
    test $(wc -l <one) = $(ls many | wc -l)
    for f in many/faaa many/fabc many/fadd many/fzzz; do
        "$BIN/tokenize" -q --text -m "$model" $f
    done >alone
    for f in faaa fabc fadd fzzz; do
        sed -n "$(ls many | grep -n $f | cut -d : -f 1)p" one
    done | cmp - alone
    printf "a\000b\000" >many/fabc
    test_expect_code 1 "$BIN/tokenize" -q -m "$model" -o out many/* 2>err
    grep "many/fabc" err
    test ! -e out
    rm -r many'

test_expect_success 'two BOS are worth a warning' '
    printf "<s>Hello" >bos
    tok -m "$vocab/ggml-vocab-llama-spm.gguf" --special --text bos >ids 2>err
    test "$(cat ids)" = "1 1 15043"
    grep "no-bos" err'

# ==== what does not belong together ====

test_expect_success 'a stream of another vocabulary is refused' '
    tok -m "$vocab/ggml-vocab-gpt-2.gguf" -o a.tok one.txt
    test_expect_code 1 detok -m "$vocab/ggml-vocab-qwen2.gguf" a.tok >back 2>err
    grep "another vocabulary" err
    test ! -s back'

test_expect_success 'an unknown tokenizer is refused by name' '
    v=$vocab/ggml-vocab-gpt-2.gguf
    sed "s/gpt-2/gpt-9/g" "$v" >other.gguf
    test_expect_code 1 tok -m other.gguf -o out one.txt 2>err
    grep "unknown pre-tokenizer .gpt-9." err
    grep "other.gguf" err
    test ! -e out
    sed "s/gpt2/gpt3/g" "$v" >other.gguf
    test_expect_code 1 tok -m other.gguf -o out one.txt 2>err
    grep "unknown tokenizer model .gpt3." err
    test ! -e out'

test_done
