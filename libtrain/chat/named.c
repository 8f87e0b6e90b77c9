/* SPDX-License-Identifier: MIT
 *
 * Templates for models that bring none, by the names people know them by.  They are written
 * here after the formats that the models were trained with; what newer models add (tools,
 * reasoning) is in the models' own templates.  Next: docs/chat-templates.md.
 */
#include <libtrain/chat.h>

#include <string.h>

/* text(content): content may be a string, in parts, or missing. */
#define TEXT                                                                   \
    "{%- macro text(content) -%}\n"                                            \
    "{%- if content is string -%}\n"                                           \
    "{{- content -}}\n"                                                        \
    "{%- else -%}\n"                                                           \
    "{%- for part in content %}{{ part.text }}{% endfor -%}\n"                 \
    "{%- endif -%}\n"                                                          \
    "{%- endmacro -%}\n"

/* `system`: what a first message of that role says; `rest`: the messages behind it. */
#define SYSTEM                                                                 \
    "{%- set system = '' -%}\n"                                                \
    "{%- set rest = messages -%}\n"                                            \
    "{%- if messages and messages[0].role == 'system' -%}\n"                   \
    "{%- set system = text(messages[0].content) | trim -%}\n"                  \
    "{%- set rest = messages[1:] -%}\n"                                        \
    "{%- endif -%}\n"

static const struct { const char *name, *text; size_t n; } named[] = {
#define TR_NAMED(name, text) { name, text, sizeof(text) - 1 },
#include <libtrain/chat/named.def>
#undef TR_NAMED
};

const char *tr_chat_named(const char *name, size_t *n)
{
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(named[i].name, name) == 0) {
            *n = named[i].n;
            return named[i].text;
        }
    *n = 0;
    return NULL;
}

const char *tr_chat_name(size_t i)
{
    return i < sizeof named / sizeof *named ? named[i].name : NULL;
}
