#!/bin/sh
# SPDX-License-Identifier: MIT
#
# choice: sums of a row beside what perplexity says of the same text, all forms of a row, the
# interval, and rows that are none.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
test_built choice perplexity tokenize || test_skip_all "the commands are not built"
[ -f "$model" ] || test_skip_all "no examples/tiny.gguf"
choice() { "$BIN/choice" -q --threads 1 -m "$model" "$@"; }

test_expect_success 'of two endings the one of the lower loss, as perplexity finds it' '
    printf "Once upon a time there was a clock." >a
    printf "Once upon a time there was zqx@ vv." >b
    for f in a b; do
        "$BIN/perplexity" -q --threads 1 -m "$model" -f $f -c 32 | awk "NR == 2 { print \$1 * \$2 }" >loss-$f
    done
    awk "{ l[FILENAME] = \$1 } END { exit !(l[\"loss-a\"] < l[\"loss-b\"]) }" loss-a loss-b
    q="\"question\":\"Once upon a time there was\",\"choices\":[\"zqx@ vv.\",\"a clock.\"]"
    printf "{%s,\"answer\":1}\n{%s,\"answer\":0}\n{%s,\"answer\":1}\n{%s,\"answer\":1}\n" "$q" "$q" "$q" "$q" >rows.jsonl
    choice --label x rows.jsonl >out
    cut -f 1-3 out >short
    printf "model\trows\taccuracy\nx\t4\t0.7500\n" | cmp - short'

test_expect_success 'the interval is that of Wilson: 3 of 4' '
    awk "NR == 2 && (\$4 != \"0.3006\" || \$5 != \"0.9544\") { print; exit 1 }" out'

test_expect_success 'divided by its bytes a long choice may be the likelier one' '
    printf "{\"question\":\"Once upon a time\",\"choices\":[\"q\",\"there was a clock and a boat and a lamp.\"],\"answer\":1}\n" >rows.jsonl
    choice rows.jsonl >out
    awk "NR == 2 && \$6 != 1 { exit 1 }" out'

test_expect_success 'every form of a row means the same' '
    c="[\"zqx@ vv.\",\"a clock.\"]" q="Once upon a time there was"
    cat >forms.jsonl <<END
{"query": "$q", "endings": $c, "label": "1"}
{"ctx": "$q", "options": $c, "gold": 1}
{"prompt": "$q", "choices": {"text": $c, "label": ["1", "2"]}, "answerKey": "2"}
{"context": "$q", "choices": $c, "answer": "B"}
{"question": "$q ", "choices": $c, "answer": "a clock."}
END
    choice forms.jsonl >out
    awk "NR == 2 && (\$2 != 5 || \$3 != 1) { print; exit 1 }" out
    choice --label second --after out -o both forms.jsonl
    test "$(wc -l <both)" = 3'

refused() { # WORDS ROW
    printf "%s\n" "{\"question\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":0}" "$2" >bad.jsonl
    rm -f none
    test_expect_code 1 choice -o none bad.jsonl 2>stderr
    grep -e "$1" stderr || { cat stderr && exit 1; }
    test ! -e none
}
test_expect_success 'what is no row is refused with its line' '
    refused "line 2.*without a question" "{\"choices\":[\"b\",\"c\"],\"answer\":0}"
    refused "line 2: a row without two or more choices" "{\"question\":\"a\",\"choices\":[\"b\"],\"answer\":0}"
    refused "line 2: a row without an answer that is one of its choices" "{\"question\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":2}"
    refused "line 2.*an answer" "{\"question\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":\"Z\"}"
    refused "line 2.*choices" "{\"question\":\"a\",\"choices\":[\"b\",\"\"],\"answer\":0}"
    refused "line 2" "{\"question\":"
    refused "line 2" "[1]"
    : >empty.jsonl
    test_expect_code 1 choice empty.jsonl 2>stderr
    test_expect_code 2 choice -c 4 forms.jsonl 2>stderr
    grep "forms.jsonl line 1: .* more than the 4 of --ctx" stderr'

test_done
