/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a chat template, rendered with one conversation: an error, or a text whose
 * ranges lie in it one behind the other, and turns that do too.
 *
 * Sources: chat json
 */
#include <libtrain/chat.h>
#include <libtrain/json.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char row[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"S <|x|>\"},"
    "{\"role\": \"user\", \"content\": \" U1\\n\"},"
    "{\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": [{\"function\":"
    "{\"name\": \"f\", \"arguments\": {\"a\": [1, 2.5, null]}}}]},"
    "{\"role\": \"tool\", \"content\": [{\"type\": \"text\", \"text\": \"\\u00fc\"}]},"
    "{\"role\": \"assistant\", \"content\": \"A2\", \"reasoning_content\": \"r\"}],"
    "\"tools\": [{\"name\": \"f\", \"parameters\": {\"a\": {\"type\": \"array\"}}}]}";

static void check(const struct tr_chat_range *range, size_t n, size_t end)
{
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        if (range[i].start < from || range[i].end < range[i].start || range[i].end > end)
            abort();
        from = range[i].end;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char want[5] = { 1, 1, 1, 1, 1 };
    struct tr_err err = { 0 };
    struct tr_chat_text t = { 0 };
    struct tr_json *v = tr_json_parse(row, sizeof row - 1, "row", 0, 0, &err);
    struct tr_chat *c = tr_chat_new("input", (const char *)data, size, &err);
    if (!v || (!c && !err.code))
        abort();
    if (c && tr_chat_render(c, v, NULL, 0, &t, &err) == 0) {
        check(t.data, t.n_data, t.n);
        check(t.generation, t.n_generation, t.n);
        if (tr_chat_turns(c, v, NULL, 0, want, &t, &err) == 0)
            for (size_t i = 0; i < t.n_turn; i++)
                check((struct tr_chat_range[]){ { t.turn[i].start, t.turn[i].end } }, 1,
                      t.n);
    }
    tr_chat_free(c);
    tr_chat_text_release(&t);
    tr_json_free(v);
    return 0;
}
