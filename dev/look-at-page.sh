#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: look-at-page.sh PAGE.html FOLDER
#
# Pictures of a page as Chromium shows it: wide and as narrow as a phone, light and dark, as FOLDER/wide.png,
# phone.png, dark.png, phone-dark.png; fails if the page asks for anything beside itself.
set -eu
page=$(cd "$(dirname -- "$1")" && pwd)/$(basename -- "$1") out=$2
mkdir -p "$out"
if grep -n -E '(src|href)="?(https?:)?//|url\(|@import|<script' "$page"; then
    echo "look-at-page: '$page' asks for something" >&2
    exit 1
fi
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
shot() { # NAME WIDTH HEIGHT OPTION...
    name=$1 size=$2,$3
    shift 3
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$profile" \
        "$@" --window-size="$size" --screenshot="$out/$name.png" "file://$page" 2>/dev/null
}
# A window is never narrower than 500 units.
shot wide 1100 2400
shot phone 500 4200
shot dark 1100 2400 --force-dark-mode --blink-settings=preferredColorScheme=0
shot phone-dark 500 4200 --blink-settings=preferredColorScheme=0
