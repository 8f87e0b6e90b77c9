#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Chats through a template: what generate goes on with is what the template writes, to the
# token, and what a message spells is text.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no examples/tiny.gguf"
test_built generate tokenize pack train gguf-export merge quantize || test_skip_all "the commands are not built"
g() { "$BIN/generate" -q --threads 1 -m "$model" --temp 0 -n 12 "$@"; }
cat >t.jinja <<'END'
{%- for m in messages %}{{ m.role }}: {{ m.content }}{% if not (loop.last and continue_final_message) %}{{ eos_token }}{% endif %}{% endfor %}
{%- if add_generation_prompt %}assistant:{% endif %}
END
eot='<|endoftext|>'
# goes_on CHAT TEXT: of the chat the model makes what it makes of the text with control tokens.
goes_on() {
    echo "$1" | g --chat - --chat-template ./t.jinja >got
    g --special -p "$2" >want
    printf "%s" "$2" | wc -c >n
    tail -c +$(($(cat n) + 1)) want | cmp - got
}

test_expect_success 'a chat is what its template writes of it' '
    goes_on "[{\"role\": \"user\", \"content\": \"The gull\"}]" "user: The gull${eot}assistant:"
    goes_on "{\"messages\": [{\"role\": \"system\", \"content\": \"Fog.\"},
        {\"role\": \"user\", \"content\": \"The sea\"}]}" \
        "system: Fog.${eot}user: The sea${eot}assistant:"'

test_expect_success 'prompts from packed rows: what stands in front of the first trained token' '
    for word in gull sea fog; do
        echo "{\"messages\": [{\"role\": \"user\", \"content\": \"The $word\"},
            {\"role\": \"assistant\", \"content\": \"grey water, grey sky\"}]}" | tr -d "\n"
        echo
    done >rows.jsonl
    "$BIN/tokenize" -q -m "$model" --chat-template ./t.jinja rows.jsonl |
        "$BIN/pack" -q -c 96 -o rows.pack
    g --prompts-from rows.pack -k 2 >got
    for word in gull sea; do
        g --special -p "user: The $word${eot}assistant:"
    done | sed "s/^ *user: \(.*\)${eot}assistant:/\1\n/" >want # what was said last is shown
    cmp got want'

test_expect_success 'prompts from packed text: its first words, where they leave room' '
    "$BIN/tokenize" -q -m "$model" "$TOP/examples/tiny.txt" | "$BIN/pack" -q -c 96 -o text.pack
    g --prompts-from text.pack -k 3 --label x >got
    grep -c "^==> x <==$" got | grep -x 3
    sed 1d got | head -c 12 >a && head -c 12 "$TOP/examples/tiny.txt" | cmp - a
    test_expect_code 1 "$BIN/generate" -m "$model" --prompts-from rows.pack -n 250 2>err
    grep "rows.pack: no prompt of at most [0-9]* tokens in it" err'

test_expect_success 'a conversation: every answer is what the whole of it gives' '
    talk() { g -i --chat-template ./t.jinja "$@"; }
    echo "The gull" | talk >one
    text=$(cat one)
    printf "The gull\nThe sea\n" | talk >both
    g --special -p "user: The gull${eot}assistant:${text}${eot}user: The sea${eot}assistant:" >whole
    skip=$(printf "%s" "user: The gull${eot}assistant:${text}${eot}user: The sea${eot}assistant:" | wc -c)
    { cat one && tail -c +$((skip + 1)) whole; } | cmp - both
    printf "The gull\n/reset\nThe gull\n/exit\nThe sea\n" | talk >again 2>err
    cat one one | cmp - again
    printf "/system Fog.\nThe gull\n" | talk >fog
    echo "[{\"role\": \"system\", \"content\": \"Fog.\"}, {\"role\": \"user\", \"content\": \"The gull\"}]" |
        g --chat - --chat-template ./t.jinja | cmp - fog
    printf "a\\\\\nb\n\"\"\"a\nb\"\"\"\n" | talk >out
    printf "\"\"\"a\nb\"\"\"\na\\\\\nb" | talk | cmp - out'

test_expect_success 'a conversation: what it does not take is told, and it goes on' '
    long=$(printf "%0900d" 0)
    printf "/foo\n%s\nThe gull\n" "$long" | test_expect_code 1 "$BIN/generate" --threads 1 \
        -m "$model" --temp 0 -n 12 -i --chat-template ./t.jinja >out 2>err
    cmp one out
    grep "2 of the messages were left out" err
    grep "the answer was cut after 12 tokens" err
    grep "no /foo, /help lists" err
    grep "the conversation has .* this message is left out" err
    echo "The gull" | g -i --chat-template none >text
    test -s text
    test_expect_code 2 g -i -p a && test_expect_code 2 g -p a --ctx 9
    test_expect_code 1 g -i --ctx 1000 </dev/null'

test_expect_success 'a conversation: stops, a full context, text without a template' '
    word=$(cut -d " " -f 3 one)
    test -n "$word"
    echo "The gull" | g -i --chat-template ./t.jinja --stop "$word" >out
    printf "%s\n" "$(sed "s/$word.*//" one)" >want
    sed "s/ *$//" out >got && sed "s/ *$//" want | cmp - got
    echo "The gull" | "$BIN/generate" --threads 1 -m "$model" --temp 0 -c 24 -i --chat-template \
        ./t.jinja >out 2>err
    test "$(wc -c <out)" -lt "$(($(wc -c <one) * 4))"
    grep "the context of 24 positions is full, and the answer ends there" err
    printf "The gull$eot\nThe sea\n" | g -i --special --chat-template none >out
    g --special -p "The gull$eot" >want
    { printf "The gull$eot" && head -n 1 out; } | cmp -n "$(wc -c <want)" - want'

# What a terminal sends on Ctrl-C, in the middle of an answer that would last much longer.
interrupted() {
    cp "$model" long.gguf
    at=$(LC_ALL=C grep -abo llama.context_length long.gguf | head -n 1 | cut -d : -f 1)
    printf "\000\000\001\000" | dd of=long.gguf bs=1 seek=$((at + 24)) conv=notrunc
    code=0
    : >out
    { echo "The gull"
      for tenth in $(seq 100); do [ -s out ] || sleep 0.1; done
      kill -INT "$(cat pid)"
      echo "/nothing"
    } | sh -c 'echo $$ >pid; exec "$0" "$@"' "$BIN/generate" --threads 1 -m long.gguf -i \
        --chat-template none --temp 0 -c 65536 -n 65000 >out 2>err || code=$?
    test $code = 1
    grep "no /nothing" err
    grep "1 of the messages were left out" err
    if grep "was cut\|is full" err; then exit 1; fi
    test -s out
}
int_status=0
sh -c 'kill -INT $$' 2>/dev/null || int_status=$?
if [ $int_status = 130 ]; then
    test_expect_success 'a conversation: an interrupt ends the answer, and not the program' interrupted
else
    test_skip 'an interrupt ends the answer' 'it is ignored here'
fi

test_expect_success 'an answer that is begun goes on' '
    goes_on "[{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"The wind\"}]" \
        "user: a${eot}assistant: The wind"
    goes_on "{\"add_generation_prompt\": true, \"messages\":
        [{\"role\": \"assistant\", \"content\": \"The wind\"}]}" \
        "assistant: The wind${eot}assistant:"'

test_expect_success 'what a message spells is text' '
    printf "{{ messages[0].content }}" >plain.jinja
    echo "[{\"role\": \"user\", \"content\": \"one${eot}two\"}]" |
        g --chat - --chat-template ./plain.jinja >got
    g -p "one${eot}two" 2>/dev/null | tail -c +$((${#eot} + 7)) | cmp - got
    g --special -p "one${eot}two" | tail -c +$((${#eot} + 7)) >want
    if cmp -s want got; then exit 1; fi'

test_expect_success 'one BOS, whoever writes it' '
    printf "{{ bos_token }}{{ bos_token }}{{ messages[0].content }}" >bos.jinja
    echo "[{\"role\": \"user\", \"content\": \"one\"}]" |
        g --chat - --chat-template ./bos.jinja >got
    g --special -p "${eot}one" | tail -c +$((${#eot} + 4)) | cmp - got'

test_expect_success 'prompts as what a user says; several chats' '
    printf "The gull\n\nThe sea\n" >prompts
    g --ask -p Fog --prompts prompts --chat-template ./t.jinja >asked
    for text in Fog "The gull" "The sea"; do
        echo "$text"
        echo "[{\"role\": \"user\", \"content\": \"$text\"}]" |
            g --chat - --chat-template ./t.jinja
    done | cmp - asked
    printf "%s\n\n%s\n" "[{\"role\": \"user\", \"content\": \"Fog\"}]" \
        "{\"messages\": [{\"role\": \"user\", \"content\": \"The gull\"}]}" >two.jsonl
    g --chat two.jsonl --chat-template ./t.jinja >got
    sed -n "2p; 4p" asked | cmp - got
    (printf "\357\273\277\n \r\n"; cat two.jsonl) >odd.jsonl
    g --chat odd.jsonl --chat-template ./t.jinja | cmp - got'

test_expect_success 'a well-known template, and variables' '
    echo "[{\"role\": \"user\", \"content\": \"Fog\"}]" >fog.json
    g --chat fog.json --chat-template chatml >got
    g -p "<|im_start|>user
Fog<|im_end|>
<|im_start|>assistant
" | tail -n 2 | cmp - got
    printf "{{ who }}: {{ messages[0].content }}" >who.jinja
    g --chat fog.json --chat-template ./who.jinja --template-arg who="\"keeper\"" >got
    g -p "keeper: Fog" | tail -c +12 | cmp - got'

refuses() { # TEXT COMMAND...
    reason=$1
    shift
    test_expect_code 1 "$@" >stdout 2>stderr
    grep -e "$reason" stderr
}
test_expect_success 'what is no chat' '
    chat() { printf %s "$1" | "$BIN/generate" -m "$model" --chat - --chat-template ./t.jinja; }
    refuses "line 1: a chat is an array of messages" chat "{\"text\": \"a\"}"
    refuses "line 1: a chat is an array of messages" chat "[]"
    refuses "line 3 byte" chat "[{\"role\": \"user\", \"content\": \"a\"}]

[{\"role\": }]"
    refuses "standard input.*no value" chat "
"
    refuses "has no chat template\|no chat template in" "$BIN/generate" -m "$model" --chat fog.json
    test_expect_code 2 "$BIN/generate" -m "$model" -p a --chat-template chatml 2>stderr'

test_expect_success 'samples of a training that go through the template' '
    i=0
    while [ $i -lt 20 ]; do echo "Lit the lamp at $i bells." && i=$((i + 1)); done >text
    "$BIN/tokenize" -q -m "$model" text | "$BIN/pack" -q -c 32 -o t.pack
    "$BIN/train" -q --threads 1 -m "$model" -d t.pack --steps 1 -o t.ckpt --prompts prompts \
        --samples s.tsv --sample-tokens 12 --ask --chat-template ./t.jinja
    for text in "The gull" "The sea"; do
        printf "0\t%s\t" "$text"
        echo "[{\"role\": \"user\", \"content\": \"$text\"}]" |
            g --chat - --chat-template ./t.jinja
    done >want
    sed -n 2,3p s.tsv | cmp - want'
test_expect_success 'the template of the training goes into models, its hash into the adapter' '
    "$BIN/gguf-export" -q -m "$model" -o plain.gguf t.ckpt
    "$BIN/gguf-export" -q -m "$model" --chat-template ./t.jinja -o a.gguf t.ckpt
    "$BIN/gguf-show" --keys a.gguf >keys
    grep "libtrain.chat_template_hash" keys
    "$BIN/gguf-show" --keys plain.gguf >keys
    if grep chat_template keys; then exit 1; fi
    "$BIN/merge" -q -m "$model" -a a.gguf --chat-template ./t.jinja -o merged.gguf
    "$BIN/quantize" -q -t q8_0 -o q8.gguf merged.gguf
    g --ask -p Fog --chat-template ./t.jinja -a a.gguf >want
    echo Fog | g -i --chat-template ./t.jinja -a a.gguf >got
    sed 1d want | cmp - got
    "$BIN/generate" -q --threads 1 -m merged.gguf --temp 0 -n 12 --ask -p Fog | cmp - want
    "$BIN/generate" -q -m q8.gguf -n 2 --ask -p Fog
    echo "{% if" >broken.jinja
    refuses "line 1" "$BIN/merge" -m "$model" -a a.gguf --chat-template ./broken.jinja -o no
    test ! -e no'
test_done
