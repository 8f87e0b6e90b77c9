#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: models.sh NAME
#
# NAME was given for a model and is no file.  Says what it looks like, where programs keep
# their models, and which GGUF files lie there.
name=$1
say() { printf 'finetune: %s\n' "$*"; }

# NAME:TAG and the file, of each model that Ollama has: a manifest names the blob.
ollama() {
    for root in "${OLLAMA_MODELS:-$HOME/.ollama/models}" /usr/share/ollama/.ollama/models; do
        [ -d "$root/manifests" ] || continue
        find "$root/manifests" -type f 2>/dev/null | sort | head -n 50 | while IFS= read -r m; do
            blob=$(tr '{},' '\n\n\n' <"$m" | tr -d ' "' | awk -F : '
                /^mediaType:/ { model = /image\.model$/ }
                /^digest:/ && model { print $2 "-" $3; exit }')
            [ -z "$blob" ] || [ ! -f "$root/blobs/$blob" ] || printf '%s\t%s\n' \
                "$(basename "$(dirname "$m")"):$(basename "$m")" "$root/blobs/$blob"
        done
    done
}
files_in() {
    [ ! -d "$1" ] || find -L "$1" -maxdepth "$2" -name '*.gguf' -type f 2>/dev/null | sort |
        head -n 8
}

case $name in
*/*/* | .* | /* | *.gguf) ;;
*/*)
    say "'$name' looks like a model on a hub: nothing is fetched here, download a GGUF file of" \
        "it first"
    ;;
*) say "'$name' looks like a name in Ollama or another program: the file itself is needed" ;;
esac

found=$({
    ollama | awk -F '\t' -v n="$name" '{ first = $1 == n || index($1, n ":") == 1
        print !first "\t" $2 "\t(in Ollama: " $1 ")" }' | sort | cut -f 2-
    files_in . 2
    files_in "$HOME/.lmstudio/models" 4
    files_in "$HOME/.cache/lm-studio/models" 4
    files_in "${LLAMA_CACHE:-$HOME/.cache/llama.cpp}" 2
    files_in "${HF_HOME:-$HOME/.cache/huggingface}/hub" 5
} | head -n 12)
if [ -n "$found" ]; then
    say "GGUF files found here:"
    printf '%s\n' "$found" | sed 's/^/  /'
else
    say "no GGUF file was found where programs keep them:"
fi
say "Ollama: ~/.ollama/models; LM Studio: ~/.lmstudio/models, ~/.cache/lm-studio/models;" \
    "llama.cpp: ~/.cache/llama.cpp; Hugging Face: ~/.cache/huggingface/hub"
