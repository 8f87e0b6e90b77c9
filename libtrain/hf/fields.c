/* SPDX-License-Identifier: MIT
 *
 * Fields of config.json by a path, or by the key that they become.
 */
#include <libtrain/hf/map.h>

#include <string.h>

const struct tr_json *tr__hf_field(const struct tr_json *config, const char *path)
{
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        char part[64];
        if ((size_t)(dot - path) >= sizeof part)
            return NULL;
        memcpy(part, path, (size_t)(dot - path));
        part[dot - path] = 0;
        config = tr_json_get(config, part);
    }
    return tr_json_get(config, path);
}

const struct tr_json *tr__hf_key_field(const struct tr__hf_arch *a,
                                       const struct tr_json *config, const char *key)
{
    for (const struct tr__hf_key *k = a->key; k->kind; k++)
        if (k->key && strcmp(k->key, key) == 0)
            for (size_t i = 0; i < sizeof k->field / sizeof *k->field && k->field[i]; i++) {
                const struct tr_json *v = tr__hf_field(config, k->field[i]);
                if (v)
                    return v;
            }
    return NULL;
}
