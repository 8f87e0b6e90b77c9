#!/bin/sh
# SPDX-License-Identifier: MIT
#
# gguf-import from the outside: what hf-export writes comes back, types, and refusals.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
test_built gguf-import hf-export gguf-diff gguf-show || test_skip_all "the commands are not built"
[ -f "$model" ] || test_skip_all "no examples/tiny.gguf"
export_() { "$BIN/hf-export" -q -m "$model" -t f32 "$@"; }
export_ -o folder
# A vocabulary of three words, which is filled up to the rows of the table.
rm folder/*.txt folder/tokenizer* folder/special* folder/vocab.json
echo '{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
 "added_tokens": [], "pre_tokenizer": {"type": "ByteLevel"}}' >folder/tokenizer.json
import() { "$BIN/gguf-import" -q --pre gpt-2 "$@"; }
same_tensors() {
    "$BIN/gguf-diff" "$1" "$2" >diff || true
    grep -c "^tensor.*	0	0$" diff
    ! grep "^tensor" diff | grep -v "	0	0$"
}
tensors() { "$BIN/gguf-show" "$1" | grep -F "$2"; }

test_expect_success 'a folder comes back as the model that it was' '
    "$BIN/quantize" -q -t f32 -o f32.gguf "$model"
    import -t f32 -o back.gguf folder
    same_tensors f32.gguf back.gguf'

test_expect_success 'in another type, and the same bytes with any number of threads' '
    import -t q8_0 --threads 1 -o a.gguf folder
    import -t q8_0 --threads 2 -o b.gguf folder/
    cmp a.gguf b.gguf
    tensors a.gguf token_embd.weight | grep -i q8_0'

test_expect_success 'shards are one model' '
    export_ --shard-size 4M -o shards
    import -t f32 --name folder -o s.gguf shards
    same_tensors back.gguf s.gguf'

test_expect_success 'a name of its own' '
    import -t f16 --name "My Model" -o named.gguf folder
    "$BIN/gguf-show" named.gguf | grep "My Model"'

test_expect_success 'what the front of its README.md says' '
    cat >folder/README.md <<END
---
license: [mit, "apache-2.0"]
license_link: https://example.org/x # there
base_model:
  - mistralai/Mistral-7B-v0.1
  - https://huggingface.co/Qwen/Qwen2.5-0.5B
  - {name: Own, repo_url: "https://example.org/caf\\u00e9"} # by keys
  - name: In lines
    author: Some
      One
    description: >-
      folded
      text

      and more
datasets: a/b
model_description: |
  Two
   lines.
tags:
- code
pipeline_tag: text-generation
author: Some One
model-index:
- name: x
  results:
  - nothing: here
---
license: none
END
    import -t f16 -o card.gguf folder
    "$BIN/gguf-show" --keys card.gguf | sed -n "s/^key	general\.//p" >got
    cat >want <<END
author	string	Some One
description	string	Two\n lines.\n
license	string	mit,apache-2.0
license.link	string	https://example.org/x
base_model.count	u32	4
base_model.0.name	string	Mistral 7B v0.1
base_model.0.version	string	v0.1
base_model.0.organization	string	Mistralai
base_model.0.repo_url	string	https://huggingface.co/mistralai/Mistral-7B-v0.1
base_model.1.name	string	Qwen2.5 0.5B
base_model.1.organization	string	Qwen
base_model.1.repo_url	string	https://huggingface.co/Qwen/Qwen2.5-0.5B
base_model.2.name	string	Own
base_model.2.repo_url	string	https://example.org/café
base_model.3.name	string	In lines
base_model.3.author	string	Some One
base_model.3.description	string	folded text\nand more
dataset.count	u32	1
dataset.0.name	string	B
dataset.0.organization	string	A
dataset.0.repo_url	string	https://huggingface.co/a/b
END
    grep "^author\|^desc\|^license\|^base\|^dataset" got | cmp - want
    "$BIN/gguf-show" --keys card.gguf | grep "general.tags.*\"code\" \"text-generation\""
    printf "%b\n" --- "author: \0377" --- >folder/README.md
    import -t f16 -o plain.gguf folder
    test_expect_code 1 grep -a general.author plain.gguf >/dev/null
    rm folder/README.md
    sed "1s/{/{\"_name_or_path\": \"org\/my-own-7B\",/" folder/config.json >config
    mkdir other
    cp folder/* other
    cp config other/config.json
    import -t f16 -o named.gguf other
    "$BIN/gguf-show" --keys named.gguf | grep "general.name.*My Own 7B"
    "$BIN/gguf-show" --keys named.gguf | grep "general.organization.*Org"
    rm -r other'

# refuses STATUS TEXT ARG...: with a message, and leaves nothing behind
refuses() {
    status=$1 text=$2
    shift 2
    touch before after stdout stderr
    ls -A >before
    test_expect_code "$status" "$BIN/gguf-import" "$@" >stdout 2>stderr </dev/null
    grep -e "$text" stderr
    ls -A >after
    cmp before after
}

test_expect_success 'what is no folder of a model is refused' '
    mkdir empty
    refuses 1 "config.json" -o x.gguf empty
    refuses 1 "nowhere" -o x.gguf nowhere
    refuses 2 "type" -t wild -o x.gguf folder
    refuses 2 "output" folder
    mkdir other
    echo "{\"architectures\": [\"Other\"]}" >other/config.json
    refuses 1 "known are" -o x.gguf other
    cp folder/* other
    sed -i "/num_hidden_layers/d" other/config.json
    refuses 1 "other/config.json.: .num_hidden_layers. is missing" -o x.gguf other
    cp folder/config.json other
    sed "s/BPE/Unigram/" folder/tokenizer.json >other/tokenizer.json
    refuses 1 "tokenizer.json.: a vocabulary of type .Unigram. has no form" -o x.gguf other
    rm other/tokenizer.json
    echo a >other/vocab.txt
    refuses 1 "vocab.txt.: a vocabulary of WordPiece has no form" -o x.gguf other'

test_done
