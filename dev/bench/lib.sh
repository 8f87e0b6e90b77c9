# shellcheck shell=sh disable=SC2034,SC2119,SC2120,SC2153,SC2154
# SPDX-License-Identifier: MIT
# Shared by the parts of the benchmark: rows, models, data, processes in turn.  What a row
# says is in variables that all functions see (read_row).

now() { date +%s; }
note() { echo "bench: $*" >&2; }
die() {
    note "$*"
    exit 1
}

tsv() { # its arguments as a line
    (
        IFS='	'
        printf '%s\n' "$*"
    )
}

median() { # of the numbers on standard input, '-' if there are none
    sort -g | awk '{ v[NR] = $1 }
        END { print NR ? (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 : "-" }'
}

# calc FORMAT EXPRESSION: by awk; '-' if an operand is '-'
calc() {
    case " $2 " in
    *" - / "* | *" / - "* | *" - * "* | *" * - "*) echo - ;;
    *) awk "BEGIN { printf \"$1\", $2 }" ;;
    esac
}

# figure EXPRESSION: with as many digits as one reads
figure() {
    calc '%.0f %.1f %.2f' "$1, $1, $1" | awk '{ print ($1 >= 1000 ? $1 : $1 >= 10 ? $2 : $3) }'
}

key_value() { # KEY of standard input, whose lines are "KEY: VALUE"
    sed -n "s/^$1[[:space:]]*:[[:space:]]*//p" | head -n 1
}

# What a reader must know of the machine, as TSV.
machine() {
    {
        echo "date: $(date +%Y-%m-%d)"
        echo "processor: $(key_value 'model name' </proc/cpuinfo)"
        echo "processors: $(getconf _NPROCESSORS_ONLN)"
        echo "memory: $(awk '/^MemTotal/ { printf "%.1f GB", $2 * 1.024e-6 }' /proc/meminfo)"
        echo "system: $(uname -s)"
        echo "libtrain: $("$BIN/train" --version | sed -n '1s/.* //p')$(
            git rev-parse --short HEAD 2>/dev/null | sed 's/^/, commit /')"
        "$BIN/train" --version | grep -E '^(compiler|flags|BLAS|kernels in use|threads|oneDNN)'
        "$DEV/bench_gemm" --type bf16 -r 1 8,8,8,1 2>&1 | sed -n 's/.*oneDNN \([0-9]\)/rates of bf16 and s8: oneDNN \1/p'
        [ ! -s "$PEERS/versions" ] || echo "peers: $(paste -s -d, "$PEERS/versions" | sed 's/,/, /g')"
    } | sed 's/:[[:space:]]*/\t/'
}

# ==== rows ====

model_info() { # COLUMNS of the model's line in models.txt, as cut counts them
    awk -v name="$model" '$1 == name { $1 = $1; print }' dev/bench/models.txt |
        cut -d ' ' -f "$1"
}

# Sets the variables of a row; its tokens are what one step works on.
read_row() { # PART MODEL METHOD BASE SHAPE [WORD…]
    model=$2 method=$3 base=$4 batch=${5%x*} ctx=${5#*x}
    shift 5
    layers='' sequences=32 ranks='' threads='' type='' peer='' options='' given=''
    for word; do
        case $word in
        layers=*) layers=${word#*=} ;;
        sequences=*) sequences=${word#*=} ;;
        ranks=*) ranks=${word#*=} ;;
        threads=*) threads=${word#*=} ;;
        type=*) type=${word#*=} ;;
        peer=*) peer=${word#*=} ;;
        *) options="$options $word" ;;
        esac
    done
    case $model in *[!a-z0-9.-]*) return 1 ;; esac
    title=$(model_info 2 | tr _ ' ')
    [ -n "$title" ] || { note "no model '$model'" && return 1; }
    layers=${BENCH_LAYERS:-${layers:-$(model_info 3)}}
    [ "$layers" = "$(model_info 3)" ] || given=", $layers blocks"
    n_vocab=$(model_info 4)
    case $batch in [0-9]*) tokens=$((batch * ctx)) ;; *) tokens=1 ;; esac
    [ "$sequences" = 32 ] || given="$given, $sequences sequences"
    [ -z "$ranks" ] || given="$given, $ranks x $threads threads"
    given="$given$(echo "$options" | sed 's/ --lora-r [0-9]*//; s/ --/, --/g')" # r is named
}

option() { # the value of an option of the row
    echo "$options " | sed -n "s/.* --$1 \([^ ]*\) .*/\1/p"
}

rate_type() { # that the products of the row multiply
    case $(option precision) in
    bf16) echo bf16 ;;
    q8) echo s8 ;;
    *) echo f32 ;;
    esac
}

row() { # LINE
    # shellcheck disable=SC2086
    read_row $1 || return 1
    rm -f "$OUT"/ours.* "$OUT"/peer.* "$OUT/gemm"
    row_begun=$(now)
    case $method in
    full | lora) train_row ;;
    rate) rate_row ;;
    perplexity | generate | tokenize | tokenize_chats | quantize | imatrix | bpe_train) command_row ;;
    *) note "no method '$method'" && return 1 ;;
    esac
}

say() { # a row of the table, also to whom waits
    tsv "$@"
    tsv "$@" | tr '\t' ' ' >&2
}

# result WHAT SPEED UNIT OPERATIONS_PER_TOKEN PLANNED_MB PEAK_MB
result() {
    gflops=-
    [ ! -s "$OUT/gemm" ] || gflops=$(median <"$OUT/gemm")
    say "$1" "$(figure "$2 * 1")" "$3" "$rate_of" "$gflops" \
        "$(calc %.1f "100 * $2 * $4 / $gflops * 1e-9")" "$(calc %.0f "$5 * 1")" \
        "$(calc %.0f "$6 * 1")" "$layers" "$batch" "$ctx" "$sequences"
}

# result_beside WHAT PEER UNIT OURS THEIRS OUR_MB THEIR_MB
result_beside() {
    say "$1" "$2" "$3" "$(figure "$4 * 1")" "$(figure "$5 * 1")" \
        "$(calc %.2f "$4 / $5")" "$(calc %.0f "$6 * 1")" "$(calc %.0f "$7 * 1")" \
        "$(calc %.2f "$6 / $7")"
}

# ==== products ====

# The linear layers of a step over the row's tokens as bench_gemm wants them.  The output
# goes in chunks of 256 rows, 512 if it is trained; libtrain/ops/output_loss.c takes fewer
# where the vocabulary is large, to save memory.
products() {
    chunk=$([ "$method" = full ] && echo 512 || echo 256)
    chunk=$((tokens < chunk ? tokens : chunk))
    for l in $(model_info 6-); do
        echo "$tokens,${l%,*},$((${l##*,} * layers))"
    done
    echo "$chunk,$n_vocab,$(model_info 5),$((tokens / chunk))"
}

# Parameters that multiply: matrices of the blocks and the token table, once.
n_multiplied() {
    products | awk -F , -v tokens="$tokens" '{ n += $1 * $2 * $3 * $4 / tokens }
        END { printf "%.0f", n }'
}

# Measure the products in type $rate_of; its rates are collected in $OUT/gemm.
measure_rate() { # [OPTION…]
    # shellcheck disable=SC2046
    "$DEV/bench_gemm" --type "$rate_of" -r "$REPEATS" \
        ${threads:+--threads $((threads * ${ranks:-1}))} "$@" $(products) \
        >>"$OUT/gemm" 2>"$OUT/gemm.err" || return 0
}

# The rate of every type, one after the other, in turns.
rate_row() {
    for r in $(seq "$ROUNDS"); do
        for rate_of in f32 bf16 s8; do
            mv "$OUT/gemm-$rate_of" "$OUT/gemm" 2>/dev/null
            [ "$r" -gt 1 ] || rm -f "$OUT/gemm"
            measure_rate
            mv "$OUT/gemm" "$OUT/gemm-$rate_of"
        done
    done
    best=$(median <"$OUT/gemm-f32")
    for rate_of in f32 bf16 s8; do
        mv "$OUT/gemm-$rate_of" "$OUT/gemm"
        [ -s "$OUT/gemm" ] || { note "$rate_of: $(cat "$OUT/gemm.err")" && continue; }
        result "products of $title, $batch x $ctx, $rate_of" \
            "$(calc %.3f "$(median <"$OUT/gemm") / $best")" 'of sgemm' - - -
    done
}

# ==== models and data ====

# made FILE COMMAND…: FILE, made by COMMAND … FILE unless it is there.
made() {
    f=$1
    shift
    [ -f "$f" ] || "$@" "$f" >&2 || { note "cannot make $f" && return 1; }
    echo "$f"
}

# The example's tokenizer with unused tokens behind it, so that `tokenize` knows the model;
# what the ids mean does not matter.
model_file() { # BASE
    # shellcheck disable=SC2046
    made "$OUT/$model-$layers-$1.gguf" "$DEV/mkmodel" -q --shape "$model" \
        --n-vocab "$n_vocab" $([ "$layers" = "$(model_info 3)" ] || echo --layers "$layers") \
        --type "$1" --vocab examples/tiny.gguf -o
}

pack_ids() { # MODEL CTX SEQUENCES PACK: random ids
    awk -v n=$(($2 * $3 + 1)) 'BEGIN {
        for (x = 1; n; n--) { x = x * 16807 % 2147483647; printf "%d ", x % 2000 }
        print "" }' | "$BIN/tokenize" -q -m "$1" --from-ids | "$BIN/pack" -q -c "$2" -o "$4"
}

data_file() { # MODEL
    made "$OUT/ids-$n_vocab-$ctx-$sequences.pack" pack_ids "$1" "$ctx" "$sequences"
}

text_file() { # BYTES: English by a grammar
    made "$OUT/text-$1.txt" "$DEV/mktext" -q --bytes "$1" dev/stories.grammar -o
}

# ==== processes in turn ====
# Up to two processes, `ours` and `peer`, write a line with each step to $OUT/NAME.tsv, and
# only one of them runs at a time: the other is stopped (SIGSTOP).  $OUT/NAME.stopped says
# in which step and for how many seconds; they are taken off the time of that step.  Looking
# takes some milliseconds of a processor, so it is done twice a second.

clock() { cut -d ' ' -f 1 /proc/uptime; }

pid_of() { if [ "$1" = ours ]; then echo "$pid_ours"; else echo "$pid_peer"; fi; }

# Process $1 and all that it started.
tree() {
    [ -n "$1" ] || return 0
    echo "$1"
    cat "/proc/$1/task/"*/children 2>/dev/null | tr ' ' '\n' | while read -r child; do
        tree "$child"
    done
}

signal() { # SIGNAL NAME
    # shellcheck disable=SC2046
    kill -"$1" $(tree "$(pid_of "$2")") 2>/dev/null
}

lives() { # NAME
    grep '^State:' "/proc/$(pid_of "$1")/status" 2>/dev/null | grep -qv Z
}

steps() { # NAME: lines of its log, without the header
    [ -f "$OUT/$1.tsv" ] && awk 'END { print NR ? NR - 1 : 0 }' "$OUT/$1.tsv" || echo 0
}

await_steps() { # NAME N
    while [ "$(steps "$1")" -lt "$2" ]; do
        lives "$1" || return 1
        sleep 0.5
    done
}

pause() { # NAME
    signal STOP "$1"
    echo "$(($(steps "$1") + 1)) $(clock)" >"$OUT/$1.paused"
}

resume() { # NAME
    echo "$(cat "$OUT/$1.paused") $(clock)" | awk '{ print $1, $3 - $2 }' >>"$OUT/$1.stopped"
    signal CONT "$1"
}

# start NAME COMMAND…: until its first step, then it waits
start() {
    name=$1
    shift
    "$@" 2>"$OUT/$name.err" >"$OUT/$name.out" 3<&- &
    if [ "$name" = ours ]; then pid_ours=$!; else pid_peer=$!; fi
    await_steps "$name" 1 && pause "$name"
}

turn() { # NAME
    goal=$(($(steps "$1") + STEPS))
    stop_at=$(($(now) + SECONDS_))
    resume "$1"
    await_steps "$1" "$goal" || return 1
    while [ "$(now)" -lt "$stop_at" ] && lives "$1"; do
        sleep 0.5
    done
    pause "$1"
}

# Whether there is another turn, of which RAN were made.
goes_on() { # RAN TURNS
    [ "$1" -lt "$2" ] &&
        { [ "$1" -lt 2 ] || [ $(($(now) - row_begun)) -lt "$ROW_SECONDS" ]; }
}

# Of all steps but the first.
median_speed() { # NAME COLUMN_OF_SPEED COLUMN_OF_TOKENS
    awk -v c="$2" -v n="$3" 'NR == FNR { pause[$1] = $2; next }
        FNR > 2 { t = $n / $c - pause[$1]; if (t > 0) print $n / t }' \
        "$OUT/$1.stopped" "$OUT/$1.tsv" | median
}

# Peak of resident memory in MB, of all processes that do the work.
peak() { # NAME
    for p in $(tree "$(pid_of "$1")"); do
        grep -q '^Name:.*\(mpi\|orte\|prte\)' "/proc/$p/status" ||
            awk '$1 == "VmHWM:" { print $2 * 1.024e-3 }' "/proc/$p/status"
    done | awk '{ mb += $1 } END { print NR ? mb : "-" }'
}

planned() { # what our command said before it began, for each process
    sed -n 's/.*memory in MB.*total \([0-9.]*\).*/\1/p' "$OUT/ours.err" |
        awk -v n="${ranks:-1}" '{ mb = n * $1 } END { print NR ? mb : "-" }'
}

# Nothing of it is wanted but the log.
finish() { # NAME
    [ -n "$(pid_of "$1")" ] || return 0
    signal KILL "$1"
    wait "$(pid_of "$1")" 2>/dev/null
    if [ "$1" = ours ]; then pid_ours=; else pid_peer=; fi
}
