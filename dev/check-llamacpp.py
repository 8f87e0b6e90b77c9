# SPDX-License-Identifier: MIT
"""What is trained here, loaded by llama.cpp: do both compute the same?

For each model, small and with f32 weights: train an adapter for a few steps on random
tokens, export it, and compare logits of every position:

  base      llama.cpp's of the model with ours                          at most 5e-3
  adapter   llama.cpp's of model + adapter with ours of the same        at most 5e-3
  merged    ours of what `merge -t f32` makes with ours of model + adapter   1e-4

The first two are so wide because llama.cpp looks GELU up in a table of f16; keys and values
it keeps in f32 here (--cache f16: as it does by itself).  `moved` says how far the adapter
moves a logit: were it small, nothing would be shown.  A model passes or fails with a line of
its own; the status is 1 if any fails.  --table prints Markdown.

It needs the Python packages numpy, gguf and llama_cpp with its library; dev/bench-peers.sh
leaves all of them in build/peers:

  p=build/peers
  export LLAMA_CPP_LIB_PATH=$p/llama.cpp/build/bin PYTHONPATH=$(echo $p/llama_cpp_python-*/)
  $p/venv/bin/python dev/check-llamacpp.py MODEL.gguf
"""
import argparse
import ctypes
import os
import subprocess
import sys
import tempfile

import gguf
import llama_cpp as lc
import numpy as np

ROWS, CTX = 2, 48
CACHE_TYPES = {'f32': 0, 'f16': 1}
LIMITS = {'base': 5e-3, 'adapter': 5e-3, 'merged': 1e-4}


def run(command, *args):
    done = subprocess.run([os.path.join(options.bin, command), '-q', *map(str, args)],
                          capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().split('\n')[-1])


# ---- llama.cpp ----------------------------------------------------------------------------

def silence():
    """llama.cpp's messages go nowhere; the result must live as long as it may speak."""
    callback = lc.llama_log_callback(lambda level, text, data: None)
    lc.llama_log_set(callback, None)
    lc.llama_backend_init()
    return callback


def add_adapter(model, context, path):
    adapter = lc.llama_adapter_lora_init(model, path.encode())
    if not adapter:
        raise RuntimeError('llama.cpp does not load the adapter')
    if hasattr(lc, 'llama_set_adapters_lora'):
        one = (lc.llama_adapter_lora_p_ctypes * 1)(adapter)
        lc.llama_set_adapters_lora(context, one, 1, (ctypes.c_float * 1)(1.0))
    else:
        lc.llama_set_adapter_lora(context, adapter, 1.0)


def row_logits(context, row, n_vocab):
    batch = lc.llama_batch_init(len(row), 0, 1)
    batch.n_tokens = len(row)
    for i, token in enumerate(row):
        batch.token[i], batch.pos[i], batch.logits[i] = int(token), i, 1
        batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
    failed = lc.llama_decode(context, batch)
    lc.llama_batch_free(batch)
    if failed:
        raise RuntimeError('llama.cpp cannot compute it')
    got = lc.llama_get_logits(context)
    return np.ctypeslib.as_array(got, (len(row), n_vocab)).copy()


def llama_logits(path, tokens, n_vocab, adapter=None):
    params = lc.llama_model_default_params()
    params.n_gpu_layers = 0
    model = lc.llama_model_load_from_file(path.encode(), params)
    if not model:
        raise RuntimeError('llama.cpp does not load the model')
    params = lc.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = 256
    params.n_threads = params.n_threads_batch = 2
    params.flash_attn_type = 0
    params.type_k = params.type_v = CACHE_TYPES[options.cache]
    rows = []
    for row in tokens:
        context = lc.llama_init_from_model(model, params)
        if adapter:
            add_adapter(model, context, adapter)
        rows.append(row_logits(context, row, n_vocab))
        lc.llama_free(context)
    lc.llama_model_free(model)
    return np.concatenate(rows)


# ---- here ---------------------------------------------------------------------------------

def our_logits(folder, *args):
    out = f'{folder}/logits.gguf'
    run('perplexity', *args, '-d', f'{folder}/x.pack', '--logits', out, '-o', f'{folder}/x.tsv')
    logits = {t.name: t.data for t in gguf.GGUFReader(out).tensors}['logits']
    return np.array(logits).reshape(ROWS * CTX, -1)


def train_adapter(folder, model):
    run('train', '-m', model, '-d', f'{folder}/x.pack', '-o', f'{folder}/run.ckpt',
        '--batch', ROWS, '--steps', options.steps, '--lr', 2e-2, '--sched', 'constant',
        '--warmup', 0, '--lora-r', 4, '--lora-alpha', 8, '--lora-targets', options.targets)
    run('gguf-export', '-m', model, '-o', f'{folder}/adapter.gguf', f'{folder}/run.ckpt')
    return f'{folder}/adapter.gguf'


def make_data(folder, model, n_vocab):
    tokens = np.random.default_rng(1).integers(3, n_vocab, (ROWS, CTX + 1))
    with open(f'{folder}/ids', 'w') as f:
        f.writelines(' '.join(map(str, row)) + '\n' for row in tokens)
    run('tokenize', '-m', model, '--from-ids', '-o', f'{folder}/x.tok', f'{folder}/ids')
    run('pack', '-c', CTX, '-o', f'{folder}/x.pack', f'{folder}/x.tok')
    return tokens[:, :-1]


def far(a, b):
    return float(np.abs(a - b).max())


def figures(folder, model):
    fields = gguf.GGUFReader(model).fields
    n_vocab = len(fields['tokenizer.ggml.tokens'].data)
    tokens = make_data(folder, model, n_vocab)
    adapter = train_adapter(folder, model)
    base = our_logits(folder, '-m', model)
    ours = our_logits(folder, '-m', model, '-a', adapter)
    merged = f'{folder}/merged.gguf'
    run('merge', '-m', model, '-a', adapter, '-t', 'f32', '-o', merged)
    return {
        'architecture': fields['general.architecture'].contents(),
        'moved': far(base, ours),
        'base': far(base, llama_logits(model, tokens, n_vocab)),
        'adapter': far(ours, llama_logits(model, tokens, n_vocab, adapter)),
        'merged': far(ours, our_logits(folder, '-m', merged)),
    }


# ---- the report ---------------------------------------------------------------------------

def title_of(model):
    name = os.path.splitext(os.path.basename(model))[0]
    folder = os.path.basename(os.path.dirname(os.path.abspath(model)))
    return folder if name == 'model' else name


def report(name, f):
    """A line, and whether all is within its limit."""
    bad = [k for k, limit in LIMITS.items() if not f[k] <= limit]
    if not f['moved'] > 0.1:
        bad.append('moved')
    if options.table:
        print('|', ' | '.join([name, f'`{f["architecture"]}`'] +
                              [f'{f[k]:.1e}' for k in ('moved', *LIMITS)]), '|', flush=True)
    else:
        shown = ' '.join(f'{k} {f[k]:.1e}' for k in ('moved', *LIMITS))
        print(f'{"not ok" if bad else "ok"} {name} {shown}'
              f'{" too far: " + ", ".join(bad) if bad else ""}', flush=True)
    return not bad


def check(model):
    name = title_of(model)
    with tempfile.TemporaryDirectory() as folder:
        try:
            return report(name, figures(folder, model))
        except RuntimeError as error:
            print(f'not ok {name} {error}', flush=True)
            return False


def main():
    keep = silence()
    if options.table:
        print('| model | architecture |', ' | '.join(['moved', *LIMITS]), '|')
        print('|---' * (3 + len(LIMITS)) + '|')
    good = [check(model) for model in options.models]
    del keep
    return 0 if all(good) else 1


parser = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('--bin', default='bin')
parser.add_argument('--steps', type=int, default=8)
parser.add_argument('--targets', default='all-linear', help='of the adapter, as train has it')
parser.add_argument('--cache', choices=CACHE_TYPES, default='f32')
parser.add_argument('--table', action='store_true')
parser.add_argument('models', nargs='+')
options = parser.parse_args()
if __name__ == '__main__':
    sys.exit(main())
