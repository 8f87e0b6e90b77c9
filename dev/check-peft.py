# SPDX-License-Identifier: MIT
"""What `hf-export -a` writes, loaded by PEFT: does it compute the same?

  check-peft.py REFERENCE [NAME…]

REFERENCE/NAME has model.gguf, adapter.gguf, hf/ (the same model for transformers) and
ref.gguf with `tokens` and `lora.logits`.  Each adapter becomes a folder, PEFT loads it over
hf/ in f32, and its logits are compared: at most 1e-4.  With --tables an adapter of
random numbers on the token table, the output and q is made as well, and the logits are those of
`perplexity --logits`.  A line an adapter; the status is 1 if any fails.  It needs torch,
transformers, peft, numpy and gguf.
"""
import argparse
import os
import subprocess
import sys
import tempfile

os.environ['HF_HUB_OFFLINE'] = os.environ['TRANSFORMERS_OFFLINE'] = '1'

import gguf
import numpy as np
import peft
import torch
import transformers

LIMIT = 1e-4


def run(command, *args):
    done = subprocess.run([os.path.join(options.bin, command), '-q', *map(str, args)],
                          capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().split('\n')[0])


def tensors(path):
    return {t.name: np.array(t.data) for t in gguf.GGUFReader(path).tensors}


def their_logits(folder, hf, tokens):
    base = transformers.AutoModelForCausalLM.from_pretrained(hf, dtype=torch.float32)
    model = peft.PeftModel.from_pretrained(base, folder).eval()
    with torch.no_grad():
        return model(input_ids=torch.tensor(tokens.astype(np.int64))).logits.numpy()


def compare(of, adapter, tokens, want, scratch):
    folder = f'{scratch}/peft'
    run('hf-export', '-m', f'{of}/model.gguf', '-a', adapter, '-o', folder)
    got = their_logits(folder, f'{of}/hf', tokens)
    return float(np.abs(got - want.reshape(got.shape)).max())


def with_tables(of, scratch):
    """An adapter of random numbers, also on the tables, and our logits with it."""
    model = gguf.GGUFReader(f'{of}/model.gguf')
    names = {t.name: t.shape for t in model.tensors}
    rng, path = np.random.default_rng(1), f'{scratch}/tables.gguf'
    arch = model.fields['general.architecture'].contents()
    w = gguf.GGUFWriter(path, arch)
    w.add_string('general.type', 'adapter')
    w.add_string('adapter.type', 'lora')
    w.add_float32('adapter.lora.alpha', 6.0)
    for name in ('token_embd.weight', 'output.weight', 'blk.0.attn_q.weight'):
        if name in names:
            n_in, n_out = map(int, names[name])
            a, b = ((n_out, 3), (n_in, 3)) if name[0] == 't' else ((3, n_in), (n_out, 3))
            w.add_tensor(name + '.lora_a', rng.normal(0, .3, a).astype(np.float32))
            w.add_tensor(name + '.lora_b', rng.normal(0, .3, b).astype(np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    tokens = tensors(f'{of}/ref.gguf')['tokens']
    with open(f'{scratch}/ids', 'w') as f:
        f.writelines(' '.join(map(str, row)) + '\n' for row in tokens)
    run('tokenize', '-m', f'{of}/model.gguf', '--from-ids', '-o', f'{scratch}/x.tok',
        f'{scratch}/ids')
    run('pack', '-c', tokens.shape[1] - 1, '-o', f'{scratch}/x.pack', f'{scratch}/x.tok')
    run('perplexity', '-m', f'{of}/model.gguf', '-a', path, '-d', f'{scratch}/x.pack',
        '--logits', f'{scratch}/l.gguf', '-o', f'{scratch}/x.tsv')
    return path, tokens[:, :-1], tensors(f'{scratch}/l.gguf')['logits']


def check(name):
    of = f'{options.reference}/{name}'
    with tempfile.TemporaryDirectory() as scratch:
        if options.tables:
            adapter, tokens, want = with_tables(of, scratch)
        else:
            ref = tensors(f'{of}/ref.gguf')
            adapter, tokens, want = (f'{of}/adapter.gguf', ref['tokens'][:, :-1],
                                     ref['lora.logits'])
        try:
            error = compare(of, adapter, tokens, want, scratch)
        except Exception as e:  # told, and counted
            print(f'{name}: {str(e)[:160]}')
            return False
    print(f'{name}: {error:.1e}{"" if error <= LIMIT else " DIFFERS"}')
    return error <= LIMIT


parser = argparse.ArgumentParser()
parser.add_argument('--bin', default='bin')
parser.add_argument('--tables', action='store_true')
parser.add_argument('reference')
parser.add_argument('name', nargs='*')
options = parser.parse_args()
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
names = options.name or sorted(n for n in os.listdir(options.reference)
                               if os.path.isdir(f'{options.reference}/{n}/hf'))
sys.exit(not all([check(n) for n in names]))
