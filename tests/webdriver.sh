# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# A browser by WebDriver: Chromium without a window, chromedriver in front of it, curl to speak
# with that.  What a script in the page returns must be text.
#
#   wd_start FOLDER        begin; its profile, downloads and messages are in FOLDER
#   wd_go ADDRESS          load a page
#   wd_js SCRIPT           run it in the page, print what it returns
#   wd_wait SECONDS EXPR   until EXPR is true in the page; else 1, and what the page says
#   wd_file ID FILE        choose a file for the input with this id, hidden or not
#   wd_keys KEY...         press keys, one after the other: Tab Enter Space Escape, or a letter
#   wd_type TEXT           press the keys of a text
#   wd_size WIDTH HEIGHT   of the page, as a phone's
#   wd_media NAME VALUE    prefers-color-scheme dark, …
#   wd_shot FILE.png       a picture of what is seen
#   wd_end

wd_json() { # text as JSON
    printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g; s/	/\\t/g' | awk 'NR > 1 { printf "\\n" } { printf "%s", $0 }'
}

wd_call() { # METHOD PATH [BODY]
    curl -sS --max-time 60 -X "$1" -H 'Content-Type: application/json' \
        ${3+--data-binary} ${3+"$3"} "http://127.0.0.1:$wd_port$2"
}

wd_start() {
    wd_dir=$1
    mkdir -p "$wd_dir/downloads"
    chromedriver --port=0 >"$wd_dir/driver.log" 2>&1 &
    wd_pid=$!
    wd_port=
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        wd_port=$(sed -n 's/.*started successfully on port \([0-9]*\).*/\1/p' "$wd_dir/driver.log")
        [ -z "$wd_port" ] || break
        sleep 0.5
    done
    [ -n "$wd_port" ] || return 1
    # A superuser's Chromium has no sandbox.
    sandbox=
    [ "$(id -u)" != 0 ] || sandbox='"--no-sandbox",'
    wd_session=/session/$(wd_call POST /session '{"capabilities":{"alwaysMatch":{
        "goog:chromeOptions":{"args":["--headless=new",'"$sandbox"'"--disable-gpu",
        "--disable-dev-shm-usage","--hide-scrollbars","--window-size=1100,900",
        "--user-data-dir='"$(wd_json "$wd_dir/profile")"'"],
        "prefs":{"download.default_directory":"'"$(wd_json "$wd_dir/downloads")"'"}}}}}' |
        sed -n 's/.*"sessionId":"\([^"]*\)".*/\1/p')
    [ "$wd_session" != /session/ ]
}

wd_go() { wd_call POST "$wd_session/url" "{\"url\":\"$(wd_json "$1")\"}" >/dev/null; }

wd_js() {
    wd_call POST "$wd_session/execute/sync" "{\"args\":[],\"script\":\"$(wd_json "$1")\"}" |
        sed 's/^{"value":"\(.*\)"}$/\1/; s/\\n/\n/g; s/\\t/	/g; s/\\"/"/g; s/\\u003C/</g; s/\\\\/\\/g'
}

wd_wait() {
    wd_left=$(($1 * 4))
    while [ $wd_left -gt 0 ]; do
        case $(wd_js "return ($2) ? 'yes' : 'no'") in yes) return 0 ;; esac
        wd_left=$((wd_left - 1))
        sleep 0.25
    done
    echo "not within $1 s: $2" >&2
    wd_js 'return document.body.innerText.slice(0, 3000)' >&2
    return 1
}

wd_file() {
    wd_element=$(wd_call POST "$wd_session/element" \
        "{\"using\":\"css selector\",\"value\":\"#$1\"}" |
        sed -n 's/.*"element-[^"]*":"\([^"]*\)".*/\1/p')
    wd_call POST "$wd_session/element/$wd_element/value" "{\"text\":\"$(wd_json "$2")\"}" >/dev/null
}

wd_press() { # the JSON of a key, and of another that is held
    wd_call POST "$wd_session/actions" '{"actions":[{"type":"key","id":"keys","actions":[
        '"${2:+{\"type\":\"keyDown\",\"value\":\"$2\"\},}"'
        {"type":"keyDown","value":"'"$1"'"},{"type":"keyUp","value":"'"$1"'"}
        '"${2:+,{\"type\":\"keyUp\",\"value\":\"$2\"\}}"']}]}' >/dev/null
}

wd_keys() {
    for wd_key; do
        case $wd_key in
        Tab) wd_press '\uE004' ;;
        Enter) wd_press '\uE007' ;;
        Space) wd_press ' ' ;;
        Escape) wd_press '\uE00C' ;;
        Down) wd_press '\uE015' ;;
        Right) wd_press '\uE014' ;;
        Back) wd_press '\uE003' ;;
        Ctrl-Enter) wd_press '\uE007' '\uE009' ;;
        Shift-Tab) wd_press '\uE004' '\uE008' ;;
        *) wd_press "$(wd_json "$wd_key")" ;;
        esac
    done
}

wd_type() {
    wd_rest=$1
    while [ -n "$wd_rest" ]; do
        wd_press "$(wd_json "${wd_rest%"${wd_rest#?}"}")"
        wd_rest=${wd_rest#?}
    done
}

wd_cdp() { wd_call POST "$wd_session/goog/cdp/execute" "{\"cmd\":\"$1\",\"params\":$2}" >/dev/null; }
wd_size() {
    wd_cdp Emulation.setDeviceMetricsOverride \
        "{\"width\":$1,\"height\":$2,\"deviceScaleFactor\":1,\"mobile\":false}"
}
wd_media() {
    wd_cdp Emulation.setEmulatedMedia "{\"features\":[{\"name\":\"$1\",\"value\":\"$2\"}]}"
}
wd_shot() {
    wd_call GET "$wd_session/screenshot" | sed 's/^{"value":"//; s/"}$//' | base64 -d >"$1"
}

wd_end() {
    [ -z "${wd_session:-}" ] || wd_call DELETE "$wd_session" >/dev/null 2>&1
    [ -z "${wd_pid:-}" ] || kill "$wd_pid" 2>/dev/null
    wd_session='' wd_pid=''
}
