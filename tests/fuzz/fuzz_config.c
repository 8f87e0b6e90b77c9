/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a config.json: the keys that it gives, where it is of a family, and an import with
 * a file of one tensor beside it.  What fails says why.
 *
 * Sources: hf error
 */
#include <libtrain/hf/plan.h>
#include <libtrain/hf/text.h>
#include <libtrain/import.h>

#include "memory_dir.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

enum { MAX_FILE = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f))
        abort();
}

static void check(int rc, const struct tr_err *err)
{
    if ((rc != 0) != (err->code != 0))
        abort();
}

/* What the import makes of it before it looks at any tensor. */
static void make_keys(const char *path, const char *out)
{
    struct tr_err err = { 0 };
    struct tr__hf_sizes size;
    struct tr_json *config = NULL, *raw = tr__hf_json(path, MAX_FILE, &err);
    const struct tr__hf_arch *arch = raw ? tr__hf_of_config(raw, path, &err) : NULL;
    if (arch)
        config = tr__hf_complete(arch, raw, &err);
    check(!config, &err);
    if (config && !tr__hf_sizes_of_config(arch, config, path, &size, &err)) {
        struct tr__hf_in in = { arch, &size, config, path, 0, tr_gguf_create(out, &err) };
        int rc = in.w ? tr__hf_keys_to_gguf(&in, 1, &err) : -1;
        if (!rc)
            rc = tr__hf_keys_to_gguf(&in, 0, &err);
        check(rc, &err);
        tr_gguf_discard(in.w);
    }
    tr_json_free(config);
    tr_json_free(raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char numbers[] = "\x50\0\0\0\0\0\0\0{\"model.embed_tokens.weight\":{\"dtype\":"
                                  "\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]}}\0\0\0";
    char dir[64], config[96], tensors[96], out[96];
    struct tr_err err = { 0 };
    struct tr_import_args args = { 0 };
    if (size > MAX_FILE)
        return 0;
    make_memory_dir(dir, sizeof dir);
    snprintf(config, sizeof config, "%s/config.json", dir);
    snprintf(tensors, sizeof tensors, "%s/model.safetensors", dir);
    snprintf(out, sizeof out, "%s/out.gguf", dir);
    write_file(config, data, size);
    write_file(tensors, numbers, sizeof numbers);
    make_keys(config, out);
    check(tr_import(dir, &args, out, &err), &err);
    unlink(config);
    unlink(tensors);
    unlink(out);
    return rmdir(dir) ? abort(), 0 : 0;
}
