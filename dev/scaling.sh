#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: dev/scaling.sh [NAME TOKENS_PER_S FIXED_S MEGABYTES]
#
# The tables of docs/scaling.md: what the sum of the gradients costs beside the compute of a
# step, for 2 to 1,000 machines and three networks, by the formula there.
#   TOKENS_PER_S  of one machine, without the fixed part of a step
#   FIXED_S       of a step whatever its tokens: zeroing, norm, update
#   MEGABYTES     of the gradients
# Without arguments the two cases of the page.
set -u
table() {
    awk -v name="$1" -v rate="$2" -v fixed="$3" -v mb="$4" '
    function sum_time(r, bit, alpha) { # ring, in pieces of r MiB, at least 16 and at most 64
        piece = r < 16 ? 16 : r > 64 ? 64 : r
        pieces = int(mb * 1e6 / (piece * 1048576)) + 1
        return 2 * (r - 1) / r * mb * 1e6 / (bit * 1e9 / 8) + pieces * 2 * (r - 1) * alpha
    }
    BEGIN {
        bit[1] = 1; bit[2] = 10; bit[3] = 100
        alpha[1] = alpha[2] = 50e-6; alpha[3] = 5e-6
        printf "%s: %s tokens/s, fixed %s s, %s MB\n\n", name, rate, fixed, mb
        print "| machines | 1 Gbit/s: s | tokens | at 4,096 | 10 Gbit/s: s | tokens | at 4,096 | 100 Gbit/s: s | tokens | at 4,096 |"
        print "|---|---|---|---|---|---|---|---|---|---|"
        n = split("2 4 8 16 32 64 128 256 512 1000", r, " ")
        for (i = 1; i <= n; i++) {
            line = "| " r[i]
            for (b = 1; b <= 3; b++) {
                t = sum_time(r[i], bit[b], alpha[b])
                # nine tenths of the time are compute: n / rate >= 9 (fixed + t)
                line = line " | " sprintf("%.2g", t) " | " sprintf("%.0f", 9 * (fixed + t) * rate) \
                    " | " sprintf("%.0f %%", 100 * 4096 / rate / (4096 / rate + fixed + t))
            }
            print line " |"
        }
        print ""
    }'
}
if [ $# = 4 ]; then
    table "$@"
else
    table "LoRA r 8 on SmolLM2-135M" 183 0.006 9.77
    table "GPT-2 124M, all weights" 226 0.3 498
fi
