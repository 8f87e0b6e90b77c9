#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What is given as a model: files that are none, parts that change what is computed, shapes
# that are written in another way, numbers that are none.  What a loader has to say of each
# key and tensor is in tests/fuzz/bad_gguf.def.
. "${0%/*}/../lib.sh"

BUILD=${BUILD:-build/release}
case $BUILD in /*) ;; *) BUILD=$TOP/$BUILD ;; esac
alter=$BUILD/tests/alter
[ -x "$alter" ] || test_skip_all "tests/alter is not built"
test_built tokenize detokenize pack train gguf-export merge perplexity generate quantize \
    gguf-show gguf-diff || test_skip_all "the commands are not built"
cp "$TOP/examples/tiny.gguf" model.gguf

run() { # COMMAND ARG...: quiet and on one thread
    command=$1
    shift
    "$BIN/$command" -q --threads 1 "$@"
}
i=0
while [ $i -lt 40 ]; do
    echo "The quick brown fox number $i jumps over the lazy dog." && i=$((i + 1))
done >text.txt
run tokenize -m model.gguf -o t.tok text.txt
run pack -c 32 -o t.pack t.tok
train="-d t.pack --batch 2 --steps 3 --sched constant --warmup 0 --lr 1e-3"

# loss MODEL: of the text, as perplexity prints it.
loss() { run perplexity -m "$1" -d t.pack | awk 'NR == 2 { print $2 }'; }

# says TEXT COMMAND..., takes_model FILE TEXT: the reason says TEXT, and nothing is written.
says() {
    text=$1
    shift
    test_expect_code 1 "$@" >stdout 2>stderr
    grep -F -e "$text" stderr
    test ! -e out.gguf
}
takes_vocabulary() {
    says "$2" run tokenize -m "$1" -o out.gguf text.txt
    says "$2" run detokenize -m "$1" t.tok
}
takes_model() {
    says "$2" run train -m "$1" $train -o out.gguf
    says "$2" run perplexity -m "$1" -d t.pack -o out.gguf
    says "$2" run generate -m "$1" -p The -n 2 -o out.gguf
    says "$2" run merge -m "$1" -a adapter.gguf -o out.gguf
    says "$2" run gguf-export -m "$1" -o out.gguf lora.ckpt
}
takes_gguf() {
    says "$2" run quantize -t q8_0 -o out.gguf "$1"
    says "$2" run gguf-show "$1"
    says "$2" run gguf-diff model.gguf "$1"
}

test_expect_success 'a run, for what follows' '
    run train -m model.gguf $train --lora-r 2 -o lora.ckpt
    run gguf-export -m model.gguf -o adapter.gguf lora.ckpt
    run merge -m model.gguf -a adapter.gguf -o merged.gguf'

# ==== files that are no models ====

printf 'version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 75162\n' >lfs
printf '<!DOCTYPE html><html><head><title>x</title></head></html>' >page
printf '\020\0\0\0\0\0\0\0{"a":1}         ' >safetensors
gzip -c model.gguf >gz
printf 'tjgg\1\0\0\0%040d' 0 >ggjt
printf 'PK\003\004\024\0\0\0\0\0%040d' 0 >zip
printf 'GGUF\0\0\0\003%040d' 0 >bigendian
head -c 20 model.gguf >cut-header
head -c 2000 model.gguf >cut-keys
printf '{"architectures":["LlamaForCausalLM"],"model_type":"llama"}' >config.json
printf '# as ollama show prints it\nFROM /x/y\nTEMPLATE x\n' >Modelfile
head -c 4096 /dev/zero >zeros
mkdir -p store/manifests/library hf peft several nothing
cp config.json hf/config.json
echo '{"peft_type":"LORA"}' >peft/adapter_config.json
ln -f model.gguf several/b.gguf
ln -f model.gguf several/a.gguf
digest=$(printf %064d 2)
printf '{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","layers":[{%s,"digest":"sha256:%s","size":2}]}' \
    '"mediaType":"application/vnd.ollama.image.model"' "$digest" >store/manifests/library/latest
zeros='\0\0\0\0\0\0\0'
printf "GGUF\003\0\0\0\0$zeros\001$zeros\013${zeros}split.count\002\0\0\0\003\0" >part
while read -r file words; do
    test_expect_success "every command says what '$file' is" "
        takes_vocabulary $file \"$words\"
        takes_model $file \"$words\"
        takes_gguf $file \"$words\""
done <<'X'
lfs 'git lfs pull'
page a web page
safetensors a safetensors file: convert it
gz unpack it with gunzip
ggjt a GGJT model, from before GGUF
zip if it is a PyTorch file, convert it
bigendian big-endian
config.json the config.json of a model of Hugging Face: gguf-import
Modelfile the model is the file that its line FROM names
zeros incomplete download?
store/manifests/library/latest is an Ollama manifest, whose model is the file 'store/blobs/sha256-$digest'
hf Is a directory, a model of Hugging Face: gguf-import
peft Is a directory, an adapter of PEFT: adapter-import
several Is a directory, which holds 'a.gguf' and more GGUF files
nothing Is a directory
cut-header too short for a GGUF file: 20 bytes: an incomplete download?
cut-keys an incomplete download?
part key 'split.no' is missing
t.pack it is a pack
t.tok it is a token stream
X

test_expect_success 'a name that is no path' '
    says "a name in Ollama? '\''ollama show --modelfile NAME'\''" run generate -m llama3.2 -p The
    says "a name in Ollama?" run tokenize -m llama3.2:1b -o out.gguf text.txt
    says "a name at Hugging Face?" run generate -m owner/Model-1B -p The
    test_expect_code 1 run generate -m nope.gguf -p The 2>stderr
    grep "nope.gguf.: No such file or directory$" stderr
    test_expect_code 1 run generate -m hf/Model-1B -p The 2>stderr
    grep "Model-1B.: No such file or directory$" stderr'

test_expect_success 'a download that is incomplete, and how much of it is missing' '
    size=$(wc -c <model.gguf)
    for missing in 1 1000 20000; do
        head -c $((size - missing)) model.gguf >cut
        says "an incomplete download? Its last $missing of $size bytes are missing" run gguf-show cut
    done'

test_expect_success 'data that are something else' '
    says "git lfs pull" run pack -c 32 -o out.gguf lfs
    says "a web page" run detokenize -m model.gguf page
    says "git lfs pull" run train -m model.gguf -d lfs --steps 1 -o out.gguf
    says "tokenize makes tokens of it" run train -m model.gguf -d text.txt --steps 1 -o out.gguf
    says "the command pack makes a pack of it" run perplexity -m model.gguf -d t.tok
    says "the command tokenize makes one of it" run pack -c 32 -o out.gguf text.txt
    says "a GGUF model" run perplexity -m model.gguf -d model.gguf'

test_expect_success 'an adapter, a checkpoint and a vocabulary as model' '
    takes_model adapter.gguf "is an adapter, not a model: name its base"
    takes_vocabulary adapter.gguf "no vocabulary"
    takes_vocabulary adapter.gguf "it is an adapter"
    says "is an adapter, not a model" run quantize -t q8_0 -o out.gguf adapter.gguf
    takes_model lora.ckpt "is a checkpoint of a training, not a model: export it"
    says "is a checkpoint of a training" run quantize -t q8_0 -o out.gguf lora.ckpt
    "$alter" model.gguf projector.gguf text general.type mmproj
    takes_model projector.gguf "sees or hears (mmproj), not a model"
    run quantize -t q8_0 -o q.gguf projector.gguf
    "$alter" model.gguf vocabulary.gguf without .weight
    takes_model vocabulary.gguf "is a vocabulary, not a model"
    run tokenize -m vocabulary.gguf -o v.tok text.txt
    cmp t.tok v.tok'

test_expect_success 'a model as adapter and as checkpoint' '
    says "is a model, not an adapter" run merge -m model.gguf -a model.gguf -o out.gguf
    says "it is a model" run gguf-export -m model.gguf -o out.gguf model.gguf
    says "it is an adapter" run gguf-export -m model.gguf -o out.gguf adapter.gguf'

# ==== what changes the computation ====

test_expect_success 'experts, and attention to both sides' '
    "$alter" model.gguf experts.gguf u32 llama.expert_count 8 without ffn_up.weight
    takes_model experts.gguf "llama.expert_used_count"
    "$alter" model.gguf both.gguf bool llama.attention.causal 0
    takes_model both.gguf "(llama.attention.causal is false) is not supported"
    "$alter" model.gguf norm.gguf vector blk.2.attn_q_norm.weight 32
    takes_model norm.gguf "blk.2.attn_q_norm.weight"'

test_expect_success 'a key that nobody reads is told' '
    "$alter" model.gguf key.gguf f32 llama.logit_scale 2
    "$BIN/perplexity" -m key.gguf -d t.pack >out.tsv 2>stderr
    grep "warning.*llama.logit_scale" stderr
    "$BIN/gguf-show" --check key.gguf 2>stderr
    grep "llama.logit_scale" stderr'

# The way from a model to all that is made of it.  The base is f16, so what is quantised and
# merged differs by rounding alone.
round_trip() { # MODEL
    rm -rf l.ckpt* f.ckpt*
    run train -m "$1" $train --lora-r 2 -o l.ckpt
    run gguf-export -m "$1" -o a.gguf l.ckpt
    run merge -m "$1" -a a.gguf -o m.gguf
    run merge -m "$1" -a a.gguf -t f32 -o m32.gguf
    run perplexity -m "$1" -a a.gguf -d t.pack | awk 'NR == 2 { print $2 }' >both
    loss m32.gguf >merged
    paste both merged | awk '{ d = $1 - $2; exit !(d < 1e-4 && d > -1e-4) }'
    run train -m "$1" $train --full -o f.ckpt
    run gguf-export -m "$1" -o f.gguf f.ckpt
    run quantize -t q8_0 -o q.gguf f.gguf
    loss f.gguf >full
    loss q.gguf >quantised
    paste full quantised | awk '{ d = $1 - $2; exit !(d < 0.02 && d > -0.02) }'
    run gguf-show --check f.gguf
    run gguf-show --check q.gguf
    run gguf-show --check m.gguf
}
biases=
for l in 0 1 2 3; do
    biases="$biases vector blk.$l.ffn_gate.bias 512 vector blk.$l.ffn_up.bias 512"
    biases="$biases vector blk.$l.ffn_down.bias 192 vector blk.$l.attn_output.bias 192"
done

test_expect_success 'biases are computed, trained, merged and exported' '
    "$alter" model.gguf biases.gguf $biases
    loss model.gguf >plain
    loss biases.gguf >biased
    if cmp -s plain biased; then exit 1; fi
    round_trip biases.gguf
    run gguf-diff biases.gguf m.gguf >diff || test $? = 1
    awk "/bias/ && \$5 > 0 { bad = 1 } END { exit bad }" diff
    run gguf-diff biases.gguf f.gguf >diff || test $? = 1
    awk "/bias/ && \$5 == 0 { bad = 1 } END { exit bad }" diff'

test_expect_success 'dimensions of 1, and sizes of each block' '
    "$alter" model.gguf ones.gguf ones array llama.attention.head_count 6 4 \
        array llama.attention.head_count_kv 2 4 array llama.feed_forward_length 512 4
    loss model.gguf >plain
    loss ones.gguf >with
    cmp plain with
    run gguf-diff --tensors model.gguf ones.gguf >diff
    round_trip ones.gguf
    cp m32.gguf of_ones.gguf && cp f.gguf full_of_ones.gguf && cp q.gguf q_of_ones.gguf
    round_trip model.gguf
    run gguf-diff --tensors m32.gguf of_ones.gguf
    run gguf-diff --tensors f.gguf full_of_ones.gguf
    run gguf-diff --tensors q.gguf q_of_ones.gguf
    "$alter" a.gguf a_ones.gguf ones
    run merge -m model.gguf -a a_ones.gguf -t f32 -o b.gguf
    cmp m32.gguf b.gguf'

test_expect_success 'an adapter of rank 1, whose matrices of one row are vectors' '
    run train -m model.gguf $train --lora-r 1 -o one.ckpt
    run gguf-export -m model.gguf -o one.gguf one.ckpt
    "$alter" one.gguf flat.gguf flat
    "$BIN/gguf-show" --tensors flat.gguf | grep "attn_q.weight.lora_a.F32.192."
    run merge -m model.gguf -a one.gguf -t f32 -o a.gguf
    run merge -m model.gguf -a flat.gguf -t f32 -o b.gguf
    cmp a.gguf b.gguf'

test_expect_success 'layers of different size' '
    "$alter" model.gguf sizes.gguf array llama.feed_forward_length 512 3
    takes_model sizes.gguf "has 3 numbers for 4 blocks"'

# ==== numbers that are none ====

test_expect_success 'a NaN in the weights is never a success' '
    "$alter" model.gguf nan.gguf number blk.1.attn_q.weight 700 nan
    place="tensor '\''blk.1.attn_q.weight'\'': row 3 holds a NaN"
    says "$place" run train -m nan.gguf $train -o out.gguf
    says "$place" run perplexity -m nan.gguf -d t.pack -o out.gguf
    says "$place" run perplexity -m nan.gguf -f text.txt -c 32 -o out.gguf
    says "$place" run generate -m nan.gguf -p The -n 2 -o out.gguf
    says "$place" run merge -m nan.gguf -a adapter.gguf --force -o out.gguf
    says "$place" run quantize -t q8_0 -o out.gguf nan.gguf
    says "$place" run gguf-show --check nan.gguf'

test_expect_success 'an infinity in a norm, a NaN in an adapter' '
    "$alter" model.gguf inf.gguf number output_norm.weight 5 inf
    says "output_norm.weight" run perplexity -m inf.gguf -d t.pack -o out.gguf
    says "output_norm.weight" run generate -m inf.gguf -p The -n 2 -o out.gguf
    "$alter" adapter.gguf bad.gguf number blk.0.ffn_up.weight.lora_a 3 nan
    says "blk.0.ffn_up.weight.lora_a" run merge -m model.gguf -a bad.gguf -o out.gguf
    says "blk.0.ffn_up.weight.lora_a" run generate -m model.gguf -a bad.gguf -p The -n 2'

test_expect_success 'numbers that become too large' '
    "$alter" model.gguf large.gguf number output_norm.weight 5 3e38
    says "too large" run generate -m large.gguf -p The -n 2 -o out.gguf
    says "too large" run perplexity -m large.gguf -d t.pack -o out.gguf
    says "too large" run perplexity -m large.gguf -d t.pack --logits l.gguf -o out.gguf
    test ! -e l.gguf
    says "too large" run perplexity -m large.gguf -f text.txt -c 32 -o out.gguf
    test_expect_code 3 run train -m model.gguf -d t.pack --batch 2 --steps 9 --opt sgd \
        --lr 1000 --clip 0 --val t.pack -o out.gguf 2>stderr
    test ! -e out.gguf'

test_done
