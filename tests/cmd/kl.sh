#!/bin/sh
# SPDX-License-Identifier: MIT
# perplexity --kl-base: how far a model is from another.
. "${0%/*}/../lib.sh"

test_built perplexity quantize || test_skip_all "the commands are not built"
tiny=$TOP/examples/tiny.gguf
[ -f "$tiny" ] || test_skip_all "no examples/tiny.gguf"
yes 'Once upon a time there was a house in the wood.' | head -n 40 >house.txt
for type in Q8_0 Q4_0; do "$BIN/quantize" --no-history -q -t $type -o $type.gguf "$tiny"; done
measure() { "$BIN/perplexity" -q -m "$1" --kl-base "$tiny" -f house.txt -c 64 --chunks 3; }
# column NAME FILE: its value in the one row
column() {
    awk -F '\t' -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
        NR == 2 { print $at[name] }' "$2"
}

test_expect_success 'a model is what it is' '
    measure "$tiny" >same
    test "$(column tokens same)" = 93
    test "$(column kl same) $(column kl_max same) $(column same_top same)" = "0 0 1"
    test "$(column log_ratio same)" = 0'

test_expect_success 'fewer bits are further away' '
    measure Q8_0.gguf >q8
    measure Q4_0.gguf >q4
    awk -v a="$(column kl q8)" -v b="$(column kl q4)" "BEGIN { exit !(0 < a && 10 * a < b) }"
    awk -v a="$(column p_change_rms q8)" -v b="$(column p_change_rms q4)" \
        "BEGIN { exit !(0 < a && a < b) }"'

test_expect_success 'perplexities are llama_perplexity' '
    "$BIN/perplexity" -q -m Q4_0.gguf --kl-base "$tiny" -f house.txt -c 64 >all
    for m in Q4_0.gguf "$tiny"; do
        "$BIN/perplexity" -q -m "$m" -f house.txt -c 64 | awk "NR == 2 { print \$4 }"
    done >want
    { column perplexity all && column base_perplexity all; } | paste - want |
        awk "{ d = \$1 / \$2 - 1; if (d * d > 1e-10) exit 1 }"'

test_expect_success 'quantize says it' '
    "$BIN/quantize" --no-history -t Q4_0 -o new.gguf --kl house.txt "$tiny" 2>talk
    cmp new.gguf Q4_0.gguf
    "$BIN/perplexity" -q -m Q4_0.gguf --kl-base "$tiny" -f house.txt >all
    grep "KL divergence $(column kl all | cut -c 1-7)" talk
    grep "on top in .* of $(column tokens all)" talk
    for words in "--dry-run" "-o -"; do
        test_expect_code 2 "$BIN/quantize" --no-history -t Q4_0 --kl house.txt $words "$tiny" 2>err
    done
    test_expect_code 1 "$BIN/quantize" --no-history -t Q4_0 -o bad.gguf --kl none.txt "$tiny" 2>err
    grep "none.txt" err
    printf "a house" >short.txt
    test_expect_code 1 "$BIN/quantize" --no-history -t Q4_0 -o bad.gguf --kl short.txt "$tiny" 2>err
    grep "no chunk of" err
    test ! -e bad.gguf'

test_expect_success 'what does not go together is refused' '
    printf short >short.txt
    test_expect_code 1 "$BIN/perplexity" -m "$tiny" --kl-base Q8_0.gguf -f short.txt 2>err
    grep "no chunk of 256 tokens" err
    test_expect_code 1 "$BIN/perplexity" -m "$tiny" --kl-base house.txt -f house.txt 2>err
    grep "house.txt" err'
test_done
