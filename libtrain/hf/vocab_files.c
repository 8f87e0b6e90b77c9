/* SPDX-License-Identifier: MIT
 *
 * The small files beside a vocabulary.  None of them has to be there; one that is there and
 * is not what it should be is an error, since what it says would be missing in silence.
 * Read next: vocab_added.c, vocab_special.c.
 */
#include <libtrain/hf/text.h>
#include <libtrain/hf/vocab_files.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST = 16 << 20 }; /* bytes; added tokens may be many */

int tr__hf_vocab_path(const char *dir, const char *name, char path[TR__HF_PATH],
                      struct tr_err *err)
{
    struct stat st;
    int n = snprintf(path, TR__HF_PATH, "%s/%s", dir, name);
    if (n < 0 || n >= TR__HF_PATH)
        return tr_err_set(err, TR_EINVAL, "'%s': the name of the folder is too long", dir);
    if (!stat(path, &st))
        return 1;
    return errno == ENOENT ? 0 : tr_err_sys(err, "cannot look at '%s'", path);
}

static int open_one(const char *dir, const char *name, struct tr_json **v,
                    struct tr_err *err)
{
    char path[TR__HF_PATH];
    int found = tr__hf_vocab_path(dir, name, path, err);
    if (found <= 0)
        return found;
    *v = tr__hf_json(path, MOST, err);
    return *v ? 0 : TR_EFORMAT;
}

int tr__hf_vocab_files_open(struct tr__hf_vocab_files *f, const char *dir,
                            struct tr_err *err)
{
    const struct {
        const char *name;
        struct tr_json **v;
    } all[] = {
        { "config.json", &f->config },
        { "tokenizer_config.json", &f->settings },
        { "special_tokens_map.json", &f->special },
        { "added_tokens.json", &f->added },
        { "generation_config.json", &f->generation },
    };
    int rc = 0;
    f->dir = dir;
    for (size_t i = 0; i < sizeof all / sizeof *all && !rc; i++)
        rc = open_one(dir, all[i].name, all[i].v, err);
    return rc;
}

void tr__hf_vocab_files_close(struct tr__hf_vocab_files *f)
{
    tr_json_free(f->config);
    tr_json_free(f->tokenizer);
    tr_json_free(f->settings);
    tr_json_free(f->special);
    tr_json_free(f->added);
    tr_json_free(f->generation);
    *f = (struct tr__hf_vocab_files){ 0 };
}

const struct tr_json *tr__hf_config(const struct tr__hf_vocab_files *f, const char *key)
{
    const struct tr_json *v = tr_json_get(f->config, key);
    return v ? v : tr_json_get(tr_json_get(f->config, "text_config"), key);
}

struct tr_str tr__hf_token_text(const struct tr_json *v)
{
    struct tr_str s = { 0 };
    if (tr_json_kind(v) == TR_JSON_OBJECT)
        v = tr_json_get(v, "content");
    if (tr_json_kind(v) == TR_JSON_STRING)
        s.ptr = tr_json_string(v, &s.len);
    return s;
}
