#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes libtrain/chat/case.def from the Unicode tables of this Python:
python3 dev/mkcase.py > libtrain/chat/case.def"""
import sys
import unicodedata

ALL = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def runs(pairs):
    """(first, last, stride, delta) of code points that are moved by the same amount."""
    out = []
    for c, d in pairs:
        if out and out[-1][3] == d and c - out[-1][1] in (1, 2) and \
                (out[-1][0] == out[-1][1] or c - out[-1][1] == out[-1][2]):
            first, last, _, _ = out[-1]
            out[-1] = (first, c, c - last, d)
        else:
            out.append((c, c, 1, d))
    return out


def lines(items):
    line = ''
    for i in items:
        if len(line) + len(i) > 90:
            print(line)
            line = ''
        line += (' ' if line else '') + i
    print(line)


def ranges(test):
    out = []
    for c in range(0x110000):
        if test(c):
            if out and out[-1][1] == c - 1:
                out[-1][1] = c
            else:
                out.append([c, c])
    return out


print('/* SPDX-License-Identifier: MIT: case and printable characters of Unicode '
      f'{unicodedata.unidata_version},\n * written by dev/mkcase.py */')
for name, f in ('UPPER', str.upper), ('LOWER', str.lower), ('TITLE', str.title):
    single = [(c, ord(f(chr(c))) - c) for c in ALL
              if len(f(chr(c))) == 1 and f(chr(c)) != chr(c)]
    if name == 'TITLE':
        single = [(c, d) for c, d in single if f(chr(c)) != chr(c).upper()]
        single += [(c, 0) for c in ALL
                   if f(chr(c)) == chr(c) and chr(c).upper() != chr(c)]
        single.sort()
    print(f'#ifdef TR_{name}')
    lines(f'TR_{name}({a:#x}, {b:#x}, {s}, {d})' for a, b, s, d in runs(single))
    print('#endif')
print('#ifdef TR_SPECIAL /* code point, case, what it becomes */')
special = []
for name, f in ('UPPER', str.upper), ('LOWER', str.lower), ('TITLE', str.title):
    for c in ALL:
        t = f(chr(c))
        if len(t) > 1:
            special.append(f"TR_SPECIAL({c:#x}, TR__CASE_{name}, " +
                           ', '.join(f'{ord(x):#x}' for x in t) + ', 0' * (3 - len(t)) + ')')
lines(special)
print('#endif')
print('#ifdef TR_UNPRINTABLE')
lines(f'TR_UNPRINTABLE({a:#x}, {b:#x})' for a, b in ranges(lambda c: not chr(c).isprintable()))
print('#endif')
sys.exit(0)
