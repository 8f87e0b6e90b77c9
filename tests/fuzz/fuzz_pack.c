/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a pack, once as they are and once sealed: all hashes made to fit, so that
 * what lies behind them is reached.  The file is an unnamed one in memory.
 */
#define _GNU_SOURCE /* memfd_create */
#include <libtrain/base/bytes.h>
#include <libtrain/data/pack_format.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_seq(const struct tr_pack_info *info, const struct tr_pack_seq *s)
{
    if (s->n < 1 || (uint32_t)s->n > info->ctx || s->pos[0] != 0)
        abort();
    for (int32_t t = 0; t < s->n; t++)
        if (s->token[t] < 0 || (uint32_t)s->token[t] >= info->n_vocab ||
            s->target[t] < -1 || s->target[t] >= (int64_t)info->n_vocab ||
            s->pos[t] < 0 || s->pos[t] > t)
            abort();
    for (int32_t t = 0; s->weight && t < s->n; t++)
        if (!isfinite(s->weight[t]) || s->weight[t] < 0 ||
            (s->target[t] >= 0 && s->weight[t] == 0))
            abort();
    for (int32_t t = 0; s->group && t < s->n; t++)
        if (s->group[t] < -1 || s->group[t] >= (int64_t)info->n_group)
            abort();
}

static void read_pack(int fd, const uint8_t *data, size_t size)
{
    char path[32];
    struct tr_pack_seq s;
    struct tr_err err = { 0 };

    if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct tr_pack *p = tr_pack_open(path, &err);
    if (!p && !err.code)
        abort();
    for (uint32_t i = 0; p && i < tr_pack_info(p)->n_group; i++)
        if (*tr_pack_group(p, i) == 0)
            abort();
    for (uint64_t i = 0; p && i < tr_pack_info(p)->n_seq && i < 5000; i++)
        if (tr_pack_read(p, i, &s, NULL) == 0)
            check_seq(tr_pack_info(p), &s);
    tr_pack_close(p);
}

/* Frames are where the index says; what the index says stays, if it can be found. */
static void seal(uint8_t *b, size_t size)
{
    uint8_t *foot = b + size - TR__PACK_FOOTER_BYTES;
    uint64_t end = size - TR__PACK_FOOTER_BYTES;
    uint64_t index = tr__get_u64(foot + TR__PACK_F_INDEX_OFFSET);

    uint64_t groups = tr__get_u32(b + TR__PACK_H_GROUPS);

    tr__put_u64(b + TR__PACK_H_HASH, XXH3_64bits(b, TR__PACK_H_HASH));
    if (index >= TR__PACK_HEADER_BYTES && index < end) {
        if (groups >= 8 && groups <= index)
            tr__put_u64(b + index - 8, XXH3_64bits(b + index - groups, groups - 8));
        for (uint64_t e = index; e + TR__PACK_ENTRY_BYTES <= end;
             e += TR__PACK_ENTRY_BYTES) {
            uint64_t at = tr__get_u64(b + e + TR__PACK_E_OFFSET);
            uint32_t n = tr__get_u32(b + e + TR__PACK_E_STORED);
            if (at <= index && n <= index - at)
                tr__put_u64(b + e + TR__PACK_E_HASH, XXH3_64bits(b + at, n));
        }
        tr__put_u64(foot + TR__PACK_F_INDEX_HASH,
                    XXH3_64bits(b + index, (size_t)(end - index)));
    }
    tr__put_u64(foot + TR__PACK_F_HEADER_HASH, XXH3_64bits(b, TR__PACK_HEADER_BYTES));
    tr__put_u64(foot + TR__PACK_F_FILE_BYTES, size);
    tr__put_u64(foot + TR__PACK_F_HASH, XXH3_64bits(foot, TR__PACK_F_HASH));
}

/* The content of a frame alone: zstd's checksum would keep most changes from it.  The
 * first bytes choose what the index and the header say. */
static void decode(const uint8_t *data, size_t size)
{
    struct tr__pack_frame f = { 0 };

    if (size < 16 || size > 1 << 20)
        return;
    struct tr_pack_info info = { .ctx = data[0] + 1u, .n_vocab = data[1] & 1 ? 70000 : 300 };
    struct tr__pack_entry e = { .content = (uint32_t)size - 4,
                                .positions = tr__get_u32(data + 4 + 8) & 0xfffff,
                                .counted = data[2] };
    uint64_t n_seq = tr__get_u32(data + 4);
    uint32_t may_have = data[3] & 1 ? 0 : TR__PACK_HAS_WEIGHTS | TR__PACK_HAS_GROUPS;
    info.n_group = data[1] >> 1;
    if (n_seq && !tr__pack_frame_decode(&f, data + 4, &e, n_seq, &info, may_have, NULL))
        for (uint32_t i = 0; i < f.n_seq; i++) {
            uint32_t at = f.start[i];
            struct tr_pack_seq s = { (int32_t)(f.start[i + 1] - at), f.token + at,
                                     f.target + at, f.pos + at,
                                     f.has & TR__PACK_HAS_WEIGHTS ? f.weight + at : NULL,
                                     f.has & TR__PACK_HAS_GROUPS ? f.group + at : NULL };
            check_seq(&info, &s);
        }
    tr__pack_frame_release(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    uint8_t *copy = malloc(size + 1);

    if (fd < 0)
        fd = memfd_create("fuzz_pack", MFD_CLOEXEC);
    if (!copy || fd < 0)
        abort();
    memcpy(copy, data, size);
    read_pack(fd, copy, size);
    if (size >= TR__PACK_HEADER_BYTES + TR__PACK_FOOTER_BYTES) {
        seal(copy, size);
        read_pack(fd, copy, size);
    }
    decode(data, size);
    free(copy);
    return 0;
}
