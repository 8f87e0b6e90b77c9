# shellcheck shell=sh disable=SC2034,SC2153,SC2154
# SPDX-License-Identifier: MIT
# Rows of the other commands: for each NAME there are begin_NAME, which sets `what` and
# `unit`, ours_NAME, which runs it once, and if peers do the same, theirs_NAME.  A run adds
# its time and memory to $OUT/ours.runs (peer.runs), its speed to ours.speeds (peer.speeds).

cpus=$(getconf _NPROCESSORS_ONLN)

command_row() {
    rate_of=- rounds=$((ROUNDS < 3 ? ROUNDS : 3))
    begin_"$method" || return 1
    for r in $(seq $rounds); do
        ours_"$method" || { note "FAILED: $what: $(grep . "$OUT/ours.err" | tail -n 1)" && return 1; }
        [ -z "$peer" ] || theirs_"$method" ||
            { note "FAILED: $peer: $what: $(grep . "$OUT/peer.err" | tail -n 1)" && return 1; }
        [ "$rate_of" = - ] || measure_rate --forward
    done
    if [ -n "$peer" ]; then
        result_beside "$what" "$peer" "$unit" "$(median <"$OUT/ours.speeds")" \
            "$(median <"$OUT/peer.speeds")" "$(most_memory ours)" "$(most_memory peer)"
    else
        operations=-
        [ "$rate_of" = - ] || operations="2 * $(n_multiplied)"
        result "$what" "$(median <"$OUT/ours.speeds")" "$unit" "$operations" "$(planned)" \
            "$(most_memory ours)"
    fi
}

# run NAME COMMAND…: time and memory go to $OUT/NAME.runs
run() {
    name=$1
    shift
    "$DEV/bench_run" "$OUT/$name.runs" "$@" >"$OUT/$name.out" 2>"$OUT/$name.err" 3<&-
}

seconds() { tail -n 1 "$OUT/$1.runs" | cut -f 1; }
speed() { calc '%.6g\n' "$2" >>"$OUT/$1.speeds"; } # NAME EXPRESSION
most_memory() { cut -f 2 "$OUT/$1.runs" | sort -g | tail -n 1; }
megabytes() { wc -c <"$1" | awk '{ print $1 * 1e-6 }'; }
size_of() { wc -c <"$1" | awk '{ printf "%.0f MB\n", $1 * 1e-6 }'; }

# ==== perplexity ====

begin_perplexity() {
    file=$(model_file "$base") && text=$(text_file $((tokens * 4))) || return 1
    what="perplexity, $title $base, windows of $ctx$given" unit=tokens/s rate_of=$(rate_type)
    batch=1 tokens=$ctx # in a product, for its rate
}

ours_perplexity() {
    # shellcheck disable=SC2086
    run ours "$BIN/perplexity" -m "$file" -f "$text" -c "$ctx" $options || return 1
    speed ours "$(awk 'NR == 2 { print $1 }' "$OUT/ours.out") / $(seconds ours)"
}

theirs_perplexity() {
    run peer "$PEERS/llama.cpp/build/bin/llama-perplexity" -m "$file" -f "$text" -c "$ctx" \
        -t "$cpus" || return 1
    n=$(cat "$OUT/peer.out" "$OUT/peer.err" | sed -n 's/.* over \([0-9]*\) chunks.*/\1/p')
    speed peer "$n * $ctx / $(seconds peer)"
}

# ==== generate ====
# A run with one token less what both need to begin.

begin_generate() {
    file=$(model_file "$base") || return 1
    what="generate $ctx tokens, $title $base$given" unit=tokens/s
}

ours_generate() {
    # shellcheck disable=SC2086
    set -- "$BIN/generate" -m "$file" -p 'Once upon a time' $options
    run ours "$@" -n 1 || return 1
    begun_after=$(seconds ours)
    run ours "$@" -n $((ctx + 1)) || return 1
    speed ours "$ctx / ($(seconds ours) - $begun_after)"
}

theirs_generate() {
    run peer "$PEERS/llama.cpp/build/bin/llama-bench" -m "$file" -p 0 -n "$ctx" -r 1 \
        -t "$cpus" -o jsonl || return 1
    speed peer "$(sed -n 's/.*"avg_ts": \([0-9.]*\).*/\1/p' "$OUT/peer.out") * 1"
}

# ==== quantize ====

begin_quantize() {
    file=$(model_file "$base") || return 1
    what="quantize, $title $base to $type, $(size_of "$file")" unit='MB/s'
}

ours_quantize() {
    # shellcheck disable=SC2086
    run ours "$BIN/quantize" -t "$type" -o "$OUT/ours.gguf" $options "$file" || return 1
    speed ours "$(megabytes "$file") / $(seconds ours)"
}

theirs_quantize() {
    run peer "$PEERS/llama.cpp/build/bin/llama-quantize" --pure "$file" "$OUT/peer.gguf" \
        "$type" "$cpus" || return 1
    speed peer "$(megabytes "$file") / $(seconds peer)"
    cmp -s "$OUT/ours.gguf" "$OUT/peer.gguf" || note "$what: other bytes than $peer"
}

# ==== imatrix ====

begin_imatrix() {
    file=$(model_file "$base") && text=$(text_file $((tokens * 4))) || return 1
    what="imatrix, $title $base, chunks of $ctx$given" unit=tokens/s
}

ours_imatrix() {
    # shellcheck disable=SC2086
    run ours "$BIN/imatrix" -m "$file" -f "$text" -c "$ctx" -o "$OUT/ours.im" $options || return 1
    speed ours "$(sed -n 's/.*: \([0-9]*\) chunks of.*/\1/p' "$OUT/ours.err") * $ctx / $(seconds ours)"
}

theirs_imatrix() {
    run peer "$PEERS/llama.cpp/build/bin/llama-imatrix" -m "$file" -f "$text" -c "$ctx" \
        -t "$cpus" -o "$OUT/peer.im" || return 1
    n=$(cat "$OUT/peer.out" "$OUT/peer.err" | sed -n 's/.* over \([0-9]*\) chunks.*/\1/p')
    speed peer "$n * $ctx / $(seconds peer)"
}

# ==== bpe-train ====

begin_bpe_train() {
    source=${TEXT:-$(given_or "$SHARED/text/tinyshakespeare.txt" "$(text_file 2000000)")}
    what="bpe-train, $type tokens of $(size_of "$source")" unit='MB/s'
}

ours_bpe_train() {
    run ours "$BIN/bpe-train" -n "$type" -o "$OUT/ours.gguf" "$source" || return 1
    speed ours "$(megabytes "$source") / $(seconds ours)"
}

# ==== tokenize ====

given_or() { # FILE FALLBACK
    if [ -f "$1" ]; then echo "$1"; else echo "$2"; fi
}

repeat_text() { # FILE BYTES RESULT
    while cat "$1"; do :; done 2>/dev/null | head -c "$2" >"$3"
}

begin_tokenize() {
    vocab=${VOCAB:-$(given_or "$SHARED/vocab/ggml-vocab-gpt-2.gguf" examples/tiny.gguf)}
    source=${TEXT:-$(given_or "$SHARED/text/tinyshakespeare.txt" "$(text_file 2000000)")}
    bytes=${BENCH_TEXT_BYTES:-10000000}
    text=$(made "$OUT/$(basename "$source" .txt)-$bytes.text" repeat_text "$source" "$bytes") ||
        return 1
    what="tokenize, $(basename "$source") to $(basename "$vocab" .gguf), ${threads:-$cpus} thread"
    [ "${threads:-$cpus}" = 1 ] || what=${what}s
    unit='MB/s' layers=- batch=- ctx=- sequences=-
}

ours_tokenize() {
    # shellcheck disable=SC2086
    run ours "$BIN/tokenize" -m "$vocab" ${threads:+--threads "$threads"} $options "$text" ||
        return 1
    speed ours "$(megabytes "$text") / $(seconds ours)"
}

# The peer counts the time of encoding alone.
theirs_tokenize() {
    run peer "$PEERS/venv/bin/python" dev/bench/peer_tokenize.py "$peer" "$vocab" "$text" ||
        return 1
    speed peer "$(megabytes "$text") / $(cut -f 1 "$OUT/peer.out")"
    n=$(sed -n 's/.* \([0-9]*\) tokens$/\1/p' "$OUT/ours.err")
    [ "$n" = "$(cut -f 2 "$OUT/peer.out")" ] ||
        note "$what: we make $n tokens, $peer $(cut -f 2 "$OUT/peer.out")"
}

# ==== tokenize, of chats ====

repeat_chats() { # BYTES RESULT
    "$DEV/mkchats" -q -n 20000 --seed 1 -o "$OUT/some-chats.jsonl" &&
        repeat_text "$OUT/some-chats.jsonl" "$1" "$2.cut" && sed '$d' "$2.cut" >"$2" && rm "$2.cut"
}

begin_tokenize_chats() {
    vocab=${VOCAB:-$(given_or "$SHARED/vocab/ggml-vocab-qwen2.gguf" examples/tiny.gguf)}
    bytes=${BENCH_CHAT_BYTES:-1000000000}
    text=$(made "$OUT/chats-$bytes.jsonl" repeat_chats "$bytes") || return 1
    what="tokenize, chats to $(basename "$vocab" .gguf), ${threads:-$cpus} thread"
    [ "${threads:-$cpus}" = 1 ] || what=${what}s
    unit='MB/s' layers=- batch=- ctx=- sequences=-
}

ours_tokenize_chats() {
    # shellcheck disable=SC2086
    run ours "$BIN/tokenize" -m "$vocab" --chat-template chatml --no-eos -o "$OUT/chats.tok" \
        ${threads:+--threads "$threads"} $options "$text" || return 1
    speed ours "$(megabytes "$text") / $(seconds ours)"
}
