#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: served.sh URL
#
# Whether a site that site.sh made answers with all its files: the page, the bundle's index, each
# shard with the size and the MD5 that the index says, and each file of the tokenizer.  URL may
# also be that of a bundle alone.  A line for each fault, status 1 if there is any.
set -u
LC_ALL=C
export LC_ALL
url=${1%/}
for tool in curl md5sum; do
    command -v $tool >/dev/null || { echo "served: $tool is not there" >&2 && exit 1; }
done
temp=$(mktemp -d "${TMPDIR:-/tmp}/served.XXXXXX") || exit 1
trap 'rm -rf "$temp"' EXIT
trap 'exit 1' HUP INT TERM
faults=0 files=0
fault() {
    printf 'served: %s\n' "$1" >&2
    faults=$((faults + 1))
}
# get ADDRESS FILE
get() { curl -fsS --globoff -o "$2" "$1" 2>"$temp/why"; }
# whole ADDRESS: its body is in $temp/body.
whole() {
    files=$((files + 1))
    get "$1" "$temp/body" && return 0
    fault "$1: $(sed 's/^curl: //;q' "$temp/why")"
    return 1
}
bundle=$url
if get "$url/site.json" "$temp/site"; then
    model=$(sed -n 's/.*"model": "\([^"]*\)".*/\1/p' "$temp/site")
    bundle=$url/$model/resolve/main
    whole "$url/index.html"
fi
whole "$bundle/mlc-chat-config.json" && cp "$temp/body" "$temp/config"
whole "$bundle/tensor-cache.json" && cp "$temp/body" "$temp/index"
[ $faults = 0 ] || exit 1

# A line a shard: name, size, sum.
tr ',{' '\n\n' <"$temp/index" | awk -F'"' '
    $2 == "dataPath" { name = $4 }
    $2 == "nbytes" && name { size = $3; gsub(/[^0-9]/, "", size) }
    $2 == "md5sum" { print name, size, $4; name = "" }' >"$temp/shards"
[ -s "$temp/shards" ] || fault "$bundle/tensor-cache.json: it names no shard"
while read -r name size sum; do
    case $name in *[!a-zA-Z0-9_.-]*) fault "'$name' is no name of a shard" && continue ;; esac
    whole "$bundle/$name" || continue
    set -- $(wc -c <"$temp/body") $(md5sum <"$temp/body")
    [ "$1" = "$size" ] || fault "$bundle/$name: $1 bytes, not $size"
    [ "$2" = "$sum" ] || fault "$bundle/$name: its MD5 is $2, not $sum"
done <"$temp/shards"

{ tr -d '\n' <"$temp/config" && echo; } | sed -n 's/.*"tokenizer_files": *\[\([^]]*\)\].*/\1/p' |
    tr ',' '\n' | sed -n 's/.*"\([a-zA-Z0-9_.-]*\)".*/\1/p' >"$temp/names"
[ -s "$temp/names" ] || fault "$bundle/mlc-chat-config.json: it names no file of a tokenizer"
while read -r name; do
    whole "$bundle/$name" || continue
    [ -s "$temp/body" ] || fault "$bundle/$name: it is empty"
done <"$temp/names"
[ $faults = 0 ] || exit 1
echo "$url answers with all $files files."
