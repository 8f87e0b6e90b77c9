#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tokenize of rows: forms, chat templates, masks, what is told and refused.  What each row
# becomes is a matter of tests/unit/test_prepare.c, forms are one of test_source.c.
. "${0%/*}/../lib.sh"

test_built tokenize detokenize pack || test_skip_all "the commands are not built"
model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no examples/tiny.gguf"
tok() { "$BIN/tokenize" -m "$model" "$@"; }

# A template whose end of turn the vocabulary has.
cat >t.jinja <<'EOF'
{%- for m in messages %}{{ m.role }}: {{ m.content }}<|endoftext|>
{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}
EOF
cat >chats.jsonl <<'EOF'
{"messages": [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "A lamp."}]}
{"messages": [{"role": "user", "content": "<|endoftext|>"}, {"role": "assistant", "content": "A"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}]}
EOF
cat >shown <<'EOF'
== row 1, line 1: 19 tokens, 5 trained
user: What is it?‹<|endoftext|>›
assistant:⟦ A lamp.‹<|endoftext|>›
⟧
EOF

# ==== chats ====

test_expect_success 'rows as the model sees them' '
    tok --chat-template t.jinja --show --max-rows 1 chats.jsonl 2>err >have
    sed "s/: [0-9]* tokens, [0-9]* trained//" have >a
    sed "s/: [0-9]* tokens, [0-9]* trained//" shown | cmp - a
    tok -q --chat-template t.jinja --show --max-rows 1 --train-on all chats.jsonl >have
    grep "^⟦user" have
    tok -q --chat-template t.jinja --show --train-on last chats.jsonl >have
    test $(grep -c "⟦" have) = 2'

test_expect_success 'renderings with their spans' '
    tok -q --chat-template t.jinja --render chats.jsonl >have
    test $(wc -l <have) = 2
    printf "%s\n" "{\"text\": \"user: What is it?<|endoftext|>\nassistant: A lamp.<|endoftext|>\n\", \"trained\": [[42, 63]]}" >want
    head -n 1 have | cmp - want'

test_expect_success 'to a pack: what is trained counts, and no more' '
    tok --chat-template t.jinja -o c.tok chats.jsonl 2>err
    grep "^  trained  *[0-9]" err
    n=$(sed -n "s/^  trained *\([0-9]*\) .*/\1/p" err)
    "$BIN/pack" -c 128 -o c.pack c.tok 2>err
    grep "($n counted)" err'

test_expect_success 'what a user spells stays text, and is told' '
    tok --chat-template t.jinja --text -o ids chats.jsonl 2>err
    grep "control tokens 1 times, such as .<|endoftext|>" err
    test $(head -n 2 ids | tr " " "\n" | grep -c "^2047$") = 6
    tok -q --chat-template t.jinja --text --special -o ids chats.jsonl
    test $(tr " " "\n" <ids | grep -c "^2047$") = 7'

test_expect_success 'a model without a template: refused, with the way out' '
    test_expect_code 1 tok -o out chats.jsonl 2>err
    grep "chats.jsonl.*line 1.*no chat template.*--chat-template" err
    test ! -e out
    test_expect_code 1 tok --chat-template nothere -o out chats.jsonl 2>err
    grep "nothere.*no file" err'

test_expect_success 'a template with a mistake, and one with a variable' '
    printf "{%% if %%}" >bad.jinja
    test_expect_code 1 tok --chat-template bad.jinja -o out chats.jsonl 2>err
    grep "bad.jinja.*line 1" err
    printf "{{ hello }}{{ messages[0].content }}" >v.jinja
    tok -q --chat-template v.jinja --template-arg "hello=\"HELLO\"" --render chats.jsonl >have
    grep "HELLOWhat" have
    test_expect_code 2 tok --chat-template v.jinja --template-arg "hello=HELLO" --render chats.jsonl 2>err
    grep "quotes" err'

test_expect_success 'a turn that does not end as the model ends a text' '
    printf "{%% for m in messages %%}{{ m.role }}: {{ m.content }}.END{%% endfor %%}" >endless.jinja
    rm -f out
    test_expect_code 1 tok --chat-template endless.jinja -o out chats.jsonl 2>err
    grep "none of 3 trained turns .*but with .*not learn to stop.*--eos.*--no-eos" err
    test ! -e out
    test $(grep -c "learn to stop" err) = 1
    test_expect_code 1 tok --stats --chat-template endless.jinja chats.jsonl >have 2>err
    grep "^rows  *2" have
    tok --chat-template endless.jinja --show chats.jsonl 2>err >have
    grep "3 trained turns end with .*will not learn to stop" err
    tok --chat-template endless.jinja --no-eos -o out chats.jsonl 2>err
    grep "3 trained turns end with .*will not learn to stop" err
    tok -q --chat-template endless.jinja --train-on user,tool -o out chats.jsonl
    tok -q --chat-template endless.jinja --train-on all -o out chats.jsonl'

test_expect_success 'only questions are trained, as messages say themselves: not refused' '
    echo "{\"messages\": [{\"role\": \"user\", \"content\": \"a\", \"train\": true},
        {\"role\": \"assistant\", \"content\": \"b\", \"train\": false}]}" | tr -d "\n" >asks.jsonl
    tok --chat-template endless.jinja -o out asks.jsonl 2>err
    if grep "learn to stop" err; then exit 1; fi'

test_expect_success 'answers that something follows: --eos does not mend them, and is not advised' '
    printf "{%% for m in messages %%}{%% generation %%}{{ m.content }}{%% endgeneration %%};{%% endfor %%}" >blocks.jinja
    echo "{\"messages\": [{\"role\": \"assistant\", \"content\": \"b\"}]}" >one.jsonl
    test_expect_code 1 tok --chat-template blocks.jinja -o out one.jsonl 2>err
    grep -e "--eos puts.*--no-eos" err
    test_expect_code 1 tok --chat-template blocks.jinja --eos -o out one.jsonl 2>err
    grep "follows none of them: --no-eos goes on" err'

test_expect_success 'a turn whose mark stands in front of it does not end so, be it as short as it may' '
    printf "{%% for m in messages %%}{%% if not loop.first %%}<|endoftext|>{%% endif %%}{{ m.role }}: {{ m.content }}{%% endfor %%}" >front.jinja
    test_expect_code 1 tok --chat-template front.jinja -o out chats.jsonl 2>err
    grep "none of 3 trained turns" err
    tok -q --chat-template front.jinja --eos --show --max-rows 1 chats.jsonl >have
    grep "A lamp.‹<|endoftext|>›⟧" have'

test_expect_success '--eos mends it, and adds none where there is one' '
    tok --chat-template endless.jinja --eos --show chats.jsonl 2>err >have
    grep "⟦.*A lamp.*END‹<|endoftext|>›⟧" have
    grep "1 trained turns end with" err
    tok --chat-template endless.jinja --eos -o out chats.jsonl
    tok -q --chat-template t.jinja --text chats.jsonl >want
    tok -q --chat-template t.jinja --eos --text chats.jsonl | cmp - want'

test_expect_success 'nothing that is trained: refused' '
    rm -f out
    test_expect_code 1 tok --chat-template t.jinja --train-on model -o out chats.jsonl 2>err
    grep "nothing of 2 rows is trained" err
    test ! -e out'

# ==== rows that are wrong ====

test_expect_success 'a bad row: an error with its place, or left out' '
    (head -n 1 chats.jsonl; echo "{\"messages\": [3]}"; tail -n 1 chats.jsonl; echo "{") >bad.jsonl
    test_expect_code 1 tok --chat-template t.jinja -o out bad.jsonl 2>err
    grep "bad.jsonl. line 2 byte [0-9]*: message 1 .*is no object (--skip-bad" err
    test ! -e out
    test_expect_code 1 tok --chat-template t.jinja --skip-bad 1 -o out bad.jsonl 2>err
    grep "bad.jsonl. line 4 .*1 bad rows were left out" err
    tok --chat-template t.jinja --skip-bad 2 -o have bad.jsonl 2>err
    grep "left out  *2" err
    tok -q --chat-template t.jinja chats.jsonl | cmp - have
    echo "{" >all.jsonl
    test_expect_code 1 tok --skip-bad 9 -o out all.jsonl 2>err
    grep "all 1 rows were bad" err
    test ! -e out'

test_expect_success 'what the template refuses is a bad row' '
    printf "{%% if messages|length > 2 %%}{{ raise_exception(\"too many\") }}{%% endif %%}a<|endoftext|>" >r.jinja
    test_expect_code 1 tok --chat-template r.jinja --train-on all -o out chats.jsonl 2>err
    grep "chats.jsonl. line 2.*too many" err
    tok --chat-template r.jinja --train-on all --skip-bad 1 --text chats.jsonl 2>err >ids
    test $(wc -l <ids) = 1'

# ==== forms, and the table ====

cat >mixed.jsonl <<'EOF'
{"prompt": "a", "completion": "b"}
{"instruction": "a", "output": "b", "weight": 2, "group": "g"}
{"text": "a text"}
{"text": "a text"}
{"text": ""}
{"segments": [{"text": "x", "train": false}, {"text": " y"}]}
{"input_ids": [1, 2, 3], "labels": [-100, 2, 3]}
EOF

test_expect_success 'forms of rows in one file, and what there is' '
    tok --stats mixed.jsonl >table
    test "$(awk "\$1 == \"rows\" { print \$2 }" table)" = 7
    grep "without a token  *1$" table
    grep "there before  *1$" table
    tok --stats -c 2 mixed.jsonl >table
    grep "longer than the context  *[0-9]" table
    tok -q --text mixed.jsonl >ids
    test $(wc -l <ids) = 7
    test "$(tail -n 1 ids)" = "1 2 3"
    head -n 1 ids | grep " 2047$"
    tok -q --no-eos --text mixed.jsonl | head -n 1 | grep -v 2047'

test_expect_success 'columns with other names, a form by name, an array, packed, from a pipe' '
    echo "[{\"frage\": \"a\", \"antwort\": \"b\"}]" >a.json
    head -n 1 mixed.jsonl >one.jsonl
    tok -q --text one.jsonl >want
    tok -q --text --key prompt=frage --key completion=antwort a.json | cmp - want
    tok -q --text --format prompt one.jsonl | cmp - want
    gzip -c one.jsonl >one.jsonl.gz
    tok -q --text one.jsonl.gz | cmp - want
    tok -q --text <one.jsonl | cmp - want
    test_expect_code 2 tok --key prompt one.jsonl -o out 2>err
    test_expect_code 2 tok --format nothing one.jsonl -o out 2>err'

test_expect_success 'plain text is as it was, also beside rows' '
    printf "a text" >a.txt
    tok -q a.txt >plain
    test "$(od -An -tu4 -j8 -N4 plain | tr -d " ")" = 1
    tok -q --text a.txt >want
    head -n 3 mixed.jsonl | tail -n 1 >text.jsonl
    tok -q --text text.jsonl | cmp - want
    tok -q --format text --text text.jsonl >letters
    test $(wc -w <letters) -gt $(wc -w <want)
    tok -q a.txt text.jsonl >both
    "$BIN/detokenize" -q -m "$model" both >back
    printf "a texta text" | cmp - back
    tok -q --text a.txt text.jsonl | uniq | cmp - want'

test_expect_success 'any number of threads gives the same bytes' '
    i=0
    while [ $i -lt 400 ]; do
        cat chats.jsonl mixed.jsonl
        echo "{\"text\": \"row $i of many\", \"weight\": 0.$i}"
        i=$((i + 1))
    done >many.jsonl
    tok -q --chat-template t.jinja --threads 1 many.jsonl >one
    tok -q --chat-template t.jinja --threads 3 many.jsonl >three
    cmp one three
    tok -q --chat-template t.jinja --max-rows 500 --text many.jsonl >have
    tok -q --chat-template t.jinja --text many.jsonl | head -n 500 | cmp - have'

# ==== samples of a plain text ====

test_expect_success '--sample-start: documents from each to the next' '
    printf "front\n###one\n###two\n###" >s.txt
    tok -q --text --sample-start "\n###" --escape s.txt >have
    printf one >1; printf two >2; : >3
    tok -q --text 1 2 3 | cmp - have
    tok -q --text --sample-start "\n###" --escape --include-sample-start s.txt >have
    printf "\n###one" >1; printf "\n###two" >2; printf "\n###" >3
    tok -q --text 1 2 3 | cmp - have
    tok -q --text --sample-start "no such" s.txt >have 2>err
    grep "nowhere" err
    tok -q --text s.txt | cmp - have
    test_expect_code 2 tok --escape s.txt -o out 2>err'

# ==== real templates and vocabularies ====

test_expect_success 'options that do not go together' '
    test_expect_code 2 tok --stats --show chats.jsonl 2>err
    test_expect_code 2 tok --stats -o out chats.jsonl 2>err
    test_expect_code 2 tok --render --from-ids chats.jsonl 2>err
    test_expect_code 2 tok --train-on a,,b chats.jsonl -o out 2>err
    grep "no list of roles" err'

# vocabulary, template with its bos_token and eos_token
pairs="qwen2:qwen2.5 llama-bpe:llama-3 phi-3:phi-3-mini llama-spm:mistral-v0.2-old gemma-4:gemma-4"
if [ ! -d "$SHARED/templates" ] || ! command -v python3 >/dev/null; then
    test_skip 'ids of real templates' "no reference material, or no python3"
else
    test_expect_success 'ids of a rendering are those of its text with special tokens' '
        for pair in $pairs; do
            python3 - "$SHARED/templates" ${pair#*:} >r.jsonl 2>args <<EOF
import json, sys
root, name = sys.argv[1:]
cases = json.load(open(root + "/cases.json")); want = json.load(open(root + "/expected.json"))[name]
tokens = json.load(open(root + "/tokens.json"))[name]
for k in ("bos_token", "eos_token"):
    if tokens.get(k): print("--template-arg", repr("%s=%s" % (k, json.dumps(tokens[k]))), file=sys.stderr)
for c in want:
    if "text" in want[c] and c != "control-tokens":
        row = {k: v for k, v in cases[c].items() if k != "kwargs"}
        if "kwargs" in cases[c]: row["chat_template_kwargs"] = cases[c]["kwargs"]
        print(json.dumps(row))
EOF
            v=$SHARED/vocab/ggml-vocab-${pair%%:*}.gguf
            set -- --train-on all --chat-template "$SHARED/templates/${pair#*:}.jinja" @args
            export SOURCE_DATE_EPOCH=1785056707 TZ=UTC
            "$BIN/tokenize" -q -m "$v" "$@" --render r.jsonl >rendered
            python3 -c "
import json
for i, line in enumerate(open(\"rendered\")): open(\"t%03d\" % i, \"w\").write(json.loads(line)[\"text\"])"
            "$BIN/tokenize" -q -m "$v" "$@" --no-bos --text r.jsonl >have 2>err
            "$BIN/tokenize" -q -m "$v" --format text --no-bos --special --text t[0-9]* >want 2>err
            cmp have want
            rm t[0-9]*
        done'
fi

test_done
