/* SPDX-License-Identifier: MIT
 *
 * What the small folders of Hugging Face that tests write have in common: config.json with a piece
 * that is otherwise, a tokenizer of six tokens, and that one is refused by name.
 */
#ifndef TESTS_HF_CONFIG_H
#define TESTS_HF_CONFIG_H

#include "scratch.h"

#include <libtrain/error.h>

/* Into the test's directory; from: what `to` stands in place of, or NULL. */
static inline void write_config(const char *config, const char *from, const char *to)
{
    static const char tokenizer[] =
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"c\": 2, \"d\": 3,"
        " \"e\": 4, \"ab\": 5}, \"merges\": [\"a b\"]}, \"added_tokens\": [],"
        " \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false}}";
    char text[1024];
    const char *at = from ? strstr(config, from) : NULL;
    ck_assert(!from || at);
    int n = at ? (int)(at - config) : (int)strlen(config);
    snprintf(text, sizeof text, "%.*s%s%s", n, config, at ? to : "",
             at ? at + strlen(from) : "");
    write_bytes(in_dir("config.json"), text, strlen(text));
    write_bytes(in_dir("tokenizer.json"), tokenizer, strlen(tokenizer));
}

/* It failed and says so, and there is no file. */
static inline void is_refused(int rc, const struct tr_err *err, const char *says)
{
    ck_assert(rc < 0);
    ck_assert_msg(strstr(err->text, says) != NULL, "'%s' does not say \"%s\"", err->text, says);
    ck_assert_msg(!strstr(err->text, ".tmp."), "%s", err->text);
    ck_assert(access(path, F_OK) != 0);
}

#endif
