# SPDX-License-Identifier: MIT
"""Numbers for tests/unit/test_adapters.c: ten steps of kinds of adapters, by PyTorch in f64.

usage: adapter_reference.py FILE    (the project keeps tests/golden/reference/adapters.tsv)

The model, its data and the steps are those of reference.py; here are pairs with ranks and
scales of their own, and what else hangs on a weight.
"""
import sys
from fnmatch import fnmatchcase

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


class Pair:
    """y + scale * b (a x)."""

    def __init__(self, name, mod, rank, scale):
        self.name, self.scale = name, scale
        n_out, n_in = mod.weight.shape
        self.a = torch.nn.Parameter(ref.numbers(name + '.lora_a', (rank, n_in)))
        self.b = torch.nn.Parameter(ref.to_hf('llama', name, ref.numbers(
            name + '.lora_b', (n_out, rank))).clone())
        mod.register_forward_hook(lambda mod, x, y: self.add(mod, x[0], y))

    def add(self, mod, x, y):
        return y + self.scale * (x @ self.a.T @ self.b.T)

    def params(self):
        return [self.a, self.b]


def own(m, ranks=(), alphas=(), alpha=6.0, root=False):
    for name, mod in linears(m):
        r = matching(ranks, name, 4)
        yield Pair(name, mod, r, matching(alphas, name, alpha) / (r ** 0.5 if root else r))


RULES = dict(ranks=[('ffn_*', 2), ('blk.1.ffn_down', 7)],
             alphas=[('attn_q', 3.0), ('blk.0.*', 5.0)])

CASES = {
    'own': lambda m: own(m, **RULES),
    'own-root': lambda m: own(m, root=True, **RULES),
}


def main(out):
    row = ref.row_of(out)
    m = ref.llama(False, None).double()
    ids = ref.tokens()
    x, y = ids[:, :-1], ids[:, 1:]

    def loss():
        z = m(input_ids=x, use_cache=False).logits.reshape(-1, ref.VOCAB)
        return torch.nn.functional.cross_entropy(z, y.reshape(-1))

    for name, make in CASES.items():
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
