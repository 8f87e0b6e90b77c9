# SPDX-License-Identifier: MIT
#
# usage: awk -f changes.awk OLD NEW
#
# Says in one line what training by the record NEW is to one by the record OLD (records are of
# common.mk): `same`; `logs`, if only what is told on the way differs; `longer`, and how;
# or `other`, and what differs.

# One line to pieces: words, of which quoted ones may hold blanks.
function pieces(line,    n, i, c, quote) {
    split("", piece)
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (c == "'") quote = !quote
        if (c != " " || quote) piece[n + 1] = piece[n + 1] c
        else if (piece[n + 1] != "") n++
    }
    return piece[n + 1] != "" ? n + 1 : n
}
# value[SIDE, KEY]: KEY is the first word, of options the command's and the option's name.
function put(side, key, text) {
    if (!(key in seen)) order[++keys] = key
    seen[key] = 1
    value[side, key] = value[side, key] (value[side, key] == "" ? "" : " ") text
}
function options(side, n,    i, key, at) {
    for (i = 2; i <= n; i++) {
        if (piece[i] !~ /^-/) { put(side, key, piece[i]); continue }
        at = index(piece[i], "=")
        key = piece[1] " " (at ? substr(piece[i], 1, at - 1) : piece[i])
        put(side, key, at ? substr(piece[i], at + 1) : "")
        given[side, key] = 1
    }
}
function knob(key,    name) {
    if (key in names) return names[key]
    name = key
    sub(/^[a-z]+ -*/, "", name)
    if (key in plain) { gsub(/-/, "_", name); return toupper(name) }
    sub(/^[a-z]+ /, "", key)
    return key
}
function shown(side, key) {
    return value[side, key] != "" ? value[side, key] : (side, key) in given ? "given" : "default"
}
function told(key) {
    if (key ~ /^(model|text|template|settings|adapter)/) return names[key] " has other contents"
    return knob(key) " " shown(1, key) " → " shown(2, key)
}
BEGIN {
    split("lora-r RANK lora-alpha ALPHA lora-targets TARGETS full METHOD", list, " ")
    for (i = 1; i in list; i += 2) names["train --" list[i]] = list[i + 1]
    split("model MODEL text DATA template CHAT_TEMPLATE adapter --adapter-in", list, " ")
    for (i = 1; i in list; i += 2) names[list[i]] = list[i + 1]
    split("train batch train grad-acc train epochs train steps train lr train sched train " \
        "warmup train seed pack ctx pack val-split tokenize train-on tokenize chat-template", list, " ")
    for (i = 1; i in list; i += 2) plain[list[i] " --" list[i + 1]]
    split("save-every keep threads quiet mem-limit", list, " ")
    for (i in list) quiet["train --" list[i]]
    quiet["train -q"]; quiet["replaces"]
    split("eval-every prompts samples sample-every sample-tokens ask", list, " ")
    for (i in list) logs["train --" list[i]]
}
FNR == 1 { side++; settings = 0 }
{
    n = pieces($0)
    if ($1 ~ /^(tokenize|pack|train)$/) { options(side, n); next }
    rest = $0
    sub(/^[^ ]* */, "", rest)
    key = $1
    if (key == "settings") names[key = key ++settings] = "a file of settings"
    put(side, key, rest)
}
END {
    state = "same"
    for (i = 1; i <= keys; i++) {
        key = order[i]
        if (value[1, key] == value[2, key] && ((1, key) in given) == ((2, key) in given)) continue
        if (key in quiet) continue
        words = words ", " told(key)
        if (key ~ /^train --(steps|epochs)$/) { lengths++; how_long = key }
        else if (!(key in logs)) state = "other"
        else if (state == "same") state = "logs"
    }
    longer = lengths == 1 && value[1, how_long] > 0 && value[2, how_long] + 0 > value[1, how_long] + 0
    if (state != "other" && lengths) state = longer ? "longer" : "other"
    print state (words == "" ? "" : " " substr(words, 3))
}
