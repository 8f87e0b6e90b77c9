#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: dev/bench-peers.sh DIR
#
# Sets up in DIR what the benchmark compares with: a Python environment with PyTorch (CPU),
# transformers, PEFT, tiktoken and tokenizers, and llama.cpp's programs from the source
# package of llama-cpp-python.  What is there stays.  About a quarter of an hour on two
# cores, 3 GB.  `make bench-peers` calls it.
#
#   TORCH_INDEX   where pip finds PyTorch; empty: where it finds everything else
set -eu
TORCH=2.13.0 LLAMA=0.3.36
PROGRAMS="llama-finetune llama-quantize llama-perplexity llama-bench"
torch_index=${TORCH_INDEX-https://download.pytorch.org/whl/cpu}
mkdir -p "${1:?usage: dev/bench-peers.sh DIR}"
dir=$(cd "$1" && pwd)
pip() { "$dir/venv/bin/python" -m pip -q "$@"; }
has() { "$dir/venv/bin/python" -c "import $1" 2>/dev/null; }

[ -x "$dir/venv/bin/python" ] || python3 -m venv "$dir/venv"
# shellcheck disable=SC2086
has torch || pip install ${torch_index:+--index-url "$torch_index"} "torch==$TORCH" || {
    echo "bench-peers: no PyTorch $TORCH at ${torch_index:-the usual index}" >&2
    echo "(TORCH_INDEX names another place, TORCH_INDEX= the usual one)" >&2
    exit 1
}
# diskcache is for llama_cpp, which dev/check-llamacpp.py imports
has "transformers, peft, tiktoken, tokenizers, gguf, diskcache" ||
    pip install transformers peft tiktoken tokenizers gguf diskcache

bin=$dir/llama.cpp/build/bin
missing=
for p in $PROGRAMS; do
    [ -x "$bin/$p" ] || missing="$missing $p"
done
if [ -n "$missing" ]; then
    # The package builds with these; they are asked for the name of its source alone.
    pip install scikit-build-core cmake ninja
    PATH=$dir/venv/bin:$PATH
    cd "$dir"
    pip download --no-deps --no-build-isolation --no-binary llama-cpp-python \
        "llama-cpp-python==$LLAMA"
    tar -xzf "llama_cpp_python-$LLAMA.tar.gz"
    ln -sfn "llama_cpp_python-$LLAMA/vendor/llama.cpp" llama.cpp
    cmake -S llama.cpp -B llama.cpp/build -G Ninja -DCMAKE_BUILD_TYPE=Release \
        -DLLAMA_CURL=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_TESTS=OFF >/dev/null
    # shellcheck disable=SC2086
    ninja -C llama.cpp/build $PROGRAMS
fi

{
    "$dir/venv/bin/python" - <<'END'
from importlib.metadata import version
for name in ("torch", "transformers", "peft", "tiktoken", "tokenizers"):
    print(name, version(name))
END
    echo "llama.cpp of llama-cpp-python $LLAMA"
} >"$dir/versions"
cat "$dir/versions"
