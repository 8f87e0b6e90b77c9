# SPDX-License-Identifier: MIT
"""Ids of random texts: does llama.cpp give the same?

usage: check-ids.py [-n TEXTS] [-s SEED] VOCAB.gguf [PRE...]
       check-ids.py --pairs OUT.gguf
       check-ids.py --freeze PAIRS.gguf

Each text is read by llama.cpp (through llama-cpp-python, LLAMA_CPP_LIB_PATH tells where the
library is) and by libtrain.so (found by LIBTRAIN, else in build/release), with the file's
pre-tokenizer or with each PRE in its place, special tokens found and not found by turns.
What differs is printed, and the status is 1.  A byte that has no token in the vocabulary is
counted apart: llama.cpp loses it, we refuse the text.

A vocabulary of --pairs has a token for each byte and for each two bytes, so that its ids
show where words are cut; --freeze prints, for each pre-tokenizer, texts and llama.cpp's ids
of such a vocabulary as tests/unit/frozen_ids.def has them."""
import ctypes
import os
import random
import re
import struct
import sys
import unicodedata

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = os.path.join(HERE, '../libtrain/tokenizer/pretokenizers.def')
MERGED = ['a', 'e', 'he', 'the', 'Th', 'ing', 'ed', 's', 't', 'xyz', 'Hello', 'WORLD', 'Ab',
          'aB', 'ABc']
ATOMS = {
    'letters': MERGED + list('bcdfgSTMDx') + ['camelCase', 'HTMLParser', 'XMLHttp',
                                              'snake_case'],
    'contractions': ["'", "''", "'s", "'S", "'t", "'ll", "'LL", "'Ll", "'lL", "'re", "'RE",
                     "'ve", "'Ve",
                     "'m", "'d", "'D", "’s", "'r", "'l", "'v", "n't", "'\u017f", "'\u212a"],
    'space': [' ', ' ', ' ', '  ', '   ', '    ', '     ', '\t', '\t\t', '\n', '\n\n', '\r',
              '\r\n', '\v',
              '\f', '\x85', '\xa0', '\u1680', '\u2000', '\u2003', '\u2009', '\u200a',
              '\u2028', '\u2029',
              '\u202f', '\u205f', '\u3000', ' \n', '\n ', '  \n  ', '\u200b', '\u180e',
              '\ufeff'],
    'digits': list('0123456789') + ['12', '123', '1234', '12345', '123456', '1234567', '٣',
                                    '٣٤٥', '१२',
              '½', '²', 'Ⅷ', '㈠', '𝟘𝟙', '१२३४', '1٣', '๓', '௧௨௩'],
    'marks': list('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~') + ['...', '!!', '?!', '--', '==',
                                                         '->', '/*', '*/', '//',
              '::', '&&', '||', '$', '`', '```', '<|', '|>', '“', '”', '‘', '’', '…', '—',
              '«', '»', '¿', '§',
              '€', '©', '±', '×', '→', '∑', '，', '。', '、', '！', '？', '：', '；', '（', '）',
              '「', '」', '・',
              '〜', '﹏', '︰', '،', '۔', '।', '॥', '·', '々', '〆', '゛', '゜'],
    'scripts': list('éÉßñüŒſƒǅʹʰΑωЖжҩאבשعربيहिन्दीবাংলাதமிழ்ไทยລາວမြမခမែកაႠႢᎠᏸᏽᲐᲽԱֆ'
                    '中文字漢㐀一龥龦鿿日本語かなカナｶﾅ゙ﾞ가힣한글ㄱㆎㄅㄯ〇〡ꀀꓐꙀꜢꝯꞋꭰꩠꧠ') +
               ['𐐀', '𐒰', '𐲀', '𑢠', '𞤀', '𠀀', '𪜀', '𫝀', '𬺰', '丽', 'ﬀ', 'ﬓ', 'Ａ', 'ｚ', 'ⅅ',
                'Ↄ', 'ℵ',
                '中文', '日本', '한국어', 'русский', 'ελ', 'हिन्दी', 'ไทย', 'العربية'],
    'combining': ['\u0301', '\u0308', '\u0300\u0323', '\u0327', '\u05b0', '\u064b',
                  '\u0652', '\u093e',
                  '\u094d', '\u0e31', '\u0e47', '\u1037', '\u17d2', '\u20dd', '\u3099',
                  '\u302a', '\ufe0f',
                  '\U0001d165', 'é', 'ñ́'],
    'emoji': ['😀', '👍🏽', '👨‍👩‍👧', '🇩🇪', '❤️', '\u200d', '🏴󠁧󠁢', '☃', '🀄'],
    'odd': ['\x01', '\x00', '\x7f', '\x1b', '\x1f', '\xad', '\u0378', '\u0558', '\u2fe0',
            '\ufffd', '\ufffe', '\ufdd0',
            '\ue000', '\U000f0000', '\U0010ffff', '\u200e', '\u3040', '\u3097', '\u2fff',
            '\u0ece', '\u0cf3',
            '\u31ef', '\u0897', '\u1c89', '\ua7cb', '\U0001e030', '\U00011f04',
            '\U00011f50', '\U0001f6dc',
            '\U0002ebf0', '\U00031350', '\U0002b739', '\U000323b0', '\U00010d40',
            '\U0002cea2', '\u9ffd'],
    'special': ['<|endoftext|>', '<s>', '</s>', '<|im_start|>', '<|begin_of_text|>',
                '<unk>', '<pad>',
                '<bos>', '<|end|>', '<sentinel:12>', '<sentinel:>', 'IMGIMGABZ',
                'IMGIMGABCDEZ', 'IMGIMG',
                '<fim_prefix>', '<|fim_middle|>', '<dna>', '</dna>', '<dna>ACGTACGGTAcgtaN', 'ACGTAA', '\u3000', '[CLS]', '[MASK]',
                '\u2581', '<0x0A>', '<turn|>'],
    'code': ['def f(x):\n    return x+1\n', 'int main(void)\n{\n\treturn 0;\n}\n',
             'x = [1, 2, 3];', 'a->b', '#include <a.h>',
             'if (a && b) {', '// TODO: ', '"\\n"', '0xFF', '3.14e-10', 'http://a.b/c?d=e',
             'SELECT * FROM t;'],
}
WEIGHTS = {'letters': 5, 'contractions': 2, 'space': 6, 'digits': 3, 'marks': 3,
           'scripts': 4, 'combining': 2,
           'emoji': 1, 'odd': 1, 'special': 1, 'code': 1}
KINDS = list(WEIGHTS)


def random_character(rng):
    while True:
        top = rng.choice((0x250, 0x800, 0x3100, 0x10000, 0x20000, 0x110000))
        c = chr(rng.randrange(top))
        if not 0xd800 <= ord(c) < 0xe000:
            return c


def random_text(rng):
    """Atoms of a few kinds, so that those of one kind meet, now and then many of one."""
    kinds = rng.choices(KINDS, WEIGHTS.values(), k=rng.randint(1, 4))
    parts = []
    for _ in range(rng.randint(1, 14)):
        if rng.random() < 0.06:
            parts.append(random_character(rng))
        else:
            parts.append(rng.choice(ATOMS[rng.choice(kinds)]))
        if rng.random() < 0.04:
            parts[-1] *= rng.randint(2, 20)
    return ''.join(parts)


# ---- libtrain ----------------------------------------------------------------------

class Error(ctypes.Structure):
    _fields_ = [('code', ctypes.c_int), ('text', ctypes.c_char * 512)]


class Tokens(ctypes.Structure):
    _fields_ = [('id', ctypes.POINTER(ctypes.c_uint32)), ('n', ctypes.c_size_t), ('cap',
                                                                                  ctypes.c_size_t)]


class Ours:
    def __init__(self, path, pre):
        self.lib = lib = ctypes.CDLL(os.environ.get('LIBTRAIN', os.path.join(HERE, '../build/release/libtrain.so.0')))
        for name in ('tr_gguf_open', 'tr_tokenizer_new_pre', 'tr_encoder_new'):
            getattr(lib, name).restype = ctypes.c_void_p
        lib.tr_encoder_encode.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t,
            ctypes.POINTER(Tokens), ctypes.c_void_p, ctypes.POINTER(Error)]
        err = Error()
        file = ctypes.c_void_p(lib.tr_gguf_open(path.encode(), ctypes.byref(err)))
        tokenizer = file.value and ctypes.c_void_p(
            lib.tr_tokenizer_new_pre(file, pre.encode() if pre else None, ctypes.byref(err)))
        if not tokenizer or not tokenizer.value:
            sys.exit(err.text.decode())
        self.around = lib.tr_tokenizer_around(tokenizer)
        self.encoder = ctypes.c_void_p(lib.tr_encoder_new(tokenizer, ctypes.byref(err)))

    def ids(self, data, special, around):
        out, err = Tokens(), Error()
        flags = special | (self.around if around else 0)
        if self.lib.tr_encoder_encode(self.encoder, data, len(data), flags, None, 0, ctypes.byref(out), None,
                                      ctypes.byref(err)):
            return err.text.decode()
        ids = out.id[:out.n] if out.n else []
        self.lib.tr_tokens_release(ctypes.byref(out))
        return ids


# ---- llama.cpp ---------------------------------------------------------------------

class Llama:
    def __init__(self, path, pre):
        import llama_cpp
        self.api = llama_cpp
        self.log = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self.log, ctypes.c_void_p(0))
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        if pre:
            self.over = (llama_cpp.llama_model_kv_override * 2)()
            self.over[0].key = b'tokenizer.ggml.pre'
            self.over[0].tag = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_STR
            self.over[0].value.val_str = pre.encode()
            params.kv_overrides = self.over
        model = llama_cpp.llama_model_load_from_file(path.encode(), params)
        if not model:
            sys.exit(f'llama.cpp does not load {path} with {pre}')
        self.vocab = llama_cpp.llama_model_get_vocab(model)
        self.room = 1 << 16
        self.buffer = (ctypes.c_int32 * self.room)()

    def ids(self, data, special, around):
        n = self.api.llama_tokenize(self.vocab, data, len(data), self.buffer, self.room, around, special)
        return self.buffer[:n]


# ---- vocabulary of pairs -----------------------------------------------------------

def alphabet():
    """GPT-2's: a printable character for each byte."""
    plain = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    rest = [b for b in range(256) if b not in plain]
    return [chr(b) if b in plain else chr(256 + rest.index(b)) for b in range(256)]


def string(s):
    data = s.encode()
    return struct.pack('<Q', len(data)) + data


def write_pairs(path):
    char = alphabet()
    pairs = [(a, b) for a in char for b in char]
    keys = [
        ('general.architecture', 8, string('llama')),
        ('tokenizer.ggml.model', 8, string('gpt2')),
        ('tokenizer.ggml.pre', 8, string('gpt-2')),
        ('tokenizer.ggml.tokens', 9, struct.pack('<IQ', 8, 256 + len(pairs)) +
         b''.join(map(string, char + [a + b for a, b in pairs]))),
        ('tokenizer.ggml.merges', 9, struct.pack('<IQ', 8, len(pairs)) +
         b''.join(string(f'{a} {b}') for a, b in pairs)),
        ('tokenizer.ggml.add_bos_token', 7, b'\0'),
    ]
    with open(path, 'wb') as file:
        file.write(b'GGUF' + struct.pack('<IQQ', 3, 0, len(keys)))
        for key, kind, value in keys:
            file.write(string(key) + struct.pack('<I', kind) + value)


# ---- work --------------------------------------------------------------------------

def names():
    with open(NAMES, encoding='utf-8') as file:
        return re.findall(r'^TR_PRETOKENIZER\("([^"]+)", (\w+)', file.read(), re.M)


def check(path, pre, n, seed):
    ours, theirs = Ours(path, pre), Llama(path, pre)
    rng = random.Random(seed)
    bad = ids = lost = 0
    for i in range(n):
        data = random_text(rng).encode()
        special, around = i & 1, i % 5 == 0
        have, want = ours.ids(data, special, around), theirs.ids(data, special, around)
        ids += len(want)
        if 'has no token' in have:
            lost += 1
        elif have != want:
            bad += 1
            if bad <= 3:
                print(f'  {data!r} {data.decode()!r}\n    ours {have}\n    theirs {want}')
    print(f'{os.path.basename(path)} {pre or ""}: {n} texts, {ids} ids, {bad} differ, '
          f'{lost} with lost bytes', flush=True)
    return bad


def quoted(parts, join):
    """String literals of at most some 80 columns."""
    lines, line = [], ''
    for part in parts:
        if len(line) + len(part) > 76:
            lines.append(line)
            line = ''
        line += part + join
    return '\n  '.join(f'"{x}"' for x in [*lines, line[:len(line) - len(join)]])


def freeze(path):
    """The same few texts for no two patterns."""
    print('/* SPDX-License-Identifier: MIT: pre-tokenizer, text, ids of llama.cpp */')
    seen = set()
    for pre, pattern in names():
        if pattern in seen:
            continue
        seen.add(pattern)
        theirs = Llama(path, pre)
        rng = random.Random(f'frozen {pattern}')
        for _ in range(8):
            data = random_text(rng).encode()[:48].decode(errors='ignore').encode()
            text = [f'\\{b:03o}' if b < 32 or b > 126 or b in b'"\\?' else chr(b) for b in data]
            ids = map(str, theirs.ids(data, 0, 0))
            print(f'{{ "{pre}",\n  {quoted(text, "")}, {len(data)},\n  {quoted(ids, " ")} }},')


def main(args):
    n, seed = 10000, 1
    while args and args[0] in ('-n', '-s'):
        if args[0] == '-n':
            n = int(args[1])
        else:
            seed = int(args[1])
        args = args[2:]
    if args[:1] == ['--pairs']:
        return write_pairs(args[1])
    if args[:1] == ['--freeze']:
        return freeze(args[1])
    return int(sum([check(args[0], pre, n, seed) for pre in args[1:] or [None]]) > 0)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
