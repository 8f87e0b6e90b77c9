#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the tables of docs/memory.md: what `train --plan` says of models of 3B, 7B and 13B in
Q8_0, beside the figures of a table

    | 3B ... | RAM | time |
    | --ctx 16 | 1.18 GB | 01:11 |

of another program, whose options are translated.  The models are sparse files without weights,
which takes no disk space: a plan looks at shapes alone.

    dev/memory.py TABLES.md >tables.md
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHAPES = {"3B": (26, 3200, 32, 8640), "7B": (32, 4096, 32, 11008), "13B": (40, 5120, 40, 13824)}
VOCAB, Q8_0, F32 = 32000, 8, 0


def string(s):
    return struct.pack("<Q", len(s)) + s.encode()


def key(name, value):
    if isinstance(value, str):
        return string(name) + struct.pack("<I", 8) + string(value)
    if isinstance(value, float):
        return string(name) + struct.pack("<If", 6, value)
    return string(name) + struct.pack("<II", 4, value)


def size_of(dims, kind):
    n = 1
    for d in dims:
        n *= d
    return n * 34 // 32 if kind == Q8_0 else 4 * n


def tensors(layers, width, ff):
    yield "token_embd.weight", (width, VOCAB), Q8_0
    for i in range(layers):
        yield f"blk.{i}.attn_norm.weight", (width,), F32
        for part in "q", "k", "v", "output":
            yield f"blk.{i}.attn_{part}.weight", (width, width), Q8_0
        yield f"blk.{i}.ffn_norm.weight", (width,), F32
        yield f"blk.{i}.ffn_gate.weight", (width, ff), Q8_0
        yield f"blk.{i}.ffn_up.weight", (width, ff), Q8_0
        yield f"blk.{i}.ffn_down.weight", (ff, width), Q8_0
    yield "output_norm.weight", (width,), F32
    yield "output.weight", (width, VOCAB), Q8_0


def write_model(path, name):
    layers, width, heads, ff = SHAPES[name]
    keys = [("general.architecture", "llama"), ("llama.context_length", 2048),
            ("llama.embedding_length", width), ("llama.block_count", layers),
            ("llama.feed_forward_length", ff), ("llama.rope.dimension_count", width // heads),
            ("llama.attention.head_count", heads), ("llama.attention.head_count_kv", heads),
            ("llama.attention.layer_norm_rms_epsilon", 1e-6), ("llama.vocab_size", VOCAB)]
    head, offset, info = b"", 0, b""
    all_tensors = list(tensors(layers, width, ff))
    for t, dims, kind in all_tensors:
        info += string(t) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims)
        info += struct.pack("<IQ", kind, offset)
        offset += (size_of(dims, kind) + 31) // 32 * 32
    head = b"GGUF" + struct.pack("<IQQ", 3, len(all_tensors), len(keys))
    head += b"".join(key(*k) for k in keys) + info
    with open(path, "wb") as f:
        f.write(head)
        f.truncate((len(head) + 31) // 32 * 32 + offset)


def write_pack(path, ctx):
    """Two sequences of one document each, with the vocabulary of the example."""
    commands = os.path.join(TOP, "bin")
    model = os.path.join(TOP, "examples", "tiny.gguf")
    text = path + ".txt"
    with open(text, "w") as f:
        for i in range(3 * 8192):
            f.write(f"number {i} ")
    tok = subprocess.run([f"{commands}/tokenize", "-q", "-m", model, text], stdout=subprocess.PIPE,
                         check=True)
    subprocess.run([f"{commands}/pack", "-q", "-c", str(ctx), "-o", path], input=tok.stdout, check=True)


def translate(row, recompute):
    """Options of a row of the table: ours, and the context."""
    words = dict(re.findall(r"(--[a-z-]+)(?: ([0-9.]+))?", row))
    if row.startswith("Realistic"):
        words = {"--ctx": "8192", "--lora-r": "16", "--lora-alpha": "16",
                 "--rope-freq-scale": "0.25"}
    out = ["--lora-r", words.get("--lora-r", "4"), "--lora-alpha", words.get("--lora-alpha", "4"),
           "--batch", words.get("--batch", "1"), "--grad-acc", words.get("--grad-acc", "1")]
    if "--no-checkpointing" not in words:
        out += [recompute]
    if "--rope-freq-scale" in words:
        out += ["--rope-freq-scale", words["--rope-freq-scale"]]
    return out, int(words.get("--ctx", 256))


def plan(model, pack, options):
    done = subprocess.run([f"{TOP}/bin/train", "-q", "-m", model, "-d", pack, "--plan",
                           "--lora-targets", "all-linear,token_embd,output"] + options,
                          stdout=subprocess.PIPE, text=True, check=True)
    item = dict(line.split("\t")[:2] for line in done.stdout.splitlines())
    return (int(item["total"]) - int(item["weights"])) / 1e9


def main():
    folder = tempfile.mkdtemp(prefix="memory")
    model = name = None
    packs = {}
    seen = {}
    for line in open(sys.argv[1]):
        cell = [c.strip() for c in line.strip().strip("|").split("|")]
        if re.match(r"\| (3B|7B|13B) ", line):
            if model:
                os.unlink(model)
            name = cell[0].split()[0]
            model = os.path.join(folder, name + ".gguf")
            write_model(model, name)
            seen = {}
            print(f"\n| {name}, Q8_0 | its GB | ours | share | adamw8 |\n|---|---|---|---|---|")
            continue
        if not name or len(cell) < 3 or not cell[1].endswith("GB"):
            continue
        row = f"`{cell[0]}`" if cell[0][0] == "-" else cell[0]
        ways = {"--recompute": row}
        if row.startswith("Realistic"):
            ways["--recompute-twice"] = row + ", `--recompute-twice`"
        for recompute, row in ways.items():
            options, ctx = translate(cell[0], recompute)
            if ctx not in packs:
                packs[ctx] = os.path.join(folder, f"{ctx}.pack")
                write_pack(packs[ctx], ctx)
            which = (ctx, *options)
            if which not in seen:
                seen[which] = [plan(model, packs[ctx], options + more)
                               for more in ([], ["--opt", "adamw8"])]
            theirs, ours = float(cell[1].split()[0]), seen[which]
            print(f"| {row} | {theirs:.3g} | {ours[0]:.2f} | {ours[0] / theirs:.2f} "
                  f"| {ours[1]:.2f} |", flush=True)
    subprocess.run(["rm", "-r", folder], check=True)


if __name__ == "__main__":
    main()
