#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""merge_reference.py - what merging makes of small models, computed with NumPy in f64 from the
papers' formulas (docs/maths/merging.md); tests/unit/test_merge_methods.c makes the same models.

usage: dev/merge_reference.py tests/golden/merge.gguf

Each tensor of the file, CASE.TENSOR, is the result of one case.  Needs NumPy and the package
gguf.
"""
import sys

import gguf
import numpy as np

MASK = (1 << 64) - 1
TENSORS = {'blk.0.attn_q.weight': (8, 32), 'blk.0.ffn_up.weight': (4, 64),
           'blk.0.vector': (32,)}


def fnv1a(name):
    h = 2166136261
    for c in name.encode():
        h = (h ^ c) * 16777619 & 0xffffffff
    return h


# ---- numbers of the models, as tests/unit/tiny_model.c has them

def tiny(name, n):
    x = (np.arange(n, dtype=np.uint32) * np.uint32(2654435769)) + np.uint32(fnv1a(name))
    x = (x ^ x >> np.uint32(16)) * np.uint32(2146121005)
    x ^= x >> np.uint32(15)
    x = (x ^ x >> np.uint32(16)) * np.uint32(2221713035)
    x ^= x >> np.uint32(16)
    return ((x % np.uint32(257)).astype(np.float64) - 128) / 512


def model(which, tensor):
    """a, b, c: the base and something smaller; far: nothing of the base."""
    n = int(np.prod(TENSORS[tensor]))
    own, base = tiny(which + ' ' + tensor, n), tiny('base ' + tensor, n)
    return own if which in ('base', 'far') else base + own / 16


# ---- formulas

def linear(base, models, w, o):
    s = sum(wi * x for wi, x in zip(w, models))
    return s / sum(w) if o.get('normalize', True) else s


def task(base, models, w, o):
    s = sum(wi * (x - base) for wi, x in zip(w, models))
    return base + o.get('lambda', 1) * s / (sum(w) if o.get('normalize') else 1)


def slerp(base, models, w, o):
    a, b = models if len(models) == 2 else (base, models[0])
    t = w[1] / (w[0] + w[1]) if len(models) == 2 else w[0]
    cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    if abs(cosine) > 0.9995:
        return (1 - t) * a + t * b
    angle = np.arccos(cosine)
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)


def trim(d, density):
    k = max(1, int(density * d.size))
    return np.where(np.abs(d) >= np.sort(np.abs(d))[-k], d, 0)


def elect(base, deltas, w, o):
    v = np.array([wi * d for wi, d in zip(w, deltas)])
    agree = np.sign(v) * np.sign(v.sum(0)) > 0
    s = (v * agree).sum(0)
    weight = (np.abs(w)[:, None] * agree).sum(0)
    if o.get('normalize', True):
        s = s / np.where(weight == 0, 1, weight)
    return base + o.get('lambda', 1) * s


def ties(base, models, w, o):
    return elect(base, [trim(x - base, o['density']) for x in models], w, o)


def splitmix(z):
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9 & MASK
    z = (z ^ z >> 27) * 0x94d049bb133111eb & MASK
    return z ^ z >> 31


def kept(seed, tensor, k, n, density):
    """The places that are drawn: a hash of each, below the density."""
    step = 0x9e3779b97f4a7c15
    key = splitmix(seed + step * (splitmix(k << 32 | fnv1a(tensor)) | 1) & MASK)
    x = np.arange(n, dtype=np.uint32) ^ np.uint32(splitmix(key + step & MASK) & 0xffffffff)
    x = (x ^ x >> np.uint32(16)) * np.uint32(0x85ebca6b)
    x = (x ^ x >> np.uint32(13)) * np.uint32(0xc2b2ae35)
    return (x ^ x >> np.uint32(16)) < density * 2.0**32


def drop(base, models, o):
    return [np.where(kept(o['seed'], o['tensor'], k, base.size, o['density']),
                     (x - base) / o['density'], 0) for k, x in enumerate(models)]


def dare(base, models, w, o):
    s = sum(wi * d for wi, d in zip(w, drop(base, models, o)))
    return base + o.get('lambda', 1) * s / (sum(w) if o.get('normalize') else 1)


def dare_ties(base, models, w, o):
    return elect(base, drop(base, models, o), w, o)


# ---- cases, as the test has them

CASES = {
    'linear': (linear, 'a:0.3 b:0.9', {}),
    'linear-sum': (linear, 'a:0.3 b:0.9', {'normalize': False}),
    'task': (task, 'a:0.5 b:-0.25 c:1', {'lambda': 0.7}),
    'task-mean': (task, 'a:0.5 b:2', {'normalize': True}),
    'slerp': (slerp, 'far:0.3', {}),
    'slerp-two': (slerp, 'a:1 far:3', {}),
    'slerp-near': (slerp, 'a:0.4', {}),
    'ties': (ties, 'a:1 b:1 c:1', {'density': 0.3}),
    'ties-weights': (ties, 'a:0.5 b:2 c:-1', {'density': 0.6, 'lambda': 0.8}),
    'ties-sum': (ties, 'a:1 b:0.5', {'density': 0.2, 'normalize': False}),
    'dare': (dare, 'a:0.5 b:1', {'density': 0.4, 'seed': 0}),
    'dare-seed': (dare, 'a:0.5 b:1', {'density': 0.4, 'seed': 123456789012, 'lambda': 2}),
    'dare-ties': (dare_ties, 'a:1 b:0.5 c:1', {'density': 0.5, 'seed': 7}),
}


def main():
    out = gguf.GGUFWriter(sys.argv[1], 'merge')
    for case, (method, given, options) in CASES.items():
        names, weights = zip(*(x.split(':') for x in given.split()))
        for tensor, shape in TENSORS.items():
            models = [model(name, tensor) for name in names]
            v = method(model('base', tensor), models, np.array(weights, dtype=np.float64),
                       dict(options, tensor=tensor))
            out.add_tensor(case + '.' + tensor, v.reshape(shape).astype(np.float32))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


main()
