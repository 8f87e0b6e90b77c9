# SPDX-License-Identifier: MIT
"""Train a model with random weights with PyTorch: the work of a row of dev/bench/rows.txt.

usage: peer_train.py full|lora f32|bf16 BATCH CTX LOG KEY=VALUE...

The sizes are those keys of a GGUF that describe a model, without the architecture's name,
which is the value of "architecture"; "attention.blocks" is a list with commas.
Writes "step<TAB>tokens_per_s<TAB>tokens" to LOG for every step, until it is stopped.  AdamW, clipping at
1, no dropout, as in libtrain; bf16 is autocast; LoRA is PEFT's, rank 8, on all linear layers.
"""
import sys
import time

import torch
import transformers as tf


def gpt2(size):
    return tf.GPT2LMHeadModel(tf.GPT2Config(
        vocab_size=size["vocab_size"], n_positions=size["context_length"],
        n_embd=size["embedding_length"], n_layer=size["block_count"],
        n_head=size["attention.head_count"], n_inner=size["feed_forward_length"],
        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0))


def common(size):
    """What the configurations of llama and its descendants call these sizes."""
    given = {
        "vocab_size": size["vocab_size"], "max_position_embeddings": size["context_length"],
        "hidden_size": size["embedding_length"], "num_hidden_layers": size["block_count"],
        "num_attention_heads": size["attention.head_count"],
        "num_key_value_heads": size["attention.head_count_kv"],
        "intermediate_size": size["feed_forward_length"], "rope_theta": size["rope.freq_base"],
        "tie_word_embeddings": True}
    if "attention.key_length" in size:
        given["head_dim"] = size["attention.key_length"]
    return given


def llama(size):
    return tf.LlamaForCausalLM(tf.LlamaConfig(**common(size)))


def qwen3(size):
    return tf.Qwen3ForCausalLM(tf.Qwen3Config(**common(size)))


def gemma3(size):
    return tf.Gemma3ForCausalLM(tf.Gemma3TextConfig(
        sliding_window=size["attention.sliding_window"],
        query_pre_attn_scalar=size["attention.key_length"], **common(size)))


def qwen35(size):
    head = size["ssm.state_size"]
    return tf.Qwen3_5ForCausalLM(tf.Qwen3_5TextConfig(
        linear_conv_kernel_dim=size["ssm.conv_kernel"], linear_key_head_dim=head,
        linear_value_head_dim=size["ssm.inner_size"] // size["ssm.time_step_rank"],
        linear_num_key_heads=size["ssm.group_count"],
        linear_num_value_heads=size["ssm.time_step_rank"],
        layer_types=["linear_attention" if (i + 1) % size["full_attention_interval"]
                     else "full_attention" for i in range(size["block_count"])],
        **common(size)))


def lfm2(size):
    return tf.Lfm2ForCausalLM(tf.Lfm2Config(
        conv_L_cache=size["shortconv.l_cache"], block_auto_adjust_ff_dim=False,
        layer_types=["full_attention" if i in size["attention.blocks"] else "conv"
                     for i in range(size["block_count"])], **common(size)))


def qwen3moe(size):
    return tf.Qwen3MoeForCausalLM(tf.Qwen3MoeConfig(
        num_experts=size["expert_count"], num_experts_per_tok=size["expert_used_count"],
        moe_intermediate_size=size["expert_feed_forward_length"], norm_topk_prob=True,
        **common(size)))


MODELS = {"gpt2": gpt2, "llama": llama, "qwen3": qwen3, "gemma3": gemma3, "qwen35": qwen35,
          "lfm2": lfm2, "qwen3moe": qwen3moe}


def with_lora(model):
    from peft import LoraConfig, get_peft_model
    return get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear",
                                            task_type="CAUSAL_LM"))


def number(text):
    return int(text) if float(text) == int(float(text)) else float(text)


def value(text):
    """A list ends with a comma."""
    if "," in text:
        return [number(n) for n in text.split(",") if n]
    return number(text) if text[:1].isdigit() else text


def main():
    method, precision, batch, ctx, log = sys.argv[1:6]
    batch, ctx = int(batch), int(ctx)
    size = {k: value(v) for k, v in (word.split("=") for word in sys.argv[6:])}
    torch.manual_seed(1)
    model = MODELS[size["architecture"]](size)
    if method == "lora":
        model = with_lora(model)
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
