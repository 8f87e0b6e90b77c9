# SPDX-License-Identifier: MIT
# Prints the workflows: "## name: text" and "#? KNOB text" with the knob's present value,
# which is in the environment.
BEGIN { print "\nworkflows, with their knobs and present values (make NAME KNOB=VALUE …):" }
/^## [a-z0-9-]+: / {
    name = $2
    sub(/^## [a-z0-9-]+: /, "")
    printf "  %-14s %s\n", substr(name, 1, length(name) - 1), $0
}
/^#\? / {
    knob = $2
    sub(/^#\? [A-Z_0-9]+ +/, "")
    printf "    %-12s %-26s %s\n", knob, "[" ENVIRON[knob] "]", $0
}
