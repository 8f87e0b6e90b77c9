/* SPDX-License-Identifier: MIT
 *
 * Any bytes as JSON: what is read must be written, and read again as the same text.
 *
 * Sources: json error
 */
#include <libtrain/json.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tr_err err = { 0 };
    char *text = NULL, *again = NULL;
    size_t n = 0, cap = 0, m = 0, cap2 = 0;
    struct tr_json *v = tr_json_parse((const char *)data, size, "input", 1, 0, &err);
    if (!v != (err.code != 0))
        abort();
    if (!v)
        return 0;
    if (tr_json_write(v, NULL, &text, &n, &cap))
        abort();
    tr_json_free(v);
    v = tr_json_parse(text, n, "output", 1, 0, &err);
    if (!v || tr_json_write(v, NULL, &again, &m, &cap2) || m != n || memcmp(text, again, n))
        abort();
    tr_json_free(v);
    free(text);
    free(again);
    return 0;
}
