# SPDX-License-Identifier: MIT
"""Ids of chats: does llama.cpp read the same from what a template writes?

usage: check-chat-ids.py TEMPLATES VOCAB.gguf TEMPLATE...

Each conversation of TEMPLATES/cases.json goes through TEMPLATES/TEMPLATE.jinja twice: rendered
(`tokenize --render`) and read by llama-tokenize, which takes special tokens for what they
are; and in one step (`tokenize --text`).  The ids have to be equal.  Left out are conversations
that the template refuses, that have nothing to train on, and those in which the user spells a
special token (by the name control-tokens), since that is text here.  All of a conversation is
trained on, so that it stays one document whatever its template does to earlier turns.

llama-tokenize is looked for in PATH.  bos_token and eos_token come from TEMPLATES/tokens.json."""
import json
import os
import subprocess
import sys
import tempfile

BIN = os.environ.get('BIN', 'bin')
root, vocab, names = sys.argv[1], sys.argv[2], sys.argv[3:]


def load(name):
    with open(os.path.join(root, name), encoding='utf-8') as file:
        return json.load(file)


def tokenize(name, row, *options):
    """Output of the command, None if it refuses the row."""
    args = [os.path.join(BIN, 'tokenize'), '-q', '-m', vocab, '--train-on', 'all',
            '--chat-template', os.path.join(root, name + '.jinja')]
    for key in 'bos_token', 'eos_token':
        if tokens[name].get(key):
            args += ['--template-arg', f'{key}={json.dumps(tokens[name][key])}']
    done = subprocess.run([*args, *options, row], capture_output=True)
    return None if done.returncode else done.stdout


def llama(text, folder):
    """llama-tokenize's ids.  It adds a BOS where the vocabulary says so: there is one already
    if the text begins with its spelling, which makes it warn and add a second."""
    path = os.path.join(folder, 'text')
    with open(path, 'w', encoding='utf-8', newline='') as file:
        file.write(text)
    args = ['llama-tokenize', '-m', vocab, '-f', path, '--ids', '--no-escape', '--log-disable']
    bos = [list_of(args), list_of(args + ['--no-bos'])]
    return bos[1] if len(bos[0]) > 1 and bos[0][:1] == bos[0][1:2] else bos[0]


def list_of(args):
    return json.loads(subprocess.run(args, capture_output=True, check=True).stdout)


cases, tokens = load('cases.json'), load('tokens.json')
bad = 0
with tempfile.TemporaryDirectory() as folder:
    for name in names:
        same = tried = 0
        for case, row in cases.items():
            if case == 'control-tokens':
                continue
            row = {('chat_template_kwargs' if k == 'kwargs' else k): v for k, v in row.items()}
            path = os.path.join(folder, 'row.jsonl')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(json.dumps(row) + '\n')
            rendered, ids = tokenize(name, path, '--render'), tokenize(name, path, '--text')
            if rendered is None or ids is None:
                continue
            tried += 1
            got, want = list(map(int, ids.split())), llama(json.loads(rendered)['text'], folder)
            same += got == want
            if got != want:
                print(f'{name} {case}:\n  ours  {got}\n  llama {want}')
        print(f'{name}: {same} of {tried} conversations have llama.cpp\'s ids')
        bad += same != tried or not tried
sys.exit(bad > 0)
