/* SPDX-License-Identifier: MIT
 *
 * Reading packs.  Nothing is believed before it was proved: the footer names the size of
 * the file and the hashes of header and index, the index the hash of every frame and all
 * sizes, and these stay below limits that follow from the context.  zstd is handed only
 * frames whose stored bytes were right.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/pack_format.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

struct tr_pack {
    char *path;
    int fd;
    uint64_t file_bytes, n_frame;
    uint32_t may_have;     /* bits of what its version has in frames */
    uint32_t groups_bytes; /* of the table of groups, with its hash */
    struct tr__pack_groups groups;
    struct tr_pack_info info;
    struct tr__pack_entry *index; // (n_frame + 1) the last only closes the one before
    unsigned char *stored, *content;
    size_t stored_cap, content_cap;
    struct tr__pack_frame frame; /* of number i_frame, if that is below n_frame */
    uint64_t i_frame, n_unpacked;
    ZSTD_DCtx *zstd;
};

static int bad(const struct tr_pack *p, struct tr_err *err, const char *what)
{
    return tr_err_set(err, TR_EFORMAT, "'%s': %s", p->path, what);
}

static int read_at(const struct tr_pack *p, void *data, size_t bytes, uint64_t offset,
                   struct tr_err *err)
{
    ssize_t n = tr__pread_all(p->fd, data, bytes, offset);

    if (n < 0)
        return tr_err_sys(err, "cannot read '%s'", p->path);
    return (size_t)n < bytes ? bad(p, err, "the pack became shorter while it was read") : 0;
}

/* ==== opening ==== */

/* What a pack is made of may be given in its place. */
static const char *way_to_pack(const unsigned char *head, size_t n)
{
    if (n >= TR__MAGIC_BYTES && !memcmp(head, TR__TOKEN_MAGIC, TR__MAGIC_BYTES))
        return " (the command pack makes a pack of it)";
    return n && !strcmp(tr__magic_words(head, n), "text")
               ? " (tokenize makes tokens of it, and pack a pack of those)" : "";
}

static int read_header(struct tr_pack *p, unsigned char *head, struct tr_err *err)
{
    struct tr_pack_info *info = &p->info;
    size_t n = p->file_bytes < TR__PACK_HEADER_BYTES ? (size_t)p->file_bytes
                                                     : TR__PACK_HEADER_BYTES;
    int rc = read_at(p, head, n, 0, err);

    if (rc)
        return rc;
    if (n < TR__MAGIC_BYTES || memcmp(head, TR__PACK_MAGIC, TR__MAGIC_BYTES))
        return tr_err_set(err, TR_EFORMAT, "'%s' is not a pack: it is %s%s", p->path,
                          tr__magic_words(head, n), way_to_pack(head, n));
    uint32_t version = n < TR__PACK_H_CTX ? TR__PACK_PLAIN
                                          : tr__get_u32(head + TR__PACK_H_VERSION);
    if (version < TR__PACK_PLAIN || version > TR__PACK_SIGNED)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': pack of version %" PRIu32 ", this "
                          "program reads %d to %d", p->path, version, TR__PACK_PLAIN,
                          TR__PACK_SIGNED);
    if (p->file_bytes < TR__PACK_HEADER_BYTES + TR__PACK_FOOTER_BYTES)
        return bad(p, err, "the pack is truncated");
    if (XXH3_64bits(head, TR__PACK_H_HASH) != tr__get_u64(head + TR__PACK_H_HASH))
        return bad(p, err, "the header of the pack is damaged");
    p->may_have = version == TR__PACK_PLAIN ? 0
                                            : TR__PACK_HAS_WEIGHTS | TR__PACK_HAS_GROUPS;
    info->is_signed = version == TR__PACK_SIGNED;
    p->may_have |= info->is_signed ? TR__PACK_HAS_SIGNS : 0;
    p->groups_bytes = tr__get_u32(head + TR__PACK_H_GROUPS);
    info->ctx = tr__get_u32(head + TR__PACK_H_CTX);
    info->n_vocab = tr__get_u32(head + TR__PACK_H_N_VOCAB);
    info->vocab_hash = tr__get_u64(head + TR__PACK_H_VOCAB_HASH);
    info->n_seq = tr__get_u64(head + TR__PACK_H_N_SEQ);
    info->n_token = tr__get_u64(head + TR__PACK_H_N_TOKEN);
    info->n_counted = tr__get_u64(head + TR__PACK_H_N_COUNTED);
    if (info->ctx == 0 || info->ctx > TR_PACK_MAX_CTX || info->n_vocab == 0 ||
        info->n_vocab > 0x80000000u || p->groups_bytes > TR__PACK_GROUPS_BYTES ||
        (version == TR__PACK_PLAIN && p->groups_bytes))
        return bad(p, err, "the header of the pack holds values out of range");
    if (info->n_seq == 0 || info->n_seq > info->n_token || info->n_token >> 40 ||
        info->n_counted > info->n_token)
        return bad(p, err, "the counts in the header of the pack cannot be right");
    return 0;
}

static int read_footer(struct tr_pack *p, const unsigned char *head, uint64_t *index_hash,
                       struct tr_err *err)
{
    unsigned char foot[TR__PACK_FOOTER_BYTES];
    uint64_t at = p->file_bytes - sizeof foot;
    int rc = read_at(p, foot, sizeof foot, at, err);

    if (rc)
        return rc;
    if (memcmp(foot + TR__PACK_F_MAGIC, TR__PACK_END_MAGIC, 8))
        return bad(p, err, "the pack is truncated, or something follows it: no footer at "
                   "its end");
    if (XXH3_64bits(foot, TR__PACK_F_HASH) != tr__get_u64(foot + TR__PACK_F_HASH))
        return bad(p, err, "the footer of the pack is damaged");
    if (tr__get_u64(foot + TR__PACK_F_FILE_BYTES) != p->file_bytes)
        return tr_err_set(err, TR_EFORMAT, "'%s': the pack should have %" PRIu64 " bytes "
                          "and has %" PRIu64, p->path,
                          tr__get_u64(foot + TR__PACK_F_FILE_BYTES), p->file_bytes);
    if (XXH3_64bits(head, TR__PACK_HEADER_BYTES) !=
        tr__get_u64(foot + TR__PACK_F_HEADER_HASH))
        return bad(p, err, "header and footer are of different packs");
    p->n_frame = tr__get_u64(foot + TR__PACK_F_N_FRAME);
    uint64_t index = tr__get_u64(foot + TR__PACK_F_INDEX_OFFSET);
    if (index < TR__PACK_HEADER_BYTES || index > at || p->n_frame == 0 ||
        p->n_frame > (at - index) / TR__PACK_ENTRY_BYTES ||
        p->n_frame * TR__PACK_ENTRY_BYTES != at - index)
        return bad(p, err, "the index of the pack is not where its footer says");
    *index_hash = tr__get_u64(foot + TR__PACK_F_INDEX_HASH);
    p->info.hash = tr__get_u64(foot + TR__PACK_F_CONTENT_HASH);
    return 0;
}

/* Entry i: what follows from the file and the limits.  The entry behind it must begin
 * where it ends, in bytes and in sequences. */
static int entry_ok(const struct tr_pack *p, uint64_t i)
{
    const struct tr__pack_entry *e = &p->index[i], *next = e + 1;
    uint32_t most = tr__pack_max_positions(p->info.ctx);

    return next->offset > e->offset && next->offset - e->offset == e->stored &&
           next->first_seq > e->first_seq && e->positions <= most &&
           e->content <= tr__pack_more_bytes(p->may_have, e->positions, e->positions,
                                             p->info.n_vocab);
}

static void get_entry(struct tr__pack_entry *e, const unsigned char *b)
{
    e->offset = tr__get_u64(b + TR__PACK_E_OFFSET);
    e->first_seq = tr__get_u64(b + TR__PACK_E_FIRST_SEQ);
    e->stored = tr__get_u32(b + TR__PACK_E_STORED);
    e->content = tr__get_u32(b + TR__PACK_E_CONTENT);
    e->positions = tr__get_u32(b + TR__PACK_E_POSITIONS);
    e->counted = tr__get_u32(b + TR__PACK_E_COUNTED);
    e->hash = tr__get_u64(b + TR__PACK_E_HASH);
}

static int read_index(struct tr_pack *p, uint64_t index_hash, struct tr_err *err)
{
    size_t bytes = (size_t)p->n_frame * TR__PACK_ENTRY_BYTES; /* at most the file's */
    uint64_t offset = p->file_bytes - TR__PACK_FOOTER_BYTES - bytes;
    uint64_t frames_end = offset - p->groups_bytes; /* too small: no frame fits */
    uint64_t n_token = 0, n_counted = 0;
    unsigned char *raw = malloc(bytes);
    int rc;

    p->index = malloc((size_t)(p->n_frame + 1) * sizeof *p->index);
    if (!raw || !p->index) {
        rc = tr_err_set(err, TR_ENOMEM, "'%s': out of memory for the index", p->path);
        goto out;
    }
    rc = read_at(p, raw, bytes, offset, err);
    if (!rc && XXH3_64bits(raw, bytes) != index_hash)
        rc = bad(p, err, "the index of the pack is damaged");
    if (rc)
        goto out;
    for (uint64_t i = 0; i < p->n_frame; i++)
        get_entry(&p->index[i], raw + i * TR__PACK_ENTRY_BYTES);
    p->index[p->n_frame] = (struct tr__pack_entry){ .offset = frames_end,
                                                    .first_seq = p->info.n_seq };
    int ok = p->index[0].offset == TR__PACK_HEADER_BYTES && p->index[0].first_seq == 0;
    for (uint64_t i = 0; i < p->n_frame && ok; i++) {
        ok = entry_ok(p, i);
        n_token += p->index[i].positions;
        n_counted += p->index[i].counted;
    }
    ok = ok && n_token == p->info.n_token && n_counted == p->info.n_counted;
    rc = ok ? 0 : bad(p, err, "the index of the pack contradicts its header or its size");
out:
    free(raw);
    return rc;
}

/* The table of groups ends where the index begins, with a hash of its own. */
static int read_groups(struct tr_pack *p, struct tr_err *err)
{
    size_t bytes = p->groups_bytes;

    if (bytes == 0)
        return 0;
    unsigned char *raw = malloc(bytes);
    if (!raw)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its groups", p->path);
    int rc = read_at(p, raw, bytes, p->index[p->n_frame].offset, err);
    if (!rc && (bytes < 8 || XXH3_64bits(raw, bytes - 8) != tr__get_u64(raw + bytes - 8)))
        rc = bad(p, err, "the table of groups of the pack is damaged");
    if (!rc && (rc = tr__pack_groups_decode(&p->groups, raw, bytes - 8, err)))
        tr_err_prefix(err, "'%s': the table of groups of the pack", p->path);
    free(raw);
    p->info.n_group = (uint32_t)p->groups.n;
    return rc;
}

struct tr_pack *tr_pack_open(const char *path, struct tr_err *err)
{
    unsigned char head[TR__PACK_HEADER_BYTES];
    uint64_t index_hash = 0;
    struct tr_pack *p = calloc(1, sizeof *p);

    if (p)
        p->fd = -1;
    if (!p || !(p->path = strdup(path)) || !(p->zstd = ZSTD_createDCtx())) {
        tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a pack", path);
        goto fail;
    }
    if ((p->fd = tr__open_regular(path, &p->file_bytes, err)) < 0 ||
        read_header(p, head, err) ||
        read_footer(p, head, &index_hash, err) || read_index(p, index_hash, err) ||
        read_groups(p, err))
        goto fail;
    p->i_frame = p->n_frame;
    return p;
fail:
    tr_pack_close(p);
    return NULL;
}

void tr_pack_close(struct tr_pack *p)
{
    if (!p)
        return;
    if (p->fd >= 0)
        close(p->fd);
    ZSTD_freeDCtx(p->zstd);
    tr__pack_frame_release(&p->frame);
    tr__pack_groups_release(&p->groups);
    free(p->stored);
    free(p->content);
    free(p->index);
    free(p->path);
    free(p);
}

const struct tr_pack_info *tr_pack_info(const struct tr_pack *p)
{
    return &p->info;
}

const char *tr_pack_path(const struct tr_pack *p)
{
    return p->path;
}

const char *tr_pack_group(const struct tr_pack *p, uint32_t i)
{
    if (i >= p->groups.n)
        tr_fatal("pack: group %u of %zu", i, p->groups.n);
    return p->groups.group[i].name;
}

/* ==== reading ==== */

static int make_room(const struct tr_pack *p, unsigned char **buf, size_t *cap,
                     size_t bytes, struct tr_err *err)
{
    if (bytes <= *cap)
        return 0;
    free(*buf);
    *buf = malloc(bytes);
    *cap = *buf ? bytes : 0;
    return *buf ? 0 : tr_err_set(err, TR_ENOMEM, "'%s': out of memory for %zu bytes",
                                 p->path, bytes);
}

/* Unpack the stored bytes of one frame.  Only what the writer makes is let through to
 * zstd: one frame, of one segment (so no window beyond its content), with a checksum, its
 * size and no dictionary; skippable frames have another magic number (RFC 8878, 3.1). */
static int unzip(struct tr_pack *p, const struct tr__pack_entry *e, struct tr_err *err)
{
    enum { SINGLE_SEGMENT = 0x20, CHECKSUM = 0x04, SIZE_FLAG = 0xc0 };

    if (e->stored < 5 || tr__get_u32(p->stored) != ZSTD_MAGICNUMBER ||
        (p->stored[4] & ~SIZE_FLAG) != (SINGLE_SEGMENT | CHECKSUM))
        return tr_err_set(err, TR_EFORMAT, "not a zstd frame of the kind a pack holds");
    if (ZSTD_getFrameContentSize(p->stored, e->stored) != e->content)
        return tr_err_set(err, TR_EFORMAT, "zstd's size of the content is not the index's");
    if (ZSTD_findFrameCompressedSize(p->stored, e->stored) != e->stored)
        return tr_err_set(err, TR_EFORMAT, "not exactly one zstd frame");
    size_t n = ZSTD_decompressDCtx(p->zstd, p->content, e->content, p->stored, e->stored);
    if (ZSTD_isError(n))
        return tr_err_set(err, TR_EFORMAT, "zstd: %s", ZSTD_getErrorName(n));
    return n == e->content ? 0 : tr_err_set(err, TR_EFORMAT, "the content is too short");
}

static int load(struct tr_pack *p, uint64_t i, struct tr_err *err)
{
    const struct tr__pack_entry *e = &p->index[i];
    int rc;

    if (i == p->i_frame)
        return 0;
    p->i_frame = p->n_frame; /* none, should this fail */
    if ((rc = make_room(p, &p->stored, &p->stored_cap, e->stored, err)) ||
        (rc = make_room(p, &p->content, &p->content_cap, e->content, err)) ||
        (rc = read_at(p, p->stored, e->stored, e->offset, err)))
        return rc;
    if (XXH3_64bits(p->stored, e->stored) != e->hash)
        rc = tr_err_set(err, TR_EFORMAT, "damaged: its checksum does not fit");
    if (!rc)
        rc = unzip(p, e, err);
    if (!rc)
        rc = tr__pack_frame_decode(&p->frame, p->content, e, e[1].first_seq - e->first_seq,
                                   &p->info, p->may_have, err);
    if (rc) {
        tr_err_prefix(err, "'%s': frame %" PRIu64 " at byte %" PRIu64 " (sequences from %"
                      PRIu64 ")", p->path, i, e->offset, e->first_seq);
        return rc;
    }
    p->i_frame = i;
    p->n_unpacked++;
    return 0;
}

/* The frame that holds a sequence: the last whose first is not above it. */
static uint64_t find(const struct tr_pack *p, uint64_t i_seq)
{
    uint64_t low = 0, high = p->n_frame;

    while (high - low > 1) {
        uint64_t mid = low + (high - low) / 2;
        if (p->index[mid].first_seq <= i_seq)
            low = mid;
        else
            high = mid;
    }
    return low;
}

int tr_pack_read(struct tr_pack *p, uint64_t i_seq, struct tr_pack_seq *seq,
                 struct tr_err *err)
{
    if (i_seq >= p->info.n_seq)
        return tr_err_set(err, TR_EINVAL, "'%s': sequence %" PRIu64 " of %" PRIu64, p->path,
                          i_seq, p->info.n_seq);
    uint64_t i = find(p, i_seq);
    int rc = load(p, i, err);
    if (rc)
        return rc;
    const struct tr__pack_frame *f = &p->frame;
    uint32_t k = (uint32_t)(i_seq - p->index[i].first_seq), at = f->start[k];
    *seq = (struct tr_pack_seq){ .n = (int32_t)(f->start[k + 1] - at),
                                 .token = f->token + at,
                                 .target = f->target + at,
                                 .pos = f->pos + at };
    if (f->has & TR__PACK_HAS_WEIGHTS)
        seq->weight = f->weight + at;
    if (f->has & TR__PACK_HAS_GROUPS)
        seq->group = f->group + at;
    return 0;
}

uint64_t tr__pack_unpacked(const struct tr_pack *p)
{
    return p->n_unpacked;
}

/* The table as it is in the file: there is one way to write it. */
static int hash_groups(const struct tr_pack *p, XXH3_state_t *hash, struct tr_err *err)
{
    if (!p->groups.n)
        return 0;
    size_t bytes = tr__pack_groups_encode(&p->groups, NULL);
    unsigned char *b = malloc(bytes);
    if (!b)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its groups", p->path);
    tr__pack_groups_encode(&p->groups, b);
    XXH3_64bits_update(hash, b, bytes);
    free(b);
    return 0;
}

int tr__pack_verify(struct tr_pack *p, struct tr_err *err)
{
    XXH3_state_t *hash = XXH3_createState();
    int rc = 0;

    if (!hash)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a checksum", p->path);
    tr__pack_hash_begin(hash, &p->info);
    for (uint64_t i = 0; i < p->n_frame && !rc; i++) {
        rc = load(p, i, err);
        if (!rc)
            XXH3_64bits_update(hash, p->content, p->index[i].content);
    }
    rc = rc ? rc : hash_groups(p, hash, err);
    if (!rc && XXH3_64bits_digest(hash) != p->info.hash)
        rc = bad(p, err, "the hash of the content is not the footer's");
    XXH3_freeState(hash);
    return rc;
}
