#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: before.sh CMD MODEL FOLDER RESULTS OPTION...
#
# Prints why the making of RESULTS, files in FOLDER parted by blanks, could not end well: what
# cannot be written, quantised or, with the options of train that say what is trained, trained,
# and models that are more than there is room for.
#
# CMD stands in front of the name of every command.
cmd=$1 model=$2 folder=$3 results=$4
shift 4
[ -x "${cmd}train" ] || exit 0 # `make -n` before anything is built

say() { printf '%s\n' "$1"; } # echo has its own idea of \
# try COMMAND...: its last line, the error, if it fails, which is the end.
try() { said=$("$@" 2>&1) || { say "$said" | tail -n 1 && exit; }; }

above=$folder
until [ -e "$above" ]; do
    above=$(dirname -- "$above")
done
[ -d "$above" ] || { say "'$above' is not a folder" && exit; }
[ -w "$above" ] || { say "cannot write in '$above'" && exit; }
for result in $results; do
    [ ! -d "$folder/$result" ] || { say "'$folder/$result' is a folder" && exit; }
done
case " $results " in *" model.ckpt "*) ;; *) exit 0 ;; esac

# Both models in the table of quantize: tensor, type, new type, bytes, new bytes.
kib() { say "$said" | awk -F '\t' "NR > 1 { n += \$$1 } END { printf \"%.0f\\n\", n / 1024 }"; }
try "${cmd}quantize" -q --dry-run --allow-requantize -t f16 "$model"
[ "$1" = --full ] && wanted=$(kib 4) || wanted=$(kib 5)
try "${cmd}quantize" -q --dry-run --allow-requantize -t q8_0 "$model"
wanted=$((wanted + $(kib 5)))
free=$(df -Pk -- "$above" | awk 'NR == 2 { print $4 }')
[ "${free:-$wanted}" -ge "$wanted" ] ||
    { say "the models take $wanted KiB, and '$above' has $free KiB left" && exit; }

# A training is planned on a little text, this one, without a limit of memory: what it will take is not
# known before there is data.
scratch=$(mktemp -d) || exit 0
trap 'rm -r "$scratch"' EXIT
try "${cmd}tokenize" -q -m "$model" -o "$scratch/tok" "$0"
try "${cmd}pack" -q -c 8 -o "$scratch/pack" "$scratch/tok"
try "${cmd}train" -q --plan -m "$model" -d "$scratch/pack" -o "$scratch/ckpt" "$@" \
    --batch 1 --steps 1 --warmup 0 --mem-limit 1000000G
