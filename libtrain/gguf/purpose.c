/* SPDX-License-Identifier: MIT
 *
 * What a GGUF is for.  Adapters, checkpoints, vocabularies and importance matrices are GGUF
 * files too and are mistaken for models; without this the answer would be the first tensor
 * that they do not have.
 */
#include <libtrain/gguf/reader.h>

#include <string.h>

/* By the values of a key that says so. */
static const struct {
    const char *key, *value, *words;
} purposes[] = {
    { "general.type", "adapter",
      "an adapter, not a model: name its base as the model, and this as an adapter on it" },
    { "adapter.type", "lora",
      "an adapter, not a model: name its base as the model, and this as an adapter on it" },
    { "general.type", "checkpoint",
      "a checkpoint of a training, not a model: export it with its base first" },
    { "general.type", "gradients", "the gradients of a training step, not a model" },
    { "general.type", "logits", "logits, not a model" },
    { "general.type", "imatrix",
      "an importance matrix, not a model: it helps to quantise the model it was made with" },
    { "general.type", "mmproj",
      "the part of a model that sees or hears (mmproj): name the file with the text model" },
    { "general.architecture", "clip",
      "the part of a model that sees or hears (mmproj): name the file with the text model" },
};

static int says(const struct tr_gguf *g, const char *key, const char *value)
{
    struct tr_str s;
    return tr_gguf_string(g, key, &s, NULL) > 0 && s.len == strlen(value) &&
           !memcmp(s.ptr, value, s.len);
}

int tr_gguf_expect_model(const struct tr_gguf *g, struct tr_err *err)
{
    for (size_t i = 0; i < sizeof purposes / sizeof *purposes; i++)
        if (says(g, purposes[i].key, purposes[i].value))
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s' is %s", tr_gguf_path(g),
                              purposes[i].words);
    if (tr_gguf_n_tensor(g))
        return 0;
    if (tr_gguf_find_kv(g, "tokenizer.ggml.tokens"))
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s' holds no tensors: it is a vocabulary "
                          "without a model, good to tokenise", tr_gguf_path(g));
    return tr_err_set(err, TR_EFORMAT, "'%s' holds no tensors", tr_gguf_path(g));
}
