/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a file of safetensors, and as the index of one: what is opened can be read
 * to the last byte.
 */
#include <libtrain/hf/folder.h>

#include "memory_dir.h"

#include <string.h>

enum { MAX_FILE = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const char *path, size_t size)
{
    struct tr_err err = { 0 };
    struct tr__hf_folder *f = tr__hf_open(path, &err);
    size_t bytes = 0;
    if (!f != (err.code != 0))
        abort();
    for (size_t i = 0; f && i < tr__hf_n_tensor(f); i++) {
        const struct tr__hf_tensor *t = tr__hf_tensor(f, i);
        bytes += (size_t)(t->count * t->bits / 8);
        if (tr__hf_find(f, t->name) != t || bytes > size)
            abort();
        void *to = malloc((size_t)(t->count * t->bits / 8) + 1);
        if (to && tr__hf_read(f, t, 0, t->count, to, NULL) && t->bits % 8 == 0)
            abort();
        free(to);
    }
    tr__hf_close(f);
}

static void write_file(const char *path, const uint8_t *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char good[] = "\x40\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F16\",\"shape\":[1],"
                               "\"data_offsets\":[0,2]}}          ..";
    char dir[64], file[96], index[128], shard[96];
    if (size > MAX_FILE)
        return 0;
    make_memory_dir(dir, sizeof dir);
    snprintf(file, sizeof file, "%s/model.safetensors", dir);
    snprintf(index, sizeof index, "%s/model.safetensors.index.json", dir);
    snprintf(shard, sizeof shard, "%s/m.safetensors", dir);
    write_file(file, data, size);
    read_all(dir, size);
    unlink(file);
    write_file(shard, (const uint8_t *)good, sizeof good - 1);
    write_file(index, data, size);
    read_all(dir, sizeof good);
    unlink(index);
    unlink(shard);
    rmdir(dir);
    return 0;
}
