#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Models that people have, from dev/fetch-models.sh: perplexity as llama.cpp measures it,
# a fine-tuning that helps, and the memory that it takes.  `make check-long`; not part of
# `make check`, since it needs 600 MB from outside, 3 GB of disk and some ten minutes.
. "${0%/*}/../lib.sh"

test_built tokenize pack train gguf-export merge quantize perplexity generate ||
    test_skip_all "the commands are not built"
[ -z "$SANITIZE" ] || test_skip_all "a sanitizer makes it last for hours"
folder=${MODELS_DIR:-$TOP/build/models}
case $folder in /*) ;; *) folder=$TOP/$folder ;; esac
bin=${BIN#"$TOP"/}

# perplexity TEXT_BYTES CONTEXT WANTED: of the first bytes of a text by windows of which the
# second half counts, within 1 % of what llama-perplexity prints for the same file.
perplexity() {
    head -c "$1" "$SHARED/text/tinyshakespeare.txt" >text.txt
    "$BIN/perplexity" -q -m "$model" -f text.txt -c "$2" >table.tsv
    cat table.tsv
    awk -F "\t" -v want="$3" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
        NR == 2 { p = $at["llama_perplexity"] }
        END { exit !(p > 0.99 * want && p < 1.01 * want) }' table.tsv
}

# What `make finetune` gives is better on the text that it has not seen, in all three forms.
finetune() {
    head -c 24000 "$TOP/examples/tiny.txt" >text.txt
    (cd "$TOP" && "$MAKE" finetune RUNS="$test_scratch/runs" BIN="$bin" NAME=real \
        MODEL="$model" DATA="$test_scratch/text.txt" CTX=256 BATCH=1 STEPS=16 N_SAMPLE=4 \
        OUTPUTS='adapter merged q8_0') \
        >log 2>&1 || { tail -n 20 log && return 1; }
    cat runs/real/eval.tsv
    awk -F "\t" '$1 == "base" { base = $3 } NR > 2 { n++; bad += !($3 > 1 && $3 < 0.9 * base) }
        END { exit !(n == 3 && !bad) }' runs/real/eval.tsv
}

# peak OPTION…: of a run of a few steps; its figures, measured and planned, in MB.
peak() {
    "$BIN/train" -m "$model" -d runs/real/data.pack -o m.ckpt --lora-r 8 --batch 1 --steps 2 \
        --restart "$@" 2>stderr
    rm -rf m.ckpt*
    sed -n "s/.*peak memory \([0-9.]*\) MB, planned \([0-9.]*\) MB/\1 \2/p" stderr
}

planned() {
    peak >figures
    cat figures
    awk '{ seen = 1; d = $1 - $2; bad = (d < 0 ? -d : d) > 0.05 * $2 }
        END { exit bad || !seen }' figures
}

fits() {
    peak --val runs/real/val.pack >figures
    cat figures
    awk -v limit=$(($(wc -c <"$model") + 450000000)) '{ seen = 1; bad = $1 * 1e6 > limit }
        END { exit bad || !seen }' figures
}

# check NAME FILE TEXT_BYTES CONTEXT PERPLEXITY
check() {
    if ! sh "$TOP/dev/fetch-models.sh" "$folder" "$1" >why; then
        grep '^SKIP' why || echo "SKIP $1: $(cat why)"
        return
    fi
    model=$folder/$2
    if [ -f "$SHARED/text/tinyshakespeare.txt" ]; then
        test_expect_success "$1: perplexity is llama.cpp's" "perplexity $3 $4 $5"
    else
        test_skip "$1: perplexity" "no reference material"
    fi
    test_expect_success "$1: fine-tuning lowers the perplexity of held-out text" finetune
    test_expect_success "$1: the peak is what was planned" planned
    test_expect_success "$1: a run that measures too fits in 450 MB beside the file" fits
    rm -rf runs
}

check smollm2 SmolLM2-135M-Instruct.Q4_1.gguf 60000 512 37.98
check qwen2.5-coder qwen2.5-coder-0.5b-instruct-q4_k_m.gguf 30000 256 99.952
test_done
