/* SPDX-License-Identifier: MIT
 *
 * Short texts that wait for each other: many are encoded at once, by all threads, and their
 * ids are handed on in the order in which they came.
 */
#ifndef CMDS_SHARED_SHORT_TEXTS_H
#define CMDS_SHARED_SHORT_TEXTS_H

#include <libtrain/error.h>
#include <libtrain/text.h>
#include <libtrain/tokenizer.h>

#include <stddef.h>

enum { CMD_SHORT_TEXT = 128 << 10 }; /* bytes: longer ones are better shared by threads */

struct cmd_short_texts { /* tok, flags, take and arg are set; the rest is 0 */
    const struct tr_tokenizer *tok;
    int flags; /* of tr_tokenizer_encode */
    int (*take)(void *arg, const struct tr_tokens *ids, struct tr_err *err);
    void *arg;
    const char **name; /* of each that waits, for failures; the caller's */
    struct tr_text *held;
    struct tr_str *text; /* their bytes */
    struct tr_tokens *ids;
    size_t n, bytes;
};

/* Append a text, which is the list's from here on; others may be handed on by that. */
int cmd_short_texts_add(struct cmd_short_texts *s, const char *name, struct tr_text *text,
                        struct tr_err *err) TR_MUST_CHECK;
/* Hand on all that wait. */
int cmd_short_texts_take(struct cmd_short_texts *s, struct tr_err *err) TR_MUST_CHECK;
void cmd_short_texts_release(struct cmd_short_texts *s);

#endif
