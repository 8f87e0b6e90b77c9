#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What Jinja makes of templates, as rows of tests/unit/chat_*.def:
python3 dev/mkchat.py row.json < templates (a line each, with Python's escapes) > rows

Needs jinja2 3.1.6.  The row's keys are the variables."""
import datetime
import json
import sys
from jinja2.sandbox import ImmutableSandboxedEnvironment


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                      sort_keys=sort_keys)


def raise_exception(text):
    raise ValueError(text)


def strftime_now(form):
    return datetime.datetime(2026, 7, 26, 9, 5, 7).strftime(form)


def c_string(s):
    """A string of C in pieces that fit their lines."""
    pieces = ['']
    for b in s.encode():
        simple = {10: '\\n', 9: '\\t', 34: '\\"', 92: '\\\\', 13: '\\r'}.get(b)
        pieces[-1] += simple or (chr(b) if 32 <= b < 127 else f'\\{b:03o}')
        if len(pieces[-1]) > 76:
            pieces.append('')
    return '\n      '.join(f'"{p}"' for p in pieces if p or len(pieces) == 1)


def main():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=['jinja2.ext.loopcontrols'])
    env.filters['tojson'] = tojson
    env.globals['raise_exception'] = raise_exception
    env.globals['strftime_now'] = strftime_now
    row = json.load(open(sys.argv[1], encoding='utf-8'))
    for line in sys.stdin:
        source = line.rstrip('\n').encode().decode('unicode-escape').encode('latin-1').decode()
        try:
            text = env.from_string(source).render(**row)
        except Exception:
            print(f'FAILS({c_string(source)})')
            continue
        one = f'GIVES({c_string(source)}, {c_string(text)})'
        if len(one) > 92 or '\n' in one:
            one = f'GIVES({c_string(source)},\n      {c_string(text)})'
        print(one)


main()
