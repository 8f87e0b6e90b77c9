#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# dev/check-merges.py BIN SIZE,... FILE... - compare bpe-train with BpeTrainer of Hugging Face's
# tokenizers: tokens and merges of each file at each size, whole with gpt-2's words and by line
# with llama-bpe's.  Texts with characters that are newer than one of the two tables of Unicode
# differ.  Needs the modules tokenizers and gguf.
import json
import subprocess
import sys
import tempfile

from gguf import GGUFReader
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

LLAMA = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
         r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
WORDS = {
    'gpt-2': pre_tokenizers.ByteLevel(add_prefix_space=False),
    'llama-bpe': pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA), 'isolated'),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
}
RUNS = [('gpt-2', 0, False, ['<|endoftext|>']), ('llama-bpe', 2, True, ['<s>', '</s>'])]


def theirs(path, size, pre, least, by_line, special):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = WORDS[pre]
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=least, special_tokens=special, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    if by_line:
        t.train([path], trainer)
    else:
        t.train_from_iterator([open(path, encoding='utf8', newline='').read()], trainer)
    m = json.loads(t.to_str())['model']
    merges = [x if isinstance(x, str) else ' '.join(x) for x in m['merges']]
    return sorted(m['vocab'], key=m['vocab'].get), merges


def ours(bin, path, size, pre, least, by_line, special):
    with tempfile.NamedTemporaryFile(suffix='.gguf') as f:
        subprocess.check_call(
            [bin + '/bpe-train', '-q', '-n', str(size), '-o', f.name, '--pre', pre,
             '--min-frequency', str(least)] + ['--by-line'] * by_line +
            [x for s in special for x in ('--special', s)] + [path],
            stderr=subprocess.DEVNULL)
        fields = GGUFReader(f.name).fields
        return tuple([bytes(fields[k].parts[i]).decode() for i in fields[k].data]
                     for k in ('tokenizer.ggml.tokens', 'tokenizer.ggml.merges'))


differ = 0
for path in sys.argv[3:]:
    for size in map(int, sys.argv[2].split(',')):
        for pre, least, by_line, special in RUNS:
            a = theirs(path, size, pre, least, by_line, special)
            b = ours(sys.argv[1], path, size, pre, least, by_line, special)
            differ += a != b
            print(path, size, pre, len(a[0]), 'tokens', len(a[1]), 'merges:',
                  'the same' if a == b else 'OTHERS', flush=True)
sys.exit(differ != 0)
