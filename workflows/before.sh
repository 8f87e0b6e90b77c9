#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: before.sh BIN MODEL FOLDER METHOD TARGETS PROMPTS RESULT...
#
# Prints why the making of the results, files in FOLDER, could not end well: what cannot be
# written, trained or quantised, and models that are more than there is room for.
bin=$1 model=$2 folder=$3 method=$4 targets=$5 prompts=$6
shift 6
[ -x "$bin/train" ] || exit 0 # `make -n` before anything is built

say() { printf '%s\n' "$1"; } # echo has its own idea of \
# try COMMAND...: its first line if it fails, which is the end.
try() { said=$("$@" 2>&1) || { say "$said" | sed 1q && exit; }; }

above=$folder
until [ -e "$above" ]; do
    above=$(dirname -- "$above")
done
[ -d "$above" ] || { say "'$above' is not a folder" && exit; }
[ -w "$above" ] || { say "cannot write in '$above'" && exit; }
for result; do
    [ ! -d "$folder/$result" ] || { say "'$folder/$result' is a folder" && exit; }
done
case " $* " in *" model.ckpt "*) ;; *) exit 0 ;; esac

# Both models in the table of quantize: tensor, type, new type, bytes, new bytes.
kib() { say "$said" | awk -F '\t' "NR > 1 { n += \$$1 } END { printf \"%.0f\\n\", n / 1024 }"; }
try "$bin/quantize" -q --dry-run --allow-requantize -t f16 "$model"
[ "$method" = full ] && wanted=$(kib 4) || wanted=$(kib 5)
try "$bin/quantize" -q --dry-run --allow-requantize -t q8_0 "$model"
wanted=$((wanted + $(kib 5)))
free=$(df -Pk -- "$above" | awk 'NR == 2 { print $4 }')
[ "${free:-$wanted}" -ge "$wanted" ] ||
    { say "the models take $wanted KiB, and '$above' has $free KiB left" && exit; }

try "$bin/gguf-show" -q --check "$model"
[ -n "$targets" ] && [ "$method" = lora ] || exit 0
scratch=$(mktemp -d) || exit 0
trap 'rm -r "$scratch"' EXIT
try "$bin/tokenize" -q -m "$model" -o "$scratch/tok" "$prompts"
try "$bin/pack" -q -c 8 -o "$scratch/pack" "$scratch/tok"
try "$bin/train" -q --plan -m "$model" -d "$scratch/pack" -o "$scratch/ckpt" \
    --lora-targets "$targets" --batch 1 --steps 1 --warmup 0
