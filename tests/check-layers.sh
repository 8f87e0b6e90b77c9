#!/bin/sh
# SPDX-License-Identifier: MIT
# Who includes whom, against the table "layers" in docs/architecture.md.
set -u
cd "${0%/*}/.." || exit 1
{
    sed -n '/^```layers$/,/^```$/p' docs/architecture.md | grep -v '```' | sed 's/^/layer /'
    find libtrain cmds -name '*.[ch]' | sort | sed 's/^/file /'
    find libtrain cmds -name '*.[ch]' -exec grep -Ho '^ *# *include *[<"][^>"]*[>"]' {} + |
        sort | sed 's/^\([^:]*\):.*[<"]\([^>"]*\)[>"]$/include \1 \2/'
} | awk '
# The name that the table uses for a file: without libtrain/, internal/, .c and .h.
function stem(path) {
    sub(/^libtrain\//, "", path)
    sub(/^internal\//, "", path)
    sub(/\.[ch]$/, "", path)
    return path
}
function matches(name, word,    part, n, i, glob) {
    n = split(word, part, "+")
    for (i = 1; i <= n; i++) {
        glob = part[i]
        gsub(/\*/, "[^/]*", glob)
        if (name ~ ("^" glob "$"))
            return 1
    }
    return 0
}
# Finds the layer of a name and, in `module`, the word that names it.
function find_layer(name,    i) {
    for (i = 1; i <= n_word; i++)
        if (matches(name, words[i])) {
            module = words[i]
            # a folder alone: each file is a module of its own
            if (module ~ /\/\*$/ && module !~ /\+/)
                module = name
            return layer_of[i]
        }
    module = ""
    return 0
}
function wrong(text) {
    print "not ok - " text
    bad++
}
$1 == "layer" {
    n_layer++
    for (i = 2; i <= NF; i++) {
        words[++n_word] = $i
        layer_of[n_word] = n_layer
    }
}
$1 == "file" && $2 ~ /^libtrain\// {
    n_file++
    if (!find_layer(stem($2)))
        wrong($2 " is in no layer of docs/architecture.md")
}
$1 == "include" && $2 ~ /^libtrain\// {
    if ($3 !~ /^libtrain\//)
        next # system and other libraries
    n_include++
    mine = find_layer(stem($2))
    my_module = module
    other = find_layer(stem($3))
    if (mine && other && other >= mine && module != my_module)
        wrong($2 " (layer " mine ") includes " $3 " (layer " other ")")
}
$1 == "include" && $2 ~ /^cmds\// {
    n_include++
    if ($3 ~ /^libtrain\/.*\//)
        wrong($2 " includes " $3 ", which is not public")
}
END {
    if (!n_layer || !n_file || !n_include)
        wrong("no table or no sources found")
    if (!bad)
        print "ok - " n_include " includes of " n_file " files"
    exit bad != 0
}'
