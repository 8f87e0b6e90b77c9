# SPDX-License-Identifier: MIT
# Prints the lines "MARK target: text" of makefiles under titles, then their lines "#? KNOB
# text" with the knob's present value, which is in the environment, on at most 80 columns.
# Lengths are bytes, which are never fewer than columns.

# print_wrapped(NAME, TEXT): the text beside the name; words that are too long are cut.
function print_wrapped(name, text,    line, width, n, words, i, word) {
    width = 62
    n = split(text, words, / /)
    line = words[1]
    for (i = 2; i <= n; i++) {
        word = words[i]
        if (length(line) + 1 + length(word) <= width) {
            line = line " " word
            continue
        }
        name = print_line(name, line, width)
        line = word
    }
    print_line(name, line, width)
}
function print_line(name, line, width,    cut) {
    while (length(line) > width) {
        cut = width
        while (substr(line, cut + 1, 1) ~ /[\200-\277]/)
            cut-- # inside a character
        name = print_row(name, substr(line, 1, cut))
        line = substr(line, cut + 1)
    }
    return print_row(name, line)
}
function print_row(name, text) {
    if (length(name) > 14) {
        print "  " name
        name = ""
    }
    printf "  %-14s  %s\n", name, text
    return ""
}

# The first of the files comes again among all.
FNR == 1 {
    again = FILENAME in seen
    seen[FILENAME]
}
again { next }
$1 == mark && /^#+ [a-z0-9-]+: / {
    if (title != "")
        print (printed++ ? "\n" : "") title
    title = ""
    name = substr($2, 1, length($2) - 1)
    sub(/^#+ [a-z0-9-]+: /, "")
    print_wrapped(name, $0)
}
/^#\? / && mark == "##" {
    name = $2
    sub(/^#\? [A-Z_0-9]+ +/, "")
    knob[++knobs] = name
    text[knobs] = $0 (ENVIRON[name] == "" ? "" : " [" ENVIRON[name] "]")
}
END {
    if (knobs)
        print "\nknobs of the workflows, and in brackets what they are now:"
    for (i = 1; i <= knobs; i++)
        print_wrapped(knob[i], text[i])
}
