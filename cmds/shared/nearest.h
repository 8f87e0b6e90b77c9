/* SPDX-License-Identifier: MIT
 *
 * The name that was probably meant.
 */
#ifndef CMDS_SHARED_NEAREST_H
#define CMDS_SHARED_NEAREST_H

/* Of `names`, NULL behind the last, the one that somebody who typed `word` probably meant;
 * NULL if none is near.  Near is, from the nearest on: one or two letters missing, too
 * many, wrong or exchanged (one where the word has four or fewer); one is how the other
 * begins; the name is short for the word ("ctx" for "context"); one is among the words that
 * make up the other ("alpha" for "lora-alpha").  Capitals do not count, nor whether '-' or
 * '_' parts the words.  Among equals the first. */
const char *cmd_nearest(const char *word, const char *const *names);

#endif
