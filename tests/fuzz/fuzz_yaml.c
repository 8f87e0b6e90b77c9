/* SPDX-License-Identifier: MIT
 *
 * Any characters as the front of a model card: there is always a mapping, which can be written.
 *
 * Sources: hf json
 */
#include <libtrain/base/base.h>
#include <libtrain/hf/yaml.h>

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = NULL;
    const char *s = (const char *)data;
    size_t n = 0, cap = 0, at = 0;
    for (size_t len = 1; at < size && len; at += len)
        len = tr__utf8_len(s + at, size - at);
    struct tr_json *v = tr__hf_yaml(s, at);
    if (tr_json_kind(v) != TR_JSON_OBJECT || tr_json_write(v, NULL, &text, &n, &cap))
        abort();
    free(text);
    tr_json_free(v);
    return 0;
}
