#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What must hold for every form of model (tests/unit/test_forms.c), for the models of the
# reference material too.
. "${0%/*}/../lib.sh"

program=${BUILD:-build/release}/tests/test_forms
case $program in /*) ;; *) program=$TOP/$program ;; esac
[ -x "$program" ] || test_skip_all "the unit tests are not built"

# those that make much of rounding, says the material
magnifies() {
    case $1 in qwen35 | qwen35moe | gemma4e) echo 1 ;; esac
}

found=
for model in "$SHARED"/reference/*/model.gguf; do
    [ -f "$model" ] || continue
    found=yes
    name=$(basename "$(dirname "$model")")
    test_expect_success "$name" '"$program" "$model" $(magnifies "$name")'
done
[ -n "$found" ] || test_skip_all "no reference material"
test_done
