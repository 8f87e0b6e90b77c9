/* SPDX-License-Identifier: MIT
 *
 * The tables of shapes.  Real ones have the published sizes; what is random about such a
 * model does not change its speed.
 */
#include "shapes.h"

#include <stddef.h>

#define LLAMA(vocab, layers, ctx, embd, ff, heads, kv, base)                             \
    "vocab_size=" #vocab " context_length=" #ctx " embedding_length=" #embd              \
    " block_count=" #layers " feed_forward_length=" #ff " attention.head_count=" #heads  \
    " attention.head_count_kv=" #kv " eps=1e-5 rope.freq_base=" #base " "
#define GPT2(vocab, layers, embd, ff, heads)                                             \
    "vocab_size=" #vocab " context_length=1024 embedding_length=" #embd                  \
    " block_count=" #layers " feed_forward_length=" #ff " attention.head_count=" #heads  \
    " attention.head_count_kv=" #heads " eps=1e-5"
#define HEADS_OF(n) "attention.key_length=" #n " attention.value_length=" #n " "

static const struct shape real[] = {
    { "tiny", "llama", LLAMA(2048, 4, 256, 128, 384, 4, 2, 10000.0), "", 0 },
    { "gpt2-124m", "gpt2", GPT2(50257, 12, 768, 3072, 12), "", 0 },
    { "gpt2-355m", "gpt2", GPT2(50257, 24, 1024, 4096, 16), "", 0 },
    { "smollm2-135m", "llama", LLAMA(49152, 30, 8192, 576, 1536, 9, 3, 100000.0), "", 0 },
    /* Llama 3.2 1B and 3B, with plain rope */
    { "llama-1b", "llama", LLAMA(128256, 16, 8192, 2048, 8192, 32, 8, 500000.0), "", 0 },
    { "llama-3b", "llama", LLAMA(128256, 28, 8192, 3072, 8192, 24, 8, 500000.0), "", 0 },
    { "qwen3-0.6b", "qwen3",
      LLAMA(151936, 28, 40960, 1024, 3072, 16, 8, 1000000.0)
      "rope.dimension_count=128 " HEADS_OF(128), "", 0 },
    { "gemma3-270m", "gemma3",
      LLAMA(262144, 18, 32768, 640, 2048, 4, 1, 1000000.0)
      "rope.dimension_count=256 " HEADS_OF(256) "attention.sliding_window=512", "", 0 },
    { "qwen3.5-0.8b", "qwen35",
      LLAMA(248320, 24, 262144, 1024, 3584, 8, 2, 10000000.0)
      "rope.dimension_count=64 " HEADS_OF(256)
      "ssm.conv_kernel=4 ssm.state_size=128 ssm.group_count=16 ssm.time_step_rank=16 "
      "ssm.inner_size=2048 full_attention_interval=4", "", 0 },
    { "lfm2-350m", "lfm2",
      LLAMA(65536, 16, 128000, 1024, 4608, 16, 8, 1000000.0)
      "rope.dimension_count=64 attention.head_count_kv=[0,0,8,0,0,8,0,0,8,0,8,0,8,0,8,0] "
      "shortconv.l_cache=3", "", 0 },
    { "granite4-h-350m", "granitehybrid",
      LLAMA(100352, 32, 32768, 768, 2048, 12, 4, 10000.0)
      "rope.dimension_count=64 "
      "attention.head_count_kv=[0,0,0,0,0,0,0,0,0,0,4,0,0,4,0,0,0,4,0,0,0,0,0,0,0,0,0,4,0,"
      "0,0,0] ssm.conv_kernel=4 ssm.state_size=128 ssm.group_count=1 ssm.time_step_rank=48 "
      "ssm.inner_size=1536 embedding_scale=12.0 residual_scale=0.246 "
      "attention.scale=0.015625 logit_scale=3.0 rope.scaling.finetuned=false", "", 0 },
    /* nobody's: a small model whose experts are most of it */
    { "experts-16x2", "qwen3moe",
      LLAMA(32768, 12, 4096, 512, 1024, 8, 4, 1000000.0)
      "rope.dimension_count=64 expert_count=16 expert_used_count=2 "
      "expert_feed_forward_length=512", "", 0 },
};

static const struct shape forms[] = {
#include "../../tests/unit/forms.def"
};

enum { N_REAL = sizeof real / sizeof *real, N_FORM = sizeof forms / sizeof *forms };

const struct shape *form_at(int i)
{
    return i < N_FORM ? &forms[i] : NULL;
}

int shape_is_form(const struct shape *s)
{
    return s >= forms && s < forms + N_FORM;
}

const struct shape *shape_at(int i)
{
    return i < N_REAL ? &real[i] : form_at(i - N_REAL);
}
