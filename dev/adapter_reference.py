# SPDX-License-Identifier: MIT
"""Numbers for tests/unit/test_adapters.c: ten steps of kinds of adapters, by PyTorch in f64.

usage: adapter_reference.py FILE    (the project keeps tests/golden/reference/adapters.tsv)

The model, its data and the steps are those of reference.py; here are pairs with ranks and
scales of their own, and what else hangs on a weight.
"""
import sys
from fnmatch import fnmatchcase

import numpy as np
import torch
import transformers as tf

import reference as ref


def matching(rules, name, else_):
    """The number of the last rule whose pattern means this weight."""
    middle = name.split('.')[2]
    front = '.'.join(name.split('.')[:3])
    for pattern, number in rules:
        if any(fnmatchcase(x, pattern) for x in (name, middle, front)):
            else_ = number
    return else_


def linears(m):
    """(GGUF name, module) of every linear layer of the blocks."""
    for k, mod in m.named_modules():
        if '.layers.' in k and isinstance(mod, torch.nn.Linear):
            yield ref.gguf_names('llama', k + '.weight')[0], mod


# ---- what is random: rng.h and tr_hash32 of the library ----------------------------------

GOLDEN, MASK = 0x9e3779b97f4a7c15, 2**64 - 1
SEED, NOISE_STREAM = 7, 0x6e6f6973


def mix(z):
    z &= MASK
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9 & MASK
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb & MASK
    return z ^ (z >> 31)


def draw(key, counter):
    return mix(key + GOLDEN * (counter + 1))


def noise_key(step, batch, what):
    key = mix(SEED + GOLDEN * (mix(NOISE_STREAM) | 1))
    return draw(draw(draw(key, step), batch), what) % 2**32


def hash32(key, i):
    x = np.bitwise_xor(np.uint64(i) if np.isscalar(i) else i.astype(np.uint64), np.uint64(key))
    for shift, factor in ((16, 0x85ebca6b), (13, 0xc2b2ae35)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor) % np.uint64(2**32)
    return x ^ (x >> np.uint64(16))


def drawn(key, rows, cols):
    """32 bits for each number of a matrix."""
    return np.stack([hash32(hash32(key, i), np.arange(cols)) for i in range(rows)])


STEP = 0


def dropout(x, name, p):
    flat = x.reshape(-1, x.shape[-1])
    bits = drawn(noise_key(STEP, 0, ref.fnv1a(name)), *flat.shape)
    keep = torch.tensor(bits >= int(p * 2**32), dtype=torch.float64)
    return (flat * keep / (1 - p)).reshape(x.shape)


def neftune(m, size):
    """Noise on embeddings: Jain et al. 2023."""
    def add(mod, x, y):
        if STEP == 10: # what was learnt is measured without
            return y
        flat = y.reshape(-1, y.shape[-1])
        u = (drawn(noise_key(STEP, 0, 0), *flat.shape) >> np.uint64(8)) / 2**24
        noise = torch.tensor(2 * u - 1).reshape(y.shape)
        return y + size / (y.shape[1] * y.shape[2]) ** 0.5 * noise
    m.model.embed_tokens.register_forward_hook(add)


class Pair:
    """y + scale * b (a x)."""

    def __init__(self, name, mod, rank, scale, drop=0):
        self.name, self.scale, self.drop = name, scale, drop
        n_out, n_in = mod.weight.shape
        self.a = torch.nn.Parameter(ref.numbers(name + '.lora_a', (rank, n_in)))
        self.b = torch.nn.Parameter(ref.to_hf('llama', name, ref.numbers(
            name + '.lora_b', (n_out, rank))).clone())
        mod.register_forward_hook(lambda mod, x, y: self.add(mod, x[0], y))

    def add(self, mod, x, y):
        if self.drop and STEP < 10:
            x = dropout(x, self.name, self.drop)
        return y + self.scale * (x @ self.a.T @ self.b.T)

    def params(self):
        return [self.a, self.b]


def plain(m, drop=0, least=0):
    for name, mod in linears(m):
        if int(name.split('.')[1]) >= least:
            yield Pair(name, mod, 4, 6.0 / 4, drop)


def noisy(m):
    neftune(m, 5.0)
    yield from plain(m)


class Pissa(Pair):
    """The largest singular values of the weight, which is without them: Meng et al. 2024."""

    def __init__(self, name, mod, rank, scale, drop=0):
        super().__init__(name, mod, rank, scale, drop)
        u, s, vt = torch.linalg.svd(mod.weight.detach(), full_matrices=False)
        root = (s[:rank] / scale).sqrt()
        self.a = torch.nn.Parameter(root[:, None] * vt[:rank])
        self.b = torch.nn.Parameter(u[:, :rank] * root)
        self.w0 = scale * (self.b @ self.a).detach()

    def add(self, mod, x, y):
        return super().add(mod, x, y) - x @ self.w0.T


def pissa(m):
    for name, mod in linears(m):
        r = matching(RULES['ranks'], name, 4)
        yield Pissa(name, mod, r, 6.0 / r)


class Dora(Pair):
    """m (w + s b a) x / |w + s b a|, the norm a constant: Liu et al. 2024."""

    def __init__(self, name, mod, rank, scale, drop=0):
        super().__init__(name, mod, rank, scale, drop)
        self.m = torch.nn.Parameter(mod.weight.detach().norm(dim=1))

    def add(self, mod, x, y):
        w = mod.weight + self.scale * self.b @ self.a
        g = self.m / w.norm(dim=1).detach()
        if not self.drop or STEP == 10:
            return x @ (g * w.T).contiguous()
        x = dropout(x, self.name, self.drop) # as in the authors' code, and PEFT's
        return y + (g - 1) * (x @ mod.weight.T) + g * (x @ (w - mod.weight).T)

    def params(self):
        return [self.a, self.b, self.m]


def dora(m, ranks=(), drop=0):
    for name, mod in linears(m):
        r = matching(ranks, name, 4)
        yield Dora(name, mod, r, 6.0 / r, drop)


def check_with_peft(out):
    """The same steps as PEFT computes them."""
    import peft
    m = ref.llama(False, None).double()
    ref.fill('llama', m)
    of = {id(mod): name for name, mod in linears(m)}
    config = peft.LoraConfig(r=4, lora_alpha=6, use_dora=True, target_modules='all-linear')
    p = peft.get_peft_model(m, config)
    for k, mod in p.named_modules():
        if isinstance(mod, peft.tuners.lora.Linear):
            name = of[id(mod.base_layer)]
            a, b = mod.lora_A['default'].weight, mod.lora_B['default'].weight
            a.data = ref.numbers(name + '.lora_a', tuple(a.shape))
            b.data = ref.to_hf('llama', name, ref.numbers(name + '.lora_b', tuple(b.shape)))
            d = mod.lora_magnitude_vector['default']
            d.weight.data = mod.base_layer.weight.detach().norm(dim=1)
    params = [q for q in p.parameters() if q.requires_grad]
    ids = ref.tokens()

    def loss():
        z = p(input_ids=ids[:, :-1], use_cache=False).logits.reshape(-1, ref.VOCAB)
        return torch.nn.functional.cross_entropy(z, ids[:, 1:].reshape(-1))

    ref.ten_steps(ref.row_of(out), 'dora-peft', params, 2e-3, (0.9, 0.999), 0.0, loss)


class Experts:
    """Pairs of all experts: what goes in is dropped by position, what goes through by the
    place of a row among those of all experts, one expert's after the other's."""

    def __init__(self, name, mod, scale, drop):
        self.block, self.mod, self.scale, self.drop = name, mod, scale, drop
        n, width, ff = mod.down_proj.shape
        self.pair = {}
        for what, n_out, n_in in (('gate', ff, width), ('up', ff, width), ('down', width, ff)):
            of = f'{name}.ffn_{what}_exps.weight'
            self.pair[what] = [torch.nn.Parameter(ref.numbers(of + s, shape)) for s, shape in
                               (('.lora_a', (n, 4, n_in)), ('.lora_b', (n, n_out, 4)))]
        mod.forward = self.forward

    def dropped(self, x, what):
        on = self.drop and STEP < 10
        return dropout(x, f'{self.block}.ffn_{what}_exps.weight', self.drop) if on else x

    def delta(self, x, what, e):
        a, b = self.pair[what]
        return self.scale * (x @ a[e].T @ b[e].T)

    def forward(self, x, chosen, weight):
        gate, up = self.dropped(x, 'gate'), self.dropped(x, 'up')
        rows, of = [], []
        for e in range(len(self.mod.down_proj)):
            t, k = torch.where(chosen == e)
            w_gate, w_up = self.mod.gate_up_proj[e].chunk(2)
            g = x[t] @ w_gate.T + self.delta(gate[t], 'gate', e)
            u = x[t] @ w_up.T + self.delta(up[t], 'up', e)
            rows.append(torch.nn.functional.silu(g) * u)
            of.append((t, k))
        through = self.dropped(torch.cat(rows), 'down').split([len(h) for h in rows])
        y = torch.zeros_like(x)
        for e, (h, d, (t, k)) in enumerate(zip(rows, through, of)):
            z = h @ self.mod.down_proj[e].T + self.delta(d, 'down', e)
            y = y.index_add(0, t, z * weight[t, k, None])
        return y

    def params(self):
        return [p for pair in self.pair.values() for p in pair]


def experts(out):
    """Dropout of the pairs of experts."""
    ref.in_f64()
    m = dict((name, make) for name, _, make in ref.MODELS)['qwen2moe']().double()
    ref.fill('qwen2moe', m)
    for p in m.parameters():
        p.requires_grad_(False)
    ids = ref.tokens()
    params = [p for i, block in enumerate(m.model.layers)
              for p in Experts(f'blk.{i}', block.mlp.experts, 6.0 / 4, 0.25).params()]

    def loss():
        global STEP
        z = m(input_ids=ids[:, :-1], use_cache=False).logits.reshape(-1, ref.VOCAB)
        STEP += 1
        return torch.nn.functional.cross_entropy(z, ids[:, 1:].reshape(-1))

    global STEP
    STEP = 0
    ref.ten_steps(ref.row_of(out), 'dropout-experts', params, 2e-3, (0.9, 0.999), 0.0, loss)


class Whole:
    """Weights that are trained in full beside the pairs."""

    def __init__(self, p):
        self.p = p.requires_grad_(True)

    def params(self):
        return [self.p]


def full_targets(m):
    yield from plain(m)
    for k, p in m.named_parameters():
        if 'norm' in k or 'embed_tokens' in k:
            yield Whole(p)


def own(m, ranks=(), alphas=(), alpha=6.0, root=False):
    for name, mod in linears(m):
        r = matching(ranks, name, 4)
        yield Pair(name, mod, r, matching(alphas, name, alpha) / (r ** 0.5 if root else r))


RULES = dict(ranks=[('ffn_*', 2), ('blk.1.ffn_down', 7)],
             alphas=[('attn_q', 3.0), ('blk.0.*', 5.0)])

CASES = {
    'own': lambda m: own(m, **RULES),
    'own-root': lambda m: own(m, root=True, **RULES),
    'dropout': lambda m: plain(m, drop=0.25),
    'neftune': noisy,
    'dora': dora,
    'dora-dropout': lambda m: dora(m, drop=0.25),
    'full-targets': full_targets,
    'pissa': pissa,
    'last-layers': lambda m: plain(m, least=1),
}


def main(out):
    row = ref.row_of(out)
    m = ref.llama(False, None).double()
    ids = ref.tokens()
    x, y = ids[:, :-1], ids[:, 1:]

    def loss():
        global STEP
        z = m(input_ids=x, use_cache=False).logits.reshape(-1, ref.VOCAB)
        STEP += 1
        return torch.nn.functional.cross_entropy(z, y.reshape(-1))

    global STEP
    for name, make in CASES.items():
        STEP = 0
        for mod in m.modules():
            mod._forward_hooks.clear()
        ref.fill('llama', m)
        for p in m.parameters():
            p.requires_grad_(False)
        params = [p for pair in make(m) for p in pair.params()]
        ref.ten_steps(row, name, params, 2e-3, (0.9, 0.999), 0.0, loss)


if __name__ == '__main__':
    torch.set_num_threads(1)
    with open(sys.argv[1], 'w') as f:
        f.write(f'# torch {torch.__version__}, transformers {tf.__version__}\n')
        main(f)
        check_with_peft(f)
        experts(f)
