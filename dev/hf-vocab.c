/* SPDX-License-Identifier: MIT
 *
 * hf-vocab - a vocabulary between a GGUF and the files of a folder.
 *
 *   hf-vocab write VOCAB.gguf FOLDER      into a folder that is there
 *   hf-vocab read FOLDER OUT.gguf [PRE [ARCHITECTURE]]
 *
 * What gguf-import and hf-export do to the vocabulary of a model, without the model.
 */
#include <libtrain/hf/vocab.h>

#include <stdio.h>
#include <string.h>

static int write_folder(const char *from, const char *dir, struct tr_err *err)
{
    struct tr_gguf *g = tr_gguf_open(from, err);
    int rc = g ? tr__hf_vocab_write(g, dir, err) : -1;
    tr_gguf_close(g);
    return rc;
}

static int read_folder(const char *dir, const char *to, char **more, struct tr_err *err)
{
    struct tr__hf_vocab_options o = { .pre = more[0] && *more[0] ? more[0] : NULL,
                                      .arch = more[0] ? more[1] : NULL };
    struct tr_gguf_writer *w = tr_gguf_create(to, err);
    if (!w)
        return -1;
    return tr_gguf_finish(w, tr__hf_vocab_set(w, dir, &o, NULL, err), err);
}

int main(int argc, char **argv)
{
    struct tr_err err = { 0 };
    int rc;
    if (argc == 4 && !strcmp(argv[1], "write"))
        rc = write_folder(argv[2], argv[3], &err);
    else if (argc >= 4 && argc <= 6 && !strcmp(argv[1], "read"))
        rc = read_folder(argv[2], argv[3], argv + 4, &err);
    else
        return fputs("usage: hf-vocab write VOCAB.gguf FOLDER\n"
                     "       hf-vocab read FOLDER OUT.gguf [PRE [ARCHITECTURE]]\n", stderr), 2;
    if (rc)
        fprintf(stderr, "hf-vocab: %s\n", err.text);
    return rc != 0;
}
