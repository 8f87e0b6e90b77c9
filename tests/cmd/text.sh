#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Texts and vocabularies as people have them: what a model wants around a text, where
# generating ends, windows that fit the model.
. "${0%/*}/../lib.sh"

test_built tokenize detokenize generate perplexity || test_skip_all "the commands are not built"
model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no examples/tiny.gguf"
tok() { "$BIN/tokenize" -q "$@"; }
ids() { tok --text "$@"; }

# put FILE KEY BYTES: the value of a number or a flag in the keys, as bytes for printf.
put() {
    at=$(LC_ALL=C grep -abo "tokenizer.ggml.$2" "$1" | head -n 1 | cut -d: -f1)
    printf "$3" | dd of="$1" bs=1 seek=$((at + 15 + ${#2} + 4)) conv=notrunc 2>/dev/null
}

# rename FILE KEY OTHER: another key of the same length.
rename() {
    LC_ALL=C sed "s/tokenizer.ggml.$2/tokenizer.ggml.$3/" "$1" >renamed
    cp renamed "$1"
}

yes 'Once upon a time there was a house in the wood.' | head -n 200 >house.txt

# ==== around a text, and its end ====

test_expect_success 'EOS behind every document if the model says so' '
    cp "$model" eos.gguf
    rename eos.gguf add_bos_token add_eos_token
    put eos.gguf add_eos_token "\001"
    printf "a house" >one
    ids -m "$model" one >plain
    ids -m eos.gguf one one >have
    echo "$(cat plain) 2047" >want
    sed p want | cmp - have
    ids -m eos.gguf --no-eos one | cmp - plain
    ids -m eos.gguf --eos one | cmp - want
    ids -m "$model" --eos one | cmp - want
    tok -m eos.gguf one | "$BIN/detokenize" -m eos.gguf | cmp - one
    "$BIN/perplexity" -q -m "$model" -f house.txt | sed -n 2p >a
    "$BIN/perplexity" -q -m eos.gguf -f house.txt | sed -n 2p >b
    test $(($(cut -f1 a) + 1)) = "$(cut -f1 b)"
    test "$(cut -f4 a)" = "$(cut -f4 b)"'

test_expect_success 'EOS that the model wants and has not: refused by option' '
    cp eos.gguf none.gguf
    rename none.gguf eos_token_id eos_token_no
    test_expect_code 1 tok -m none.gguf -o out one 2>err
    grep "none.gguf.*no-eos" err
    test ! -e out
    ids -m none.gguf --no-eos one | cmp - plain
    test_expect_code 1 "$BIN/perplexity" -m none.gguf -f one 2>err
    grep "no EOS" err'

test_expect_success 'two EOS are worth a warning' '
    printf "a house<|endoftext|>" >two
    tok -m eos.gguf --special -o out two 2>err
    grep "no-eos" err'

# A word ends the text when a key calls it the end of a turn; it is seen, being a word.
test_expect_success 'generate: ends where the model ends a turn or a message' '
    said() { "$BIN/generate" -q -m "$1" -p "Once upon a" -n 6 --temp 0; }
    said "$model" >plain
    grep "^Once upon a hundred ." plain
    word=$(printf " hundred" | ids -m "$model")
    for key in eot_token_id eom_token_id; do
        cp "$model" end.gguf
        rename end.gguf bos_token_id $key
        put end.gguf $key "\\$(printf %o $((word % 256)))\\$(printf %o $((word / 256)))"
        said end.gguf >have
        echo "Once upon a hundred" | cmp - have
    done'

# ==== vocabularies that are odd ====

# 'gpt-2' is the word behind the key, and three other letters would be another name.
test_expect_success '--pre: how words are cut, in place of what the model says or does not' '
    printf "said \"b" >one
    ids -m "$model" one >plain
    cp "$model" no.gguf
    rename no.gguf "pre" "prx"
    tok -m no.gguf -o no.tok one 2>err
    grep "no .tokenizer.ggml.pre.*--pre NAME" err
    ids -m no.gguf one >default 2>err
    test_expect_code 1 cmp -s plain default
    ids -m no.gguf --pre gpt-2 one >have 2>err
    cmp plain have
    test ! -s err
    tok -m no.gguf --pre gpt-2 -o pre.tok one
    "$BIN/detokenize" -m no.gguf --pre gpt-2 pre.tok | cmp - one
    "$BIN/perplexity" -q -m no.gguf --pre gpt-2 -f house.txt >a
    "$BIN/perplexity" -q -m "$model" -f house.txt >b
    cmp a b
    "$BIN/generate" -q -m no.gguf --pre gpt-2 -p "a  !" -n 4 --temp 0 >a
    "$BIN/generate" -q -m "$model" -p "a  !" -n 4 --temp 0 >b
    cmp a b
    "$BIN/generate" -q -m no.gguf -p "a  !" -n 4 --temp 0 >a 2>err
    grep "pre NAME" err'

test_expect_success 'a pack made with --pre fits the model' '
    tok -m no.gguf --pre gpt-2 house.txt | "$BIN/pack" -q -c 64 -o house.pack
    "$BIN/perplexity" -q -m no.gguf -d house.pack >have
    test $(wc -l <have) = 2'

test_expect_success 'an unknown pre-tokenizer: refused with the option and what there is' '
    for c in "tokenize -q one" "perplexity -q -f one" "generate -q -p a" "detokenize -q no.tok"; do
        test_expect_code 1 "$BIN/"${c%% *} -m "$model" --pre gpt-9 ${c#* } >out 2>err
        grep "unknown pre-tokenizer .gpt-9.: --pre NAME .*gpt-2, llama-bpe" err
    done
    test_expect_code 2 "$BIN/perplexity" -m "$model" -d house.pack --pre gpt-2 2>err
    grep "goes with" err'

test_expect_success 'names on the page are names that are known' '
    sed -n "/^## Pre-tokenizers/,/^With these names/p" "$TOP/docs/tokenizers.md" |
        grep "^| [^t-]" | cut -d "|" -f 2 | tr -s " \`" "\n" | sed "s/[^!-~]*$//" |
        grep "^[a-z]" | grep -v ggml >names
    test $(wc -l <names) -gt 30
    for name in $(cat names); do
        tok -m "$model" --pre $name -o out one
    done'

test_expect_success 'a merge that makes no token: taken, and counted' '
    LC_ALL=C sed "s/Ġwood/Ġwxyz/g" "$model" >odd.gguf
    ids -m odd.gguf house.txt >out 2>err
    grep "1 of 1791 merges are odd" err
    tok -m odd.gguf house.txt 2>err | "$BIN/detokenize" -m odd.gguf | cmp - house.txt'

# ==== what is no text, and what is odd in one ====

gives() { # gives WORDS FILE: refused with these words by all who read a text
    for c in "tokenize -o out" "perplexity -f"; do
        test_expect_code 1 "$BIN/"$c "$2" -m "$model" 2>err
        grep "$1" err
        grep "'"$2"'.*--binary" err
    done
    test_expect_code 1 "$BIN/generate" -m "$model" --prompts "$2" 2>err
    grep "$1" err
}

test_expect_success 'no text: refused by what it is, with the way out' '
    rm -f out
    printf "\377\376h\0i\0" >u16.txt
    gives "iconv -f UTF-16" u16.txt
    gzip -c house.txt >house.gz
    test_expect_code 1 "$BIN/perplexity" -m "$model" -f house.gz 2>err
    grep gunzip err
    ids -m "$model" house.txt >want
    ids -m "$model" house.gz | cmp - want
    cp "$model" model.txt
    gives "a GGUF model" model.txt
    printf "%%PDF-1.4\nabc\n" >a.pdf
    gives pdftotext a.pdf
    printf "a\0b and more" >nul.txt
    gives "NUL, the first at offset 1" nul.txt
    test ! -e out
    test_expect_code 1 tok -m "$model" <nul.txt >out 2>err
    grep "'"'standard input'"'" err'

test_expect_success '--binary: any bytes are a text' '
    tok -m "$model" --binary nul.txt -o nul.tok 2>err
    test ! -s err
    "$BIN/detokenize" -m "$model" nul.tok | cmp - nul.txt
    "$BIN/perplexity" -q -m "$model" --binary -f nul.txt >out'

test_expect_success 'many odd texts: eight are told by name, the others by number' '
    mkdir many
    for i in 1 2 3 4 5 6 7 8 9 10 11; do printf "caf\351 \223x\224\n" >many/$i.txt; done
    tok -m "$model" -o out many/*.txt 2>err
    test "$(grep -c "not UTF-8" err)" = 8
    grep "more such texts: 3" err'

test_expect_success 'an odd text: taken, and told' '
    printf "caf\351 \223x\224\n" >latin1.txt
    tok -m "$model" -o out latin1.txt 2>err
    grep "'"'latin1.txt': 3 of 9 bytes are not UTF-8, the first at offset 3"'" err
    printf "\357\273\277Hello\n" >bom.txt
    tok -m "$model" -o out bom.txt 2>err
    grep "byte order mark" err
    "$BIN/detokenize" -m "$model" out | cmp - bom.txt
    echo "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}" >chat.jsonl
    tok -m "$model" --format text -o out chat.jsonl 2>err
    grep "record of JSON" err
    "$BIN/perplexity" -q -m "$model" -f chat.jsonl >out 2>err
    grep "record of JSON" err
    tok -m "$model" -o out house.txt 2>err
    test ! -s err'

test_expect_success 'control tokens that the text spells are counted' '
    printf "a<|endoftext|>b<|endoftext|>" >spelt.txt
    tok -m "$model" -o out spelt.txt spelt.txt 2>err
    grep "<|endoftext|>. stands in the text 4 times as plain text; --special" err
    "$BIN/perplexity" -q -m "$model" -f spelt.txt >out 2>err
    grep "2 times as plain text; --special" err
    "$BIN/generate" -q -m "$model" -n 1 -p "a<|endoftext|>" >out 2>err
    grep "1 time as plain text; --special" err
    "$BIN/tokenize" -m "$model" --special -o out spelt.txt 2>err
    grep "2 control tokens stand in the text" err
    "$BIN/perplexity" -q -m "$model" --special -f spelt.txt >out 2>err
    test "$(sed -n 2p out | cut -f1)" = 3
    "$BIN/generate" -q -m "$model" --special -n 1 -p "a<|endoftext|>" >out 2>err
    test ! -s err'

# ==== windows ====

test_expect_success 'perplexity: windows as long as the model was made for, unless that is much' '
    "$BIN/perplexity" -m "$model" -f house.txt >a.tsv 2>err
    grep "windows of 256 positions" err
    "$BIN/perplexity" -q -m "$model" -f house.txt -c 256 >b.tsv
    cmp a.tsv b.tsv
    "$BIN/perplexity" -q -m "$model" -f house.txt >c.tsv 2>err
    test ! -s err'

test_expect_success 'perplexity: a window that the model was not made for is refused by option' '
    test_expect_code 1 "$BIN/perplexity" -m "$model" -f house.txt -c 257 >out 2>err
    grep "'"'--ctx' is 257.*made for 256"'" err
    test ! -s out'

test_expect_success 'a pack of longer sequences than the model was made for: what to do' '
    tok -m "$model" house.txt | "$BIN/pack" -q -c 257 -o long.pack
    for c in "perplexity" "train --steps 1 -o long.ckpt"; do
        test_expect_code 1 "$BIN/"$c -m "$model" -d long.pack 2>err
        grep "long.pack.*257 positions.*256: pack it with -c 256" err
    done'

test_done
