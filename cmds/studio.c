/* SPDX-License-Identifier: MIT
 *
 * studio - a page in a browser for one person on one machine.  See studio.1
 *
 * Without libmicrohttpd this is all of it.  What page and server say to each other is in
 * studio/api.h.
 */
#include "shared/common.h"

#ifdef TR_HTTPD

#include "shared/workflows.h" /* cmd_commands */
#include "studio/studio.h"

#include <stdlib.h>
#include <unistd.h>

/* Runs, data and models are named from there. */
static int enter(struct studio *s, const char *dir, struct tr_err *err)
{
    if (chdir(dir) || !realpath(".", s->dir))
        return tr_err_sys(err, "cannot work in '%s'", dir);
    return access(".", W_OK) ? tr_err_sys(err, "cannot write in '%s'", dir) : 0;
}

static int serve(const char *argv0, const char *dir, const char *listen, int port,
                 struct tr_err *err)
{
    static struct studio s;
    s.listen = listen;
    s.port = port;
    if (cmd_commands(s.commands, "studio", argv0, err) || enter(&s, dir, err) ||
        guard_secret(s.token, err))
        return err->code;
    return studio_serve(&s, err);
}

#else

static int serve(const char *argv0, const char *dir, const char *listen, int port,
                 struct tr_err *err)
{
    (void)argv0, (void)dir, (void)listen, (void)port;
    return tr_err_set(err, TR_EUNSUPPORTED, "this build has no libmicrohttpd: install it with "
                      "its headers (libmicrohttpd-dev), make clean and build again");
}

#endif

int main(int argc, char **argv)
{
    const char *dir = ".", *listen = "127.0.0.1";
    int64_t port = 8713;
    const struct cmd_opt table[] = {
        CMD_INT('p', "port", &port, 0, 65535, "N", "where it listens; 0: any that is free"),
        CMD_TEXT('d', "dir", &dir, "FOLDER", "of models, data and runs"),
        CMD_TEXT(0, "listen", &listen, "ADDRESS", "another address than this machine's own"),
        CMD_END
    };
    const struct cmd cmd = { "studio", "[--port N] [--dir FOLDER]",
                             "fine-tune from a page in a browser, on this machine", table, 0, 0,
                             NULL };
    struct tr_err err = { 0 };
    int n;
    cmd_parse(&cmd, argc, argv, &n);
    return cmd_end(serve(argc ? argv[0] : "", dir, listen, (int)port, &err) ? CMD_FAIL : CMD_OK,
                   &err);
}
