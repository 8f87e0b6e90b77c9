/* SPDX-License-Identifier: MIT
 *
 * What files stand on: arrays that grow, and reads and writes that give all or a reason.
 */
#include <libtrain/base/base.h>
#include <libtrain/file.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "scratch.h"

START_TEST(test_grow)
{
    int64_t *array = NULL;
    size_t cap = 0, moves = 0;
    for (size_t n = 0; n < 100000; n++) {
        size_t before = cap;
        ck_assert_int_eq(tr__grow(&array, &cap, n + 1, sizeof *array), 0);
        ck_assert_uint_gt(cap, n);
        moves += cap != before;
        array[n] = (int64_t)n;
    }
    ck_assert_uint_le(moves, 14);
    for (size_t n = 0; n < 100000; n++)
        ck_assert_int_eq(array[n], (int64_t)n);
    errno = 0;
    size_t before = cap;
    ck_assert_int_eq(tr__grow(&array, &cap, SIZE_MAX / sizeof *array + 1, sizeof *array),
                     -1);
    ck_assert_int_eq(errno, ENOMEM);
    ck_assert_uint_eq(cap, before);
    ck_assert_int_eq(array[7], 7);
    free(array);
}
END_TEST

static void on_alarm(int sig)
{
    (void)sig;
}

static void interrupt_often(void)
{
    struct itimerval every = { { 0, 500 }, { 0, 500 } };
    struct sigaction sa = { .sa_handler = on_alarm }; /* no SA_RESTART */
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

/* A child writes the lines 0 … n - 1 into a pipe, with pauses. */
static int slow_lines(int n)
{
    int fd[2];
    ck_assert_int_eq(pipe(fd), 0);
    if (fork() == 0) {
        for (int i = 0; i < n; i++) {
            char line[32];
            int len = snprintf(line, sizeof line, "line %d\n", i);
            usleep(2000);
            if (write(fd[1], line, (size_t)len) != len)
                _exit(1);
        }
        _exit(0);
    }
    close(fd[1]);
    return fd[0];
}

START_TEST(test_stream)
{
    int fd = slow_lines(100), n = 0;
    char line[64], want[64];
    fcntl(fd, F_SETFL, O_NONBLOCK);
    dup2(fd, STDIN_FILENO);
    close(fd);
    interrupt_often();
    FILE *f = tr_in_open("-", NULL);
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f)) {
        snprintf(want, sizeof want, "line %d\n", n++);
        ck_assert_str_eq(line, want);
    }
    setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
    ck_assert(!ferror(f));
    ck_assert_int_eq(n, 100);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_ne(fcntl(STDIN_FILENO, F_GETFD), -1); /* not ours to close */
    while (wait(NULL) > 0)
        continue;
}
END_TEST

START_TEST(test_stream_of_a_file)
{
    struct tr_err err = { 0 };
    write_bytes(path, "abc", 3);
    FILE *f = tr_in_open(path, &err);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(getc(f), 'a');
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_ptr_null(tr_in_open(other, &err));
    ck_assert_ptr_nonnull(strstr(err.text, strerror(ENOENT)));
    f = tr_in_open(dir, NULL);
    ck_assert_ptr_nonnull(f);
    errno = 0;
    ck_assert_int_eq(getc(f), EOF);
    ck_assert(ferror(f));
    ck_assert_int_eq(errno, EISDIR);
    fclose(f);
}
END_TEST

START_TEST(test_regular)
{
    struct tr_err err = { 0 };
    uint64_t bytes = 0;
    char got[8];
    write_bytes(path, "abcdef", 6);
    int fd = tr__open_regular(path, &bytes, &err);
    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(bytes, 6);
    ck_assert_int_eq((int)tr__pread_all(fd, got, 8, 2), 4); /* the end comes first */
    ck_assert_mem_eq(got, "cdef", 4);
    ck_assert_int_eq(tr__pwrite_all(fd, "x", 1, 0), -1);
    ck_assert_int_eq(errno, EBADF);
    close(fd);
    ck_assert_int_eq(tr__open_regular(dir, &bytes, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, strerror(EISDIR)));
    ck_assert_int_eq(mkfifo(other, 0600), 0);
    err.code = 0;
    ck_assert_int_eq(tr__open_regular(other, &bytes, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "seekable"));
}
END_TEST

START_TEST(test_mapped_file)
{
    char name[300];
    uint64_t bytes;
    struct tr__map *note, *second;
    snprintf(name, sizeof name, "%s/a\nb", dir);
    write_bytes(name, "abcdef", 6);
    write_bytes(path, "xyz", 3);
    int fd = tr__open_regular(name, &bytes, NULL);
    int fd2 = tr__open_regular(path, &bytes, NULL);
    char *at = tr__map_file(fd, 6, name, &note), *at2 = tr__map_file(fd2, 3, path, &second);
    ck_assert(at && at2);
    ck_assert_mem_eq(at, "abcdef", 6);
    ck_assert_str_eq(tr_mapped_file(at2 + 2), path);
    ck_assert_ptr_nonnull(strstr(tr_mapped_file(at), "/a"));
    ck_assert_ptr_null(strchr(tr_mapped_file(at + 5), '\n')); /* a handler prints it */
    ck_assert_ptr_null(tr_mapped_file(at + 6));
    ck_assert_ptr_null(tr_mapped_file(&bytes));
    tr__unmap_file(at, 6, note);
    ck_assert_ptr_null(tr_mapped_file(at));
    ck_assert_str_eq(tr_mapped_file(at2), path);
    tr__unmap_file(at2, 3, second);
    ck_assert_ptr_null(tr__map_file(-1, 3, path, &note));
    ck_assert_int_eq(errno, EBADF);
    close(fd);
    close(fd2);
    unlink(name);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("io");
    TCase *t = tcase_create("io");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_test(t, test_grow);
    tcase_add_test(t, test_stream);
    tcase_add_test(t, test_stream_of_a_file);
    tcase_add_test(t, test_regular);
    tcase_add_test(t, test_mapped_file);
    suite_add_tcase(s, t);
    return run_suite(s);
}
