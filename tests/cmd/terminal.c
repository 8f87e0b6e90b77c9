/* SPDX-License-Identifier: MIT
 *
 * What stays on a terminal:   terminal COLUMNS[,DRAWN:COLUMNS]... COMMAND [ARGUMENT...]
 *
 * Runs the command on a terminal of so many columns and prints, when it has ended, all rows of
 * its screen and of what had scrolled away.  After each of DRAWN carriage returns the window
 * gets other columns, and lines are broken anew.  So a line is kept whole, however many rows
 * it takes, and a place is a line and an offset in it.  The status is the command's; how
 * often there was a carriage return goes to standard error, what came to the file that the
 * variable RAW names.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { LINES = 4096, LENGTH = 4096 };

static char text[LINES][LENGTH];
static int length[LINES]; /* of each line */
static int n_line = 1, line, at, width;
static int pending; /* at the end of a row: what comes next begins another */
static long drawn;
static const char *resizes;
static int master;

static void fail(const char *what)
{
    fprintf(stderr, "terminal: %s: %s\n", what, strerror(errno));
    exit(99);
}

static int row_start(void)
{
    int back = pending ? 1 : 0;
    return (at - back) / width * width;
}

static void move(int to_line, int to)
{
    while (to_line >= n_line && n_line < LINES)
        n_line++;
    line = to_line < LINES ? to_line : LINES - 1;
    at = to < LENGTH ? to : LENGTH - 1;
    pending = 0;
    for (; length[line] < at; length[line]++)
        text[line][length[line]] = ' ';
}

static void set_width(int columns)
{
    struct winsize w = { .ws_row = 24, .ws_col = (unsigned short)columns };
    width = columns;
    pending = 0;
    if (ioctl(master, TIOCSWINSZ, &w))
        fail("TIOCSWINSZ");
}

/* ",200:40,…" */
static void resize(void)
{
    char *end;
    if (*resizes != ',' || strtol(resizes + 1, &end, 10) > drawn)
        return;
    set_width((int)strtol(end + 1, &end, 10));
    resizes = end;
}

static void up(int n)
{
    while (n-- > 0) {
        int start = row_start(), column = at - start;
        if (start)
            move(line, start - width + column);
        else if (line)
            move(line - 1, (length[line - 1] ? (length[line - 1] - 1) / width * width : 0) +
                               column);
    }
}

static void down(void)
{
    int start = row_start(), column = at - start;
    if (start + width < length[line])
        move(line, start + width + column);
    else
        move(line + 1, column);
}

/* From here to the end of the row, or of all. */
static void erase(int all)
{
    int end = row_start() + width;
    if (all || end >= length[line])
        length[line] = at < length[line] ? at : length[line];
    else
        memset(text[line] + at, ' ', (size_t)(end - at));
    for (int i = line + 1; all && i < n_line; i++)
        length[i] = 0;
    n_line = all ? line + 1 : n_line;
}

static void put(char c)
{
    if (length[line] < at + 1)
        length[line] = at + 1;
    text[line][at] = c;
    at += at + 1 < LENGTH;
    pending = at % width == 0;
}

static void control(char c, int n)
{
    if (c == 'A')
        up(n ? n : 1);
    else if (c == 'K' || c == 'J')
        erase(c == 'J');
    else if (c != 'm')
        put('?'); /* the test finds it */
}

static void take(char c)
{
    static int state, number; /* 1: behind ESC, 2: behind ESC [ */
    if (state == 1) {
        state = c == '[' ? 2 : 0;
        number = 0;
    } else if (state == 2 && isdigit((unsigned char)c)) {
        number = 10 * number + c - '0';
    } else if (state == 2) {
        control(c, number);
        state = 0;
    } else if (c == '\033') {
        state = 1;
    } else if (c == '\r') {
        drawn++;
        move(line, row_start());
        resize();
    } else if (c == '\n') {
        down();
    } else {
        put(c);
    }
}

static pid_t start(char **command)
{
    master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) || unlockpt(master))
        fail("no terminal");
    set_width(width);
    pid_t pid = fork();
    if (pid)
        return pid;
    setsid();
    int slave = open(ptsname(master), O_RDWR);
    if (slave < 0 || dup2(slave, 0) < 0 || dup2(slave, 1) < 0 || dup2(slave, 2) < 0)
        fail("terminal of the command");
    close(master);
    execvp(*command, command);
    fail(*command);
    return 0;
}

static void print(void)
{
    for (int i = 0; i < n_line; i++)
        for (int from = 0; from == 0 || from < length[i]; from += width) {
            int n = length[i] - from < width ? length[i] - from : width;
            while (n > 0 && text[i][from + n - 1] == ' ')
                n--;
            printf("%.*s\n", n, text[i] + from);
        }
}

static FILE *open_raw(void)
{
    const char *path = getenv("RAW");
    FILE *f = path ? fopen(path, "wb") : NULL;
    if (path && !f)
        fail(path);
    return f;
}

int main(int argc, char **argv)
{
    char bytes[4096], *end;
    int status = 99;
    ssize_t n;
    if (argc < 3 || (width = (int)strtol(argv[1], &end, 10)) < 1)
        return 99;
    resizes = end;
    FILE *raw = open_raw();
    pid_t pid = start(argv + 2);
    if (pid < 0)
        fail("fork");
    /* A terminal whose last user is gone gives EIO. */
    while ((n = read(master, bytes, sizeof bytes)) > 0) {
        if (raw)
            fwrite(bytes, 1, (size_t)n, raw);
        for (ssize_t i = 0; i < n; i++)
            take(bytes[i]);
    }
    if (raw && fclose(raw))
        fail("RAW");
    if (waitpid(pid, &status, 0) != pid)
        fail("waitpid");
    print();
    fprintf(stderr, "drawn %ld\n", drawn);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
