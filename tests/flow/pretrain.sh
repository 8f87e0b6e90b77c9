#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make pretrain: a text alone to a tokenizer, a model with random weights and the trained one;
# made once, again when text or shape is another; and what is refused.
. "${0%/*}/../lib.sh"

test_built bpe-train model-init tokenize pack train gguf-export perplexity generate modelfile ||
    test_skip_all "the commands are not built"
runs=$test_scratch/runs
bin=${BIN#"$TOP"/}
run=$runs/small
OMP_NUM_THREADS=1
export OMP_NUM_THREADS
mkdir "a b"
head -c 8000 "$TOP/examples/tiny.txt" >"a b/it's.txt"
pretrain() {
    (cd "$TOP" && "$MAKE" pretrain V=1 BIN="$bin" RUNS="$runs" NAME=small CTX=32 N_SAMPLE=2 SIZE=50K \
        VOCAB_SIZE=300 STEPS=2 DATA="$test_scratch/a b/it's.txt" "$@")
}

test_expect_success 'make -n reads as the tutorial and writes nothing' '
    pretrain -n >log
    grep -n -o "bin/[a-z-]*" log | cut -d: -f2 | tr "\n" " " >order
    grep "bin/bpe-train bin/model-init bin/tokenize bin/pack .*bin/train .*bin/gguf-export" order
    test ! -e "$runs"'

test_expect_success 'a text to a model, whose loss is that of no knowledge at first' '
    pretrain FAMILY=gpt2 >log 2>&1
    for f in vocab.gguf start.gguf model.ckpt merged.gguf eval.tsv samples.txt Modelfile; do
        test -s "$run/$f" || { echo "no $f" && exit 1; }
    done
    awk "NR == 2 && !(\$3 > 270 && \$3 < 330) { exit 1 }" "$run/eval.tsv"
    "$BIN/gguf-show" --keys "$run/merged.gguf" >keys
    grep "gpt2.context_length.*32" keys'

test_expect_success 'nothing twice' '
    sleep 1
    touch mark
    pretrain FAMILY=gpt2 >log 2>&1
    grep "Nothing to be done" log
    test -z "$(find "$run" -newer mark -type f)"'

test_expect_success 'another shape or text makes another beginning' '
    cp "$run/start.gguf" start
    pretrain >log 2>&1
    "$BIN/gguf-show" --keys "$run/start.gguf" >keys
    grep "general.architecture.*llama" keys
    cp "$run/vocab.gguf" vocab
    echo "Something else, xyzzy xyzzy xyzzy." >>"a b/it'\''s.txt"
    pretrain STEPS=1 >log 2>&1
    grep bin/bpe-train log
    if cmp -s "$run/vocab.gguf" vocab; then exit 1; fi'

test_expect_success 'a tokenizer of another model' '
    pretrain VOCAB="$TOP/examples/tiny.gguf" SIZE=400K -n >log
    if grep bpe-train log; then exit 1; fi
    grep -F "model-init --size 400K --arch llama --ctx 32 --seed 42 --vocab $TOP/examples/tiny.gguf" log'

# refused WORDS KNOB...: in words, with nothing written
refused() {
    words=$1
    shift
    rm -rf "$runs"
    test_expect_code 2 pretrain "$@" >out 2>message
    grep -e "$words" message || { cat message && exit 1; }
    test ! -e "$runs"
}
test_expect_success 'what cannot be is refused before anything is written' '
    refused "SIZE\|--size.*not a number" SIZE="1M;id"
    refused "did you mean .gpt2" FAMILY=gtp2
    refused "does not take\|--size" VOCAB_SIZE=x
    refused "no file .none" DATA=none
    refused "no file .none" VOCAB=none
    refused "is no name of a folder" NAME=..
    refused "MODEL is .*, but pretrain makes it" MODEL="$TOP/examples/tiny.gguf"
    refused "no knob SIZES, is SIZE meant" SIZES=1
    refused "INIT_FLAGS holds ;" INIT_FLAGS="--layers 2 ; id"
    refused "VOCAB_FLAGS holds" VOCAB_FLAGS="--kind \$x"'

test_done
