#!/bin/sh
# SPDX-License-Identifier: MIT
#
# studio from the outside, by curl: who may ask, names, uploads, runs that outlive the server,
# chats.  The page itself is tested in a browser, tests/browser/.
. "${0%/*}/../lib.sh"

test_built studio finetune tokenize pack train gguf-export perplexity generate modelfile report merge ||
    test_skip_all "the commands are not built"
command -v curl >/dev/null 2>&1 || test_skip_all "curl is not there"
! "$BIN/studio" --version | grep -q 'without libmicrohttpd' ||
    test_skip_all "studio was built without libmicrohttpd"

# The server never ends by itself, and those that it runs have tests of their own.
export ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0"
mkdir -p work/models work/data outside
cp "$TOP/examples/tiny.gguf" work/models/
head -c 20000 "$TOP/examples/tiny.txt" >work/data/tiny.txt
printf '{"prompt": "Say it.", "completion": "It is so."}\n{"prompt": "And?", "completion": "No."}\n' \
    >work/data/rows.jsonl
echo secret >outside/secret.gguf

server=
stop_server() { [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null; server=; }
trap 'stop_server; for p in $slow; do kill $p 2>/dev/null; done; [ -n "${KEEP:-}" ] || rm -rf "$test_scratch"' EXIT
slow=
start_server() {
    : >address
    "$BIN/studio" --port 0 --dir work "$@" >address 2>server.err &
    server=$!
    echo $server >server
    tenth=0
    until [ -s address ] || [ $tenth = 200 ]; do sleep 0.1 && tenth=$((tenth + 1)); done
    token=$(sed 's/.*=//' address) at=$(sed 's,/?.*,,' address)
    port=${at##*:}
}
# to CODE CURL-ARGUMENT...: the status of the answer, which goes to the file body.
to() {
    wanted=$1 && shift
    code=$(curl -s -o body -w '%{http_code}' --max-time 100 "$@") || :
    [ "$code" = "$wanted" ] || { echo "status $code, not $wanted, of $*" && cat body && return 1; }
}
ask() { wanted_of=$1 && shift && to "$wanted_of" -H "Authorization: Bearer $token" "$@"; }
until_it() { tenth=0; until "$@"; do sleep 0.1 && tenth=$((tenth + 1)) && test $tenth -lt 200; done; }
# state NAME: of a run
state() { ask 200 "$at/api/state" && grep -o "{\"name\": \"$1\", \"state\": \"[a-z]*\"" body | sed 's/.*: "//; s/"//'; }
becomes() { # NAME STATE
    tenth=0
    until [ "$(state "$1")" = "$2" ]; do
        tenth=$((tenth + 1))
        [ $tenth -lt 300 ] || { cat body "work/runs/$1/studio/run.txt" && return 1; }
        sleep 0.2
    done
}

start_server

test_expect_success 'who does not know the token, asks for another name or comes from elsewhere' '
    state=$at/api/state
    to 401 "$state"
    grep "token" body
    to 401 -H "Authorization: Bearer 0123456789abcdef0123456789abcdef" "$state"
    to 401 -H "Authorization: Bearer " "$state"
    to 401 -H "Cookie: studio-$port=$token" "$state"
    to 401 "$state?token=$token"
    to 401 "$at/api/none"
    to 401 -X DELETE "$at/api/data/none"
    to 401 -H "Origin: $at" -X DELETE "$at/api/data/none"
    to 403 -H "Host: rebound.example:$port" "$at/?token=$token"
    to 403 -H "Origin: http://example.org" "$at/app.js"
    ask 200 "$state"
    ask 200 -H "Host: localhost:$port" "$state"
    ask 403 -H "Host: rebound.example:$port" "$state"
    ask 403 -H "Host: 127.0.0.1" "$state"
    ask 403 -H "Host: 127.0.0.1:1" "$state"
    ask 403 -H "Host: 10.0.0.1:$port" "$state"
    ask 403 -H "Host:" "$state"
    ask 403 -H "Origin: http://example.org" "$state"
    ask 403 -H "Origin: null" "$state"
    ask 403 -H "Origin: http://127.0.0.1:1" "$state"
    ask 403 -H "Origin: https://127.0.0.1:$port" "$state"
    ask 403 -H "Origin: http://localhost:$port" "$state"
    ask 200 -H "Origin: $at" "$state"'

test_expect_success 'the page is for anyone, and leaves no cookie' '
    for page in "?token=$token" "" app.js api/state; do
        curl -s -D headers -o body -H "Authorization: Bearer $token" "$at/$page"
        if grep -i "cookie" headers; then exit 1; fi
        grep -i "^Content-Security-Policy: default-src .self." headers
        grep -i "^Referrer-Policy: no-referrer" headers
        if grep "$token" body; then exit 1; fi
    done
    to 200 "$at/?token=$token"
    curl -s -D headers -o body "$at/"
    grep -i "^Content-Type: text/html" headers
    to 404 "$at/none.js"
    ask 404 "$at/api/none"
    ask 405 -X POST "$at/api/state"'

test_expect_success 'names that are none' '
    for name in .. . .hidden -x "~x" "@x" %2e%2e "a%2fb" "%2e%2e%2fx" "..%2f..%2fx" "a%5cb" "a%00b" "a%0ab" \
        "a%7f" "%" "%4" "%zz" "$(printf %0101d 0)"; do
        ask 400 --path-as-is -X PUT --data-binary @work/data/tiny.txt "$at/api/data/$name"
        ask 400 --path-as-is -X DELETE "$at/api/runs/$name"
    done
    for path in /../../etc/passwd //etc/passwd /api/runs/x/files/../../../y /api/runs/x/files/%2e%2e; do
        ask 400 --path-as-is "$at$path"
    done
    for path in ../outside/secret.gguf /etc/passwd models/../../outside/secret.gguf "" . models \
        models//tiny.gguf .studio "$test_scratch/outside/secret.gguf"; do
        ask 400 -G --data-urlencode "model=$path" -d data=data/tiny.txt "$at/api/rows"
        ask 400 -G --data-urlencode "data=$path" -d model=models/tiny.gguf "$at/api/rows"
        ask 400 -d "{\"model\": \"$path\", \"prompt\": \"x\"}" "$at/api/chat"
        ask 400 -d "{\"model\": \"$path\", \"data\": \"data/tiny.txt\", \"name\": \"x\"}" "$at/api/runs"
    done
    for name in ../x a/b . "" "a\u0000b" "a\nb"; do
        ask 400 -d "{\"model\": \"models/tiny.gguf\", \"data\": \"data/tiny.txt\", \"name\": \"$name\"}" "$at/api/runs"
    done
    for body in "" "[]" "{" "{\"a\": 1} x" "{\"model\": 3}"; do
        ask 400 -d "$body" "$at/api/runs"
        ask 400 -d "$body" "$at/api/chat"
    done
    head -c 300000 /dev/zero | tr "\000" " " >blanks
    ask 413 --data-binary @blanks "$at/api/runs"
    ask 413 -X GET -d x "$at/api/state"
    test "$(ls -A work)" = "$(printf "data\nmodels")"
    test "$(ls outside)" = secret.gguf'

test_expect_success 'links that lead out of the folder' '
    ln -s ../../outside/secret.gguf work/models/link.gguf
    ln -s ../../outside/secret.gguf work/data/link.txt
    ln -s ../../outside/none work/data/new.txt
    ln -s ../outside work/runs
    mkdir outside/run
    ask 404 -X DELETE "$at/api/runs/run"
    ask 404 "$at/api/runs/run/events"
    ask 500 -d "{\"model\": \"models/tiny.gguf\", \"data\": \"data/tiny.txt\", \"name\": \"x\"}" "$at/api/runs"
    rmdir outside/run
    rm work/runs
    mkdir -p work/runs/real
    ln -s ../../outside work/runs/linked
    ln -s ../../../outside/secret.gguf work/runs/real/secret.gguf
    ask 200 "$at/api/state"
    ! grep "link\|secret" body || false
    ask 400 "$at/api/rows?model=models/tiny.gguf&data=data/link.txt"
    ask 400 -d "{\"model\": \"models/link.gguf\", \"prompt\": \"x\"}" "$at/api/chat"
    ask 404 "$at/api/runs/real/files/secret.gguf"
    ask 404 "$at/api/runs/linked/files/secret.gguf"
    ask 404 "$at/api/runs/linked/events"
    ask 404 -X DELETE "$at/api/runs/linked"
    ask 404 -X DELETE "$at/api/models/link.gguf"
    ask 403 -T work/data/tiny.txt "$at/api/data/link.txt"
    ask 403 -T work/data/tiny.txt "$at/api/data/new.txt"
    ask 200 -X DELETE "$at/api/runs/real"
    test "$(cat outside/secret.gguf)" = secret
    test "$(ls outside)" = secret.gguf
    mv work/data kept
    ln -s ../outside work/data
    ask 403 -T kept/tiny.txt "$at/api/data/x.txt"
    rm work/data work/runs/linked work/models/link.gguf kept/link.txt kept/new.txt
    mv kept work/data
    test "$(ls outside)" = secret.gguf'

test_expect_success 'uploads that are whole, and others of which nothing stays' '
    ask 201 -T "$TOP/examples/tiny.gguf" "$at/api/models/b%C3%A9%20c.gguf"
    cmp "$TOP/examples/tiny.gguf" "work/models/$(printf "b\303\251 c.gguf")"
    ask 200 -X DELETE "$at/api/models/b%C3%A9%20c.gguf"
    ask 422 -T "$TOP/examples/tiny.gguf" "$at/api/models/tiny"
    ask 422 -T work/data/tiny.txt "$at/api/models/text.gguf"
    grep "no GGUF" body
    ask 411 -H "Transfer-Encoding: chunked" -T work/data/tiny.txt "$at/api/data/x.txt"
    for length in 9000000000000000 99999999999999999999999; do
        code=$(curl -s -o body -w "%{http_code}" --max-time 9 -X PUT -H "Content-Length: $length" \
            -H "Authorization: Bearer $token" --data-binary small "$at/api/data/x.txt") || :
        echo $code | grep "507\|4[01][0-9]"
    done
    head -c 3000000 /dev/zero >large
    curl -s --limit-rate 200k --max-time 0.5 -H "Authorization: Bearer $token" -T large "$at/api/data/cut.bin" || :
    sleep 0.3
    test "$(ls -A work/data)" = "$(printf "rows.jsonl\ntiny.txt")"
    test "$(ls -A work/models)" = tiny.gguf'

test_expect_success 'a disk that takes no more' '
    head -c 3000000 /dev/zero >large
    (ulimit -f 1000 && exec "$BIN/studio" --port 0 --dir work) >full 2>stderr &
    other=$!
    until [ -s full ]; do sleep 0.1; done
    to 507 -H "Authorization: Bearer $(sed "s/.*=//" full)" -T large "$(sed "s,/?.*,," full)/api/data/x.bin"
    kill $other
    test "$(ls -A work/data)" = "$(printf "rows.jsonl\ntiny.txt")"'

test_expect_success 'clients that wait keep nobody from being served' '
    mkfifo never
    sleep 100 >never & keeper=$!
    for i in 1 2 3 4 5 6 7 8; do
        curl -s -H "Authorization: Bearer $token" -H "Content-Length: 1000" -X PUT -T never "$at/api/data/slow$i" >/dev/null &
        slow="$slow $!"
    done
    sleep 0.3
    for i in 1 2; do
        ask 200 --max-time 5 "$at/api/state"
    done
    kill $slow $keeper
    wait $slow $keeper 2>/dev/null || :
    sleep 0.3
    test "$(ls -A work/data)" = "$(printf "rows.jsonl\ntiny.txt")"'

settings='"model": "models/tiny.gguf", "data": "data/tiny.txt"'
knobs='{"STEPS": 30, "BATCH": "1", "CTX": 32, "N_SAMPLE": 4, "EVAL_EVERY": "", "RANK": 2}'
test_expect_success 'rows as the model sees them, and what a run would be' '
    ask 200 "$at/api/rows?model=models/tiny.gguf&data=data/rows.jsonl"
    grep "{\"text\": \"Say it.\", \"role\": \"given\"}, {\"text\": \"It is so.\", \"role\": \"trained\"}" body
    grep "\"role\": \"special\"" body
    grep "median" body
    ask 200 "$at/api/rows?model=models/tiny.gguf&data=data%2Ftiny.txt"
    grep "\"table\": \"\", \"rows\": \[\[{\"text\": \"14th of Thornmonth" body
    ask 422 "$at/api/rows?model=data/tiny.txt&data=data/rows.jsonl"
    grep "GGUF" body
    ask 200 -d "{$settings, \"knobs\": $knobs}" "$at/api/plan"
    grep "\"text\": \"finetune: an adapter of models/tiny.gguf" body
    grep "30 steps of about" body
    grep "\"total\": [0-9]*, .*\"steps\": 30" body
    ask 422 -d "{$settings, \"knobs\": {\"STEPS\": \"some\"}}" "$at/api/plan"
    grep "whole number" body
    for knob in RUNS TRAIN_FLAGS MODEL rank "RANK=3 X"; do
        ask 400 -d "{$settings, \"knobs\": {\"$knob\": \"x\"}}" "$at/api/plan"
        grep "there is no knob" body
    done
    for value in "\"a\\nb\"" [] {} true; do
        ask 400 -d "{$settings, \"knobs\": {\"RANK\": $value}}" "$at/api/plan"
    done
    for value in "\$(touch made)" "\`touch made\`" "1; touch made" "1 --output /dev/null"; do
        ask 422 -d "{$settings, \"knobs\": {\"LR\": \"$value\"}}" "$at/api/plan"
    done
    ask 400 -d "{$settings, \"knobs\": {\"SCHED\": \"file:/etc/passwd\"}}" "$at/api/plan"
    test ! -e work/made
    test ! -e work/runs/plan'

test_expect_success 'a run outlives the server, and has the bytes of one from a shell' '
    ask 201 -d "{$settings, \"name\": \"one\", \"knobs\": $knobs}" "$at/api/runs"
    ask 409 -d "{$settings, \"name\": \"one\", \"knobs\": $knobs}" "$at/api/runs"
    ask 409 -X DELETE "$at/api/runs/one"
    ask 409 -X DELETE "$at/api/data/tiny.txt"
    ask 409 -d "{\"to\": \"two\"}" "$at/api/runs/one/rename"
    kill -9 $server
    wait $server || :
    start_server
    echo "$server" >server
    test "$(state one)" = running
    becomes one complete
    mkdir shell
    (cd shell && "$BIN/finetune" -q -m ../work/models/tiny.gguf --name one --steps 30 --batch 1 --ctx 32 \
        --n-sample 4 --eval-every "" --rank 2 ../work/data/tiny.txt)
    ask 200 "$at/api/runs/one/files/adapter.gguf"
    cmp body work/runs/one/adapter.gguf
    cmp body shell/runs/one/adapter.gguf'
server=$(cat server)
token=$(sed 's/.*=//' address) at=$(sed 's,/?.*,,' address)

test_expect_success 'a ticket loads down one file, once' '
    file=$at/api/runs/one/files/adapter.gguf
    ticket() { ask 201 -d "" "$file" && sed "s/.*: .\([0-9a-f]*\).}/\1/" body; }
    to 401 -d "" "$file"
    to 401 "$file"
    to 401 "$file?ticket="
    ticket=$(ticket)
    test ${#ticket} = 32
    test "$ticket" != "$token"
    to 401 "$at/api/state?ticket=$ticket"
    to 401 -H "Authorization: Bearer $ticket" "$file"
    to 200 "$file?ticket=$ticket"
    cmp body work/runs/one/adapter.gguf
    to 401 "$file?ticket=$ticket"
    ticket=$(ticket)
    to 401 "$at/api/runs/one/files/metrics.tsv?ticket=$ticket"
    to 401 "$file?ticket=$ticket"
    ticket=$(ticket)
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do ticket >other; done
    to 401 "$file?ticket=$ticket"
    to 200 "$file?ticket=$(cat other)"'

test_expect_success 'what a run writes comes as events' '
    for page in events other; do
        curl -s -N --max-time 1 -H "Authorization: Bearer $token" "$at/api/runs/one/events" >$page &
        pages="${pages-} $!"
    done
    wait $pages || :
    test "$(grep -c "^event: metrics" other)" = 30
    test "$(grep -c "^event: metrics" events)" = 30
    grep "^data: {\"step\": 30, \"loss\": [0-9.]*, .*\"total_steps\": 30}" events
    grep "^data: {\"line\": \"\[1/" events
    grep "\"file\": \"samples-base.txt\", \"text\": \"==> base" events
    grep "\"file\": \"samples.txt\", \"text\": \"==> base.*==> tuned" events
    grep "^data: \[{\"model\": \"base\", \"loss\": [0-9.]*, \"perplexity\": [0-9.]*}, {\"model\": \"base + adapter\"" events
    grep "^data: {\"name\": \"one\", \"state\": \"complete\"" events'

test_expect_success 'a conversation with base and adapter at once' '
    for side in null "\"runs/one/adapter.gguf\""; do
        curl -s -N -H "Authorization: Bearer $token" -d "{\"model\": \"models/tiny.gguf\", \"adapter\": $side,
            \"prompt\": \"Glass \\\"rising\\\".\", \"n\": 8, \"temp\": 0}" "$at/api/chat" >"chat-${#side}" &
        sides="${sides-} $!"
    done
    wait $sides || :
    "$BIN/generate" -q -m work/models/tiny.gguf -p "Glass \"rising\"." -n 8 --temp 0 >wanted
    grep "^event: done" chat-4
    grep "^event: done" chat-23
    { printf "Glass \"rising\"." && sed -n "s/^data: {\"text\": \"\(.*\)\"}$/\1/p" chat-4 | tr -d "\n" | sed "s/\\\\n/\\
/g; s/\\\\\"/\"/g" && echo; } >got
    cmp got wanted
    ask 200 -d "{\"model\": \"data/tiny.txt\", \"prompt\": \"x\"}" "$at/api/chat"
    grep "^event: error" body
    grep "is not a GGUF file" body'

test_expect_success 'the prompt is among the words of no process, and is taken as it is' '
    "$BIN/model-init" -q --vocab "$TOP/examples/tiny.gguf" --layers 4 --embd 256 --heads 4 --ctx 9000 -o work/slow.gguf
    echo "{\"model\": \"slow.gguf\", \"prompt\": \"@secret$$ word\", \"n\": 8000, \"seed\": 98$$}" >chat.json
    curl -s -N -H "Authorization: Bearer $token" -d @chat.json "$at/api/chat" >answer & asker=$!
    until_it grep -q "event: text" answer
    ps -A -o args >processes
    grep "seed 98$$" processes
    ! grep "secret$$" processes || false
    kill $asker
    while ps -A -o args | grep "[s]eed 98$$"; do sleep 0.1 && tenth=$((tenth + 1)) && test $tenth -lt 100; done
    printf "%s\n" "It'\''s \"\\n\"" "# so" >prompt
    "$BIN/generate" -q -m work/models/tiny.gguf -n 8 --temp 0 -p "$(cat prompt)" >wanted
    ask 200 -d "{\"model\": \"models/tiny.gguf\", \"n\": 8, \"temp\": 0, \"prompt\":
        \"It'\''s \\\"\\\\n\\\"\\n# so\"}" "$at/api/chat"
    grep "^event: done" body
    { cat prompt && sed -n "s/\\\\\"/\"/g; s/^data: {\"text\": \"\(.*\)\"}$/\1/p" body; } | tr -d "\n" >got
    tr -d "\n" <wanted | cmp got -'

test_expect_success 'who goes away ends what was done for him, and so does the server' '
    i=0
    while [ $i -lt 300 ]; do cat "$TOP/examples/tiny.txt" && i=$((i + 1)); done >work/data/huge.txt
    echo "{\"model\": \"models/tiny.gguf\", \"data\": \"data/huge.txt\"}" >plan.json
    at_work() { ps -A -o args | grep "tokeniz[e].*data/huge.txt"; }
    nobody() { ! at_work; }
    curl -s -H "Authorization: Bearer $token" -d @plan.json "$at/api/plan" & asker=$!
    until_it at_work
    kill $asker
    until_it nobody
    curl -s -H "Authorization: Bearer $token" -d @plan.json "$at/api/plan" &
    until_it at_work
    kill $server
    until_it nobody
    rm work/data/huge.txt
    start_server'
server=$(cat server)
token=$(sed 's/.*=//' address) at=$(sed 's,/?.*,,' address)

test_expect_success 'a run that is stopped goes on, and one that fails says why' '
    ask 201 -d "{$settings, \"name\": \"long\", \"knobs\": {\"STEPS\": 100000, \"BATCH\": 1, \"CTX\": 32, \"N_SAMPLE\": 2}}" "$at/api/runs"
    tenth=0
    until [ -s work/runs/long/metrics.tsv ] && [ "$(wc -l <work/runs/long/metrics.tsv)" -gt 3 ]; do
        sleep 0.1 && tenth=$((tenth + 1)) && test $tenth -lt 300
    done
    ask 200 -d "" "$at/api/runs/long/stop"
    becomes long stopped
    grep "and saved" work/runs/long/studio/run.txt
    ask 409 -d "" "$at/api/runs/long/stop"
    ask 201 -d "" "$at/api/runs/long/continue"
    tenth=0
    until grep "going on from" work/runs/long/studio/run.txt; do
        sleep 0.1 && tenth=$((tenth + 1)) && test $tenth -lt 300
    done
    ask 200 -d "" "$at/api/runs/long/stop"
    becomes long stopped
    ask 200 -X DELETE "$at/api/runs/long"
    test ! -e work/runs/long
    printf "{\"prompt\": 3}\n" >work/data/bad.jsonl
    ask 201 -d "{\"model\": \"models/tiny.gguf\", \"data\": \"data/bad.jsonl\", \"name\": \"bad\"}" "$at/api/runs"
    becomes bad failed
    grep -o "\"name\": \"bad\".*\"error\": \"[^\"]*bad.jsonl[^\"]*line 1" body
    ask 404 -d "" "$at/api/runs/none/stop"
    ask 404 -d "" "$at/api/runs/none/continue"'

test_expect_success 'a run that a shell has begun goes on, where the page has its settings' '
    (cd work && exec "$BIN/finetune" -q -m models/tiny.gguf --name shell --steps 100000 --batch 1 --ctx 32 --n-sample 2 data/tiny.txt) &
    begun=$!
    until_it grep -q "^3	" work/runs/shell/metrics.tsv
    kill $begun
    wait $begun || :
    test "$(state shell)" = stopped
    grep "\"name\": \"shell\", .*\"model\": \"models/tiny.gguf\", \"data\": \"data/tiny.txt\".*\"STEPS\": *\"100000\"" body
    ask 201 -d "" "$at/api/runs/shell/continue"
    until_it grep -q "going on from" work/runs/shell/studio/run.txt
    ask 200 -d "" "$at/api/runs/shell/stop"
    becomes shell stopped
    (cd work && "$BIN/finetune" -q -m models/tiny.gguf --name shell --steps 2 --batch 2 --ctx 32 --n-sample 2 data/tiny.txt)
    state shell && grep "\"name\": \"shell\", .*\"STEPS\": *\"2\"" body
    (cd work && "$BIN/finetune" -q -m models/tiny.gguf --name shell --steps 3 --batch 2 --ctx 32 --n-sample 2 data/tiny.txt &&
        "$BIN/finetune" -q -m models/tiny.gguf --name shell --steps 2 --batch 2 --ctx 32 --n-sample 2 data/tiny.txt)
    grep "^STEPS=2\| STEPS=2" work/runs/shell/records/given
    rm -r work/runs/shell/studio
    echo "DATA=data/tiny.txt data/rows.jsonl" >work/runs/shell/records/given
    ask 400 -d "" "$at/api/runs/shell/continue"
    grep "files of the working folder" body
    echo "TRAIN_FLAGS=--clip 1" >work/runs/shell/records/given
    ask 400 -d "" "$at/api/runs/shell/continue"
    grep "no knob .TRAIN_FLAGS" body
    rm work/runs/shell/records/given
    ask 409 -d "" "$at/api/runs/shell/continue"
    grep "was begun from a shell" body
    ask 200 -X DELETE "$at/api/runs/shell"'

test_expect_success 'renamed, merged, quantised, removed' '
    ask 200 -d "{\"to\": \"two\"}" "$at/api/runs/one/rename"
    ask 404 -d "{\"to\": \"two\"}" "$at/api/runs/one/rename"
    ask 409 -d "{\"to\": \"bad\"}" "$at/api/runs/two/rename"
    ask 400 -d "{\"to\": \"../two\"}" "$at/api/runs/two/rename"
    ask 400 -d "{\"type\": \"none\"}" "$at/api/runs/two/merge"
    ask 409 -d "{\"type\": \"Q8_0\"}" "$at/api/runs/bad/merge"
    ask 200 -d "{\"type\": \"Q8_0\"}" "$at/api/runs/two/quantize"
    tenth=0
    until [ -s work/runs/two/studio/job.end ]; do
        sleep 0.1 && tenth=$((tenth + 1)) && test $tenth -lt 100
    done
    "$BIN/merge" -q -m work/models/tiny.gguf -a work/runs/two/adapter.gguf -t q8_0 --name two -o merged.gguf
    ask 200 "$at/api/runs/two/files/merged-q8_0.gguf"
    cmp body merged.gguf
    ask 200 "$at/api/state"
    grep "\"path\": \"runs/two/merged-q8_0.gguf\", \"bytes\": [0-9]*, \"kind\": \"model\", \"arch\": \"llama\", \"type\": \"Q8_0\"" body
    grep "\"path\": \"runs/two/adapter.gguf\", \"bytes\": [0-9]*, \"kind\": \"adapter\", .*\"run\": \"two\", \"model\": \"models/tiny.gguf\"" body
    ask 200 -X DELETE "$at/api/runs/two"
    test "$(ls work/runs)" = bad'

if [ -z "$SANITIZE" ] && [ -r /proc/self/status ]; then
    test_expect_success 'the server is small, whatever passes through it' '
        head -c 100000000 /dev/zero >large
        ask 201 -T large "$at/api/data/large.bin"
        ask 200 -X DELETE "$at/api/data/large.bin"
        test "$(awk "/^VmHWM/ { print \$2 }" /proc/$server/status)" -lt 20000'
fi

test_expect_success 'a port that is in use, a folder that is none, other addresses' '
    test_expect_code 1 "$BIN/studio" --port "${at##*:}" 2>stderr
    grep "port ${at##*:} is in use" stderr
    test_expect_code 1 "$BIN/studio" --dir none 2>stderr
    grep "cannot work in .none." stderr
    test_expect_code 2 "$BIN/studio" --listen here 2>stderr
    test_expect_code 1 "$BIN/studio" --listen 0.0.0.0 --port "${at##*:}" 2>stderr
    rm full
    "$BIN/studio" -q --listen 127.0.0.2 --port 0 >full 2>stderr & other=$!
    until [ -s full ]; do sleep 0.1; done
    kill $other
    test ! -s stderr
    rm full
    "$BIN/studio" --listen 0.0.0.0 --port 0 >full 2>stderr & other=$!
    until [ -s full ]; do sleep 0.1; done
    kill $other
    grep "can use this page" stderr'
test_done
