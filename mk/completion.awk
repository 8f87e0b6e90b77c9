# SPDX-License-Identifier: MIT
# usage: awk -v shell=bash|zsh|fish -v name=NAME -v first=WORDS -f mk/completion.awk OPTIONS
# OPTIONS is what the command prints for --print-options, WORDS what its first word may be.
# The completion of a command's options, for one shell.  Where a value is no number and has no
# list of choices, it may be a file.
BEGIN { FS = "\t" }
# A quote in a text between single quotes, for sh and its like.
function quoted(text) { gsub(/'/, "'\\''", text); return "'" text "'" }

shell == "bash" {
    words = words " --" $2 ($1 == "-" ? "" : " -" $1)
    if ($3 == "choice")
        values = values "    --" $2 ($1 == "-" ? "" : " | -" $1) \
            ") COMPREPLY=($(compgen -W " quoted($4) " -- \"$cur\")) && return ;;\n"
    if ($3 == "number")
        values = values "    --" $2 ($1 == "-" ? "" : " | -" $1) ") return ;;\n"
}
shell == "zsh" {
    about = $5
    gsub(/[][\\:]/, "\\\\&", about)
    value = $3 == "flag" ? "" : ":value:" ($3 == "choice" ? "(" $4 ")" : $3 == "text" ? "_files" : "")
    line = $1 == "-" ? "" : " \\\n    " quoted("*-" $1 ($3 == "flag" ? "" : "+") "[" about "]" value)
    words = words line " \\\n    " quoted("*--" $2 ($3 == "flag" ? "" : "=") "[" about "]" value)
}
shell == "fish" {
    about = $5
    gsub(/[\\']/, "\\\\&", about)
    print "complete -c " name ($1 == "-" ? "" : " -s " $1) " -l " $2 \
        ($3 == "flag" ? "" : $3 == "text" ? " -r -F" : " -x") \
        ($3 == "choice" ? " -a '" $4 "'" : "") " -d '" about "'"
}
END {
    if (shell == "bash") {
        print "_" plain(name) "() {"
        print "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}"
        print "    COMPREPLY=()"
        if (values != "")
            printf "    case $prev in\n%s    esac\n", values
        if (first != "")
            print "    (( COMP_CWORD != 1 )) || COMPREPLY=($(compgen -W '" first "' -- \"$cur\"))"
        print "    [[ $cur != -* ]] || COMPREPLY=($(compgen -W '" substr(words, 2) "' -- \"$cur\"))"
        print "}\ncomplete -o default -F _" plain(name) " " name
    }
    if (shell == "zsh")
        print "#compdef " name "\n_arguments -s -S" words (first == "" ? "" : \
            " \\\n    '1::word:{compadd " first "; _files}'") \
            " \\\n    '*:file:_files'"
    if (shell == "fish" && first != "")
        print "complete -c " name " -n __fish_is_first_arg -a '" first "'"
}
function plain(text) { gsub(/[^A-Za-z0-9]/, "_", text); return text }
