# shellcheck shell=sh disable=SC2034,SC2153,SC2154
# SPDX-License-Identifier: MIT
# Rows of training: tokens a second beside the rate of the machine, or beside a peer.

train_title() {
    how=full
    [ "$method" = full ] || how="LoRA r $(option lora-r | grep . || echo 8) on $base"
    echo "$title $how, $batch x $ctx$given"
}

# Why `train` ended before its first step: 0 if it does not know an option or was built
# without what it needs.
excused() {
    wait "$pid_ours"
    status=$?
    pid_ours=
    line=$([ $status = 2 ] && echo head || echo tail) # usage follows what is wrong with it
    why=$(grep . "$OUT/ours.err" | $line -n 1)
    if [ $status = 2 ] || echo "$why" | grep -qE 'built without|oneDNN'; then
        note "passed over: $(train_title): $why"
        return 0
    fi
    note "FAILED: $(train_title): $why"
    return 1
}

start_ours() { # MODEL DATA
    # shellcheck disable=SC2046,SC2086
    set -- "$BIN/train" -m "$1" -d "$2" --batch "$batch" --steps 1000000 \
        --log "$OUT/ours.tsv" -o "$OUT/run.ckpt" ${threads:+--threads "$threads"} \
        $([ "$method" = full ] && echo --full) $options
    if [ -n "$ranks" ]; then
        if "$BIN/train" --version | grep -q 'built without Open MPI'; then
            start ours sh -c 'echo "built without Open MPI" >&2; exit 2'
            return 1
        fi
        [ "$(id -u)" != 0 ] || set -- --allow-run-as-root "$@"
        set -- mpirun --oversubscribe --bind-to none -n "$ranks" "$@"
    fi
    start ours "$@"
}

train_row() {
    file=$(model_file "$base") && pack=$(data_file "$file") || return 1
    rm -rf "$OUT/run.ckpt.d" "$OUT/run.ckpt"
    start_ours "$file" "$pack" || { excused && return 0 || return 1; }
    if [ -n "$peer" ]; then beside_peer "$file"; else beside_rate; fi
    status=$?
    finish ours
    rm -rf "$OUT/run.ckpt.d"
    return $status
}

beside_rate() {
    rate_of=$(rate_type)
    frozen=--frozen factor=4
    [ "$method" = lora ] || frozen='' factor=6
    case $part in
    memory) turns=1 ;; # the plan and the peak are there after the first step
    scale-*) turns=$((ROUNDS < 3 ? ROUNDS : 3)) ;;
    *) turns=$ROUNDS ;;
    esac
    r=0
    while goes_on $r "$turns"; do
        turn ours || { excused || return 1; }
        # shellcheck disable=SC2086
        measure_rate $frozen
        r=$((r + 1))
    done
    result "$(train_title)" "$(median_speed ours 6 9)" tokens/s "$factor * $(n_multiplied)" \
        "$(planned)" "$(peak ours)"
}

# ==== peers ====

# Sizes of the model for the peer, so that it builds the same one: key=value…  Of a list of
# heads it is the largest number that is shown; attention.blocks are those that have any.
sizes() {
    "$BIN/gguf-show" "$1" | awk -F '\t' '
        $2 == "general.architecture" { print "architecture=" $4 }
        $1 == "key" && $3 ~ /^[uf]32$/ { print name($2) "=" $4 }
        $1 == "key" && $2 ~ /head_count_kv$/ && $3 ~ /^i32/ { print name($2) "=" largest($4) }
        $1 == "tensor" && $2 ~ /^blk\.[0-9]+\.attn_q\.weight$/ {
            split($2, part, ".")
            blocks = blocks comma part[2]
            comma = ","
        }
        END { print "attention.blocks=" blocks comma }
        function name(key) { sub(/^[^.]*\./, "", key); return key }
        function largest(list,    n, i, v, most) {
            n = split(list, v, " ")
            for (i = 1; i <= n; i++)
                most = v[i] + 0 > most + 0 ? v[i] + 0 : most
            return most
        }'
}

beside_peer() { # MODEL
    case $peer in
    torch*) beside_torch "$1" ;;
    llama.cpp) beside_finetune "$1" ;;
    *) note "no peer '$peer' trains" && return 1 ;;
    esac
}

beside_torch() { # MODEL
    precision=f32
    [ "$peer" = torch ] || precision=${peer#torch-}
    # shellcheck disable=SC2046
    start peer "$PEERS/venv/bin/python" dev/bench/peer_train.py "$method" "$precision" \
        "$batch" "$ctx" "$OUT/peer.tsv" $(sizes "$1") ||
        { note "FAILED: peer: $(grep . "$OUT/peer.err" | tail -n 1)" && return 1; }
    r=0
    while goes_on $r "$ROUNDS"; do
        turn ours && turn peer || return 1
        r=$((r + 1))
    done
    result_beside "$(train_title)" "$peer" tokens/s "$(median_speed ours 6 9)" \
        "$(median_speed peer 2 3)" "$(peak ours)" "$(peak peer)"
}

# llama-finetune cannot be asked for its steps: whole runs, by its own clock, which counts
# full seconds, between our turns.
beside_finetune() { # MODEL
    text=$(text_file $((16 * ctx))) || return 1
    rounds=$((ROUNDS < 2 ? ROUNDS : 2))
    for r in $(seq $rounds); do
        turn ours || return 1
        "$DEV/bench_run" "$OUT/peer.runs" "$PEERS/llama.cpp/build/bin/llama-finetune" \
            -m "$1" -f "$text" -c "$ctx" -b "$ctx" -ub "$ctx" -epochs 1 -val-split 0 \
            -t "$(getconf _NPROCESSORS_ONLN)" -o "$OUT/peer.gguf" >"$OUT/peer.out" \
            2>"$OUT/peer.err" || { note "llama-finetune failed" && return 1; }
        cat "$OUT/peer.out" "$OUT/peer.err" | tr '\r' '\n' |
            sed -n 's/.*data=0*\([0-9]*\)\/.* t=\(..\):\(..\):\(..\) .*/\1 \2 \3 \4/p' |
            awk -v ctx="$ctx" '{ t = 3600 * $2 + 60 * $3 + $4 }
                NR == 1 { n1 = $1; t1 = t }
                END { if (t > t1) print ctx * ($1 - n1) / (t - t1) }' >>"$OUT/peer.speeds"
    done
    rm -f "$OUT/peer.gguf"
    result_beside "$(train_title)" llama-finetune tokens/s "$(median_speed ours 6 9)" \
        "$(median <"$OUT/peer.speeds")" "$(peak ours)" \
        "$(cut -f 2 "$OUT/peer.runs" | median)"
}
