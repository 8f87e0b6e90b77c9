/* SPDX-License-Identifier: MIT
 *
 * What a GGUF is for.  Adapters, checkpoints, vocabularies and importance matrices are GGUF
 * files too and are mistaken for models; without this the answer would be the first tensor
 * that they do not have.
 */
#include <libtrain/gguf/reader.h>


/* By the values of a key that says so; the first that fits counts. */
static const struct {
    const char *key, *value, *noun, *way_out; /* way_out: where a model was wanted */
    int weights; /* its tensors are weights of a model */
} purposes[] = {
    { "general.type", "adapter", "an adapter",
      "name its base as the model, and this as an adapter on it", 0 },
    { "adapter.type", "lora", "an adapter",
      "name its base as the model, and this as an adapter on it", 0 },
    { "general.type", "checkpoint", "a checkpoint of a training",
      "export it with its base first", 0 },
    { "general.type", "gradients", "the gradients of a training step", NULL, 0 },
    { "general.type", "logits", "a file of logits", NULL, 0 },
    { "general.type", "logprobs", "a file of the probabilities of answers", NULL, 0 },
    { "general.type", "teacher", "a file of what a teacher said", NULL, 0 },
    { "general.type", "imatrix", "an importance matrix",
      "it helps to quantise the model that it was made with", 0 },
    { "general.type", "mmproj", "the part of a model that sees or hears (mmproj)",
      "name the file with the text model", 1 },
    { "general.architecture", "clip", "the part of a model that sees or hears (mmproj)",
      "name the file with the text model", 1 },
};
enum { N_PURPOSE = sizeof purposes / sizeof *purposes };

static int says(const struct tr_gguf *g, const char *key, const char *value)
{
    struct tr_str s;
    return tr_gguf_string(g, key, &s, NULL) > 0 && tr_str_is(s, value);
}

static int find_purpose(const struct tr_gguf *g)
{
    int i = 0;
    while (i < N_PURPOSE && !says(g, purposes[i].key, purposes[i].value))
        i++;
    return i;
}

const char *tr_gguf_purpose(const struct tr_gguf *g)
{
    int i = find_purpose(g);
    if (i < N_PURPOSE)
        return purposes[i].noun;
    if (tr_gguf_n_tensor(g))
        return "a model";
    return tr_gguf_find_kv(g, "tokenizer.ggml.tokens") ? "a vocabulary" : "without tensors";
}

static int is_no_model(const struct tr_gguf *g, const char *way_out, struct tr_err *err)
{
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s' is %s, not a model%s%s", tr_gguf_path(g),
                      tr_gguf_purpose(g), way_out ? ": " : "", way_out ? way_out : "");
}

int tr_gguf_expect_model(const struct tr_gguf *g, struct tr_err *err)
{
    int i = find_purpose(g);
    if (i < N_PURPOSE)
        return is_no_model(g, purposes[i].way_out, err);
    return tr_gguf_n_tensor(g) ? 0 : is_no_model(g, NULL, err);
}

int tr_gguf_expect_weights(const struct tr_gguf *g, struct tr_err *err)
{
    int i = find_purpose(g);
    return i == N_PURPOSE || purposes[i].weights ? 0
                                                 : is_no_model(g, purposes[i].way_out, err);
}
