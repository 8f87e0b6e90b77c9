# SPDX-License-Identifier: MIT
"""Make tests/golden/torch*.bin with PyTorch: dictionaries of small tensors of all kinds
that a file of torch.save may hold.  Usage: golden-torch.py FOLDER"""
import collections
import os
import sys
import zipfile

import torch


def tensors():
    w = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    d = collections.OrderedDict()
    d["plain"] = w
    d["transposed"] = w.t()
    d["cut"] = w[1:, ::2]
    d["half"] = w.half()
    d["brain"] = torch.nn.Parameter(w.to(torch.bfloat16))
    d["scalar"] = torch.tensor(5)
    d["double"] = torch.ones(2, dtype=torch.float64)
    d["none"] = torch.zeros(0, 4)
    d["three"] = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4).permute(2, 0, 1)
    d._metadata = {"": {"version": 1}}
    return d


def deflate(source, target):
    with zipfile.ZipFile(source) as a, zipfile.ZipFile(target, "w") as b:
        for entry in a.infolist():
            when = zipfile.ZipInfo(entry.filename)  # the same bytes every time
            b.writestr(when, a.read(entry), zipfile.ZIP_DEFLATED)


def main():
    path = os.path.join(sys.argv[1], "torch%s.bin")
    torch.save(tensors(), path % "")
    torch.save(tensors(), path % "-5", pickle_protocol=5)
    torch.save({"plain": tensors()["plain"]}, path % "-old",
               _use_new_zipfile_serialization=False)
    deflate(path % "", path % "-deflated")


main()
