#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make a vocabulary of a kind that bpe-train does not, from a text, as a GGUF without tensors:

    mkkinds.py KIND OUT.gguf TEXT…   KIND: unigram wordpiece rwkv plamo2 spm
                                   gemma4 sarvam characters whitespace hybriddna

Tokens are the pieces of words that are most frequent, with the logarithms of their shares
as scores: no model would be trained with them, but they are as many and as mixed as those
of one.  Special, user-defined and unused tokens are among them, some of which hide others.
A Unigram vocabulary has a map that normalises (NFKC, and spaces for white space); keys can
be set: remove_extra_whitespaces=true add_space_prefix=false map=false lowercase=false
strip_accents=true.  Read next: check-kinds.c, which compares what llama.cpp makes of them.
"""
import collections
import math
import struct
import sys
import unicodedata

MARK = "\u2581"
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = range(1, 7)
N_PIECES = 6000


# ---- pieces of a text -----------------------------------------------------------------


def pieces_of(text, longest):
    """Pieces of words with the space in front of them, the most frequent first."""
    counts = collections.Counter()
    words = collections.Counter(text.split())
    for word, n in words.items():
        word = " " + word
        for at in range(len(word)):
            for end in range(at + 1, min(len(word), at + longest) + 1):
                counts[word[at:end]] += n * (end - at)
    chars = {c for c in text if not c.isspace()}
    best = [p for p, _ in counts.most_common(N_PIECES)]
    return best + sorted(chars - set(best)), counts


# ---- the map of a normaliser ----------------------------------------------------------


def normal_forms():
    """What becomes what: single characters, and letters with a mark behind them."""
    forms = {}
    for c in list(range(0x80, 0xD800)) + list(range(0xE000, 0x30000)):
        form = unicodedata.normalize("NFKC", chr(c))
        if form != chr(c):
            forms[chr(c)] = form
        apart = unicodedata.normalize("NFD", chr(c))
        if len(apart) == 2 and unicodedata.normalize("NFC", apart) == chr(c):
            forms[apart] = chr(c)
    for c in "\t\n\v\f\r\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000":
        forms[c] = " "
    for c in "\u200b\u200e\u200f\ufeff\u00ad":
        forms[c] = ""
    return forms


def tree_of(forms, strings):
    root = {}
    for text, form in forms.items():
        node = root
        for byte in text.encode():
            node = node.setdefault(byte, {})
        node[0] = strings[form]
    return root


def double_array(root):
    """Units of label, offset and leaf: the first place where all children fit is taken."""
    units, used = {0: 0}, {0}
    queue = collections.deque([(0, root)])
    free = 1
    while queue:
        at, node = queue.popleft()
        labels = sorted(node)
        while free in used:
            free += 1
        base = (free >> 8 << 8) ^ 0
        found = None
        while found is None:
            for low in range(256):
                place = base | low
                offset = place ^ at
                fits = offset < 1 << 21 or not offset & 0xFF
                if place and fits and all(place ^ c not in used for c in labels):
                    found = place
                    break
            base += 256
        offset = found ^ at
        units[at] |= offset << 10 if offset < 1 << 21 else (offset >> 8) << 10 | 1 << 9
        units[at] |= (0 in node) << 8
        for c in labels:
            used.add(found ^ c)
            if c == 0:
                units[found] = node[0] | 1 << 31
            else:
                units[found ^ c] = c
                queue.append((found ^ c, node[c]))
    # what is free looks like a child of nothing, as in the maps of others
    size = (max(units) | 0xFF) + 1
    return [units.get(i, i & 0xFF) for i in range(size)]


def charsmap():
    forms = normal_forms()
    strings, blob = {}, b""
    for form in sorted(set(forms.values())):
        strings[form] = len(blob)
        blob += form.encode() + b"\0"
    units = double_array(tree_of(forms, strings))
    array = struct.pack(f"<{len(units)}I", *units)
    return struct.pack("<I", len(array)) + array + blob


# ---- vocabularies ---------------------------------------------------------------------


class Vocab:
    def __init__(self):
        self.text, self.type, self.score, self.seen = [], [], [], set()

    def add(self, text, kind=NORMAL, score=0.0):
        text = text if isinstance(text, bytes) else text.encode()
        if text and text not in self.seen:
            self.seen.add(text)
            self.text.append(text)
            self.type.append(kind)
            self.score.append(score)


SPECIAL = [("<extra_0>", USER), ("<extra_0>x", USER), ("x<extra", USER), ("aba", USER),
           ("bab", CONTROL), ("<|end|>", CONTROL), ("<|im_end|>", NORMAL),
           ("[unused1]", CONTROL), ("<rare>", UNUSED), ("<|channel|>", CONTROL),
           ("  ", USER), ("\u00e9t", USER), ("<eos>", USER)]


def unigram(text, keys):
    v = Vocab()
    pieces, counts = pieces_of(text, 12)
    total = sum(counts.values())
    for name, kind in (("<pad>", CONTROL), ("</s>", CONTROL), ("<unk>", UNKNOWN)):
        v.add(name, kind)
    for p in pieces[: N_PIECES // 2] + [p for p in pieces if len(p) == 1]:
        v.add(p.replace(" ", MARK), NORMAL, math.log((counts[p] + 1) / total))
    v.add(MARK, NORMAL, -2.5)
    for name, kind in SPECIAL:
        v.add(name, kind, -3.0)
    keys.setdefault("map", True)
    return "t5", v, {"eos_token_id": 1, "unknown_token_id": 2, "padding_token_id": 0}


def wordpiece(text, keys):
    v = Vocab()
    pieces, counts = pieces_of(text.lower(), 12)
    for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]"):
        v.add(name, UNKNOWN if name == "[UNK]" else CONTROL)
    for p in pieces:
        v.add(p.replace(" ", MARK))
        if len(p) == 1:
            v.add(MARK + p)
    for name, kind in SPECIAL:
        v.add(name, kind)
    return "bert", v, {"bos_token_id": 2, "unknown_token_id": 1, "seperator_token_id": 3,
                       "padding_token_id": 0}


def spm(text, keys):
    v = Vocab()
    pieces, counts = pieces_of(text, 12)
    for name, kind in (("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)):
        v.add(name, kind)
    for b in range(256):
        v.add(f"<0x{b:02X}>", BYTE)
    # merges need what they merge: all beginnings of a piece, shorter ones first
    for at, p in enumerate(sorted(pieces[: N_PIECES // 2], key=len)):
        for end in range(1, len(p) + 1):
            v.add(p[:end].replace(" ", MARK), NORMAL, -float(at // 7))
    for c in (p for p in pieces if len(p) == 1):
        v.add(c, NORMAL, -9000.0)
    for p in (MARK * 2, MARK * 4, "a b", "e\n", "\n\n"):
        v.add(p, NORMAL, -50.0)
    # Left out is what we take otherwise on purpose: "bab", which llama.cpp makes of plain text
    # by merging though it is a control token; two spaces, of which it loses one where they
    # begin a text that is decoded.
    for name, kind in [s for s in SPECIAL if s[0] not in ("bab", "  ")] + [("x  ", USER)]:
        v.add(name, kind, -3.0)
    return "llama", v, {"bos_token_id": 1, "eos_token_id": 2, "unknown_token_id": 0}


def escaped(piece):
    out = ""
    for b in piece:
        c = chr(b)
        out += ({"\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\"}.get(c) or
                (c if 0x20 <= b < 0x7F else f"\\x{b:02x}"))
    return out


def rwkv(text, keys):
    v = Vocab()
    v.add("<s>", CONTROL)
    for b in range(256):
        v.add(escaped(bytes([b])))
    for p in pieces_of(text, 12)[0] + ["\n\n", "\r\n", "\t\t", ". ", "    "]:
        v.add(escaped(p.encode()))
    for name, kind in SPECIAL:
        v.add(escaped(name.encode()), kind)
    return "rwkv", v, {}


def plamo2(text, keys):
    v = Vocab()
    pieces, counts = pieces_of(text, 12)
    total = sum(counts.values())
    for name, kind in (("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL),
                       ("<|plamo:eos|>", CONTROL)):
        v.add(name, kind)
    for b in range(256):
        v.add(f"<0x{b:02X}>", BYTE)
    for p in pieces[: N_PIECES // 2] + ["\n", " \n", "\ufeff\n"]:
        v.add(p, NORMAL, math.log((counts[p] + 1) / total))
    for name, kind in SPECIAL:
        v.add(name, kind, -3.0)
    return "plamo2", v, {"bos_token_id": 1, "eos_token_id": 2, "unknown_token_id": 0}


def merges_of(tokens, joined):
    """Each token from the one without its last character, the most frequent first."""
    return [f"{p[:-1]} {p[-1]}" for p in tokens
            if len(p) == 2 or len(p) > 2 and p[:-1] in joined]


def characters(text, keys, mark=MARK, pre="gemma4", model="gpt2"):
    v = Vocab()
    tokens = [p.replace(" ", mark) for p in pieces_of(text, 8)[0]]
    tokens += ["\n", "\n\n", "\n\n\n\n", mark * 2, mark * 4, "\t", "\u3000"]
    for name, kind in (("<pad>", CONTROL), ("<eos>", CONTROL), ("<bos>", CONTROL)):
        v.add(name, kind)
    for b in range(256):
        v.add(f"<0x{b:02X}>", BYTE)
    for p in tokens:
        v.add(p)
    for name, kind in SPECIAL:
        v.add(name, kind)
    keys["merges"] = merges_of(tokens, set(tokens))
    keys["pre"] = pre
    return model, v, {"bos_token_id": 2, "eos_token_id": 1}


def sarvam(text, keys):
    return characters(text, keys, pre="sarvam-moe")


def words(text, keys):
    return characters(text.replace("\n", " "), keys, mark="", pre="whitespace")


def whitespace(text, keys):
    return characters(text.lower(), keys, mark="", pre="whitespace", model="whitespace")


def hybriddna(text, keys):
    v = Vocab()
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in plain]
    letter = [chr(b) if b in plain else chr(256 + rest.index(b)) for b in range(256)]
    tokens = ["".join(letter[b] for b in p.encode()) for p in pieces_of(text, 8)[0]]
    for name in letter + [p for p in tokens if len(p) > 1]:
        v.add(name)
    for name in ("<dna>", "</dna>", "<oov>"):
        v.add(name, USER if keys.pop("user", False) else NORMAL)
    for n in range(0, 4096, 3):
        v.add("".join("ACGT"[n >> 2 * i & 3] for i in range(6)) + "\ue000")
    keys["merges"] = merges_of(tokens, set(tokens))
    keys["pre"] = "gpt-2"
    return "hybriddna", v, {"bos_token_id": 0, "eos_token_id": 1}


# ---- the file -------------------------------------------------------------------------

U8, U32, I32, F32, BOOL, STRING, ARRAY = 0, 4, 5, 6, 7, 8, 9


def string(s):
    s = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(s)) + s


def entry(key, kind, data):
    return string(key) + struct.pack("<I", kind) + data


def array(key, kind, items, pack):
    head = struct.pack("<IQ", kind, len(items))
    return entry(key, ARRAY, head + b"".join(map(pack, items)))


def write(path, model, v, ids, keys):
    p = "tokenizer.ggml."
    kv = [entry("general.architecture", STRING, string("llama")),
          entry("general.name", STRING, string("a vocabulary")),
          entry(p + "model", STRING, string(model)),
          array(p + "tokens", STRING, v.text, string),
          array(p + "token_type", I32, v.type, lambda x: struct.pack("<i", x)),
          array(p + "scores", F32, v.score, lambda x: struct.pack("<f", x))]
    kv += [entry(p + k, U32, struct.pack("<I", x)) for k, x in ids.items()]
    if keys.pop("map", False):
        kv.append(array(p + "precompiled_charsmap", U8, charsmap(),
                        lambda x: struct.pack("B", x)))
    if "merges" in keys:
        kv.append(array(p + "merges", STRING, keys.pop("merges"), string))
        kv.append(entry(p + "pre", STRING, string(keys.pop("pre"))))
    for k, x in keys.items():
        k = "normalizer." + k if k in ("lowercase", "strip_accents") else k
        kv.append(entry(p + k, BOOL, struct.pack("B", x)))
    with open(path, "wb") as f:
        f.write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(kv)) + b"".join(kv))


KINDS = {"unigram": unigram, "wordpiece": wordpiece, "rwkv": rwkv, "plamo2": plamo2,
         "gemma4": characters, "sarvam": sarvam, "characters": words, "whitespace": whitespace,
         "hybriddna": hybriddna, "spm": spm}


def main():
    args = [a for a in sys.argv[1:] if "=" not in a]
    keys = {a.split("=")[0]: a.endswith("=true") for a in sys.argv[1:] if "=" in a}
    if len(args) < 3 or args[0] not in KINDS:
        sys.exit(__doc__)
    text = "".join(open(f, encoding="utf-8").read() for f in args[2:])
    model, v, ids = KINDS[args[0]](text, keys)
    write(args[1], model, v, ids, keys)
    print(f"{args[1]}: {len(v.text)} tokens")


main()
