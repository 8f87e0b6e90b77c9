#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The page of studio in a real browser: a text is uploaded, the example trained to the end, all by
# keyboard; its curve, chats with base and tuned, files that are those of the shell; the page as a
# phone, in the dark, and what a keyboard reaches.  PICTURES=FOLDER keeps what was seen.
. "${0%/*}/../lib.sh"
. "$TOP/tests/webdriver.sh"

test_built studio finetune || test_skip_all "studio is not built"
! "$BIN/studio" --version | grep -q 'without libmicrohttpd' ||
    test_skip_all "studio was built without libmicrohttpd"
for program in chromium chromedriver curl; do
    command -v $program >/dev/null || test_skip_all "$program is not there"
done
PICTURES=${PICTURES:-$test_scratch/pictures}
case $PICTURES in /*) ;; *) PICTURES=$TOP/$PICTURES ;; esac
mkdir -p "$PICTURES" work
cp "$TOP/examples/tiny.gguf" work
cp "$TOP/examples/tiny.txt" "$TOP/examples/pairs.jsonl" .

finish() {
    wd_end
    # A training outlives its server.
    for run in work/runs/*/; do
        curl -s -o answer --max-time 5 -X POST -H "Authorization: Bearer ${address##*=}" \
            "${address%%/\?*}/api/runs/$(basename "$run")/stop"
    done
    [ -z "${server:-}" ] || kill "$server" 2>/dev/null
    [ -n "${KEEP:-}" ] || rm -rf "$test_scratch"
}
trap finish EXIT

address=
"$BIN/studio" --port 0 --dir work >address 2>server.log &
server=$!
for _ in $(seq 100); do
    [ ! -s address ] || break
    sleep 0.2
done
address=$(cat address)
case $address in http://127.0.0.1:*/?token=*) ;; *) echo "not ok - studio says '$address'" && exit 1 ;; esac

# Each goes on where the last one ended.
step() {
    test_expect_success "$@"
    [ $test_failed = 0 ] || test_done
}

page() { wd_js "$(cat "$TOP/tests/browser/page.js")
return $1"; }
say() { wd_js "return String($1)"; }
view() { # NAME: as its link does
    wd_js "location.hash = '$1'; return ''" >/dev/null
    wd_wait 5 "document.querySelector('main h1')" && sleep 0.3
}
value() { # ID VALUE: as if it was chosen
    wd_js "const e = document.getElementById('$1'); e.value = '$2';
        e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change')); return ''" >/dev/null
}
# Colours go over in a moment.
scheme() { wd_media prefers-color-scheme "$1" && sleep 0.4; }
press() { wd_js "document.getElementById('$1').click(); return ''" >/dev/null; }
drop() { # NAME: a small file on the field for models
    wd_js "const t = new DataTransfer(), e = document.querySelector('.drop');
        t.items.add(new File(['It is so.'], '$1'));
        e.dispatchEvent(new DragEvent('drop', { dataTransfer: t, bubbles: true, cancelable: true }));
        return ''" >/dev/null
}
nothing() { # what a question about the page answers is empty
    page "$1" >answer
    cat answer
    [ ! -s answer ] || [ -z "$(cat answer)" ]
}
# From the top of the page Tab reaches every control, in their order, and one sees where one is.
walk() {
    n=$(page 'beginWalk()') next=0 steps=0
    while [ $next -lt "$n" ] && [ $steps -lt $((n + 12)) ]; do
        wd_keys Tab
        set -- $(page 'stop()')
        index=$1 outline=$2 name=$3
        steps=$((steps + 1))
        # A part that scrolls is a stop of the browser's own.
        [ "$index" != - ] || continue
        [ "$index" = $next ] || { echo "at '$name' ($index), not at $next"; return 1; }
        [ "$outline" = seen ] || { echo "nobody sees the focus on '$name'"; return 1; }
        next=$((next + 1))
    done
    [ $next = "$n" ] || { echo "$next of $n controls are reached"; return 1; }
}
tab_to() { # ID: by keyboard alone
    for _ in $(seq 80); do
        [ "$(say 'document.activeElement.id')" != "$1" ] || return 0
        wd_keys Tab
    done
    echo "Tab does not lead to $1"
    return 1
}

# Tests are subshells, which would forget the session.
wd_start "$test_scratch/browser" || {
    echo "not ok - the browser begins"
    sed 's/^/#   /' browser/driver.log
    exit 1
}

known() { wd_wait 10 "model.querySelector(\"[value=\\\"tiny.gguf\\\"]\")"; }
step 'the page comes up, and its key is in no address and no cookie, also in other tabs' '
    wd_go "${address%%\?*}"
    wd_wait 10 "/Open the address that studio printed/.test(document.querySelector(\".notice.wrong\")?.textContent)"
    wd_go "$address"
    known
    test "$(say location.search)" = ""
    wd_js "location.reload(); return \"\""
    known
    first=$(wd_call GET "$wd_session/window" | sed "s/.*:\"//; s/\".*//")
    for url in "$address" "${address%%\?*}"; do
        tab=$(wd_call POST "$wd_session/window/new" "{\"type\":\"tab\"}" | sed "s/.*\"handle\":\"//; s/\".*//")
        wd_call POST "$wd_session/window" "{\"handle\":\"$tab\"}"
        wd_go "$url"
        known
        wd_call GET "$wd_session/cookie" | grep -x "{\"value\":\[\]}"
        wd_call DELETE "$wd_session/window"
        wd_call POST "$wd_session/window" "{\"handle\":\"$first\"}"
    done
'

step 'a text is uploaded and looked at' '
    wd_file upload-data "$test_scratch/pairs.jsonl"
    wd_wait 10 "data.value.endsWith(\"pairs.jsonl\") && document.querySelector(\".role-trained\")"
    wd_size 1000 1000
    wd_js "document.querySelector(\".notice\").hidden = true; return \"\""
    wd_shot "$PICTURES/start.png"
    say "document.querySelector(\".stats\").innerText" >table.txt
    grep "^rows.120\$" table.txt
    grep "^90 %.[0-9]*\$" table.txt
    wd_file upload-data "$test_scratch/tiny.txt"
    wd_wait 10 "data.value.endsWith(\"tiny.txt\") && document.querySelector(\".tokens\")"
    cmp tiny.txt work/data/tiny.txt
    value model tiny.gguf
'

step 'what is dropped finds its place, and its name is text' '
    drop "<img src=x>.txt"
    wd_wait 10 "data.value === \"data/<img src=x>.txt\""
    test "$(say "document.querySelectorAll(\"img\").length")" = 0
    test "$(cat "work/data/<img src=x>.txt")" = "It is so."
    value data data/tiny.txt
'

step 'what is no model is refused, and why is said' '
    head -c 20000000 /dev/zero >bad.gguf
    wd_file upload-models "$test_scratch/bad.gguf"
    wd_wait 20 "/^bad.gguf was not uploaded: .*GGUF/.test(document.querySelector(\".notice.wrong\")?.textContent)"
    test ! -e work/models/bad.gguf
'

step 'the plan is shown; what is wrong is told' '
    value knob-RANK x
    press plan
    wd_wait 5 "document.querySelector(\".notice.wrong\") && document.activeElement.id === \"knob-RANK\""
    value knob-RANK ""
    press plan
    wd_wait 60 "/^[0-9]+ MB of memory, [0-9]+ steps, /.test(document.querySelector(\".plan li\")?.textContent)"
'

step 'the page asks for nothing that it may not have' '
    wd_wait 5 "performance.getEntriesByType(\"resource\").every(r => r.name.startsWith(location.origin))"
    wd_call POST "$wd_session/se/log" "{\"type\":\"browser\"}" >messages
    ! grep -i "security policy" messages || false
'

step 'new run: keyboard, names, contrast' '
    nothing "nameless()"
    wd_js "document.getElementById(\"more\").open = true; return \"\""
    walk
    nothing "faint()"
'

step 'a run is named and started by keyboard alone' '
    page "beginWalk()"
    tab_to knob-EPOCHS
    wd_type 8
    tab_to knob-LR
    wd_type 5e-3
    tab_to run-name
    wd_js "document.activeElement.select(); return \"\""
    wd_type example
    test "$(say "document.activeElement.value")" = example
    tab_to start
    wd_keys Enter
    wd_wait 20 "location.hash === \"#run/example\""
    wd_wait 60 "document.querySelector(\"#curve-loss path.line\")"
    wd_wait 300 "parseInt(document.getElementById(\"stat-step\").textContent) > 150"
    wd_size 1000 960
    wd_shot "$PICTURES/running.png"
'

step 'a page that comes later sees the run from its beginning' '
    wd_go "${address%%\?*}#run/example"
    wd_js "location.reload(); return \"\""
    wd_wait 30 "document.querySelector(\"#curve-loss path.line\")"
'

step 'the example trains to its end; curve, evaluation and samples are there' '
    wd_wait 900 "document.querySelector(\"h1 .badge.complete\")"
    wd_wait 20 "document.querySelectorAll(\"#evaluation tbody tr\").length >= 2"
    wd_wait 20 "document.querySelector(\"#samples .said\")"
    rows=$(($(wc -l <work/runs/example/metrics.tsv) - 1))
    held=$(awk -F "\t" "NR > 1 && \$10 != \"-\"" work/runs/example/metrics.tsv | wc -l)
    test "$(say "document.getElementById(\"curve-loss\").dataset.points")" = "$rows $held"
    test "$(say "document.getElementById(\"stat-step\").textContent")" = "$rows of $rows"
'

step 'the adapter is that of the shell' '
    press get-adapter.gguf
    for _ in $(seq 40); do
        test ! -e browser/downloads/adapter.gguf || break
        sleep 0.25
    done
    mkdir shell
    (cd shell && "$BIN/finetune" -m ../work/tiny.gguf ../work/data/tiny.txt --epochs 8 --lr 5e-3 \
        --name example) >shell.log 2>&1
    cmp browser/downloads/adapter.gguf shell/runs/example/adapter.gguf
'

step 'run: keyboard, names, contrast, light and dark' '
    wd_js "document.querySelectorAll(\"details\").forEach(d => { d.open = true; }); return \"\""
    nothing "nameless()"
    walk
    nothing "faint()"
    scheme dark
    nothing "faint()"
    wd_shot "$PICTURES/run-dark.png"
    scheme light
'

step 'the arrow keys read the curve' '
    page "beginWalk()"
    tab_to curve-loss
    wd_keys Right
    wd_wait 2 "/^Step 284 · Loss [0-9]/.test(document.querySelector(\".reading\").textContent)"
'

step 'base and tuned answer side by side, by keyboard' '
    press try-run
    wd_wait 5 "location.hash === \"#try\""
    nothing "nameless()"
    walk
    page "beginWalk()"
    tab_to prompt
    wd_type "Once upon a time"
    wd_keys Ctrl-Enter
    wd_wait 60 "[\"base\", \"tuned\"].every(c => /^It took [0-9]/.test(document.getElementById(\"end-\" + c).textContent))"
    wd_size 1000 920
    wd_shot "$PICTURES/try.png"
    say "document.getElementById(\"said-base\").textContent" >base.txt
    say "document.getElementById(\"said-tuned\").textContent" >tuned.txt
    test -s base.txt
    test -s tuned.txt
    ! cmp -s base.txt tuned.txt || false
'

step 'a model is made of the run' '
    view run/example
    press merge
    wd_wait 60 "document.getElementById(\"get-merged-f16.gguf\")"
    test -s work/runs/example/merged-f16.gguf
'

step 'a training is stopped and goes on' '
    view new
    value model tiny.gguf
    value data data/tiny.txt
    value knob-STEPS 3000
    value run-name second
    press start
    wd_wait 60 "location.hash === \"#run/second\" && parseInt(document.getElementById(\"stat-step\").textContent) > 0"
    press stop
    wd_wait 30 "document.querySelector(\"h1 .badge.stopped\")"
    step=$(say "parseInt(document.getElementById(\"stat-step\").textContent)")
    test "$step" -ge 1
    press continue
    wd_wait 60 "parseInt(document.getElementById(\"stat-step\").textContent) > $step"
    press stop
    wd_wait 30 "document.querySelector(\"h1 .badge.stopped\")"
'

step 'a run gets another name, and is deleted after one question' '
    value new-name third
    press rename
    wd_wait 10 "location.hash === \"#run/third\""
    test -d work/runs/third
    press delete
    wd_wait 5 "document.querySelector(\"dialog[open]\")"
    test "$(say "document.activeElement.id")" = ask-no
    wd_keys Escape
    wd_wait 5 "!document.querySelector(\"dialog\")"
    test -d work/runs/third
    press delete
    wd_keys Tab Enter
    wd_wait 10 "location.hash === \"#runs\""
    test ! -e work/runs/third
'

step 'a file is deleted after one question' '
    view files
    press "delete-data-<img src=x>.txt"
    wd_wait 5 "document.querySelector(\"dialog[open]\")"
    test -e "work/data/<img src=x>.txt"
    press ask-yes
    wd_wait 10 "!document.getElementById(\"delete-data-<img src=x>.txt\")"
    test ! -e "work/data/<img src=x>.txt"
'

step 'runs and files: keyboard, names, contrast' '
    for v in runs files; do
        view $v
        nothing "nameless()"
        walk
        nothing "faint()"
    done
'

step 'on a phone nothing is wider than the page, light and dark' '
    wd_size 360 1000
    for dark in dark light; do
        scheme $dark
        for v in new runs run/example try files; do
            view $v
            nothing "wide()"
            nothing "faint()"
            wd_shot "$PICTURES/phone-$dark-${v%%/*}.png"
        done
    done
'

step 'nothing moves where that is not wanted' '
    moving="[...document.querySelectorAll(\"*\")].filter(e => getComputedStyle(e).transitionDuration !== \"0s\").length"
    test "$(say "$moving")" != 0
    wd_media prefers-reduced-motion reduce
    test "$(say "$moving")" = 0
'

test_done
