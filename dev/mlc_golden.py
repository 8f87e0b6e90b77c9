# SPDX-License-Identifier: MIT
#
# usage: mlc_golden.py rows FILE
#        mlc_golden.py shards MODEL.gguf
#
# What MLC's group quantisation makes of numbers, in the arithmetic of NumPy's float16 and
# float32.  rows: of made ones, for tests/unit/test_mlc.c.  In the file, all little endian: how
# many rows (int32), then of each its length (int32), the numbers (float32), words and scales of
# float16 (uint32, uint16), words and scales of float32 (uint32, uint16 of bfloat16).
# shards: of a small model of the llama family (python -m pip install gguf), a line for each
# quantisation, with the MD5 of the one shard that it has: tests/golden/mlc.md5.
import hashlib
import sys

import numpy as np


def pack(w, dtype):
    """(rows, cols) to words and scales."""
    w = w.astype(dtype)
    rows, cols = w.shape
    groups = -(-cols // 32)
    w = np.pad(w, ((0, 0), (0, groups * 32 - cols))).reshape(rows, groups, 32)
    scale = np.abs(w).max(axis=2) / dtype(7)
    assert scale.dtype == dtype
    with np.errstate(all="ignore"):
        level = np.rint(w / scale[:, :, None] + dtype(7)).astype(np.float32)
    level = np.where(np.isnan(level), 0, np.clip(level, 0, 14)).astype(np.uint32)
    level = level.reshape(rows, groups * 32)
    level[:, cols:] = 0
    shift = np.arange(8, dtype=np.uint32) * np.uint32(4)
    return np.bitwise_or.reduce(level.reshape(rows, -1, 8) << shift, axis=2), scale


def stored(x):
    if x.dtype != np.float32:
        return np.ascontiguousarray(x)
    u = np.ascontiguousarray(x).view(np.uint32).astype(np.uint64)
    return ((u + 0x7FFF + (u >> 16 & 1)) >> 16).astype(np.uint16)


def write_rows(path):
    rng = np.random.default_rng(15)
    rows = [rng.standard_normal(n) * s for n, s in
            ((32, 1), (64, 0.02), (100, 0.02), (1, 3), (33, 1e-3), (256, 0.05), (7, 1e-6))]
    rows.append(np.zeros(40))
    rows.append(np.concatenate([np.full(32, 1e-8), rng.standard_normal(32) * 2e-7]))
    rows.append(np.concatenate([np.arange(-7, 8) / 2, np.arange(-16, 17) / 32.0]))
    rows.append(rng.standard_normal(2048) * rng.choice([1e-4, 0.1, 30], 2048))
    with open(path, "wb") as f:
        f.write(np.int32(len(rows)).tobytes())
        for row in rows:
            row = row.astype(np.float32)
            f.write(np.int32(len(row)).tobytes() + row.tobytes())
            for dtype in (np.float16, np.float32):
                words, scale = pack(row[None], dtype)
                f.write(words.tobytes() + stored(scale).tobytes())


def read_model(path):
    import gguf
    r = gguf.GGUFReader(path)
    t = {x.name: gguf.quants.dequantize(x.data, x.tensor_type) for x in r.tensors}
    key = {k: r.fields["llama." + k].contents() for k in
           ("block_count", "attention.head_count", "attention.head_count_kv")}
    return t, key


def sorted_rows(w, heads):
    """Rows as Hugging Face has them: GGUF has pairs beside each other."""
    return w.reshape(heads, w.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(w.shape)


def tensors(t, key):
    """All of a bundle in its order: the array, and 0 plain, 1 a matrix, 2 a table."""
    yield t["token_embd.weight"], 2
    yield t["output_norm.weight"], 0
    if "output.weight" in t:
        yield t["output.weight"], 1
    for i in range(key["block_count"]):
        g = lambda name: t[f"blk.{i}.{name}.weight"]
        yield g("attn_norm"), 0
        yield g("ffn_norm"), 0
        yield np.concatenate([sorted_rows(g("attn_q"), key["attention.head_count"]),
                              sorted_rows(g("attn_k"), key["attention.head_count_kv"]),
                              g("attn_v")]), 1
        yield g("attn_output"), 1
        yield np.concatenate([g("ffn_gate"), g("ffn_up")]), 1
        yield g("ffn_down"), 1


def print_shards(path):
    t, key = read_model(path)
    for name, dtype, packed, across in (("q4f16_1", np.float16, 1, 0), ("q4f16_0", np.float16, 1, 1),
                                        ("q4f32_1", np.float32, 1, 0), ("q0f16", np.float16, 0, 0)):
        md5 = hashlib.md5()
        for w, kind in tensors(t, key):
            w = w.astype(np.float32)
            parts = pack(w, dtype) if packed and kind else (w.astype(dtype),)
            for x in parts:
                md5.update(stored(x.T if across and kind == 1 else x).tobytes())
        print(name, md5.hexdigest())


if sys.argv[1] == "rows":
    write_rows(sys.argv[2])
else:
    print_shards(sys.argv[2])
