#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints tests/unit/optim_reference.def: where ten steps of each optimizer lead by PyTorch
(Lion and Muon, which PyTorch lacks or computes in BF16, by the formulas of their papers in
f64), and the rates of each schedule.  Needs torch >= 2.9.

    dev/optim_reference.py >tests/unit/optim_reference.def
"""
import math

import numpy
import torch

SHAPES = [(7, 5), (5, 7), (6,), (4, 3)]  # the last is a table, no linear map
STEPS = 10


def number(seed, i):
    """The same in test_optim.c: a hash to [-0.5, 0.5)."""
    x = (i * 2654435761 + seed * 40503 + 12345) & 0xFFFFFFFF
    x ^= x >> 15
    x = (x * 2246822519) & 0xFFFFFFFF
    return ((x >> 8) & 0xFFFF) / 65536 - 0.5


def tensor(seed, shape):
    n = math.prod(shape)
    return torch.tensor([number(seed, i) for i in range(n)], dtype=torch.float64).reshape(shape)


def run(make):
    params = [torch.nn.Parameter(tensor(k, s)) for k, s in enumerate(SHAPES)]
    steppers = make(params)
    for t in range(1, STEPS + 1):
        for k, p in enumerate(params):
            p.grad = tensor(100 * t + k, p.shape)
        for o in steppers:
            o.step()
    return torch.cat([p.detach().flatten() for p in params]).tolist()


def decayed(params, decay):
    """Decay of matrices and tables alone."""
    return [{"params": [p for p in params if p.dim() > 1], "weight_decay": decay},
            {"params": [p for p in params if p.dim() < 2], "weight_decay": 0.0}]


class Sgd:
    """PyTorch's, with decay of the parameter itself."""

    def __init__(self, params, lr, decay, **options):
        self.params, self.lr, self.decay = params, lr, decay
        self.sgd = torch.optim.SGD(params, lr=lr, **options)

    def step(self):
        for p in self.params:
            if p.dim() > 1:
                p.data.mul_(1 - self.lr * self.decay)
        self.sgd.step()


class Lion:
    """Chen et al. 2023, program 1."""

    def __init__(self, params, lr, decay, b1, b2):
        self.params, self.lr, self.decay, self.b1, self.b2 = params, lr, decay, b1, b2
        self.m = [torch.zeros_like(p) for p in params]

    def step(self):
        for p, m in zip(self.params, self.m):
            move = (self.b1 * m + (1 - self.b1) * p.grad).sign()
            p.data -= self.lr * (move + (self.decay if p.dim() > 1 else 0) * p.data)
            m.copy_(self.b2 * m + (1 - self.b2) * p.grad)


class Muon:
    """Jordan et al. 2024; size as there, or as in Liu et al. 2025."""

    def __init__(self, params, lr, decay, momentum, match):
        self.params, self.lr, self.decay = params, lr, decay
        self.momentum, self.match = momentum, match
        self.m = [torch.zeros_like(p) for p in params]

    def step(self):
        for p, m in zip(self.params, self.m):
            m.copy_(self.momentum * m + (1 - self.momentum) * p.grad)
            x = self.momentum * m + (1 - self.momentum) * p.grad
            x = x / max(x.norm(), 1e-7)
            for _ in range(5):
                a = x @ x.T
                x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
            rows, cols = p.shape
            size = 0.2 * math.sqrt(max(rows, cols)) if self.match else math.sqrt(max(1, rows / cols))
            p.data.mul_(1 - self.lr * self.decay)
            p.data.sub_(self.lr * size * x)


def muon(params, match):
    rest = params[2:]
    return [Muon(params[:2], 1e-2, 0.1, 0.95, match),
            torch.optim.AdamW(decayed(rest, 0.1), lr=1e-2, betas=(0.9, 0.999), eps=1e-8)]


OPTIMS = [
    ("adamw", 1e-2, 0.1, [],
     lambda p: [torch.optim.AdamW(decayed(p, 0.1), lr=1e-2, betas=(0.9, 0.999), eps=1e-8)]),
    ("sgd", 1e-1, 0.1, [], lambda p: [Sgd(p, 1e-1, 0.1, momentum=0.9)]),
    ("sgd", 1e-1, 0, [("nesterov", 1)],
     lambda p: [Sgd(p, 1e-1, 0, momentum=0.9, nesterov=True)]),
    ("lion", 1e-2, 0.1, [], lambda p: [Lion(p, 1e-2, 0.1, 0.9, 0.99)]),
    ("muon", 1e-2, 0.1, [], lambda p: muon(p, True)),
    ("muon", 1e-2, 0.1, [("match_rms", 0)], lambda p: muon(p, False)),
    ("adafactor", 1e-2, 0.1, [], lambda p: [torch.optim.Adafactor(
        decayed(p, 0.1), lr=1e-2, eps=(torch.finfo(torch.float32).eps, 1e-3))]),
    ("adafactor", 1e-2, 0, [("beta2_decay", 0.5), ("least_size", 0.5)],
     lambda p: [torch.optim.Adafactor(p, lr=1e-2, beta2_decay=-0.5,
                                      eps=(torch.finfo(torch.float32).eps, 0.5))]),
]


def rates(make, total):
    p = torch.nn.Parameter(torch.zeros(1))
    o = torch.optim.SGD([p], lr=1.0)
    s = make(o)
    out = []
    for _ in range(total):
        out.append(o.param_groups[0]["lr"])
        o.step()
        s.step()
    return out


L = torch.optim.lr_scheduler
SCHEDULES = [
    ("cosine", 0, 10, [], lambda o: L.CosineAnnealingLR(o, 10)),
    ("linear", 0, 10, [("min_lr_ratio", 0.25)], lambda o: L.LinearLR(o, 1.0, 0.25, 10)),
    ("polynomial", 0, 10, [("power", 3)], lambda o: L.PolynomialLR(o, 10, 3)),
    ("cosine_restarts", 0, 12, [("cycle_steps", 4)],
     lambda o: L.CosineAnnealingWarmRestarts(o, 4)),
    ("cosine_restarts", 0, 12, [("cycles", 3), ("min_lr_ratio", 0.1)],
     lambda o: L.CosineAnnealingWarmRestarts(o, 4, eta_min=0.1)),
    ("cosine_restarts", 0, 14, [("cycle_steps", 2), ("cycle_growth", 2)],
     lambda o: L.CosineAnnealingWarmRestarts(o, 2, 2)),
    ("cosine_restarts", 0, 14, [("cycles", 3), ("cycle_growth", 2)],
     lambda o: L.CosineAnnealingWarmRestarts(o, 2, 2)),
    ("one_cycle", 3, 10, [], lambda o: L.OneCycleLR(o, 1.0, total_steps=10, pct_start=0.3,
                                     cycle_momentum=False)),
    ("one_cycle", 5, 20, [("start_div", 10), ("end_div", 100)],
     lambda o: L.OneCycleLR(o, 1.0, total_steps=20, pct_start=0.25, div_factor=10,
                            final_div_factor=100, cycle_momentum=False)),
    ("range", 0, 8, [("range_from", 1e-3)], lambda o: L.LambdaLR(o, lambda i: 1e-3 ** (1 - i / 7))),
    ("inv_sqrt", 4, 16, [], lambda o: L.LambdaLR(
        o, lambda i: (i + 1) / 4 if i < 4 else math.sqrt(4 / i))),
    ("wsd", 2, 12, [("decay_share", 0.4), ("min_lr_ratio", 0.1)], lambda o: L.LambdaLR(
        o, lambda i: (i + 1) / 2 if i < 2 else 1 if i < 8 else 1 - 0.9 * (i - 8) / 4)),
]


# Tables of steps and factors, or rates (--sched file:F).
TABLES = [
    ("factor", 0.5, 12, [(3, 0.1), (6, 1), (7, 0.25), (11, 0)]),
    ("rate", 0.5, 6, [(1, 2e-3), (5, 1e-3)]),
]


def table_rates(what, lr, total, rows):
    steps, values = zip(*rows)
    by = lr if what == "factor" else 1.0
    return rates(lambda o: L.LambdaLR(
        o, lambda i: by * float(numpy.interp(i + 1, steps, values))), total)


def settings(options):
    return "{ " + "".join(f'{{ "{n}", {v:g} }}, ' for n, v in options) + "{ NULL, 0 } }"


def numbers(values):
    text = [f"{v:.9g}" for v in values]
    lines = [", ".join(text[i:i + 6]) for i in range(0, len(text), 6)]
    return "{ " + ",\n      ".join(lines) + " }"


def main():
    print("/* SPDX-License-Identifier: MIT: made by dev/optim_reference.py */")
    for name, lr, decay, options, make in OPTIMS:
        print(f'OPTIM({{ "{name}", {lr:g}, {decay:g}, {settings(options)},\n'
              f"    {numbers(run(make))} }})")
    for name, warmup, total, options, make in SCHEDULES:
        print(f'SCHEDULE({{ "{name}", {warmup}, {total}, {settings(options)},\n'
              f"    {numbers(rates(make, total))} }})")
    for what, lr, total, rows in TABLES:
        text = "step " + what + "".join(f"\\n{s} {v:g}" for s, v in rows)
        print(f'TABLE({{ "{text}", {lr:g}, {total},\n'
              f"    {numbers(table_rates(what, lr, total, rows))} }})")


if __name__ == "__main__":
    main()
