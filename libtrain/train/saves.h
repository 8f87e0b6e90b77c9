/* SPDX-License-Identifier: MIT
 *
 * The folder of saves, between folder.c (whose it is, the lock), list.c (what is in it)
 * and saves.c (what is done with it).
 */
#ifndef LIBTRAIN_TRAIN_SAVES_H
#define LIBTRAIN_TRAIN_SAVES_H

#include <libtrain/checkpoint.h>
#include <libtrain/base/base.h>

/* Behind the name of a parameter whose tensor is an average: what is trained. */
#define TR__TRAINED ".trained"

/* In the folder, what had the lowest held-out loss. */
#define TR__BEST "best.gguf"

struct tr_saves {
    char *target; /* F.ckpt */
    char *dir;    /* F.ckpt.d */
    int fd;       /* of the folder; -1: not open */
    int lock;     /* descriptor of F.ckpt.d/lock, locked; -1: not held */
    struct tr__temp *lock_name, *dir_name; /* go with the process */
};

/* What a file turned out to be, by what it holds. */
enum tr__save_kind {
    TR__SAVE_OWN,     /* a checkpoint of this run, whatever its length */
    TR__SAVE_OTHER,   /* of another run */
    TR__SAVE_DAMAGED, /* begins as a checkpoint does, and cannot be opened */
    TR__SAVE_FOREIGN  /* no checkpoint */
};

struct tr__save {
    enum tr__save_kind kind;
    int64_t named;    /* the step in its name; -1: the target itself */
    int64_t step;     /* by its content; if that cannot be read, as named */
    int64_t total;    /* steps of the run as it was planned then; -1: unknown */
    int rank;         /* in the order in which saves are tried (saves.c) */
};

struct tr__save_list {
    struct tr__save *save; // (n)
    size_t n, cap;
};

/* Path of a save, or of the target with named -1, in `path`, which holds `size` bytes. */
int tr__save_path(const struct tr_saves *s, int64_t named, char *path, size_t size,
                  struct tr_err *err) TR_MUST_CHECK;

/* Look into one file; 0 if there is none, 1. */
int tr__save_look(const struct tr_saves *s, const struct tr_trainer *t, int64_t named,
                  struct tr__save *save);

/* The regular files STEP.gguf of the folder, the furthest first.  The list is the caller's:
 * free(l->save). */
int tr__saves_list(const struct tr_saves *s, const struct tr_trainer *t,
                   struct tr__save_list *l, struct tr_err *err) TR_MUST_CHECK;

/* Write t as the best so far, or remove that; what has its name and is no checkpoint stays, and is
 * an error. */
int tr__saves_write_best(const struct tr_saves *s, const struct tr_trainer *t,
                         struct tr_err *err) TR_MUST_CHECK;
int tr__saves_remove_best(const struct tr_saves *s, struct tr_err *err) TR_MUST_CHECK;

#endif
