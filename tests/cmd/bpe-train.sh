#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bpe-train: the same vocabulary whatever the threads, pieces and packing, and tokenize reads
# it.  tests/unit/test_vocabulary.c compares the merges.
. "${0%/*}/../lib.sh"

test_built bpe-train tokenize detokenize gguf-show || test_skip_all "the commands are not built"
text=$TOP/tests/golden/bpe.txt
made() { "$BIN/bpe-train" -q "$@"; }
cp "$text" text

test_expect_success 'special tokens, the alphabet, then merges' '
    made -n 600 --special "<|endoftext|>" --special "<|pad|>" -o v.gguf text
    "$BIN/gguf-show" v.gguf >shown
    grep -F "tokens	string[600]	\"<|endoftext|>\" \"<|pad|>\" \"!\"" shown
    head -n 8 "$TOP/tests/golden/bpe.merges" | sed "s/.*/\"&\"/" | tr "\n" " " >first
    grep -F "merges	string[342]	$(cat first)..." shown'

test_expect_success '--special-last: the same merges, and what was first is last' '
    made -n 600 --special "<|endoftext|>" --special "<|pad|>" --special-last -o l.gguf text
    "$BIN/gguf-show" l.gguf >shown
    grep -F "tokens	string[600]	\"!\"" shown
    grep -F "merges	string[342]	$(cat first)..." shown
    grep -F "eos_token_id	u32	598" shown
    printf "<|pad|>" | "$BIN/tokenize" -q --special -m l.gguf --text | grep -x 599'

test_expect_success 'a text to ids and back' '
    "$BIN/tokenize" -q -m v.gguf -o t.tok "$text"
    "$BIN/detokenize" -q -m v.gguf t.tok | cmp - "$text"
    test $(wc -c <t.tok) -lt 4000'

test_expect_success 'a control token is one id' '
    printf "a<|pad|>" | "$BIN/tokenize" -q --special -m v.gguf --text >ids
    grep -x ".* 1" ids'

test_expect_success 'any number of threads, standard input and packed files give the same bytes' '
    made -n 600 --threads 1 -o a.gguf text
    made -n 600 --threads 3 -o b.gguf text
    cmp a.gguf b.gguf
    made -n 600 -o b.gguf <text
    cmp a.gguf b.gguf
    gzip -c text >text.gz
    made -n 600 -o b.gguf text.gz
    cmp a.gguf b.gguf
    cat text | made -n 600 -o b.gguf -
    cmp a.gguf b.gguf'

test_expect_success 'a long text in pieces is the text' '
    i=0
    while [ $i -lt 400 ]; do cat text && i=$((i + 1)); done >long
    made -n 600 --threads 1 -o a.gguf long
    made -n 600 --threads 2 -o b.gguf long
    cmp a.gguf b.gguf
    made -n 600 -o once.gguf text
    cmp a.gguf once.gguf'

test_expect_success 'rows of JSON: their texts' '
    printf "{\"text\": \"low low low lower\"}\n{\"messages\": [{\"role\": \"user\", \"content\": \"low\"}, {\"role\": \"assistant\", \"content\": \"newest\"}]}\n" >rows.jsonl
    made -n 260 -o v.gguf rows.jsonl
    "$BIN/gguf-show" v.gguf >shown
    grep -F "merges	string[3]	\"l o\" \"lo w\" \"Ġ low\"" shown'

test_expect_success 'chats: content in parts, what a model thinks, and ids that say nothing' '
    printf "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"low low low lower\"}, {\"type\": \"image\"}]}, {\"role\": \"assistant\", \"content\": \"newest\", \"reasoning_content\": \"low\"}]}\n" >parts.jsonl
    "$BIN/bpe-train" -n 260 -o p.gguf parts.jsonl 2>stderr
    "$BIN/gguf-show" p.gguf >shown
    grep -F "merges	string[3]	\"l o\" \"lo w\" \"Ġ low\"" shown
    if grep "passed over" stderr; then exit 1; fi
    printf "{\"text\": \"low low\"}\n{\"input_ids\": [1, 2, 3]}\n" >ids.jsonl
    "$BIN/bpe-train" -n 260 -o p.gguf ids.jsonl 2>stderr
    grep "ids in rows say nothing here, and are passed over: 1" stderr'

test_expect_success 'spm: a text to ids and back, also what has no token of its own' '
    made --kind spm -n 690 --special "<|pad|>" -o s.gguf text
    "$BIN/tokenize" -q -m s.gguf -o t.tok text
    "$BIN/detokenize" -q -m s.gguf t.tok | cmp - text
    printf "never seen: \316\246\316\261 \360\237\232\200" >new
    "$BIN/tokenize" -q -m s.gguf new | "$BIN/detokenize" -q -m s.gguf | cmp - new
    printf "<|pad|>" | "$BIN/tokenize" -q --special -m s.gguf --text >ids
    echo "1 3" | cmp - ids
    made --kind spm -n 690 --special "<|pad|>" --threads 1 -o b.gguf text
    cmp s.gguf b.gguf'

test_expect_success 'unigram: a text to ids and back' '
    made --kind unigram --character-coverage 1 -n 400 -o u.gguf text
    "$BIN/tokenize" -q -m u.gguf -o t.tok text
    "$BIN/detokenize" -q -m u.gguf t.tok | cmp - text'

test_expect_success 'unigram: the same bytes on any number of threads' '
    made --kind unigram --character-coverage 1 -n 400 --threads 1 -o a.gguf text
    made --kind unigram --character-coverage 1 -n 400 --threads 2 -o b.gguf text
    cmp a.gguf b.gguf
    "$BIN/gguf-show" a.gguf >shown
    grep -F "tokenizer.ggml.model	string	t5" shown'

test_expect_success 'a text that has not so many pieces' '
    printf aabb | made -n 1000 -o v.gguf 2>stderr
    grep "the text gives only 260 tokens" stderr'

wrong() { # STATUS WORDS ARG...
    status=$1 words=$2
    shift 2
    test_expect_code "$status" "$BIN/bpe-train" -o out "$@" 2>stderr </dev/null
    test $(wc -l <stderr) = 1
    grep -F -- "$words" stderr
    test ! -e out
}
test_expect_success 'a piece that ends in the middle of a character is UTF-8 all the same' '
    awk "BEGIN { while (i++ < 120000) printf \"中\" }" >zh
    made -n 270 -o zh.gguf zh 2>stderr
    test ! -s stderr
    printf "a\377b" >odd
    made -n 300 -o odd.gguf odd 2>stderr
    grep "not UTF-8" stderr'

test_expect_success 'what cannot be is refused in one line' '
    wrong 1 "no text" -n 300
    wrong 2 "has 257 at least" -n 256 text
    wrong 2 "given twice" -n 300 --special "<s>" --special "<s>" text
    wrong 2 "has no text" -n 300 --special "" text
    wrong 2 "letters that stand for bytes" -n 300 --special A none-is-read
    wrong 2 "letters that stand for bytes" -n 300 --special A --special-last text
    wrong 2 "no pre-tokenizer" -n 300 --pre gpt-22 text
    wrong 2 "is none of the special tokens" -n 300 --special "<s>" --eos "</s>" text
    wrong 2 "has 259 at least" --kind spm -n 258 text
    wrong 2 "no room for the" --kind spm -n 300 text
    wrong 2 "is there anyway" --kind spm -n 700 --special "<s>" text
    wrong 2 "has no pre-tokenizer" --kind spm -n 700 --pre gpt-2 text
    printf "a\000b\000c\000" >nul
    wrong 1 "nul" -n 300 nul
    { cat text text text text && head -c 600000 /dev/zero | tr "\000" x && printf "\000"; } >nul
    wrong 1 "is NUL" -n 300 nul'

test_done
