#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A folder of Hugging Face as MODEL: it is imported once, again when it has changed, and the
# workflows go on with the file.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
test_built gguf-import hf-export tokenize || test_skip_all "the commands are not built"
[ -f "$model" ] || test_skip_all "no examples/tiny.gguf"
bin=${BIN#"$TOP"/}
"$BIN/hf-export" -q -m "$model" -t f16 -o "a model's"
rm "a model's"/*.txt "a model's"/tokenizer* "a model's"/special* "a model's"/vocab.json
mkdir like
echo '{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
 "added_tokens": [], "pre_tokenizer": {"type": "ByteLevel"}}' >like/tokenizer.json
cp like/tokenizer.json "a model's"
awk 'BEGIN { for (i = 0; i < 3000; i++) printf i % 7 ? "ab" : "aab" }' >ab.txt
folder=$test_scratch/"a model's" runs=$test_scratch/runs
made=$runs/models/a_model_s.gguf
make_() { (cd "$TOP" && "$MAKE" "$@" RUNS="$runs" BIN="$bin" IMPORT_FLAGS='--pre gpt-2'); }

test_expect_success 'a folder becomes a file, which is named' '
    make_ import MODEL="$folder" >out
    test "$(tail -n 1 out)" = "$made"
    test -s "$made"'

test_expect_success 'once' '
    sleep 1
    touch mark
    make_ import MODEL="$folder/" >out
    test "$(cat out)" = "$made"
    test -z "$(find runs -newer mark -type f)"'

test_expect_success 'again when the folder has changed' '
    touch "$folder/config.json"
    make_ import MODEL="$folder"
    test -n "$(find "$made" -newer mark)"'

test_expect_success 'a folder of the same name elsewhere is another model' '
    mkdir other
    cp -r "$folder" other
    make_ import MODEL="$test_scratch/other/a model'\''s" >out
    test "$(cat out)" = "$runs/models/a_model_s-2.gguf"'

test_expect_success 'a workflow goes on with the file' '
    make_ data MODEL="$folder" DATA="$test_scratch/ab.txt" V=1 >log
    grep -F "tokenize -m $made" log
    ! grep gguf-import log
    test -s runs/a_model_s-ab/data.pack'

test_expect_success 'and makes it first where it is not there' '
    rm -r runs/models
    (make_ -n data MODEL="$folder" DATA="$test_scratch/ab.txt") >log
    grep -n gguf-import log
    test ! -e "$made"
    make_ data MODEL="$folder" DATA="$test_scratch/ab.txt" >log
    test -s "$made"'

test_expect_success 'what is no folder of a model is refused' '
    test_must_fail make_ import MODEL=like 2>err
    test_must_fail make_ import MODEL="$model" 2>err
    grep "is no folder" err
    test_must_fail make_ data MODEL="$test_scratch/like" DATA="$test_scratch/ab.txt" 2>err
    grep "no config.json" err
    echo "{}" >like/adapter_config.json
    test_must_fail make_ data MODEL="$test_scratch/like" DATA="$test_scratch/ab.txt" 2>err
    grep "that of an adapter: MODEL is its base" err
    test_expect_code 1 "$BIN/gguf-import" -o like.gguf like 2>err
    grep "adapter-import makes a GGUF of it" err'

test_done
