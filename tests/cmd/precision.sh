#!/bin/sh
# SPDX-License-Identifier: MIT
#
# train --precision: close to f32, the same bytes again, an error that says why where
# oneDNN is missing, and what auto chooses.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no model: examples/tiny.gguf"
test_built tokenize pack train perplexity || test_skip_all "the commands are not built"
head -c 20000 "$TOP/examples/tiny.txt" >text
"$BIN/tokenize" -q -m "$model" text | "$BIN/pack" -q -c 128 -o t.pack
train() { "$BIN/train" -q --threads 2 -m "$model" -d t.pack --batch 4 "$@"; }
steps=12
[ -z "$SANITIZE" ] || steps=4 # slow
run="--steps $steps --lr 2e-3"

# last FILE: the loss of the last step.
last() { tail -n 1 "$1" | cut -f 2; }
# close A B: within two per cent.
close() { awk "BEGIN { d = $1 - $2; exit !(d * d < 4e-4 * $2 * $2) }"; }

dnnl=$(test_dnnl)
case $dnnl in
[0-9]*) precisions="f16 bf16 q8" ;;
*)
    precisions=f16
    test_expect_success 'without oneDNN bf16 and q8 say so' '
        for p in bf16 q8; do
            test_expect_code 1 train $run --precision $p -o no.ckpt 2>stderr
            grep "precision $p: [a-z].*oneDNN" stderr
            test ! -e no.ckpt
            test ! -e no.ckpt.d
        done'
    ;;
esac
case $precisions in
*bf16*)
    test_expect_success 'a processor that oneDNN has no such products for' '
        for p in bf16 q8; do
            test_expect_code 1 env ONEDNN_MAX_CPU_ISA=AVX2 DNNL_MAX_CPU_ISA=AVX2 "$BIN/train" \
                -q -m "$model" -d t.pack $run --precision $p -o no.ckpt 2>stderr
            grep "precision $p: oneDNN.*processor" stderr
            test ! -e no.ckpt
        done'
    ;;
esac
why="oneDNN: $dnnl"
# LeakSanitizer falls over the threads of code that oneDNN makes.
[ -z "$SANITIZE" ] || { precisions=f16 && why="a sanitizer does not bear oneDNN"; }

train $run -o lora.ckpt --log f32.tsv
train $run --full -o full.ckpt --log f32-full.tsv
for p in f16 bf16 q8; do
    case " $precisions " in *" $p "*) ;; *) test_skip "$p learns as f32 does" "$why" && continue ;; esac
    test_expect_success "perplexity in $p is nearly that in f32" '
        loss() { "$BIN/perplexity" -m "$model" -d t.pack "$@" | sed -n 2p | cut -f 2; }
        loss >f32 && loss --precision $p >other
        awk "BEGIN { d = $(cat f32) - $(cat other); exit !(d * d < 1e-5) }"
        if [ $p = f16 ]; then cmp f32 other; else ! cmp f32 other; fi'
    for full in '' --full; do
        test_expect_success "$p $full learns as f32 does, and the same bits again" '
            train $run $full --precision $p -o a.ckpt --log a.tsv
            train $run $full --precision $p -o b.ckpt
            cmp a.ckpt b.ckpt
            close "$(last a.tsv)" "$(last f32${full#-}.tsv)"
            test "$(last a.tsv)" != "$(sed -n 2p a.tsv | cut -f 2)"'
    done
done

# tasks N PRECISION: threads of a process that trains with --threads N.
tasks() {
    : >d.tsv
    "$BIN/train" -q -m "$model" -d t.pack --batch 4 --threads "$1" --precision "$2" \
        --steps 1000000 -o d.ckpt --log d.tsv &
    pid=$!
    while kill -0 $pid && [ "$(wc -l <d.tsv)" -lt 4 ]; do sleep 0.1; done
    ls /proc/$pid/task | wc -l
    kill $pid
    wait $pid || :
    rm -rf d.tsv d.ckpt*
}
case $("$BIN/train" --version) in
*USE_OPENMP*"threads: "[2-9]* | *USE_OPENMP*"threads: "1[0-9]*)
    for p in f32 $precisions; do
        test_expect_success "--threads is all threads that there are: $p" '
            test "$(tasks 1 $p)" = 1
            test "$(tasks 2 $p)" = 2'
    done
    ;;
*) test_skip "--threads is all threads that there are" "one processor, or no OpenMP" ;;
esac

test_expect_success 'a run goes on with the precision that it began with' '
    train $run --save-every 3 -o c.ckpt
    rm c.ckpt
    test_expect_code 1 train $run --precision f16 --resume -o c.ckpt 2>stderr
    grep "precision" stderr'

# What auto is here, by what the system says of the processor.
chosen=f32
case $dnnl in
[0-9]*) ! grep -qw avx512_bf16 /proc/cpuinfo 2>/dev/null || chosen=bf16 ;;
esac
auto() { "$BIN/train" --threads 2 -m "$model" -d t.pack --batch 4 "$@" --precision auto 2>stderr; }
if [ $chosen = f32 ] || [ -z "$SANITIZE" ]; then
    test_expect_success "auto is $chosen here, which is said and stored" '
        auto $run -o auto.ckpt
        grep "^train: precision $chosen: [a-z]" stderr
        train $run --precision $chosen -o plain.ckpt
        cmp plain.ckpt auto.ckpt
        "$BIN/perplexity" -m "$model" -d t.pack --precision auto >auto.tsv 2>stderr
        grep "^perplexity: precision $chosen: " stderr
        "$BIN/perplexity" -q -m "$model" -d t.pack --precision $chosen | cmp - auto.tsv
        "$BIN/generate" -m "$model" -p "The farmers carry nuts into the" -n 4 --precision auto \
            >auto.txt 2>stderr
        grep "^generate: precision $chosen: " stderr
        "$BIN/generate" -q -m "$model" -p "The farmers carry nuts into the" -n 4 \
            --precision $chosen | cmp - auto.txt'
else
    test_skip "auto is $chosen here" "a sanitizer does not bear oneDNN"
fi
test_expect_success 'with auto a run goes on in what it began with, or says so' '
    train $run --precision f16 -o h.ckpt
    cp h.ckpt other.ckpt
    train --steps 14 --lr 2e-3 --precision f16 --resume -o h.ckpt
    cp other.ckpt d.ckpt
    auto --steps 14 --lr 2e-3 --resume -o d.ckpt
    grep "precision f16: that is what .d.ckpt. was computed in" stderr
    cmp h.ckpt d.ckpt
    mkdir e.ckpt.d && cp other.ckpt e.ckpt.d/12.gguf
    auto --steps 14 --lr 2e-3 --resume -o e.ckpt
    grep "what .e.ckpt.d/12.gguf. was computed in" stderr
    cmp h.ckpt e.ckpt'
if [ $chosen = bf16 ] && [ -z "$SANITIZE" ]; then
    test_expect_success 'another machine: auto is f32, and what began in bf16 does not go on' '
        ONEDNN_MAX_CPU_ISA=AVX2 DNNL_MAX_CPU_ISA=AVX2 auto $run -o f.ckpt
        grep "^train: precision f32: oneDNN" stderr
        train $run -o plain.ckpt --restart
        cmp plain.ckpt f.ckpt
        cp auto.ckpt g.ckpt
        export ONEDNN_MAX_CPU_ISA=AVX2 DNNL_MAX_CPU_ISA=AVX2
        test_expect_code 1 auto --steps 14 --lr 2e-3 --resume -o g.ckpt
        grep ".g.ckpt. goes on in what it was computed in: precision bf16: oneDNN" stderr
        cmp auto.ckpt g.ckpt'
fi

test_done
