/* SPDX-License-Identifier: MIT
 *
 * A GGUF file that is being written, shared by declare.c (keys and tensors, kept in
 * memory) and write.c (bytes to the file).
 */
#ifndef LIBTRAIN_GGUF_WRITER_H
#define LIBTRAIN_GGUF_WRITER_H

#include <libtrain/file.h>
#include <libtrain/gguf/reader.h>

/* Keys of what was made from a base (docs/formats/gguf.md). */
#define TR__BASE_HASH "libtrain.base_hash"
#define TR__SKETCH "libtrain.base_sketch"
#define TR__HISTORY "libtrain.history"

struct tr_gguf_writer {
    struct tr_out *out;
    char *path;
    struct tr_err err; /* the first mistake or failure; nothing more goes out after it */
    struct tr_gguf_kv *kv;         /* (n_kv) keys and values are owned */
    struct tr_gguf_tensor *tensor; /* (n_tensor) names are owned; offset: in the data */
    size_t n_kv, cap_kv, n_tensor, cap_tensor;
    struct tr__names key_index, tensor_index;
    uint64_t at;       /* bytes of the file so far */
    uint64_t data_end; /* where the next tensor goes in the data */
    int started;       /* the header is out */
    int complete;      /* and all the rest; read back */
    struct XXH64_state_s *seal; /* over all bytes so far, or NULL (seal.c) */
    const char *seal_key;
    uint64_t seal_at;  /* where its value stands in the file */
    struct tr_progress progress;
    size_t current;    /* the tensor that is being written, */
    int64_t done;      /* and bytes of it so far */
};

/* Put the seal where its value stands, in a stream that has been flushed. */
void tr__gguf_write_seal(struct tr_gguf_writer *w);

#endif
