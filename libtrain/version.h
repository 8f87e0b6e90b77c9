/* SPDX-License-Identifier: MIT
 *
 * The version of the library and of the commands; the Makefile reads it from here.
 */
#ifndef LIBTRAIN_VERSION_H
#define LIBTRAIN_VERSION_H

#define TR_VERSION "0.1.0"

#endif
