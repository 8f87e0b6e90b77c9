#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make finetune on chats: their form is found, samples go through the template, which goes
# into the models and the Modelfile; make data stops before the training; a test set.
. "${0%/*}/../lib.sh"

test_built tokenize pack train gguf-export merge quantize perplexity generate modelfile ||
    test_skip_all "not all commands of the pipe are built"
[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"

runs=$test_scratch/runs
run=$runs/tiny-chats
bin=${BIN#"$TOP"/}
# chats FROM TO: so many of them.
chats() {
    awk -v i="$1" -v n="$2" 'BEGIN { for (; i < n; i++)
        printf "{\"messages\": [{\"role\": \"user\", \"content\": \"What of %d?\"}, " \
            "{\"role\": \"assistant\", \"content\": \"Lamp lit %d times.\"}]}\n", i, i }'
}
chats 1 41 >chats.jsonl
chats 50 60 >test.jsonl
cat >t.jinja <<'END'
{%- for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}
{%- if add_generation_prompt %}<assistant>{% endif %}
END
flow() {
    (cd "$TOP" && "$MAKE" V=1 RUNS="$runs" BIN="$bin" DATA="$test_scratch/chats.jsonl" STEPS=2 \
        N_SAMPLE=4 "$@")
}
finetune() { flow finetune CHAT_TEMPLATE="$test_scratch/t.jinja" "$@"; }

test_expect_success 'make data shows what the model will see, and does not train' '
    flow data CHAT_TEMPLATE="$test_scratch/t.jinja" >log
    grep "^<user>What of 1?" log
    grep "<assistant>⟦Lamp lit 1 times." $run/rows.txt
    grep "^rows  *40" log
    test -s $run/data.pack
    test -s $run/table.txt
    test ! -e $run/model.ckpt
    test ! -e $run/samples-base.txt'

test_expect_success 'every artefact appears' '
    finetune TEST="$test_scratch/test.jsonl" >log 2>&1
    if grep -e "tokenize .*data.tok" log; then exit 1; fi
    for f in rows.txt table.txt data.tok data.pack val.pack model.ckpt adapter.gguf merged.gguf \
        q8_0.gguf Modelfile eval.tsv test.tsv samples.txt; do
        test -s $run/$f || { echo "no $f" && exit 1; }
    done
    cut -f 1 $run/test.tsv >names
    printf "%s\n" model base merged | cmp - names
    grep -e "pack .*--fit best" log
    grep -e "generate .*--ask" log
    test $(grep -c "^What is the capital of France?$" $run/samples.txt) = 2'

test_expect_success 'the template is in the models, its hash in the adapter' '
    for f in merged q8_0; do
        "$BIN/gguf-show" --keys $run/$f.gguf | grep "tokenizer.chat_template.*m.role"
    done
    "$BIN/gguf-show" --keys $run/adapter.gguf | grep "chat_template_hash"
    grep "^TEMPLATE \"\"\"{{ if .System }}<system>" $run/Modelfile
    grep "^FROM ./merged.gguf$" $run/Modelfile'

test_expect_success 'a second make does nothing; another template or mask begins anew' '
    finetune TEST="$test_scratch/test.jsonl" >log
    grep "Nothing to be done" log
    finetune -n TEST="$test_scratch/test.jsonl" TRAIN_ON=all >log
    grep -e "tokenize .*--train-on all.*data.tok" log
    sed "s/<{{/({{/" t.jinja >u && mv u t.jinja
    finetune -n TEST="$test_scratch/test.jsonl" >log
    grep -e "tokenize .*data.tok" log
    finetune -n PACK_FLAGS="--over-long drop" GENERATE_FLAGS="--temp 0" NAME=none >log
    grep -e "pack .* --over-long drop" log
    grep -e "generate .* --temp 0" log'

test_expect_success 'pairs of answers: make dpo is finetune with an objective' '
    (cd "$TOP" && "$MAKE" V=1 RUNS="$runs" BIN="$bin" STEPS=2 N_SAMPLE=4 OUTPUTS=adapter dpo) >log 2>&1
    grep -e "tokenize .*--preference -o .*data.tok examples/pairs.jsonl" log
    grep -e "train .*--objective dpo" log
    grep "margin.accuracy$" $runs/tiny-pairs/metrics.tsv
    test -s $runs/tiny-pairs/adapter.gguf
    grep "make dpo MODEL=" log
    flow finetune -n DATA=examples/pairs.jsonl OBJECTIVE=simpo NAME=simpo >log
    grep -e "train .*--objective simpo" log'

test_expect_success 'settings in a file, and PEFT has its own' '
    echo "--weight-decay 0" >settings
    same="TEST=$test_scratch/test.jsonl NAME=set TOKENIZE_FLAGS=--eos"
    flow finetune CHAT_TEMPLATE=chatml $same TRAIN_FLAGS="@$test_scratch/settings" >log 2>&1
    flow finetune CHAT_TEMPLATE=chatml $same TRAIN_FLAGS="@$test_scratch/settings" >log 2>&1
    grep "Nothing to be done" log
    echo "--weight-decay 0.5" >settings
    flow -n finetune CHAT_TEMPLATE=chatml $same TRAIN_FLAGS="@$test_scratch/settings" >log
    grep "bin/train\|/train " log
    if grep -e "tokenize .*data.tok" log; then exit 1; fi
    echo "{\"r\": 2, \"lora_alpha\": 4, \"target_modules\": [\"q_proj\"]}" >c.json
    flow finetune CHAT_TEMPLATE=chatml NAME=peft TOKENIZE_FLAGS=--eos \
        TRAIN_FLAGS="--lora-config $test_scratch/c.json" >log 2>&1
    "$BIN/gguf-show" --keys $runs/peft/adapter.gguf | grep "adapter.lora.alpha.*4"'

test_expect_success 'chats without a template, or whose turns have no end, are refused before anything else' '
    test_must_fail flow finetune NAME=none >log 2>stderr
    grep -e "--chat-template" stderr
    test ! -e $runs/none/samples-base.txt
    test_must_fail flow finetune NAME=none CHAT_TEMPLATE=chatml >log 2>stderr
    grep "not learn to stop.*TOKENIZE_FLAGS=--eos" stderr
    test ! -e $runs/none/samples-base.txt && test ! -e $runs/none/model.ckpt'

test_expect_success 'what looks like rows and is text stays text' '
    echo "[1] Notes of a keeper, who lit the lamp." >notes.txt
    yes "The lamp was lit again and the gull was fed." | head -n 40 >>notes.txt
    flow finetune -n DATA="$test_scratch/notes.txt" NAME=notes >log
    if grep -e "--ask\|--fit\|rows.txt" log; then exit 1; fi'

test_expect_success 'rows of running text are sampled as text' '
    for i in 1 2 3 4 5 6 7 8; do echo "{\"text\": \"The lamp was lit $i times.\"}"; done | gzip >t.gz
    flow finetune -n DATA="$test_scratch/t.gz" CHAT_TEMPLATE=chatml NAME=texts >log
    grep -e "--fit best" log
    if grep -e "--ask" log; then exit 1; fi
    echo "{\"prompt\": \"What of 1?\", \"completion\": \" Lamp lit.\"}" >p.jsonl
    flow finetune -n DATA="$test_scratch/p.jsonl" CHAT_TEMPLATE=none NAME=texts >log
    if grep -e "--ask" log; then exit 1; fi
    flow finetune -n DATA="$test_scratch/p.jsonl" CHAT_TEMPLATE=phi3 NAME=texts >log
    grep -e "--ask --chat-template phi3" log'
test_done
