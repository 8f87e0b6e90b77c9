/* SPDX-License-Identifier: MIT
 *
 * The look at a text of JSON before json-c has it.
 */
#ifndef LIBTRAIN_JSON_SCAN_H
#define LIBTRAIN_JSON_SCAN_H

#include <stddef.h>

/* NULL, or what is wrong in n bytes that json-c would not tell, and where: *at.  What it
 * does tell (commas, brackets, words) is not looked at. */
const char *tr__json_scan(const char *bytes, size_t n, size_t *at);

#endif
