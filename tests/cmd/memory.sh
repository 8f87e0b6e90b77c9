#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What train does to take less memory: the plan, limits, and that nothing of it changes what
# is trained, or only as much as it says.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no model: examples/tiny.gguf"
test_built tokenize pack train gguf-export gguf-diff ||
    test_skip_all "the commands are not built"
ctx=256
[ -z "$SANITIZE" ] || ctx=96 # slow
"$BIN/tokenize" -q -m "$model" "$TOP/examples/tiny.txt" | "$BIN/pack" -q -c $ctx -o t.pack
data="--threads 2 -m $model -d t.pack"
train() { "$BIN/train" -q $data "$@"; }

run="--batch 8 --steps 3"
eight="--batch 8 --full --sched constant --warmup 0 --lr 1e-3"

# value ITEM FILE: of a plan.
value() { awk -F '\t' -v item="$1" '$1 == item { print $2 }' "$2"; }

test_expect_success '--plan is a table, and writes nothing' '
    train --batch 8 --plan -o no.ckpt --log no.tsv --dump-grads no.gguf >plan.tsv
    test ! -e no.ckpt
    test ! -e no.ckpt.d
    test ! -e no.tsv
    test ! -e no.gguf
    printf "item\tvalue\tunit\n" >want
    head -n 1 plan.tsv | cmp want -
    awk -F "\t" "NF != 3 { exit 1 } \$1 == \"total\" { total = \$2 }
        \$3 == \"bytes\" && \$1 != \"total\" { sum += \$2 }
        END { exit !(total > 0 && sum == total) }" plan.tsv
    train --plan --full >full.tsv
    test "$(value trained.attn_q full.tsv)" -gt "$(value trained.attn_q plan.tsv)"
    test "$(value trained.ffn_down plan.tsv)" -gt "$(value trained.attn_q plan.tsv)"
    test "$(value trained.output_norm full.tsv)" -gt 0
    for item in work product_rate step_time; do
        value $item plan.tsv | grep "[1-9]"
    done'

test_expect_success 'recomputing changes no bit' '

    train $run -o plain.ckpt
    train $run --recompute -o all.ckpt
    cmp plain.ckpt all.ckpt
    train $run --plan >plain.tsv
    train $run --recompute --plan >all.tsv
    test "$(value recompute plain.tsv)" = 0
    test "$(value recompute all.tsv)" = 4
    test "$(value activations all.tsv)" -lt "$(value activations plain.tsv)"
    train $run --recompute-twice -o twice.ckpt
    cmp plain.ckpt twice.ckpt
    train $run --recompute-twice --plan >twice.tsv
    test "$(value group all.tsv)" = 0
    test "$(value group twice.tsv)" -gt 2
    test "$(value activations twice.tsv)" -lt "$(value activations all.tsv)"
    test "$(value total twice.tsv)" -lt "$(value total all.tsv)"
    train $run --full -o plain.ckpt
    train $run --full --recompute -o all.ckpt
    cmp plain.ckpt all.ckpt'

test_expect_success '--mem-limit recomputes as few blocks as it takes' '
    limit=$((($(value total plain.tsv) + $(value total all.tsv)) / 2))
    train $run --mem-limit $limit --plan >some.tsv
    test "$(value total some.tsv)" -le $limit
    n=$(value recompute some.tsv)
    test "$n" -gt 0
    test "$n" -lt 4
    train $run -o plain.ckpt
    train $run --mem-limit $limit -o some.ckpt
    cmp plain.ckpt some.ckpt
    train $run --mem-limit $(($(value total plain.tsv) + 1000000)) --plan >same.tsv
    test "$(value recompute same.tsv)" = 0'

test_expect_success 'and then lets fewer results wait, also if a run that goes on is told to' '
    limit=$((($(value total twice.tsv) + $(value total all.tsv)) / 2))
    train $run --recompute --mem-limit $limit --plan >some.tsv
    test "$(value total some.tsv)" -le $limit
    test "$(value recompute some.tsv)" = 4
    test "$(value group some.tsv)" -gt 1
    test "$(value chunk some.tsv)" = 0
    train $run --recompute-twice --mem-limit $limit --plan >twice-some.tsv
    test "$(value group twice-some.tsv)" = "$(value group some.tsv)"
    flat="--batch 8 --sched constant --warmup 0"
    train $flat --steps 2 --recompute -o part.ckpt
    train $flat --steps 3 -o whole.ckpt
    train $flat --steps 3 --recompute-twice -o rest.ckpt --resume-from part.ckpt
    cmp whole.ckpt rest.ckpt'

test_expect_success 'a limit that nothing fits' '
    test_expect_code 1 train $run --mem-limit 20M -o no.ckpt 2>stderr
    grep "every block recomputed twice, .*20.0 MB" stderr
    test ! -e no.ckpt
    test ! -e no.ckpt.d
    test_expect_code 1 train $run --mem-limit 20M --plan 2>stderr >no.tsv
    test ! -s no.tsv
    test_expect_code 1 train $run --full --fused-step --mem-limit 20M --plan 2>stderr
    grep "adamw8" stderr
    grep "bf16" stderr
    if grep "fused" stderr; then exit 1; fi'

test_expect_success 'sizes' '
    for size in 20MB 1Z M -1M 0 "" 1e30 0x10; do
        test_expect_code 2 train $run --mem-limit "$size" --plan 2>stderr
        grep mem-limit stderr
    done
    for size in 0.02G 20M 20000k 2e7 20000000; do
        test_expect_code 1 train $run --mem-limit $size --plan 2>stderr
        grep "the limit is 20.0 MB" stderr
    done'

test_expect_success '--opt adamw8: a quarter of the moments, close to adamw, goes on exactly' '
    train --batch 8 --full --opt adamw8 --plan >eight.tsv
    train --batch 8 --full --plan >plain.tsv
    test $((4 * $(value moments eight.tsv))) -lt $(($(value moments plain.tsv) * 105 / 100))
    train $eight --opt adamw8 --steps 8 --log eight.log -o eight.ckpt
    train $eight --steps 8 --log plain.log -o plain.ckpt
    paste eight.log plain.log | awk -F "\t" "NR > 1 { d = \$2 - \$(NF / 2 + 2) }
        d > 0.02 || d < -0.02 { exit 1 } END { exit NR != 9 }"
    train $eight --opt adamw8 --steps 4 -o part.ckpt
    train $eight --opt adamw8 --steps 8 --resume -o part.ckpt
    cmp part.ckpt eight.ckpt
    "$BIN/gguf-export" -q -m "$model" -o eight.gguf eight.ckpt
    "$BIN/gguf-show" --tensors eight.gguf | cut -f 2 >got
    "$BIN/gguf-show" --tensors "$model" | cut -f 2 >want
    cmp want got'

if [ -z "$SANITIZE" ]; then # slow: test_optim steps with each
test_expect_success 'every optimizer: the loss falls, goes on exactly, fused too' '
    for how in "lion --lr 1e-4" "muon --lr 1e-3" "adafactor --lr 1e-2" "sgd --nesterov 1 --lr 1e-2"; do
        more="--batch 8 --full --warmup 0 --sched inv_sqrt --opt $how"
        train $more --steps 8 --log more.log -o more.ckpt
        awk -F "\t" "NR == 2 { first = \$2 } END { exit !(\$2 < first) }" more.log
        train $more --steps 4 -o part.ckpt
        train $more --steps 8 --resume -o part.ckpt
        cmp part.ckpt more.ckpt
        train $more --steps 8 --fused-step -o fused.ckpt
        cmp fused.ckpt more.ckpt
        train $more --weights bf16 --steps 2 -o half.ckpt
    done
    more="--batch 8 --sched constant --rslora --lora-r 16 --lora-plus 4 --opt muon"
    train $more --steps 4 -o more.ckpt
    train $more --steps 2 -o part.ckpt
    train $more --steps 4 --resume -o part.ckpt
    cmp part.ckpt more.ckpt
    "$BIN/gguf-export" -q -m "$model" -o more.gguf more.ckpt
    "$BIN/gguf-show" --keys more.gguf | grep "adapter.lora.alpha.*64$"'
fi

test_expect_success '--fused-step changes no bit' '
    for clip in 1 0; do
        train $run --full --clip $clip -o plain.ckpt --log plain.log
        train $run --full --clip $clip --fused-step --mem-limit 120M -o fused.ckpt --log fused.log
        cmp plain.ckpt fused.ckpt
        cut -f 1-5 plain.log >want
        cut -f 1-5 fused.log >got
        cmp want got
    done
    train $run --full --plan >plain.tsv
    for clip in 1 0; do
        train $run --full --clip $clip --fused-step --plan >fused.$clip.tsv
        test $((2 * $(value grads fused.$clip.tsv))) -lt "$(value grads plain.tsv)"
    done
    test "$(value work fused.0.tsv)" = "$(value work plain.tsv)"
    test "$(value work fused.1.tsv)" != "$(value work plain.tsv)"'
test_expect_success '--fused-step keeps no gradients' '
    test_expect_code 2 train $run --fused-step --grad-acc 2 -o no.ckpt 2>stderr
    grep "grad-acc" stderr
    test_expect_code 2 train $run --fused-step --dump-grads no.gguf -o no.ckpt 2>stderr
    grep "dump-grads" stderr
    test ! -e no.ckpt
    test ! -e no.gguf'

test_expect_success '--weights bf16: half the parameters, close to f32, goes on exactly' '
    train --batch 8 --full --weights bf16 --plan >half.tsv
    test $((2 * $(value params half.tsv))) -lt $(($(value params plain.tsv) * 105 / 100))
    half="$eight --weights bf16 --opt adamw8"
    train $half --steps 8 --log half.log -o half.ckpt
    paste half.log eight.log | awk -F "\t" "NR > 1 { d = \$2 - \$(NF / 2 + 2) }
        d > 0.03 || d < -0.03 { exit 1 } END { exit NR != 9 }"
    train $half --steps 4 -o part.ckpt
    train $half --steps 8 --resume -o part.ckpt
    cmp part.ckpt half.ckpt
    "$BIN/gguf-export" -q -m "$model" -o half.gguf half.ckpt
    "$BIN/gguf-show" --tensors half.gguf | cut -f 2,3 >got
    "$BIN/gguf-show" --tensors "$model" | cut -f 2,3 >want
    cmp want got
    test_expect_code 1 train $eight --opt adamw8 --steps 9 --resume -o part.ckpt 2>stderr
    grep "weights=bf16 is now weights=f32" stderr
    test_expect_code 2 train --weights bf16 -o no.ckpt 2>stderr
    grep -e "--full" stderr'

# ==== the plan and what is measured ====

# measured OPTION...: the peak of a run is within 5 % of its plan, or within 4 MB: that much
# code and buffers of other builds of the libraries may differ.
measured() {
    "$BIN/train" $data ${steps---steps 2} -o m.ckpt "$@" 2>stderr
    rm -rf m.ckpt*
    sed -n "s/.*peak memory \([0-9.]*\) MB, planned \([0-9.]*\) MB/\1 \2/p" stderr >peak
    awk "{ seen = 1; d = \$1 - \$2; d = d < 0 ? -d : d; bad = d > 4 && d > 0.05 * \$2; print }
        END { exit bad || !seen }" peak
}
if [ -n "$SANITIZE" ]; then
    test_skip 'peaks' 'a sanitizer takes memory of its own'
    test_done
fi
dnnl=$(test_dnnl)
awk 'BEGIN { while (i++ < 70) printf "word " }' >long.txt
for mode in "" "--recompute" "--recompute-twice" "--full" "--full --recompute-twice" "--val t.pack" "--full --opt adamw8" \
    "--full --opt muon" "--full --opt adafactor" "--full --fused-step" "--full --fused-step --weights bf16 --opt adamw8 --recompute" \
    "--prompts long.txt --samples s.tsv --sample-tokens 100" \
    "--precision f16" "--precision bf16" "--precision bf16 --full" "--precision q8" \
    "--precision q8 --full"; do
    case $mode/$dnnl in
    *"precision bf16"*/[0-9]* | *"precision q8"*/[0-9]*) ;;
    *"precision bf16"* | *"precision q8"*)
        test_skip "the peak of train $mode" "oneDNN: $dnnl"
        continue
        ;;
    esac
    for batch in 2 16; do
        test_expect_success "the peak of train --batch $batch $mode" \
            'measured --batch $batch $mode'
    done
done

# sequences LINES WORDS NAME: so many documents of about so many ids, packed.
sequences() {
    awk -v lines="$1" -v words="$2" 'BEGIN { for (; lines > 0; lines--) {
        line = ""
        for (n = words + lines % 9; n > 0; n--) line = line " " (n * 7 + lines) % 300
        print substr(line, 2) } }' | "$BIN/tokenize" -q -m "$model" --from-ids |
        "$BIN/pack" -q -c 256 -o "$3"
}
# The plan follows the data: sequences half full, fewer of them than a batch has room for,
# and --steps that repeat them.
for mode in "" "--full" "--grad-acc 2"; do
    test_expect_success "the peak where sequences are half full, $mode" '
        sequences 40 140 half.pack
        data="--threads 2 -m $model -d half.pack" steps="--epochs 1"
        measured --batch 32 $mode'
    test_expect_success "the peak where there are few sequences, $mode" '
        sequences 3 140 few.pack
        data="--threads 2 -m $model -d few.pack" steps="--epochs 1"
        measured --batch 32 $mode
        steps="--epochs 2" data="$data"
        measured --batch 2 $mode'
done
test_expect_success 'measuring takes the memory of a step, and what its sequences take beyond it' '
    sequences 3 20 short.pack
    data="--threads 2 -m $model -d short.pack --batch 1"
    train --val short.pack --plan >short.tsv
    train --val few.pack --plan >few.tsv
    train --val t.pack --plan >full.tsv
    test "$(value eval short.tsv)" = 0
    test $(($(value eval few.tsv) * 4)) -lt $(($(value eval full.tsv) * 3))
    steps="--epochs 1"
    measured --val t.pack'
# A vocabulary of 8 MB leaves memory before the first step, and measuring does not need it.
peak() {
    "$BIN/train" --threads 2 -m large -d l.pack --steps 2 -o l.ckpt --restart "$@" 2>stderr
    sed -n "s/.*peak memory \([0-9.]*\) MB.*/\1/p" stderr
}
mkmodel=$TOP/${BUILD:-build/release}/dev/mkmodel
if [ -x "$mkmodel" ]; then
    test_expect_success 'measuring does not bring back the vocabulary' '
        "$mkmodel" -q -o large --layers 1 --embd 8 --heads 1 --ctx 64 --n-vocab 300000 \
            --vocab "$model"
        echo "1 2 3 4 5 6" | "$BIN/tokenize" -q -m large --from-ids >l.tok
        "$BIN/pack" -q -c 64 -o l.pack l.tok
        peak >without
        peak --val l.pack >with
        paste without with | awk "{ seen = 1; print; bad = \$2 > \$1 + 2 } END { exit bad || !seen }"'
else
    test_skip 'measuring does not bring back the vocabulary' 'no mkmodel: make dev'
fi
test_expect_success '--mem-limit follows the data too' '
    data="--threads 2 -m $model -d few.pack"
    train --epochs 1 --batch 32 --mem-limit 60M --plan >few.tsv
    test "$(value recompute few.tsv)" = 0'
test_done
