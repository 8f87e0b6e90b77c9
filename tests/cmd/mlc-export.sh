#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A bundle for WebLLM: the bytes of its weights, what it says of the model, conversations that are
# those of the template, folders that are whole or not there.
. "${0%/*}/../lib.sh"

[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"
test_built mlc-export || test_skip_all "mlc-export is not built"
cp "$TOP/examples/tiny.gguf" model.gguf
mkdir like
"$BIN/mlc-export" -q -m model.gguf -o first 2>/dev/null
cp first/tokenizer.json like
echo " " >>like/tokenizer.json
echo '{ }' >like/tokenizer_config.json
mlc() { "$BIN/mlc-export" -q -m model.gguf --like like "$@" 2>stderr; }
# has FILE LINE: the file has it, but for blanks at its ends and a comma.
has() {
    sed 's/^ *//; s/,$//' "$1" | grep -qxF -e "$2" || { echo "no line: $2" && cat "$1" && return 1; }
}

test_expect_success 'weights are those of NumPy, bit for bit' '
    while read -r type sum; do
        mlc -t $type -o $type
        grep -F "\"md5sum\": \"$sum\"" $type/tensor-cache.json
        test "$(wc -c <$type/params_shard_0.bin)" = \
            "$(sed -n "s/.*\"raw-shard\", \"nbytes\": \([0-9]*\),.*/\1/p" $type/tensor-cache.json)"
    done <"$TOP/tests/golden/mlc.md5"
    test -f q4f32_1/tensor-cache-b16.json
    test ! -e q4f16_1/tensor-cache-b16.json
    mlc --threads 1 -o one
    cmp one/params_shard_0.bin q4f16_1/params_shard_0.bin
    cmp one/mlc-chat-config.json q4f16_1/mlc-chat-config.json'

test_expect_success 'what it says of the model' '
    config=q4f16_1/mlc-chat-config.json
    for line in "\"quantization\": \"q4f16_1\"" "\"model_type\": \"llama\"" \
        "\"hidden_size\": 192" "\"num_key_value_heads\": 2" "\"tie_word_embeddings\": true" \
        "\"context_window_size\": 256" "\"vocab_size\": 2048" "\"eos_token_id\": 2047" \
        "\"tokenizer.json\"" "\"tokenizer_config.json\""; do
        has $config "$line"
    done
    cmp like/tokenizer.json q4f16_1/tokenizer.json
    mlc --ctx 100 -o short
    has short/mlc-chat-config.json "\"context_window_size\": 100"
    has short/mlc-chat-config.json "\"prefill_chunk_size\": 100"'

test_expect_success 'a model without a template gets a plain conversation, and it is said' '
    mlc -o plain
    grep "has no chat template" stderr
    has plain/mlc-chat-config.json "\"name\": \"plain\""
    has plain/mlc-chat-config.json "\"user\": \"\""
    has plain/mlc-chat-config.json "2047"'

# conv TEMPLATE ARG...: the bundle of it, and its conversation.
conv() {
    printf %s "$1" >t.jinja
    shift
    rm -rf c
    got=c/mlc-chat-config.json
    mlc --conv-template ./t.jinja "$@" -o c
}
turn="{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"
test_expect_success 'ChatML, which writes no system message of itself' '
    conv "$turn"
    grep "always or never" stderr
    has $got "\"system_template\": \"{system_message}\""
    has $got "\"system_message\": \"\""
    conv "$turn" --system "Be brief."
    grep . stderr && exit 1
    has $got "\"system_template\": \"<|im_start|>system\\n{system_message}<|im_end|>\\n\""
    has $got "\"system_message\": \"Be brief.\""
    has $got "\"user\": \"<|im_start|>user\""
    has $got "\"assistant\": \"<|im_start|>assistant\""
    has $got "\"role_content_sep\": \"\\n\""
    has $got "\"role_empty_sep\": \"\\n\""'

test_expect_success 'one that does, and thinks' '
    conv "{% if messages[0].role != \"system\" %}<|im_start|>system
Help.<|im_end|>
{% endif %}$turn{% if add_generation_prompt %}<think>{% endif %}"
    test ! -s stderr
    has $got "\"system_message\": \"Help.\""
    has $got "\"role_empty_sep\": \"\\n<think>\"" || has $got "\"role_empty_sep\": \"<think>\""'

test_expect_success 'templates that the form cannot carry leave nothing behind' '
    test_must_fail conv "{% for m in messages %}{{ m.content | upper }}{% endfor %}"
    grep "does not write the texts" stderr
    test_must_fail conv "{% for m in messages %}{{ m.role[0] }}{{ \"!\" if m.role == \"assistant\" else \"\" }}{{ m.content }};{% endfor %}{% if add_generation_prompt %}a{% endif %}"
    grep "no conversation of MLC gives what the chat template gives" stderr
    test_must_fail conv "{% for m in messages if m.role != \"system\" %}{{ m.content }}|{% endfor %}" --system x
    grep "which has no place for a system message" stderr
    test ! -e c
    left=$(find . -name ".*.tmp.*")
    test -z "$left"'

test_expect_success 'files of the tokenizer that are made of the vocabulary' '
    "$BIN/mlc-export" -q -m model.gguf -o own 2>stderr
    test "$(cd own && ls *.json *.txt)" = "$(printf "%s\n" merges.txt mlc-chat-config.json \
        tensor-cache.json tokenizer.json tokenizer_config.json vocab.json)"
    for f in tokenizer.json vocab.json merges.txt tokenizer_config.json; do
        has own/mlc-chat-config.json "\"$f\""
    done
    cmp own/params_shard_0.bin plain/params_shard_0.bin'

test_expect_success 'one matrix for tokens and output stays one' '
    "$BIN/mlc-export" -q -m model.gguf -t q0f16 --tie -o tied 2>stderr
    cmp tied/params_shard_0.bin q0f16/params_shard_0.bin
    test_expect_code 1 grep lm_head tied/tensor-cache.json'

test_expect_success 'quantisations, architectures and folders that are refused' '
    test_expect_code 2 mlc -t q8f16_1 -o no
    grep "'\''q8f16_1'\'' is a quantisation of MLC that is not written here" stderr
    test_expect_code 2 mlc -t q5 -o no
    test_must_fail mlc --ctx 257 -o no
    grep "made for 256 positions" stderr
    test_must_fail mlc -o like
    grep "is there already" stderr
    cmp like/tokenizer.json plain/tokenizer.json
    test_must_fail mlc -o no/where
    sed -i "s/\"<|endoftext|>\"/\"<|otherend|>\"/g" like/tokenizer.json
    test_must_fail mlc -o no
    grep "the tokenizer of another model" stderr
    rm like/tokenizer.json
    test_must_fail mlc -o no
    grep "has neither" stderr
    test ! -e no'

python=${PYTHON:-python3}
if [ -f "$SHARED/reference/gemma3/model.gguf" ]; then
    test_expect_success 'gemma3 and scaled rope: names and sizes' '
        mlc_of() { "$BIN/mlc-export" -q -m "$SHARED/reference/$1/model.gguf" -o $1 2>stderr; }
        mlc_of gemma3
        grep -F "\"ParamSize\": 129," gemma3/tensor-cache.json
        for t in embed_tokens.q_weight norm.weight layers.6.input_layernorm.weight \
            layers.6.pre_feedforward_layernorm.weight layers.6.post_feedforward_layernorm.weight \
            layers.6.self_attn.q_proj.q_weight layers.6.self_attn.k_proj.q_scale \
            layers.6.self_attn.v_proj.q_weight layers.6.self_attn.q_norm.weight \
            layers.0.mlp.gate_up_proj.q_scale layers.0.mlp.down_proj.q_weight; do
            grep -F "\"name\": \"language_model.model.$t\"" gemma3/tensor-cache.json
        done
        mlc_of phi3long
        has phi3long/mlc-chat-config.json "\"type\": \"longrope\""
        mlc_of llama3
        has llama3/mlc-chat-config.json "\"rope_type\": \"llama3\""
        has llama3/mlc-chat-config.json "\"factor\": 32.0"
        rm -r llama3
        test_must_fail "$BIN/mlc-export" -q -m "$SHARED/reference/phi3/model.gguf" --tie -o no 2>stderr
        grep "output.weight. is another matrix" stderr
        test_must_fail mlc_of llamayarn
        grep "no scaling of rope of the type yarn" stderr
        test_must_fail mlc_of qwen3moe
        grep "qwen3moe" stderr
        test_must_fail mlc_of mixtral
        test ! -e mixtral'
fi
if [ -z "$SHARED" ] || [ ! -f "$SHARED/tools/mlc_check.py" ]; then
    test_skip "the check of others" "no reference material"
elif ! $python -c 'import numpy' 2>/dev/null; then
    test_skip "the check of others" "no NumPy in $python (PYTHON=…)"
else
    for name in llama llama3 qwen2 qwen3 gemma gemma2 phi3 gpt2; do
        test_expect_success "$name: the check of others finds no fault" '
            hf=$SHARED/reference/$name/hf
            types="q4f16_0 q4f32_1"
            [ $name != llama ] || types="$types q4f16_1 q0f16"
            for type in $types; do
                "$BIN/mlc-export" -q -m "${hf%hf}model.gguf" -t $type --like "$hf" -o $name-$type 2>stderr
                $python "$SHARED/tools/mlc_check.py" check $name-$type "$hf"
            done'
    done
fi
test_done
