#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Command lines of llama.cpp's finetune of 2023: every option once at least, the three usual
# settings, files under the names that it gave them.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no model: examples/tiny.gguf"
test_built finetune tokenize pack train gguf-export gguf-show || test_skip_all "the commands are not built"
head -c 500 "$TOP/examples/tiny.txt" >shakespeare.txt
mkdir tmp
TMPDIR=$PWD/tmp
export TMPDIR
old() { "$BIN/finetune" --model-base "$model" -t 1 "$@" 2>stderr; }
small="-c 16 -b 2 --seed 1"
# the arguments that a checkpoint holds
arguments() { "$BIN/gguf-show" --keys "$1" | grep checkpoint.arguments; }

test_expect_success 'defaults: names, numbers, a seed that is drawn; it says so once' '
    old -c 16 -b 2 --adam-iter 2
    [ "$(grep -c "options of llama.cpp.s old finetune" stderr)" -eq 1 ]
    grep "no checkpoint .checkpoint.gguf.: starting afresh" stderr
    grep "seed [1-9]" stderr
    for f in checkpoint-2.gguf checkpoint-LATEST.gguf ggml-lora-2-f32.gguf ggml-lora-LATEST-f32.gguf; do
        test -f $f
    done
    cmp checkpoint-2.gguf checkpoint-LATEST.gguf
    arguments checkpoint-2.gguf >a
    for what in rank=4 alpha=4 grad_acc=1 lr=0.001 warmup=100 sched=cosine_floor opt=adamw \
        beta1=0.9 beta2=0.999 weight_decay=0.1 clip=1 min_lr_ratio=0.1 precision=f32; do
        grep -F "$what" a
    done
    [ -z "$(ls -A tmp)" ]'

test_expect_success 'setting 1: the baseline of the tables' '
    old --train-data shakespeare.txt --lora-out lora.gguf --save-every 0 --ctx 16 --rope-freq-base 10000 \
        --rope-freq-scale 1.0 --batch 1 --grad-acc 1 --adam-iter 3 --adam-alpha 0.001 --lora-r 4 \
        --lora-alpha 4 --use-checkpointing --use-flash --sample-start "\n" --escape \
        --include-sample-start --seed 1
    test -f lora.gguf
    test -f checkpoint-3.gguf
    [ ! -e checkpoint-1.gguf ]
    grep "4 of 4 blocks are computed twice" stderr
    cp lora.gguf again.gguf
    "$BIN/gguf-show" --keys lora.gguf | grep "adapter.lora.alpha.*4"'

test_expect_success 'setting 2: samples apart; setting 3: rank, alpha and rate' '
    printf "<s>one two three<s>four five six seven<s>eight nine ten" >s.txt
    old --train-data s.txt --sample-start "<s>" -c 16 --adam-iter 1 --seed 2
    grep "3 documents, 12 tokens, 3 sequences" stderr
    old --ctx 32 --batch 1 --grad-acc 1 --lora-alpha 16 --lora-r 16 --adam-iter 2 --adam-alpha 0.000065 --seed 3
    arguments checkpoint-2.gguf | grep -F rank=16
    arguments checkpoint-2.gguf | grep -F lr=6.4999999999999994e-05'

test_expect_success 'a run goes on from its checkpoint as if it had not ended' '
    old $small --adam-iter 4 --pattern-fn-it STEP --fn-latest NEW --checkpoint-out a-STEP.gguf \
        --lora-out l-STEP.gguf --save-every 3
    test -f a-3.gguf
    cmp a-4.gguf a-NEW.gguf
    old $small --adam-iter 2 --checkpoint-out b-ITERATION.gguf
    old -c 16 -b 2 --adam-iter 2 --checkpoint-in b-LATEST.gguf --checkpoint-out b-ITERATION.gguf
    grep "seed 1, as in the checkpoint" stderr
    grep "going on from .b-LATEST.gguf., step 2" stderr
    "$BIN/gguf-show" --tensors a-4.gguf >a
    "$BIN/gguf-show" --tensors b-4.gguf >b
    cmp a-4.gguf b-4.gguf
    old $small --adam-iter 2 --checkpoint-in b-2.gguf --checkpoint-out c-ITERATION.gguf --force-reshuffle
    if cmp -s a-4.gguf c-4.gguf; then exit 1; fi
    old --only-write-lora --checkpoint-in a-3.gguf --lora-out w-ITERATION.gguf
    cmp w-3.gguf l-3.gguf
    cmp w-3.gguf w-LATEST.gguf
    test_expect_code 1 "$BIN/finetune" --model-base "$model" --only-write-lora --checkpoint-in none'

test_expect_success 'samples: overlapping, filled with the next, separated, at random offsets' '
    printf "a b c d.e f g h.i j k l.m n o p.q r s t" >s.txt
    more="--train-data s.txt --sample-start . $small --adam-iter 1"
    old $more
    grep "4 documents.*4 sequences" stderr
    old $more --overlapping-samples
    cut -d "(" -f 2 stderr | grep "counted" >far
    old $more --fill-with-next-samples --separate-with-eos --separate-with-bos
    cp stderr filled
    grep "2 sequences" filled
    old $more --fill-with-next-samples --no-separate-with-eos --no-separate-with-bos
    grep " 1 sequences" stderr
    old $more --sample-random-offsets
    grep "4 documents" stderr
    if grep "12 positions" stderr; then exit 1; fi'

test_expect_success 'learning: schedule, restarts, decay, moments, clipping, passes, accumulation' '
    old $small --adam-iter 9 --epochs 1 --train-data shakespeare.txt --grad-acc 2 --warmup 2 --cos-decay-steps 3 \
        --cos-decay-restart 2 --cos-decay-min 0.6 --enable-restart --adam-alpha 0.01 --adam-min-alpha 0.001 \
        --adam-decay 0.2 --adam-decay-min-ndim 2 --adam-beta1 0.8 --adam-beta2 0.99 --adam-gclip 0.5 \
        --use-adam --no-checkpointing --no-flash
    grep "no-flash changes nothing" stderr
    sed -n "s/.* lr \([^ ]*\) .*/\1/p" stderr >rates
    printf "%s\n" 5.50e-03 1.00e-02 1.00e-02 9.10e-03 7.30e-03 1.00e-02 >want
    head -n 6 rates | cmp want -
    arguments checkpoint-9.gguf >a
    for what in beta1=0.8 beta2=0.98999 clip=0.5 weight_decay=0.2 restarts=1 cycle_steps=3; do
        grep -F "$what" a
    done
    old $small --adam-iter 5 --disable-restart --cos-decay-steps 2 --warmup 0 --adam-decay-min-ndim 3
    sed -n "s/.* lr \([^ ]*\) .*/\1/p" stderr >rates
    printf "%s\n" 1.00e-03 5.50e-04 1.00e-04 1.00e-04 1.00e-04 | cmp - rates
    arguments checkpoint-5.gguf | grep -F "weight_decay=0\\n"
    printf "one two three four five six" >s.txt
    old -c 16 --train-data s.txt --epochs 2 --checkpoint-out e-ITERATION.gguf
    windows=$(sed -n "s/.* \([0-9]*\) sequences.*/\1/p" stderr)
    [ "$windows" -gt 4 ]
    test -f e-$(((2 * windows + 7) / 8)).gguf'

test_expect_success 'L-BFGS and stop rules' '
    old $small --adam-iter 2 --use-lbfgs --lbfgs-iter 2
    arguments checkpoint-2.gguf | grep -F "opt=lbfgs"
    arguments checkpoint-2.gguf | grep -F "lbfgs_iter=2"
    old $small --adam-iter 20 --opt-past 2 --opt-delta 10
    grep "step 3 of 20 is the last" stderr
    old $small --adam-iter 20 --adam-epsf 10
    grep "step 2 of 20 is the last" stderr
    old $small --adam-iter 60 --adam-alpha 0 --opt-max-no-improvement 3
    grep "of 60 is the last: the loss was not better" stderr
    old $small --adam-iter 3 --opt-past 0 --opt-max-no-improvement -1 --adam-epsf -1
    test -f checkpoint-3.gguf'

test_expect_success 'the model otherwise: epsilon and rope' '
    old $small --adam-iter 1 --norm-rms-eps 1e-3 --rope-freq-base 20000 --rope-freq-scale 0.5
    arguments checkpoint-1.gguf >a
    grep -F "norm_eps=0.001" a
    grep -F "rope_freq_base=20000" a
    grep -F "rope_freq_scale=0.5" a
    sed -n "s/.*step 1.1  loss \([0-9.]*\).*/\1/p" stderr >one
    old $small --adam-iter 1
    sed -n "s/.*step 1.1  loss \([0-9.]*\).*/\1/p" stderr >two
    if cmp one two; then exit 1; fi'

test_expect_success 'ranks by the kind of a tensor' '
    old $small --adam-iter 1 --rank-tok-embd 2 --rank-wq 1 --rank-wk 2 --rank-wv 3 --rank-wo 5 --rank-w1 6 \
        --rank-w2 7 --rank-w3 8 --lora-out r.gguf
    "$BIN/gguf-show" --tensors r.gguf >shapes
    for x in token_embd=2 attn_q=1 attn_k=2 attn_v=3 attn_output=5 ffn_gate=6 ffn_down=7 ffn_up=8; do
        grep "${x%=*}.weight.lora_a" shapes | grep -c "[^0-9]${x#*=}[^0-9]"
        ! grep "${x%=*}.weight.lora_a" shapes | grep -v "[^0-9]${x#*=}[^0-9]"
    done'

test_expect_success 'what cannot be is refused' '
    for kind in att ffn out; do
        test_expect_code 2 "$BIN/finetune" --model-base "$model" --rank-$kind-norm 1 2>err
        grep "a norm is a vector.*train --full" err
    done
    test_expect_code 2 "$BIN/finetune" --train-data shakespeare.txt 2>err
    grep "model-base" err
    test_expect_code 2 "$BIN/finetune" --model-base "$model" --adam-min-alpha 1 2>err
    test_expect_code 1 old --train-data none $small
    test_expect_code 1 old --rank-out 2 $small
    grep "rank-tok-embd" stderr
    test_expect_code 1 old $small --checkpoint-in shakespeare.txt
    [ -z "$(ls -A tmp)" ]'

test_expect_success 'the page has every option' '
    "$BIN/finetune" --model-base x --help | sed -n "s/^  \(-.,\|   \) --\([a-z0-9-]*\).*/\2/p" >options
    [ "$(wc -l <options)" -gt 60 ]
    sed "s/\\\\-/-/g" "$TOP/cmds/finetune.1" >page
    while read -r option; do
        case $option in quiet | help | version) continue ;; esac
        grep -q -- "--$option\( \|\$\)" page || { echo "$option"; exit 1; }
    done <options'

test_expect_success 'the front of the trainer of GPT-2' '
    "$BIN/finetune" -n --model "$model" --data shakespeare.txt --epochs 1 --lr 5e-5 --opt adamw --batch 16 \
        --precision f16 --sched cosine >stdout
    for what in "--lr 5e-5" "--batch 16" "--precision f16" "--sched cosine" "--opt adamw" "--epochs 1"; do
        grep -e "$what" stdout
    done'

test_done
