#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What was trained stays: whatever knob changes, a checkpoint, its metrics and what was made
# of it are kept, in the folder of the run or under earlier/N of it.
. "${0%/*}/../lib.sh"

test_built tokenize pack train gguf-export generate perplexity || test_skip_all "not built"
[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"

runs=$test_scratch/runs
run=$runs/run
bin=${BIN#"$TOP"/}
head -c 3000 "$TOP/examples/tiny.txt" >text
head -c 2000 "$TOP/examples/tiny.txt" >other-text
cp "$TOP/examples/tiny.gguf" model
cp model other-model
printf "\001" | dd of=other-model bs=1 seek=$(($(wc -c <model) - 100)) conv=notrunc 2>/dev/null
echo "The" >prompts

OMP_NUM_THREADS=1
export OMP_NUM_THREADS
# flow KNOB=VALUE...: up to the adapter.
flow() {
    (cd "$TOP" && "$MAKE" V=1 BIN="$bin" RUNS="$runs" NAME=run CTX=32 STEPS=2 N_SAMPLE=1 \
        MODEL="$test_scratch/model" DATA="$test_scratch/text" ${goal-$run/records/contents $run/adapter.gguf} "$@")
}
# held FILE: it is still somewhere in the folder of runs, with the same content.
held() {
    find "$runs" -name "${1##*/}" -type f -exec cmp -s "$1" {} \; -print | grep -q .
}
# A value that the knob does not have above.
another() {
    case $1 in
    MODEL) echo "$test_scratch/other-model" ;;
    DATA) echo "$test_scratch/other-text" ;;
    TEST) echo "$test_scratch/other-text" ;;
    PROMPTS) echo "$test_scratch/prompts" ;;
    RUNS) echo "$test_scratch/other-runs" ;;
    NAME) echo other ;;
    CHAT_TEMPLATE) echo chatml ;;
    TOKENIZE_FLAGS) echo --eos ;;
    PACK_FLAGS) echo --over-long drop ;;
    TRAIN_ON) echo all ;;
    OBJECTIVE) echo sft ;;
    TRAIN_FLAGS) echo --opt sgd ;;
    IMPORT_FLAGS) echo -t f16 ;;
    SITE | QUANT | MODEL_LIB | WEBLLM | MLC_FLAGS | URL) echo x ;;
    GENERATE_FLAGS) echo --temp 0 ;;
    METHOD) echo full ;;
    TARGETS) echo attn_q ;;
    SCHED) echo linear ;;
    OPT) echo lion ;;
    PRECISION) echo f16 ;;
    RESTART) echo yes ;;
    CHECKPOINT) echo best ;;
    OUTPUTS) echo merged q8_0 ;;
    CTX) echo 64 ;;
    VAL_SPLIT) echo 0.3 ;;
    LR | LR_FROM | LR_TO) echo 1e-4 ;;
    STEPS) echo 1 ;;
    RANK | ALPHA | BATCH | GRAD_ACC | EPOCHS | WARMUP | SEED | EVAL_EVERY | N_SAMPLE | LR_STEPS) echo 3 ;;
    TEACHER | DISTILL_FLAGS) echo x ;;
    SIZE | FAMILY | VOCAB_SIZE | VOCAB | VOCAB_FLAGS | INIT_FLAGS) echo x ;;
    ADAPTER | CHOICES | SWEEP | PERSONALIZE_FLAGS) echo x ;;
    DATASET | TRAIN_DATA | DATASET_FLAGS) echo x ;;
    ENGINE | GAMES | ROUNDS | LESSON | ROUND_GAMES | ROUND_LR | POSITIONS | MATCHES | TRIES_FLAGS) echo x ;;
    esac
}
knobs=$(sed -n 's/^#? \([A-Z_]*\) .*/\1/p' "$TOP"/workflows/*.mk)

test_expect_success 'of a finished training with a save of its own, whatever knob changes' '
    flow >log 2>&1
    cp -R runs finished
    mkdir finished/run/model.ckpt.d
    (cat finished/run/model.ckpt && echo) >finished/run/model.ckpt.d/1.gguf
    for knob in $knobs; do
        test -n "$(another $knob)" || { echo "no value for $knob" && exit 1; }
        rm -rf runs && cp -Rp finished runs
        case $knob in EPOCHS) length=STEPS= ;; *) length= ;; esac
        goal=$run/model.ckpt flow $length "$knob=$(another $knob)" >log 2>&1 || true
        for f in model.ckpt metrics.tsv adapter.gguf model.ckpt.d/1.gguf; do
            held finished/run/$f ||
                { echo "lost by $knob: $f" && cat log && exit 1; }
        done
    done
    rm -r finished/run/model.ckpt.d'

test_expect_success 'it is said what changed, and where the earlier is, which comes back' '
    rm -rf runs && cp -Rp finished runs
    flow LR=1e-4 RANK=4 >log 2>stderr
    grep "^finetune: RANK 8 → 4, LR default → 1e-4: the training starts from the beginning$" stderr
    grep "^finetune: what was there is kept in $run/earlier/1 ([0-9]* KiB)$" stderr
    cmp finished/run/model.ckpt runs/run/earlier/1/model.ckpt
    flow >log 2>stderr
    grep "these settings were trained before: back from $run/earlier/1; .* is in $run/earlier/2$" stderr
    if grep "train " log; then exit 1; fi
    cmp finished/run/model.ckpt runs/run/model.ckpt
    test -s runs/run/earlier/2/adapter.gguf
    test ! -e runs/run/earlier/1'

test_expect_success 'the best on the way becomes the model, also of a longer run' '
    rm -rf runs
    head -c 1500 text >few
    best() { goal=$run/eval.tsv flow DATA="$test_scratch/few" LR=0.02 SCHED=constant EVAL_EVERY=2 \
        OUTPUTS=adapter "$@" >log 2>&1; }
    best STEPS=6
    test -f runs/run/model.ckpt.d/best.gguf
    cp runs/run/adapter.gguf last
    awk -F "\t" "NR == 3 { print \$1 }" runs/run/eval.tsv | grep -x "base + adapter"
    best STEPS=6 CHECKPOINT=best
    if grep "train -m" log; then exit 1; fi
    awk -F "\t" "NR == 3 { print \$1 }" runs/run/eval.tsv | grep -x "base + adapter (best)"
    "$BIN/gguf-export" -q -m model -o want runs/run/model.ckpt.d/best.gguf
    "$BIN/gguf-diff" --tensors want runs/run/adapter.gguf
    if cmp last runs/run/adapter.gguf; then exit 1; fi
    best STEPS=8 CHECKPOINT=best
    "$BIN/gguf-diff" --tensors want runs/run/adapter.gguf
    test_expect_code 2 best CHECKPOINT=bets
    grep "not last or best" log
    test_expect_code 2 best CHECKPOINT=best EVAL_EVERY=
    grep "nothing is measured on the way" log'

test_expect_success 'a longer run goes on from the shorter, which stays; a shorter does not' '
    rm -rf runs && cp -Rp finished runs
    flow STEPS=4 >log 2>stderr
    grep "^finetune: STEPS 2 → 4: the training goes on from where it ended$" stderr
    grep -e "train .* --resume" log
    test $(grep -c . runs/run/metrics.tsv) = 5
    cut -f 1-5 finished/run/metrics.tsv | sed -n 2p >a
    cut -f 1-5 runs/run/metrics.tsv | sed -n 2p | cmp - a
    cmp finished/run/model.ckpt runs/run/earlier/1/model.ckpt
    cmp finished/run/metrics.tsv runs/run/earlier/1/metrics.tsv
    flow STEPS=3 >log 2>stderr
    grep "STEPS 4 → 3: the training starts from the beginning" stderr
    test $(grep -c . runs/run/earlier/2/metrics.tsv) = 5'

test_expect_success 'a stopped training starts over where that is said, and its saves stay' '
    rm -rf runs && cp -Rp finished runs
    mkdir runs/run/model.ckpt.d
    mv runs/run/model.ckpt runs/run/model.ckpt.d/2.gguf
    flow -n >log
    grep -e "train .* --resume" log
    flow RESTART=yes >log 2>stderr
    grep "^finetune: RESTART=yes: the training starts from the beginning$" stderr
    cmp finished/run/model.ckpt runs/run/earlier/1/model.ckpt.d/2.gguf
    cmp finished/run/model.ckpt runs/run/model.ckpt'

test_expect_success 'what changes nothing that is learned trains nothing again' '
    rm -rf runs && cp -Rp finished runs
    flow TRAIN_FLAGS="--save-every 1 --threads 1" >log 2>&1
    if grep -e "train " log; then exit 1; fi
    goal=finetune flow -n TRAIN_FLAGS="--save-every 1 --threads 1" >log 2>&1
    if grep -e "train " log; then exit 1; fi
    test ! -e runs/run/earlier'

test_expect_success 'make -n and make data leave all as it is' '
    flow -n LR=1e-4 >log
    goal=data flow LR=1e-4 >log
    test ! -e runs/run/earlier
    cmp finished/run/model.ckpt runs/run/model.ckpt'
test_expect_success 'models of the user in the folder of a run stay there, wherever CDPATH points' '
    rm -rf "$runs"
    flow >log 2>&1
    cp model "$run/mine.gguf"
    mkdir -p elsewhere/runs/run
    CDPATH=$test_scratch/elsewhere LR=1e-4 flow LR=1e-4 >log 2>&1 || { cat log && exit 1; }
    test -f "$run/mine.gguf"
    test -f "$run/earlier/1/adapter.gguf"
    test -z "$(ls -A elsewhere/runs/run)"'

test_done
