# SPDX-License-Identifier: MIT
"""Train a model with random weights with PyTorch: the work of a row of dev/bench/rows.txt.

usage: peer_train.py full|lora f32|bf16 BATCH CTX LOG KEY=VALUE...

The sizes are those keys of a GGUF that describe a model, without the architecture's name.
Writes "step<TAB>tokens_per_s<TAB>tokens" to LOG for every step, until it is stopped.  AdamW, clipping at
1, no dropout, as in libtrain; bf16 is autocast; LoRA is PEFT's, rank 8, on all linear layers.
"""
import sys
import time

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM


def gpt2(size):
    return GPT2LMHeadModel(GPT2Config(
        vocab_size=size["vocab_size"], n_positions=size["context_length"],
        n_embd=size["embedding_length"], n_layer=size["block_count"],
        n_head=size["attention.head_count"], n_inner=size["feed_forward_length"],
        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0))


def llama(size):
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=size["vocab_size"], max_position_embeddings=size["context_length"],
        hidden_size=size["embedding_length"], num_hidden_layers=size["block_count"],
        num_attention_heads=size["attention.head_count"],
        num_key_value_heads=size["attention.head_count_kv"],
        intermediate_size=size["feed_forward_length"], rope_theta=size["rope.freq_base"],
        tie_word_embeddings=True))


def with_lora(model, is_llama):
    from peft import LoraConfig, get_peft_model
    targets = ["c_attn", "c_proj", "c_fc"]
    if is_llama:
        targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    return get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=targets,
                                            task_type="CAUSAL_LM"))


def main():
    method, precision, batch, ctx, log = sys.argv[1:6]
    batch, ctx = int(batch), int(ctx)
    size = {k: float(v) for k, v in (word.split("=") for word in sys.argv[6:])}
    size = {k: v if k == "rope.freq_base" else int(v) for k, v in size.items()
            if v == int(v)}
    torch.manual_seed(1)
    is_llama = "rope.freq_base" in size
    model = llama(size) if is_llama else gpt2(size)
    if method == "lora":
        model = with_lora(model, is_llama)
    model.train()
    model.config.use_cache = False
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(params, lr=1e-4, fused=True)
    ids = torch.randint(0, 2000, (batch, ctx))
    with open(log, "w", encoding="ascii") as out:
        print("step\ttokens_per_s\ttokens", file=out, flush=True)
        for step in range(1, 1000000):
            start = time.monotonic()
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                loss = model(input_ids=ids, labels=ids).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(params, 1.0)
            optimizer.step()
            rate = batch * ctx / (time.monotonic() - start)
            print(f"{step}\t{rate:.4f}\t{batch * ctx}", file=out, flush=True)


main()
