#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: pages.sh FILE...
#
# Prints C: what pages.h declares, with the bytes of these files.
echo '#include "cmds/studio/pages.h"'
i=0
rows=
for file; do
    i=$((i + 1))
    echo "static const unsigned char bytes_$i[] = {"
    od -An -v -tu1 <"$file" | sed 's/^ *//; s/  */,/g; s/$/,/'
    echo "};"
    rows="$rows    { \"${file##*/}\", bytes_$i, sizeof bytes_$i },
"
done
printf 'const struct page studio_pages[] = {\n%s    { 0, 0, 0 }\n};\n' "$rows"
