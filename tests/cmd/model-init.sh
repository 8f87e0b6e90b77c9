#!/bin/sh
# SPDX-License-Identifier: MIT
#
# model-init: every architecture makes a model that can be run and is as surprised as one that
# has learnt nothing; sizes, seeds, threads; what does not go together.
. "${0%/*}/../lib.sh"

test_built model-init bpe-train perplexity gguf-show || test_skip_all "the commands are not built"
head -c 20000 "$TOP/examples/tiny.txt" >text.txt
head -c 2000 text.txt >some.txt
"$BIN/bpe-train" -q -n 400 -o v.gguf text.txt
make_model() { "$BIN/model-init" --vocab v.gguf "$@"; }
archs=$(make_model --arch none 2>&1 | sed -n 's/.*there are: //p')

test_expect_success 'every architecture: the perplexity is nearly the number of tokens' '
    test $(echo $archs | wc -w) -ge 10
    for arch in $archs; do
        make_model -q --arch $arch --embd 32 --layers 1 -c 64 -o m.gguf
        "$BIN/perplexity" -q -m m.gguf -f some.txt -c 64 >out
        awk "NR == 2 && !(\$3 > 380 && \$3 < 430) { print \"$arch\", \$3; exit 1 }" out
    done'

test_expect_success 'a size is met, as near as widths are, and told' '
    for size in 300K:300000 1.5M:1500000 4000000:4000000; do
        make_model --size ${size%:*} -o m.gguf 2>err
        awk -v w=${size#*:} "/ parameters, / { n = \$2 } END { exit !(n > w / 1.45 && n < w * 1.45) }" err
    done
    make_model --size 100K --layers 3 --heads 2 --kv-heads 1 --ff 48 -c 32 -o m.gguf 2>err
    grep "3 blocks, width 64, 2 heads (1 of k and v), 48 inside the MLP, context 32" err'

test_expect_success 'the deviations are those of the page' '
    make_model -q --embd 64 --layers 2 -o m.gguf
    "$BIN/gguf-show" --tensors --data 4096 m.gguf >out
    awk "function sd(x) { return x > 0 ? sqrt(x) : 0 }
        /token_embd|attn_output|attn_norm/ { n = s = q = 0
            for (i = 2; i <= NF; i++) if (\$i ~ /^-?[0-9.]+(e-[0-9]+)?\$/ && \$i < 3) { n++; s += \$i; q += \$i * \$i }
            if (n > 2000) print \$0 ~ /token_embd/ ? \"table\" : \"out\", sd(q / n - s * s / n / n) }" out >sds
    awk "\$1 == \"table\" && (\$2 < 0.019 || \$2 > 0.021) || \$1 == \"out\" && (\$2 < 0.0095 || \$2 > 0.0105) { exit 1 }
        END { exit NR != 3 }" sds'

test_expect_success 'the same bytes on any number of threads, others of another seed' '
    make_model -q --threads 1 --size 1M -o a.gguf
    make_model -q --threads 3 --size 1M -o b.gguf
    make_model -q --seed 7 --size 1M -o c.gguf
    cmp a.gguf b.gguf
    if cmp -s a.gguf c.gguf; then exit 1; fi'

refused() { # STATUS WORDS OPTION...
    status=$1 words=$2
    shift 2
    rm -f n.gguf
    test_expect_code "$status" make_model -o n.gguf "$@" 2>stderr
    grep -e "$words" stderr || { cat stderr && exit 1; }
    test ! -e n.gguf
}
test_expect_success 'what does not go together is refused' '
    refused 2 "is missing"
    refused 2 "not a number of parameters" --size 1X
    refused 2 "not a number of parameters" --size 12
    refused 2 "did you mean .llama" --size 1M --arch lama
    refused 2 "3 heads (3 of k and v) do not divide a width of 64" --embd 64 --heads 3
    refused 2 "do not divide" --embd 64 --heads 4 --kv-heads 3
    refused 2 "rope turns pairs" --embd 12 --heads 4
    refused 2 "a vocabulary of 400 tokens makes" --size 2K
    printf "GGUF" >bad.gguf
    test_expect_code 1 "$BIN/model-init" --vocab bad.gguf --size 1M -o n.gguf
    test_expect_code 1 "$BIN/model-init" --vocab none.gguf --size 1M -o n.gguf
    test ! -e n.gguf'

test_done
