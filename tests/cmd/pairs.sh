#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Adapters on the token table and the output, from training to merging, of a model with one
# table for both and, where the reference material is there, of one with two.
. "${0%/*}/../lib.sh"

[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"
test_built tokenize pack train gguf-export merge perplexity generate ||
    test_skip_all "the commands are not built"
cp "$TOP/examples/tiny.gguf" tied.gguf
[ -n "$SHARED" ] && [ -f "$SHARED/reference/llama/model.gguf" ] &&
    cp "$SHARED/reference/llama/model.gguf" untied.gguf
head -c 6000 "$TOP/examples/tiny.txt" >text.txt
for c in tokenize pack gguf-export merge perplexity generate train; do
    eval "$(echo $c | tr - _)() { \"\$BIN/$c\" -q --threads 1 \"\$@\"; }"
done
# run NAME STEPS OPTION...: train, and export NAME.adapter.gguf
run() {
    name=$1 steps=$2
    shift 2
    train -m $m.gguf -d $m.pack -o "$name.ckpt" --steps "$steps" --batch 2 --lr 5e-3 \
        --sched constant --warmup 0 --lora-r 4 --lora-targets "$targets" "$@" 2>>stderr
    gguf_export -m $m.gguf -o "$name.adapter.gguf" "$name.ckpt"
}
loss() { perplexity -d $m.pack "$@" | sed -n '$p' | cut -f 2; }
# near A B LIMIT
near() { awk "BEGIN { d = $1 - $2; exit !(d < $3 && d > -$3) }"; }

for m in tied untied; do
    if [ ! -f $m.gguf ]; then
        test_skip "$m" 'no reference material'
        continue
    fi
    targets=attn_q,token_embd
    [ $m = tied ] || targets=attn_q,token_embd,output

    test_expect_success "$m: all ways to train give one adapter" '
        tokenize -m $m.gguf -o $m.tok text.txt
        pack -c 48 -o $m.pack $m.tok
        run $m.whole 4
        run $m.again 4 --recompute
        cmp $m.whole.adapter.gguf $m.again.adapter.gguf
        run $m.fused 4 --fused-step
        near $(loss -m $m.gguf -a $m.whole.adapter.gguf) \
            $(loss -m $m.gguf -a $m.fused.adapter.gguf) 1e-4
        run $m.rest 2
        run $m.rest 4 --resume
        cmp $m.whole.adapter.gguf $m.rest.adapter.gguf'

    test_expect_success "$m: it helps, and merged it is the same" '
        a=$m.whole.adapter.gguf
        plain=$(loss -m $m.gguf)
        adapted=$(loss -m $m.gguf -a $a)
        near $plain $adapted 0.05 && exit 1
        merge -t f32 -m $m.gguf -a $a -o $m.merged.gguf
        near $adapted $(loss -m $m.merged.gguf) 1e-4
        generate -m $m.gguf -a $a -n 12 --temp 0 -p "The" >one
        generate -m $m.merged.gguf -n 12 --temp 0 -p "The" >two
        cmp one two'
done

test_expect_success 'what llama.cpp cannot run is told' '
    m=tied targets=token_embd
    "$BIN/train" --plan -m tied.gguf -d tied.pack -o none.ckpt --lora-targets token_embd \
        >out 2>&1
    grep "llama.cpp cannot run an adapter" out
    "$BIN/train" --plan -m tied.gguf -d tied.pack -o none.ckpt --lora-targets attn_q \
        >out 2>&1
    grep "llama.cpp cannot" out && exit 1
    test_expect_code 1 "$BIN/train" --plan -m tied.gguf -d tied.pack -o none.ckpt \
        --lora-targets output 2>stderr
    grep "no output of its own" stderr'

test_done
