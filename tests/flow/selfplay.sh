#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make selfplay with a script as engine: rounds and their table, what was stopped goes on to the
# same bytes, other settings are another run, and every lesson can be trained on.
. "${0%/*}/../lib.sh"
test_built selfplay model-init tokenize pack train logprobs gguf-export ||
    test_skip_all "the commands are not built"

bin=${BIN#"$TOP"/}
sed "s/-ge 6/-ge 12/" "$TOP/tests/engine" >engine
chmod +x engine
OMP_NUM_THREADS=1
export OMP_NUM_THREADS
# run_by COMMAND WORDS: in place of this shell.
run_by() {
    by=$1
    shift
    cd "$TOP" && exec $by "$MAKE" selfplay BIN="$bin" ENGINE="$test_scratch/engine" RUNS="$test_scratch/runs" \
        GAMES=12 STEPS=20 LR=1e-2 POSITIONS=12 ROUND_GAMES=4 MATCHES=2 TRIES_FLAGS="-k 3 --temp 1.5 --far 50" ROUNDS=1 "$@"
}
flow() { (run_by "" "$@"); }
flow_lesson() { flow NAME=$1 LESSON=$1 MATCHES=0; }

test_expect_success 'rounds, and what was stopped goes on to the same bytes' '
    flow LESSON=legal >told 2>stderr
    test "$(cut -f 1 runs/chess/table.tsv | tr "\n" " ")" = "round 0 1 "
    test "$(tail -n 1 told | cut -f 1)" = 1 || grep "gnuplot is not there" told
    grep "Result" runs/chess/round-1/random.pgn
    run_by setsid LESSON=legal NAME=x >log 2>&1 &
    n=0
    while [ ! -e runs/x/round-0/model.ckpt ] && [ $n -lt 600 ]; do sleep 0.1 && n=$((n + 1)); done
    kill -9 -$!
    wait $! || true
    touch dies
    test_must_fail flow LESSON=legal NAME=x >log 2>&1
    rm dies
    flow LESSON=legal NAME=x >log 2>&1
    for f in round-0/model.gguf round-1/rows.jsonl round-1/model.gguf table.tsv; do
        cmp runs/chess/$f runs/x/$f
    done'

test_expect_success 'what is there is not made again, and more rounds go on' '
    ls -i runs/x/round-1 >before
    flow LESSON=legal NAME=x ROUNDS=2 >told 2>stderr
    ls -i runs/x/round-1 | cmp before -
    test "$(wc -l <runs/x/table.tsv)" = 4
    if command -v gnuplot >/dev/null; then test -s runs/x/rounds.png; fi'

test_expect_success 'every lesson' '
    for lesson in best engine rank reward; do
        mkdir runs/$lesson
        cp -R runs/x/round-0 runs/x/vocab.gguf runs/x/start.* runs/x/games.jsonl runs/x/positions.tsv runs/$lesson
        flow_lesson $lesson >log 2>&1 || { tail -n 5 log && exit 1; }
        test "$(wc -l <runs/$lesson/table.tsv)" = 3
    done'

test_expect_success 'other settings, no engine, and no lesson are said' '
    test_must_fail flow LESSON=rank 2>stderr
    grep "selfplay: .*/runs/chess was made with other settings: lesson legal" stderr
    test_must_fail flow ENGINE=none 2>stderr
    grep "selfplay: no chess engine .none. is there" stderr
    test_must_fail flow LESSON=luck 2>stderr
    grep "LESSON is .luck." stderr
    test_must_fail flow PRECISION=f32 2>stderr
    grep "made with other settings" stderr
    test_must_fail flow NAME=new ROUND_LR=abc 2>stderr
    grep "ROUND_LR is .abc." stderr
    test ! -e runs/new
    test_must_fail flow ROUNDS=-1 2>stderr
    grep "ROUNDS is .-1." stderr
    test_must_fail flow SEED="1; touch x" 2>stderr
    grep "SEED is .1; touch x." stderr'
test_done
