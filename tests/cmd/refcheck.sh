#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The reference material's own comparison, through the commands.  It needs a python with
# numpy and gguf: $REFCHECK_PYTHON, or the first of the usual ones that has both.
# tests/unit/test_shared_reference.c compares the same numbers through the library.
. "${0%/*}/../lib.sh"

[ -f "$SHARED/tools/refcheck.py" ] || test_skip_all "no reference material"
[ -z "$SANITIZE" ] || test_skip_all "it runs the commands in bin/, not those with a sanitizer"
test_built tokenize pack train perplexity gguf-export ||
    test_skip_all "the commands are not built"

python=
for p in "${REFCHECK_PYTHON:-}" python3 "$TOP"/.venv/bin/python; do
    [ -n "$p" ] && "$p" -c 'import numpy, gguf' 2>/dev/null && python=$p && break
done
[ -n "$python" ] || test_skip_all "no python3 with numpy and gguf (set REFCHECK_PYTHON)"

# It wants a checkout with the commands in bin/.
mkdir checkout && ln -s "$BIN" checkout/bin
for arch in gpt2 llama smollm llama3; do
    test_expect_success "reference numbers of $arch" '
        "$python" "$SHARED/tools/refcheck.py" checkout "$SHARED/reference" $arch'
done
test_done
