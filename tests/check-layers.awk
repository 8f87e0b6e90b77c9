# SPDX-License-Identifier: MIT
# Judges the facts that tests/check-layers.sh collects.

function wrong(text) {
    print "not ok - " text
    bad++
}

# "libtrain/ops/norm.c" is in ops, "libtrain/tape.h" in the folder that gives it.
function folder_of(path,    part, n, name) {
    n = split(path, part, "/")
    if (part[1] != "libtrain")
        return part[1]
    if (n > 2)
        return part[2]
    name = part[2]
    sub(/\.h$/, "", name)
    return name == "libtrain" ? "libtrain" : face_of[name]
}

function is_inner(path) {
    return path ~ /^libtrain\/.*\//
}

# The face of a folder for the others: libtrain/FOLDER/FOLDER.h.
function is_face(path, folder) {
    return path == "libtrain/" folder "/" folder ".h"
}

# a + b with "..", for includes in quotes, which count from the folder of the file.
function resolve(from, path) {
    sub(/[^\/]*$/, "", from)
    path = from path
    while (match(path, /[^\/]+\/\.\.\//))
        path = substr(path, 1, RSTART - 1) substr(path, RSTART + RLENGTH)
    return path
}

# cmds/NAME/ is of the command cmds/NAME.c.
function of_command(path) {
    sub(/\.c$/, "", path)
    return "^" path "/"
}

# ---- the rule

$1 == "order" {
    rule = substr($0, 7)
    rank = 1
    for (i = 2; i <= NF; i++) {
        if ($i == "<") {
            rank++
            continue
        }
        name = $i
        sub(/,$/, "", name)
        rank_of[name] = rank
        n_folder++
    }
}
$1 == "face" {
    name = $2
    sub(/:$/, "", name)
    for (i = 3; i <= NF; i++)
        face_of[$i] = name
}
$1 == "except" {
    for (i = 2; i <= NF; i++)
        excepted["libtrain/" $i] = 1
}

# ---- files and what they include

$1 == "file" {
    n_file++
    mine = folder_of($2)
    if ($2 ~ /^libtrain\// && !(mine in rank_of) && mine != "libtrain")
        wrong($2 " is in no folder of the rule in docs/architecture.md")
    if ($2 ~ /^libtrain\/[^\/]*\.c$/)
        wrong($2 " is a source beside the installed headers")
}
$1 == "include" && $3 == "<" && $4 ~ /^libtrain\// && $4 !~ /\.def$/ {
    n_include++
    mine = folder_of($2)
    other = folder_of($4)
    above = $2 ~ /^(cmds|dev|tests|examples)\//
    if (mine == other || (above && !is_inner($4)))
        next
    if ($2 ~ /^(tests|dev)\//)
        next # they look inside
    if (above)
        wrong($2 " includes " $4 ", which is not installed")
    else if (mine == "libtrain")
        next # libtrain.h: the whole face
    else if (!is_inner($2) && is_inner($4))
        wrong($2 ", which is installed, includes " $4 ", which is not")
    else if (rank_of[other] >= rank_of[mine])
        wrong($2 " (" mine ") includes " $4 " (" other "), which is not below it")
    else if (is_inner($4) && !is_face($4, other) && !($4 in excepted))
        wrong($2 " includes " $4 ", which is private to " other "/")
}
$1 == "include" && $3 == "\"" {
    n_include++
    path = resolve($2, $4)
    if ($2 ~ /^libtrain\//)
        wrong($2 " includes \"" $4 "\": write <libtrain/…>")
    else if ($2 ~ /^cmds\/[^\/]*$/ && path !~ /^cmds\/shared\// && path !~ of_command($2))
        wrong($2 " includes " path ": commands share what is in cmds/shared/")
    else if ($2 ~ /^cmds\// && path !~ /^cmds\//)
        wrong($2 " includes " path)
}

# ---- symbols: circles among the objects of a folder

$1 == "symbol" && $2 == "D" {
    giver[$4] = $3
    objects[$3] = 1
}
$1 == "symbol" && $2 == "U" {
    n_use++
    user[n_use] = $3
    used[n_use] = $4
}

function directory(object) {
    sub(/\/[^\/]*$/, "", object)
    sub(/\/(archs|schedules|sources)$/, "", object) # a list of kinds belongs to the folder above
    return object
}

# Depth first; objects on the way back to one that is being visited are a circle.
function visit(object,    i, n, next_of) {
    state[object] = 1
    trail[++depth] = object
    n = split(needs[object], next_of, " ")
    for (i = 1; i <= n; i++)
        if (!state[next_of[i]])
            visit(next_of[i])
        else if (state[next_of[i]] == 1)
            tell_circle(next_of[i])
    depth--
    state[object] = 2
}
function tell_circle(from,    i, text) {
    for (i = depth; i >= 1 && trail[i] != from; i--)
        text = " -> " trail[i] text
    n_circle++
    wrong("circle: " from text " -> " from)
}

END {
    for (i = 1; i <= n_use; i++) {
        from = user[i]
        to = giver[used[i]]
        if (to == "" || to == from)
            continue
        n_need++
        if (directory(from) == directory(to)) {
            if (!seen[from, to]++)
                needs[from] = needs[from] " " to
        } else if (from ~ /^libtrain\// && rank_of[folder_of(to)] >= rank_of[folder_of(from)])
            wrong(from ".c needs " used[i] " of " to ".c, which is not below it")
    }
    for (object in objects)
        if (!state[object])
            visit(object)
    if (n_folder < 2 || !n_file || !n_include || !n_need)
        wrong("no rule, no sources or no objects found")
    if (bad)
        exit 1
    print "# " rule
    print "ok - " n_folder " folders, " n_include " includes of " n_file " files: 0 upward"
    print "ok - " n_need " uses of symbols: 0 circles"
}
