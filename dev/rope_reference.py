# SPDX-License-Identifier: MIT
"""Frequencies of rope for tests/unit/test_rope.c, by transformers, in f64.

usage: rope_reference.py > tests/unit/rope.def

Made with torch 2.13 and transformers 5.24.
"""
import textwrap

import numpy as np
import torch
import transformers
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

torch.float = torch.float32 = torch.float64  # as its functions name the type
torch.Tensor.float = torch.Tensor.double


def f32(x):
    """The number that C reads from its digits as a float."""
    return float(np.float32(x))


def reference(kind, n_rot, base, n_ctx=0, train=0, **rope):
    """What turned columns are multiplied by, and the frequency of each pair."""
    if kind == 'default':
        return 1.0, [base ** (-2 * i / n_rot) for i in range(n_rot // 2)]
    config = transformers.LlamaConfig(
        hidden_size=n_rot, num_attention_heads=1, head_dim=n_rot,
        max_position_embeddings=train or 131072,
        rope_parameters=dict(rope_type=kind, rope_theta=float(base), **rope))
    freq, scale = ROPE_INIT_FUNCTIONS[kind](config, 'cpu', seq_len=n_ctx)
    assert freq.dtype == torch.float64
    return float(scale), freq.tolist()


def number(x):
    digits = '%.9g' % x
    return digits if digits.lstrip('-').isdigit() else digits + 'f'


def value(x):
    if not isinstance(x, list):
        return number(x)
    return '(const float[]){ ' + ', '.join(number(v) for v in x) + ' }'


def show(before, text, after):
    """Wrapped: lines begin at column 6, those that go on inside braces at column 8."""
    wrap = textwrap.TextWrapper(92, initial_indent='      ' + before,
                                subsequent_indent=' ' * 8)
    print(wrap.fill(text + after))


def case(name, n_rot, base, want, n_ctx=0, **scaling):
    fields = ', '.join('.%s = %s' % (k, value(v)) for k, v in scaling.items())
    print('    { "%s", %d, %s, %d,' % (name, n_rot, number(base), n_ctx))
    show('{ ', fields or '.factor = 0', ' },')
    show('', '%.17g,' % want[0], '')
    show('{ ', ', '.join('%.17g' % v for v in want[1]), ' } },')


def yarn(name, n_rot, base, factor, orig, fast=32, slow=1, **more):
    """more: of the C struct; the arguments of transformers that mean the same follow."""
    args = dict(factor=float(factor), original_max_position_embeddings=orig,
                beta_fast=fast, beta_slow=slow)
    if more.get('no_truncate'):
        args['truncate'] = False
    if more.get('log_multiplier'):
        args.update(mscale=1.0, mscale_all_dim=more['log_multiplier'])
    if more.get('yarn_attn_factor'):
        args['attention_factor'] = more['yarn_attn_factor']
    case(name, n_rot, base, reference('yarn', n_rot, base, **args), factor=factor,
         n_ctx_orig=orig, ext_factor=1, beta_fast=fast, beta_slow=slow, **more)


def longrope(name, n_rot, base, n_ctx, orig, train, **more):
    short = [f32(1 + 0.1 * i) for i in range(n_rot // 2)]
    long = [f32(1.2 + 0.7 * i) for i in range(n_rot // 2)]
    args = dict(short_factor=short, long_factor=long,
                original_max_position_embeddings=orig)
    if more.get('attn_factor'):
        args['attention_factor'] = more['attn_factor']
    case(name, n_rot, base, reference('longrope', n_rot, base, n_ctx, train, **args), n_ctx,
         factors=short, factors_long=long, n_ctx_orig=orig, n_ctx_train=train, **more)


def by_factors(name, kind, n_rot, base, **args):
    """The factors that a converter stores: what the scaling divides each frequency by."""
    want = reference(kind, n_rot, base, **args)
    plain = reference('default', n_rot, base)[1]
    case(name, n_rot, base, want,
         factors=[f32(p / w) if w else 1e30 for p, w in zip(plain, want[1])])


print('/* SPDX-License-Identifier: MIT')
print(' *')
print(' * Made by dev/rope_reference.py.  Name, numbers that turn, base, context, scaling;')
print(' * then what turned columns are multiplied by, and the frequencies. */')
case('plain', 16, 10000, reference('default', 16, 10000))
case('part of a head', 12, 500000, reference('default', 12, 500000))
case('linear', 16, 10000, reference('linear', 16, 10000, factor=8.0), factor=8)
by_factors('llama 3', 'llama3', 64, 500000, factor=32.0, low_freq_factor=1.0,
           high_freq_factor=4.0, original_max_position_embeddings=8192)
by_factors('gemma 4', 'proportional', 32, 1000000, partial_rotary_factor=0.25)
yarn('yarn', 16, 10000, 4, 32)
yarn('yarn, as Qwen says', 64, 1000000, 4, 32768)
yarn('yarn, own bounds', 32, 10000, 16, 4096, 16, 2)
yarn('yarn, gpt-oss', 64, 150000, 32, 4096, no_truncate=1)
yarn('yarn, short and not truncated', 8, 150000, 8, 16, no_truncate=1)
yarn('yarn, Ministral', 64, 1000000, 16, 16384, log_multiplier=1)
yarn('yarn, half of the logarithm', 16, 1000000, 8, 256, log_multiplier=0.5)
yarn('yarn, given attention factor', 32, 500000, 8, 8192, yarn_attn_factor=1.25)
yarn('yarn that shrinks nothing', 16, 10000, 1, 2048)
longrope('longrope, short', 12, 10000, 32, 32, 128)
longrope('longrope, long', 12, 10000, 33, 32, 128)
longrope('longrope, given attention factor', 12, 10000, 4097, 4096, 131072, attn_factor=1.5)
longrope('longrope, not extended', 12, 10000, 4096, 4096, 4096)
