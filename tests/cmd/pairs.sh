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

# ---- rows of tokens that were added ----

# sums MODEL TENSOR ID: bytes of the first rows up to ID, and of those behind, each a sum
sums() {
    "$BIN/gguf-show" --tensors "$1" | awk -F "\t" -v t="$2" '$2 == t { print $4, $5, $6 }' |
        sed 's/x[0-9]*//' >place
    read -r rows at bytes <place
    row=$((bytes / rows))
    tail -c +$((at + 1)) "$1" | head -c $((row * $3)) | cksum
    tail -c +$((at + 1 + row * $3)) "$1" | head -c $((row * 2)) | cksum
}

for m in tied untied; do
    [ -f $m.gguf ] || continue
    tables=token_embd.weight
    [ $m = tied ] || tables="token_embd.weight output.weight"

    test_expect_success "$m: new tokens are trained, and no other row" '
        printf "xyzzy\\nplugh\\tcontrol\\n" >list
        "$BIN/gguf-edit" --add-tokens list -o grown.gguf $m.gguf
        sed "s,\\([a-z]\\) the ,\\1xyzzy,g" text.txt >more.txt
        tokenize -m grown.gguf -o grown.tok more.txt
        pack -c 48 -o grown.pack grown.tok
        all="train -m grown.gguf -d grown.pack --batch 2 --lr 5e-3 --sched constant --warmup 0
            --lora-r 2 --lora-targets attn_q --train-rows new"
        $all -o rows.ckpt --steps 12
        gguf_export -m grown.gguf -o rows.gguf rows.ckpt
        n=$("$BIN/gguf-show" --keys grown.gguf | sed -n "s/^key.libtrain.new_tokens.*	\\([0-9]*\\) 2$/\\1/p")
        for t in $tables; do
            sums grown.gguf $t $n >before
            sums rows.gguf $t $n >after
            test "$(sed -n 1p before)" = "$(sed -n 1p after)"
            test "$(sed -n 2p before)" != "$(sed -n 2p after)"
        done
        m=grown
        near $(loss -m grown.gguf) $(loss -m rows.gguf) 0.003 && exit 1
        $all -o half.ckpt --steps 5
        $all -o half.ckpt --steps 12 --resume
        cmp half.ckpt rows.ckpt
        $all -o fused.ckpt --steps 12 --fused-step
        gguf_export -m grown.gguf -o fused.gguf fused.ckpt
        near $(loss -m rows.gguf) $(loss -m fused.gguf) 1e-3'
done

test_expect_success 'rows that cannot be trained' '
    for wrong in "1no token was added:new" "2neither:5" "2neither:a-b" \
        "1has 2048 tokens:5-2048" "2neither:7-6"; do
        text=${wrong%:*}
        test_expect_code ${wrong%${wrong#?}} "$BIN/train" --plan -m tied.gguf -d tied.pack -o none.ckpt \
            --train-rows "${wrong#*:}" 2>stderr
        grep "${text#?}" stderr
    done
    test_expect_code 2 "$BIN/train" -m tied.gguf -d tied.pack -o none.ckpt --full \
        --train-rows 0-3 2>stderr
    test_expect_code 2 "$BIN/train" -m tied.gguf -d tied.pack -o none.ckpt \
        --lora-out none.gguf --train-rows 0-3 2>stderr
    "$BIN/train" -q --plan -m tied.gguf -d tied.pack -o none.ckpt --lora-r 4 >one
    "$BIN/train" -q --plan -m tied.gguf -d tied.pack -o none.ckpt --lora-r 4 \
        --train-rows 0-9 >two
    a=$(sed -n "s/^params.\\([0-9]*\\).*/\\1/p" one)
    b=$(sed -n "s/^params.\\([0-9]*\\).*/\\1/p" two)
    test $b -ge $((a + 10 * 192 * 4))'

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
