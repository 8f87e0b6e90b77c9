#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A model card: what it takes from the metadata of the base, from a checkpoint and from tables, and
# that names from files are text in it, never marks.
. "${0%/*}/../lib.sh"

[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"
test_built model-card gguf-edit tokenize pack train gguf-export ||
    test_skip_all "the commands are not built"
cp "$TOP/examples/tiny.gguf" plain.gguf
head -c 4000 "$TOP/examples/tiny.txt" >text.txt
has() { grep -qxF -e "$1" card || { echo "no line: $1" && cat card && return 1; }; }

test_expect_success 'a base that says whose it is, and a run' '
    "$BIN/gguf-edit" -q --set general.license=string:apache-2.0 \
        --set "general.name=string:A \"base\" <b>|x" \
        --set general.repo_url=string:https://huggingface.co/org/the-base/tree/main \
        -o base.gguf plain.gguf
    mkdir run
    "$BIN/tokenize" -q -m base.gguf -o run/data.tok text.txt
    "$BIN/pack" -q -c 32 -o run/data.pack run/data.tok
    "$BIN/train" -q -m base.gguf -d run/data.pack -o run/model.ckpt --steps 2 --batch 1 --lr 0.01 \
        --log run/metrics.tsv
    "$BIN/gguf-export" -q -m base.gguf -o run/adapter.gguf run/model.ckpt
    printf "model\tloss\tperplexity\nbase\t2.5\t12.18\nbase + adapter\t1.5\t4.48\n" >run/eval.tsv
    printf "model\tloss\tperplexity\nbase\t3\t20.09\n" >run/test.tsv
    "$BIN/model-card" -m base.gguf run -o card 2>stderr
    test ! -s stderr'

test_expect_success 'front matter' '
    test "$(head -n 1 card)" = ---
    has "license: \"apache-2.0\""
    has "base_model: \"org/the-base\""
    has "base_model_relation: adapter"
    has "- lora"'

test_expect_success 'what people read' '
    has "# run"
    has "An adapter (LoRA) of [A \"base\" \\<b\\>\\|x](https://huggingface.co/org/the-base), of the architecture llama."
    has "- adapter.gguf"
    has "| held out | loss | perplexity |"
    has "| base + adapter | 1.5000 | 4.4800 |"
    has "| test | loss | perplexity |"
    has "| base | 3.0000 | 20.0900 |"
    has "| lr | 0.01 |"
    has "apache-2.0, as the metadata of the base say."
    grep "^Trained 2 steps" card
    hash=$(grep -a -o "data=[0-9a-f]\{16\}" run/model.ckpt | head -n 1)
    grep -F "has the hash \`${hash#data=}\`" card
    if grep -e base.gguf -e text.txt card; then exit 1; fi'

test_expect_success 'a base that does not, an empty folder, half a table' '
    "$BIN/model-card" -m plain.gguf --name "Mine" run/ >card 2>stderr
    grep "name no licence" stderr
    has "# Mine"
    if grep "^license:\|^base_model" card; then exit 1; fi
    grep "name no licence" card
    "$BIN/model-card" -q -m plain.gguf --license mit --base-model a/b run >card
    has "license: \"mit\""
    has "base_model: \"a/b\""
    has "mit."
    test_must_fail "$BIN/model-card" -m plain.gguf --base-model "a/b) c" run 2>stderr
    grep "is not ORGANISATION/NAME" stderr
    mkdir empty
    test_must_fail "$BIN/model-card" -m plain.gguf empty 2>stderr
    grep "holds nothing of a run" stderr
    printf "model\tloss" >run/eval.tsv
    test_must_fail "$BIN/model-card" -m plain.gguf -o other run 2>stderr
    grep "eval.tsv" stderr
    test ! -e other'

test_expect_success 'a run on another base' '
    printf "model\tloss\tperplexity\nbase\t1\t2.7\n" >run/eval.tsv
    "$BIN/gguf-edit" -q --set general.name=string:Other --rename-tensor \
        blk.0.attn_q.weight=x --rename-tensor blk.1.attn_q.weight=blk.0.attn_q.weight \
        --rename-tensor x=blk.1.attn_q.weight -o changed.gguf plain.gguf
    test_must_fail "$BIN/model-card" -m changed.gguf -o other run 2>stderr
    grep "another base.*this is .Other.*--force" stderr
    test ! -e other
    "$BIN/model-card" -m changed.gguf --force -o other run 2>stderr
    grep "warning.*another base" stderr
    grep Other other'
test_done
