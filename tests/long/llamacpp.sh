#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Adapters and merged models of every architecture, computed by llama.cpp too:
# dev/check-llamacpp.py says what is compared.  It needs llama.cpp's library and a python:
#
#   LLAMA_PYTHON   a python with numpy, gguf and llama_cpp, for which PYTHONPATH and
#                  LLAMA_CPP_LIB_PATH are set as it wants them; without it that of
#                  `make bench-peers`
. "${0%/*}/../lib.sh"

test_built tokenize pack train perplexity gguf-export merge ||
    test_skip_all "the commands are not built"
[ -z "$SANITIZE" ] || test_skip_all "it is about numbers"
peers=${PEERS:-$TOP/build/peers}
case $peers in /*) ;; *) peers=$TOP/$peers ;; esac
if [ -z "${LLAMA_PYTHON:-}" ]; then
    LLAMA_PYTHON=$peers/venv/bin/python
    LLAMA_CPP_LIB_PATH=$peers/llama.cpp/build/bin
    PYTHONPATH=$(echo "$peers"/llama_cpp_python-*/)
    export LLAMA_CPP_LIB_PATH PYTHONPATH
fi
"$LLAMA_PYTHON" -c 'import numpy, gguf, llama_cpp' 2>why ||
    test_skip_all "no python with llama_cpp (make bench-peers or LLAMA_PYTHON): $(tail -n 1 why)"

found=
for model in "$SHARED"/reference/*/model.gguf; do
    [ -f "$model" ] || continue
    found=yes
    name=$(basename "$(dirname "$model")")
    if ! "$BIN/train" -q --plan -m "$model" -d none.pack -o none.ckpt >out 2>&1 &&
        grep -q "not supported" out; then
        test_skip "$name" "$(cat out)"
        continue
    fi
    test_expect_success "$name: llama.cpp gives what we do" '
        "$LLAMA_PYTHON" "$TOP/dev/check-llamacpp.py" --bin "$BIN" "$model" 2>stderr'
done
[ -n "$found" ] || test_skip_all "no reference material"
test_done
