# SPDX-License-Identifier: MIT
"""What hf-export writes, loaded by transformers: does it compute the same, and does
gguf-import make the same GGUF of it again?

For each model (GGUF):

  logits   transformers, in f32 and offline, from the folder of `hf-export -t f32`, against
           `perplexity --logits` of the GGUF, random ids                        at most 1e-4;
           if it is more, transformers in f64: in f32 it rounds as we do
  stored   the same against `logits` of a ref.gguf beside the model, if there is one   1e-4
  back     tensors of `gguf-import -t f32` of that folder against those of the model, or
           against `quantize -t f32` of it where it is packed: how many differ             0
  keys     keys that both GGUF have and that differ, but general.* and the name of the
           pre-tokenizer, of which several do the same                                    0

A line a model; the status is 1 if any fails.  --like copies the files of a tokenizer from
the folder hf/ beside the model.  It needs torch, transformers, numpy and gguf.
"""
import argparse
import os
import subprocess
import sys
import tempfile

os.environ['HF_HUB_OFFLINE'] = os.environ['TRANSFORMERS_OFFLINE'] = '1'

import gguf
import numpy as np
import torch
import transformers

ROWS, CTX = 2, 48
LIMITS = {'logits': 1e-4, 'stored': 1e-4, 'back': 0, 'keys': 0}


def run(command, *args):
    done = subprocess.run([os.path.join(options.bin, command), '-q', *map(str, args)],
                          capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().split('\n')[-1])


# ---- logits -------------------------------------------------------------------------------

def our_logits(folder, model, n_vocab):
    tokens = np.random.default_rng(1).integers(3, n_vocab, (ROWS, CTX + 1))
    with open(f'{folder}/ids', 'w') as f:
        f.writelines(' '.join(map(str, row)) + '\n' for row in tokens)
    run('tokenize', '-m', model, '--from-ids', '-o', f'{folder}/x.tok', f'{folder}/ids')
    run('pack', '-c', CTX, '-o', f'{folder}/x.pack', f'{folder}/x.tok')
    run('perplexity', '-m', model, '-d', f'{folder}/x.pack', '--logits', f'{folder}/l.gguf',
        '-o', f'{folder}/x.tsv')
    logits = {t.name: t.data for t in gguf.GGUFReader(f'{folder}/l.gguf').tensors}['logits']
    return tokens[:, :-1], np.array(logits).reshape(ROWS, CTX, -1)


def their_logits(model, tokens):
    with torch.no_grad():
        return model(torch.tensor(np.array(tokens, dtype=np.int64))).logits.numpy()


def stored(path):
    """Tokens and logits of a ref.gguf, or None."""
    if not os.path.exists(path):
        return None
    t = {t.name: t.data for t in gguf.GGUFReader(path).tensors}
    return t['tokens'][:, :-1], t['logits']


def far(a, b):
    return float(np.abs(a.astype(np.float64) - b).max())


# ---- and back -----------------------------------------------------------------------------

def value(field):
    return field.contents() if field.types else None


def back(folder, model, made):
    """How many tensors and keys differ."""
    run('gguf-import', '-t', 'f32', '-o', f'{folder}/back.gguf', made)
    run('quantize', '-t', 'f32', '--pure', '--allow-requantize', '-o', f'{folder}/f32.gguf', model)
    a, b = (gguf.GGUFReader(f'{folder}/{n}.gguf') for n in ('f32', 'back'))
    ours, theirs = ({t.name: np.array(t.data) for t in x.tensors} for x in (a, b))
    bad = [n for n in {**ours, **theirs} if n not in ours or n not in theirs or
           ours[n].tobytes() != theirs[n].tobytes()]
    keys = [k for k in a.fields if k in b.fields and not k.startswith(('general.', 'GGUF.')) and
            k != 'tokenizer.ggml.pre' and
            value(a.fields[k]) != value(b.fields[k])]
    for name in bad + keys:
        print(f'#   differs: {name}')
    return len(bad), len(keys)


# ---- a model ------------------------------------------------------------------------------

def figures(folder, path):
    made = f'{folder}/hf'
    like = os.path.join(os.path.dirname(os.path.abspath(path)), 'hf')
    run('hf-export', '-m', path, '-t', 'f32', '-o', made, *options.extra,
        *(['--like', like] if options.like else []))
    model = transformers.AutoModelForCausalLM.from_pretrained(made, dtype=torch.float32,
                                                              attn_implementation='eager')
    model.eval()
    f = {}
    tokens, ours = our_logits(folder, path, model.get_input_embeddings().weight.shape[0])
    f['logits'] = far(their_logits(model, tokens), ours)
    ref = stored(os.path.join(os.path.dirname(path), 'ref.gguf'))
    if ref:
        f['stored'] = far(their_logits(model, ref[0]), ref[1])
    if options.back:
        f['back'], f['keys'] = back(folder, path, made)
    if f['logits'] > LIMITS['logits']:
        f['f32'], f['logits'] = f['logits'], far(their_logits(model.double(), tokens), ours)
    return f


def title_of(path):
    name = os.path.splitext(os.path.basename(path))[0]
    folder = os.path.basename(os.path.dirname(os.path.abspath(path)))
    return folder if name == 'model' else name


def check(path):
    name = title_of(path)
    with tempfile.TemporaryDirectory() as folder:
        try:
            f = figures(folder, path)
        except Exception as error:  # of a command, of transformers: the next model is told too
            print(f'not ok {name} {str(error).strip().splitlines()[-1]}', flush=True)
            return False
    bad = [k for k in LIMITS if k in f and not f[k] <= LIMITS[k]]
    print(f'{"not ok" if bad else "ok"} {name}',
          ' '.join(f'{k} {f[k]:.1e}' if isinstance(f[k], float) else f'{k} {f[k]}' for k in f),
          flush=True)
    return not bad


def main():
    transformers.logging.set_verbosity_error()
    return 0 if all([check(path) for path in options.models]) else 1


parser = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('--bin', default='bin')
parser.add_argument('--like', action='store_true')
parser.add_argument('--back', action='store_true', help='also gguf-import')
parser.add_argument('--extra', action='append', default=[], help='argument of hf-export')
parser.add_argument('models', nargs='+')
options = parser.parse_args()
if __name__ == '__main__':
    sys.exit(main())
