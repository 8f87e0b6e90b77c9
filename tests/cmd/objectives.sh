#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Training on answers that are compared, from rows to a model: what each objective makes of a
# toy set, that a run goes on with the same bits, and what is refused.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no model: examples/tiny.gguf"
test_built tokenize pack train report gguf-diff perplexity logprobs distill || test_skip_all "the commands are not built"

cat >pairs.jsonl <<'EOF'
{"prompt":"What is the capital of France?","chosen":"Paris.","rejected":"London, of course."}
{"prompt":"Two and two?","chosen":"Four","rejected":"Five"}
{"prompt":"The colour of snow?","chosen":"White as can be","rejected":"Black"}
{"prompt":"Who sings?","chosen":"A bird","rejected":"A stone in the river"}
EOF
sed 's/.*"prompt":\("[^"]*"\),"chosen":\("[^"]*"\),"rejected":\("[^"]*"\)}/\
{"prompt":\1,"completion":\2,"label":true}\
{"prompt":\1,"completion":\3,"reward":-0.5}/' pairs.jsonl | grep . >rated.jsonl
packed() { "$BIN/tokenize" -q -m "$model" --preference "$1" | "$BIN/pack" -q -c 64 -o "$2"; }
packed pairs.jsonl pairs.pack
packed rated.jsonl rated.pack
sed 1d rated.jsonl >odd.jsonl
packed odd.jsonl odd.pack
common="--threads 2 -m $model --warmup 0 --lr 5e-3 --sched constant"
train() { "$BIN/train" -q $common "$@"; }

packed_plain() { "$BIN/tokenize" -q -m "$model" "$1" | "$BIN/pack" -q -c 64 -o "$2"; }
packed_plain pairs.jsonl chosen.pack
"$BIN/distill" -q -m "$model" -d chosen.pack -k 8 -o teacher.gguf
with_teacher="chosen distill --teacher teacher.gguf --distill-mix 0.5"

if [ -n "$SANITIZE" ]; then # slow: test_objectives has the others
    test_skip 'every objective' 'a sanitizer is slow'
else
test_expect_success 'every objective moves answers apart, and goes on with the same bits' '
    for how in "pairs dpo" "pairs dpo --per-token 1 --smoothing 0.1" "pairs ipo" "pairs orpo" \
        "pairs simpo" "rated kto --bad-weight 0.5" "rated reward --normalise 1"; do
        data=${how%% *}.pack
        what=${how#* }
        train -d $data --objective $what --steps 6 --log log.tsv -o whole.ckpt
        head -n 1 log.tsv | grep "margin.accuracy$"
        awk -F "\t" "NR == 2 { loss = \$2; margin = \$(NF - 1) }
            END { exit !(NR == 7 && \$2 < loss && (\$(NF - 1) > margin || \"$what\" ~ /reward/)) }" log.tsv
        rm -rf part.ckpt*
        train -d $data --objective $what --steps 3 -o part.ckpt
        train -d $data --objective $what --steps 6 --resume -o part.ckpt
        cmp whole.ckpt part.ckpt
    done'
test_expect_success 'every objective in other precisions, and with the same bits in less memory' '
    train -d pairs.pack --objective dpo --precision bf16 --steps 1 -o t.ckpt 2>stderr ||
        { grep oneDNN stderr && precisions=f32; }
    for how in "pairs dpo" "pairs ipo" "pairs orpo" "pairs simpo" "rated kto" \
        "rated reward --kl 0.1 --clip-ratio 0.2" "$with_teacher"; do
        run="-d ${how%% *}.pack --objective ${how#* } --steps 2"
        train $run --log f32.tsv -o f32.ckpt
        for p in ${precisions:-bf16 q8}; do
            train $run --precision $p --log log.tsv -o plain.ckpt
            train $run --precision $p --recompute-twice --fused-step -o little.ckpt
            cmp plain.ckpt little.ckpt
            paste f32.tsv log.tsv | awk -F "\t" "NR == 1 { n = NF / 2 }
                NR == 2 { d = \$2 - \$(n + 2); exit !(d * d < 1e-3 * (1e-3 + \$2 * \$2)) }"
        done
        rm -rf *.ckpt*
    done'
fi

test_expect_success 'a report tells how far answers are apart' '
    mkdir ran
    train -d pairs.pack --objective dpo --steps 3 --log ran/metrics.tsv -o ran/model.ckpt
    "$BIN/report" -m "$model" ran >log
    if grep "Held-out answers" log; then exit 1; fi
    grep "^Answers apart: margin 0 in the first step, [1-9].*; 0 % the right way" log
    grep "^round, then [1-9].* Losses are of wanted answers alone" log'

# The pairs of a step, measured behind it, are where the next step begins.
test_expect_success 'margins of held-out answers' '
    for how in "pairs dpo" "pairs simpo" "rated kto"; do
        rm -rf held && mkdir held
        data=${how% *}.pack
        train -d $data --val $data --eval-every 1 --batch 8 --objective ${how#* } --steps 4 \
            --log held/metrics.tsv --metrics held/json -o held/model.ckpt
        awk -F "\t" "NR == 1 { ok = \$14 == \"val_margin\" && \$17 == \"accuracy\" }
            NR > 2 { d = val - \$16; ok = ok && d * d < 1e-8 * (1 + val * val) && right == \$17 }
            { val = \$14; right = \$15 } END { exit !(ok && NR == 5) }" held/metrics.tsv
        grep "^{\"step\": 4, .*\"val_margin\": [0-9.]*, \"val_accuracy\": 1," held/json
        "$BIN/report" -m "$model" --html held/page held >log
        "$BIN/report" -m "$model" held | grep "^Held-out answers: margin .*; 100 % the right way"
        grep "Answers apart" held/page
    done
    train -d rated.pack --val rated.pack --eval-every 1 --objective reward --steps 2 --log r.tsv -o r.ckpt
    test "$(cut -f 14 r.tsv | tr "\n" " ")" = "val_margin - - "
    train -d pairs.pack --val chosen.pack --eval-every 1 --objective dpo --steps 2 --log c.tsv -o c.ckpt
    test "$(cut -f 14 c.tsv | tr "\n" " ")" = "val_margin - - "
    rm -rf c.ckpt*'

test_expect_success 'precision, recomputing and held-out answers go with them' '
    train -d pairs.pack --objective dpo --steps 2 -o a.ckpt
    train -d pairs.pack --objective dpo --steps 2 --recompute -o b.ckpt
    cmp a.ckpt b.ckpt
    train -d pairs.pack --objective dpo --steps 2 --fused-step -o c.ckpt
    cmp a.ckpt c.ckpt
    train -d pairs.pack --objective dpo --steps 2 --val pairs.pack --eval-every 1 --log v.tsv -o d.ckpt
    "$BIN/gguf-diff" --tensors a.ckpt d.ckpt # the one remembers what was measured
    "$BIN/tokenize" -q -m "$model" pairs.jsonl | "$BIN/pack" -q -c 64 -o chosen.pack
    "$BIN/perplexity" -q -m "$model" -d chosen.pack >want
    "$BIN/perplexity" -q -m "$model" -d pairs.pack >got
    paste want got | awk -F "\t" "NR == 2 { d = \$2 - \$6; ok = \$1 == \$5 && d * d < 1e-10 }
        END { exit !ok }"'

refused() {
    words=$1
    shift
    test_expect_code 1 train --steps 2 -o no.ckpt "$@" 2>stderr
    grep "$words" stderr
    test ! -e no.ckpt
}
test_expect_success 'what cannot be is refused' '
    refused "answers that are not wanted" -d pairs.pack
    refused "no answers that are not wanted" -d chosen.pack --objective dpo
    refused "an answer without its rival" -d odd.pack --objective simpo
    refused "odd.pack: sequence .* an answer without its rival" -d pairs.pack --val odd.pack --objective simpo
    refused "train an adapter" -d pairs.pack --objective dpo --full
    test_expect_code 2 train --steps 2 -o no.ckpt -d pairs.pack --objective dpo --loss mse 2>stderr
    grep "a loss of its own" stderr
    train -d pairs.pack --objective orpo --full --steps 2 -o full.ckpt
    test_expect_code 1 train -d pairs.pack --objective ipo --steps 3 --resume -o a.ckpt 2>stderr
    grep "objective=dpo is now objective=ipo" stderr
    test_expect_code 2 "$BIN/tokenize" -q -m "$model" --preference --text pairs.jsonl 2>stderr
    grep "about rows of answers" stderr'

test_expect_success 'a pair is one where a token reaches over the end of the prompt; a failure leaves nothing' '
    echo "{\"prompt\":\"light fog ship sea\",\"chosen\":\"rock rock night ship time\",\"rejected\":\"time fog rock\"}" >b.jsonl
    packed b.jsonl b.pack
    train -d b.pack --objective dpo --steps 1 -o b.ckpt
    test_expect_code 1 train -d odd.pack --objective dpo --steps 1 -o left.ckpt
    test ! -e left.ckpt.d'

test_expect_success 'of pairs that do not fit nothing is lost without a word' '
    "$BIN/tokenize" -q -m "$model" --preference pairs.jsonl | "$BIN/pack" -c 20 -o few.pack 2>stderr
    grep "pairs of answers are longer than the context together" stderr'

test_done
