#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: site.sh SITE ID LIBRARY WEBLLM COMMAND [ARG...]
#
# Makes SITE: index.html, site.json, which says what the page loads, and the bundle, that COMMAND
# makes with -o FOLDER.  WebLLM looks for a model's files below "resolve/main/", as Hugging Face
# has them.  An older bundle is replaced when the new one is whole.
set -u
site=$1 id=$2 library=$3 webllm=$4
shift 4
fail() {
    printf 'publish: %s\n' "$1" >&2
    exit 1
}
for text in "$id" "$library" "$webllm"; do
    case $text in *[\"\\]*) fail "'$text' holds a character that no address has" ;; esac
done
main=$site/$id/resolve/main
mkdir -p "$site/$id/resolve" || exit 1
[ ! -e "$main" ] || [ -f "$main/tensor-cache.json" ] || fail "'$main' is no bundle: it stays"
rm -rf "$main.new"
"$@" -o "$main.new" || exit
rm -rf "$main"
mv "$main.new" "$main" || exit 1
cp "${0%/*}/webllm.html" "$site/index.html" || exit 1
printf '{"model_id": "%s", "model": "%s", "model_lib": "%s", "webllm": "%s"}\n' \
    "$id" "$id" "$library" "$webllm" >"$site/site.json" || exit 1
printf 'Written to %s; any server of files will do, on this machine:\n' "$site"
printf '  python3 -m http.server --bind 127.0.0.1 --directory '\''%s'\''\n' "$site"
[ -n "$library" ] || echo 'The page will ask for the library of WebLLM (MODEL_LIB).'
