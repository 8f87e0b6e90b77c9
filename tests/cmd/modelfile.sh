#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What a Modelfile says of a model: names of files, the template in Go's form, stop texts; and
# templates of which none can be made.
. "${0%/*}/../lib.sh"

[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"
test_built modelfile tokenize pack train gguf-export gguf-edit || test_skip_all "modelfile is not built"
cp "$TOP/examples/tiny.gguf" model.gguf
head -c 4000 "$TOP/examples/tiny.txt" >text.txt
"$BIN/tokenize" -q -m model.gguf -o data.tok text.txt
"$BIN/pack" -q -c 32 -o data.pack data.tok
"$BIN/train" -q -m model.gguf -d data.pack -o model.ckpt --steps 1 --batch 1
"$BIN/gguf-export" -q -m model.gguf -o adapter.gguf model.ckpt
mf() { "$BIN/modelfile" -q "$@"; }
# has LINE: the file `got` has it, as a whole.
has() { grep -qxF -e "$1" got || { echo "no line: $1" && cat got && return 1; }; }

test_expect_success 'files are named as they are seen from the Modelfile' '
    mf -m model.gguf >got
    has "FROM ./model.gguf"
    mkdir -p "in a/b"
    cp model.gguf "in a/my model.gguf"
    mf -m "in a/my model.gguf" -a adapter.gguf -o "in a/Modelfile"
    cp "in a/Modelfile" got
    has "FROM \"./my model.gguf\""
    has "ADAPTER $(pwd -P)/adapter.gguf"
    mf -m model.gguf -o "in a/b/Modelfile"
    cp "in a/b/Modelfile" got
    has "FROM $(pwd -P)/model.gguf"
    mf -m model.gguf --from base:7b --system "Be brief." --ctx 99 >got
    has "FROM base:7b"
    has "SYSTEM \"\"\"Be brief.\"\"\""
    has "PARAMETER num_ctx 99"
    test_must_fail "$BIN/modelfile" -m model.gguf --system "a\"\"\"b" -o none 2>stderr
    test ! -e none'

test_expect_success 'a model without a template' '
    mf -m model.gguf >got
    has "# No TEMPLATE can be made of the chat template: the model has none."
    grep -q "^PARAMETER stop" got
    if grep -q TEMPLATE\ \" got; then exit 1; fi'

test_expect_success 'one of the well-known ones' '
    mf -m model.gguf --chat-template phi3 | sed "/^FROM\|^PARAMETER num/d" >got
    cat >want <<END
TEMPLATE """{{ if .System }}<|system|>
{{ \$.System }}<|end|>
<|user|>
{{ else }}<|user|>
{{ end }}{{ range \$i, \$m := .Messages }}{{ if eq .Role "user" }}{{ .Content }}<|end|>
<|assistant|>
{{ else if eq .Role "assistant" }}{{ .Content }}{{ if not (eq (len (slice \$.Messages \$i)) 1) }}<|end|>
<|user|>
{{ end }}{{ end }}{{ end }}"""
END
    sed "/^PARAMETER/,\$d" got | cmp - want
    grep -A 1 "^PARAMETER stop \"\"\"<|end|>$" got | tail -n 1 >line
    echo "<|user|>\"\"\"" | cmp - line'

# form TEMPLATE: what is behind TEMPLATE in the Modelfile, in one line, is in the file `one`.
form() {
    printf %s "$1" >t.jinja
    mf -m model.gguf --chat-template ./t.jinja >got
    sed -n "/^TEMPLATE/,\$p" got | tr "\n" "~" | sed "s/^TEMPLATE \"\"\"//; s/\"\"\".*//" >one
}
test_expect_success 'pieces that Go or a Modelfile would take for their own' '
    form "{% for m in messages %}{{ m.role[0] }}{{ \"{\\\"\" }}{{ m.content }}|{% endfor %}"
    printf %s "{{ if .System }}{{ \"s{\\\"\" }}{{ \$.System }}{{ \"|u{\\\"\" }}{{ else }}" >want
    head -c $(wc -c <want) one | cmp - want'

test_expect_success 'a system message in front of the last question' '
    form "{% for m in messages if m.role != \"system\" %}{% if m.role == \"user\" %}<U>{% if loop.last and messages[0].role == \"system\" %}{{ messages[0].content }}/{% endif %}{{ m.content }}</U>{% else %}{{ m.content }};{% endif %}{% endfor %}"
    grep -F "<U>{{ range" one
    grep -F "{{ if and \$.System (eq (len (slice \$.Messages \$i)) 1) }}{{ \$.System }}/{{ end }}" one'

test_expect_success 'another prompt than in past turns, no system message, the day' '
    form "{{ strftime_now(\"%Y-%m\") }}{% for m in messages %}{% if m.role == \"system\" %}{{ raise_exception(\"no\") }}{% endif %}{{ m.content }}{{ \"#\" if m.role == \"user\" else \"+\" }}{% endfor %}{% if add_generation_prompt %}think{% endif %}"
    grep -F "{{ .Content }}{{ if eq (len (slice \$.Messages \$i)) 1 }}#think{{ else }}#{{ end }}" one
    has "# Its template has no place for a system message."
    grep "writes the day" got'

test_expect_success 'templates of which none can be made' '
    form "{% for m in messages %}{{ m.content | upper }}{% endfor %}"
    grep "^# No TEMPLATE.*does not write the texts" got
    form "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}"
    grep "^# No TEMPLATE.*depends on more" got
    form "{{ raise_exception(\"never mind\") }}"
    grep "^# No TEMPLATE.*never mind" got
    grep "^PARAMETER stop" got'
test_expect_success 'a folder with all that is named' '
    ln -s model.gguf link.gguf
    mf -m link.gguf -a adapter.gguf -o folder/
    cp folder/Modelfile got
    has "FROM ./model.gguf"
    has "ADAPTER ./adapter.gguf"
    cmp folder/model.gguf model.gguf
    cmp folder/adapter.gguf adapter.gguf
    test ! -h folder/model.gguf
    test "$(ls folder)" = "$(printf "Modelfile\nadapter.gguf\nmodel.gguf")"
    mf -m model.gguf -o other/
    test "$(ls other)" = "$(printf "Modelfile\nmodel.gguf")"
    test_must_fail "$BIN/modelfile" -m model.gguf -o other/ 2>stderr
    grep "is there already" stderr
    test_expect_code 2 "$BIN/modelfile" -m model.gguf --from x -o third/ 2>stderr
    test_must_fail "$BIN/modelfile" -m model.gguf -a none.gguf -o third/ 2>stderr
    test ! -e third
    test -z "$(find . -name ".*tmp*")"'

test_expect_success 'an adapter of another base, and what is none' '
    "$BIN/gguf-edit" -q --set general.name=string:Other --rename-tensor \
        blk.0.attn_q.weight=x --rename-tensor blk.1.attn_q.weight=blk.0.attn_q.weight \
        --rename-tensor x=blk.1.attn_q.weight -o other.gguf model.gguf
    "$BIN/gguf-edit" -q --delete libtrain.base_sketch -o old.gguf adapter.gguf
    test_must_fail mf -m other.gguf -a old.gguf -o no 2>stderr
    grep "trained on another base, .*this is .Other.*--force takes it" stderr
    test ! -e no
    "$BIN/modelfile" -m other.gguf -a old.gguf --force -o yes 2>stderr
    grep "warning.*another base" stderr
    grep ADAPTER yes
    test_must_fail mf -m model.gguf -a other.gguf -o no 2>stderr
    grep "other.gguf. is a model, not an adapter" stderr
    test_expect_code 2 mf -m model.gguf --force -o no 2>stderr
    test_must_fail "$BIN/hf-export" -m other.gguf -a old.gguf -o no 2>stderr
    grep "another base" stderr
    "$BIN/hf-export" -q -m other.gguf -a old.gguf --force -o peft 2>stderr
    test -f peft/adapter_config.json
    test ! -e no'
test_done
