#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What would fail after the work fails before it, and defaults follow the model.
. "${0%/*}/../lib.sh"

test_built tokenize pack train gguf-export merge quantize perplexity generate gguf-show ||
    test_skip_all "not all commands of the pipe are built"
[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"

runs=$test_scratch/runs
run=$runs/run
bin=${BIN#"$TOP"/}
head -c 3000 "$TOP/examples/tiny.txt" >text

# Models made for 32 and 16 positions: the example, with another number in its metadata.
made_for() { # FILE POSITIONS
    cp "$TOP/examples/tiny.gguf" "$1"
    at=$(grep -a -o -b 'llama.context_length' "$1" | cut -d : -f 1)
    printf "\\$(printf %o "$2")\\000" |
        dd of="$1" bs=1 seek=$((at + 20 + 4)) conv=notrunc 2>/dev/null
}
made_for short 32
made_for tiny 16

flow() {
    (cd "$TOP" && "$MAKE" finetune V=1 BIN="$bin" "RUNS=$runs" NAME=run STEPS=2 \
        "DATA=$test_scratch/text" "$@")
}
refused() {
    rm -rf "$runs"
    test_expect_code 2 flow "$@" >out 2>message
    sed 1q message | grep "^[a-z]*: "
    test "$(grep -c "\*\*\*" message)" = 1
    test ! -e "$runs"
}

test_expect_success 'the default of CTX is what the model was made for, and it is said' '
    "$BIN/gguf-show" --keys short >keys
    grep "context_length.*	32\$" keys
    flow MODEL="$test_scratch/short" >log 2>&1
    test "$(grep -c "^CTX is 32: .*/short. was made for no more" log)" = 1
    grep "bin/pack -c 32 " log || grep "/pack -c 32 " log
    grep "generate .* -n 16 " log
    test -s $run/eval.tsv
    test -s $run/samples.txt
    flow MODEL="$test_scratch/short" >log 2>&1
    grep "Nothing to be done" log
    flow -n NAME=other MODEL="$test_scratch/short" >log 2>&1
    if grep "CTX is" log; then exit 1; fi
    grep "/pack -c 32 " log
    flow -n NAME=other >log 2>&1
    grep "/pack -c 256 .*" log'

test_expect_success 'a CTX or N_SAMPLE of the user beyond the model is refused by its name' '
    refused MODEL="$test_scratch/short" CTX=33
    grep "CTX is 33, but .*/short. was made for 32 positions" message
    refused MODEL="$test_scratch/short" N_SAMPLE=50
    grep "N_SAMPLE is 50, but .*/short. was made for 32 positions" message'

test_expect_success 'a prompt that is too long is found before the training' '
    head -c 200 text | tr "\n" " " >long
    test_expect_code 2 flow MODEL="$test_scratch/tiny" PROMPTS="$test_scratch/long" >log 2>&1
    grep "^generate: " log
    if grep "^train: " log; then exit 1; fi'

test_expect_success 'a prompt may be one token' '
    printf a >short-prompt
    flow NAME=prompt CTX=32 N_SAMPLE=1 PROMPTS="$test_scratch/short-prompt" >log 2>&1
    test -s $runs/prompt/samples.txt'

test_expect_success 'files that are not there or cannot be read again' '
    for knob in MODEL DATA PROMPTS; do
        refused $knob=none
        grep "$knob: there is no file .none." message
        refused $knob=/dev/null
        grep "$knob: ./dev/null. is not a regular file" message
        refused $knob=/
        case $knob in PROMPTS) ;; *) refused $knob= ;; esac
    done'

test_expect_success 'a model that is none, or is damaged, or of an unknown kind' '
    refused MODEL="$test_scratch/text"
    grep "not a GGUF" message
    head -c 3000000 "$TOP/examples/tiny.gguf" >cut
    refused MODEL="$test_scratch/cut"
    LC_ALL=C sed "s/llama/llamb/g" "$TOP/examples/tiny.gguf" >unknown
    refused MODEL="$test_scratch/unknown"
    grep "llamb" message'

mkmodel=$TOP/${BUILD:-build/release}/dev/mkmodel
if [ -x "$mkmodel" ]; then
    test_expect_success 'weights that cannot be trained, and some that q8_0 cannot take' '
        "$mkmodel" -q -o packed --layers 1 --embd 64 --vocab "$TOP/examples/tiny.gguf" --type q8_0
        refused MODEL="$test_scratch/packed" METHOD=full
        grep "train: .*Q8_0" message
        "$mkmodel" -q -o narrow --layers 1 --embd 40 --heads 2 --ctx 64 --vocab "$TOP/examples/tiny.gguf"
        flow MODEL="$test_scratch/narrow" >log 2>&1
        test -s $run/eval.tsv'
else
    test_skip 'weights that cannot be trained, and some that q8_0 cannot take' 'no mkmodel: make dev'
fi

test_expect_success 'a run that cannot be written' '
    refused RUNS=/dev/null/runs
    grep "/dev/null. is not a folder" message
    mkdir -p $run/q8_0.gguf
    test_expect_code 2 flow >out 2>message
    grep "q8_0.gguf. is a folder" message
    test "$(ls -A $run)" = q8_0.gguf
    rm -r $runs
    if [ "$(id -u)" != 0 ]; then
        mkdir locked
        chmod a-w locked
        refused RUNS="$test_scratch/locked/runs"
        grep "cannot write in" message
    fi'

mkdir tools
script() { # FILE: a program, from standard input
    cat >"$1"
    chmod +x "$1"
}

# What `df` says is made up, since no disk here is known to be full.
script tools/df <<'EOF'
#!/bin/sh
echo "Filesystem 1024-blocks Used Available Capacity Mounted on"
echo "/dev/x 1000 900 100 90% /"
EOF
test_expect_success 'a disk that has no room for the models' '
    (PATH=$PWD/tools:$PATH && refused STEPS=1)
    grep "model.ckpt .*adapter.gguf .*: [0-9]* KiB in all, and .* has 100 KiB left" message'
rm tools/df

script tools/gnuplot <<'EOF'
#!/bin/sh
exit 1
EOF
test_expect_success 'without gnuplot, or with one that fails, only the plot is left out' '
    (PATH=$PWD/tools:$PATH && flow CTX=32 N_SAMPLE=1 NAME=broken) >log 2>&1
    test -s $runs/broken/samples.txt
    test -s $runs/broken/eval.tsv
    test ! -e $runs/broken/loss.png
    mkdir none
    for f in make sh cc c++ ar sed awk cat tr cksum stat find ls df mkdir dirname env wc mktemp rm; do
        ln -s "$(command -v $f)" none/$f
    done
    (PATH=$PWD/none && flow CTX=32 N_SAMPLE=1 NAME=without) >log 2>&1
    test -s $runs/without/samples.txt
    grep "gnuplot is not there: no loss.png" log
    (PATH=$PWD/none && flow CTX=32 N_SAMPLE=1 NAME=without) >log 2>&1
    grep "Nothing to be done" log'
test_done
