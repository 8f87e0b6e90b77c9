#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which tensor gets which type: asks llama-quantize about the models of
tests/unit/mix_models.def and writes tests/golden/mixes.tsv, which test_recipe_mixes.c
walks.

    dev/check-mixes.py [LLAMA_QUANTIZE] >tests/golden/mixes.tsv

A line: model, mixture, whether there is an importance matrix, and what gets another type
than the mixture's: matrix=TYPE:blocks.  A line with weights is left out where they make no
difference; "refused" says that llama-quantize has no type for these rows.  Needs numpy and gguf."""
import os
import re
import subprocess
import sys
import tempfile

import gguf
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Keys that llama.cpp wants to see, whatever their values.
MORE = {"context_length": 512, "embedding_length": 256, "feed_forward_length": 512,
        "attention.sliding_window": 128, "attention.key_length": 64,
        "attention.value_length": 64, "rope.dimension_count": 64,
        "attention.key_length_mla": 64, "attention.value_length_mla": 64,
        "embedding_length_per_layer_input": 256, "vocab_size": 2}
FLOATS = ["attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon",
          "expert_weights_scale", "kda.gate_lower_bound", "hyper_connection.epsilon"]
BOOLS = ["kda.safe_gate"]
ACTIVATION = "activation_sparsity_scale"


def models():
    text = open(os.path.join(ROOT, "tests/unit/mix_models.def")).read()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for m in re.finditer(r"MIX_MODEL\((.*?)\)\n", text, flags=re.S):
        joined = re.sub(r'"\s*\n\s*"', "", m.group(1))
        name, arch, keys, width, inner, outer = re.findall(r'"[^"]*"|\d+', joined)
        yield [s.strip('"') for s in (name, arch, keys, width, inner, outer)]


def mixes():
    text = open(os.path.join(ROOT, "libtrain/edit/mixes.def")).read()
    return re.findall(r'^TR_MIX\((\w+), "(\w+)"', text, flags=re.M)


def tensors(keys, width, inner, outer):
    n_block = int(re.search(r"block_count=(\d+)", keys).group(1))
    for word in outer.split():
        yield word, "%s.weight", word, width
    for i in range(n_block):
        for word in inner.split():
            yield word, f"blk.{i}.%s.weight", word, width


def write_model(path, arch, keys, width, inner, outer):
    w = gguf.GGUFWriter(path, arch)
    given = dict(k.split("=") for k in keys.split())
    for key, value in {**MORE, **given}.items():
        if isinstance(value, str) and value[0] == "[":
            w.add_array(f"{arch}.{key}", [int(v) for v in value[1:-1].split(",")])
        else:
            w.add_uint32(f"{arch}.{key}", int(value))
    for key in FLOATS:
        w.add_float32(f"{arch}.{key}", -1.0 if key.startswith("kda") else 1e-5)
    for key in BOOLS:
        w.add_bool(f"{arch}.{key}", True)
    w.add_array(f"{arch}.{ACTIVATION}", [0.0] * int(given["block_count"]))
    for _, pattern, word, wide in tensors(keys, width, inner, outer):
        word, _, own = word.partition(":")
        columns = int(own or wide)
        shape = (2, 2, columns) if word.endswith(("_exps", "_b")) else (2, columns)
        if word.endswith("_norm"):
            shape = (columns,)
        w.add_tensor(pattern % word, np.ones(shape, dtype=np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def write_imatrix(path):
    w = gguf.GGUFWriter(path, "imatrix")
    w.add_type("imatrix")
    w.add_array("imatrix.datasets", ["none"])
    w.add_uint32("imatrix.chunk_count", 1)
    w.add_uint32("imatrix.chunk_size", 1)
    w.add_tensor("x.weight.in_sum2", np.ones(256, dtype=np.float32))
    w.add_tensor("x.weight.counts", np.ones(1, dtype=np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def ask(program, model, mix, options):
    said = subprocess.run([program, "--dry-run", *options, model, mix],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if "no tensor type fallback is defined" in said.stdout:
        return None
    if said.returncode:
        sys.exit(f"{model} {mix}: {said.stdout}")
    types = {}
    for line in said.stdout.splitlines():
        m = re.match(r"\[ *\d+/ *\d+\] +(\S+) +- \[.*?\], type = +(\w+), size.*?"
                     r"(?:\((\w+)\))?$", line)
        if m:
            types[m.group(1)] = (m.group(3) or m.group(2)).upper()
    return types


def ranges(numbers):
    out = []
    for n in numbers:
        if out and n == out[-1][1] + 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in out)


def line(types, main, inner, outer):
    out = []
    if types is None:
        return "refused"
    for word in outer.split():
        name = word.partition(":")[0]
        if types[f"{name}.weight"] != main:
            out.append(f"{name}={types[f'{name}.weight']}")
    for word in inner.split():
        name, of = word.partition(":")[0], {}
        i = 0
        while f"blk.{i}.{name}.weight" in types:
            of.setdefault(types[f"blk.{i}.{name}.weight"], []).append(i)
            i += 1
        for t in sorted(of):
            if t != main:
                out.append(f"{name}={t}" + ("" if len(of) == 1 else ":" + ranges(of[t])))
    return " ".join(out)


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else "llama-quantize"
    with tempfile.TemporaryDirectory() as tmp:
        model, weights = os.path.join(tmp, "m.gguf"), os.path.join(tmp, "i.gguf")
        write_imatrix(weights)
        for name, arch, keys, width, inner, outer in models():
            write_model(model, arch, keys, width, inner, outer)
            for mix, of in mixes():
                plain = line(ask(program, model, mix, []), of, inner, outer)
                print(name, mix, "plain", plain, sep="\t")
                weighted = line(ask(program, model, mix, ["--imatrix", weights]), of, inner,
                                outer)
                if weighted != plain:
                    print(name, mix, "weighted", weighted, sep="\t")


main()
