/* SPDX-License-Identifier: MIT
 *
 * libmicrohttpd, for the files that speak to it.
 */
#ifndef CMDS_STUDIO_HTTP_H
#define CMDS_STUDIO_HTTP_H

#include "studio.h"

#include <microhttpd.h>

#endif
