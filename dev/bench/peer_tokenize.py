# SPDX-License-Identifier: MIT
"""Encode a text on one thread with the byte-level BPE vocabulary of a GGUF.

usage: peer_tokenize.py tiktoken|tokenizers VOCAB.gguf TEXT

Prints "seconds<TAB>tokens".  The vocabulary is split as GPT-2 does, whatever the file says.
"""
import os
import re
import sys
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from gguf import GGUFReader  # noqa: E402

PATTERN = (r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


def strings(reader, key):
    field = reader.fields[key]
    return [bytes(field.parts[i]).decode("utf-8") for i in field.data]


def byte_of():
    """Of the characters that stand for bytes in a GPT-2 vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}


def tiktoken_encoder(_, merges):
    import tiktoken
    byte = byte_of()
    # tiktoken joins the pair whose result has the smallest rank, so ranks follow the merges.
    ranks = {bytes([b]): i for i, b in enumerate(byte.values())}
    for pair in merges:
        token = pair.replace(" ", "")
        ranks.setdefault(bytes(byte[c] for c in token), len(ranks))
    encoding = tiktoken.Encoding("vocabulary", pat_str=PATTERN, mergeable_ranks=ranks,
                                 special_tokens={})
    return encoding.encode_ordinary


def tokenizers_encoder(tokens, merges):
    from tokenizers import Tokenizer, models, pre_tokenizers
    tokenizer = Tokenizer(models.BPE(
        vocab={t: i for i, t in enumerate(tokens)},
        merges=[tuple(m.split(" ")) for m in merges]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def pieces(text):
    """Cut at ends of lines where the split into words ends too: the peers do better with many
    short texts than with a long one."""
    piece, size = [], 1 << 16
    for line in re.split(r"(?<=\S\n)(?=\S)", text):
        piece.append(line)
        size -= len(line)
        if size <= 0:
            yield "".join(piece)
            piece, size = [], 1 << 16
    yield "".join(piece)


def main():
    name, vocab, path = sys.argv[1:]
    reader = GGUFReader(vocab)
    tokens = strings(reader, "tokenizer.ggml.tokens")
    merges = strings(reader, "tokenizer.ggml.merges")
    make = {"tiktoken": tiktoken_encoder, "tokenizers": tokenizers_encoder}[name]
    encode = make(tokens, merges)
    with open(path, encoding="utf-8", errors="ignore", newline="") as f:
        texts = list(pieces(f.read()))
    start = time.monotonic()
    n = sum(len(encode(text)) for text in texts)
    print(f"{time.monotonic() - start:.4f}\t{n}")


main()
