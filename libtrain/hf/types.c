/* SPDX-License-Identifier: MIT
 *
 * Which type the converter gives a tensor: vectors, norms and a few tables that llama.cpp reads
 * only so are F32, all others what was asked for; F16 where their rows are no whole blocks.
 */
#include <libtrain/hf/plan.h>

#include <string.h>

static int ends(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);
    return n >= k && strcmp(name + n - k, suffix) == 0;
}

static int is_always_f32(const char *name)
{
    static const char *const whole[] = {
        "ffn_gate_inp.weight", "ffn_gate_inp_shexp.weight", "ssm_conv1d.weight",
        "shortconv.conv.weight", "position_embd.weight", "token_types.weight",
    };
    const char *rest = name;
    (void)tr_gguf_block(name, &rest);
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcmp(rest, whole[i]) == 0)
            return 1;
    return ends(name, "_norm.weight") || !ends(name, ".weight");
}

const struct tr_dtype *tr__hf_type_of(const char *name, int n_dim, const int64_t *dim,
                                      const struct tr_dtype *want)
{
    if (n_dim <= 1 || is_always_f32(name))
        return &tr_f32;
    return dim[n_dim - 1] % want->block ? &tr_f16 : want;
}
