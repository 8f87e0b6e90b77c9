#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A table of mistakes: what is typed, and what the answer must hold: what is wrong, why, what
# to type instead; and status 2, with nothing written.
. "${0%/*}/../lib.sh"

test_built tokenize pack train gguf-show || test_skip_all "the commands are not built"
[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"

runs=$test_scratch/runs
bin=${BIN#"$TOP"/}
HOME=$test_scratch/home
export HOME
unset OLLAMA_MODELS LLAMA_CACHE HF_HOME 2>/dev/null
ollama=$HOME/.ollama/models
mkdir -p "$ollama/blobs" "$ollama/manifests/registry.ollama.ai/library/llama3.2" \
    "$HOME/.cache/llama.cpp" "$HOME/.cache/huggingface/hub/models--a--b/snapshots/1" "$HOME/.lmstudio/models/x/y"
echo GGUF >"$ollama/blobs/sha256-abc"
echo GGUF >"$HOME/.cache/llama.cpp/cached.gguf"
echo GGUF >"$HOME/.cache/huggingface/hub/models--a--b/snapshots/1/hub.gguf"
echo GGUF >"$HOME/.lmstudio/models/x/y/studio.gguf"
cat >"$ollama/manifests/registry.ollama.ai/library/llama3.2/latest" <<'END'
{"config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"sha256:1"},
"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:abc","size":5},
{"mediaType":"application/vnd.ollama.image.license","digest":"sha256:2","size":5}]}
END

make_there() { (cd "$TOP" && "$MAKE" BIN="$bin" RUNS="$runs" "$@"); }
# answer WORD...: what it says to them, in the file answer.
answer() {
    rm -rf "$runs"
    test_expect_code 2 make_there "$@" >out 2>answer
    test ! -s out
    test ! -e "$runs"
    sed 1q answer | grep "^[a-z]*: "
    test "$(grep -c "\*\*\*" answer)" = 1
}
# says PATTERN WORD...
says() {
    pattern=$1
    shift
    answer "$@"
    grep -e "$pattern" answer || { echo "not said of $*: $pattern" && cat answer && exit 1; }
}

test_expect_success 'a knob that there is not: the nearest, what others call it, or all' '
    says "^finetune: there is no knob RANKS, is RANK meant?$" finetune RANKS=4
    says "no knob EPOCH, is EPOCHS meant?" finetune EPOCH=1
    says "no knob lr, is LR meant?" finetune lr=1e-3
    says "no knob LORA_R, is RANK meant?" finetune LORA_R=4
    says "no knob LEARNING_RATE, is LR meant?" finetune LEARNING_RATE=1
    says "no knob XYZZY, these are known: ADAPTER ALPHA BATCH " finetune XYZZY=1
    says "^data: there is no knob CTXX, is CTX meant?" data CTXX=1
    says "^dataset: there is no knob DATASETS, is DATASET meant?" dataset DATASETS=1'

test_expect_success 'knobs that there are, and variables of the build, are none' '
    make_there -n finetune RANK=4 CC=cc WERROR=1 V=1 TMPDIR=/tmp \
        OMP_NUM_THREADS=1 CFLAGS=-O1 MODE=release >out'

test_expect_success 'files beside the name of the workflow' '
    cp "$TOP/examples/tiny.gguf" m.bin
    says "^finetune: files have the names of knobs: make finetune MODEL=smol.gguf DATA=my.txt$" \
        finetune smol.gguf my.txt
    says "make finetune MODEL=$PWD/m.bin DATA=.a.txt b.txt.$" finetune "$PWD/m.bin" a.txt b.txt
    says "make data MODEL=x.gguf$" x.gguf data
    says "make finetune DATA=examples$" finetune examples
    says "^finetune: .tunefine. is neither a target nor a file; make help lists" finetune tunefine'

test_expect_success 'a model that is no file: where programs keep theirs, and which there are' '
    says "^finetune: MODEL: there is no file .nope.gguf.$" finetune MODEL=nope.gguf
    grep "^  $ollama/blobs/sha256-abc	(in Ollama: llama3.2:latest)$" answer
    grep "^  $HOME/.cache/llama.cpp/cached.gguf$" answer
    grep "/hub.gguf$" answer
    grep "/studio.gguf$" answer
    says "looks like a name in Ollama" finetune MODEL=llama3.2
    grep -A 1 "found here" answer | grep "sha256-abc"
    says "looks like a model on a hub: nothing is fetched here" finetune MODEL=Qwen/Qwen2.5-0.5B
    grep "Hugging Face: ~/.cache/huggingface/hub" answer'

test_expect_success 'data that are not there, and other values' '
    says "^finetune: DATA: there is no file .nope.txt.$" finetune DATA=nope.txt
    says "^finetune: DATA: there is no file .nope/\*.txt.$" finetune "DATA=nope/*.txt"
    says "^finetune: DATA: there is no file .@nope.$" finetune DATA=@nope
    says "^finetune: PROMPTS: there is no file .nope.$" finetune PROMPTS=nope
    says "^finetune: METHOD is .qlora., not lora or full$" finetune METHOD=qlora
    says "^finetune: NAME is .a b., which holds a character that .* cannot have: blank$" finetune "NAME=a b"
    says "^finetune: NAME is .\.\.., which is no name of a folder" finetune NAME=..
    says "^finetune: RUNS is .-r., which is no name of a folder" finetune RUNS=-r
    says "^finetune: train: .*--lr.*number" finetune LR=fast
    says "^finetune: CTX is 99999, but .* was made for [0-9]* positions" finetune CTX=99999'

data() {
    make_there data CTX=32 "$@" >out 2>err
}
test_expect_success 'a folder is walked; what is taken and left out is said' '
    rm -rf "$runs"
    mkdir -p "a folder/below/.git"
    head -c 1000 "$TOP/examples/tiny.txt" >"a folder/b.txt"
    head -c 1500 "$TOP/examples/tiny.txt" >"a folder/below/it'\''s.md"
    printf "a\0b" >"a folder/x.bin"
    echo hidden >"a folder/below/.git/y"
    : >"a folder/empty.txt"
    data "DATA=$PWD/a folder"
    grep "^finetune: DATA: 2 text files of $PWD/a folder are taken, 3 left out, no text, empty or hidden: " err
    grep "2 documents, " err
    test -s "$runs/tiny-a_folder/data.pack"
    data "DATA=$PWD/a folder/" NAME=slash
    cmp "$runs/slash/data.pack" "$runs/tiny-a_folder/data.pack"
    mkdir none
    test_expect_code 2 data "DATA=$PWD/none"
    grep "DATA: .*/none. is not a regular file\|no text" err'

test_expect_success 'a list of files, a pattern whose files change, more files than a line holds' '
    printf "%s\n" "'\''$PWD/a folder/b.txt'\''" "\"$PWD/a folder/below\"" >list
    data "DATA=@$PWD/list"
    grep "2 documents, " err
    test -s "$runs/tiny-b/data.pack"
    mkdir many
    for i in 1 2 3 4 5 6 7 8 9 10 11; do cp "a folder/b.txt" many/$i.txt; done
    data "DATA=$PWD/many/*.txt"
    grep "11 documents, " err
    rm many/11.txt
    data "DATA=$PWD/many/*.txt"
    grep "10 documents, " err
    test -s "$runs/tiny-many/sources"'

test_expect_success 'more files than a command can name are refused' '
    mkdir crowd
    (cd crowd && awk "BEGIN { for (i = 0; i < 700; i++) { f = sprintf(\"%0150d\", i); print i >f; close(f) } }")
    says "^finetune: DATA: the names of 700 files are too long for a command, join" finetune "DATA=$PWD/crowd"'

test_expect_success 'two runs do not share a name by chance' '
    mkdir one two
    cp "a folder/b.txt" one/t.txt
    cp "a folder/below/it'\''s.md" two/t.txt
    data "DATA=$PWD/one/t.txt"
    test_expect_code 2 data "DATA=$PWD/two/t.txt"
    grep "^data: $runs/tiny-t is a run of .*/one/t.txt: NAME=tiny-t goes on there, NAME=tiny-t-2 begins another$" err
    data "DATA=$PWD/two/t.txt" NAME=tiny-t-2
    data "DATA=$PWD/two/t.txt" NAME=tiny-t
    data "DATA=$PWD/two/t.txt"'
test_expect_success 'what is found in a folder: no option, no list, nothing of a run, nothing hidden' '
    mkdir -p words/sub words/.hidden words/runs/x/records
    for f in words/sub/one.txt words/.hidden/two.txt words/runs/x/samples.txt "words/-three.txt" "words/@four.txt"; do
        echo text >"$f"
    done
    : >words/runs/x/records/contents
    sources() { (cd words && sh "$TOP/workflows/sources.sh" "$@" 2>/dev/null); }
    test "$(sources .)" = "./-three.txt ./@four.txt ./sub/one.txt "
    test "$(sources "*.txt")" = "./-three.txt ./@four.txt "
    test "$(sources "s*/*.txt")" = "sub/one.txt "
    test "$(cd words/.hidden && sh "$TOP/workflows/sources.sh" ../sub 2>/dev/null)" = "../sub/one.txt "'

test_expect_success 'what the environment holds is no part of the workflow' '
    todo="\$(shell touch $test_scratch/pwned)" step_done=1 make_there -n finetune >out
    test ! -e pwned
    for v in adapter merged; do
        make_there -n finetune OUTPUTS="$v $v" 2>answer >out || { cat answer && exit 1; }
    done'

test_expect_success 'another make is at work in the folder: refused' '
    mkdir -p "$runs/x/records"
    ln -s "$(command -v sleep)" make-like
    ./make-like 30 & echo $! >"$runs/x/records/pid"
    sh "$TOP/workflows/busy.sh" "$runs/x" 1 >out
    kill $!
    wait $! || true
    grep "another make, process [0-9]*, is at work in $runs/x: NAME=" out
    sh "$TOP/workflows/busy.sh" "$runs/x" 1 >out
    test ! -s out'

test_done
