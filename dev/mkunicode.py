#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write libtrain/tokenizer/characters.def: what a tokenizer must know of characters.

    mkunicode.py >libtrain/tokenizer/characters.def

llama.cpp's ids depend on its version of Unicode, which is 15.1: that of Python 3.13, or of
the package unicodedata2 15.1.0.
"""
import sys

try:
    import unicodedata2 as unicode
except ImportError:
    import unicodedata as unicode

N = 0x110000
SURROGATES = range(0xD800, 0xE000)


def classes():
    """Runs of marks, punctuation, and what is no text: [first, length, class]."""
    name = {"M": "MARK", "P": "PUNCT", "C": "CONTROL"}
    runs = []
    for c in range(N):
        category = unicode.category(chr(c))
        kind = None if category == "Cn" else name.get(category[0])
        if not kind:
            continue
        last = runs[-1] if runs else None
        if last and last[2] == kind and last[0] + last[1] == c and last[1] < 0xFFFF:
            last[1] += 1
        else:
            runs.append([c, 1, kind])
    return runs


def runs_of(pairs):
    """[first, length, to, each, add]: code point first + each * i becomes to + add * i."""
    runs = []
    for c, to in pairs:
        last = runs[-1] if runs else None
        if last and last[1] == 1 and c - last[0] <= 2 and to - last[2] in (0, 1, 2):
            last[3], last[4] = c - last[0], to - last[2]
            last[1] = 2
        elif (last and c == last[0] + last[3] * last[1] and
              to == last[2] + last[4] * last[1]):
            last[1] += 1
        else:
            runs.append([c, 1, to, 1, 0])
    return runs


def lower(c):
    return ord(chr(c).lower()[0])


def base(c):
    return ord(unicode.normalize("NFD", chr(c))[0])


def changed(change):
    return [(c, change(c)) for c in range(N) if c not in SURROGATES and change(c) != c]


def show(macro, rows):
    line = ""
    for row in rows:
        alone = len(row) == 5 and row[1] == 1
        row = (row[0], row[2]) if alone else row
        cells = (str(x) if isinstance(x, str) or x < 3 else f"{x:#x}" for x in row)
        cell = macro + "1" * alone + "(" + ",".join(cells) + ")"
        if len(line) + len(cell) + 1 > 92:
            print(line)
            line = ""
        line += " " * bool(line) + cell
    print(line)


def main():
    if unicode.unidata_version != "15.1.0":
        sys.exit(f"mkunicode: this Python knows Unicode {unicode.unidata_version}, "
                 "not 15.1.0")
    print("/* SPDX-License-Identifier: MIT: made by dev/mkunicode.py of Unicode 15.1; "
          "characters.c\n * says what the rows mean */")
    for macro, rows in (("CLASS", classes()), ("LOWER", runs_of(changed(lower))),
                        ("BASE", runs_of(changed(base)))):
        print(f"#ifdef {macro}")
        show(macro, rows)
        print("#endif")


main()
