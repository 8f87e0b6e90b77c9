/* SPDX-License-Identifier: MIT
 *
 * YAML as fronts of model cards have it.
 */
#ifndef LIBTRAIN_HF_YAML_H
#define LIBTRAIN_HF_YAML_H

#include <libtrain/json.h>

/* The mapping that UTF-8 text of n bytes is: texts (numbers and truth values too), lists and
 * mappings in lines or in brackets; no more than some depth and some thousands of values.  What
 * is null, an alias or not understood is left out, and a NUL, or a quote or bracket
 * without an end, is the end of all.  The caller's; NULL for lack of memory. */
struct tr_json *tr__hf_yaml(const char *text, size_t n) TR_MUST_CHECK;

#endif
