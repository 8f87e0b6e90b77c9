#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every command on a stack of 64 KiB, its threads' stacks being as small by `ulimit -s`.
. "${0%/*}/../lib.sh"

test_built tokenize pack train gguf-export merge quantize perplexity generate gguf-show gguf-diff ||
    test_skip_all "the commands are not built"
[ -z "$SANITIZE" ] || test_skip_all "instrumented frames are larger"
(ulimit -S -s 64) 2>/dev/null || test_skip_all "ulimit -s cannot be set"
model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no examples/tiny.gguf"
yes 'Once upon a time there was a house in the wood.' | head -n 3000 >house.txt

# small COMMAND ARG...
small() {
    (
        ulimit -S -s 64
        c=$1
        shift
        exec "$BIN/$c" -q --threads 2 "$@"
    )
}

test_expect_success 'text to pack and back' '
    small tokenize -m "$model" -o t.tok house.txt
    small detokenize -m "$model" t.tok >back
    cmp back house.txt
    small pack -c 64 -o t.pack t.tok'

test_expect_success 'training: an adapter, everything, and in BF16' '
    for o in "--lora-r 2" "--full --weights bf16"; do
        rm -rf o.ckpt*
        small train -m "$model" -d t.pack -o o.ckpt --steps 2 --batch 2 $o
    done
    case $(test_dnnl) in
    [0-9]*) small train -m "$model" -d t.pack -o b.ckpt --steps 2 --batch 2 --precision bf16 ;;
    esac
    small train -m "$model" -d t.pack -o a.ckpt --steps 2 --batch 2
    small gguf-export -m "$model" -o a.gguf a.ckpt
    small merge -m "$model" -a a.gguf -o m.gguf'

test_expect_success 'types, measures, texts' '
    for t in q8_0 q4_k q6_k bf16; do
        small quantize -t $t -o $t.gguf m.gguf
    done
    small gguf-show q4_k.gguf --data 2000 >out
    small gguf-diff q4_k.gguf q4_k.gguf >out
    small perplexity -m q8_0.gguf -d t.pack >out
    small perplexity -m q8_0.gguf -f house.txt >out
    small generate -m q4_k.gguf -p "Once upon" -n 8 >out'

test_done
