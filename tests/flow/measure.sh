#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make eval, compare, lr-find and sweep: tables, pages, what is tried and goes again, names, refusals.
. "${0%/*}/../lib.sh"

test_built tokenize pack train gguf-export perplexity choice merge quantize generate report ||
    test_skip_all "the commands are not built"
model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no examples/tiny.gguf"
bin=${BIN#"$TOP"/}
OMP_NUM_THREADS=1
export OMP_NUM_THREADS
runs="$test_scratch/runs" odd="$test_scratch/a b's"
mkdir "$odd"
head -c 3000 "$TOP/examples/tiny.txt" >"$odd/text"
"$BIN/tokenize" -q -m "$model" "$odd/text" | "$BIN/pack" -q -c 32 -o p.pack
"$BIN/train" -q -m "$model" -d p.pack -o c.ckpt --steps 2 --batch 2 --lora-r 2
"$BIN/gguf-export" -q -m "$model" -o "$odd/adapter \$1.gguf" c.ckpt
head -n 3 "$TOP/examples/choices.jsonl" >"$odd/rows"
make_() { (cd "$TOP" && "$MAKE" "$@" BIN="$bin"); }

test_expect_success 'eval: a row for each file, choices, samples, a page; what was tried is gone' '
    make_ eval RUNS="$runs" NAME=x CTX=32 N_SAMPLE=2 MODEL="$model" ADAPTER="$odd/adapter \$1.gguf" \
        DATA="$odd/text" CHOICES="$odd/rows" >out 2>log
    cut -f 1 "$runs/eval/x/eval.tsv" >names
    printf "%s\n" model base "base + adapter" merged q8_0 | cmp - names
    cut -f 1,2 "$runs/eval/x/choice.tsv" >names
    printf "%s\t%s\n" model rows base 3 "base + adapter" 3 | cmp - names
    grep "==> tuned <==" "$runs/eval/x/samples.txt"
    ls "$runs/eval/x" >files
    printf "%s\n" choice.tsv eval.tsv losses-adapter.tsv losses-base.tsv report.html samples.txt | cmp - files
    grep "base + adapter" out'

test_expect_success 'eval: a model alone' '
    make_ eval RUNS="$runs" NAME=y CTX=32 MODEL="$model" DATA="$odd/text" PROMPTS= >out 2>log
    test "$(wc -l <"$runs/eval/y/eval.tsv")" = 3
    test ! -e "$runs/eval/y/samples.txt"'

test_expect_success 'eval: what is not there is refused before anything is written' '
    for knob in MODEL DATA ADAPTER CHOICES PROMPTS; do
        test_expect_code 2 make_ eval RUNS=none "$knob=no such" >out 2>log
        grep "no file" log
    done
    test ! -e "$TOP/none"
    test_expect_code 2 make_ eval ADAPTERS=x >out 2>log
    grep "is ADAPTER meant" log'

test_expect_success 'compare: runs of a folder, or named; a table, and a page' '
    make_ compare RUNS="$runs/eval" >out 2>log
    cut -f 1,4 "$runs/eval/compare/table.tsv" | sed 1d | cut -f 1 >names
    printf "x\ny\n" | cmp - names
    grep "<table" "$runs/eval/compare/report.html"
    cp -r "$runs/eval/x" "$odd/r"
    test_expect_code 2 make_ compare RUNS="$runs/eval/x $odd" >out 2>log
    grep "is no run: it has neither" log
    test_expect_code 2 make_ compare RUNS="$odd/r" >out 2>log
    grep "is 1 run, and two are needed" log
    two="$runs/eval/x $odd/r"
    sh "$TOP/workflows/compare.sh" "$BIN/" "$two" $two $runs/eval/y >out 2>log
    cut -f 1 runs/compare/table.tsv >names
    printf "%s\n" run x r y | cmp - names
    cp -r "$odd/r" "runs/one two"
    sh "$TOP/workflows/compare.sh" "$BIN/" "r one two" "$odd/r" one two | cut -f 1 >names
    printf "%s\n" run r "one two" | cmp - names'

lr_find() {
    make_ lr-find RUNS="$runs" NAME=f CTX=32 N_SAMPLE=1 MODEL="$model" DATA="$odd/text" "$@"
}
test_expect_success 'lr-find: a table by rates, and the rate where the loss falls most steeply' '
    lr_find LR_STEPS=20 LR_FROM=1e-3 LR_TO=2e-2 >out 2>log
    test "$(wc -l <"$runs/f-lr-find/lr-find.tsv")" = 21
    cut -f 2 "$runs/f-lr-find/lr-find.tsv" >rates
    test "$(sed -n "2p;21p" rates | tr "\n" " ")" = "0.001 0.02 "
    awk -F "\t" "NR > 1 { if (\$5 < least) least = \$5 } END { exit !(least < 0) }" "$runs/f-lr-find/lr-find.tsv"
    grep "falls most steeply at 0.0" "$runs/f-lr-find/lr-find.txt"
    grep "LR=0.0" out
    ! command -v gnuplot >/dev/null || test -s "$runs/f-lr-find/lr-find.png"
    lr_find LR_STEPS=22 LR_FROM=1e-3 LR_TO=2e-2 CHECKPOINT=best EVAL_EVERY=5 \
        TRAIN_FLAGS="--patience 3 --weight-decay 0" >out 2>log
    grep "patience of TRAIN_FLAGS does not count" log
    cut -f 2 "$runs/f-lr-find/lr-find.tsv" >rates
    test "$(sed -n "2p;23p" rates | tr "\n" " ")" = "0.001 0.02 "
    test "$(sort -g rates | cksum)" = "$(cksum <rates)"'

test_expect_success 'lr-find: rates that no run bears, and what is none' '
    lr_find NAME=g LR_STEPS=20 LR_FROM=50 LR_TO=500 >out 2>log
    grep "falls nowhere" out
    for wrong in LR_STEPS=2 LR_STEPS=x LR_FROM=1 LR_TO=-1 "LR_FROM=1;id" LR_TO=; do
        test_expect_code 2 lr_find NAME=h "$wrong" >out 2>log
        grep "^lr-find: .*LR_" log
    done
    test ! -e "$runs/h-lr-find"'

sweep() {
    make_ sweep RUNS="$runs" NAME=s CTX=32 STEPS=1 N_SAMPLE=1 MODEL="$model" DATA="$odd/text" OUTPUTS=adapter "$@"
}
test_expect_success 'sweep: a run for each point, a table; once' '
    sweep SWEEP="LR=1e-3,5e-3 RANK=2" >out 2>log
    cut -f 1 "$runs/s-sweep/table.tsv" >names
    printf "%s\n" run s-LR-1e-3-RANK-2 s-LR-5e-3-RANK-2 | cmp - names
    test -s "$runs/s-sweep/report.html"
    sleep 1
    touch mark
    sweep SWEEP="LR=1e-3,5e-3 RANK=2" >out 2>log
    test -z "$(find "$runs" -newer mark -name "*.ckpt")"
    grep "Nothing to be done: all of $runs/s-LR-5e-3-RANK-2 is there" log'

test_expect_success 'sweep: what is no grid is refused before anything is written' '
    rm -rf "$runs"
    for grid in LR "LR=" "XYZZY=1,2" "NAME=a,b" "LR=1e-3;id" "MODEL=a,b"; do
        test_expect_code 2 sweep SWEEP="$grid" >out 2>log
        grep "^sweep: .*SWEEP" log
    done
    test ! -e "$runs"'

test_done
