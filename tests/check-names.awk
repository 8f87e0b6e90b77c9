# SPDX-License-Identifier: MIT
# What pages and comments name is there.  Reads lines "file PATH", "word NAME" (of the
# sources), "elsewhere FILE" (of others), then lines "PATH:NUMBER:TEXT"; prints what is
# named and is not.  A name in capitals (optim/NAME.c) stands for any, and so does a star.

BEGIN {
    file_name = "[A-Za-z0-9_*./-]*[A-Za-z0-9_*][A-Za-z0-9_*][.]" \
        "(c|h|def|sh|mk|py|awk|md)([^A-Za-z0-9_]|$)"
}

$1 == "file" { files["/" $2]; next }
$1 == "word" { words[$2]; next }
$1 == "elsewhere" { known[$2] = 1; next }

function is_file(name,    pattern, path) {
    if (name in known)
        return known[name]
    pattern = name
    gsub(/\./, "\\.", pattern)
    gsub(/\*/, "[^/]*", pattern)
    known[name] = 0
    for (path in files)
        if (path ~ "/" pattern "$")
            return known[name] = 1
    return 0
}

{
    match($0, /^[^:]*:[0-9]*:/)
    place = substr($0, 1, RLENGTH)
    text = substr($0, RLENGTH + 1)
    if (place ~ /\.(c|h|def):/) { # comments only
        if (text !~ /^ *(\/\*|\*|\/\/)/ && !match(text, /\/\*|\/\/ /))
            next
        if (RSTART > 1 && text !~ /^ *(\/\*|\*|\/\/)/)
            text = substr(text, RSTART)
    }
    for (rest = text; match(rest, file_name); rest = substr(rest, RSTART + RLENGTH)) {
        name = substr(rest, RSTART, RLENGTH)
        sub(/[^a-z]$/, "", name)
        sub(/^[.\/-]+/, "", name)
        if ((name !~ /[A-Z]/ || name ~ /^[A-Z]+\.md$/) && !is_file(name))
            print place " no file " name
    }
    for (rest = text; match(rest, /(tr|cmd)_[a-z0-9_]+/);
         rest = substr(rest, RSTART + RLENGTH)) {
        name = substr(rest, RSTART, RLENGTH)
        if (place ~ /\.md:/ && name !~ /_$/ && !(name in words))
            print place " no name " name
    }
}
