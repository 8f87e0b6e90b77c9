/* SPDX-License-Identifier: MIT
 *
 * The inner face of base/: what the library uses of it beside the installed headers.
 * vec.h and vmath.h, which only kernels want, are included by themselves.
 */
#ifndef LIBTRAIN_BASE_BASE_H
#define LIBTRAIN_BASE_BASE_H

#include <libtrain/base/bytes.h>
#include <libtrain/base/cursor.h>
#include <libtrain/base/folder.h>
#include <libtrain/base/grow.h>
#include <libtrain/base/io.h>
#include <libtrain/base/magic.h>
#include <libtrain/base/maps.h>
#include <libtrain/base/names.h>
#include <libtrain/base/spool.h>
#include <libtrain/base/tell.h>
#include <libtrain/base/temps.h>
#include <libtrain/base/utf8.h>

#endif
