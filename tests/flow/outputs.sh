#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What a run writes and says: of a user's own model the adapter alone, or what OUTPUTS names;
# the loss of the base before the training; steps that are counted; the end; nothing with Q=1.
. "${0%/*}/../lib.sh"

test_built tokenize pack train gguf-export merge quantize perplexity generate modelfile report ||
    test_skip_all "not all commands of the pipe are built"
[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"

runs=$test_scratch/runs
run=$runs/run
bin=${BIN#"$TOP"/}
head -c 3000 "$TOP/examples/tiny.txt" >text
cp "$TOP/examples/tiny.gguf" model
OMP_NUM_THREADS=1
export OMP_NUM_THREADS

finetune() {
    (cd "$TOP" && "$MAKE" finetune BIN="$bin" RUNS="$runs" NAME=run CTX=32 STEPS=2 N_SAMPLE=1 \
        MODEL="$test_scratch/model" DATA="$test_scratch/text" "$@")
}

test_expect_success 'of a model of the user the adapter alone is made, measured and sampled' '
    finetune >out 2>err
    ls $run >files
    grep -x -e adapter.gguf -e Modelfile -e model.ckpt -e eval.tsv files >some
    test $(grep -c . some) = 4
    if grep -x -e "merged.gguf" -e "q8_0.gguf" files; then exit 1; fi
    cut -f 1 $run/eval.tsv >names
    printf "%s\n" model base "base + adapter" | cmp - names
    grep "^ADAPTER ./adapter.gguf" $run/Modelfile
    test -s $run/samples.txt
    test -z "$(find $run -size +$(($(wc -c <model) * 12 / 10240))k)"'

test_expect_success 'prompts are what was held out begins with, of it as it is and tuned' '
    "$BIN/generate" -m model --prompts-from $run/val.pack -n 1 --temp 0 -q >held
    head -c 10 held >begins
    test $(grep -c -F -e "$(sed 1q begins)" $run/samples.txt) -ge 2
    finetune -n PROMPTS="$TOP/examples/prompts.txt" V=1 >log
    grep -e "generate --prompts .*prompts.txt" log'

test_expect_success 'the plan alone writes nothing' '
    (cd "$TOP" && "$MAKE" plan BIN="$bin" RUNS="$runs" NAME=plan CTX=32 MODEL="$test_scratch/model" \
        DATA="$test_scratch/text") >log 2>told
    grep "^finetune: .*/runs/plan gets model.ckpt\|^plan: .*/runs/plan gets model.ckpt" told
    grep "^plan: $runs/plan lacks data.tok data.pack .*model.ckpt" log
    test ! -e $runs/plan'

test_expect_success 'steps are counted, and the base is measured before the training' '
    n=$(grep -c "^\[[0-9]*/[0-9]*\] " out)
    grep "^\[$n/$n\] " out
    grep -n "^\[.*\] loss of the model as it is$" out | cut -d : -f 1 >base
    grep -n "^\[.*\] train$" out | cut -d : -f 1 >train
    test $(cat base) -lt $(cat train)
    if grep "bin/train" out; then exit 1; fi'

test_expect_success 'what is trained, and the sizes of what is written, are said before' '
    grep "^finetune: an adapter of .*/model is trained: 108544 parameters$" err
    grep "^finetune: about [1-9][0-9] MB of memory, sequences of 32 tokens$" err
    grep "^finetune: $run gets model.ckpt 1.[23] MiB, adapter.gguf 42[0-9] KiB$" err'

test_expect_success 'the end says what came of it, and what to do next' '
    tail -n 15 out >end
    grep "^held out\|held-out" end
    grep -F "$run" end
    grep "ollama create" end
    grep "^  make finetune MODEL=$test_scratch/model DATA=$test_scratch/text .*STEPS=4" end
    test $(grep -c . $run/losses-base.tsv) = $(grep -c . $run/losses-adapter.tsv)'

test_expect_success 'a second time: nothing is done, and the end is said again' '
    finetune >again 2>&1
    sed 1d again >rest
    grep "^Nothing to be done" again
    grep "ollama create" rest
    if grep "^\[" again; then exit 1; fi'

test_expect_success 'losses of the sequences, removed, are measured again, and nothing else is made' '
    cp $run/losses-base.tsv was
    rm $run/losses-base.tsv
    finetune >out
    cmp was $run/losses-base.tsv
    rm $run/losses-adapter.tsv
    finetune >out
    test -s $run/losses-adapter.tsv
    if grep "\] train$" out; then exit 1; fi
    finetune >out
    grep "^Nothing to be done" out'

test_expect_success 'OUTPUTS asks for more: types of quantize, without a merged model that nobody wants' '
    finetune OUTPUTS="adapter q4_0 q5_1" >out 2>&1
    if grep "\] train$" out; then exit 1; fi
    for type in q4_0 q5_1; do
        "$BIN/gguf-show" $run/$type.gguf >shown
    done
    if ls $run | grep -e merged -e whole; then exit 1; fi
    cut -f 1 $run/eval.tsv >names
    printf "%s\n" model base "base + adapter" q4_0 q5_1 | cmp - names
    finetune OUTPUTS="merged q4_0" >out 2>&1
    test -s $run/merged.gguf
    grep "^FROM ./merged.gguf" $run/Modelfile'

test_expect_success 'types that are none are refused before anything' '
    test_expect_code 2 finetune NAME=none OUTPUTS=q9_9 >out 2>err
    grep -i "q9_9" err
    test_expect_code 2 finetune NAME=none OUTPUTS="a/b" >out 2>err
    grep "OUTPUTS is .a/b." err
    test ! -e $runs/none'

test_expect_success 'Q=1: nothing is said' '
    finetune Q=1 NAME=quiet >out 2>&1
    test -s $runs/quiet/eval.tsv
    finetune Q=1 NAME=quiet >>out 2>&1
    test ! -s out
    (cd "$TOP" && "$MAKE" data Q=1 BIN="$bin" RUNS="$runs" NAME=data >"$test_scratch/out" 2>&1)
    test ! -s out'
test_done
