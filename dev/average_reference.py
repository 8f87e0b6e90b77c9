#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints tests/unit/average_reference.def: the moving average of ten steps of AdamW by PyTorch's
AveragedModel, which begins as the parameters are before the first.  Needs torch >= 2.9.

    dev/average_reference.py >tests/unit/average_reference.def
"""
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from optim_reference import SHAPES, STEPS, decayed, tensor

DECAY = 0.8


def main():
    model = torch.nn.ParameterList([tensor(k, s) for k, s in enumerate(SHAPES)])
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(DECAY))
    average.update_parameters(model)  # the first only copies
    params = list(model)
    adam = torch.optim.AdamW(decayed(params, 0.1), lr=1e-2, betas=(0.9, 0.999), eps=1e-8)
    for t in range(1, STEPS + 1):
        for k, p in enumerate(params):
            p.grad = tensor(100 * t + k, p.shape)
        adam.step()
        average.update_parameters(model)
    numbers = torch.cat([p.detach().flatten() for p in average.module]).tolist()
    print("/* SPDX-License-Identifier: MIT: made by dev/average_reference.py */")
    for i in range(0, len(numbers), 6):
        print("    " + " ".join(f"{v:.9g}," for v in numbers[i:i + 6]))


if __name__ == "__main__":
    main()
