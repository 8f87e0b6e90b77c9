/* SPDX-License-Identifier: MIT
 *
 * What a GGUF says of itself beside its model: general.name and the like, found where
 * llama.cpp's converter finds them.
 */
#ifndef LIBTRAIN_HF_META_H
#define LIBTRAIN_HF_META_H

#include <libtrain/gguf.h>
#include <libtrain/json.h>

enum { TR__HF_TITLE_BYTES = 256 };

/* The parts of a name like "org/Qwen2.5-0.5B-Instruct"; empty: not said. */
struct tr__hf_title {
    char name[TR__HF_TITLE_BYTES], organization[TR__HF_TITLE_BYTES];
    char basename[TR__HF_TITLE_BYTES], finetune[TR__HF_TITLE_BYTES];
    char version[TR__HF_TITLE_BYTES], size_label[TR__HF_TITLE_BYTES];
};

/* n_number: of the model, which tells a size from a context length; 0: nobody knows. */
void tr__hf_title_of(struct tr__hf_title *t, const char *id, double n_number);
/* "smollm2-135M-chat" as a title: "Smollm2 135M Chat". */
void tr__hf_titled(char *to, const char *id);

/* Numbers of a model, and how many of its experts there are and have each. */
struct tr__hf_count {
    double all, shared, expert;
    int64_t n_expert;
};
/* "135M", "8x22B". */
void tr__hf_size_label(char *to, size_t size, const struct tr__hf_count *c);

/* What the front of the folder's README.md says: what its YAML is as JSON (yaml.h), nothing if
 * there is none.  The caller's; NULL for lack of memory. */
struct tr_json *tr__hf_card(const char *folder, struct tr_err *err) TR_MUST_CHECK;

/* Set these keys for the model of a folder with this config.json: of each what its README.md says,
 * else what the name in _name_or_path, else that of the folder; `name` in place of what is found,
 * or NULL. */
int tr__hf_meta_set(struct tr_gguf_writer *w, const char *folder, const struct tr_json *config,
                    const char *name, const struct tr__hf_count *c,
                    struct tr_err *err) TR_MUST_CHECK;

#endif
