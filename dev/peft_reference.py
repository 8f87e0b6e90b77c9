# SPDX-License-Identifier: MIT
"""Numbers for tests/unit/test_peft.c, from PEFT over transformers, in f64.

usage: peft_reference.py OUTDIR      (the project keeps the result as tests/golden/peft)

Bases are those of reference.py; every tensor of an adapter's folder is a formula of its name
there, so that the test makes the same bits.  File: NAME.tsv with rows `config` and the
settings, `tensor`, name and shape, and `logits`, a row of numbers a position.
"""
import json
import sys

import peft
import torch

from reference import fill, gpt2, llama, mixed, numbers, VOCAB

N = 12
CASES = {
    'llama-patterns': ('llama', dict(
        target_modules=['q_proj', 'k_proj', 'v_proj', 'down_proj'], r=4, lora_alpha=6,
        rank_pattern={'layers.1.self_attn.q_proj': 2, 'down_proj': 3},
        alpha_pattern={r'^model\.layers\.0\.self_attn\.k_proj': 5}, use_rslora=True)),
    'llama-tables': ('llama', dict(
        target_modules=['q_proj', 'embed_tokens', 'lm_head'], r=3, lora_alpha=4)),
    'llama-saved': ('llama', dict(
        target_modules='all-linear', r=2, lora_alpha=3, use_dora=True,
        modules_to_save=['input_layernorm', 'lm_head'])),
    'llama-resized': ('llama', dict(target_modules=['q_proj'], r=2, lora_alpha=4)),
    'gpt2-all': ('gpt2', dict(
        target_modules=['c_attn', 'c_proj'], r=2, lora_alpha=8, fan_in_fan_out=True,
        bias='all', use_dora=True)),
    'gpt2-table': ('gpt2', dict(
        target_modules=['c_fc', 'wte'], r=2, lora_alpha=8, fan_in_fan_out=True)),
}


def make(name, arch, settings):
    m = gpt2(True) if arch == 'gpt2' else llama(False, None)
    fill(arch, m.double())
    resized = name.endswith('-resized')
    if resized:
        m.resize_token_embeddings(VOCAB + 3)
    config = peft.LoraConfig(task_type='CAUSAL_LM', **settings)
    p = peft.get_peft_model(m, config).double().eval()
    state = peft.get_peft_model_state_dict(p, save_embedding_layers=resized)
    state = {k: v for k, v in sorted(state.items()) if not k.endswith('base_layer.weight')}
    new = {k: numbers(k, v.shape) for k, v in state.items()}
    peft.set_peft_model_state_dict(p, new)
    again = peft.get_peft_model_state_dict(p, save_embedding_layers=resized)
    assert all(torch.equal(again[k], new[k]) for k in new)
    ids = torch.tensor(mixed('tokens', N).astype('int64') % VOCAB)[None]
    with torch.no_grad():
        logits = p(input_ids=ids).logits[0]
    said = {k: v for k, v in config.to_dict().items() if v}
    said['peft_type'] = 'LORA'
    targets = settings['target_modules']
    said['target_modules'] = targets if isinstance(targets, str) else sorted(targets)
    with open(f'{sys.argv[1]}/{name}.tsv', 'w') as f:
        print('config', json.dumps(said, default=sorted, sort_keys=True), sep='\t', file=f)
        for k, v in new.items():
            print('tensor', k, *v.shape, sep='\t', file=f)
        for row in logits.tolist():
            print('logits', *('%.7g' % x for x in row), sep='\t', file=f)


for name, (arch, settings) in CASES.items():
    make(name, arch, settings)
