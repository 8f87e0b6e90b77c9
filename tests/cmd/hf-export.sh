#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Folders that hf-export writes: what is in them, when they appear, what is refused.
# tests/golden/hf-export.sha256 has the files of models of several families, which
# transformers has loaded and computed the same with (dev/check-hf-export.py).
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
test_built hf-export quantize gguf-edit || test_skip_all "the commands are not built"
[ -f "$model" ] || test_skip_all "no examples/tiny.gguf"
export_() { "$BIN/hf-export" -q "$@"; }
# refuses STATUS TEXT ARG...: with a message, and leaves nothing behind
refuses() {
    status=$1 text=$2
    shift 2
    touch before after stdout stderr
    ls -A >before
    test_expect_code "$status" "$BIN/hf-export" "$@" >stdout 2>stderr </dev/null
    grep -e "$text" stderr
    ls -A >after
    cmp before after
}
export_ -m "$model" -o own
mkdir like
cp own/tokenizer.json like
echo " " >>like/tokenizer.json

test_expect_success 'a model, and the files of its tokenizer' '
    export_ -m "$model" -t f32 --like like -o out
    ls out >names
    printf "%s\n" config.json generation_config.json model.safetensors tokenizer.json >want
    cmp names want
    cmp like/tokenizer.json out/tokenizer.json
    grep "\"LlamaForCausalLM\"" out/config.json
    grep "\"torch_dtype\": \"float32\"" out/config.json'

test_expect_success 'an empty folder is taken, with a slash behind it or not' '
    mkdir empty
    export_ -m "$model" -t f32 --like like -o empty/
    cmp out/model.safetensors empty/model.safetensors'

test_expect_success 'shards and their index, with any number of threads' '
    export_ -m "$model" -t f32 --like like --shard-size 4M --threads 1 -o shards
    test -f shards/model.safetensors.index.json
    n=$(ls shards/model-0*.safetensors | wc -l)
    test $n -gt 1
    test -f shards/model-00001-of-0000$n.safetensors'

test_expect_success 'the type is that of the model, f16 if it is packed' '
    export_ -m "$model" --like like -o auto
    grep "\"torch_dtype\": \"float16\"" auto/config.json
    "$BIN/quantize" -q -t q8_0 -o q8.gguf "$model"
    export_ -m q8.gguf --like like -o packed
    grep "\"torch_dtype\": \"float16\"" packed/config.json
    test $(wc -c <packed/model.safetensors) = $(wc -c <auto/model.safetensors)'

test_expect_success 'what is there stays' '
    refuses 1 "is there already" -m "$model" --like like -o out
    cmp empty/config.json out/config.json
    echo x >file
    refuses 1 "is there already" -m "$model" --like like -o file
    refuses 1 "cannot write folder" -m "$model" --like like -o none/out'

test_expect_success 'what a killed one left goes with the next, and nothing else' '
    mkdir .killed.tmp.77 .killed.tmp.78-1 .killed.tmp.x .killedx.tmp.7
    echo x >.killed.tmp.77/config.json
    echo x >.killed.tmp.x/file
    mkfifo go
    (exec 9<.killed.tmp.78-1 && flock 9 && echo >go && cat go >go.out) &
    cat go >/dev/null
    export_ -m "$model" -o killed
    test ! -e .killed.tmp.77
    test -d .killed.tmp.78-1
    test -f .killed.tmp.x/file
    test -d .killedx.tmp.7
    echo >go
    wait
    "$BIN/hf-export" -q -m "$model" -t f32 -o killed2 &
    pid=$!
    tries=0
    while [ ! -d .killed2.tmp.$pid ] && [ $((tries += 1)) -lt 500 ]; do sleep 0.01; done
    kill -9 $pid 2>/dev/null && wait $pid || true
    if [ ! -d killed2 ]; then
        test -d .killed2.tmp.$pid
        export_ -m "$model" -o killed2
    fi
    test ! -e .killed2.tmp.$pid
    test -f killed2/config.json'

test_expect_success 'what has no form there is refused, and nothing is left' '
    refuses 2 "f32, f16, bf16 or auto" -m "$model" -t q8_0 -o new
    mkdir nothing
    refuses 1 "has no files of a tokenizer" -m "$model" --like nothing -o new
    "$BIN/gguf-edit" -q --set general.architecture=string:bert -o bert.gguf "$model"
    mkdir foreign
    sed "s/\"<|endoftext|>\"/\"<|otherend|>\"/g" like/tokenizer.json >foreign/tokenizer.json
    cmp -s like/tokenizer.json foreign/tokenizer.json && exit 1
    refuses 1 "the tokenizer of another model: token 2047 is .<|otherend|>. there, .<|endoftext|>." \
        -m "$model" --like foreign -o new
    refuses 1 "has no form of Hugging Face" -m bert.gguf --like like -o new
    "$BIN/gguf-edit" -q --rename-tensor blk.0.attn_q.weight=blk.0.attn_q_x.weight -o odd.gguf \
        "$model"
    refuses 1 "tensor .blk.0.attn_q_x.weight. has no form" -m odd.gguf --like like -o new'

if test_built gguf-import gguf-edit; then
    test_expect_success 'an id that no import takes is none' '
        "$BIN/gguf-edit" -q --set tokenizer.ggml.padding_token_id=i32:-1 -o neg.gguf "$model"
        export_ -m neg.gguf -o neg
        "$BIN/gguf-import" -q -o neg2.gguf neg'
fi

# One family for each way in which names, rows or numbers change, out and in again.
mkmodel=$TOP/${BUILD:-build/release}/dev/mkmodel
families="llama gpt2 phi3 stablelm-large granitehybrid internlm2 gemma2 gpt-oss qwen3moe lfm2moe granitemoe ministral qwen35 llama-yarn"
out_and_in() {
    rm -rf a.gguf b.gguf round
    "$mkmodel" -q --shape "$1" --vocab "$model" --noise 0.3 -o a.gguf
    export_ -m a.gguf -t f32 -o round
    "$BIN/gguf-import" -q -t f32 -o b.gguf round
    # one more and one less is not the number itself where it is below 1/2
    "$BIN/gguf-diff" --tol 1e-7 --tensors a.gguf b.gguf >diff
}
if [ -x "$mkmodel" ] && test_built gguf-import gguf-diff; then
    test_expect_success 'from f32 the same tensors come back' '
        for family in $families; do out_and_in $family; done
        "$mkmodel" -q --shape granitehybrid-groups -o groups.gguf
        refuses 1 "a granitehybrid with rope has no form" -m groups.gguf -o new
        "$BIN/gguf-edit" -q --set granitehybrid.rope.scaling.finetuned=bool:false -o g.gguf groups.gguf
        refuses 1 "a granitehybrid with groups of heads has no form" -m g.gguf -o new'
else
    test_skip 'from f32 the same tensors come back' 'no mkmodel: make dev'
fi

# hash, file, model of the reference material
frozen() {
    while read -r hash file name; do
        [ -d "f-$name" ] ||
            export_ -m "$SHARED/reference/$name/model.gguf" -t f32 -o "f-$name"
        echo "$hash  f-$name/$file"
    done >sums
    sha256sum -c sums
}
if [ -d "${SHARED:-/none}/reference" ]; then
    test_expect_success 'bytes of models of several families' '
        grep -v "^#" "$TOP/tests/golden/hf-export.sha256" >list
        frozen <list'
else
    test_skip 'bytes of models of several families' 'no reference material'
fi
test_done
