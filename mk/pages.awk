# SPDX-License-Identifier: MIT
# A manual page for commands whose names have a prefix: $prefix in front of each that the
# variable `commands` lists, where the page names it and where its examples run it.
BEGIN {
    n = split(commands, command, " ")
    for (i = 1; i <= n; i++)
        known[command[i]]
    prefix = ENVIRON["prefix"]
}
/^\.(Nm|Xr) / && $2 in known { $2 = prefix $2 }
/^\.Dt / && tolower($2) in known { $2 = toupper(prefix) $2 }
/^\.Dl / {
    for (i = 2; i < NF; i++)
        if ($i in known && $(i + 1) ~ /^-/)
            $i = prefix $i
}
/^\.Bd/ { example = 1 }
/^\.Ed/ { example = 0 }
example {
    for (name in known) {
        done = ""
        rest = $0
        before = "(^|[|$] ) *"
        while (match(rest, before name " ")) {
            at = RSTART + RLENGTH - length(name) - 1
            done = done substr(rest, 1, at - 1) prefix name
            rest = substr(rest, at + length(name))
            before = "[|$] *"
        }
        $0 = done rest
    }
}
{ print }
