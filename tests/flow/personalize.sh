#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make personalize: an adapter from answers, a smaller one that follows it, and what is refused.
. "${0%/*}/../lib.sh"

test_built tokenize pack embed personalize perplexity gguf-show || test_skip_all "the commands are not built"
bin=${BIN#"$TOP"/}
head -c 3000 "$TOP/examples/tiny.txt" >"it's a text.txt"
OMP_NUM_THREADS=1
export OMP_NUM_THREADS
flow() {
    (cd "$TOP" && "$MAKE" personalize BIN="$bin" RUNS="$test_scratch/runs" NAME=x CTX=64 \
        DATA="$test_scratch/it's a text.txt" "$@")
}
made=runs/personalize/x

test_expect_success 'from answers alone, and a smaller one that follows it' '
    flow RANK=4 PERSONALIZE_FLAGS="--passes 1" >told 2>stderr
    grep "$made/adapter.gguf" told
    grep "held-out loss: base" stderr
    grep "lambda [01.]*, passes: 1," stderr
    test "$(head -n 1 $made/layers.tsv)" = "layer	rank	lambda	share"
    mv $made/adapter.gguf teacher.gguf
    flow ADAPTER="$test_scratch/teacher.gguf" RANK=2 >told 2>stderr
    awk -F "\t" "NR > 1 && (\$2 != 2 || !(\$4 > 0.3 && \$4 <= 1.0001)) { exit 1 }" $made/layers.tsv
    "$BIN/gguf-show" $made/adapter.gguf >shown
    grep "adapter.lora.alpha.*2" shown
    "$BIN/perplexity" -q -m "$TOP/examples/tiny.gguf" -a $made/adapter.gguf -d $made/val.pack'

test_expect_success 'the same bytes every time' '
    mv $made/adapter.gguf before.gguf
    flow ADAPTER="$test_scratch/teacher.gguf" RANK=2 >told 2>stderr
    cmp before.gguf $made/adapter.gguf'

test_expect_success 'archives of hidden states in place of models and data' '
    m=$TOP/examples/tiny.gguf
    both="--inputs ffn_down --outputs ffn_down -c 64"
    split -b 300 *"a text.txt" part.
    "$BIN/tokenize" -q -m "$m" -o many.tok part.*
    "$BIN/embed" -q -m "$m" -a teacher.gguf $both -o t.npz many.tok
    "$BIN/embed" -q -m "$m" $both -o s.npz many.tok
    "$BIN/personalize" -m "$m" --teacher t.npz -r 2 -o a.gguf >table 2>stderr
    test "$(wc -l <table)" = 5
    ! grep loss stderr
    "$BIN/personalize" -m "$m" --form stream --teacher t.npz -r 2 --held $made/data.pack -o a.gguf \
        s.npz >table 2>stderr
    awk "NR > 1 && !(\$4 > 0.1) { exit 1 }" table
    grep "held-out loss: base [0-9.]*, personalised" stderr
    test_expect_code 1 "$BIN/personalize" -m "$m" --teacher t.npz --targets attn_q -o no.gguf 2>stderr
    grep "t.npz. has no array .blk.0.attn_q.in" stderr
    test_expect_code 2 "$BIN/personalize" -m "$m" --teacher t.npz --form stream -o no.gguf 2>stderr
    grep "archive of the base is missing" stderr
    test_expect_code 2 "$BIN/personalize" -m "$m" --teacher t.npz -o no.gguf s.npz 2>stderr
    grep "archive alone" stderr'

test_expect_success 'PEFT, NumPy, and what cannot be' '
    m=$TOP/examples/tiny.gguf
    "$BIN/personalize" -q -m "$m" --teacher teacher.gguf:0.5 -r 1 --targets ffn_down --peft peft \
        --npy npy -o a.gguf $made/data.pack >table
    test "$(ls npy | wc -l)" = 8
    test -s peft/adapter_model.safetensors
    test_expect_code 2 "$BIN/personalize" -m "$m" -o no.gguf $made/data.pack 2>stderr
    grep "form answers" stderr
    test_expect_code 2 "$BIN/personalize" -m "$m" --form answers --teacher a.gguf -o no.gguf \
        $made/data.pack 2>stderr
    test_expect_code 1 "$BIN/personalize" -m "$m" --teacher "$m" -o no.gguf $made/data.pack 2>stderr
    grep "do not differ" stderr
    test_must_fail flow ADAPTER=none.gguf 2>stderr
    grep "no file .none.gguf" stderr
    test_must_fail flow ADAPTERS=x 2>stderr
    grep "is ADAPTER meant" stderr
    test ! -e no.gguf'
test_done
