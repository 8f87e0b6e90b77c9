#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: before.sh CMD MODEL FOLDER RESULTS CTX BATCH OPTION...
#
# Prints why the making of RESULTS, files in FOLDER parted by blanks, could not end well: what
# cannot be written, quantised or, with the options of train that say what is trained, trained,
# and files that are more than there is room for.  Else it says what will be done and written
# on standard error, if there is a training.
#
# CMD stands in front of the name of every command.  CTX is 0 where it is not known before the
# data is read.
cmd=$1 model=$2 folder=$3 results=$4 ctx=$5 batch=$6
shift 6
[ -x "${cmd}train" ] || exit 0 # `make -n` before anything is built

say() { printf '%s\n' "$1"; } # echo has its own idea of \
# try COMMAND...: its last line, the error, if it fails, which is the end.
try() { said=$("$@" 2>&1) || { say "$said" | grep -v '^usage: \|^Try ' | tail -n 1 && exit; }; }

above=$folder
until [ -e "$above" ]; do
    above=$(dirname -- "$above")
done
[ -d "$above" ] || { say "'$above' is not a folder" && exit; }
[ -w "$above" ] || { say "cannot write in '$above'" && exit; }
for result in $results; do
    [ ! -d "$folder/$result" ] || { say "'$folder/$result' is a folder" && exit; }
done
case " $results " in *.gguf\ * | *" model.ckpt "*) ;; *) exit 0 ;; esac

sum=0 files=
# will_write FILE KIB
will_write() {
    sum=$((sum + $2))
    files="$files, $1 $(awk -v k="$2" 'BEGIN {
        printf k < 1024 ? "%d KiB" : k < 1048576 ? "%.1f MiB" : "%.1f GiB",
            k < 1024 ? k : k < 1048576 ? k / 1024 : k / 1048576 }')"
}
# In the table of quantize: tensor, type, new type, bytes, new bytes.
kib() { say "$said" | awk -F '\t' "NR > 1 { n += \$$1 } END { printf \"%.0f\\n\", n / 1024 }"; }
# bytes ITEM...: of the plan, in KiB.
bytes() {
    say "$plan" | awk -F '\t' -v w=" $* " \
        'index(w, " " $1 " ") { n += $2 } END { printf "%.0f\n", n / 1024 }'
}

# A training is planned on a little text, this one, without a limit of memory: what it will
# take is not known before there is data, but nearly so where the length of all sequences is.
plan=
plan_training() {
    scratch=$(mktemp -d) || return
    trap 'rm -r "$scratch"' EXIT
    trap 'exit 1' HUP INT TERM # dash leaves without the above
    some=$ctx
    [ "$some" -gt 0 ] && [ "$some" -le 8192 ] && [ "$batch" -gt 0 ] && [ "$batch" -le 64 ] ||
        { some=8 && batch=1; }
    awk -v n=$((some * (batch + 2))) '{ line[NR] = $0 }
        END { for (i = 0; i < n / 4; i++) print line[i % NR + 1] }' "$0" >"$scratch/text"
    try "${cmd}tokenize" -q -m "$model" -o "$scratch/tok" "$scratch/text"
    try "${cmd}pack" -q -c "$some" -o "$scratch/pack" "$scratch/tok"
    try "${cmd}train" -q --plan -m "$model" -d "$scratch/pack" -o "$scratch/ckpt" "$@" \
        --batch "$batch" --steps 1 --warmup 0 --mem-limit 1000000G
    plan=$said
}

plan_training "$@"
for result in $results; do
    case $result in
    model.ckpt) will_write model.ckpt "$(bytes params moments)" ;;
    adapter.gguf) will_write adapter.gguf "$(bytes params)" ;;
    merged.gguf)
        try "${cmd}quantize" -q --dry-run --allow-requantize -t f16 "$model"
        case " $* " in
        *" --full "*) will_write merged.gguf "$(kib 4)" ;;
        *) will_write merged.gguf "$(kib 5)" ;;
        esac
        ;;
    *.gguf)
        try "${cmd}quantize" -q --dry-run --allow-requantize -t "${result%.gguf}" "$model"
        will_write "$result" "$(kib 5)"
        ;;
    esac
done
free=$(df -Pk -- "$above" | awk 'NR == 2 { print $4 }')
[ "${free:-$sum}" -ge "$sum" ] ||
    { say "${files#, }: $sum KiB in all, and '$above' has $free KiB left" && exit; }
case " $results " in *" model.ckpt "*) ;; *) exit 0 ;; esac
[ -z "${Q:-}" ] || exit 0
{
    case " $* " in *" --full "*) what="all weights of $model are" ;; *) what="an adapter of $model is" ;; esac
    say "finetune: $what trained: $(($(bytes params) * 256)) parameters"
    [ "$ctx" = 0 ] || [ "$some" = 8 ] ||
        say "finetune: about $(($(bytes total) / 1000)) MB of memory, sequences of $ctx tokens"
    say "finetune: $folder gets ${files#, }"
} >&2
