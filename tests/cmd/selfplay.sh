#!/bin/sh
# SPDX-License-Identifier: MIT
#
# selfplay: games and positions by an engine, which is a script here that knows three moves at
# each position; what a model's moves are counted as; and an engine that ends, or is none.
. "${0%/*}/../lib.sh"
test_built selfplay model-init tokenize pack train gguf-export ||
    test_skip_all "the commands are not built"

cp "$TOP/tests/engine" engine
selfplay() { "$BIN/selfplay" "$@" 2>stderr; }

test_expect_success 'games: drawn by the scores, the same again, and each by its number' '
    selfplay games -e ./engine -n 40 --temperature 50 -o g.jsonl
    selfplay games -e ./engine -n 40 --temperature 50 -o again.jsonl
    cmp g.jsonl again.jsonl
    selfplay games -e ./engine -n 7 --temperature 50 >seven
    head -n 7 g.jsonl | cmp - seven
    test "$(wc -l <g.jsonl)" = 40
    tr -dc "a-h1-8q \n" <g.jsonl | awk "{ for (i = 1; i <= NF; i++) n[\$i]++; moves += NF - 0 }
        END { share = n[\"e2e4\"] / (n[\"e2e4\"] + n[\"d2d4\"])
              exit !(n[\"a7a8q\"] == 0 && share > 0.65 && share < 0.8) }"
    if cut -d " " -f 8- g.jsonl | grep "[1-8]"; then exit 1; fi
    selfplay games -e ./engine -n 1 --plies 2 -s 3 >two
    grep "{\"text\": \"[a-h1-8]* [a-h1-8]*\"}" two'

test_expect_success 'positions: with all moves and their scores' '
    selfplay positions -e ./engine -n 9 --plies 5 --first 2 --depth 2 -o p.tsv
    test "$(wc -l <p.tsv)" = 9
    test "$(cut -f 2 p.tsv | sort -u)" = "e2e4:30 a7a8q:-9997 d2d4:-20"
    cut -f 1 p.tsv | awk "NF != 2 + (NR - 1) % 4 { exit bad = 1 } END { exit bad }"
    test_expect_code 2 selfplay positions -e ./engine --first 9 --plies 5
    grep "first is 9" stderr
    test_expect_code 2 selfplay positions -e ./engine --first 6 -o none.tsv
    grep "200 games have ended" stderr'

test_expect_success 'vocab: 70 tokens, three for each move' '
    "$BIN/selfplay" vocab -o v.gguf
    echo "e2e4 a7a8q" >t.txt
    printf %s "$(cat t.txt)" >t.txt
    "$BIN/tokenize" -q -m v.gguf --text t.txt >ids
    test "$(cat ids)" = "69 12 28 68 48 56 67"'

test_expect_success 'the board as notation: 79 tokens, and rows of positions' '
    "$BIN/selfplay" vocab --notation board -o b.gguf
    selfplay games -e ./engine -n 2 --plies 2 --notation board -o b.jsonl
    test "$(wc -l <b.jsonl)" = 4
    grep "{\"prompt\": \"rnbqkbnrpppppppp\.*PPPPPPPPRNBQKBNRKQkq\. \", \"completion\": \"[de]2[de]4 \"}" b.jsonl
    "$BIN/model-init" -q --vocab b.gguf --arch gpt2 --layers 1 --embd 16 --heads 2 --ctx 96 -o board.gguf
    "$BIN/tokenize" -q -m board.gguf --no-eos b.jsonl | "$BIN/pack" -q -c 80 -o b.pack
    printf "\te2e4:30 d2d4:-20\ne2e4 not a game\te2e4:40\n" >p.tsv
    selfplay judge -m board.gguf --notation board p.tsv >table
    grep "legal_percent.*2\$" table
    selfplay tries -m board.gguf -e ./engine -n 1 -k 2 --plies 2 --notation board --lesson engine -o r.jsonl
    sed -n 2p r.jsonl | grep "\"prompt\": \"rnbqkbnrppp.*\.\.\.PPPPPPPPRNBQKBNRKQkq[de]6 \", \"completion\": \"e7e5 \""
    test_expect_code 2 selfplay judge -m board.gguf --notation none p.tsv'

# A model that has learnt one game by heart.
test_expect_success 'a player' '
    "$BIN/model-init" -q --vocab v.gguf --arch llama --layers 1 --embd 32 --heads 2 --ctx 64 -o m.gguf
    i=0
    while [ $i -lt 32 ]; do echo "{\"text\": \"e2e4 d2d4 e2e4 e2e4 d2d4 d2d4 \"}" && i=$((i + 1)); done >heart.jsonl
    "$BIN/tokenize" -q -m m.gguf heart.jsonl | "$BIN/pack" -q -c 32 -o h.pack
    "$BIN/train" -q -m m.gguf -d h.pack --full --batch 8 --steps 60 --lr 1e-2 --warmup 0 -o h.ckpt
    "$BIN/gguf-export" -q -m m.gguf -o player.gguf h.ckpt'

value() { awk -F "\t" -v w="$1" -v c="$2" '$1 == w { print $c }' table; }
test_expect_success 'judge: legal moves, what they lose, by hand' '
    {
        printf "\te2e4:30 d2d4:-20\n"                    # best
        printf "e2e4\te2e4:40 d2d4:-60\n"                # loses 100
        printf "e2e4 d2d4\td2d4:0 a2a3:-5\n"             # e2e4 is illegal here
        printf "e2e4 d2d4 e2e4\ta2a3:9999 e2e4:-9999\n"  # loses 1000, no more
    } >p.tsv
    selfplay judge -m player.gguf p.tsv >table
    test "$(value legal_percent 2)/$(value legal_percent 4)" = 75.00/4
    test "$(value loss_cp 2)/$(value loss_cp 4)" = 366.67/3
    test "$(value loss_cp 3)" = 623.24
    test "$(value best_percent 2)" = 33.33
    test "$(value chance_loss_cp 2)" = 144.38'

test_expect_success 'tries: what is near the best, and pairs with what is illegal or worse' '
    selfplay tries -m player.gguf -e ./engine -n 2 -k 3 --plies 6 --temp 0 -o r.jsonl
    grep "12 positions, 36 tries, 100.0 % legal, 12 rows" stderr
    test "$(sed -n 2p r.jsonl)" = "{\"prompt\": \"e2e4 \", \"completion\": \"d2d4 \"}"
    selfplay tries -m player.gguf -e ./engine -n 1 -k 3 --plies 6 --temp 0 --near 10 -o r.jsonl
    if grep "completion.*d2d4" r.jsonl; then exit 1; fi
    grep "completion.*e2e4" r.jsonl
    selfplay tries -m player.gguf -e ./engine -n 1 -k 3 --plies 6 --temp 0 --lesson engine -o r.jsonl
    test "$(grep -c "completion.: .e2e4 " r.jsonl)" = 6
    selfplay tries -m player.gguf -e ./engine -n 40 -k 4 --temp 3 --lesson legal -o r.jsonl
    selfplay tries -m player.gguf -e ./engine -n 40 -k 4 --temp 3 --lesson legal -o again.jsonl
    cmp r.jsonl again.jsonl
    grep "chosen\": \"e2e4 \", \"rejected\": \"" r.jsonl
    if grep "rejected\": \"\(e2e4\|d2d4\|a7a8q\) " r.jsonl; then exit 1; fi
    selfplay tries -m player.gguf -e ./engine -n 4 -k 4 --temp 0 --plies 6 --lesson rank --far 50 -o r.jsonl
    test "$(sort r.jsonl | uniq -c | awk "{ print \$1 }" | sort -u)" = 4
    test "$(grep -c "chosen\": \"e2e4 \", \"rejected\": \"d2d4 \"" r.jsonl)" = 12
    selfplay tries -m player.gguf -e ./engine -n 4 --temp 0 --plies 6 --lesson rank --far 51 -o r.jsonl
    test ! -s r.jsonl
    selfplay tries -m player.gguf -e ./engine -n 40 -k 4 --temp 2 --lesson reward --far 50 -o r.jsonl
    grep "completion\": \"d2d4 \", \"reward\": 0.3679}" r.jsonl
    grep "completion\": \"e2e4 \", \"reward\": 1.0000}" r.jsonl
    grep "reward\": -1.0000}" r.jsonl
    "$BIN/tokenize" -q -m m.gguf --no-eos r.jsonl >tok
    test -s tok'

test_expect_success 'match: games with names of moves, what they score, and how they end' '
    match() { selfplay match -m player.gguf -e ./engine --pgn g.pgn "$@" >table; }
    match -n 2 --temp 0 --against skill --level 3 --plies 2
    grep -x "setoption name Skill Level value 3" options
    test_expect_code 2 match -n 2 --against skill --level 21
    grep "level 21 of .skill.: from 0 to 20" stderr
    match -n 2 --temp 0 --against self
    test "$(grep "\. " g.pgn | sort -u)" = "1. e4 d4 2. e4 e4 3. d4 d4#"
    test "$(grep -c "Termination .normal" g.pgn)" = 2
    test "$(value score_percent 2)/$(value legal_percent 2)/$(value plies 2)" = 0.00/100.00/6.00
    match -n 4 --temp 0 --against self --plies 3
    test "$(grep -c "\(White\|Black\) \"model\"\]" g.pgn)" = 8
    test "$(value score_percent 2)/$(value forfeit_percent 2)" = 50.00/0.00
    match -n 1 --against self --retries 1 --temp 9
    cp g.pgn before.pgn
    match -n 1 --against self --retries 1 --temp 9
    cmp before.pgn g.pgn
    test "$(value forfeit_percent 2)/$(value legal_percent 4)" = 100.00/2
    grep "Termination .rules infraction" g.pgn
    touch again
    match -n 1 --temp 0 --against random
    test "$(grep -c "1/2-1/2" g.pgn)/$(value plies 2)" = 2/4.00
    touch mute
    test_expect_code 1 match -n 1
    grep "has no command d" stderr
    rm mute again'

test_expect_success 'instruct: questions with the best move and why' '
    selfplay instruct -e ./engine -n 2 --first 0 --plies 1 -o i.jsonl
    grep "Chess, White to move: r3k2r.*\"e2e4 (e4). The pawn goes to e4; after a7a8q, the next best, mate would follow" i.jsonl
    test "$(wc -l <i.jsonl)" = 2
    "$BIN/tokenize" -q -m "$TOP/examples/tiny.gguf" --chat-template chatml --eos i.jsonl >tok
    test -s tok'

test_expect_success 'what is no engine, or ends, and lines that are no positions' '
    test_expect_code 1 "$BIN/selfplay" games -e ./none -o out 2>stderr
    grep "engine .\./none." stderr
    test_expect_code 1 "$BIN/selfplay" games -e false -o out 2>stderr
    grep "does not speak UCI" stderr
    touch dies
    test_expect_code 1 "$BIN/selfplay" games -e ./engine -n 3 -o out 2>stderr
    grep "engine .\./engine. has ended" stderr
    rm dies
    test ! -e out
    for line in "e2e4" "e2e4\t" "e2e4\te2e9:1" "e2e4\te2e4" "e2e4\te2e4:x" "e2e4\te2e4:1,d2d4:2"; do
        printf "e2e4\te2e4:1\n$line\n" >bad.tsv
        test_expect_code 1 "$BIN/selfplay" judge -m player.gguf bad.tsv 2>stderr >table
        grep "bad.tsv.: line 2" stderr
        test ! -s table
    done
    : >bad.tsv
    test_expect_code 1 "$BIN/selfplay" judge -m player.gguf bad.tsv 2>stderr
    grep "bad.tsv. is empty" stderr'

engine=$(PATH=$PATH:/usr/games command -v stockfish) || engine=
if [ -n "$engine" ]; then
    test_expect_success 'Stockfish: 20 moves to begin with, repeatable' '
        selfplay positions -e "$engine" -n 3 --plies 4 --first 0 -o p.tsv
        test "$(head -n 1 p.tsv | cut -f 2 | wc -w)" = 20
        selfplay positions -e "$engine" -n 3 --plies 4 --first 0 -o again.tsv
        cmp p.tsv again.tsv'
else
    test_skip 'Stockfish' 'it is not there'
fi
test_done
