#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What another model said of the data: logprobs and train --reference, distill and train
# --teacher, and rewards of answers in groups.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no model: examples/tiny.gguf"
test_built tokenize pack train logprobs distill gguf-show gguf-edit || test_skip_all "the commands are not built"

cat >pairs.jsonl <<'EOF2'
{"prompt":"What is the capital of France?","chosen":"Paris.","rejected":"London, of course."}
{"prompt":"Two and two?","chosen":"Four","rejected":"Five"}
{"prompt":"The colour of snow?","chosen":"White as can be","rejected":"Black"}
EOF2
cat >rated.jsonl <<'EOF2'
{"prompt":"Two and two?","completion":"Four","reward":1}
{"prompt":"Two and two?","completion":"Five","reward":0}
{"prompt":"Two and two?","completion":"Six of them","reward":0}
{"prompt":"Who sings?","completion":"A bird","reward":0.5}
{"prompt":"Who sings?","completion":"A stone in the river","reward":0}
EOF2
packed() { "$BIN/tokenize" -q -m "$model" $3 "$1" | "$BIN/pack" -q -c ${4:-64} -o "$2"; }
packed pairs.jsonl pairs.pack --preference
packed pairs.jsonl chosen.pack "" 24
packed rated.jsonl rated.pack --preference
common="--threads 2 -m $model --warmup 0 --lr 5e-3 --sched constant"
train() { "$BIN/train" -q $common "$@"; }
refused() {
    words=$1
    shift
    test_expect_code ${code:-1} train --steps 2 -o no.ckpt "$@" 2>stderr
    grep "$words" stderr
    test ! -e no.ckpt
}

test_expect_success 'a reference from a file says what the model without the adapter says' '
    "$BIN/logprobs" -m "$model" -d pairs.pack -o ref.gguf 2>stderr
    grep "6 answers" stderr
    "$BIN/gguf-show" ref.gguf | grep "tensor.log_p.F32.6x1"
    train -d pairs.pack --objective dpo --steps 3 --log a.tsv -o a.ckpt
    train -d pairs.pack --objective dpo --steps 3 --reference ref.gguf --log b.tsv -o b.ckpt
    paste a.tsv b.tsv | awk -F "\t" "NR == 1 { n = NF / 2 } NR > 1 { d = \$2 - \$(n + 2)
        if (d * d > 1e-12) exit 1 } END { exit NR != 4 }"
    train -d pairs.pack --objective kto --full --steps 2 --reference ref.gguf -o full.ckpt'

test_expect_success 'a student comes near its teacher, stops and goes on with the same bits' '
    "$BIN/distill" -m "$model" -d chosen.pack -k 8 -o self.gguf 2>stderr
    grep "8 likeliest" stderr
    train -d chosen.pack --steps 3 -o tuned.ckpt --lora-out tuned.gguf
    "$BIN/distill" -q -m "$model" -a tuned.gguf -d chosen.pack -k 8 -o teacher.gguf
    train -d chosen.pack --teacher teacher.gguf --batch 1 --steps 6 --log s.tsv -o whole.ckpt
    awk -F "\t" "NR == 2 { first = \$2 } END { exit !(NR == 7 && \$2 < first / 2) }" s.tsv
    train -d chosen.pack --teacher teacher.gguf --batch 1 --steps 3 -o part.ckpt
    train -d chosen.pack --teacher teacher.gguf --batch 1 --steps 6 --resume -o part.ckpt
    cmp whole.ckpt part.ckpt
    train -d chosen.pack --teacher self.gguf --steps 1 --log 0.tsv -o 0.ckpt
    awk -F "\t" "NR == 2 { exit !(\$2 < 1e-9) }" 0.tsv
    "$BIN/distill" -q -m "$model" -d chosen.pack -k 8 --max-samples 1 -o one.gguf
    "$BIN/train" $common -d chosen.pack --teacher one.gguf --batch 1 -o one.ckpt 2>stderr
    grep "asked about 1 of" stderr
    grep "; 1 steps" stderr
    "$BIN/train" $common -d chosen.pack --teacher one.gguf --batch 1 --extra-epochs 2 -o one.ckpt 2>stderr
    grep "; 3 steps" stderr'

# The rows of the padding are means of others, so that some of it is likely.
test_expect_success 'vocabularies that differ by padding alone are the same' '
    echo "<new>" >new.txt
    "$BIN/gguf-edit" -q -o words.gguf --add-tokens new.txt "$model"
    "$BIN/gguf-edit" -q -o padded.gguf --add-tokens new.txt --rows-of 2304 "$model"
    "$BIN/tokenize" -q -m words.gguf pairs.jsonl | "$BIN/pack" -q -c 24 -o words.pack
    "$BIN/distill" -q -m padded.gguf -d words.pack -k 512 -o padded.top
    "$BIN/train" -q --threads 2 -m words.gguf -d words.pack --teacher padded.top --steps 1 \
        --log p.tsv -o p.ckpt
    awk -F "\t" "NR == 2 { exit !(\$2 > 1e-6 && \$2 < 1e-2) }" p.tsv # what the padding has
    "$BIN/train" -q --threads 2 -m padded.gguf -d words.pack --steps 1 -o q.ckpt'

# Ids that the teacher has no rows for are among "all others", of which it says what is left.
test_expect_success 'a teacher with less padding than the student and its data' '
    "$BIN/tokenize" -q -m padded.gguf pairs.jsonl | "$BIN/pack" -q -c 24 -o padded.pack
    "$BIN/distill" -q -m words.gguf -d words.pack -k 512 -o a.top
    "$BIN/distill" -q -m words.gguf -d padded.pack -k 512 -o b.top
    for f in a b; do "$BIN/gguf-show" --tensors --data 9999 $f.top | grep -v hash >$f.ids; done
    cmp a.ids b.ids
    padded() { "$BIN/train" -q --threads 2 --warmup 0 --lr 5e-3 -m padded.gguf "$@"; }
    padded -d padded.pack --teacher b.top --steps 1 --log b.tsv -o b.ckpt
    awk -F "\t" "NR == 2 { exit !(\$2 > 1e-6 && \$2 < 1e-2) }" b.tsv
    padded -d padded.pack --teacher b.top --batch 1 --reverse-kl 0.5 --steps 1 -o c.ckpt
    "$BIN/train" -q --threads 2 -m words.gguf -d padded.pack --steps 1 -o d.ckpt
    echo "{\"input_ids\": [5, 2100, 7]}" >ids.jsonl # padding, spelled
    "$BIN/tokenize" -q -m padded.gguf ids.jsonl | "$BIN/pack" -q -c 24 -o ids.pack
    test_expect_code 1 "$BIN/distill" -q -m words.gguf -d ids.pack -k 8 -o no.gguf 2>stderr
    grep "2100" stderr
    test_expect_code 1 "$BIN/train" -q -m words.gguf -d ids.pack --steps 1 -o no.ckpt 2>stderr
    grep "2100" stderr
    test ! -e no.gguf && test ! -e no.ckpt'

test_expect_success 'a teacher or reference of something else is refused by name' '
    "$BIN/distill" -q -m words.gguf -d words.pack -k 8 -o other.gguf
    refused "another vocabulary" -d chosen.pack --teacher other.gguf
    test_expect_code 1 "$BIN/distill" -q -m words.gguf -d chosen.pack -o no.gguf 2>stderr
    grep "another vocabulary" stderr
    test ! -e no.gguf
    refused "file of the command .logprobs" -d pairs.pack --objective dpo --reference self.gguf
    packed rated.jsonl none.pack ""
    refused "other data" -d none.pack --teacher teacher.gguf
    refused "other data" -d rated.pack --objective reward --kl 1 --reference ref.gguf
    refused "file of the command .distill" -d chosen.pack --teacher ref.gguf
    code=2 refused "teacher. is not given" -d chosen.pack --objective distill
    code=2 refused "asks no .reference" -d pairs.pack --objective orpo --reference ref.gguf
    code=2 refused "loss of its own" -d chosen.pack --teacher teacher.gguf --label-smoothing 0.1
    test_expect_code 1 train -d chosen.pack --teacher self.gguf --batch 1 --steps 7 --resume -o whole.ckpt 2>stderr
    grep "teacher=.* is now teacher=" stderr
    for at in 300 1500; do
        cp teacher.gguf hurt.gguf
        printf "\\377\\377\\377" | dd of=hurt.gguf bs=1 seek=$at conv=notrunc 2>/dev/null
        refused hurt.gguf -d chosen.pack --teacher hurt.gguf
    done
    head -c 900 teacher.gguf >cut.gguf
    refused cut.gguf -d chosen.pack --teacher cut.gguf'

test_expect_success 'rewards stand beside those of the same prompt' '
    for how in "" "--normalise 1 --per-token 1" "--kl 0.1"; do
        train -d rated.pack --objective reward $how --batch 1 --grad-acc 4 --steps 4 --log r.tsv -o r.ckpt
        awk -F "\t" "NR == 1 { for (i = 1; i <= NF; i++) if (\$i == \"margin\") m = i }
            NR == 2 { first = \$m } END { exit !(NR == 5 && \$m > first) }" r.tsv
        rm -rf r.ckpt*
    done
    sed "s/\"reward\":[0-9.]*/\"reward\":0.5/" rated.jsonl >same.jsonl
    packed same.jsonl same.pack --preference
    refused "have one reward" -d same.pack --objective reward
    refused "have one reward" -d chosen.pack --objective reward'

test_done
