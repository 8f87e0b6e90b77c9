/* SPDX-License-Identifier: MIT
 *
 * libmicrohttpd, for the files that speak to it.
 */
#ifndef CMDS_STUDIO_HTTP_H
#define CMDS_STUDIO_HTTP_H

#include "studio.h"

#include <microhttpd.h>

enum { IDLE_SECONDS = 30 /* until a connection that is silent is closed */ };

#endif
