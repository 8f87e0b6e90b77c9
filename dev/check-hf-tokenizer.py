# SPDX-License-Identifier: MIT
"""Vocabularies as folders: does transformers give our ids, does a GGUF come back as it was?

usage: check-hf-tokenizer.py [-n TEXTS] [-s SEED] [-m MODEL_TYPE] VOCAB.gguf...

Each vocabulary is written into a folder (hf-vocab, in build/release/dev), which AutoTokenizer
of transformers loads; random texts are encoded by it and by libtrain, which finds special
tokens in them as it does.  Then the folder is read into a GGUF, whose keys tokenizer.* are
compared with the first one's.  With -m the folder has a config.json of that model_type, by
which transformers chooses a class; texts are in NFC where that class makes them so.  What differs is printed, and the status is 1 if ids do.

It needs transformers and the Python package gguf; nothing is fetched."""
import hashlib
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

os.environ['HF_HUB_OFFLINE'] = '1'
HERE = os.path.dirname(os.path.abspath(__file__))
HF_VOCAB = os.path.join(HERE, '../build/release/dev/hf-vocab')
# Classes that bring texts into NFC whatever tokenizer.json says: a GGUF has no word for that.
NORMALIZING = {'Qwen2Tokenizer', 'Qwen3_5Tokenizer'}
spec = importlib.util.spec_from_file_location('check_ids', os.path.join(HERE, 'check-ids.py'))
check_ids = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_ids)


def keys(path):
    import gguf
    out = {}
    for key, field in gguf.GGUFReader(path).fields.items():
        if key.startswith('tokenizer.'):
            out[key] = field.contents()
    return out


def short(value):
    if isinstance(value, list) and len(value) > 8:
        text = '\n'.join(map(str, value)).encode()
        return f'{len(value)} entries {hashlib.sha256(text).hexdigest()[:8]}'
    return repr(value)[:60]


def compare_keys(first, second):
    a, b = keys(first), keys(second)
    same = 0
    for key in sorted(a.keys() | b.keys()):
        if a.get(key) == b.get(key):
            same += 1
            continue
        print(f'  {key}: {short(a.get(key))} -> {short(b.get(key))}')
        if isinstance(a.get(key), list) and isinstance(b.get(key), list):
            differ = [i for i, (x, y) in enumerate(zip(a[key], b[key])) if x != y]
            print(f'    {len(differ)} differ, first ' +
                  str([(i, a[key][i], b[key][i]) for i in differ[:4]]))
    return same


def compare_ids(path, folder, n, seed):
    from transformers import AutoTokenizer
    theirs = AutoTokenizer.from_pretrained(folder)
    ours = check_ids.Ours(path, None)
    own_normalizer = type(theirs).__name__ in NORMALIZING
    rng = random.Random(seed)
    special = [t for t in theirs.all_special_tokens] or ['']
    bad = ids = lost = 0
    for i in range(n):
        text = check_ids.random_text(rng)
        if own_normalizer:
            text = unicodedata.normalize('NFC', text)
        if i % 4 == 0:
            more = check_ids.random_text(rng)
            text += rng.choice(special) + (
                unicodedata.normalize('NFC', more) if own_normalizer else more)
        around = i % 5 == 0
        have = ours.ids(text.encode(), 1, around)
        want = theirs.encode(text, add_special_tokens=around)
        ids += len(want)
        if 'has no token' in have:
            lost += 1
        elif have != want:
            bad += 1
            if bad <= 3:
                print(f'  {text!r}\n    ours {have}\n    transformers {want}')
    print(f'{os.path.basename(path)}: {type(theirs).__name__}, {n} texts, {ids} ids, '
          f'{bad} differ, {lost} with bytes that have no token')
    return bad


def check(path, n, seed, model_type):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([HF_VOCAB, 'write', path, folder], check=True)
        config = {'vocab_size': len(keys(path)['tokenizer.ggml.tokens'])}
        if model_type:
            config['model_type'] = model_type
        with open(os.path.join(folder, 'config.json'), 'w', encoding='utf-8') as file:
            json.dump(config, file)
        bad = compare_ids(path, folder, n, seed)
        back = os.path.join(folder, 'back.gguf')
        named = ['', model_type.replace('_', '')] if model_type else []
        if subprocess.run([HF_VOCAB, 'read', folder, back, *named], check=False).returncode:
            return bad + 1
        print(f'  {compare_keys(path, back)} keys come back')
    return bad


def main(args):
    options = {'-n': '1000', '-s': '1', '-m': ''}
    while args and args[0] in options:
        options[args[0]] = args[1]
        args = args[2:]
    bad = [check(path, int(options['-n']), int(options['-s']), options['-m']) for path in args]
    return int(sum(bad) > 0)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
