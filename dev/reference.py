# SPDX-License-Identifier: MIT
"""Numbers for tests/unit/test_reference.c, from PyTorch and transformers, in f64.

usage: reference.py OUTDIR [NAME…]   (the project keeps the result as tests/golden/reference)

The models are not stored.  Every weight is a formula of its GGUF name and its index, a
multiple of a power of two, so that tests/unit/tiny_model.c makes the same bits.  Of the
gradients a norm, a projection on signs and three elements are stored, which together
move if anything in the tensor does.

File: NAME.tsv, rows of KEY and numbers with %.12g.
"""
import sys

import numpy as np
import torch
import transformers as tf

VOCAB, WIDTH, LAYERS, CTX, FF, SEQS, RANK, ALPHA = 61, 32, 2, 24, 48, 2, 4, 8.0
BASE, FACTORS = 10000.0, [1.0, 1.5, 4.0, 8.0]


# ---- the formula ------------------------------------------------------------------------

def fnv1a(name):
    h = 2166136261
    for c in name.encode():
        h = (h ^ c) * 16777619 % 2**32
    return h


def mixed(name, n):
    """n numbers of 32 bits that belong to a name."""
    x = (np.arange(n, dtype=np.uint64) * 2654435769 + fnv1a(name)) % 2**32
    for factor, shift in ((2146121005, 15), (2221713035, 16)):
        x = (x ^ (x >> np.uint64(16))) * factor % 2**32
        x = x ^ (x >> np.uint64(shift))
    return x


def numbers(name, shape):
    n = int(np.prod(shape))
    level = mixed(name, n).astype(np.int64) % 257 - 128
    if name.endswith(('_norm.weight', '_norm_1.weight', '_norm_2.weight')):
        value = 1 + level / 1024
    elif name.endswith('.scale'):
        value = 1 + level / 256
    elif name.endswith('.lora_b'):
        value = level / 4096
    elif name.endswith('.bias'):
        value = level / 2048
    else:
        value = level / 512
    return torch.tensor(value.reshape(shape), dtype=torch.float64)


def tokens():
    ids = mixed('tokens', SEQS * (CTX + 1)).astype(np.int64) % VOCAB
    return torch.tensor(ids.reshape(SEQS, CTX + 1))


# ---- models -----------------------------------------------------------------------------

def gpt2(tied):
    c = tf.GPT2Config(vocab_size=VOCAB, n_embd=WIDTH, n_layer=LAYERS, n_head=2,
                      n_positions=CTX, n_inner=FF, resid_pdrop=0, embd_pdrop=0,
                      attn_pdrop=0, tie_word_embeddings=tied)
    return tf.GPT2LMHeadModel(c)


def llama(tied, factors):
    c = tf.LlamaConfig(vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=FF,
                       num_hidden_layers=LAYERS, num_attention_heads=4,
                       num_key_value_heads=2, max_position_embeddings=CTX,
                       rms_norm_eps=1e-5, tie_word_embeddings=tied,
                       rope_parameters=dict(rope_type='default', rope_theta=BASE))
    m = tf.LlamaForCausalLM(c)
    inv = 1 / torch.tensor([BASE ** (2 * i / 8) for i in range(4)])
    m.model.rotary_emb.inv_freq = inv / torch.tensor(factors or [1.0] * 4)
    return m


GEMMA4 = dict(
    vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=FF, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, sliding_window=12, max_position_embeddings=64,
    rms_norm_eps=1e-5, tie_word_embeddings=True, final_logit_softcapping=9.0,
    vocab_size_per_layer_input=VOCAB, attn_implementation='eager')


def gemma4(windowed, **more):
    """One of the forms of tests/unit/test_gemma4.c: 1 in `windowed` is a block that sees a
    window, the others have one head of keys, as wide as two."""
    full = dict(head_dim=16, num_key_value_heads=1)
    c = tf.Gemma4TextConfig(
        num_hidden_layers=len(windowed),
        layer_types=['sliding_attention' if w else 'full_attention' for w in windowed],
        per_layer_config={i: full for i, w in enumerate(windowed) if not w},
        **{**GEMMA4, **more})
    c._experts_implementation = 'eager'
    m = tf.Gemma4ForCausalLM(c)
    inv = 1 / torch.tensor([1e4 ** (2 * i / 16) * (1 + i / 4) for i in range(8)])
    m.model.rotary_emb.full_attention_inv_freq = inv
    return m


SMALL = dict(
    vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=FF, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5,
    pad_token_id=None, attn_implementation='eager')
WINDOWS = dict(num_hidden_layers=4, sliding_window=12,
               layer_types=['sliding_attention'] * 3 + ['full_attention'])
PLAIN = dict(rope_type='default', rope_theta=BASE)
YARN = dict(rope_type='yarn', rope_theta=BASE, factor=8.0,
            original_max_position_embeddings=16)


def small(family, rope, **more):
    config = getattr(tf, family + 'Config')(**{**SMALL, 'rope_parameters': rope, **more})
    config._experts_implementation = 'eager'
    return getattr(tf, family + 'ForCausalLM')(config)


def phi3_longrope():
    some = [1 + i / 4 for i in range(4)]
    return small('Phi3', dict(rope_type='longrope', rope_theta=BASE, short_factor=some,
                              long_factor=[2 * x for x in some],
                              original_max_position_embeddings=16),
                 original_max_position_embeddings=16, num_hidden_layers=2)


def exaone4_windows():
    m = small('Exaone4', PLAIN, tie_word_embeddings=True, **WINDOWS)
    m.model.rotary_emb.inv_freq /= torch.tensor([1 + i / 4 for i in range(4)])
    return m


def granitehybrid(rope, experts=0):
    return small('GraniteMoeHybrid', PLAIN, num_hidden_layers=3,
                 layer_types=['mamba', 'attention', 'mamba'], num_local_experts=experts,
                 num_experts_per_tok=experts // 2, shared_intermediate_size=FF,
                 intermediate_size=16 if experts else FF,
                 position_embedding_type='rope' if rope else 'nope', mamba_n_heads=4,
                 mamba_n_groups=1, mamba_d_state=8, mamba_d_head=16, mamba_d_conv=4,
                 mamba_expand=2, tie_word_embeddings=True, embedding_multiplier=3.0,
                 attention_multiplier=0.4, residual_multiplier=0.25, logits_scaling=2.0)


def nemotron_h(blocks, **more):
    return small('NemotronH', PLAIN, time_step_min=1e-9, head_dim=8,
                 tie_word_embeddings=False, layers_block_type=blocks, **more,
                 layer_norm_epsilon=1e-5, ssm_state_size=8, mamba_num_heads=6,
                 mamba_head_dim=16, n_groups=2, conv_kernel=4)


def falcon_h1(norm):
    return small('FalconH1', PLAIN, num_hidden_layers=2, head_dim=8, mamba_d_ssm=48,
                 mamba_n_heads=6, mamba_d_head=8, mamba_n_groups=2, mamba_d_state=8,
                 mamba_d_conv=4, mamba_rms_norm=norm, mamba_norm_before_gate=False,
                 tie_word_embeddings=True)


def in_f64():
    """Many modules go through f32 on their way; here they do not."""
    torch.float32 = torch.float64
    softmax = torch.nn.functional.softmax
    torch.Tensor.float = torch.Tensor.double
    torch.nn.functional.softmax = lambda x, *a, dtype=None, **k: softmax(x, *a, **k)


PARTS = {
    'gpt2': {'ln_1': 'attn_norm', 'ln_2': 'ffn_norm', 'attn.c_attn': 'attn_qkv',
             'attn.c_proj': 'attn_output', 'mlp.c_fc': 'ffn_up', 'mlp.c_proj': 'ffn_down',
             'transformer.wte': 'token_embd', 'transformer.wpe': 'position_embd',
             'transformer.ln_f': 'output_norm', 'lm_head': 'output'},
    'llama': {'input_layernorm': 'attn_norm', 'post_attention_layernorm': 'ffn_norm',
              'self_attn.q_proj': 'attn_q', 'self_attn.k_proj': 'attn_k',
              'self_attn.v_proj': 'attn_v', 'self_attn.o_proj': 'attn_output',
              'mlp.gate_proj': 'ffn_gate', 'mlp.up_proj': 'ffn_up',
              'mlp.down_proj': 'ffn_down',
              'model.embed_tokens': 'token_embd', 'model.norm': 'output_norm',
              'lm_head': 'output'},
    'gemma4': {'input_layernorm': 'attn_norm',
               'post_attention_layernorm': 'post_attention_norm',
               'pre_feedforward_layernorm': 'ffn_norm',
               'post_feedforward_layernorm': 'post_ffw_norm',
               'self_attn.q_norm': 'attn_q_norm', 'self_attn.k_norm': 'attn_k_norm',
               'per_layer_input_gate': 'inp_gate', 'per_layer_projection': 'proj',
               'post_per_layer_input_norm': 'post_norm',
               'model.embed_tokens_per_layer': 'per_layer_token_embd',
               'model.per_layer_model_projection': 'per_layer_model_proj',
               'model.per_layer_projection_norm': 'per_layer_proj_norm',
               'router.proj': 'ffn_gate_inp', 'router.scale': 'ffn_gate_inp',
               'router.per_expert_scale': 'ffn_down_exps',
               'experts.gate_up_proj': 'ffn_gate_up_exps',
               'experts.down_proj': 'ffn_down_exps',
               'pre_feedforward_layernorm_2': 'pre_ffw_norm_2',
               'post_feedforward_layernorm_1': 'post_ffw_norm_1',
               'post_feedforward_layernorm_2': 'post_ffw_norm_2'},
    'phi3': {'self_attn.qkv_proj': 'attn_qkv', 'mlp.gate_up_proj': 'ffn_up'},
    'olmo2': {'post_attention_layernorm': 'post_attention_norm',
              'post_feedforward_layernorm': 'post_ffw_norm',
              'self_attn.q_norm': 'attn_q_norm', 'self_attn.k_norm': 'attn_k_norm'},
    'cohere2': {},
    'mistral3': {},
    'nemotron_h': {'model.embeddings': 'token_embd', 'model.norm_f': 'output_norm',
                   'norm': 'attn_norm', 'mixer.in_proj': 'ssm_in',
                   'mixer.conv1d': 'ssm_conv1d', 'mixer.norm': 'ssm_norm',
                   'mixer.out_proj': 'ssm_out', 'mixer.dt_bias': 'ssm_dt',
                   'mixer.A_log': 'ssm_a', 'mixer.D': 'ssm_d', 'mixer.q_proj': 'attn_q',
                   'mixer.k_proj': 'attn_k', 'mixer.v_proj': 'attn_v',
                   'mixer.o_proj': 'attn_output', 'mixer.up_proj': 'ffn_up',
                   'mixer.down_proj': 'ffn_down'},
    'falcon-h1': {'mamba.in_proj': 'ssm_in', 'mamba.conv1d': 'ssm_conv1d',
                  'mamba.norm': 'ssm_norm', 'mamba.out_proj': 'ssm_out',
                  'mamba.dt_bias': 'ssm_dt', 'mamba.A_log': 'ssm_a', 'mamba.D': 'ssm_d',
                  'pre_ff_layernorm': 'ffn_norm=', 'feed_forward.gate_proj': 'ffn_gate',
                  'feed_forward.up_proj': 'ffn_up', 'feed_forward.down_proj': 'ffn_down',
                  'model.final_layernorm': 'output_norm'},
    'nemotron_h_moe': {'mixer.gate': 'ffn_gate_inp',
                       'mixer.gate.e_score_correction_bias': 'exp_probs_b',
                       'mixer.experts.up_proj': 'ffn_up_exps',
                       'mixer.experts.down_proj': 'ffn_down_exps',
                       'mixer.shared_experts.up_proj': 'ffn_up_shexp',
                       'mixer.shared_experts.down_proj': 'ffn_down_shexp'},
    'granite-experts': {'shared_mlp.input_linear': 'ffn_gate_shexp ffn_up_shexp',
                        'shared_mlp.output_linear': 'ffn_down_shexp',
                        'block_sparse_moe.router': 'ffn_gate_inp',
                        'block_sparse_moe.experts.gate_up_proj':
                            'ffn_gate_exps ffn_up_exps',
                        'block_sparse_moe.experts.down_proj': 'ffn_down_exps'},
    'granitehybrid': {'mamba.in_proj': 'ssm_in', 'mamba.conv1d': 'ssm_conv1d',
                      'mamba.norm': 'ssm_norm', 'mamba.out_proj': 'ssm_out',
                      'mamba.dt_bias': 'ssm_dt', 'mamba.A_log': 'ssm_a',
                      'mamba.D': 'ssm_d', 'shared_mlp.input_linear': 'ffn_gate ffn_up',
                      'shared_mlp.output_linear': 'ffn_down'},
}
PARTS['exaone4'] = PARTS['olmo2']
PARTS['internlm2'] = PARTS['minicpm'] = {}
PARTS['qwen2moe'] = {'mlp.gate': 'ffn_gate_inp',
                     'mlp.experts.gate_up_proj': 'ffn_gate_exps ffn_up_exps',
                     'mlp.experts.down_proj': 'ffn_down_exps',
                     **{f'mlp.shared_expert.{x}_proj': f'ffn_{x}_shexp'
                        for x in ('gate', 'up', 'down')},
                     'mlp.shared_expert_gate': 'ffn_gate_inp_shexp'}
PARTS['glm4moe'] = {k.replace('shared_expert.', 'shared_experts.'): v
                    for k, v in PARTS['qwen2moe'].items()}
PARTS['glm4moe'] |= {'mlp.gate.e_score_correction_bias': 'exp_probs_b',
                     'post_attention_layernorm': 'post_attention_norm',
                     'self_attn.q_norm': 'attn_q_norm', 'self_attn.k_norm': 'attn_k_norm'}
PARTS['nemotron_h_moe'] = {**PARTS['nemotron_h'], **PARTS['nemotron_h_moe']}
PARTS['granite-experts'] = {**PARTS['granitehybrid'], **PARTS['granite-experts']}
for arch in PARTS:
    if arch != 'gpt2':
        PARTS[arch] = {**PARTS['llama'], **PARTS[arch]}


SUFFIX = {'dt_bias': '.bias', 'A_log': '', 'D': '',  # of those that are no module's weight
          'scale': '.scale', 'per_expert_scale': '.scale',
          'e_score_correction_bias': '.bias',
          'gate_up_proj': '.weight', 'up_proj': '.weight', 'down_proj': '.weight'}
# "=" behind a name of PARTS: it has none


def gguf_names(arch, name):
    """Of the parts of a parameter, one below the other; of experts in each of them."""
    stem, suffix = name.rsplit('.', 1)
    if suffix in SUFFIX:
        stem = name
    head = 'transformer.h.' if arch == 'gpt2' else 'model.layers.'
    block = ''
    if stem.startswith(head):
        layer, stem = stem[len(head):].split('.', 1)
        block = f'blk.{layer}.'
    return [block + (part[:-1] if part.endswith('=')
                     else part + SUFFIX.get(suffix, '.' + suffix))
            for part in PARTS[arch][stem].split()]


PERMUTED = ('llama', 'mistral3', 'granitehybrid', 'granite-experts', 'internlm2', 'minicpm')


def to_hf(arch, name, w):
    """GGUF turns the rows (2i, 2i + 1) of a head of q and k, transformers (i, i + half)."""
    if arch in PERMUTED and ('attn_q.' in name or 'attn_k.' in name):
        rows = torch.arange(w.shape[0]).reshape(-1, 4, 2).transpose(1, 2).reshape(-1)
        return w[rows]
    return w


def to_gguf(arch, name, w):
    if arch in PERMUTED and ('attn_q.' in name or 'attn_k.' in name):
        rows = torch.arange(w.shape[0]).reshape(-1, 2, 4).transpose(1, 2).reshape(-1)
        return w[rows]
    return w


def is_conv1d(arch, name):
    return arch == 'gpt2' and name.split('.')[-2] in ('c_attn', 'c_proj', 'c_fc') and \
        name.endswith('weight')


def fill(arch, m):
    with torch.no_grad():
        for k, p in m.named_parameters():
            names = gguf_names(arch, k)
            shape = list(p.shape[::-1] if is_conv1d(arch, k) else p.shape)
            axis = int(p.ndim == 3)
            shape[axis] //= len(names)
            w = torch.cat([to_hf(arch, name, numbers(name, shape)) for name in names], axis)
            p.copy_(w.T if is_conv1d(arch, k) else w)
        for k, b in m.named_buffers():
            if k.endswith('e_score_correction_bias'):
                b.copy_(numbers(*gguf_names(arch, k), b.shape))


def adapt_experts(arch, name, mod, factor, pairs):
    """Pairs on the matrices of all experts, as (expert, r, n_in) and (expert, n_out, r).
    factor: of each expert's output, which what an adapter adds to that is without."""
    parts = []
    for k in ('gate_up_proj', 'up_proj', 'down_proj'):
        if not hasattr(mod, k):
            continue
        names = gguf_names(arch, f'{name}.{k}')
        w = getattr(mod, k).data
        n, n_out, n_in = w.shape
        of_w = []
        for to in names:
            a = torch.nn.Parameter(numbers(to + '.lora_a', (n, RANK, n_in)))
            b = torch.nn.Parameter(numbers(to + '.lora_b', (n, n_out // len(names), RANK)))
            pairs[to + '.lora_a'], pairs[to + '.lora_b'] = a, b
            of_w.append((a, b))
        del mod._parameters[k]
        parts.append((k, w, of_w))

    def add(*_):
        for k, w, of_w in parts:
            delta = ALPHA / RANK * torch.cat([b @ a for a, b in of_w], 1)
            if factor is not None and k == 'down_proj':
                delta = delta / factor[:, None, None]
            setattr(mod, k, w + delta)
    mod.register_forward_pre_hook(add)


def adapt(arch, m):
    """Hang a LoRA on every linear layer of the blocks; its parameters by GGUF name."""
    pairs = {}
    for k, mod in m.named_modules():
        if '.h.' not in k and '.layers.' not in k:
            continue
        if k.endswith('.experts'):
            router = getattr(m.get_submodule(k.removesuffix('.experts')), 'router', None)
            adapt_experts(arch, k, mod, getattr(router, 'per_expert_scale', None), pairs)
        if '.router' in k or k.endswith(('mixer.gate', 'mlp.gate')): # it stays as it is
            continue
        if not hasattr(mod, 'weight') or mod.weight.ndim != 2:
            continue
        names = gguf_names(arch, k + '.weight')
        n_out, n_in = mod.weight.shape[::-1] if is_conv1d(arch, k + '.weight') \
            else mod.weight.shape
        of_mod = []
        for name in names:
            a = torch.nn.Parameter(numbers(name + '.lora_a', (RANK, n_in)))
            b = torch.nn.Parameter(numbers(name + '.lora_b', (n_out // len(names), RANK)))
            pairs[name + '.lora_a'], pairs[name + '.lora_b'] = a, b
            of_mod.append((name, a, b))
        mod.register_forward_hook(
            lambda _, x, y, of_mod=of_mod: y + ALPHA / RANK * torch.cat(
                [x[0] @ a.T @ to_hf(arch, name, b).T for name, a, b in of_mod], -1))
    return pairs


# ---- numbers ----------------------------------------------------------------------------

def row_of(out):
    return lambda key, *v: print(key, *('%.12g' % float(x) for x in v), sep='\t', file=out)


def ten_steps(row, key, params, lr, betas, decay, loss):
    groups = [dict(params=[p for p in params if p.ndim > 1], weight_decay=decay),
              dict(params=[p for p in params if p.ndim == 1], weight_decay=0.0)]
    opt = torch.optim.AdamW(groups, lr=lr, betas=betas, eps=1e-8)
    losses, norms = [], []
    for _ in range(10):
        opt.zero_grad()
        l = loss()
        l.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(params, 1.0))
        opt.step()
        losses.append(l.detach())
    row(f'{key}.losses', *losses)
    row(f'{key}.norms', *norms)
    row(f'{key}.final', loss().detach())


# ---- objectives -------------------------------------------------------------------------

PAIRS, PROMPT, GOOD, BAD = 4, 3, 5, 4


def answers():
    """Pairs of (ids, length of the prompt), the better one first."""
    ids = mixed('tokens', PAIRS * (PROMPT + GOOD + BAD)).astype(np.int64) % VOCAB
    for k in ids.reshape(PAIRS, -1):
        prompt, good, bad = np.split(k, [PROMPT, PROMPT + GOOD])
        yield [torch.tensor(np.concatenate([prompt, x]))[None] for x in (good, bad)]


def log_ps(m):
    """(PAIRS, 2): of each answer behind its prompt."""
    rows = []
    for pair in answers():
        for ids in pair:
            z = m(input_ids=ids[:, :-1], use_cache=False).logits[0].log_softmax(-1)
            rows.append(z.gather(1, ids[0, 1:, None])[PROMPT - 1:, 0].sum())
    return torch.stack(rows).reshape(PAIRS, 2)


def objectives(out):
    row, log_sigmoid = row_of(out), torch.nn.functional.logsigmoid
    length = torch.tensor([GOOD, BAD], dtype=torch.float64)
    m = llama(False, None).double()
    fill('llama', m)
    with torch.no_grad():
        reference = log_ps(m)
    for p in m.parameters():
        p.requires_grad_(False)

    def gain(p):
        return p - reference

    def dpo(p, beta=0.1, e=0.0):
        x = beta * (gain(p)[:, 0] - gain(p)[:, 1])
        return (-(1 - e) * log_sigmoid(x) - e * log_sigmoid(-x)).mean()

    def dpo_per_token(p):
        x = 0.5 * (gain(p) / length)
        x = x[:, 0] - x[:, 1]
        return (-0.9 * log_sigmoid(x) - 0.1 * log_sigmoid(-x)).mean()

    def ipo(p):
        return ((gain(p)[:, 0] - gain(p)[:, 1] - 1 / (2 * 0.1)) ** 2).mean()

    def simpo(p):
        x = 2 * p / length
        return -log_sigmoid(x[:, 0] - x[:, 1] - 1).mean()

    def orpo(p):
        odds = p / length - torch.log1p(-torch.exp(p / length))
        return (-p[:, 0] / GOOD - 0.1 * log_sigmoid(odds[:, 0] - odds[:, 1])).mean()

    def kto(p):
        sign, weight = torch.tensor([1.0, -1.0]), torch.tensor([1.0, 1.5])
        x = 0.1 * gain(p)
        usual = x.mean().clamp(min=0).detach()
        return (weight * (1 - torch.sigmoid(sign * (x - usual)))).mean()

    def reward(p):
        r = torch.tensor([1.0, -1.0])
        return -(r * p).mean()

    def clipped(p):
        r, ratio = torch.tensor([1.0, -1.0]), gain(p).exp()
        return -torch.minimum(r * ratio, r * ratio.clamp(0.1, 1.9)).mean()

    def advantages(): # pairs 0 and 1, 2 and 3 are groups, whatever their prompts
        r = torch.tensor([1.0, -1.0]).repeat(PAIRS, 1) * torch.arange(1, PAIRS + 1)[:, None]
        g = r.reshape(2, -1)
        mean = g.mean(1).repeat_interleave(PAIRS).reshape(PAIRS, 2)
        std = g.std(1, correction=0).repeat_interleave(PAIRS).reshape(PAIRS, 2)
        return (r - mean) / (std + 1e-4)

    def grpo(p):
        return ((0.05 * gain(p) ** 2 / 2 - advantages() * p) / length).mean()

    def gspo(p):
        a, ratio = advantages(), (gain(p) / length).exp()
        return -torch.minimum(a * ratio, a * ratio.clamp(0.8, 1.2)).mean()

    for f in (dpo, dpo_per_token, ipo, simpo, orpo, kto, reward, grpo, clipped, gspo):
        fill('llama', m)
        for mod in m.modules():
            mod._forward_hooks.clear()
        pairs = adapt('llama', m)
        ten_steps(row, f.__name__, list(pairs.values()), 2e-3, (0.9, 0.999), 0.0,
                  lambda f=f: f(log_ps(m)))


TOP = 7


def top_of(z, ids):
    """Logarithms of the probabilities of ids, and of all others together."""
    log_p = z.log_softmax(-1)
    rest = log_p.scatter(-1, ids, -torch.inf).logsumexp(-1, keepdim=True)
    return torch.cat([log_p.gather(-1, ids), rest], -1)


def distillation(out):
    """gpt2 teaches llama its TOP likeliest ids."""
    row, ids = row_of(out), tokens()
    x, y = ids[:, :-1], ids[:, 1:]
    teacher, m = gpt2(True).double(), llama(False, None).double()
    fill('gpt2', teacher)
    with torch.no_grad():
        z = teacher(input_ids=x, use_cache=False).logits
        top = z.topk(TOP).indices
        p = top_of(z, top)
    for q in m.parameters():
        q.requires_grad_(False)

    def distill(mix=0.0, t=1.0, reverse=0.0):
        z = m(input_ids=x, use_cache=False).logits
        a, b = (p / t).log_softmax(-1), (top_of(z, top) / t).log_softmax(-1)
        forward = (a.exp() * (a - b)).sum(-1).mean()
        back = (b.exp() * (b - a)).sum(-1).mean()
        data = torch.nn.functional.cross_entropy(z.reshape(-1, VOCAB), y.reshape(-1))
        return (1 - mix) * t * t * ((1 - reverse) * forward + reverse * back) + mix * data

    for key, f in dict(distill=lambda: distill(),
                       distill_reverse=lambda: distill(0.0, 1.0, 1.0),
                       distill_mixed=lambda: distill(0.3, 2.0, 0.25)).items():
        fill('llama', m)
        for mod in m.modules():
            mod._forward_hooks.clear()
        pairs = adapt('llama', m)
        ten_steps(row, key, list(pairs.values()), 2e-3, (0.9, 0.999), 0.0, f)


def run(out, arch, make):
    row = row_of(out)
    m = make().double()
    ids = tokens()
    x, y = ids[:, :-1], ids[:, 1:]
    logits = lambda: m(input_ids=x, use_cache=False).logits.reshape(-1, VOCAB)
    loss = lambda: torch.nn.functional.cross_entropy(logits(), y.reshape(-1))
    hot = torch.nn.functional.one_hot(y.reshape(-1), VOCAB)
    mse = lambda: ((logits() - hot) ** 2).mean()
    norm = lambda: torch.sqrt(sum((p.grad ** 2).sum() for p in m.parameters()))

    def some_logits(key):
        z = logits().detach()
        for t in (0, 1, CTX - 1, CTX, 2 * CTX - 1):
            row(f'{key}.{t}', *z[t])

    def steps(*args):
        ten_steps(row, *args, loss)

    def digest(key, name, g):
        g = g.detach().reshape(-1).numpy()
        top = mixed('sign.' + name, g.size) >> np.uint64(31)
        sign = 1.0 - 2.0 * top.astype(np.float64)
        row(f'{key}.{name}', np.linalg.norm(g), g @ sign, g[0], g[g.size // 2], g[-1])

    fill(arch, m)
    some_logits('logits')
    l = mse()
    l.backward()
    row('mse', l.detach(), norm())
    m.zero_grad()
    l = loss()
    l.backward()
    row('loss', l.detach(), norm())
    for k, p in m.named_parameters():
        names = gguf_names(arch, k)
        g = p.grad.T if is_conv1d(arch, k) else p.grad
        if k.endswith('A_log'): # stored as -exp of it
            g = -g / p.exp()
        for name, part in zip(names, g.chunk(len(names), int(g.ndim == 3))):
            digest('grad', name, to_gguf(arch, name, part))
    steps('full', list(m.parameters()), 1e-3, (0.9, 0.95), 0.1)

    fill(arch, m)
    for p in m.parameters():
        p.requires_grad_(False)
    pairs = adapt(arch, m)
    some_logits('lora.logits')
    l = loss()
    l.backward()
    for k, p in pairs.items():
        digest('lora.grad', k, p.grad)
    steps('lora', list(pairs.values()), 2e-3, (0.9, 0.999), 0.0)
    for k, p in pairs.items():
        digest('lora.after', k, p)


MODELS = (
    ('gpt2', 'gpt2', lambda: gpt2(True)),
    ('llama', 'llama', lambda: llama(False, None)),
    ('llama3', 'llama', lambda: llama(True, FACTORS)),
    ('gemma4', 'gemma4', lambda: gemma4(
        [1, 1, 0, 0], attention_k_eq_v=True, num_kv_shared_layers=0,
        hidden_size_per_layer_input=0)),
    ('gemma4e', 'gemma4', lambda: gemma4(
        [1, 1, 0, 1, 1, 0], num_kv_shared_layers=2, use_double_wide_mlp=True,
        hidden_size_per_layer_input=8)),
    ('gemma4moe', 'gemma4', lambda: gemma4(
        [1, 0], attention_k_eq_v=True, num_kv_shared_layers=0,
        hidden_size_per_layer_input=0, enable_moe_block=True, num_experts=4,
        top_k_experts=2, moe_intermediate_size=16)),
    ('llama-yarn', 'llama', lambda: small('Llama', YARN, num_hidden_layers=2)),
    ('phi3-longrope', 'phi3', phi3_longrope),
    ('ministral3', 'mistral3', lambda: small(
        'Ministral3', {**YARN, 'mscale': 1.0, 'mscale_all_dim': 1.0,
                       'llama_4_scaling_beta': 0.25},
        head_dim=8, num_hidden_layers=2)),
    ('olmo3', 'olmo2', lambda: small(
        'Olmo3', dict(full_attention=YARN, sliding_attention=PLAIN), **WINDOWS)),
    ('exaone4-windows', 'exaone4', exaone4_windows),
    ('cohere2', 'cohere2', lambda: small(
        'Cohere2', PLAIN, tie_word_embeddings=True, layer_norm_eps=1e-5, logit_scale=0.25,
        **WINDOWS)),
    ('nemotron_h', 'nemotron_h', lambda: nemotron_h(
        ['linear_attention', 'mlp', 'full_attention', 'linear_attention'])),
    ('falcon-h1', 'falcon-h1', lambda: falcon_h1(False)),
    ('falcon-h1-norm', 'falcon-h1', lambda: falcon_h1(True)),
    ('granitehybrid', 'granitehybrid', lambda: granitehybrid(False)),
    ('granitehybrid-rope', 'granitehybrid', lambda: granitehybrid(True)),
    ('granitehybrid-experts', 'granite-experts', lambda: granitehybrid(False, 4)),
    # two whose own classes come with their models: these compute the same
    ('internlm2', 'internlm2', lambda: small('Llama', PLAIN, num_hidden_layers=2)),
    ('minicpm', 'minicpm', lambda: small(
        'Granite', PLAIN, num_hidden_layers=2, tie_word_embeddings=True,
        embedding_multiplier=3.0, residual_multiplier=0.25, logits_scaling=2.0,
        attention_multiplier=8 ** -0.5)),
    ('qwen2moe', 'qwen2moe', lambda: small(
        'Qwen2Moe', PLAIN, num_hidden_layers=2, num_experts=4, num_experts_per_tok=2,
        moe_intermediate_size=16, shared_expert_intermediate_size=24)),
    ('glm4moe', 'glm4moe', lambda: small(
        'Glm4Moe', {**PLAIN, 'partial_rotary_factor': 0.5}, head_dim=8, num_hidden_layers=3,
        n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=16,
        n_shared_experts=1, first_k_dense_replace=1, norm_topk_prob=True,
        routed_scaling_factor=1.5, use_qk_norm=True, attention_bias=True)),
    ('nemotron_h_moe', 'nemotron_h_moe', lambda: nemotron_h(
        ['linear_attention', 'moe', 'full_attention', 'moe'], n_routed_experts=4,
        num_experts_per_tok=2, moe_intermediate_size=16, norm_topk_prob=True,
        moe_shared_expert_intermediate_size=24, routed_scaling_factor=2.5)),
)

if __name__ == '__main__':
    torch.set_num_threads(1)
    if len(sys.argv) == 2 or 'objectives' in sys.argv[2:]:
        with open(f'{sys.argv[1]}/objectives.tsv', 'w') as f:
            f.write(f'# torch {torch.__version__}, transformers {tf.__version__}\n')
            objectives(f)
            distillation(f)
    for name, arch, make in MODELS:
        if len(sys.argv) > 2 and name not in sys.argv[2:]:
            continue
        if name not in ('gpt2', 'llama', 'llama3'):
            in_f64()
        with open(f'{sys.argv[1]}/{name}.tsv', 'w') as f:
            f.write(f'# torch {torch.__version__}, transformers {tf.__version__}\n')
            run(f, arch, make)
